//! A sink that tells on standard output of each record that it gets, and again when it is flushed.

use std::collections::HashMap;

use kconnect::api::{
    ConnectError, ConnectorContext, Plugin, Properties, SinkConnector, SinkOffsets, SinkRecord,
    SinkTask, SinkTaskContext, TaskError, TopicPartition,
};
use serde::Serialize;

use crate::lines::{Lines, json, now};
use crate::numbered;

/// `org.apache.kafka.connect.tools.VerifiableSinkConnector`
#[derive(Debug)]
pub(crate) struct VerifiableSinkConnector(Properties);

impl Plugin for VerifiableSinkConnector {
    const CLASS: &'static str = "org.apache.kafka.connect.tools.VerifiableSinkConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl SinkConnector for VerifiableSinkConnector {
    type Task = VerifiableSinkTask;

    async fn start(_: ConnectorContext, config: Properties) -> Result<Self, ConnectError> {
        Ok(Self(config))
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(numbered(&self.0, max_tasks))
    }
}

/// Tells of records, and remembers those of each partition until they are flushed.
#[derive(Debug)]
pub(crate) struct VerifiableSinkTask {
    name: String,
    id: i32,
    unflushed: HashMap<TopicPartition, Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    task: serde_json::Value,
    seqno: serde_json::Value,
    offset: i64,
}

/// What is told of a record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    name: &'a str,
    task: &'a serde_json::Value,
    sink_task: i32,
    topic: &'a str,
    #[serde(rename = "time_ms")]
    time_ms: i64,
    seqno: &'a serde_json::Value,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flushed: Option<bool>,
}

impl SinkTask for VerifiableSinkTask {
    async fn start(_: SinkTaskContext, config: Properties) -> Result<Self, TaskError> {
        let id = config.get("id").unwrap_or_default();
        let id = id.parse().map_err(|error| {
            ConnectError::new(format!(
                "Invalid VerifiableSinkTask configuration: id={id} is no number"
            ))
            .caused_by(error)
        })?;
        Ok(Self {
            name: config.get("name").unwrap_or_default().to_owned(),
            id,
            unflushed: HashMap::new(),
        })
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<(), TaskError> {
        Ok(self.received(records, now()).print()?)
    }

    async fn flush(&mut self, offsets: &SinkOffsets) -> Result<(), TaskError> {
        Ok(self.flushed(offsets, now()).print()?)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<(), TaskError> {
        // Who gets them gets again what was not flushed.
        for partition in partitions {
            self.unflushed.remove(partition);
        }
        Ok(())
    }
}

impl VerifiableSinkTask {
    fn received(&mut self, records: &[SinkRecord], now: i64) -> Lines {
        let mut lines = Lines::default();
        for record in records {
            let seen = Seen {
                task: json(&record.key),
                seqno: json(&record.value),
                offset: record.kafka_offset,
            };
            lines.add(&self.told(&record.topic, &seen, now, None));
            let partition = TopicPartition::new(&*record.topic, record.kafka_partition);
            self.unflushed.entry(partition).or_default().push(seen);
        }
        lines
    }

    fn flushed(&mut self, offsets: &SinkOffsets, now: i64) -> Lines {
        let mut lines = Lines::default();
        for partition in offsets.keys() {
            for seen in self.unflushed.remove(partition).unwrap_or_default() {
                lines.add(&self.told(&partition.topic, &seen, now, Some(true)));
            }
        }
        lines
    }

    fn told<'a>(
        &'a self,
        topic: &'a str,
        seen: &'a Seen,
        time_ms: i64,
        flushed: Option<bool>,
    ) -> Told<'a> {
        Told {
            name: &self.name,
            task: &seen.task,
            sink_task: self.id,
            topic,
            time_ms,
            seqno: &seen.seqno,
            offset: seen.offset,
            flushed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kconnect::api::ConnectorTaskId;
    use kconnect::data::Value;

    use super::*;

    #[tokio::test]
    async fn a_record_is_told_when_it_comes_and_once_when_it_is_flushed() {
        let (context, _) =
            SinkTaskContext::new(ConnectorTaskId::new(&"v".into(), 1), Arc::default());
        let config = Properties::from([("name", "v"), ("id", "1")]);
        let mut task = VerifiableSinkTask::start(context, config).await.unwrap();
        let mut record = SinkRecord::new("t".into(), 2, 9, None, 5_i64);
        record.key = Value::Int32(3);
        let told = "{\"name\":\"v\",\"task\":3,\"sinkTask\":1,\"topic\":\"t\",\"time_ms\":7,\"seqno\":5,\"offset\":9";
        let records = [record];
        assert_eq!(task.received(&records, 7).text(), format!("{told}}}\n"));
        let partition = |number| TopicPartition::new("t", number);
        assert_eq!(task.flushed(&[(partition(0), 10)].into(), 7).text(), "");
        let flushed = task.flushed(&[(partition(2), 10)].into(), 7);
        assert_eq!(flushed.text(), format!("{told},\"flushed\":true}}\n"));
        assert_eq!(task.flushed(&[(partition(2), 10)].into(), 7).text(), "");
        task.received(&records, 7);
        task.close(&[partition(2)]).await.unwrap();
        assert_eq!(task.flushed(&[(partition(2), 10)].into(), 7).text(), "");
    }
}
