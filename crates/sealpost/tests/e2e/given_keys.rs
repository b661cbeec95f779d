//! Keys that recipients give at the portal: proven by a code that gpg and
//! openssl open, in a session that has shown enough, and told to the address.

use serde_json::{Value, json};
use testkit::gnupg::GnuPg;
use testkit::sealpost::Server;
use testkit::wait;

use crate::clinic::{Clinic, Kind, Mail, find};
use crate::endtoend::{Holder, armored, public};
use crate::visit::{Answer, Visitor, link_in, portal_address, portal_at};

fn clinic() -> Clinic {
    Clinic::new(&portal_at(&portal_address()))
}

/// A visitor on the way to a message; `kind` is the recipient's mail host.
struct Patient<'c> {
    clinic: &'c Clinic,
    kind: Kind,
    address: String,
    link: String,
    id: String,
}

impl<'c> Patient<'c> {
    fn new(clinic: &'c Clinic, server: &Server<'_>, kind: Kind, header: &str) -> Self {
        let address = clinic.patient(kind);
        let header = format!("X-Sealpost-Protect: portal\n{header}");
        let id = clinic.send(server, &Mail { to: &[&address], header: &header, ..clinic.mail() });
        let link =
            wait::until("the notice", || clinic.letters_now(kind, &address).iter().find_map(|one| plain(&one.text())));
        clinic.wait_for(&id, "notified", &address);
        Self { clinic, kind, address, link, id }
    }

    fn codes(&self) -> Vec<String> {
        let letters = self.clinic.letters_now(self.kind, &self.address);
        let subjects = letters.iter().filter_map(|letter| letter.header("Subject").into_iter().next());
        let code = |subject: String| {
            subject.get(..6).filter(|code| code.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned)
        };
        subjects.filter_map(code).collect()
    }

    /// Opens the message with a code.
    fn enter(&self, server: &Server<'_>) -> Visitor {
        let mut visitor = Visitor::at(server.address("portal"));
        let before = self.codes().len();
        let answer = visitor.post(&format!("{}/code", self.link), "");
        let code = wait::within(wait::PATIENCE, || self.codes().get(before).cloned());
        let code = code.unwrap_or_else(|| panic!("no code after {}: {:#?}", answer.head, self.clinic.events(&self.id)));
        visitor.post(&format!("{}/open", self.link), &format!("code={code}"));
        visitor
    }

    fn at(&self, page: &str) -> String {
        format!("{}/{page}", self.link)
    }

    fn keys(&self) -> Vec<Value> {
        let shown = self.clinic.machine.ok(["recipient", "show", &self.address, "--json"]);
        serde_json::from_str::<Value>(&shown).unwrap()["keys"].as_array().unwrap().clone()
    }

    /// The letters that hold these words.
    fn letters_with(&self, words: &str, count: usize) -> Vec<testkit::postfix::Letter> {
        wait::until(&format!("{count} letters with {words}"), || {
            let letters = self.clinic.letters_now(self.kind, &self.address);
            let found: Vec<_> = letters.into_iter().filter(|letter| letter.text().contains(words)).collect();
            (found.len() >= count).then_some(found)
        })
    }
}

fn plain(text: &str) -> Option<String> {
    link_in(&text.replace("=\r\n", "").replace("=\n", "").replace("=3D", "="))
}

/// The code in an opened mail.
fn code_in(opened: &str) -> String {
    let is_code = |word: &&str| {
        let groups: Vec<&str> = word.split('-').collect();
        groups.len() == 3
            && groups.iter().all(|group| group.len() == 4 && group.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let code = opened.split_whitespace().find(is_code);
    code.unwrap_or_else(|| panic!("no code in {opened}")).to_owned()
}

fn wrong(code: &str) -> String {
    code.replace(|c| c != '-', "0")
}

#[track_caller]
fn says(answer: &Answer, words: &str) {
    assert!(answer.text().contains(words), "{}\n{}", answer.head, answer.text());
}

#[test]
fn a_key_is_proven_with_gpg_accepted_used_and_removed() {
    let (clinic, gpg) = (clinic(), GnuPg::new());
    let server = clinic.serve();
    let pat = Patient::new(&clinic, &server, Kind::Good, "");
    let fingerprint = gpg.generate(&format!("Pat <{}>", pat.address), "ed25519", "cv25519");
    let key = public(&gpg, &pat.address);
    let mut visitor = pat.enter(&server);
    says(&visitor.get(&pat.at("message")), &pat.at("key"));
    says(&visitor.get(&pat.at("key")), "A file with your public key");
    // Another site can't make the browser give a key.
    let foreign = visitor.upload(&pat.at("key"), &key, "Sec-Fetch-Site: cross-site\r\n");
    assert_eq!(foreign.status, 403, "{}", foreign.head);
    says(&visitor.upload(&pat.at("key"), &key, ""), "Show that it is yours");
    let sealed = pat.letters_with("BEGIN PGP MESSAGE", 1).remove(0).text();
    let code = code_in(&String::from_utf8_lossy(&gpg.must(&["--decrypt"], armored(&sealed).as_bytes())));
    assert!(!sealed.contains(&code));

    says(&visitor.post(&pat.at("key/proof"), &format!("code={}", wrong(&code))), "That code is not right");
    let mut other = pat.enter(&server);
    says(&other.post(&pat.at("key/proof"), &format!("code={code}")), "That code is not right");
    let mut nobody = Visitor::at(server.address("portal"));
    nobody.post(&pat.at("key/proof"), &format!("code={code}"));
    assert!(pat.keys().is_empty());
    says(&visitor.post(&pat.at("key/proof"), &format!("code={}", code.to_lowercase())), "looks at your key");
    says(&visitor.post(&pat.at("key/proof"), &format!("code={code}")), "That code is not right");
    let known = pat.keys().remove(0);
    assert_eq!((&known["source"], &known["state"]), (&json!("recipient"), &json!("held_back")), "{known}");
    assert_eq!(known["fingerprint"], fingerprint.as_str());
    pat.letters_with("A key was added", 1);
    for event in ["key_offered", "key_proof_wrong", "key_proven"] {
        assert!(find(&clinic.events(&pat.id), event, &pat.address).is_some(), "{event}");
    }

    let send = || {
        clinic.send(&server, &Mail { to: &[&pat.address], header: "X-Sealpost-Protect: end_to_end\n", ..clinic.mail() })
    };
    clinic.wait_for(&send(), "notified", &pat.address);
    let id = known["id"].as_str().unwrap();
    clinic.machine.ok(["key", "accept", id]);
    let delivered = clinic.wait_for(&send(), "delivered", &pat.address);
    assert_eq!(delivered["sealing"]["fingerprint"], fingerprint.as_str());

    // What staff has accepted a session at the portal can't take away, but ask for.
    says(&visitor.get(&pat.at("key")), "Messages are sealed to it");
    says(&visitor.post(&pat.at("key/remove"), &format!("key={id}")), "so somebody there decides");
    let known = pat.keys().remove(0);
    assert!(known["state"] == "active" && known["unwanted_since"].is_string(), "{known}");
    pat.letters_with("A key is no longer wanted", 1);
    let asked = wait::until("the word to the sender", || {
        let letters = clinic.letters_now(Kind::Good, &clinic.nurse);
        letters.into_iter().find(|letter| letter.text().contains(&format!("sealpost key reject {id}")))
    });
    assert!(asked.text().contains(&fingerprint) && asked.text().contains(&pat.address), "{}", asked.text());
    assert!(clinic.machine.ok(["key", "list", "--held"]).contains(id));
    assert!(clinic.machine.ok(["key", "show", id]).contains("asked at"));
    visitor.post(&pat.at("key/remove"), &format!("key={id}"));
    clinic.wait_for(&send(), "delivered", &pat.address);
    assert_eq!(pat.letters_with("A key is no longer wanted", 1).len(), 1, "asked twice, told once");
    says(&visitor.get(&pat.at("key")), "You asked that it be used no more");
    clinic.machine.ok(["key", "reject", id]);
    clinic.wait_for(&send(), "notified", &pat.address);
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn what_the_recipient_alone_gave_the_recipient_takes_back() {
    let (clinic, gpg) = (clinic(), GnuPg::new());
    let server = clinic.serve();
    let pat = Patient::new(&clinic, &server, Kind::Good, "");
    gpg.generate(&format!("Pat <{}>", pat.address), "ed25519", "cv25519");
    let key = public(&gpg, &pat.address);
    let mut visitor = pat.enter(&server);
    let offer = |visitor: &mut Visitor, count: usize| {
        says(&visitor.upload(&pat.at("key"), &key, ""), "Show that it is yours");
        let sealed = pat.letters_with("BEGIN PGP MESSAGE", count).pop().unwrap().text();
        code_in(&String::from_utf8_lossy(&gpg.must(&["--decrypt"], armored(&sealed).as_bytes())))
    };
    let code = offer(&mut visitor, 1);
    says(&visitor.post(&pat.at("key/proof"), &format!("code={code}")), "looks at your key");
    let id = pat.keys()[0]["id"].as_str().unwrap().to_owned();
    says(&visitor.post(&pat.at("key/remove"), &format!("key={id}")), "The key was removed");
    pat.letters_with("A key was removed", 1);
    assert_eq!(pat.keys()[0]["state"], "withdrawn", "it is remembered, so that nothing brings it back");
    assert!(!visitor.get(&pat.at("key")).text().contains("Keys that you gave"));

    // Its holder may give it again; but staff says no before the code comes.
    let code = offer(&mut visitor, 2);
    clinic.machine.ok(["key", "reject", &id]);
    says(&visitor.post(&pat.at("key/proof"), &format!("code={code}")), "has decided not to use that key");
    assert_eq!(pat.keys()[0]["state"], "rejected");
    let proven = clinic.events(&pat.id).into_iter().filter(|one| one["event"] == "key_proven").count();
    assert_eq!(proven, 1, "nothing is told of a key that was not kept");
    assert_eq!(pat.letters_with("A key was added", 1).len(), 1);
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn a_certificate_is_proven_with_openssl() {
    let clinic = clinic();
    let server = clinic.serve();
    let pat = Patient::new(&clinic, &server, Kind::Good, "");
    let holder = Holder::new(&pat.address, &["-days", "30"]);
    let mut visitor = pat.enter(&server);
    let certificate = std::fs::read(holder.certificate()).unwrap();
    says(&visitor.upload(&pat.at("key"), &certificate, ""), "Show that it is yours");
    let sealed = pat.letters_with("application/pkcs7-mime", 1).remove(0);
    let code = code_in(&holder.open(&sealed.0));
    says(&visitor.post(&pat.at("key/proof"), &format!("code={code}")), "looks at your key");
    assert_eq!(pat.keys()[0]["format"], "smime");
}

#[test]
fn who_has_shown_too_little_gives_no_key() {
    let (clinic, gpg) = (clinic(), GnuPg::new());
    let server = clinic.serve();
    // Its codes cross TLS that proves nothing.
    let pat = Patient::new(&clinic, &server, Kind::SelfSigned, "");
    gpg.generate(&format!("Pat <{}>", pat.address), "ed25519", "cv25519");
    let key = public(&gpg, &pat.address);
    let mut visitor = pat.enter(&server);
    says(&visitor.get(&pat.at("key")), "we need to be surer that it is you");
    let before = clinic.letters_now(Kind::SelfSigned, &pat.address).len();
    let answer = visitor.upload(&pat.at("key"), &key, "");
    assert!(!answer.text().contains("Show that it is yours"), "{}", answer.text());
    assert!(find(&clinic.events(&pat.id), "key_offered", "").is_none());
    assert_eq!(clinic.letters_now(Kind::SelfSigned, &pat.address).len(), before);
    // With a passphrase the same address may.
    let guarded = "X-Sealpost-Passphrase: blue kettle\n";
    let pat = Patient::new(&clinic, &server, Kind::SelfSigned, guarded);
    let mut visitor = pat.enter(&server);
    let early = visitor.upload(&pat.at("key"), &key, "");
    assert!(!early.text().contains("Show that it is yours"), "before the passphrase");
    visitor.post(&pat.at("passphrase"), "passphrase=blue+kettle");
    says(&visitor.get(&pat.at("key")), "A file with your public key");
}

#[test]
fn what_is_no_fit_key_is_told_and_kept_nowhere() {
    let (clinic, gpg) = (clinic(), GnuPg::new());
    let server = clinic.serve();
    let pat = Patient::new(&clinic, &server, Kind::Good, "");
    gpg.generate("Other <other@else.example>", "ed25519", "cv25519");
    gpg.generate(&format!("Pat <{}>", pat.address), "ed25519", "cv25519");
    let mut visitor = pat.enter(&server);
    let mut give = |file: &[u8], words: &str| says(&visitor.upload(&pat.at("key"), file, ""), words);
    give(&public(&gpg, "other@else.example"), "That key is not for");
    give(&gpg.must(&["--armor", "--export-secret-keys", &pat.address], b""), "That is a private key");
    give(b"no key at all", "could not read one key");
    give(&gpg.must(&["--armor", "--export"], b""), "could not read one key");
    let then = ["--faked-system-time", "20200101T000000!", "--quick-generate-key"];
    let (ended, user_id) = (GnuPg::new(), format!("Pat <{}>", pat.address));
    ended.must(&[&then[..], &[&user_id, "rsa2048", "default", "1y"]].concat(), b"");
    give(&public(&ended, &pat.address), "That key can’t be used");
    give(&vec![b'x'; 200_000], "could not read one key");
    assert!(pat.keys().is_empty());
    assert!(find(&clinic.events(&pat.id), "key_offered", "").is_none());
}
