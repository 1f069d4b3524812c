//! From an address to an open stream: names are resolved, all addresses are tried, sockets are set up.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::Address;
use crate::config::BufferSize;

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What [`Dialer::dial`] returns.
pub type Dial<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// Opens streams to addresses: TCP unless something else is put in its place.
pub trait Dialer: fmt::Debug + Send + Sync + 'static {
    /// Opens a stream to `address`. The caller limits the time and drops the future when it is over.
    fn dial<'a>(&'a self, address: &'a Address) -> Dial<'a>;
}

/// How long one address may take before the next one is tried beside it.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Opens TCP connections.
#[derive(Clone, Copy, Debug)]
pub struct TcpDialer {
    /// The size of a socket's send buffer.
    pub send_buffer: BufferSize,
    /// The size of a socket's receive buffer.
    pub receive_buffer: BufferSize,
}

impl Dialer for TcpDialer {
    fn dial<'a>(&'a self, address: &'a Address) -> Dial<'a> {
        Box::pin(async move {
            let addresses = resolve(address).await?;
            self.race(addresses).await
        })
    }
}

impl TcpDialer {
    /// Tries one address after the other, the next one beside those that are still under way; the first that answers wins.
    async fn race(self, addresses: Vec<SocketAddr>) -> io::Result<Box<dyn Stream>> {
        let mut waiting = addresses.into_iter();
        let mut attempts = JoinSet::new();
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
        loop {
            let more = waiting.len() > 0;
            if attempts.is_empty() {
                let Some(address) = waiting.next() else {
                    return Err(failure);
                };
                attempts.spawn(self.connect(address));
                continue;
            }
            tokio::select! {
                attempt = attempts.join_next() => match attempt {
                    Some(Ok(Ok(stream))) => return Ok(stream),
                    Some(Ok(Err(error))) => failure = error,
                    Some(Err(error)) => failure = io::Error::other(error),
                    None => {}
                },
                () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if more => {
                    if let Some(address) = waiting.next() {
                        attempts.spawn(self.connect(address));
                    }
                }
            }
        }
    }

    async fn connect(self, address: SocketAddr) -> io::Result<Box<dyn Stream>> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(bytes) = self.send_buffer.bytes() {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.receive_buffer.bytes() {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.set_keepalive(true)?;
        socket.set_nodelay(true)?;
        let stream = socket.connect(address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("connecting to {address}: {error}"))
        })?;
        Ok(Box::new(stream))
    }
}

/// The addresses of a host. `localhost` needs no resolver: a host without one has it, too.
async fn resolve(address: &Address) -> io::Result<Vec<SocketAddr>> {
    let at = |ip: IpAddr| SocketAddr::new(ip, address.port);
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        return Ok(vec![at(ip)]);
    }
    if address.host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![
            at(Ipv4Addr::LOCALHOST.into()),
            at(Ipv6Addr::LOCALHOST.into()),
        ]);
    }
    let found = tokio::net::lookup_host((&*address.host, address.port)).await;
    found.map(Iterator::collect).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("the host name {} cannot be resolved: {error}", address.host),
        )
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const DIALER: TcpDialer = TcpDialer {
        send_buffer: BufferSize::Bytes(131_072),
        receive_buffer: BufferSize::System,
    };

    #[tokio::test]
    async fn localhost_is_reached_without_a_resolver() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Address::new("LocalHost", port);
        let (dialed, accepted) = tokio::join!(DIALER.dial(&address), listener.accept());
        dialed.unwrap().write_all(b"x").await.unwrap();
        assert_eq!(accepted.unwrap().0.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hide_the_next_one() {
        let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = refusing.local_addr().unwrap();
        drop(refusing);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        assert!(DIALER.race(vec![closed, open]).await.is_ok());
    }

    #[tokio::test]
    async fn a_failure_names_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let Err(error) = DIALER.race(vec![address]).await else {
            panic!("nobody listens");
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(
            error
                .to_string()
                .starts_with(&format!("connecting to {address}: ")),
            "{error}"
        );
    }
}
