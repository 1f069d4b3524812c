//! One fault: what goes wrong, and with which requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kconnect_protocol::{ApiKey, ErrorCode};

/// What a predicate of a fault can look at.
#[derive(Debug)]
pub struct RequestView<'a> {
    /// The API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// The client's `client.id`.
    pub client_id: Option<&'a str>,
    /// The topics and partitions that the request names, if it is of an API that names some.
    pub partitions: Vec<(String, i32)>,
}

type Predicate = Arc<dyn Fn(&RequestView<'_>) -> bool + Send + Sync>;

/// Something that goes wrong: once, unless [`Fault::times`] or [`Fault::always`] says otherwise.
#[derive(Clone)]
pub struct Fault {
    api: Option<ApiKey>,
    effect: Effect,
    topic: Option<String>,
    partition: Option<i32>,
    predicate: Option<Predicate>,
    skip: u32,
    left: Option<u32>,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is refused with this code, or the part of it that names the topic and partition.
    Error {
        error: ErrorCode,
        topic: Option<String>,
        partition: Option<i32>,
    },
    /// It is handled later.
    Delay(Duration),
    /// It is neither handled nor answered.
    Silence,
    /// It is not handled, and the connection closed.
    Disconnect,
    /// It is handled; what follows happens to the answer.
    Apply(Aftermath),
}

/// What happens to an answer after the request took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// The connection is closed in its place.
    Lose,
    /// Nothing is ever said.
    Swallow,
    /// It comes later.
    Late(Duration),
    /// The connection is closed after this many bytes of it.
    Cut(usize),
}

impl Fault {
    fn new(api: Option<ApiKey>, effect: Effect) -> Self {
        Self {
            api,
            effect,
            topic: None,
            partition: None,
            predicate: None,
            skip: 0,
            left: Some(1),
        }
    }

    /// The request is not applied and answered with an error, in every place that can say it; with a
    /// topic or partition only these are refused.
    #[must_use]
    pub fn error(api: ApiKey, error: ErrorCode) -> Self {
        let effect = Effect::Error {
            error,
            topic: None,
            partition: None,
        };
        Self::new(Some(api), effect)
    }

    /// The request is handled after `delay`.
    #[must_use]
    pub fn delay(api: ApiKey, delay: Duration) -> Self {
        Self::new(Some(api), Effect::Delay(delay))
    }

    /// The request is handled now, its answer comes after `delay`.
    #[must_use]
    pub fn late_answer(api: ApiKey, delay: Duration) -> Self {
        Self::new(Some(api), Effect::Apply(Aftermath::Late(delay)))
    }

    /// The request is neither handled nor answered, and so is what comes after it on its connection.
    #[must_use]
    pub fn silence(api: ApiKey) -> Self {
        Self::new(Some(api), Effect::Silence)
    }

    /// As [`Fault::silence`], for requests of any API.
    #[must_use]
    pub fn any_api_silence() -> Self {
        Self::new(None, Effect::Silence)
    }

    /// The request is not handled, and its connection closed.
    #[must_use]
    pub fn disconnect(api: ApiKey) -> Self {
        Self::new(Some(api), Effect::Disconnect)
    }

    /// As [`Fault::disconnect`], for requests of any API.
    #[must_use]
    pub fn any_api_disconnect() -> Self {
        Self::new(None, Effect::Disconnect)
    }

    /// The request is handled; of its answer `bytes` bytes are sent, then the connection is closed.
    #[must_use]
    pub fn disconnect_after(api: ApiKey, bytes: usize) -> Self {
        Self::new(Some(api), Effect::Apply(Aftermath::Cut(bytes)))
    }

    /// The request is handled, and the connection closed instead of an answer: the outcome that a
    /// client cannot know.
    #[must_use]
    pub fn lose_answer(api: ApiKey) -> Self {
        Self::new(Some(api), Effect::Apply(Aftermath::Lose))
    }

    /// The request is handled, and nothing is ever said about it.
    #[must_use]
    pub fn swallow_answer(api: ApiKey) -> Self {
        Self::new(Some(api), Effect::Apply(Aftermath::Swallow))
    }

    /// Only requests that name this topic.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Only requests that name this partition (of the topic, if one is given).
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Only requests for which `predicate` is true.
    #[must_use]
    pub fn when(
        mut self,
        predicate: impl Fn(&RequestView<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// Lets the first `requests` that fit pass.
    #[must_use]
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Happens to `times` requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Happens until it is removed.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    pub(super) fn may_fit(&self, api: ApiKey) -> bool {
        self.api.is_none_or(|wanted| wanted == api)
    }

    /// Whether it happens to this request, which then counts.
    pub(super) fn strikes(&mut self, request: &RequestView<'_>) -> bool {
        if !self.fits(request) || self.is_spent() {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        true
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn effect(&self) -> Effect {
        match &self.effect {
            Effect::Error { error, .. } => Effect::Error {
                error: *error,
                topic: self.topic.clone(),
                partition: self.partition,
            },
            other => other.clone(),
        }
    }

    fn fits(&self, request: &RequestView<'_>) -> bool {
        let named = |(topic, partition): &(String, i32)| {
            self.topic.as_ref().is_none_or(|wanted| wanted == topic)
                && self.partition.is_none_or(|wanted| wanted == *partition)
        };
        let scoped = self.topic.is_some() || self.partition.is_some();
        self.may_fit(request.api)
            && (!scoped || request.partitions.iter().any(named))
            && self.predicate.as_ref().is_none_or(|fits| fits(request))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("api", &self.api)
            .field("effect", &self.effect)
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("skip", &self.skip)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
