//! What events are told with: doors, verdicts, what TLS proved.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What TLS proved on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite by its registered name.
    pub cipher: String,
    /// SHA-256 of the peer's certificate (DER).
    pub certificate_sha256: Digest,
    /// How the certificate was judged: `chain and name mx.example`.
    pub verified: String,
}

/// The door that a message came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Submission by SMTP with a login.
    Smtp,
    /// A named network, without a login.
    Network,
    /// REST, with an API key.
    Rest,
    /// The gateway, outwards: the organisation's own mail system.
    Gateway,
    /// The gateway, inwards: any mail server, for own recipients.
    Inbound,
    /// The portal: a recipient's reply.
    Portal,
    /// None: a report of the organisation's own to another domain (RFC 8460).
    Reports,
    /// `sealpost send`, on the machine itself.
    Command,
}

/// What policy decided about a recipient's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Deliver it, protected as needed.
    Deliver,
    /// Keep it until a person decides.
    Hold,
    /// Never deliver it.
    Refuse,
}

impl Verdict {
    /// The word for it: `deliver`, `hold`, `refuse`.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Deliver => "deliver",
            Verdict::Hold => "hold",
            Verdict::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
