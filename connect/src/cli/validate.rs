//! `kconnect validate`: the whole check of configuration files, without starting anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kconnect_client::config::Properties;

use crate::api::Plugins;
use crate::config::{DistributedConfig, StandaloneConfig, read_properties};
use crate::herder::validate::Validator;
use crate::worker::connector_file;
use crate::worker::settings::Settings;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// A line per file, and a line per complaint under it.
    pub(super) text: String,
    /// Whether anything is wrong.
    pub(super) is_wrong: bool,
}

impl Findings {
    fn add(&mut self, file: &Path, what: &str, complaints: &[String]) {
        let file = file.display();
        if complaints.is_empty() {
            self.text.push_str(&format!("{file}: a valid {what}\n"));
            return;
        }
        self.is_wrong = true;
        self.text.push_str(&format!(
            "{file}: {} error(s) in this {what}\n",
            complaints.len()
        ));
        for complaint in complaints {
            self.text
                .push_str(&format!("  {}\n", complaint.replace('\n', "\n  ")));
        }
    }
}

/// Checks all files: those of workers, and those of connectors, which are held against the first worker among them.
pub(super) fn check(files: &[PathBuf], plugins: Plugins) -> Findings {
    let mut findings = Findings::default();
    let plugins = Arc::new(plugins);
    let (workers, connectors): (Vec<&PathBuf>, Vec<&PathBuf>) =
        files.iter().partition(|file| is_worker(file));
    let mut against = None;
    for file in workers {
        let validator = worker(&mut findings, file, &plugins);
        against = against.or(validator);
    }
    let against = against.unwrap_or_else(|| {
        let policy = crate::config::OverridePolicy::All;
        Validator::new(Arc::clone(&plugins), policy, Properties::new(), None)
    });
    for file in connectors {
        let complaints = match connector_file::read(file) {
            Ok(put) => connector(&against, put.config),
            Err(why) => vec![why],
        };
        findings.add(file, "connector configuration", &complaints);
    }
    findings
}

/// Whether the file is a worker's: a property file with a key that only workers have.
fn is_worker(file: &Path) -> bool {
    read_properties(file).is_ok_and(|properties| {
        let only_workers = [
            "bootstrap.servers",
            "offset.storage.file.filename",
            "group.id",
            "config.storage.topic",
        ];
        !properties.contains("connector.class")
            && only_workers.iter().any(|key| properties.contains(key))
    })
}

/// Checks a worker's file; what its connectors can be held against, if it is fine.
fn worker(findings: &mut Findings, file: &Path, plugins: &Arc<Plugins>) -> Option<Validator> {
    let properties = match read_properties(file) {
        Ok(properties) => properties,
        Err(error) => {
            findings.add(file, "worker configuration", &[error.to_string()]);
            return None;
        }
    };
    let texts = |errors: Vec<kconnect_client::config::ConfigError>| -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    };
    // Only a standalone worker has that file.
    let checked = if properties.contains("offset.storage.file.filename") {
        Settings::from_properties(
            &properties,
            plugins,
            StandaloneConfig::from_properties,
            |config| &config.worker,
        )
        .map(|settings| (settings.override_policy, settings.properties, None))
    } else {
        Settings::from_properties(
            &properties,
            plugins,
            DistributedConfig::from_properties,
            |config| &config.worker,
        )
        .map(|settings| {
            (
                settings.override_policy,
                settings.properties,
                Some(settings.config.group_id),
            )
        })
    };
    let what = "worker configuration";
    match checked {
        Ok((policy, properties, group)) => {
            findings.add(file, what, &[]);
            Some(Validator::new(
                Arc::clone(plugins),
                policy,
                properties,
                group,
            ))
        }
        Err(errors) => {
            findings.add(file, what, &texts(errors));
            None
        }
    }
}

fn connector(against: &Validator, config: crate::herder::entities::ConfigMap) -> Vec<String> {
    let config = config.into_iter().map(|(key, value)| (key, Some(value)));
    match against.validate(&config.collect()) {
        Ok(infos) => infos
            .configs
            .into_iter()
            .flat_map(|config| config.value.errors)
            .collect(),
        Err(error) => vec![error.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_error_of_every_file_is_listed() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let worker =
            "bootstrap.servers=a:1\nkey.converter=JsonConverter\nvalue.converter=JsonConverter\n";
        let files = [
            file(
                "good.properties",
                &format!(
                    "{worker}offset.storage.file.filename=/tmp/o\nconnector.client.config.override.policy=None\n"
                ),
            ),
            file(
                "bad.properties",
                &format!("{worker}group.id=g\nconnect.protocol=lazy\nlisteners=foo\n"),
            ),
            file(
                "c.json",
                r#"{"name":"c","connector.class":"FileStreamSource","topic":"t","producer.override.acks":"1"}"#,
            ),
            file(
                "d.properties",
                "name=d\nconnector.class=FileStreamSink\ntasks.max=0\n",
            ),
            directory.path().join("missing"),
        ];
        let findings = check(&files, Plugins::builtin());
        assert!(findings.is_wrong);
        for expected in [
            "good.properties: a valid worker configuration\n",
            "bad.properties: 2 error(s) in this worker configuration\n",
            "  Invalid value lazy for configuration connect.protocol: Invalid Connect protocol compatibility\n",
            "c.json: 1 error(s) in this connector configuration\n  The 'None' policy does not allow 'acks'",
            "d.properties: 3 error(s) in this connector configuration\n",
            "missing: 1 error(s)",
        ] {
            assert!(
                findings.text.contains(expected),
                "{expected:?} is not in\n{}",
                findings.text
            );
        }
        assert!(!check(&files[..1], Plugins::builtin()).is_wrong);
    }
}
