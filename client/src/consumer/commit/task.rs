//! The task that sends commits, and the handle of one commit.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetCommitResponse, TopicName};
use kconnect_protocol::types::{LeaderEpoch, StrBytes};
use kconnect_protocol::{ErrorCode, TopicPartition};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{Instrument, debug_span, warn};

use super::core::{CommitId, Committer, Offsets, Outcome};
use crate::cluster::{Cluster, CoordinatorKind, Target};
use crate::group::{Generation, Reporter};
use crate::net::{Purpose, Random, now};
use crate::{Error, ErrorKind};

/// How commits are made.
#[derive(Debug, Clone)]
pub(crate) struct CommitSettings {
    pub(crate) group_id: Arc<str>,
    pub(crate) group_instance_id: Option<Arc<str>>,
    pub(crate) request_timeout: Duration,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
}

/// The way to commit for one group. The task behind it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Commits {
    shared: Arc<Shared>,
    _guard: DropGuard,
}

struct Shared {
    settings: CommitSettings,
    cluster: Cluster,
    /// The lock is held for moments, never while waiting.
    state: Mutex<State>,
    wake: Notify,
    /// Somebody may wait for the end of all commits.
    settled: Notify,
}

struct State {
    core: Committer,
    callers: BTreeMap<CommitId, oneshot::Sender<Result<(), Error>>>,
    /// Signs the commits; without it, as somebody outside of the group.
    member: Option<Reporter>,
}

/// A commit under way: a future that says how it ended. Dropping it gives up only the answer.
#[derive(Debug)]
#[must_use = "a commit may fail; await it, or drop it on purpose"]
pub struct Commit {
    answer: oneshot::Receiver<Result<(), Error>>,
}

impl Future for Commit {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(Pin::new(&mut self.answer).poll(cx));
        let closed = || Error::new(ErrorKind::Closed, "the consumer was closed during a commit");
        Poll::Ready(answer.unwrap_or_else(|_| Err(closed())))
    }
}

impl Commits {
    pub(crate) fn start(cluster: Cluster, settings: CommitSettings) -> Self {
        let seed = Random::from_entropy().next();
        let core = Committer::new(settings.retry_backoff, settings.retry_backoff_max, seed);
        let span = debug_span!("commits", group_id = %settings.group_id);
        let shared = Arc::new(Shared {
            settings,
            cluster,
            state: Mutex::new(State {
                core,
                callers: BTreeMap::new(),
                member: None,
            }),
            wake: Notify::new(),
            settled: Notify::new(),
        });
        let stop = CancellationToken::new();
        let task = run(Arc::clone(&shared));
        let stopped = stop.clone();
        let task = async move { stopped.run_until_cancelled(task).await };
        tokio::spawn(task.instrument(span));
        Self {
            shared,
            _guard: stop.drop_guard(),
        }
    }

    /// Signs with this member's generation from now on.
    pub(crate) fn sign_as(&self, member: Option<Reporter>) {
        self.shared.state().member = member;
    }

    pub(crate) fn commit(&self, offsets: Offsets, deadline: Instant) -> Commit {
        let (caller, answer) = oneshot::channel();
        {
            let mut state = self.shared.state();
            let id = state.core.commit(offsets, deadline);
            state.callers.insert(id, caller);
            state.settle();
        }
        self.shared.wake.notify_one();
        Commit { answer }
    }

    /// Waits until nothing is under way, or `deadline` has passed.
    pub(crate) async fn drained(&self, deadline: Instant) {
        let drained = async {
            loop {
                let settled = self.shared.settled.notified();
                if self.shared.state().core.is_idle() {
                    return;
                }
                settled.await;
            }
        };
        // Who waits has a deadline of their own to report.
        let _ = timeout_at(deadline.into(), drained).await;
    }

    pub(crate) fn forget(&self, names: &[TopicPartition]) {
        let mut state = self.shared.state();
        state.core.forget(names);
        state.settle();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commits")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to send now, and signed by whom; else when to look again.
    fn next(&self) -> Result<(Offsets, Signature), Option<Instant>> {
        let mut state = self.state();
        let offsets = state.core.poll_request(now());
        state.settle();
        match offsets {
            Some(offsets) => {
                let signature = match state.member.clone() {
                    Some(member) => Signature::Member(member.generation(), member),
                    None => Signature::Outsider,
                };
                Ok((offsets, signature))
            }
            None => Err(state.core.poll_timeout()),
        }
    }
}

impl State {
    fn settle(&mut self) {
        while let Some((id, result)) = self.core.poll_done() {
            let Some(caller) = self.callers.remove(&id) else {
                continue;
            };
            if let Err(Err(error)) = caller.send(result) {
                warn!(%error, "commit failed, and nobody waits for its answer");
            }
        }
    }
}

/// In whose name a commit is made.
enum Signature {
    /// Of a consumer that was assigned its partitions by hand.
    Outsider,
    Member(Option<Generation>, Reporter),
}

async fn run(shared: Arc<Shared>) {
    loop {
        match shared.next() {
            Ok((offsets, signature)) => {
                let outcome = send(&shared, offsets, signature).await;
                {
                    let mut state = shared.state();
                    state.core.handle_outcome(now(), &outcome);
                    state.settle();
                }
                shared.settled.notify_waiters();
            }
            Err(None) => shared.wake.notified().await,
            Err(Some(at)) => tokio::select! {
                () = shared.wake.notified() => {}
                () = sleep_until(at.into()) => {}
            },
        }
    }
}

async fn send(shared: &Shared, offsets: Offsets, signature: Signature) -> Outcome {
    let (generation, member) = match signature {
        Signature::Outsider => (None, None),
        Signature::Member(Some(generation), member) => (Some(generation), Some(member)),
        // Between two memberships: what it had is somebody else's.
        Signature::Member(None, _) => {
            return Outcome::Failed(Error::broker(ErrorCode::UnknownMemberId));
        }
    };
    let settings = &shared.settings;
    let request = request(settings, &offsets, generation.as_ref());
    let target = Target::GroupCoordinator(&settings.group_id);
    let sent = shared
        .cluster
        .request(target, Purpose::General, request, settings.request_timeout);
    let codes = match sent.await {
        Ok(response) => codes(&response),
        Err(error) => {
            return Outcome::Failed(error.during(format_args!(
                "committing offsets of group `{}`",
                settings.group_id
            )));
        }
    };
    let mut worst = codes.values().filter(|code| code.is_error());
    if let Some(&code) = worst.next() {
        if matches!(
            code,
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable
        ) {
            shared
                .cluster
                .forget_coordinator(CoordinatorKind::Group, &settings.group_id);
        }
        if let (Some(member), Some(generation)) = (member, generation) {
            // A member that has ended needs no news.
            let _ = member.report(generation, code).await;
        }
    }
    Outcome::Answered(codes)
}

fn request(
    settings: &CommitSettings,
    offsets: &Offsets,
    generation: Option<&Generation>,
) -> OffsetCommitRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (name, offset) in offsets {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(name.partition)
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(LeaderEpoch::to_wire(offset.leader_epoch))
            .with_committed_metadata(Some(text(&offset.metadata)));
        match topics.last_mut() {
            Some(topic) if *topic.name.0 == *name.topic => topic.partitions.push(partition),
            _ => topics.push(
                OffsetCommitRequestTopic::default()
                    .with_name(TopicName(text(&name.topic)))
                    .with_partitions(vec![partition]),
            ),
        }
    }
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(&settings.group_id)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(topics);
    match generation {
        Some(generation) => request
            .with_generation_id_or_member_epoch(generation.id)
            .with_member_id(text(&generation.member_id))
            .with_group_instance_id(settings.group_instance_id.as_deref().map(text)),
        None => request,
    }
}

fn codes(response: &OffsetCommitResponse) -> BTreeMap<TopicPartition, ErrorCode> {
    let mut codes = BTreeMap::new();
    for topic in &response.topics {
        let name: Arc<str> = Arc::from(&*topic.name.0);
        for partition in &topic.partitions {
            let name = TopicPartition::new(name.clone(), partition.partition_index);
            codes.insert(name, ErrorCode(partition.error_code));
        }
    }
    codes
}
