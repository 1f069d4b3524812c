//! What workers of one cluster tell each other: the group's messages, and how work is shared out.
//!
//! Everything here is pure: bytes and sets in, bytes and sets out.

pub mod assignor;
pub mod config_log;
pub mod protocol;
pub mod session;
pub mod status_log;
pub mod work;

pub use work::Work;
