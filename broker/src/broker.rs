//! The broker as its user sees it: started, asked where it is, stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::core::Core;
use crate::core::state::{Endpoint, State};
use crate::core::storage::{NoStorage, Storage};
use crate::directory::{self, Directory};
use crate::error::Error;
use crate::faults::Faults;
use crate::options::Options;
use crate::shell::clock::Clock;
use crate::shell::driver::drive;
use crate::shell::listener::{Connections, accept};

/// Events that may wait for the core.
const EVENTS: usize = 1_024;

/// A running broker. It stops when it is dropped, or in an orderly way with [`Broker::stop`].
#[derive(Debug)]
pub struct Broker {
    endpoint: Endpoint,
    address: Option<SocketAddr>,
    cluster_id: String,
    connections: Arc<Connections>,
    faults: Faults,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Broker {
    /// Starts a broker that listens on TCP.
    ///
    /// Its tasks run on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, an option makes no sense, or the directory cannot be
    /// used.
    pub async fn start(options: Options) -> Result<Self, Error> {
        check(&options)?;
        let listen = options.listen;
        let failed = |source| Error::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let endpoint = endpoint(&options, address)?;
        let mut broker = Self::build(options, endpoint)?;
        broker.address = Some(address);
        let accepting = accept(listener, broker.connections.clone(), broker.stop.clone());
        broker.tasks.spawn(accepting);
        tracing::info!(
            bootstrap_servers = broker.bootstrap_servers(),
            cluster_id = broker.cluster_id,
            "embedded broker started; it is for development and tests, not for production: one \
             node, no replication, no security"
        );
        Ok(broker)
    }

    /// Starts a broker without a socket: clients reach it through [`Broker::connect`].
    ///
    /// It works under tokio's paused clock. Must be called from within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If an option makes no sense, or the directory cannot be used.
    pub fn in_memory(options: Options) -> Result<Self, Error> {
        check(&options)?;
        let (host, port) = options
            .advertised
            .clone()
            .unwrap_or_else(|| ("broker.in-memory".to_owned(), 9092));
        let host = host.into();
        Self::build(options, Endpoint { host, port })
    }

    fn build(options: Options, endpoint: Endpoint) -> Result<Self, Error> {
        let clock = Clock::start();
        let faults = Faults::default();
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (events, inbox) = mpsc::channel(EVENTS);
        let connections = Connections::new(&options, events, stop.clone(), tasks.clone());
        let seed = options.seed.unwrap_or_else(random_seed);
        let (storage, entries): (Box<dyn Storage>, _) = match &options.dir {
            None => (Box::new(NoStorage), Vec::new()),
            Some(dir) => {
                let (directory, entries) = Directory::open(dir)?;
                (Box::new(directory), entries)
            }
        };
        let dir = options.dir.clone().unwrap_or_default();
        let mut state = State::new(options, endpoint.clone(), seed, storage);
        state
            .restore(entries, clock.now())
            .map_err(|error| directory::unusable(&dir, error))?;
        let cluster_id = state.cluster_id.clone();
        let core = Core::new(state, faults.clone(), clock.now());
        // The core outlives the connections: it hears how they end.
        tasks.spawn(drive(core, clock, inbox, stop.clone()));
        Ok(Self {
            endpoint,
            address: None,
            cluster_id,
            connections: Arc::new(connections),
            faults,
            stop,
            tasks,
        })
    }

    /// Where clients connect to, as `host:port`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        match self.endpoint.host.contains(':') {
            true => format!("[{}]:{}", self.endpoint.host, self.endpoint.port),
            false => format!("{}:{}", self.endpoint.host, self.endpoint.port),
        }
    }

    /// The address that the broker listens on; `None` for one in memory.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// A client's end of a new connection in memory, whether the broker listens on TCP or not.
    ///
    /// When there are too many connections already the broker drops its end at once.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        self.connections.pipe()
    }

    /// What goes wrong here when a test asks for it.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// Stops: connections are closed, and what is in the directory is brought to the disk.
    ///
    /// Cancel safe: the broker goes on stopping.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn check(options: &Options) -> Result<(), Error> {
    let wrong = |option, value: String| Err(Error::Option { option, value });
    if options.default_partitions < 1 {
        return wrong("default_partitions", options.default_partitions.to_string());
    }
    if options.node_id < 0 {
        return wrong("node_id", options.node_id.to_string());
    }
    if options.max_connections == 0 || options.max_connections > 1 << 20 {
        return wrong("max_connections", options.max_connections.to_string());
    }
    Ok(())
}

fn endpoint(options: &Options, address: SocketAddr) -> Result<Endpoint, Error> {
    if let Some((host, port)) = &options.advertised {
        return Ok(Endpoint {
            host: host.as_str().into(),
            port: *port,
        });
    }
    if address.ip().is_unspecified() {
        return Err(Error::NotAdvertisable { address });
    }
    Ok(Endpoint {
        host: address.ip().to_string().into(),
        port: address.port(),
    })
}

fn random_seed() -> u64 {
    let (high, low) = Uuid::new_v4().as_u64_pair();
    high ^ low
}
