//! The binary `kconnect`.

fn main() {}
