//! What is right and wrong with configurations, as REST answers it.

use std::fs;

use super::*;
use crate::herder::entities::ConfigValueInfo;
use crate::herder::standalone::testing::plugins;
use crate::runtime::testing::TextConverter;

fn validator(policy: OverridePolicy) -> Validator {
    let worker = Properties::from([
        ("config.providers", "file"),
        ("config.providers.file.class", "FileConfigProvider"),
    ]);
    Validator::new(
        Arc::new(plugins()),
        policy,
        worker,
        Some("connect-taken".to_owned()),
    )
}

fn config(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn check(pairs: &[(&str, &str)], policy: OverridePolicy) -> Result<ConnectorSpec, String> {
    validator(policy)
        .check(config(pairs))
        .map_err(|error| error.to_string())
}

fn validate(pairs: &[(&str, Option<&str>)]) -> ConfigInfos {
    let pairs = pairs
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.map(str::to_owned)));
    validator(OverridePolicy::All)
        .validate(&pairs.collect())
        .unwrap()
}

fn value<'a>(infos: &'a ConfigInfos, key: &str) -> &'a ConfigValueInfo {
    &infos
        .configs
        .iter()
        .find(|config| config.value.name == key)
        .unwrap()
        .value
}

#[test]
fn a_valid_configuration_says_what_to_run() {
    let config = [
        ("name", "c"),
        ("connector.class", "Scripted"),
        ("tasks.max", "3"),
        ("steps", "ok"),
        ("other", "x"),
    ];
    let spec = check(&config, OverridePolicy::All).unwrap();
    assert_eq!(
        (spec.kind, spec.tasks_max, &*spec.version),
        (ConnectorType::Source, 3, "1.2")
    );
}

#[test]
fn a_class_is_needed_and_has_to_be_known() {
    assert_eq!(
        check(&[("name", "a")], OverridePolicy::All).unwrap_err(),
        "Connector config {name=a} contains no connector type"
    );
    let error = check(&[("connector.class", "Nope")], OverridePolicy::All).unwrap_err();
    assert!(error.contains(
        "Failed to find any class that implements Connector and which name matches Nope"
    ));
    assert!(error.contains("available connectors are: "), "{error}");
}

#[test]
fn every_complaint_is_in_one_answer() {
    let config = [
        ("connector.class", "Scripted"),
        ("tasks.max", "abc"),
        ("value.converter", "Nope"),
        ("producer.override.acks", "1"),
    ];
    let error = check(&config, OverridePolicy::None).unwrap_err();
    assert_eq!(
        error.lines().collect::<Vec<_>>(),
        [
            "Connector configuration is invalid and contains the following 6 error(s):",
            r#"Missing required configuration "name" which has no default value."#,
            "Invalid value abc for configuration tasks.max: Not a number of type INT",
            "Invalid value null for configuration tasks.max: Value must be non-null",
            "Invalid value Nope for configuration value.converter: Class Nope could not be found.",
            r#"Missing required configuration "steps" which has no default value."#,
            "The 'None' policy does not allow 'acks' to be overridden in the connector configuration.",
            "You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
        ]
    );
}

#[test]
fn validation_shows_every_key_with_its_value() {
    let infos = validate(&[
        ("connector.class", Some("Scripted")),
        ("tasks.max", Some(" 2 ")),
        ("steps", None),
    ]);
    assert_eq!(infos.name, "Scripted");
    assert_eq!(value(&infos, "tasks.max").value.as_deref(), Some("2"));
    assert_eq!(
        value(&infos, "errors.tolerance").value.as_deref(),
        Some("none")
    );
    assert_eq!(
        value(&infos, "steps").errors,
        ["Null value can not be supplied as the configuration value."]
    );
    assert_eq!(infos.groups[..3], ["Common", "Transforms", "Predicates"]);
    let version = value(&infos, "connector.plugin.version");
    assert_eq!(
        (
            version.value.as_deref(),
            version.recommended_values.as_slice()
        ),
        (Some("1.2"), ["1.2".to_owned()].as_slice())
    );
}

#[test]
fn another_version_than_the_one_there_is_a_complaint_about_two_keys() {
    let infos = validate(&[
        ("name", Some("a")),
        ("connector.class", Some("Scripted")),
        ("connector.plugin.version", Some("[2.0,)")),
    ]);
    assert_eq!(infos.error_count, 2);
    let why = &value(&infos, "connector.plugin.version").errors[0];
    assert!(
        why.ends_with("not found that matches the version range [2.0,), available versions: [1.2]"),
        "{why}"
    );
    let error = check(
        &[
            ("connector.class", "Scripted"),
            ("connector.plugin.version", "[2"),
        ],
        OverridePolicy::All,
    );
    assert_eq!(error.unwrap_err(), "Unbounded range: [2");
}

#[test]
fn a_resolved_secret_is_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.properties");
    fs::write(&file, "max=s3cret\nok=3\n").unwrap();
    let variable = |key: &str| format!("${{file:{}:{key}}}", file.display());
    let (wrong, right) = (variable("max"), variable("ok"));
    let infos = validate(&[
        ("name", Some("a")),
        ("connector.class", Some("Scripted")),
        ("tasks.max", Some(&wrong)),
        ("steps", Some(&right)),
    ]);
    let shown = serde_json::to_string(&infos).unwrap();
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(infos.error_count, 1);
    assert_eq!(
        value(&infos, "tasks.max").value.as_deref(),
        Some(wrong.as_str())
    );
    assert_eq!(
        value(&infos, "tasks.max").errors,
        [
            "Invalid value for configuration 'tasks.max': the value resolved from the config provider reference failed validation"
        ]
    );
    let pairs = [
        ("name", "a"),
        ("connector.class", "Scripted"),
        ("tasks.max", right.as_str()),
        ("steps", "ok"),
    ];
    let spec = check(&pairs, OverridePolicy::All).unwrap();
    assert_eq!(
        (spec.tasks_max, spec.config["tasks.max"].as_str()),
        (3, right.as_str())
    );
}

#[test]
fn a_resolved_secret_is_not_in_an_error_either() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.properties");
    fs::write(&file, "password=s3cret\n").unwrap();
    let secret = format!("${{file:{}:password}}", file.display());
    for key in [
        "connector.class",
        "connector.plugin.version",
        "key.converter.plugin.version",
        "producer.override.linger.ms",
    ] {
        let mut pairs = config(&[
            ("name", "a"),
            ("connector.class", "Scripted"),
            ("key.converter", "test.TextConverter"),
            ("steps", "ok"),
        ]);
        pairs.insert(key.to_owned(), secret.clone());
        let mut validator = validator(OverridePolicy::All);
        validator.plugins = Arc::new(plugins().converter::<TextConverter>());
        let error = validator.check(pairs).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(key) && !text.contains("s3cret"),
            "{key}: {text}"
        );
    }
}

#[test]
fn stages_are_not_there_yet_and_have_keys_all_the_same() {
    let infos = validate(&[
        ("name", Some("a")),
        ("connector.class", Some("Scripted")),
        ("steps", Some("ok")),
        ("transforms", Some("x, y")),
        ("transforms.y.type", Some("Cast")),
    ]);
    assert_eq!(
        value(&infos, "transforms.x.type").errors,
        [r#"Missing required configuration "transforms.x.type" which has no default value."#]
    );
    assert!(
        value(&infos, "transforms.y.type").errors[0].ends_with("Class Cast could not be found.")
    );
    assert!(infos.groups.contains(&"Transforms: x".to_owned()));
    assert_eq!(value(&infos, "transforms").errors.len(), 1);
}

#[test]
fn names_of_stages_that_a_variable_stands_for_are_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("s.properties");
    fs::write(&file, "names=s3cret\n").unwrap();
    let names = format!("${{file:{}:names}}", file.display());
    let infos = validate(&[
        ("name", Some("a")),
        ("connector.class", Some("Scripted")),
        ("steps", Some("ok")),
        ("transforms", Some(&names)),
    ]);
    let shown = serde_json::to_string(&infos).unwrap();
    assert!(!shown.contains("s3cret"), "{shown}");
    assert_eq!(
        value(&infos, "transforms").value.as_deref(),
        Some(names.as_str())
    );
    assert_eq!(infos.error_count, 1);
}

#[test]
fn what_is_not_there_yet_is_a_complaint_about_its_key() {
    let infos = validate(&[
        ("name", Some("a")),
        ("connector.class", Some("Scripted")),
        ("steps", Some("ok")),
        ("errors.tolerance", Some("all")),
        ("errors.retry.timeout", Some("0")),
        ("offsets.storage.topic", Some("mine")),
        ("producer.override.interceptor.classes", Some("a.B")),
    ]);
    for key in [
        "errors.tolerance",
        "offsets.storage.topic",
        "producer.override.interceptor.classes",
    ] {
        let errors = &value(&infos, key).errors;
        assert_eq!(errors.len(), 1, "{key}");
        assert!(
            errors[0].contains(&format!("for configuration {key}: ")),
            "{errors:?}"
        );
    }
    assert_eq!(infos.error_count, 3);
}

#[test]
fn a_plugins_keys_come_before_the_workers() {
    let validator = validator(OverridePolicy::All);
    let keys = validator.plugin_config("Scripted", None).unwrap();
    let place = |name: &str| keys.iter().position(|key| key.name == name).unwrap();
    assert_eq!(place("steps"), 0);
    assert!(place("task.configs") < place("name"));
    assert_eq!(
        validator.plugin_config("Nope", None).unwrap_err(),
        HerderError::NotFound("Unknown plugin Nope.".to_owned())
    );
    assert_eq!(
        validator.plugin_config("Scripted", Some("[1")).unwrap_err(),
        HerderError::BadRequest("Invalid version specification: [1".to_owned())
    );
}

#[test]
fn a_source_is_asked_whether_it_can_do_what_transactions_need() {
    let infos = validate(&[
        ("name", Some("c")),
        ("connector.class", Some("Scripted")),
        ("steps", Some("ok")),
        ("exactly.once.support", Some("REQUIRED")),
        ("transaction.boundary", Some("connector")),
    ]);
    let errors = &value(&infos, "exactly.once.support").errors;
    assert!(errors[0].contains("does not have exactly-once source support enabled"));
    assert!(errors[1].starts_with("The connector does not implement the API required"));
    assert_eq!(errors.len(), 2);
    let errors = &value(&infos, "transaction.boundary").errors;
    assert!(errors[0].starts_with("The connector does not support connector-defined"));
    assert_eq!(errors.len(), 1);
}

/// What is said about one key of a connector that is fine otherwise.
fn complaints(key: &str, given: Option<&str>) -> Vec<String> {
    let mut pairs = vec![
        ("name", Some("a")),
        ("connector.class", Some("Scripted")),
        ("steps", Some("ok")),
    ];
    pairs.push((key, given));
    let infos = validate(&pairs);
    value(&infos, key).errors.clone()
}

#[test]
fn numbers_names_and_versions_are_complained_about_in_javas_words() {
    assert_eq!(
        complaints("tasks.max", Some("-1")),
        ["Invalid value -1 for configuration tasks.max: Value must be at least 1"]
    );
    let null = "Null value can not be supplied as the configuration value.";
    assert_eq!(
        complaints("transaction.boundary", None),
        [
            "Invalid value null for configuration transaction.boundary: String must be one of (case insensitive): INTERVAL, \
             POLL, CONNECTOR",
            null
        ]
    );
    assert_eq!(
        complaints("errors.tolerance", None),
        [
            "Invalid value null for configuration errors.tolerance: String must be one of: none, all",
            null
        ]
    );
    for key in [
        "key.converter.plugin.version",
        "header.converter.plugin.version",
    ] {
        assert_eq!(complaints(key, Some("[1")), ["Unbounded range: [1"]);
        assert_eq!(complaints(key, Some("latest")), [""; 0]);
    }
}

#[test]
fn a_version_that_is_none_is_complained_about_once_whoever_is_converted_by() {
    let mut validator = validator(OverridePolicy::All);
    validator.plugins = Arc::new(plugins().converter::<TextConverter>());
    let pairs = config(&[
        ("name", "a"),
        ("connector.class", "Scripted"),
        ("steps", "ok"),
        ("key.converter", "test.TextConverter"),
        ("key.converter.plugin.version", "[1"),
    ]);
    let pairs = pairs.into_iter().map(|(key, value)| (key, Some(value)));
    let infos = validator.validate(&pairs.collect()).unwrap();
    assert_eq!(infos.error_count, 1);
    assert_eq!(value(&infos, "key.converter").errors, [""; 0]);
}
