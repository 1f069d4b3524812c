//! How a broker is to be started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Which Kafka the broker looks like: it decides the versions that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Apache Kafka 4.3.
    #[default]
    Kafka43,
    /// Apache Kafka 3.9.
    Kafka39,
    /// Apache Kafka 2.8: no fetch by topic id, no batched FindCoordinator and OffsetFetch.
    Kafka28,
    /// Redpanda, whose Produce, Fetch, Metadata and ListOffsets are not flexible.
    Redpanda,
}

/// Options of a broker. Take the default and change what has to be different.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. 127.0.0.1:9092 by default.
    pub listen: SocketAddr,
    /// Host and port that clients are told to connect to (`advertised.listeners`); by default where
    /// the broker listens.
    pub advertised: Option<(String, u16)>,
    /// Where to keep topics, records and committed offsets; nothing outlives the process if `None`.
    pub dir: Option<PathBuf>,
    /// The broker's id (`node.id`), 1 by default.
    pub node_id: i32,
    /// Whether asking for a topic creates it (`auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// Partitions of a topic for which nobody said how many (`num.partitions`).
    pub default_partitions: i32,
    /// Which Kafka to look like.
    pub profile: Profile,
    /// How long an empty group waits for more members (`group.initial.rebalance.delay.ms`). Not at
    /// all by default, as in the configuration that Kafka ships.
    pub group_initial_rebalance_delay: Duration,
    /// Bytes of record batches to hold in memory, 1 GiB by default.
    ///
    /// Beyond it the oldest segments go first: with a directory they are read from there when they
    /// are asked for; without one their records are dropped, and the log start offset moves.
    pub memory_limit: usize,
    /// The largest request, in bytes (`socket.request.max.bytes`).
    pub request_max_bytes: usize,
    /// How many connections there may be at once; one more is closed right away.
    pub max_connections: usize,
    /// When a connection on which nothing happens is closed (`connections.max.idle.ms`).
    pub connection_max_idle: Duration,
    /// Where ids (cluster, topics, members) come from; the same seed gives the same ids. Random by
    /// default.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9092)),
            advertised: None,
            dir: None,
            node_id: 1,
            auto_create_topics: true,
            default_partitions: 1,
            profile: Profile::default(),
            group_initial_rebalance_delay: Duration::ZERO,
            memory_limit: 1 << 30,
            request_max_bytes: 100 << 20,
            max_connections: 4_096,
            connection_max_idle: Duration::from_secs(600),
            seed: None,
        }
    }
}
