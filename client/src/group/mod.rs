//! Membership in a Kafka group, whatever the group is for.
//!
//! Kafka's classic group protocol knows nothing about partitions: members offer protocols with opaque
//! metadata, the coordinator picks a protocol and a leader, the leader hands every member opaque
//! bytes. [`Member`] does that part; a [`GroupProtocol`] gives the bytes their meaning. A consumer is
//! one user of it (protocol type `consumer`), a Connect worker another (`connect`).
//!
//! ```text
//!   owner (a consumer, a worker)            Member's task                     coordinator
//!   ── join(offers) ───────────────────────▶ FindCoordinator, JoinGroup ─────▶
//!                                            leader only: GroupProtocol::assign
//!   ◀── GroupEvent::Joined ──────────────── SyncGroup ◀──────────────────────
//!   ── ready(offers) ──────────────────────▶ heartbeats while the owner works
//!   ◀── GroupEvent::Revoke ──────────────── REBALANCE_IN_PROGRESS (eager only)
//!   ── ready(offers) ──────────────────────▶ JoinGroup …
//! ```
//!
//! Every [`GroupEvent`] is answered with [`Member::ready`]; the member does not join again before.
//! That one rule keeps what a member claims to own and what it really owns the same.

mod member;
mod membership;
mod protocol;
mod request;
mod wire;

pub use member::Member;
pub(crate) use member::Reporter;
pub use membership::MemberStatus;
pub use protocol::{
    Generation, GroupEvent, GroupProtocol, GroupSettings, Joined, Lost, Offer, Offers,
    RebalanceMode, Round, RoundMember,
};
