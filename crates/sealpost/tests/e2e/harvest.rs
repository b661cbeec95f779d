//! Keys that come with mail: only of mail that its author's domain answers
//! for, and used only where policy counts such keys.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::clients::python;
use testkit::gnupg::GnuPg;
use testkit::sealpost::Server;
use testkit::{process, wait};

use crate::border::{self, Peer, STRANGER, accepted};
use crate::clinic::{Clinic, Kind, find};

/// Where nobody of the authors' domains sends from.
const ELSEWHERE: &str = "127.0.0.25";

/// A domain of patients: it signs its mail by DKIM and publishes SPF and DMARC.
struct Domain<'c> {
    clinic: &'c Clinic,
    name: String,
    key: PathBuf,
}

/// Signs a message as a domain's server would.
const SIGN: &str = "
import sys, json, dkim
job = json.load(sys.stdin)
message = job['message'].replace('\\r\\n', '\\n').replace('\\n', '\\r\\n').encode()
names = [name.encode() for name in job['names']]
key = open(job['key'], 'rb').read()
signature = dkim.sign(message, b'patients', job['domain'].encode(), key, include_headers=names)
sys.stdout.buffer.write(signature + message)
";

const MAKE_KEY: &str = "import subprocess, sys\npath = sys.stdin.read()\n\
    subprocess.run(['openssl', 'genrsa', '-traditional', '-out', path, '2048'], check=True, capture_output=True)\n\
    out = subprocess.run(['openssl', 'rsa', '-in', path, '-pubout'], check=True, capture_output=True).stdout.decode()\n\
    sys.stdout.write(''.join(out.splitlines()[1:-1]))";

impl<'c> Domain<'c> {
    fn new(clinic: &'c Clinic) -> Self {
        Self::named(clinic, &clinic.domain())
    }

    /// `name` as A-label.
    fn named(clinic: &'c Clinic, name: &str) -> Self {
        clinic.mx(name, Kind::Clear);
        let key = clinic.machine.path(&format!("{name}.pem"));
        let record = python(MAKE_KEY, key.to_str().unwrap().as_bytes()).expect_success().text;
        let (first, rest) = record.trim().split_at(200);
        clinic.dns.add(&format!(
            "{name} TXT \"v=spf1 ip4:{STRANGER} -all\"\n_dmarc.{name} TXT \"v=DMARC1; p=none\"\n\
             patients._domainkey.{name} TXT \"v=DKIM1; k=rsa; p=\" \"{first}\" \"{rest}\"\n"
        ));
        Self { clinic, name: name.to_owned(), key }
    }

    fn address(&self, local: &str) -> String {
        format!("{local}@{}", self.name)
    }

    /// The message under a signature over these fields.
    fn signed(&self, message: &str, more: &[&str]) -> String {
        let names =
            [&["from", "to", "subject", "date", "message-id", "mime-version", "content-type"][..], more].concat();
        let job = json!({"message": message, "names": names, "key": self.key, "domain": self.name});
        python(SIGN, job.to_string().as_bytes()).expect_success().text
    }

    /// Brings a message of one of its mailboxes from there.
    fn bring(&self, server: &Server<'_>, address: &str, local: &str, message: &str) -> String {
        let (from, to) = (self.address(local), [self.clinic.nurse.as_str()]);
        accepted(Peer { address, tls: true, certificate: None, from: &from, to: &to, message }.bring(server))
    }

    /// A letter of one of its mailboxes with these fields.
    fn letter(&self, local: &str, more: &str) -> String {
        letter(&self.address(local), &self.clinic.nurse, more, "May I come?\n")
    }
}

fn letter(from: &str, to: &str, more: &str, text: &str) -> String {
    format!(
        "From: Pat <{from}>\nTo: {to}\nSubject: A question\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n\
         Message-ID: <{number}@p.example>\nMIME-Version: 1.0\n{more}\n{text}",
        number = from.replace('@', ".")
    )
}

/// An Autocrypt field with the key of a gpg key ring.
fn autocrypt(gpg: &GnuPg, address: &str) -> String {
    let key_data = gpg.must(&["--export", "--export-options", "export-minimal", address], b"");
    let field = openpgp::autocrypt::Autocrypt { address: address.parse().unwrap(), prefers_encryption: true, key_data };
    format!("Autocrypt: {}\n", openpgp::autocrypt::build(&field).replace("\r\n", "\n"))
}

fn keys(clinic: &Clinic, address: &str) -> Vec<Value> {
    let shown: Value = serde_json::from_str(&clinic.machine.ok(["recipient", "show", address, "--json"])).unwrap();
    shown["keys"].as_array().unwrap().clone()
}

/// Waits until something is known for an address.
#[track_caller]
fn key(clinic: &Clinic, address: &str) -> Value {
    wait::until(&format!("a key of {address}"), || keys(clinic, address).pop())
}

/// Sends a message that needs end-to-end protection; gives the method and why.
fn method(clinic: &Clinic, server: &Server<'_>, to: &str) -> (String, Value) {
    let mail = clinic.mail();
    let id =
        clinic.send(server, &crate::clinic::Mail { to: &[to], header: "X-Sealpost-Protect: end_to_end\n", ..mail });
    let sealed = clinic.wait_for(&id, "sealed", to);
    if sealed["method"] != "portal" {
        clinic.wait_for(&id, "delivered", to);
    }
    (id, sealed)
}

#[test]
fn an_autocrypt_key_comes_with_mail_and_seals_where_policy_counts_it() {
    let (clinic, gpg) = (border::clinic(""), GnuPg::new());
    let domain = Domain::new(&clinic);
    let pat = domain.address("pat");
    let fingerprint = gpg.generate(&format!("Pat <{pat}>"), "ed25519", "cv25519");
    let server = clinic.serve();
    let message = domain.signed(&domain.letter("pat", &autocrypt(&gpg, &pat)), &["autocrypt"]);
    let id = domain.bring(&server, ELSEWHERE, "pat", &message);
    let found = key(&clinic, &pat);
    assert_eq!((&found["fingerprint"], &found["source"]), (&json!(fingerprint), &json!("autocrypt")), "{found}");
    assert_eq!((&found["detail"], &found["prefers_encryption"]), (&json!(id), &json!(true)));
    assert_eq!(found["state"], "active");
    let shown = clinic.machine.ok(["recipient", "show", &pat]);
    assert!(shown.contains(&format!("from autocrypt ({id})")) && shown.contains("first seen 20"), "{shown}");

    let (_, sealed) = method(&clinic, &server, &pat);
    assert_eq!(sealed["method"], "portal", "{sealed}");
    assert!(sealed["because"].as_str().unwrap().contains("keys from autocrypt don't count here"), "{sealed}");
    server.stop();
    clinic.machine.write("conf.d/zz.toml", "[policy.keys]\nend_to_end = ['autocrypt']\n");
    let server = clinic.serve();
    let (id, sealed) = method(&clinic, &server, &pat);
    assert_eq!((&sealed["method"], &sealed["key"]["source"]), (&json!("openpgp"), &json!("autocrypt")), "{sealed}");
    let delivered = find(&clinic.events(&id), "delivered", &pat).unwrap();
    assert_eq!(delivered["sealing"]["fingerprint"], fingerprint.as_str());
    let sealed = clinic.letters(Kind::Clear, &pat, 2).into_iter().map(|letter| letter.text());
    let sealed = sealed.into_iter().find(|text| text.contains("BEGIN PGP MESSAGE")).unwrap();
    let begin = sealed.find("-----BEGIN PGP MESSAGE-----").unwrap();
    let end = sealed.find("-----END PGP MESSAGE-----").unwrap();
    let armored = format!("{}-----END PGP MESSAGE-----\n", &sealed[begin..end]);
    let opened = gpg.must(&["--decrypt"], armored.as_bytes());
    assert!(String::from_utf8_lossy(&opened).contains("See you on Tuesday."));
    clinic.machine.ok(["audit", "verify"]);
}

/// An authority for people's certificates.
struct Authority {
    folder: TempDir,
}

const ISSUE: &str = "
import sys, json, datetime
from cryptography import x509
from cryptography.x509.oid import NameOID, ExtendedKeyUsageOID
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
job = json.load(sys.stdin)
folder, now = job['folder'], datetime.datetime.utcnow()
pem = serialization.Encoding.PEM
def name(text): return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
def save(path, key, certificate):
    open(path + '.key', 'wb').write(key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    open(path + '.pem', 'wb').write(certificate.public_bytes(pem))
def builder(subject, issuer, key, days):
    return (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=90))
        .not_valid_after(now + datetime.timedelta(days=days)))
def usage(**yes):
    every = ['digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment', 'key_agreement',
             'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only']
    return x509.KeyUsage(**{one: one in yes for one in every})
key = rsa.generate_private_key(65537, 2048)
if job['address'] is None:
    made = builder('People', 'People', key, 900).add_extension(x509.BasicConstraints(True, None), True)
    made = made.add_extension(usage(key_cert_sign=1, crl_sign=1), True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    save(folder + '/ca', key, made.sign(key, hashes.SHA256()))
else:
    ca = x509.load_pem_x509_certificate(open(folder + '/ca.pem', 'rb').read())
    ca_key = serialization.load_pem_private_key(open(folder + '/ca.key', 'rb').read(), None)
    made = builder('Pat', 'People', key, job['days']).add_extension(x509.BasicConstraints(False, None), True)
    made = made.add_extension(usage(digital_signature=1, key_encipherment=1), True)
    made = made.add_extension(x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, job['purpose'])]), False)
    made = made.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(job['address'])]), False)
    made = made.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
    save(folder + '/' + job['file'], key, made.sign(ca_key, hashes.SHA256()))
";

impl Authority {
    fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        authority.issue("ca", None, 0, "");
        authority
    }

    fn issue(&self, file: &str, address: Option<&str>, days: i32, purpose: &str) {
        let folder = self.folder.path();
        let job = json!({"folder": folder, "file": file, "address": address, "days": days, "purpose": purpose});
        python(ISSUE, job.to_string().as_bytes()).expect_success();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A message that the holder of a certificate signed.
    fn signed(&self, file: &str, from: &str, to: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["cms", "-sign", "-text", "-from", from, "-to", to, "-subject", "Signed", "-md", "sha256"]);
        command.args(["-signer", &self.path(&format!("{file}.pem")), "-inkey", &self.path(&format!("{file}.key"))]);
        let output = process::run(&mut command, b"May I come?\n");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let signed = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
        format!("Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <{file}@p.example>\n{signed}")
    }

    /// What is inside of a sealed message.
    fn open(&self, file: &str, letter: &[u8]) -> String {
        let mut command = Command::new("openssl");
        command.args(["cms", "-decrypt", "-inkey", &self.path(&format!("{file}.key"))]);
        command.args(["-recip", &self.path(&format!("{file}.pem"))]);
        let output = process::run(&mut command, letter);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Its certificates name no place where their revocation could be learned.
    fn configuration(&self) -> String {
        let accept = "[policy.keys]\nunknown_revocation = 'accept'\n";
        format!("[smime]\nanchors = '{}'\n{accept}", self.path("ca.pem"))
    }
}

#[test]
fn the_certificate_of_a_signed_message_seals_the_next_mail() {
    let people = Authority::new();
    let clinic = border::clinic(&people.configuration());
    let domain = Domain::new(&clinic);
    let pat = domain.address("pat");
    people.issue("pat", Some(&pat), 300, "EMAIL_PROTECTION");
    let server = clinic.serve();
    let signed = domain.signed(&people.signed("pat", &pat, &clinic.nurse), &[]);
    let id = domain.bring(&server, ELSEWHERE, "pat", &signed);
    let found = key(&clinic, &pat);
    assert_eq!((&found["source"], &found["detail"]), (&json!("signed_mail"), &json!(id)), "{found}");
    let (id, sealed) = method(&clinic, &server, &pat);
    assert_eq!((&sealed["method"], &sealed["key"]["source"]), (&json!("smime"), &json!("signed_mail")), "{sealed}");
    let delivered = find(&clinic.events(&id), "delivered", &pat).unwrap();
    // What openssl announces has no GCM.
    assert_eq!(delivered["sealing"]["cipher"], "AES-256-CBC");
    let opened = people.open("pat", &clinic.letter(Kind::Clear, &pat).0);
    assert!(opened.contains("See you on Tuesday."), "{opened}");
    announces_gcm(&clinic, &server, &domain, &people);

    server.stop();
    clinic.machine.write("conf.d/zz.toml", "[policy.keys]\nend_to_end = ['staff']\n");
    let server = clinic.serve();
    let (_, sealed) = method(&clinic, &server, &pat);
    assert_eq!(sealed["method"], "portal", "{sealed}");
    assert!(sealed["because"].as_str().unwrap().contains("keys from signed_mail don't count here"), "{sealed}");
    clinic.machine.ok(["audit", "verify"]);
}

/// Whose program announces GCM gets it.
fn announces_gcm(clinic: &Clinic, server: &Server<'_>, domain: &Domain<'_>, people: &Authority) {
    let address = domain.address("gcm");
    people.issue("gcm", Some(&address), 300, "EMAIL_PROTECTION");
    let [certificate, key] = ["gcm.pem", "gcm.key"].map(|name| std::fs::read(people.path(name)).unwrap());
    let (own, plain) = (people.path("own.pem"), people.path("plain.eml"));
    std::fs::write(&own, [certificate, key].concat()).unwrap();
    std::fs::write(&plain, domain.letter("gcm", "Content-Type: text/plain\n")).unwrap();
    let signed = clinic.machine.ok(["seal", &plain, "--sign", &own]);
    domain.bring(server, ELSEWHERE, "gcm", &domain.signed(&signed, &[]));
    assert_eq!(key_source(clinic, &address), "signed_mail");
    let (id, _) = method(clinic, server, &address);
    let delivered = find(&clinic.events(&id), "delivered", &address).unwrap();
    assert_eq!(
        (&delivered["sealing"]["cipher"], &delivered["sealing"]["integrity"]),
        (&json!("AES-256-GCM"), &json!("aead"))
    );
}

fn key_source(clinic: &Clinic, address: &str) -> String {
    key(clinic, address)["source"].as_str().unwrap().to_owned()
}

#[test]
fn mail_that_proves_less_brings_no_key() {
    let (people, strangers) = (Authority::new(), Authority::new());
    let (clinic, gpg) = (border::clinic(&people.configuration()), GnuPg::new());
    let domain = Domain::new(&clinic);
    let server = clinic.serve();
    let key_of = |local: &str| {
        let address = domain.address(local);
        gpg.generate(&format!("P <{address}>"), "ed25519", "cv25519");
        autocrypt(&gpg, &address)
    };
    let bring = |local: &str, message: &str| domain.bring(&server, ELSEWHERE, local, message);
    let signed = |local: &str, more: &str| domain.signed(&domain.letter(local, more), &["autocrypt", "autocrypt"]);

    bring("forged", &domain.letter("forged", &key_of("forged")));
    bring("changed", &signed("changed", &key_of("changed")).replace("May I come?", "I come."));
    // Who got a signed message puts a field in and brings it again.
    let bare = domain.signed(&domain.letter("added", ""), &[]);
    bring("added", &format!("{}{bare}", key_of("added")));
    key_of("other");
    bring("mismatch", &signed("mismatch", &autocrypt(&gpg, &domain.address("other"))));
    bring("two", &signed("two", &key_of("two").repeat(2)));
    let inner = domain.letter("inner", &key_of("inner"));
    let wrapped = letter(
        &domain.address("inner"),
        &clinic.nurse,
        "Content-Type: multipart/mixed; boundary=b\n",
        &format!("--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"),
    );
    bring("inner", &domain.signed(&wrapped, &[]));
    let junk = format!("Autocrypt: addr={}; keydata=AAAA\n", domain.address("junk"));
    bring("junk", &signed("junk", &junk));

    let certified = |file: &str, by: &Authority, named: &str, days: i32, purpose: &str| {
        by.issue(file, Some(&domain.address(named)), days, purpose);
        let message = by.signed(file, &domain.address(file), &clinic.nurse);
        bring(file, &domain.signed(&message, &[]));
    };
    certified("expired", &people, "expired", -1, "EMAIL_PROTECTION");
    certified("another", &people, "someone", 300, "EMAIL_PROTECTION");
    certified("purpose", &people, "purpose", 300, "CODE_SIGNING");
    certified("unknown", &strangers, "unknown", 300, "EMAIL_PROTECTION");
    people.issue("tampered", Some(&domain.address("tampered")), 300, "EMAIL_PROTECTION");
    let message = people.signed("tampered", &domain.address("tampered"), &clinic.nurse);
    bring("tampered", &domain.signed(&message.replace("May I come?", "I come."), &[]));

    // One after the other: what comes last shows that the others are done with.
    bring("last", &signed("last", &key_of("last")));
    key(&clinic, &domain.address("last"));
    let all = clinic.machine.ok(["key", "list"]);
    assert_eq!(all.lines().count(), 1, "{all}");
}

#[test]
fn a_domain_is_itself_in_either_form_and_never_one_that_looks_like_it() {
    let (clinic, gpg) = (border::clinic(""), GnuPg::new());
    let number = clinic.domain().replace(".example", "");
    // The first letter is Cyrillic; both are domains of their own that pass DMARC.
    let (real, alike) = (format!("care{number}.example"), format!("\u{441}are{number}.example"));
    let alike = alike.parse::<mail::Domain>().unwrap().to_string();
    assert!(alike.starts_with("xn--"), "{alike}");
    clinic.mx(&real, Kind::Clear);
    let (alike, idna) = (Domain::named(&clinic, &alike), format!("b\u{fc}cher{number}.example"));
    let books = Domain::named(&clinic, idna.parse::<mail::Domain>().unwrap().as_str());
    let victim = format!("pat@{real}");
    gpg.generate(&format!("Pat <{victim}>"), "ed25519", "cv25519");
    let user_id = format!("Pat <pat@{idna}>");
    gpg.must(&["--utf8-strings", "--quick-generate-key", &user_id, "future-default", "default", "1y"], b"");
    gpg.generate(&format!("Pat <{}>", alike.address("own")), "ed25519", "cv25519");
    let server = clinic.serve();
    let bring = |domain: &Domain<'_>, local: &str, field: &str| {
        let message = domain.signed(&domain.letter(local, field), &["autocrypt"]);
        domain.bring(&server, ELSEWHERE, local, &message);
    };
    bring(&alike, "pat", &autocrypt(&gpg, &victim));
    bring(&alike, "own", &autocrypt(&gpg, &alike.address("own")));
    let exported = gpg.must(&["--utf8-strings", "--export", &format!("pat@{idna}")], b"");
    let field = openpgp::autocrypt::Autocrypt {
        address: books.address("pat").parse().unwrap(),
        prefers_encryption: false,
        key_data: exported,
    };
    bring(&books, "pat", &format!("Autocrypt: {}\n", openpgp::autocrypt::build(&field).replace("\r\n", "\n")));
    let found = key(&clinic, &format!("pat@{idna}"));
    assert_eq!(found["address"], books.address("pat"), "the A-label is the domain's name here");
    key(&clinic, &alike.address("own"));
    for nobody in [&victim, &alike.address("pat"), &format!("own@{real}")] {
        assert_eq!(keys(&clinic, nobody), [Value::Null; 0], "{nobody}");
    }
}

/// A message with the key `new`, signed by `old` (RFC 3156 §5).
fn handing_over(old: &GnuPg, new: &GnuPg, from: &str, to: &str) -> String {
    let public = new.must(&["--armor", "--export", from], b"");
    let content = format!(
        "Content-Type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\nContent-Type: text/plain\r\n\r\n\
         My new key.\r\n--inner\r\nContent-Type: application/pgp-keys; name=key.asc\r\n\r\n{}\r\n--inner--\r\n",
        String::from_utf8(public).unwrap().replace("\r\n", "\n").replace('\n', "\r\n")
    );
    let signature = old.must(&["--armor", "--digest-algo", "SHA256", "--detach-sign"], content.as_bytes());
    let text = format!(
        "--outer\r\n{content}\r\n--outer\r\nContent-Type: application/pgp-signature; name=signature.asc\r\n\r\n{}\r\n\
         --outer--\r\n",
        String::from_utf8(signature).unwrap()
    );
    let kind = "multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"; boundary=outer";
    letter(from, to, &format!("Content-Type: {kind}\n"), &text.replace("\r\n", "\n"))
}

#[test]
fn a_key_that_the_one_before_signed_is_used_at_once() {
    for (changes, state) in [("['signed']", "active"), ("[]", "held_back")] {
        let clinic = border::clinic(&format!("[policy.keys]\nchanges = {changes}\n"));
        let (old, new, other) = (GnuPg::new(), GnuPg::new(), GnuPg::new());
        let domain = Domain::new(&clinic);
        let pat = domain.address("pat");
        let [first, second, third] =
            [&old, &new, &other].map(|gpg| gpg.generate(&format!("Pat <{pat}>"), "ed25519", "cv25519"));
        let file = clinic.machine.path("old.asc");
        std::fs::write(&file, old.must(&["--armor", "--export", &pat], b"")).unwrap();
        clinic.machine.ok(["key", "add", &file.display().to_string()]);
        let server = clinic.serve();
        // A key that signs itself in is nothing but a key that came along.
        let strange = domain.signed(&handing_over(&other, &other, &pat, &clinic.nurse), &[]);
        domain.bring(&server, ELSEWHERE, "pat", &strange);
        let message = domain.signed(&handing_over(&old, &new, &pat, &clinic.nurse), &[]);
        domain.bring(&server, ELSEWHERE, "pat", &message);
        let of = |fingerprint: &str| keys(&clinic, &pat).into_iter().find(|key| key["fingerprint"] == fingerprint);
        let found = wait::until("the new key", || of(&second));
        assert_eq!(found["state"], state, "{found}");
        assert_eq!(of(&first).unwrap()["state"], if state == "active" { "replaced" } else { "active" });
        assert_eq!(of(&third), None);
        let (id, _) = method(&clinic, &server, &pat);
        let delivered = find(&clinic.events(&id), "delivered", &pat).unwrap();
        let used = if state == "active" { &second } else { &first };
        assert_eq!(delivered["sealing"]["fingerprint"], used.as_str());
    }
}

#[test]
fn a_key_from_a_field_vouches_neither_for_itself_nor_for_another() {
    let (clinic, gpg, other, third) = (border::clinic(""), GnuPg::new(), GnuPg::new(), GnuPg::new());
    let domain = Domain::new(&clinic);
    let (pat, quinn) = (domain.address("pat"), domain.address("quinn"));
    let fingerprint = gpg.generate(&format!("Pat <{pat}>"), "ed25519", "cv25519");
    other.generate(&format!("Pat <{pat}>"), "ed25519", "cv25519");
    third.generate(&format!("Quinn <{quinn}>"), "ed25519", "cv25519");
    let server = clinic.serve();
    let message = domain.signed(&domain.letter("pat", &autocrypt(&gpg, &pat)), &["autocrypt"]);
    domain.bring(&server, ELSEWHERE, "pat", &message);
    key(&clinic, &pat);
    for enclosed in [&gpg, &other] {
        let message = domain.signed(&handing_over(&gpg, enclosed, &pat, &clinic.nurse), &[]);
        domain.bring(&server, ELSEWHERE, "pat", &message);
    }
    // Whoever comes later is known: those before were looked at.
    let message = domain.signed(&domain.letter("quinn", &autocrypt(&third, &quinn)), &["autocrypt"]);
    domain.bring(&server, ELSEWHERE, "quinn", &message);
    key(&clinic, &quinn);
    let found = keys(&clinic, &pat);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["fingerprint"], &found[0]["source"]), (&json!(fingerprint), &json!("autocrypt")));
}

#[test]
fn what_is_sealed_to_us_is_looked_into_for_keys() {
    let (people, gpg) = (Authority::new(), GnuPg::new());
    let clinic = border::clinic(&people.configuration());
    let domain = Domain::new(&clinic);
    let own = |more: &[&str]| {
        let made = clinic.machine.ok([&["orgkey", "generate", clinic.nurse.as_str(), "--json"][..], more].concat());
        let made: Value = serde_json::from_str(&made).unwrap();
        clinic.machine.ok(["orgkey", "show", made["id"].as_str().unwrap(), "--export"])
    };
    let certificate = clinic.machine.path("nurse.pem");
    std::fs::write(&certificate, own(&["--format", "smime", "--self-signed"])).unwrap();
    gpg.must(&["--import"], own(&[]).as_bytes());
    let server = clinic.serve();

    // Signed and then sealed, as mail programs do it.
    let pat = domain.address("pat");
    people.issue("pat", Some(&pat), 300, "EMAIL_PROTECTION");
    let mut command = Command::new("openssl");
    command.args(["cms", "-encrypt", "-aes256", "-from", &pat, "-to", &clinic.nurse, "-subject", "Sealed"]);
    let sealed = process::run(command.arg(&certificate), people.signed("pat", &pat, &clinic.nurse).as_bytes());
    assert!(sealed.status.success(), "{}", String::from_utf8_lossy(&sealed.stderr));
    let sealed = String::from_utf8(sealed.stdout).unwrap().replace("\r\n", "\n");
    let sealed = format!("Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <sealed@p.example>\n{sealed}");
    let id = domain.bring(&server, ELSEWHERE, "pat", &domain.signed(&sealed, &[]));
    let found = key(&clinic, &pat);
    assert_eq!((&found["source"], &found["detail"]), (&json!("signed_mail"), &json!(id)), "{found}");

    // The field of Autocrypt inside, under what is protected of the header.
    let ann = domain.address("ann");
    let fingerprint = gpg.generate(&format!("Ann <{ann}>"), "ed25519", "cv25519");
    let inside = format!(
        "From: Pat <{ann}>\n{}Content-Type: text/plain; protected-headers=\"v1\"\n\nMay I come?\n",
        autocrypt(&gpg, &ann)
    );
    let armored = gpg.must(&["--armor", "--encrypt", "--recipient", &clinic.nurse], inside.as_bytes());
    let armored = String::from_utf8(armored).unwrap();
    let kind = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"b\"\n";
    let parts = format!(
        "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\n\
         Content-Type: application/octet-stream\n\n{armored}\n--b--\n"
    );
    let message = letter(&ann, &clinic.nurse, kind, &parts);
    // Who proves nothing brings nothing, sealed or not.
    let eve = message.replace(&ann, &domain.address("eve"));
    domain.bring(&server, ELSEWHERE, "eve", &eve);
    let id = domain.bring(&server, ELSEWHERE, "ann", &domain.signed(&message, &[]));
    let found = key(&clinic, &ann);
    assert_eq!((&found["source"], &found["fingerprint"]), (&json!("autocrypt"), &json!(fingerprint)), "{found}");
    assert_eq!(found["detail"], json!(id));
    assert!(keys(&clinic, &domain.address("eve")).is_empty());
}
