//! A sink whose calls are answered by the test where it says so, and that tells of each.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::{CALLS_MAX, Registry, config, soon, unique};
use crate::api::{
    ConnectError, ConnectorContext, Plugin, Properties, SinkConnector, SinkOffsets, SinkRecord,
    SinkTask, SinkTaskContext, TaskError, TopicPartition,
};
use crate::herder::entities::ConfigMap;

static SCRIPTS: Registry<Script> = Registry::new();

/// The answer to one put with records.
#[derive(Debug, Clone)]
pub(crate) enum Put {
    Take,
    Retriable(&'static str),
    /// As retriable, but not before this time has passed.
    Busy(Duration),
    Fail(&'static str),
    Panic,
    Hang,
}

/// A call that the task has had. Puts without records are not told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SinkCall {
    Start,
    /// Each as `topic-partition`.
    Open(Vec<String>),
    /// Each as `topic-partition@offset=value`.
    Put(Vec<String>),
    /// Each as `topic-partition@offset`.
    PreCommit(Vec<String>),
    Close(Vec<String>),
    Stop,
}

/// The test's end of a sink.
pub(crate) struct SinkScript {
    pub(crate) name: String,
    script: Arc<Script>,
    calls: mpsc::Receiver<SinkCall>,
}

type OnPreCommit = Box<dyn Fn(SinkOffsets) -> Result<SinkOffsets, TaskError> + Send + Sync>;
type OnOpen = Box<dyn Fn(&SinkTaskContext) + Send + Sync>;

#[derive(Default)]
struct Answers {
    puts: VecDeque<Put>,
    pre_commit: Option<OnPreCommit>,
    open: Option<OnOpen>,
}

struct Script {
    answers: Mutex<Answers>,
    calls: mpsc::Sender<SinkCall>,
    context: OnceLock<SinkTaskContext>,
    records: Mutex<Vec<SinkRecord>>,
}

impl SinkScript {
    pub(crate) fn new() -> Self {
        let name = unique("sink");
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let script = Arc::new(Script {
            answers: Mutex::default(),
            calls: sender,
            context: OnceLock::new(),
            records: Mutex::default(),
        });
        SCRIPTS.put(&name, Arc::clone(&script));
        Self {
            name,
            script,
            calls,
        }
    }

    /// The connector's configuration, with more of it.
    pub(crate) fn config(&self, more: &[(&str, &str)]) -> ConfigMap {
        let mut all = config(&[("name", &self.name), ("connector.class", "TestSink")]);
        all.extend(config(more));
        all
    }

    pub(crate) fn group(&self) -> String {
        format!("connect-{}", self.name)
    }

    /// The context of the task that was started first.
    pub(crate) fn context(&self) -> &SinkTaskContext {
        self.script.context.get().expect("a task that has started")
    }

    /// Answers the next puts with records.
    pub(crate) fn puts(&self, puts: &[Put]) {
        self.script
            .answers
            .lock()
            .unwrap()
            .puts
            .extend(puts.iter().cloned());
    }

    /// Answers every preCommit from now on.
    pub(crate) fn on_pre_commit(
        &self,
        answer: impl Fn(SinkOffsets) -> Result<SinkOffsets, TaskError> + Send + Sync + 'static,
    ) {
        self.script.answers.lock().unwrap().pre_commit = Some(Box::new(answer));
    }

    /// Done in every open from now on.
    pub(crate) fn on_open(&self, answer: impl Fn(&SinkTaskContext) + Send + Sync + 'static) {
        self.script.answers.lock().unwrap().open = Some(Box::new(answer));
    }

    /// The next call.
    pub(crate) async fn call(&mut self) -> SinkCall {
        soon(self.calls.recv()).await.expect("a call")
    }

    /// The next calls are these.
    #[track_caller]
    pub(crate) fn called(&mut self, expected: &[SinkCall]) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for expected in expected {
                let call = self.call().await;
                assert!(
                    call == *expected,
                    "{call:?} is not {expected:?} at {caller}"
                );
            }
        }
    }

    /// The texts of the next `count` records that are put, in order, with other calls in between.
    pub(crate) async fn values(&mut self, count: usize) -> Vec<String> {
        let mut values = Vec::new();
        while values.len() < count {
            if let SinkCall::Put(put) = self.call().await {
                values.extend(put);
            }
        }
        values
    }

    /// The calls that are known by now.
    pub(crate) fn calls(&mut self) -> Vec<SinkCall> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }

    /// Every record that was put, as it was.
    pub(crate) fn records(&self) -> Vec<SinkRecord> {
        self.script.records.lock().unwrap().clone()
    }
}

/// The connector.
pub(crate) struct TestSink;

/// The task; `start` and `stop` of the configuration say what those calls do.
pub(crate) struct TestSinkTask {
    script: Arc<Script>,
    context: SinkTaskContext,
    config: Properties,
}

async fn play(config: &Properties, key: &str) -> Result<(), ConnectError> {
    match config.get(key) {
        None | Some("ok") => Ok(()),
        Some("panic") => panic!("{key} panics"),
        Some("hang") => pending().await,
        Some(text) => Err(ConnectError::new(text)),
    }
}

impl Plugin for TestSink {
    const CLASS: &'static str = "test.TestSinkConnector";
    const VERSION: &'static str = "1";
}

impl SinkConnector for TestSink {
    type Task = TestSinkTask;

    async fn start(_: ConnectorContext, _: Properties) -> Result<Self, ConnectError> {
        Ok(Self)
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![Properties::new(); max_tasks])
    }

    async fn alter_offsets(
        config: &Properties,
        offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, ConnectError> {
        match config.get("alter") {
            Some("false") => Ok(false),
            Some("show") => Err(ConnectError::new(format!("{offsets:?}"))),
            _ => play(config, "alter").await.map(|()| true),
        }
    }
}

fn names(partitions: &[TopicPartition]) -> Vec<String> {
    let mut names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

impl TestSinkTask {
    fn tell(&self, call: SinkCall) {
        let _ = self.script.calls.try_send(call);
    }
}

impl SinkTask for TestSinkTask {
    async fn start(context: SinkTaskContext, config: Properties) -> Result<Self, TaskError> {
        let script = SCRIPTS.get(&context.id().connector);
        let _ = script.context.set(context.clone());
        let _ = script.calls.try_send(SinkCall::Start);
        play(&config, "start").await?;
        Ok(Self {
            script,
            context,
            config,
        })
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<(), TaskError> {
        self.tell(SinkCall::Open(names(partitions)));
        if let Some(open) = &self.script.answers.lock().unwrap().open {
            open(&self.context);
        }
        Ok(play(&self.config, "open").await?)
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<(), TaskError> {
        if records.is_empty() {
            return Ok(());
        }
        let shown = records.iter().map(|record| {
            format!(
                "{}-{}@{}={}",
                record.topic, record.kafka_partition, record.kafka_offset, record.value
            )
        });
        self.tell(SinkCall::Put(shown.collect()));
        let answer = self.script.answers.lock().unwrap().puts.pop_front();
        match answer.unwrap_or(Put::Take) {
            Put::Take => {
                let mut all = self.script.records.lock().unwrap();
                all.extend_from_slice(records);
                Ok(())
            }
            Put::Retriable(text) => Err(TaskError::retriable(text)),
            Put::Busy(time) => {
                self.context.timeout(time);
                Err(TaskError::retriable("busy"))
            }
            Put::Fail(text) => Err(TaskError::failed(text)),
            Put::Panic => panic!("put panics"),
            Put::Hang => pending().await,
        }
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, TaskError> {
        let shown = offsets
            .iter()
            .map(|(partition, offset)| format!("{partition}@{offset}"));
        self.tell(SinkCall::PreCommit(shown.collect()));
        match &self.script.answers.lock().unwrap().pre_commit {
            Some(answer) => answer(offsets),
            None => Ok(offsets),
        }
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), TaskError> {
        self.tell(SinkCall::Close(names(partitions)));
        Ok(play(&self.config, "close").await?)
    }

    async fn stop(&mut self) {
        self.tell(SinkCall::Stop);
        let _ = play(&self.config, "stop").await;
    }
}
