//! OCSP (RFC 6960): questions to be sent, and answers to be judged. Without
//! nonces, so that answers can be kept; their dates bound their age (RFC 5019).

use std::ops::Range;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::invalid::Reason;
use super::path::Search;
use super::revocation::soon;
use super::rules;
use crate::algorithm::{DigestName, Identifier, PublicKey, SignatureAlgorithm, with_null};
use crate::asn1::{Element, Malformed, Oid, Reader, range_in, read_time, tag, write};
use crate::certificate::extensions::Extension;
use crate::certificate::{Certificate, ExtendedUsage, KeyUsage, Name, bundle};

const BASIC: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 1]);

/// An answer that names no end is believed this long.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(24);
const BYTES_MAX: usize = 256 * 1024;
const ANSWERS_MAX: usize = 256;

/// A question for one certificate, to be sent by POST as `application/ocsp-request` (RFC 6960 §A.1). SHA-1 names the
/// issuer, since not every responder knows another; it proves nothing here.
pub fn request(certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let digest = DigestName::Sha1;
    let id = write::sequence(&[
        &with_null(&digest.oid()),
        &write::octets(digest.of(certificate.issuer().to_der()).as_ref()),
        &write::octets(digest.of(issuer.public_key().key()).as_ref()),
        &write::element(tag::INTEGER, &[certificate.serial()]),
    ]);
    write::sequence(&[&write::sequence(&[&write::sequence(&[&write::sequence(&[&id])])])])
}

/// An answer. Cheap to clone.
#[derive(Clone)]
pub struct OcspResponse {
    read: Arc<Read>,
}

struct Read {
    der: Vec<u8>,
    signed: Range<usize>,
    signature: Range<usize>,
    algorithm: SignatureAlgorithm,
    responder: Responder,
    answers: Vec<Answer>,
    certificates: Vec<Certificate>,
}

/// Who answers.
enum Responder {
    Name(Name),
    /// SHA-1 of its key.
    Key(Vec<u8>),
}

/// The state of one certificate.
struct Answer {
    digest: Option<DigestName>,
    issuer_name: Vec<u8>,
    issuer_key: Vec<u8>,
    serial: Vec<u8>,
    state: State,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
}

/// certStatus (RFC 6960 §4.2.1).
#[derive(Clone, Copy)]
enum State {
    Good,
    Revoked(Timestamp),
    Unknown,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not revoked, and that holds so long.
    Good {
        until: Timestamp,
    },
    Revoked(Timestamp),
}

impl OcspResponse {
    /// Reads an answer in DER. One that is an error (the responder is busy, knows nothing) is malformed here.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > BYTES_MAX {
            return Err(Malformed);
        }
        Ok(Self { read: Arc::new(read(der)?) })
    }

    /// The answer in DER.
    pub fn to_der(&self) -> &[u8] {
        &self.read.der
    }

    /// Until when it may be kept: the earliest end of what it says.
    pub fn good_until(&self) -> Option<Timestamp> {
        self.read.answers.iter().map(Answer::end).min()
    }

    /// What it says of a certificate, if it is fresh and its responder may speak for the issuer.
    pub(super) fn status_of(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        search: &Search<'_>,
    ) -> Result<Option<Status>, Reason> {
        let is_about = |answer: &&Answer| answer.is_about(certificate, issuer) && answer.is_fresh(search.now);
        let mut about = self.read.answers.iter().filter(is_about).peekable();
        if about.peek().is_none() || !self.may_speak_for(issuer, search)? {
            return Ok(None);
        }
        // Of several that contradict each other, the worst counts.
        let statuses: Vec<Status> = about.filter_map(Answer::status).collect();
        let revoked = statuses.iter().find(|status| matches!(status, Status::Revoked(_)));
        Ok(revoked.or(statuses.first()).copied())
    }

    /// RFC 6960 §4.2.2.2: the issuer itself, or one whom it certified for this itself.
    fn may_speak_for(&self, issuer: &Certificate, search: &Search<'_>) -> Result<bool, Reason> {
        if self.is_from(issuer) && self.is_signed(issuer.public_key(), search)? {
            return Ok(true);
        }
        for delegate in self.read.certificates.iter().filter(|certificate| self.is_from(certificate)) {
            if self.is_delegate(delegate, issuer, search)? && self.is_signed(delegate.public_key(), search)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_from(&self, certificate: &Certificate) -> bool {
        match &self.read.responder {
            Responder::Name(name) => certificate.subject().matches(name),
            Responder::Key(hash) => DigestName::Sha1.of(certificate.public_key().key()).as_ref() == hash,
        }
    }

    fn is_delegate(&self, delegate: &Certificate, issuer: &Certificate, search: &Search<'_>) -> Result<bool, Reason> {
        let uses = delegate.extended_key_usage().unwrap_or_default();
        let may_sign = delegate.key_usage().is_none_or(|usage| usage.allows_any(KeyUsage::DIGITAL_SIGNATURE));
        let is_fit = uses.contains(&ExtendedUsage::OcspSigning)
            && may_sign
            && delegate.issuer().matches(issuer.subject())
            && delegate.extensions().unknown_critical.is_none()
            && rules::is_current(delegate, search.now).is_ok();
        if !is_fit {
            return Ok(false);
        }
        search.spend()?;
        Ok(delegate.verify_signature(issuer.public_key()).is_ok())
    }

    fn is_signed(&self, key: &PublicKey, search: &Search<'_>) -> Result<bool, Reason> {
        search.spend()?;
        let signed = self.read.der.get(self.read.signed.clone()).unwrap_or_default();
        let signature = self.read.der.get(self.read.signature.clone()).unwrap_or_default();
        Ok(self.read.algorithm.verify(key, signed, signature).is_ok())
    }
}

impl std::fmt::Debug for OcspResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OcspResponse").field("answers", &self.read.answers.len()).finish_non_exhaustive()
    }
}

impl Answer {
    fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let Some(digest) = self.digest else { return false };
        self.serial == certificate.serial()
            && digest.of(certificate.issuer().to_der()).as_ref() == self.issuer_name
            && digest.of(issuer.public_key().key()).as_ref() == self.issuer_key
    }

    fn status(&self) -> Option<Status> {
        match self.state {
            State::Good => Some(Status::Good { until: self.end() }),
            State::Revoked(since) => Some(Status::Revoked(since)),
            State::Unknown => None,
        }
    }

    fn end(&self) -> Timestamp {
        self.next_update.unwrap_or_else(|| self.this_update.saturating_add(AGE_MAX).unwrap_or(Timestamp::MAX))
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.this_update <= soon(now) && now <= self.end()
    }
}

fn read(der: &[u8]) -> Result<Read, Malformed> {
    let mut response = Reader::sequence_in(der)?;
    if response.take(tag::ENUMERATED)?.value != [0] {
        return Err(Malformed);
    }
    let mut bytes = response.explicit(0)?.ok_or(Malformed)?.sequence()?;
    if bytes.oid()? != BASIC {
        return Err(Malformed);
    }
    let basic = bytes.take(tag::OCTET_STRING)?.value;
    let mut basic = Reader::sequence_in(basic)?;
    let signed = basic.take(tag::SEQUENCE)?;
    let algorithm = SignatureAlgorithm::from_identifier(&Identifier::read(&mut basic)?);
    let signature = basic.bits()?;
    let certificates = match basic.explicit(0)? {
        Some(mut list) => bundle::of_set(list.sequence()?).map_err(|_| Malformed)?,
        None => Vec::new(),
    };
    let (responder, answers) = response_data(signed.inside())?;
    Ok(Read {
        signed: range_in(der, signed.whole),
        signature: range_in(der, signature),
        algorithm,
        responder,
        answers,
        certificates,
        der: der.to_vec(),
    })
}

fn response_data(mut data: Reader<'_>) -> Result<(Responder, Vec<Answer>), Malformed> {
    data.explicit(0)?;
    let mut responder = data.any()?;
    let responder = match responder.tag {
        0xa1 => Responder::Name(Name::from_der(responder.value)?),
        0xa2 => Responder::Key(responder_key(&mut responder)?),
        _ => return Err(Malformed),
    };
    read_time(&mut data)?;
    let mut list = data.sequence()?;
    refuse_critical(data.explicit(1)?)?;
    let mut answers = Vec::new();
    while !list.is_empty() {
        answers.push(answer(list.sequence()?)?);
        if answers.len() > ANSWERS_MAX {
            return Err(Malformed);
        }
    }
    Ok((responder, answers))
}

fn responder_key(element: &mut Element<'_>) -> Result<Vec<u8>, Malformed> {
    Ok(element.inside().take(tag::OCTET_STRING)?.value.to_vec())
}

/// No extension of answers is understood here, and none is needed.
fn refuse_critical(extensions: Option<Reader<'_>>) -> Result<(), Malformed> {
    let Some(extensions) = extensions else { return Ok(()) };
    let list = Extension::read_list(extensions).map_err(|_| Malformed)?;
    if list.iter().any(|extension| extension.is_critical) { Err(Malformed) } else { Ok(()) }
}

/// SingleResponse (RFC 6960 §4.2.1).
fn answer(mut inside: Reader<'_>) -> Result<Answer, Malformed> {
    let mut id = inside.sequence()?;
    let digest = DigestName::from_identifier(&Identifier::read(&mut id)?);
    let issuer_name = id.take(tag::OCTET_STRING)?.value.to_vec();
    let issuer_key = id.take(tag::OCTET_STRING)?.value.to_vec();
    let serial = id.integer()?.to_vec();
    let status = inside.any()?;
    let state = match status.tag {
        0x80 => State::Good,
        0xa1 => State::Revoked(read_time(&mut status.inside())?),
        0x82 => State::Unknown,
        _ => return Err(Malformed),
    };
    let this_update = read_time(&mut inside)?;
    let next_update = match inside.explicit(0)? {
        Some(mut next) => Some(read_time(&mut next)?),
        None => None,
    };
    refuse_critical(inside.explicit(1)?)?;
    Ok(Answer { digest, issuer_name, issuer_key, serial, state, this_update, next_update })
}
