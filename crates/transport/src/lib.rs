//! The only outbound mail sockets: MX lookup, connections, TLS and what it
//! proved, delivery.
//!
//! This crate never decides what a message needs and never gives it up: it is
//! handed a [`seal::Parcel`], which says what the connection must prove, and
//! answers with a [`Fate`] for each recipient. It knows no queue, no database
//! and no policy.
//!
//! **Invariant**: content crosses a connection only through [`send`], which
//! takes only a [`Cleared`]; the only maker of that is [`Channel::clear`],
//! which compares what the channel proved with what the parcel needs.
//!
//! Standards: RFC 5321 §5.1 (which hosts), RFC 7505 (null MX), RFC 3207
//! (STARTTLS), RFC 2920, RFC 3030, RFC 6152, RFC 6531, RFC 1870, RFC 3461.

mod binding;
mod bindings;
mod cause;
mod channel;
mod config;
mod delivery;
mod dialogue;
mod hosts;
pub mod mta_sts;
mod network;
mod open;
mod pool;
mod proof;
mod resolver;
mod run;
pub mod shaping;
mod source;
mod tls;
mod transport;

pub use binding::{Binding, Dane, find_dane};
pub use bindings::Bindings;
pub use cause::{Cause, Inability, Stage};
pub use channel::{Channel, Cleared, NotMet, SendOutcome, Shortfall, Unsent, send};
pub use config::{Limits, Route, RouteError, RouteHost, Timeouts, TransportConfig};
pub use delivery::{Attempt, Delivery, Fate, PeerFeatures, PolicyFound, Tried, Wire, WireError};
pub use dialogue::converse;
pub use network::{Network, Pending, Stream, TokioNetwork};
pub use proof::{Fault, Judgement, Proof, TlsProof};
pub use resolver::{
    Answer, Caa, DnsName, DnsProof, DnssecAnchors, DnssecAnchorsError, Exchange, Exchanges, HickoryResolver,
    LocalResolver, LookupError, NotLocal, Presence, Record, RecordKind, ResolveError, Resolver, ResolverError,
    SecureDns, Tlsa, is_public,
};
pub use shaping::{Comer, Destination, Permit, PutOff, Shape, Shaper, Wait};
pub use source::Source;
pub use tls::{
    Anchors, AnchorsError, DaneNeed, HandshakeError, Secured, Tls, Verdict, any_client, dane_need, is_usable, judge,
    judge_dane, parameters,
};
pub use transport::Transport;
