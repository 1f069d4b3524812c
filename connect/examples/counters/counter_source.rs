//! A source: counts, once per interval and counter, and sends each number to a topic.

use std::sync::Arc;
use std::time::Duration;

use kconnect::api::{
    ConfigKey, ConnectError, Plugin, Properties, SourceConnector, SourceConnectorContext,
    SourceOffset, SourcePartition, SourceRecord, SourceTask, SourceTaskContext, TaskError, check,
    config,
};
use kconnect::data::{Schema, Text};
use tokio::time::{Interval, MissedTickBehavior, interval};

config! {
    /// What the connector is told. The worker shows and checks these keys; all complaints come at once.
    CounterConfig {
        "" {
            /// The topic to send numbers to.
            High "topic" => topic: String;
            /// The names of the counters, which are shared out among the tasks.
            High "counters" => counters: Vec<String>, check::non_empty(), check::unique();
            /// How often each counter counts, in milliseconds.
            Medium "interval.ms" => interval: Duration = Duration::from_secs(1), check::at_least(1);
        }
    }
}

/// The connector: splits the counters among its tasks.
pub(crate) struct CounterSource {
    properties: Properties,
    counters: Vec<String>,
}

impl Plugin for CounterSource {
    const CLASS: &'static str = "com.example.CounterSourceConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn config_keys() -> &'static [ConfigKey] {
        CounterConfig::KEYS
    }
}

impl SourceConnector for CounterSource {
    type Task = CounterTask;

    async fn start(
        _: SourceConnectorContext,
        properties: Properties,
    ) -> Result<Self, ConnectError> {
        let config = CounterConfig::from_properties(&mut properties.clone())?;
        Ok(Self {
            properties,
            counters: config.counters,
        })
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        let tasks = self.counters.len().min(max_tasks);
        let share = |task| {
            let counters = self.counters.iter().skip(task).step_by(tasks);
            let counters: Vec<&str> = counters.map(String::as_str).collect();
            let mut properties = self.properties.clone();
            properties.set("counters", counters.join(","));
            properties
        };
        Ok((0..tasks).map(share).collect())
    }
}

/// A task: counts some of the counters.
pub(crate) struct CounterTask {
    topic: Arc<str>,
    counters: Vec<Counter>,
    ticks: Interval,
}

struct Counter {
    name: Text,
    /// What its offset belongs to.
    partition: SourcePartition,
    count: i64,
}

/// The name of the number in an offset.
const COUNT: Text = Text::from_static("count");

impl SourceTask for CounterTask {
    async fn start(
        context: SourceTaskContext,
        mut properties: Properties,
    ) -> Result<Self, TaskError> {
        let config = CounterConfig::from_properties(&mut properties)?;
        let mut counters = Vec::new();
        for name in config.counters {
            let partition = SourcePartition::new([("counter", name.as_str())]);
            // The offset of the last record that Kafka has: the number after it is the next.
            let committed = context.offsets().offset(&partition).await?;
            let count = committed.and_then(|offset| offset.get(&COUNT)?.as_i64());
            counters.push(Counter {
                name: name.into(),
                partition,
                count: count.unwrap_or(0),
            });
        }
        let mut ticks = interval(config.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            topic: config.topic.into(),
            counters,
            ticks,
        })
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        // The only place where this waits, and nothing has been counted yet: the worker may drop the call here.
        self.ticks.tick().await;
        let counted = self.counters.iter_mut().map(|counter| {
            counter.count += 1;
            let mut record = SourceRecord::new(
                Some(counter.partition.clone()),
                Some(SourceOffset::one(COUNT, counter.count)),
                Arc::clone(&self.topic),
                Some(Schema::int64()),
                counter.count,
            );
            // With a key, a counter's numbers stay in one partition and so in order.
            record.key_schema = Some(Schema::string());
            record.key = counter.name.clone().into();
            record
        });
        Ok(counted.collect())
    }
}
