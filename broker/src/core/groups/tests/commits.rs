//! Whose commits are taken, and how long they are kept.

use super::*;
use crate::core::journal::{Commit, Entry};

fn check(c: &mut Coordinator, member_id: &str, generation: i32) -> Result<(), ErrorCode> {
    let now = c.now;
    let checked = c.groups.with_new(now, GROUP, |group| {
        group.check_commit(now, member_id, None, generation)
    });
    checked.expect("there is room for a group")
}

fn commit(c: &mut Coordinator, topic: &str, offset: i64) {
    let commit = Commit {
        topic: topic.to_owned(),
        partition: 0,
        offset,
        leader_epoch: -1,
        metadata: String::new(),
        timestamp: c.now.timestamp,
    };
    let entry = Entry::Offsets {
        group: GROUP.to_owned(),
        commits: vec![commit],
    };
    c.groups.replay(entry, c.now);
}

fn committed(c: &Coordinator, topic: &str) -> Option<i64> {
    let group = c.groups.get(GROUP)?;
    group
        .offsets
        .get(topic, 0)
        .map(|committed| committed.offset)
}

#[test]
fn outsiders_commit_only_while_nobody_is_in_the_group() {
    let mut c = Coordinator::new();
    assert_eq!(check(&mut c, "", -1), Ok(()));
    let id = c.stable(1).remove(0);
    assert_eq!(check(&mut c, "", -1), Err(ErrorCode::UnknownMemberId));
    c.leave(&id, None);
    assert_eq!(check(&mut c, "", -1), Ok(()));
}

#[test]
fn members_commit_in_their_generation_also_while_it_ends() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let generation = c.generation();
    assert_eq!(check(&mut c, &ids[0], generation), Ok(()));
    assert_eq!(
        check(&mut c, &ids[0], generation - 1),
        Err(ErrorCode::IllegalGeneration)
    );
    assert_eq!(
        check(&mut c, "stranger", generation),
        Err(ErrorCode::UnknownMemberId)
    );
    let first = c.join(&wish(&ids[0]));
    assert_eq!(
        check(&mut c, &ids[1], generation),
        Ok(()),
        "the last word before it joins again"
    );
    c.join(&wish(&ids[1]));
    let generation = c.joined(first).generation;
    assert_eq!(
        check(&mut c, &ids[0], generation),
        Err(ErrorCode::RebalanceInProgress)
    );
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut c = Coordinator::new();
    let id = c.stable(1).remove(0);
    for _ in 0..5 {
        c.pass(SESSION - 1);
        let generation = c.generation();
        assert_eq!(check(&mut c, &id, generation), Ok(()));
    }
    assert_eq!(c.state(), State::Stable);
}

#[test]
fn offsets_expire_when_the_group_was_empty_for_long_enough() {
    let mut c = Coordinator::new();
    let id = c.stable(1).remove(0);
    commit(&mut c, "old", 5);
    let long_ago = c.now.timestamp + 1;
    assert_eq!(c.groups.expire(long_ago), [], "somebody is in it");
    c.pass(1_000);
    c.leave(&id, None);
    assert_eq!(
        c.groups.expire(long_ago),
        [],
        "it has not been empty for long"
    );
    c.pass(1_000);
    commit(&mut c, "new", 6);
    let entries = c.groups.expire(c.now.timestamp);
    let gone = Entry::OffsetsDeleted {
        group: GROUP.to_owned(),
        partitions: vec![("old".to_owned(), 0)],
    };
    assert_eq!(entries, [gone]);
    assert_eq!(
        (committed(&c, "old"), committed(&c, "new")),
        (None, Some(6))
    );
    c.groups.topic_deleted("new");
    c.groups.expire(c.now.timestamp);
    assert!(c.groups.get(GROUP).is_none(), "nothing is left of it");
}

#[test]
fn a_snapshot_leads_to_the_same_offsets() {
    let mut c = Coordinator::new();
    commit(&mut c, "a", 1);
    commit(&mut c, "b", 2);
    commit(&mut c, "a", 3);
    let mut copy = Coordinator::new();
    for entry in c.groups.snapshot() {
        copy.groups.replay(entry, copy.now);
    }
    assert_eq!(
        (committed(&copy, "a"), committed(&copy, "b")),
        (Some(3), Some(2))
    );
    assert_eq!(copy.groups.snapshot(), c.groups.snapshot());
}
