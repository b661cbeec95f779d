//! One message, asked about while it arrives: who brings it, when its header
//! block is there; what is signed, as its body comes by; whose it is, at its
//! end.

use std::time::Duration;

use jiff::Timestamp;
use mail::Domain;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use transport::SecureDns;

use crate::bounded::Bounded;
use crate::dmarc::{self, Dmarc};
use crate::signatures::{Arc, Dkim, Signatures, Verifier};
use crate::spf::{self, Client, Spf};

/// All that is asked of the DNS at one time about one message
/// (RFC 7208 §4.6.4 names 20 seconds for SPF alone).
const PATIENCE: Duration = Duration::from_secs(20);

/// All that is found of a message's origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Whether the client may send for the sender.
    pub spf: Spf,
    /// Who signs it.
    pub dkim: Vec<Dkim>,
    /// Whether the author's domain answers for it.
    pub dmarc: Dmarc,
    /// Who handed it on, and what they found.
    pub arc: Arc,
}

/// A message that is being asked about.
pub struct Inquiry {
    spf: Spf,
    verifier: Option<Verifier>,
}

impl Inquiry {
    /// Begins with the client and the header block, without its empty line.
    /// `now` is the present time, for signatures that end.
    pub async fn begin(dns: &dyn SecureDns, client: Client<'_>, header: &[u8], now: Timestamp) -> Self {
        let dns = Bounded { dns, until: Instant::now() + PATIENCE };
        let (spf, verifier) = tokio::join!(spf::verify(&dns, client), Verifier::begin(&dns, header, now));
        Self { spf, verifier }
    }

    /// The next bytes of the body, as they were received.
    pub fn body(&mut self, bytes: &[u8]) {
        if let Some(verifier) = &mut self.verifier {
            verifier.body(bytes);
        }
    }

    /// The message is whole; `authors` are the domains of its From field.
    pub async fn conclude(self, dns: &dyn SecureDns, authors: &[Domain]) -> Verdicts {
        let dns = Bounded { dns, until: Instant::now() + PATIENCE };
        let Signatures { dkim, arc } = self.verifier.map(Verifier::finish).unwrap_or_default();
        let dmarc = dmarc::verify(&dns, authors, &self.spf, &dkim).await;
        Verdicts { spf: self.spf, dkim, dmarc, arc }
    }
}
