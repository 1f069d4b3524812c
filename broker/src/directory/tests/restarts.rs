//! A broker stopped or killed, and what the next one finds.

use std::sync::Arc;

use kafka_protocol::messages as generated;
use kconnect_protocol::records::ProducerStamp;
use kconnect_protocol::{ApiKey, ErrorCode};

use super::*;
use crate::core::journal::Commit;
use crate::core::state::{Endpoint, State};
use crate::core::tests::{World, batch, stamped};
use crate::core::time::Now;
use crate::options::Options;

/// A broker on `dir`; its clients are gone when it is dropped, as if it had been killed.
fn try_start(dir: &Path) -> Result<World, Error> {
    let (directory, entries) = Directory::open(dir)?;
    let endpoint = Endpoint {
        host: Arc::from("localhost"),
        port: 9092,
    };
    let mut state = State::new(Options::default(), endpoint, 7, Box::new(directory));
    let now = Now {
        millis: 0,
        timestamp: 1_700_000_000_000,
    };
    state
        .restore(entries, now)
        .map_err(|error| unusable(dir, error))?;
    Ok(World::with(state))
}

#[track_caller]
fn start(dir: &Path) -> World {
    try_start(dir).expect("it starts")
}

fn stamp(sequence: i32) -> ProducerStamp {
    ProducerStamp {
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: sequence,
        transactional: false,
    }
}

/// Start and end of a partition's log.
fn ends(world: &World, topic: &str) -> (i64, i64) {
    let topic = world.core.state.topics.by_name(topic).expect("the topic");
    let log = topic.partition(0).expect("the partition");
    (log.log_start_offset(), log.log_end_offset())
}

/// The segment files of a topic's first partition, oldest first.
fn segments(dir: &Path, topic: &str) -> Vec<PathBuf> {
    let topics = fs::read_dir(dir.join(TOPICS)).unwrap();
    let mut topics = topics.map(|entry| entry.unwrap().path());
    let prefix = format!("{topic}.");
    let home = topics.find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(&prefix)
    });
    let files = fs::read_dir(home.expect("the topic's directory").join("0")).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The records of a log as they are read, as text.
fn read(world: &mut World, topic: &str) -> String {
    let id = world
        .core
        .state
        .topics
        .by_name(topic)
        .expect("the topic")
        .partition_id(0);
    let storage = world.core.state.storage.as_ref();
    let log = world.core.state.topics.log_mut(id).expect("the log");
    let (mut offset, end) = (log.log_start_offset(), log.log_end_offset());
    let mut text = String::new();
    while offset < end {
        let bytes = log.read(offset, 1 << 20, true, storage).unwrap();
        for batch in kconnect_protocol::records::Batches::new(bytes) {
            let batch = batch.unwrap();
            for record in &batch.records(1 << 20).unwrap() {
                text.push_str(&String::from_utf8_lossy(record.unwrap().value.unwrap()));
            }
            offset = batch.header().next_offset();
        }
    }
    text
}

#[test]
fn everything_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path());
    world.create("t", 2, &[("retention.ms", "-1")]);
    world.create("gone", 1, &[]);
    world.produce("t", 0, stamped(&["a"], 1_000, stamp(0)));
    world.produce("t", 0, stamped(&["b", "c"], 1_000, stamp(1)));
    let entry = Entry::Offsets {
        group: "g".to_owned(),
        commits: vec![Commit {
            topic: "t".to_owned(),
            partition: 0,
            offset: 2,
            leader_epoch: 0,
            metadata: "m".to_owned(),
            timestamp: 1_700_000_000_000,
        }],
    };
    world.core.state.note(&entry);
    let state = generated::delete_topics_request::DeleteTopicState::default()
        .with_name(Some(generated::TopicName(crate::core::api::text("gone"))));
    world.ask(&generated::DeleteTopicsRequest::default().with_topics(vec![state]));
    let first_id = world.core.state.producer_id().unwrap();
    let cluster_id = world.core.state.cluster_id.clone();
    drop(world);
    let mut world = start(dir.path());
    assert_eq!(world.core.state.cluster_id, cluster_id);
    assert!(world.core.state.topics.by_name("gone").is_none());
    let topic = world.core.state.topics.by_name("t").expect("it is there");
    assert_eq!((topic.count(), topic.leader_epoch), (2, 1));
    assert_eq!(topic.configs["retention.ms"], "-1");
    let group = world.core.state.groups.get("g").expect("it is there");
    assert_eq!(group.offsets.get("t", 0).map(|c| c.offset), Some(2));
    assert!(world.core.state.producer_id().unwrap() > first_id);
    assert_eq!(read(&mut world, "t"), "abc");
    // The producer does not know whether its last batch got through, and sends it again.
    let again = world.produce("t", 0, stamped(&["b", "c"], 1_000, stamp(1)));
    assert_eq!((again.error_code, again.base_offset), (ErrorCode::None, 1));
    let next = world.produce("t", 0, stamped(&["d"], 1_000, stamp(3)));
    assert_eq!((next.error_code, next.base_offset), (ErrorCode::None, 3));
    assert_eq!(read(&mut world, "t"), "abcd");
}

#[test]
fn a_batch_that_was_not_written_whole_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path());
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let whole = usize::try_from(segments(dir.path(), "t")[0].metadata().unwrap().len()).unwrap();
    world.produce("t", 0, batch(&["b"]));
    drop(world);
    let file = segments(dir.path(), "t").remove(0);
    let bytes = fs::read(&file).unwrap();
    for cut in 0..bytes.len() {
        for file in segments(dir.path(), "t") {
            fs::remove_file(file).unwrap();
        }
        fs::write(&file, &bytes[..cut]).unwrap();
        let mut world = start(dir.path());
        let (left, offset) = if cut < whole { ("", 0) } else { ("a", 1) };
        assert_eq!(ends(&world, "t"), (0, offset), "cut at {cut}");
        assert_eq!(world.produce("t", 0, batch(&["z"])).base_offset, offset);
        drop(world);
        let mut world = start(dir.path());
        assert_eq!(read(&mut world, "t"), format!("{left}z"), "cut at {cut}");
    }
}

#[test]
fn garbage_after_the_last_batch_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path());
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    drop(world);
    let file = segments(dir.path(), "t").remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend(b"garbage".repeat(50));
    fs::write(&file, &bytes).unwrap();
    let mut world = start(dir.path());
    assert_eq!(world.produce("t", 0, batch(&["b"])).base_offset, 1);
    assert_eq!(read(&mut world, "t"), "ab");
}

#[test]
fn damage_in_the_middle_is_named_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path());
    world.create("t", 1, &[("segment.bytes", "1048576")]);
    let large = "x".repeat(900_000);
    for _ in 0..3 {
        world.produce("t", 0, batch(&[&large]));
    }
    drop(world);
    let files = segments(dir.path(), "t");
    assert_eq!(files.len(), 3);
    let mut bytes = fs::read(&files[1]).unwrap();
    bytes[500] ^= 1;
    fs::write(&files[1], &bytes).unwrap();
    let error = try_start(dir.path())
        .expect_err("it is damaged")
        .to_string();
    assert!(error.contains(files[1].to_str().unwrap()), "{error}");
    assert!(error.contains("is damaged at byte 0"), "{error}");
    assert_eq!(fs::read(&files[1]).unwrap(), bytes);
}

#[test]
fn a_log_that_begins_later_begins_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path());
    world.create("t", 1, &[]);
    for value in ["a", "b", "c"] {
        world.produce("t", 0, batch(&[value]));
    }
    let id = world
        .core
        .state
        .topics
        .by_name("t")
        .expect("the topic")
        .partition_id(0);
    let State {
        topics, storage, ..
    } = &mut world.core.state;
    topics.delete_records(id, 2, storage.as_mut()).unwrap();
    drop(world);
    let mut world = start(dir.path());
    assert_eq!(ends(&world, "t"), (2, 3));
    let State {
        topics, storage, ..
    } = &mut world.core.state;
    topics.delete_records(id, 3, storage.as_mut()).unwrap();
    drop(world);
    let mut world = start(dir.path());
    assert_eq!(ends(&world, "t"), (3, 3));
    assert_eq!(world.produce("t", 0, batch(&["d"])).base_offset, 3);
}

#[test]
fn a_journal_cut_off_anywhere_leads_to_an_earlier_state_and_takes_no_records_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = start(dir.path());
    world.create("t", 1, &[("retention.ms", "-1")]);
    world.produce("t", 0, batch(&["a"]));
    drop(world);
    let journal = dir.path().join("journal");
    let bytes = fs::read(&journal).unwrap();
    let segment = segments(dir.path(), "t").remove(0);
    let records = fs::read(&segment).unwrap();
    for cut in 0..bytes.len() {
        fs::write(&journal, &bytes[..cut]).unwrap();
        match try_start(dir.path()) {
            Ok(mut world) => {
                if world.core.state.topics.by_name("t").is_some() {
                    assert_eq!(read(&mut world, "t"), "a");
                }
            }
            Err(error) => assert!(error.to_string().contains("journal"), "{error}"),
        }
        assert_eq!(fs::read(&segment).unwrap(), records, "cut at {cut}");
    }
    fs::write(&journal, &bytes).unwrap();
    assert_eq!(read(&mut start(dir.path()), "t"), "a");
}

#[test]
fn a_full_memory_reads_from_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (directory, entries) = Directory::open(dir.path()).unwrap();
    let endpoint = Endpoint {
        host: Arc::from("localhost"),
        port: 9092,
    };
    let options = Options {
        memory_limit: 1 << 20,
        ..Options::default()
    };
    let mut state = State::new(options, endpoint, 7, Box::new(directory));
    let now = Now {
        millis: 0,
        timestamp: 1_700_000_000_000,
    };
    state
        .restore(entries, now)
        .map_err(|error| unusable(dir.path(), error))
        .unwrap();
    let mut world = World::with(state);
    world.create("t", 1, &[("segment.bytes", "1048576")]);
    let mut expected = String::new();
    for letter in ["a", "b", "c", "d", "e", "f"] {
        let large = letter.repeat(500_000);
        assert_eq!(
            world.produce("t", 0, batch(&[&large])).error_code,
            ErrorCode::None
        );
        expected.push_str(&large);
    }
    let topic = world.core.state.topics.by_name("t").expect("the topic");
    let resident = topic.partition(0).expect("the partition").resident();
    assert!(resident <= 1 << 20, "{resident} bytes in memory");
    assert_eq!(ends(&world, "t"), (0, 6));
    assert_eq!(read(&mut world, "t"), expected);
    assert_eq!(world.faults.requests(ApiKey::PRODUCE), 6);
}
