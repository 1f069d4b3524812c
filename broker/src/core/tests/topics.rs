//! Topics: made, shown, changed and deleted.

use generated::alter_configs_request::{
    AlterConfigsResource as Whole, AlterableConfig as WholeConfig,
};
use generated::create_partitions_request::CreatePartitionsTopic;
use generated::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use generated::delete_topics_request::DeleteTopicState;
use generated::describe_configs_request::DescribeConfigsResource;
use generated::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use generated::{
    AlterConfigsRequest, ApiVersionsRequest, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, TopicName,
};
use kconnect_protocol::ErrorCode;
use kconnect_protocol::messages::metadata::MetadataRequestTopic;

use super::*;
use crate::core::api::text;

fn topic(name: &str, partitions: i32, factor: i16, configs: &[(&str, &str)]) -> CreatableTopic {
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(factor)
        .with_configs(configs.collect())
}

pub(super) fn creation(
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_topics(vec![topic(name, partitions, 1, configs)])
}

fn create(world: &mut World, topic: CreatableTopic) -> ErrorCode {
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    ErrorCode(world.ask(&request).topics[0].error_code)
}

/// Partitions of a topic as metadata shows them; an error if there is no such topic.
fn partitions(world: &mut World, name: &str, create: bool) -> Result<usize, ErrorCode> {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(text(name)),
            ..MetadataRequestTopic::default()
        }]),
        allow_auto_topic_creation: create,
        ..MetadataRequest::default()
    };
    let answer = world.ask(&request);
    match answer.topics[0].error_code {
        ErrorCode::None => Ok(answer.topics[0].partitions.len()),
        error => Err(error),
    }
}

/// The value of a topic's key, and where it comes from.
fn config(world: &mut World, name: &str, key: &str) -> (String, i8) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text(key)]));
    let answer = world.ask(&DescribeConfigsRequest::default().with_resources(vec![resource]));
    let result = &answer.results[0];
    assert_eq!((result.error_code, result.configs.len()), (0, 1));
    let value = result.configs[0].value.as_ref().expect("a value");
    (value.to_string(), result.configs[0].config_source)
}

#[test]
fn a_topic_is_made_as_it_was_asked_for() {
    let mut world = World::new();
    assert_eq!(
        create(&mut world, topic("three", 3, 1, &[])),
        ErrorCode::None
    );
    assert_eq!(
        create(&mut world, topic("default", -1, -1, &[])),
        ErrorCode::None
    );
    assert_eq!(partitions(&mut world, "three", false), Ok(3));
    assert_eq!(partitions(&mut world, "default", false), Ok(1));
}

#[test]
fn what_connect_asks_of_its_topics_is_shown_back() {
    let mut world = World::new();
    let compact = [("cleanup.policy", "compact")];
    assert_eq!(
        create(&mut world, topic("configs", 1, -1, &compact)),
        ErrorCode::None
    );
    assert_eq!(
        create(&mut world, topic("offsets", 25, 1, &compact)),
        ErrorCode::None
    );
    assert_eq!(
        config(&mut world, "configs", "cleanup.policy"),
        ("compact".to_owned(), 1)
    );
    assert_eq!(
        config(&mut world, "offsets", "min.insync.replicas"),
        ("1".to_owned(), 5)
    );
}

#[test]
fn a_topic_that_cannot_be_is_refused() {
    let mut world = World::new();
    world.create("there.is", 1, &[]);
    let refused = [
        (topic("there.is", 1, 1, &[]), ErrorCode::TopicAlreadyExists),
        (
            topic("there_is", 1, 1, &[]),
            ErrorCode::InvalidTopicException,
        ),
        (
            topic("no/path", 1, 1, &[]),
            ErrorCode::InvalidTopicException,
        ),
        (topic("none", 0, 1, &[]), ErrorCode::InvalidPartitions),
        (topic("many", i32::MAX, 1, &[]), ErrorCode::PolicyViolation),
        (
            topic("copies", 1, 3, &[]),
            ErrorCode::InvalidReplicationFactor,
        ),
        (
            topic("typo", 1, 1, &[("retention", "1")]),
            ErrorCode::InvalidConfig,
        ),
        (
            topic("word", 1, 1, &[("retention.ms", "soon")]),
            ErrorCode::InvalidConfig,
        ),
    ];
    for (topic, error) in refused {
        let name = topic.name.clone();
        assert_eq!(create(&mut world, topic), error, "{name:?}");
    }
    let twice = vec![topic("twice", 1, 1, &[]), topic("twice", 1, 1, &[])];
    let answer = world.ask(&CreateTopicsRequest::default().with_topics(twice));
    assert!(
        answer
            .topics
            .iter()
            .all(|t| t.error_code == ErrorCode::InvalidRequest.0)
    );
    assert_eq!(
        partitions(&mut world, "twice", false),
        Err(ErrorCode::UnknownTopicOrPartition)
    );
}

#[test]
fn a_validation_makes_nothing() {
    let mut world = World::new();
    let request = creation("t", 3, &[]).with_validate_only(true);
    assert_eq!(world.ask(&request).topics[0].error_code, 0);
    assert_eq!(
        partitions(&mut world, "t", false),
        Err(ErrorCode::UnknownTopicOrPartition)
    );
}

#[test]
fn asking_for_a_topic_makes_it_unless_it_must_not() {
    let mut world = World::new();
    assert_eq!(
        partitions(&mut world, "t", false),
        Err(ErrorCode::UnknownTopicOrPartition)
    );
    assert_eq!(partitions(&mut world, "t", true), Ok(1));
    assert_eq!(
        partitions(&mut world, "a/b", true),
        Err(ErrorCode::InvalidTopicException)
    );
    let options = Options {
        auto_create_topics: false,
        ..Options::default()
    };
    let mut strict = World::with(fresh(options));
    assert_eq!(
        partitions(&mut strict, "t", true),
        Err(ErrorCode::UnknownTopicOrPartition)
    );
}

#[test]
fn a_topic_grows_and_never_shrinks() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let mut grow = |name: &str, count| {
        let topic = CreatePartitionsTopic::default()
            .with_name(TopicName(text(name)))
            .with_count(count)
            .with_assignments(None);
        let answer = world.ask(&CreatePartitionsRequest::default().with_topics(vec![topic]));
        ErrorCode(answer.results[0].error_code)
    };
    assert_eq!(grow("t", 4), ErrorCode::None);
    assert_eq!(grow("t", 4), ErrorCode::InvalidPartitions);
    assert_eq!(grow("t", 3), ErrorCode::InvalidPartitions);
    assert_eq!(grow("nowhere", 3), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(partitions(&mut world, "t", false), Ok(4));
    assert_eq!(
        world.produce("t", 3, batch(&["a"])).error_code,
        ErrorCode::None
    );
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut world = World::new();
    world.create("a", 1, &[]);
    world.create("b", 1, &[]);
    let id = world
        .core
        .state
        .topics
        .by_name("b")
        .expect("it is there")
        .id;
    let states = vec![
        DeleteTopicState::default().with_name(Some(TopicName(text("a")))),
        DeleteTopicState::default().with_topic_id(id),
        DeleteTopicState::default().with_name(Some(TopicName(text("nowhere")))),
    ];
    let answer = world.ask(&DeleteTopicsRequest::default().with_topics(states));
    let errors: Vec<_> = answer
        .responses
        .iter()
        .map(|r| ErrorCode(r.error_code))
        .collect();
    assert_eq!(
        errors,
        [
            ErrorCode::None,
            ErrorCode::None,
            ErrorCode::UnknownTopicOrPartition
        ]
    );
    assert_eq!(world.core.state.topics.iter().count(), 0);
    // A new topic of the old name is another topic.
    world.create("b", 1, &[]);
    assert_ne!(
        world.core.state.topics.by_name("b").expect("it is new").id,
        id
    );
    assert_eq!(world.produce("b", 0, batch(&["a"])).base_offset, 0);
}

#[test]
fn single_values_are_set_and_taken_back() {
    let mut world = World::new();
    world.create("t", 1, &[("retention.ms", "1000")]);
    let mut change = |key: &str, operation, value: Option<&str>| {
        let config = AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(operation)
            .with_value(value.map(text));
        let resource = AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("t"))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        ErrorCode(world.ask(&request).responses[0].error_code)
    };
    assert_eq!(change("max.message.bytes", 0, Some("100")), ErrorCode::None);
    assert_eq!(
        change("max.message.bytes", 0, Some("-5")),
        ErrorCode::InvalidConfig
    );
    assert_eq!(change("retention.ms", 1, None), ErrorCode::None);
    assert_eq!(
        config(&mut world, "t", "max.message.bytes"),
        ("100".to_owned(), 1)
    );
    assert_eq!(
        config(&mut world, "t", "retention.ms"),
        ("604800000".to_owned(), 5)
    );
    let large = "x".repeat(200);
    let refused = world.produce("t", 0, batch(&[&large]));
    assert_eq!(
        refused.error_code,
        ErrorCode::MessageTooLarge,
        "the new limit holds"
    );
}

#[test]
fn the_older_way_replaces_everything() {
    let mut world = World::new();
    world.create("t", 1, &[("retention.ms", "1000")]);
    let config_now = WholeConfig::default()
        .with_name(text("segment.bytes"))
        .with_value(Some(text("1048576")));
    let resource = Whole::default()
        .with_resource_type(2)
        .with_resource_name(text("t"))
        .with_configs(vec![config_now]);
    let request = AlterConfigsRequest::default().with_resources(vec![resource]);
    assert_eq!(world.ask(&request).responses[0].error_code, 0);
    assert_eq!(
        config(&mut world, "t", "segment.bytes"),
        ("1048576".to_owned(), 1)
    );
    assert_eq!(config(&mut world, "t", "retention.ms").1, 5);
}

#[test]
fn a_version_of_the_future_is_answered_in_one_that_everybody_reads() {
    let mut world = World::new();
    let client = world.client();
    world.core.handle(
        world.now,
        client,
        Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 7, 255, 255, 0]),
    );
    world.collect();
    let Some(Heard::Answer(frame)) = world.hear(client) else {
        panic!("an answer");
    };
    let answer = read::<ApiVersionsRequest>(0, frame);
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::UnsupportedVersion);
    assert_eq!((answer.api_keys.len(), answer.api_keys[0].api_key), (1, 18));
    // Another API in a version that was not offered ends the connection.
    world.core.handle(
        world.now,
        client,
        Bytes::from_static(&[0, 3, 0, 99, 0, 0, 0, 7, 255, 255, 0]),
    );
    world.collect();
    let Some(Heard::Closed(why)) = world.hear(client) else {
        panic!("the end of the connection");
    };
    assert!(why.contains("Metadata version 99 is not on offer"), "{why}");
}
