//! Whether a message may bring keys: what DMARC proved of it, and whether it
//! looks as if it had any. Asked while it is accepted, of its header block only.

use mail::header;
use provenance::{CheckResult, Dkim, DmarcResult, Verdicts};

use crate::arrival::Arrival;

/// On what ground a message may bring keys: it passes DMARC, and From has one
/// address, of the domain that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ground {
    /// Whether the author's domain answers for the Autocrypt fields too. A
    /// signature that does not cover them lets anybody who got the message put
    /// one in and bring it again.
    pub covers_autocrypt: bool,
}

impl Ground {
    /// The ground of a message that passed DMARC; `is_shared` where others than
    /// the author's domain send from the same servers, whose SPF proves nothing.
    pub fn of(verdicts: &Verdicts, arrival: &Arrival, is_shared: bool) -> Option<Self> {
        let [author] = arrival.from.as_slice() else { return None };
        let dmarc = &verdicts.dmarc;
        if dmarc.result != DmarcResult::Pass || dmarc.domain.as_ref() != Some(author.domain()) {
            return None;
        }
        let fields = header::fields(&arrival.header).filter(|field| field.is("Autocrypt")).count();
        if fields == 0 && !may_be_protected(&arrival.header) {
            return None;
        }
        // DKIM takes fields of a name from the last one up (RFC 6376 §5.4.2).
        let covers = |signature: &Dkim| {
            let is_aligned = signature.proven_domain().is_some_and(|signer| author.domain().is_within(&signer));
            let signed = signature.signed.iter().filter(|name| name.eq_ignore_ascii_case("Autocrypt")).count();
            signature.result == CheckResult::Pass && is_aligned && signed >= fields
        };
        let by_spf = dmarc.by_spf && !is_shared;
        Some(Self { covers_autocrypt: by_spf || verdicts.dkim.iter().any(covers) })
    }
}

/// Whether the whole message may be signed, or sealed with such a one inside.
fn may_be_protected(header: &[u8]) -> bool {
    let entity = mail::entity::Entity::read(header);
    let is_named = || entity.name().is_some_and(|name| name.to_ascii_lowercase().ends_with(".p7m"));
    match entity.kind() {
        "multipart/signed" | "multipart/encrypted" | "application/pkcs7-mime" | "application/x-pkcs7-mime" => true,
        "application/octet-stream" => is_named(),
        _ => false,
    }
}
