//! Whole workers in one process, over an embedded broker: their topics, their group, their orders.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kconnect_broker::{Broker, Options};
use kconnect_client::config::Properties;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::peers::{Peers, Signature};
use super::{Control, Settings, start};
use crate::api::{
    BoxFuture, ConfigKey, ConnectError, Plugin, Plugins, SourceConnector, SourceConnectorContext,
    SourceRecord, SourceTask, SourceTaskContext, TaskError,
};
use crate::config::{DistributedConfig, OverridePolicy};
use crate::herder::entities::{ConfigMap, ConnectorStateInfo, ServerInfo};
use crate::herder::{
    ClusterView, Herder, HerderError, HerderHandle, InternalRequest, PutConnector, RestartRequest,
};
use crate::runtime::testing::{TestHeaderConverter, TextConverter, config, soon, unique};
use crate::runtime::{ConnectorTaskId, State, TargetState};

/// A source with as many tasks as it may have, none of which ever has a record.
struct Idle {
    properties: Properties,
}

impl Plugin for Idle {
    const CLASS: &'static str = "test.IdleSource";
    const VERSION: &'static str = "1.0";

    fn config_keys() -> &'static [ConfigKey] {
        &[]
    }
}

impl SourceConnector for Idle {
    type Task = IdleTask;

    async fn start(
        _: SourceConnectorContext,
        properties: Properties,
    ) -> Result<Self, ConnectError> {
        Ok(Self { properties })
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        let task = |number: usize| {
            let mut properties = self.properties.clone();
            properties.set("number", number.to_string());
            properties
        };
        Ok((0..max_tasks).map(task).collect())
    }
}

/// How many tasks of each connector are there, on whichever worker.
static ALIVE: LazyLock<watch::Sender<BTreeMap<String, usize>>> =
    LazyLock::new(|| watch::Sender::new(BTreeMap::new()));

struct IdleTask(String);

impl SourceTask for IdleTask {
    async fn start(_: SourceTaskContext, properties: Properties) -> Result<Self, TaskError> {
        if let Some(why) = properties.get("fail") {
            return Err(TaskError::failed(why));
        }
        let name = properties.get("alive").unwrap_or_default().to_owned();
        ALIVE.send_modify(|alive| *alive.entry(name.clone()).or_default() += 1);
        Ok(Self(name))
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        // A source that never comes back could not be paused.
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(Vec::new())
    }
}

impl Drop for IdleTask {
    fn drop(&mut self) {
        ALIVE.send_modify(|alive| *alive.entry(self.0.clone()).or_default() -= 1);
    }
}

/// Waits until this many tasks are there of the connector that has the name for its key `alive`.
async fn until_alive(name: &str, count: usize) {
    let mut alive = ALIVE.subscribe();
    let reached = alive.wait_for(|alive| alive.get(name).copied().unwrap_or(0) == count);
    soon(reached).await.unwrap();
}

/// Workers reach each other by their names.
#[derive(Debug, Default)]
struct Directory(Mutex<HashMap<String, HerderHandle>>);

impl Directory {
    fn get(&self, url: &str) -> Option<HerderHandle> {
        self.0.lock().unwrap().get(url).cloned()
    }
}

#[derive(Debug, Clone)]
struct LocalPeers(Arc<Directory>);

impl Peers for LocalPeers {
    fn post(
        &self,
        url: String,
        body: Vec<u8>,
        signature: Option<Signature>,
    ) -> BoxFuture<'_, Result<(), HerderError>> {
        Box::pin(async move {
            let (worker, path) = url.split_once("connectors/").unwrap();
            let name = path.strip_suffix("/tasks").unwrap();
            let gone = || HerderError::Internal("nobody is there".to_owned());
            let herder = self.0.get(worker).ok_or_else(gone)?;
            let configs: Vec<ConfigMap> = serde_json::from_slice(&body).unwrap();
            let (signature, algorithm) = signature
                .map(|signed| (signed.signature, signed.algorithm.to_owned()))
                .unzip();
            let request = InternalRequest {
                body: Bytes::from(body),
                signature,
                algorithm,
            };
            herder.put_task_configs(name.into(), configs, request).await
        })
    }
}

/// An embedded broker's options, at a port that is free.
fn without_a_port() -> Options {
    let mut options = Options::default();
    options.listen.set_port(0);
    options
}

struct Cluster {
    broker: Broker,
    directory: Arc<Directory>,
    workers: BTreeMap<String, HerderHandle>,
    controls: BTreeMap<String, Control>,
    more: Vec<(&'static str, &'static str)>,
}

impl Cluster {
    async fn of(workers: &[&str]) -> Self {
        Self::with(workers, &[]).await
    }

    async fn with(workers: &[&str], more: &[(&'static str, &'static str)]) -> Self {
        Self::over(without_a_port(), workers, more).await
    }

    async fn over(
        options: Options,
        workers: &[&str],
        more: &[(&'static str, &'static str)],
    ) -> Self {
        let mut cluster = Self {
            broker: Broker::start(options).await.unwrap(),
            directory: Arc::default(),
            workers: BTreeMap::new(),
            controls: BTreeMap::new(),
            more: more.to_vec(),
        };
        workers.iter().for_each(|name| cluster.add(name));
        cluster
    }

    fn properties(&self) -> Properties {
        let mut properties = Properties::from([
            (
                "bootstrap.servers",
                self.broker.bootstrap_servers().as_str(),
            ),
            ("group.id", "workers"),
            ("key.converter", "TextConverter"),
            ("value.converter", "TextConverter"),
            ("header.converter", "TestHeaderConverter"),
            ("config.storage.replication.factor", "1"),
            ("offset.storage.replication.factor", "1"),
            ("offset.storage.partitions", "3"),
            ("status.storage.replication.factor", "1"),
            ("status.storage.partitions", "2"),
            ("scheduled.rebalance.max.delay.ms", "500"),
            ("heartbeat.interval.ms", "100"),
        ]);
        properties.extend(self.more.iter().copied());
        properties
    }

    fn add(&mut self, name: &str) {
        let properties = self.properties();
        let plugins = Plugins::new()
            .source::<Idle>()
            .converter::<TextConverter>()
            .header_converter::<TestHeaderConverter>();
        let url = format!("http://{name}/");
        let (_, server_info) = watch::channel(ServerInfo {
            version: String::new(),
            commit: String::new(),
            kafka_cluster_id: None,
        });
        let (herder, control) = start(Settings {
            config: DistributedConfig::from_properties(&mut properties.clone()).unwrap(),
            properties,
            plugins: Arc::new(plugins),
            runtime: Handle::current(),
            override_policy: OverridePolicy::All,
            worker_id: name.into(),
            url: url.clone(),
            server_info,
            peers: Arc::new(LocalPeers(Arc::clone(&self.directory))),
        });
        self.directory.0.lock().unwrap().insert(url, herder.clone());
        self.workers.insert(name.to_owned(), herder);
        self.controls.insert(name.to_owned(), control);
    }

    fn any(&self) -> &HerderHandle {
        self.workers.values().next().unwrap()
    }

    /// Has the order carried out, by whoever it has to be.
    async fn order<T>(
        &self,
        order: impl AsyncFn(&HerderHandle) -> Result<T, HerderError>,
    ) -> Result<T, HerderError> {
        let mut herder = self.any().clone();
        loop {
            match soon(order(&herder)).await {
                Err(HerderError::Elsewhere(url)) => herder = self.directory.get(&url).unwrap(),
                Err(HerderError::Conflict(why)) if why.contains("momentarily") => {
                    tokio::task::yield_now().await;
                }
                other => return other,
            }
        }
    }

    async fn put(&self, name: &str, more: &[(&str, &str)]) {
        let put = || PutConnector {
            name: name.into(),
            config: {
                let mut all = config(&[("connector.class", "IdleSource"), ("name", name)]);
                all.extend(config(more));
                all
            },
            initial_state: None,
            allow_replace: true,
        };
        self.order(async |herder| herder.put_connector(put()).await)
            .await
            .unwrap();
    }

    /// Waits until a worker shows what it has to show.
    async fn until(&self, worker: &str, shows: impl Fn(&ClusterView) -> bool) {
        let herder = self.workers[worker].clone();
        let mut view = herder.watch_view();
        soon(view.wait_for(|view| shows(view))).await.unwrap();
    }

    async fn until_all(&self, shows: impl Fn(&ClusterView) -> bool + Copy) {
        for worker in self.workers.keys() {
            self.until(worker, shows).await;
        }
    }

    async fn stop_one(&mut self, worker: &str) {
        self.workers.remove(worker);
        let control = self.controls.remove(worker).unwrap();
        assert_eq!(soon(control.shutdown()).await, Vec::<String>::new());
    }

    async fn stop(self) {
        for control in self.controls.values() {
            assert_eq!(soon(control.shutdown()).await, Vec::<String>::new());
        }
    }
}

fn status<'a>(view: &'a ClusterView, name: &str) -> Option<&'a ConnectorStateInfo> {
    view.connectors.get(name)?.status.as_deref()
}

/// Whether the connector and this many tasks of it, and no more, are in that state.
fn is(view: &ClusterView, name: &str, tasks: usize, state: State) -> bool {
    status(view, name).is_some_and(|status| {
        status.connector.state == state
            && status.tasks.len() == tasks
            && status.tasks.iter().all(|task| task.state.state == state)
    })
}

/// The workers that have something of the connector's.
fn owners(view: &ClusterView, name: &str) -> BTreeMap<String, usize> {
    let mut owners = BTreeMap::new();
    for task in status(view, name)
        .into_iter()
        .flat_map(|status| &status.tasks)
    {
        *owners.entry(task.state.worker_id.to_string()).or_default() += 1;
    }
    owners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_runs_a_connector_and_the_next_one_finds_it() {
    let mut cluster = Cluster::of(&["a"]).await;
    cluster.put("c", &[("tasks.max", "3")]).await;
    cluster
        .until("a", |view| is(view, "c", 3, State::Running))
        .await;
    cluster.stop_one("a").await;
    cluster.add("b");
    cluster
        .until("b", |view| {
            is(view, "c", 3, State::Running)
                && owners(view, "c") == BTreeMap::from([("b".to_owned(), 3)])
        })
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_share_the_work_and_see_the_same() {
    let mut cluster = Cluster::of(&["a", "b", "c"]).await;
    cluster.put("x", &[("tasks.max", "6")]).await;
    cluster
        .until_all(|view| is(view, "x", 6, State::Running))
        .await;
    let balanced = |view: &ClusterView| {
        is(view, "x", 6, State::Running) && owners(view, "x").values().eq(&[2, 2, 2])
    };
    cluster.until_all(balanced).await;
    cluster.stop_one("b").await;
    cluster
        .until_all(|view| {
            is(view, "x", 6, State::Running) && owners(view, "x").values().eq(&[3, 3])
        })
        .await;
    cluster.add("d");
    cluster.until_all(balanced).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_wants_reaches_every_worker() {
    let cluster = Cluster::of(&["a", "b"]).await;
    cluster.put("x", &[("tasks.max", "4")]).await;
    cluster
        .until_all(|view| is(view, "x", 4, State::Running))
        .await;
    let target = async |target| {
        let order = async |herder: &HerderHandle| herder.set_target_state("x".into(), target).await;
        cluster.order(order).await.unwrap();
    };
    target(TargetState::Paused).await;
    cluster
        .until_all(|view| is(view, "x", 4, State::Paused))
        .await;
    target(TargetState::Stopped).await;
    cluster
        .until_all(|view| is(view, "x", 0, State::Stopped))
        .await;
    target(TargetState::Started).await;
    cluster
        .until_all(|view| is(view, "x", 4, State::Running))
        .await;
    cluster
        .order(async |herder| herder.delete_connector("x".into()).await)
        .await
        .unwrap();
    cluster.until_all(|view| view.connectors.is_empty()).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_task_is_shown_and_restarted_wherever_it_is() {
    let cluster = Cluster::of(&["a", "b"]).await;
    cluster
        .put("x", &[("tasks.max", "2"), ("fail", "as it was told")])
        .await;
    let failed = |view: &ClusterView| {
        status(view, "x").is_some_and(|status| {
            status.tasks.len() == 2
                && status.tasks.iter().all(|task| {
                    let trace = task.state.trace.as_deref().unwrap_or_default();
                    task.state.state == State::Failed && trace.contains("as it was told")
                })
        })
    };
    cluster.until_all(failed).await;
    let id = ConnectorTaskId::new(&"x".into(), 1);
    let restarted = cluster
        .order(async |herder| herder.restart_task(id.clone()).await)
        .await;
    assert_eq!(
        restarted,
        Err(HerderError::Internal(
            "Failed to start task: x-1".to_owned()
        ))
    );
    let request = RestartRequest {
        name: "x".into(),
        only_failed: true,
        include_tasks: true,
    };
    let order =
        async |herder: &HerderHandle| herder.restart_connector_and_tasks(request.clone()).await;
    let restarting = cluster.order(order).await.unwrap();
    assert!(
        restarting
            .tasks
            .iter()
            .all(|task| task.state.state == State::Restarting),
        "{restarting:?}"
    );
    cluster.put("x", &[("tasks.max", "2")]).await;
    cluster
        .until_all(|view| is(view, "x", 2, State::Running))
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_stops_the_work_until_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Options {
        dir: Some(home.path().to_owned()),
        ..Options::default()
    };
    options.listen.set_port(0);
    let mut cluster = Cluster::over(options.clone(), &["a", "b"], &[]).await;
    let name = unique("away");
    cluster
        .put("x", &[("tasks.max", "4"), ("alive", &name)])
        .await;
    until_alive(&name, 4).await;
    options.listen = cluster.broker.address().unwrap();
    let elsewhere = Broker::start(without_a_port()).await.unwrap();
    std::mem::replace(&mut cluster.broker, elsewhere)
        .stop()
        .await;
    until_alive(&name, 0).await;
    cluster.broker = Broker::start(options).await.unwrap();
    until_alive(&name, 4).await;
    cluster
        .until_all(|view| is(view, "x", 4, State::Running))
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_topic_that_cannot_be_right_ends_the_worker_in_kafkas_words() {
    let mut cluster = Cluster::of(&[]).await;
    let admin = crate::storage::topic::admin(&cluster.properties(), "test").unwrap();
    let mut topic = kconnect_client::admin::NewTopic::new("connect-configs");
    topic.num_partitions = Some(2);
    topic
        .configs
        .insert("cleanup.policy".to_owned(), "compact".to_owned());
    admin.create_topic(&topic).await.unwrap();
    cluster.add("a");
    let why = soon(cluster.controls["a"].failed()).await;
    assert!(
        why.contains(
            "Topic 'connect-configs' supplied via the 'config.storage.topic' property is required to have a single \
             partition in order to guarantee consistency of connector configurations, but found 2 partitions."
        ),
        "{why}"
    );
}

/// Requests of others that are not signed by a worker of the cluster are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_have_the_session_key_sets_no_tasks() {
    let cluster = Cluster::of(&["a"]).await;
    cluster.put("x", &[("tasks.max", "1")]).await;
    cluster
        .until_all(|view| is(view, "x", 1, State::Running))
        .await;
    let put = async |signature: Option<&str>| {
        let request = InternalRequest {
            body: Bytes::from_static(b"[]"),
            signature: signature.map(str::to_owned),
            algorithm: Some("HmacSHA256".to_owned()),
        };
        soon(
            cluster
                .any()
                .put_task_configs("x".into(), Vec::new(), request),
        )
        .await
    };
    assert!(matches!(put(None).await, Err(HerderError::BadRequest(_))));
    assert!(matches!(
        put(Some("AAAA")).await,
        Err(HerderError::Forbidden(_) | HerderError::Unavailable(_))
    ));
    cluster
        .until_all(|view| is(view, "x", 1, State::Running))
        .await;
    cluster.stop().await;
}
