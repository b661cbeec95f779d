//! `sealpost seal`: a message file, sealed for the holders of keys.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use seal::protect::{HeaderPolicy, Keys, ProtectError, Protected, Protection, Replies, protect};
use seal::{Edits, protect::Facts};
use smime::SigningIdentity;
use smime::algorithm::ContentCipher;

use super::key_file::{self, Private, Public};
use super::open::{message_and_keys, message_file, usage, write_out};
use super::passphrase::Passphrases;
use super::{print, say};
use crate::cli::{Cli, Seal, SealFormat};
use crate::seams::SystemEntropy;

/// Runs it.
pub fn run(cli: &Cli, wanted: &Seal) -> Result<ExitCode> {
    let (message, keys) = message_and_keys("seal", &wanted.files);
    if keys.is_empty() && wanted.sign.is_none() {
        usage("seal", "--key names whom to seal for, --sign who signs: one of them is needed");
    }
    if cli.json && wanted.out.is_none() {
        usage("seal", "with --json the message goes to the file that --out names");
    }
    let passphrases = Passphrases::read(cli, &wanted.files.passphrases)?;
    let job = Job::read(wanted, keys, &passphrases)?;
    let sealed = job.seal(&message_file(message)?, wanted)?;
    match &wanted.out {
        Some(path) => std::fs::write(path, &sealed.bytes).with_context(|| format!("can't write {}", path.display()))?,
        None => write_out(&sealed.bytes)?,
    }
    if cli.json {
        print(&serde_json::to_string(&sealed.facts)?)?;
    } else {
        tell(&sealed.facts);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(facts: &Facts) {
    for to in &facts.to {
        say(&format!("sealed for {} by {}", to.fingerprint, to.algorithm));
    }
    if let Some(cipher) = &facts.cipher {
        say(&format!("the content is encrypted with {cipher}"));
    }
    if let Some(signed_by) = &facts.signed_by {
        say(&format!("signed by {signed_by}"));
    }
}

/// Whose keys are used, each with the file that it came from.
#[derive(Default)]
struct Job {
    openpgp: Vec<(PathBuf, openpgp::Certificate)>,
    smime: Vec<(PathBuf, smime::Certificate)>,
    sign: Option<(PathBuf, Private)>,
}

impl Job {
    fn read(wanted: &Seal, keys: &[PathBuf], passphrases: &Passphrases) -> Result<Self> {
        let mut job = Self::default();
        for path in keys {
            let Public { openpgp, smime } = key_file::public(path, passphrases)?;
            job.openpgp.extend(openpgp.into_iter().map(|certificate| (path.clone(), certificate)));
            job.smime.extend(smime.into_iter().map(|certificate| (path.clone(), certificate)));
        }
        if let Some(path) = &wanted.sign {
            job.sign = Some((path.clone(), key_file::private(path, passphrases)?));
        }
        Ok(job)
    }

    fn seal(&self, message: &[u8], wanted: &Seal) -> Result<Protected> {
        match self.format(wanted.format)? {
            SealFormat::Pgp => self.seal_openpgp(message, wanted),
            SealFormat::Smime => self.seal_smime(message, wanted),
        }
    }

    /// What the keys are for. They must all be for one format.
    fn format(&self, wanted: Option<SealFormat>) -> Result<SealFormat> {
        let sign = self.sign.iter();
        let openpgp = self.openpgp.iter().map(|(path, _)| path);
        let openpgp: Vec<_> =
            openpgp.chain(sign.clone().filter(|(_, key)| !key.openpgp.is_empty()).map(|(path, _)| path)).collect();
        let smime = self.smime.iter().map(|(path, _)| path);
        let smime: Vec<_> =
            smime.chain(sign.filter(|(_, key)| !key.smime.keys.is_empty()).map(|(path, _)| path)).collect();
        match (wanted, openpgp.first(), smime.first()) {
            (_, Some(openpgp), Some(smime)) => bail!(
                "the keys are of two formats, and a message has one: {} is for OpenPGP, {} for S/MIME",
                openpgp.display(),
                smime.display()
            ),
            (Some(SealFormat::Smime), Some(openpgp), None) => {
                bail!("{} is an OpenPGP key, and --format asks for S/MIME", openpgp.display())
            }
            (Some(SealFormat::Pgp), None, Some(smime)) => {
                bail!("{} is for S/MIME, and --format asks for OpenPGP", smime.display())
            }
            (_, Some(_), None) => Ok(SealFormat::Pgp),
            (_, None, Some(_)) => Ok(SealFormat::Smime),
            (_, None, None) => bail!("there is no key in the files"),
        }
    }

    fn seal_openpgp(&self, message: &[u8], wanted: &Seal) -> Result<Protected> {
        let now = Timestamp::now();
        let to: Vec<openpgp::Certificate> = self.openpgp.iter().map(|(_, certificate)| certificate.clone()).collect();
        let sign = self.sign.as_ref().map(|(path, key)| {
            let first = key.openpgp_secret.first();
            let first = first.with_context(|| format!("{}: there is no private key to sign with", path.display()))?;
            first.signing(now).with_context(|| path.display().to_string())
        });
        let sign = sign.transpose()?;
        let keys = Keys::OpenPgp { to: &to, sign: sign.as_ref() };
        let files: Vec<&PathBuf> = self.openpgp.iter().map(|(path, _)| path).collect();
        protected(message, keys, wanted, now, &files)
    }

    fn seal_smime(&self, message: &[u8], wanted: &Seal) -> Result<Protected> {
        let now = Timestamp::now();
        let ready = |(path, certificate): &(PathBuf, smime::Certificate)| {
            certificate.usable_for_encryption(now).with_context(|| path.display().to_string())
        };
        let to: Vec<smime::Recipient> = self.smime.iter().map(ready).collect::<Result<_>>()?;
        let sign = self.sign.as_ref().map(|(path, key)| signer(path, key)).transpose()?;
        let cipher = wanted.aead.then_some(ContentCipher::Aes256Gcm);
        let keys = Keys::Smime { to: &to, sign: sign.as_ref(), cipher };
        let files: Vec<&PathBuf> = self.smime.iter().map(|(path, _)| path).collect();
        protected(message, keys, wanted, now, &files)
    }
}

fn signer<'a>(path: &std::path::Path, private: &'a Private) -> Result<SigningIdentity<'a>> {
    let contents = &private.smime;
    for key in &contents.keys {
        if let Some(certificate) = contents.certificates_of(key).next() {
            let chain = contents.certificates.get(1..).unwrap_or_default();
            return Ok(SigningIdentity { certificate, chain, signer: key, encryption: None });
        }
    }
    ensure!(!contents.keys.is_empty(), "{}: there is no private key to sign with", path.display());
    bail!("{}: there is no certificate for the private key", path.display())
}

fn protected(message: &[u8], keys: Keys<'_>, wanted: &Seal, now: Timestamp, files: &[&PathBuf]) -> Result<Protected> {
    let headers = HeaderPolicy {
        subject: mail::header::encoded(&wanted.outer_subject),
        is_displayed: wanted.legacy_display,
        ..HeaderPolicy::default()
    };
    let (edits, replies) = (Edits::default(), Replies::default());
    let how = Protection { keys, headers: &headers, edits: &edits, replies: &replies };
    protect(message, &how, now, &SystemEntropy).map_err(|error| match error {
        ProtectError::Recipients(unusable) => {
            let named = |index: usize| files.get(index).map(|path| path.display().to_string()).unwrap_or_default();
            let lines: Vec<String> =
                unusable.iter().map(|key| format!("{}: {}", named(key.index), key.reason)).collect();
            anyhow::anyhow!(lines.join("\n"))
        }
        error => error.into(),
    })
}
