//! What the tests of this crate share: randomness, openssl, and identities made by it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mail::Entropy;
use smime::{Certificate, DecryptionIdentity, SigningIdentity, SoftwareKey, key_file};
use tempfile::TempDir;

/// The provider's generator.
pub struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("random bytes");
    }
}

/// A folder in which openssl works, with an authority.
pub struct Desk {
    folder: TempDir,
}

/// A key and its certificate, as files in the folder and as ours.
pub struct Person {
    pub name: String,
    pub key: SoftwareKey,
    pub certificate: Certificate,
}

impl Person {
    pub fn to_open(&self) -> DecryptionIdentity<'_> {
        DecryptionIdentity { certificate: Some(&self.certificate), decrypter: &self.key }
    }

    pub fn to_sign<'a>(&'a self, chain: &'a [Certificate]) -> SigningIdentity<'a> {
        SigningIdentity { certificate: &self.certificate, chain, signer: &self.key, encryption: None }
    }
}

/// What a user's certificate says.
const USER: &str = "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
    extendedKeyUsage=emailProtection\nsubjectAltName=email:NAME@example.com\n";
const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
    subjectKeyIdentifier=hash\n";

/// An authority that revokes, with openssl's database.
const REVOKER: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncertificate=ca.pem\nprivate_key=ca.key\n\
    default_md=sha256\ncrlnumber=crlnumber\ndefault_crl_days=7\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n";

impl Desk {
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        desk.write("authority.ext", AUTHORITY.as_bytes());
        desk.request("ca", "rsa:2048");
        desk.run("x509 -req -in ca.csr -signkey ca.key -days 3650 -extfile authority.ext -out ca.pem");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("a file")
    }

    pub fn authority(&self) -> Certificate {
        Certificate::read_all(&self.read("ca.pem")).expect("the authority").remove(0)
    }

    fn request(&self, name: &str, key: &str) {
        self.run(&format!("req -new -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /O=Test/CN={name}"));
    }

    /// A person with a key of this kind, certified by the authority.
    pub fn person(&self, name: &str, key: &str) -> Person {
        self.person_with(name, key, "")
    }

    /// The same, with more extensions.
    pub fn person_with(&self, name: &str, key: &str, extensions: &str) -> Person {
        self.write(&format!("{name}.ext"), format!("{}{extensions}", USER.replace("NAME", name)).as_bytes());
        self.request(name, key);
        self.run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile {name}.ext -out {name}.pem"
        ));
        let file = [self.read(&format!("{name}.key")), self.read(&format!("{name}.pem"))].concat();
        let mut contents = key_file::read(&file, None).expect("a key and a certificate");
        let (key, certificate) = (contents.keys.remove(0), contents.certificates.remove(0));
        Person { name: name.to_owned(), key, certificate }
    }

    /// Makes the authority's database, in which `good` and `bad` may be registered, and a list of the revoked.
    pub fn revoke(&self) {
        self.write("ca.cnf", REVOKER.as_bytes());
        self.write("index.txt", b"");
        self.write("crlnumber", b"01\n");
        for name in ["p", "r", "good"].into_iter().filter(|name| self.path(&format!("{name}.pem")).exists()) {
            self.run(&format!("ca -config ca.cnf -valid {name}.pem"));
        }
        if self.path("bad.pem").exists() {
            self.run("ca -config ca.cnf -revoke bad.pem -crl_reason keyCompromise");
        }
        self.run("ca -config ca.cnf -gencrl -out list.pem");
        self.run("crl -in list.pem -outform DER -out list.der");
    }

    /// Runs openssl in the folder, which must succeed.
    pub fn run(&self, arguments: &str) -> Vec<u8> {
        self.attempt(arguments).unwrap_or_else(|error| panic!("openssl {arguments}: {error}"))
    }

    /// Runs openssl in the folder: what it writes, or what it says.
    pub fn attempt(&self, arguments: &str) -> Result<Vec<u8>, String> {
        let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(self.folder()).output();
        let output = output.expect("openssl");
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// The kinds of keys that mail has, as openssl makes them.
pub const KEYS: [(&str, &str); 3] = [
    ("rsa", "rsa:2048"),
    ("p256", "ec -pkeyopt ec_paramgen_curve:P-256"),
    ("p384", "ec -pkeyopt ec_paramgen_curve:P-384"),
];
