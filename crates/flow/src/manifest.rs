//! The sealed row of a message: its envelope and what else was known when it
//! was accepted. It never changes.

use std::net::IpAddr;

use ledger::Digest;
use mail::{Address, Envelope, MessageId};
use policy::Direction;
use provenance::{Impersonation, Verdicts};
use seal::DkimKey;
use serde::{Deserialize, Serialize};

use crate::arrival::Instructions;
use crate::organisation::Organisation;
use crate::portal::Passphrase;
use crate::streams;

/// What was known of a message when it was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of this row: 1.
    pub version: u8,
    /// Who sends to whom.
    pub envelope: Envelope,
    /// Who handed it in, in the ledger's words.
    pub submitter: String,
    /// The stream that it is of.
    #[serde(default = "default_stream")]
    pub stream: String,
    /// The addresses of From.
    pub from: Vec<Address>,
    /// The Message-ID field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// SHA-256 of the stored bytes.
    pub body_sha256: [u8; 32],
    /// The salted digest of the stored bytes, for receipts.
    pub content_sha256: Digest,
    /// What the `X-Sealpost-*` fields asked for.
    pub instructions: Instructions,
    /// The passphrase for the portal, as an argon2id hash with its hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Passphrase>,
    /// Where it came from.
    pub peer: IpAddr,
    /// What the client called itself.
    pub helo: String,
    /// A rehearsal: nothing of it leaves the machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// How it crossed the border, where it came by the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossed: Option<Crossed>,
    /// TLS version and cipher of the submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<(String, String)>,
    /// The fields of its earlier passages through here, each with its CRLF:
    /// they stay in its copies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<String>,
    /// Whether its header asks that TLS not be insisted on (`TLS-Required: No`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls_required_no: bool,
    /// Recipients who were sent it already: it is in a loop for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looped: Vec<Address>,
}

fn default_stream() -> String {
    streams::DEFAULT.to_owned()
}

/// How a message crossed the border.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "direction")]
pub enum Crossed {
    /// From an organisation's own mail system.
    Outbound {
        /// The connector that it came by.
        connector: String,
    },
    /// From anyone, for own recipients.
    Inbound {
        /// The trace field of this hop, with its CRLF: the stored original is
        /// what came and nothing else.
        received: String,
        /// What was found of where it comes from.
        verdicts: Box<Verdicts>,
        /// Whom it pretends to come from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pretends: Vec<Impersonation>,
    },
    /// From a recipient, by the portal.
    Replied {
        /// The message that it replies to.
        to: MessageId,
        /// Which recipient of that message replies, by position in its envelope.
        recipient: u32,
    },
}

/// A row that can't be read as a manifest.
#[derive(Debug, thiserror::Error)]
#[error("a message's row is not of a known format")]
pub struct UnknownFormat(#[from] serde_json::Error);

impl Manifest {
    /// Which way the message goes.
    pub fn direction(&self) -> Direction {
        match &self.crossed {
            Some(Crossed::Inbound { .. } | Crossed::Replied { .. }) => Direction::Inbound,
            Some(Crossed::Outbound { .. }) | None => Direction::Outbound,
        }
    }

    /// Whether it is for own recipients, from anyone.
    pub(crate) fn is_inbound(&self) -> bool {
        self.direction() == Direction::Inbound
    }

    /// The key that signs its copies. What comes from outside is never signed:
    /// an own domain in its From may be forged. A reply of the portal's is
    /// written here.
    pub(crate) fn signer<'o>(&self, organisation: &'o Organisation) -> Option<&'o DkimKey> {
        let is_ours = match &self.crossed {
            Some(Crossed::Inbound { .. }) => false,
            Some(Crossed::Outbound { .. } | Crossed::Replied { .. }) | None => true,
        };
        let author = self.from.first().filter(|_| is_ours)?;
        organisation.dkim_for(author.domain())
    }

    /// The bytes to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest has nothing that JSON can't hold")
    }

    /// Reads what [`Manifest::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnknownFormat> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
