//! The keys in one message. Pure: what was proven is judged by `seal`, `smime`
//! and `openpgp`; nothing that stands beside a signature counts.

use jiff::{SignedDuration, Timestamp};
use keyring::{Known, Material, SmimeKey};
use mail::entity::Entity;
use mail::{Address, KeySource, KeyState, header};
use policy::KeyPolicy;
use seal::opening::{self, Announced, Covers, Format, Keys, Limits, Opened};
use smime::trust::{Purpose, Trust, validate};

use super::Ground;
use crate::org_keys::Unsealed;

/// Far less than for a message that somebody wants to read.
const LIMITS: Limits = Limits { layers_max: 3, depth_max: 8, parts_max: 50, content_bytes_max: 16 << 20 };
/// Keys that are taken from one signed message.
const KEYS_MAX: usize = 4;
/// A key as a file may be as large as one in a directory.
const KEY_BYTES_MAX: usize = 256 * 1024;
/// A signature that is older brings no key: who has an old message could bring
/// back the key of that time.
const SIGNED_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// A key that a message brought.
#[derive(Debug)]
pub(super) struct Gleaned {
    pub material: Material,
    pub source: KeySource,
    pub vouched_by: Vec<String>,
    pub prefers_encryption: Option<bool>,
}

/// What a message is looked into with.
pub(super) struct Field<'a> {
    /// Who wrote it, as DMARC proved.
    pub author: &'a Address,
    /// What is known for the author.
    pub known: &'a [Known],
    pub policy: &'a KeyPolicy,
    pub trust: &'a Trust,
    pub now: Timestamp,
}

impl Field<'_> {
    /// The keys that a message brings, the most trusted first.
    /// `unsealed` is what was inside, where it came sealed: the author's domain
    /// answers for what was sealed as for all else of the body.
    pub fn glean(&self, stored: &[u8], unsealed: Option<&Unsealed>, ground: Ground) -> Vec<Gleaned> {
        let mut gleaned = match unsealed {
            Some(unsealed) => self.vouched(&unsealed.opened),
            None => self.signed(stored),
        };
        if ground.covers_autocrypt {
            let inside = || unsealed.and_then(|unsealed| self.autocrypt(&unsealed.content));
            gleaned.extend(self.autocrypt(stored).or_else(inside));
        }
        gleaned
    }

    /// What the signers of the whole message want replies sealed to, and the
    /// keys that a message has which a known key of the author signed.
    fn signed(&self, stored: &[u8]) -> Vec<Gleaned> {
        let signers: Vec<openpgp::Certificate> = self.known.iter().filter_map(|key| self.signer(key)).collect();
        let keys = Keys { openpgp: &[], openpgp_signers: &signers, smime: &[], smime_trust: self.trust, given: &[] };
        opening::open(stored, &keys, self.now, &LIMITS).map_or_else(|_| Vec::new(), |opened| self.vouched(&opened))
    }

    fn vouched(&self, opened: &Opened) -> Vec<Gleaned> {
        let announced = opened.announced.iter().filter_map(|announced| self.certificate(announced));
        let mut gleaned: Vec<Gleaned> = announced.take(KEYS_MAX).collect();
        gleaned.extend(self.enclosed(opened));
        gleaned
    }

    /// A known key of the author's that may vouch for another. Whoever can send as somebody
    /// can write an Autocrypt field: a key from there lifts neither itself nor another.
    fn signer(&self, key: &Known) -> Option<openpgp::Certificate> {
        let is_own = key.state == KeyState::Active
            && key.counts_as() != KeySource::Autocrypt
            && self.policy.is_same_mailbox(&key.address, self.author);
        match &key.material {
            Material::OpenPgp(certificate) if is_own => Some(certificate.clone()),
            _ => None,
        }
    }

    /// A certificate is taken only if mail may be sealed to it and it leads to
    /// an anchor for this very address (RFC 8551 §2.3, §3).
    fn certificate(&self, announced: &Announced) -> Option<Gleaned> {
        let (signer, others) = announced.chain.split_first()?;
        let is_recent = announced.signed_at.is_some_and(|at| self.is_recent(at));
        let certificate = &announced.certificate;
        let is_named = |named: &Address| self.policy.is_same_mailbox(named, self.author);
        if !is_recent || !certificate.addresses().iter().any(is_named) {
            return None;
        }
        let chain = validate(certificate, others, self.trust, self.now, Purpose::Encrypt, None).ok()?;
        let between = chain.certificates.len().saturating_sub(2);
        let key = SmimeKey {
            certificate: certificate.clone(),
            chain: chain.certificates.into_iter().skip(1).take(between).collect(),
            announced: announced.capabilities.clone(),
        };
        Some(Gleaned {
            material: Material::Smime(key),
            source: KeySource::SignedMail,
            vouched_by: vec![opening::fingerprint(signer).to_ascii_uppercase()],
            prefers_encryption: None,
        })
    }

    /// OpenPGP keys as files (RFC 3156 §7) under the signature of a known key.
    fn enclosed(&self, opened: &Opened) -> Vec<Gleaned> {
        let vouchers: Vec<String> = opened
            .report
            .signatures
            .iter()
            .filter(|one| one.valid && one.from && one.format == Format::Pgp && one.covers == Covers::Whole)
            .filter(|one| one.signed_at.is_some_and(|at| self.is_recent(at)))
            .filter_map(|one| one.fingerprint.as_ref().map(|print| print.to_ascii_uppercase()))
            .collect();
        if vouchers.is_empty() || !opened.is_entity {
            return Vec::new();
        }
        let entity = Entity::read(&opened.entity);
        let parts = entity.part_ranges().into_iter().take(LIMITS.parts_max);
        let parts = parts.filter_map(|range| entity.body.get(range)).map(Entity::read);
        let files = parts.filter(|part| part.kind() == "application/pgp-keys" && part.body.len() <= KEY_BYTES_MAX);
        let certificates = files.flat_map(|part| openpgp::Certificate::parse(&part.decoded()).unwrap_or_default());
        let is_of_author = |certificate: &openpgp::Certificate| {
            certificate.addresses(self.now).iter().any(|named| self.policy.is_same_mailbox(named, self.author))
        };
        let gleaned = |certificate| Gleaned {
            material: Material::OpenPgp(certificate),
            source: KeySource::SignedMail,
            vouched_by: vouchers.clone(),
            prefers_encryption: None,
        };
        certificates.filter(is_of_author).take(KEYS_MAX).map(gleaned).collect()
    }

    /// Autocrypt Level 1 §2.3: exactly one field that can be read and is the
    /// author's; a report tells of others' mail.
    fn autocrypt(&self, stored: &[u8]) -> Option<Gleaned> {
        let entity = Entity::read(stored);
        if entity.kind() == "multipart/report" {
            return None;
        }
        let fields = header::fields(entity.header).filter(|field| field.is("Autocrypt"));
        let read = |field: header::Field<'_>| openpgp::autocrypt::parse(std::str::from_utf8(field.value).ok()?);
        let is_own = |one: &openpgp::autocrypt::Autocrypt| self.policy.is_same_mailbox(&one.address, self.author);
        let mut valid = fields.filter_map(read).filter(is_own);
        let (Some(one), None) = (valid.next(), valid.next()) else { return None };
        let mut certificates = openpgp::Certificate::parse(&one.key_data).ok()?.into_iter();
        let (Some(certificate), None) = (certificates.next(), certificates.next()) else { return None };
        Some(Gleaned {
            material: Material::OpenPgp(certificate),
            source: KeySource::Autocrypt,
            vouched_by: Vec::new(),
            prefers_encryption: Some(one.prefers_encryption),
        })
    }

    fn is_recent(&self, signed_at: Timestamp) -> bool {
        let age = self.now.duration_since(signed_at);
        age < SIGNED_WITHIN && age > -CLOCK_SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(look: impl Fn(&Field<'_>) -> T) -> T {
        let (author, now) = (Address::parse("pat@p.example").unwrap(), Timestamp::from_second(1_800_000_000).unwrap());
        let (policy, trust) = (KeyPolicy::default(), Trust::default());
        look(&Field { author: &author, known: &[], policy: &policy, trust: &trust, now })
    }

    #[test]
    fn an_old_signature_brings_no_key_back() {
        let check = |days: i64, expect| {
            let is_recent = with(|field| field.is_recent(field.now - SignedDuration::from_hours(24 * days)));
            assert_eq!(is_recent, expect, "{days} days ago");
        };
        check(0, true);
        check(29, true);
        check(30, false);
        check(4_000, false);
        check(-2, false);
    }

    #[test]
    fn what_is_no_key_or_nobodys_brings_none() {
        let ground = Ground { covers_autocrypt: true };
        let check = |message: &str| {
            let gleaned = with(|field| field.glean(message.as_bytes(), None, ground));
            assert!(gleaned.is_empty(), "{message}: {gleaned:?}");
        };
        check("");
        check("From: pat@p.example\r\n\r\nAutocrypt: addr=pat@p.example; keydata=AAAA\r\n");
        check("From: pat@p.example\r\nAutocrypt: addr=pat@p.example; keydata=AAAA\r\n\r\n");
        check("From: pat@p.example\r\nAutocrypt: \u{ff}\r\n\r\n");
        check(
            "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
        );
        check("Content-Type: application/pkcs7-mime\r\n\r\nMAAA\r\n");
    }
}
