//! `openssl cms`, GnuPG and Python beside the real binary, and their keys.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use testkit::process::run;

use crate::clinic::BINARY;

/// A folder with key files.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.named(name)
    }

    pub fn named(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A private key and a certificate that it signed itself: `name.key`,
    /// `name.crt`, both in `name.pem`.
    pub fn certificate(&self, name: &str, algorithm: &[&str]) {
        let alternative = format!("subjectAltName=email:{name}@x.example");
        let (key, certificate) = (self.named(&format!("{name}.key")), self.named(&format!("{name}.crt")));
        let subject = format!("/CN={name}");
        let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-newkey"];
        arguments.extend_from_slice(algorithm);
        arguments.extend_from_slice(&[
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-subj",
            &subject,
            "-addext",
            &alternative,
        ]);
        openssl(&arguments, b"");
        let both = [std::fs::read(&key).unwrap(), std::fs::read(&certificate).unwrap()].concat();
        self.write(&format!("{name}.pem"), &both);
    }

    /// Runs the binary, without any configuration.
    pub fn sealpost(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().current_dir(self.folder.path());
        run(&mut command, input)
    }

    /// What it wrote.
    pub fn must(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.sealpost(arguments, input);
        assert!(output.status.success(), "sealpost {arguments:?}: {}", told(&output));
        output.stdout
    }

    /// What `open --json` says.
    pub fn report(&self, keys: &[&str], message: &[u8]) -> Value {
        let arguments = [&["open", "-", "--json", "--key"], keys].concat();
        serde_json::from_slice(&self.must(&arguments, message)).unwrap()
    }

    /// What `open` writes.
    pub fn open(&self, keys: &[&str], message: &[u8]) -> Vec<u8> {
        self.must(&[&["open", "-", "--key"], keys].concat(), message)
    }

    /// That the message is refused, and nothing of it comes out.
    pub fn refuses(&self, keys: &[&str], message: &[u8], because: &str) {
        for json in [&[][..], &["--json"]] {
            let output = self.sealpost(&[&["open", "-"], json, &["--key"], keys].concat(), message);
            assert_eq!(output.status.code(), Some(1), "{}", told(&output));
            assert_eq!(output.stdout, b"", "{}", told(&output));
            assert!(told(&output).contains(because), "{}", told(&output));
        }
    }
}

pub fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `openssl` wrote.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(Command::new("openssl").args(arguments), input);
    assert!(output.status.success(), "openssl {arguments:?}: {}", told(&output));
    output.stdout
}

/// The part of a PGP/MIME message that `gpg` takes.
pub fn armored(message: &[u8]) -> Vec<u8> {
    let find = |mark: &[u8]| message.windows(mark.len()).position(|window| window == mark).unwrap();
    let end = b"-----END PGP MESSAGE-----";
    message[find(b"-----BEGIN PGP MESSAGE-----")..find(end) + end.len()].to_vec()
}

/// A PGP/MIME message around what `gpg` wrote.
pub fn pgp_mime(armored: &[u8]) -> Vec<u8> {
    let head = "From: alice@x.example\r\nTo: bob@x.example\r\nSubject: ...\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=g\r\n\r\n\
        --g\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n\
        --g\r\nContent-Type: application/octet-stream\r\n\r\n";
    [head.as_bytes(), armored, b"\r\n--g--\r\n"].concat()
}

/// Runs Debian's Python.
pub fn python(script: &str, arguments: &[&Path], input: &[u8]) -> Vec<u8> {
    let output = run(Command::new("/usr/bin/python3").arg("-c").arg(script).args(arguments), input);
    assert!(output.status.success(), "python3: {}", told(&output));
    output.stdout
}
