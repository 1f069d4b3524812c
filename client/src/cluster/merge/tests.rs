//! Answers merged into what is known: a small notation for topics, one line each.

use kconnect_protocol::StrBytes;

use super::*;

/// An answer: `t#1 0:2@5 1:-@5` is topic `t` with the id 1, whose partition 0 is led by broker 2 in epoch 5 and whose
/// partition 1 is led by nobody. `@-` is an answer without epochs, `t!3` a topic with error code 3.
fn answer(lines: &[&str]) -> MetadataResponse {
    MetadataResponse {
        brokers: (1..=3).map(broker).collect(),
        controller_id: Some(BrokerId(1)),
        topics: lines.iter().map(|line| topic(line)).collect(),
        ..MetadataResponse::default()
    }
}

fn broker(id: i32) -> MetadataBroker {
    MetadataBroker {
        node_id: BrokerId(id),
        host: StrBytes::from_static_str("b"),
        port: 9090 + id,
        rack: None,
    }
}

fn topic(line: &str) -> MetadataTopic {
    let mut words = line.split(' ');
    let head = words.next().unwrap();
    let (name, code) = head.split_once('!').unwrap_or((head, "0"));
    let (name, id) = name.split_once('#').unwrap_or((name, "0"));
    MetadataTopic {
        error_code: ErrorCode(code.parse().unwrap()),
        name: Some(StrBytes::from_string(name.to_owned())),
        topic_id: Uuid::from_u128(id.parse().unwrap()),
        partitions: words.map(partition).collect(),
        ..MetadataTopic::default()
    }
}

fn partition(word: &str) -> MetadataPartition {
    let (index, rest) = word.split_once(':').unwrap();
    let (leader, epoch) = rest.split_once('@').unwrap();
    MetadataPartition {
        partition_index: index.parse().unwrap(),
        leader_id: leader.parse().ok().map(BrokerId),
        leader_epoch: epoch.parse().ok().map(LeaderEpoch),
        ..MetadataPartition::default()
    }
}

fn shown(metadata: &Metadata) -> Vec<String> {
    let or_dash =
        |number: Option<i32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let topic = |topic: &Arc<Topic>| {
        let mut line = topic.name.to_string();
        if let Some(id) = topic.id {
            line += &format!("#{}", id.as_u128());
        }
        if let Some(code) = topic.error {
            line += &format!("!{}", code.0);
        }
        for partition in &topic.partitions {
            let leader = or_dash(partition.leader.map(|leader| leader.0));
            let epoch = or_dash(partition.leader_epoch.map(|epoch| epoch.0));
            line += &format!(" {}:{leader}@{epoch}", partition.index);
        }
        line
    };
    metadata.topics().map(topic).collect()
}

fn named(names: &[&str]) -> Scope {
    Scope::Topics(names.iter().map(|name| Arc::from(*name)).collect())
}

/// What is known after one answer and then another, to a question about the topics of the latter.
#[track_caller]
fn check(first: &[&str], then: &[&str], expected: &[&str]) {
    let names: Vec<&str> = then
        .iter()
        .filter_map(|line| line.split(['#', '!', ' ']).next())
        .collect();
    let known = Metadata::default().merged(answer(first), &Scope::All);
    assert_eq!(shown(&known.merged(answer(then), &named(&names))), expected);
}

#[test]
fn a_newer_epoch_replaces_an_older_one_and_not_the_other_way_round() {
    check(
        &["t#1 0:1@5 1:1@5"],
        &["t#1 0:2@6 1:2@4"],
        &["t#1 0:2@6 1:1@5"],
    );
    check(&["t#1 0:1@5"], &["t#1 0:2@5"], &["t#1 0:2@5"]);
}

#[test]
fn epochs_are_compared_without_topic_ids_too() {
    check(&["t 0:1@5"], &["t 0:2@4"], &["t 0:1@5"]);
}

#[test]
fn an_answer_without_epochs_is_taken_as_it_is() {
    check(&["t 0:1@5"], &["t 0:2@-"], &["t 0:2@-"]);
}

#[test]
fn a_topic_that_was_created_again_starts_again() {
    check(&["t#1 0:1@5 1:1@5"], &["t#2 0:2@0"], &["t#2 0:2@0"]);
}

#[test]
fn a_partition_that_an_answer_leaves_out_stays() {
    check(
        &["t#1 0:1@5 1:1@5 2:3@1"],
        &["t#1 0:1@5 2:2@2"],
        &["t#1 0:1@5 1:1@5 2:2@2"],
    );
}

#[test]
fn a_partition_without_leader_is_known_as_such() {
    check(&["t#1 0:1@5"], &["t#1 0:-@6"], &["t#1 0:-@6"]);
}

#[test]
fn an_error_keeps_what_was_known_beside_it() {
    check(&["t#1 0:1@5"], &["t!3"], &["t#1!3 0:1@5"]);
    check(&["u#1 0:1@5"], &["t!3"], &["t!3", "u#1 0:1@5"]);
}

#[test]
fn topics_of_other_questions_stay() {
    check(
        &["a#1 0:1@5", "b#2 0:1@5"],
        &["b#2 0:2@6"],
        &["a#1 0:1@5", "b#2 0:2@6"],
    );
}

#[test]
fn partitions_come_in_any_order_and_nonsense_is_left_out() {
    check(
        &[],
        &["t 2:1@0 0:1@0 2:3@9 -1:1@0 1:1@0"],
        &["t 0:1@0 1:1@0 2:1@0"],
    );
}

#[test]
fn a_topic_that_was_asked_for_and_not_answered_is_unknown() {
    let known = Metadata::default().merged(answer(&["t#1 0:1@5"]), &Scope::All);
    let known = known.merged(answer(&[]), &named(&["t", "u"]));
    assert_eq!(shown(&known), ["t#1!3 0:1@5", "u!3"]);
}

#[test]
fn a_topic_has_to_be_missing_twice_from_an_answer_about_all_before_it_is_forgotten() {
    let known = Metadata::default().merged(answer(&["t#1 0:1@5"]), &Scope::All);
    let known = known.merged(answer(&[]), &Scope::All);
    assert_eq!(shown(&known), ["t#1!3 0:1@5"]);
    assert!(shown(&known.merged(answer(&[]), &Scope::All)).is_empty());
    assert_eq!(
        shown(&known.merged(answer(&["t#1 0:1@5"]), &Scope::All)),
        ["t#1 0:1@5"]
    );
}

#[test]
fn brokers_are_replaced_unless_none_are_told() {
    let known = Metadata::default().merged(answer(&[]), &Scope::All);
    let fewer = MetadataResponse {
        brokers: vec![broker(2)],
        ..MetadataResponse::default()
    };
    let known = known.merged(fewer, &Scope::All);
    assert_eq!(
        known
            .brokers()
            .map(|broker| broker.id.0)
            .collect::<Vec<_>>(),
        [2]
    );
    let known = known.merged(MetadataResponse::default(), &Scope::All);
    assert_eq!(known.brokers().len(), 1);
    assert_eq!(known.controller, None);
}

#[test]
fn topics_are_found_by_their_ids() {
    let known = Metadata::default().merged(answer(&["t#1 0:1@5", "u 0:1@1"]), &Scope::All);
    assert_eq!(
        known
            .topic_by_id(Uuid::from_u128(1))
            .map(|topic| &*topic.name),
        Some("t")
    );
    let known = known.merged(answer(&["t#7 0:1@0"]), &named(&["t"]));
    assert_eq!(known.topic_by_id(Uuid::from_u128(1)), None);
    let leader = known.leader(&TopicPartition::new("t", 0)).unwrap();
    assert_eq!(leader.address, Address::new("b", 9091));
    assert!(
        known
            .retaining(|name| name == "u")
            .topic_by_id(Uuid::from_u128(7))
            .is_none()
    );
}

#[test]
fn a_leader_told_along_the_way_counts_if_its_epoch_is_newer() {
    let known = Metadata::default().merged(answer(&["t#1 0:1@5"]), &Scope::All);
    let hint = |epoch| LeaderHint {
        partition: TopicPartition::new("t", 0),
        leader: BrokerId(9),
        leader_epoch: LeaderEpoch(epoch),
        broker: Some(Broker {
            id: BrokerId(9),
            address: Address::new("new", 1),
            rack: None,
        }),
    };
    assert!(known.with_leader(&hint(5)).is_none());
    let told = known.with_leader(&hint(6)).unwrap();
    assert_eq!(shown(&told), ["t#1 0:9@6"]);
    assert_eq!(
        &*told.leader(&hint(6).partition).unwrap().address.host,
        "new"
    );
    let unknown = LeaderHint {
        partition: TopicPartition::new("u", 0),
        ..hint(6)
    };
    assert!(known.with_leader(&unknown).is_none());
}

#[test]
fn the_same_answer_again_brings_nothing_new() {
    let known = Metadata::default().merged(answer(&["t#1 0:1@5"]), &Scope::All);
    assert!(known.is_equivalent(&known.merged(answer(&["t#1 0:1@5"]), &Scope::All)));
    assert!(known.is_equivalent(&known.merged(answer(&["t#1 0:2@4"]), &Scope::All)));
    assert!(!known.is_equivalent(&known.merged(answer(&["t#1 0:2@6"]), &Scope::All)));
}
