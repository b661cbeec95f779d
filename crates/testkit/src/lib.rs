//! Real peers for tests: a DNS zone, Postfix as MX host, a certificate
//! authority, a hostile proxy, mail clients, a browser, and Sealpost itself.
//!
//! Each peer listens on loopback only, on an address or port of its own, keeps
//! its files in a temporary folder, and is gone when its value is dropped.
//! Nothing here sleeps for a fixed time: [`wait`] waits on conditions. A peer
//! that can't be started panics with what it said; nothing is skipped silently.
//!
//! No crate of the product depends on this one but in its tests.

pub mod ca;
pub mod chromium;
pub mod clients;
pub mod damage;
pub mod dns;
pub mod gnupg;
pub mod knot;
pub mod loopback;
pub mod pebble;
pub mod postfix;
pub mod postgres;
pub mod powercut;
pub mod process;
pub mod proxy;
pub mod sealpost;
pub mod side_channel;
pub mod signed_zone;
pub mod soak;
pub mod suites;
pub mod unbound;
pub mod wait;
