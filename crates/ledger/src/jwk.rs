//! Public keys as JWK: OKP with Ed25519 (RFC 8037 §2), named by their
//! thumbprint (RFC 7638).

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A public key that verifies receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    public: [u8; 32],
}

/// Why a text is no key that verifies receipts.
#[derive(Debug, thiserror::Error)]
pub enum JwkError {
    /// Not JSON, or `kty`, `crv` or `x` is missing.
    #[error("not a JWK")]
    Malformed(#[source] serde_json::Error),
    /// Another kind of key.
    #[error("a JWK of {kty} {crv} is no Ed25519 key")]
    Kind {
        /// `kty`.
        kty: String,
        /// `crv`.
        crv: String,
    },
    /// `x` is not 32 bytes in base64url.
    #[error("the JWK's x is not 32 bytes in base64url")]
    Point,
    /// `kid` is not the key's thumbprint.
    #[error("the JWK's kid is not its thumbprint")]
    Kid,
    /// The key's private half is in it: it must not be handed around.
    #[error("the JWK holds a private key (d); verify with the public one")]
    Private,
    /// It is marked for another use or algorithm.
    #[error("the JWK is not for EdDSA signatures")]
    Use,
}

#[derive(Serialize)]
struct Written<'a> {
    kty: &'a str,
    crv: &'a str,
    x: &'a str,
    kid: &'a str,
    #[serde(rename = "use")]
    usage: &'a str,
    alg: &'a str,
}

/// Members that are not named here are ignored, as RFC 7517 §4 asks.
#[derive(Deserialize)]
struct Read {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    kid: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
}

impl Jwk {
    pub(crate) fn new(public: [u8; 32]) -> Self {
        Self { public }
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    /// The key's name: its thumbprint in base64url (RFC 7638).
    pub fn kid(&self) -> String {
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(Digest::of(&[canonical.as_bytes()]).0)
    }

    /// The JWK as one line of JSON.
    pub fn to_json(&self) -> String {
        let (x, kid) = (self.x(), self.kid());
        let written = Written { kty: "OKP", crv: "Ed25519", x: &x, kid: &kid, usage: "sig", alg: "EdDSA" };
        serde_json::to_string(&written).expect("six strings are JSON")
    }

    /// Reads one public JWK.
    pub fn from_json(json: &str) -> Result<Self, JwkError> {
        let read: Read = serde_json::from_str(json).map_err(JwkError::Malformed)?;
        if read.kty != "OKP" || read.crv != "Ed25519" {
            return Err(JwkError::Kind { kty: read.kty, crv: read.crv });
        }
        if read.d.is_some() {
            return Err(JwkError::Private);
        }
        let public = URL_SAFE_NO_PAD.decode(&read.x).ok().and_then(|x| x.try_into().ok()).ok_or(JwkError::Point)?;
        let jwk = Self { public };
        if read.kid.is_some_and(|kid| kid != jwk.kid()) {
            return Err(JwkError::Kid);
        }
        // `Ed25519` is the fully specified name of the same (RFC 9864).
        if read.usage.is_some_and(|usage| usage != "sig")
            || read.alg.is_some_and(|alg| alg != "EdDSA" && alg != "Ed25519")
        {
            return Err(JwkError::Use);
        }
        Ok(jwk)
    }

    pub(crate) fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(signed, signature).is_ok()
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    /// The key of RFC 8037 appendix A.
    const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn rfc_8037_key() -> SigningKey {
        SigningKey::from_seed(&URL_SAFE_NO_PAD.decode(D).unwrap().try_into().unwrap())
    }

    #[test]
    fn key_thumbprint_and_signature_are_those_of_rfc_8037() {
        let key = rfc_8037_key();
        assert_eq!(key.jwk().x(), X);
        assert_eq!(key.jwk().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(URL_SAFE_NO_PAD.encode(key.sign(signed)), signature);
        assert!(key.jwk().verify(signed, &URL_SAFE_NO_PAD.decode(signature).unwrap()));
    }

    #[test]
    fn a_key_is_written_and_read_again() {
        let key = rfc_8037_key();
        assert_eq!(&Jwk::from_json(&key.jwk().to_json()).unwrap(), key.jwk());
        let bare = format!(r#"{{"x":"{}","crv":"Ed25519","kty":"OKP","key_ops":["verify"]}}"#, key.jwk().x());
        assert_eq!(&Jwk::from_json(&bare).unwrap(), key.jwk());
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.jwk().kid()));
    }

    #[test]
    fn what_is_no_public_ed25519_key_is_refused() {
        let good = rfc_8037_key().jwk().to_json();
        let refused = |json: &str| Jwk::from_json(json).unwrap_err();
        assert!(matches!(refused("{}"), JwkError::Malformed(_)));
        assert!(matches!(refused("[]"), JwkError::Malformed(_)));
        assert!(matches!(refused(&good.replace("OKP", "EC")), JwkError::Kind { .. }));
        assert!(matches!(refused(&good.replace("Ed25519", "X25519")), JwkError::Kind { .. }));
        assert!(matches!(refused(&good.replace("\"x\":\"11", "\"x\":\"1")), JwkError::Point));
        assert!(matches!(refused(&good.replace("\"x\":\"11", "\"x\":\"12")), JwkError::Kid));
        assert!(matches!(refused(&good.replace("\"sig\"", "\"enc\"")), JwkError::Use));
        assert!(matches!(refused(&good.replace("\"EdDSA\"", "\"none\"")), JwkError::Use));
        let private = good.replace("\"kty\"", &format!("\"d\":\"{D}\",\"kty\""));
        assert!(matches!(refused(&private), JwkError::Private));
    }
}
