//! What operators' tools ask of a worker and how they read the answer: Strimzi, which runs workers in Kubernetes, and kcctl.

#[path = "operators/kcctl.rs"]
mod kcctl;
#[path = "operators/strimzi.rs"]
mod strimzi;
#[path = "operators/support.rs"]
mod support;
