//! The words that a member, its owner and its group's protocol exchange.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::Error;

/// What the members of one kind of group agree on.
///
/// The member itself handles coordinator, generations and heartbeats; the protocol says what kind of
/// group it is and, on the leader, turns everybody's metadata into everybody's assignment.
pub trait GroupProtocol: Send + 'static {
    /// The group's protocol type, such as `consumer` or `connect`.
    ///
    /// A coordinator refuses members of another type (INCONSISTENT_GROUP_PROTOCOL).
    fn protocol_type(&self) -> &'static str;

    /// Computes the assignments of all members; runs on the member that the coordinator made leader.
    ///
    /// The metadata comes from other processes: it may be malformed, and an implementation gives such
    /// a member nothing rather than failing the group. Members left out of the answer get an empty
    /// assignment. The future owns what it needs, so that heartbeats go on while it runs; it is dropped when
    /// the member leaves or the round is overtaken.
    fn assign(
        &mut self,
        round: Round,
    ) -> impl Future<Output = Result<Vec<(Arc<str>, Bytes)>, Error>> + Send + 'static;
}

/// One protocol that a member can follow, with its metadata for the leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The protocol's name, such as `range` or `sessioned`.
    pub name: Arc<str>,
    /// Opaque to the coordinator; the leader gets it in [`RoundMember::metadata`].
    pub metadata: Bytes,
}

/// What a member brings to the next JoinGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// The protocols, most wanted first. The coordinator picks one that all members have.
    pub protocols: Vec<Offer>,
    /// What happens to the member's work while the group rebalances.
    pub mode: RebalanceMode,
}

/// What a member does with its work before it joins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalanceMode {
    /// Gives all of it up first: [`GroupEvent::Revoke`] comes before every JoinGroup.
    Eager,
    /// Keeps it, and gives up what the new assignment lacks (KIP-429).
    Cooperative,
}

/// The leader's view of a rebalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The protocol that the coordinator picked.
    pub protocol: Arc<str>,
    /// The generation that this round makes.
    pub generation: i32,
    /// The leader's own member id.
    pub leader: Arc<str>,
    /// All members, the leader among them.
    pub members: Vec<RoundMember>,
    /// The coordinator keeps the assignment that it has (KIP-814, static members): what
    /// [`GroupProtocol::assign`] answers is not used.
    pub skip_assignment: bool,
}

/// One member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundMember {
    /// The id that the coordinator gave it.
    pub member_id: Arc<str>,
    /// Its `group.instance.id`, if it is a static member (KIP-345).
    pub group_instance_id: Option<Arc<str>>,
    /// What it offered for the protocol of this round; not to be trusted.
    pub metadata: Bytes,
}

/// What a member tells its owner. Each one is to be answered with [`Member::ready`](super::Member::ready).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum GroupEvent {
    /// The group rebalances and this member works eagerly: stop the work, save what must be saved.
    /// The member still belongs to its generation, so commits are accepted.
    Revoke,
    /// A rebalance is complete and this is the assignment.
    Joined(Joined),
    /// The membership is gone, and others may already have the work: stop it, save nothing.
    Lost(Lost),
    /// The member cannot go on by itself. It tries again after [`Member::ready`](super::Member::ready),
    /// except after FENCED_INSTANCE_ID.
    Failed(Error),
}

/// The outcome of a rebalance for one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The generation that was joined.
    pub generation: Generation,
    /// The member id of the leader.
    pub leader: Arc<str>,
    /// The protocol that the coordinator picked.
    pub protocol: Arc<str>,
    /// What the leader gave this member; empty when it gave nothing.
    pub assignment: Bytes,
}

impl Joined {
    /// Whether this member leads the generation.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader == self.generation.member_id
    }
}

/// Who a member is in which generation: what a commit is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The generation's number, counted up by each rebalance.
    pub id: i32,
    /// The id that the coordinator gave this member.
    pub member_id: Arc<str>,
}

/// Why a membership ended against the member's will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// The coordinator does not know the member (any more): UNKNOWN_MEMBER_ID.
    UnknownMember,
    /// The group has moved on without the member: ILLEGAL_GENERATION.
    IllegalGeneration,
    /// Another process uses the same `group.instance.id`: FENCED_INSTANCE_ID.
    Fenced,
    /// The owner did not poll within `max.poll.interval.ms`, so the member left.
    PollTimeout,
    /// The coordinator refused the member for good; the next event says why.
    Refused,
}

impl Lost {
    /// Says it in a sentence for logs and errors.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownMember => {
                "the coordinator no longer knows this member (UNKNOWN_MEMBER_ID): its session expired"
            }
            Self::IllegalGeneration => {
                "the group has gone on to a new generation without this member (ILLEGAL_GENERATION)"
            }
            Self::Fenced => {
                "another process has joined with the same group.instance.id (FENCED_INSTANCE_ID)"
            }
            Self::PollTimeout => "poll was not called within max.poll.interval.ms",
            Self::Refused => "the coordinator refused this member",
        }
    }
}

/// How a member behaves in its group; the names are Kafka's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.id`.
    pub group_id: Arc<str>,
    /// `group.instance.id`: makes the member static (KIP-345). It keeps its place over a restart
    /// and sends no LeaveGroup.
    pub group_instance_id: Option<Arc<str>>,
    /// `session.timeout.ms`: without a heartbeat for so long the coordinator drops the member.
    pub session_timeout: Duration,
    /// How long the coordinator waits for the members to join again: `max.poll.interval.ms` of a
    /// consumer, `rebalance.timeout.ms` of a Connect worker.
    pub rebalance_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// The longest time between two calls of [`Member::polled`](super::Member::polled) before the
    /// member leaves by itself. `None`: the owner is not watched.
    pub poll_interval: Option<Duration>,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`: the first wait after a failure; it doubles up to `retry_backoff_max`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
}
