//! Kafka's APIs: an open number, and one table of names, flexible versions and what we speak.

use std::fmt;

/// An API as it is numbered in request headers. The number is open: a peer may name an API that
/// the table does not have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKey(pub i16);

/// A range of versions of one API, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

impl VersionRange {
    /// The versions from `min` to `max`, both included.
    #[must_use]
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is one of these.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions that both ranges have, if there are any.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let common = Self::new(self.min.max(other.min), self.max.min(other.max));
        (common.min <= common.max).then_some(common)
    }

    /// Every version, rising.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i16> {
        self.min..=self.max
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", self.min)
        } else {
            write!(f, "{} to {}", self.min, self.max)
        }
    }
}

impl ApiKey {
    /// Kafka's name of the API, such as `JoinGroup`; `Unknown` if it is not in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("Unknown", |row| row.name)
    }

    /// The first version with compact lengths and tagged fields (KIP-482); `None` if the API has
    /// no such version, or is unknown.
    #[must_use]
    pub fn first_flexible_version(self) -> Option<i16> {
        self.row().and_then(|row| row.flexible)
    }

    /// Whether `version` has compact lengths and tagged fields. An API that is not in the table
    /// is newer than it, and every new API is flexible from its first version.
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        self.row()
            .is_none_or(|row| row.flexible.is_some_and(|first| version >= first))
    }

    /// The version of the request header that comes before this version of the API: 0 has no
    /// client id, 2 has tagged fields.
    #[must_use]
    pub fn request_header_version(self, version: i16) -> i16 {
        match self {
            Self::CONTROLLED_SHUTDOWN if version == 0 => 0,
            _ if self.is_flexible(version) => 2,
            _ => 1,
        }
    }

    /// The version of the response header that comes before this version of the API: 1 has
    /// tagged fields. The answer to `ApiVersions` never has them, so that a client can read it
    /// before it knows what the broker speaks.
    #[must_use]
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::API_VERSIONS && self.is_flexible(version))
    }

    /// The versions that our client asks brokers for; `None` for APIs that only brokers use
    /// among themselves, or that are not in the table.
    #[must_use]
    pub fn versions_we_speak(self) -> Option<VersionRange> {
        self.row().and_then(|row| row.spoken)
    }

    /// Every API in the table, in rising order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.key)
    }

    /// The table has no gaps, so the key is its own index (a test holds this).
    fn row(self) -> Option<&'static Row> {
        usize::try_from(self.0).ok().and_then(|i| TABLE.get(i))
    }
}

impl From<i16> for ApiKey {
    fn from(key: i16) -> Self {
        Self(key)
    }
}

impl From<ApiKey> for i16 {
    fn from(key: ApiKey) -> Self {
        key.0
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => f.write_str(row.name),
            None => write!(f, "API {}", self.0),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Row {
    key: ApiKey,
    name: &'static str,
    flexible: Option<i16>,
    spoken: Option<VersionRange>,
}

macro_rules! apis {
    ($($key:literal $constant:ident $name:literal flexible $flexible:tt spoken $spoken:tt;)*) => {
        impl ApiKey {
            $(
                #[doc = concat!("The API `", $name, "`.")]
                pub const $constant: Self = Self($key);
            )*
        }

        const TABLE: &[Row] = &[$(Row {
            key: ApiKey::$constant,
            name: $name,
            flexible: apis!(@flexible $flexible),
            spoken: apis!(@spoken $spoken),
        },)*];
    };
    (@flexible never) => { None };
    (@flexible $first:literal) => { Some($first) };
    (@spoken never) => { None };
    (@spoken ($min:literal to $max:literal)) => { Some(VersionRange::new($min, $max)) };
}

apis! {
    0 PRODUCE "Produce" flexible 9 spoken (3 to 13);
    1 FETCH "Fetch" flexible 12 spoken (4 to 18);
    2 LIST_OFFSETS "ListOffsets" flexible 6 spoken (1 to 11);
    3 METADATA "Metadata" flexible 9 spoken (0 to 13);
    4 LEADER_AND_ISR "LeaderAndIsr" flexible 4 spoken never;
    5 STOP_REPLICA "StopReplica" flexible 2 spoken never;
    6 UPDATE_METADATA "UpdateMetadata" flexible 6 spoken never;
    7 CONTROLLED_SHUTDOWN "ControlledShutdown" flexible 3 spoken never;
    8 OFFSET_COMMIT "OffsetCommit" flexible 8 spoken (8 to 9);
    9 OFFSET_FETCH "OffsetFetch" flexible 6 spoken (6 to 9);
    10 FIND_COORDINATOR "FindCoordinator" flexible 3 spoken (3 to 6);
    11 JOIN_GROUP "JoinGroup" flexible 6 spoken (6 to 9);
    12 HEARTBEAT "Heartbeat" flexible 4 spoken (4 to 4);
    13 LEAVE_GROUP "LeaveGroup" flexible 4 spoken (4 to 5);
    14 SYNC_GROUP "SyncGroup" flexible 4 spoken (4 to 5);
    15 DESCRIBE_GROUPS "DescribeGroups" flexible 5 spoken (5 to 6);
    16 LIST_GROUPS "ListGroups" flexible 3 spoken (3 to 5);
    17 SASL_HANDSHAKE "SaslHandshake" flexible never spoken (0 to 1);
    18 API_VERSIONS "ApiVersions" flexible 3 spoken (0 to 4);
    19 CREATE_TOPICS "CreateTopics" flexible 5 spoken (5 to 7);
    20 DELETE_TOPICS "DeleteTopics" flexible 4 spoken (4 to 6);
    21 DELETE_RECORDS "DeleteRecords" flexible 2 spoken (2 to 2);
    22 INIT_PRODUCER_ID "InitProducerId" flexible 2 spoken (2 to 5);
    23 OFFSET_FOR_LEADER_EPOCH "OffsetForLeaderEpoch" flexible 4 spoken (4 to 4);
    24 ADD_PARTITIONS_TO_TXN "AddPartitionsToTxn" flexible 3 spoken (3 to 5);
    25 ADD_OFFSETS_TO_TXN "AddOffsetsToTxn" flexible 3 spoken (3 to 4);
    26 END_TXN "EndTxn" flexible 3 spoken (3 to 5);
    27 WRITE_TXN_MARKERS "WriteTxnMarkers" flexible 1 spoken never;
    28 TXN_OFFSET_COMMIT "TxnOffsetCommit" flexible 3 spoken (3 to 5);
    29 DESCRIBE_ACLS "DescribeAcls" flexible 2 spoken (2 to 3);
    30 CREATE_ACLS "CreateAcls" flexible 2 spoken (2 to 3);
    31 DELETE_ACLS "DeleteAcls" flexible 2 spoken (2 to 3);
    32 DESCRIBE_CONFIGS "DescribeConfigs" flexible 4 spoken (4 to 4);
    33 ALTER_CONFIGS "AlterConfigs" flexible 2 spoken (2 to 2);
    34 ALTER_REPLICA_LOG_DIRS "AlterReplicaLogDirs" flexible 2 spoken (2 to 2);
    35 DESCRIBE_LOG_DIRS "DescribeLogDirs" flexible 2 spoken (2 to 4);
    36 SASL_AUTHENTICATE "SaslAuthenticate" flexible 2 spoken (2 to 2);
    37 CREATE_PARTITIONS "CreatePartitions" flexible 2 spoken (2 to 3);
    38 CREATE_DELEGATION_TOKEN "CreateDelegationToken" flexible 2 spoken (2 to 3);
    39 RENEW_DELEGATION_TOKEN "RenewDelegationToken" flexible 2 spoken (2 to 2);
    40 EXPIRE_DELEGATION_TOKEN "ExpireDelegationToken" flexible 2 spoken (2 to 2);
    41 DESCRIBE_DELEGATION_TOKEN "DescribeDelegationToken" flexible 2 spoken (2 to 3);
    42 DELETE_GROUPS "DeleteGroups" flexible 2 spoken (2 to 2);
    43 ELECT_LEADERS "ElectLeaders" flexible 2 spoken (2 to 2);
    44 INCREMENTAL_ALTER_CONFIGS "IncrementalAlterConfigs" flexible 1 spoken (1 to 1);
    45 ALTER_PARTITION_REASSIGNMENTS "AlterPartitionReassignments" flexible 0 spoken (0 to 1);
    46 LIST_PARTITION_REASSIGNMENTS "ListPartitionReassignments" flexible 0 spoken (0 to 0);
    47 OFFSET_DELETE "OffsetDelete" flexible never spoken (0 to 0);
    48 DESCRIBE_CLIENT_QUOTAS "DescribeClientQuotas" flexible 1 spoken (1 to 1);
    49 ALTER_CLIENT_QUOTAS "AlterClientQuotas" flexible 1 spoken (1 to 1);
    50 DESCRIBE_USER_SCRAM_CREDENTIALS "DescribeUserScramCredentials" flexible 0 spoken (0 to 0);
    51 ALTER_USER_SCRAM_CREDENTIALS "AlterUserScramCredentials" flexible 0 spoken (0 to 0);
    52 VOTE "Vote" flexible 0 spoken never;
    53 BEGIN_QUORUM_EPOCH "BeginQuorumEpoch" flexible 1 spoken never;
    54 END_QUORUM_EPOCH "EndQuorumEpoch" flexible 1 spoken never;
    55 DESCRIBE_QUORUM "DescribeQuorum" flexible 0 spoken (0 to 2);
    56 ALTER_PARTITION "AlterPartition" flexible 2 spoken never;
    57 UPDATE_FEATURES "UpdateFeatures" flexible 0 spoken (0 to 2);
    58 ENVELOPE "Envelope" flexible 0 spoken never;
    59 FETCH_SNAPSHOT "FetchSnapshot" flexible 0 spoken never;
    60 DESCRIBE_CLUSTER "DescribeCluster" flexible 0 spoken (0 to 2);
    61 DESCRIBE_PRODUCERS "DescribeProducers" flexible 0 spoken (0 to 0);
    62 BROKER_REGISTRATION "BrokerRegistration" flexible 0 spoken never;
    63 BROKER_HEARTBEAT "BrokerHeartbeat" flexible 0 spoken never;
    64 UNREGISTER_BROKER "UnregisterBroker" flexible 0 spoken (0 to 0);
    65 DESCRIBE_TRANSACTIONS "DescribeTransactions" flexible 0 spoken (0 to 0);
    66 LIST_TRANSACTIONS "ListTransactions" flexible 0 spoken (0 to 2);
    67 ALLOCATE_PRODUCER_IDS "AllocateProducerIds" flexible 0 spoken never;
    68 CONSUMER_GROUP_HEARTBEAT "ConsumerGroupHeartbeat" flexible 0 spoken (0 to 1);
    69 CONSUMER_GROUP_DESCRIBE "ConsumerGroupDescribe" flexible 0 spoken (0 to 1);
    70 CONTROLLER_REGISTRATION "ControllerRegistration" flexible 0 spoken never;
    71 GET_TELEMETRY_SUBSCRIPTIONS "GetTelemetrySubscriptions" flexible 0 spoken (0 to 0);
    72 PUSH_TELEMETRY "PushTelemetry" flexible 0 spoken (0 to 0);
    73 ASSIGN_REPLICAS_TO_DIRS "AssignReplicasToDirs" flexible 0 spoken never;
    74 LIST_CONFIG_RESOURCES "ListConfigResources" flexible 0 spoken (0 to 1);
    75 DESCRIBE_TOPIC_PARTITIONS "DescribeTopicPartitions" flexible 0 spoken (0 to 0);
    76 SHARE_GROUP_HEARTBEAT "ShareGroupHeartbeat" flexible 0 spoken (1 to 1);
    77 SHARE_GROUP_DESCRIBE "ShareGroupDescribe" flexible 0 spoken (1 to 1);
    78 SHARE_FETCH "ShareFetch" flexible 0 spoken (1 to 1);
    79 SHARE_ACKNOWLEDGE "ShareAcknowledge" flexible 0 spoken (1 to 1);
    80 ADD_RAFT_VOTER "AddRaftVoter" flexible 0 spoken never;
    81 REMOVE_RAFT_VOTER "RemoveRaftVoter" flexible 0 spoken never;
    82 UPDATE_RAFT_VOTER "UpdateRaftVoter" flexible 0 spoken never;
    83 INITIALIZE_SHARE_GROUP_STATE "InitializeShareGroupState" flexible 0 spoken never;
    84 READ_SHARE_GROUP_STATE "ReadShareGroupState" flexible 0 spoken never;
    85 WRITE_SHARE_GROUP_STATE "WriteShareGroupState" flexible 0 spoken never;
    86 DELETE_SHARE_GROUP_STATE "DeleteShareGroupState" flexible 0 spoken never;
    87 READ_SHARE_GROUP_STATE_SUMMARY "ReadShareGroupStateSummary" flexible 0 spoken never;
    88 STREAMS_GROUP_HEARTBEAT "StreamsGroupHeartbeat" flexible 0 spoken never;
    89 STREAMS_GROUP_DESCRIBE "StreamsGroupDescribe" flexible 0 spoken never;
    90 DESCRIBE_SHARE_GROUP_OFFSETS "DescribeShareGroupOffsets" flexible 0 spoken (0 to 0);
    91 ALTER_SHARE_GROUP_OFFSETS "AlterShareGroupOffsets" flexible 0 spoken (0 to 0);
    92 DELETE_SHARE_GROUP_OFFSETS "DeleteShareGroupOffsets" flexible 0 spoken (0 to 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_own_index_into_the_table() {
        for (row, key) in TABLE.iter().zip(0_i16..) {
            assert_eq!(row.key, ApiKey(key), "{}", row.name);
        }
    }

    #[test]
    fn an_api_of_the_future_is_flexible_and_prints_its_number() {
        let api = ApiKey(1_000);
        assert_eq!(api.to_string(), "API 1000");
        assert_eq!(api.request_header_version(0), 2);
        assert_eq!(api.versions_we_speak(), None);
        assert_eq!(ApiKey(-1).name(), "Unknown");
    }

    #[test]
    fn header_versions_follow_flexibility_except_where_kafka_does_not() {
        assert_eq!(ApiKey::FETCH.request_header_version(11), 1);
        assert_eq!(ApiKey::FETCH.request_header_version(12), 2);
        assert_eq!(ApiKey::FETCH.response_header_version(12), 1);
        assert_eq!(ApiKey::API_VERSIONS.request_header_version(3), 2);
        assert_eq!(ApiKey::API_VERSIONS.response_header_version(3), 0);
        assert_eq!(ApiKey::CONTROLLED_SHUTDOWN.request_header_version(0), 0);
        assert_eq!(ApiKey::SASL_HANDSHAKE.request_header_version(1), 1);
    }

    #[test]
    fn versions_that_generated_types_speak_are_flexible() {
        let plain_too = [
            ApiKey::PRODUCE,
            ApiKey::FETCH,
            ApiKey::METADATA,
            ApiKey::LIST_OFFSETS,
            ApiKey::API_VERSIONS,
            ApiKey::SASL_HANDSHAKE,
            ApiKey::OFFSET_DELETE,
        ];
        for row in TABLE.iter().filter(|row| !plain_too.contains(&row.key)) {
            if let Some(spoken) = row.spoken {
                assert!(row.key.is_flexible(spoken.min), "{}", row.name);
            }
        }
    }

    #[test]
    fn ranges_without_a_common_version_do_not_intersect() {
        let ours = VersionRange::new(3, 13);
        assert_eq!(
            ours.intersect(VersionRange::new(0, 7)),
            Some(VersionRange::new(3, 7))
        );
        assert_eq!(ours.intersect(VersionRange::new(0, 2)), None);
        assert_eq!(ours.to_string(), "3 to 13");
    }
}
