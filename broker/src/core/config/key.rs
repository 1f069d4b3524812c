//! One configuration key: its type, its default and what values it takes.

/// A configuration key.
#[derive(Debug)]
pub(crate) struct ConfigKey {
    pub name: &'static str,
    pub kind: ConfigType,
    pub default: &'static str,
    /// For a topic's key: the broker's key that has its default.
    pub synonym: Option<&'static str>,
    pub valid: Valid,
    pub documentation: &'static str,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// Which values of its type a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Valid {
    Any,
    AtLeast(i64),
    /// A share between 0 and 1.
    Share,
    OneOf(&'static [&'static str]),
    /// A list that is made of these.
    SomeOf(&'static [&'static str]),
}

impl ConfigType {
    pub(crate) fn to_wire(self) -> i8 {
        self as i8
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
        }
    }
}

impl ConfigKey {
    /// Whether `value` can be set, in the words of Kafka's `ConfigException`.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let complaint = |why: &str| {
            let name = self.name;
            Err(format!(
                "Invalid value {value} for configuration {name}: {why}"
            ))
        };
        let number = match self.kind {
            ConfigType::Boolean => {
                return match value.to_ascii_lowercase().as_str() {
                    "true" | "false" => Ok(()),
                    _ => complaint("Expected value to be either true or false"),
                };
            }
            ConfigType::Int => value.trim().parse::<i32>().map(i64::from).ok(),
            ConfigType::Long => value.trim().parse().ok(),
            ConfigType::Double => return self.check_share(value),
            ConfigType::String | ConfigType::List => return self.check_text(value),
        };
        match (number, self.valid) {
            (None, _) => complaint(&format!("Not a number of type {}", self.kind.name())),
            (Some(number), Valid::AtLeast(least)) if number < least => {
                complaint(&format!("Value must be at least {least}"))
            }
            _ => Ok(()),
        }
    }

    fn check_share(&self, value: &str) -> Result<(), String> {
        let name = self.name;
        match value.trim().parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(()),
            Ok(_) => Err(format!(
                "Invalid value {value} for configuration {name}: Value must be between 0 and 1"
            )),
            Err(_) => Err(format!(
                "Invalid value {value} for configuration {name}: Not a number of type DOUBLE"
            )),
        }
    }

    fn check_text(&self, value: &str) -> Result<(), String> {
        let name = self.name;
        let fits = match self.valid {
            Valid::OneOf(choices) => choices.contains(&value),
            Valid::SomeOf(choices) => items(value).all(|item| choices.contains(&item)),
            Valid::Any | Valid::AtLeast(_) | Valid::Share => true,
        };
        if fits {
            return Ok(());
        }
        let choices = match self.valid {
            Valid::OneOf(choices) | Valid::SomeOf(choices) => choices.join(", "),
            _ => String::new(),
        };
        Err(format!(
            "Invalid value {value} for configuration {name}: String must be one of: {choices}"
        ))
    }
}

/// The items of a list value.
pub(crate) fn items(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::{TOPIC_KEYS, find};

    #[track_caller]
    fn check(name: &str, good: &[&str], bad: &[&str]) {
        let key = find(TOPIC_KEYS, name).expect("a key of topics");
        assert!(key.check(key.default).is_ok(), "the default of {name}");
        for value in good {
            assert_eq!(key.check(value), Ok(()), "{name}={value}");
        }
        for value in bad {
            assert!(key.check(value).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn values_are_checked_by_type_and_range() {
        check(
            "retention.ms",
            &["-1", "0", "9223372036854775807"],
            &["-2", "x", ""],
        );
        check("max.message.bytes", &["0"], &["-1", "2147483648"]);
        check("preallocate", &["true", "False"], &["yes"]);
        check(
            "min.cleanable.dirty.ratio",
            &["0", "1", "0.25"],
            &["1.1", "half"],
        );
        check(
            "cleanup.policy",
            &["compact", "compact,delete", ""],
            &["keep"],
        );
        check(
            "message.timestamp.type",
            &["LogAppendTime"],
            &["logappendtime"],
        );
    }

    #[test]
    fn a_complaint_reads_as_kafka_words_it() {
        let key = find(TOPIC_KEYS, "retention.ms").expect("a key of topics");
        assert_eq!(
            key.check("soon"),
            Err("Invalid value soon for configuration retention.ms: \
                 Not a number of type LONG"
                .to_owned())
        );
    }
}
