//! The cluster as a client sees it: who is there, who leads what, and a connection to whoever is needed.
//!
//! [`metadata`] is what is known, [`merge`] how answers change it, [`refresh`] decides when to ask whom; [`driver`] asks.
//! [`connections`] keeps one connection per broker and purpose, [`coordinators`] remembers who coordinates which group,
//! [`request`] sends typed requests, [`retry`] says when to try again.

mod connections;
mod coordinators;
mod driver;
mod interest;
mod merge;
mod metadata;
mod refresh;
mod request;
mod retry;
mod settings;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kconnect_protocol::ApiKey;
use kconnect_protocol::types::BrokerId;
use tokio::sync::{Notify, watch};
use tokio::time::timeout_at;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::debug;

pub use coordinators::CoordinatorKind;
pub use interest::{Interest, MetadataWatch};
pub use merge::LeaderHint;
pub use metadata::{Broker, Metadata, Partition, Topic};
pub use request::Target;
pub(crate) use request::{Own, exchange};
pub use retry::Retry;
pub(crate) use settings::numbered_client_id;
pub use settings::{ClusterOptions, FRAME_MAX};

use crate::config::CommonConfig;
use crate::error::{Error, ErrorKind};
use crate::net::{Address, Backoff, Connection, Purpose, Random};
use connections::Connections;
use coordinators::Coordinators;
use refresh::{PeerKey, Refresh};

/// A handle to a cluster. Clones share connections and metadata; all of it ends with the last one.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    /// Ends the tasks with the last handle.
    _guard: Arc<DropGuard>,
}

/// What handles and tasks share. Locks are held for moments, never while waiting.
struct Shared {
    settings: Settings,
    bootstrap: Vec<Address>,
    connections: Arc<Connections>,
    coordinators: Coordinators,
    refresh: Mutex<Refresh>,
    /// Wakes the driver.
    wake: Notify,
    known: watch::Sender<Known>,
    random: Mutex<Random>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

struct Settings {
    allow_auto_topic_creation: bool,
    request_timeout: Duration,
    retry: Backoff,
}

/// What is known, and how the last attempt to know more went.
#[derive(Clone, Debug, Default)]
struct Known {
    metadata: Arc<Metadata>,
    /// The number of the last question that was answered.
    answered: u64,
    failure: Option<Failure>,
}

/// Nobody answers.
#[derive(Clone, Debug)]
struct Failure {
    error: Error,
    /// Everybody was asked, and trying again cannot help.
    is_hopeless: bool,
}

impl Cluster {
    /// A cluster that is not connected yet: that happens when something is needed.
    ///
    /// # Errors
    ///
    /// `Config` if an address cannot be read or a setting is not supported, `Misuse` outside of a tokio runtime.
    pub fn new(config: &CommonConfig, options: &ClusterOptions) -> Result<Self, Error> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::new(
                ErrorKind::Misuse,
                "a client needs a tokio runtime around it",
            ));
        }
        settings::check_supported(config)?;
        let bootstrap: Vec<Address> = config
            .bootstrap_servers
            .iter()
            .map(|server| server.parse())
            .collect::<Result<_, _>>()?;
        let mut random = options
            .seed
            .map_or_else(Random::from_entropy, Random::seeded);
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let connections = Connections::new(
            settings::connections(config, options),
            Random::seeded(random.next()),
            tasks.clone(),
            stop.clone(),
        );
        let refresh = Refresh::new(
            settings::refresh(config, bootstrap.len()),
            Random::seeded(random.next()),
        );
        let shared = Arc::new(Shared {
            settings: Settings {
                allow_auto_topic_creation: options.allow_auto_topic_creation,
                request_timeout: config.request_timeout,
                retry: settings::retry(config),
            },
            bootstrap,
            connections: Arc::new(connections),
            coordinators: Coordinators::default(),
            refresh: Mutex::new(refresh),
            wake: Notify::new(),
            known: watch::Sender::new(Known::default()),
            random: Mutex::new(random),
            tasks,
            stop: stop.clone(),
        });
        shared.tasks.spawn(driver::drive(Arc::clone(&shared)));
        Ok(Self {
            shared,
            _guard: Arc::new(stop.drop_guard()),
        })
    }

    /// What is known now. Never waits; empty before the first answer.
    pub fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.shared.known.borrow().metadata)
    }

    /// Waits until `names` are known, and asks for those that are not. Topics that do not exist are waited for: they may be
    /// about to be created.
    ///
    /// # Errors
    ///
    /// When `deadline` has passed, the reason why a topic is not known; at once, if a topic's name is invalid, it may not be
    /// seen, or no server of the cluster can be talked to.
    ///
    /// Cancel safe.
    pub async fn topics(&self, names: &[&str], deadline: Instant) -> Result<Arc<Metadata>, Error> {
        let mut known = self.shared.known.subscribe();
        let mut interest = self.interest();
        interest.set(names.iter().map(|name| known.borrow().metadata.name(name)));
        loop {
            let now = known.borrow_and_update().clone();
            let is_missing = |name: &&&str| {
                !now.metadata
                    .topic(name)
                    .is_some_and(|topic| topic.is_known())
            };
            let Some(name) = names.iter().find(is_missing) else {
                let mut refresh = self.shared.refresh();
                interest
                    .topics()
                    .for_each(|topic| refresh.used(crate::net::now(), topic));
                drop(refresh);
                return Ok(now.metadata);
            };
            let hopeless = names.iter().find_map(|name| now.hopeless(name));
            if let Some(error) = hopeless {
                return Err(error);
            }
            self.changed(&mut known, deadline)
                .await
                .map_err(|error| now.unknown_topic(name, error))?;
        }
    }

    /// Waits until the brokers are known.
    ///
    /// # Errors
    ///
    /// When `deadline` has passed, the reason why nobody answers; at once, if no server of the cluster can be talked to.
    ///
    /// Cancel safe.
    pub async fn brokers(&self, deadline: Instant) -> Result<Arc<Metadata>, Error> {
        let mut known = self.shared.known.subscribe();
        if known.borrow().answered == 0 {
            self.shared.refresh().start();
            self.shared.wake.notify_one();
        }
        self.wait_for(&mut known, 1, deadline).await
    }

    /// Says that metadata is wrong: it is asked for again soon, and not too often. `reason` is for the log.
    pub fn refresh(&self, reason: impl fmt::Display) {
        debug!(%reason, "metadata is out of date");
        self.shared.refresh().invalidate();
        self.shared.wake.notify_one();
    }

    /// As [`Cluster::refresh`], and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`Cluster::brokers`].
    ///
    /// Cancel safe.
    pub async fn refreshed(
        &self,
        reason: impl fmt::Display,
        deadline: Instant,
    ) -> Result<Arc<Metadata>, Error> {
        debug!(%reason, "metadata is out of date");
        let mut known = self.shared.known.subscribe();
        let number = self.shared.refresh().invalidate();
        self.shared.wake.notify_one();
        self.wait_for(&mut known, number, deadline).await
    }

    /// Takes note of leaders that an answer told along the way (KIP-951).
    pub fn learn(&self, hints: &[LeaderHint]) {
        self.shared.known.send_if_modified(|known| {
            let mut is_new = false;
            for hint in hints {
                if let Some(metadata) = known.metadata.with_leader(hint) {
                    known.metadata = Arc::new(metadata);
                    is_new = true;
                }
            }
            is_new
        });
    }

    /// A connection to a broker for a purpose; made if there is none.
    ///
    /// # Errors
    ///
    /// `Network`, `Timeout` or `BrokerMisbehaved` as the attempt ended; `Network` for a broker that is not known, too.
    /// Metadata is then asked for.
    ///
    /// Cancel safe.
    pub async fn connection(
        &self,
        broker: BrokerId,
        purpose: Purpose,
    ) -> Result<Connection, Error> {
        let metadata = self.metadata();
        let Some(known) = metadata.broker(broker) else {
            self.refresh(format_args!("broker {broker} is not known"));
            let text = format!("broker {broker} is not known to the cluster (any more)");
            return Err(Error::new(ErrorKind::Network, text).without_effect());
        };
        let connection = self
            .shared
            .connections
            .get(PeerKey::Broker(broker), &known.peer(), purpose)
            .await;
        connection.inspect_err(|error| self.refresh(error))
    }

    /// The highest version of `api` that we and a broker speak.
    ///
    /// # Errors
    ///
    /// As [`Cluster::connection`]; `BrokerIncompatible` if there is none.
    ///
    /// Cancel safe.
    pub async fn negotiated_version(&self, broker: BrokerId, api: ApiKey) -> Result<i16, Error> {
        let connection = self.connection(broker, Purpose::General).await?;
        connection.negotiate(api, request::versions_we_speak(api)?)
    }

    /// How long a request may take unless it says otherwise.
    pub fn request_timeout(&self) -> Duration {
        self.shared.settings.request_timeout
    }

    /// Closes all connections; requests under way end with `Closed`.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Waits until the question of that number, or a later one, is answered.
    async fn wait_for(
        &self,
        known: &mut watch::Receiver<Known>,
        number: u64,
        deadline: Instant,
    ) -> Result<Arc<Metadata>, Error> {
        loop {
            let now = known.borrow_and_update().clone();
            if now.answered >= number {
                return Ok(now.metadata);
            }
            if let Some(failure) = now.failure.as_ref().filter(|failure| failure.is_hopeless) {
                return Err(failure.error.clone());
            }
            self.changed(known, deadline)
                .await
                .map_err(|error| now.failure.map_or(error, |failure| failure.error))?;
        }
    }

    /// Waits until something changes; an error when the deadline passes or the client is closed.
    async fn changed(
        &self,
        known: &mut watch::Receiver<Known>,
        deadline: Instant,
    ) -> Result<(), Error> {
        tokio::select! {
            () = self.shared.stop.cancelled() => Err(Error::new(ErrorKind::Closed, "the client is closed")),
            changed = timeout_at(deadline.into(), known.changed()) => match changed {
                Ok(_) => Ok(()),
                Err(_) => Err(Error::new(ErrorKind::Timeout, "no metadata came in time").without_effect()),
            }
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("bootstrap", &self.shared.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Known {
    /// Why waiting for a topic cannot help.
    fn hopeless(&self, name: &str) -> Option<Error> {
        if let Some(failure) = self.failure.as_ref().filter(|failure| failure.is_hopeless) {
            return Some(failure.error.clone());
        }
        let code = self
            .metadata
            .topic(name)?
            .error
            .filter(|code| !code.is_retriable())?;
        Some(Error::broker(code).during(format_args!("asking about topic `{name}`")))
    }

    /// Why a topic is not known when the time is over.
    fn unknown_topic(&self, name: &str, error: Error) -> Error {
        if error.kind() != ErrorKind::Timeout {
            return error;
        }
        let error = match (
            &self.failure,
            self.metadata.topic(name).and_then(|topic| topic.error),
        ) {
            (Some(failure), _) => failure.error.clone(),
            (None, Some(code)) => Error::broker(code),
            (None, None) => error,
        };
        error.during(format_args!("asking about topic `{name}`"))
    }
}

impl Shared {
    fn refresh(&self) -> MutexGuard<'_, Refresh> {
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn random(&self) -> MutexGuard<'_, Random> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.known.borrow().metadata)
    }
}

#[cfg(test)]
mod tests;
