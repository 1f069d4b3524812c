//! From one generation to the next: who comes, who goes, and who was silent for too long.

use super::*;

#[test]
fn a_newcomer_makes_everybody_join_again() {
    let mut c = Coordinator::new();
    let old = c.stable(1).remove(0);
    let new = c.new_id();
    let newcomer = c.join(&wish(&new));
    c.assert_waiting(newcomer);
    assert_eq!(
        c.heartbeat(&old, c.generation()),
        ErrorCode::RebalanceInProgress
    );
    let again = c.join(&wish(&old));
    let leader = c.joined(again);
    let follower = c.joined(newcomer);
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    assert_eq!(
        (leader.leader.as_str(), follower.leader.as_str()),
        (old.as_str(), old.as_str())
    );
    assert_eq!(leader.generation, follower.generation);
    let waiting = c.sync(&new, follower.generation, &[]);
    c.assert_waiting(waiting);
    let leading = c.sync(
        &old,
        leader.generation,
        &[(&old, "a"), (&new, "b"), ("stranger", "c")],
    );
    assert_eq!(&c.synced(leading).assignment[..], b"a");
    assert_eq!(&c.synced(waiting).assignment[..], b"b");
}

#[test]
fn who_does_not_join_again_in_time_is_out() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let again = c.join(&wish(&ids[0]));
    // The other one lives, and does not come.
    for _ in 0..REBALANCE / 1_000 - 1 {
        c.pass(1_000);
        assert_eq!(
            c.heartbeat(&ids[1], c.generation()),
            ErrorCode::RebalanceInProgress
        );
    }
    c.assert_waiting(again);
    c.pass(1_000);
    let reply = c.joined(again);
    assert_eq!(reply.members.len(), 1);
    assert_eq!(
        c.heartbeat(&ids[1], reply.generation),
        ErrorCode::UnknownMemberId
    );
}

#[test]
fn a_silent_member_is_out_and_the_others_rebalance() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    c.pass(SESSION - 1);
    assert_eq!(c.heartbeat(&ids[0], c.generation()), ErrorCode::None);
    c.pass(1);
    assert_eq!(
        c.heartbeat(&ids[0], c.generation()),
        ErrorCode::RebalanceInProgress
    );
    assert_eq!(
        c.heartbeat(&ids[1], c.generation()),
        ErrorCode::UnknownMemberId
    );
    let again = c.join(&wish(&ids[0]));
    assert_eq!(c.joined(again).members.len(), 1);
}

#[test]
fn a_member_whose_request_waits_is_not_silent() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let again = c.join(&wish(&ids[0]));
    for _ in 0..4 {
        c.pass(SESSION - 1);
        c.heartbeat(&ids[1], c.generation());
    }
    c.assert_waiting(again);
    let other = c.join(&wish(&ids[1]));
    assert_eq!(c.joined(again).members.len(), 2);
    assert_eq!(c.joined(other).error, ErrorCode::None);
}

#[test]
fn without_a_leaders_word_the_group_begins_anew() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let joins: Vec<_> = ids.iter().map(|id| c.join(&wish(id))).collect();
    let generation = c.joined(joins[0]).generation;
    let waiting = c.sync(&ids[1], generation, &[]);
    // The leader lives, and says nothing.
    for _ in 0..REBALANCE / 1_000 {
        c.assert_waiting(waiting);
        c.heartbeat(&ids[0], generation);
        c.pass(1_000);
    }
    assert_eq!(c.synced(waiting).error, ErrorCode::RebalanceInProgress);
    assert_eq!(c.heartbeat(&ids[0], generation), ErrorCode::UnknownMemberId);
    let again = c.join(&wish(&ids[1]));
    assert_eq!(c.joined(again).leader, ids[1]);
}

#[test]
fn a_rebalance_ends_the_wait_for_assignments() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let joins: Vec<_> = ids.iter().map(|id| c.join(&wish(id))).collect();
    let generation = c.joined(joins[1]).generation;
    let waiting = c.sync(&ids[1], generation, &[]);
    assert_eq!(c.leave(&ids[0], None), ErrorCode::None);
    assert_eq!(c.synced(waiting).error, ErrorCode::RebalanceInProgress);
    let sync = c.sync(&ids[1], generation, &[]);
    assert_eq!(c.synced(sync).error, ErrorCode::RebalanceInProgress);
}

#[test]
fn the_last_one_to_leave_empties_the_group() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let generation = c.generation();
    assert_eq!(c.leave(&ids[1], None), ErrorCode::None);
    assert_eq!(
        c.heartbeat(&ids[0], generation),
        ErrorCode::RebalanceInProgress
    );
    assert_eq!(c.leave(&ids[0], None), ErrorCode::None);
    assert_eq!(c.state(), State::Empty);
    assert_eq!(c.generation(), generation + 1);
    assert_eq!(c.groups.deadline(), None, "nothing is left to be done");
}

#[test]
fn an_id_on_its_way_is_waited_for() {
    let mut c = Coordinator::new();
    let old = c.stable(1).remove(0);
    let coming = c.new_id();
    let again = c.join(&wish(&old));
    c.assert_waiting(again);
    let newcomer = c.join(&wish(&coming));
    assert_eq!(c.joined(again).members.len(), 2);
    assert_eq!(c.joined(newcomer).error, ErrorCode::None);
    // It can also go before it has come.
    let never = c.new_id();
    let again = c.join(&wish(&old));
    assert_eq!(c.leave(&never, None), ErrorCode::None);
    let other = c.join(&wish(&coming));
    assert_eq!(c.joined(again).members.len(), 2);
    assert_eq!(c.joined(other).error, ErrorCode::None);
}

#[test]
fn a_follower_that_says_nothing_new_keeps_its_generation_and_a_leader_begins_another() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let generation = c.generation();
    let same = c.join(&wish(&ids[1]));
    assert_eq!(c.joined(same).generation, generation);
    assert_eq!(c.state(), State::Stable);
    let changed = Wish {
        protocols: vec![("range", "other topics")],
        ..wish(&ids[1])
    };
    let changed = c.join(&changed);
    c.assert_waiting(changed);
    let leader = c.join(&wish(&ids[0]));
    assert_eq!(c.joined(changed).generation, generation + 1);
    assert_eq!(c.joined(leader).members[1].metadata, "other topics");
    for id in ids.iter().rev() {
        c.sync(id, generation + 1, &[]);
    }
    let leader = c.join(&wish(&ids[0]));
    c.assert_waiting(leader);
}

#[test]
fn a_join_sent_twice_is_answered_once_with_the_outcome() {
    let mut c = Coordinator::new();
    let ids = c.stable(2);
    let lost = c.join(&wish(&ids[0]));
    let repeated = c.join(&wish(&ids[0]));
    assert_eq!(c.joined(lost).error, ErrorCode::RebalanceInProgress);
    c.join(&wish(&ids[1]));
    assert_eq!(c.joined(repeated).members.len(), 2);
}

#[test]
fn a_group_that_nobody_is_in_can_be_removed() {
    let mut c = Coordinator::new();
    assert_eq!(c.groups.remove(GROUP), Err(ErrorCode::GroupIdNotFound));
    let id = c.stable(1).remove(0);
    assert_eq!(c.groups.remove(GROUP), Err(ErrorCode::NonEmptyGroup));
    c.leave(&id, None);
    assert_eq!(c.groups.remove(GROUP), Ok(()));
    assert!(c.groups.get(GROUP).is_none());
}
