//! What is known about a key: for parsing, for REST answers, for generated documentation.

use std::fmt;

use super::{Check, ConfigError};

/// Everything that is known about one configuration key.
///
/// The fields carry what Connect's REST API shows of a key. Built by [`config!`](crate::config!); a table of keys is
/// `&'static [ConfigKey]`.
#[derive(Clone, Copy)]
pub struct ConfigKey {
    /// The property's name, as in `linger.ms`.
    pub name: &'static str,
    /// The type that Kafka gives to the key.
    pub config_type: ConfigType,
    /// Whether the key must be given: it has no default, not even null.
    pub required: bool,
    /// How likely it is that somebody wants to set it.
    pub importance: Importance,
    /// The group it is shown in; none for most client keys.
    pub group: Option<&'static str>,
    /// Its place in the group, from 1; -1 without a group.
    pub order_in_group: i32,
    /// How wide a field for it should be.
    pub width: Width,
    /// The name to show to people; the property's name unless said otherwise.
    pub display_name: &'static str,
    /// The keys whose meaning depends on this one.
    pub dependents: &'static [&'static str],
    /// The values to offer; none unless said otherwise.
    pub recommended_values: &'static [&'static str],
    /// What a value must satisfy beyond its type.
    pub checks: &'static [Check],
    /// The documentation as it stands in the source, one line break per line. [`ConfigKey::documentation`] is for people.
    #[doc(hidden)]
    pub doc: &'static str,
    #[doc(hidden)]
    pub default: fn() -> Option<String>,
    #[doc(hidden)]
    pub parse: fn(&str, ConfigType) -> Result<(), String>,
    #[doc(hidden)]
    pub allowed: &'static [&'static str],
}

impl ConfigKey {
    /// The default as it would stand in a property file; `None` for a required key and for one whose default is null.
    pub fn default_value(&self) -> Option<String> {
        if self.required {
            None
        } else {
            (self.default)()
        }
    }

    /// The documentation: lines joined to paragraphs, paragraphs separated by an empty line.
    pub fn documentation(&self) -> String {
        let mut text = String::with_capacity(self.doc.len());
        for line in self.doc.lines().map(str::trim) {
            if line.is_empty() {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push_str("\n\n");
                }
                continue;
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Whether `value` may be given for this key.
    ///
    /// # Errors
    ///
    /// With Kafka's text if it is not of the key's type or fails a check. Secrets are not repeated in the text.
    pub fn check(&self, value: &str) -> Result<(), ConfigError> {
        (self.parse)(value, self.config_type)
            .map_err(|why| self.unreadable(value, &why))
            .and_then(|()| self.apply_checks(value))
    }

    /// What a valid value is, in the notation of Kafka's documentation; `None` if every value of the type is.
    pub fn validator(&self) -> Option<String> {
        if !self.allowed.is_empty() {
            return Some(format!("[{}]", self.allowed.join(", ")));
        }
        let descriptions: Vec<String> = self.checks.iter().map(Check::to_string).collect();
        (!descriptions.is_empty()).then(|| descriptions.join(", "))
    }

    pub(super) fn apply_checks(&self, value: &str) -> Result<(), ConfigError> {
        self.checks
            .iter()
            .try_for_each(|check| check.apply(self, value.trim()))
    }

    /// What is wrong with a value that cannot be held. A number below zero is first of all outside the range that the key itself
    /// has: to Kafka it is a number as any other.
    pub(super) fn unreadable(&self, value: &str, why: &str) -> ConfigError {
        let checked = if why == super::value::NEGATIVE {
            self.apply_checks(value)
        } else {
            Ok(())
        };
        checked.err().unwrap_or_else(|| self.invalid(value, why))
    }

    pub(super) fn invalid(&self, value: &str, why: &str) -> ConfigError {
        let shown = if self.config_type == ConfigType::Password {
            super::password::HIDDEN
        } else {
            value
        };
        ConfigError::invalid(self.name, shown, why)
    }
}

impl fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigKey")
            .field("name", &self.name)
            .field("config_type", &self.config_type)
            .field("required", &self.required)
            .field("default", &self.default_value())
            .field("importance", &self.importance)
            .finish_non_exhaustive()
    }
}

macro_rules! upper_case_names {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Kafka's spelling, in capitals.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    )*};
}

upper_case_names! {
    /// The type of a configuration value, as Kafka names it.
    ConfigType {
        /// `true` or `false`, in any case.
        Boolean "BOOLEAN",
        /// Text.
        String "STRING",
        /// A 32-bit integer.
        Int "INT",
        /// A 16-bit integer.
        Short "SHORT",
        /// A 64-bit integer.
        Long "LONG",
        /// A floating-point number.
        Double "DOUBLE",
        /// Items separated by commas.
        List "LIST",
        /// The name of a class or plugin.
        Class "CLASS",
        /// Text that must not be shown.
        Password "PASSWORD",
    }

    /// How likely it is that somebody wants to set a key.
    Importance {
        /// Most deployments set it.
        High "HIGH",
        /// Some deployments set it.
        Medium "MEDIUM",
        /// Few deployments set it.
        Low "LOW",
    }

    /// How wide an input field for a value should be.
    Width {
        /// Not said.
        None "NONE",
        /// A number or a word.
        Short "SHORT",
        /// A name.
        Medium "MEDIUM",
        /// A list or a path.
        Long "LONG",
    }
}
