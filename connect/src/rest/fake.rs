//! A herder in memory, so that the REST API can be tested without anything that runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::herder::entities::{
    ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigMap, ConfigValueInfo, ConnectorInfo,
    ConnectorOffset, ConnectorOffsets, ConnectorState, ConnectorStateInfo, ConnectorType, Message,
    PluginInfo, ServerInfo, TaskState,
};
use crate::herder::{
    Answer, ClusterView, ConnectorTaskId, ConnectorView, Herder, HerderError, InternalRequest, Put,
    PutConnector, RestartRequest, Stage, State, TargetState,
};

/// Answers reads from a view, notes orders, and answers those with what the test says.
#[derive(Debug, Default)]
pub(super) struct FakeHerder {
    view: Mutex<Arc<ClusterView>>,
    orders: Mutex<Vec<String>>,
    error: Mutex<Option<HerderError>>,
    hangs: Mutex<bool>,
}

impl FakeHerder {
    /// One source with one task that runs, and one sink without a status yet.
    pub(super) fn with_two_connectors() -> Arc<Self> {
        let herder = Self::default();
        let mut view = ClusterView::default();
        view.connectors.insert("src".into(), Arc::new(source()));
        view.connectors.insert("new sink".into(), Arc::new(sink()));
        *herder.view.lock().unwrap() = Arc::new(view);
        Arc::new(herder)
    }

    pub(super) fn set_starting(&self, doing: &str) {
        let mut view = self.view.lock().unwrap();
        Arc::make_mut(&mut view).starting = Some(Stage {
            doing: doing.to_owned(),
        });
    }

    pub(super) fn fail_with(&self, error: HerderError) {
        *self.error.lock().unwrap() = Some(error);
    }

    pub(super) fn hang(&self) {
        *self.hangs.lock().unwrap() = true;
    }

    pub(super) fn orders(&self) -> Vec<String> {
        std::mem::take(&mut self.orders.lock().unwrap())
    }

    fn order<T: Send + 'static>(&self, order: String, answer: T) -> Answer<'_, T> {
        self.orders.lock().unwrap().push(order);
        let hangs = *self.hangs.lock().unwrap();
        let answer = self.error.lock().unwrap().clone().map_or(Ok(answer), Err);
        Box::pin(async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            answer
        })
    }
}

fn config(pairs: &[(&str, &str)]) -> Arc<ConfigMap> {
    Arc::new(
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    )
}

fn running(trace: Option<&str>) -> ConnectorState {
    ConnectorState {
        state: if trace.is_some() {
            State::Failed
        } else {
            State::Running
        },
        worker_id: "127.0.0.1:8083".into(),
        version: Some("1.0".into()),
        trace: trace.map(Into::into),
    }
}

fn source() -> ConnectorView {
    ConnectorView {
        kind: ConnectorType::Source,
        config: config(&[("name", "src"), ("topic", "t")]),
        tasks: vec![config(&[
            ("task.class", "FileStreamSourceTask"),
            ("topic", "t"),
        ])],
        status: Some(Arc::new(ConnectorStateInfo {
            name: "src".into(),
            connector: running(None),
            tasks: vec![TaskState {
                id: 0,
                state: running(Some("java.io.IOException: gone")),
            }],
            kind: ConnectorType::Source,
        })),
        topics: vec!["t".into()],
    }
}

fn sink() -> ConnectorView {
    ConnectorView {
        kind: ConnectorType::Sink,
        config: config(&[("name", "new sink")]),
        tasks: Vec::new(),
        status: None,
        topics: Vec::new(),
    }
}

impl Herder for FakeHerder {
    fn server_info(&self) -> ServerInfo {
        ServerInfo {
            version: "4.3.0".to_owned(),
            commit: "abc".to_owned(),
            kafka_cluster_id: Some("YYow90swxNLZ9DUSgqXXBw".to_owned()),
        }
    }

    fn view(&self) -> Arc<ClusterView> {
        Arc::clone(&self.view.lock().unwrap())
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.order("ping".to_owned(), ())
    }

    fn plugins(&self, connectors_only: bool) -> Vec<PluginInfo> {
        let plugin = |class: &str, kind: &str| PluginInfo {
            class: class.to_owned(),
            kind: kind.to_owned(),
            version: Some("1.0".to_owned()),
        };
        let mut plugins = vec![plugin("a.Sink", "sink")];
        if !connectors_only {
            plugins.push(plugin("a.Json", "converter"));
        }
        plugins
    }

    fn put_connector(&self, put: PutConnector) -> Answer<'_, Put> {
        let PutConnector {
            name,
            config,
            initial_state,
            allow_replace,
        } = put;
        let state = initial_state.map_or_else(|| "-".to_owned(), |state| state.to_string());
        let order = format!("put {name} {config:?} {state} replace={allow_replace}");
        let info = ConnectorInfo {
            name,
            config: Arc::new(config),
            tasks: Vec::new(),
            kind: ConnectorType::Source,
        };
        self.order(
            order,
            Put {
                created: !allow_replace,
                info,
            },
        )
    }

    fn patch_connector(
        &self,
        name: Arc<str>,
        patch: BTreeMap<String, Option<String>>,
    ) -> Answer<'_, ConnectorInfo> {
        let order = format!("patch {name} {patch:?}");
        self.order(order, source().info(&name))
    }

    fn delete_connector(&self, name: Arc<str>) -> Answer<'_, ()> {
        self.order(format!("delete {name}"), ())
    }

    fn set_target_state(&self, name: Arc<str>, target: TargetState) -> Answer<'_, ()> {
        self.order(format!("target {name} {target}"), ())
    }

    fn restart_connector(&self, name: Arc<str>) -> Answer<'_, ()> {
        self.order(format!("restart {name}"), ())
    }

    fn restart_connector_and_tasks(
        &self,
        request: RestartRequest,
    ) -> Answer<'_, ConnectorStateInfo> {
        let RestartRequest {
            name,
            only_failed,
            include_tasks,
        } = request;
        let order = format!("restart {name} failed={only_failed} tasks={include_tasks}");
        let status = source().status.map(Arc::unwrap_or_clone);
        self.order(order, status.expect("the source has one"))
    }

    fn restart_task(&self, id: ConnectorTaskId) -> Answer<'_, ()> {
        self.order(format!("restart {id}"), ())
    }

    fn reset_topics(&self, name: Arc<str>) -> Answer<'_, ()> {
        self.order(format!("reset topics {name}"), ())
    }

    fn tracks_topics(&self) -> bool {
        true
    }

    fn validate(&self, config: BTreeMap<String, Option<String>>) -> Answer<'_, ConfigInfos> {
        let null = |(name, value): (&String, &Option<String>)| {
            if value.is_some() {
                return None;
            }
            let why = "Null value can not be supplied as the configuration value.";
            let value = ConfigValueInfo {
                name: name.clone(),
                value: None,
                recommended_values: Vec::new(),
                errors: vec![why.to_owned()],
                visible: true,
            };
            let definition = None;
            Some(ConfigInfo { definition, value })
        };
        let configs: Vec<ConfigInfo> = config.iter().filter_map(null).collect();
        let infos = ConfigInfos {
            name: "a.Sink".to_owned(),
            error_count: configs.len(),
            groups: Vec::new(),
            configs,
        };
        self.order(format!("validate {config:?}"), infos)
    }

    fn plugin_config(
        &self,
        plugin: &str,
        version: Option<&str>,
    ) -> Result<Vec<ConfigKeyInfo>, HerderError> {
        let order = format!("plugin config {plugin} {version:?}");
        self.orders.lock().unwrap().push(order);
        Ok(Vec::new())
    }

    fn connector_offsets(&self, name: Arc<str>) -> Answer<'_, ConnectorOffsets> {
        let offset = ConnectorOffset {
            partition: Some([("filename".to_owned(), "f".into())].into_iter().collect()),
            offset: None,
        };
        let offsets = ConnectorOffsets {
            offsets: vec![offset],
        };
        self.order(format!("offsets {name}"), offsets)
    }

    fn alter_offsets(&self, name: Arc<str>, offsets: ConnectorOffsets) -> Answer<'_, Message> {
        let order = format!("alter offsets {name} {}", offsets.offsets.len());
        self.order(order, message())
    }

    fn reset_offsets(&self, name: Arc<str>) -> Answer<'_, Message> {
        self.order(format!("reset offsets {name}"), message())
    }

    fn set_cluster_log_level(&self, namespace: String, level: String) -> Answer<'_, ()> {
        self.order(format!("level {namespace} {level}"), ())
    }

    fn put_task_configs(
        &self,
        name: Arc<str>,
        configs: Vec<ConfigMap>,
        request: InternalRequest,
    ) -> Answer<'_, ()> {
        self.order(format!("tasks {name} {configs:?} {request:?}"), ())
    }

    fn fence_zombies(&self, name: Arc<str>, request: InternalRequest) -> Answer<'_, ()> {
        self.order(format!("fence {name} {request:?}"), ())
    }
}

fn message() -> Message {
    Message {
        message: "done".to_owned(),
    }
}
