//! What is known of one recipient's key: the sealed part of its row.
//!
//! A key has one source, the most trusted from which it may be used. Where it is
//! known from a more trusted one too, which is held back, that is a [`Claim`]:
//! without it the key stays what it was, with it it is more, from the moment
//! that a person or time accepts it.
//!
//! State and source stand here and not only in the row's open columns, so that
//! nobody who can write to the database can let a held key go.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mail::{Address, KeyFormat, KeySource, KeyState, RecipientKeyId};
use policy::KeyPolicy;
use serde::{Deserialize, Serialize};
use smime::Capabilities;

use crate::checked::Checked;
use crate::material::{Material, NotAKey, SmimeKey};

const FORMAT: u8 = 1;

/// A recipient's key, and all that is known of it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id here.
    pub id: RecipientKeyId,
    /// Whose it is, as it was learned.
    pub address: Address,
    /// The certificate.
    pub material: Material,
    /// Where it came from; the most trusted place, if there were several.
    pub source: KeySource,
    /// More of where: a file, a URL, a message.
    pub detail: String,
    /// Whether it may be used.
    pub state: KeyState,
    /// Why it is held back.
    pub because: Option<String>,
    /// Since when it is known on the grounds that it has now: what is held back
    /// waits from then on.
    pub held_since: Timestamp,
    /// A more trusted source, which is held back.
    pub claim: Option<Claim>,
    /// When its holder asked that it be used no more; a person decides.
    pub unwanted_since: Option<Timestamp>,
    /// Who accepted it: from then on it counts as given by staff.
    pub confirmed_by: Option<String>,
    /// Whether a person bound it to an address that it does not name itself.
    pub is_bound_by_hand: bool,
    /// Whether its holder prefers encrypted mail, as the last Autocrypt field said.
    pub prefers_encryption: Option<bool>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// What its issuers said of revocation when they were last asked.
    pub revocation: Option<Checked>,
}

/// That a key comes from a source that is more trusted than the one from which
/// it is used; held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The source.
    pub source: KeySource,
    /// More of where.
    pub detail: String,
    /// Since when it is known.
    pub since: Timestamp,
    /// Why it is held back.
    pub because: String,
}

/// Bytes that are nothing known of a key.
#[derive(Debug, thiserror::Error)]
pub enum NotKnown {
    /// Written by a newer version.
    #[error("format {0} of what is known of a key is not known here")]
    Format(u8),
    /// Not what this version writes.
    #[error("what is known of a key is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Its certificate does not come back.
    #[error("the certificate of a known key can't be read")]
    Key(#[from] NotAKey),
    /// Not base64.
    #[error("the certificate of a known key is not base64")]
    Base64(#[from] base64::DecodeError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u8,
    address: Address,
    format: KeyFormat,
    certificate: String,
    /// Certificates of authorities, for S/MIME.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<String>,
    /// SMIMECapabilities (RFC 8551 §2.5.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<String>,
    source: KeySource,
    detail: String,
    state: KeyState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    /// Not written before; then the last change may have been of the grounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<Claim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unwanted_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed_by: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_bound_by_hand: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefers_encryption: Option<bool>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revocation: Option<Checked>,
}

#[derive(Deserialize)]
struct Versioned {
    v: u8,
}

impl Known {
    /// Its format.
    pub const fn format(&self) -> KeyFormat {
        self.material.format()
    }

    /// Its fingerprint, in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        self.material.fingerprint()
    }

    /// The source that it counts as.
    pub const fn counts_as(&self) -> KeySource {
        if self.confirmed_by.is_some() { KeySource::Staff } else { self.source }
    }

    /// Whether the recipient gave it at the portal, whatever became of that.
    pub fn is_given(&self) -> bool {
        let claimed = self.claim.as_ref().map(|claim| claim.source);
        self.source == KeySource::Recipient || claimed == Some(KeySource::Recipient)
    }

    /// Whether a person is to look at it: it is held back, or something of it is.
    pub const fn waits(&self) -> bool {
        matches!(self.state, KeyState::HeldBack) || self.claim.is_some() || self.unwanted_since.is_some()
    }

    /// Whether it is held back, and was for as long as policy says.
    pub(crate) fn has_waited(&self, policy: &KeyPolicy, now: Timestamp) -> bool {
        self.state == KeyState::HeldBack && is_over(policy, self.held_since, now)
    }

    /// The key as it counts now: with what is claimed of it, where nobody
    /// rejected that for as long as policy says.
    pub(crate) fn settled(&self, policy: &KeyPolicy, now: Timestamp) -> Cow<'_, Self> {
        match self.claim.as_ref().filter(|claim| is_over(policy, claim.since, now)) {
            None => Cow::Borrowed(self),
            Some(claim) => {
                Cow::Owned(Self { source: claim.source, detail: claim.detail.clone(), claim: None, ..self.clone() })
            }
        }
    }

    /// The bytes to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (chain, announced) = match &self.material {
            Material::OpenPgp(_) => (Vec::new(), None),
            Material::Smime(key) => (
                key.chain.iter().map(|certificate| STANDARD.encode(certificate.to_der())).collect(),
                key.announced.as_ref().map(|announced| STANDARD.encode(announced.to_der())),
            ),
        };
        let written = Written {
            v: FORMAT,
            address: self.address.clone(),
            format: self.format(),
            certificate: STANDARD.encode(self.material.to_bytes()),
            chain,
            announced,
            source: self.source,
            detail: self.detail.clone(),
            state: self.state,
            because: self.because.clone(),
            held_since: Some(self.held_since),
            claim: self.claim.clone(),
            unwanted_since: self.unwanted_since,
            confirmed_by: self.confirmed_by.clone(),
            is_bound_by_hand: self.is_bound_by_hand,
            prefers_encryption: self.prefers_encryption,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            revocation: self.revocation.clone(),
        };
        serde_json::to_vec(&written).expect("what is known of a key has nothing that JSON can't hold")
    }

    /// Reads what [`Known::to_bytes`] made.
    pub fn from_bytes(id: RecipientKeyId, bytes: &[u8]) -> Result<Self, NotKnown> {
        let Versioned { v } = serde_json::from_slice(bytes).map_err(NotKnown::Malformed)?;
        if v != FORMAT {
            return Err(NotKnown::Format(v));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(NotKnown::Malformed)?;
        let material = material(&written)?;
        Ok(Self {
            id,
            address: written.address,
            material,
            source: written.source,
            detail: written.detail,
            state: written.state,
            because: written.because,
            held_since: written.held_since.unwrap_or(written.last_seen),
            claim: written.claim,
            unwanted_since: written.unwanted_since,
            confirmed_by: written.confirmed_by,
            is_bound_by_hand: written.is_bound_by_hand,
            prefers_encryption: written.prefers_encryption,
            first_seen: written.first_seen,
            last_seen: written.last_seen,
            revocation: written.revocation,
        })
    }
}

/// Whether what is known since then was held back for as long as policy says.
fn is_over(policy: &KeyPolicy, since: Timestamp, now: Timestamp) -> bool {
    policy.accept_after.is_some_and(|held| since.checked_add(held).is_ok_and(|until| until <= now))
}

fn material(written: &Written) -> Result<Material, NotKnown> {
    let bytes = STANDARD.decode(&written.certificate)?;
    match written.format {
        KeyFormat::OpenPgp => {
            let certificate = openpgp::Certificate::parse(&bytes).map_err(NotAKey::from)?.into_iter().next();
            Ok(Material::OpenPgp(certificate.ok_or(NotAKey::None)?))
        }
        KeyFormat::Smime => {
            let mut chain = Vec::new();
            for text in &written.chain {
                chain.push(smime::Certificate::from_der(&STANDARD.decode(text)?).map_err(NotAKey::from)?);
            }
            let announced = written.announced.as_ref().map(|text| STANDARD.decode(text)).transpose()?;
            let announced = announced.map(|der| Capabilities::from_der(&der)).transpose().map_err(NotAKey::from)?;
            let certificate = smime::Certificate::from_der(&bytes).map_err(NotAKey::from)?;
            Ok(Material::Smime(SmimeKey { certificate, chain, announced }))
        }
    }
}
