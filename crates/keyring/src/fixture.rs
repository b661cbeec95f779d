//! Keys for tests, made here.

use jiff::Timestamp;
use mail::{Address, Entropy, KeySource, KeyState, RecipientKeyId};
use openpgp::{KeyKind, SecretIdentity};
use policy::KeyPolicy;
use smime::trust::{Said, Standing};

use crate::{Found, Known, Lesson, Material, NotLearned, learn};

/// A generator that every test starts anew.
pub(crate) struct Counting(std::sync::atomic::AtomicU64);

impl Counting {
    pub fn from(seed: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(seed))
    }
}

impl Entropy for Counting {
    /// SplitMix64: good enough to make different keys.
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, std::sync::atomic::Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }
}

pub(crate) fn at(days: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn id(number: u8) -> RecipientKeyId {
    RecipientKeyId::from_bytes([number; 16])
}

/// A key for an address that lives so many days.
pub(crate) fn openpgp(seed: u64, named: &str, days: i64) -> Material {
    let entropy = Counting::from(seed);
    let made = SecretIdentity::generate(&format!("P <{named}>"), KeyKind::V4, Some(at(days)), at(0), &entropy);
    Material::OpenPgp(made.unwrap().certificate().clone())
}

/// A key that was found for an address.
pub(crate) fn found(material: &Material, named: &str, source: KeySource, days: i64) -> Found {
    Found {
        address: address(named),
        material: material.clone(),
        source,
        detail: "a test".to_owned(),
        is_bound_by_hand: false,
        vouched_by: Vec::new(),
        prefers_encryption: None,
        at: at(days),
    }
}

/// An authority for certificates.
pub(crate) struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2060, 1, 1);
        Self(rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    pub fn anchor(&self) -> smime::Certificate {
        smime::Certificate::from_der(self.0.der()).unwrap()
    }

    /// What this authority says of a certificate.
    pub fn standing(&self, certificate: &smime::Certificate, said: Said, until: Timestamp) -> Standing {
        Standing::new(certificate, &self.anchor(), said, until)
    }

    /// A certificate for an address; its key is on P-256, for agreement.
    pub fn issue(&self, named: &str) -> Material {
        self.issue_for(named, rcgen::ExtendedKeyUsagePurpose::EmailProtection)
    }

    /// The same for some other purpose.
    pub fn issue_for(&self, named: &str, purpose: rcgen::ExtendedKeyUsagePurpose) -> Material {
        self.issue_from(named, purpose, rcgen::CertificateParams::default())
    }

    /// One with a place where its revocation could be learned.
    pub fn issue_with_place(&self, named: &str) -> Material {
        let mut params = rcgen::CertificateParams::default();
        params.crl_distribution_points =
            vec![rcgen::CrlDistributionPoint { uris: vec!["http://crl.x.example/a.crl".to_owned()] }];
        self.issue_from(named, rcgen::ExtendedKeyUsagePurpose::EmailProtection, params)
    }

    fn issue_from(
        &self,
        named: &str,
        purpose: rcgen::ExtendedKeyUsagePurpose,
        mut params: rcgen::CertificateParams,
    ) -> Material {
        let name = rcgen::SanType::Rfc822Name(named.to_owned().try_into().unwrap());
        params.subject_alt_names = vec![name];
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature, rcgen::KeyUsagePurpose::KeyAgreement];
        params.extended_key_usages = vec![purpose];
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        let certificate = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &self.0).unwrap();
        Material::read_all(certificate.der()).unwrap().remove(0)
    }
}

/// What is known after one lesson after the other.
#[derive(Default)]
pub(crate) struct Book {
    pub known: Vec<Known>,
    pub policy: KeyPolicy,
}

impl Book {
    pub fn with(policy: KeyPolicy) -> Self {
        Self { known: Vec::new(), policy }
    }

    /// Learns, and keeps what becomes of it.
    pub fn take(&mut self, found: Found) -> Result<&'static str, NotLearned> {
        let id = id(u8::try_from(self.known.len() + 1).unwrap());
        let lesson = learn(&self.known, found, &self.policy, id)?;
        let (word, known, replaced) = match lesson {
            Lesson::New(known, replaced) => ("new", known, replaced),
            Lesson::Held(known) => ("held", known, Vec::new()),
            Lesson::Updated(known) => ("updated", known, Vec::new()),
            Lesson::Withheld(known) => ("withheld", known, Vec::new()),
            Lesson::Accepted(known, replaced) => ("accepted", known, replaced),
            Lesson::Seen(known) => ("seen", known, Vec::new()),
        };
        for key in std::iter::once(known).chain(replaced) {
            self.known.retain(|kept| kept.id != key.id);
            self.known.push(key);
        }
        self.known.sort_by_key(|key| key.id);
        Ok(word)
    }

    pub fn states(&self) -> Vec<KeyState> {
        self.known.iter().map(|key| key.state).collect()
    }
}
