//! The fuzz target of a client's connection without a fuzzer: over its seeds, and what is near them.

#[path = "../../fuzz/src/client.rs"]
#[allow(unreachable_pub, reason = "it is public in the fuzz crate")]
mod client;
#[path = "../../fuzz/src/replay.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of several crates share it"
)]
mod replay;

use self::replay::{Entropy, near, seeds};

#[test]
fn a_client_stands_whatever_answers_on_its_port() {
    let mut entropy = Entropy::new(21);
    for seed in seeds("client_connection") {
        client::client_connection(&seed);
        for end in 0..seed.len() {
            client::client_connection(&seed[..end]);
        }
        for _ in 0..300 {
            client::client_connection(&near(&seed, &mut entropy));
        }
    }
    for _ in 0..2_000 {
        let length = entropy.below(300);
        client::client_connection(&entropy.bytes(length));
    }
}
