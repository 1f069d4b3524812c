//! Becoming a member, and who is refused.

use super::*;

#[test]
fn a_member_without_an_id_gets_one_and_comes_back_with_it() {
    let mut c = Coordinator::new();
    let id = c.new_id();
    let join = c.join(&wish(&id));
    let reply = c.joined(join);
    assert_eq!((reply.error, reply.generation), (ErrorCode::None, 1));
    assert_eq!(
        (reply.leader.as_str(), reply.member_id.as_str()),
        (id.as_str(), id.as_str())
    );
    assert_eq!(reply.protocol.as_deref(), Some("range"));
    assert_eq!(reply.members.len(), 1);
    assert_eq!(&reply.members[0].metadata[..], b"topics");
    assert_eq!(c.state(), State::Completing);
    let sync = c.sync(&id, 1, &[(&id, "all")]);
    assert_eq!(&c.synced(sync).assignment[..], b"all");
    assert_eq!(c.state(), State::Stable);
    assert_eq!(c.heartbeat(&id, 1), ErrorCode::None);
}

#[test]
fn an_older_client_is_in_at_once() {
    let mut c = Coordinator::new();
    let older = Wish {
        needs_known_id: false,
        ..wish("")
    };
    let join = c.join(&older);
    assert_eq!(c.joined(join).error, ErrorCode::None);
}

#[test]
fn an_id_that_was_given_out_and_not_used_expires() {
    let mut c = Coordinator::new();
    let id = c.new_id();
    c.pass(SESSION);
    let late = c.join(&wish(&id));
    assert_eq!(c.joined(late).error, ErrorCode::UnknownMemberId);
    assert!(c.groups.get(GROUP).expect("it exists").is_void());
}

#[test]
fn an_id_nobody_gave_out_is_unknown() {
    let mut c = Coordinator::new();
    c.stable(1);
    let stranger = c.join(&wish("stranger"));
    assert_eq!(c.joined(stranger).error, ErrorCode::UnknownMemberId);
    assert_eq!(c.heartbeat("stranger", 1), ErrorCode::UnknownMemberId);
    assert_eq!(c.leave("stranger", None), ErrorCode::UnknownMemberId);
    let sync = c.sync("stranger", 1, &[]);
    assert_eq!(c.synced(sync).error, ErrorCode::UnknownMemberId);
}

#[test]
fn another_generation_is_illegal() {
    let mut c = Coordinator::new();
    let ids = c.stable(1);
    let generation = c.generation();
    assert_eq!(
        c.heartbeat(&ids[0], generation + 1),
        ErrorCode::IllegalGeneration
    );
    let sync = c.sync(&ids[0], generation - 1, &[]);
    assert_eq!(c.synced(sync).error, ErrorCode::IllegalGeneration);
}

#[test]
fn members_have_to_have_a_protocol_in_common() {
    let mut c = Coordinator::new();
    c.stable(1);
    let refused = [
        Wish {
            protocols: vec![("sticky", "")],
            ..wish("")
        },
        Wish {
            protocols: Vec::new(),
            ..wish("")
        },
        Wish {
            protocol_type: "connect",
            ..wish("")
        },
        Wish {
            protocol_type: "",
            ..wish("")
        },
    ];
    for wish in refused {
        let join = c.join(&wish);
        assert_eq!(
            c.joined(join).error,
            ErrorCode::InconsistentGroupProtocol,
            "{wish:?}"
        );
    }
}

#[test]
fn without_an_initial_delay_members_that_come_at_once_begin_at_once() {
    // 1. A group gathers for no time at all. 2. A second member comes before the end of that is noticed. 3. The wait was
    // prolonged by no time: it was due again at once, for ever, and nobody was answered.
    let mut c = Coordinator::new();
    let ids = [c.new_id(), c.new_id()];
    let joins = ids.map(|id| c.join_in_a_burst(&wish(&id)));
    c.pass(0);
    for join in joins {
        assert_eq!(c.joined(join).error, ErrorCode::None);
    }
    assert_eq!(c.state(), State::Completing);
}

#[test]
fn the_protocol_that_most_prefer_among_those_that_all_support_is_chosen() {
    let mut c = Coordinator::with(GroupSettings {
        initial_delay: 3_000,
        size_max: 10,
        groups_max: 1,
    });
    let preferences = [
        vec![("only-mine", ""), ("a", "first"), ("b", "")],
        vec![("b", "second"), ("a", "")],
        vec![("b", "third"), ("a", "")],
    ];
    let ids: Vec<_> = preferences
        .iter()
        .map(|protocols| {
            let first = Wish {
                protocols: protocols.clone(),
                ..wish("")
            };
            let ticket = c.join(&first);
            c.joined(ticket).member_id
        })
        .collect();
    let joins: Vec<_> = ids
        .iter()
        .zip(preferences)
        .map(|(id, protocols)| {
            c.join(&Wish {
                protocols,
                ..wish(id)
            })
        })
        .collect();
    c.pass(REBALANCE);
    let reply = c.joined(joins[2]);
    assert_eq!(reply.protocol.as_deref(), Some("b"));
    let leader = c.joined(joins[0]);
    let metadata: Vec<_> = leader.members.iter().map(|m| m.metadata.clone()).collect();
    assert_eq!(metadata, ["", "second", "third"]);
}

#[test]
fn a_group_may_be_of_any_type() {
    let mut c = Coordinator::new();
    let worker = |id: &str| Wish {
        protocol_type: "connect",
        protocols: vec![
            ("sessioned", "url-and-offset"),
            ("compatible", ""),
            ("default", ""),
        ],
        ..wish(id)
    };
    let ticket = c.join(&worker(""));
    let id = c.joined(ticket).member_id;
    let ticket = c.join(&worker(&id));
    let reply = c.joined(ticket);
    assert_eq!(reply.protocol_type.as_deref(), Some("connect"));
    assert_eq!(reply.protocol.as_deref(), Some("sessioned"));
    // Once it is empty, it may become a group of another type.
    assert_eq!(c.leave(&id, None), ErrorCode::None);
    assert_eq!(c.state(), State::Empty);
    c.stable(1);
    assert_eq!(
        c.groups.get(GROUP).and_then(|g| g.protocol_type.as_deref()),
        Some("consumer")
    );
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut c = Coordinator::with(GroupSettings {
        initial_delay: 0,
        size_max: 2,
        groups_max: 1,
    });
    let ids = c.stable(2);
    let one_more = c.join(&wish(""));
    assert_eq!(c.joined(one_more).error, ErrorCode::GroupMaxSizeReached);
    // Those who are in it may join again.
    let again = c.join(&wish(&ids[0]));
    c.assert_waiting(again);
    assert!(
        c.groups.with_new(c.now, "other", |_| ()).is_none(),
        "one group too many"
    );
}

#[test]
fn the_first_members_are_waited_for_as_long_as_more_of_them_come() {
    let delay = 3_000;
    let mut c = Coordinator::with(GroupSettings {
        initial_delay: delay,
        size_max: 10,
        groups_max: 1,
    });
    let older = Wish {
        needs_known_id: false,
        ..wish("")
    };
    let first = c.join(&older);
    c.pass(delay - 1);
    let second = c.join(&older);
    c.pass(1);
    c.assert_waiting(first);
    c.pass(delay - 1);
    c.assert_waiting(first);
    c.pass(1);
    assert_eq!(c.joined(first).members.len(), 2);
    assert_eq!(c.joined(second).generation, 1);
}

#[test]
fn the_wait_for_first_members_has_an_end() {
    let delay = 3_000;
    let mut c = Coordinator::with(GroupSettings {
        initial_delay: delay,
        size_max: 1_000,
        groups_max: 1,
    });
    let older = Wish {
        needs_known_id: false,
        ..wish("")
    };
    let first = c.join(&older);
    for _ in 0..REBALANCE / 1_000 {
        c.assert_waiting(first);
        c.pass(1_000);
        c.join(&older);
    }
    assert_eq!(c.joined(first).error, ErrorCode::None);
}

#[test]
fn a_thousand_members_come_together() {
    let mut c = Coordinator::new();
    assert_eq!(c.stable(1_000).len(), 1_000);
    assert_eq!(c.generation(), 2);
}
