//! The core driven by hand: time goes in, requests come out, answers are made up.

#![expect(
    unused_must_use,
    reason = "many tests look at requests, not at deliveries"
)]

mod bench;
mod failures;
mod gathering;
mod sequences;
mod simulation;
mod timeouts;
