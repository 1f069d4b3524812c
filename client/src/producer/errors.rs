//! The texts of all errors of a producer, in one place so that they can be read together.

use std::time::Duration;

use kconnect_protocol::types::TopicPartition;

use crate::{Error, ErrorCode, ErrorKind};

pub(crate) fn record_too_large(topic: &str, bytes: usize, max: usize) -> Error {
    Error::new(
        ErrorKind::Misuse,
        format!(
            "a record for topic `{topic}` takes {bytes} bytes, more than the {max} that max.request.size allows: \
             raise max.request.size, and max.message.bytes of the topic with it"
        ),
    )
}

pub(crate) fn record_exceeds_memory(topic: &str, bytes: usize, max: usize) -> Error {
    Error::new(
        ErrorKind::Misuse,
        format!(
            "a record for topic `{topic}` takes {bytes} bytes, more than the {max} of buffer.memory"
        ),
    )
}

pub(crate) fn negative_partition(topic: &str, partition: i32) -> Error {
    Error::new(
        ErrorKind::Misuse,
        format!("partition {partition} of topic `{topic}`: partitions count from 0"),
    )
}

pub(crate) fn no_such_partition(
    topic: &str,
    partition: i32,
    known: usize,
    waited: Duration,
) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!(
            "topic `{topic}` has {known} partitions and no partition {partition} after {} ms (max.block.ms)",
            waited.as_millis()
        ),
    )
    .without_effect()
}

pub(crate) fn no_metadata(topic: &str, waited: Duration, cause: &Error) -> Error {
    let text = format!(
        "topic `{topic}` cannot be sent to after {} ms (max.block.ms): {cause}",
        waited.as_millis()
    );
    Error::new(cause.kind(), text).without_effect()
}

pub(crate) fn no_memory(topic: &str, bytes: usize, total: usize, waited: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!(
            "no memory for {bytes} bytes to topic `{topic}` within {} ms (max.block.ms): the {total} bytes of \
             buffer.memory hold records that are not acknowledged yet; are the brokers slower than the sends?",
            waited.as_millis()
        ),
    )
    .without_effect()
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the producer is closed")
}

/// For records that the producer gave up: it was closed, or cannot go on.
pub(crate) fn given_up(at: &TopicPartition, cause: &Error) -> Error {
    cause.during(format_args!("producing to `{at}`"))
}

/// For records whose driver went away, with its runtime for example.
pub(crate) fn dropped(at: &TopicPartition) -> Error {
    Error::new(
        ErrorKind::Closed,
        format!(
            "while producing to `{at}`: the producer was dropped; close() it to wait for its records"
        ),
    )
}

pub(crate) fn refused(at: &TopicPartition, code: ErrorCode, message: Option<&str>) -> Error {
    Error::broker_says(code, message).during(format_args!("producing to `{at}`"))
}

pub(crate) fn too_large_for_broker(at: &TopicPartition, bytes: usize) -> Error {
    let said = format!(
        "a record makes a batch of {bytes} bytes, more than max.message.bytes of the topic (or message.max.bytes of \
         the broker) allows"
    );
    refused(at, ErrorCode::MessageTooLarge, Some(&said))
}

/// For the records of a batch that the broker refused because of other ones in it.
pub(crate) fn refused_with_others(
    at: &TopicPartition,
    code: ErrorCode,
    message: Option<&str>,
) -> Error {
    let error = refused(at, code, message);
    Error::new(
        error.kind(),
        format!("{error} (the record was in one batch with records that the broker refused)"),
    )
}

pub(crate) fn unanswered(at: &TopicPartition) -> Error {
    Error::new(
        ErrorKind::BrokerMisbehaved,
        format!("while producing to `{at}`: the broker answered the request but said nothing about this partition"),
    )
    .with_unknown_outcome()
}

pub(crate) fn request_failed(at: &TopicPartition, error: &Error) -> Error {
    error.during(format_args!("producing to `{at}`"))
}

pub(crate) fn timed_out(at: &TopicPartition, timeout: Duration, cause: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!("while producing to `{at}`: not acknowledged within {} ms (delivery.timeout.ms): {cause}", timeout.as_millis()),
    )
    .without_effect()
}

pub(crate) fn cannot_compress(error: &dyn std::error::Error) -> Error {
    Error::new(
        ErrorKind::Bug,
        format!("a batch cannot be compressed: {error}"),
    )
}

pub(crate) fn cannot_split(at: &TopicPartition, error: &dyn std::error::Error) -> Error {
    Error::new(
        ErrorKind::Bug,
        format!("while producing to `{at}`: a batch of our own cannot be read back: {error}"),
    )
}

/// For a producer that is not given an identity.
pub(crate) fn no_identity(error: &Error) -> Error {
    let hint = match error.code() {
        Some(ErrorCode::ClusterAuthorizationFailed) => {
            " (before Kafka 3.0 an idempotent producer needs the right IDEMPOTENT_WRITE on the cluster: grant it, or set \
             enable.idempotence=false)"
        }
        _ => "",
    };
    Error::new(
        error.kind(),
        format!("while asking for a producer id: {error}{hint}"),
    )
    .without_effect()
}

pub(crate) fn unwatched(records: u64, first: &Error) -> Error {
    let error = Error::new(
        first.kind(),
        format!("{records} records were not delivered; the first: {first}"),
    );
    if first.may_have_taken_effect() {
        error.with_unknown_outcome()
    } else {
        error.without_effect()
    }
}
