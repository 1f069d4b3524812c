//! What the task that owns a herder's state is asked for, in either mode, and those who wait for its answers.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::entities::{ConfigMap, ConnectorStateInfo, ConnectorType};
use super::{ConnectorTaskId, HerderError, InternalRequest, Put, RestartRequest, TargetState};

/// A connector's configuration after it was checked.
#[derive(Debug, Clone)]
pub(crate) struct ConnectorSpec {
    /// As it was given.
    pub(crate) config: Arc<ConfigMap>,
    /// Source or sink.
    pub(crate) kind: ConnectorType,
    /// The plugin's version.
    pub(crate) version: Arc<str>,
    /// How many tasks it may have.
    pub(crate) tasks_max: u32,
    /// Whether more tasks than that fail it.
    pub(crate) tasks_max_enforce: bool,
}

/// What a herder is asked for.
#[derive(Debug)]
pub(crate) enum Order {
    /// Create a connector or give it another configuration.
    Put {
        name: Arc<str>,
        spec: ConnectorSpec,
        initial_state: Option<TargetState>,
        allow_replace: bool,
    },
    /// Stop a connector and forget it.
    Delete { name: Arc<str> },
    /// Want a connector to run, pause or stop.
    SetTarget { name: Arc<str>, target: TargetState },
    /// Restart the connector alone.
    RestartConnector { name: Arc<str> },
    /// Restart what the request selects, wherever it is.
    Restart(RestartRequest),
    /// Restart one task.
    RestartTask(ConnectorTaskId),
    /// Forget which topics a connector has used.
    ResetTopics { name: Arc<str> },
    /// Say a connector's configuration: in a cluster, as the leader.
    CurrentConfig { name: Arc<str> },
    /// Make sure that a connector is stopped and has no tasks, so that its offsets can be changed, and say its configuration:
    /// in a cluster, as the leader. A standalone worker leaves it so until the `Release`.
    HoldStopped { name: Arc<str> },
    /// The offsets have been changed, or not.
    Release { name: Arc<str> },
    /// Take new task configurations of a connector: from a worker that runs the connector.
    PutTasks {
        name: Arc<str>,
        configs: Vec<ConfigMap>,
    },
    /// Lock out the producers of a connector's former tasks.
    Fence { name: Arc<str> },
    /// Set a logger's level on every worker.
    SetLevel { namespace: String, level: String },
    /// Show that the herder is alive.
    Ping,
}

/// The answer to an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Put(Put),
    Status(ConnectorStateInfo),
    Config(Arc<ConfigMap>),
}

/// An order from outside, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) order: Order,
    /// What the order is signed with, if it comes from another worker.
    pub(crate) signed: Option<InternalRequest>,
    pub(crate) reply: Reply,
}

/// Where the answer to an order goes.
pub(crate) type Reply = oneshot::Sender<Result<Outcome, HerderError>>;

/// Stands for whoever waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// Those who wait for answers.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    tickets: u64,
    replies: HashMap<Ticket, Reply>,
}

impl Waiting {
    /// A ticket for one more; they count from 1.
    pub(crate) fn add(&mut self, reply: Reply) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.replies.insert(ticket, reply);
        ticket
    }

    pub(crate) fn answer(&mut self, ticket: Ticket, answer: Result<Outcome, HerderError>) {
        if let Some(reply) = self.replies.remove(&ticket) {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(answer);
        }
    }
}
