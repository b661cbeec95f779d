//! An own key as the sealed part of its row. State and owners stand here and
//! not only in the row's open columns, so that nobody who can write to the
//! database can let a revoked key sign, or sign for somebody else.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mail::{KeyFormat, OrgKeyId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smime::{Certificate, SoftwareKey};
use zeroize::Zeroizing;

use super::{OrgKey, OrgKeyState, OrgMaterial, Owner, PrivateKey, Revoked, SmimePair};

const FORMAT: u8 = 1;

/// Bytes that are no own key.
#[derive(Debug, thiserror::Error)]
pub enum NotAnOrgKey {
    /// Written by a newer version.
    #[error("format {0} of an own key is not known here")]
    Format(u8),
    /// Not what this version writes.
    #[error("an own key is malformed")]
    Malformed(#[source] serde_json::Error),
    /// Not base64.
    #[error("an own key is not base64")]
    Base64(#[from] base64::DecodeError),
    /// Its OpenPGP key does not come back.
    #[error("an own OpenPGP key can't be read")]
    OpenPgp(#[from] openpgp::KeyError),
    /// Its private key of S/MIME does not come back.
    #[error("an own private key can't be read")]
    Private(#[from] smime::LockError),
    /// One of its certificates does not come back.
    #[error("an own certificate can't be read")]
    Certificate(#[from] smime::BadCertificate),
}

/// The private key is kept elsewhere: there are no bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the private key is kept elsewhere")]
pub struct KeptElsewhere;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u8,
    format: KeyFormat,
    owners: Vec<Owner>,
    state: OrgKeyState,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_published: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<Revoked>,
    /// An OpenPGP transferable secret key, or PrivateKeyInfo (RFC 5958).
    #[serde(serialize_with = "write_private", deserialize_with = "read_private")]
    private: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<String>,
    made_at: Timestamp,
}

fn write_private<S: Serializer>(private: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(private)
}

fn read_private<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

#[derive(Deserialize)]
struct Version {
    v: u8,
}

impl OrgKey {
    /// The bytes to be sealed: they hold the private key in clear.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, KeptElsewhere> {
        let all = |list: &[Certificate]| list.iter().map(|one| STANDARD.encode(one.to_der())).collect();
        let (private, certificates, chain) = match &self.material {
            OrgMaterial::OpenPgp(identity) => {
                (STANDARD.encode(identity.to_bytes().ok_or(KeptElsewhere)?.as_slice()), Vec::new(), Vec::new())
            }
            OrgMaterial::Smime(pair) => {
                let PrivateKey::Software(key) = &pair.key else { return Err(KeptElsewhere) };
                (STANDARD.encode(key.to_pkcs8()), all(&pair.certificates), all(&pair.chain))
            }
        };
        let written = Written {
            v: FORMAT,
            format: self.format(),
            owners: self.owners.clone(),
            state: self.state,
            is_published: self.is_published,
            revoked: self.revoked.clone(),
            private: Zeroizing::new(private),
            certificates,
            chain,
            made_at: self.made_at,
        };
        let bytes = serde_json::to_vec(&written).expect("an own key has nothing that JSON can't hold");
        Ok(Zeroizing::new(bytes))
    }

    /// Reads what [`OrgKey::to_bytes`] made.
    pub fn from_bytes(id: OrgKeyId, bytes: &[u8]) -> Result<Self, NotAnOrgKey> {
        let Version { v } = serde_json::from_slice(bytes).map_err(NotAnOrgKey::Malformed)?;
        if v != FORMAT {
            return Err(NotAnOrgKey::Format(v));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(NotAnOrgKey::Malformed)?;
        let material = material(&written)?;
        let Written { owners, state, is_published, revoked, made_at, .. } = written;
        Ok(Self { id, owners, state, is_published, revoked, material, made_at })
    }
}

fn material(written: &Written) -> Result<OrgMaterial, NotAnOrgKey> {
    let private = Zeroizing::new(STANDARD.decode(written.private.as_bytes())?);
    match written.format {
        KeyFormat::OpenPgp => {
            let mut all = openpgp::SecretIdentity::parse(&private, None)?;
            Ok(OrgMaterial::OpenPgp(all.pop().ok_or(openpgp::KeyError::None)?))
        }
        KeyFormat::Smime => Ok(OrgMaterial::Smime(SmimePair {
            key: PrivateKey::Software(Arc::new(SoftwareKey::from_der(&private, None)?)),
            certificates: certificates(&written.certificates)?,
            chain: certificates(&written.chain)?,
        })),
    }
}

fn certificates(texts: &[String]) -> Result<Vec<Certificate>, NotAnOrgKey> {
    texts.iter().map(|text| Ok(Certificate::from_der(&STANDARD.decode(text)?)?)).collect()
}
