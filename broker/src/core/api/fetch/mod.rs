//! Fetch (API 1, versions 4-18): long polling, sessions (KIP-227), topic ids (KIP-516), diverging
//! epochs (KIP-595), at least one batch whatever its size (KIP-74).

use kconnect_protocol::messages::fetch::{
    FIRST_WITH_TOPIC_IDS, FetchRequest, FetchResponse, FetchTopicResponse,
};
use kconnect_protocol::types::IsolationLevel;
use kconnect_protocol::{ApiKey, ErrorCode, StrBytes};

mod read;

pub(crate) use self::read::check_epoch;

use self::read::{Gathered, Reading, gather};
use super::{Api, Outcome, own};
use crate::core::Core;
use crate::core::call::Call;
use crate::core::sessions::{TopicRef, Watched};
use crate::core::state::State;
use crate::core::storage::PartitionId;
use crate::core::time::Now;
use crate::core::waiting::Wait;

#[derive(Debug)]
pub(crate) struct Fetch;

/// `fetch.max.bytes` of the broker.
const FETCH_BYTES_MAX: usize = 57_671_680;

/// A fetch that waits for records.
#[derive(Debug)]
pub(crate) struct Delayed {
    source: Source,
    reading: Reading,
    partitions: Vec<PartitionId>,
    /// Bytes that have to come before it is worth an answer.
    missing: usize,
}

/// Which partitions a fetch reads.
#[derive(Debug)]
enum Source {
    /// Those that the request named.
    Request(Vec<Watched>),
    /// Those of a session; all of them are answered when it is `new`.
    Session { id: i32, new: bool },
}

impl Delayed {
    /// The partitions whose growth it waits for.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.partitions.iter().copied()
    }

    /// A partition has grown; `true` once there is enough.
    pub(crate) fn grew(&mut self, bytes: usize) -> bool {
        self.missing = self.missing.saturating_sub(bytes);
        self.missing == 0
    }
}

impl Api for Fetch {
    const KEY: ApiKey = ApiKey::FETCH;
    own!(FetchRequest, FetchResponse);

    fn handle(state: &mut State, call: &Call, request: Self::Request) -> Outcome<Self::Response> {
        let reading = Reading {
            room: size(request.max_bytes).min(FETCH_BYTES_MAX),
            committed: request.isolation_level == IsolationLevel::ReadCommitted,
        };
        let (min_bytes, max_wait) = (size(request.min_bytes), request.max_wait_ms);
        let mut source = match choose(state, call, request) {
            Ok(source) => source,
            Err(error) => {
                return Outcome::Answer(FetchResponse {
                    error_code: error,
                    ..FetchResponse::default()
                });
            }
        };
        let mut partitions = take_partitions(state, &mut source);
        let gathered = gather(state, call, &partitions, reading);
        let enough = gathered.bytes >= min_bytes || gathered.is_urgent || partitions.is_empty();
        if enough || max_wait <= 0 {
            let response = respond(&source, &mut partitions, gathered);
            put_back(state, &mut source, partitions);
            return Outcome::Answer(response);
        }
        put_back(state, &mut source, partitions);
        let delayed = Delayed {
            partitions: gathered.partitions,
            missing: min_bytes - gathered.bytes,
            reading,
            source,
        };
        Outcome::Wait {
            wait: Wait::Fetch(Box::new(delayed)),
            until: Some(call.now.after_millis(max_wait)),
        }
    }

    fn refuse(request: &Self::Request, version: i16, error: ErrorCode) -> Self::Response {
        if version >= 7 {
            return FetchResponse {
                error_code: error,
                ..FetchResponse::default()
            };
        }
        let topics = request.topics.iter().map(|topic| FetchTopicResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|partition| read::failed(partition.partition, error))
                .collect(),
        });
        FetchResponse {
            topics: topics.collect(),
            ..FetchResponse::default()
        }
    }

    fn partitions(state: &State, request: &Self::Request) -> Vec<(String, i32)> {
        let mut all: Vec<_> = state
            .sessions
            .get(request.session_id)
            .map_or(&[][..], |session| &session.partitions)
            .iter()
            .filter_map(|w| Some((read::name(state, &w.topic)?, w.fetch.partition)))
            .collect();
        for topic in &request.topics {
            let named = reference(&topic.name, topic.topic_id, !topic.topic_id.is_nil());
            if let Some(name) = read::name(state, &named) {
                all.extend(topic.partitions.iter().map(|p| (name.clone(), p.partition)));
            }
        }
        all
    }
}

/// Answers a fetch whose wait is over.
pub(crate) fn complete(core: &mut Core, now: Now, call: Call, delayed: Delayed) {
    let Delayed {
        mut source,
        reading,
        ..
    } = delayed;
    let state = &mut core.state;
    let mut partitions = take_partitions(state, &mut source);
    let gathered = gather(state, &call, &partitions, reading);
    let response = respond(&source, &mut partitions, gathered);
    put_back(state, &mut source, partitions);
    super::answer::<Fetch>(core, now, call, &response);
}

/// Finds out which partitions are meant, and moves the session on.
fn choose(state: &mut State, call: &Call, request: FetchRequest) -> Result<Source, ErrorCode> {
    let by_id = call.version >= FIRST_WITH_TOPIC_IDS;
    let now = call.now.millis;
    let (id, epoch) = (request.session_id, request.session_epoch);
    let forgotten = request.forgotten_topics;
    let named = request.topics.into_iter().flat_map(|topic| {
        let topic_ref = reference(&topic.name, topic.topic_id, by_id);
        topic.partitions.into_iter().map(move |fetch| Watched {
            topic: topic_ref.clone(),
            fetch,
            high_watermark: -1,
            log_start_offset: -1,
        })
    });
    let named: Vec<_> = named.collect();
    match epoch {
        // A full fetch, after which there is no session, or a new one.
        -1 | 0 => {
            state.sessions.end(id);
            if epoch == -1 {
                return Ok(Source::Request(named));
            }
            let id = state.random.positive();
            match state.sessions.begin(id, now, by_id, named.clone()) {
                true => Ok(Source::Session { id, new: true }),
                false => Ok(Source::Request(named)),
            }
        }
        _ => {
            let session = state.sessions.next(id, epoch, now, by_id)?;
            session.update(named);
            for topic in forgotten {
                let topic_ref = reference(&topic.name, topic.topic_id, by_id);
                session.forget(&topic_ref, &topic.partitions);
            }
            if session.partitions.is_empty() {
                state.sessions.end(id);
                return Ok(Source::Request(Vec::new()));
            }
            Ok(Source::Session { id, new: false })
        }
    }
}

/// A topic as a request names it, without holding on to the request's bytes.
fn reference(name: &StrBytes, id: kconnect_protocol::Uuid, by_id: bool) -> TopicRef {
    match by_id {
        true => TopicRef::Id(id),
        false => TopicRef::Name(super::text(name)),
    }
}

fn take_partitions(state: &mut State, source: &mut Source) -> Vec<Watched> {
    match source {
        Source::Request(partitions) => std::mem::take(partitions),
        Source::Session { id, .. } => {
            let session = state.sessions.get_mut(*id);
            session.map_or_else(Vec::new, |session| std::mem::take(&mut session.partitions))
        }
    }
}

fn put_back(state: &mut State, source: &mut Source, partitions: Vec<Watched>) {
    match source {
        Source::Request(place) => *place = partitions,
        Source::Session { id, .. } => {
            if let Some(session) = state.sessions.get_mut(*id) {
                session.partitions = partitions;
            }
        }
    }
}

/// Makes the answer out of what was read: of a session only the partitions that have news.
fn respond(source: &Source, partitions: &mut Vec<Watched>, gathered: Gathered) -> FetchResponse {
    let (session_id, all) = match source {
        Source::Request(_) => (0, true),
        Source::Session { id, new } => (*id, *new),
    };
    let mut response = FetchResponse {
        session_id,
        ..FetchResponse::default()
    };
    let mut had_records = Vec::new();
    for (watched, read) in partitions.iter_mut().zip(gathered.responses) {
        let records = read.records.as_ref().is_some_and(|r| !r.is_empty());
        had_records.push(records);
        let news = records
            || read.error_code.is_error()
            || read.diverging_epoch.is_some()
            || read.high_watermark != watched.high_watermark
            || read.log_start_offset != watched.log_start_offset;
        if !all && !news {
            continue;
        }
        watched.high_watermark = read.high_watermark;
        watched.log_start_offset = read.log_start_offset;
        let (name, topic_id) = match &watched.topic {
            TopicRef::Name(name) => (name.clone(), kconnect_protocol::Uuid::nil()),
            TopicRef::Id(id) => (StrBytes::new(), *id),
        };
        match response.topics.last_mut() {
            Some(topic) if topic.name == name && topic.topic_id == topic_id => {
                topic.partitions.push(read);
            }
            _ => response.topics.push(FetchTopicResponse {
                name,
                topic_id,
                partitions: vec![read],
            }),
        }
    }
    if session_id != 0 {
        rotate(partitions, &had_records);
    }
    response
}

/// Moves partitions to the end that had records, so that the others are read first next time.
fn rotate(partitions: &mut Vec<Watched>, had_records: &[bool]) {
    let mut had = had_records.iter();
    let (last, mut first): (Vec<_>, Vec<_>) = partitions
        .drain(..)
        .partition(|_| had.next().copied().unwrap_or(false));
    first.extend(last);
    *partitions = first;
}

/// A size on the wire; negative ones are none.
fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
