//! Requests of one connection to a whole broker: before each frame stands its length, as two bytes.
#![no_main]

use kconnect_broker::internal::{feed, split};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    feed(split(data));
});
