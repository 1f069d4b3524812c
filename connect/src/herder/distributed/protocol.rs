//! The group's protocol, as the client's group member wants it: what a leader decides, the worker's core knows.

use std::sync::Arc;

use bytes::Bytes;
use kconnect_client::group::{GroupProtocol, Round};
use kconnect_client::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

/// Rounds that may wait for the worker. The member has one at a time; an overtaken one may still be there.
pub(super) const ROUNDS_MAX: usize = 4;

/// The bytes for each member.
pub(super) type Assignments = Vec<(Arc<str>, Bytes)>;

/// A round that this worker decides, and where the decision goes.
#[derive(Debug)]
pub(super) struct Decide {
    pub(super) round: Round,
    pub(super) reply: oneshot::Sender<Assignments>,
}

/// Membership in a cluster of Connect workers.
#[derive(Debug)]
pub(super) struct ConnectProtocol(pub(super) mpsc::Sender<Decide>);

impl GroupProtocol for ConnectProtocol {
    fn protocol_type(&self) -> &'static str {
        "connect"
    }

    fn assign(
        &mut self,
        round: Round,
    ) -> impl Future<Output = Result<Vec<(Arc<str>, Bytes)>, Error>> + Send + 'static {
        let worker = self.0.clone();
        async move {
            let gone = || {
                Error::new(
                    ErrorKind::Closed,
                    "the worker that leads the group is going away",
                )
            };
            let (reply, decided) = oneshot::channel();
            worker
                .send(Decide { round, reply })
                .await
                .map_err(|_| gone())?;
            decided.await.map_err(|_| gone())
        }
    }
}
