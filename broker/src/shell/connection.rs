//! The task of one connection: requests go to the core, answers come back in order.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kconnect_protocol::frame::next_frame;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::driver::{Answer, Event};
use super::outbox::Outbox;
use crate::core::ConnectionId;

/// Requests of one connection that may wait for an answer; more are not taken up.
const IN_FLIGHT_MAX: usize = 64;
/// While requests of more than this many bytes wait for an answer, no further one is taken up.
const IN_FLIGHT_BYTES_MAX: usize = 1 << 20;
/// While more than this waits for the client to take it, no further request is taken up, in bytes.
const OUTBOX_MAX: usize = 1 << 20;
/// What is read at once, in bytes: little at first, since most connections are quiet.
const READ_MIN: usize = 4 << 10;
const READ_MAX: usize = 256 << 10;
/// How long a client may take for its last bytes before the connection is closed.
const FLUSH: Duration = Duration::from_secs(10);

/// What a connection has to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub id: ConnectionId,
    pub host: Arc<str>,
    pub request_max_bytes: usize,
    pub max_idle: Duration,
}

/// Serves one client until either side ends it.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    settings: Settings,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) {
    let connection = settings.id;
    // One more than the requests: a connection can be closed without having asked.
    let (answers, inbox) = mpsc::channel(IN_FLIGHT_MAX + 1);
    let connected = Event::Connected {
        connection,
        host: settings.host.clone(),
        answers,
    };
    if events.send(connected).await.is_err() {
        return;
    }
    let served = tokio::select! {
        () = stop.cancelled() => Ok(()),
        served = talk(stream, &settings, &events, inbox) => served,
    };
    match served {
        Ok(()) => tracing::debug!(connection = connection.0, "connection ended"),
        Err(error) => tracing::debug!(connection = connection.0, %error, "connection failed"),
    }
    // Nobody listens when the broker stops, and nobody has to.
    let _ = events.send(Event::Disconnected { connection }).await;
}

/// What happened.
enum Happened {
    Read(usize),
    Written,
    Answered(Option<Answer>),
    Idle,
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    settings: &Settings,
    events: &mpsc::Sender<Event>,
    mut answers: mpsc::Receiver<Answer>,
) -> io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    let mut inbox = Inbox::default();
    let mut outbox = Outbox::default();
    let mut idle_since = Instant::now();
    loop {
        let may_take = inbox.may_take() && outbox.bytes() < OUTBOX_MAX;
        if may_take && let Some(frame) = inbox.next(settings)? {
            let connection = settings.id;
            let request = Event::Request { connection, frame };
            events
                .send(request)
                .await
                .map_err(|_| io::ErrorKind::BrokenPipe)?;
            continue;
        }
        let happened = tokio::select! {
            biased;
            answer = answers.recv() => Happened::Answered(answer),
            written = outbox.write(&mut writer), if !outbox.is_empty() => {
                written.map(|()| Happened::Written)?
            }
            read = inbox.read(&mut reader), if may_take => Happened::Read(read?),
            () = sleep_until(idle_since + settings.max_idle) => Happened::Idle,
        };
        idle_since = Instant::now();
        match happened {
            Happened::Read(0) | Happened::Idle | Happened::Answered(None) => return Ok(()),
            Happened::Read(_) | Happened::Written => {}
            Happened::Answered(Some(Answer::Close(frame))) => {
                outbox.push(frame.unwrap_or_default());
                return flush(outbox, writer).await;
            }
            Happened::Answered(Some(Answer::Write(frame))) => {
                inbox.answered();
                outbox.push(frame);
            }
            Happened::Answered(Some(Answer::Done)) => inbox.answered(),
        }
    }
}

/// Writes what is left before the connection is closed, but does not wait for ever.
async fn flush(mut outbox: Outbox, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
    let all = async {
        while !outbox.is_empty() {
            outbox.write(&mut writer).await?;
        }
        writer.shutdown().await
    };
    match tokio::time::timeout(FLUSH, all).await {
        Ok(flushed) => flushed,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// What a client has sent.
#[derive(Debug)]
struct Inbox {
    buffer: BytesMut,
    step: usize,
    /// Sizes of the requests that are not answered yet.
    in_flight: VecDeque<usize>,
    in_flight_bytes: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            buffer: BytesMut::new(),
            step: READ_MIN,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }
}

impl Inbox {
    fn may_take(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX && self.in_flight_bytes < IN_FLIGHT_BYTES_MAX
    }

    /// The next whole request, which counts as not answered from now on.
    fn next(&mut self, settings: &Settings) -> io::Result<Option<Bytes>> {
        let frame = next_frame(&mut self.buffer, settings.request_max_bytes).map_err(|error| {
            tracing::warn!(host = %settings.host, %error, "a client does not speak Kafka");
            io::Error::new(io::ErrorKind::InvalidData, error)
        })?;
        if let Some(frame) = &frame {
            self.in_flight.push_back(frame.len());
            self.in_flight_bytes += frame.len();
        }
        Ok(frame)
    }

    fn answered(&mut self) {
        let size = self.in_flight.pop_front().unwrap_or(0);
        self.in_flight_bytes -= size;
    }

    /// Reads more. Cancel safe: what was read is in the buffer.
    async fn read(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.buffer.reserve(self.step);
        let room = self.buffer.capacity() - self.buffer.len();
        let read = reader.read_buf(&mut self.buffer).await?;
        if read == room {
            self.step = (self.step * 2).min(READ_MAX);
        }
        Ok(read)
    }
}
