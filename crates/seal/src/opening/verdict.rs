//! Verdicts of the two formats as one: who signed, and whether that counts for
//! the message's author. A signature that is good for somebody else is not
//! valid here (the "Johnny" class of attacks).

use mail::Address;

use super::Announced;
use super::report::{Covers, Format, Signature};

/// What the two formats say of one signature.
pub(super) enum Verdict {
    OpenPgp(openpgp::SignatureVerdict),
    Smime(Box<smime::SignatureVerdict>),
    /// A signature that can't be read, and why.
    Broken(Format, String),
}

/// What a signature is judged by, beside itself.
pub(super) struct Bench<'a> {
    /// Fingerprints of what counts whatever address it names.
    pub given: &'a [String],
    /// The author of the message, where there is exactly one.
    pub author: Option<&'a Address>,
    /// What the signature is over.
    pub covers: Covers,
}

/// What is known of the key behind a signature.
struct Signer<'a> {
    addresses: &'a [Address],
    fingerprint: Option<String>,
    /// The name to show where there is no address.
    name: String,
}

impl Bench<'_> {
    /// Whether the signature counts, and for whom.
    pub fn judge(&self, verdict: &Verdict) -> Signature {
        match verdict {
            Verdict::OpenPgp(verdict) => self.openpgp(verdict),
            Verdict::Smime(verdict) => self.smime(verdict),
            Verdict::Broken(format, because) => {
                let nobody = Signer { addresses: &[], fingerprint: None, name: UNKNOWN.to_owned() };
                self.judged(*format, &nobody, Some(because.clone()))
            }
        }
    }

    /// What a valid S/MIME signature over the whole message says of replies.
    pub fn announced(&self, verdict: &Verdict) -> Option<Announced> {
        let Verdict::Smime(verdict) = verdict else { return None };
        if self.covers == Covers::Part || !self.smime(verdict).valid {
            return None;
        }
        let certificate = verdict.encryption.clone().or_else(|| verdict.certificate.clone())?;
        Some(Announced {
            certificate,
            capabilities: verdict.capabilities.clone(),
            chain: verdict.trusted.as_ref().map(|chain| chain.certificates.clone()).unwrap_or_default(),
            signed_at: verdict.signing_time,
        })
    }

    fn openpgp(&self, verdict: &openpgp::SignatureVerdict) -> Signature {
        let by = verdict.by.as_ref();
        let issuer = verdict.issuer.map(|id| format!("the key {id}"));
        let signer = Signer {
            addresses: by.map(|by| by.addresses.as_slice()).unwrap_or_default(),
            fingerprint: by.map(|by| by.certificate.to_string()),
            name: by.map(|by| by.certificate.to_string()).or(issuer).unwrap_or_else(|| UNKNOWN.to_owned()),
        };
        let flaw = match (verdict.is_valid(), verdict.flaw) {
            (true, _) => None,
            (false, Some(flaw)) => Some(flaw.to_string()),
            (false, None) => Some(UNKNOWN.to_owned()),
        };
        Signature { signed_at: verdict.created_at, ..self.judged(Format::Pgp, &signer, flaw) }
    }

    fn smime(&self, verdict: &smime::SignatureVerdict) -> Signature {
        let certificate = verdict.certificate.as_ref();
        let signer = Signer {
            addresses: certificate.map(smime::Certificate::addresses).unwrap_or_default(),
            fingerprint: certificate.map(super::fingerprint),
            name: certificate.map_or_else(|| UNKNOWN.to_owned(), |certificate| certificate.subject().to_string()),
        };
        let flaw = match (&verdict.intact, &verdict.trusted) {
            (Ok(()), Ok(_)) => None,
            (Err(flaw), _) => Some(flaw.to_string()),
            (Ok(()), Err(invalid)) => Some(format!("the signer's certificate is not trusted: {invalid}")),
        };
        Signature { signed_at: verdict.signing_time, ..self.judged(Format::Smime, &signer, flaw) }
    }

    fn judged(&self, format: Format, signer: &Signer<'_>, flaw: Option<String>) -> Signature {
        let author = self.author.filter(|author| signer.addresses.contains(author));
        let is_given = signer.fingerprint.as_ref().is_some_and(|fingerprint| self.given.contains(fingerprint));
        let stranger = (author.is_none() && !is_given).then(|| NOT_THE_AUTHOR.to_owned());
        let because = flaw.or(stranger);
        Signature {
            by: author.or(signer.addresses.first()).map_or_else(|| signer.name.clone(), Address::to_string),
            valid: because.is_none(),
            covers: self.covers,
            from: author.is_some(),
            format,
            fingerprint: signer.fingerprint.clone(),
            signed_at: None,
            because,
        }
    }
}

const UNKNOWN: &str = "a key that is not known";
const NOT_THE_AUTHOR: &str = "the author (From) is no address in the signer's key or certificate";

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
