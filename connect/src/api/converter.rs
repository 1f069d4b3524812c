//! Converters: between values and the bytes that Kafka keeps.

use std::fmt;

use bytes::Bytes;

use super::{ConfigError, ConnectError, Properties};
use crate::data::{Schema, SchemaAndValue, Text, Value};

/// What a converter is used for: the value of `converter.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Record keys.
    Key,
    /// Record values.
    Value,
    /// Record headers.
    Header,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Value => "value",
            Self::Header => "header",
        })
    }
}

/// Converts record keys or values. Each task has its own, so it may keep caches without locks.
pub trait Converter: Send {
    /// A converter with this configuration, without the `key.converter.` or `value.converter.`
    /// before the names.
    ///
    /// # Errors
    ///
    /// All complaints about the configuration.
    fn new(config: &Properties, role: Role) -> Result<Self, Vec<ConfigError>>
    where
        Self: Sized;

    /// The bytes of a value; none for a null.
    ///
    /// They are either part of `value` or are written to `out`, which a converter that uses it
    /// clears first, so that no memory is allocated per record.
    ///
    /// # Errors
    ///
    /// When the value cannot be expressed in the format, or does not fit its schema.
    #[expect(
        clippy::wrong_self_convention,
        reason = "the name that Kafka Connect gives it"
    )]
    fn from_connect_data<'a>(
        &mut self,
        topic: &str,
        headers: &mut RawHeaders,
        schema: Option<&Schema>,
        value: &'a Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError>;

    /// The value of bytes, with its schema if the format has one. Strings and bytes in it should be
    /// slices of `value`.
    ///
    /// # Errors
    ///
    /// When the bytes are not of this format.
    fn to_connect_data(
        &mut self,
        topic: &str,
        headers: &RawHeaders,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError>;
}

/// Converts header values. Each task has its own.
pub trait HeaderConverter: Send {
    /// A converter with this configuration, without the `header.converter.` before the names.
    ///
    /// # Errors
    ///
    /// All complaints about the configuration.
    fn new(config: &Properties) -> Result<Self, Vec<ConfigError>>
    where
        Self: Sized;

    /// The bytes of the value of the header `key`; as [`Converter::from_connect_data`].
    ///
    /// # Errors
    ///
    /// When the value cannot be expressed in the format, or does not fit its schema.
    #[expect(
        clippy::wrong_self_convention,
        reason = "the name that Kafka Connect gives it"
    )]
    fn from_connect_header<'a>(
        &mut self,
        topic: &str,
        key: &str,
        schema: Option<&Schema>,
        value: &'a Value,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, ConnectError>;

    /// The value of the bytes of the header `key`.
    ///
    /// # Errors
    ///
    /// When the bytes are not of this format.
    fn to_connect_header(
        &mut self,
        topic: &str,
        key: &str,
        value: Option<Bytes>,
    ) -> Result<SchemaAndValue, ConnectError>;
}

/// The headers of a record as Kafka keeps them; converters may look at them and add some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawHeaders(Vec<(Text, Option<Bytes>)>);

impl RawHeaders {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header behind the others.
    pub fn add(&mut self, key: impl Into<Text>, value: Option<Bytes>) {
        self.0.push((key.into(), value));
    }

    /// The value of the last header of a name; the inner none is a null.
    #[must_use]
    pub fn last(&self, key: &str) -> Option<Option<&Bytes>> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_ref())
    }

    /// Removes all headers; the memory is kept.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Text, Option<Bytes>)> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a RawHeaders {
    type Item = &'a (Text, Option<Bytes>);
    type IntoIter = std::slice::Iter<'a, (Text, Option<Bytes>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
