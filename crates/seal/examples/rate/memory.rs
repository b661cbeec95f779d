//! The most memory that one message takes, in a process of its own.

use std::error::Error;

use jiff::Timestamp;
use seal::Edits;
use seal::protect::{HeaderPolicy, Keys, Protection, Replies, protect};
use serde_json::{Value, json};
use smime::algorithm::ContentCipher;
use smime::{KeyKind, SigningIdentity};

use crate::keys::{Random, message, openpgp, person};

/// Seals one message for many, and says how large the process became.
pub fn peak(method: &str, recipients: usize, bytes: usize) -> Result<Value, Box<dyn Error>> {
    let now = Timestamp::now();
    let kind = if method.contains("v6") { openpgp::KeyKind::V6 } else { openpgp::KeyKind::V4 };
    let mut openpgp_to = Vec::new();
    let mut smime_to = Vec::new();
    for at in 0..recipients {
        match method.starts_with("openpgp") {
            true => openpgp_to.push(openpgp(&format!("r{at}"), kind)?.certificate().clone()),
            false => {
                smime_to.push(person(&format!("r{at}"), KeyKind::P256)?.certificate.usable_for_encryption(now)?);
            }
        }
    }
    let (secret, own) = (openpgp("own", kind)?.signing(now)?, person("own", KeyKind::P256)?);
    let sign = SigningIdentity { certificate: &own.certificate, chain: &[], signer: &own.key, encryption: None };
    let is_signed = method.ends_with("signed");
    let keys = match method.starts_with("openpgp") {
        true => Keys::OpenPgp { to: &openpgp_to, sign: is_signed.then_some(&secret) },
        false => {
            let cipher = if method.contains("cbc") { ContentCipher::Aes256Cbc } else { ContentCipher::Aes256Gcm };
            Keys::Smime { to: &smime_to, sign: is_signed.then_some(&sign), cipher: Some(cipher) }
        }
    };
    let (headers, edits, replies) = (HeaderPolicy::default(), Edits::default(), Replies::default());
    let how = Protection { keys, headers: &headers, edits: &edits, replies: &replies };
    let message = message(bytes);
    let before = resident("VmRSS:")?;
    let sealed = protect(&message, &how, now, &Random)?;
    let peak = resident("VmHWM:")?;
    Ok(json!({
        "method": method, "recipients": recipients, "bytes": bytes, "sealed_bytes": sealed.bytes.len(),
        "before_mib": before, "peak_mib": peak,
    }))
}

fn resident(name: &str) -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
