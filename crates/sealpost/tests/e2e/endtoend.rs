//! End-to-end protection: what Postfix got is opened by gpg and by openssl,
//! and nobody else's copy tells of anyone.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::ca::Identity;
use testkit::gnupg::GnuPg;
use testkit::process::{self, Peer};
use testkit::{loopback, wait};

use crate::clinic::{Clinic, Kind, MARKER, Mail, find};

/// A subject that says what it should not.
pub const SUBJECT: &str = "Your HIV test of 3 May";

/// Sends to these, needing this.
pub fn send(clinic: &Clinic, server: &testkit::sealpost::Server<'_>, to: &[&str], need: &str) -> String {
    send_raw(clinic, server, to, to, need)
}

/// The same where the message names only some of them.
fn send_raw(
    clinic: &Clinic,
    server: &testkit::sealpost::Server<'_>,
    to: &[&str],
    named: &[&str],
    need: &str,
) -> String {
    let message = format!(
        "From: Nurse <{}>\nTo: {}\nSubject: {SUBJECT}\nX-Sealpost-Protect: {need}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{MARKER} is höher.\n",
        clinic.nurse,
        named.join(", ")
    );
    let transcript = clinic.submit_raw(server, &Mail { to, ..clinic.mail() }, &message).expect_success();
    let id = transcript.text.split_whitespace().find(|word| word.starts_with("msg_"));
    id.unwrap_or_else(|| panic!("no id in {}", transcript.text)).to_owned()
}

/// A file in a folder of the test's own.
pub fn file(folder: &TempDir, name: &str, content: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// The armored public key of a gpg key ring.
pub fn public(gpg: &GnuPg, address: &str) -> Vec<u8> {
    gpg.must(&["--armor", "--export", address], b"")
}

/// The encrypted part of a PGP/MIME message.
pub fn armored(letter: &str) -> String {
    let begin = letter.find("-----BEGIN PGP MESSAGE-----").unwrap_or_else(|| panic!("no armor in {letter}"));
    let end = letter.find("-----END PGP MESSAGE-----").unwrap();
    format!("{}-----END PGP MESSAGE-----\n", &letter[begin..end])
}

/// An S/MIME identity of openssl's.
pub struct Holder {
    folder: TempDir,
}

impl Holder {
    pub fn new(address: &str, extra: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (key, certificate) = (path("key.pem"), path("cert.pem"));
        let san = format!("subjectAltName=email:{address}");
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Pat", "-addext", &san]);
        command.args(["-addext", "extendedKeyUsage=emailProtection", "-addext", "basicConstraints=critical,CA:FALSE"]);
        command.args(["-addext", "keyUsage=digitalSignature,keyEncipherment", "-keyout", &key, "-out", &certificate]);
        command.args(extra);
        let output = process::run(&mut command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn certificate(&self) -> String {
        self.path("cert.pem").display().to_string()
    }

    /// What is inside of a sealed message.
    pub fn open(&self, letter: &[u8]) -> String {
        let mut command = Command::new("openssl");
        command.args(["cms", "-decrypt", "-inkey"]).arg(self.path("key.pem"));
        command.arg("-recip").arg(self.path("cert.pem"));
        let output = process::run(&mut command, letter);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

pub fn is_inside(opened: &str) {
    assert!(opened.contains(MARKER), "{opened}");
    assert!(opened.contains(&format!("Subject: {SUBJECT}")), "{opened}");
}

pub fn is_hidden(letter: &str) {
    // Words with a blank between: three letters alone may come about in base64.
    assert!(!letter.contains(MARKER) && !letter.contains("HIV test"), "{letter}");
}

#[test]
fn gpg_opens_what_was_sealed_to_an_uploaded_key() {
    let (clinic, gpg, folder) = (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let patient = clinic.patient(Kind::Clear);
    let fingerprint = gpg.generate(&format!("Pat <{patient}>"), "ed25519", "cv25519");
    let added = clinic.machine.ok(["key", "add", &file(&folder, "pat.asc", &public(&gpg, &patient))]);
    assert!(added.contains(&patient) && added.contains(&fingerprint), "{added}");
    let server = clinic.serve();
    let id = send(&clinic, &server, &[&patient], "end_to_end");

    let delivered = clinic.wait_for(&id, "delivered", &patient);
    assert_eq!(delivered["sealing"]["fingerprint"], fingerprint.as_str());
    assert_eq!(delivered["sealing"]["integrity"], "mdc");
    let sealed = clinic.wait_for(&id, "sealed", &patient);
    assert_eq!((&sealed["method"], &sealed["key"]["source"]), (&json!("openpgp"), &json!("staff")));

    let letter = clinic.letter(Kind::Clear, &patient);
    is_hidden(&letter.text());
    assert!(letter.header("Content-Type")[0].starts_with("multipart/encrypted"), "{}", letter.text());
    let opened = gpg.must(&["--decrypt"], armored(&letter.text()).as_bytes());
    is_inside(&String::from_utf8_lossy(&opened));
    receipt_tells(&clinic, &id, &folder, &fingerprint, "openpgp");
}

/// The receipt says how it was sealed and names nobody; with its salt it shows to which key.
fn receipt_tells(clinic: &Clinic, id: &str, folder: &TempDir, fingerprint: &str, format: &str) {
    let out = folder.path().join("receipts").display().to_string();
    clinic.machine.ok(["receipt", "export", id, "--out", &out]);
    let path = |name: &str| format!("{out}/{name}");
    let (jws, key, salt) = (path(&format!("{id}-01.jws")), path("receipts.jwk"), path(&format!("{id}-01.salt")));
    let verify = ["receipt", "verify", &jws, "--key", &key, "--salt", &salt, "--fingerprint"];
    let verified = clinic.machine.ok(verify.into_iter().chain([fingerprint, "--json"]));
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!(verified["receipt"]["seal"]["format"], format);
    assert!(!verified.to_string().contains(fingerprint), "{verified}");
    let other = "00".repeat(20);
    let refused = clinic.machine.run(verify.into_iter().chain([other.as_str()]));
    assert!(!refused.status.success());
    let shown = clinic.machine.ok(["receipt", "show", id]);
    assert!(shown.contains(fingerprint), "{shown}");
}

#[test]
fn openssl_opens_what_was_sealed_to_an_uploaded_certificate() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let holder = Holder::new(&patient, &["-days", "30"]);
    clinic.machine.ok(["key", "add", &holder.certificate()]);
    let server = clinic.serve();
    // Verified TLS would do here; a key protects more, so it is used.
    let id = send(&clinic, &server, &[&patient], "verified");
    let delivered = clinic.wait_for(&id, "delivered", &patient);
    assert_eq!(delivered["sealing"]["cipher"], "AES-256-CBC");
    let letter = clinic.letter(Kind::Good, &patient);
    is_hidden(&letter.text());
    is_inside(&holder.open(&letter.0));
    let folder = tempfile::tempdir().unwrap();
    let listed: Value = serde_json::from_str(clinic.machine.ok(["key", "list", "--json"]).trim()).unwrap();
    receipt_tells(&clinic, &id, &folder, listed["fingerprint"].as_str().unwrap(), "smime");
}

#[test]
fn a_copy_for_several_names_its_readers_and_a_hidden_one_is_alone() {
    let (clinic, gpg, folder) = (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Good);
    let [one, two, hidden] = ["one", "two", "hidden"].map(|name| format!("{name}@{domain}"));
    for address in [&one, &two, &hidden] {
        gpg.generate(&format!("P <{address}>"), "ed25519", "cv25519");
    }
    let ring = [&one, &two, &hidden].map(|address| public(&gpg, address)).concat();
    clinic.machine.ok(["key", "import", &file(&folder, "ring.asc", &ring)]);
    let server = clinic.serve();
    let id = send_raw(&clinic, &server, &[&one, &two, &hidden], &[&one, &two], "end_to_end");
    for address in [&one, &two, &hidden] {
        clinic.wait_for(&id, "delivered", address);
    }
    let key_ids = |address: &str| {
        let letter = clinic.letter(Kind::Good, address);
        let packets = gpg.run(&["--list-packets"], armored(&letter.text()).as_bytes());
        let text = String::from_utf8_lossy(&packets.stdout).into_owned();
        let mut ids: Vec<String> = text
            .lines()
            .filter_map(|line| line.split("pubkey enc packet:").nth(1)?.split("keyid ").nth(1))
            .map(str::to_owned)
            .collect();
        ids.sort();
        ids
    };
    let subkey = |address: &str| {
        let listed = gpg.must(&["--list-keys", "--with-colons", address], b"");
        let text = String::from_utf8_lossy(&listed).into_owned();
        text.lines().find(|line| line.starts_with("sub:")).and_then(|line| line.split(':').nth(4)).unwrap().to_owned()
    };
    let mut named = vec![subkey(&one), subkey(&two)];
    named.sort();
    assert_eq!(key_ids(&one), named);
    assert_eq!(key_ids(&two), named);
    assert_eq!(key_ids(&hidden), [subkey(&hidden)]);
    assert!(!clinic.letter(Kind::Good, &one).text().contains("hidden@"));
    assert!(!clinic.letter(Kind::Good, &hidden).text().contains("Bcc"));
}

#[test]
fn a_key_that_can_not_be_used_sends_its_recipient_alone_to_the_portal() {
    let (clinic, gpg, folder) = (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Good);
    let (good, gone) = (format!("good@{domain}"), format!("gone@{domain}"));
    gpg.generate(&format!("G <{good}>"), "ed25519", "cv25519");
    let holder = Holder::new(&gone, &["-days", "30"]);
    clinic.machine.ok(["key", "add", &file(&folder, "good.asc", &public(&gpg, &good))]);
    clinic.machine.ok(["key", "add", &holder.certificate()]);
    let then = [
        "--faked-system-time",
        "20200101T000000!",
        "--quick-generate-key",
        "X <x@x.example>",
        "rsa2048",
        "default",
        "1y",
    ];
    gpg.must(&then, b"");
    let expired = clinic.machine.run(["key", "add", &file(&folder, "x.asc", &public(&gpg, "x@x.example"))]);
    let said = String::from_utf8_lossy(&expired.stderr).into_owned();
    assert!(!expired.status.success() && said.contains("0 added"), "{said}");

    let listed = clinic.machine.ok(["key", "list"]);
    let key = listed.lines().find(|line| line.contains(&gone)).unwrap().split_whitespace().next().unwrap().to_owned();
    clinic.machine.ok(["key", "reject", &key]);
    let server = clinic.serve();
    let id = send(&clinic, &server, &[&good, &gone], "end_to_end");
    clinic.wait_for(&id, "delivered", &good);
    clinic.wait_for(&id, "notified", &gone);
    let events = clinic.events(&id);
    let sealed = find(&events, "sealed", &gone).unwrap();
    assert_eq!(sealed["method"], "portal");
    assert!(sealed["because"].as_str().unwrap().contains("it is rejected"), "{sealed}");
    assert!(clinic.letter(Kind::Good, &gone).text().contains("secure message"));
}

#[test]
fn policy_explains_which_method_each_would_get() {
    let (clinic, gpg, folder) = (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let (keyed, other) = (clinic.patient(Kind::Good), clinic.patient(Kind::Good));
    let fingerprint = gpg.generate(&format!("K <{keyed}>"), "ed25519", "cv25519");
    clinic.machine.ok(["key", "add", &file(&folder, "k.asc", &public(&gpg, &keyed))]);
    let message = file(&folder, "m.eml", b"From: a@clinic.example\nSubject: [secure] x\n\nhello\n");
    let explained = clinic.machine.ok(["policy", "explain", &message, "--to", &keyed, &other, "--json"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    let one = |place: usize| &explained["recipients"][place];
    assert_eq!((&one(0)["needs"], &one(0)["method"]), (&json!("end_to_end"), &json!("openpgp")));
    assert_eq!(one(0)["key"]["fingerprint"], fingerprint.as_str());
    assert_eq!((&one(1)["method"], &one(1)["key"]), (&json!("portal"), &Value::Null));
    let shown: Value = serde_json::from_str(&clinic.machine.ok(["recipient", "show", &keyed, "--json"])).unwrap();
    assert_eq!(shown["methods"][0]["method"], "openpgp");
    assert_eq!(shown["keys"][0]["usable"]["algorithm"], "X25519");
}

/// A web key directory on loopback: the files of a folder over TLS.
struct Directory {
    _peer: Peer,
    folder: TempDir,
}

impl Directory {
    fn start(port: u16, certificate: &Identity) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = "import http.server, ssl, sys, functools\n\
            port, folder, chain, key = int(sys.argv[1]), *sys.argv[2:5]\n\
            handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)\n\
            server = http.server.ThreadingHTTPServer(('127.0.0.1', port), handler)\n\
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
            context.load_cert_chain(chain, key)\n\
            server.socket = context.wrap_socket(server.socket, server_side=True)\n\
            server.serve_forever()\n";
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-I", "-c", program, &port.to_string()]).arg(folder.path());
        command.arg(&certificate.certificate).arg(&certificate.key);
        let peer = Peer::start(&mut command, &folder.path().join("log"));
        wait::until("the directory listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { _peer: peer, folder }
    }

    /// Publishes a key for an address, by the advanced name.
    fn publish(&self, gpg: &GnuPg, address: &str) {
        let names = openpgp::wkd::names(&address.parse().unwrap());
        let path = names.advanced.split('/').skip(3).collect::<Vec<_>>().join("/");
        let file = self.folder.path().join(path.split('?').next().unwrap());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, gpg.must(&["--export", address], b"")).unwrap();
    }
}

#[test]
fn a_key_is_found_in_the_directory_of_the_domain_and_a_changed_one_is_held_back() {
    let (gpg, later, port) = (GnuPg::new(), GnuPg::new(), loopback::port());
    let clinic = Clinic::new(&format!("[keys]\nwkd_port = {port}\nwkd_again = '1ms'\n"));
    let patient = clinic.patient(Kind::Clear);
    let (name, domain) = patient.split_once('@').unwrap();
    clinic.dns.add(&format!("openpgpkey.{domain} A 127.0.0.1\n"));
    let identity = clinic.hosts.ca.issue(&[&format!("openpgpkey.{domain}")]);
    let directory = Directory::start(port, &identity);
    let first = gpg.generate(&format!("P <{patient}>"), "ed25519", "cv25519");
    directory.publish(&gpg, &patient);
    let server = clinic.serve();
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    let delivered = clinic.wait_for(&id, "delivered", &patient);
    assert_eq!(delivered["sealing"]["fingerprint"], first.as_str());
    let events = clinic.events(&id);
    let sought = find(&events, "key_sought", &patient);
    let sealed = find(&events, "sealed", &patient).unwrap();
    assert_eq!(sealed["key"]["source"], "wkd");
    assert!(sought.is_none_or(|sought| sought["found"].as_str().unwrap().contains("was found")));
    let opened = gpg.must(&["--decrypt"], armored(&clinic.letter(Kind::Clear, &patient).text()).as_bytes());
    is_inside(&String::from_utf8_lossy(&opened));

    // Somebody at the domain publishes another key for the address.
    let second = later.generate(&format!("{name} <{patient}>"), "ed25519", "cv25519");
    directory.publish(&later, &patient);
    let found = clinic.machine.ok(["key", "find", &patient]);
    let line = |fingerprint: &str| found.lines().find(|line| line.contains(fingerprint)).unwrap().to_owned();
    assert!(line(&first).ends_with("active") && line(&second).ends_with("held_back"), "{found}");
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    let delivered = clinic.wait_for(&id, "delivered", &patient);
    assert_eq!(delivered["sealing"]["fingerprint"], first.as_str(), "the key before goes on");

    let held = clinic.machine.ok(["key", "list", "--held"]);
    clinic.machine.ok(["key", "accept", held.split_whitespace().next().unwrap()]);
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    let delivered = clinic.wait_for(&id, "delivered", &patient);
    assert_eq!(delivered["sealing"]["fingerprint"], second.as_str());
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn a_key_that_its_directory_shows_revoked_seals_nothing_more() {
    let (gpg, port) = (GnuPg::new(), loopback::port());
    let clinic = Clinic::new(&format!("[keys]\nwkd_port = {port}\nwkd_again = '1ms'\n"));
    let patient = clinic.patient(Kind::Clear);
    let (_, domain) = patient.split_once('@').unwrap();
    clinic.dns.add(&format!("openpgpkey.{domain} A 127.0.0.1\n"));
    let identity = clinic.hosts.ca.issue(&[&format!("openpgpkey.{domain}")]);
    let directory = Directory::start(port, &identity);
    let fingerprint = gpg.generate(&format!("P <{patient}>"), "ed25519", "cv25519");
    directory.publish(&gpg, &patient);
    let server = clinic.serve();
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    clinic.wait_for(&id, "delivered", &patient);

    let path = gpg.home().join("openpgp-revocs.d").join(format!("{fingerprint}.rev"));
    let revocation = std::fs::read_to_string(path).unwrap().replace(":-----BEGIN", "-----BEGIN");
    gpg.must(&["--import"], revocation.as_bytes());
    directory.publish(&gpg, &patient);
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    clinic.wait_for(&id, "notified", &patient);
    let sealed = find(&clinic.events(&id), "sealed", &patient).unwrap();
    assert_eq!(sealed["method"], "portal", "{sealed}");
    assert!(sealed["because"].as_str().unwrap().contains("revoked"), "{sealed}");
    let shown: Value = serde_json::from_str(&clinic.machine.ok(["recipient", "show", &patient, "--json"])).unwrap();
    assert!(shown["keys"][0]["usable"]["refused"].is_string(), "{shown}");
}

#[test]
fn a_domain_without_a_directory_costs_a_message_no_more_than_a_lookup() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    clinic.wait_for(&id, "notified", &patient);
    let events = clinic.events(&id);
    let sought = find(&events, "key_sought", &patient).unwrap();
    assert!(sought["found"].as_str().unwrap().contains("no key"), "{sought}");
    // What is known is not asked again.
    let id = send(&clinic, &server, &[&patient], "end_to_end");
    clinic.wait_for(&id, "notified", &patient);
    assert!(find(&clinic.events(&id), "key_sought", &patient).is_none());
    // Transit would do: nobody waits for a directory.
    let other = clinic.patient(Kind::Good);
    let id = send(&clinic, &server, &[&other], "verified");
    clinic.wait_for(&id, "delivered", &other);
    assert!(find(&clinic.events(&id), "key_sought", &other).is_none());
}

/// What a process holds at the peak, as its system says it.
pub fn peak_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

#[test]
fn a_large_message_for_fifty_takes_no_more_than_200_mb_of_a_server() {
    const BYTES: usize = 25 << 20;
    struct Random;
    impl mail::Entropy for Random {
        fn fill(&self, bytes: &mut [u8]) {
            use std::io::Read as _;
            std::fs::File::open("/dev/urandom").unwrap().read_exact(bytes).unwrap();
        }
    }
    let (clinic, folder) = (Clinic::new(""), tempfile::tempdir().unwrap());
    let domains = [(); 4].map(|()| clinic.domain());
    for domain in &domains {
        clinic.mx(domain, Kind::Good);
    }
    let patients: Vec<String> = (0..50).map(|at| format!("p{at}@{}", domains[at % domains.len()])).collect();
    let now = jiff::Timestamp::now();
    let key = |address: &String| {
        let kind = openpgp::KeyKind::V4;
        let made = openpgp::SecretIdentity::generate(&format!("P <{address}>"), kind, None, now, &Random).unwrap();
        made.certificate().to_bytes()
    };
    let ring: Vec<u8> = patients.iter().flat_map(key).collect();
    clinic.machine.ok(["key", "import", &file(&folder, "ring.pgp", &ring)]);
    crate::orgkeys::openpgp(&clinic, &clinic.nurse);
    let server = clinic.serve();
    let to: Vec<&str> = patients.iter().map(String::as_str).collect();
    let line = format!("{}\n", "scan".repeat(18));
    let message = format!(
        "From: Nurse <{}>\nTo: {}\nSubject: x\nX-Sealpost-Protect: end_to_end\nMIME-Version: 1.0\n\
         Content-Type: application/octet-stream; name=scan.dcm\nContent-Disposition: attachment\n\n{}",
        clinic.nurse,
        to.join(", "),
        line.repeat(BYTES / line.len())
    );
    let before = peak_mib(server.id());
    let transcript = clinic.submit_raw(&server, &Mail { to: &to, ..clinic.mail() }, &message).expect_success();
    let id = transcript.text.split_whitespace().find(|word| word.starts_with("msg_")).unwrap().to_owned();
    let delivered = || {
        let events = clinic.events(&id);
        patients.iter().all(|patient| find(&events, "delivered", patient).is_some()).then_some(())
    };
    wait::within(wait::PATIENCE * 8, delivered).expect("all have it");
    let more = peak_mib(server.id()) - before;
    assert!(more * 1_048_576 < 200_000_000, "{more} MiB more than at rest");
    eprintln!("25 MB for 50 in 4 domains: {more} MiB more than at rest");
}
