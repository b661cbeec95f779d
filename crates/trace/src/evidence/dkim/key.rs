//! A public key as the reader hands it in: a DNS TXT record, as a zone file or
//! `dig` writes it or the text alone, or a key in PEM.

use aws_lc_rs::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::signature::Algorithm;
use crate::evidence::tags::Tags;

/// A key with the name under which it is published, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `selector._domainkey.domain`; none: it may be anybody's.
    name: Option<String>,
    kind: Kind,
    bytes: Vec<u8>,
    /// `t=s`: the domain of `i=` must be `d=` itself.
    is_strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ed25519,
    Revoked,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither a record nor PEM.
    #[error("neither a DKIM record (v=DKIM1; p=…) nor a public key in PEM")]
    Neither,
    /// A record of another version.
    #[error("not a record of DKIM1")]
    Version,
    /// A kind of key that is not known.
    #[error("a kind of key that is neither RSA nor Ed25519")]
    Kind,
    /// Not base 64, or no key inside.
    #[error("the key can't be read")]
    Bytes,
}

/// What a check of a signature came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    Yes,
    No,
    /// The key and the signature are of different kinds.
    OtherKind,
    /// `p=` is empty (RFC 6376 §3.6.1).
    Revoked,
    /// RFC 8301 §3.2: under 1024 bits nothing is verified.
    TooSmall,
}

impl Key {
    /// Reads a key. `name` says whose it is, where the text doesn't:
    /// `selector._domainkey.domain`.
    ///
    /// # Errors
    ///
    /// A text that is none of the forms.
    pub fn read(text: &str, name: Option<&str>) -> Result<Self, KeyError> {
        let (owner, record) = record(text);
        let name = name.or(owner.as_deref()).map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        if let Some(der) = pem(text)? {
            return Self::from_der(name, der);
        }
        let tags = Tags::read(&record).map_err(|_| KeyError::Neither)?;
        if tags.value("v").is_some_and(|version| version != "DKIM1") {
            return Err(KeyError::Version);
        }
        let bytes = tags.compact("p").ok_or(KeyError::Neither)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| KeyError::Bytes)?;
        let is_strict = tags.list("t").is_some_and(|flags| flags.iter().any(|flag| flag == "s"));
        let kind = match tags.compact("k").map(|kind| kind.to_ascii_lowercase()).as_deref() {
            _ if bytes.is_empty() => Kind::Revoked,
            None | Some("rsa") => Kind::Rsa,
            Some("ed25519") if bytes.len() == 32 => Kind::Ed25519,
            Some("ed25519") => return Err(KeyError::Bytes),
            Some(_) => return Err(KeyError::Kind),
        };
        Ok(Self { name, kind, bytes, is_strict })
    }

    fn from_der(name: Option<String>, der: Vec<u8>) -> Result<Self, KeyError> {
        /// SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410 §4).
        const ED25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        if der.first() != Some(&0x30) {
            return Err(KeyError::Bytes);
        }
        Ok(match der.strip_prefix(ED25519_SPKI) {
            Some(key) => Self { name, kind: Kind::Ed25519, bytes: key.to_vec(), is_strict: false },
            None => Self { name, kind: Kind::Rsa, bytes: der, is_strict: false },
        })
    }

    /// Whether it may be the key that is published under this name.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|own| own == name)
    }

    /// Whether it says of itself that it is.
    pub(crate) fn is_named(&self) -> bool {
        self.name.is_some()
    }

    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Verifies `signature` over `signed`. RFC 8463 §3: Ed25519 signs the
    /// SHA-256 of what RSA signs.
    pub(super) fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Verified {
        let verified = match (self.kind, algorithm) {
            (Kind::Revoked, _) => return Verified::Revoked,
            (Kind::Rsa, Algorithm::RsaSha256) => {
                if self.rsa_bits() < 1024 {
                    return Verified::TooSmall;
                }
                UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &self.bytes)
                    .verify(signed, signature)
            }
            (Kind::Ed25519, Algorithm::Ed25519Sha256) => {
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, signed);
                UnparsedPublicKey::new(&ED25519, &self.bytes).verify(digest.as_ref(), signature)
            }
            _ => return Verified::OtherKind,
        };
        if verified.is_ok() { Verified::Yes } else { Verified::No }
    }

    /// About how many bits the modulus has: it is the bulk of the encoding.
    fn rsa_bits(&self) -> usize {
        self.bytes.len() * 8
    }
}

/// The owner's name, where a line of a zone file has one, and the record's
/// text with its strings put together (RFC 6376 §3.6.2.2).
fn record(text: &str) -> (Option<String>, String) {
    let text = text.trim();
    let owner = text.split_whitespace().next().filter(|word| word.contains("._domainkey.") && !word.contains('='));
    let after_owner = text.get(owner.map_or(0, str::len)..).unwrap_or_default();
    let record = match after_owner.split_once('"') {
        Some((_, quoted)) => quoted.split('"').step_by(2).collect::<String>().replace("\\;", ";"),
        None => after_owner.trim().to_owned(),
    };
    (owner.map(str::to_owned), record)
}

/// The bytes of a PEM public key; None where the text is no PEM.
fn pem(text: &str) -> Result<Option<Vec<u8>>, KeyError> {
    let Some((_, rest)) = text.split_once("-----BEGIN ") else { return Ok(None) };
    let (label, rest) = rest.split_once("-----").ok_or(KeyError::Bytes)?;
    if !label.ends_with("PUBLIC KEY") {
        return Err(KeyError::Neither);
    }
    let body = rest.split("-----END").next().unwrap_or_default();
    let compact: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(compact).map(Some).map_err(|_| KeyError::Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn a_key_is_read_in_each_of_its_forms() {
        let record = format!("v=DKIM1; k=ed25519; p={ED}");
        let plain = Key::read(&record, None).unwrap();
        assert!(plain.may_be("any._domainkey.a.example") && !plain.is_named());
        let zone = format!("s1._domainkey.a.example.\t3600 IN TXT ( \"{}\"\n \"{}\" )\n", &record[..30], &record[30..]);
        let zone = Key::read(&zone, None).unwrap();
        assert!(zone.may_be("s1._domainkey.a.example") && !zone.may_be("s2._domainkey.a.example"));
        assert_eq!(zone.bytes, plain.bytes);
        let line = Key::read(&format!("s1._domainkey.a.example {record}"), None).unwrap();
        assert_eq!(line, zone);
        let named = Key::read(&record, Some("S9._domainkey.B.example.")).unwrap();
        assert!(named.may_be("s9._domainkey.b.example") && named.is_named());
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
        assert_eq!(Key::read(pem, None).unwrap(), plain);
    }

    #[test]
    fn what_is_no_key_says_so() {
        let check = |text: &str, expect: KeyError| assert_eq!(Key::read(text, None), Err(expect), "{text}");
        check("", KeyError::Neither);
        check("v=DKIM1; k=rsa", KeyError::Neither);
        check("v=DKIM2; p=YQ==", KeyError::Version);
        check("v=DKIM1; k=dsa; p=YQ==", KeyError::Kind);
        check("v=DKIM1; p=?", KeyError::Bytes);
        check("v=DKIM1; k=ed25519; p=YQ==", KeyError::Bytes);
        check("-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n", KeyError::Neither);
        assert_eq!(Key::read("v=DKIM1; p=", None).unwrap().kind, Kind::Revoked);
    }
}
