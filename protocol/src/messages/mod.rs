//! The messages on the hot path, in every version that brokers and clients of today speak.
//!
//! Requests and responses can be both written and read: clients need one half, brokers the other.

mod common;
pub mod fetch;
pub mod list_offsets;
mod message;
pub mod metadata;
pub mod produce;

pub use common::{CurrentLeader, NodeEndpoint};
pub use message::{Message, Request};
