//! What is written comes back, and what is torn is cut off.

mod restarts;

use super::*;

fn id(partition: i32) -> PartitionId {
    PartitionId {
        topic: Uuid::from_u128(7),
        partition,
    }
}

fn segment(base_offset: i64) -> SegmentId {
    SegmentId {
        partition: id(0),
        base_offset,
    }
}

fn topic() -> Entry {
    Entry::Topic {
        name: "t".to_owned(),
        id: Uuid::from_u128(7),
        run: 1,
        partitions: 1,
    }
}

#[test]
fn segments_are_found_again_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut directory, entries) = Directory::open(dir.path()).unwrap();
    assert!(entries.is_empty());
    directory.note(&topic()).unwrap();
    directory.append(segment(100), b"later").unwrap();
    directory.append(segment(0), b"first").unwrap();
    directory.append(segment(0), b"second").unwrap();
    drop(directory);
    let (directory, entries) = Directory::open(dir.path()).unwrap();
    assert_eq!(entries, [topic()]);
    assert_eq!(
        directory.segments(id(0)).unwrap(),
        [segment(0), segment(100)]
    );
    assert_eq!(&directory.load(segment(0)).unwrap()[..], b"firstsecond");
    assert_eq!(&directory.read(segment(0), 5, 6).unwrap()[..], b"second");
    assert!(directory.segments(id(1)).unwrap().is_empty());
}

#[test]
fn a_deleted_topic_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (mut directory, _) = Directory::open(dir.path()).unwrap();
    directory.note(&topic()).unwrap();
    directory.append(segment(0), b"gone").unwrap();
    let deleted = Entry::TopicDeleted {
        topic: Uuid::from_u128(7),
    };
    directory.note(&deleted).unwrap();
    // The process dies before the files are removed; the next start does it.
    drop(directory);
    assert_eq!(fs::read_dir(dir.path().join(TOPICS)).unwrap().count(), 1);
    drop(Directory::open(dir.path()).unwrap());
    assert_eq!(fs::read_dir(dir.path().join(TOPICS)).unwrap().count(), 0);
}

#[test]
fn a_directory_is_used_by_one_broker_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let open = Directory::open(dir.path()).unwrap();
    let second = Directory::open(dir.path()).expect_err("it is locked");
    assert!(matches!(second, Error::Locked { .. }), "{second}");
    drop(open);
    assert!(Directory::open(dir.path()).is_ok());
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "dear").unwrap();
    let foreign = Directory::open(dir.path()).expect_err("it is not empty");
    assert!(matches!(foreign, Error::Foreign { .. }), "{foreign}");
    let file = dir.path().join("thesis.txt");
    let error = Directory::open(&file).expect_err("it is a file");
    assert!(error.to_string().contains("thesis.txt"), "{error}");
}

#[test]
fn garbage_in_place_of_the_journal_is_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(Directory::open(dir.path()).unwrap());
    fs::write(dir.path().join("journal"), "garbage".repeat(10)).unwrap();
    let damaged = Directory::open(dir.path()).expect_err("it is garbage");
    let text = damaged.to_string();
    assert!(text.contains("journal is damaged at byte 0"), "{text}");
}
