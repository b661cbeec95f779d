//! What sealing is to reach, as ratios of two rates of one run.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Result, bail};

use super::seal::{Figure, LARGE, SMALL};

/// GnuPG as a command.
const GPG: f64 = 20.0;
/// `openssl cms` as a command.
const OPENSSL: f64 = 10.0;
/// What the raw public-key operations alone would allow.
const RAW: f64 = 0.5;
/// AES-256-GCM alone.
const GCM: f64 = 0.75;

/// A rate, and the others that it is compared with: their work done one after the other.
struct Target {
    ours: String,
    theirs: Vec<String>,
    bytes: usize,
    at_least: f64,
}

fn target(ours: String, theirs: &[&str], bytes: usize, at_least: f64) -> Target {
    Target { ours, theirs: theirs.iter().copied().map(str::to_owned).collect(), bytes, at_least }
}

/// A key: what encrypts to it, opens, signs and verifies, as raw operations.
struct Raw {
    encrypt: &'static str,
    open: &'static str,
    sign: &'static str,
    verify: &'static str,
}

const X25519: Raw = Raw {
    encrypt: "raw x25519 ephemeral and agree",
    open: "raw x25519 agree",
    sign: "raw ed25519 sign",
    verify: "raw ed25519 verify",
};
const RSA: Raw = Raw {
    encrypt: "raw rsa-2048 encrypt",
    open: "raw rsa-2048 decrypt",
    sign: "raw rsa-2048 sign",
    verify: "raw rsa-2048 verify",
};
const P256: Raw = Raw {
    encrypt: "raw p256 ephemeral and agree",
    open: "raw p256 agree",
    sign: "raw p256 sign",
    verify: "raw p256 verify",
};

fn all() -> Vec<Target> {
    let mut all = Vec::new();
    for (key, raw) in [("x25519", X25519), ("rsa-2048", RSA), ("p256", P256)] {
        let ours = format!("openpgp v4 {key} mdc");
        let of_gpg = [("encrypt", "encrypt"), ("sign and encrypt", "sign and encrypt"), ("encrypt: open", "decrypt")];
        for (form, theirs) in of_gpg.into_iter().chain([("sign", "sign")]) {
            all.push(target(format!("{ours} {form}"), &[&format!("gpg {key} {theirs}")], SMALL, GPG));
        }
        all.extend(of_raw(&ours, "", &raw));
    }
    // GnuPG knows neither; what it does for the same curve stands in.
    for ours in ["openpgp v4 aead", "openpgp v6 aead"] {
        for (form, theirs) in [("encrypt", "gpg x25519 encrypt"), ("encrypt: open", "gpg x25519 decrypt")] {
            all.push(target(format!("{ours} {form}"), &[theirs], SMALL, GPG));
        }
        all.extend(of_raw(ours, "", &X25519));
    }
    for (key, theirs, raw) in [("rsa-2048", "rsa", RSA), ("p256", "p256", P256)] {
        let ours = format!("smime {key}");
        all.push(target(format!("{ours} sign"), &[&format!("openssl {theirs} sign")], SMALL, OPENSSL));
        for mode in ["cbc", "gcm"] {
            let (encrypt, decrypt) =
                (format!("openssl {theirs} encrypt {mode}"), format!("openssl {theirs} decrypt {mode}"));
            all.push(target(format!("{ours} encrypt {mode}"), &[&encrypt], SMALL, OPENSSL));
            all.push(target(format!("{ours} encrypt {mode}: open"), &[&decrypt], SMALL, OPENSSL));
        }
        all.extend(of_raw(&ours, " gcm", &raw));
        let ours = format!("cms der {key} gcm");
        for bytes in [LARGE, 16 << 20] {
            all.push(target(ours.clone(), &["raw aes-256-gcm"], bytes, GCM));
            all.push(target(ours.clone(), &["raw aes-256-gcm", raw.encrypt], bytes, GCM));
            // A private key's operation alone may take longer than the content: it is told apart.
            all.push(target(format!("{ours}: open"), &["raw aes-256-gcm", raw.open], bytes, GCM));
        }
    }
    all
}

fn of_raw(ours: &str, mode: &str, raw: &Raw) -> [Target; 5] {
    let of = |form: &str, theirs: &[&str]| target(format!("{ours} {form}"), theirs, SMALL, RAW);
    [
        of(&format!("encrypt{mode}"), &[raw.encrypt]),
        of(&format!("encrypt{mode}: open"), &[raw.open]),
        of("sign", &[raw.sign]),
        of(&format!("sign and encrypt{mode}"), &[raw.sign, raw.encrypt]),
        of(&format!("sign and encrypt{mode}: open"), &[raw.open, raw.verify]),
    ]
}

/// Tells each ratio, and whether it is reached.
pub(super) fn tell(out: &mut impl Write, figures: &[Figure]) -> Result<()> {
    let known: BTreeMap<(&str, usize), f64> =
        figures.iter().map(|figure| ((figure.name.as_str(), figure.bytes), figure.per_s)).collect();
    let rate = |name: &str, bytes: usize| known.get(&(name, bytes)).or_else(|| known.get(&(name, 0))).copied();
    for Target { ours, theirs, bytes, at_least } in all() {
        let others: Option<Vec<f64>> = theirs.iter().map(|name| rate(name, bytes)).collect();
        let (Some(own), Some(others)) = (rate(&ours, bytes), others) else {
            bail!("no figure of {ours} or {theirs:?}")
        };
        let ratio = own * others.iter().map(|other| 1.0 / other).sum::<f64>();
        let reached = if ratio >= at_least { "reached" } else { "MISSED" };
        writeln!(out, "{ours} : {}, {bytes} bytes: {ratio:.2} (at least {at_least}: {reached})", theirs.join(" + "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(own: f64) -> String {
        let wanted = all().into_iter().flat_map(|target| {
            let theirs = target.theirs.into_iter().map(move |name| (name, target.bytes, 1.0));
            theirs.chain([(target.ours, target.bytes, own)])
        });
        let figures: Vec<Figure> = wanted.map(|(name, bytes, per_s)| Figure { name, bytes, per_s }).collect();
        let mut out = Vec::new();
        tell(&mut out, &figures).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_target_is_missed_where_the_rate_is_too_low() {
        assert!(!told(20.0).contains("MISSED"));
        assert_eq!(told(0.1).matches("MISSED").count(), all().len());
        assert!(
            told(1.0)
                .contains("sign and encrypt : raw ed25519 sign + raw x25519 ephemeral and agree, 4096 bytes: 2.00")
        );
        assert!(tell(&mut Vec::new(), &[]).is_err());
    }
}
