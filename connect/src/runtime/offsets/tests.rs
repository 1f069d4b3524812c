//! What an operator is shown and may change, word by word.

use std::sync::Arc;

use kconnect_broker::Fault;
use kconnect_protocol::{ApiKey, ErrorCode};
use serde_json::json;

use super::{Of, alter, from_json, reset, show, to_json};
use crate::api::OffsetChange;
use crate::data::Map;
use crate::herder::HerderError;
use crate::herder::entities::ConfigMap;
use crate::runtime::testing::{Bench, SinkCall, SinkScript, SourceScript};
use crate::runtime::{State, TargetState};

fn map(json: &serde_json::Value) -> Option<Map> {
    json.as_object().map(|object| from_json(object).unwrap())
}

/// Wishes, each a partition and an offset.
fn changes(pairs: &[(serde_json::Value, serde_json::Value)]) -> Vec<OffsetChange> {
    let change = |(partition, offset): &(serde_json::Value, serde_json::Value)| OffsetChange {
        partition: map(partition),
        offset: map(offset),
    };
    pairs.iter().map(change).collect()
}

/// What an operator is shown, in order.
async fn shown(bench: &Bench, config: &ConfigMap) -> Vec<String> {
    let name = Arc::from(config["name"].as_str());
    let of = Of {
        name: &name,
        config,
    };
    let mut shown: Vec<String> = show(&bench.context, of)
        .await
        .unwrap()
        .iter()
        .map(|entry| {
            let json = |map: &Option<Map>| to_json(map.as_ref().unwrap()).unwrap();
            format!("{} {}", json(&entry.partition), json(&entry.offset))
        })
        .collect();
    shown.sort();
    shown
}

async fn altered(
    bench: &Bench,
    config: &ConfigMap,
    pairs: &[(serde_json::Value, serde_json::Value)],
) -> Result<&'static str, HerderError> {
    let name = Arc::from(config["name"].as_str());
    let of = Of {
        name: &name,
        config,
    };
    alter(&bench.context, of, changes(pairs)).await
}

async fn was_reset(bench: &Bench, config: &ConfigMap) -> Result<&'static str, HerderError> {
    let name = Arc::from(config["name"].as_str());
    let of = Of {
        name: &name,
        config,
    };
    reset(&bench.context, of).await
}

fn internal(text: &str) -> Result<&'static str, HerderError> {
    Err(HerderError::Internal(text.to_owned()))
}

fn bad_request(text: &str) -> Result<&'static str, HerderError> {
    Err(HerderError::BadRequest(text.to_owned()))
}

#[tokio::test]
async fn a_sources_offsets_are_shown_altered_and_reset() {
    let (bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[]);
    assert!(shown(&bench, &config).await.is_empty());
    let wishes = [
        (json!({"file": "f"}), json!({"position": 1})),
        (json!({"file": "g"}), json!({"position": 2})),
        (json!({"file": "f"}), json!({"position": 3, "inode": "x"})),
    ];
    assert_eq!(
        altered(&bench, &config, &wishes).await,
        Ok("The offsets for this connector have been altered successfully")
    );
    assert_eq!(
        shown(&bench, &config).await,
        [
            r#"{"file":"f"} {"position":3,"inode":"x"}"#,
            r#"{"file":"g"} {"position":2}"#
        ]
    );
    let forget = [(json!({"file": "g"}), json!(null))];
    altered(&bench, &config, &forget).await.unwrap();
    assert_eq!(shown(&bench, &config).await.len(), 1);
    assert_eq!(
        was_reset(&bench, &config).await,
        Ok("The offsets for this connector have been reset successfully")
    );
    assert!(shown(&bench, &config).await.is_empty());
    assert_eq!(
        bench.stored().await,
        [
            format!(r#"["{}",{{"file":"f"}}]=null"#, script.name),
            format!(r#"["{}",{{"file":"g"}}]=null"#, script.name)
        ],
        "tombstones, so that others who read the store forget them, too"
    );
    assert!(was_reset(&bench, &config).await.is_ok(), "nothing is left");
}

#[tokio::test]
async fn a_source_plugin_has_its_say_before_anything_is_stored() {
    let (bench, script) = (Bench::new().await, SourceScript::new());
    let name = &script.name;
    let wishes = [(json!({"file": "f"}), json!({"position": 1}))];
    for (says, expected) in [
        (
            "unsupported",
            format!(
                "Failed to modify offsets for connector {name} because it doesn't support external modification of offsets"
            ),
        ),
        (
            "misconfigured",
            format!("Failed to modify offsets for source connector {name}"),
        ),
        (
            "panic",
            format!("Failed to modify offsets for source connector {name}"),
        ),
        ("no such file", "no such file".to_owned()),
    ] {
        let config = script.config(&[("alter", says)]);
        assert_eq!(altered(&bench, &config, &wishes).await, internal(&expected));
        assert!(bench.stored().await.is_empty());
    }
    let config = script.config(&[("alter", "false")]);
    assert_eq!(
        altered(&bench, &config, &wishes).await,
        Ok(
            "The Connect framework-managed offsets for this connector have been altered successfully. However, if this connector \
             manages offsets externally, they will need to be manually altered in the system that the connector uses."
        )
    );
    assert_eq!(
        was_reset(&bench, &config).await,
        Ok(
            "The Connect framework-managed offsets for this connector have been reset successfully. However, if this connector \
             manages offsets externally, they will need to be manually reset in the system that the connector uses."
        )
    );
}

#[tokio::test]
async fn a_sources_offsets_are_primitive_values() {
    let (bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[]);
    let wrong = [(json!({"file": "f"}), json!({"list": [1]}))];
    assert_eq!(
        altered(&bench, &config, &wrong).await,
        internal(
            "Offsets may only contain primitive types as values, but field list contains ARRAY"
        )
    );
    assert_eq!(
        altered(&bench, &config, &[]).await,
        internal("The offsets to be altered may not be null or empty")
    );
}

#[tokio::test]
async fn a_plugin_that_is_not_there_has_no_offsets_to_show() {
    let (bench, script) = (Bench::new().await, SourceScript::new());
    let config = script.config(&[("connector.class", "Nope")]);
    let error = was_reset(&bench, &config).await.unwrap_err().to_string();
    assert!(
        error.contains("Failed to find any class that implements Connector"),
        "{error}"
    );
}

#[tokio::test]
async fn a_sinks_offsets_are_those_of_its_group() {
    let (bench, script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 3).await;
    let config = script.config(&[("topics", "t")]);
    let at = |partition, offset| {
        let partition = json!({"kafka_topic": "t", "kafka_partition": partition});
        (partition, offset)
    };
    let wishes = [
        at(json!(0), json!({"kafka_offset": 5})),
        at(json!("1"), json!({"kafka_offset": "7"})),
        at(json!(2), json!({"kafka_offset": 9})),
    ];
    assert_eq!(
        altered(&bench, &config, &wishes).await,
        Ok("The offsets for this connector have been altered successfully")
    );
    assert_eq!(
        shown(&bench, &config).await,
        [
            r#"{"kafka_topic":"t","kafka_partition":0} {"kafka_offset":5}"#,
            r#"{"kafka_topic":"t","kafka_partition":1} {"kafka_offset":7}"#,
            r#"{"kafka_topic":"t","kafka_partition":2} {"kafka_offset":9}"#,
        ]
    );
    let wishes = [
        at(json!(0), json!({"kafka_offset": 6})),
        at(json!(1), json!(null)),
    ];
    altered(&bench, &config, &wishes).await.unwrap();
    assert_eq!(bench.committed(&script.group()).await, ["t-0@6", "t-2@9"]);
    assert_eq!(
        was_reset(&bench, &config).await,
        Ok("The offsets for this connector have been reset successfully")
    );
    assert!(shown(&bench, &config).await.is_empty());
    assert!(
        was_reset(&bench, &config).await.is_ok(),
        "there is no group any more"
    );
}

#[tokio::test]
async fn a_sinks_group_may_have_another_name_and_its_plugin_its_say() {
    let (bench, script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    let wishes = [(
        json!({"kafka_topic": "t", "kafka_partition": 0}),
        json!({"kafka_offset": 5}),
    )];
    let group = ("consumer.override.group.id", "mine");
    let config = script.config(&[("topics", "t"), group, ("alter", "show")]);
    assert_eq!(
        altered(&bench, &config, &wishes).await,
        internal("{TopicPartition { topic: \"t\", partition: 0 }: Some(5)}")
    );
    let config = script.config(&[("topics", "t"), group]);
    altered(&bench, &config, &wishes).await.unwrap();
    assert_eq!(bench.committed("mine").await, ["t-0@5"]);
    let config = script.config(&[("topics", "t"), group, ("alter", "show")]);
    assert_eq!(
        was_reset(&bench, &config).await,
        internal("{TopicPartition { topic: \"t\", partition: 0 }: None}")
    );
}

#[tokio::test]
async fn what_is_no_partition_or_offset_of_kafka_is_a_bad_request() {
    let (bench, script) = (Bench::new().await, SinkScript::new());
    let config = script.config(&[("topics", "t")]);
    let partition = json!({"kafka_topic": "t", "kafka_partition": 0});
    let offset = json!({"kafka_offset": 5});
    for (wish, text) in [
        (
            (json!(null), offset.clone()),
            "The partition for a sink connector offset cannot be null or missing",
        ),
        (
            (json!({"kafka_topic": "t"}), offset.clone()),
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'",
        ),
        (
            (
                json!({"kafka_topic": null, "kafka_partition": 0}),
                offset.clone(),
            ),
            "Kafka topic names must be valid strings and may not be null",
        ),
        (
            (
                json!({"kafka_topic": "t", "kafka_partition": null}),
                offset.clone(),
            ),
            "Kafka partitions must be valid numbers and may not be null",
        ),
        (
            (
                json!({"kafka_topic": "t", "kafka_partition": "x"}),
                offset.clone(),
            ),
            "Failed to parse the following Kafka partition value in the provided offsets: 'x'. Partition values for sink \
             connectors need to be integers.",
        ),
        (
            (partition.clone(), json!({"offset": 5})),
            "The offset for a sink connector should either be null or contain the key 'kafka_offset'",
        ),
        (
            (partition.clone(), json!({"kafka_offset": 1.5})),
            "Failed to parse the following Kafka offset value in the provided offsets: '1.5'. Offset values for sink \
             connectors need to be integers.",
        ),
    ] {
        assert_eq!(altered(&bench, &config, &[wish]).await, bad_request(text));
    }
    let negative = (partition, json!({"kafka_offset": -1}));
    assert_eq!(
        altered(&bench, &config, &[negative]).await,
        internal(&format!(
            "Failed to modify offsets for sink connector {}",
            script.name
        ))
    );
}

#[tokio::test]
async fn a_group_whose_tasks_live_is_left_alone() {
    let (mut bench, mut script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    let config = script.config(&[("topics", "t")]);
    let task = bench.start_task(&config, TargetState::Started);
    bench.state(State::Running).await;
    script
        .called(&[SinkCall::Start, SinkCall::Open(vec!["t-0".to_owned()])])
        .await;
    let zombies = |verb: &str| {
        format!(
            "Failed to {verb} consumer group offsets for connector {} either because its tasks haven't stopped completely yet or \
             the connector was resumed before the request to {verb} its offsets could be successfully completed. If the \
             connector is in a stopped state, this operation can be safely retried. If it doesn't eventually succeed, the \
             Connect cluster may need to be restarted to get rid of the zombie sink tasks.",
            script.name
        )
    };
    let partition = json!({"kafka_topic": "t", "kafka_partition": 0});
    for offset in [json!({"kafka_offset": 5}), json!(null)] {
        let wish = (partition.clone(), offset);
        assert_eq!(
            altered(&bench, &config, &[wish]).await,
            internal(&zombies("alter"))
        );
    }
    assert_eq!(
        was_reset(&bench, &config).await,
        internal(&zombies("reset"))
    );
    bench.stop_task(&task).await;
    assert!(was_reset(&bench, &config).await.is_ok());
}

#[tokio::test]
async fn what_a_broker_forbids_is_told_in_connects_words() {
    let (bench, script) = (Bench::new().await, SinkScript::new());
    bench.create_topic("t", 1).await;
    let (config, name) = (script.config(&[("topics", "t")]), &script.name);
    let forbid = |api| {
        let fault = Fault::error(api, ErrorCode::GroupAuthorizationFailed);
        bench.broker.faults().inject(fault);
    };
    let wish = [(
        json!({"kafka_topic": "t", "kafka_partition": 0}),
        json!({"kafka_offset": 5}),
    )];
    forbid(ApiKey::OFFSET_COMMIT);
    assert_eq!(
        altered(&bench, &config, &wish).await,
        internal(&format!(
            "Failed to alter consumer group offsets for connector {name}"
        ))
    );
    forbid(ApiKey::OFFSET_FETCH);
    assert_eq!(
        was_reset(&bench, &config).await,
        internal(&format!(
            "Failed to list offsets prior to resetting offsets for sink connector {name}"
        ))
    );
    forbid(ApiKey::DELETE_GROUPS);
    assert_eq!(
        was_reset(&bench, &config).await,
        internal(&format!(
            "Failed to reset consumer group offsets for sink connector {name}"
        ))
    );
    forbid(ApiKey::OFFSET_FETCH);
    let name = Arc::from(name.as_str());
    let of = Of {
        name: &name,
        config: &config,
    };
    let text = format!("Failed to retrieve consumer group offsets for sink connector {name}");
    assert_eq!(
        show(&bench.context, of).await,
        Err(HerderError::Internal(text))
    );
}
