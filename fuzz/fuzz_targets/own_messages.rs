//! See the function of this name in `protocol/tests/wire/entries.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kconnect_fuzz::run("own_messages", data));
