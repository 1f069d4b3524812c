//! Offsets between REST's JSON and what the functions under `runtime::offsets` take and give.

use super::HerderError;
use super::entities::{ConnectorOffset, ConnectorOffsets, Message};
use crate::api::OffsetChange;
use crate::data::Map;
use crate::runtime::offsets::{from_json, to_json};

/// Offsets as a request has them.
///
/// # Errors
///
/// When a number is beyond what can be kept.
pub(crate) fn changes(offsets: &ConnectorOffsets) -> Result<Vec<OffsetChange>, HerderError> {
    let read = |object: &Option<serde_json::Map<String, serde_json::Value>>| {
        let map = object.as_ref().map(from_json).transpose();
        map.map_err(|error| HerderError::BadRequest(error.to_string()))
    };
    let change = |offset: &ConnectorOffset| {
        Ok(OffsetChange {
            partition: read(&offset.partition)?,
            offset: read(&offset.offset)?,
        })
    };
    offsets.offsets.iter().map(change).collect()
}

/// Offsets as an answer shows them.
///
/// # Errors
///
/// When one holds what JSON has no word for.
pub(crate) fn shown(offsets: Vec<OffsetChange>) -> Result<ConnectorOffsets, HerderError> {
    let write = |map: Option<Map>| {
        let value = map.as_ref().map(to_json).transpose();
        let value = value.map_err(|error| HerderError::Internal(error.to_string()))?;
        Ok(value.and_then(|value| match value {
            serde_json::Value::Object(object) => Some(object),
            _ => None,
        }))
    };
    let offset = |OffsetChange { partition, offset }| {
        Ok(ConnectorOffset {
            partition: write(partition)?,
            offset: write(offset)?,
        })
    };
    let offsets: Result<_, HerderError> = offsets.into_iter().map(offset).collect();
    Ok(ConnectorOffsets { offsets: offsets? })
}

/// The answer to a request that changed offsets.
pub(crate) fn message(text: &str) -> Message {
    Message {
        message: text.to_owned(),
    }
}
