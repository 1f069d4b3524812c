//! Where the REST server listens: the `listeners` key, and sockets with a limit on connections and on idle ones.

use std::fmt;
use std::future::Future as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tracing::warn;

/// How many HTTP connections a listener serves at once; more wait in the socket's backlog.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may be silent; longer than the longest answer takes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long to wait when the system has no more file descriptors to give.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);

/// An element of `listeners` that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidListener {
    /// Not `protocol://host:port`.
    #[error("Listener doesn't have the right format (protocol://hostname:port).")]
    Format,
    /// Another protocol.
    #[error("Listener protocol must be either \"http\" or \"https\".")]
    Protocol,
}

/// An element of the `listeners` key: `http://host:port`, where no host means every address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// Whether the connections are encrypted.
    pub https: bool,
    /// Name or address to listen on; empty for all.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
}

impl ListenAddress {
    /// Reads `http://:8083`, `HTTP://[::1]:8083` and the like.
    ///
    /// # Errors
    ///
    /// When it is something else, in Kafka Connect's words.
    pub fn parse(text: &str) -> Result<Self, InvalidListener> {
        let (protocol, rest) = text
            .trim()
            .split_once("://")
            .ok_or(InvalidListener::Format)?;
        let (host, port) = rest.rsplit_once(':').ok_or(InvalidListener::Format)?;
        let port = port
            .trim_end_matches('/')
            .parse()
            .map_err(|_| InvalidListener::Format)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if !host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-%._:".contains(&byte))
        {
            return Err(InvalidListener::Format);
        }
        let https = match protocol.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(InvalidListener::Protocol),
        };
        Ok(Self {
            https,
            host: host.to_owned(),
            port,
        })
    }

    /// Listens there.
    pub(super) async fn bind(&self) -> io::Result<TcpListener> {
        match self.host.as_str() {
            "" => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await
                }
                listening => listening,
            },
            // Known without a resolver, which a host without /etc/hosts would wait for.
            "localhost" => TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await,
            host => {
                let addresses: Vec<SocketAddr> = lookup_host((host, self.port)).await?.collect();
                TcpListener::bind(addresses.as_slice()).await
            }
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port } = self;
        let protocol = if *https { "https" } else { "http" };
        if host.contains(':') {
            write!(f, "{protocol}://[{host}]:{port}")
        } else {
            write!(f, "{protocol}://{host}:{port}")
        }
    }
}

/// A listening socket that serves at most [`CONNECTIONS_MAX`] connections.
#[derive(Debug)]
pub(super) struct LimitedListener {
    listener: TcpListener,
    slots: Arc<Semaphore>,
}

impl LimitedListener {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        }
    }
}

impl Listener for LimitedListener {
    type Io = LimitedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LimitedStream, SocketAddr) {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        loop {
            match TcpListener::accept(&self.listener).await {
                Ok((stream, peer)) => {
                    // Without it an answer can wait 40 ms for the peer's acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return (
                        LimitedStream {
                            stream,
                            idle: Box::pin(sleep(IDLE_TIMEOUT)),
                            _slot: slot,
                        },
                        peer,
                    );
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept an HTTP connection");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// An HTTP connection; it ends when nothing has moved for [`IDLE_TIMEOUT`].
#[derive(Debug)]
pub(super) struct LimitedStream {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl LimitedStream {
    fn moved(&mut self) {
        self.idle.as_mut().reset(Instant::now() + IDLE_TIMEOUT);
    }

    /// Turns a wait into an error once the connection has been idle for too long.
    fn or_idle<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.idle.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.moved();
                Poll::Ready(read)
            }
            Poll::Pending => self.or_idle(cx),
        }
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, buf) {
            Poll::Ready(written) => {
                self.moved();
                Poll::Ready(written)
            }
            Poll::Pending => self.or_idle(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, buffers) {
            Poll::Ready(written) => {
                self.moved();
                Poll::Ready(written)
            }
            Poll::Pending => self.or_idle(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The address of an HTTP connection's other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, LimitedListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, LimitedListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_as_kafka_connect_reads_them() {
        let shown = |text| ListenAddress::parse(text).map(|address| address.to_string());
        assert_eq!(shown("http://:8083").as_deref(), Ok("http://:8083"));
        assert_eq!(
            shown("HTTP://localhost:0").as_deref(),
            Ok("http://localhost:0")
        );
        assert_eq!(
            shown(" https://[::1]:8443 ").as_deref(),
            Ok("https://[::1]:8443")
        );
        assert_eq!(shown("ftp://:21"), Err(InvalidListener::Protocol));
        for wrong in [
            "foo",
            "http://:",
            "http://host",
            "http://a b:1",
            "http://:-1",
            "http://:70000",
        ] {
            assert_eq!(shown(wrong), Err(InvalidListener::Format), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_closed_in_the_end() {
        use tokio::io::AsyncReadExt as _;
        let mut listener = LimitedListener::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let (client, (mut served, _)) =
            tokio::join!(TcpStream::connect(address), listener.accept());
        let _client = client.unwrap();
        let error = served.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
