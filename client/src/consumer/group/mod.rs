//! A consumer as a member of its group: what it offers, what it assigns as leader, and what a
//! rebalance means for its partitions.

mod leader;
mod rebalance;
mod subscription;

pub(super) use self::leader::{ConsumerProtocol, LeaderView};
pub(super) use self::rebalance::{Act, Rebalance};
pub(super) use self::subscription::{Topics, mode, offers};
