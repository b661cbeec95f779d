//! Whether a certificate is revoked: OpenSSL's responder and lists that
//! `openssl ca` made, asked over loopback before a copy is sealed.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testkit::process::{self, Peer};
use testkit::{loopback, wait};

use crate::clinic::{Clinic, Kind, MARKER, Mail, find};

const AUTHORITY: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
const DATABASE: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncertificate=ca.pem\nprivate_key=ca.key\n\
    default_md=sha256\ncrlnumber=crlnumber\ndefault_crl_days=7\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n";

/// An authority with openssl's database, its responder, and a web server for what is made beforehand.
struct Authority {
    folder: TempDir,
    host: String,
    responder: u16,
    web: u16,
}

impl Authority {
    fn new(host: &str) -> Self {
        let [responder, web] = [loopback::port(), loopback::port()];
        let authority = Self { folder: tempfile::tempdir().unwrap(), host: host.to_owned(), responder, web };
        for (name, text) in [("a.ext", AUTHORITY), ("ca.cnf", DATABASE), ("index.txt", ""), ("crlnumber", "01\n")] {
            std::fs::write(authority.folder.path().join(name), text).unwrap();
        }
        authority.request("ca", "ca");
        authority.openssl("x509 -req -in ca.csr -signkey ca.key -days 90 -extfile a.ext -out ca.pem");
        authority
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let output = process::run(command.args(arguments.split_whitespace()).current_dir(self.folder.path()), b"");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn request(&self, name: &str, common: &str) {
        self.openssl(&format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr \
             -subj /O=Test/CN={common}"
        ));
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Where the responder is.
    fn ocsp(&self) -> String {
        format!("authorityInfoAccess=OCSP;URI:http://{}:{}/", self.host, self.responder)
    }

    /// Where the web server answers questions with a file.
    fn file(&self, name: &str) -> String {
        format!("authorityInfoAccess=OCSP;URI:http://{}:{}/{name}", self.host, self.web)
    }

    /// Where the web server has a list.
    fn list(&self, name: &str) -> String {
        format!("crlDistributionPoints=URI:http://{}:{}/{name}", self.host, self.web)
    }

    /// Certifies an address; the certificate names these places.
    fn issue(&self, address: &str, places: &[String]) {
        let name = address.split('@').next().unwrap();
        let extensions = format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement\nextendedKeyUsage=emailProtection\n\
             subjectAltName=email:{address}\n{}\n",
            places.join("\n")
        );
        std::fs::write(self.path("p.ext"), extensions).unwrap();
        self.request(name, name);
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile p.ext -out {name}.pem"
        ));
    }

    /// An answer that somebody is good, signed by somebody, in a file of the web server; it ends in so many hours.
    fn answer(&self, about: &str, signer: &str, hours: i32) {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-I", "-c", ANSWER, about, signer, &hours.to_string()]).current_dir(self.folder.path());
        let output = process::run(&mut command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the responder and the web server.
    fn start(&self) -> [Peer; 2] {
        let port = self.responder.to_string();
        let mut command = Command::new("openssl");
        command.args(["ocsp", "-port", &port, "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem"]);
        command.args(["-rkey", "ca.key", "-ndays", "1"]).current_dir(self.folder.path());
        let responder = Peer::start(&mut command, &self.folder.path().join("ocsp.log"));
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-I", "-c", WEB, &self.web.to_string()]).current_dir(self.folder.path());
        let web = Peer::start(&mut command, &self.folder.path().join("web.log"));
        // One that connects and says nothing would have the responder wait for ever.
        wait::until("the responder waits", || responder.log().contains("waiting for OCSP").then_some(()));
        wait::until("the web server listens", || std::net::TcpStream::connect(("127.0.0.1", self.web)).ok());
        [responder, web]
    }
}

const ANSWER: &str = "import sys, datetime\n\
from cryptography import x509\n\
from cryptography.hazmat.primitives import hashes, serialization\n\
from cryptography.x509 import ocsp\n\
about, signer, hours = sys.argv[1:]\n\
certificate = lambda name: x509.load_pem_x509_certificate(open(name + '.pem', 'rb').read())\n\
key = serialization.load_pem_private_key(open(signer + '.key', 'rb').read(), None)\n\
end = datetime.datetime.utcnow() + datetime.timedelta(hours=int(hours))\n\
made = ocsp.OCSPResponseBuilder().add_response(\n\
\x20   cert=certificate(about), issuer=certificate('ca'), algorithm=hashes.SHA1(),\n\
\x20   cert_status=ocsp.OCSPCertStatus.GOOD, this_update=end - datetime.timedelta(hours=48), next_update=end,\n\
\x20   revocation_time=None, revocation_reason=None)\n\
made = made.responder_id(ocsp.OCSPResponderEncoding.NAME, certificate(signer)).certificates([certificate(signer)])\n\
answer = made.sign(key, hashes.SHA256())\n\
open(about + '.der', 'wb').write(answer.public_bytes(serialization.Encoding.DER))\n";

/// Files of the folder, for GET and for POST alike.
const WEB: &str = "import http.server, sys\n\
class Handler(http.server.SimpleHTTPRequestHandler):\n\
\x20   def do_POST(self):\n\
\x20       self.rfile.read(int(self.headers['Content-Length']))\n\
\x20       self.do_GET()\n\
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n";

const PROTECT: &str = "X-Sealpost-Protect: end_to_end\n";

/// Who is asked about, and what comes of it: `None` for a sealed copy, else why the portal.
const PEOPLE: [(&str, Option<&str>); 9] = [
    ("good", None),
    ("answered", None),
    ("listed-good", None),
    ("revoked", Some("the certificate is revoked since")),
    ("listed-revoked", Some("the certificate is revoked since")),
    ("strange", Some("it is unknown whether the certificate is revoked")),
    ("old", Some("it is unknown whether the certificate is revoked")),
    ("forged", Some("it is unknown whether the certificate is revoked")),
    ("unreachable", Some("it is unknown whether the certificate is revoked")),
];

fn certify(authority: &Authority, address: impl Fn(&str) -> String) {
    let nowhere = format!("authorityInfoAccess=OCSP;URI:http://{}:{}/", authority.host, loopback::port());
    let places = |name: &str| match name {
        "listed-good" => vec![nowhere.clone(), authority.list("list.crl")],
        "listed-revoked" => vec![authority.list("list.crl")],
        "old" | "forged" | "answered" => vec![authority.file(&format!("{name}.der"))],
        "unreachable" => vec![nowhere.clone()],
        _ => vec![authority.ocsp()],
    };
    for (name, _) in PEOPLE {
        authority.issue(&address(name), &places(name));
        match name {
            "strange" => {}
            "revoked" | "listed-revoked" => {
                authority.openssl(&format!("ca -config ca.cnf -revoke {name}.pem -crl_reason keyCompromise"));
            }
            name => authority.openssl(&format!("ca -config ca.cnf -valid {name}.pem")),
        }
    }
    // One answer ended an hour ago, and one is signed by somebody who may not. But for that they would count.
    authority.answer("old", "ca", -1);
    authority.answer("forged", "good", 24);
    authority.answer("answered", "ca", 24);
    authority.openssl("ca -config ca.cnf -gencrl -out list.pem");
    authority.openssl("crl -in list.pem -outform DER -out list.crl");
}

#[test]
fn a_copy_is_sealed_only_to_a_certificate_that_its_issuer_has_not_revoked() {
    let authority = Authority::new("pki.authority.example");
    let clinic = Clinic::new(&format!("[smime]\nanchors = '{}'\n[keys]\nwkd = false\n", authority.path("ca.pem")));
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Good);
    clinic.dns.add(&format!("{} A 127.0.0.1\n", authority.host));
    let address = |name: &str| format!("{name}@{domain}");
    certify(&authority, address);
    let peers = authority.start();
    for (name, _) in PEOPLE {
        clinic.machine.ok(["key", "add", &authority.path(&format!("{name}.pem"))]);
    }
    let server = clinic.serve();
    let everybody: Vec<String> = PEOPLE.iter().map(|(name, _)| address(name)).collect();
    let to: Vec<&str> = everybody.iter().map(String::as_str).collect();
    let id = clinic.send(&server, &Mail { to: &to, header: PROTECT, text: MARKER, ..clinic.mail() });
    for (name, portal) in PEOPLE {
        let recipient = address(name);
        let sealed = clinic.wait_for(&id, "sealed", &recipient);
        let because = sealed["because"].as_str().unwrap();
        match portal {
            None => assert_eq!(sealed["method"], "smime", "{:#?}", clinic.events(&id)),
            Some(why) => assert!(sealed["method"] == "portal" && because.contains(why), "{sealed}"),
        }
        clinic.wait_for(&id, if portal.is_some() { "notified" } else { "delivered" }, &recipient);
    }
    told(&clinic, &id, &address);
    let letter = clinic.letter(Kind::Good, &address("good"));
    assert!(letter.header("Content-Type")[0].starts_with("application/pkcs7-mime") && !letter.text().contains(MARKER));
    later(&clinic, &server, &authority, peers, &address);
}

/// Timeline and `recipient show` say what came of asking.
fn told(clinic: &Clinic, id: &str, address: &dyn Fn(&str) -> String) {
    let events = clinic.events(id);
    for (name, words) in [
        ("good", "not revoked"),
        ("listed-good", "not revoked"),
        ("listed-revoked", "revoked since"),
        ("strange", "unknown: what was answered does not count"),
        ("old", "unknown: what was answered does not count"),
        ("forged", "unknown: what was answered does not count"),
        ("unreachable", "unknown: the connection could not be opened"),
    ] {
        let sought = find(&events, "key_sought", &address(name)).unwrap_or_else(|| panic!("{name}: {events:#?}"));
        assert!(sought["found"].as_str().unwrap().contains(words), "{sought}");
        let shown: Value =
            serde_json::from_str(&clinic.machine.ok(["recipient", "show", &address(name), "--json"])).unwrap();
        assert!(shown["keys"][0]["revocation"]["said"].as_str().unwrap().starts_with(words), "{shown}");
    }
    let shown = clinic.machine.ok(["recipient", "show", &address("revoked")]);
    assert!(shown.contains("revoked since") && shown.contains("portal"), "{shown}");
}

/// What is known is not asked again; a person asks again, and then it counts at once.
fn later(
    clinic: &Clinic,
    server: &testkit::sealpost::Server<'_>,
    authority: &Authority,
    peers: [Peer; 2],
    address: &dyn Fn(&str) -> String,
) {
    authority.openssl("ca -config ca.cnf -revoke good.pem -crl_reason keyCompromise");
    drop(peers);
    let good = address("good");
    let send = || {
        let mail = Mail { to: &[&good], header: PROTECT, ..clinic.mail() };
        clinic.send(server, &mail)
    };
    let id = send();
    clinic.wait_for(&id, "delivered", &good);
    assert!(find(&clinic.events(&id), "key_sought", &good).is_none());

    let _peers = authority.start();
    let asked = clinic.machine.run(["key", "find", &good]);
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(said.contains("revoked since"), "{said}");
    let id = send();
    clinic.wait_for(&id, "notified", &good);
    let sealed = clinic.wait_for(&id, "sealed", &good);
    assert!(sealed["because"].as_str().unwrap().contains("the certificate is revoked since"), "{sealed}");
    clinic.machine.ok(["audit", "verify"]);
}
