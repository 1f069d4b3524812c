//! The converters that come with the worker.

mod boolean;
mod byte_array;
mod charset;
pub mod json;
mod number;
mod simple_header;
mod string;

#[cfg(test)]
mod tests;

use kconnect_client::config;
use kconnect_client::config::check;

pub use boolean::BooleanConverter;
pub use byte_array::ByteArrayConverter;
pub use json::JsonConverter;
pub use number::{
    DoubleConverter, FloatConverter, IntegerConverter, LongConverter, ShortConverter,
};
pub use simple_header::SimpleHeaderConverter;
pub use string::{StringConverter, StringConverterConfig};

use crate::api::{Properties, Role};

config! {
    /// What all converters of keys and values have in common.
    ConverterConfig {
        "" {
            /// What the converter is used for; set by the worker.
            Low "converter.type" => converter_type: String, check::one_of(&["key", "value", "header"]);
        }
    }
}

/// The configuration of a converter, with what the worker says of its use.
fn used_as(config: &Properties, role: Role) -> Properties {
    let mut config = config.clone();
    config.set("converter.type", role.to_string());
    config
}

/// Makes a converter of headers of one that looks at neither headers nor roles.
macro_rules! header_converter {
    ($converter:ty) => {
        impl $crate::api::HeaderConverter for $converter {
            fn new(
                config: &$crate::api::Properties,
            ) -> Result<Self, Vec<$crate::api::ConfigError>> {
                <Self as $crate::api::Converter>::new(config, $crate::api::Role::Header)
            }

            fn from_connect_header<'a>(
                &mut self,
                topic: &str,
                _key: &str,
                schema: Option<&$crate::data::Schema>,
                value: &'a $crate::data::Value,
                out: &'a mut Vec<u8>,
            ) -> Result<Option<&'a [u8]>, $crate::api::ConnectError> {
                let mut headers = $crate::api::RawHeaders::new();
                $crate::api::Converter::from_connect_data(
                    self,
                    topic,
                    &mut headers,
                    schema,
                    value,
                    out,
                )
            }

            fn to_connect_header(
                &mut self,
                topic: &str,
                _key: &str,
                value: Option<::bytes::Bytes>,
            ) -> Result<$crate::data::SchemaAndValue, $crate::api::ConnectError> {
                let headers = $crate::api::RawHeaders::new();
                $crate::api::Converter::to_connect_data(self, topic, &headers, value)
            }
        }
    };
}

use header_converter;
