//! A source whose polls are answered by the test, one by one, and whose other calls do as its configuration says.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::{CALLS_MAX, Registry, config, soon, unique};
use crate::api::{
    CommittedRecord, ConnectError, ErrorKind, OffsetChange, Plugin, Properties, SourceConnector,
    SourceConnectorContext, SourceOffset, SourcePartition, SourceRecord, SourceTask,
    SourceTaskContext, TaskError,
};
use crate::data::{Text, Value};
use crate::herder::entities::ConfigMap;

static SCRIPTS: Registry<Script> = Registry::new();

/// The answer to one poll.
pub(crate) enum Poll {
    Records(Vec<SourceRecord>),
    Retriable(&'static str),
    Fail(&'static str),
    Panic,
    /// Keeps the thread until the test lets go.
    Block(std::sync::mpsc::Receiver<()>),
}

/// A call that the task has had.
#[derive(Debug, PartialEq)]
pub(crate) enum SourceCall {
    /// With the connector's own offset of `{"file": "f"}`.
    Start(Option<SourceOffset>),
    Poll,
    Commit,
    /// Each as `value@topic-partition@offset`.
    CommitRecords(Vec<String>),
    Stop,
}

/// The test's end of a source.
pub(crate) struct SourceScript {
    pub(crate) name: String,
    answers: mpsc::Sender<Poll>,
    calls: mpsc::Receiver<SourceCall>,
}

struct Script {
    answers: Mutex<mpsc::Receiver<Poll>>,
    calls: mpsc::Sender<SourceCall>,
}

impl SourceScript {
    pub(crate) fn new() -> Self {
        let name = unique("source");
        let (answers, inbox) = mpsc::channel(CALLS_MAX);
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let script = Script {
            answers: Mutex::new(inbox),
            calls: sender,
        };
        SCRIPTS.put(&name, Arc::new(script));
        Self {
            name,
            answers,
            calls,
        }
    }

    /// The connector's configuration, with more of it.
    pub(crate) fn config(&self, more: &[(&str, &str)]) -> ConfigMap {
        let mut all = config(&[("name", &self.name), ("connector.class", "TestSource")]);
        all.extend(config(more));
        all
    }

    pub(crate) fn answer(&self, answer: Poll) {
        let _ = self.answers.try_send(answer);
    }

    /// Answers the next poll with records of `{"file": "f"}` for a topic, with these texts, at positions from `first`.
    pub(crate) fn records(&self, topic: &str, first: i64, values: &[&str]) {
        let topic = Arc::<str>::from(topic);
        let records = (first..)
            .zip(values)
            .map(|(position, value)| record(&topic, "f", position, value));
        self.answer(Poll::Records(records.collect()));
    }

    /// Waits for a call; others in between are let pass, except for the end.
    #[track_caller]
    pub(crate) fn called(&mut self, expected: SourceCall) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                let call = soon(self.calls.recv()).await.expect("a call");
                if call == expected {
                    return;
                }
                assert!(
                    call != SourceCall::Stop,
                    "stopped before {expected:?} at {caller}"
                );
            }
        }
    }

    /// The calls that are known by now.
    pub(crate) fn calls(&mut self) -> Vec<SourceCall> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

/// A record of a file.
pub(crate) fn record(topic: &Arc<str>, file: &str, position: i64, value: &str) -> SourceRecord {
    let partition = SourcePartition::new([("file", file)]);
    let offset = SourceOffset::one(Text::from_static("position"), position);
    SourceRecord::new(
        Some(partition),
        Some(offset),
        Arc::clone(topic),
        None,
        value,
    )
}

/// The connector.
pub(crate) struct TestSource {
    config: Properties,
    context: SourceConnectorContext,
}

/// The task; `start`, `commit` and `stop` of the configuration say what those calls do.
pub(crate) struct TestSourceTask {
    script: Arc<Script>,
    config: Properties,
}

/// Does what a configuration says under `key`.
async fn play(config: &Properties, key: &str) -> Result<(), ConnectError> {
    match config.get(key) {
        None | Some("ok") => Ok(()),
        Some("panic") => panic!("{key} panics"),
        Some("hang") => pending().await,
        Some(text) => Err(ConnectError::new(text)),
    }
}

impl Plugin for TestSource {
    const CLASS: &'static str = "test.TestSourceConnector";
    const VERSION: &'static str = "1";
}

impl SourceConnector for TestSource {
    type Task = TestSourceTask;

    async fn start(
        context: SourceConnectorContext,
        config: Properties,
    ) -> Result<Self, ConnectError> {
        play(&config, "connector.start").await?;
        Ok(Self { config, context })
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        match self.config.get("connector.tasks") {
            Some("reconfigure") => self.context.connector().request_task_reconfiguration(),
            Some("raise") => {
                let error = ConnectError::new("the table has gone");
                self.context.connector().raise_error(error);
            }
            _ => play(&self.config, "connector.tasks").await?,
        }
        Ok(vec![Properties::from([("own", "1")]); max_tasks])
    }

    async fn stop(&mut self) {
        let _ = play(&self.config, "connector.stop").await;
    }

    async fn alter_offsets(
        config: &Properties,
        offsets: &[OffsetChange],
    ) -> Result<bool, ConnectError> {
        match config.get("alter") {
            Some("false") => Ok(false),
            Some("unsupported") => Err(ConnectError::of(ErrorKind::Unsupported, "no")),
            Some("misconfigured") => Err(ConnectError::of(ErrorKind::Config, "no")),
            Some("show") => Err(ConnectError::new(format!("{offsets:?}"))),
            _ => play(config, "alter").await.map(|()| true),
        }
    }
}

impl SourceTask for TestSourceTask {
    const COMMITS_RECORDS: bool = true;

    async fn start(context: SourceTaskContext, config: Properties) -> Result<Self, TaskError> {
        let script = SCRIPTS.get(&context.id().connector);
        let partition = SourcePartition::new([("file", "f")]);
        let stored = context.offsets().offset(&partition).await?;
        let _ = script.calls.try_send(SourceCall::Start(stored));
        play(&config, "start").await?;
        Ok(Self { script, config })
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        let _ = self.script.calls.try_send(SourceCall::Poll);
        let answer = self.script.answers.lock().await.recv().await;
        match answer {
            None => pending().await,
            Some(Poll::Records(records)) => Ok(records),
            Some(Poll::Retriable(text)) => Err(TaskError::retriable(text)),
            Some(Poll::Fail(text)) => Err(TaskError::failed(text)),
            Some(Poll::Panic) => panic!("poll panics"),
            Some(Poll::Block(release)) => {
                let _ = release.recv();
                Ok(Vec::new())
            }
        }
    }

    async fn commit(&mut self) -> Result<(), TaskError> {
        let _ = self.script.calls.try_send(SourceCall::Commit);
        Ok(play(&self.config, "commit").await?)
    }

    async fn commit_records(&mut self, records: Vec<CommittedRecord>) -> Result<(), TaskError> {
        let shown = records.iter().map(|committed| {
            let value = match &committed.record.value {
                Value::Null => "null".to_owned(),
                value => value.to_string(),
            };
            match &committed.written {
                Some((partition, offset)) => format!("{value}@{partition}@{offset}"),
                None => value,
            }
        });
        let _ = self
            .script
            .calls
            .try_send(SourceCall::CommitRecords(shown.collect()));
        Ok(play(&self.config, "commit.records").await?)
    }

    async fn stop(&mut self) {
        let _ = self.script.calls.try_send(SourceCall::Stop);
        let _ = play(&self.config, "stop").await;
    }
}
