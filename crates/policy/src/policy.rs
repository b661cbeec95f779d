//! The effective policy: built-in defaults under what the configuration says.

use std::collections::BTreeSet;

use mail::Need;
use sha2::{Digest, Sha256};

use crate::config::{self, PolicyError};
use crate::detect::Detectors;
use crate::finding::Detector;
use crate::keys::KeyPolicy;
use crate::rule::Rule;
use crate::signing::{ReplyPolicy, SigningPolicy, TlsPolicy};

/// An effective policy. It is kept under its [`hash`](Policy::hash), which
/// decisions and receipts cite.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What every recipient's copy needs at least, unless an exemption cancels
    /// `default` and another rule says what is needed instead.
    pub default: Need,
    /// What becomes of a subject with health information.
    pub subject: SubjectPolicy,
    /// What the detectors look for.
    pub detectors: Detectors,
    /// Which keys of recipients are used.
    pub keys: KeyPolicy,
    /// Which copies are signed.
    pub signing: SigningPolicy,
    /// What makes replies safe.
    pub replies: ReplyPolicy,
    /// What senders ask of TLS.
    pub tls: TlsPolicy,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// What becomes of a subject with health information.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectPolicy {
    /// Whether it is replaced.
    pub replace: bool,
    /// By what; `{organisation}` stands for the organisation's name.
    pub replacement: String,
    /// The least confidence of a finding for which it is replaced.
    pub confidence: f64,
    /// Detectors whose findings leave the subject as it is.
    pub ignore: BTreeSet<Detector>,
    /// Whether the text of copies that are sealed end to end begins with the
    /// protected subject, for programs that know nothing of header protection
    /// (RFC 9788 §2.1.2).
    pub legacy_display: bool,
}

impl SubjectPolicy {
    /// The replacement for an organisation's name.
    pub fn replaced(&self, organisation: &str) -> String {
        let name = if organisation.trim().is_empty() { "us" } else { organisation.trim() };
        self.replacement.replace("{organisation}", name)
    }
}

impl Default for SubjectPolicy {
    fn default() -> Self {
        Self {
            replace: true,
            replacement: "A message from {organisation}".to_owned(),
            confidence: 0.5,
            ignore: BTreeSet::new(),
            legacy_display: false,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            default: Need::Verified,
            subject: SubjectPolicy::default(),
            detectors: Detectors::default(),
            keys: KeyPolicy::default(),
            signing: SigningPolicy::default(),
            replies: ReplyPolicy::default(),
            tls: TlsPolicy::default(),
            rules: Vec::new(),
        }
    }
}

impl Policy {
    /// Reads a TOML text whose tables are `[policy]` and those below it.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        config::from_toml(text)
    }

    /// Reads the table `policy` of a configuration that was read already.
    pub fn from_table(policy: &toml::Table) -> Result<Self, PolicyError> {
        config::from_table(policy)
    }

    /// The whole policy, defaults spelt out, as TOML in one fixed form: equal
    /// policies have equal texts, and [`Policy::from_toml`] reads it back.
    pub fn canonical(&self) -> String {
        config::canonical(self)
    }

    /// SHA-256 of the canonical text.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.canonical().as_bytes()).into()
    }
}

impl<'de> serde::Deserialize<'de> for Policy {
    /// Reads what stands under `policy` in a larger configuration.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        Policy::from_table(&table).map_err(serde::de::Error::custom)
    }
}
