//! Values that come from elsewhere: `${file:/etc/secrets.properties:password}`, resolved when something starts.
//!
//! Configurations are stored and shown with the variables in them. A variable of a provider that is not configured, or one
//! that the provider does not have, stays as it is.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use kconnect_client::config::{ConfigError, Properties};
use regex::{Captures, Regex};

use self::source::Source;
use crate::herder::entities::ConfigMap;

/// `${provider:key}` and `${provider:path:key}`.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}").expect("the pattern is valid")
});

/// A provider that could not say what it has; no secret is in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProviderError(pub(super) String);

/// The config providers of a worker: `config.providers`.
#[derive(Default)]
pub struct ConfigProviders {
    sources: BTreeMap<String, Source>,
}

/// What was asked of a provider: path by path.
type Lookups = BTreeMap<(String, String), BTreeMap<String, String>>;

impl fmt::Debug for ConfigProviders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

impl ConfigProviders {
    /// The providers that a worker's property file names.
    ///
    /// # Errors
    ///
    /// For classes that are not there, and parameters that make no sense.
    pub fn from_worker(properties: &Properties) -> Result<Self, Vec<ConfigError>> {
        let mut sources = BTreeMap::new();
        let mut errors = Vec::new();
        let names = properties
            .get("config.providers")
            .unwrap_or_default()
            .split(',');
        for name in names.map(str::trim).filter(|name| !name.is_empty()) {
            let key = format!("config.providers.{name}.class");
            // A provider without a class is none, as in Kafka.
            let Some(class) = properties.get(&key) else {
                continue;
            };
            let parameters = properties.scoped(&format!("config.providers.{name}.param."));
            match Source::new(class.trim(), &parameters) {
                Some(Ok(source)) => {
                    sources.insert(name.to_owned(), source);
                }
                Some(Err(why)) => errors.push(ConfigError::new(key, why)),
                None => errors.push(ConfigError::invalid(
                    key,
                    class,
                    "Could not load config provider class or one of its dependencies",
                )),
            }
        }
        if errors.is_empty() {
            Ok(Self { sources })
        } else {
            Err(errors)
        }
    }

    /// Whether `value` has a variable in it, whoever may know it.
    #[must_use]
    pub fn has_variable(value: &str) -> bool {
        value.contains("${") && VARIABLE.is_match(value)
    }

    /// `config` with every variable replaced that a provider knows. May read files: not for a core.
    ///
    /// # Errors
    ///
    /// When a provider fails, as for a file that cannot be read.
    pub fn resolve(&self, config: &ConfigMap) -> Result<ConfigMap, ProviderError> {
        let lookups = self.look_up(config.values().map(String::as_str))?;
        let pairs = config.iter();
        Ok(pairs
            .map(|(key, value)| (key.clone(), replace(value, &lookups)))
            .collect())
    }

    /// The same for a worker's property file.
    ///
    /// # Errors
    ///
    /// As [`Self::resolve`].
    pub fn resolve_properties(&self, properties: &Properties) -> Result<Properties, ProviderError> {
        let lookups = self.look_up(properties.iter().map(|(_, value)| value))?;
        Ok(properties
            .iter()
            .map(|(key, value)| (key, replace(value, &lookups)))
            .collect())
    }

    fn look_up<'a>(&self, values: impl Iterator<Item = &'a str>) -> Result<Lookups, ProviderError> {
        let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for value in values.filter(|value| value.contains("${")) {
            for variable in VARIABLE.captures_iter(value) {
                let (place, key) = parts(&variable);
                wanted.entry(place).or_default().insert(key);
            }
        }
        let mut lookups = Lookups::new();
        for ((provider, path), keys) in wanted {
            if let Some(source) = self.sources.get(&provider) {
                let found = source.get(&path, &keys)?;
                lookups.insert((provider, path), found);
            }
        }
        Ok(lookups)
    }
}

/// Provider and path, and the key.
fn parts(variable: &Captures<'_>) -> ((String, String), String) {
    let part = |at| {
        variable
            .get(at)
            .map_or("", |found| found.as_str())
            .to_owned()
    };
    ((part(1), part(2)), part(3))
}

fn replace(value: &str, lookups: &Lookups) -> String {
    if lookups.is_empty() || !value.contains("${") {
        return value.to_owned();
    }
    let replaced = VARIABLE.replace_all(value, |variable: &Captures<'_>| {
        let (place, key) = parts(variable);
        let found = lookups.get(&place).and_then(|known| known.get(&key));
        found.cloned().unwrap_or_else(|| variable[0].to_owned())
    });
    replaced.into_owned()
}

/// Puts the variables back into task configurations: whatever `connector` says with a variable is said so in `tasks`, too,
/// so that no secret is stored.
#[must_use]
pub fn with_variables_again(connector: &ConfigMap, tasks: Vec<ConfigMap>) -> Vec<ConfigMap> {
    let raw: Vec<(&String, &String)> = connector
        .iter()
        .filter(|(_, value)| ConfigProviders::has_variable(value))
        .collect();
    let mut tasks = tasks;
    for task in &mut tasks {
        for (key, value) in &raw {
            if let Some(known) = task.get_mut(*key) {
                (*value).clone_into(known);
            }
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn variables_of_files_directories_and_the_environment_are_resolved_and_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("s.properties"), "user=\u{fc}\npassword = p:w\n").unwrap();
        fs::write(path.join("token"), "t\n").unwrap();
        let (file, dir) = (path.join("s.properties"), path.display());
        let worker = Properties::from([
            ("config.providers", "file, dir,env,nothing"),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
            ("config.providers.dir.class", "DirectoryConfigProvider"),
            (
                "config.providers.env.class",
                "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
            ),
            ("config.providers.env.param.allowlist.pattern", "PA.*"),
        ]);
        let providers = ConfigProviders::from_worker(&worker).unwrap();
        let file = file.display();
        let resolve = |value: &str| providers.resolve(&map(&[("k", value)])).unwrap()["k"].clone();
        assert_eq!(
            resolve(&format!(
                "a ${{file:{file}:user}}/${{file:{file}:password}} b"
            )),
            "a \u{fc}/p:w b"
        );
        assert_eq!(resolve(&format!("${{dir:{dir}:token}}")), "t\n");
        assert_eq!(resolve("${env:PATH}"), std::env::var("PATH").unwrap());
        for stays in [
            "${env:HOME}",
            "${env:NOPE}",
            "${vault:a:b}",
            "${nothing:x}",
            "$x ${y}",
        ] {
            assert_eq!(resolve(stays), stays);
        }
        let missing = providers
            .resolve(&map(&[("k", "${file:/no/such:x}")]))
            .unwrap_err();
        assert_eq!(
            missing.to_string(),
            "Could not read properties from file /no/such"
        );
        let error = providers
            .resolve(&map(&[("k", "${env:path:PATH}")]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Path is not supported for EnvVarConfigProvider, invalid value 'path'"
        );
    }

    #[test]
    fn a_path_that_is_not_allowed_is_not_read() {
        let (allowed, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for directory in [&allowed, &other] {
            fs::write(directory.path().join("token"), "t").unwrap();
        }
        let worker = |paths: &str| {
            Properties::from([
                ("config.providers", "dir"),
                (
                    "config.providers.dir.class",
                    "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
                ),
                ("config.providers.dir.param.allowed.paths", paths),
            ])
        };
        let allowed_path = allowed.path().display().to_string();
        let providers = ConfigProviders::from_worker(&worker(&allowed_path)).unwrap();
        let resolve = |directory: &str| {
            let value = format!("${{dir:{directory}:token}}");
            providers.resolve(&map(&[("k", &value)])).unwrap()["k"].clone()
        };
        let other = other
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(resolve(&allowed_path), "t");
        assert!(resolve(&format!("{allowed_path}/../{other}")).starts_with("${dir"));
        let errors = ConfigProviders::from_worker(&worker("relative")).unwrap_err();
        assert_eq!(errors[0].to_string(), "Path relative is not absolute");
        let errors = ConfigProviders::from_worker(&worker("/no/such/path")).unwrap_err();
        assert_eq!(errors[0].to_string(), "Path /no/such/path does not exist");
    }

    #[test]
    fn a_provider_that_asks_kubernetes_can_be_named_but_not_used() {
        let worker = Properties::from([
            ("config.providers", "k"),
            (
                "config.providers.k.class",
                "io.strimzi.kafka.KubernetesSecretConfigProvider",
            ),
        ]);
        let providers = ConfigProviders::from_worker(&worker).unwrap();
        let unused = map(&[("topic", "t")]);
        assert_eq!(providers.resolve(&unused).unwrap(), unused);
        let used = map(&[("password", "${k:namespace/secret:password}")]);
        let error = providers.resolve(&used).unwrap_err().to_string();
        assert!(error.contains("namespace/secret: io.strimzi"), "{error}");
        assert!(error.contains("DirectoryConfigProvider"), "{error}");
    }

    #[test]
    fn an_unknown_class_is_refused_and_task_configurations_get_their_variables_back() {
        let worker = Properties::from([
            ("config.providers", "a"),
            ("config.providers.a.class", "x.Vault"),
        ]);
        let errors = ConfigProviders::from_worker(&worker).unwrap_err();
        assert!(
            errors[0]
                .to_string()
                .contains("Could not load config provider class"),
            "{errors:?}"
        );
        let connector = map(&[("password", "${file:f:p}"), ("topic", "t")]);
        let tasks = vec![map(&[("password", "secret"), ("topic", "u")])];
        assert_eq!(
            with_variables_again(&connector, tasks),
            [map(&[("password", "${file:f:p}"), ("topic", "u")])]
        );
    }
}
