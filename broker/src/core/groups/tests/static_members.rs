//! Members that keep their place over a restart (KIP-345).

use super::*;

fn fixed(member_id: &str, instance_id: &'static str) -> Wish {
    Wish {
        instance_id: Some(instance_id),
        ..wish(member_id)
    }
}

/// A stable group of two static members, the leader first.
fn two(c: &mut Coordinator) -> Vec<String> {
    let first = c.join(&fixed("", "one"));
    let first = c.joined(first).member_id;
    let second = c.join(&fixed("", "two"));
    let again = c.join(&fixed(&first, "one"));
    let second = c.joined(second).member_id;
    let generation = c.joined(again).generation;
    let assignments = [(first.as_str(), "a"), (second.as_str(), "b")];
    c.sync(&second, generation, &[]);
    c.sync(&first, generation, &assignments);
    assert_eq!(c.state(), State::Stable);
    vec![first, second]
}

#[test]
fn a_restarted_member_gets_its_place_back_without_a_rebalance() {
    let mut c = Coordinator::new();
    let ids = two(&mut c);
    let generation = c.generation();
    c.pass(SESSION / 2);
    c.heartbeat(&ids[0], generation);
    let back = c.join(&fixed("", "two"));
    let reply = c.joined(back);
    assert_eq!(
        (reply.error, reply.generation),
        (ErrorCode::None, generation)
    );
    assert_ne!(reply.member_id, ids[1]);
    assert!(!reply.skip_assignment, "it is no leader");
    let sync = c.sync(&reply.member_id, generation, &[]);
    assert_eq!(&c.synced(sync).assignment[..], b"b");
    assert_eq!(c.heartbeat(&ids[0], generation), ErrorCode::None);
}

#[test]
fn a_restarted_leader_is_told_to_leave_the_assignment_alone() {
    let mut c = Coordinator::new();
    two(&mut c);
    let back = c.join(&fixed("", "one"));
    let reply = c.joined(back);
    assert_eq!((reply.skip_assignment, reply.members.len()), (true, 2));
    assert_eq!(reply.leader, reply.member_id);
    // A client that cannot be told so must not take itself for the leader.
    let older = Wish {
        can_skip_assignment: false,
        ..fixed("", "one")
    };
    let back = c.join(&older);
    let reply = c.joined(back);
    assert_ne!(reply.leader, reply.member_id);
    assert!(reply.members.is_empty());
}

#[test]
fn a_restarted_member_that_wants_something_else_begins_a_rebalance() {
    let mut c = Coordinator::new();
    let ids = two(&mut c);
    let other = Wish {
        protocols: vec![("sticky", ""), ("range", "topics")],
        ..fixed("", "two")
    };
    let back = c.join(&other);
    // The chosen protocol is the same, so is the assignment.
    assert_eq!(c.joined(back).error, ErrorCode::None);
    assert_eq!(c.heartbeat(&ids[0], c.generation()), ErrorCode::None);
}

#[test]
fn who_was_replaced_is_fenced() {
    let mut c = Coordinator::new();
    let ids = two(&mut c);
    let generation = c.generation();
    let back = c.join(&fixed("", "two"));
    c.joined(back);
    let now = c.now;
    let beat = c.groups.with(GROUP, |g| {
        g.heartbeat(now, &ids[1], Some("two"), generation)
    });
    assert_eq!(beat, Some(Err(ErrorCode::FencedInstanceId)));
    let join = c.join(&fixed(&ids[1], "two"));
    assert_eq!(c.joined(join).error, ErrorCode::FencedInstanceId);
    assert_eq!(c.leave(&ids[1], Some("two")), ErrorCode::FencedInstanceId);
}

#[test]
fn a_join_that_waits_is_fenced_by_the_next_process() {
    let mut c = Coordinator::new();
    let ids = two(&mut c);
    let waiting = c.join(&Wish {
        protocols: vec![("range", "changed")],
        ..fixed(&ids[1], "two")
    });
    c.assert_waiting(waiting);
    let next = c.join(&fixed("", "two"));
    assert_eq!(c.joined(waiting).error, ErrorCode::FencedInstanceId);
    let leader = c.join(&fixed(&ids[0], "one"));
    assert_eq!(c.joined(leader).members.len(), 2);
    assert_eq!(c.joined(next).error, ErrorCode::None);
}

#[test]
fn a_static_member_that_does_not_join_again_keeps_its_place_until_its_session_ends() {
    let mut c = Coordinator::new();
    let ids = two(&mut c);
    let again = c.join(&fixed(&ids[0], "one"));
    c.pass(SESSION - 1);
    c.assert_waiting(again);
    c.pass(1);
    assert_eq!(c.joined(again).members.len(), 1);
}

#[test]
fn a_static_member_leaves_by_its_instance_id() {
    let mut c = Coordinator::new();
    let ids = two(&mut c);
    assert_eq!(c.leave("", Some("nobody")), ErrorCode::UnknownMemberId);
    assert_eq!(c.leave("", Some("two")), ErrorCode::None);
    assert_eq!(
        c.heartbeat(&ids[0], c.generation()),
        ErrorCode::RebalanceInProgress
    );
}
