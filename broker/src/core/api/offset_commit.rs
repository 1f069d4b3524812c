//! OffsetCommit (API 8, versions 2-9): where a group goes on.

use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use kconnect_protocol::{ApiKey, ErrorCode};

use super::{Api, Outcome, generated};
use crate::core::call::Call;
use crate::core::journal::{Commit, Entry};
use crate::core::state::State;

#[derive(Debug)]
pub(crate) struct OffsetCommit;

/// `offset.metadata.max.bytes`
const METADATA_MAX: usize = 4_096;

impl Api for OffsetCommit {
    const KEY: ApiKey = ApiKey::OFFSET_COMMIT;
    generated!(OffsetCommitRequest, OffsetCommitResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        if let Err(error) = check(state, call, &request) {
            return Outcome::Answer(Self::refuse(&request, call.version, error));
        }
        let mut commits = Vec::new();
        let mut response = OffsetCommitResponse::default();
        for topic in &request.topics {
            let known = state.topics.by_name(&topic.name);
            let mut answer = OffsetCommitResponseTopic::default().with_name(topic.name.clone());
            for partition in &topic.partitions {
                let number = partition.partition_index;
                let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
                let error = if known.and_then(|t| t.partition(number)).is_none() {
                    ErrorCode::UnknownTopicOrPartition
                } else if metadata.len() > METADATA_MAX {
                    ErrorCode::OffsetMetadataTooLarge
                } else if let Some(error) = call.injected(&topic.name, number) {
                    error
                } else {
                    commits.push(Commit {
                        topic: topic.name.to_string(),
                        partition: number,
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: metadata.to_owned(),
                        timestamp: call.now.timestamp,
                    });
                    ErrorCode::None
                };
                answer.partitions.push(result(number, error));
            }
            response.topics.push(answer);
        }
        match apply(state, call, &request.group_id.0, commits) {
            Ok(()) => Outcome::Answer(response),
            Err(error) => Outcome::Answer(Self::refuse(&request, call.version, error)),
        }
    }

    fn refuse(request: &Self::Request, _: i16, error: ErrorCode) -> Self::Response {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(
                    partitions
                        .map(|p| result(p.partition_index, error))
                        .collect(),
                )
        });
        OffsetCommitResponse::default().with_topics(topics.collect())
    }

    fn partitions(_: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let topics = request.topics.iter();
        topics
            .flat_map(|t| {
                t.partitions
                    .iter()
                    .map(|p| (t.name.to_string(), p.partition_index))
            })
            .collect()
    }
}

fn result(partition: i32, error: ErrorCode) -> OffsetCommitResponsePartition {
    OffsetCommitResponsePartition::default()
        .with_partition_index(partition)
        .with_error_code(error.0)
}

fn check(state: &mut State, call: &Call, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
    if request.group_id.0.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let generation = request.generation_id_or_member_epoch;
    let instance = request.group_instance_id.as_deref();
    let checked = state.groups.with(&request.group_id.0, |group| {
        group.check_commit(call.now, &request.member_id, instance, generation)
    });
    match checked {
        Some(checked) => checked,
        // Offsets may be committed for a group that nobody has joined, as admin tools do.
        None if generation < 0 => Ok(()),
        None => Err(ErrorCode::IllegalGeneration),
    }
}

fn apply(
    state: &mut State,
    call: &Call,
    group_id: &str,
    commits: Vec<Commit>,
) -> Result<(), ErrorCode> {
    if commits.is_empty() {
        return Ok(());
    }
    let entry = Entry::Offsets {
        group: group_id.to_owned(),
        commits,
    };
    state.storage.note(&entry).map_err(|error| {
        tracing::error!(group_id, %error, "committed offsets could not be written down");
        ErrorCode::CoordinatorNotAvailable
    })?;
    state.groups.replay(entry, call.now);
    state.shorten_journal();
    Ok(())
}
