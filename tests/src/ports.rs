//! Free ports on the loopback interface.

use std::net::TcpListener;

use crate::Result;

/// `count` ports that were free a moment ago, all different.
pub fn free(count: usize) -> Result<Vec<u16>> {
    let held = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<std::io::Result<Vec<_>>>()?;
    Ok(held
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<std::io::Result<_>>()?)
}

/// One port that was free a moment ago.
pub fn one() -> Result<u16> {
    Ok(free(1)?[0])
}
