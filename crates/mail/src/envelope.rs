//! The SMTP envelope (RFC 5321 §2.3.1) with the parameters that outlive a
//! session: those of DSN (RFC 3461), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531)
//! and REQUIRETLS (RFC 8689).

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// Where failures are told: an address, or nobody (`<>`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReversePath(pub Option<Address>);

impl std::fmt::Display for ReversePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(address) => address.fmt(f),
            None => Ok(()),
        }
    }
}

/// Who sends to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The reverse path of MAIL FROM.
    pub sender: ReversePath,
    /// One for each accepted RCPT TO, in order, without repeats.
    pub recipients: Vec<Recipient>,
    /// ENVID of RFC 3461, decoded from xtext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// Whether the client asked for SMTPUTF8.
    #[serde(default)]
    pub smtputf8: bool,
    /// Whether the client asked for REQUIRETLS: every server on the way must
    /// be verified and promise the same (RFC 8689 §2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requiretls: bool,
}

/// One recipient and when its sender wants to hear of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Where the copy goes.
    pub address: Address,
    /// NOTIFY of RFC 3461.
    #[serde(default)]
    pub notify: Notify,
    /// ORCPT of RFC 3461, as `rfc822;address`, decoded from xtext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
}

impl Recipient {
    /// A recipient without DSN parameters.
    pub fn new(address: Address) -> Self {
        Self { address, notify: Notify::default(), orcpt: None }
    }
}

/// NOTIFY of RFC 3461 §4.1. The default is what servers do when it is absent:
/// failures are told, delays too, success is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// A DSN when the copy was delivered.
    pub success: bool,
    /// A DSN when it can't be.
    pub failure: bool,
    /// A DSN when it is late.
    pub delay: bool,
}

impl Default for Notify {
    fn default() -> Self {
        Self { success: false, failure: true, delay: true }
    }
}

impl Notify {
    /// `NOTIFY=NEVER`.
    pub const NEVER: Notify = Notify { success: false, failure: false, delay: false };
}
