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
use crate::receipt::{Receipt, Status};

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "sealpost-receipt+jwt";
/// Of a receipt that says nothing of sealing end to end.
const FORMAT: u8 = 1;
/// Of one that does: the member `seal` is there.
const FORMAT_SEALED: u8 = 2;
/// Of one about a copy that was signed and not sealed: `signature` is there.
const FORMAT_SIGNED: u8 = 3;
/// Of one about a copy that crossed with REQUIRETLS: `requiretls` is there.
const FORMAT_REQUIRETLS: u8 = 4;
/// Of one about a copy that was recalled: nothing crossed.
const FORMAT_RECALLED: u8 = 5;
const FORMATS: [u8; 5] = [FORMAT, FORMAT_SEALED, FORMAT_SIGNED, FORMAT_REQUIRETLS, FORMAT_RECALLED];
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
        jws.push_str(&encoded(&Written { v: format(self), receipt: self }));
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
    if !FORMATS.iter().any(|known| version == *known) {
        return Err(NotVerified::Format(version.to_string()));
    }
    let receipt: Receipt = serde_json::from_value(Value::Object(members)).map_err(NotVerified::Payload)?;
    match version == format(&receipt) {
        true => Ok(receipt),
        false => Err(NotVerified::Payload(serde::de::Error::custom("the format and the members contradict"))),
    }
}

/// The oldest format that holds all of it.
const fn format(receipt: &Receipt) -> u8 {
    match (&receipt.seal, &receipt.signature) {
        _ if matches!(receipt.status, Status::Recalled) => FORMAT_RECALLED,
        _ if receipt.requiretls => FORMAT_REQUIRETLS,
        (_, Some(_)) => FORMAT_SIGNED,
        (Some(_), None) => FORMAT_SEALED,
        (None, None) => FORMAT,
    }
}

fn encoded(part: &impl Serialize) -> String {
    let json = serde_json::to_vec(part).expect("a receipt has nothing that JSON can't hold");
    URL_SAFE_NO_PAD.encode(json)
}

fn decoded(part: &str) -> Result<Vec<u8>, NotVerified> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| NotVerified::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::Salt;
    use crate::fixture::{key, receipt, recipient, salt};
    use crate::sealing::{Seal, SealIntegrity, Sealing};

    fn verify(jws: &str) -> Result<Receipt, NotVerified> {
        Receipt::verify(jws, key(1).jwk())
    }

    /// Signs any header and payload with the right key.
    fn sign(header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(key(1).sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn part(jws: &str, number: usize) -> String {
        String::from_utf8(URL_SAFE_NO_PAD.decode(jws.split('.').nth(number).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_receipt_verifies_with_its_key_and_is_what_was_signed() {
        let jws = receipt().sign(&key(1));
        assert_eq!(verify(&jws).unwrap(), receipt());
        assert_eq!(verify(&format!(" {jws}\n")).unwrap(), receipt());
        assert!(matches!(Receipt::verify(&jws, key(2).jwk()), Err(NotVerified::Key { .. })));
    }

    #[test]
    fn the_form_is_the_documented_one() {
        let jws = receipt().sign(&key(1));
        let kid = key(1).jwk().kid();
        assert_eq!(part(&jws, 0), format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"sealpost-receipt+jwt"}}"#));
        let payload: Value = serde_json::from_str(&part(&jws, 1)).unwrap();
        let receipt = receipt();
        let expected = serde_json::json!({
            "v": 1,
            "message": receipt.message.to_string(),
            "organisation": "lakeside",
            "recipient_sha256": receipt.recipient_sha256.to_string(),
            "content_sha256": receipt.content_sha256.to_string(),
            "policy_sha256": receipt.policy_sha256.to_string(),
            "decision": "deliver",
            "because": ["default"],
            "need": "verified",
            "proved": "verified",
            "method": "tls",
            "kind": "content",
            "status": "delivered",
            "tls": {
                "version": "TLSv1.3",
                "cipher": "TLS13_AES_256_GCM_SHA384",
                "certificate_sha256": receipt.tls.unwrap().certificate_sha256.to_string(),
                "verified": "chain and name mx.example.com",
            },
            "mx_lookup": "insecure",
            "mx": "mx.example.com",
            "mx_address": "192.0.2.25",
            "reply": {"code": 250, "enhanced": "2.0.0", "text": "<***> Ok: queued as 4F2B"},
            "accepted_at": "2023-11-14T22:13:20Z",
            "sent_at": "2023-11-14T22:13:22Z",
        });
        assert_eq!(payload, expected);
    }

    /// A receipt of a copy that was sealed end to end.
    fn sealed() -> Receipt {
        let sealing = Sealing {
            format: mail::KeyFormat::OpenPgp,
            fingerprint: "EB85BB5FA33A75E15E944E63F231550C4F47E38E".to_owned(),
            algorithm: "X25519".to_owned(),
            cipher: "AES-256".to_owned(),
            integrity: SealIntegrity::Mdc,
            signed_by: None,
        };
        Receipt { seal: Some(Seal::new(&sealing, &salt())), method: mail::Method::OpenPgp, ..receipt() }
    }

    #[test]
    fn a_copy_that_crossed_with_requiretls_is_told_in_a_format_of_its_own() {
        let crossed = Receipt { requiretls: true, ..sealed() };
        let jws = crossed.sign(&key(1));
        let payload: Value = serde_json::from_str(&part(&jws, 1)).unwrap();
        assert_eq!((&payload["v"], &payload["requiretls"]), (&4.into(), &true.into()));
        assert_eq!(verify(&jws).unwrap(), crossed);
    }

    #[test]
    fn a_recalled_copy_is_told_in_a_format_that_earlier_versions_refuse() {
        let recalled = Receipt { status: Status::Recalled, ..receipt() };
        let jws = recalled.sign(&key(1));
        let payload: Value = serde_json::from_str(&part(&jws, 1)).unwrap();
        assert_eq!((&payload["v"], &payload["status"]), (&5.into(), &"recalled".into()));
        assert_eq!(verify(&jws).unwrap(), recalled);
    }

    #[test]
    fn a_sealed_copy_is_told_in_a_format_of_its_own() {
        let jws = sealed().sign(&key(1));
        let payload: Value = serde_json::from_str(&part(&jws, 1)).unwrap();
        assert_eq!((&payload["v"], &payload["seal"]["integrity"]), (&2.into(), &"mdc".into()));
        let receipt = verify(&jws).unwrap();
        assert_eq!(receipt, sealed());
        let seal = receipt.seal.unwrap();
        let spaced = "eb85 bb5f a33a 75e1 5e94  4e63 f231 550c 4f47 e38e";
        assert!(seal.is_to_key(&salt(), spaced) && !seal.is_to_key(&Salt::new([6; 32]), spaced));
        assert!(!jws.contains("EB85") && !payload.to_string().to_lowercase().contains("eb85bb5f"));
    }

    #[test]
    fn nothing_in_a_receipt_tells_recipient_content_or_salt() {
        let jws = receipt().sign(&key(1));
        let open = format!("{}{}", part(&jws, 0), part(&jws, 1)).to_lowercase();
        for secret in ["jane", "doe", "@", "results", &salt().to_string()] {
            assert!(!open.contains(secret), "{secret}");
        }
    }

    #[test]
    fn the_salt_shows_recipient_and_content() {
        let receipt = verify(&receipt().sign(&key(1))).unwrap();
        let content = b"Subject: Results\r\n\r\nYour results.\r\n";
        let salt: Salt = salt().to_string().parse().unwrap();
        assert!(receipt.check_salt(&salt, content, &recipient()));
        assert!(!receipt.check_salt(&Salt::new([6; 32]), content, &recipient()));
        assert!(!receipt.check_salt(&salt, b"Subject: Results", &recipient()));
        let other = "Jane.Doe@example.com".parse().unwrap();
        assert!(!receipt.check_salt(&salt, content, &other));
    }

    #[test]
    fn a_key_that_the_receipt_brings_itself_is_not_used() {
        let (mine, theirs) = (key(1).jwk().kid(), key(2));
        let payload = part(&receipt().sign(&theirs), 1);
        let head = |more: &str| format!(r#"{{"alg":"EdDSA","kid":"{mine}","typ":"{TYPE}"{more}}}"#);
        assert!(verify(&sign(&head(""), &payload)).is_ok(), "the header as it should be");
        for more in [
            &format!(r#","jwk":{}"#, theirs.jwk().to_json()),
            r#","x5c":["MIIB"]"#,
            r#","jku":"https://example.com/keys""#,
            r#","x5u":"https://example.com/cert""#,
            r#","crit":["b64"],"b64":false"#,
            r#","crit":[]"#,
            r#","kid":"again""#,
        ] {
            let refused = verify(&sign(&head(more), &payload));
            assert!(matches!(refused, Err(NotVerified::Header(_))), "{more}: {refused:?}");
        }
    }

    #[test]
    fn other_algorithms_types_and_keys_are_refused() {
        let kid = key(1).jwk().kid();
        let payload = part(&receipt().sign(&key(1)), 1);
        let header = |alg: &str, kid: &str, typ: &str| format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#);
        for alg in ["none", "HS256", "ES256", "RS256", "eddsa", ""] {
            assert!(matches!(verify(&sign(&header(alg, &kid, TYPE), &payload)), Err(NotVerified::Algorithm(_))));
        }
        assert!(matches!(verify(&sign(&header("EdDSA", &kid, "JWT"), &payload)), Err(NotVerified::Type(_))));
        let foreign = key(2).jwk().kid();
        assert!(matches!(verify(&sign(&header("EdDSA", &foreign, TYPE), &payload)), Err(NotVerified::Key { .. })));
        // The key's name alone, on another key's signature.
        let theirs = receipt().sign(&key(2));
        let dressed =
            theirs.replacen(theirs.split('.').next().unwrap(), receipt().sign(&key(1)).split('.').next().unwrap(), 1);
        assert!(matches!(verify(&dressed), Err(NotVerified::Signature)));
        let unsigned = format!("{}.", receipt().sign(&key(1)).rsplit_once('.').unwrap().0);
        assert!(matches!(verify(&unsigned), Err(NotVerified::Signature)));
    }

    #[test]
    fn what_is_signed_and_no_receipt_of_this_format_is_told_apart() {
        let header = part(&receipt().sign(&key(1)), 0);
        let payload = part(&receipt().sign(&key(1)), 1);
        let signed = |payload: &str| verify(&sign(&header, payload));
        assert!(matches!(signed(&payload.replacen("\"v\":1", "\"v\":6", 1)), Err(NotVerified::Format(v)) if v == "6"));
        assert!(matches!(signed(&payload.replacen("\"v\":1", "\"v\":5", 1)), Err(NotVerified::Payload(_))));
        assert!(matches!(signed(&payload.replacen("\"v\":1", "\"v\":3", 1)), Err(NotVerified::Payload(_))));
        assert!(matches!(signed(&payload.replacen("\"v\":1", "\"v\":2", 1)), Err(NotVerified::Payload(_))));
        let sealed = part(&sealed().sign(&key(1)), 1);
        assert!(signed(&sealed).is_ok());
        assert!(matches!(signed(&sealed.replacen("\"v\":2", "\"v\":1", 1)), Err(NotVerified::Payload(_))));
        assert!(matches!(signed("{}"), Err(NotVerified::Format(_))));
        assert!(matches!(signed("[]"), Err(NotVerified::Payload(_))));
        assert!(matches!(signed(&payload.replacen('{', r#"{"more":1,"#, 1)), Err(NotVerified::Payload(_))));
        let pigeon = payload.replacen(r#""method":"tls""#, r#""method":"pigeon""#, 1);
        assert!(matches!(signed(&pigeon), Err(NotVerified::Payload(_))));
    }

    #[test]
    fn what_is_no_compact_jws_is_refused() {
        let jws = receipt().sign(&key(1));
        for bad in ["", ".", "..", "a.b", "a.b.c", &format!("{jws}.x"), &format!("{jws}="), &jws.replace('.', "..")] {
            assert!(verify(bad).is_err(), "{bad}");
        }
        assert!(matches!(verify(&"a".repeat(JWS_BYTES_MAX + 1)), Err(NotVerified::Form)));
    }

    proptest! {
        #[test]
        fn any_flip_is_refused(at: prop::sample::Index, bit in 0u8..7) {
            let mut jws = receipt().sign(&key(1)).into_bytes();
            let at = at.index(jws.len());
            jws[at] ^= 1 << bit;
            prop_assert!(verify(&String::from_utf8(jws).unwrap()).is_err());
        }

        #[test]
        fn any_text_is_read_without_harm(text in "(?s).{0,100}", dotted in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}") {
            prop_assert!(verify(&text).is_err() && verify(&dotted).is_err());
        }
    }
}
