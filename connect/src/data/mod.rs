//! The data model of Kafka Connect: schemas, values, structs, logical types, headers.
//!
//! Names, rules and error texts are Java Connect's. What differs is ownership: strings and bytes
//! are slices of shared buffers, containers are shared until somebody changes them, so a clone of
//! a value never copies its contents.

mod big_decimal;
mod builder;
mod datetime;
mod error;
mod handle;
mod headers;
mod java_float;
mod logical;
mod map;
mod schema;
mod structure;
mod text;
mod validate;
mod value;
pub mod values;

#[cfg(test)]
pub(crate) mod show;

pub use big_decimal::{Decimal, ParseDecimalError};
pub use builder::SchemaBuilder;
pub use datetime::DateTime;
pub use error::DataError;
pub use headers::{Header, Headers};
pub use logical::{LogicalType, date, decimal, time, timestamp};
pub use map::Map;
pub use schema::{Field, Schema, Type};
pub use structure::Struct;
pub use text::{InvalidUtf8, Text};
pub use value::{SchemaAndValue, Value};

pub(crate) use java_float::{write_f32, write_f64};
