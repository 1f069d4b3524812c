//! The offsets of a sink: those of its consumer group, read and written by an admin client.

use std::collections::BTreeMap;

use kconnect_client::Error;
use kconnect_client::admin::{Admin, Results};
use kconnect_client::consumer::OffsetAndMetadata;
use kconnect_protocol::ErrorCode;

use super::{Change, Of, ask_plugin, failed, message};
use crate::api::{ConnectError, OffsetChange, SinkClass, TopicPartition};
use crate::config::{AdminKeys, AdminOf, admin_properties, consumer_properties};
use crate::data::{Map, Value};
use crate::herder::HerderError;
use crate::runtime::ConnectorTaskId;
use crate::runtime::connector::properties;
use crate::runtime::task::warn_unused;
use crate::runtime::worker::WorkerContext;

const TOPIC: &str = "kafka_topic";
const PARTITION: &str = "kafka_partition";
const OFFSET: &str = "kafka_offset";

/// For each partition the offset to go on at, or none to forget it.
type Wanted = BTreeMap<TopicPartition, Option<i64>>;

/// A sink's consumer group, and who may change it.
struct Group {
    id: String,
    admin: Admin,
}

impl Group {
    /// The connector's group, whatever its configuration calls it.
    fn of(context: &WorkerContext, of: Of<'_>) -> Result<Self, ConnectError> {
        let task = ConnectorTaskId::new(of.name, 0);
        let consumer = consumer_properties(&context.properties, of.config, &task);
        let id = consumer.get("group.id").unwrap_or_default().to_owned();
        let mut properties =
            admin_properties(&context.properties, AdminOf::Connector(of.config, of.name));
        let config = AdminKeys::from_properties(&mut properties)?.client;
        warn_unused("admin", &properties);
        let admin = Admin::new(&config).map_err(|problem| {
            ConnectError::new("Failed to create new KafkaAdminClient").caused_by(problem)
        })?;
        Ok(Self { id, admin })
    }

    async fn committed(&self) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, Error> {
        self.admin.list_consumer_group_offsets(&self.id).await
    }
}

pub(super) async fn show(
    context: &WorkerContext,
    of: Of<'_>,
) -> Result<Vec<OffsetChange>, HerderError> {
    let text = || {
        format!(
            "Failed to retrieve consumer group offsets for sink connector {}",
            of.name
        )
    };
    let group = Group::of(context, of).map_err(|problem| failed(text(), &problem))?;
    let committed = group.committed().await;
    group.admin.close().await;
    let committed = committed.map_err(|problem| failed(text(), &problem))?;
    let shown = committed
        .into_iter()
        .map(|(partition, committed)| OffsetChange {
            partition: Some(shown(&partition)),
            offset: Some(Map::from_iter([(OFFSET, committed.offset)])),
        });
    Ok(shown.collect())
}

fn shown(partition: &TopicPartition) -> Map {
    Map::from_iter([
        (TOPIC, Value::from(&*partition.topic)),
        (PARTITION, Value::from(partition.partition)),
    ])
}

pub(super) async fn alter(
    context: &WorkerContext,
    of: Of<'_>,
    class: &'static dyn SinkClass,
    changes: &[OffsetChange],
) -> Result<&'static str, HerderError> {
    let group = group_to_modify(context, of)?;
    let altered = async {
        let wanted = parse(changes).map_err(HerderError::BadRequest)?;
        let agreed = ask(context, of, class, wanted.clone()).await?;
        write(&group, of, &wanted).await?;
        Ok(message(Change::Altered, agreed))
    };
    let altered = altered.await;
    group.admin.close().await;
    altered
}

pub(super) async fn reset(
    context: &WorkerContext,
    of: Of<'_>,
    class: &'static dyn SinkClass,
) -> Result<&'static str, HerderError> {
    let group = group_to_modify(context, of)?;
    let reset = async {
        let committed = group.committed().await.map_err(|problem| {
            let text = format!(
                "Failed to list offsets prior to resetting offsets for sink connector {}",
                of.name
            );
            failed(text, &problem)
        })?;
        let forgotten = committed.into_keys().map(|partition| (partition, None));
        let agreed = ask(context, of, class, forgotten.collect()).await?;
        delete(&group, of).await?;
        Ok(message(Change::Reset, agreed))
    };
    let reset = reset.await;
    group.admin.close().await;
    reset
}

fn group_to_modify(context: &WorkerContext, of: Of<'_>) -> Result<Group, HerderError> {
    Group::of(context, of).map_err(|problem| {
        let text = format!("Failed to modify offsets for sink connector {}", of.name);
        failed(text, &problem)
    })
}

async fn ask(
    context: &WorkerContext,
    of: Of<'_>,
    class: &'static dyn SinkClass,
    wanted: Wanted,
) -> Result<bool, HerderError> {
    let config = properties(of.config);
    let question = async move { class.alter_offsets(&config, &wanted).await };
    ask_plugin(context, of, "sink", question).await
}

/// Commits what has an offset and deletes what has none.
async fn write(group: &Group, of: Of<'_>, wanted: &Wanted) -> Result<(), HerderError> {
    let (mut set, mut forgotten) = (BTreeMap::new(), Vec::new());
    for (partition, offset) in wanted {
        match offset {
            Some(offset) if *offset < 0 => {
                let text = format!("Failed to modify offsets for sink connector {}", of.name);
                return Err(failed(text, &"Invalid negative offset"));
            }
            Some(offset) => {
                set.insert(partition.clone(), OffsetAndMetadata::from(*offset));
            }
            None => forgotten.push(partition.clone()),
        }
    }
    let mut problems = Vec::new();
    if !set.is_empty() {
        let results = group
            .admin
            .alter_consumer_group_offsets(&group.id, &set)
            .await;
        problems.extend(errors(results));
    }
    if !forgotten.is_empty() {
        let results = group
            .admin
            .delete_consumer_group_offsets(&group.id, &forgotten)
            .await;
        problems.extend(errors(results));
    }
    let has_members = [
        ErrorCode::UnknownMemberId,
        ErrorCode::GroupSubscribedToTopic,
    ];
    check(&problems, &has_members, of, "alter", "connector")
}

fn errors<K>(results: Results<K, ()>) -> impl Iterator<Item = Error> {
    results.into_values().filter_map(Result::err)
}

async fn delete(group: &Group, of: Of<'_>) -> Result<(), HerderError> {
    let results = group.admin.delete_groups(&[&group.id]).await;
    // A group that is not there has no offsets: it may be the second reset.
    let problems: Vec<Error> = errors(results)
        .filter(|problem| problem.code() != Some(ErrorCode::GroupIdNotFound))
        .collect();
    check(
        &problems,
        &[ErrorCode::NonEmptyGroup],
        of,
        "reset",
        "sink connector",
    )
}

/// The error for the operator: a group that still has members is a matter of patience.
fn check(
    problems: &[Error],
    has_members: &[ErrorCode],
    of: Of<'_>,
    verb: &str,
    whose: &str,
) -> Result<(), HerderError> {
    let name = of.name;
    let Some(first) = problems.first() else {
        return Ok(());
    };
    let zombies = |problem: &&Error| {
        problem
            .code()
            .is_some_and(|code| has_members.contains(&code))
    };
    Err(match problems.iter().find(zombies) {
        Some(problem) => failed(
            format!(
                "Failed to {verb} consumer group offsets for connector {name} either because its tasks haven't stopped \
                 completely yet or the connector was resumed before the request to {verb} its offsets could be successfully \
                 completed. If the connector is in a stopped state, this operation can be safely retried. If it doesn't \
                 eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks."
            ),
            problem,
        ),
        None => failed(
            format!("Failed to {verb} consumer group offsets for {whose} {name}"),
            first,
        ),
    })
}

/// What an operator wants of a group, or what is wrong with it.
fn parse(changes: &[OffsetChange]) -> Result<Wanted, String> {
    let parsed = changes
        .iter()
        .map(|change| Ok((parse_partition(change)?, parse_offset(change)?)));
    parsed.collect()
}

fn parse_partition(change: &OffsetChange) -> Result<TopicPartition, String> {
    let Some(partition) = &change.partition else {
        return Err(
            "The partition for a sink connector offset cannot be null or missing".to_owned(),
        );
    };
    let (Some(topic), Some(number)) = (partition.get_str(TOPIC), partition.get_str(PARTITION))
    else {
        return Err(format!(
            "The partition for a sink connector offset must contain the keys '{TOPIC}' and '{PARTITION}'"
        ));
    };
    if topic.is_null() {
        return Err("Kafka topic names must be valid strings and may not be null".to_owned());
    }
    if number.is_null() {
        return Err("Kafka partitions must be valid numbers and may not be null".to_owned());
    }
    // A number in quotes is as good as one without.
    let number = number.to_string().parse().map_err(|_| {
        format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{number}'. Partition values for \
             sink connectors need to be integers."
        )
    })?;
    Ok(TopicPartition::new(topic.to_string(), number))
}

fn parse_offset(change: &OffsetChange) -> Result<Option<i64>, String> {
    let Some(offset) = &change.offset else {
        return Ok(None);
    };
    let Some(offset) = offset.get_str(OFFSET) else {
        return Err(format!(
            "The offset for a sink connector should either be null or contain the key '{OFFSET}'"
        ));
    };
    let parsed = offset.to_string().parse().map_err(|_| {
        format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{offset}'. Offset values for sink \
             connectors need to be integers."
        )
    })?;
    Ok(Some(parsed))
}
