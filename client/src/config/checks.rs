//! Checks on a value beyond its type: data, so that they can stand in a constant table and describe themselves.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use super::value::split_list;
use super::{ConfigError, ConfigKey};

/// What a value must satisfy beyond its type. Displayed in the notation of Kafka's documentation.
///
/// A null value is not checked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Check {
    /// A number that is not smaller.
    AtLeast(i64),
    /// A number within both bounds.
    Within(i64, i64),
    /// A floating-point number within both bounds.
    WithinReal(f64, f64),
    /// One of these, exactly; of a list, each item.
    OneOf(&'static [&'static str]),
    /// One of these, in any case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// Not the empty text, not the empty list.
    NonEmpty,
    /// A list whose items are not empty, and each of them once.
    Unique,
    /// A description, and a test that says what is wrong.
    Custom(&'static str, fn(&str) -> Result<(), String>),
}

/// A number that is not smaller than `min`.
pub const fn at_least(min: i64) -> Check {
    Check::AtLeast(min)
}

/// A number within `range`.
pub const fn within(range: RangeInclusive<i64>) -> Check {
    Check::Within(*range.start(), *range.end())
}

/// A floating-point number within `range`.
pub const fn within_real(range: RangeInclusive<f64>) -> Check {
    Check::WithinReal(*range.start(), *range.end())
}

/// One of `allowed`, exactly. A list must have no other items.
pub const fn one_of(allowed: &'static [&'static str]) -> Check {
    Check::OneOf(allowed)
}

/// One of `allowed`, in any case.
pub const fn one_of_ignoring_case(allowed: &'static [&'static str]) -> Check {
    Check::OneOfIgnoringCase(allowed)
}

/// Not empty: text or list.
pub const fn non_empty() -> Check {
    Check::NonEmpty
}

/// A list whose items are not empty, and each of them once.
pub const fn unique() -> Check {
    Check::Unique
}

/// A test of one's own: it gets the trimmed text and says what is wrong with it.
pub const fn custom(description: &'static str, test: fn(&str) -> Result<(), String>) -> Check {
    Check::Custom(description, test)
}

impl Check {
    /// Tests `value`, which is trimmed and already known to be of the key's type.
    pub(super) fn apply(&self, key: &ConfigKey, value: &str) -> Result<(), ConfigError> {
        let is_list = key.config_type == super::ConfigType::List;
        let why = match *self {
            Self::AtLeast(min) => below(value, min),
            Self::Within(min, max) => below(value, min).or_else(|| above(value, max)),
            Self::WithinReal(min, max) => outside_real(value, min, max),
            Self::OneOf(allowed) if is_list => split_list(value)
                .iter()
                .any(|item| !allowed.contains(&item.as_str()))
                .then(|| not_one_of(allowed)),
            Self::OneOf(allowed) => (!allowed.contains(&value)).then(|| not_one_of(allowed)),
            Self::OneOfIgnoringCase(allowed) => (!allowed
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(value)))
            .then(|| not_one_of_ignoring_case(allowed)),
            Self::NonEmpty if is_list && value.is_empty() => {
                return Err(ConfigError::new(
                    key.name,
                    format!(
                        "Configuration '{}' must not be empty. Valid values include: any non-empty value",
                        key.name
                    ),
                ));
            }
            Self::NonEmpty => value
                .is_empty()
                .then(|| "String must be non-empty".to_owned()),
            Self::Unique => return unique_items(key, value),
            Self::Custom(_, test) if is_list => {
                // Kafka shows a list as Java prints one.
                let shown = format!("[{}]", split_list(value).join(", "));
                return test(value).map_err(|why| key.invalid(&shown, &why));
            }
            Self::Custom(_, test) => test(value).err(),
        };
        why.map_or(Ok(()), |why| Err(key.invalid(value, &why)))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(min) => write!(f, "[{min},...]"),
            Self::Within(min, max) => write!(f, "[{min},...,{max}]"),
            Self::WithinReal(min, max) => write!(f, "[{min:?},...,{max:?}]"),
            Self::OneOf(allowed) => write!(f, "[{}]", allowed.join(", ")),
            Self::OneOfIgnoringCase(allowed) => {
                write!(f, "(case insensitive) [{}]", upper(allowed))
            }
            Self::NonEmpty => f.write_str("non-empty string"),
            Self::Unique => f.write_str("no empty and no repeated items"),
            Self::Custom(description, _) => f.write_str(description),
        }
    }
}

/// The value as a number, for comparison; a number is never refused here, its type was checked before.
fn number(value: &str) -> i64 {
    value.parse().unwrap_or(i64::MAX)
}

fn below(value: &str, min: i64) -> Option<String> {
    (number(value) < min).then(|| format!("Value must be at least {min}"))
}

fn above(value: &str, max: i64) -> Option<String> {
    (number(value) > max).then(|| format!("Value must be no more than {max}"))
}

fn outside_real(value: &str, min: f64, max: f64) -> Option<String> {
    let number = super::value::parse_double(value)?;
    if number > max {
        Some(format!("Value must be no more than {max:?}"))
    } else if number >= min {
        None
    } else {
        Some(format!("Value must be at least {min:?}"))
    }
}

pub(super) fn not_one_of(allowed: &[&str]) -> String {
    format!("String must be one of: {}", allowed.join(", "))
}

pub(super) fn not_one_of_ignoring_case(allowed: &[&str]) -> String {
    format!(
        "String must be one of (case insensitive): {}",
        upper(allowed)
    )
}

/// The names in capitals, in the order in which Kafka prints them: that of a Java hash set.
fn upper(allowed: &[&str]) -> String {
    let mut names: Vec<String> = allowed.iter().map(|name| name.to_uppercase()).collect();
    // As the set grows it stays at most three quarters full.
    let mut buckets: u32 = 16;
    while names.len() > buckets as usize / 4 * 3 {
        buckets *= 2;
    }
    names.sort_by_key(|name| bucket(name, buckets));
    names.join(", ")
}

/// Where a Java hash set with so many buckets, a power of two, keeps `name`.
fn bucket(name: &str, buckets: u32) -> u32 {
    let hash = name.encode_utf16().fold(0_u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    });
    (hash ^ (hash >> 16)) & (buckets - 1)
}

fn unique_items(key: &ConfigKey, value: &str) -> Result<(), ConfigError> {
    let items = split_list(value);
    let complaint = if items.iter().collect::<BTreeSet<_>>().len() < items.len() {
        "duplicated"
    } else if items.iter().any(String::is_empty) {
        "empty"
    } else {
        return Ok(());
    };
    Err(ConfigError::new(
        key.name,
        format!(
            "Configuration '{}' values must not be {complaint}.",
            key.name
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_are_listed_as_a_java_hash_set_lists_them() {
        assert_eq!(
            upper(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
            "SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT"
        );
        assert_eq!(upper(&["BASE64", "NUMERIC"]), "NUMERIC, BASE64");
        // With more than twelve names the set has more buckets.
        assert_eq!(bucket("P", 16), bucket("@", 16));
        assert_ne!(bucket("P", 32), bucket("@", 32));
        let many = [
            "P", "@", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K",
        ];
        assert_eq!(upper(&many[..12]), "P, @, A, B, C, D, E, F, G, H, I, J");
        assert_eq!(upper(&many), "@, A, B, C, D, E, F, G, H, I, J, K, P");
    }
}
