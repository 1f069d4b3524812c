//! See `fuzz/src/client.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kconnect_fuzz::client::client_connection(data));
