//! The signed form of a receipt: compact JWS (RFC 7515 §3.1), EdDSA only.
//!
//! A JWS can carry or point to the key that it wants to be verified with; that
//! shows nothing. The header here has three members, and one with any other
//! (`jwk`, `x5c`, `jku`, `crit` …) is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::jwk::Jwk;
use crate::key::SigningKey;
use crate::receipt::Receipt;

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "sealpost-receipt+jwt";
const FORMAT: u8 = 1;
/// A receipt has about two kilobytes.
const JWS_BYTES_MAX: usize = 256 * 1024;

/// Why a text is not a receipt that this key signed.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// Not three parts of base64url with dots between.
    #[error("not a compact JWS")]
    Form,
    /// The header is not JSON with exactly `alg`, `kid` and `typ`.
    #[error("the header is not that of a receipt")]
    Header(#[source] serde_json::Error),
    /// Another algorithm.
    #[error("the algorithm {0:?} is not EdDSA")]
    Algorithm(String),
    /// Another type.
    #[error("the type {0:?} is not that of a receipt")]
    Type(String),
    /// Another key signed it, or says so.
    #[error("signed by the key {found:?}, not by {expected:?}")]
    Key {
        /// What the header says.
        found: String,
        /// The thumbprint of the key given.
        expected: String,
    },
    /// The signature is not this key's over these bytes.
    #[error("the signature does not verify")]
    Signature,
    /// The signature is good; written by a newer version.
    #[error("signed, but format {0} of a receipt is not known here")]
    Format(String),
    /// The signature is good; the payload is no receipt.
    #[error("signed, but not a receipt")]
    Payload(#[source] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    #[serde(flatten)]
    receipt: &'a Receipt,
}

impl Receipt {
    /// Signs it: a compact JWS, one line.
    pub fn sign(&self, key: &SigningKey) -> String {
        let header = Header { alg: ALGORITHM.to_owned(), kid: key.jwk().kid(), typ: TYPE.to_owned() };
        let mut jws = encoded(&header);
        jws.push('.');
        jws.push_str(&encoded(&Written { v: FORMAT, receipt: self }));
        let signature = key.sign(jws.as_bytes());
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        jws
    }

    /// Verifies a compact JWS with `key` and nothing that it brings itself, and
    /// gives the receipt. White space around it does not count.
    pub fn verify(jws: &str, key: &Jwk) -> Result<Receipt, NotVerified> {
        let jws = jws.trim_ascii();
        if jws.len() > JWS_BYTES_MAX {
            return Err(NotVerified::Form);
        }
        let (signed, signature) = jws.rsplit_once('.').ok_or(NotVerified::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(NotVerified::Form)?;
        check_header(&decoded(header)?, key)?;
        let payload = decoded(payload)?;
        if !key.verify(signed.as_bytes(), &decoded(signature)?) {
            return Err(NotVerified::Signature);
        }
        read(&payload)
    }
}

fn check_header(header: &[u8], key: &Jwk) -> Result<(), NotVerified> {
    let header: Header = serde_json::from_slice(header).map_err(NotVerified::Header)?;
    if header.alg != ALGORITHM {
        return Err(NotVerified::Algorithm(header.alg));
    }
    if header.typ != TYPE {
        return Err(NotVerified::Type(header.typ));
    }
    let expected = key.kid();
    if header.kid == expected { Ok(()) } else { Err(NotVerified::Key { found: header.kid, expected }) }
}

/// Reads a payload whose signature is good. Members that this version does not
/// know are refused: what was signed is shown whole or not at all.
fn read(payload: &[u8]) -> Result<Receipt, NotVerified> {
    let mut members: Map<String, Value> = serde_json::from_slice(payload).map_err(NotVerified::Payload)?;
    let version = members.remove("v").unwrap_or_default();
    if version != FORMAT {
        return Err(NotVerified::Format(version.to_string()));
    }
    serde_json::from_value(Value::Object(members)).map_err(NotVerified::Payload)
}

fn encoded(part: &impl Serialize) -> String {
    let json = serde_json::to_vec(part).expect("a receipt has nothing that JSON can't hold");
    URL_SAFE_NO_PAD.encode(json)
}

fn decoded(part: &str) -> Result<Vec<u8>, NotVerified> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| NotVerified::Form)
}
