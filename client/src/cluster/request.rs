//! Typed requests: whom they are for, in which version, and what comes back.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::Request as GeneratedRequest;
use kconnect_protocol::messages::{Message, Request as OwnRequest};
use kconnect_protocol::types::BrokerId;
use kconnect_protocol::{
    ApiKey, DecodeError, EncodeError, ErrorCode, TopicPartition, VersionRange, bounded,
};

use super::{Cluster, CoordinatorKind};
use crate::error::{Error, ErrorKind};
use crate::net::{Connection, Purpose, RawRequest, now};

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Any broker.
    Any,
    /// This broker.
    Broker(BrokerId),
    /// The cluster's controller.
    Controller,
    /// The leader of a partition.
    Leader(&'a TopicPartition),
    /// The coordinator of a group.
    GroupCoordinator(&'a str),
    /// The coordinator of a transactional id.
    TransactionCoordinator(&'a str),
}

/// A request that can be written in a version, and whose answer can be read.
pub(crate) trait Call {
    const API: ApiKey;
    type Response;

    fn encode(&self, version: i16) -> Result<Vec<Bytes>, EncodeError>;
    fn decode(version: i16, body: Bytes) -> Result<Self::Response, DecodeError>;
}

/// A request of the generated types.
pub(crate) struct Generated<R>(pub(crate) R);

impl<R: GeneratedRequest> Call for Generated<R> {
    const API: ApiKey = ApiKey(R::KEY);
    type Response = R::Response;

    fn encode(&self, version: i16) -> Result<Vec<Bytes>, EncodeError> {
        let mut body = BytesMut::new();
        bounded::encode_message(&self.0, version, &mut body)?;
        Ok(vec![body.freeze()])
    }

    fn decode(version: i16, mut body: Bytes) -> Result<R::Response, DecodeError> {
        bounded::decode_response::<R>(version, &mut body)
    }
}

/// A request of our own types.
pub(crate) struct Own<R>(pub(crate) R);

impl<R: OwnRequest> Call for Own<R> {
    const API: ApiKey = R::API;
    type Response = R::Response;

    fn encode(&self, version: i16) -> Result<Vec<Bytes>, EncodeError> {
        self.0.encode_segments(version)
    }

    fn decode(version: i16, body: Bytes) -> Result<R::Response, DecodeError> {
        R::Response::decode(&body, version)
    }
}

/// The versions of `api` that we speak.
pub(crate) fn versions_we_speak(api: ApiKey) -> Result<VersionRange, Error> {
    api.versions_we_speak()
        .ok_or_else(|| Error::new(ErrorKind::Misuse, format!("{api} is not for clients")))
}

/// Sends the request that `build` makes for the version that both sides speak best; answers with that version.
pub(crate) async fn exchange<C: Call>(
    connection: &Connection,
    versions: VersionRange,
    timeout: Duration,
    mut build: impl FnMut(i16) -> C,
) -> Result<(C::Response, i16), Error> {
    let (api, peer) = (C::API, connection.peer());
    let version = connection.negotiate(api, versions)?;
    let segments = build(version).encode(version).map_err(|error| {
        let text =
            format!("{api} v{version}, the newest that {peer} and this client speak: {error}");
        Error::new(ErrorKind::BrokerIncompatible, text)
    })?;
    let body = connection
        .send(
            RawRequest {
                api,
                version,
                segments,
            },
            timeout,
        )
        .await?;
    let response = C::decode(version, body).map_err(|error| {
        let text = format!("{peer} answered {api} v{version} unreadably: {error}");
        Error::new(ErrorKind::BrokerMisbehaved, text).with_unknown_outcome()
    })?;
    Ok((response, version))
}

impl Cluster {
    /// Sends a request once and waits for its answer, all in `timeout`.
    ///
    /// What is needed for it is found out first: metadata, the coordinator, a connection. A connection that broke before the
    /// request was sent is replaced. What the answer says is the caller's to judge; on `NOT_COORDINATOR` and the like, forget
    /// the coordinator or refresh.
    ///
    /// # Errors
    ///
    /// As [`Cluster::connection`] and [`Connection::send`]; `BrokerIncompatible` if the broker speaks no version that has all
    /// that the request says.
    ///
    /// Not cancel safe: the request may or may not be sent.
    pub async fn request<R: GeneratedRequest + Clone>(
        &self,
        target: Target<'_>,
        purpose: Purpose,
        request: R,
        timeout: Duration,
    ) -> Result<R::Response, Error> {
        let answer = self
            .request_with(target, purpose, timeout, |_| request.clone())
            .await;
        answer.map(|(response, _)| response)
    }

    /// As [`Cluster::request`], with a request that is made for the version that will be used; answers with that version.
    ///
    /// # Errors
    ///
    /// As [`Cluster::request`].
    ///
    /// Not cancel safe: the request may or may not be sent.
    pub async fn request_with<R: GeneratedRequest>(
        &self,
        target: Target<'_>,
        purpose: Purpose,
        timeout: Duration,
        mut build: impl FnMut(i16) -> R,
    ) -> Result<(R::Response, i16), Error> {
        self.call(target, purpose, timeout, |version| {
            Generated(build(version))
        })
        .await
    }

    /// As [`Cluster::request_with`], for the messages of [`kconnect_protocol::messages`].
    ///
    /// # Errors
    ///
    /// As [`Cluster::request`].
    ///
    /// Not cancel safe: the request may or may not be sent.
    pub async fn request_own<R: OwnRequest>(
        &self,
        target: Target<'_>,
        purpose: Purpose,
        timeout: Duration,
        mut build: impl FnMut(i16) -> R,
    ) -> Result<(R::Response, i16), Error> {
        self.call(target, purpose, timeout, |version| Own(build(version)))
            .await
    }

    async fn call<C: Call>(
        &self,
        target: Target<'_>,
        purpose: Purpose,
        timeout: Duration,
        mut build: impl FnMut(i16) -> C,
    ) -> Result<(C::Response, i16), Error> {
        let deadline = now() + timeout;
        let versions = versions_we_speak(C::API)?;
        loop {
            let connected =
                tokio::time::timeout_at(deadline.into(), self.connect(target, purpose, deadline));
            let connection = connected.await.unwrap_or_else(|_| {
                let text = format!("no connection to send {} in {timeout:?}", C::API);
                Err(Error::new(ErrorKind::Timeout, text).without_effect())
            })?;
            let left = deadline.saturating_duration_since(now());
            match exchange(&connection, versions, left, &mut build).await {
                // It was idle for too long just now, or broke; the next attempt waits for the pause between connections.
                Err(error)
                    if error.kind() == ErrorKind::Network && !error.may_have_taken_effect() =>
                {
                    self.distrust(target, &error);
                }
                answer => return answer.inspect_err(|error| self.distrust(target, error)),
            }
        }
    }

    /// A connection to whom a request is for.
    async fn connect(
        &self,
        target: Target<'_>,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<Connection, Error> {
        let broker = match target {
            Target::Broker(broker) => {
                self.brokers(deadline).await?;
                broker
            }
            Target::Any => self.any_broker(deadline).await?,
            Target::Controller => match self.brokers(deadline).await?.controller {
                Some(controller) => controller,
                None => self.any_broker(deadline).await?,
            },
            Target::Leader(partition) => self.leader(partition, deadline).await?,
            Target::GroupCoordinator(group) => {
                Box::pin(self.coordinator(CoordinatorKind::Group, group, deadline)).await?
            }
            Target::TransactionCoordinator(id) => {
                Box::pin(self.coordinator(CoordinatorKind::Transaction, id, deadline)).await?
            }
        };
        let connection = self.connection(broker, purpose).await;
        connection.inspect_err(|error| self.distrust(target, error))
    }

    /// A broker that is connected, else one at random.
    async fn any_broker(&self, deadline: Instant) -> Result<BrokerId, Error> {
        let metadata = self.brokers(deadline).await?;
        let mut brokers: Vec<BrokerId> = metadata.brokers().map(|broker| broker.id).collect();
        if brokers
            .iter()
            .any(|broker| self.shared.connections.is_connected(*broker))
        {
            brokers.retain(|broker| self.shared.connections.is_connected(*broker));
        }
        let at = self.shared.random().below(brokers.len());
        brokers.get(at).copied().ok_or_else(|| {
            Error::new(ErrorKind::Network, "the cluster has no brokers").without_effect()
        })
    }

    async fn leader(
        &self,
        partition: &TopicPartition,
        deadline: Instant,
    ) -> Result<BrokerId, Error> {
        let metadata = self.topics(&[&*partition.topic], deadline).await?;
        let known = metadata.partition(&partition.topic, partition.partition);
        let code = match known.map(|known| known.leader) {
            Some(Some(leader)) => return Ok(leader),
            Some(None) => ErrorCode::LeaderNotAvailable,
            None => ErrorCode::UnknownTopicOrPartition,
        };
        self.refresh(format_args!("{partition} has no leader"));
        Err(Error::broker(code).during(format_args!("looking for the leader of {partition}")))
    }

    /// Draws the consequences of a failure: what led to this broker may be wrong.
    fn distrust(&self, target: Target<'_>, error: &Error) {
        if !matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout) {
            return;
        }
        match target {
            Target::GroupCoordinator(group) => {
                self.forget_coordinator(CoordinatorKind::Group, group)
            }
            Target::TransactionCoordinator(id) => {
                self.forget_coordinator(CoordinatorKind::Transaction, id)
            }
            Target::Any => {}
            Target::Broker(_) | Target::Controller | Target::Leader(_) => self.refresh(error),
        }
    }
}
