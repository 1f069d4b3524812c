//! The REST server: bound early, so that a port in use is known before anything else starts, and served when there is a herder.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::listener::{LimitedListener, ListenAddress, Peer};

/// How long requests that are under way may take when the server stops.
const GRACEFUL_STOP: Duration = Duration::from_secs(10);

/// The server's sockets, which nobody serves yet.
#[derive(Debug)]
pub struct Bound {
    listeners: Vec<(ListenAddress, LimitedListener)>,
}

/// A listener that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error(
    "Unable to initialize REST server: cannot listen on {address}: {source}{}",
    hint(source)
)]
pub struct BindError {
    address: ListenAddress,
    source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            " (another program, perhaps another worker, listens there; set `listeners`)"
        }
        io::ErrorKind::PermissionDenied => " (ports below 1024 need a privilege; set `listeners`)",
        _ => "",
    }
}

impl Bound {
    /// Listens on all of `addresses`.
    ///
    /// # Errors
    ///
    /// Names the first address that is taken or not this host's.
    pub async fn bind(addresses: &[ListenAddress]) -> Result<Self, BindError> {
        let mut listeners = Vec::new();
        for address in addresses {
            match address.bind().await {
                Ok(listener) => listeners.push((address.clone(), LimitedListener::new(listener))),
                Err(source) => {
                    return Err(BindError {
                        address: address.clone(),
                        source,
                    });
                }
            }
        }
        Ok(Self { listeners })
    }

    /// Where each listener listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        use axum::serve::Listener as _;
        self.listeners
            .iter()
            .filter_map(|(_, listener)| listener.local_addr().ok())
            .collect()
    }

    /// Serves `router` on every listener, on the current runtime.
    #[must_use]
    pub fn serve(self, router: &Router) -> RestServer {
        let server = RestServer {
            stop: watch::Sender::new(false),
            tasks: TaskTracker::new(),
        };
        server.add(self, router);
        info!("REST resources initialized; server is started and ready to handle requests");
        server.tasks.close();
        server
    }
}

/// A REST server that serves.
#[derive(Debug)]
pub struct RestServer {
    stop: watch::Sender<bool>,
    tasks: TaskTracker,
}

impl RestServer {
    /// Serves another router on sockets of its own; stopped together with the rest.
    #[must_use]
    pub fn and(self, other: Option<(Bound, Router)>) -> Self {
        if let Some((bound, router)) = other {
            self.add(bound, &router);
        }
        self
    }

    fn add(&self, bound: Bound, router: &Router) {
        for (address, listener) in bound.listeners {
            let app = router.clone().into_make_service_with_connect_info::<Peer>();
            let mut stopped = self.stop.subscribe();
            let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
                // Also when the server is dropped without being stopped.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            });
            self.tasks.spawn(async move {
                if let Err(error) = serving.await {
                    warn!(%error, listener = %address, "REST listener ended");
                }
            });
        }
    }

    /// Accepts no more connections and waits for the requests under way, for a while.
    pub async fn stop(self) {
        info!("Stopping REST server");
        self.stop.send_replace(true);
        if timeout(GRACEFUL_STOP, self.tasks.wait()).await.is_err() {
            warn!("REST requests were still under way and have been given up");
        }
        info!("REST server stopped");
    }
}
