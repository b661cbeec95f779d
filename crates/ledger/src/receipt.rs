//! Receipts: what was done for one recipient, signed, for anyone to verify
//! offline.
//!
//! A receipt is a compact JWS (RFC 7515) with EdDSA (RFC 8037); `kid` is the
//! thumbprint of the key (RFC 7638). Nothing inside names the recipient or
//! tells the content: both are salted digests, and the salt dies with the
//! message's key. `docs/receipts.md` has every field.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use mail::{Address, EnhancedCode, Level, MessageId, Method, MxLookup, Need, Reply};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Salt};
use crate::fact::{Tls, Verdict};
use crate::mask::masked_reply_text;
use crate::sealing::{Seal, Signature};

/// What is digested of a recipient and of content differs from its first byte,
/// so that neither digest is ever the other's.
const RECIPIENT_DOMAIN: &[u8] = b"sealpost-receipt-recipient-v1\n";
const CONTENT_DOMAIN: &[u8] = b"sealpost-receipt-content-v1\n";

/// What was done for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The message.
    pub message: MessageId,
    /// The organisation's short name.
    pub organisation: String,
    /// Salted digest of the recipient's address: [`recipient_digest`].
    pub recipient_sha256: Digest,
    /// Salted digest of the message's stored bytes: [`ContentDigest`].
    pub content_sha256: Digest,
    /// The hash under which the policy is kept.
    pub policy_sha256: Digest,
    /// What policy decided.
    pub decision: Verdict,
    /// The rules that count.
    pub because: Vec<String>,
    /// The least protection that policy asked for this recipient's copy; none
    /// where it decided not to deliver.
    pub need: Option<Need>,
    /// What the connection proved that carried it; none where nothing crossed.
    pub proved: Option<Level>,
    /// The method of this recipient's copy.
    pub method: Method,
    /// What this receipt is about.
    pub kind: ReceiptKind,
    /// What became of it.
    pub status: Status,
    /// What TLS proved, where there was TLS.
    pub tls: Option<Tls>,
    /// How the MX host was known.
    pub mx_lookup: Option<MxLookup>,
    /// The name of the MX host.
    pub mx: Option<String>,
    /// The address that was connected to.
    pub mx_address: Option<IpAddr>,
    /// What the peer answered.
    pub reply: Option<PeerReply>,
    /// When the door answered for the message.
    pub accepted_at: Timestamp,
    /// When this became of it.
    pub sent_at: Timestamp,
    /// How it was sealed end to end. A receipt with this is of format 2, one
    /// with neither this nor a signature of format 1, which earlier versions read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Who signed a copy that was not sealed: of format 3. A sealed one says it
    /// in `seal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Whether the server promised TLS on the rest of the way (RFC 8689): of
    /// format 4.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requiretls: bool,
}

/// What a receipt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// The sender's content.
    Content,
    /// The portal's notice.
    Notice,
    /// The portal's one-time code.
    Code,
}

/// What became of a recipient's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The recipient's server took responsibility.
    Delivered,
    /// The recipient read it in the portal.
    Opened,
    /// Policy or the recipient's server refused it for good.
    Refused,
    /// It waits for a person.
    Held,
    /// Its time ended before it could be delivered or read.
    Expired,
    /// It was recalled before it was delivered, or withdrawn from the portal.
    Recalled,
}

/// A peer's reply as a receipt holds it: without addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerReply {
    /// 200 to 599.
    pub code: u16,
    /// `d.ddd.ddd`, where the peer gave one.
    pub enhanced: Option<String>,
    /// The text, masked.
    pub text: String,
}

impl PeerReply {
    /// A peer's reply to what went to `recipient`, masked.
    pub fn masked(reply: &Reply, recipient: &Address) -> Self {
        let enhanced = reply.enhanced.as_ref().map(EnhancedCode::to_string);
        Self { code: reply.code, enhanced, text: masked_reply_text(&reply.text, recipient) }
    }
}

impl Receipt {
    /// Whether `salt` shows that this receipt is about these stored bytes and
    /// this recipient.
    pub fn check_salt(&self, salt: &Salt, message: &[u8], recipient: &Address) -> bool {
        self.is_about_content(salt, message) && self.is_about_recipient(salt, recipient)
    }

    /// Whether `salt` shows that this receipt is about these stored bytes.
    pub fn is_about_content(&self, salt: &Salt, message: &[u8]) -> bool {
        let mut digest = ContentDigest::new(salt);
        digest.update(message);
        digest.finish() == self.content_sha256
    }

    /// Whether `salt` shows that this receipt is about this recipient.
    pub fn is_about_recipient(&self, salt: &Salt, recipient: &Address) -> bool {
        recipient_digest(salt, recipient) == self.recipient_sha256
    }
}

/// The salted digest of a recipient: SHA-256 over
/// `sealpost-receipt-recipient-v1`, a line feed, the salt's 32 bytes, and the
/// address as exact local part, `@` and A-label domain.
pub fn recipient_digest(salt: &Salt, recipient: &Address) -> Digest {
    Digest::of(&[RECIPIENT_DOMAIN, salt.bytes(), recipient.to_string().as_bytes()])
}

/// The salted digest of a message's stored bytes, as they come: SHA-256 over
/// `sealpost-receipt-content-v1`, a line feed, the salt's 32 bytes, and the
/// bytes.
pub struct ContentDigest(Context);

impl ContentDigest {
    /// A digest of nothing yet.
    pub fn new(salt: &Salt) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(CONTENT_DOMAIN);
        context.update(salt.bytes());
        Self(context)
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        Digest::finish(self.0)
    }
}
