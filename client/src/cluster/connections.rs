//! The connections of a client: one per broker and purpose, made when needed, shared by all who need it.
//!
//! Attempts to reach a broker are apart by a pause that grows with each failure; whoever asks meanwhile waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kconnect_protocol::types::BrokerId;
use tokio::sync::watch;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::refresh::PeerKey;
use crate::error::{Error, ErrorKind};
use crate::net::{
    Address, Backoff, Connection, ConnectionSettings, Dialer, Peer, Purpose, Random, now,
};

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) connection: ConnectionSettings,
    /// The pause between attempts.
    pub(super) reconnect: Backoff,
    /// How long an attempt may take; it grows with the failures, too (KIP-601).
    pub(super) setup: Backoff,
    pub(super) dialer: Arc<dyn Dialer>,
}

/// The connections of a client.
#[derive(Debug)]
pub(super) struct Connections {
    settings: Settings,
    tasks: TaskTracker,
    stop: CancellationToken,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    slots: BTreeMap<(PeerKey, Purpose), Slot>,
    random: Random,
}

/// The place of one connection.
#[derive(Debug)]
struct Slot {
    address: Address,
    state: State,
    /// Failures in a row.
    failures: u32,
    /// No attempt before this.
    not_before: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Closed,
    /// An attempt is under way; its end is told here.
    Dialing(watch::Receiver<Option<Dialed>>),
    Open(Connection),
}

type Dialed = Result<Connection, Error>;

/// What whoever needs a connection does next.
enum Step {
    Use(Connection),
    Wait(watch::Receiver<Option<Dialed>>),
    Pause(Instant),
}

impl Connections {
    pub(super) fn new(
        settings: Settings,
        random: Random,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let table = Table {
            slots: BTreeMap::new(),
            random,
        };
        Self {
            settings,
            tasks,
            stop,
            table: Mutex::new(table),
        }
    }

    /// An open connection to `peer`; made if there is none, after the pause that failures before it demand.
    ///
    /// Cancel safe: an attempt goes on for the next who asks.
    pub(super) async fn get(
        self: &Arc<Self>,
        key: PeerKey,
        peer: &Peer,
        purpose: Purpose,
    ) -> Dialed {
        loop {
            match self.step(key, peer, purpose) {
                Step::Use(connection) => return Ok(connection),
                Step::Pause(until) => sleep_until(until.into()).await,
                Step::Wait(mut dialed) => {
                    let dialed = dialed
                        .wait_for(Option::is_some)
                        .await
                        .ok()
                        .and_then(|dialed| dialed.clone());
                    return dialed.unwrap_or_else(|| {
                        Err(Error::new(ErrorKind::Closed, "the client is closed"))
                    });
                }
            }
        }
    }

    /// Whether a connection to a broker is open, for whatever purpose.
    pub(super) fn is_connected(&self, broker: BrokerId) -> bool {
        let table = self.table();
        let mut slots = table
            .slots
            .iter()
            .filter(|((key, _), _)| *key == PeerKey::Broker(broker));
        slots.any(
            |(_, slot)| matches!(&slot.state, State::Open(connection) if !connection.is_closed()),
        )
    }

    /// Takes note of the cluster's brokers: connections to others are let go, and a bootstrap server's connection becomes that
    /// of the broker that has the same address.
    pub(super) fn keep_brokers(&self, brokers: &BTreeMap<BrokerId, Address>) {
        let mut table = self.table();
        let all = std::mem::take(&mut table.slots);
        let (bootstrap, mut slots): (BTreeMap<_, _>, BTreeMap<_, _>) = all
            .into_iter()
            .partition(|((key, _), _)| matches!(key, PeerKey::Bootstrap(_)));
        slots.retain(|(key, _), slot| {
            matches!(key, PeerKey::Broker(broker) if brokers.get(broker) == Some(&slot.address))
        });
        for ((key, purpose), slot) in bootstrap {
            let broker = brokers
                .iter()
                .find(|(_, address)| **address == slot.address);
            match (broker, &slot.state) {
                (Some((broker, _)), State::Open(_)) => {
                    slots
                        .entry((PeerKey::Broker(*broker), purpose))
                        .or_insert(slot);
                }
                // An attempt under way still has to find its slot, and failures are remembered.
                (_, State::Dialing(_) | State::Closed) => drop(slots.insert((key, purpose), slot)),
                (None, State::Open(_)) => {}
            }
        }
        table.slots = slots;
    }

    fn step(self: &Arc<Self>, key: PeerKey, peer: &Peer, purpose: Purpose) -> Step {
        let now = now();
        let mut table = self.table();
        let Table { slots, random } = &mut *table;
        let slot = slots
            .entry((key, purpose))
            .or_insert_with(|| Slot::new(peer.address.clone()));
        if slot.address != peer.address {
            *slot = Slot::new(peer.address.clone());
        }
        match &slot.state {
            // A closed channel: the attempt came to no end.
            State::Dialing(dialed) if dialed.has_changed().is_ok() => {
                return Step::Wait(dialed.clone());
            }
            State::Open(connection) if !connection.is_closed() => {
                return Step::Use(connection.clone());
            }
            State::Open(connection) if connection.was_idle() => slot.not_before = None,
            _ => {}
        }
        if let Some(not_before) = slot.not_before.filter(|not_before| now < *not_before) {
            return Step::Pause(not_before);
        }
        let timeout = self.settings.setup.pause(slot.failures + 1, random);
        let (tell, dialed) = watch::channel(None);
        slot.state = State::Dialing(dialed.clone());
        self.tasks
            .spawn(Arc::clone(self).dial((key, purpose), peer.clone(), timeout, tell));
        Step::Wait(dialed)
    }

    /// Makes one attempt and tells its end to all who wait.
    async fn dial(
        self: Arc<Self>,
        place: (PeerKey, Purpose),
        peer: Peer,
        timeout: Duration,
        tell: watch::Sender<Option<Dialed>>,
    ) {
        let Settings {
            connection, dialer, ..
        } = &self.settings;
        let opened = tokio::select! {
            opened = Connection::open(&**dialer, peer.clone(), connection, timeout, &self.tasks, &self.stop) => opened,
            () = self.stop.cancelled() => Err(Error::new(ErrorKind::Closed, "the client is closed")),
        };
        if let Err(error) = &opened {
            debug!(%peer, %error, "connecting failed");
        }
        self.settle(place, &peer.address, &opened);
        tell.send_replace(Some(opened));
    }

    /// Takes note of the end of an attempt.
    fn settle(&self, place: (PeerKey, Purpose), address: &Address, opened: &Dialed) {
        let mut table = self.table();
        let Table { slots, random } = &mut *table;
        let Some(slot) = slots
            .get_mut(&place)
            .filter(|slot| slot.address == *address)
        else {
            return;
        };
        (slot.state, slot.failures) = match opened {
            Ok(connection) => (State::Open(connection.clone()), 0),
            Err(_) => (State::Closed, slot.failures.saturating_add(1)),
        };
        // Also after a success: a broker that closes every connection at once is not dialed in a busy loop.
        slot.not_before = Some(now() + self.settings.reconnect.pause(slot.failures, random));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    const fn new(address: Address) -> Self {
        Self {
            address,
            state: State::Closed,
            failures: 0,
            not_before: None,
        }
    }
}
