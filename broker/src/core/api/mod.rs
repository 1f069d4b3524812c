//! The APIs: what each request does and what is answered, one file each.

pub(crate) mod alter_configs;
pub(crate) mod api_versions;
pub(crate) mod create_partitions;
pub(crate) mod create_topics;
pub(crate) mod delete_groups;
pub(crate) mod delete_records;
pub(crate) mod delete_topics;
pub(crate) mod describe_cluster;
pub(crate) mod describe_configs;
pub(crate) mod describe_groups;
pub(crate) mod describe_topic_partitions;
pub(crate) mod fetch;
pub(crate) mod find_coordinator;
pub(crate) mod heartbeat;
pub(crate) mod incremental_alter_configs;
pub(crate) mod init_producer_id;
pub(crate) mod join_group;
pub(crate) mod leave_group;
pub(crate) mod list_groups;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod offset_commit;
pub(crate) mod offset_delete;
pub(crate) mod offset_fetch;
pub(crate) mod offset_for_leader_epoch;
pub(crate) mod produce;
pub(crate) mod sync_group;

use bytes::Bytes;
use kconnect_protocol::{ApiKey, DecodeError, EncodeError, ErrorCode, StrBytes};

use super::Core;
use super::call::{Call, Injected};
use super::state::State;
use super::time::Now;
use super::versions;
use super::waiting::Wait;
use crate::faults::{Effect, RequestView};

/// One API.
pub(crate) trait Api {
    /// Its number.
    const KEY: ApiKey;
    /// What a client sends.
    type Request;
    /// What it gets back.
    type Response;

    /// Reads a request of a version that is on offer.
    fn decode(body: &mut Bytes, version: i16) -> Result<Self::Request, DecodeError>;

    /// Writes a response, large parts of it shared.
    fn encode(response: &Self::Response, version: i16) -> Result<Vec<Bytes>, EncodeError>;

    /// Does what is asked for.
    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response>;

    /// The response that says `error` wherever it has a place for one.
    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response;

    /// The partitions that a request is about, for faults that are about partitions.
    fn partitions(_state: &State, _request: &Self::Request) -> Vec<(String, i32)> {
        Vec::new()
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome<R> {
    /// It is answered.
    Answer(R),
    /// It is answered later.
    Wait { wait: Wait, until: Option<u64> },
    /// It gets no answer.
    NoAnswer,
    /// It gets no answer, and its connection is closed.
    Close(&'static str),
}

/// Implements reading and writing with messages that `kafka-protocol` generates.
macro_rules! generated {
    ($request:ty, $response:ty) => {
        type Request = $request;
        type Response = $response;

        fn decode(
            body: &mut bytes::Bytes,
            version: i16,
        ) -> Result<Self::Request, kconnect_protocol::DecodeError> {
            kconnect_protocol::bounded::decode_request(version, body)
        }

        fn encode(
            response: &Self::Response,
            version: i16,
        ) -> Result<Vec<bytes::Bytes>, kconnect_protocol::EncodeError> {
            let mut out = bytes::BytesMut::new();
            kconnect_protocol::bounded::encode_message(response, version, &mut out)?;
            Ok(vec![out.freeze()])
        }
    };
}
pub(crate) use generated;

/// Implements reading and writing with messages of our own.
macro_rules! own {
    ($request:ty, $response:ty) => {
        type Request = $request;
        type Response = $response;

        fn decode(
            body: &mut bytes::Bytes,
            version: i16,
        ) -> Result<Self::Request, kconnect_protocol::DecodeError> {
            <$request as kconnect_protocol::messages::Message>::decode(body, version)
        }

        fn encode(
            response: &Self::Response,
            version: i16,
        ) -> Result<Vec<bytes::Bytes>, kconnect_protocol::EncodeError> {
            kconnect_protocol::messages::Message::encode_segments(response, version)
        }
    };
}
pub(crate) use own;

macro_rules! dispatch {
    ($($api:ty,)*) => {
        /// Hands a request to its API.
        pub(crate) fn dispatch(core: &mut Core, now: Now, call: Call, body: Bytes) {
            match call.api {
                $(<$api as Api>::KEY => run::<$api>(core, now, call, body),)*
                api => {
                    let why = format!("{api} ({}) is not on offer", api.0);
                    core.close(call.connection, None, why);
                }
            }
        }

        #[cfg(test)]
        pub(crate) const ALL: &[ApiKey] = &[$(<$api as Api>::KEY,)*];
    };
}

dispatch! {
    produce::Produce,
    fetch::Fetch,
    list_offsets::ListOffsets,
    metadata::Metadata,
    offset_commit::OffsetCommit,
    offset_fetch::OffsetFetch,
    find_coordinator::FindCoordinator,
    join_group::JoinGroup,
    heartbeat::Heartbeat,
    leave_group::LeaveGroup,
    sync_group::SyncGroup,
    describe_groups::DescribeGroups,
    list_groups::ListGroups,
    api_versions::ApiVersions,
    create_topics::CreateTopics,
    delete_topics::DeleteTopics,
    delete_records::DeleteRecords,
    init_producer_id::InitProducerId,
    offset_for_leader_epoch::OffsetForLeaderEpoch,
    describe_configs::DescribeConfigs,
    alter_configs::AlterConfigs,
    create_partitions::CreatePartitions,
    delete_groups::DeleteGroups,
    incremental_alter_configs::IncrementalAlterConfigs,
    offset_delete::OffsetDelete,
    describe_cluster::DescribeCluster,
    describe_topic_partitions::DescribeTopicPartitions,
}

/// Takes one request from its bytes to what becomes of it.
fn run<A: Api>(core: &mut Core, now: Now, mut call: Call, body: Bytes) {
    let offered = versions::of(core.state.options.profile, A::KEY);
    if !offered.is_some_and(|range| range.contains(call.version)) {
        return api_versions::refuse_version(core, now, call);
    }
    let request = match A::decode(&mut body.clone(), call.version) {
        Ok(request) => request,
        Err(error) => {
            let why = format!("{} version {}: {error}", call.api, call.version);
            return core.close(call.connection, None, why);
        }
    };
    tracing::debug!(api_key = %call.api, api_version = call.version,
        correlation_id = call.correlation_id, client_id = call.client_id(), "request");
    match strike::<A>(core, &mut call, &request) {
        None => {}
        Some(Effect::Error {
            error,
            topic: None,
            partition: None,
        }) => {
            let response = A::refuse(&request, call.version, error);
            return answer::<A>(core, now, call, &response);
        }
        Some(Effect::Error {
            error,
            topic,
            partition,
        }) => {
            call.injected = Some(Injected {
                error,
                topic,
                partition,
            });
        }
        Some(Effect::Delay(delay)) => {
            return core
                .waiting
                .park(call, Wait::Handle(body), Some(now.after(delay)));
        }
        Some(Effect::Silence) => return core.waiting.park(call, Wait::Forever, None),
        Some(Effect::Disconnect) => {
            return core.close(call.connection, None, "a fault".to_owned());
        }
        Some(Effect::Apply(aftermath)) => call.aftermath = Some(aftermath),
    }
    match A::handle(&mut core.state, &call, request) {
        Outcome::Answer(response) => answer::<A>(core, now, call, &response),
        Outcome::Wait { wait, until } => core.waiting.park(call, wait, until),
        Outcome::NoAnswer => core.done(&call),
        Outcome::Close(why) => core.close(call.connection, None, why.to_owned()),
    }
}

/// What a fault wants to happen to this request.
fn strike<A: Api>(core: &mut Core, call: &mut Call, request: &A::Request) -> Option<Effect> {
    if std::mem::replace(&mut call.is_struck, true) {
        return None;
    }
    let state = &core.state;
    core.faults.strike(A::KEY, || RequestView {
        api: A::KEY,
        version: call.version,
        client_id: call.client_id.as_deref(),
        partitions: A::partitions(state, request),
    })
}

/// Sends the answer to a request.
pub(crate) fn answer<A: Api>(core: &mut Core, now: Now, call: Call, response: &A::Response) {
    match A::encode(response, call.version) {
        Ok(body) => {
            let frame = call.frame(body);
            core.answer(now, call, frame);
        }
        Err(error) => {
            tracing::error!(api_key = %call.api, api_version = call.version, %error,
                "an answer could not be written");
            core.close(call.connection, None, error.to_string());
        }
    }
}

/// A text for a message.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A text beside an error; empty ones are left out.
pub(crate) fn message(text: String) -> Option<StrBytes> {
    (!text.is_empty()).then(|| StrBytes::from_string(text))
}
