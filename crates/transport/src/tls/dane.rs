//! The judgement of a peer's certificate by TLSA records (DANE: RFC 6698,
//! RFC 7671, and RFC 7672 for SMTP). Pure.
//!
//! | records | what they ask |
//! | --- | --- |
//! | none | nothing: anchors and name decide |
//! | none usable (usages 0 and 1, unknown numbers, digests of a wrong length) | TLS, and no certificate can be verified (RFC 7672 §2.2) |
//! | usage 3, DANE-EE | the peer's certificate or key is this one; its names and dates don't count (RFC 7672 §3.1.1) |
//! | usage 2, DANE-TA | its chain leads to this authority, in time, for one of the reference names (RFC 7672 §3.1.2) |
//!
//! Of digests of the same usage and selector only the strongest kind counts
//! (RFC 7671 §9), so that a weaker one can't be forged in beside it.

use aws_lc_rs::digest;
use rustls_pki_types::{CertificateDer, Der, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::judge::fault;
use crate::proof::{Fault, Judgement};
use crate::resolver::Tlsa;

const DANE_TA: u8 = 2;
const DANE_EE: u8 = 3;
const WHOLE_CERTIFICATE: u8 = 0;
const PUBLIC_KEY: u8 = 1;
const IN_FULL: u8 = 0;
const SHA256: u8 = 1;
const SHA512: u8 = 2;

/// What the TLSA records of an MX host ask of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DaneNeed {
    /// There are none: DANE does not apply.
    Nothing,
    /// There are some and none is usable: TLS is mandatory, unverified.
    Encryption,
    /// One of these must match; at least one.
    Match(Vec<Tlsa>),
}

/// Reads the TLSA records of an MX host, which DNSSEC must have proven.
pub fn dane_need(records: &[Tlsa]) -> DaneNeed {
    let usable: Vec<&Tlsa> = records.iter().filter(|record| is_usable(record)).collect();
    let is_strongest = |record: &&Tlsa| {
        let same = usable.iter().filter(|other| (other.usage, other.selector) == (record.usage, record.selector));
        let strongest = same.map(|other| other.matching).max().unwrap_or(IN_FULL);
        record.matching == IN_FULL || record.matching == strongest
    };
    let counted: Vec<Tlsa> = usable.iter().copied().filter(is_strongest).cloned().collect();
    match (records.is_empty(), counted.is_empty()) {
        (true, _) => DaneNeed::Nothing,
        (false, true) => DaneNeed::Encryption,
        (false, false) => DaneNeed::Match(counted),
    }
}

/// Whether SMTP can use a record (RFC 7672 §3.1): usages 0 and 1 ask for
/// authorities that both sides would have to agree on, and are not used.
pub fn is_usable(record: &Tlsa) -> bool {
    let length_fits = match record.matching {
        IN_FULL => !record.data.is_empty(),
        SHA256 => record.data.len() == 32,
        SHA512 => record.data.len() == 64,
        _ => false,
    };
    matches!(record.usage, DANE_TA | DANE_EE)
        && matches!(record.selector, WHOLE_CERTIFICATE | PUBLIC_KEY)
        && length_fits
}

/// Judges the chain that a peer showed by the records that count.
///
/// `names` are the reference names for usage 2: the base name of the records
/// first, then the other names that DNSSEC binds to it (RFC 7672 §3.2.2).
pub fn judge_dane(
    records: &[Tlsa],
    chain: &[CertificateDer<'_>],
    names: &[ServerName<'_>],
    now: UnixTime,
) -> Judgement {
    let asked = names.first().map(|name| name.to_str().into_owned()).unwrap_or_default();
    let mut fault = Fault::NotInTlsa;
    for record in records {
        match matches(record, chain, names, now) {
            Ok(()) => return Judgement::Dane { name: asked, record: parameters(record) },
            // What is wrong with a chain that leads to the right authority says more than that another record differs.
            Err(found) if found != Fault::NotInTlsa => fault = found,
            Err(_) => {}
        }
    }
    Judgement::NotVerified { name: asked, fault }
}

/// Usage, selector and matching type, as people write them: `3 1 1`.
pub fn parameters(record: &Tlsa) -> String {
    format!("{} {} {}", record.usage, record.selector, record.matching)
}

fn matches(record: &Tlsa, chain: &[CertificateDer<'_>], names: &[ServerName<'_>], now: UnixTime) -> Result<(), Fault> {
    let (leaf, issuers) = chain.split_first().ok_or(Fault::NotInTlsa)?;
    if record.usage == DANE_EE {
        return if is_it(record, leaf) { Ok(()) } else { Err(Fault::NotInTlsa) };
    }
    let anchors = anchors(record, leaf, issuers);
    if anchors.is_empty() {
        return Err(Fault::NotInTlsa);
    }
    verify(leaf, issuers, &anchors, names, now).map_err(|error| fault(&error))
}

/// Whether a certificate, or its key, is the one that a record stands for.
fn is_it(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let selected = match record.selector {
        WHOLE_CERTIFICATE => Some(certificate.to_vec()),
        _ => EndEntityCert::try_from(certificate).ok().map(|parsed| parsed.subject_public_key_info().to_vec()),
    };
    selected.is_some_and(|selected| match record.matching {
        SHA256 => digest::digest(&digest::SHA256, &selected).as_ref() == record.data,
        SHA512 => digest::digest(&digest::SHA512, &selected).as_ref() == record.data,
        _ => selected == record.data,
    })
}

/// The authorities that a record of usage 2 stands for: those that the peer
/// showed, or one that stands in the record itself (RFC 7671 §5.2).
fn anchors<'a>(
    record: &'a Tlsa,
    leaf: &'a CertificateDer<'a>,
    issuers: &'a [CertificateDer<'a>],
) -> Vec<TrustAnchor<'a>> {
    let shown = issuers.iter().filter(|issuer| is_it(record, issuer));
    let mut anchors: Vec<TrustAnchor<'a>> = shown
        .filter_map(|issuer| webpki::anchor_from_trusted_cert(issuer).ok().map(|anchor| anchor.to_owned()))
        .collect();
    match (record.matching, record.selector) {
        (IN_FULL, WHOLE_CERTIFICATE) => {
            let whole = CertificateDer::from(record.data.as_slice());
            anchors.extend(webpki::anchor_from_trusted_cert(&whole).ok().map(|anchor| anchor.to_owned()));
        }
        (IN_FULL, _) => {
            // A bare key bears no name: it may be that of any issuer named in the chain.
            let key = inside_sequence(&record.data);
            let issuer = |shown: &CertificateDer<'_>| Some(EndEntityCert::try_from(shown).ok()?.issuer().to_vec());
            let names = std::iter::once(leaf).chain(issuers).filter_map(issuer);
            anchors.extend(names.zip(std::iter::repeat(key)).filter_map(|(name, key)| bare(name, key?)));
        }
        _ => {}
    }
    anchors
}

fn bare<'a>(subject: Vec<u8>, key: &'a [u8]) -> Option<TrustAnchor<'a>> {
    Some(TrustAnchor {
        subject: Der::from(subject),
        subject_public_key_info: Der::from_slice(key),
        name_constraints: None,
    })
}

/// What a DER SEQUENCE holds, which must be all of the input.
fn inside_sequence(der: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_at_checked(2).map(|(length, rest)| {
            (length.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte)), rest)
        })?,
        _ => return None,
    };
    (*tag == 0x30 && rest.len() == length).then_some(rest)
}

fn verify(
    leaf: &CertificateDer<'_>,
    issuers: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    names: &[ServerName<'_>],
    now: UnixTime,
) -> Result<(), Error> {
    let leaf = EndEntityCert::try_from(leaf)?;
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    leaf.verify_for_usage(algorithms, anchors, issuers, now, KeyUsage::server_auth(), None, None)?;
    let mut last = Error::BadDer;
    for name in names {
        match leaf.verify_is_valid_for_subject_name(name) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}
