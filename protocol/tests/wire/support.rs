//! Every decoder of the crate by name, for the tests and fuzz targets that throw bytes at them.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as generated;
use kafka_protocol::protocol::{Encodable, Request};
use kconnect_protocol::bounded::{Direction, decode_request, decode_response, encode_message};
use kconnect_protocol::group::consumer::{Assignment, Subscription};
use kconnect_protocol::header::{RequestHeader, ResponseHeader};
use kconnect_protocol::messages::Message;
use kconnect_protocol::messages::fetch::{FetchRequest, FetchResponse};
use kconnect_protocol::messages::list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
use kconnect_protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use kconnect_protocol::messages::produce::{ProduceRequest, ProduceResponse};
use kconnect_protocol::{ApiKey, DecodeError, api_versions};

/// What is done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Read it.
    Read,
    /// Read it, and write it as it was read, which has to be read as the same again. Messages that
    /// cannot be written are fine.
    Rewrite,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// Bytes after the message.
    pub(crate) left: usize,
    /// The message as it was written again, if it was.
    pub(crate) written: Option<BytesMut>,
}

type Outcome = Result<Done, DecodeError>;

fn own<M: Message>(task: Task, version: i16, body: &Bytes) -> Outcome {
    let message = M::decode(body, version)?;
    let (mut once, mut twice) = (BytesMut::new(), BytesMut::new());
    if task == Task::Rewrite && message.encode(version, &mut once).is_ok() {
        let segments = message.encode_segments(version).expect("it was encoded");
        let again = M::decode(&segments.concat().into(), version).expect("we wrote it");
        again.encode(version, &mut twice).expect("it was encoded");
        assert_eq!(once, twice);
    }
    Ok(Done {
        left: 0,
        written: Some(once).filter(|written| !written.is_empty()),
    })
}

/// Does `task` with a message of one of the crate's own types; `None` if the API has none.
pub(crate) fn own_message(
    task: Task,
    api: ApiKey,
    direction: Direction,
    version: i16,
    body: &Bytes,
) -> Option<Outcome> {
    Some(match (api, direction) {
        (ApiKey::PRODUCE, Direction::Request) => own::<ProduceRequest>(task, version, body),
        (ApiKey::PRODUCE, Direction::Response) => own::<ProduceResponse>(task, version, body),
        (ApiKey::FETCH, Direction::Request) => own::<FetchRequest>(task, version, body),
        (ApiKey::FETCH, Direction::Response) => own::<FetchResponse>(task, version, body),
        (ApiKey::METADATA, Direction::Request) => own::<MetadataRequest>(task, version, body),
        (ApiKey::METADATA, Direction::Response) => own::<MetadataResponse>(task, version, body),
        (ApiKey::LIST_OFFSETS, Direction::Request) => {
            own::<ListOffsetsRequest>(task, version, body)
        }
        (ApiKey::LIST_OFFSETS, Direction::Response) => {
            own::<ListOffsetsResponse>(task, version, body)
        }
        _ => return None,
    })
}

/// Every API, version and direction of the crate's own types.
pub(crate) fn every_own_message() -> impl Iterator<Item = (ApiKey, Direction, i16)> {
    [
        (ApiKey::PRODUCE, ProduceRequest::VERSIONS),
        (ApiKey::FETCH, FetchRequest::VERSIONS),
        (ApiKey::METADATA, MetadataRequest::VERSIONS),
        (ApiKey::LIST_OFFSETS, ListOffsetsRequest::VERSIONS),
    ]
    .into_iter()
    .flat_map(|(api, versions)| versions.iter().map(move |version| (api, version)))
    .flat_map(|(api, version)| {
        [Direction::Request, Direction::Response].map(|direction| (api, direction, version))
    })
}

/// Does `task` with a message of type `M` that `decode` reads.
fn rewrite<M: Encodable>(
    task: Task,
    version: i16,
    body: &Bytes,
    decode: fn(i16, &mut Bytes) -> Result<M, DecodeError>,
) -> Outcome {
    let mut rest = body.clone();
    let message = decode(version, &mut rest)?;
    let (mut once, mut twice) = (BytesMut::new(), BytesMut::new());
    if task == Task::Rewrite && encode_message(&message, version, &mut once).is_ok() {
        let again = decode(version, &mut once.clone().freeze()).expect("we wrote it");
        encode_message(&again, version, &mut twice).expect("it was encoded");
        assert_eq!(once, twice);
    }
    Ok(Done {
        left: rest.len(),
        written: Some(once).filter(|written| !written.is_empty()),
    })
}

macro_rules! generated_apis {
    ($($request:ident)*) => {
        /// Does `task` with a message of a generated type; `None` if the API has none.
        pub(crate) fn generated_message(
            task: Task,
            api: ApiKey,
            direction: Direction,
            version: i16,
            body: &Bytes,
        ) -> Option<Outcome> {
            match (api.0, direction) {
                $(
                    (generated::$request::KEY, Direction::Request) => {
                        Some(rewrite(task, version, body, decode_request::<generated::$request>))
                    }
                    (generated::$request::KEY, Direction::Response) => {
                        Some(rewrite(task, version, body, decode_response::<generated::$request>))
                    }
                )*
                _ => None,
            }
        }
    };
}

generated_apis! {
    OffsetCommitRequest OffsetFetchRequest FindCoordinatorRequest JoinGroupRequest
    HeartbeatRequest LeaveGroupRequest SyncGroupRequest DescribeGroupsRequest ListGroupsRequest
    SaslHandshakeRequest ApiVersionsRequest CreateTopicsRequest DeleteTopicsRequest
    DeleteRecordsRequest InitProducerIdRequest OffsetForLeaderEpochRequest
    AddPartitionsToTxnRequest AddOffsetsToTxnRequest EndTxnRequest TxnOffsetCommitRequest
    DescribeAclsRequest CreateAclsRequest DeleteAclsRequest DescribeConfigsRequest
    AlterConfigsRequest AlterReplicaLogDirsRequest DescribeLogDirsRequest SaslAuthenticateRequest
    CreatePartitionsRequest CreateDelegationTokenRequest RenewDelegationTokenRequest
    ExpireDelegationTokenRequest DescribeDelegationTokenRequest DeleteGroupsRequest
    ElectLeadersRequest IncrementalAlterConfigsRequest AlterPartitionReassignmentsRequest
    ListPartitionReassignmentsRequest OffsetDeleteRequest DescribeClientQuotasRequest
    AlterClientQuotasRequest DescribeUserScramCredentialsRequest
    AlterUserScramCredentialsRequest DescribeQuorumRequest UpdateFeaturesRequest
    DescribeClusterRequest DescribeProducersRequest UnregisterBrokerRequest
    DescribeTransactionsRequest ListTransactionsRequest ConsumerGroupHeartbeatRequest
    ConsumerGroupDescribeRequest GetTelemetrySubscriptionsRequest PushTelemetryRequest
    ListConfigResourcesRequest DescribeTopicPartitionsRequest ShareGroupHeartbeatRequest
    ShareGroupDescribeRequest ShareFetchRequest ShareAcknowledgeRequest
    DescribeShareGroupOffsetsRequest AlterShareGroupOffsetsRequest DeleteShareGroupOffsetsRequest
}

/// Reads `body` as everything that is no message of an API.
pub(crate) fn read_the_rest(body: &Bytes) {
    for version in 0..=4 {
        let _ = api_versions::decode_answer(version, body);
    }
    let _ = RequestHeader::decode(&mut body.clone());
    for (api, version) in [
        (ApiKey::FETCH, 11),
        (ApiKey::FETCH, 12),
        (ApiKey::API_VERSIONS, 4),
    ] {
        let _ = ResponseHeader::decode(api, version, &mut body.clone());
    }
    if let Ok(subscription) = Subscription::decode(body) {
        let again = subscription.encode().expect("it was read");
        let again = Subscription::decode(&again).expect("we wrote it");
        assert_eq!(again.topics, subscription.topics);
    }
    if let Ok(assignment) = Assignment::decode(body) {
        let again = assignment.encode().expect("it was read");
        let again = Assignment::decode(&again).expect("we wrote it");
        assert_eq!(again.user_data, assignment.user_data);
    }
}
