//! The Rust types that a configuration value can have, and how each is read from and shown as text.

use std::time::Duration;

use super::{ConfigType, Password};

/// A type that a configuration value can have.
///
/// Implemented for the common types; `Option` is a value that may be null. Implement it, or use
/// [`config_enum!`](crate::config_enum!), so that a value that makes no sense cannot be held.
pub trait ConfigValue: Sized {
    /// Kafka's type of such a value, unless the declaration says another (`as Int`).
    const TYPE: ConfigType;

    /// All values, if they can be listed.
    const ALLOWED: &'static [&'static str] = &[];

    /// Reads a value; surrounding white space does not count.
    ///
    /// # Errors
    ///
    /// Says what is wrong, without the value and without the key.
    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String>;

    /// The value as it would stand in a property file; `None` is null.
    fn to_text(&self) -> Option<String>;
}

impl ConfigValue for bool {
    const TYPE: ConfigType = ConfigType::Boolean;

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") {
            Ok(false)
        } else {
            Err("Expected value to be either true or false".to_owned())
        }
    }

    fn to_text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigValue for String {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        Ok(text.trim().to_owned())
    }

    fn to_text(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl ConfigValue for Password {
    const TYPE: ConfigType = ConfigType::Password;

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        Ok(Self::new(text.trim()))
    }

    fn to_text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigValue for Vec<String> {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str, _: ConfigType) -> Result<Self, String> {
        Ok(split_list(text.trim()))
    }

    fn to_text(&self) -> Option<String> {
        Some(self.join(","))
    }
}

impl ConfigValue for f64 {
    const TYPE: ConfigType = ConfigType::Double;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        parse_double(text.trim()).ok_or_else(|| not_a_number(config_type))
    }

    fn to_text(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

/// A duration is a number of milliseconds in text. It cannot be negative.
impl ConfigValue for Duration {
    const TYPE: ConfigType = ConfigType::Long;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        let millis = parse_integer(text, config_type)?;
        u64::try_from(millis)
            .map(Self::from_millis)
            .map_err(|_| negative())
    }

    fn to_text(&self) -> Option<String> {
        Some(self.as_millis().to_string())
    }
}

impl<T: ConfigValue> ConfigValue for Option<T> {
    const TYPE: ConfigType = T::TYPE;
    const ALLOWED: &'static [&'static str] = T::ALLOWED;

    fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
        T::parse(text, config_type).map(Some)
    }

    fn to_text(&self) -> Option<String> {
        self.as_ref().and_then(T::to_text)
    }
}

macro_rules! integers {
    ($($rust:ty => $kafka:ident;)*) => {$(
        impl ConfigValue for $rust {
            const TYPE: ConfigType = ConfigType::$kafka;

            fn parse(text: &str, config_type: ConfigType) -> Result<Self, String> {
                let number = parse_integer(text, config_type)?;
                Self::try_from(number).map_err(|_| {
                    if number < 0 { negative() } else { not_a_number(config_type) }
                })
            }

            fn to_text(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

integers! {
    i16 => Short;
    i32 => Int;
    i64 => Long;
    u16 => Int;
    u32 => Int;
    u64 => Long;
    usize => Long;
}

/// Reads a number as Java's parser for `config_type` does.
pub(super) fn parse_integer(text: &str, config_type: ConfigType) -> Result<i64, String> {
    let text = text.trim();
    let number = match config_type {
        ConfigType::Short => text.parse::<i16>().map(i64::from),
        ConfigType::Int => text.parse::<i32>().map(i64::from),
        _ => text.parse::<i64>(),
    };
    number.map_err(|_| not_a_number(config_type))
}

/// Reads a floating-point number; Java allows a suffix.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    match digits.bytes().next_back() {
        Some(b'0'..=b'9' | b'.') => digits.parse().ok(),
        _ if text.eq_ignore_ascii_case("nan") => Some(f64::NAN),
        _ => None,
    }
}

/// Splits a list at its commas. The empty text is the empty list; empty items are kept.
pub(super) fn split_list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

fn not_a_number(config_type: ConfigType) -> String {
    format!("Not a number of type {config_type}")
}

/// What is said of a number below zero where none can be held.
pub(super) const NEGATIVE: &str = "Value must be at least 0";

fn negative() -> String {
    NEGATIVE.to_owned()
}
