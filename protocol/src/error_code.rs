//! Kafka's error codes: an open number, and one table of what is known about each.

use std::fmt;

/// An error code as a broker sends it.
///
/// The number is open: a broker newer than this crate may send a code that the table does not
/// have. Such a code prints as `UNKNOWN(142)` and is not retriable, as in Java.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// Kafka's name, such as `NOT_LEADER_OR_FOLLOWER`; `None` if the code is not in the table.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// What the code says, as one sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().map_or(
            "The broker is newer than this client: its error code is not known here.",
            |row| row.meaning,
        )
    }

    /// Whether this is no error at all.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == Self::None.0
    }

    /// Whether this is an error.
    #[must_use]
    pub const fn is_error(self) -> bool {
        !self.is_none()
    }

    /// Whether the same request may succeed later (Java's `RetriableException`).
    #[must_use]
    pub fn is_retriable(self) -> bool {
        self.row().is_some_and(|row| row.remedy != Remedy::Final)
    }

    /// Whether the client's metadata is out of date (Java's `InvalidMetadataException`).
    #[must_use]
    pub fn refreshes_metadata(self) -> bool {
        self.row().is_some_and(|row| row.remedy == Remedy::Refresh)
    }

    /// This code as a result.
    ///
    /// # Errors
    ///
    /// The code itself, unless it is [`ErrorCode::None`].
    pub const fn check(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }

    /// Every code in the table, in rising order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| Self(row.code))
    }

    /// The table has no gaps, so the code is its own index (a test holds this).
    fn row(self) -> Option<&'static Row> {
        let index = usize::try_from(i32::from(self.0) - i32::from(TABLE[0].code)).ok()?;
        TABLE.get(index)
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self(code)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN({})", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ErrorCode {}

/// What a client does about a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Remedy {
    /// Repeating the request does not help.
    Final,
    /// Repeating the request may help.
    Retry,
    /// Repeating the request may help, once metadata is fresh.
    Refresh,
}

struct Row {
    code: i16,
    name: &'static str,
    remedy: Remedy,
    meaning: &'static str,
}

macro_rules! error_codes {
    ($($code:literal $variant:ident $name:literal $remedy:ident $meaning:literal;)*) => {
        #[expect(non_upper_case_globals, reason = "read as the variants that they stand for")]
        impl ErrorCode {
            $(
                #[doc = concat!("`", $name, "`: ", $meaning)]
                pub const $variant: Self = Self($code);
            )*
        }

        const TABLE: &[Row] = &[
            $(Row { code: $code, name: $name, remedy: Remedy::$remedy, meaning: $meaning },)*
        ];
    };
}

error_codes! {
    -1 UnknownServerError "UNKNOWN_SERVER_ERROR" Final
        "The broker failed in a way it has no code for; its log says more.";
    0 None "NONE" Final
        "No error.";
    1 OffsetOutOfRange "OFFSET_OUT_OF_RANGE" Final
        "The partition has no such offset: it was deleted by retention, or not written yet.";
    2 CorruptMessage "CORRUPT_MESSAGE" Retry
        "A record batch arrived damaged, is malformed, or lacks the key that a compacted topic needs.";
    3 UnknownTopicOrPartition "UNKNOWN_TOPIC_OR_PARTITION" Refresh
        "This broker does not know the topic or the partition.";
    4 InvalidFetchSize "INVALID_FETCH_SIZE" Final
        "The requested fetch size makes no sense.";
    5 LeaderNotAvailable "LEADER_NOT_AVAILABLE" Refresh
        "The partition has no leader at the moment; an election may be under way.";
    6 NotLeaderOrFollower "NOT_LEADER_OR_FOLLOWER" Refresh
        "Another broker leads this partition, or this one holds no replica of it.";
    7 RequestTimedOut "REQUEST_TIMED_OUT" Retry
        "The broker gave up before the request was complete; its effect may still happen.";
    8 BrokerNotAvailable "BROKER_NOT_AVAILABLE" Final
        "The broker that is needed is not available.";
    9 ReplicaNotAvailable "REPLICA_NOT_AVAILABLE" Refresh
        "This broker has no usable replica of the partition.";
    10 MessageTooLarge "MESSAGE_TOO_LARGE" Final
        "A record batch is larger than the topic's max.message.bytes.";
    11 StaleControllerEpoch "STALE_CONTROLLER_EPOCH" Final
        "The controller has changed since this request was made.";
    12 OffsetMetadataTooLarge "OFFSET_METADATA_TOO_LARGE" Final
        "The text committed beside an offset is longer than offset.metadata.max.bytes.";
    13 NetworkException "NETWORK_EXCEPTION" Refresh
        "The connection was lost before the answer came.";
    14 CoordinatorLoadInProgress "COORDINATOR_LOAD_IN_PROGRESS" Retry
        "The coordinator is still loading its state.";
    15 CoordinatorNotAvailable "COORDINATOR_NOT_AVAILABLE" Retry
        "The group or transaction has no coordinator at the moment.";
    16 NotCoordinator "NOT_COORDINATOR" Retry
        "Another broker coordinates this group or transaction.";
    17 InvalidTopicException "INVALID_TOPIC_EXCEPTION" Final
        "The topic name is not legal, or the operation is not allowed on this topic.";
    18 RecordListTooLarge "RECORD_LIST_TOO_LARGE" Final
        "A record batch is larger than the broker's segment size.";
    19 NotEnoughReplicas "NOT_ENOUGH_REPLICAS" Retry
        "Fewer replicas are in sync than min.insync.replicas asks for; nothing was written.";
    20 NotEnoughReplicasAfterAppend "NOT_ENOUGH_REPLICAS_AFTER_APPEND" Retry
        "The batch was written, but fewer replicas are in sync than min.insync.replicas asks for.";
    21 InvalidRequiredAcks "INVALID_REQUIRED_ACKS" Final
        "The value of acks is not one of -1, 0 and 1.";
    22 IllegalGeneration "ILLEGAL_GENERATION" Final
        "The group has moved on to another generation.";
    23 InconsistentGroupProtocol "INCONSISTENT_GROUP_PROTOCOL" Final
        "The member shares no protocol or assignor with the rest of the group.";
    24 InvalidGroupId "INVALID_GROUP_ID" Final
        "The group id is empty or otherwise not legal.";
    25 UnknownMemberId "UNKNOWN_MEMBER_ID" Final
        "The group has no such member: it was removed, or never joined.";
    26 InvalidSessionTimeout "INVALID_SESSION_TIMEOUT" Final
        "The session timeout is outside of the range that the broker allows.";
    27 RebalanceInProgress "REBALANCE_IN_PROGRESS" Final
        "The group is rebalancing; members have to join again.";
    28 InvalidCommitOffsetSize "INVALID_COMMIT_OFFSET_SIZE" Final
        "The committed offsets do not fit into one record of the offsets topic.";
    29 TopicAuthorizationFailed "TOPIC_AUTHORIZATION_FAILED" Final
        "The principal is not allowed to do this on the topic.";
    30 GroupAuthorizationFailed "GROUP_AUTHORIZATION_FAILED" Final
        "The principal is not allowed to do this on the group.";
    31 ClusterAuthorizationFailed "CLUSTER_AUTHORIZATION_FAILED" Final
        "The principal is not allowed to do this on the cluster.";
    32 InvalidTimestamp "INVALID_TIMESTAMP" Final
        "A record's timestamp is too far from the broker's clock.";
    33 UnsupportedSaslMechanism "UNSUPPORTED_SASL_MECHANISM" Final
        "The broker does not offer this SASL mechanism.";
    34 IllegalSaslState "ILLEGAL_SASL_STATE" Final
        "The request does not fit the state of the authentication.";
    35 UnsupportedVersion "UNSUPPORTED_VERSION" Final
        "The broker does not speak this version of the API.";
    36 TopicAlreadyExists "TOPIC_ALREADY_EXISTS" Final
        "A topic of this name is there already.";
    37 InvalidPartitions "INVALID_PARTITIONS" Final
        "The number of partitions is below one or otherwise impossible.";
    38 InvalidReplicationFactor "INVALID_REPLICATION_FACTOR" Final
        "The replication factor is below one or above the number of brokers.";
    39 InvalidReplicaAssignment "INVALID_REPLICA_ASSIGNMENT" Final
        "The assignment of replicas to brokers is not possible.";
    40 InvalidConfig "INVALID_CONFIG" Final
        "A configuration value is not legal.";
    41 NotController "NOT_CONTROLLER" Retry
        "Another broker is the controller of this cluster.";
    42 InvalidRequest "INVALID_REQUEST" Final
        "The broker takes the request for malformed or contradictory; its log may say more.";
    43 UnsupportedForMessageFormat "UNSUPPORTED_FOR_MESSAGE_FORMAT" Final
        "The record format of the topic does not allow this.";
    44 PolicyViolation "POLICY_VIOLATION" Final
        "A policy of the cluster forbids this.";
    45 OutOfOrderSequenceNumber "OUT_OF_ORDER_SEQUENCE_NUMBER" Final
        "A batch of an idempotent producer arrived out of order: one before it is missing.";
    46 DuplicateSequenceNumber "DUPLICATE_SEQUENCE_NUMBER" Final
        "The broker has this batch of an idempotent producer already.";
    47 InvalidProducerEpoch "INVALID_PRODUCER_EPOCH" Final
        "The producer's epoch is old: another instance has taken over.";
    48 InvalidTxnState "INVALID_TXN_STATE" Final
        "The transaction is not in a state that allows this.";
    49 InvalidProducerIdMapping "INVALID_PRODUCER_ID_MAPPING" Final
        "The producer id does not belong to this transactional.id.";
    50 InvalidTransactionTimeout "INVALID_TRANSACTION_TIMEOUT" Final
        "The transaction timeout is larger than the broker's transaction.max.timeout.ms.";
    51 ConcurrentTransactions "CONCURRENT_TRANSACTIONS" Retry
        "The previous operation on this transaction has not finished yet.";
    52 TransactionCoordinatorFenced "TRANSACTION_COORDINATOR_FENCED" Final
        "Another broker has become this transaction's coordinator.";
    53 TransactionalIdAuthorizationFailed "TRANSACTIONAL_ID_AUTHORIZATION_FAILED" Final
        "The principal is not allowed to use this transactional.id.";
    54 SecurityDisabled "SECURITY_DISABLED" Final
        "The cluster has no authorizer, so there are no ACLs.";
    55 OperationNotAttempted "OPERATION_NOT_ATTEMPTED" Final
        "Another operation of the same request failed, so this one was not tried.";
    56 KafkaStorageError "KAFKA_STORAGE_ERROR" Refresh
        "The broker could not read or write its disk.";
    57 LogDirNotFound "LOG_DIR_NOT_FOUND" Final
        "The broker has no such log directory.";
    58 SaslAuthenticationFailed "SASL_AUTHENTICATION_FAILED" Final
        "The credentials were not accepted.";
    59 UnknownProducerId "UNKNOWN_PRODUCER_ID" Final
        "The broker has forgotten this producer, since its records were deleted.";
    60 ReassignmentInProgress "REASSIGNMENT_IN_PROGRESS" Final
        "The partition's replicas are being moved already.";
    61 DelegationTokenAuthDisabled "DELEGATION_TOKEN_AUTH_DISABLED" Final
        "Delegation tokens are not enabled.";
    62 DelegationTokenNotFound "DELEGATION_TOKEN_NOT_FOUND" Final
        "There is no such delegation token.";
    63 DelegationTokenOwnerMismatch "DELEGATION_TOKEN_OWNER_MISMATCH" Final
        "The principal neither owns nor may renew this delegation token.";
    64 DelegationTokenRequestNotAllowed "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED" Final
        "Delegation tokens cannot be managed over this kind of connection.";
    65 DelegationTokenAuthorizationFailed "DELEGATION_TOKEN_AUTHORIZATION_FAILED" Final
        "The principal is not allowed to do this with the delegation token.";
    66 DelegationTokenExpired "DELEGATION_TOKEN_EXPIRED" Final
        "The delegation token has expired.";
    67 InvalidPrincipalType "INVALID_PRINCIPAL_TYPE" Final
        "This type of principal is not supported.";
    68 NonEmptyGroup "NON_EMPTY_GROUP" Final
        "The group still has members.";
    69 GroupIdNotFound "GROUP_ID_NOT_FOUND" Final
        "There is no such group.";
    70 FetchSessionIdNotFound "FETCH_SESSION_ID_NOT_FOUND" Retry
        "The broker no longer has this fetch session.";
    71 InvalidFetchSessionEpoch "INVALID_FETCH_SESSION_EPOCH" Retry
        "The fetch session has moved on to another epoch.";
    72 ListenerNotFound "LISTENER_NOT_FOUND" Refresh
        "The leader has no listener of the name that this connection uses.";
    73 TopicDeletionDisabled "TOPIC_DELETION_DISABLED" Final
        "delete.topic.enable is false on this cluster.";
    74 FencedLeaderEpoch "FENCED_LEADER_EPOCH" Refresh
        "The leader epoch of the request is older than the broker's.";
    75 UnknownLeaderEpoch "UNKNOWN_LEADER_EPOCH" Retry
        "The leader epoch of the request is newer than the broker's.";
    76 UnsupportedCompressionType "UNSUPPORTED_COMPRESSION_TYPE" Final
        "The compression of these batches cannot be sent in this version.";
    77 StaleBrokerEpoch "STALE_BROKER_EPOCH" Final
        "The broker has registered again since this request was made.";
    78 OffsetNotAvailable "OFFSET_NOT_AVAILABLE" Retry
        "A new leader cannot name this offset before its followers have caught up.";
    79 MemberIdRequired "MEMBER_ID_REQUIRED" Final
        "The member has to join again with the id that it was given.";
    80 PreferredLeaderNotAvailable "PREFERRED_LEADER_NOT_AVAILABLE" Refresh
        "The preferred leader is not available.";
    81 GroupMaxSizeReached "GROUP_MAX_SIZE_REACHED" Final
        "The group has as many members as group.max.size allows.";
    82 FencedInstanceId "FENCED_INSTANCE_ID" Final
        "Another member has joined with the same group.instance.id.";
    83 EligibleLeadersNotAvailable "ELIGIBLE_LEADERS_NOT_AVAILABLE" Refresh
        "No replica that may lead the partition is available.";
    84 ElectionNotNeeded "ELECTION_NOT_NEEDED" Refresh
        "The partition has the leader that it should have.";
    85 NoReassignmentInProgress "NO_REASSIGNMENT_IN_PROGRESS" Final
        "The partition's replicas are not being moved.";
    86 GroupSubscribedToTopic "GROUP_SUBSCRIBED_TO_TOPIC" Final
        "The group consumes this topic, so its offsets cannot be deleted.";
    87 InvalidRecord "INVALID_RECORD" Final
        "The broker refused a record's contents.";
    88 UnstableOffsetCommit "UNSTABLE_OFFSET_COMMIT" Retry
        "A transaction that commits these offsets is still open.";
    89 ThrottlingQuotaExceeded "THROTTLING_QUOTA_EXCEEDED" Retry
        "A quota is used up; the request may be repeated later.";
    90 ProducerFenced "PRODUCER_FENCED" Final
        "A newer producer uses the same transactional.id.";
    91 ResourceNotFound "RESOURCE_NOT_FOUND" Final
        "The request names something that does not exist.";
    92 DuplicateResource "DUPLICATE_RESOURCE" Final
        "The request names the same thing twice.";
    93 UnacceptableCredential "UNACCEPTABLE_CREDENTIAL" Final
        "The credential does not meet the broker's rules.";
    94 InconsistentVoterSet "INCONSISTENT_VOTER_SET" Final
        "Sender or receiver is not one of the voters that the other expects.";
    95 InvalidUpdateVersion "INVALID_UPDATE_VERSION" Final
        "The version to update to is not legal.";
    96 FeatureUpdateFailed "FEATURE_UPDATE_FAILED" Final
        "The cluster could not store the finalized features.";
    97 PrincipalDeserializationFailure "PRINCIPAL_DESERIALIZATION_FAILURE" Final
        "A forwarded request's principal could not be read; brokers disagree about security.";
    98 SnapshotNotFound "SNAPSHOT_NOT_FOUND" Final
        "There is no such snapshot.";
    99 PositionOutOfRange "POSITION_OUT_OF_RANGE" Final
        "The position lies outside of the snapshot.";
    100 UnknownTopicId "UNKNOWN_TOPIC_ID" Refresh
        "This broker does not know the topic id; the topic may have been deleted or created again.";
    101 DuplicateBrokerRegistration "DUPLICATE_BROKER_REGISTRATION" Final
        "Another broker uses this broker id.";
    102 BrokerIdNotRegistered "BROKER_ID_NOT_REGISTERED" Final
        "No broker is registered under this id.";
    103 InconsistentTopicId "INCONSISTENT_TOPIC_ID" Refresh
        "The topic id of the request is not the one of the log; the topic was created again.";
    104 InconsistentClusterId "INCONSISTENT_CLUSTER_ID" Final
        "The cluster id of the request is not this cluster's.";
    105 TransactionalIdNotFound "TRANSACTIONAL_ID_NOT_FOUND" Final
        "The coordinator knows no such transactional.id.";
    106 FetchSessionTopicIdError "FETCH_SESSION_TOPIC_ID_ERROR" Retry
        "A fetch session has to name topics either always or never by id.";
    107 IneligibleReplica "INELIGIBLE_REPLICA" Final
        "A replica of the proposed in-sync set may not be in it.";
    108 NewLeaderElected "NEW_LEADER_ELECTED" Final
        "The partition was altered, and has another leader since.";
    109 OffsetMovedToTieredStorage "OFFSET_MOVED_TO_TIERED_STORAGE" Final
        "The offset is no longer on the broker's disk but in tiered storage.";
    110 FencedMemberEpoch "FENCED_MEMBER_EPOCH" Final
        "The coordinator has fenced this member; it has to give up its partitions and join again.";
    111 UnreleasedInstanceId "UNRELEASED_INSTANCE_ID" Final
        "Another member still holds this group.instance.id.";
    112 UnsupportedAssignor "UNSUPPORTED_ASSIGNOR" Final
        "The group does not support this assignor.";
    113 StaleMemberEpoch "STALE_MEMBER_EPOCH" Final
        "The member has to learn its new epoch from a heartbeat first.";
    114 MismatchedEndpointType "MISMATCHED_ENDPOINT_TYPE" Final
        "The request is meant for the other kind of endpoint, broker or controller.";
    115 UnsupportedEndpointType "UNSUPPORTED_ENDPOINT_TYPE" Final
        "This kind of endpoint is not supported.";
    116 UnknownControllerId "UNKNOWN_CONTROLLER_ID" Final
        "There is no controller of this id.";
    117 UnknownSubscriptionId "UNKNOWN_SUBSCRIPTION_ID" Final
        "The telemetry subscription is unknown or outdated.";
    118 TelemetryTooLarge "TELEMETRY_TOO_LARGE" Final
        "The pushed telemetry is larger than the broker allows.";
    119 InvalidRegistration "INVALID_REGISTRATION" Final
        "The controller refused this broker's registration.";
    120 TransactionAbortable "TRANSACTION_ABORTABLE" Final
        "The transaction cannot be committed; it can be aborted, and work go on after that.";
    121 InvalidRecordState "INVALID_RECORD_STATE" Final
        "The record is no longer acquired by this member, so it cannot be acknowledged.";
    122 ShareSessionNotFound "SHARE_SESSION_NOT_FOUND" Retry
        "The broker no longer has this share session.";
    123 InvalidShareSessionEpoch "INVALID_SHARE_SESSION_EPOCH" Retry
        "The share session has moved on to another epoch.";
    124 FencedStateEpoch "FENCED_STATE_EPOCH" Final
        "The share group's state has moved on to another epoch.";
    125 InvalidVoterKey "INVALID_VOTER_KEY" Final
        "The key does not name the voter that received it.";
    126 DuplicateVoter "DUPLICATE_VOTER" Final
        "The voter is in the set of voters already.";
    127 VoterNotFound "VOTER_NOT_FOUND" Final
        "The voter is not in the set of voters.";
    128 InvalidRegularExpression "INVALID_REGULAR_EXPRESSION" Final
        "The broker cannot use this regular expression.";
    129 RebootstrapRequired "REBOOTSTRAP_REQUIRED" Final
        "What this client knows of the cluster is too old; it has to start from its bootstrap servers.";
    130 StreamsInvalidTopology "STREAMS_INVALID_TOPOLOGY" Final
        "The topology is not legal.";
    131 StreamsInvalidTopologyEpoch "STREAMS_INVALID_TOPOLOGY_EPOCH" Final
        "The epoch of the topology is not legal.";
    132 StreamsTopologyFenced "STREAMS_TOPOLOGY_FENCED" Final
        "The epoch of the topology is old.";
    133 ShareSessionLimitReached "SHARE_SESSION_LIMIT_REACHED" Retry
        "The broker has as many share sessions as it allows.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_its_own_index_into_the_table() {
        for (row, code) in TABLE.iter().zip(-1_i16..) {
            assert_eq!(row.code, code, "{}", row.name);
            assert_eq!(ErrorCode(code).name(), Some(row.name));
            assert!(row.meaning.ends_with('.'), "{}", row.name);
        }
        assert_eq!(TABLE.len(), 135);
    }

    #[test]
    fn a_code_of_the_future_keeps_its_number_and_is_not_retriable() {
        let code = ErrorCode(142);
        assert_eq!(code.to_string(), "UNKNOWN(142)");
        assert!(!code.is_retriable() && !code.refreshes_metadata());
        assert_eq!(code.check(), Err(code));
        assert_eq!(ErrorCode(i16::MIN).to_string(), "UNKNOWN(-32768)");
    }

    #[test]
    fn a_moved_leader_is_retriable_and_makes_metadata_stale() {
        assert!(ErrorCode::NotLeaderOrFollower.is_retriable());
        assert!(ErrorCode::NotLeaderOrFollower.refreshes_metadata());
        assert!(ErrorCode::RequestTimedOut.is_retriable());
        assert!(!ErrorCode::RequestTimedOut.refreshes_metadata());
        assert!(!ErrorCode::MessageTooLarge.is_retriable());
        assert_eq!(ErrorCode::None.check(), Ok(()));
    }
}
