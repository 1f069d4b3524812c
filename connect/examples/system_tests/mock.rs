//! Connectors that fail on request, some time after they were started: `mock_mode` says what fails, `delay_ms` when.

use std::time::Duration;

use kconnect::api::{
    ConnectError, ConnectorContext, Plugin, Properties, SinkConnector, SinkRecord, SinkTask,
    SinkTaskContext, SourceConnector, SourceConnectorContext, SourceRecord, SourceTask,
    SourceTaskContext, TaskError,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// When to fail unless `delay_ms` says otherwise.
const DELAY: Duration = Duration::from_secs(15);
/// How often a task looks at the clock.
const LOOK: Duration = Duration::from_millis(250);

/// `org.apache.kafka.connect.tools.MockSourceConnector`
#[derive(Debug)]
pub(crate) struct MockSourceConnector(Mock);

/// `org.apache.kafka.connect.tools.MockSinkConnector`
#[derive(Debug)]
pub(crate) struct MockSinkConnector(Mock);

/// What both connectors do.
#[derive(Debug)]
struct Mock {
    config: Properties,
    failing: Option<JoinHandle<()>>,
}

impl Mock {
    fn start(context: &ConnectorContext, config: Properties) -> Result<Self, ConnectError> {
        let failing = failure(&config, "connector-failure")?.map(|at| {
            let context = context.clone();
            tokio::spawn(async move {
                sleep_until(at).await;
                context.raise_error(on_purpose("connector"));
            })
        });
        Ok(Self { config, failing })
    }

    fn stop(&mut self) {
        if let Some(failing) = self.failing.take() {
            failing.abort();
        }
    }
}

/// When to fail, if that is what this mode is about.
fn failure(config: &Properties, mode: &str) -> Result<Option<Instant>, ConnectError> {
    if config.get("mock_mode") != Some(mode) {
        return Ok(None);
    }
    let delay = match config.get("delay_ms") {
        None => DELAY,
        Some(text) => Duration::from_millis(text.parse().map_err(|error| {
            ConnectError::new(format!("delay_ms={text} is no number")).caused_by(error)
        })?),
    };
    Ok(Some(Instant::now() + delay))
}

fn on_purpose(what: &str) -> ConnectError {
    ConnectError::new(format!("The {what} failed on purpose, as mock_mode wants"))
}

fn fail_when_due(failure: Option<Instant>) -> Result<(), TaskError> {
    match failure {
        Some(at) if at <= Instant::now() => Err(on_purpose("task").into()),
        _ => Ok(()),
    }
}

impl Plugin for MockSourceConnector {
    const CLASS: &'static str = "org.apache.kafka.connect.tools.MockSourceConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl SourceConnector for MockSourceConnector {
    type Task = MockSourceTask;

    async fn start(
        context: SourceConnectorContext,
        config: Properties,
    ) -> Result<Self, ConnectError> {
        Mock::start(context.connector(), config).map(Self)
    }

    async fn task_configs(&mut self, _: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.0.config.clone()])
    }

    async fn stop(&mut self) {
        self.0.stop();
    }
}

/// Has no records, and fails when it is time.
#[derive(Debug)]
pub(crate) struct MockSourceTask {
    failure: Option<Instant>,
}

impl SourceTask for MockSourceTask {
    async fn start(_: SourceTaskContext, config: Properties) -> Result<Self, TaskError> {
        let failure = failure(&config, "task-failure")?;
        Ok(Self { failure })
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        fail_when_due(self.failure)?;
        sleep(LOOK).await;
        Ok(Vec::new())
    }
}

impl Plugin for MockSinkConnector {
    const CLASS: &'static str = "org.apache.kafka.connect.tools.MockSinkConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl SinkConnector for MockSinkConnector {
    type Task = MockSinkTask;

    async fn start(context: ConnectorContext, config: Properties) -> Result<Self, ConnectError> {
        Mock::start(&context, config).map(Self)
    }

    async fn task_configs(&mut self, _: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.0.config.clone()])
    }

    async fn stop(&mut self) {
        self.0.stop();
    }
}

/// Forgets records, and fails when it is time.
#[derive(Debug)]
pub(crate) struct MockSinkTask {
    context: SinkTaskContext,
    failure: Option<Instant>,
}

impl SinkTask for MockSinkTask {
    async fn start(context: SinkTaskContext, config: Properties) -> Result<Self, TaskError> {
        let failure = failure(&config, "task-failure")?;
        let task = Self { context, failure };
        task.look_again();
        Ok(task)
    }

    async fn put(&mut self, _: &[SinkRecord]) -> Result<(), TaskError> {
        fail_when_due(self.failure)?;
        self.look_again();
        Ok(())
    }
}

impl MockSinkTask {
    /// Has `put` called soon, with or without records.
    fn look_again(&self) {
        if let Some(failure) = self.failure {
            let left = failure.saturating_duration_since(Instant::now());
            self.context.timeout(left.min(LOOK));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kconnect::api::{ConnectorEvents, ConnectorTaskId, OffsetReader};
    use tokio::sync::mpsc;

    use super::*;

    struct Events(mpsc::Sender<String>);

    impl ConnectorEvents for Events {
        fn request_task_reconfiguration(&self) {}

        fn raise_error(&self, error: ConnectError) {
            self.0.try_send(error.to_string()).unwrap();
        }
    }

    fn config(mode: &str) -> Properties {
        Properties::from([("mock_mode", mode), ("delay_ms", "5000")])
    }

    #[tokio::test(start_paused = true)]
    async fn a_connector_fails_after_its_delay_unless_it_is_stopped() {
        let (sender, mut errors) = mpsc::channel(1);
        let context = ConnectorContext::new("c", Arc::new(Events(sender)));
        let start = Instant::now();
        let start_one = || MockSinkConnector::start(context.clone(), config("connector-failure"));
        let mut connector = start_one().await.unwrap();
        assert_eq!(connector.task_configs(5).await.unwrap().len(), 1);
        let error = errors.recv().await.unwrap();
        assert_eq!(error, "The connector failed on purpose, as mock_mode wants");
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        let mut stopped = start_one().await.unwrap();
        stopped.stop().await;
        sleep(Duration::from_secs(6)).await;
        assert!(errors.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_task_fails_after_its_delay() {
        let context = || {
            let id = ConnectorTaskId::new(&"c".into(), 0);
            SourceTaskContext::new(id, Arc::default(), OffsetReader::empty())
        };
        let mut other = MockSourceTask::start(context(), config("connector-failure"))
            .await
            .unwrap();
        let mut task = MockSourceTask::start(context(), config("task-failure"))
            .await
            .unwrap();
        let start = Instant::now();
        let error = loop {
            assert_eq!(other.poll().await.unwrap(), []);
            if let Err(error) = task.poll().await {
                break error;
            }
        };
        assert!(matches!(error, TaskError::Failed(_)));
        assert!(start.elapsed() >= Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_task_has_itself_called_until_it_fails() {
        let (context, control) =
            SinkTaskContext::new(ConnectorTaskId::new(&"c".into(), 0), Arc::default());
        let mut task = MockSinkTask::start(context, config("task-failure"))
            .await
            .unwrap();
        let start = Instant::now();
        while task.put(&[]).await.is_ok() {
            sleep(control.take_requests().timeout.unwrap()).await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
}
