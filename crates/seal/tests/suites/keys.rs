//! Keys of the suites, and what is common to their cases.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use seal::opening::{self, Keys, Limits, Opened, Refused, Signature};
use smime::DecryptionIdentity;
use smime::pkcs12::Contents;
use smime::trust::Trust;

/// Who opens, and whom they trust. Nobody is trusted for another address than
/// that of the author.
pub struct Ring {
    pub secret: Vec<openpgp::SecretIdentity>,
    pub signers: Vec<openpgp::Certificate>,
    pub smime: Contents,
    pub anchors: Vec<smime::Certificate>,
    pub now: Timestamp,
}

impl Ring {
    pub fn at(now: &str) -> Self {
        let now = now.parse().unwrap();
        Self { secret: Vec::new(), signers: Vec::new(), smime: Contents::default(), anchors: Vec::new(), now }
    }

    /// Adds an OpenPGP key, with its private half if it is there.
    pub fn openpgp(mut self, path: &Path) -> Self {
        let bytes = read(path);
        self.signers.extend(openpgp::Certificate::parse(&bytes).unwrap());
        self.secret.extend(openpgp::SecretIdentity::parse(&bytes, None).unwrap_or_default());
        self
    }

    /// Adds a private key and its certificate.
    pub fn smime(mut self, path: &Path, passphrase: &str) -> Self {
        let contents = smime::key_file::read(&read(path), Some(passphrase)).unwrap();
        self.smime.keys.extend(contents.keys);
        self.smime.certificates.extend(contents.certificates);
        self
    }

    /// Adds certificates that are trusted as authorities or by themselves.
    pub fn trusting(mut self, path: &Path) -> Self {
        self.anchors.extend(smime::Certificate::read_all(&read(path)).unwrap());
        self
    }

    pub fn open(&self, message: &[u8]) -> Result<Opened, Refused> {
        let identities: Vec<DecryptionIdentity<'_>> = self
            .smime
            .keys
            .iter()
            .map(|key| DecryptionIdentity { certificate: self.smime.certificates_of(key).next(), decrypter: key })
            .collect();
        let trust = Trust::new(self.anchors.clone()).with_intermediates(self.anchors.clone());
        let trust = self.anchors.iter().fold(trust, |trust, one| trust.pinning(one.fingerprint_sha256()));
        let keys = Keys {
            openpgp: &self.secret,
            openpgp_signers: &self.signers,
            smime: &identities,
            smime_trust: &trust,
            given: &[],
        };
        opening::open(message, &keys, self.now, &Limits::default())
    }
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every message below a folder, in order; there must be some.
pub fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if path.extension().is_some_and(|extension| extension == "eml") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no message in {}", folder.display());
    found
}

/// `valid whole a@x.example`, a line each.
pub fn told(signatures: &[Signature]) -> String {
    let line = |one: &Signature| {
        let valid = if one.valid { "valid" } else { "invalid" };
        format!("{valid} {} {}", format!("{:?}", one.covers).to_lowercase(), one.by)
    };
    signatures.iter().map(line).collect::<Vec<_>>().join(", ")
}
