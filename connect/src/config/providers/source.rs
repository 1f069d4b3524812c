//! The providers themselves: a property file, a directory with one file per value, the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kconnect_client::config::Properties;
use regex::Regex;
use tracing::{error, warn};

use super::ProviderError;
use crate::config::{connector::whole_match, parse_properties};

/// The largest file that is read, in bytes: secrets are small.
const FILE_MAX: u64 = 16 << 20;

/// Where values come from.
pub(super) enum Source {
    /// `FileConfigProvider`: a path is a property file in UTF-8.
    File(AllowedPaths),
    /// `DirectoryConfigProvider`: a path is a directory, a key a file in it.
    Directory(AllowedPaths),
    /// `EnvVarConfigProvider`: a key is a variable whose name matches.
    Environment(Option<Regex>),
    /// A provider by this name that asks Kubernetes, which we cannot. Operators name one in every worker's file, used or not.
    Kubernetes(String),
}

impl Source {
    /// The provider of a class, by its full or simple name; `None` if there is none.
    pub(super) fn new(class: &str, parameters: &Properties) -> Option<Result<Self, String>> {
        let simple = class
            .strip_prefix("org.apache.kafka.common.config.provider.")
            .unwrap_or(class);
        let paths = || AllowedPaths::parse(parameters.get("allowed.paths"));
        Some(match simple {
            "FileConfigProvider" => paths().map(Self::File),
            "DirectoryConfigProvider" => paths().map(Self::Directory),
            "EnvVarConfigProvider" => pattern(parameters).map(Self::Environment),
            "io.strimzi.kafka.KubernetesSecretConfigProvider"
            | "io.strimzi.kafka.KubernetesConfigMapConfigProvider" => {
                Ok(Self::Kubernetes(simple.to_owned()))
            }
            _ => return None,
        })
    }

    /// The values of `keys` at `path`, as far as they are there.
    pub(super) fn get(
        &self,
        path: &str,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, ProviderError> {
        match self {
            Self::Environment(allowed) => environment(allowed.as_ref(), path, keys),
            Self::Kubernetes(class) => Err(not_here(class, path)),
            Self::File(_) | Self::Directory(_) if path.is_empty() => Ok(BTreeMap::new()),
            Self::File(paths) => match paths.check(path) {
                Some(file) => properties(&file, path, keys),
                None => Ok(not_allowed(path)),
            },
            Self::Directory(paths) => match paths.check(path) {
                Some(directory) => files(&directory, keys),
                None => Ok(not_allowed(path)),
            },
        }
    }
}

fn not_here(class: &str, path: &str) -> ProviderError {
    ProviderError(format!(
        "Could not read {path}: {class} asks Kubernetes, which this worker cannot do. Mount it into the pod and read it \
         with DirectoryConfigProvider"
    ))
}

fn not_allowed(path: &str) -> BTreeMap<String, String> {
    warn!("The path {path} is not allowed to be accessed");
    BTreeMap::new()
}

fn pattern(parameters: &Properties) -> Result<Option<Regex>, String> {
    let Some(pattern) = parameters.get("allowlist.pattern") else {
        return Ok(None);
    };
    whole_match(pattern)
        .map(Some)
        .map_err(|error| format!("Invalid value {pattern} for allowlist.pattern: {error}"))
}

fn environment(
    allowed: Option<&Regex>,
    path: &str,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    if !path.is_empty() {
        return Err(ProviderError(format!(
            "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
        )));
    }
    let is_allowed = |key: &&String| allowed.is_none_or(|pattern| pattern.is_match(key));
    let found = keys
        .iter()
        .filter(is_allowed)
        .filter_map(|key| Some((key.clone(), std::env::var(key).ok()?)));
    Ok(found.collect())
}

fn properties(
    file: &Path,
    shown: &str,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    let failed = |why: &dyn std::fmt::Display| {
        error!("Could not read properties from file {shown}: {why}");
        ProviderError(format!("Could not read properties from file {shown}"))
    };
    let text = read(file).map_err(|why| failed(&why))?;
    let found = parse_properties(file, escaped(&text).as_bytes()).map_err(|why| failed(&why))?;
    let wanted = keys
        .iter()
        .filter_map(|key| Some((key.clone(), found.get(key)?.to_owned())));
    Ok(wanted.collect())
}

/// The text in the form that property files have elsewhere: everything beyond ASCII as `\uxxxx`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

fn files(
    directory: &Path,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, ProviderError> {
    if !directory.is_dir() {
        warn!("The path {} is not a directory", directory.display());
        return Ok(BTreeMap::new());
    }
    let mut found = BTreeMap::new();
    for key in keys {
        let file = directory.join(key);
        // A key is a name, not a way out of the directory.
        let is_name = Path::new(key).components().count() == 1
            && file.file_name().is_some_and(|name| name == key.as_str());
        if is_name && file.is_file() {
            let text = read(&file).map_err(|why| {
                let file = file.display();
                error!("Could not read file {file} for property {key}: {why}");
                ProviderError(format!("Could not read file {file} for property {key}"))
            })?;
            found.insert(key.clone(), text);
        }
    }
    Ok(found)
}

fn read(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > FILE_MAX {
        return Err("it is larger than 16 MiB".to_owned());
    }
    fs::read_to_string(file).map_err(|error| error.to_string())
}

/// The paths that a provider may read; all of them if none are named.
pub(super) struct AllowedPaths(Option<Vec<PathBuf>>);

impl AllowedPaths {
    fn parse(value: Option<&str>) -> Result<Self, String> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(Self(None));
        };
        let mut paths = Vec::new();
        for path in value.split(',').map(Path::new) {
            if !path.is_absolute() {
                return Err(format!("Path {} is not absolute", path.display()));
            }
            let real = path.canonicalize();
            paths.push(real.map_err(|_| format!("Path {} does not exist", path.display()))?);
        }
        Ok(Self(Some(paths)))
    }

    /// The path that `path` really is, if it may be read.
    fn check(&self, path: &str) -> Option<PathBuf> {
        let Some(allowed) = &self.0 else {
            return Some(PathBuf::from(path));
        };
        let real = Path::new(path).canonicalize().ok()?;
        allowed
            .iter()
            .any(|allowed| real.starts_with(allowed))
            .then_some(real)
    }
}
