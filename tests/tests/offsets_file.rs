//! The offsets file is the Java worker's: either worker goes on where the other has stopped.

#![allow(clippy::unwrap_used, reason = "a test that fails says enough")]

use std::time::Duration;

use kconnect_tests::lines::LineCounter;
use kconnect_tests::pipeline::Pipeline;
use kconnect_tests::real::{real_kafka_or_say_so, shared_kafka, unique};

const LIMIT: Duration = Duration::from_secs(120);
const LINES: usize = 1_000;

/// Who runs the pipeline for a while.
#[derive(Debug, Clone, Copy)]
enum Who {
    Java,
    Ours,
}

/// Each worker in turn gets the next lines; in the end every line has arrived once.
async fn take_turns(name: &str, turns: &[Who]) {
    // The Java worker needs the jars, also where the broker is somebody else's.
    let (Some(servers), Some(_)) = (shared_kafka(name), real_kafka_or_say_so(name)) else {
        return;
    };
    let pipeline = Pipeline::new(&servers, &unique("turns")).unwrap();
    pipeline.create_topic().await.unwrap();
    let mut sink = LineCounter::new(&pipeline.sink_file());
    for (turn, who) in turns.iter().enumerate() {
        let end = (turn + 1) * LINES;
        pipeline.write(turn * LINES..end).unwrap();
        match who {
            Who::Java => {
                let worker = pipeline.start_java().unwrap();
                sink.wait_for(end, LIMIT).unwrap();
                worker.stop().unwrap();
            }
            Who::Ours => {
                let worker = pipeline.start().unwrap();
                sink.wait_for(end, LIMIT).unwrap();
                worker.stop().unwrap();
            }
        }
        pipeline
            .check_identical()
            .unwrap_or_else(|error| panic!("after turn {turn}, {who:?}: {error}"));
    }
}

#[tokio::test]
async fn ours_goes_on_where_java_has_stopped_and_java_goes_on_after_ours() {
    take_turns(
        "ours_goes_on_where_java_has_stopped_and_java_goes_on_after_ours",
        &[Who::Java, Who::Ours, Who::Java],
    )
    .await;
}

#[tokio::test]
async fn java_goes_on_where_ours_has_stopped() {
    take_turns(
        "java_goes_on_where_ours_has_stopped",
        &[Who::Ours, Who::Java, Who::Ours],
    )
    .await;
}
