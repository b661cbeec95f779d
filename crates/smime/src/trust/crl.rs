//! Revocation lists (RFC 5280 §5), read once and asked often.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::revocation::soon;
use crate::algorithm::{BadSignature, Identifier, PublicKey, SignatureAlgorithm};
use crate::asn1::{Malformed, Oid, Reader, pem, range_in, read_time, small_of, tag};
use crate::certificate::extensions::{
    AUTHORITY_KEY_IDENTIFIER, Extension, GeneralName, PointName, general_names, reasons,
};
use crate::certificate::{Certificate, Name};

const EXTENSION: Oid = Oid::new(&[2, 5, 29]);
const CRL_NUMBER: Oid = EXTENSION.arc(20);
const REASON_CODE: Oid = EXTENSION.arc(21);
const INVALIDITY_DATE: Oid = EXTENSION.arc(24);
const DELTA_INDICATOR: Oid = EXTENSION.arc(27);
const ISSUING_POINT: Oid = EXTENSION.arc(28);
const CERTIFICATE_ISSUER: Oid = EXTENSION.arc(29);

/// Lists of large public authorities have some MiB.
const BYTES_MAX: usize = 32 << 20;

/// reasonCode removeFromCRL (RFC 5280 §5.3.1).
const REMOVED: u64 = 8;

/// A revocation list, whole or delta. Cheap to clone.
#[derive(Clone)]
pub struct Crl {
    read: Arc<Read>,
}

struct Read {
    der: Vec<u8>,
    signed: Range<usize>,
    signature: Range<usize>,
    entries: Range<usize>,
    algorithm: SignatureAlgorithm,
    issuer: Name,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    extensions: Extensions,
}

/// What the list's extensions say.
#[derive(Default)]
struct Extensions {
    number: Option<Vec<u8>>,
    /// Of a delta: the number of the list that it builds on.
    base: Option<Vec<u8>>,
    point: Option<IssuingPoint>,
    authority_key: Option<Vec<u8>>,
    /// A critical extension, of the list or of an entry, that is not understood: the list tells nothing (RFC 5280 §5.2,
    /// §5.3).
    has_unknown: bool,
}

/// issuingDistributionPoint (RFC 5280 §5.2.5): what the list is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IssuingPoint {
    pub(super) name: Option<PointName>,
    pub(super) only_users: bool,
    pub(super) only_authorities: bool,
    pub(super) only_attributes: bool,
    pub(super) reasons: Option<u16>,
    pub(super) is_indirect: bool,
}

/// What a list says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Revoked(Timestamp),
    /// Only in deltas: revoked in the base, and not any more.
    Removed,
}

impl Crl {
    /// Reads a list in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        if der.len() > BYTES_MAX {
            return Err(Malformed);
        }
        Ok(Self { read: Arc::new(read(der)?) })
    }

    /// Reads a file: DER, or PEM with one or many.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, Malformed> {
        match pem::text(file) {
            Some(text) => {
                let blocks = pem::blocks(&text);
                let lists = blocks.iter().filter(|block| block.label == "X509 CRL");
                lists.map(|block| Self::from_der(&block.bytes)).collect()
            }
            None => Self::from_der(file).map(|list| vec![list]),
        }
    }

    /// The list in DER.
    pub fn to_der(&self) -> &[u8] {
        &self.read.der
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.read.issuer
    }

    /// When it was issued.
    pub fn this_update(&self) -> Timestamp {
        self.read.this_update
    }

    /// Until when there is a newer one; after that it tells nothing.
    pub fn next_update(&self) -> Option<Timestamp> {
        self.read.next_update
    }

    /// Whether it only says what changed since another.
    pub fn is_delta(&self) -> bool {
        self.read.extensions.base.is_some()
    }

    /// Whether it can be relied on now: it is fresh, has a number, and nothing in it is beyond us.
    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        let extensions = &self.read.extensions;
        let is_fresh = self.read.this_update <= soon(now) && self.read.next_update.is_some_and(|next| now <= next);
        is_fresh && extensions.number.is_some() && !extensions.has_unknown
    }

    pub(super) fn point(&self) -> Option<&IssuingPoint> {
        self.read.extensions.point.as_ref()
    }

    /// Whether this delta can be added to that list (RFC 5280 §6.3.3 (c)).
    pub(super) fn is_delta_of(&self, whole: &Crl) -> bool {
        let (delta, whole_extensions) = (&self.read.extensions, &whole.read.extensions);
        let (Some(base), Some(number), Some(whole_number)) = (&delta.base, &delta.number, &whole_extensions.number)
        else {
            return false;
        };
        let is_scope = self.issuer().matches(whole.issuer())
            && delta.point == whole_extensions.point
            && delta.authority_key == whole_extensions.authority_key;
        is_scope && !is_less(whole_number, base) && is_less(whole_number, number)
    }

    /// Whether the private half of `key` signed it.
    pub(super) fn verify_signature(&self, key: &PublicKey) -> Result<(), BadSignature> {
        let signed = self.read.der.get(self.read.signed.clone()).unwrap_or_default();
        let signature = self.read.der.get(self.read.signature.clone()).unwrap_or_default();
        self.read.algorithm.verify(key, signed, signature)
    }

    /// What it says of a certificate, if anything.
    pub(super) fn find(&self, certificate: &Certificate) -> Option<Entry> {
        let mut found = None;
        let entries = self.read.der.get(self.read.entries.clone()).unwrap_or_default();
        let walked = walk(entries, &self.read.issuer, |serial, issuer, entry| {
            if serial == certificate.serial() && issuer.matches(certificate.issuer()) {
                found = Some(entry);
            }
        });
        walked.ok().and(found)
    }
}

impl std::fmt::Debug for Crl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crl").field("issuer", &self.read.issuer).finish_non_exhaustive()
    }
}

/// Compares numbers that are big-endian and minimal.
fn is_less(one: &[u8], other: &[u8]) -> bool {
    (one.len(), one) < (other.len(), other)
}

fn read(der: &[u8]) -> Result<Read, Malformed> {
    let mut outer = Reader::sequence_in(der)?;
    let signed = outer.take(tag::SEQUENCE)?;
    let outer_algorithm = outer.take(tag::SEQUENCE)?;
    let signature = outer.bits()?;
    outer.end()?;

    let mut inner = signed.inside();
    let version = inner.optional(tag::INTEGER)?.map(|version| small_of(version.value)).transpose()?.unwrap_or(0);
    if inner.take(tag::SEQUENCE)?.whole != outer_algorithm.whole || version > 1 {
        return Err(Malformed);
    }
    let issuer = Name::read(&mut inner)?;
    let this_update = read_time(&mut inner)?;
    let has_next = inner.next_is(tag::UTC_TIME) || inner.next_is(tag::GENERALIZED_TIME);
    let next_update = if has_next { Some(read_time(&mut inner)?) } else { None };
    let entries = inner.optional(tag::SEQUENCE)?.map(|entries| entries.value).unwrap_or_default();
    let mut extensions = match inner.explicit(0)? {
        Some(list) => read_extensions(&Extension::read_list(list).map_err(|_| Malformed)?)?,
        None => Extensions::default(),
    };
    inner.end()?;
    extensions.has_unknown |= walk(entries, &issuer, |_, _, _| {})?;
    Ok(Read {
        signed: range_in(der, signed.whole),
        signature: range_in(der, signature),
        entries: range_in(der, entries),
        algorithm: SignatureAlgorithm::from_identifier(&Identifier::inside(outer_algorithm)?),
        issuer,
        this_update,
        next_update,
        extensions,
        der: der.to_vec(),
    })
}

fn read_extensions(list: &[Extension<'_>]) -> Result<Extensions, Malformed> {
    let mut extensions = Extensions::default();
    for extension in list {
        match extension.oid {
            // RFC 5280 §5.2.3: never critical.
            CRL_NUMBER if !extension.is_critical => extensions.number = Some(number(extension.value)?),
            DELTA_INDICATOR => extensions.base = Some(number(extension.value)?),
            ISSUING_POINT => extensions.point = Some(issuing_point(extension.value)?),
            AUTHORITY_KEY_IDENTIFIER => extensions.authority_key = Some(extension.value.to_vec()),
            _ => extensions.has_unknown |= extension.is_critical,
        }
    }
    Ok(extensions)
}

/// A number without its sign.
fn number(value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let bytes = Reader::der(value).integer()?;
    match bytes {
        [0, rest @ ..] => Ok(rest.to_vec()),
        [0x80..=0xff, ..] => Err(Malformed),
        bytes => Ok(bytes.to_vec()),
    }
}

fn issuing_point(value: &[u8]) -> Result<IssuingPoint, Malformed> {
    let mut inside = Reader::sequence_in(value)?;
    let name = inside.explicit(0)?.map(PointName::read).transpose()?;
    let mut point = IssuingPoint { name, ..IssuingPoint::default() };
    while !inside.is_empty() {
        let element = inside.any()?;
        let flag = element.value == [0xff];
        match element.tag {
            0x81 => point.only_users = flag,
            0x82 => point.only_authorities = flag,
            0x83 => point.reasons = Some(reasons(element)?),
            0x84 => point.is_indirect = flag,
            0x85 => point.only_attributes = flag,
            _ => return Err(Malformed),
        }
    }
    Ok(point)
}

/// Goes through the entries (RFC 5280 §5.1.2.6). In an indirect list the issuer of a certificate is that of the entry
/// before, unless the entry names another (§5.3.3). Whether an entry has a critical extension that is not understood.
fn walk(entries: &[u8], issuer: &Name, mut each: impl FnMut(&[u8], &Name, Entry)) -> Result<bool, Malformed> {
    let mut list = Reader::der(entries);
    let mut named: Option<Name> = None;
    let mut has_unknown = false;
    while !list.is_empty() {
        let mut inside = list.sequence()?;
        let serial = inside.integer()?;
        let mut entry = Entry::Revoked(read_time(&mut inside)?);
        if !inside.is_empty() {
            for extension in Extension::read_list(inside).map_err(|_| Malformed)? {
                match extension.oid {
                    REASON_CODE if reason_code(extension.value)? == REMOVED => entry = Entry::Removed,
                    REASON_CODE | INVALIDITY_DATE => {}
                    CERTIFICATE_ISSUER => named = Some(directory_name(extension.value)?),
                    _ => has_unknown |= extension.is_critical,
                }
            }
        }
        each(serial, named.as_ref().unwrap_or(issuer), entry);
    }
    Ok(has_unknown)
}

fn reason_code(value: &[u8]) -> Result<u64, Malformed> {
    let element = Reader::only(value)?;
    if element.tag == tag::ENUMERATED { small_of(element.value) } else { Err(Malformed) }
}

fn directory_name(value: &[u8]) -> Result<Name, Malformed> {
    let names = general_names(Reader::sequence_in(value)?)?;
    let directory = names.into_iter().find_map(|name| match name {
        GeneralName::Directory(name) => Some(name),
        _ => None,
    });
    directory.ok_or(Malformed)
}
