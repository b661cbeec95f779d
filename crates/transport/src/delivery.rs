//! What is asked of a delivery and what comes of it.

use std::net::SocketAddr;

use mail::{Address, Reply, ReversePath};

use crate::cause::{Cause, Inability};
use crate::mta_sts::StsTrouble;
use crate::proof::Proof;

/// What a peer can take, as far as it matters for the bytes of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerFeatures {
    /// Bytes above 127 in bodies (RFC 6152).
    pub eightbit: bool,
    /// UTF-8 in addresses and headers (RFC 6531).
    pub smtputf8: bool,
    /// The largest message that it takes (RFC 1870), where it says so.
    pub size_max: Option<u64>,
}

/// Why there are no bytes for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message needs SMTPUTF8 and the peer has it not.
    #[error("the message needs SMTPUTF8")]
    NeedsSmtputf8,
    /// The message is larger than the peer takes.
    #[error("the message is larger than the peer takes")]
    TooLarge,
    /// The bytes can't be made just now: try again.
    #[error("the bytes can't be made just now")]
    Unavailable,
    /// The bytes are not those that were sealed, and never will be.
    #[error("the bytes are not those that were sealed")]
    Unsendable,
}

/// What makes the last form of a message, for one peer.
pub trait Wire: Send + Sync {
    /// The reverse path.
    fn sender(&self) -> ReversePath;

    /// ENVID of RFC 3461.
    fn envid(&self) -> Option<String> {
        None
    }

    /// The bytes for a peer: encoded as it can take them, then signed, with
    /// CRLF line ends. Asked once a connection, before MAIL FROM.
    fn bytes(&self, peer: PeerFeatures) -> Result<Vec<u8>, WireError>;
}

/// What came of a delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Every recipient of the parcel, in its order, with its fate.
    pub recipients: Vec<(Address, Fate)>,
    /// What was tried, in order: the evidence for the timeline.
    pub attempts: Vec<Attempt>,
    /// Why the MTA-STS policy that the domain announces bound no host.
    pub sts_trouble: Option<StsTrouble>,
}

/// What came of one recipient's copy. Closed: no wildcard arm matches on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The peer took responsibility.
    Delivered {
        /// Its reply to the content.
        reply: Reply,
        /// What the connection proved over which it crossed.
        proof: Proof,
    },
    /// Not now: try again.
    Deferred(Cause),
    /// Never: bounce.
    Refused {
        /// Why.
        cause: Cause,
        /// What the connection proved over which this was said, where it was said over one.
        proof: Option<Proof>,
    },
    /// Every MX host was tried, and none that takes mail can do what the
    /// parcel needs: reroute. The evidence is in [`Delivery::attempts`].
    CannotMeet,
}

/// One address of one MX host and how it went there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The name of the MX host.
    pub mx: String,
    /// The address; none where the host's addresses were not found.
    pub address: Option<SocketAddr>,
    /// What the connection proved, where there was one up to EHLO.
    pub proof: Option<Proof>,
    /// The policy that a new session was opened under; none where an idle
    /// connection was used again, and where a route leads to the host.
    pub policy: Option<PolicyFound>,
    /// How it went.
    pub result: Tried,
}

/// What the recipients' domain demands of a host, as reports tell it apart
/// (RFC 8460 §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyFound {
    /// TLSA records: usage, selector, matching type and data.
    Tlsa(Vec<String>),
    /// An MTA-STS policy that is enforced.
    Sts,
    /// Neither.
    Neither,
}

/// How it went at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// A transaction was carried through, for at least one recipient.
    Sent,
    /// It is proven that it can't do what the parcel needs.
    Unable(Inability),
    /// It failed.
    Failed(Cause),
}
