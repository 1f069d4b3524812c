//! Committing offsets: the order of commits, and the task that sends them.

mod core;
mod task;

pub use self::core::Offsets;
pub use self::task::Commit;
pub(super) use self::task::{CommitSettings, Commits};
