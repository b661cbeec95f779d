//! Key files of both formats, whatever is in them: OpenPGP in armor or binary,
//! PEM, DER, PKCS#12; public, private or both.

use std::path::Path;

use anyhow::{Context as _, Result};
use openpgp::KeyError;
use smime::LockError;
use smime::pkcs12::Contents;

use super::passphrase::Passphrases;

/// What a key file holds for sealing: public keys alone.
#[derive(Default)]
pub struct Public {
    /// OpenPGP certificates.
    pub openpgp: Vec<openpgp::Certificate>,
    /// X.509 certificates of those who read, without the authorities' above them.
    pub smime: Vec<smime::Certificate>,
}

/// What a key file holds for signing and opening.
#[derive(Default)]
pub struct Private {
    /// OpenPGP certificates, with and without a private key.
    pub openpgp: Vec<openpgp::Certificate>,
    /// OpenPGP private keys.
    pub openpgp_secret: Vec<openpgp::SecretIdentity>,
    /// X.509 certificates and private keys.
    pub smime: Contents,
}

/// Reads a file for sealing. Private keys in it stay locked, unless the
/// certificates are locked with them.
pub fn public(path: &Path, passphrases: &Passphrases) -> Result<Public> {
    let bytes = read(path)?;
    let named = || path.display().to_string();
    let mut found = Public::default();
    if is_openpgp(&bytes) {
        found.openpgp = openpgp::Certificate::parse(&bytes).with_context(named)?;
    }
    if is_smime(&bytes) {
        found.smime = match smime::Certificate::read_all(&bytes) {
            Ok(certificates) => readers(&Contents { certificates, ..Contents::default() }),
            Err(_) => readers(&contents(path, &bytes, passphrases)?),
        };
        anyhow::ensure!(!found.smime.is_empty(), "{}: there is a private key, but no certificate", named());
    }
    Ok(found)
}

/// Reads a file for signing and opening.
pub fn private(path: &Path, passphrases: &Passphrases) -> Result<Private> {
    let bytes = read(path)?;
    let named = || path.display().to_string();
    let mut found = Private::default();
    if is_openpgp(&bytes) {
        found.openpgp = openpgp::Certificate::parse(&bytes).with_context(named)?;
        found.openpgp_secret = secret(path, &bytes, passphrases)?;
    }
    if is_smime(&bytes) {
        found.smime = contents(path, &bytes, passphrases)?;
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    anyhow::ensure!(!bytes.is_empty(), "{} is empty", path.display());
    Ok(bytes)
}

fn secret(path: &Path, bytes: &[u8], passphrases: &Passphrases) -> Result<Vec<openpgp::SecretIdentity>> {
    let open = |passphrase: Option<&str>| openpgp::SecretIdentity::parse(bytes, passphrase);
    match open(None) {
        Err(KeyError::None) => Ok(Vec::new()),
        Err(KeyError::Locked) => {
            let is_wrong = |error: &KeyError| *error == KeyError::Locked;
            passphrases.unlock(path, is_wrong, |passphrase| open(Some(passphrase)))
        }
        opened => opened.with_context(|| path.display().to_string()),
    }
}

fn contents(path: &Path, bytes: &[u8], passphrases: &Passphrases) -> Result<Contents> {
    let open = |passphrase: Option<&str>| smime::key_file::read(bytes, passphrase);
    match open(None) {
        Err(LockError::PassphraseNeeded | LockError::Passphrase) => {
            let is_wrong = |error: &LockError| matches!(error, LockError::Passphrase | LockError::PassphraseNeeded);
            passphrases.unlock(path, is_wrong, |passphrase| open(Some(passphrase)))
        }
        opened => opened.with_context(|| path.display().to_string()),
    }
}

/// Those certificates of a file that somebody reads with: those of its private
/// keys, else all but authorities, unless there is nothing else.
fn readers(contents: &Contents) -> Vec<smime::Certificate> {
    let own: Vec<_> = contents.keys.iter().flat_map(|key| contents.certificates_of(key)).cloned().collect();
    if !own.is_empty() {
        return own;
    }
    let people: Vec<_> = contents.certificates.iter().filter(|one| !one.is_authority()).cloned().collect();
    if people.is_empty() { contents.certificates.clone() } else { people }
}

const ARMOR: &[u8] = b"-----BEGIN PGP ";

/// In armor, or with the first bit of an OpenPGP packet (RFC 9580 §4.2).
fn is_openpgp(bytes: &[u8]) -> bool {
    holds(bytes, ARMOR) || bytes.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// PEM of any other kind, or anything binary that is no OpenPGP.
fn is_smime(bytes: &[u8]) -> bool {
    let is_other_pem = bytes
        .windows(b"-----BEGIN ".len())
        .enumerate()
        .any(|(at, window)| window == b"-----BEGIN " && !bytes.get(at..).is_some_and(|rest| rest.starts_with(ARMOR)));
    is_other_pem || !is_openpgp(bytes)
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
