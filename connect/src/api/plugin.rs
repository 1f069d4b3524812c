//! What every plugin says of itself: its name, version and configuration.

use std::fmt;

use super::{ConfigError, ConfigKey, Properties};

/// A class that a configuration can name.
pub trait Plugin: Send + 'static {
    /// The full class name, as Java would have it: `com.example.CounterSourceConnector`.
    ///
    /// A configuration may also say the part behind the last dot, and that without the name of its
    /// kind (`Connector` for connectors): `CounterSource`.
    const CLASS: &'static str;

    /// The version that `/connector-plugins` and statuses show.
    const VERSION: &'static str;

    /// The configuration keys, usually `MyConfig::KEYS` of a [`config!`](kconnect_client::config!)
    /// declaration.
    #[must_use]
    fn config_keys() -> &'static [ConfigKey] {
        &[]
    }

    /// Complaints that no key alone can make. Called on a configuration that never starts, too.
    #[must_use]
    fn validate(config: &Properties) -> Vec<ConfigError> {
        let _ = config;
        Vec::new()
    }
}

/// What a plugin can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PluginKind {
    /// A source connector.
    Source,
    /// A sink connector.
    Sink,
    /// A converter of keys and values.
    Converter,
    /// A converter of headers.
    HeaderConverter,
}

impl PluginKind {
    /// What is cut from the simple class name for the shortest alias.
    #[must_use]
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Source | Self::Sink => "Connector",
            Self::Converter => "Converter",
            Self::HeaderConverter => "HeaderConverter",
        }
    }
}

/// As the REST API says it: `source`, `header_converter`.
impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Converter => "converter",
            Self::HeaderConverter => "header_converter",
        })
    }
}

/// The part of a class name behind the package.
pub(crate) fn simple_name(class: &str) -> &str {
    class
        .rsplit_once(['.', '$'])
        .map_or(class, |(_, name)| name)
}

/// The simple name without the name of its kind; never empty.
pub(crate) fn pruned_name(class: &str, kind: PluginKind) -> &str {
    let simple = simple_name(class);
    match simple.strip_suffix(kind.suffix()) {
        Some(pruned) if !pruned.is_empty() => pruned,
        _ => simple,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_cut_as_in_java() {
        let class = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        assert_eq!(simple_name(class), "FileStreamSourceConnector");
        assert_eq!(pruned_name(class, PluginKind::Source), "FileStreamSource");
        let class = "org.apache.kafka.connect.json.JsonConverter";
        assert_eq!(pruned_name(class, PluginKind::Converter), "Json");
        assert_eq!(
            pruned_name(class, PluginKind::HeaderConverter),
            "JsonConverter"
        );
        assert_eq!(pruned_name("a.Connector", PluginKind::Sink), "Connector");
        assert_eq!(simple_name("a.InsertField$Value"), "Value");
    }
}
