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
    json(&clinic, ["orgkey", "revoke", &id(&key), "--reason", "retired", "--yes"]);
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

/// An OpenPGP message as two packets: the session key, whole, and the body of the content.
fn packets(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    // The old form (RFC 9580 §4.2.2) with a length of one byte or of two.
    let head = if message[0] & 3 == 0 { 2 } else { 3 };
    let length = message[1..head].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (session, mut rest) = message.split_at(head + length);
    assert_eq!(rest[0], 0xD2, "integrity-protected data in the new form");
    rest = &rest[1..];
    let mut body = Vec::new();
    loop {
        let (head, length, is_last) = match usize::from(rest[0]) {
            short @ 0..192 => (1, short, true),
            long @ 192..224 => (2, (long - 192) * 256 + usize::from(rest[1]) + 192, true),
            part @ 224..255 => (1, 1 << (part & 31), false),
            _ => (5, rest[1..5].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), true),
        };
        body.extend_from_slice(&rest[head..head + length]);
        rest = &rest[head + length..];
        if is_last {
            assert!(rest.is_empty());
            return (session.to_vec(), body);
        }
    }
}

/// A message of these packets, in armor.
fn armor(session: &[u8], tag: u8, body: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let mut message = [session, &[0xC0 | tag, 0xFF]].concat();
    message.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    message.extend(body);
    let digits = base64::engine::general_purpose::STANDARD.encode(message);
    let lines: Vec<&str> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP MESSAGE-----\n\n{}\n-----END PGP MESSAGE-----", lines.join("\n")).into_bytes()
}

#[test]
fn without_integrity_nothing_is_opened_and_it_goes_on_as_it_came() {
    const SEIPD: u8 = 18;
    const SED: u8 = 9;
    let (clinic, gpg) = (border::clinic(""), GnuPg::new());
    let staff = clinic.nurse.clone();
    let key = openpgp(&clinic, &staff);
    gpg.must(&["--import"], clinic.machine.ok(["orgkey", "show", &id(&key), "--export"]).as_bytes());
    let server = clinic.serve();
    let sealed = gpg.must(&["--compress-algo", "none", "--encrypt", "--recipient", &staff], inside().as_bytes());
    let (session, body) = packets(&sealed);
    let mut changed = body.clone();
    *changed.last_mut().unwrap() ^= 1;
    let cases = [
        ("as it is", armor(&session, SEIPD, &body), None),
        ("made to SED", armor(&session, SED, &body[1..]), Some("no protection of its integrity")),
        ("the code is cut off", armor(&session, SEIPD, &body[..body.len() - 22]), Some("could not be decrypted")),
        ("both", armor(&session, SED, &body[1..body.len() - 22]), Some("no protection of its integrity")),
        ("another code", armor(&session, SEIPD, &changed), Some("could not be decrypted")),
    ];
    for (count, (name, armored, because)) in cases.into_iter().enumerate() {
        let message = accepted(stranger(&[&staff], &pgp_mime(FROM_ANN, &armored)).bring(&server));
        let (text, line) = passed_on(&clinic, &message, &staff, count + 1);
        let Some(because) = because else {
            assert!(text.contains(MARKER), "{name}: {text}");
            continue;
        };
        assert!(line.starts_with("not opened:") && line.contains(because), "{name}: {line}");
        let came = String::from_utf8(armored).unwrap();
        assert!(text.replace("\r\n", "\n").contains(&came) && !text.contains(MARKER), "{name}: {text}");
        let proven = clinic.wait_for(&message, "proven", "");
        assert_eq!((&proven["opened"], &proven["line"]), (&false.into(), &line.as_str().into()));
    }
}

#[test]
fn a_large_message_is_opened_bit_for_bit() {
    const BYTES: usize = 25 << 20;
    let (clinic, gpg) = (border::clinic(""), GnuPg::new());
    let staff = clinic.nurse.clone();
    let key = openpgp(&clinic, &staff);
    gpg.must(&["--import"], clinic.machine.ok(["orgkey", "show", &id(&key), "--export"]).as_bytes());
    let server = clinic.serve();
    let mut content = String::from(
        "Content-Type: application/octet-stream; name=scan.dcm\r\nContent-Disposition: attachment\r\n\r\n",
    );
    let mut state = 7_u64;
    while content.len() < BYTES {
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            content.push_str(&format!("{state:016x}"));
        }
        content.push_str("\r\n");
    }
    let sealed =
        gpg.must(&["--armor", "--compress-algo", "none", "--encrypt", "--recipient", &staff], content.as_bytes());
    let message = accepted(stranger(&[&staff], &pgp_mime(FROM_ANN, &sealed)).bring(&server));
    let delivered = || find(&clinic.events(&message), "delivered", &staff);
    testkit::wait::within(testkit::wait::PATIENCE * 8, delivered).expect("it is delivered");
    let letter = clinic.letter(Kind::Good, &staff);
    assert_eq!(letter.header("X-Sealpost-Protection").join(" "), "encrypted, integrity proven (MDC); not signed");
    let (_, body) = content.split_once("\r\n\r\n").unwrap();
    let text = letter.text().replace("\r\n", "\n");
    let (_, arrived) = text.split_once("\n\n").unwrap();
    assert!(arrived.trim_end() == body.replace("\r\n", "\n").trim_end(), "{} of {}", arrived.len(), body.len());
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
