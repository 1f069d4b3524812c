//! Everything that the broker decides: bytes and the time come in, effects go out.
//!
//! ```text
//!  connected, handle, disconnected, handle_timeout        poll_effect, poll_timeout
//!            |                                                     ^
//!            v                                                     |
//!   connection: one request at a time --> fault? --> api --> answer now, or waiting
//!                                                     |            ^
//!                                                     v            | append, timeout, join, sync
//!                              topics and logs, groups, fetch sessions, storage
//! ```
//!
//! No socket, no clock, no task. As in Kafka the requests of one connection are handled one after the
//! other: the next is taken up when the one before has been answered.

pub(crate) mod api;
pub(crate) mod call;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod fuzz;
pub(crate) mod groups;
pub(crate) mod journal;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod sessions;
pub(crate) mod state;
pub(crate) mod storage;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod time;
pub(crate) mod topics;
pub(crate) mod versions;
pub(crate) mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kconnect_protocol::header::RequestHeader;

use self::call::{Call, Frame};
use self::connection::Connection;
use self::groups::Reply;
use self::state::State;
use self::time::Now;
use self::waiting::{Due, Wait, Waiting};
use crate::faults::{Aftermath, Faults};

/// Names a connection for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub u64);

/// Names a request for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub u64);

/// What the shell has to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Write these bytes; they answer one request.
    Answer {
        connection: ConnectionId,
        frame: Frame,
    },
    /// A request has been dealt with that gets no answer.
    Done { connection: ConnectionId },
    /// Write `frame`, if there is one, and close the connection.
    Close {
        connection: ConnectionId,
        frame: Option<Frame>,
        why: String,
    },
}

/// How often retention and expiry are looked at.
const SWEEP: Duration = Duration::from_secs(30);

/// The broker without its sockets.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) state: State,
    connections: BTreeMap<ConnectionId, Connection>,
    waiting: Waiting,
    effects: VecDeque<Effect>,
    faults: Faults,
    next_request: u64,
    next_sweep: u64,
}

impl Core {
    pub(crate) fn new(state: State, faults: Faults, now: Now) -> Self {
        Self {
            state,
            connections: BTreeMap::new(),
            waiting: Waiting::default(),
            effects: VecDeque::new(),
            faults,
            next_request: 0,
            next_sweep: now.after(SWEEP),
        }
    }

    /// A client has connected from `host`.
    pub(crate) fn connected(&mut self, connection: ConnectionId, host: Arc<str>) {
        self.connections.insert(connection, Connection::new(host));
    }

    /// A connection is gone. What its requests did stays done.
    pub(crate) fn disconnected(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.remove(&connection)
            && let Some(request) = connection.busy
        {
            self.waiting.forget(request);
        }
    }

    /// A frame has come, without its length.
    pub(crate) fn handle(&mut self, now: Now, id: ConnectionId, frame: Bytes) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connection.busy.is_some() {
            connection.queue.push_back(frame);
            return;
        }
        self.take_up(now, id, frame);
        self.settle(now);
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.state.groups.handle_timeout(now);
        for (call, due) in self.waiting.due(now) {
            self.resume(now, call, due);
        }
        if self.next_sweep <= now.millis {
            self.next_sweep = now.after(SWEEP);
            self.state.sweep(now);
        }
        self.settle(now);
    }

    /// When [`Core::handle_timeout`] wants to be called, in milliseconds since the start.
    pub(crate) fn poll_timeout(&self) -> u64 {
        let next = [self.waiting.deadline(), self.state.groups.deadline()];
        let next = next.into_iter().flatten().min();
        next.map_or(self.next_sweep, |next| next.min(self.next_sweep))
    }

    /// What the shell has to do next.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The broker stops: everything is brought to the disk.
    pub(crate) fn stop(&mut self) {
        self.state.sync();
    }

    fn take_up(&mut self, now: Now, id: ConnectionId, mut frame: Bytes) {
        let header = match RequestHeader::decode(&mut frame) {
            Ok(header) => header,
            Err(error) => return self.close(id, None, format!("no request header: {error}")),
        };
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let request = RequestId(self.next_request);
        self.next_request += 1;
        connection.busy = Some(request);
        let call = Call::new(request, id, header, connection.host.clone(), now);
        api::dispatch(self, now, call, frame);
    }

    /// Goes on with a request whose wait is over.
    fn resume(&mut self, now: Now, call: Call, due: Due) {
        match due {
            Due::Handle(body) => api::dispatch(self, now, call.again(now), body),
            Due::Answer(frame) => self.send(call.connection, frame),
            Due::Fetch(fetch) => api::fetch::complete(self, now, call, *fetch),
        }
    }

    /// Sees to what a request or timeout has set going, until nothing moves any more.
    fn settle(&mut self, now: Now) {
        loop {
            let replies = self.state.groups.take_replies();
            let appended = std::mem::take(&mut self.state.appended);
            let idle = replies.is_empty() && appended.is_empty();
            for (ticket, reply) in replies {
                self.answer_group(now, ticket, reply);
            }
            for (call, fetch) in self.waiting.appended(&appended) {
                self.resume(now, call, Due::Fetch(fetch));
            }
            if idle && !self.take_up_next(now) {
                return;
            }
        }
    }

    /// Takes up the next request of a connection that has become free; `false` if there is none.
    fn take_up_next(&mut self, now: Now) -> bool {
        while let Some(id) = self.waiting.take_freed() {
            let frame = self
                .connections
                .get_mut(&id)
                .and_then(|connection| connection.queue.pop_front());
            if let Some(frame) = frame {
                self.take_up(now, id, frame);
                return true;
            }
        }
        false
    }

    fn answer_group(&mut self, now: Now, ticket: RequestId, reply: Reply) {
        let Some(call) = self.waiting.take_group(ticket) else {
            return;
        };
        match reply {
            Reply::Join(reply) => api::join_group::complete(self, now, call, &reply),
            Reply::Sync(reply) => api::sync_group::complete(self, now, call, &reply),
        }
    }

    /// A request has its answer.
    fn answer(&mut self, now: Now, call: Call, frame: Frame) {
        match call.aftermath {
            None => self.send(call.connection, frame),
            Some(Aftermath::Lose) => self.close(call.connection, None, "a fault".to_owned()),
            Some(Aftermath::Cut(bytes)) => {
                let frame = call::cut(frame, bytes);
                self.close(call.connection, Some(frame), "a fault".to_owned());
            }
            Some(Aftermath::Late(delay)) => {
                let until = now.after(delay);
                self.waiting.park(call, Wait::Answer(frame), Some(until));
            }
            Some(Aftermath::Swallow) => self.waiting.park(call, Wait::Forever, None),
        }
    }

    fn send(&mut self, connection: ConnectionId, frame: Frame) {
        self.effects.push_back(Effect::Answer { connection, frame });
        self.free(connection);
    }

    /// A request gets no answer: a produce request with acks=0.
    fn done(&mut self, call: &Call) {
        let connection = call.connection;
        self.effects.push_back(Effect::Done { connection });
        self.free(connection);
    }

    fn free(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.busy = None;
            if !connection.queue.is_empty() {
                self.waiting.freed(id);
            }
        }
    }

    fn close(&mut self, connection: ConnectionId, frame: Option<Frame>, why: String) {
        self.disconnected(connection);
        self.effects.push_back(Effect::Close {
            connection,
            frame,
            why,
        });
    }
}
