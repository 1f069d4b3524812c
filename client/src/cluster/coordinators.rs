//! Who coordinates which group or transactional id: looked up once, forgotten when it turns out to be wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{ErrorCode, StrBytes};

use super::metadata::Broker;
use super::{Cluster, Target};
use crate::error::{Error, ErrorKind};
use crate::net::{Address, Purpose, now};

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoordinatorKind {
    /// A group, by its id.
    Group,
    /// Transactions, by the transactional id.
    Transaction,
}

/// The first version that asks for several keys at once (KIP-699).
const BATCHED: i16 = 4;

/// Coordinators that are known.
#[derive(Debug, Default)]
pub(super) struct Coordinators(Mutex<BTreeMap<(CoordinatorKind, String), BrokerId>>);

impl Coordinators {
    fn table(&self) -> MutexGuard<'_, BTreeMap<(CoordinatorKind, String), BrokerId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// The coordinator of a group or a transactional id: from memory, or asked for until `deadline`.
    ///
    /// # Errors
    ///
    /// When the deadline has passed, the reason why there is none; at once, if trying again cannot help.
    ///
    /// Cancel safe.
    pub async fn coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
        deadline: Instant,
    ) -> Result<BrokerId, Error> {
        let known = self
            .shared
            .coordinators
            .table()
            .get(&(kind, key.to_owned()))
            .copied();
        if let Some(known) = known.filter(|known| self.metadata().broker(*known).is_some()) {
            return Ok(known);
        }
        let mut retry = self.retry(deadline);
        loop {
            match self.find_coordinator(kind, key, deadline).await {
                Ok(broker) => return Ok(broker),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Forgets a coordinator: it said that it is none, or it cannot be reached.
    pub fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        self.shared
            .coordinators
            .table()
            .remove(&(kind, key.to_owned()));
    }

    async fn find_coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
        deadline: Instant,
    ) -> Result<BrokerId, Error> {
        let timeout = self
            .request_timeout()
            .min(deadline.saturating_duration_since(now()));
        let build = |version| {
            let key = StrBytes::from_string(key.to_owned());
            let request = FindCoordinatorRequest::default().with_key_type(kind.to_wire());
            if version < BATCHED {
                request.with_key(key)
            } else {
                request.with_coordinator_keys(vec![key])
            }
        };
        let asked = self
            .request_with(Target::Any, Purpose::General, timeout, build)
            .await;
        let found = asked.and_then(|(response, version)| read(response, version));
        let broker = found.map_err(|error| {
            error.during(format_args!(
                "looking for the coordinator of {kind} `{key}`"
            ))
        })?;
        let id = broker.id;
        self.learn_broker(broker);
        self.shared
            .coordinators
            .table()
            .insert((kind, key.to_owned()), id);
        Ok(id)
    }

    /// Takes note of a broker that an answer told along the way.
    fn learn_broker(&self, broker: Broker) {
        self.shared.known.send_if_modified(|known| {
            let is_new = known.metadata.broker(broker.id) != Some(&broker);
            if is_new {
                let mut metadata = (*known.metadata).clone();
                metadata.brokers.insert(broker.id, broker);
                known.metadata = metadata.into();
            }
            is_new
        });
    }
}

/// Before KIP-699 an answer had one coordinator, and it stood in the answer itself.
fn read(response: FindCoordinatorResponse, version: i16) -> Result<Broker, Error> {
    let found = if version < BATCHED {
        Coordinator::default()
            .with_node_id(response.node_id)
            .with_host(response.host)
            .with_port(response.port)
            .with_error_code(response.error_code)
            .with_error_message(response.error_message)
    } else {
        let first = response.coordinators.into_iter().next();
        first.ok_or_else(|| {
            Error::new(
                ErrorKind::BrokerMisbehaved,
                "the answer names no coordinator",
            )
        })?
    };
    ErrorCode(found.error_code)
        .check()
        .map_err(|code| Error::broker_says(code, found.error_message.as_deref()))?;
    let port = u16::try_from(found.port).ok().filter(|port| *port > 0);
    let (Some(port), Some(id)) = (port, BrokerId::from_wire(found.node_id.0)) else {
        return Err(Error::broker(ErrorCode::CoordinatorNotAvailable));
    };
    Ok(Broker {
        id,
        address: Address::new(&*found.host, port),
        rack: None,
    })
}

impl CoordinatorKind {
    const fn to_wire(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::Transaction => 1,
        }
    }
}

impl std::fmt::Display for CoordinatorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Transaction => "transactional id",
        })
    }
}
