//! Source tasks against an embedded broker.

mod commits;
mod life;
mod records;
mod topics;
