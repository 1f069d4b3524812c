//! Which Kafka a scenario runs on.

use kconnect_broker::{Broker, Options, Profile};

use crate::jars::Version;
use crate::real::{shared, shared_kafka};

/// A kind of Kafka that scenarios run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Our own broker in this process.
    Embedded,
    /// Our own broker, offering only the versions that Redpanda offers.
    EmbeddedRedpanda,
    /// `KAFKA_BOOTSTRAP_SERVERS`, or the current Apache Kafka.
    Kafka,
    /// Apache Kafka 3.9 in KRaft mode.
    Kafka39,
    /// Apache Kafka 2.8 with ZooKeeper.
    Kafka28,
}

/// A Kafka that answers, and what keeps it alive.
#[derive(Debug)]
pub struct Cluster {
    bootstrap_servers: String,
    embedded: Option<Broker>,
}

impl Cluster {
    /// A real Kafka that the test has started itself.
    #[must_use]
    pub const fn at(bootstrap_servers: String) -> Self {
        Self {
            bootstrap_servers,
            embedded: None,
        }
    }

    /// `host:port` of one broker or several, comma-separated.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The embedded broker, where this is one: the place to ask for faults.
    #[must_use]
    pub const fn embedded(&self) -> Option<&Broker> {
        self.embedded.as_ref()
    }
}

impl Backend {
    /// A cluster of this kind, or `None` if a real Kafka cannot be had here and `scenario` is to be left out, which is
    /// said on standard error.
    ///
    /// # Panics
    /// If the cluster cannot be had and `CI` is set, or the embedded broker does not start.
    pub async fn cluster(self, scenario: &str) -> Option<Cluster> {
        let profile = match self {
            Self::Embedded => Profile::Kafka43,
            Self::EmbeddedRedpanda => Profile::Redpanda,
            Self::Kafka => return shared_kafka(scenario).map(Cluster::at),
            Self::Kafka39 => return shared(Version::V3_9, scenario).map(Cluster::at),
            Self::Kafka28 => return shared(Version::V2_8, scenario).map(Cluster::at),
        };
        let broker = Broker::start(Options {
            // Several run at once.
            listen: ([127, 0, 0, 1], 0).into(),
            profile,
            ..Options::default()
        })
        .await
        .expect("the embedded broker starts");
        Some(Cluster {
            bootstrap_servers: broker.bootstrap_servers(),
            embedded: Some(broker),
        })
    }
}

/// Makes one test per backend of each scenario, an `async fn(Cluster)`.
///
/// ```ignore
/// scenarios! {
///     all: a_record_comes_back, headers_survive;      // every backend
///     current: a_group_rebalances;                    // embedded and current Kafka
///     embedded: a_lost_answer_does_no_harm;           // only where faults can be asked for
/// }
/// ```
#[macro_export]
macro_rules! scenarios {
    (@test $module:ident $backend:ident: $($name:ident),* $(,)?) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let scenario = concat!(module_path!(), "::", stringify!($name));
                    if let Some(cluster) = $crate::Backend::$backend.cluster(scenario).await {
                        super::$name(cluster).await;
                    }
                }
            )*
        }
    };
    (all: $($all:ident),*; current: $($current:ident),* $(; embedded: $($embedded:ident),*)? $(;)?) => {
        $crate::scenarios!(@test embedded Embedded: $($all,)* $($current,)* $($($embedded),*)?);
        $crate::scenarios!(@test kafka Kafka: $($all,)* $($current),*);
        $crate::scenarios!(@test redpanda_versions EmbeddedRedpanda: $($all),*);
        $crate::scenarios!(@test kafka_3_9 Kafka39: $($all),*);
        $crate::scenarios!(@test kafka_2_8 Kafka28: $($all),*);
    };
}
