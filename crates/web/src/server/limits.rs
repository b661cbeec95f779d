//! What one listener bears.

use std::time::Duration;

use ipnet::IpNet;

/// What one listener bears.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 /56; more are closed. None: as many as there are.
    pub connections_per_address_max: Option<usize>,
    /// Reverse proxies: what comes through them is not counted so, for it is everybody's.
    pub proxies: Vec<IpNet>,
    /// From the first byte of a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// For a request's header, and over HTTP/1.1 between two requests of a connection.
    pub header: Duration,
    /// A connection without a request under way is ended after this; what asks
    /// for a page comes again. A request is under way until the last byte of
    /// its answer was handed on.
    pub idle: Duration,
    /// From the end of a request's header to the beginning of its answer,
    /// unless a handler grants more ([`Patience`](super::Patience)).
    pub request: Duration,
    /// After this a connection is cut, whatever it is still sending.
    pub life: Duration,
    /// After the stop was asked for, until connections are cut.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: Some(128),
            proxies: Vec::new(),
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            request: Duration::from_secs(60),
            life: Duration::from_secs(60 * 60),
            grace: Duration::from_secs(20),
        }
    }
}

/// Of a request's header.
pub(super) const HEADER_BYTES_MAX: u32 = 32 * 1024;
/// What HTTP/1.1 reads and writes ahead.
pub(super) const BUFFER_BYTES_MAX: usize = 32 * 1024;
/// Requests at once over one connection of HTTP/2.
pub(super) const STREAMS_MAX: u32 = 64;
/// What HTTP/2 takes of bodies that nobody reads yet: of one, and of all over
/// one connection. Whoever waits for memory reads nothing.
pub(super) const WINDOW_BYTES: u32 = 256 * 1024;
/// What HTTP/2 writes ahead of one answer.
pub(super) const SEND_BYTES_MAX: usize = 64 * 1024;
