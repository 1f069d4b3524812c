//! Accepting connections, over TCP and in memory.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Settings, serve};
use super::driver::Event;
use crate::core::ConnectionId;
use crate::options::Options;

/// Bytes that a pipe in memory holds in each direction.
const PIPE: usize = 64 << 10;
/// The pause after an accept that failed, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Makes connections, each with a task of its own.
#[derive(Debug)]
pub(crate) struct Connections {
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
    tasks: TaskTracker,
    next: AtomicU64,
    free: Arc<Semaphore>,
    request_max_bytes: usize,
    max_idle: Duration,
}

impl Connections {
    pub(crate) fn new(
        options: &Options,
        events: mpsc::Sender<Event>,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            events,
            stop,
            tasks,
            next: AtomicU64::new(0),
            free: Arc::new(Semaphore::new(options.max_connections)),
            request_max_bytes: options.request_max_bytes,
            max_idle: options.connection_max_idle,
        }
    }

    /// A client's end of a new connection in memory.
    pub(crate) fn pipe(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE);
        self.begin(server, Arc::from("memory"));
        client
    }

    fn accepted(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
        }
        self.begin(stream, Arc::from(peer.ip().to_string()));
    }

    fn begin(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, host: Arc<str>) {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            tracing::warn!(%host, "there are too many connections: one more is closed");
            return;
        };
        let settings = Settings {
            id: ConnectionId(self.next.fetch_add(1, Ordering::Relaxed)),
            host,
            request_max_bytes: self.request_max_bytes,
            max_idle: self.max_idle,
        };
        let events = self.events.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            serve(stream, settings, events, stop).await;
            drop(permit);
        });
    }
}

/// Accepts connections until the broker stops.
pub(crate) async fn accept(
    listener: TcpListener,
    connections: Arc<Connections>,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => connections.accepted(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
