//! Plugins that do what a test's configuration says.

use std::future::pending;

use kconnect_client::config;
use kconnect_client::config::Properties;

use crate::api::{ConfigError, ConfigKey};
use crate::api::{
    ConnectError, Plugin, Plugins, SourceConnector, SourceConnectorContext, SourceRecord,
    SourceTask, SourceTaskContext, TaskError,
};

config! {
    /// Configuration of the scripted source.
    ScriptedConfig {
        "" {
            /// What the connector does when it is started: `ok`, `fail`, `panic`, `hang`.
            High "steps" => steps: String;
            /// What it does when it is asked for tasks.
            Low "task.configs" => task_configs: String = "ok".to_owned();
        }
    }
}

/// The built-in plugins and a scripted source.
pub(crate) fn plugins() -> Plugins {
    Plugins::new().source::<Scripted>()
}

/// A source connector that does what its configuration says, and has no tasks.
pub(crate) struct Scripted {
    config: ScriptedConfig,
}

async fn play(step: &str) -> Result<(), ConnectError> {
    match step {
        "ok" => Ok(()),
        "panic" => panic!("as the script says"),
        "hang" => pending().await,
        other => Err(ConnectError::new(other)),
    }
}

impl Plugin for Scripted {
    const CLASS: &'static str = "test.ScriptedConnector";
    const VERSION: &'static str = "1.2";

    fn config_keys() -> &'static [ConfigKey] {
        ScriptedConfig::KEYS
    }

    fn validate(config: &Properties) -> Vec<ConfigError> {
        assert!(
            config.get("steps") != Some("panic in validation"),
            "as the script says"
        );
        Vec::new()
    }
}

impl SourceConnector for Scripted {
    type Task = NoTask;

    async fn start(
        context: SourceConnectorContext,
        mut config: Properties,
    ) -> Result<Self, ConnectError> {
        let config = ScriptedConfig::from_properties(&mut config)?;
        play(&config.steps).await?;
        if config.task_configs == "twice" {
            context.connector().request_task_reconfiguration();
        }
        Ok(Self { config })
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        if self.config.task_configs != "twice" {
            play(&self.config.task_configs).await?;
        }
        Ok(Vec::new())
    }
}

/// Never started.
pub(crate) struct NoTask;

impl SourceTask for NoTask {
    async fn start(_: SourceTaskContext, _: Properties) -> Result<Self, TaskError> {
        Ok(Self)
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        pending().await
    }
}
