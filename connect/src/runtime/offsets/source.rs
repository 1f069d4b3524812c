//! The offsets of a source: entries of the worker's offset store.

use super::{Change, Of, ask_plugin, failed, message};
use crate::api::{
    ConnectError, ErrorKind, OffsetChange, SourceClass, SourceOffset, SourcePartition,
};
use crate::data::{Map, Text, Value};
use crate::herder::HerderError;
use crate::runtime::connector::properties;
use crate::runtime::worker::WorkerContext;
use crate::storage::check_primitive;

pub(super) async fn show(
    context: &WorkerContext,
    of: Of<'_>,
) -> Result<Vec<OffsetChange>, HerderError> {
    let all = context.offsets_of(of.name).all().await;
    let all = all.map_err(|problem| {
        let text = format!(
            "Failed to retrieve offsets for source connector {}",
            of.name
        );
        failed(text, &problem)
    })?;
    Ok(all
        .iter()
        .map(|(partition, offset)| OffsetChange {
            partition: Some(partition.iter().map(cloned).collect()),
            offset: Some(offset.iter().map(cloned).collect()),
        })
        .collect())
}

pub(super) async fn alter(
    context: &WorkerContext,
    of: Of<'_>,
    class: &'static dyn SourceClass,
    changes: Vec<OffsetChange>,
) -> Result<&'static str, HerderError> {
    modify(context, of, class, changes, Change::Altered).await
}

pub(super) async fn reset(
    context: &WorkerContext,
    of: Of<'_>,
    class: &'static dyn SourceClass,
) -> Result<&'static str, HerderError> {
    let partitions = context.offsets_of(of.name).partitions().await;
    let partitions = partitions.map_err(|problem| not_modified(of, &problem))?;
    let forgotten = partitions.iter().map(|partition| OffsetChange {
        partition: Some(partition.iter().map(cloned).collect()),
        offset: None,
    });
    modify(context, of, class, forgotten.collect(), Change::Reset).await
}

async fn modify(
    context: &WorkerContext,
    of: Of<'_>,
    class: &'static dyn SourceClass,
    changes: Vec<OffsetChange>,
    change: Change,
) -> Result<&'static str, HerderError> {
    let storable = changes.iter().map(storable);
    let storable = storable
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| failed(problem.message().to_owned(), &problem))?;
    let config = properties(of.config);
    let question = async move { class.alter_offsets(&config, &changes).await };
    let agreed = ask_plugin(context, of, "source", question).await?;
    if !storable.is_empty() {
        let changed = context.offsets_of(of.name).change(&storable).await;
        changed.map_err(|problem| not_modified(of, &problem))?;
    }
    Ok(message(change, agreed))
}

fn not_modified(of: Of<'_>, problem: &ConnectError) -> HerderError {
    let text = format!("Failed to modify offsets for source connector {}", of.name);
    failed(text, problem)
}

type Storable = (Option<SourcePartition>, Option<SourceOffset>);

/// The change as it is stored, if it can be.
fn storable(change: &OffsetChange) -> Result<Storable, ConnectError> {
    let partition = change.partition.as_ref().map(entries).transpose()?;
    let offset = change.offset.as_ref().map(entries).transpose()?;
    Ok((
        partition.map(SourcePartition::new),
        offset.map(SourceOffset::new),
    ))
}

/// The entries of a map with text keys and primitive values.
fn entries(map: &Map) -> Result<Vec<(Text, Value)>, ConnectError> {
    let entries = map.iter().map(|(name, value)| {
        let Value::String(name) = name else {
            let text = "Offsets may only use String keys";
            return Err(ConnectError::of(ErrorKind::Data, text));
        };
        check_primitive(name, value)?;
        Ok((name.clone(), value.clone()))
    });
    entries.collect()
}

fn cloned((name, value): (&Text, &Value)) -> (Value, Value) {
    (Value::String(name.clone()), value.clone())
}
