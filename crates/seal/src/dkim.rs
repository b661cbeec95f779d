//! DKIM signatures (RFC 6376, RFC 8463): relaxed/relaxed, the last thing that
//! happens to a message before the wire.
//!
//! Fields that tell a reader who wrote what are signed once more than they
//! occur, so that none can be added behind the signature (RFC 6376 §8.15).

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, rand};
use jiff::Timestamp;
use mail::Domain;
use mail::header::{self, Field};

use crate::base64;

/// Fields signed as often as they occur and once more.
const OVERSIGNED: [&str; 8] =
    ["From", "To", "Cc", "Subject", "Date", "Reply-To", "Content-Type", "Content-Transfer-Encoding"];

/// Fields signed as often as they occur.
const SIGNED: [&str; 9] = [
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Sender",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
];

/// A key that can't be read or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable RSA (2048 bits or more) or Ed25519 key in PKCS#8")]
pub struct BadKey;

enum Pair {
    Rsa { pair: Box<RsaKeyPair>, public: Vec<u8> },
    Ed25519(Ed25519KeyPair),
}

/// A domain's key under a selector.
pub struct DkimKey {
    domain: Domain,
    selector: String,
    pair: Pair,
    second: Option<Box<Self>>,
}

impl DkimKey {
    /// A new RSA-2048 key as PKCS#8, which every receiver verifies.
    pub fn generate_rsa() -> Result<Vec<u8>, BadKey> {
        let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| BadKey)?;
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| BadKey)?;
        Ok(der.as_ref().to_vec())
    }

    /// A new Ed25519 key as PKCS#8 (RFC 8463), which many receivers don't verify.
    pub fn generate_ed25519() -> Result<Vec<u8>, BadKey> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new()).map_err(|_| BadKey)?;
        Ok(pkcs8.as_ref().to_vec())
    }

    /// The key in `pkcs8` for `domain` under `selector`.
    pub fn from_pkcs8(domain: Domain, selector: impl Into<String>, pkcs8: &[u8]) -> Result<Self, BadKey> {
        let pair = match RsaKeyPair::from_pkcs8(pkcs8) {
            Ok(pair) => Pair::Rsa { public: spki(&pair)?, pair: Box::new(pair) },
            Err(_) => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| BadKey)?),
        };
        Ok(Self { domain, selector: selector.into(), pair, second: None })
    }

    /// The same key with another one of the domain that signs as well: Ed25519
    /// beside RSA, which every receiver verifies (RFC 8463 §3).
    #[must_use]
    pub fn with_second(self, second: Self) -> Self {
        Self { second: Some(Box::new(second)), ..self }
    }

    /// The key itself and the one that signs beside it.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.second.as_deref())
    }

    /// The domain that answers for the signature.
    pub const fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The name of the TXT record that publishes the key.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of the TXT record that publishes the key (RFC 6376 §3.6.1).
    pub fn record(&self) -> String {
        match &self.pair {
            Pair::Rsa { public, .. } => format!("v=DKIM1; k=rsa; p={}", base64(public)),
            Pair::Ed25519(pair) => format!("v=DKIM1; k=ed25519; p={}", base64(pair.public_key().as_ref())),
        }
    }

    /// The DKIM-Signature field for `message`, with its CRLF, to be put on top;
    /// two of them where two keys sign. Neither covers the other.
    pub fn sign(&self, message: &[u8], at: Timestamp) -> String {
        self.all().map(|key| key.signature_field(message, at)).collect()
    }

    fn signature_field(&self, message: &[u8], at: Timestamp) -> String {
        let split = header::split(message);
        let fields: Vec<Field<'_>> = header::fields(split.header).collect();
        let names = signed_names(&fields);
        let body_hash = digest::digest(&digest::SHA256, &relaxed_body(split.body));
        let algorithm = self.algorithm();
        let unsigned = format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={};\r\n\ts={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=",
            self.domain,
            self.selector,
            at.as_second(),
            names.join(":\r\n\t "),
            base64(body_hash.as_ref()),
        );
        let mut signed = canonical_fields(&fields, &names);
        let own = header::fields(unsigned.as_bytes()).next().map(|field| relaxed_field(&field)).unwrap_or_default();
        signed.extend_from_slice(own.trim_ascii_end());
        format!("{unsigned}{}\r\n", fold(&base64(&self.signature(&signed))))
    }

    /// `a=`.
    pub(crate) const fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa { .. } => "rsa-sha256",
            Pair::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// `s=`.
    pub(crate) fn selector(&self) -> &str {
        &self.selector
    }

    /// RFC 8463 §3: Ed25519 signs the SHA-256 of what RSA signs.
    pub(crate) fn signature(&self, signed: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), signed, &mut signature)
                    .expect("the buffer has the length of the modulus");
                signature
            }
            Pair::Ed25519(pair) => pair.sign(digest::digest(&digest::SHA256, signed).as_ref()).as_ref().to_vec(),
        }
    }
}

/// The SubjectPublicKeyInfo, which receivers expect in `p=`.
fn spki(pair: &RsaKeyPair) -> Result<Vec<u8>, BadKey> {
    let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(|_| BadKey)?;
    Ok(der.as_ref().to_vec())
}

/// The names of `h=`, each as often as it is signed.
fn signed_names(fields: &[Field<'_>]) -> Vec<&'static str> {
    let count = |name: &str| fields.iter().filter(|field| field.is(name)).count();
    let oversigned = OVERSIGNED.iter().map(|name| (*name, count(name) + 1));
    let signed = SIGNED.iter().map(|name| (*name, count(name)));
    oversigned.chain(signed).flat_map(|(name, times)| std::iter::repeat_n(name, times)).collect()
}

/// RFC 6376 §5.4.2: of several fields of a name, the last is taken first; a
/// name that has no field left adds nothing.
pub(crate) fn canonical_fields(fields: &[Field<'_>], names: &[&str]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(1024);
    let mut taken = std::collections::HashMap::<&str, usize>::new();
    for name in names {
        let nth = taken.entry(name).or_insert(0);
        if let Some(field) = fields.iter().rev().filter(|field| field.is(name)).nth(*nth) {
            canonical.extend_from_slice(&relaxed_field(field));
        }
        *nth += 1;
    }
    canonical
}

/// RFC 6376 §3.4.2.
pub(crate) fn relaxed_field(field: &Field<'_>) -> Vec<u8> {
    let mut line = field.name.trim_ascii_end().to_ascii_lowercase();
    line.push(b':');
    let words = field.value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            line.push(b' ');
        }
        line.extend_from_slice(word);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// RFC 6376 §3.4.4.
pub(crate) fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(body.len() + 2);
    let mut content_end = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        relaxed_line(line, &mut canonical);
        if canonical.len() > content_end && !canonical.ends_with(b"\n") {
            content_end = canonical.len() + 2;
        }
        canonical.extend_from_slice(b"\r\n");
    }
    canonical.truncate(content_end);
    canonical
}

fn relaxed_line(line: &[u8], canonical: &mut Vec<u8>) {
    let mut is_gap = false;
    for byte in line {
        if matches!(byte, b' ' | b'\t') {
            is_gap = true;
            continue;
        }
        if is_gap {
            canonical.push(b' ');
            is_gap = false;
        }
        canonical.push(*byte);
    }
}

/// Base 64 in lines of a header field.
pub(crate) fn fold(text: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(72).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    lines.join("\r\n\t ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_body(body: &str, expect: &str) {
        assert_eq!(String::from_utf8(relaxed_body(body.as_bytes())).unwrap(), expect);
    }

    #[test]
    fn keys_of_both_kinds_are_made_and_read_back() {
        let domain = Domain::parse("c.example").unwrap();
        for (pkcs8, kind) in [(DkimKey::generate_rsa(), "k=rsa;"), (DkimKey::generate_ed25519(), "k=ed25519;")] {
            let key = DkimKey::from_pkcs8(domain.clone(), "s2", &pkcs8.unwrap()).unwrap();
            assert_eq!(key.record_name(), "s2._domainkey.c.example");
            assert!(key.record().contains(kind), "{}", key.record());
        }
    }

    #[test]
    fn bodies_are_made_canonical() {
        // RFC 6376 §3.4.5.
        check_body(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
        check_body("", "");
        check_body("\r\n\r\n", "");
        check_body("a", "a\r\n");
        check_body("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n");
        check_body("a\r\n  \r\n", "a\r\n");
    }

    #[test]
    fn fields_are_made_canonical() {
        // RFC 6376 §3.4.5.
        let field = header::fields(b"B : Y\t\r\n\tZ  \r\n").next().unwrap();
        assert_eq!(relaxed_field(&field), b"b:Y Z\r\n");
    }
}
