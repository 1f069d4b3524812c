//! What the file source hands to its worker, on real files.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::api::{
    BoxFuture, ConnectorContext, ConnectorEvents, ConnectorTaskId, OffsetReader, ReadOffsets,
    SourceOffset, SourcePartition, SourceRecord, SourceTask, SourceTaskContext, TaskError,
};
use crate::data::{Schema, Text};

const PATIENCE: Duration = Duration::from_secs(120);

/// Offsets as a worker would have stored them.
struct Stored(SourcePartition, SourceOffset);

impl ReadOffsets for Stored {
    fn read<'a>(
        &'a self,
        partitions: &'a [SourcePartition],
    ) -> BoxFuture<'a, Result<Vec<Option<SourceOffset>>, ConnectError>> {
        let known = |partition: &SourcePartition| (*partition == self.0).then(|| self.1.clone());
        Box::pin(async move { Ok(partitions.iter().map(known).collect()) })
    }
}

fn context(offsets: OffsetReader) -> SourceTaskContext {
    SourceTaskContext::new(
        ConnectorTaskId::new(&"c".into(), 0),
        Arc::default(),
        offsets,
    )
}

struct Scene {
    directory: tempfile::TempDir,
    path: String,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines.txt");
        let path = path.to_str().unwrap().to_owned();
        Self { directory, path }
    }

    fn with(text: impl AsRef<[u8]>) -> Self {
        let scene = Self::new();
        fs::write(&scene.path, text).unwrap();
        scene
    }

    fn append(&self, text: &str) {
        let mut file = File::options().append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn config(&self) -> Properties {
        Properties::from([("file", self.path.as_str()), ("topic", "t")])
    }

    fn partition(&self) -> SourcePartition {
        SourcePartition::new([("filename", self.path.as_str())])
    }

    async fn task(&self) -> FileStreamSourceTask {
        let context = context(OffsetReader::empty());
        FileStreamSourceTask::start(context, self.config())
            .await
            .unwrap()
    }

    async fn task_at(&self, position: impl Into<Value>) -> FileStreamSourceTask {
        let offset = SourceOffset::one(Text::from_static("position"), position);
        let reader = OffsetReader::new(Arc::new(Stored(self.partition(), offset)));
        FileStreamSourceTask::start(context(reader), self.config())
            .await
            .unwrap()
    }
}

/// Polls until there are `count` records.
async fn take(task: &mut FileStreamSourceTask, count: usize) -> Vec<SourceRecord> {
    let mut records = Vec::new();
    let taken = timeout(PATIENCE, async {
        while records.len() < count {
            records.extend(task.poll().await.unwrap());
        }
    });
    taken
        .await
        .unwrap_or_else(|_| panic!("got {} of {count} records", records.len()));
    records
}

fn texts(records: &[SourceRecord]) -> Vec<&str> {
    records
        .iter()
        .map(|record| record.value.as_str().unwrap())
        .collect()
}

fn position(record: &SourceRecord) -> Option<i64> {
    record
        .source_offset
        .as_ref()
        .unwrap()
        .get("position")
        .unwrap()
        .as_i64()
}

#[tokio::test]
async fn a_line_becomes_a_record_as_in_java() {
    let scene = Scene::with("grün\r\nzwei\n");
    let records = take(&mut scene.task().await, 2).await;
    assert_eq!(texts(&records), ["grün", "zwei"]);
    let record = &records[0];
    assert_eq!(&*record.topic, "t");
    assert_eq!(record.source_partition, Some(scene.partition()));
    assert_eq!(record.kafka_partition, None);
    assert_eq!((&record.key_schema, &record.key), (&None, &Value::Null));
    assert_eq!(record.value_schema, Some(Schema::string()));
    assert!(record.timestamp.is_some());
    // Bytes, with the ends of the lines.
    assert_eq!(position(&records[0]), Some(7));
    assert_eq!(position(&records[1]), Some(12));
}

#[tokio::test]
async fn reading_resumes_behind_the_stored_offset() {
    let scene = Scene::with("grün\nzwei\ndrei\n");
    let records = take(&mut scene.task_at(6_i64).await, 2).await;
    assert_eq!(texts(&records), ["zwei", "drei"]);
    assert_eq!(position(&records[1]), Some(16));
}

#[tokio::test]
async fn an_offset_of_another_type_is_an_error_and_none_is_the_beginning() {
    let scene = Scene::with("a\n");
    let error = scene.task_at("1").await.poll().await.unwrap_err();
    assert!(matches!(error, TaskError::Failed(_)));
    assert_eq!(error.to_string(), "Offset position is the incorrect type");
    let records = take(&mut scene.task_at(Value::Null).await, 1).await;
    assert_eq!(position(&records[0]), Some(2));
    let records = take(&mut scene.task_at(-5_i64).await, 1).await;
    assert_eq!(position(&records[0]), Some(2));
}

#[tokio::test]
async fn a_file_may_come_later_and_grow() {
    let scene = Scene::new();
    let mut task = scene.task().await;
    assert_eq!(task.poll().await.unwrap(), []);
    fs::write(&scene.path, "one\ntw").unwrap();
    assert_eq!(texts(&take(&mut task, 1).await), ["one"]);
    assert_eq!(task.poll().await.unwrap(), []);
    scene.append("o\nthree\n");
    assert_eq!(texts(&take(&mut task, 2).await), ["two", "three"]);
}

#[tokio::test]
async fn batches_are_as_large_as_configured_and_leave_no_line_behind() {
    let lines: Vec<String> = (0..25).map(|number| format!("line {number}")).collect();
    let scene = Scene::with(lines.join("\n") + "\n");
    let mut config = scene.config();
    config.set("batch.size", "10");
    let context = context(OffsetReader::empty());
    let mut task = FileStreamSourceTask::start(context, config).await.unwrap();
    let mut sizes = Vec::new();
    let mut found = Vec::new();
    while found.len() < 25 {
        let records = task.poll().await.unwrap();
        sizes.push(records.len());
        found.extend(records);
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(texts(&found), lines);
}

#[tokio::test]
async fn a_large_file_arrives_whole() {
    let lines: Vec<String> = (0..50_000)
        .map(|number| format!("{number:>width$}", width = number % 60))
        .collect();
    let text = lines.join("\n") + "\n";
    let scene = Scene::with(&text);
    let records = take(&mut scene.task().await, lines.len()).await;
    assert_eq!(texts(&records), lines);
    assert_eq!(position(records.last().unwrap()), Some(text.len() as i64));
}

#[tokio::test]
async fn a_line_may_be_longer_than_what_is_read_at_a_time() {
    let long = "x".repeat(1_000_000);
    let scene = Scene::with(format!("{long}\nshort\n"));
    let records = take(&mut scene.task().await, 2).await;
    assert_eq!(texts(&records), [long.as_str(), "short"]);
}

#[tokio::test]
async fn a_file_without_lines_is_refused_before_it_fills_the_memory() {
    let scene = Scene::new();
    let file = File::create(&scene.path).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = timeout(PATIENCE, scene.task().await.poll())
        .await
        .unwrap()
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("File '{}' has a line of more than", scene.path)),
        "{text}"
    );
}

#[tokio::test]
async fn a_truncated_file_begins_anew_and_loses_no_line() {
    let scene = Scene::with("old one\nold unfinished");
    let mut task = scene.task().await;
    take(&mut task, 1).await;
    assert_eq!(task.poll().await.unwrap(), []);
    fs::write(&scene.path, "new\n").unwrap();
    let records = take(&mut task, 2).await;
    assert_eq!(texts(&records), ["old unfinished", "new"]);
    assert_eq!(
        (position(&records[0]), position(&records[1])),
        (Some(0), Some(4))
    );
}

#[tokio::test]
async fn a_rotated_file_is_followed_by_its_successor() {
    let scene = Scene::with("old\n");
    let mut task = scene.task().await;
    take(&mut task, 1).await;
    fs::rename(&scene.path, scene.directory.path().join("lines.txt.1")).unwrap();
    fs::write(&scene.path, "new\n").unwrap();
    let records = take(&mut task, 1).await;
    assert_eq!(texts(&records), ["new"]);
    assert_eq!(position(&records[0]), Some(4));
}

#[tokio::test]
async fn an_error_names_the_file_and_the_cause() {
    let scene = Scene::new();
    let path = scene.directory.path().to_str().unwrap();
    let config = Properties::from([("file", path), ("topic", "t")]);
    let context = context(OffsetReader::empty());
    let mut task = FileStreamSourceTask::start(context, config).await.unwrap();
    let error = task.poll().await.unwrap_err();
    let expected = format!("Couldn't open file '{path}' for FileStreamSourceTask: is a directory");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_wrong_configuration_is_refused() {
    let start =
        |config: Properties| FileStreamSourceTask::start(context(OffsetReader::empty()), config);
    let error = start(Properties::from([("file", "f")])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Missing required configuration \"topic\" which has no default value."
    );
    let error = start(Properties::from([("file", "f"), ("topic", "")]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Invalid value  for configuration topic: String must be non-empty"
    );
    let error = start(Properties::from([("topic", "t"), ("batch.size", "many")]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Invalid value many for configuration batch.size: Not a number of type INT"
    );
}

fn stdin_config() -> FileStreamSourceConfig {
    FileStreamSourceConfig::of(&Properties::from([("topic", "t"), ("file", "")])).unwrap()
}

#[tokio::test]
async fn standard_input_has_no_positions_and_ends_with_its_last_line() {
    let input = &b"one\ntwo\nthree"[..];
    let mut task = FileStreamSourceTask::reading(pump::start(input).unwrap(), &stdin_config());
    let records = take(&mut task, 3).await;
    assert_eq!(texts(&records), ["one", "two", "three"]);
    assert_eq!(position(&records[0]), None);
    assert_eq!(
        records[0].source_offset.as_ref().unwrap().to_string(),
        "{position=null}"
    );
    assert_eq!(
        records[0].source_partition.as_ref().unwrap().to_string(),
        "{filename=null}"
    );
    assert_eq!(task.poll().await.unwrap(), []);
}

#[tokio::test]
async fn what_a_task_left_of_standard_input_is_for_the_next_one() {
    let (input, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"one\ntwo\nthr").unwrap();
    let shared = pump::start(input).unwrap();
    let mut config = stdin_config();
    config.batch_size = 1;
    let mut first = FileStreamSourceTask::reading(Arc::clone(&shared), &config);
    assert_eq!(texts(&take(&mut first, 1).await), ["one"]);
    let mut second = FileStreamSourceTask::reading(shared, &config);
    assert_eq!(second.poll().await.unwrap(), [], "one at a time");
    first.stop().await;
    drop(first);
    writer.write_all(b"ee\n").unwrap();
    assert_eq!(texts(&take(&mut second, 2).await), ["two", "three"]);
    drop(writer);
}

#[tokio::test]
async fn an_input_that_breaks_ends_the_task() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    let input = (&b"one\n"[..]).chain(Broken);
    let mut task = FileStreamSourceTask::reading(pump::start(input).unwrap(), &stdin_config());
    assert_eq!(texts(&take(&mut task, 1).await), ["one"]);
    let error = loop {
        match task.poll().await {
            Ok(records) => assert_eq!(records, []),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, TaskError::Failed(_)), "{error}");
}

struct NoEvents;

impl ConnectorEvents for NoEvents {
    fn request_task_reconfiguration(&self) {}
    fn raise_error(&self, error: ConnectError) {
        panic!("{error}");
    }
}

#[tokio::test]
async fn there_is_one_task_with_the_connectors_configuration() {
    let config = Properties::from([("topic", "t"), ("file", "f"), ("name", "n")]);
    let context = SourceConnectorContext::new(
        ConnectorContext::new("n", Arc::new(NoEvents)),
        OffsetReader::empty(),
    );
    let mut connector = FileStreamSourceConnector::start(context, config.clone())
        .await
        .unwrap();
    let tasks = connector.task_configs(4).await.unwrap();
    assert_eq!(tasks.len(), 1);
    assert!(tasks[0].iter().eq(config.iter()));
}

#[test]
fn only_a_file_can_be_read_exactly_once() {
    let support = |pairs: &[(&str, &str)]| {
        FileStreamSourceConnector::exactly_once_support(&pairs.iter().copied().collect())
    };
    assert_eq!(
        support(&[("topic", "t"), ("file", "f")]),
        Some(ExactlyOnceSupport::Supported)
    );
    assert_eq!(
        support(&[("topic", "t"), ("file", "")]),
        Some(ExactlyOnceSupport::Unsupported)
    );
    assert_eq!(
        support(&[("topic", "t")]),
        Some(ExactlyOnceSupport::Unsupported)
    );
}

#[tokio::test]
async fn offsets_can_only_become_what_a_task_can_use() {
    let file = Properties::from([("topic", "t"), ("file", "f")]);
    let filename = Map::from_iter([("filename", "f")]);
    let check = async |partition: Option<&Map>, offset: Option<Map>| {
        let change = OffsetChange {
            partition: partition.cloned(),
            offset,
        };
        let altered = FileStreamSourceConnector::alter_offsets(&file, &[change]).await;
        altered.map_err(|error| error.to_string())
    };
    let at = |position: Value| Some(Map::from_iter([("position", position)]));
    assert_eq!(check(Some(&filename), at(Value::Int64(0))).await, Ok(true));
    assert_eq!(check(None, None).await, Ok(true));
    let refused = [
        (
            Some(&filename),
            Some(Map::new()),
            "Offset objects should either be null or contain the key 'position'",
        ),
        (
            Some(&filename),
            at("5".into()),
            "The value for the 'position' key in the offset is expected to be a Long value",
        ),
        (
            Some(&filename),
            at(Value::Int64(-1)),
            "The value for the 'position' key in the offset should be a non-negative value",
        ),
        (
            None,
            at(Value::Int64(1)),
            "Partition objects cannot be null",
        ),
        (
            Some(&Map::new()),
            at(Value::Int64(1)),
            "Partition objects should contain the key 'filename'",
        ),
    ];
    for (partition, offset, expected) in refused {
        assert_eq!(check(partition, offset).await, Err(expected.to_owned()));
    }
    let stdin = Properties::from([("topic", "t")]);
    let error = FileStreamSourceConnector::alter_offsets(&stdin, &[])
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("Offsets cannot be modified if the 'file'"),
        "{error}"
    );
}
