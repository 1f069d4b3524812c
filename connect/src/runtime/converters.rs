//! A task's converters: those that its connector names, with its keys, or else the worker's, with the worker's keys.

use std::error::Error as _;

use kconnect_client::config::Properties;
use tracing::info;

use super::worker::WorkerContext;
use crate::api::{ConnectError, Converter, HeaderConverter, Role};

/// What turns a task's records into bytes and back.
pub(super) struct Converters {
    pub(super) key: Box<dyn Converter>,
    pub(super) value: Box<dyn Converter>,
    pub(super) header: Box<dyn HeaderConverter>,
}

/// Which converter, and its configuration.
struct Choice<'a> {
    class: &'a str,
    config: Properties,
}

/// The connector's choice for `key`, or else the worker's. Their keys are never mixed.
fn choose<'a>(
    context: &'a WorkerContext,
    connector: &'a Properties,
    key: &'static str,
    worker: &'a str,
) -> Choice<'a> {
    let prefix = format!("{key}.");
    let (class, config, whose) = match connector.get(key) {
        Some(class) => (class, connector.scoped(&prefix), "connector"),
        None => (worker, context.properties.scoped(&prefix), "worker"),
    };
    info!(class, "set up the {key} using the {whose} config");
    Choice {
        class: class.trim(),
        config,
    }
}

impl Converters {
    /// The converters of a task of a connector with this configuration.
    ///
    /// # Errors
    ///
    /// When a class is not there or does not like its configuration.
    pub(super) fn new(
        context: &WorkerContext,
        connector: &Properties,
    ) -> Result<Self, ConnectError> {
        let plugins = &context.plugins;
        let record = |key, worker, role| -> Result<Box<dyn Converter>, ConnectError> {
            let Choice { class, config } = choose(context, connector, key, worker);
            let found = plugins
                .find_converter(class)
                .map_err(|_| no_such_class(key, class))?;
            Ok(found.create(&config, role)?)
        };
        let key = record("key.converter", &context.config.key_converter, Role::Key)?;
        let value = record(
            "value.converter",
            &context.config.value_converter,
            Role::Value,
        )?;
        let name = "header.converter";
        let Choice { class, config } =
            choose(context, connector, name, &context.config.header_converter);
        let found = plugins
            .find_header_converter(class)
            .map_err(|_| no_such_class(name, class))?;
        Ok(Self {
            key,
            value,
            header: found.create(&config)?,
        })
    }
}

/// A record that cannot be converted fails its task: the words are Kafka Connect's, and so are those of the cause.
pub(super) fn not_tolerated(problem: &ConnectError, what: &str) -> ConnectError {
    let cause = ConnectError::of(problem.kind(), format!("{what}: {problem}"));
    let cause = match problem.source() {
        Some(source) => cause.caused_by(source.to_string()),
        None => cause,
    };
    ConnectError::new("Tolerance exceeded in error handler").caused_by(cause)
}

fn no_such_class(key: &str, class: &str) -> ConnectError {
    ConnectError::new(format!(
        "Invalid value {class} for configuration {key}: Class {class} could not be found."
    ))
}
