//! The task that asks for metadata: one question at a time, as [`Refresh`](super::refresh::Refresh) decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kconnect_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse,
};
use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{ErrorCode, StrBytes, VersionRange};
use tokio::time::sleep_until;
use tracing::{debug, warn};

use super::merge::Scope;
use super::refresh::{Ask, PeerKey};
use super::request::{self, Own};
use super::{Failure, Shared};
use crate::error::{Error, ErrorKind};
use crate::net::{Address, Peer, Purpose, now};

/// From the first that can refuse to create topics. Redpanda speaks up to 8.
const METADATA: VersionRange = VersionRange::new(4, 13);

/// Asks as long as the client lives.
pub(super) async fn drive(shared: Arc<Shared>) {
    let mut round = Round::default();
    loop {
        let (ask, due) = shared.next_ask();
        let asked = async {
            match &ask {
                Some(ask) => Some((ask, shared.ask(ask).await)),
                None => {
                    wait(&shared, due).await;
                    None
                }
            }
        };
        tokio::select! {
            asked = asked => match asked {
                Some((_, Ok(response))) if shared.is_empty_answer(&response) => {
                    let text = "the broker knows of no brokers yet: it is starting";
                    let error = Error::new(ErrorKind::Network, text).without_effect();
                    shared.take_failure(&error, &mut round);
                }
                Some((ask, Ok(response))) => {
                    shared.take_answer(ask, response);
                    round = Round::default();
                }
                Some((_, Err(error))) => shared.take_failure(&error, &mut round),
                None => {}
            },
            () = shared.stop.cancelled() => return,
        }
    }
}

async fn wait(shared: &Shared, due: Option<Instant>) {
    match due {
        Some(due) => tokio::select! {
            () = shared.wake.notified() => {}
            () = sleep_until(due.into()) => {}
        },
        None => shared.wake.notified().await,
    }
}

/// What the failures of a round say together.
#[derive(Debug, Default)]
struct Round {
    /// An error that another attempt may not meet.
    has_hope: bool,
    /// The first failure: of the broker that was the best choice.
    first: Option<Error>,
    /// The text of the last warning, so that it is not repeated in each round.
    warned: String,
}

impl Shared {
    fn next_ask(&self) -> (Option<Ask>, Option<Instant>) {
        let (metadata, now) = (self.metadata(), now());
        let mut refresh = self.refresh();
        let ask = refresh.poll(now, &metadata, |broker| {
            self.connections.is_connected(broker)
        });
        (ask, refresh.poll_timeout(now, &metadata))
    }

    async fn ask(&self, ask: &Ask) -> Result<MetadataResponse, Error> {
        let Some(peer) = self.peer(ask.peer) else {
            return Err(Error::new(ErrorKind::Network, "the broker is gone").without_effect());
        };
        let connection = self
            .connections
            .get(ask.peer, &peer, Purpose::General)
            .await?;
        let request = MetadataRequest {
            topics: match &ask.scope {
                Scope::All => None,
                Scope::Topics(names) => Some(names.iter().map(|name| by_name(name)).collect()),
            },
            allow_auto_topic_creation: self.settings.allow_auto_topic_creation,
            ..MetadataRequest::default()
        };
        let timeout = self.settings.request_timeout;
        let (response, _) =
            request::exchange(&connection, METADATA, timeout, |_| Own(request.clone())).await?;
        Ok(response)
    }

    fn peer(&self, key: PeerKey) -> Option<Peer> {
        match key {
            PeerKey::Broker(broker) => Some(self.metadata().broker(broker)?.peer()),
            PeerKey::Bootstrap(at) => Some(Peer {
                broker: None,
                address: self.bootstrap.get(at)?.clone(),
            }),
        }
    }

    /// A broker that starts may answer before it has heard of the cluster, itself included: nothing can be done with that.
    fn is_empty_answer(&self, response: &MetadataResponse) -> bool {
        !response.error_code.is_error()
            && response.brokers.is_empty()
            && self.metadata().brokers().len() == 0
    }

    fn take_answer(&self, ask: &Ask, response: MetadataResponse) {
        if response.error_code.is_error() {
            debug!(error = %response.error_code, "metadata came with an error");
            let rebootstrap = response.error_code == ErrorCode::RebootstrapRequired;
            self.refresh().succeeded(now(), !rebootstrap, rebootstrap);
            return;
        }
        self.known.send_modify(|known| {
            let merged = known.metadata.merged(response, &ask.scope);
            let is_equivalent = merged.is_equivalent(&known.metadata);
            let mut refresh = self.refresh();
            refresh.succeeded(now(), is_equivalent, false);
            known.metadata = Arc::new(merged.retaining(|topic| refresh.is_wanted(topic)));
            known.answered = ask.number;
            known.failure = None;
        });
        let metadata = self.metadata();
        let addresses: BTreeMap<BrokerId, Address> = metadata
            .brokers()
            .map(|broker| (broker.id, broker.address.clone()))
            .collect();
        self.connections.keep_brokers(&addresses);
    }

    fn take_failure(&self, error: &Error, round: &mut Round) {
        debug!(%error, "metadata did not come");
        round.has_hope |= error.is_retriable();
        let first = round.first.get_or_insert_with(|| error.clone()).clone();
        let metadata = self.metadata();
        let is_over = self.refresh().failed(now(), &metadata);
        if !is_over {
            return;
        }
        let text = first.to_string();
        if text != round.warned {
            warn!(error = %first, "no broker answers");
        }
        let is_hopeless = !round.has_hope;
        *round = Round {
            warned: text,
            ..Round::default()
        };
        let error = first.during("asking for metadata");
        self.known
            .send_modify(|known| known.failure = Some(Failure { error, is_hopeless }));
    }
}

fn by_name(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic {
        name: Some(StrBytes::from_string(name.to_owned())),
        ..MetadataRequestTopic::default()
    }
}
