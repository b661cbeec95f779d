//! Addresses of a test's own.
//!
//! All of 127.0.0.0/8 is this machine, so every peer can have an address that
//! no other has. Peers that share one port, as MX hosts do, then never meet.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

static ADDRESSES: AtomicU32 = AtomicU32::new(0);
static PORTS: AtomicU32 = AtomicU32::new(0);

/// How many addresses a process has before the first comes again.
const ADDRESSES_OF_ONE: u32 = 1 << 12;
/// Processes with slices of their own, and the first slice: 127.0.x.x is left to everybody else.
const PROCESSES: u32 = 4_000;
const FIRST_SLICE: u32 = 16;

/// A loopback address that no other peer of this run has: from the process and a counter.
pub fn address() -> Ipv4Addr {
    let count = ADDRESSES.fetch_add(1, Ordering::Relaxed) % ADDRESSES_OF_ONE;
    let slice = FIRST_SLICE + std::process::id() % PROCESSES;
    let [_, a, b, c] = (slice * ADDRESSES_OF_ONE + count).to_be_bytes();
    Ipv4Addr::new(127, a, b, c)
}

/// A port below the range of outgoing connections, so that none of those can take it meanwhile.
pub fn port() -> u16 {
    let count = PORTS.fetch_add(1, Ordering::Relaxed);
    let spread = std::process::id().wrapping_mul(7919).wrapping_add(count.wrapping_mul(13));
    u16::try_from(10_000 + spread % 20_000).unwrap_or(10_000)
}

/// A fresh address with a port that is free there, for a process that can't take port 0.
///
/// # Panics
///
/// When a hundred ports in a row are taken.
pub fn free() -> SocketAddr {
    let address = address();
    let candidates = (0..100).map(|_| SocketAddr::from((address, port())));
    candidates.into_iter().find(|candidate| TcpListener::bind(candidate).is_ok()).expect("a free port on loopback")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn addresses_are_loopback_and_differ() {
        let addresses: Vec<_> = (0..ADDRESSES_OF_ONE - 64).map(|_| address()).collect();
        assert!(addresses.iter().all(|address| address.is_loopback() && address.octets()[1] > 0));
        assert_eq!(addresses.iter().collect::<HashSet<_>>().len(), addresses.len());
    }
}
