//! The binary `kconnect`.

use std::process::ExitCode;

#[cfg(feature = "alloc")]
#[global_allocator]
static ALLOCATOR: rusty_alloc_api::RustyAlloc = rusty_alloc_api::RustyAlloc;

fn main() -> ExitCode {
    kconnect::run(kconnect::api::Plugins::builtin())
}
