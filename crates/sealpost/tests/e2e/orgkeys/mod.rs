//! The organisation's own keys: made, imported, signing, opening, published,
//! ended; each way with gpg and with openssl.

mod made;
mod opening;
mod published;
mod signing;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testkit::process;

use crate::clinic::Clinic;

/// A command whose output is one JSON object.
#[track_caller]
pub fn json<'a>(clinic: &Clinic, arguments: impl IntoIterator<Item = &'a str>) -> Value {
    let printed = clinic.machine.ok(arguments.into_iter().chain(["--json"]));
    serde_json::from_str(printed.trim()).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// The id of a key that was just made.
pub fn id(key: &Value) -> String {
    key["id"].as_str().unwrap().to_owned()
}

/// An OpenPGP key for a sender.
pub fn openpgp(clinic: &Clinic, owner: &str) -> Value {
    json(clinic, ["orgkey", "generate", owner, "--name", "Lakeside Clinic"])
}

/// An authority of openssl's that certifies people.
pub struct Authority {
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        let (key, certificate) = (authority.named("ca.key"), authority.named("ca.pem"));
        let mut arguments = vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        arguments.extend(["-subj", "/CN=Test Authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
        arguments.extend(["-days", "30", "-keyout", &key, "-out", &certificate]);
        openssl(&arguments, b"");
        authority
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn named(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Signs a request, as it asks, and gives the file with the certificate.
    pub fn sign(&self, request: &str) -> String {
        std::fs::write(self.path("request.pem"), request).unwrap();
        let request = self.named("request.pem");
        openssl(&["req", "-in", &request, "-verify", "-noout"], b"");
        let (ca, key, out) = (self.named("ca.pem"), self.named("ca.key"), self.named("certificate.pem"));
        let mut arguments = vec!["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &key, "-CAcreateserial"];
        arguments.extend(["-copy_extensions", "copyall", "-days", "20", "-out", &out]);
        openssl(&arguments, b"");
        out
    }

    /// A certified key of S/MIME for a sender.
    pub fn certify(&self, clinic: &Clinic, owner: &str, algorithm: &str) -> Value {
        let made = json(clinic, ["orgkey", "generate", owner, "--format", "smime", "--algorithm", algorithm]);
        assert_eq!(made["state"], "pending");
        let certificate = self.sign(made["request"].as_str().unwrap());
        let certified = json(clinic, ["orgkey", "import", &certificate]);
        assert_eq!((&certified["state"], &certified["id"]), (&"active".into(), &made["id"]));
        certified
    }

    /// What openssl makes of a signed message: what was signed, if this
    /// authority vouches for the signer and nothing was changed.
    pub fn verify(&self, message: &[u8]) -> Result<String, String> {
        let mut command = Command::new("openssl");
        command.args(["cms", "-verify", "-purpose", "smimesign", "-CAfile"]).arg(self.path("ca.pem"));
        let output = process::run(&mut command, message);
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// Runs openssl, which must succeed.
#[track_caller]
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = process::run(Command::new("openssl").args(arguments), input);
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// PGP/MIME around what gpg made.
pub fn pgp_mime(fields: &str, armored: &[u8]) -> String {
    format!(
        "{fields}MIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; \
         boundary=\"b\"\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\n\
         Content-Type: application/octet-stream\n\n{}\n--b--\n",
        String::from_utf8_lossy(armored)
    )
}

/// The kinds of the ledger's events about own keys, in order.
pub fn told(clinic: &Clinic) -> String {
    clinic.machine.ok(["audit", "verify"])
}
