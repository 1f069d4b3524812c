//! `kconnect plugins`: what this program can run, and under which names.

use std::fmt::Write as _;

use crate::api::{PluginKind, Plugins, pruned_name, simple_name};

/// One line of the list.
struct Listed {
    kind: PluginKind,
    class: &'static str,
    version: &'static str,
    /// The short names that lead to it.
    aliases: Vec<&'static str>,
}

/// The plugins as columns: type, class, version, short names.
pub(super) fn list(plugins: &Plugins) -> String {
    let lines = listed(plugins);
    let longest = |of: fn(&Listed) -> usize| lines.iter().map(of).max().unwrap_or_default();
    let class_width = longest(|plugin| plugin.class.len());
    let version_width = longest(|plugin| plugin.version.len());
    let mut text = String::new();
    for plugin in &lines {
        let Listed {
            kind,
            class,
            version,
            aliases,
        } = plugin;
        let kind = kind.to_string();
        let aliases = aliases.join(", ");
        let _ = writeln!(
            text,
            "{kind:<16}  {class:<class_width$}  {version:<version_width$}  {aliases}"
        );
    }
    text
}

fn listed(plugins: &Plugins) -> Vec<Listed> {
    let mut lines = Vec::new();
    for connector in plugins.connectors() {
        let (kind, info) = (connector.kind(), connector.info());
        let leads_here = |name: &str| {
            let found = plugins.find_connector(name);
            found.is_ok_and(|found| found.info().class() == info.class())
        };
        lines.push(line(kind, info.class(), info.version(), leads_here));
    }
    for info in plugins.converters() {
        let leads_here = |name: &str| {
            let found = plugins.find_converter(name);
            found.is_ok_and(|found| found.class() == info.class())
        };
        let kind = PluginKind::Converter;
        lines.push(line(kind, info.class(), info.version(), leads_here));
    }
    for info in plugins.header_converters() {
        let leads_here = |name: &str| {
            let found = plugins.find_header_converter(name);
            found.is_ok_and(|found| found.class() == info.class())
        };
        let kind = PluginKind::HeaderConverter;
        lines.push(line(kind, info.class(), info.version(), leads_here));
    }
    lines.sort_by_key(|plugin| (plugin.kind, plugin.class));
    lines
}

fn line(
    kind: PluginKind,
    class: &'static str,
    version: &'static str,
    leads_here: impl Fn(&str) -> bool,
) -> Listed {
    let mut aliases = vec![simple_name(class), pruned_name(class, kind)];
    aliases.dedup();
    aliases.retain(|name| leads_here(name));
    Listed {
        kind,
        class,
        version,
        aliases,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converters::json::JsonConverter;

    #[test]
    fn a_plugin_is_listed_with_every_name_that_leads_to_it() {
        let plugins = Plugins::new().converter::<JsonConverter>();
        let list = list(&plugins);
        let words: Vec<&str> = list.split_whitespace().collect();
        let class = "org.apache.kafka.connect.json.JsonConverter";
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            words,
            ["converter", class, version, "JsonConverter,", "Json"]
        );
    }
}
