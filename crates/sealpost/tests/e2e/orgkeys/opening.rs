//! What is sealed to the organisation's keys is opened, judged and passed on
//! inside with one line of what was proven.

use testkit::gnupg::GnuPg;

use super::{Authority, id, json, openpgp, openssl, pgp_mime};
use crate::border::{self, accepted, stranger};
use crate::clinic::{Clinic, Kind, MARKER, Mail, find};
use crate::endtoend::{file, public};

fn inside() -> String {
    format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{MARKER} is h\u{f6}her.\r\n")
}

const FROM_ANN: &str = "From: Ann <ann@patient.example>\nTo: staff\nSubject: ...\n\
    Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@patient.example>\n";

/// What the next hop got, and the line above it.
fn passed_on(clinic: &Clinic, id: &str, staff: &str, count: usize) -> (String, String) {
    clinic.wait_for(id, "delivered", staff);
    let letter = clinic.letters(Kind::Good, staff, count).pop().unwrap();
    (letter.text(), letter.header("X-Sealpost-Protection").join(" "))
}

#[test]
fn inbound_mail_in_openpgp_is_opened_with_every_own_key() {
    let (clinic, gpg, folder) = (border::clinic(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let staff = clinic.nurse.clone();
    let key = openpgp(&clinic, &staff);
    // What comes is sealed to the newest part.
    json(&clinic, ["orgkey", "renew", &id(&key), "--subkey"]);
    gpg.must(&["--import"], clinic.machine.ok(["orgkey", "show", &id(&key), "--export"]).as_bytes());
    gpg.generate("Ann <ann@patient.example>", "ed25519", "cv25519");
    let server = clinic.serve();
    let seal = |signed: bool| {
        let mut arguments = vec!["--armor", "--encrypt", "--recipient", &staff];
        if signed {
            arguments.extend(["--sign", "--local-user", "ann@patient.example"]);
        }
        pgp_mime(FROM_ANN, &gpg.must(&arguments, inside().as_bytes()))
    };

    // Signed by a key that nobody knows: opened, and nothing is claimed.
    let message = accepted(stranger(&[&staff], &seal(true)).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &staff, 1);
    assert!(text.contains(MARKER) && !text.contains("BEGIN PGP"), "{text}");
    assert_eq!(line, "encrypted, integrity proven (MDC); no valid signature");
    let proven = clinic.wait_for(&message, "proven", "");
    assert_eq!((&proven["opened"], &proven["line"]), (&true.into(), &line.as_str().into()));

    // Now it is known for the author.
    clinic.machine.ok(["key", "add", &file(&folder, "ann.asc", &public(&gpg, "ann@patient.example"))]);
    let message = accepted(stranger(&[&staff], &seal(true)).bring(&server));
    let (_, line) = passed_on(&clinic, &message, &staff, 2);
    assert_eq!(line, "encrypted, integrity proven (MDC); signed by ann@patient.example");
    let forged = seal(true).replace("ann@patient.example>\nTo", "eve@patient.example>\nTo");
    let message = accepted(stranger(&[&staff], &forged).bring(&server));
    let (_, line) = passed_on(&clinic, &message, &staff, 3);
    assert!(line.ends_with("no valid signature"), "{line}");

    // A revoked key signs no more, and opens what comes all the same.
    let sealed = seal(false);
    json(&clinic, ["orgkey", "revoke", &id(&key), "--reason", "retired"]);
    let message = accepted(stranger(&[&staff], &sealed).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &staff, 4);
    assert!(text.contains(MARKER), "{text}");
    assert!(line.ends_with("not signed"), "{line}");

    // With the line ends of its author's system.
    let bare = gpg.must(&["--armor", "--encrypt", "--recipient", &staff], inside().replace("\r\n", "\n").as_bytes());
    let message = accepted(stranger(&[&staff], &pgp_mime(FROM_ANN, &bare)).bring(&server));
    let (text, _) = passed_on(&clinic, &message, &staff, 5);
    assert!(text.contains(MARKER), "{text}");

    // A copy of what was sealed to the nurse, sent to a colleague: it is not the colleague's to read.
    let colleague = staff.replace("nurse", "colleague");
    let message = accepted(stranger(&[&colleague], &sealed).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &colleague, 1);
    assert!(text.contains("BEGIN PGP MESSAGE") && line.starts_with("not opened:"), "{line}\n{text}");

    // And to both: the nurse's key does not open it for the colleague.
    let message = accepted(stranger(&[&staff, &colleague], &sealed).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &colleague, 2);
    assert!(text.contains("BEGIN PGP MESSAGE") && !text.contains(MARKER), "{text}");
    assert_eq!(line, "not opened: not everybody whom it is for has a key that opens it");

    // For somebody else: as it came, and the line says so.
    gpg.generate("Other <other@elsewhere.example>", "ed25519", "cv25519");
    let other = gpg.must(&["--armor", "--encrypt", "--recipient", "other@elsewhere.example"], inside().as_bytes());
    let message = accepted(stranger(&[&staff], &pgp_mime(FROM_ANN, &other)).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &staff, 7);
    assert!(text.contains("BEGIN PGP MESSAGE") && line.starts_with("not opened:"), "{line}\n{text}");
}

#[test]
fn inbound_smime_is_opened_and_its_signature_told() {
    let authority = Authority::new();
    let clinic = border::clinic(&format!("[smime]\nanchors = '{}'\n", authority.named("ca.pem")));
    let staff = clinic.nurse.clone();
    let own = authority.certify(&clinic, &staff, "rsa3072");
    let certificate = authority.named("own.pem");
    std::fs::write(&certificate, clinic.machine.ok(["orgkey", "show", &id(&own), "--export"])).unwrap();
    let (key, request) = (authority.named("ann.key"), authority.named("ann.csr"));
    let mut arguments = vec!["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Ann"];
    arguments.extend(["-addext", "subjectAltName=email:ann@patient.example"]);
    arguments.extend(["-addext", "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=emailProtection"]);
    arguments.extend(["-keyout", &key, "-out", &request]);
    openssl(&arguments, b"");
    let ann = authority.sign(&std::fs::read_to_string(&request).unwrap());
    let signed = openssl(&["cms", "-sign", "-signer", &ann, "-inkey", &key], inside().as_bytes());
    let server = clinic.serve();

    for (count, (cipher, expect)) in
        [("-aes-256-gcm", "proven (AEAD)"), ("-aes256", "not proven")].into_iter().enumerate()
    {
        let sealed = openssl(&["cms", "-encrypt", cipher, &certificate], &signed);
        let message = format!("{FROM_ANN}{}", String::from_utf8(sealed).unwrap());
        let message = accepted(stranger(&[&staff], &message).bring(&server));
        let (text, line) = passed_on(&clinic, &message, &staff, count + 1);
        assert!(text.contains(MARKER) && !text.contains("pkcs7"), "{text}");
        assert_eq!(line, format!("encrypted, integrity {expect}; signed by ann@patient.example"));
    }
    // Sealed in CBC and signed by nobody: a stranger may have put it together from somebody's mail.
    let sealed = openssl(&["cms", "-encrypt", "-aes256", &certificate], inside().as_bytes());
    let message = format!("{FROM_ANN}{}", String::from_utf8(sealed).unwrap());
    let message = accepted(stranger(&[&staff], &message).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &staff, 3);
    assert!(text.contains("pkcs7-mime") && !text.contains(MARKER), "{text}");
    assert_eq!(line, "not opened: it may have been changed on its way, and nobody signed it");
    // Only signed: it goes on as it came, so that its reader can verify it too.
    let message = format!("{FROM_ANN}{}", String::from_utf8(signed).unwrap());
    let message = accepted(stranger(&[&staff], &message).bring(&server));
    let (text, line) = passed_on(&clinic, &message, &staff, 4);
    assert_eq!(line, "not encrypted; signed by ann@patient.example");
    assert!(authority.verify(text.as_bytes()).is_ok(), "{text}");
}

#[test]
fn what_staff_seal_to_the_organisation_is_judged_by_what_is_inside() {
    let (clinic, gpg) = (Clinic::new(DETECTS), GnuPg::new());
    let (patient, other) = (clinic.patient(Kind::Good), clinic.patient(Kind::Good));
    let key = openpgp(&clinic, &clinic.nurse);
    gpg.must(&["--import"], clinic.machine.ok(["orgkey", "show", &id(&key), "--export"]).as_bytes());
    let server = clinic.serve();
    let submit = |to: &str, inside: &str, author: &str| {
        let sealed = gpg.must(&["--armor", "--encrypt", "--recipient", &clinic.nurse], inside.as_bytes());
        let fields = format!("From: Nurse <{author}>\nTo: {to}\nSubject: Your visit\n");
        let mail = Mail { to: &[to], ..clinic.mail() };
        let transcript = clinic.submit_raw(&server, &mail, &pgp_mime(&fields, &sealed)).expect_success();
        transcript.text.split_whitespace().find(|word| word.starts_with("msg_")).unwrap().to_owned()
    };
    let message = submit(&patient, &inside(), &clinic.nurse);
    clinic.wait_for(&message, "delivered", &patient);
    assert!(clinic.letter(Kind::Good, &patient).text().contains(MARKER));
    assert!(find(&clinic.events(&message), "proven", "").is_some());

    // What was sealed to the nurse goes out as it came under another's name.
    let doctor = clinic.nurse.replace("nurse", "doctor");
    let message = submit(&patient, &inside(), &doctor);
    clinic.wait_for(&message, "delivered", &patient);
    let letter = clinic.letters(Kind::Good, &patient, 2).pop().unwrap();
    assert!(!letter.text().contains(MARKER) && letter.text().contains("BEGIN PGP MESSAGE"), "{}", letter.text());

    // A social security number inside sends it to the portal, which shows it.
    let number = inside().replace("is", "and your SSN 219-09-1234 are");
    let message = submit(&other, &number, &clinic.nurse);
    clinic.wait_for(&message, "notified", &other);
    let sealed = find(&clinic.events(&message), "sealed", &other).unwrap();
    assert_eq!(sealed["method"], "portal", "{sealed}");
}

const DETECTS: &str = "[[policy.rule]]\nname = 'identity'\ndetector = 'ssn'\nrequire = 'portal'\n";
