//! The plugins of a worker, found by full, simple or shortened class name.

use std::fmt;

use super::erased::{Class, ConverterClass, HeaderConverterClass, Of, SinkClass, SourceClass};
use super::plugin::{PluginKind, pruned_name, simple_name};
use super::{Converter, HeaderConverter, Plugin, SinkConnector, SourceConnector};
use crate::connectors::file_sink::FileStreamSinkConnector;
use crate::connectors::file_source::FileStreamSourceConnector;
use crate::converters::{
    BooleanConverter, ByteArrayConverter, DoubleConverter, FloatConverter, IntegerConverter,
    JsonConverter, LongConverter, ShortConverter, SimpleHeaderConverter, StringConverter,
};

/// The plugins that a worker can run.
///
/// A plugin is named by its full class name, by the part behind the last dot, or by that without
/// its kind: `org.apache.kafka.connect.file.FileStreamSourceConnector`,
/// `FileStreamSourceConnector`, `FileStreamSource`. A short name that two plugins share is nobody's.
#[derive(Default)]
pub struct Plugins {
    sources: Vec<&'static dyn SourceClass>,
    sinks: Vec<&'static dyn SinkClass>,
    converters: Vec<&'static dyn ConverterClass>,
    header_converters: Vec<&'static dyn HeaderConverterClass>,
}

/// A connector class of either direction.
#[derive(Clone, Copy)]
pub(crate) enum ConnectorClass {
    Source(&'static dyn SourceClass),
    Sink(&'static dyn SinkClass),
}

impl ConnectorClass {
    /// What can be asked of every plugin.
    pub(crate) fn info(self) -> &'static dyn Class {
        match self {
            Self::Source(class) => class,
            Self::Sink(class) => class,
        }
    }

    pub(crate) fn kind(self) -> PluginKind {
        match self {
            Self::Source(_) => PluginKind::Source,
            Self::Sink(_) => PluginKind::Sink,
        }
    }
}

/// Why a name does not lead to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindError {
    /// No plugin has the name.
    NotFound {
        /// The name.
        name: String,
        /// The full names of the plugins of that kind.
        available: Vec<&'static str>,
    },
    /// More than one plugin has the short name.
    Ambiguous {
        /// The name.
        name: String,
        /// The full names of those plugins.
        classes: Vec<&'static str>,
    },
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name, available } => write!(
                f,
                "Failed to find any class that implements Connector and which name matches {name}, \
                 available connectors are: {}",
                available.join(", ")
            ),
            Self::Ambiguous { name, classes } => write!(
                f,
                "More than one connector matches alias {name}. Please use full package and class \
                 name instead. Classes found: {}",
                classes.join(", ")
            ),
        }
    }
}

impl std::error::Error for FindError {}

impl Plugins {
    /// No plugins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What comes with the worker: the file connectors and the converters, under their Java names.
    #[must_use]
    pub fn builtin() -> Self {
        Self::new()
            .source::<FileStreamSourceConnector>()
            .sink::<FileStreamSinkConnector>()
            .converter::<JsonConverter>()
            .converter::<StringConverter>()
            .converter::<ByteArrayConverter>()
            .converter::<DoubleConverter>()
            .converter::<FloatConverter>()
            .converter::<IntegerConverter>()
            .converter::<LongConverter>()
            .converter::<ShortConverter>()
            .converter::<BooleanConverter>()
            .header_converter::<SimpleHeaderConverter>()
            .header_converter::<JsonConverter>()
            .header_converter::<StringConverter>()
            .header_converter::<ByteArrayConverter>()
            .header_converter::<DoubleConverter>()
            .header_converter::<FloatConverter>()
            .header_converter::<IntegerConverter>()
            .header_converter::<LongConverter>()
            .header_converter::<ShortConverter>()
            .header_converter::<BooleanConverter>()
    }

    /// Adds a source connector.
    #[must_use]
    pub fn source<C: SourceConnector>(mut self) -> Self {
        self.sources.push(Of::<C>::CLASS);
        self
    }

    /// Adds a sink connector.
    #[must_use]
    pub fn sink<C: SinkConnector>(mut self) -> Self {
        self.sinks.push(Of::<C>::CLASS);
        self
    }

    /// Adds a converter.
    #[must_use]
    pub fn converter<C: Plugin + Converter>(mut self) -> Self {
        self.converters.push(Of::<C>::CLASS);
        self
    }

    /// Adds a header converter.
    #[must_use]
    pub fn header_converter<C: Plugin + HeaderConverter>(mut self) -> Self {
        self.header_converters.push(Of::<C>::CLASS);
        self
    }

    /// The connectors, sources first.
    pub(crate) fn connectors(&self) -> impl Iterator<Item = ConnectorClass> {
        let sources = self.sources.iter().copied().map(ConnectorClass::Source);
        sources.chain(self.sinks.iter().copied().map(ConnectorClass::Sink))
    }

    /// The converters.
    pub(crate) fn converters(&self) -> &[&'static dyn ConverterClass] {
        &self.converters
    }

    /// The header converters.
    pub(crate) fn header_converters(&self) -> &[&'static dyn HeaderConverterClass] {
        &self.header_converters
    }

    /// The connector of that name.
    pub(crate) fn find_connector(&self, name: &str) -> Result<ConnectorClass, FindError> {
        find(
            name,
            self.connectors()
                .map(|class| (class, class.info().class(), class.kind())),
        )
    }

    /// The converter of that name.
    pub(crate) fn find_converter(
        &self,
        name: &str,
    ) -> Result<&'static dyn ConverterClass, FindError> {
        let classes = self.converters.iter();
        find(
            name,
            classes.map(|&class| (class, class.class(), PluginKind::Converter)),
        )
    }

    /// The header converter of that name.
    pub(crate) fn find_header_converter(
        &self,
        name: &str,
    ) -> Result<&'static dyn HeaderConverterClass, FindError> {
        let classes = self.header_converters.iter();
        find(
            name,
            classes.map(|&class| (class, class.class(), PluginKind::HeaderConverter)),
        )
    }
}

fn find<T>(
    name: &str,
    candidates: impl Iterator<Item = (T, &'static str, PluginKind)>,
) -> Result<T, FindError> {
    let mut available = Vec::new();
    let mut matching: Vec<(T, &'static str)> = Vec::new();
    for (candidate, class, kind) in candidates {
        if class == name {
            return Ok(candidate);
        }
        available.push(class);
        if simple_name(class) == name || pruned_name(class, kind) == name {
            matching.push((candidate, class));
        }
    }
    if matching.len() > 1 {
        let classes = matching.iter().map(|(_, class)| *class).collect();
        return Err(FindError::Ambiguous {
            name: name.to_owned(),
            classes,
        });
    }
    match matching.pop() {
        Some((found, _)) => Ok(found),
        None => Err(FindError::NotFound {
            name: name.to_owned(),
            available,
        }),
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.connectors().map(|class| class.info().class());
        let classes = classes.chain(self.converters.iter().map(|class| class.class()));
        let headers = self.header_converters.iter().map(|class| class.class());
        f.debug_set().entries(classes.chain(headers)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [&str; 3] = [
        "a.FileSourceConnector",
        "a.FileSinkConnector",
        "b.FileSinkConnector",
    ];

    #[track_caller]
    fn check(name: &str, expected: Result<&str, &str>) {
        let candidates = CLASSES
            .iter()
            .map(|&class| (class, class, PluginKind::Sink));
        let found = find(name, candidates);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(FindError::NotFound { .. }), Err("missing"))
            | (Err(FindError::Ambiguous { .. }), Err("ambiguous")) => {}
            (found, _) => panic!("{name}: {found:?}"),
        }
    }

    #[test]
    fn a_plugin_is_found_by_every_name_that_is_its_own() {
        check("a.FileSourceConnector", Ok("a.FileSourceConnector"));
        check("FileSourceConnector", Ok("a.FileSourceConnector"));
        check("FileSource", Ok("a.FileSourceConnector"));
        check("b.FileSinkConnector", Ok("b.FileSinkConnector"));
        check("FileSink", Err("ambiguous"));
        check("file", Err("missing"));
    }
}
