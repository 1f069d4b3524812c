//! JSON lines on standard output, written together so that lines of several tasks never mix.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use kconnect::api::ConnectError;
use kconnect::data::Value;
use serde::Serialize;

/// Lines that are written at once.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// Adds an object.
    pub(crate) fn add(&mut self, line: &impl Serialize) {
        // Neither a map with other keys than strings nor a failing writer is involved.
        if serde_json::to_writer(&mut self.0, line).is_ok() {
            self.0.push(b'\n');
        }
    }

    /// Writes them to standard output.
    pub(crate) fn print(self) -> Result<(), ConnectError> {
        let mut stdout = io::stdout().lock();
        let printed = stdout.write_all(&self.0).and_then(|()| stdout.flush());
        printed.map_err(|error| {
            ConnectError::new("Couldn't write to standard output").caused_by(error)
        })
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap()
    }
}

/// A key or value as JSON: numbers, booleans, strings and null as such, all else as text.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(flag) => (*flag).into(),
        value => match value.as_i64() {
            Some(number) => number.into(),
            None => value.to_string().into(),
        },
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(elapsed.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
