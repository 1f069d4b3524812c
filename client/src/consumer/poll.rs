//! `poll`: carries out what the group decided, asks brokers, hands out records.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kconnect_protocol::TopicPartition;
use kconnect_protocol::messages::fetch::FetchResponse;
use kconnect_protocol::messages::list_offsets::timestamp;
use kconnect_protocol::types::BrokerId;
use tokio::time::{sleep_until, timeout_at};
use tracing::warn;

use super::core::{Job, JobId, Leadership, Position, ResetTo};
use super::group::Act;
use super::handle::{Saving, Subscribed, misuse};
use super::{Consumer, ConsumerEvent, ConsumerRecords, lookup};
use crate::cluster::Metadata;
use crate::group::GroupEvent;
use crate::net::now;
use crate::{Error, ErrorKind};

/// A fetch may take this much longer than the broker was allowed to wait.
const FETCH_LAPSE: Duration = Duration::from_secs(5);

/// The answer to a question to the cluster.
pub(super) enum Done {
    Fetch(JobId, BrokerId, Result<FetchResponse, Error>),
    Committed(
        JobId,
        Result<BTreeMap<TopicPartition, Option<Position>>, Error>,
    ),
    Reset(JobId, Result<Resets, Error>),
}

type Resets = BTreeMap<TopicPartition, Result<Option<Position>, Error>>;

/// What `poll` waited for.
enum Wake {
    Done(Result<Done, tokio::task::JoinError>),
    Group(GroupEvent),
    Metadata,
    Time,
}

impl Consumer {
    /// Waits up to `timeout` for records or for news of the group. Returns what comes first; up to `max.poll.records`
    /// records.
    ///
    /// A group wants to see that its members are alive: call this at least every `max.poll.interval.ms`. What the last poll
    /// handed out counts as processed from here on, and automatic commits include it.
    ///
    /// # Errors
    ///
    /// `Misuse` without subscription and assignment. What is wrong with one partition or with the group is reported once;
    /// polling goes on with the rest. [`Error::is_fatal`] says whether there is any point in that.
    ///
    /// Cancel safe: records that are not returned are handed out by the next poll.
    pub async fn poll(&mut self, timeout: Duration) -> Result<ConsumerEvent, Error> {
        self.poll_for(timeout, false).await
    }

    /// As [`poll`](Self::poll), but `Idle` comes at once when a position moves without a record: for who waits until a
    /// certain offset is reached.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    #[doc(hidden)]
    pub async fn poll_or_move(&mut self, timeout: Duration) -> Result<ConsumerEvent, Error> {
        self.poll_for(timeout, true).await
    }

    async fn poll_for(
        &mut self,
        timeout: Duration,
        tells_moves: bool,
    ) -> Result<ConsumerEvent, Error> {
        // A caller who always finds something must not starve the tasks that bring it.
        tokio::task::coop::consume_budget().await;
        if self.subscribed.is_none() && self.core.assignment().len() == 0 {
            return Err(misuse(
                "poll of a consumer that has neither a subscription nor an assignment",
            ));
        }
        let deadline = now() + timeout;
        self.show_life();
        self.commit_if_due();
        let moves = self.core.silent_moves();
        loop {
            self.take_what_came();
            if let Some(event) = self.follow_group(deadline).await? {
                return Ok(event);
            }
            self.ask(now());
            if let Some(error) = self.core.poll_error() {
                return Err(error);
            }
            let limit = usize::try_from(self.config.max_poll_records).unwrap_or(usize::MAX);
            let segments = self.core.poll_records(limit);
            if !segments.is_empty() {
                // The next fetch is under way while the caller works.
                self.ask(now());
                return Ok(ConsumerEvent::Records(ConsumerRecords::new(segments)));
            }
            self.ask(now());
            let has_moved = tells_moves && self.core.silent_moves() != moves;
            if has_moved || now() >= deadline {
                return Ok(ConsumerEvent::Idle);
            }
            self.wait(deadline).await;
        }
    }

    fn show_life(&mut self) {
        if let Some(subscribed) = &self.subscribed {
            subscribed.member.polled();
        }
    }

    fn commit_if_due(&mut self) {
        let (Some(auto), Some(commits)) = (&mut self.auto_commit, &self.commits) else {
            return;
        };
        let now = now();
        if now < auto.due {
            return;
        }
        auto.due = now + auto.interval;
        let offsets = self
            .core
            .positions()
            .map(|(name, position)| (name.clone(), position.into()));
        // It is tried again until it is time for the next one, which says all that this one does.
        drop(commits.commit(
            offsets.collect(),
            now + auto.interval.max(Duration::from_secs(1)),
        ));
    }

    /// Takes what is there already, without waiting.
    fn take_what_came(&mut self) {
        while let Some(done) = self.jobs.try_join_next() {
            self.handle(Wake::Done(done));
        }
        if self.watch.has_changed() {
            self.handle(Wake::Metadata);
        }
        if self.looks_at_metadata {
            self.handle_metadata();
        }
    }

    /// Waits for one event; each can be given up without loss.
    async fn wait(&mut self, deadline: Instant) {
        let due = self
            .core
            .poll_timeout()
            .map_or(deadline, |due| due.min(deadline));
        let wake = tokio::select! {
            Some(done) = self.jobs.join_next() => Wake::Done(done),
            event = group_event(&mut self.subscribed) => Wake::Group(event),
            _ = self.watch.changed() => Wake::Metadata,
            () = sleep_until(due.into()) => Wake::Time,
        };
        self.handle(wake);
    }

    fn handle(&mut self, wake: Wake) {
        let now = now();
        match wake {
            Wake::Done(Ok(Done::Fetch(id, broker, answer))) => {
                self.core.handle_fetch(now, id, broker, answer)
            }
            Wake::Done(Ok(Done::Committed(id, answer))) => {
                self.core.handle_committed(now, id, answer)
            }
            Wake::Done(Ok(Done::Reset(id, answer))) => self.core.handle_reset(now, id, answer),
            Wake::Done(Err(error)) => {
                let text = format!("a task of the consumer failed, please report: {error}");
                self.core.report(Error::new(ErrorKind::Bug, text));
            }
            Wake::Group(event) => {
                if let Some(subscribed) = &mut self.subscribed {
                    subscribed.rebalance.handle(event, &subscribed.topics);
                }
            }
            Wake::Metadata => self.handle_metadata(),
            Wake::Time => self.core.handle_timeout(now),
        }
    }

    fn handle_metadata(&mut self) {
        self.looks_at_metadata = false;
        let metadata = self.watch.current();
        self.core
            .handle_metadata(|name| leadership(&metadata, name));
        let Some(subscribed) = &mut self.subscribed else {
            return;
        };
        let with_internal = !self.config.exclude_internal_topics;
        let topics = metadata
            .topics()
            .filter(|topic| topic.is_known() && (with_internal || !topic.is_internal));
        if subscribed
            .topics
            .look_at(topics.map(|topic| topic.name.clone()))
        {
            subscribed.resubscribe(&self.config);
            self.look_at_metadata();
        } else if subscribed.rebalance.is_leader() && subscribed.leader_view.is_outdated(&metadata)
        {
            subscribed
                .rebalance
                .rejoin("the partitions of the group's topics changed");
        }
    }

    /// Carries out what the group decided. An event is for the caller.
    async fn follow_group(&mut self, deadline: Instant) -> Result<Option<ConsumerEvent>, Error> {
        loop {
            let Some(subscribed) = &mut self.subscribed else {
                return Ok(None);
            };
            if !subscribed.has_joined {
                // With a pattern there is nothing to say before the topics are known.
                if subscribed.topics.names().is_empty() {
                    return Ok(None);
                }
                let offers = subscribed.offers(&self.config)?;
                subscribed.member.join(offers).await?;
                subscribed.has_joined = true;
            }
            if let Some(saving) = &mut subscribed.saving {
                match timeout_at(deadline.into(), &mut saving.commit).await {
                    Err(_) => return Ok(Some(ConsumerEvent::Idle)),
                    Ok(saved) => self.saved(saved),
                }
                continue;
            }
            if subscribed.rebalance.is_done() {
                match subscribed.member.try_event() {
                    Some(event) => subscribed.rebalance.handle(event, &subscribed.topics),
                    None => return Ok(None),
                }
            } else if let Some(told) = self.act().await? {
                return Ok(Some(told));
            }
        }
    }

    /// Does the next step. What has to be waited for is done before the step counts as done, so that
    /// a poll that is given up loses none.
    async fn act(&mut self) -> Result<Option<ConsumerEvent>, Error> {
        let Some(subscribed) = &mut self.subscribed else {
            return Ok(None);
        };
        match subscribed.rebalance.next_act() {
            Some(Act::Ready) => {
                let offers = subscribed.offers(&self.config)?;
                subscribed.member.ready(offers).await?;
            }
            Some(Act::Rejoin(reason)) => {
                let reason = *reason;
                let offers = subscribed.offers(&self.config)?;
                subscribed
                    .member
                    .request_rejoin(reason, Some(offers))
                    .await?;
            }
            _ => {}
        }
        match subscribed.rebalance.poll_act() {
            Some(Act::Stop(names)) => self.core.revoke(&names),
            Some(Act::Save(names)) => self.save(names),
            Some(Act::Forget(names)) => self.forget(&names),
            Some(Act::Own(names)) => self.own(&names),
            Some(Act::Tell(event)) => return Ok(Some(event)),
            Some(Act::Fail(error)) => return Err(error),
            Some(Act::Ready | Act::Rejoin(_)) | None => {}
        }
        Ok(None)
    }

    /// Commits what is given up, if commits are automatic.
    fn save(&mut self, names: Vec<TopicPartition>) {
        let (Some(subscribed), Some(commits)) = (&mut self.subscribed, &self.commits) else {
            return;
        };
        let offsets = match &self.auto_commit {
            Some(_) => {
                let own = self
                    .core
                    .positions()
                    .filter(|(name, _)| names.contains(name));
                own.map(|(name, position)| (name.clone(), position.into()))
                    .collect()
            }
            None => BTreeMap::new(),
        };
        let commit = commits.commit(offsets, now() + self.config.default_api_timeout);
        subscribed.saving = Some(Saving { commit, names });
    }

    fn saved(&mut self, saved: Result<(), Error>) {
        let saving = self
            .subscribed
            .as_mut()
            .and_then(|subscribed| subscribed.saving.take());
        if let Err(error) = saved {
            warn!(%error, "positions of partitions that are given up could not be committed: their records come again");
        }
        if let Some(saving) = saving {
            self.forget(&saving.names);
        }
    }

    fn forget(&mut self, names: &[TopicPartition]) {
        if let Some(commits) = &self.commits {
            commits.forget(names);
        }
    }

    /// Starts whatever the core wants to ask.
    pub(super) fn ask(&mut self, now: Instant) {
        while let Some(job) = self.core.poll_job(now) {
            let cluster = self.cluster.clone();
            let deadline = now + self.config.default_api_timeout;
            match job {
                Job::Fetch {
                    id,
                    broker,
                    request,
                    has_ids,
                } => {
                    let wait = self.config.fetch_max_wait + FETCH_LAPSE;
                    let timeout = self.config.common.request_timeout.max(wait);
                    self.jobs.spawn(async move {
                        Done::Fetch(
                            id,
                            broker,
                            lookup::fetch(cluster, broker, request, has_ids, timeout).await,
                        )
                    });
                }
                Job::Committed(id, names) => {
                    let group = self.config.group().unwrap_or_default().into();
                    self.jobs.spawn(async move {
                        let found = lookup::committed(cluster, group, names, deadline).await;
                        let position = |(name, found): (_, Option<super::OffsetAndMetadata>)| {
                            (name, found.as_ref().map(Position::from))
                        };
                        Done::Committed(
                            id,
                            found.map(|found| found.into_iter().map(position).collect()),
                        )
                    });
                }
                Job::Reset(id, resets) => {
                    let isolation_level = self.config.isolation_level;
                    let wanted = resets
                        .into_iter()
                        .map(|(name, to)| (name, place(to)))
                        .collect();
                    self.jobs.spawn(async move {
                        let found =
                            lookup::list_offsets(cluster, isolation_level, wanted, deadline).await;
                        let position = |found: lookup::Found| Position {
                            offset: found.offset,
                            leader_epoch: found.leader_epoch,
                        };
                        let position = |(name, found): (_, Result<Option<_>, Error>)| {
                            (name, found.map(|found| found.map(position)))
                        };
                        Done::Reset(
                            id,
                            found.map(|found| found.into_iter().map(position).collect()),
                        )
                    });
                }
                Job::RefreshMetadata(reason) => self.cluster.refresh(reason),
            }
        }
    }

    /// Goes on with questions until `is_done`; hands out nothing and follows no group.
    pub(super) async fn work_until(
        &mut self,
        deadline: Instant,
        mut is_done: impl FnMut(&mut Self) -> bool,
    ) -> bool {
        loop {
            self.take_what_came();
            self.ask(now());
            if is_done(self) {
                return true;
            }
            if now() >= deadline {
                return false;
            }
            let due = self
                .core
                .poll_timeout()
                .map_or(deadline, |due| due.min(deadline));
            let wake = tokio::select! {
                Some(done) = self.jobs.join_next() => Wake::Done(done),
                _ = self.watch.changed() => Wake::Metadata,
                () = sleep_until(due.into()) => Wake::Time,
            };
            self.handle(wake);
        }
    }
}

/// The next word of the group, when the last one has been dealt with.
async fn group_event(subscribed: &mut Option<Subscribed>) -> GroupEvent {
    match subscribed {
        Some(subscribed) if subscribed.rebalance.is_done() => subscribed.member.event().await,
        _ => std::future::pending().await,
    }
}

fn leadership(metadata: &Metadata, name: &TopicPartition) -> Leadership {
    let topic = metadata.topic(&name.topic);
    let partition = topic.and_then(|topic| topic.partition(name.partition));
    Leadership {
        broker: metadata.leader(name).map(|broker| broker.id),
        epoch: partition.and_then(|partition| partition.leader_epoch),
        topic_id: topic.and_then(|topic| topic.id),
    }
}

/// The time, or the place, that ListOffsets is asked for.
pub(super) fn place(to: ResetTo) -> i64 {
    match to {
        ResetTo::Earliest => timestamp::EARLIEST,
        ResetTo::Latest => timestamp::LATEST,
        ResetTo::Since(duration) => {
            let since_1970 = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            i64::try_from(since_1970.saturating_sub(duration).as_millis()).unwrap_or(0)
        }
    }
}
