//! Questions to the cluster, each tried until it is answered or its time is over.

mod committed;
mod fetch;
mod list_offsets;

pub(super) use self::committed::committed;
pub(super) use self::fetch::fetch;
pub(crate) use self::list_offsets::{Found, list_offsets};
