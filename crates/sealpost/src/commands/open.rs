//! `sealpost open`: what is inside a message file, and what is proven of it.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use jiff::Timestamp;
use seal::opening::{self, Keys, Limits, Report};
use smime::DecryptionIdentity;
use smime::pkcs12::Contents;
use smime::trust::Trust;

use super::key_file::{self, Private};
use super::passphrase::Passphrases;
use super::{print, say};
use crate::cli::{Cli, Files, Open};

/// Runs it.
pub fn run(cli: &Cli, wanted: &Open) -> Result<ExitCode> {
    let (message, keys) = message_and_keys("open", &wanted.files);
    let passphrases = Passphrases::read(cli, &wanted.files.passphrases)?;
    let keys = Ring::read(keys, &passphrases)?;
    let opened = keys.open(&message_file(message)?)?;
    if cli.json {
        print(&serde_json::to_string(&opened.report)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    tell(&opened.report);
    write_out(&opened.entity)?;
    Ok(ExitCode::SUCCESS)
}

/// The message and the keys; a usage error ends the process where there is no message.
pub fn message_and_keys<'a>(verb: &str, files: &'a Files) -> (&'a Path, &'a [PathBuf]) {
    files.split().unwrap_or_else(|| usage(verb, "a MESSAGE is needed; - is stdin"))
}

/// Ends the process: exit 2.
pub fn usage(verb: &str, what: &str) -> ! {
    let mut command = Cli::command();
    command.build();
    let mut verb = command.find_subcommand_mut(verb).map_or_else(Cli::command, |verb| verb.clone());
    verb.error(ErrorKind::MissingRequiredArgument, what).exit()
}

/// The bytes of a message file. A mailbox file's first line is no part of it.
pub fn message_file(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("can't read stdin")?;
    } else {
        bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    }
    if bytes.starts_with(b"From ") {
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.drain(..line);
    }
    Ok(bytes)
}

/// Writes a message to stdout. A reader that has gone away is no failure.
pub fn write_out(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("can't write to stdout"),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn tell(report: &Report) {
    say(&report.line());
    for signature in report.signatures.iter().filter(|signature| !signature.valid) {
        say(&format!(
            "not valid: a signature by {}: {}",
            signature.by,
            signature.because.as_deref().unwrap_or_default()
        ));
    }
    if let Some(headers) = &report.headers {
        let subject = headers.subject.as_deref().map(|subject| format!(": {}", subject.escape_debug()));
        say(&format!(
            "the header fields are protected{}",
            subject.map_or_else(String::new, |text| format!("; Subject{text}"))
        ));
        if !headers.mismatch.is_empty() {
            say(&format!("changed on the way: {}", headers.mismatch.join(", ")));
        }
    }
    if report.is_malleable() {
        say("a stranger may have put this content together: nothing in it may be loaded from elsewhere");
    }
}

/// All that the key files hold.
struct Ring {
    openpgp: Vec<openpgp::Certificate>,
    openpgp_secret: Vec<openpgp::SecretIdentity>,
    smime: Contents,
}

impl Ring {
    fn read(files: &[PathBuf], passphrases: &Passphrases) -> Result<Self> {
        let mut ring = Self { openpgp: Vec::new(), openpgp_secret: Vec::new(), smime: Contents::default() };
        for path in files {
            let Private { openpgp, openpgp_secret, smime } = key_file::private(path, passphrases)?;
            ring.openpgp.extend(openpgp);
            ring.openpgp_secret.extend(openpgp_secret);
            ring.smime.keys.extend(smime.keys);
            ring.smime.certificates.extend(smime.certificates);
        }
        Ok(ring)
    }

    fn open(&self, message: &[u8]) -> Result<opening::Opened> {
        let keys = Keys {
            openpgp: &self.openpgp_secret,
            openpgp_signers: &self.openpgp,
            smime: &self.identities(),
            smime_trust: &self.trust(),
            given: &self.given(),
        };
        Ok(opening::open(message, &keys, Timestamp::now(), &Limits::default())?)
    }

    /// Each private key with its certificates, from whichever files they came.
    fn identities(&self) -> Vec<DecryptionIdentity<'_>> {
        let mut identities = Vec::new();
        for key in &self.smime.keys {
            let known = identities.len();
            let certified = self.smime.certificates_of(key);
            identities.extend(certified.map(|own| DecryptionIdentity { certificate: Some(own), decrypter: key }));
            if identities.len() == known {
                identities.push(DecryptionIdentity { certificate: None, decrypter: key });
            }
        }
        identities
    }

    /// What is handed over by file is trusted: a certificate by itself, an
    /// authority's for those below it too.
    fn trust(&self) -> Trust {
        let all = &self.smime.certificates;
        let authorities = all.iter().filter(|certificate| certificate.is_authority()).cloned().collect();
        let trust = Trust::new(authorities).with_intermediates(all.clone());
        all.iter().fold(trust, |trust, certificate| trust.pinning(certificate.fingerprint_sha256()))
    }

    fn given(&self) -> Vec<String> {
        let openpgp = self.openpgp.iter().map(|certificate| certificate.fingerprint().to_string());
        openpgp.chain(self.smime.certificates.iter().map(opening::fingerprint)).collect()
    }
}
