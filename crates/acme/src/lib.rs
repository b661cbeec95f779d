//! Certificates from an authority by ACME (RFC 8555): the conversation, from
//! the account to the chain, and what answers the authority's challenges
//! (HTTP-01: RFC 8555 §8.3; TLS-ALPN-01: RFC 8737).
//!
//! The authority is spoken to by bounded requests over verified TLS. What has
//! to be kept or shown meanwhile is handed to a [`Desk`]: this crate keeps
//! nothing, listens nowhere and knows no organisation. What comes back is
//! judged before it is given on: it bears the names, it is of the key that was
//! made here, and its time has begun.

mod account;
mod answer;
mod authority;
mod error;
mod http;
mod issued;
mod order;

pub use account::{ExternalAccount, KeptAccount, KeyForm};
pub use answer::{Answer, Challenge, OwnCertificate, stand_in, tls_answer};
pub use authority::{Authority, Desk, DeskTrouble, Pending, Terms, Wanted};
pub use discovery::fetch::Url;
pub use error::{AcmeError, Kind};
pub use issued::Issued;
