//! What a connection proved, in the form that receipts keep.

use std::fmt;
use std::net::IpAddr;

use mail::{Level, MxLookup};
use serde::{Deserialize, Serialize};

/// What a connection proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The level that it reached.
    pub level: Level,
    /// The name of the MX host, as an A-label; for a route its TLS name.
    pub mx: String,
    /// The address that was connected to.
    pub address: IpAddr,
    /// How the host was known to be the domain's.
    pub mx_lookup: MxLookup,
    /// What TLS proved; nothing where the connection is clear.
    pub tls: Option<TlsProof>,
    /// Whether the host promised TLS on the rest of the way for this message
    /// (RFC 8689): it offered REQUIRETLS and was held to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requiretls: bool,
}

/// What a TLS handshake proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsProof {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite by its registered name.
    pub cipher: String,
    /// SHA-256 of the peer's certificate (DER).
    pub certificate_sha256: [u8; 32],
    /// How the certificate was judged.
    pub judgement: Judgement,
    /// Whether the certificate was shown on an earlier connection, of which the
    /// peer proved to have the keys; it is judged at each.
    #[serde(default)]
    pub resumed: bool,
}

impl Proof {
    /// Whether the host is one to which a message with REQUIRETLS may go, if it
    /// offers that (RFC 8689 §4.2.1): it is verified by its certificate or by
    /// TLSA records, and was found by DNSSEC, an MTA-STS policy or a pin.
    pub(crate) fn is_fit_for_requiretls(&self) -> bool {
        self.level >= Level::Verified && self.mx_lookup != MxLookup::Insecure
    }
}

impl TlsProof {
    /// How the certificate was verified, for people: `chain and name mx.example`.
    pub fn verified(&self) -> String {
        let how = if self.resumed { ", in a resumed session" } else { "" };
        format!("{}{how}", self.judgement)
    }
}

/// How a certificate was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Its chain leads to a configured anchor and it is for this name.
    Verified {
        /// The name that was asked for.
        name: String,
    },
    /// A TLSA record of the MX host, proven by DNSSEC, stands for it.
    Dane {
        /// The base name of the record.
        name: String,
        /// Usage, selector and matching type: `3 1 1`.
        record: String,
    },
    /// It did not verify.
    NotVerified {
        /// The name that was asked for.
        name: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its chain leads to no configured anchor.
    UnknownIssuer,
    /// It is for another name.
    WrongName,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is not for servers.
    WrongPurpose,
    /// No TLSA record of the MX host stands for it.
    NotInTlsa,
    /// It breaks another rule of RFC 5280, or its algorithms are too weak.
    Unusable,
}

impl Judgement {
    /// Whether it vouches for the peer.
    pub const fn is_verified(&self) -> bool {
        match self {
            Judgement::Verified { .. } | Judgement::Dane { .. } => true,
            Judgement::NotVerified { .. } => false,
        }
    }
}

impl Fault {
    /// The word for it in events and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Fault::UnknownIssuer => "unknown issuer",
            Fault::WrongName => "wrong name",
            Fault::Expired => "expired",
            Fault::NotYetValid => "not yet valid",
            Fault::WrongPurpose => "not for servers",
            Fault::NotInTlsa => "not in TLSA",
            Fault::Unusable => "unusable",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Judgement::Verified { name } => write!(f, "chain and name {name}"),
            Judgement::Dane { name, record } => write!(f, "DANE {record} for {name}"),
            Judgement::NotVerified { name, fault } => write!(f, "not verified for {name}: {fault}"),
        }
    }
}
