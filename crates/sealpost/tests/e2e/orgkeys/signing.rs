//! Copies bear the organisation's signature as policy has it, and gpg and
//! openssl verify what their recipients get.

use serde_json::json;
use testkit::gnupg::{GnuPg, said};

use super::{Authority, id, json as command, openpgp};
use crate::clinic::{Clinic, Kind, MARKER, find};
use crate::endtoend::{Holder, armored, file, is_hidden, is_inside, public, send};

#[test]
fn sealed_copies_are_signed_in_both_formats() {
    let (clinic, gpg, folder, authority) =
        (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap(), Authority::new());
    let (pgp, smime) = (clinic.patient(Kind::Good), clinic.patient(Kind::Good));
    gpg.generate(&format!("P <{pgp}>"), "ed25519", "cv25519");
    let holder = Holder::new(&smime, &["-days", "30"]);
    clinic.machine.ok(["key", "add", &file(&folder, "p.asc", &public(&gpg, &pgp))]);
    clinic.machine.ok(["key", "add", &holder.certificate()]);
    let openpgp = openpgp(&clinic, &clinic.nurse);
    let certificate = authority.certify(&clinic, &clinic.nurse, "rsa3072");
    gpg.must(&["--import"], clinic.machine.ok(["orgkey", "show", &id(&openpgp), "--export"]).as_bytes());
    let server = clinic.serve();
    let message = send(&clinic, &server, &[&pgp, &smime], "end_to_end");

    let signing = clinic.wait_for(&message, "delivered", &pgp)["signing"]["signed"].clone();
    assert_eq!(signing, json!({ "key": openpgp["id"], "format": "openpgp", "fingerprint": openpgp["fingerprint"] }));
    let letter = clinic.letter(Kind::Good, &pgp).text();
    is_hidden(&letter);
    let opened = gpg.run(&["--decrypt"], armored(&letter).as_bytes());
    assert!(said(&opened).contains("GOODSIG") && said(&opened).contains(&clinic.nurse), "{}", said(&opened));
    let inside = String::from_utf8_lossy(&opened.stdout).into_owned();
    is_inside(&inside);
    assert!(inside.contains(&format!("Autocrypt: addr={}; prefer-encrypt=mutual;", clinic.nurse)), "{inside}");

    let delivered = clinic.wait_for(&message, "delivered", &smime);
    assert_eq!(delivered["signing"]["signed"]["key"], certificate["id"]);
    assert_eq!(delivered["sealing"]["signed_by"], certificate["fingerprint"]);
    let letter = clinic.letter(Kind::Good, &smime);
    is_hidden(&letter.text());
    is_inside(&authority.verify(holder.open(&letter.0).as_bytes()).unwrap());
    let receipts = clinic.machine.ok(["receipt", "show", &message]);
    assert!(receipts.contains(&format!("signed by {}", openpgp["fingerprint"].as_str().unwrap())), "{receipts}");
}

#[test]
fn mail_in_clear_is_signed_where_policy_says_so() {
    let clinic = Clinic::new("[policy.signing]\ntransit = 'if_possible'\n");
    let (gpg, authority) = (GnuPg::new(), Authority::new());
    let patients = [(); 4].map(|()| clinic.patient(Kind::Good));
    let server = clinic.serve();

    // Without a key it goes as it is, and the timeline says why.
    let message = send(&clinic, &server, &[&patients[0]], "verified");
    let delivered = clinic.wait_for(&message, "delivered", &patients[0]);
    let because = delivered["signing"]["unsigned"]["because"].as_str().unwrap();
    assert!(because.contains("no smime key") && because.contains("no openpgp key"), "{because}");

    // The domain's OpenPGP key signs for the nurse.
    let key = openpgp(&clinic, "clinic.example");
    gpg.must(&["--import"], clinic.machine.ok(["orgkey", "show", &id(&key), "--export"]).as_bytes());
    let message = send(&clinic, &server, &[&patients[1]], "verified");
    assert_eq!(clinic.wait_for(&message, "delivered", &patients[1])["signing"]["signed"]["key"], key["id"]);
    let letter = clinic.letter(Kind::Good, &patients[1]).text();
    verified_by_gpg(&gpg, &letter);
    let receipts = clinic.machine.ok(["receipt", "show", &message]);
    assert!(receipts.contains("signed     openpgp"), "{receipts}");

    // A certificate is preferred.
    let certificate = authority.certify(&clinic, &clinic.nurse, "p384");
    let message = send(&clinic, &server, &[&patients[2]], "verified");
    let delivered = clinic.wait_for(&message, "delivered", &patients[2]);
    assert_eq!(delivered["signing"]["signed"]["key"], certificate["id"]);
    let letter = clinic.letter(Kind::Good, &patients[2]);
    assert!(letter.header("Content-Type")[0].starts_with("multipart/signed"), "{}", letter.text());
    assert!(
        authority.verify(&letter.0).unwrap().contains("H=C3=B6her")
            || authority.verify(&letter.0).unwrap().contains(MARKER)
    );
    let changed = letter.text().replace(MARKER, "Something else");
    assert!(authority.verify(changed.as_bytes()).is_err());

    // What its author has signed stays as it is.
    let own = "From: Nurse <NURSE>\nTo: PATIENT\nSubject: x\nMIME-Version: 1.0\n\
        Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=b\n\n\
        --b\nContent-Type: text/plain\n\nhello\n--b\nContent-Type: application/pgp-signature\n\n\
        -----BEGIN PGP SIGNATURE-----\n\nxxxx\n-----END PGP SIGNATURE-----\n--b--\n";
    let own = own.replace("NURSE", &clinic.nurse).replace("PATIENT", &patients[3]);
    let mail = crate::clinic::Mail { to: &[&patients[3]], ..clinic.mail() };
    let transcript = clinic.submit_raw(&server, &mail, &own).expect_success();
    let message = transcript.text.split_whitespace().find(|word| word.starts_with("msg_")).unwrap().to_owned();
    let delivered = clinic.wait_for(&message, "delivered", &patients[3]);
    assert!(delivered["signing"]["unsigned"]["because"].as_str().unwrap().contains("already"), "{delivered}");
}

#[test]
fn a_demanded_signature_is_proven_and_not_believed_by_its_form() {
    let (own, stranger, folder) = (GnuPg::new(), GnuPg::new(), tempfile::tempdir().unwrap());
    let clinic = Clinic::new("[policy.signing]\ntransit = 'required'\n");
    let name = format!("Nurse <{}>", clinic.nurse);
    own.generate(&name, "ed25519", "cv25519");
    stranger.generate(&name, "ed25519", "cv25519");
    let secret = own.must(&["--armor", "--export-secret-keys", &clinic.nurse], b"");
    let key = command(&clinic, ["orgkey", "import", &file(&folder, "key.asc", &secret)]);
    let server = clinic.serve();
    let part = "Content-Type: text/plain\r\n\r\nhello";
    let signed = |gpg: &GnuPg| {
        let signature = gpg.must(&["--armor", "--digest-algo", "SHA256", "--detach-sign"], part.as_bytes());
        String::from_utf8(signature).unwrap()
    };
    let send = |patient: &str, part: &str, signature: &str| {
        let text = format!(
            "From: Nurse <{}>\nTo: {patient}\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/signed; \
             protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=b\n\n--b\n{}\n\
             --b\nContent-Type: application/pgp-signature\n\n{signature}\n--b--\n",
            clinic.nurse,
            part.replace('\r', "")
        );
        let mail = crate::clinic::Mail { to: &[patient], ..clinic.mail() };
        let transcript = clinic.submit_raw(&server, &mail, &text).expect_success();
        let message = transcript.text.split_whitespace().find(|word| word.starts_with("msg_")).unwrap().to_owned();
        clinic.wait_for(&message, "delivered", patient)["signing"].clone()
    };

    let form = "-----BEGIN PGP SIGNATURE-----\n\nxxxx\n-----END PGP SIGNATURE-----";
    let (by_own, by_stranger) = (signed(&own), signed(&stranger));
    for (part, signature) in [(part, form), (part, &by_stranger), (&part.replace("hello", "hullo"), &by_own)] {
        let patient = clinic.patient(Kind::Good);
        let signing = send(&patient, part, signature);
        assert_eq!(signing["signed"]["key"], key["id"], "{signature}: {signing}");
        verified_by_gpg(&own, &clinic.letter(Kind::Good, &patient).text());
    }
    let patient = clinic.patient(Kind::Good);
    let signing = send(&patient, part, &by_own);
    assert!(signing["unsigned"]["because"].as_str().unwrap().contains("the organisation's key"), "{signing}");
    let letter = clinic.letter(Kind::Good, &patient).text();
    assert_eq!(letter.matches("BEGIN PGP SIGNATURE").count(), 1, "{letter}");
}

/// Takes the signed part and the signature out of a PGP/MIME message for gpg.
fn verified_by_gpg(gpg: &GnuPg, letter: &str) {
    let letter = letter.replace("\r\n", "\n");
    let boundary = letter.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let parts: Vec<&str> = letter.split(&format!("--{boundary}")).collect();
    let part = parts[1].strip_prefix('\n').unwrap();
    let content = part.strip_suffix('\n').unwrap().replace('\n', "\r\n");
    let begin = parts[2].find("-----BEGIN PGP SIGNATURE-----").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (signature, content) =
        (file(&folder, "s.asc", &parts[2].as_bytes()[begin..]), file(&folder, "content", content.as_bytes()));
    let verified = gpg.run(&["--verify", &signature, &content], b"");
    assert!(verified.status.success() && said(&verified).contains("GOODSIG"), "{}\n{letter}", said(&verified));
}

#[test]
fn a_revoked_key_never_signs_and_a_demanded_signature_fails_closed() {
    let (gpg, folder) = (GnuPg::new(), tempfile::tempdir().unwrap());
    let clinic = Clinic::new("[policy.signing]\nend_to_end = 'required'\ntransit = 'required'\n");
    let [first, second, third] = [(); 3].map(|()| clinic.patient(Kind::Good));
    for patient in [&first, &second] {
        gpg.generate(&format!("P <{patient}>"), "ed25519", "cv25519");
        clinic.machine.ok(["key", "add", &file(&folder, "p.asc", &public(&gpg, patient))]);
    }
    let key = openpgp(&clinic, &clinic.nurse);
    let server = clinic.serve();
    let message = send(&clinic, &server, &[&first], "end_to_end");
    assert_eq!(clinic.wait_for(&message, "delivered", &first)["signing"]["signed"]["key"], key["id"]);

    command(&clinic, ["orgkey", "revoke", &id(&key), "--reason", "compromised", "--yes"]);
    let stop = |patient: &str, need: &str| {
        let message = send(&clinic, &server, &[patient], need);
        clinic.wait_for(&message, "notified", patient);
        let events = clinic.events(&message);
        let sealed = find(&events, "sealed", patient).unwrap();
        let because = sealed["because"].as_str().unwrap();
        assert!(sealed["method"] == "portal" && because.contains("it must be signed"), "{need}: {events:?}");
        is_hidden(&clinic.letter(Kind::Good, patient).text());
    };
    stop(&second, "end_to_end");
    stop(&third, "verified");
}
