//! The handle of a connection, and the task behind it: waits for one event, tells the core, does what the core says.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kconnect_protocol::{ApiKey, StrBytes, VersionRange};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span};

use super::core::{CloseReason, Core, CoreSettings, Output, Request};
use super::outbox::Outbox;
use super::{BrokerVersions, Dialer, Peer, Stream};
use crate::error::{Error, ErrorKind};

/// Requests that wait for the connection's task to take them.
const COMMANDS_MAX: usize = 64;
/// Space, in bytes, that reading starts with, and the least that a read between two frames should find.
const INBOX: usize = 16 * 1024;
const READ_MIN: usize = 4 * 1024;
/// Chunks that are written at once.
const SLICES_MAX: usize = 64;

/// What all connections of a client have in common.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// The client's name for the broker's logs and quotas.
    pub client_id: StrBytes,
    /// The largest answer, in bytes.
    pub frame_max: usize,
    /// How long a connection may be idle before it closes.
    pub idle_max: Option<Duration>,
}

/// A request whose body is already encoded.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// The API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// The body without the header, in parts that are written one after the other and never copied.
    pub segments: Vec<Bytes>,
}

/// A connection to a broker, ready to be used. Cloning gives another handle; the connection ends when it breaks, when it is
/// idle for too long, or with its last handle.
#[derive(Clone, Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    peer: Peer,
    versions: BrokerVersions,
    commands: mpsc::Sender<Command>,
    ended: Arc<OnceLock<CloseReason>>,
}

#[derive(Debug)]
enum Command {
    Send(Request<Reply>),
    Throttle(Duration),
}

type Reply = oneshot::Sender<Result<Bytes, Error>>;

/// An answer that is under way. Dropping it gives up the answer, not the request.
#[derive(Debug)]
pub struct Answer {
    receiver: oneshot::Receiver<Result<Bytes, Error>>,
    connection: Connection,
}

impl Future for Answer {
    type Output = Result<Bytes, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let received = ready!(Pin::new(&mut self.receiver).poll(cx));
        // The task answers everything it has taken, so what it dropped was never sent.
        Poll::Ready(received.unwrap_or_else(|_| Err(self.connection.gone())))
    }
}

impl Connection {
    /// Connects to `peer` within `setup_timeout`, asks for its versions, and starts the connection's task on `tasks`.
    ///
    /// # Errors
    ///
    /// `Network` or `Timeout` if it cannot be reached, `BrokerMisbehaved` if no Kafka broker answers.
    ///
    /// Cancel safe: a connection that is being made is given up.
    pub async fn open(
        dialer: &dyn Dialer,
        peer: Peer,
        settings: &ConnectionSettings,
        setup_timeout: Duration,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let stream = dial(dialer, &peer, setup_timeout).await?;
        let core_settings = CoreSettings {
            peer: peer.clone(),
            client_id: settings.client_id.clone(),
            frame_max: settings.frame_max,
            handshake_timeout: setup_timeout,
            idle_max: settings.idle_max,
        };
        let core = Core::new(super::now(), core_settings);
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (ready, is_ready) = oneshot::channel();
        let ended = Arc::new(OnceLock::new());
        let shell = Shell {
            stream,
            inbox: BytesMut::with_capacity(INBOX),
            commands: inbox,
            ready: Some(ready),
            ended: Arc::clone(&ended),
            needs_flush: false,
        };
        let span = debug_span!("connection", broker_id = peer.broker.map(|id| id.0), address = %peer.address);
        tasks.spawn(shell.run(core, stop.clone()).instrument(span));
        let ready: Result<BrokerVersions, CloseReason> =
            is_ready.await.unwrap_or(Err(CloseReason::Stopped));
        match ready {
            Ok(versions) => Ok(Self {
                shared: Arc::new(Shared {
                    peer,
                    versions,
                    commands,
                    ended,
                }),
            }),
            Err(CloseReason::Failed(error)) => Err(error.without_effect()),
            Err(_) => Err(Error::new(ErrorKind::Closed, "the client is closed")),
        }
    }

    /// Whom it leads to.
    pub fn peer(&self) -> &Peer {
        &self.shared.peer
    }

    /// What the broker speaks.
    pub fn versions(&self) -> &BrokerVersions {
        &self.shared.versions
    }

    /// The highest version of `api` that is in `ours` and that the broker speaks.
    ///
    /// # Errors
    ///
    /// `BrokerIncompatible` if there is none; it names the API, the versions and the broker.
    pub fn negotiate(&self, api: ApiKey, ours: VersionRange) -> Result<i16, Error> {
        self.shared.versions.negotiate(api, ours, &self.shared.peer)
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        self.shared.commands.is_closed()
    }

    /// Whether it ended by itself because nobody used it.
    pub fn was_idle(&self) -> bool {
        matches!(self.shared.ended.get(), Some(CloseReason::Idle))
    }

    /// Waits until it is over. Cancel safe.
    pub async fn closed(&self) {
        self.shared.commands.closed().await;
    }

    /// Sends a request and waits for its answer, together for at most `timeout`: the answer's body, without its header.
    ///
    /// # Errors
    ///
    /// `Timeout`: the connection is then closed, for a late answer would be mistaken for the next one. `Network` if it broke.
    /// [`Error::may_have_taken_effect`] tells whether anything was sent.
    ///
    /// Not cancel safe: the request may or may not be sent.
    pub async fn send(&self, request: RawRequest, timeout: Duration) -> Result<Bytes, Error> {
        self.start(request, timeout).await?.await
    }

    /// Hands a request to the connection; its answer comes by the future that this returns. Requests are sent in the order in
    /// which they are started. Waits while the connection has more to write than it can.
    ///
    /// # Errors
    ///
    /// Nothing was sent: the connection is over, or `timeout` went by.
    ///
    /// Cancel safe: when dropped, nothing was sent.
    pub async fn start(&self, request: RawRequest, timeout: Duration) -> Result<Answer, Error> {
        self.enqueue(request, timeout, true).await
    }

    /// Sends a request that the broker does not answer (produce with `acks=0`) and waits until it is written.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    ///
    /// Not cancel safe: the request may or may not be sent.
    pub async fn send_no_response(
        &self,
        request: RawRequest,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.enqueue(request, timeout, false).await?.await.map(drop)
    }

    /// Is silent for `time`, as the broker asks (KIP-219). Most answers are looked at by the connection itself; the producer
    /// says it of its own.
    pub fn throttle(&self, time: Duration) {
        // A full queue is busy enough to be throttled by the next answer.
        let _ = self.shared.commands.try_send(Command::Throttle(time));
    }

    async fn enqueue(
        &self,
        request: RawRequest,
        timeout: Duration,
        is_answered: bool,
    ) -> Result<Answer, Error> {
        let deadline = super::now() + timeout;
        let RawRequest {
            api,
            version,
            segments,
        } = request;
        let Ok(permit) = timeout_at(deadline.into(), self.shared.commands.reserve()).await else {
            let text = format!(
                "{} did not take {api} v{version} in {timeout:?}",
                self.shared.peer
            );
            return Err(Error::new(ErrorKind::Timeout, text).without_effect());
        };
        let (reply, receiver) = oneshot::channel();
        let request = Request {
            api,
            version,
            segments,
            deadline,
            is_answered,
            reply,
        };
        permit
            .map_err(|_| self.gone())?
            .send(Command::Send(request));
        Ok(Answer {
            receiver,
            connection: self.clone(),
        })
    }

    /// What a request gets that came too late.
    fn gone(&self) -> Error {
        let peer = &self.shared.peer;
        let error = match self.shared.ended.get() {
            Some(CloseReason::Failed(error)) => {
                let text = format!("the connection to {peer} is closed ({error})");
                Error::new(ErrorKind::Network, text)
            }
            Some(CloseReason::Stopped) => Error::new(ErrorKind::Closed, "the client is closed"),
            _ => Error::new(
                ErrorKind::Network,
                format!("the connection to {peer} is closed"),
            ),
        };
        error.without_effect()
    }
}

async fn dial(
    dialer: &dyn Dialer,
    peer: &Peer,
    timeout: Duration,
) -> Result<Box<dyn Stream>, Error> {
    let dialed = tokio::time::timeout(timeout, dialer.dial(&peer.address)).await;
    let error = match dialed {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => Error::new(
            ErrorKind::Network,
            format!("cannot connect to {peer}: {error}"),
        ),
        Err(_) => {
            let text = format!(
                "no connection to {peer} in {timeout:?}: does a firewall drop the packets?"
            );
            Error::new(ErrorKind::Timeout, text)
        }
    };
    Err(error.without_effect())
}

/// The task of a connection, without its decisions.
struct Shell {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    commands: mpsc::Receiver<Command>,
    ready: Option<oneshot::Sender<Result<BrokerVersions, CloseReason>>>,
    ended: Arc<OnceLock<CloseReason>>,
    needs_flush: bool,
}

/// What happened. Only named here; the work is done by the core.
enum Event {
    Command(Option<Command>),
    Read(usize),
    Written(usize),
    Broken(io::Error),
    Timeout,
    Stop,
}

impl Shell {
    async fn run(mut self, mut core: Core<Reply>, stop: CancellationToken) {
        let mut timer = pin!(sleep_until(Instant::now()));
        loop {
            if self.perform(&mut core) {
                return;
            }
            let due = core.poll_timeout().map(Instant::from_std);
            if let Some(due) = due.filter(|due| *due < timer.deadline() || timer.is_elapsed()) {
                timer.as_mut().reset(due);
            }
            let outbox = core.outbox();
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => Event::Stop,
                command = self.commands.recv(), if core.accepts() => Event::Command(command),
                event = poll_io(&mut self.stream, outbox, &mut self.inbox, &mut self.needs_flush) => event,
                () = timer.as_mut(), if due.is_some() => Event::Timeout,
            };
            let now = super::now();
            match event {
                Event::Command(Some(Command::Send(request))) => core.send(now, request),
                Event::Command(Some(Command::Throttle(time))) => core.throttle(now, time),
                Event::Command(None) | Event::Stop => core.stop(),
                Event::Read(0) => core.handle_eof(),
                Event::Read(_) => core.receive(now, &mut self.inbox),
                Event::Written(count) => core.written(now, count),
                Event::Broken(error) => core.handle_io_error(&error),
                Event::Timeout => {}
            }
            core.handle_timeout(now);
        }
    }

    /// Does what the core says; answers whether it is over.
    fn perform(&mut self, core: &mut Core<Reply>) -> bool {
        while let Some(output) = core.poll_output() {
            match output {
                Output::Ready(versions) => {
                    if let Some(ready) = self.ready.take() {
                        let _ = ready.send(Ok(versions));
                    }
                }
                // Whoever asked may have given up.
                Output::Settle(reply, answer) => drop(reply.send(answer)),
                Output::Close(reason) => {
                    debug!(?reason, "connection closed");
                    let _ = self.ended.set(reason.clone());
                    if let Some(ready) = self.ready.take() {
                        let _ = ready.send(Err(reason));
                    }
                    return true;
                }
            }
        }
        false
    }
}

/// Writes if there is something to write and the stream takes it, else reads if something has come. Cancel safe.
async fn poll_io(
    stream: &mut Box<dyn Stream>,
    outbox: &Outbox,
    inbox: &mut BytesMut,
    needs_flush: &mut bool,
) -> Event {
    std::future::poll_fn(|cx| {
        if !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let used = outbox.fill(&mut slices);
            let write = Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..used]);
            if let Poll::Ready(written) = write {
                *needs_flush = true;
                return Poll::Ready(match written {
                    Ok(0) => Event::Broken(io::ErrorKind::WriteZero.into()),
                    Ok(count) => Event::Written(count),
                    Err(error) => Event::Broken(error),
                });
            }
        } else if *needs_flush && let Poll::Ready(flushed) = Pin::new(&mut *stream).poll_flush(cx) {
            *needs_flush = false;
            if let Err(error) = flushed {
                return Poll::Ready(Event::Broken(error));
            }
        }
        make_space(inbox);
        let read = ready!(pin!(stream.read_buf(inbox)).poll(cx));
        Poll::Ready(read.map_or_else(Event::Broken, Event::Read))
    })
    .await
}

/// Makes space to read, but does not move a frame that has nearly arrived.
fn make_space(inbox: &mut BytesMut) {
    let spare = inbox.capacity() - inbox.len();
    if spare == 0 || (inbox.is_empty() && spare < READ_MIN) {
        inbox.reserve(READ_MIN);
    }
}

#[cfg(test)]
mod tests;
