//! A connection's decisions: time and bytes come in, bytes and answers go out.
//!
//! ```text
//! Handshake ──answer──▶ Ready ──▶ Closed
//!     └──────────────────────────────▲
//! ```
//!
//! Requests are pipelined and a broker answers in order, so the answer that comes next belongs to the request that waits
//! longest. The first time-out closes the connection: an answer that is late would be taken for the next one's.
//! KIP-219 (throttle), KIP-511 (`ApiVersions`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kconnect_protocol::header::{RequestHeader, ResponseHeader};
use kconnect_protocol::{ApiKey, StrBytes, frame};

use super::handshake::{Handshake, Step};
use super::outbox::Outbox;
use super::{BrokerVersions, Peer, throttle};
use crate::error::{Error, ErrorKind};

/// Bytes that may wait to be written before no more requests are taken.
const OUTBOX_MAX: u64 = 1 << 20;
/// Requests that may wait for an answer, or for the end of a throttle, before no more are taken.
const REQUESTS_MAX: usize = 256;
/// Space for a frame that has begun to arrive is made at once up to this many bytes, if so much has arrived before.
const FRAME_SPACE_MAX: usize = 4 << 20;

/// What a connection has to know.
#[derive(Clone, Debug)]
pub struct CoreSettings {
    /// Whom it leads to.
    pub peer: Peer,
    /// The client's name for the broker's logs and quotas.
    pub client_id: StrBytes,
    /// The largest answer, in bytes.
    pub frame_max: usize,
    /// How long the first exchange may take.
    pub handshake_timeout: Duration,
    /// How long it may be idle before it closes.
    pub idle_max: Option<Duration>,
}

/// A request to send. `T` gets its answer.
#[derive(Debug)]
pub struct Request<T> {
    /// The API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// The body, in parts that are written one after the other.
    pub segments: Vec<Bytes>,
    /// When it is too late for an answer.
    pub deadline: Instant,
    /// Whether the broker answers; if not, it is settled when it has been written.
    pub is_answered: bool,
    /// Who asked.
    pub reply: T,
}

/// What the shell has to do.
#[derive(Debug)]
pub enum Output<T> {
    /// The first exchange is over.
    Ready(BrokerVersions),
    /// A request came to its end: with the body of the answer, or with an error.
    Settle(T, Result<Bytes, Error>),
    /// It is over; nothing comes after this.
    Close(CloseReason),
}

/// Why a connection ended.
#[derive(Clone, Debug)]
pub enum CloseReason {
    /// It was idle for too long.
    Idle,
    /// The client was closed, or nobody uses the connection any more.
    Stopped,
    /// It broke.
    Failed(Error),
}

/// A connection without its socket.
#[derive(Debug)]
pub struct Core<T> {
    settings: CoreSettings,
    state: State,
    next_correlation_id: i32,
    in_flight: VecDeque<InFlight<T>>,
    /// Requests without an answer, until they are written.
    unanswered: VecDeque<(u64, T)>,
    /// Requests that wait for the end of a throttle.
    held: VecDeque<Request<T>>,
    muted_until: Option<Instant>,
    outbox: Outbox,
    last_used: Instant,
    largest_frame: usize,
    /// A request beyond the first exchange was answered.
    has_answered: bool,
    outputs: VecDeque<Output<T>>,
}

#[derive(Debug)]
enum State {
    Handshake {
        handshake: Handshake,
        deadline: Instant,
    },
    Ready,
    Closed,
}

/// A frame that was put into the outbox.
#[derive(Clone, Copy, Debug)]
struct Queued {
    correlation_id: i32,
    api: ApiKey,
    version: i16,
    /// Where in the stream it starts.
    starts_at: u64,
}

#[derive(Debug)]
struct InFlight<T> {
    queued: Queued,
    sent: Instant,
    deadline: Instant,
    /// `None` for a request of the connection's own.
    reply: Option<T>,
}

impl<T> Core<T> {
    /// A connection that has just been made; the first question is already in the outbox.
    pub fn new(now: Instant, settings: CoreSettings) -> Self {
        let handshake = Handshake::new();
        let deadline = now + settings.handshake_timeout;
        let mut core = Self {
            settings,
            state: State::Closed,
            next_correlation_id: 0,
            in_flight: VecDeque::new(),
            unanswered: VecDeque::new(),
            held: VecDeque::new(),
            muted_until: None,
            outbox: Outbox::default(),
            last_used: now,
            largest_frame: 0,
            has_answered: false,
            outputs: VecDeque::new(),
        };
        core.ask_for_versions(now, &handshake, deadline);
        core.state = State::Handshake {
            handshake,
            deadline,
        };
        core
    }

    /// What is to be written next.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether it takes more requests for now.
    pub fn accepts(&self) -> bool {
        matches!(self.state, State::Ready)
            && self.outbox.len() < OUTBOX_MAX
            && self.in_flight.len() + self.held.len() < REQUESTS_MAX
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output<T>> {
        self.outputs.pop_front()
    }

    /// When [`Core::handle_timeout`] has to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Closed => None,
            State::Handshake { deadline, .. } => Some(*deadline),
            State::Ready => {
                let requests = self.in_flight.iter().map(|request| request.deadline);
                let held = self.held.iter().map(|request| request.deadline);
                requests
                    .chain(held)
                    .chain(self.muted_until)
                    .chain(self.idle_deadline())
                    .min()
            }
        }
    }

    /// Sends a request, or keeps it until the broker's throttle is over.
    pub fn send(&mut self, now: Instant, request: Request<T>) {
        if request.deadline <= now {
            let error = self.too_late_to_send(request.api, request.version);
            self.settle(request.reply, Err(error));
        } else if matches!(self.state, State::Closed) {
            let error = self.closed_error().without_effect();
            self.settle(request.reply, Err(error));
        } else if self.muted_until.is_some() || !matches!(self.state, State::Ready) {
            self.held.push_back(request);
        } else {
            self.write(now, request);
        }
    }

    /// Takes the whole frames out of what was read.
    pub fn receive(&mut self, now: Instant, inbox: &mut BytesMut) {
        self.last_used = now;
        while !matches!(self.state, State::Closed) {
            self.make_space(inbox);
            match frame::next_frame(inbox, self.settings.frame_max) {
                Ok(Some(frame)) => {
                    self.largest_frame = self.largest_frame.max(frame.len());
                    self.handle_frame(now, frame);
                }
                Ok(None) => return,
                Err(error) => self.fail(&Error::new(
                    ErrorKind::BrokerMisbehaved,
                    format!("{}: {error}", self.settings.peer),
                )),
            }
        }
    }

    /// Takes note that the next `count` bytes of the outbox were written.
    pub fn written(&mut self, now: Instant, count: usize) {
        self.last_used = now;
        self.outbox.advance(count);
        while let Some((ends_at, _)) = self.unanswered.front() {
            if *ends_at > self.outbox.written() {
                return;
            }
            if let Some((_, reply)) = self.unanswered.pop_front() {
                self.settle(reply, Ok(Bytes::new()));
            }
        }
    }

    /// Is silent for `time`, as the broker asks.
    pub fn throttle(&mut self, now: Instant, time: Duration) {
        let time = throttle::limited(time);
        if !time.is_zero() {
            self.muted_until = self.muted_until.max(Some(now + time));
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.unmute(now);
        self.expire_held(now);
        self.expire_in_flight(now);
        if self.idle_deadline().is_some_and(|deadline| deadline <= now) {
            self.close(CloseReason::Idle);
        }
    }

    /// The peer closed the connection.
    pub fn handle_eof(&mut self) {
        let peer = &self.settings.peer;
        let text = match self.state {
            State::Handshake { .. } => format!(
                "{peer} closed the connection before its first answer: does this listener expect TLS or SASL?"
            ),
            _ if !self.has_answered && !self.in_flight.is_empty() => format!(
                "{peer} closed the connection instead of answering the first request: does this listener expect SASL?"
            ),
            _ => format!("{peer} closed the connection"),
        };
        self.fail(&Error::new(ErrorKind::Network, text));
    }

    /// Reading or writing failed.
    pub fn handle_io_error(&mut self, error: &std::io::Error) {
        let text = format!("the connection to {} broke: {error}", self.settings.peer);
        self.fail(&Error::new(ErrorKind::Network, text));
    }

    /// Ends the connection: nobody uses it any more, or the client is closed.
    pub fn stop(&mut self) {
        self.close(CloseReason::Stopped);
    }

    /// What a request gets that comes when the connection is closed.
    pub fn closed_error(&self) -> Error {
        let text = format!("the connection to {} is closed", self.settings.peer);
        Error::new(ErrorKind::Network, text)
    }

    /// Whether nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
            && self.held.is_empty()
            && self.unanswered.is_empty()
            && self.outbox.is_empty()
    }

    fn idle_deadline(&self) -> Option<Instant> {
        let is_idle = matches!(self.state, State::Ready) && self.is_quiet();
        let idle_max = self.settings.idle_max.filter(|_| is_idle)?;
        self.last_used.checked_add(idle_max)
    }

    /// Makes space for all of a frame that has begun to arrive, if frames as large as that have come before.
    fn make_space(&self, inbox: &mut BytesMut) {
        let Some(&prefix) = inbox.first_chunk() else {
            return;
        };
        if let Ok(length) = frame::frame_length(prefix, self.largest_frame.min(FRAME_SPACE_MAX)) {
            inbox.reserve((frame::LENGTH_BYTES + length).saturating_sub(inbox.len()));
        }
    }

    fn ask_for_versions(&mut self, now: Instant, handshake: &Handshake, deadline: Instant) {
        let (api, version) = (ApiKey::API_VERSIONS, handshake.version());
        match self.queue(now, api, version, vec![handshake.request()]) {
            Ok(queued) => self.in_flight.push_back(InFlight {
                queued,
                sent: now,
                deadline,
                reply: None,
            }),
            Err(error) => self.fail(&error),
        }
    }

    fn write(&mut self, now: Instant, request: Request<T>) {
        let queued = match self.queue(now, request.api, request.version, request.segments) {
            Ok(queued) => queued,
            Err(error) => return self.settle(request.reply, Err(error)),
        };
        if request.is_answered {
            self.in_flight.push_back(InFlight {
                queued,
                sent: now,
                deadline: request.deadline,
                reply: Some(request.reply),
            });
        } else {
            self.unanswered
                .push_back((self.outbox.queued(), request.reply));
        }
    }

    /// Puts a frame into the outbox.
    fn queue(
        &mut self,
        now: Instant,
        api: ApiKey,
        version: i16,
        segments: Vec<Bytes>,
    ) -> Result<Queued, Error> {
        let correlation_id = self.next_correlation_id;
        let head = self.head(api, version, correlation_id, &segments)?;
        let starts_at = self.outbox.queued();
        self.next_correlation_id = correlation_id.wrapping_add(1);
        self.last_used = now;
        self.outbox.push(head);
        for segment in segments {
            self.outbox.push(segment);
        }
        Ok(Queued {
            correlation_id,
            api,
            version,
            starts_at,
        })
    }

    /// The frame's length and the request's header.
    fn head(
        &self,
        api_key: ApiKey,
        api_version: i16,
        correlation_id: i32,
        segments: &[Bytes],
    ) -> Result<Bytes, Error> {
        let header = RequestHeader {
            api_key,
            api_version,
            correlation_id,
            client_id: Some(self.settings.client_id.clone()),
        };
        let misuse = |text: String| Error::new(ErrorKind::Misuse, text);
        let mut head = BytesMut::with_capacity(64);
        head.extend_from_slice(&[0; frame::LENGTH_BYTES]);
        header
            .encode(&mut head)
            .map_err(|error| misuse(error.to_string()))?;
        let body: usize = segments.iter().map(Bytes::len).sum();
        let length = i32::try_from(head.len() - frame::LENGTH_BYTES + body)
            .map_err(|_| misuse(format!("a {api_key} request of {body} bytes is too large")))?;
        head[..frame::LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(head.freeze())
    }

    fn handle_frame(&mut self, now: Instant, mut frame: Bytes) {
        let misbehaved = |core: &mut Self, what: String| {
            let doubt = match core.state {
                State::Handshake { .. } => ": is this a Kafka broker?",
                _ => "",
            };
            let text = format!("{} {what}{doubt}", core.settings.peer);
            core.fail(&Error::new(ErrorKind::BrokerMisbehaved, text));
        };
        let Some(Queued {
            correlation_id: expected,
            api,
            version,
            ..
        }) = self.in_flight.front().map(|request| request.queued)
        else {
            return misbehaved(self, "sent an answer that nobody asked for".to_owned());
        };
        let answered = match ResponseHeader::decode(api, version, &mut frame) {
            Ok(header) => header.correlation_id,
            Err(error) => {
                return misbehaved(
                    self,
                    format!("answered {api} v{version} unreadably: {error}"),
                );
            }
        };
        if answered != expected {
            let text = format!(
                "answered correlation id {answered}, expected {expected} ({api} v{version})"
            );
            return misbehaved(self, text);
        }
        self.throttle(now, throttle::throttle_time(api, version, &frame));
        match self.in_flight.pop_front().and_then(|request| request.reply) {
            Some(reply) => {
                self.has_answered = true;
                self.settle(reply, Ok(frame));
            }
            None => self.handle_versions(now, &frame),
        }
    }

    fn handle_versions(&mut self, now: Instant, body: &Bytes) {
        let State::Handshake {
            handshake,
            deadline,
        } = &mut self.state
        else {
            return;
        };
        let deadline = *deadline;
        match handshake.answer(body) {
            Ok(Step::Done(versions)) => {
                self.state = State::Ready;
                self.outputs.push_back(Output::Ready(versions));
                self.release_held(now);
            }
            Ok(Step::Again) => {
                let handshake = std::mem::replace(handshake, Handshake::new());
                self.ask_for_versions(now, &handshake, deadline);
                self.state = State::Handshake {
                    handshake,
                    deadline,
                };
            }
            Err(error) => {
                self.fail(&error.during(format_args!("connecting to {}", self.settings.peer)))
            }
        }
    }

    fn unmute(&mut self, now: Instant) {
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
            self.release_held(now);
        }
    }

    fn release_held(&mut self, now: Instant) {
        for request in std::mem::take(&mut self.held) {
            self.send(now, request);
        }
    }

    /// Only what was never sent can time out by itself.
    fn expire_held(&mut self, now: Instant) {
        if self.held.iter().all(|request| request.deadline > now) {
            return;
        }
        for request in std::mem::take(&mut self.held) {
            if request.deadline > now {
                self.held.push_back(request);
            } else {
                let error = self.too_late_to_send(request.api, request.version);
                self.settle(request.reply, Err(error));
            }
        }
    }

    fn expire_in_flight(&mut self, now: Instant) {
        let Some(late) = self
            .in_flight
            .iter()
            .position(|request| request.deadline <= now)
        else {
            return;
        };
        let peer = &self.settings.peer;
        let request = &self.in_flight[late];
        let Queued { api, version, .. } = request.queued;
        let waited = now.duration_since(request.sent);
        let text = match request.reply {
            Some(_) => format!("no answer to {api} v{version} from {peer} in {waited:?}"),
            None => format!(
                "no first answer from {peer} in {waited:?}: is a Kafka broker listening there?"
            ),
        };
        let timeout = Error::new(ErrorKind::Timeout, text);
        let written = self.outbox.written();
        if let Some(mut request) = self.in_flight.remove(late)
            && let Some(reply) = request.reply.take()
        {
            let error = outcome(&timeout, request.queued.starts_at < written);
            self.settle(reply, Err(error));
        }
        let text = format!(
            "the connection to {} was given up after a time-out: {timeout}",
            self.settings.peer
        );
        let kind = match self.state {
            State::Handshake { .. } => ErrorKind::Timeout,
            _ => ErrorKind::Network,
        };
        self.fail(&Error::new(kind, text));
    }

    fn too_late_to_send(&self, api: ApiKey, version: i16) -> Error {
        let why = if self.muted_until.is_some() {
            ": the broker throttles this client, a quota is used up"
        } else {
            ""
        };
        let text = format!(
            "{api} v{version} could not be sent to {} in time{why}",
            self.settings.peer
        );
        Error::new(ErrorKind::Timeout, text).without_effect()
    }

    fn fail(&mut self, error: &Error) {
        self.close(CloseReason::Failed(error.clone()));
    }

    /// Settles everything and ends. Only what was at least partly written may have taken effect.
    fn close(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.state = State::Closed;
        let error = match &reason {
            CloseReason::Failed(error) => error.clone(),
            CloseReason::Idle => self.closed_error(),
            CloseReason::Stopped => {
                let text = format!(
                    "the connection to {} was closed by this client",
                    self.settings.peer
                );
                Error::new(ErrorKind::Closed, text)
            }
        };
        let written = self.outbox.written();
        for request in std::mem::take(&mut self.in_flight) {
            if let Some(reply) = request.reply {
                let Queued { api, version, .. } = request.queued;
                let error =
                    error.during(format_args!("waiting for the answer to {api} v{version}"));
                self.settle(
                    reply,
                    Err(outcome(&error, request.queued.starts_at < written)),
                );
            }
        }
        for (_, reply) in std::mem::take(&mut self.unanswered) {
            self.settle(reply, Err(error.with_unknown_outcome()));
        }
        for request in std::mem::take(&mut self.held) {
            self.settle(request.reply, Err(error.without_effect()));
        }
        self.outputs.push_back(Output::Close(reason));
    }

    fn settle(&mut self, reply: T, result: Result<Bytes, Error>) {
        self.outputs.push_back(Output::Settle(reply, result));
    }
}

fn outcome(error: &Error, was_written: bool) -> Error {
    if was_written {
        error.with_unknown_outcome()
    } else {
        error.without_effect()
    }
}

#[cfg(test)]
mod tests;
