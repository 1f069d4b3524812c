//! The core against scripted answers: what it asks for and what it hands out are compared as text.

mod game;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kconnect_protocol::messages::fetch::{
    AbortedTransaction, DivergingEpoch, FetchPartitionResponse, FetchResponse, FetchTopicResponse,
};
use kconnect_protocol::records::{
    EndTransactionMarker, ProducerStamp, Record, RecordBatchBuilder, set_base_offset,
    set_partition_leader_epoch,
};
use kconnect_protocol::types::{BrokerId, IsolationLevel, LeaderEpoch, Uuid};
use kconnect_protocol::{ErrorCode, TopicPartition};

use super::*;
use crate::consumer::ConsumerRecords;
use game::*;

#[test]
fn one_answer_is_handed_out_while_the_next_is_under_way_and_no_more() {
    let mut game = Game::reading("t-0");
    game.expect("fetch 1: t-0@0")
        .answer(vec![("t-0", data(&[batch(0, "abc")]))]);
    game.expect("").gets(1, "t-0@0=a");
    // The first answer is begun: the second is asked for, behind it.
    game.expect("fetch 1: t-0@3")
        .answer(vec![("t-0", data(&[batch(3, "def")]))]);
    game.expect("").gets(2, "t-0@1=b t-0@2=c").expect("");
    game.gets(1, "t-0@3=d").expect("fetch 1: t-0@6");
    assert_eq!(game.position("t-0"), 4);
}

#[test]
fn polls_cut_batches_where_they_must_and_cross_them_where_they_can() {
    let mut game = Game::reading("t-0 t-1");
    game.asks();
    game.answer(vec![
        ("t-0", data(&[batch(0, "ab"), batch(2, "c")])),
        ("t-1", data(&[batch(0, "xy")])),
    ]);
    game.gets(4, "t-0@0=a t-0@1=b t-0@2=c t-1@0=x");
    game.gets(4, "t-1@1=y").gets(4, "");
}

#[test]
fn a_fetch_that_was_under_way_during_a_seek_is_dropped() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.core.seek(&name("t-0"), Position::at(7)).unwrap();
    game.answer(vec![("t-0", data(&[batch(0, "abc")]))])
        .gets(10, "");
    game.expect("fetch 1: t-0@7")
        .answer(vec![("t-0", data(&[batch(6, "xyz")]))]);
    game.gets(10, "t-0@7=y t-0@8=z");
}

#[test]
fn data_of_a_former_assignment_is_dropped() {
    let mut game = Game::reading("t-0 t-1");
    game.asks();
    game.answer(vec![
        ("t-0", data(&[batch(0, "abc")])),
        ("t-1", data(&[batch(0, "x")])),
    ]);
    game.core.assign(&names("t-1"), false);
    game.core.assign(&names("t-0 t-1"), false);
    game.gets(10, "t-1@0=x");
    assert!(game.core.position(&name("t-0")).unwrap().is_none());
}

#[test]
fn a_committed_offset_that_comes_after_a_seek_does_not_undo_it() {
    let mut game = Game::new();
    game.core.assign(&names("t-0 t-1"), true);
    game.metadata();
    game.expect("committed t-0 t-1");
    game.core.seek(&name("t-0"), Position::at(7)).unwrap();
    let committed =
        [("t-0", 3), ("t-1", 4)].map(|(n, offset)| (name(n), Some(Position::at(offset))));
    game.core
        .handle_committed(game.now, game.job, Ok(committed.into()));
    game.expect("fetch 1: t-0@7 t-1@4");
}

#[test]
fn without_a_committed_offset_the_policy_decides() {
    let mut game = Game::new();
    game.core.assign(&names("t-0"), true);
    game.metadata();
    game.asks();
    game.core
        .handle_committed(game.now, game.job, Ok(BTreeMap::new()));
    game.expect("reset t-0 Earliest");
    game.core.handle_reset(
        game.now,
        game.job,
        Ok([(name("t-0"), Ok(Some(Position::at(5))))].into()),
    );
    game.expect("fetch 1: t-0@5");
}

#[test]
fn a_time_that_nothing_is_younger_than_means_the_end() {
    let mut game =
        Game::with(|settings| settings.reset = Some(ResetTo::Since(Duration::from_hours(1))));
    game.core.assign(&names("t-0"), false);
    game.metadata();
    game.expect("reset t-0 Since(3600s)");
    game.core
        .handle_reset(game.now, game.job, Ok([(name("t-0"), Ok(None))].into()));
    game.expect("reset t-0 Latest");
}

#[test]
fn without_policy_a_missing_position_is_reported_once_and_seek_mends_it() {
    let mut game = Game::with(|settings| settings.reset = None);
    game.core.assign(&names("t-0"), true);
    game.metadata();
    game.asks();
    game.core
        .handle_committed(game.now, game.job, Ok(BTreeMap::new()));
    let error = game.error();
    assert!(
        error.contains("`t-0`") && error.contains("auto.offset.reset is none"),
        "{error}"
    );
    assert_eq!(game.error(), "");
    game.after(Duration::from_secs(60)).expect("");
    game.core.seek(&name("t-0"), Position::at(0)).unwrap();
    game.expect("fetch 1: t-0@0");
}

#[test]
fn questions_that_fail_are_asked_again_after_a_pause() {
    let mut game = Game::new();
    game.core.assign(&names("t-0"), true);
    game.metadata();
    game.expect("committed t-0");
    let error = Error::broker(ErrorCode::UnstableOffsetCommit);
    for _ in 0..20 {
        game.core
            .handle_committed(game.now, game.job, Err(error.clone()));
        game.expect("");
        game.now = game.core.poll_timeout().unwrap();
        game.core.handle_timeout(game.now);
        game.expect("committed t-0");
    }
    assert_eq!(game.error(), "");
}

#[test]
fn an_offset_that_retention_took_is_reset_by_policy() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", failed(ErrorCode::OffsetOutOfRange))]);
    game.expect("reset t-0 Earliest");
}

#[test]
fn out_of_range_behind_data_counts_only_when_the_data_is_handed_out() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[batch(0, "abc")]))])
        .gets(1, "t-0@0=a");
    game.asks();
    game.answer(vec![("t-0", failed(ErrorCode::OffsetOutOfRange))]);
    game.expect("").gets(9, "t-0@1=b t-0@2=c");
    game.after(Duration::from_secs(1)).expect("fetch 1:");
    game.answer(vec![("t-0", failed(ErrorCode::OffsetOutOfRange))]);
    game.expect("reset t-0 Earliest");
}

#[test]
fn a_batch_that_compaction_emptied_is_passed() {
    let mut empty = RecordBatchBuilder::new(1 << 16);
    for _ in 0..5 {
        empty.append(&Record::default()).unwrap();
    }
    let mut bytes = BytesMut::from(&empty.seal().bytes()[..61]);
    bytes[8..12].copy_from_slice(&49i32.to_be_bytes());
    bytes[57..61].copy_from_slice(&0i32.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());

    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[place(&bytes.freeze(), 0)]))])
        .gets(10, "");
    assert_eq!(game.position("t-0"), 5);
    game.expect("fetch 1: t-0@5");
}

#[test]
fn a_cut_off_last_batch_is_normal() {
    let cut = batch(2, "cd");
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![(
        "t-0",
        data(&[batch(0, "ab"), cut.slice(..cut.len() - 1)]),
    )]);
    game.gets(10, "t-0@0=a t-0@1=b").expect("fetch 1: t-0@2");
    assert_eq!(game.error(), "");
}

#[test]
fn a_batch_larger_than_the_fetch_size_is_asked_for_in_its_size() {
    let mut game = Game::with(|settings| settings.partition_bytes = 70);
    game.read("t-0");
    game.asks();
    let large = batch(0, "abcdefghijklmnopqrstuvw");
    game.answer(vec![("t-0", data(&[large.slice(..70)]))]);
    let Some(Job::Fetch { request, .. }) = game.core.poll_job(game.now) else {
        panic!("no fetch")
    };
    assert_eq!(
        usize::try_from(request.topics[0].partitions[0].partition_max_bytes).unwrap(),
        large.len()
    );
}

#[test]
fn a_damaged_batch_is_reported_once_and_does_not_hold_up_others() {
    let mut damaged = BytesMut::from(&batch(2, "cd")[..]);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut game = Game::reading("t-0 t-1");
    game.asks();
    let t0 = data(&[batch(0, "ab"), damaged.freeze(), batch(4, "e")]);
    game.answer(vec![("t-0", t0), ("t-1", data(&[batch(0, "xyz")]))]);
    game.gets(10, "t-0@0=a t-0@1=b t-1@0=x t-1@1=y t-1@2=z");
    let error = game.error();
    assert!(
        error.contains("`t-0`") && error.contains("offset 2") && error.contains("seek to 4"),
        "{error}"
    );
    game.expect("fetch 1: t-1@3 !t-0").answer(vec![]);
    assert_eq!(game.error(), "");
    game.core.seek(&name("t-0"), Position::at(4)).unwrap();
    game.expect("fetch 1: t-0@4");
}

#[test]
fn resuming_tries_a_damaged_batch_again() {
    let mut damaged = BytesMut::from(&batch(0, "cd")[..]);
    damaged[16] = 9;
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[damaged.freeze()]))])
        .expect("")
        .gets(10, "");
    assert!(game.error().contains("magic 9"));
    game.expect("");
    game.core.resume(&name("t-0")).unwrap();
    game.expect("fetch 1:");
}

#[test]
fn paused_partitions_keep_their_data_for_later() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[batch(0, "abc")]))])
        .gets(1, "t-0@0=a");
    game.core.pause(&name("t-0")).unwrap();
    game.gets(10, "").expect("");
    game.core.resume(&name("t-0")).unwrap();
    game.gets(10, "t-0@1=b t-0@2=c");
}

#[test]
fn data_of_a_paused_partition_does_not_hold_up_its_neighbours() {
    let mut game = Game::reading("t-0 t-1");
    game.expect("fetch 1: t-0@0 t-1@0");
    game.core.pause(&name("t-0")).unwrap();
    game.answer(vec![("t-0", data(&[batch(0, "abc")]))]);
    game.expect("fetch 1: !t-0")
        .answer(vec![("t-1", data(&[batch(0, "x")]))]);
    game.gets(10, "t-1@0=x");
    game.core.resume(&name("t-0")).unwrap();
    game.expect("fetch 1: t-0@0 t-1@1");
}

#[test]
fn resuming_what_is_not_paused_changes_nothing() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[batch(0, "abc")]))])
        .gets(1, "t-0@0=a");
    game.core.resume(&name("t-0")).unwrap();
    game.gets(10, "t-0@1=b t-0@2=c");
}

#[test]
fn seek_pause_and_position_of_a_partition_that_is_not_assigned_are_errors() {
    let mut game = Game::reading("t-0");
    let other = name("t-1");
    assert!(game.core.seek(&other, Position::at(0)).is_err());
    assert!(game.core.seek(&name("t-0"), Position::at(-1)).is_err());
    assert!(game.core.pause(&other).is_err());
    assert!(game.core.resume(&other).is_err());
    assert!(game.core.position(&other).is_err());
}

#[test]
fn revoked_partitions_are_neither_handed_out_nor_fetched() {
    let mut game = Game::reading("t-0 t-1");
    game.asks();
    game.answer(vec![
        ("t-0", data(&[batch(0, "abc")])),
        ("t-1", data(&[batch(0, "x")])),
    ]);
    game.gets(1, "t-0@0=a");
    game.core.revoke(&[name("t-0")]);
    game.gets(10, "t-1@0=x").expect("fetch 1: t-1@1 !t-0");
    assert_eq!(game.position("t-0"), 1);
}

#[test]
fn a_broker_that_forgot_the_session_is_told_everything_again() {
    let mut game = Game::reading("t-0 t-1");
    game.expect("fetch 1: t-0@0 t-1@0")
        .answer(vec![])
        .expect("fetch 1:");
    let gone = FetchResponse {
        error_code: ErrorCode::FetchSessionIdNotFound,
        ..FetchResponse::default()
    };
    game.respond(1, Ok(gone.clone()))
        .expect("fetch 1: t-0@0 t-1@0");
    // A storm of such answers is met with pauses.
    game.respond(1, Ok(gone)).expect("");
    game.after(Duration::from_secs(1))
        .expect("fetch 1: t-0@0 t-1@0");
}

#[test]
fn a_broken_connection_ends_the_session_and_asks_for_metadata() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.respond(1, Err(Error::new(ErrorKind::Network, "gone")))
        .expect("metadata");
    assert_eq!(game.error(), "");
    game.after(Duration::from_secs(1)).expect("fetch 1: t-0@0");
}

#[test]
fn a_broker_that_answers_at_once_with_nothing_is_asked_ever_more_slowly() {
    let mut game = Game::reading("t-0");
    for _ in 0..6 {
        game.asks();
        game.answer(vec![]);
    }
    game.expect("");
    let first = game.core.poll_timeout().unwrap() - game.now;
    assert!(first >= Duration::from_millis(80));
}

#[test]
fn a_moved_leader_is_followed() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", failed(ErrorCode::NotLeaderOrFollower))])
        .expect("metadata");
    game.leaders.insert(name("t-0"), 2);
    game.metadata();
    game.expect("fetch 2: t-0@0");
}

#[test]
fn a_nearer_replica_is_used_until_its_lease_ends() {
    let mut game = Game::reading("t-0");
    game.asks();
    let nearer = FetchPartitionResponse {
        preferred_read_replica: Some(BrokerId(2)),
        ..FetchPartitionResponse::default()
    };
    game.answer(vec![("t-0", nearer)]).expect("fetch 2: t-0@0");
    game.answer_from(2, vec![("t-0", data(&[batch(0, "a")]))])
        .gets(9, "t-0@0=a");
    game.after(Duration::from_mins(5)).expect("fetch 1: t-0@1");
}

#[test]
fn out_of_range_at_a_follower_asks_the_leader_and_resets_nothing() {
    let mut game = Game::reading("t-0");
    game.asks();
    let nearer = FetchPartitionResponse {
        preferred_read_replica: Some(BrokerId(2)),
        ..FetchPartitionResponse::default()
    };
    game.answer(vec![("t-0", nearer)]).expect("fetch 2: t-0@0");
    game.answer_from(2, vec![("t-0", failed(ErrorCode::OffsetOutOfRange))]);
    game.expect("fetch 1:");
}

#[test]
fn a_truncated_log_is_followed_from_where_it_parts() {
    let diverging = |end_offset, epoch| FetchPartitionResponse {
        diverging_epoch: Some(DivergingEpoch {
            epoch: LeaderEpoch::from_wire(epoch),
            end_offset,
        }),
        ..FetchPartitionResponse::default()
    };
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[batch(0, "abcd")]))])
        .gets(2, "t-0@0=a t-0@1=b");
    game.expect("fetch 1: t-0@4");
    // Only what nobody has seen yet is gone.
    game.answer(vec![("t-0", diverging(3, 2))])
        .gets(9, "")
        .expect("fetch 1: t-0@2");
    // What was consumed is gone.
    game.answer(vec![("t-0", diverging(1, 1))])
        .expect("fetch 1: t-0@1");
    // An unknown epoch is no loss.
    game.answer(vec![("t-0", diverging(-1, -1))]);
    game.asks();
    assert_eq!(game.position("t-0"), 1);
}

#[test]
fn a_topic_that_was_made_anew_is_read_from_its_beginning() {
    let mut game = Game::with(|settings| settings.reset = Some(ResetTo::Latest));
    game.read("t-0");
    game.core.seek(&name("t-0"), Position::at(500)).unwrap();
    game.expect("fetch 1: t-0@500");
    game.id = ID + 1;
    game.metadata();
    game.expect("reset t-0 Earliest");
}

#[test]
fn aborted_records_are_skipped_whatever_the_order_of_the_list() {
    let mut game =
        Game::with(|settings| settings.reading.isolation_level = IsolationLevel::ReadCommitted);
    game.read("t-0");
    game.asks();
    let log = [
        stamped(0, "a", Some(7)),
        stamped(1, "b", Some(8)),
        marker(2, 7, false),
        stamped(3, "c", Some(7)),
        // A commit of another producer ends nothing.
        marker(4, 9, true),
        stamped(5, "d", Some(8)),
        marker(6, 8, false),
        stamped(7, "e", Some(8)),
        batch(8, "f"),
    ];
    let abort = |producer_id, first_offset| AbortedTransaction {
        producer_id,
        first_offset,
    };
    let answer = FetchPartitionResponse {
        aborted_transactions: Some(vec![abort(8, 1), abort(7, 0)]),
        ..data(&log)
    };
    game.answer(vec![("t-0", answer)]);
    game.gets(10, "t-0@3=c t-0@7=e t-0@8=f");
}

#[test]
fn markers_are_never_handed_out_and_positions_move_past_them() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![(
        "t-0",
        data(&[stamped(0, "a", Some(7)), marker(1, 7, false)]),
    )]);
    game.gets(10, "t-0@0=a");
    assert_eq!(game.position("t-0"), 2);
}

#[test]
fn answers_about_partitions_that_nobody_asked_for_are_ignored() {
    let mut game = Game::reading("t-0");
    game.asks();
    let twice = vec![
        ("t-0", data(&[batch(0, "a")])),
        ("t-0", data(&[batch(0, "a")])),
        ("u-3", data(&[batch(0, "x")])),
    ];
    game.answer(twice).gets(10, "t-0@0=a");
}

#[test]
fn who_was_served_last_is_asked_for_last() {
    let mut game = Game::reading("t-0 t-1 t-2");
    game.asks();
    game.answer(vec![("t-0", data(&[batch(0, "a")]))])
        .gets(9, "t-0@0=a");
    game.respond(1, Ok(FetchResponse::default()));
    game.fetches.clear();
    game.asks();
    game.respond(1, Ok(FetchResponse::default()))
        .expect("fetch 1: t-1@0 t-2@0 t-0@1");
}

#[test]
fn a_partition_without_leader_asks_for_metadata_with_pauses() {
    let mut game = Game::new();
    game.core.assign(&names("t-0"), false);
    game.core.seek(&name("t-0"), Position::at(0)).unwrap();
    game.expect("metadata").expect("");
    game.after(Duration::from_secs(1)).expect("metadata");
    game.metadata();
    game.expect("fetch 1: t-0@0");
}

#[test]
fn handed_out_positions_carry_the_epoch_of_their_batch() {
    let mut game = Game::reading("t-0");
    game.asks();
    game.answer(vec![("t-0", data(&[batch(0, "abc")]))]);
    let records = game.poll(2);
    assert_eq!(
        records.iter().next().unwrap().leader_epoch(),
        Some(LeaderEpoch(2))
    );
    assert_eq!(
        records.next_offsets().collect::<Vec<_>>(),
        [(&name("t-0"), 2)]
    );
    let position = game.core.position(&name("t-0")).unwrap().unwrap();
    assert_eq!(
        position,
        Position {
            offset: 2,
            leader_epoch: Some(LeaderEpoch(2))
        }
    );
}
