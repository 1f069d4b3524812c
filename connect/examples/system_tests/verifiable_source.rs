//! A source of numbered records at a steady rate, each told on standard output before it is sent and when it is committed.

use std::sync::Arc;
use std::time::Duration;

use kconnect::api::{
    CommittedRecord, ConnectError, Plugin, Properties, SourceConnector, SourceConnectorContext,
    SourceOffset, SourcePartition, SourceRecord, SourceTask, SourceTaskContext, TaskError,
};
use kconnect::data::{Schema, SchemaBuilder, Struct, Text, Value};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::lines::{Lines, now};
use crate::numbered;

/// The most records of one poll.
const BATCH_MAX: u64 = 1000;
/// The longest time until a poll returns.
const POLL_MAX: Duration = Duration::from_secs(1);

/// `org.apache.kafka.connect.tools.VerifiableSourceConnector`
#[derive(Debug)]
pub(crate) struct VerifiableSourceConnector(Properties);

impl Plugin for VerifiableSourceConnector {
    const CLASS: &'static str = "org.apache.kafka.connect.tools.VerifiableSourceConnector";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl SourceConnector for VerifiableSourceConnector {
    type Task = VerifiableSourceTask;

    async fn start(_: SourceConnectorContext, config: Properties) -> Result<Self, ConnectError> {
        Ok(Self(config))
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(numbered(&self.0, max_tasks))
    }
}

/// Makes records with the numbers that follow the last committed one.
#[derive(Debug)]
pub(crate) struct VerifiableSourceTask {
    name: String,
    id: i32,
    topic: Arc<str>,
    partition: SourcePartition,
    /// The schema of whole records; none if the value is the number alone.
    complete: Option<Schema>,
    next: i64,
    rate: Rate,
}

/// What is told of a record.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    task: i32,
    topic: &'a str,
    time_ms: i64,
    seqno: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<bool>,
}

/// When the next records are due.
#[derive(Debug)]
struct Rate {
    /// Records a second; none for as many as can be.
    throughput: Option<u64>,
    start: Instant,
    made: u64,
}

impl SourceTask for VerifiableSourceTask {
    const COMMITS_RECORDS: bool = true;

    async fn start(context: SourceTaskContext, config: Properties) -> Result<Self, TaskError> {
        let id: i32 = parsed(&config, "id")?;
        let throughput: i64 = parsed(&config, "throughput")?;
        let text = |key| config.get(key).unwrap_or_default();
        let partition = SourcePartition::new([("id", id)]);
        let last = context.offsets().offset(&partition).await?;
        let last = last.and_then(|offset| offset.get("seqno").and_then(Value::as_i64));
        let complete = text("complete.record.data").eq_ignore_ascii_case("true");
        Ok(Self {
            name: text("name").to_owned(),
            id,
            topic: text("topic").into(),
            partition,
            complete: complete.then(complete_schema).transpose()?,
            next: last.map_or(0, |last| last + 1),
            rate: Rate {
                throughput: u64::try_from(throughput).ok(),
                start: Instant::now(),
                made: 0,
            },
        })
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, TaskError> {
        let count = self.rate.due().await;
        let (records, lines) = self.make(count, now())?;
        lines.print()?;
        Ok(records)
    }

    async fn commit_records(&mut self, records: Vec<CommittedRecord>) -> Result<(), TaskError> {
        Ok(self.committed(&records, now()).print()?)
    }
}

impl VerifiableSourceTask {
    fn make(&mut self, count: u64, now: i64) -> Result<(Vec<SourceRecord>, Lines), TaskError> {
        let (mut records, mut lines) = (Vec::new(), Lines::default());
        for _ in 0..count {
            let seqno = self.next;
            lines.add(&self.told(seqno, now, None));
            records.push(self.record(seqno, now)?);
            self.next += 1;
        }
        Ok((records, lines))
    }

    fn record(&self, seqno: i64, now: i64) -> Result<SourceRecord, ConnectError> {
        let (schema, value) = match &self.complete {
            None => (Schema::int64(), Value::from(seqno)),
            Some(schema) => {
                let value = Struct::new(schema.clone())?
                    .with("name", self.name.as_str())?
                    .with("task", self.id)?
                    .with("topic", &*self.topic)?
                    .with("time_ms", now)?
                    .with("seqno", seqno)?;
                (schema.clone(), value.into())
            }
        };
        let offset = SourceOffset::one(Text::from_static("seqno"), seqno);
        let mut record = SourceRecord::new(
            Some(self.partition.clone()),
            Some(offset),
            Arc::clone(&self.topic),
            Some(schema),
            value,
        );
        record.key_schema = Some(Schema::int32());
        record.key = self.id.into();
        Ok(record)
    }

    fn committed(&self, records: &[CommittedRecord], now: i64) -> Lines {
        let mut lines = Lines::default();
        let offsets = records
            .iter()
            .filter_map(|record| record.record.source_offset.as_ref());
        for seqno in offsets.filter_map(|offset| offset.get("seqno")?.as_i64()) {
            lines.add(&self.told(seqno, now, Some(true)));
        }
        lines
    }

    fn told(&self, seqno: i64, time_ms: i64, committed: Option<bool>) -> Told<'_> {
        Told {
            name: &self.name,
            task: self.id,
            topic: &self.topic,
            time_ms,
            seqno,
            committed,
        }
    }
}

impl Rate {
    /// Waits until at least one record is due, but not for long, and tells how many are.
    async fn due(&mut self) -> u64 {
        let count = match self.throughput {
            None => BATCH_MAX,
            Some(0) => {
                sleep_until(Instant::now() + POLL_MAX).await;
                0
            }
            Some(throughput) => {
                let next = Duration::from_secs_f64(self.made as f64 / throughput as f64);
                sleep_until((self.start + next).min(Instant::now() + POLL_MAX)).await;
                self.due_after(self.start.elapsed(), throughput)
            }
        };
        self.made += count;
        count
    }

    fn due_after(&self, elapsed: Duration, throughput: u64) -> u64 {
        // The first one is due at once.
        let whole = elapsed.as_secs().saturating_mul(throughput);
        let rest = u64::from(elapsed.subsec_micros()).saturating_mul(throughput) / 1_000_000;
        let due = whole.saturating_add(rest).saturating_add(1);
        due.saturating_sub(self.made).min(BATCH_MAX)
    }
}

fn complete_schema() -> Result<Schema, ConnectError> {
    let schema = SchemaBuilder::structure()
        .field("name", Schema::string())
        .field("task", Schema::int32())
        .field("topic", Schema::string())
        .field("time_ms", Schema::int64())
        .field("seqno", Schema::int64())
        .build()?;
    Ok(schema)
}

fn parsed<T: std::str::FromStr<Err = std::num::ParseIntError>>(
    config: &Properties,
    key: &str,
) -> Result<T, ConnectError> {
    let text = config.get(key).unwrap_or_default();
    text.parse().map_err(|error| {
        ConnectError::new(format!(
            "Invalid VerifiableSourceTask configuration: {key}={text} is no number"
        ))
        .caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use kconnect::api::{BoxFuture, ConnectorTaskId, OffsetReader, ReadOffsets};

    use super::*;

    struct LastSeqno(i64);

    impl ReadOffsets for LastSeqno {
        fn read<'a>(
            &'a self,
            partitions: &'a [SourcePartition],
        ) -> BoxFuture<'a, Result<Vec<Option<SourceOffset>>, ConnectError>> {
            assert_eq!(partitions, [SourcePartition::new([("id", 3)])]);
            let offset = SourceOffset::one(Text::from_static("seqno"), self.0);
            Box::pin(async move { Ok(vec![Some(offset)]) })
        }
    }

    async fn task(
        pairs: &[(&str, &str)],
        offsets: OffsetReader,
    ) -> Result<VerifiableSourceTask, TaskError> {
        let mut config = Properties::from([
            ("name", "v"),
            ("id", "3"),
            ("topic", "t"),
            ("throughput", "10"),
        ]);
        for (key, value) in pairs {
            config.set(*key, *value);
        }
        let context = SourceTaskContext::new(
            ConnectorTaskId::new(&"v".into(), 3),
            Arc::default(),
            offsets,
        );
        VerifiableSourceTask::start(context, config).await
    }

    #[tokio::test]
    async fn a_record_is_told_before_it_is_sent_and_when_it_is_committed() {
        let mut task = task(&[], OffsetReader::empty()).await.unwrap();
        let (records, lines) = task.make(2, 77).unwrap();
        assert_eq!(
            lines.text(),
            "{\"name\":\"v\",\"task\":3,\"topic\":\"t\",\"time_ms\":77,\"seqno\":0}\n\
             {\"name\":\"v\",\"task\":3,\"topic\":\"t\",\"time_ms\":77,\"seqno\":1}\n"
        );
        let record = &records[1];
        assert_eq!(
            (&record.key, &record.value),
            (&Value::Int32(3), &Value::Int64(1))
        );
        assert_eq!(
            record.source_offset.as_ref().unwrap().to_string(),
            "{seqno=1}"
        );
        let committed = CommittedRecord::new(records.into_iter().next().unwrap(), None);
        assert_eq!(
            task.committed(&[committed], 78).text(),
            "{\"name\":\"v\",\"task\":3,\"topic\":\"t\",\"time_ms\":78,\"seqno\":0,\"committed\":true}\n"
        );
    }

    #[tokio::test]
    async fn numbers_go_on_behind_the_last_committed_one() {
        let mut task = task(&[], OffsetReader::new(Arc::new(LastSeqno(41))))
            .await
            .unwrap();
        let (records, _) = task.make(1, 0).unwrap();
        assert_eq!(records[0].value, Value::Int64(42));
    }

    #[tokio::test]
    async fn records_can_be_complete() {
        let mut task = task(&[("complete.record.data", "True")], OffsetReader::empty())
            .await
            .unwrap();
        let (records, _) = task.make(1, 5).unwrap();
        assert_eq!(
            records[0].value.to_string(),
            "Struct{name=v,task=3,topic=t,time_ms=5,seqno=0}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn records_are_due_at_the_configured_rate() {
        let mut task = task(&[], OffsetReader::empty()).await.unwrap();
        let start = Instant::now();
        let mut made = 0;
        while made < 50 {
            made += task.rate.due().await;
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(4890), "{elapsed:?}");
        assert!(elapsed <= Duration::from_millis(5110), "{elapsed:?}");
    }

    #[tokio::test]
    async fn a_number_that_is_none_is_refused() {
        let error = task(&[("throughput", "fast")], OffsetReader::empty())
            .await
            .unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "Invalid VerifiableSourceTask configuration: throughput=fast is no number"
        );
    }
}
