//! The task that owns the core: events go in, effects go to the connections.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use crate::core::call::Frame;
use crate::core::{ConnectionId, Core, Effect};

/// What happens at a connection.
#[derive(Debug)]
pub(crate) enum Event {
    Connected {
        connection: ConnectionId,
        host: Arc<str>,
        answers: mpsc::Sender<Answer>,
    },
    Request {
        connection: ConnectionId,
        frame: Bytes,
    },
    Disconnected {
        connection: ConnectionId,
    },
}

/// What a connection has to do.
#[derive(Debug)]
pub(crate) enum Answer {
    Write(Frame),
    /// A request was dealt with that gets no answer.
    Done,
    Close(Option<Frame>),
}

/// Events taken at once before their effects are handed on.
const BURST: usize = 128;

/// Drives the core until `stop`, or until nobody can send an event any more.
pub(crate) async fn drive(
    mut core: Core,
    clock: Clock,
    mut events: mpsc::Receiver<Event>,
    stop: CancellationToken,
) {
    let mut connections = BTreeMap::new();
    let mut burst = Vec::with_capacity(BURST);
    loop {
        let deadline = clock.instant(core.poll_timeout());
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            received = events.recv_many(&mut burst, BURST) => received,
            () = sleep_until(deadline) => {
                core.handle_timeout(clock.now());
                route(&mut core, &mut connections);
                continue;
            }
        };
        if received == 0 {
            break;
        }
        for event in burst.drain(..) {
            take(&mut core, &clock, &mut connections, event);
        }
        let now = clock.now();
        if core.poll_timeout() <= now.millis {
            core.handle_timeout(now);
        }
        route(&mut core, &mut connections);
    }
    core.stop();
}

type Connections = BTreeMap<ConnectionId, mpsc::Sender<Answer>>;

fn take(core: &mut Core, clock: &Clock, connections: &mut Connections, event: Event) {
    match event {
        Event::Connected {
            connection,
            host,
            answers,
        } => {
            connections.insert(connection, answers);
            core.connected(connection, host);
        }
        Event::Request { connection, frame } => core.handle(clock.now(), connection, frame),
        Event::Disconnected { connection } => {
            connections.remove(&connection);
            core.disconnected(connection);
        }
    }
}

/// Hands effects to their connections. None of them can make this wait: a connection has room for
/// the answers to all requests that it has sent.
fn route(core: &mut Core, connections: &mut Connections) {
    while let Some(effect) = core.poll_effect() {
        let (connection, answer) = match effect {
            Effect::Answer { connection, frame } => (connection, Answer::Write(frame)),
            Effect::Done { connection } => (connection, Answer::Done),
            Effect::Close {
                connection,
                frame,
                why,
            } => {
                tracing::debug!(
                    connection = connection.0,
                    why,
                    "connection closed by the broker"
                );
                (connection, Answer::Close(frame))
            }
        };
        let Some(answers) = connections.get(&connection) else {
            continue;
        };
        if answers.try_send(answer).is_err() {
            // Its task has ended, and says so with an event of its own.
            connections.remove(&connection);
            core.disconnected(connection);
        }
    }
}
