//! Groups through their requests, in the versions of old and new clients.

use generated::describe_groups_request::DescribeGroupsRequest;
use generated::join_group_request::JoinGroupRequestProtocol;
use generated::leave_group_request::MemberIdentity;
use generated::sync_group_request::SyncGroupRequestAssignment;
use generated::{
    FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, SyncGroupRequest,
};
use kconnect_protocol::{ErrorCode, StrBytes};

use super::*;
use crate::core::api::text;

fn group() -> GroupId {
    GroupId(text("g"))
}

fn join(member_id: &StrBytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("sessioned"))
        .with_metadata(Bytes::from_static(b"url"));
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(60_000)
        .with_member_id(member_id.clone())
        .with_protocol_type(text("connect"))
        .with_protocols(vec![protocol])
}

fn sync(
    member_id: &StrBytes,
    generation: i32,
    assignment: Option<&'static [u8]>,
) -> SyncGroupRequest {
    let assignments = assignment.into_iter().map(|bytes| {
        SyncGroupRequestAssignment::default()
            .with_member_id(member_id.clone())
            .with_assignment(Bytes::from_static(bytes))
    });
    SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member_id.clone())
        .with_assignments(assignments.collect())
}

fn beat(world: &mut World, member_id: &StrBytes, generation: i32) -> ErrorCode {
    let request = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member_id.clone());
    ErrorCode(world.ask(&request).error_code)
}

#[test]
fn this_broker_coordinates_every_group() {
    let mut world = World::new();
    let keys = vec![text("g"), text("h")];
    let answer = world.ask(&FindCoordinatorRequest::default().with_coordinator_keys(keys));
    let all: Vec<_> = answer
        .coordinators
        .iter()
        .map(|c| (c.error_code, c.node_id.0))
        .collect();
    assert_eq!(all, [(0, 1), (0, 1)]);
    let one = world.ask_version(2, &FindCoordinatorRequest::default().with_key(text("g")));
    assert_eq!((one.error_code, one.node_id.0, one.port), (0, 1, 9092));
}

#[test]
fn a_connect_cluster_of_one_lives_and_dies() {
    let mut world = World::new();
    let told = world.ask(&join(&text("")));
    assert_eq!(ErrorCode(told.error_code), ErrorCode::MemberIdRequired);
    let id = told.member_id;
    let joined = world.ask(&join(&id));
    assert_eq!(
        (
            joined.error_code,
            joined.generation_id,
            joined.leader.clone()
        ),
        (0, 1, id.clone())
    );
    assert_eq!(joined.protocol_type.as_deref(), Some("connect"));
    let synced = world.ask(&sync(&id, 1, Some(b"all")));
    assert_eq!(
        (synced.error_code, &synced.assignment[..]),
        (0, &b"all"[..])
    );
    assert_eq!(beat(&mut world, &id, 1), ErrorCode::None);
    let described = world.ask(&DescribeGroupsRequest::default().with_groups(vec![group()]));
    let described = &described.groups[0];
    assert_eq!(
        (&*described.group_state, &*described.protocol_type),
        ("Stable", "connect")
    );
    assert_eq!(&*described.members[0].client_host, "/127.0.0.1");
    let listed = world.ask(&ListGroupsRequest::default());
    assert_eq!(&*listed.groups[0].group_state, "Stable");
    world.pass(10_000);
    assert_eq!(beat(&mut world, &id, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_join_waits_until_the_others_are_there() {
    let mut world = World::new();
    let first = world.ask(&join(&text(""))).member_id;
    world.ask(&join(&first));
    world.ask(&sync(&first, 1, Some(b"all")));
    let second = world.ask(&join(&text(""))).member_id;
    let (mut waiting, mut leading) = (world.client(), world.client());
    world.send(waiting, &join(&second));
    assert!(world.hear(waiting).is_none());
    assert_eq!(beat(&mut world, &first, 1), ErrorCode::RebalanceInProgress);
    world.send(leading, &join(&first));
    let leader = world
        .answer::<JoinGroupRequest>(leading)
        .expect("all are there");
    let follower = world
        .answer::<JoinGroupRequest>(waiting)
        .expect("all are there");
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    (waiting, leading) = (world.client(), world.client());
    world.send(waiting, &sync(&second, 2, None));
    assert!(world.hear(waiting).is_none());
    world.send(leading, &sync(&first, 2, Some(b"half")));
    let synced = world
        .answer::<SyncGroupRequest>(waiting)
        .expect("the leader has spoken");
    assert_eq!((synced.error_code, synced.assignment.len()), (0, 0));
    let leave = MemberIdentity::default().with_member_id(second);
    let leave = LeaveGroupRequest::default()
        .with_group_id(group())
        .with_members(vec![leave]);
    assert_eq!(world.ask(&leave).members[0].error_code, 0);
    assert_eq!(beat(&mut world, &first, 2), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_member_whose_connection_broke_while_it_waited_joins_again() {
    let mut world = World::new();
    let first = world.ask(&join(&text(""))).member_id;
    world.ask(&join(&first));
    world.ask(&sync(&first, 1, Some(b"all")));
    let second = world.ask(&join(&text(""))).member_id;
    let broken = world.client();
    world.send(broken, &join(&second));
    world.core.disconnected(broken);
    let again = world.client();
    world.send(again, &join(&second));
    let leader = world.ask(&join(&first));
    assert_eq!(leader.members.len(), 2);
    let answer = world.answer::<JoinGroupRequest>(again).expect("it is in");
    assert_eq!(answer.error_code, 0);
    assert!(world.hear(broken).is_none());
}

#[test]
fn the_first_version_of_a_join_is_still_understood() {
    let mut world = World::new();
    let request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![
            JoinGroupRequestProtocol::default().with_name(text("range")),
        ]);
    let joined = world.ask_version(0, &request);
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    let synced = world.ask_version(0, &sync(&joined.member_id, 1, Some(b"all")));
    assert_eq!(&synced.assignment[..], b"all");
}

#[test]
fn a_session_time_out_of_range_and_a_group_without_a_name_are_refused() {
    let mut world = World::new();
    let short = join(&text("")).with_session_timeout_ms(5_999);
    assert_eq!(
        ErrorCode(world.ask(&short).error_code),
        ErrorCode::InvalidSessionTimeout
    );
    let nameless = join(&text("")).with_group_id(GroupId(text("")));
    assert_eq!(
        ErrorCode(world.ask(&nameless).error_code),
        ErrorCode::InvalidGroupId
    );
    let unknown = DescribeGroupsRequest::default().with_groups(vec![group()]);
    let answer = world.ask(&unknown);
    assert_eq!(
        ErrorCode(answer.groups[0].error_code),
        ErrorCode::GroupIdNotFound
    );
    let older = world.ask_version(5, &unknown);
    assert_eq!(
        (older.groups[0].error_code, &*older.groups[0].group_state),
        (0, "Dead")
    );
}
