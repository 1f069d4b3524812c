//! The `config!` and `config_enum!` macros, and what their output calls.

use std::slice;

use super::checks::{self, Check};
use super::{ConfigError, ConfigKey, ConfigType, ConfigValue, Importance, Properties, Width};

/// Declares a configuration: each key once.
///
/// From the declaration come a struct with one public, documented field per key, its `Default`, the table `KEYS` and
/// `from_properties`, which claims its keys and reports every complaint at once.
///
/// ```
/// use std::time::Duration;
/// use kconnect_client::config::{Properties, Width, check};
///
/// kconnect_client::config! {
///     /// How the shop counts sheep.
///     SheepConfig {
///         "Counting" {
///             /// Where the sheep are.
///             High "meadow" => meadow: String, check::non_empty();
///             /// How many sheep to count at once.
///             Low "batch.size" => batch_size: u32 = 16, check::within(1..=100) => { width: Width::Short };
///             /// How long to sleep between two sheep.
///             Medium "nap.ms" => nap: Duration as Int = Duration::from_millis(5);
///         }
///     }
/// }
///
/// let mut properties = Properties::from([("meadow", "north"), ("nap.ms", "7"), ("wolf", "no")]);
/// let config = SheepConfig::from_properties(&mut properties).unwrap();
/// assert_eq!(config.nap, Duration::from_millis(7));
/// assert_eq!(config.batch_size, 16);
/// assert_eq!(properties.unclaimed().collect::<Vec<_>>(), ["wolf"]);
///
/// let complaints = SheepConfig::from_properties(&mut Properties::from([("batch.size", "0")])).unwrap_err();
/// assert_eq!(complaints[0].to_string(), r#"Missing required configuration "meadow" which has no default value."#);
/// assert_eq!(complaints[1].to_string(), "Invalid value 0 for configuration batch.size: Value must be at least 1");
/// ```
///
/// The parts of a key, in order: documentation; importance; `"name"`; field and type; `as Int` where Kafka's type is not
/// the one that [`ConfigValue::TYPE`] says; the default (a key without one is required; a null default is `None` of an
/// `Option`); checks; and in braces whatever else [`ConfigKey`] holds. The group `""` is no group.
///
/// A configuration can start with others (`with common: CommonConfig { "key" => field = another default }`), end with
/// others (`and ssl: SslConfig;`) and can have rules over several keys: `SheepConfig, rules = function`, called as `function(&config, &mut Vec<ConfigError>)` when
/// every key was fine by itself.
#[macro_export]
macro_rules! config {
    (
        $(#[doc = $struct_doc:expr])*
        $name:ident $(, rules = $rules:path)? {
            $(with $part:ident: $part_type:ident {
                $($other_name:literal => $other_field:ident = $other_default:expr),* $(,)?
            })*
            $($group:literal {$(
                $(#[doc = $doc:expr])*
                $importance:ident $key:literal => $field:ident: $type:ty $(as $kind:ident)?
                    $(= $default:expr)? $(, $check:expr)*
                    $(=> { $($extra:ident: $extra_value:expr),* $(,)? })?;
            )*})*
            $(and $last:ident: $last_type:ident;)*
        }
    ) => {
        $(#[doc = $struct_doc])*
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        #[allow(unreachable_pub, reason = "a declaration may stand in a private module")]
        pub struct $name {
            $(
                #[doc = concat!("The keys of [`", stringify!($part_type), "`].")]
                pub $part: $part_type,
            )*
            $($(
                $(#[doc = $doc])*
                #[doc = ""]
                #[doc = concat!("Property `", $key, "`", $crate::__config_default_doc!($($default)?), ".")]
                pub $field: $type,
            )*)*
            $(
                #[doc = concat!("The keys of [`", stringify!($last_type), "`].")]
                pub $last: $last_type,
            )*
        }

        #[allow(dead_code, unreachable_pub, reason = "a declaration may stand in a private module")]
        impl $name {
            /// Every key: name, type, default, documentation and the rest.
            pub const KEYS: &'static [$crate::config::ConfigKey] = &$crate::config::join::<{
                $name::OWN_KEYS.len() $(+ $part_type::KEYS.len())* $(+ $last_type::KEYS.len())*
            }>(
                &[$($part_type::KEYS,)* $name::OWN_KEYS $(, $last_type::KEYS)*],
                &[$($(($other_name, || {
                    $crate::config::ConfigValue::to_text(&$other_default)
                }),)*)*],
            );

            const OWN_KEYS: &'static [$crate::config::ConfigKey] = &$crate::config::number([$($(
                $crate::config::ConfigKey {
                    $($($extra: $extra_value,)*)?
                    ..$crate::__config_key!(
                        $group, $importance, $key, $type, [$($kind)?], [$($default)?],
                        concat!($($doc, "\n"),*), &[$($check),*]
                    )
                },
            )*)*]);

            /// Claims its keys from `properties`; what nobody claims stays there.
            ///
            /// # Errors
            ///
            /// All complaints at once, in order of the keys.
            pub fn from_properties(
                properties: &mut $crate::config::Properties,
            ) -> Result<Self, Vec<$crate::config::ConfigError>> {
                let mut errors = Vec::new();
                let config = Self::claim(Self::default(), properties, &mut errors);
                if errors.is_empty() { Ok(config) } else { Err(errors) }
            }

            #[doc(hidden)]
            pub fn claim(
                defaults: Self,
                properties: &mut $crate::config::Properties,
                errors: &mut Vec<$crate::config::ConfigError>,
            ) -> Self {
                let complaints = errors.len();
                $(let $part = $part_type::claim(defaults.$part, properties, errors);)*
                let mut claim = $crate::config::Claim::new(Self::OWN_KEYS, properties, errors);
                let config = Self {
                    $($part,)*
                    $($($field: claim.next(defaults.$field),)*)*
                    $($last: $last_type::claim(defaults.$last, properties, errors),)*
                };
                if errors.len() == complaints {
                    $($rules(&config, errors);)?
                }
                config
            }
        }

        impl Default for $name {
            /// Every key at its default; those that have none are empty.
            fn default() -> Self {
                $(
                    #[allow(unused_mut, reason = "not every part has other defaults")]
                    let mut $part = $part_type::default();
                    $($part.$other_field = $other_default;)*
                )*
                Self {
                    $($part,)*
                    $($($field: $crate::__config_default!($($default)?),)*)*
                    $($last: $last_type::default(),)*
                }
            }
        }
    };
}

/// Declares an enum whose values have names in configuration; the first name of a value is the one it is shown by.
///
/// ```
/// kconnect_client::config_enum! {
///     /// What to do with a wolf.
///     Wolf {
///         /// Run.
///         Run => "run",
///         /// Fight.
///         Fight => "fight" | "bite",
///     }
/// }
///
/// use kconnect_client::config::ConfigValue;
/// assert_eq!(Wolf::parse("bite", Wolf::TYPE), Ok(Wolf::Fight));
/// assert_eq!(Wolf::Fight.to_string(), "fight");
/// assert_eq!(Wolf::parse("FIGHT", Wolf::TYPE).unwrap_err(), "String must be one of: run, fight, bite");
/// ```
///
/// With `Wolf, ignoring case` in place of `Wolf` names are recognized in any case.
#[macro_export]
macro_rules! config_enum {
    (
        $(#[$enum_meta:meta])*
        $name:ident $(, $ignoring:ident case)? {
            $($(#[$meta:meta])* $variant:ident => $first:literal $(| $other:literal)*),+ $(,)?
        }
    ) => {
        $(#[$enum_meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(unreachable_pub, reason = "a declaration may stand in a private module")]
        pub enum $name {
            $(
                $(#[$meta])*
                #[doc = ""]
                #[doc = concat!("In configuration: `", $first, "`.")]
                $variant,
            )+
        }

        #[allow(unreachable_pub, reason = "a declaration may stand in a private module")]
        impl $name {
            /// The name of the value in configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $first,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::config::ConfigValue for $name {
            const TYPE: $crate::config::ConfigType = $crate::config::ConfigType::String;
            const ALLOWED: &'static [&'static str] = &[$($first, $($other,)*)+];

            fn parse(text: &str, _: $crate::config::ConfigType) -> Result<Self, String> {
                let ignoring_case = false $(|| stringify!($ignoring) == "ignoring")?;
                $crate::config::parse_enum(
                    text,
                    ignoring_case,
                    Self::ALLOWED,
                    &[$(($first, Self::$variant), $(($other, Self::$variant),)*)+],
                )
            }

            fn to_text(&self) -> Option<String> {
                Some(self.as_str().to_owned())
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __config_default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __config_default_doc {
    () => {
        ", required"
    };
    ($default:expr) => {
        concat!("; default `", stringify!($default), "`")
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __config_key {
    ($group:expr, $importance:ident, $key:expr, $type:ty, [$($kind:ident)?], [], $doc:expr, $checks:expr) => {
        $crate::config::ConfigKey {
            required: true,
            ..$crate::__config_key!($group, $importance, $key, $type, [$($kind)?], [Default::default()], $doc, $checks)
        }
    };
    ($group:expr, $importance:ident, $key:expr, $type:ty, [], [$default:expr], $doc:expr, $checks:expr) => {
        $crate::config::declared::<$type>(
            $key,
            $group,
            $crate::config::Importance::$importance,
            $doc,
            || <$type as $crate::config::ConfigValue>::to_text(&{
                let value: $type = $default;
                value
            }),
            $checks,
        )
    };
    ($group:expr, $importance:ident, $key:expr, $type:ty, [$kind:ident], [$default:expr], $doc:expr, $checks:expr) => {
        $crate::config::ConfigKey {
            config_type: $crate::config::ConfigType::$kind,
            ..$crate::__config_key!($group, $importance, $key, $type, [], [$default], $doc, $checks)
        }
    };
}

/// The place of a key in its group when its declaration does not say one.
const NOT_SAID: i32 = i32::MIN;

/// A key as the `config!` macro declares it.
pub const fn declared<T: ConfigValue>(
    name: &'static str,
    group: &'static str,
    importance: Importance,
    doc: &'static str,
    default: fn() -> Option<String>,
    checks: &'static [Check],
) -> ConfigKey {
    ConfigKey {
        name,
        config_type: T::TYPE,
        required: false,
        importance,
        group: if group.is_empty() { None } else { Some(group) },
        order_in_group: NOT_SAID,
        width: Width::None,
        display_name: name,
        dependents: &[],
        recommended_values: &[],
        checks,
        doc,
        default,
        parse: parses::<T>,
        allowed: T::ALLOWED,
    }
}

fn parses<T: ConfigValue>(text: &str, config_type: ConfigType) -> Result<(), String> {
    T::parse(text, config_type).map(drop)
}

/// Numbers the keys of each group from 1, in order of declaration, where the declaration does not say a number.
pub const fn number<const N: usize>(mut keys: [ConfigKey; N]) -> [ConfigKey; N] {
    let mut at = 0;
    while at < N {
        if keys[at].order_in_group == NOT_SAID {
            keys[at].order_in_group = match keys[at].group {
                None => -1,
                Some(group) => 1 + members(&keys, at, group),
            };
        }
        at += 1;
    }
    keys
}

/// How many of the first `before` keys are in `group`.
const fn members(keys: &[ConfigKey], before: usize, group: &str) -> i32 {
    let mut count = 0;
    let mut at = 0;
    while at < before {
        if let Some(other) = keys[at].group
            && same(other, group)
        {
            count += 1;
        }
        at += 1;
    }
    count
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Another default for the key of that name.
type OtherDefault = (&'static str, fn() -> Option<String>);

/// One table of several, with other defaults for some of the keys. Fails to compile for a name that no table has.
pub const fn join<const N: usize>(
    tables: &[&'static [ConfigKey]],
    others: &[OtherDefault],
) -> [ConfigKey; N] {
    let mut joined = [NOTHING; N];
    let mut at = 0;
    let mut table = 0;
    while table < tables.len() {
        let mut key = 0;
        while key < tables[table].len() {
            joined[at] = tables[table][key];
            key += 1;
            at += 1;
        }
        table += 1;
    }
    let mut other = 0;
    while other < others.len() {
        let mut key = 0;
        while !same(joined[key].name, others[other].0) {
            key += 1;
        }
        joined[key].default = others[other].1;
        other += 1;
    }
    joined
}

const NOTHING: ConfigKey = declared::<String>("", "", Importance::Low, "", || None, &[]);

/// Takes the values of a table's keys out of properties, one after the other.
#[derive(Debug)]
pub struct Claim<'a> {
    keys: slice::Iter<'static, ConfigKey>,
    properties: &'a mut Properties,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Claim<'a> {
    /// Starts with the first key of `keys`.
    pub fn new(
        keys: &'static [ConfigKey],
        properties: &'a mut Properties,
        errors: &'a mut Vec<ConfigError>,
    ) -> Self {
        Self {
            keys: keys.iter(),
            properties,
            errors,
        }
    }

    /// The value of the next key, or `default` if it is not given or wrong.
    pub fn next<T: ConfigValue>(&mut self, default: T) -> T {
        let Some(key) = self.keys.next() else {
            return default;
        };
        match self.properties.claim(key.name) {
            None if key.required => self.errors.push(ConfigError::missing(key.name)),
            None => {}
            Some(text) => match read(key, &text) {
                Ok(value) => return value,
                Err(error) => self.errors.push(error),
            },
        }
        default
    }
}

fn read<T: ConfigValue>(key: &ConfigKey, text: &str) -> Result<T, ConfigError> {
    let value = T::parse(text, key.config_type).map_err(|why| key.unreadable(text, &why))?;
    key.apply_checks(text)?;
    Ok(value)
}

/// Looks `text` up among the names of an enum.
///
/// # Errors
///
/// Lists the names.
pub fn parse_enum<T: Copy>(
    text: &str,
    ignoring_case: bool,
    allowed: &[&str],
    names: &[(&str, T)],
) -> Result<T, String> {
    let text = text.trim();
    names
        .iter()
        .find(|(name, _)| *name == text || (ignoring_case && name.eq_ignore_ascii_case(text)))
        .map(|&(_, value)| value)
        .ok_or_else(|| {
            if ignoring_case {
                checks::not_one_of_ignoring_case(allowed)
            } else {
                checks::not_one_of(allowed)
            }
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Password, check};
    use super::*;

    crate::config! {
        /// What several have in common.
        Shared {
            "" {
                /// A name.
                Low "client.id" => client_id: String = String::new();
                /// A size.
                Low "size" => size: u32 = 5;
            }
        }
    }

    crate::config_enum! {
        /// One of those.
        Pet, ignoring case {
            /// Small.
            Newt => "newt",
            /// Tall.
            Crane => "crane",
            /// Long.
            Python => "python",
        }
    }

    crate::config! {
        /// One with everything.
        Everything, rules = both_or_none {
            with shared: Shared { "size" => size = 7 }
            "First" {
                /// Line one
                /// and two.
                ///
                /// A paragraph.
                High "name" => name: String, check::non_empty();
                /// Pause.
                Medium "pause.ms" => pause: Duration as Int = Duration::from_millis(3), check::at_least(1)
                    => { display_name: "Pause", width: Width::Short, dependents: &["name"] };
            }
            "Second" {
                /// Secret.
                Low "secret" => secret: Option<Password> = None;
                /// Class.
                Low "plugin" => plugin: String as Class = "x.Y".to_owned();
                /// Items.
                Low "items" => items: Vec<String> = Vec::new(), check::unique();
                /// Share.
                Low "share" => share: f64 = 0.5, check::within_real(0.0..=1.0);
                /// Flag.
                Low "flag" => flag: bool = true;
                /// A number of its own range.
                Low "count" => count: u32 = 1, check::at_least(1);
                /// A pet.
                Low "pet" => pet: Pet = Pet::Newt;
            }
        }
    }

    fn both_or_none(config: &Everything, errors: &mut Vec<ConfigError>) {
        if config.flag && config.secret.is_some() {
            errors.push(ConfigError::new("flag", "flag needs no secret"));
        }
    }

    fn read_one(key: &str, value: &str) -> Result<Everything, Vec<String>> {
        let mut properties = Properties::from([("name", "n"), (key, value)]);
        Everything::from_properties(&mut properties)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn refused(key: &str, value: &str, why: &str) {
        let errors = read_one(key, value).expect_err("the value is refused");
        assert_eq!(errors, [why]);
        let declared = Everything::KEYS
            .iter()
            .find(|declared| declared.name == key);
        let error = declared
            .expect("declared")
            .check(value)
            .expect_err("so says the table");
        assert_eq!(error.to_string(), why);
    }

    #[test]
    fn values_are_read_into_their_types() {
        let mut properties = Properties::from([
            ("name", " n "),
            ("size", "+9"),
            ("pause.ms", " 12 "),
            ("secret", "s"),
            ("items", " a , b ,c"),
            ("share", "0.25f"),
            ("flag", "FALSE"),
            ("other", "o"),
        ]);
        let config = Everything::from_properties(&mut properties).unwrap();
        assert_eq!((config.name.as_str(), config.shared.size), ("n", 9));
        assert_eq!(config.pause, Duration::from_millis(12));
        assert_eq!(config.secret.unwrap().reveal(), "s");
        assert_eq!(config.items, ["a", "b", "c"]);
        assert!((config.share - 0.25).abs() < f64::EPSILON && !config.flag);
        assert_eq!(properties.unclaimed().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn a_wrong_value_is_refused_in_kafkas_words() {
        refused(
            "size",
            "x",
            "Invalid value x for configuration size: Not a number of type INT",
        );
        refused(
            "size",
            "-1",
            "Invalid value -1 for configuration size: Value must be at least 0",
        );
        refused(
            "count",
            "-1",
            "Invalid value -1 for configuration count: Value must be at least 1",
        );
        refused(
            "pet",
            "cat",
            "Invalid value cat for configuration pet: String must be one of (case insensitive): NEWT, PYTHON, CRANE",
        );
        refused(
            "size",
            "3000000000",
            "Invalid value 3000000000 for configuration size: Not a number of type INT",
        );
        refused(
            "pause.ms",
            "0",
            "Invalid value 0 for configuration pause.ms: Value must be at least 1",
        );
        refused(
            "pause.ms",
            "",
            "Invalid value  for configuration pause.ms: Not a number of type INT",
        );
        refused(
            "flag",
            "yes",
            "Invalid value yes for configuration flag: Expected value to be either true or false",
        );
        refused(
            "items",
            "a,a",
            "Configuration 'items' values must not be duplicated.",
        );
        refused(
            "items",
            "a,,b",
            "Configuration 'items' values must not be empty.",
        );
        refused(
            "share",
            "1.5",
            "Invalid value 1.5 for configuration share: Value must be no more than 1.0",
        );
        refused(
            "share",
            "NaN",
            "Invalid value NaN for configuration share: Value must be at least 0.0",
        );
        refused(
            "share",
            "inf",
            "Invalid value inf for configuration share: Not a number of type DOUBLE",
        );
        refused(
            "name",
            " ",
            "Invalid value  for configuration name: String must be non-empty",
        );
    }

    #[test]
    fn every_complaint_comes_at_once() {
        let mut properties = Properties::from([("size", "x"), ("flag", "x")]);
        let errors = Everything::from_properties(&mut properties).unwrap_err();
        let keys: Vec<&str> = errors.iter().map(ConfigError::key).collect();
        assert_eq!(keys, ["size", "name", "flag"]);
    }

    #[test]
    fn a_rule_over_several_keys_is_asked_when_each_is_fine() {
        assert_eq!(
            read_one("secret", "s").unwrap_err(),
            ["flag needs no secret"]
        );
        assert!(
            read_one("secret", "s")
                .unwrap_err()
                .iter()
                .all(|text| !text.contains("s3"))
        );
    }

    #[test]
    fn the_table_tells_what_rest_answers_need() {
        let names: Vec<_> = Everything::KEYS
            .iter()
            .map(|key| (key.name, key.group, key.order_in_group))
            .collect();
        assert_eq!(
            names[..4],
            [
                ("client.id", None, -1),
                ("size", None, -1),
                ("name", Some("First"), 1),
                ("pause.ms", Some("First"), 2),
            ]
        );
        assert_eq!(names[4], ("secret", Some("Second"), 1));
        let [
            _,
            size,
            name,
            pause,
            secret,
            plugin,
            items,
            share,
            flag,
            _,
            _,
        ] = Everything::KEYS
        else {
            panic!("eleven keys");
        };
        assert_eq!(size.default_value().as_deref(), Some("7"));
        assert!(name.required && name.default_value().is_none());
        assert_eq!(name.documentation(), "Line one and two.\n\nA paragraph.");
        assert_eq!(
            (pause.config_type, pause.width),
            (ConfigType::Int, Width::Short)
        );
        assert_eq!(
            (pause.display_name, pause.dependents),
            ("Pause", &["name"][..])
        );
        assert_eq!(pause.validator().as_deref(), Some("[1,...]"));
        assert_eq!(
            (secret.config_type, secret.default_value()),
            (ConfigType::Password, None)
        );
        assert_eq!(
            (plugin.config_type, plugin.default_value().as_deref()),
            (ConfigType::Class, Some("x.Y"))
        );
        assert_eq!(
            (items.config_type, items.default_value().as_deref()),
            (ConfigType::List, Some(""))
        );
        assert_eq!(
            (share.config_type, share.default_value().as_deref()),
            (ConfigType::Double, Some("0.5"))
        );
        assert_eq!(
            (flag.config_type.name(), flag.importance.name()),
            ("BOOLEAN", "LOW")
        );
    }

    #[test]
    fn defaults_are_those_of_the_declaration() {
        let config = Everything::default();
        assert_eq!(
            (config.shared.size, config.pause),
            (7, Duration::from_millis(3))
        );
        assert_eq!(config.name, "");
    }
}
