//! What the file sink writes, on real files.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::api::{
    ConnectorEvents, ConnectorTaskId, SinkOffsets, SinkRecord, SinkTask, SinkTaskContext, TaskError,
};
use crate::data::{Map, Schema, SchemaBuilder, Struct, Value};

struct Scene {
    directory: tempfile::TempDir,
    path: String,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory
            .path()
            .join("out.txt")
            .to_str()
            .unwrap()
            .to_owned();
        Self { directory, path }
    }

    async fn task(&self) -> FileStreamSinkTask {
        start(&self.path).await.unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }
}

async fn start(path: &str) -> Result<FileStreamSinkTask, TaskError> {
    let (context, _) = SinkTaskContext::new(ConnectorTaskId::new(&"c".into(), 0), Arc::default());
    FileStreamSinkTask::start(context, Properties::from([("file", path)])).await
}

fn records<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Vec<SinkRecord> {
    let topic: Arc<str> = "t".into();
    (0..)
        .zip(values)
        .map(|(offset, value)| SinkRecord::new(topic.clone(), 0, offset, None, value))
        .collect()
}

fn offsets(offset: i64) -> SinkOffsets {
    [(TopicPartition::new("t", 0), offset)].into()
}

/// Puts records, and then nothing, as the worker does when nothing else comes.
async fn put(task: &mut FileStreamSinkTask, records: &[SinkRecord]) {
    task.put(records).await.unwrap();
    task.put(&[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lines_wait_a_moment_for_others() {
    let scene = Scene::new();
    let id = ConnectorTaskId::new(&"c".into(), 0);
    let (context, control) = SinkTaskContext::new(id, Arc::default());
    let config = Properties::from([("file", &*scene.path)]);
    let mut task = FileStreamSinkTask::start(context, config).await.unwrap();
    task.put(&[]).await.unwrap();
    assert_eq!(control.take_requests().timeout, None);
    task.put(&records(["one"])).await.unwrap();
    let wait = control.take_requests().timeout.unwrap();
    tokio::time::advance(wait / 2).await;
    task.put(&records(["two"])).await.unwrap();
    assert_eq!(scene.text(), "");
    assert!(control.take_requests().timeout.unwrap() <= wait / 2);
    // More comes all the time, but the first line has waited for long enough.
    tokio::time::advance(wait / 2).await;
    task.put(&records(["three"])).await.unwrap();
    assert_eq!(scene.text(), "one\ntwo\nthree\n");
    task.put(&records(["four"])).await.unwrap();
    task.put(&[]).await.unwrap();
    assert_eq!(scene.text(), "one\ntwo\nthree\nfour\n");
}

#[tokio::test]
async fn lines_are_in_the_file_before_their_offsets_are_committed() {
    let scene = Scene::new();
    let mut task = scene.task().await;
    assert_eq!(scene.text(), "", "it is created at once");
    put(&mut task, &records(["one", "", "grün"])).await;
    assert_eq!(scene.text(), "one\n\ngrün\n");
    task.put(&[]).await.unwrap();
    task.put(&records(["two\nlines"])).await.unwrap();
    assert_eq!(task.pre_commit(offsets(4)).await.unwrap(), offsets(4));
    assert_eq!(scene.text(), "one\n\ngrün\ntwo\nlines\n");
}

#[tokio::test]
async fn lines_are_appended_to_what_is_there_by_every_task() {
    let scene = Scene::new();
    fs::write(&scene.path, "before\n").unwrap();
    let (mut one, mut other) = (scene.task().await, scene.task().await);
    put(&mut one, &records(["one"])).await;
    put(&mut other, &records(["other"])).await;
    put(&mut one, &records(["one again"])).await;
    assert_eq!(scene.text(), "before\none\nother\none again\n");
}

#[tokio::test]
async fn values_are_printed_as_java_prints_them() {
    let scene = Scene::new();
    let schema = SchemaBuilder::structure()
        .field("a", Schema::int32())
        .field("b", Schema::optional_string())
        .build()
        .unwrap();
    let structure = Struct::new(schema).unwrap().with("a", 1).unwrap();
    let values = [
        Value::Null,
        1.0e10.into(),
        true.into(),
        structure.into(),
        Map::from_iter([("a", 1)]).into(),
        vec![Value::Int8(1), Value::Null].into(),
        Bytes::from_static(b"hi").into(),
    ];
    put(&mut scene.task().await, &records(values)).await;
    assert_eq!(
        scene.text(),
        "null\n1.0E10\ntrue\nStruct{a=1}\n{a=1}\n[1, null]\naGk=\n"
    );
}

#[tokio::test]
async fn a_large_batch_is_written_whole() {
    let scene = Scene::new();
    let lines: Vec<String> = (0..40_000).map(|number| format!("{number:0>60}")).collect();
    let batch = records(lines.iter().map(String::as_str));
    put(&mut scene.task().await, &batch).await;
    assert_eq!(scene.text(), lines.join("\n") + "\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_created_is_named_with_the_cause() {
    let scene = Scene::new();
    let path = format!("{}/no/such/directory", scene.directory.path().display());
    let error = start(&path).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Couldn't find or create file '{path}' for FileStreamSinkTask")
    );
    let whole = format!("{:?}", error.error());
    assert!(
        whole.contains("Caused by: No such file or directory"),
        "{whole}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_keeps_offsets_back_and_asks_for_the_records_again() {
    let mut task = start("/dev/full").await.unwrap();
    put(&mut task, &records(["kept"])).await;
    assert_eq!(
        task.pre_commit(offsets(1)).await.unwrap(),
        SinkOffsets::new()
    );
    for _ in 0..2 {
        let error = task.put(&records(["refused"])).await.unwrap_err();
        assert!(matches!(error, TaskError::Retriable(_)), "{error}");
    }
    let mut task = start("/dev/full").await.unwrap();
    // So many that they are written before the end of the batch.
    let many = records(vec!["x".repeat(1_000); 1_000]);
    task.put(&many).await.unwrap();
    let error = task.put(&records(["refused"])).await.unwrap_err();
    assert!(matches!(error, TaskError::Retriable(_)));
    let text = error.to_string();
    assert!(
        text.starts_with("Couldn't write to '/dev/full': No space left"),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_written_to_a_deleted_file_is_written_again() {
    let scene = Scene::new();
    let mut task = scene.task().await;
    put(&mut task, &records(["one"])).await;
    fs::remove_file(&scene.path).unwrap();
    let error = task.pre_commit(offsets(1)).await.unwrap_err();
    let expected = format!(
        "File '{}' was deleted after lines had been written to it",
        scene.path
    );
    assert_eq!(error.to_string(), expected);
    task.put(&records(["one"])).await.unwrap();
    assert_eq!(task.pre_commit(offsets(1)).await.unwrap(), offsets(1));
    assert_eq!(scene.text(), "one\n");
}

struct NoEvents;

impl ConnectorEvents for NoEvents {
    fn request_task_reconfiguration(&self) {}
    fn raise_error(&self, error: ConnectError) {
        panic!("{error}");
    }
}

#[tokio::test]
async fn every_task_has_the_connectors_configuration() {
    let config = Properties::from([("file", "f"), ("topics", "t")]);
    let context = ConnectorContext::new("n", Arc::new(NoEvents));
    let mut connector = FileStreamSinkConnector::start(context, config.clone())
        .await
        .unwrap();
    let tasks = connector.task_configs(3).await.unwrap();
    assert_eq!(tasks.len(), 3);
    assert!(tasks.iter().all(|task| task.iter().eq(config.iter())));
    let altered = FileStreamSinkConnector::alter_offsets(&config, &BTreeMap::new()).await;
    assert!(altered.unwrap());
}
