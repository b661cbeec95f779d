//! A plain reply to a copy is safe, whatever the copy's method: it is led to the
//! portal, the keys to seal it with go along, and earlier mail is not carried on.

use mail::reading::{Body, Limits, Place, read};
use testkit::gnupg::GnuPg;
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, MARKER, Mail, find};
use crate::endtoend::{Holder, SUBJECT, armored, file, is_hidden, public};
use crate::held::code_of;
use crate::orgkeys::{Authority, openpgp};
use crate::visit::{Visitor, link_in, portal_address, portal_at};

const EARLIER: &str = "earlier-words-of-the-patient";

const POLICY: &str = "[policy.replies]\nportal = 'always'\nquotes = false\n[policy.subject]\nlegacy_display = true\n\
    [policy.signing]\nend_to_end = 'never'\n";

fn clinic() -> Clinic {
    Clinic::new(&format!("{}{POLICY}", portal_at(&portal_address())))
}

/// Sends a reply of the nurse's, which quotes what came before.
fn send(clinic: &Clinic, server: &Server<'_>, to: &[&str], need: &str) -> String {
    let message = format!(
        "From: Nurse <{}>\nTo: {}\nSubject: {SUBJECT}\nIn-Reply-To: <earlier@patient.example>\nX-Sealpost-Protect: {need}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{MARKER} is höher.\n\nOn Monday, Pat wrote:\n> {EARLIER}\n",
        clinic.nurse,
        to.join(", ")
    );
    let transcript = clinic.submit_raw(server, &Mail { to, ..clinic.mail() }, &message).expect_success();
    transcript.text.split_whitespace().find(|word| word.starts_with("msg_")).unwrap().to_owned()
}

/// The plain text of a copy, and the names of its files.
fn text_of(copy: &[u8]) -> (String, Vec<String>) {
    let (mut text, mut files) = (String::new(), Vec::new());
    for part in read(copy, &Limits::default()).unwrap().parts {
        match (part.place, part.body) {
            (Place::Text, Body::Text(words)) => text.push_str(&words),
            (Place::Attachment(name), _) => files.push(name),
            _ => {}
        }
    }
    (text, files)
}

/// The copy brings the sender's key, leads to the portal and quotes nothing; its link.
fn is_safe(clinic: &Clinic, copy: &str, text: &str) -> String {
    assert_eq!(copy.matches(&format!("\nAutocrypt: addr={};", clinic.nurse)).count(), 1, "{copy}");
    assert!(text.contains(MARKER) && text.contains("höher"), "{text}");
    assert!(!text.contains(EARLIER) && text.contains("[...]"), "{text}");
    assert!(text.contains("To answer safely"), "{text}");
    link_in(text).unwrap_or_else(|| panic!("no link in {text}"))
}

/// Answers at the portal, behind the link and a code, which is the letter of
/// that number; the answer comes to the nurse.
fn answers(clinic: &Clinic, server: &Server<'_>, link: &str, patient: &str, kind: Kind, letters: usize) {
    let mut visitor = Visitor::at(server.address("portal"));
    visitor.post(&format!("{link}/code"), "");
    let code = code_of(&clinic.letters(kind, patient, letters)[letters - 1]);
    let page = visitor.post(&format!("{link}/open"), &format!("code={code}")).text();
    assert!(page.contains(MARKER), "{page}");
    let page = visitor.get(&format!("{link}/message")).text();
    let form = page.split("name=\"form\" value=\"").nth(1).expect("a form").split('"').next().unwrap();
    let answer = format!("The answer of {patient}.");
    let fields = [("form", form), ("topic", ""), ("text", answer.as_str())];
    let page = visitor.send_form(&format!("{link}/reply"), &fields, &[]).text();
    assert!(page.contains("Your reply was sent"), "{page}");
    let is_answer =
        || clinic.letters_now(Kind::Good, &clinic.nurse).into_iter().find(|one| one.text().contains(&answer));
    let reply = testkit::wait::until("the answer", is_answer).text();
    assert!(!reply.contains(MARKER) && !reply.contains(EARLIER), "{reply}");
}

#[test]
fn a_plain_reply_to_any_copy_is_led_to_the_portal_and_carries_nothing_back() {
    let (clinic, gpg, folder, authority) = (clinic(), GnuPg::new(), tempfile::tempdir().unwrap(), Authority::new());
    let [pgp, smime, tls] = [(); 3].map(|()| clinic.patient(Kind::Good));
    gpg.generate(&format!("P <{pgp}>"), "ed25519", "cv25519");
    let holder = Holder::new(&smime, &["-days", "30"]);
    clinic.machine.ok(["key", "add", &file(&folder, "p.asc", &public(&gpg, &pgp))]);
    clinic.machine.ok(["key", "add", &holder.certificate()]);
    openpgp(&clinic, &clinic.nurse);
    authority.certify(&clinic, &clinic.nurse, "p256");
    let server = clinic.serve();
    let displayed = format!("Subject: {SUBJECT}");

    let message = send(&clinic, &server, &[&pgp, &smime], "end_to_end");
    let because = clinic.wait_for(&message, "sealed", &pgp)["because"].as_str().unwrap().to_owned();
    assert!(because.contains("it leads to the portal for replies"), "{because}");
    assert!(because.contains("quotes of earlier messages is left out"), "{because}");
    let letter = clinic.letter(Kind::Good, &pgp).text();
    is_hidden(&letter);
    let copy = gpg.must(&["--decrypt"], armored(&letter).as_bytes());
    assert!(String::from_utf8_lossy(&copy).contains("hp-legacy-display=\"1\""), "programs that know it hide it");
    let (text, files) = text_of(&copy);
    assert!(text.starts_with(&displayed) && files.is_empty(), "{text} {files:?}");
    let pgp_link = is_safe(&clinic, &String::from_utf8_lossy(&copy), &text);
    answers(&clinic, &server, &pgp_link, &pgp, Kind::Good, 2);

    let letter = clinic.letter(Kind::Good, &smime);
    is_hidden(&letter.text());
    let copy = holder.open(&letter.0);
    assert!(copy.contains("hp-legacy-display=\"1\""), "{copy}");
    let (text, files) = text_of(copy.as_bytes());
    assert!(text.starts_with(&displayed), "{text}");
    assert_eq!(files, ["certificate.pem"], "nothing else brings the certificate of whoever does not sign");
    assert!(copy.contains("BEGIN CERTIFICATE"), "{copy}");
    let smime_link = is_safe(&clinic, &copy, &text);
    assert_ne!(smime_link, pgp_link, "a link is its reader's own");
    answers(&clinic, &server, &smime_link, &smime, Kind::Good, 2);

    send(&clinic, &server, &[&tls], "verified");
    let letter = clinic.letter(Kind::Good, &tls);
    let (text, _) = text_of(&letter.0);
    let link = is_safe(&clinic, &letter.text(), &text);
    answers(&clinic, &server, &link, &tls, Kind::Good, 2);
}

#[test]
fn a_copy_that_is_rerouted_has_one_link_that_its_notice_names() {
    let clinic = clinic();
    let patient = clinic.patient(Kind::SelfSigned);
    let server = clinic.serve();
    let message = send(&clinic, &server, &[&patient], "verified");
    clinic.wait_for(&message, "notified", &patient);
    assert!(find(&clinic.events(&message), "rerouted", &patient).is_some());
    let notice = clinic.letter(Kind::SelfSigned, &patient);
    is_hidden(&notice.text());
    assert!(!notice.text().contains(EARLIER), "a plain reply to a notice has nothing to carry back");
    let link = crate::held::link_of(&notice);
    answers(&clinic, &server, &link, &patient, Kind::SelfSigned, 2);
}
