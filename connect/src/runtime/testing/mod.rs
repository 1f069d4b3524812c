//! What tests of the runtime share: a worker over an embedded broker, plugins that do as the test says, and clients that look
//! at what has become of it.
//!
//! Tests wait for events, never for time; [`soon`] only ends those that would wait for ever.

mod converters;
mod sink;
mod source;
mod store;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kconnect_broker::{Broker, Options};
use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::{AdminConfig, ConsumerConfig, ProducerConfig, Properties};
use kconnect_client::consumer::{Consumer, ConsumerEvent, ConsumerRecord};
use kconnect_client::producer::{Header, Producer, ProducerRecord};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

pub(crate) use self::converters::{TestHeaderConverter, TextConverter, UNCONVERTIBLE};
pub(crate) use self::sink::{Put, SinkCall, SinkScript, TestSink};
pub(crate) use self::source::{Poll, SourceCall, SourceScript, TestSource, TestSourceTask, record};
pub(crate) use self::store::WatchedStore;
use super::event::{ConnectorEvent, TaskEvent, WorkerEvent};
use super::worker::{EVENTS_MAX, Worker, WorkerContext};
use super::{ConnectorTaskId, RunId, State, TargetState};
use crate::api::{Plugins, TopicPartition};
use crate::config::WorkerConfig;
use crate::herder::entities::ConfigMap;
use crate::storage::OffsetStore;

/// How long anything may take before a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many calls of a plugin a test may have to look at yet.
const CALLS_MAX: usize = 1 << 16;

/// Awaits what has to come.
#[track_caller]
pub(crate) fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        tokio::time::timeout(PATIENCE, future)
            .await
            .unwrap_or_else(|_| panic!("nothing came at {caller}"))
    }
}

/// A configuration of texts.
pub(crate) fn config(pairs: &[(&str, &str)]) -> ConfigMap {
    pairs
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// What tests are given by name: the scripts of their plugins.
pub(crate) struct Registry<T>(Mutex<Option<HashMap<String, Arc<T>>>>);

impl<T> Registry<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn put(&self, name: &str, script: Arc<T>) {
        let mut scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scripts
            .get_or_insert_default()
            .insert(name.to_owned(), script);
    }

    fn get(&self, name: &str) -> Arc<T> {
        let scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = scripts.as_ref().and_then(|scripts| scripts.get(name));
        Arc::clone(found.expect("the script of the test"))
    }
}

/// A name that no other test has.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::new_v4().simple())
}

/// Bytes as text.
pub(crate) fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "null".to_owned(),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

async fn stored(store: &WatchedStore) -> Vec<String> {
    let all = store.all().await.unwrap().into_iter();
    let shown = all.map(|(key, value)| format!("{}={}", text(Some(&key)), text(value.as_deref())));
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}

/// A worker over an embedded broker.
pub(crate) struct Bench {
    pub(crate) broker: Broker,
    pub(crate) context: Arc<WorkerContext>,
    pub(crate) store: Arc<WatchedStore>,
    pub(crate) worker: Worker,
    events: mpsc::Receiver<WorkerEvent>,
    runs: u64,
}

/// How a bench differs from the usual one.
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) worker: WorkerConfig,
    pub(crate) properties: Vec<(&'static str, String)>,
    /// How often the store of offsets fails first, in turn with an error and by hanging.
    pub(crate) store_failures: u32,
    /// Where plugins run.
    pub(crate) runtime: Handle,
}

impl Default for Setup {
    fn default() -> Self {
        let mut options = Options::default();
        options.listen.set_port(0);
        let worker = WorkerConfig {
            key_converter: "TextConverter".to_owned(),
            value_converter: "TextConverter".to_owned(),
            header_converter: "TestHeaderConverter".to_owned(),
            offset_flush_interval: Duration::from_hours(1),
            offset_flush_timeout: PATIENCE,
            task_shutdown_graceful_timeout: PATIENCE,
            ..WorkerConfig::default()
        };
        Self {
            options,
            worker,
            properties: Vec::new(),
            store_failures: 0,
            runtime: Handle::current(),
        }
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let broker = Broker::start(setup.options).await.unwrap();
        let mut properties = Properties::from([("bootstrap.servers", broker.bootstrap_servers())]);
        properties.extend(
            setup
                .properties
                .iter()
                .map(|(key, value)| (*key, value.as_str())),
        );
        let plugins = Plugins::new()
            .source::<TestSource>()
            .sink::<TestSink>()
            .converter::<TextConverter>()
            .header_converter::<TestHeaderConverter>();
        let store = Arc::new(WatchedStore::failing(setup.store_failures));
        let context = Arc::new(WorkerContext {
            config: setup.worker,
            properties,
            plugins: Arc::new(plugins),
            offsets: Arc::clone(&store) as Arc<dyn OffsetStore>,
            runtime: setup.runtime,
            in_cluster: false,
        });
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        Self {
            worker: Worker::new(Arc::clone(&context), sender),
            store,
            broker,
            context,
            events,
            runs: 0,
        }
    }

    /// Starts task 0 of a connector; its configuration is that of the connector.
    pub(crate) fn start_task(
        &mut self,
        connector: &ConfigMap,
        target: TargetState,
    ) -> (ConnectorTaskId, RunId) {
        let id = ConnectorTaskId::new(&Arc::from(connector["name"].as_str()), 0);
        let run = self.start_task_of(&id, connector, target);
        (id, run)
    }

    pub(crate) fn start_task_of(
        &mut self,
        id: &ConnectorTaskId,
        connector: &ConfigMap,
        target: TargetState,
    ) -> RunId {
        self.runs += 1;
        let (run, config) = (RunId(self.runs), Arc::new(connector.clone()));
        self.worker
            .start_task(id, run, Arc::clone(&config), config, target);
        run
    }

    pub(crate) fn start_connector(
        &mut self,
        connector: &ConfigMap,
        target: TargetState,
    ) -> (Arc<str>, RunId) {
        self.runs += 1;
        let (run, name) = (RunId(self.runs), Arc::from(connector["name"].as_str()));
        self.worker
            .start_connector(&name, run, Arc::new(connector.clone()), target);
        (name, run)
    }

    /// The next report.
    pub(crate) async fn event(&mut self) -> WorkerEvent {
        let event = soon(self.events.recv()).await.expect("a worker that lives");
        self.worker.notice(&event);
        event
    }

    /// The next report, which is of a task.
    pub(crate) async fn task_event(&mut self) -> TaskEvent {
        match self.event().await {
            WorkerEvent::Task { event, .. } => event,
            other => panic!("not of a task: {other:?}"),
        }
    }

    /// The next report, which is of a connector.
    pub(crate) async fn connector_event(&mut self) -> ConnectorEvent {
        match self.event().await {
            WorkerEvent::Connector { event, .. } => event,
            other => panic!("not of a connector: {other:?}"),
        }
    }

    /// Waits for a state; topics are reported in between.
    #[track_caller]
    pub(crate) fn state(&mut self, expected: State) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                match self.task_event().await {
                    TaskEvent::State(state) if state == expected => return,
                    TaskEvent::Topic(_) => {}
                    other => panic!("not {expected} but {other:?} at {caller}"),
                }
            }
        }
    }

    /// Waits until a task has failed and is gone; gives the trace.
    pub(crate) async fn failure(&mut self) -> String {
        let mut trace = None;
        loop {
            match self.task_event().await {
                TaskEvent::Failed(text) => trace = Some(text),
                TaskEvent::Gone => return trace.expect("a task that failed"),
                TaskEvent::Topic(_) | TaskEvent::State(_) => {}
            }
        }
    }

    /// Waits until a task is gone that has not failed.
    pub(crate) async fn gone(&mut self) {
        loop {
            match self.task_event().await {
                TaskEvent::Gone => return,
                TaskEvent::Failed(trace) => panic!("the task failed: {trace}"),
                TaskEvent::Topic(_) | TaskEvent::State(_) => {}
            }
        }
    }

    /// Stops a task and waits until it is gone.
    pub(crate) async fn stop_task(&mut self, (id, run): &(ConnectorTaskId, RunId)) {
        self.worker.stop_task(id, *run);
        self.gone().await;
    }

    /// Waits until this is stored of source offsets; whatever is stored before must be of the same source partitions.
    #[track_caller]
    pub(crate) fn stores(&self, expected: Vec<String>) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let store = Arc::clone(&self.store);
        let key = |entry: &str| entry.split_once("]=").map(|(key, _)| key.to_owned());
        soon(async move {
            let mut changes = store.changes.subscribe();
            loop {
                let stored = stored(&store).await;
                if stored == expected {
                    return;
                }
                for entry in &stored {
                    let is_meant = expected.iter().any(|one| key(one) == key(entry));
                    assert!(is_meant, "{entry} is stored at {caller}");
                }
                let _ = changes.changed().await;
            }
        })
    }

    /// What is stored of source offsets, as `key=value`, in order.
    pub(crate) async fn stored(&self) -> Vec<String> {
        stored(&self.store).await
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&AdminConfig::new(&self.broker.bootstrap_servers())).unwrap()
    }

    pub(crate) async fn create_topic(&self, name: &str, partitions: i32) {
        let mut topic = NewTopic::new(name);
        topic.num_partitions = Some(partitions);
        self.admin().create_topic(&topic).await.unwrap();
    }

    /// Writes texts to a partition.
    pub(crate) async fn produce(&self, topic: &str, partition: i32, values: &[&str]) {
        let producer =
            Producer::new(ProducerConfig::new(&self.broker.bootstrap_servers())).unwrap();
        for value in values {
            let headers = [Header {
                key: b"h",
                value: Some(value.as_bytes()),
            }];
            let record = ProducerRecord::to(topic)
                .partition(partition)
                .value(value.as_bytes())
                .headers(&headers);
            producer.enqueue(record).await.unwrap();
        }
        producer.flush().await.unwrap();
        producer.close(PATIENCE).await;
    }

    /// Reads `count` records of a topic with `partitions` partitions, each as `partition:key=value`, in order of partitions.
    pub(crate) async fn consume(&self, topic: &str, partitions: i32, count: usize) -> Vec<String> {
        let shown = |record: &ConsumerRecord<'_>| {
            let (key, value) = (text(record.key()), text(record.value()));
            format!("{}:{key}={value}", record.partition())
        };
        self.read(topic, partitions, count, shown).await
    }

    /// Reads `count` records of a topic with `partitions` partitions, in order of partitions.
    pub(crate) async fn read<T>(
        &self,
        topic: &str,
        partitions: i32,
        count: usize,
        shown: impl Fn(&ConsumerRecord<'_>) -> T,
    ) -> Vec<T> {
        soon(self.read_all(topic, partitions, count, shown)).await
    }

    async fn read_all<T>(
        &self,
        topic: &str,
        partitions: i32,
        count: usize,
        shown: impl Fn(&ConsumerRecord<'_>) -> T,
    ) -> Vec<T> {
        let mut config = ConsumerConfig::new(&self.broker.bootstrap_servers());
        config.auto_offset_reset = kconnect_client::config::AutoOffsetReset::Earliest;
        let mut consumer = Consumer::new(config).unwrap();
        let names = (0..partitions).map(|partition| TopicPartition::new(topic, partition));
        consumer.assign(names).unwrap();
        let mut read = BTreeMap::<i32, Vec<T>>::new();
        while read.values().map(Vec::len).sum::<usize>() < count {
            if let ConsumerEvent::Records(records) = consumer.poll(PATIENCE).await.unwrap() {
                for record in &records {
                    let of_partition = read.entry(record.partition()).or_default();
                    of_partition.push(shown(&record));
                }
            }
        }
        read.into_values().flatten().collect()
    }

    /// How many records a partition has.
    pub(crate) async fn end_offset(&self, topic: &str, partition: i32) -> i64 {
        let consumer =
            Consumer::new(ConsumerConfig::new(&self.broker.bootstrap_servers())).unwrap();
        let partition = TopicPartition::new(topic, partition);
        let ends = consumer.end_offsets(std::slice::from_ref(&partition)).await;
        ends.unwrap()[&partition]
    }

    /// What a sink's group has committed, as `topic-partition@offset`.
    pub(crate) async fn committed(&self, group: &str) -> Vec<String> {
        let committed = self.admin().list_consumer_group_offsets(group).await;
        committed
            .unwrap()
            .into_iter()
            .map(|(partition, committed)| format!("{partition}@{}", committed.offset))
            .collect()
    }
}
