//! A receipt of Sealpost's, and what it proves of a message that was received.
//!
//! A receipt is about one message, which it names by the id in Sealpost's own
//! `Received` field. That alone anybody can copy; only the salt that was
//! exported with the receipt shows that the content is the one that it is
//! about.

use std::path::Path;

use anyhow::{Context as _, Result};
use ledger::{ContentDigest, Jwk, Receipt, Salt};
use trace::Block;

use crate::cli::Inspect;

/// A receipt that was handed in and verified.
pub struct Given {
    receipt: Receipt,
    id: String,
    salt: Option<Salt>,
}

/// What a receipt has to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The salt shows that it is about this content.
    Content,
    /// The content is another than the one that it is about.
    OtherContent,
    /// Nobody checked.
    Unchecked,
}

impl Given {
    /// Reads and verifies what the command line names; none where it names
    /// none.
    pub fn read(wanted: &Inspect) -> Result<Option<Self>> {
        let (Some(receipt), Some(key)) = (&wanted.receipt, &wanted.receipt_key) else { return Ok(None) };
        let read =
            |path: &Path| std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()));
        let jwk = Jwk::from_json(&read(key)?).with_context(|| format!("{} is no key", key.display()))?;
        let receipt =
            Receipt::verify(&read(receipt)?, &jwk).with_context(|| format!("{} does not verify", receipt.display()))?;
        let salt = match &wanted.receipt_salt {
            Some(path) => Some(read(path)?.parse().context("the salt is 64 hexadecimal digits")?),
            None => None,
        };
        Ok(Some(Self { id: receipt.message.to_string(), receipt, salt }))
    }

    /// The receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The id of its message, as it stands in Sealpost's `Received` field.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Begins the digest of the message that Sealpost stored: from its own
    /// `Received` field on, whatever later servers put above.
    pub fn digest(&self, block: &Block<'_>) -> Option<Digesting> {
        let salt = self.salt.as_ref()?;
        let is_own = |text: &str| text.contains(&self.id);
        let own = block.fields().iter().position(|field| field.is("Received") && is_own(&field.text()))?;
        let mut digesting = Digesting { digest: ContentDigest::new(salt), is_cr: false };
        for field in block.fields().get(own..).unwrap_or_default() {
            digesting.body(field.raw);
        }
        digesting.body(b"\r\n");
        Some(digesting)
    }

    /// What that digest says.
    pub fn proof(&self, digesting: Option<Digesting>) -> Proof {
        let Some(digesting) = digesting else { return Proof::Unchecked };
        let is_same = digesting.digest.finish() == self.receipt.content_sha256;
        if is_same { Proof::Content } else { Proof::OtherContent }
    }
}

/// The digest of a stored message, as far as it has come by. A file on disk
/// often has LF for CRLF; what Sealpost stored has CRLF.
pub struct Digesting {
    digest: ContentDigest,
    is_cr: bool,
}

impl Digesting {
    /// Takes the next bytes.
    pub fn body(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let has_cr = text.ends_with(b"\r") || (text.is_empty() && self.is_cr);
            self.digest.update(text);
            if line.ends_with(b"\n") {
                self.digest.update(if has_cr { b"\n" } else { b"\r\n" });
            }
            self.is_cr = line.ends_with(b"\r");
        }
    }
}
