//! SPF (RFC 7208): whether a host may send under a domain.
//!
//! [`record`] reads what a domain published, [`macros`] expands its macros,
//! [`check`] evaluates it. The explanation (`exp=`) is read for its form and
//! never asked for: it is a stranger's text.

mod check;
mod macros;
mod record;

use std::fmt;
use std::net::IpAddr;

use mail::Address;
use serde::{Deserialize, Serialize};
use transport::SecureDns;

/// What came of a check (RFC 7208 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// Nothing is published, or the identity is no domain.
    None,
    /// The domain says nothing of this host.
    Neutral,
    /// The host may send.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    Softfail,
    /// The DNS gave no answer.
    Temperror,
    /// What is published can't be read or followed.
    Permerror,
}

impl SpfResult {
    /// The word for it in Authentication-Results (RFC 8601 §2.7.2).
    pub const fn word(self) -> &'static str {
        match self {
            SpfResult::None => "none",
            SpfResult::Neutral => "neutral",
            SpfResult::Pass => "pass",
            SpfResult::Fail => "fail",
            SpfResult::Softfail => "softfail",
            SpfResult::Temperror => "temperror",
            SpfResult::Permerror => "permerror",
        }
    }
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whose domain was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// What the client called itself, where there is no sender (RFC 7208 §2.4).
    Helo,
    /// The domain of MAIL FROM.
    Mailfrom,
}

/// An SPF verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spf {
    /// The result.
    pub result: SpfResult,
    /// Whose domain it was.
    pub identity: Identity,
    /// The domain, as it was given.
    pub domain: String,
}

/// A client that brings mail.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Where it connects from.
    pub address: IpAddr,
    /// What it calls itself.
    pub helo: &'a str,
    /// MAIL FROM; nobody for `<>`.
    pub sender: Option<&'a Address>,
    /// This server, for the macro `r`.
    pub receiver: &'a str,
}

/// Checks the sender of a message, or what the client calls itself where there
/// is none. Takes as long as the DNS does; the caller bounds the time.
pub async fn verify(dns: &dyn SecureDns, client: Client<'_>) -> Spf {
    let (identity, local, domain) = match client.sender {
        Some(sender) => (Identity::Mailfrom, sender.local(), sender.domain().as_str()),
        None => (Identity::Helo, "postmaster", client.helo),
    };
    let result = verify_as(dns, client, local, domain).await;
    Spf { result, identity, domain: domain.to_owned() }
}

/// `check_host` (RFC 7208 §4) for a sender that may be no address.
pub async fn verify_as(dns: &dyn SecureDns, client: Client<'_>, local: &str, domain: &str) -> SpfResult {
    check::Check::new(dns, client, local, domain).run(domain).await
}
