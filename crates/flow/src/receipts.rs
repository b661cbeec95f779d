//! Receipts: what became of one recipient's copy, signed.

use jiff::Timestamp;
use ledger::{
    Digest, PeerReply, Receipt, ReceiptKind, Salt, Seal, Sealing, Signature, Signing, Status, Verdict, recipient_digest,
};
use mail::{Address, Method, Reply};
use seal::Grounds;
use transport::Proof;

use crate::case::Case;
use crate::evidence;

/// What a receipt is about.
pub(crate) struct Fact<'a> {
    pub grounds: &'a Grounds,
    pub decision: Verdict,
    pub method: Method,
    pub kind: ReceiptKind,
    pub status: Status,
    pub proof: Option<&'a Proof>,
    pub reply: Option<&'a Reply>,
    pub sealing: Option<&'a Sealing>,
    pub signing: Option<&'a Signing>,
}

impl<'a> Fact<'a> {
    /// A copy that policy stopped: nothing was sent.
    pub fn stopped(grounds: &'a Grounds, decision: Verdict, status: Status) -> Self {
        Self {
            grounds,
            decision,
            method: Method::Portal,
            kind: ReceiptKind::Content,
            status,
            proof: None,
            reply: None,
            sealing: None,
            signing: None,
        }
    }

    /// A copy that its recipient read in the portal.
    pub fn opened(grounds: &'a Grounds) -> Self {
        Self::stopped(grounds, Verdict::Deliver, Status::Opened)
    }
}

/// The signed receipt, as a compact JWS.
pub(crate) fn receipt(case: &Case<'_>, recipient: &Address, fact: &Fact<'_>) -> String {
    let salt = Salt::new(case.key.salt());
    let proof = fact.proof;
    let receipt = Receipt {
        message: case.message,
        organisation: case.organisation.profile.slug.clone(),
        recipient_sha256: recipient_digest(&salt, recipient),
        content_sha256: case.manifest.content_sha256,
        policy_sha256: Digest(fact.grounds.policy_sha256),
        decision: fact.decision,
        because: fact.grounds.because.clone(),
        need: (fact.decision == Verdict::Deliver).then_some(fact.grounds.need),
        proved: proof.map(|proof| proof.level),
        method: fact.method,
        kind: fact.kind,
        status: fact.status,
        tls: proof.and_then(|proof| proof.tls.as_ref()).map(evidence::tls),
        mx_lookup: proof.map(|proof| proof.mx_lookup),
        mx: proof.map(|proof| proof.mx.clone()),
        mx_address: proof.map(|proof| proof.address),
        reply: fact.reply.map(|reply| PeerReply::masked(reply, recipient)),
        accepted_at: to_the_second(case.received_at),
        sent_at: to_the_second(case.now),
        seal: fact.sealing.map(|sealing| Seal::new(sealing, &salt)),
        requiretls: proof.is_some_and(|proof| proof.requiretls),
        signature: fact.signing.filter(|_| fact.sealing.is_none()).and_then(signature),
    };
    receipt.sign(&case.organisation.signing_key)
}

/// Who signed a copy that was not sealed; a sealed one says it there.
fn signature(signing: &Signing) -> Option<Signature> {
    match signing {
        Signing::Signed { format, fingerprint, .. } => {
            Some(Signature { format: *format, signed_by: fingerprint.clone() })
        }
        Signing::Unsigned { .. } => None,
    }
}

/// Finer times would say more about when the office works than they prove.
fn to_the_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
