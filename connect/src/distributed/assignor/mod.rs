//! How a leader shares connectors and tasks out among workers: eager and incremental cooperative (KIP-415).

mod cooperative;
mod eager;
mod load;

pub use cooperative::{CooperativeAssignor, Round, Shares};
pub use eager::assign as assign_eagerly;
