//! Own keys come from here, from a file, and from an authority; they are
//! renewed, told of before they end, and revoked.

use testkit::gnupg::{GnuPg, said};
use testkit::wait;

use super::{Authority, id, json, openpgp, openssl, told};
use crate::clinic::Clinic;
use crate::endtoend::file;

#[test]
fn keys_are_made_listed_renewed_and_revoked() {
    let (clinic, gpg) = (Clinic::new(""), GnuPg::new());
    let nurse = clinic.nurse.clone();
    let made = openpgp(&clinic, &nurse);
    assert_eq!(
        (&made["state"], &made["signs"], &made["names"][0]),
        (&"active".into(), &true.into(), &nurse.as_str().into())
    );
    let key = id(&made);
    let export = |key: &str| clinic.machine.ok(["orgkey", "show", key, "--export"]);
    assert!(!export(&key).contains("PRIVATE"));
    gpg.must(&["--import"], export(&key).as_bytes());

    // What is sealed to it from now on opens with a new part, which gpg takes.
    let renewed = json(&clinic, ["orgkey", "renew", &key, "--days", "1000", "--subkey"]);
    assert!(renewed["expires_at"].as_str() > made["expires_at"].as_str(), "{renewed}");
    gpg.must(&["--import"], export(&key).as_bytes());
    let listed = String::from_utf8(gpg.must(&["--list-keys", "--with-colons", &nurse], b"")).unwrap();
    assert_eq!(listed.lines().filter(|line| line.starts_with("sub:")).count(), 2, "{listed}");

    // Another one for the same sender takes its place.
    let v6 = json(&clinic, ["orgkey", "generate", &nurse, "--v6"]);
    assert_eq!(v6["fingerprint"].as_str().map(str::len), Some(64));
    assert_eq!(json(&clinic, ["orgkey", "show", &key])["state"], "retired");

    let revoked = json(&clinic, ["orgkey", "revoke", &key, "--reason", "superseded", "--note", "we moved", "--yes"]);
    assert_eq!((&revoked["state"], &revoked["signs"]), (&"revoked".into(), &false.into()));
    let imported = gpg.run(&["--import"], export(&key).as_bytes());
    let listed = String::from_utf8(gpg.must(&["--list-keys", "--with-colons", &nurse], b"")).unwrap();
    assert!(listed.lines().any(|line| line.starts_with("pub:r:")), "{}{listed}", said(&imported));
    let again = clinic.machine.run(["orgkey", "renew", &key]);
    assert!(!again.status.success() && said(&again).contains("the key is revoked"), "{}", said(&again));
    told(&clinic);
}

#[test]
fn private_keys_come_from_files_and_never_go_back_into_one() {
    let (clinic, gpg, folder) = (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let nurse = clinic.nurse.clone();
    let fingerprint = gpg.generate(&format!("Nurse <{nurse}>"), "rsa2048", "rsa2048");
    let passphrase = file(&folder, "passphrase", b"correct horse\n");
    let locked = gpg.must(&["--armor", "--export-secret-keys", &nurse], b"");
    let imported = json(&clinic, ["orgkey", "import", &file(&folder, "key.asc", &locked)]);
    assert_eq!(
        (&imported["fingerprint"], &imported["owners"][0]),
        (&fingerprint.as_str().into(), &nurse.as_str().into())
    );
    let twice = clinic.machine.run(["orgkey", "import", &file(&folder, "key.asc", &locked)]);
    assert!(!twice.status.success() && said(&twice).contains("kept already"), "{}", said(&twice));

    // PKCS#12 under a passphrase, with the chain above it.
    let authority = Authority::new();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (key, request, p12) = (path("p.key"), path("p.csr"), path("p.p12"));
    let san = format!("subjectAltName=email:{nurse}");
    let mut arguments = vec!["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Nurse", "-addext", &san];
    arguments.extend(["-addext", "keyUsage=digitalSignature,keyEncipherment", "-keyout", &key, "-out", &request]);
    openssl(&arguments, b"");
    let certificate = authority.sign(&std::fs::read_to_string(&request).unwrap());
    let (ca, pass) = (authority.named("ca.pem"), format!("file:{passphrase}"));
    let mut arguments = vec!["pkcs12", "-export", "-inkey", &key, "-in", &certificate, "-certfile", &ca, "-out", &p12];
    arguments.extend(["-passout", &pass]);
    openssl(&arguments, b"");
    let wrong = file(&folder, "wrong", b"another\n");
    assert!(!clinic.machine.run(["orgkey", "import", &p12, "--passphrase-file", &wrong]).status.success());
    let imported = json(&clinic, ["orgkey", "import", &p12, "--passphrase-file", &passphrase]);
    assert_eq!((&imported["state"], &imported["format"]), (&"active".into(), &"smime".into()), "{imported}");
    let exported = clinic.machine.ok(["orgkey", "show", &id(&imported), "--export"]);
    assert_eq!(exported.matches("BEGIN CERTIFICATE").count(), 2, "{exported}");
    assert!(!exported.contains("PRIVATE"));

    // A key of somebody else's domain is not the organisation's.
    gpg.generate("X <x@elsewhere.example>", "ed25519", "cv25519");
    let foreign = gpg.must(&["--armor", "--export-secret-keys", "x@elsewhere.example"], b"");
    let refused = clinic.machine.run(["orgkey", "import", &file(&folder, "x.asc", &foreign)]);
    assert!(!refused.status.success() && said(&refused).contains("--owner"), "{}", said(&refused));
    let files = clinic.machine.files("data");
    assert!(files.iter().all(|(_, bytes)| !bytes.windows(7).any(|window| window == b"PRIVATE")));
    told(&clinic);
}

#[test]
fn a_certificate_is_renewed_by_a_new_key_and_the_one_before_still_opens() {
    let (clinic, authority) = (Clinic::new(""), Authority::new());
    let nurse = clinic.nurse.clone();
    let first = authority.certify(&clinic, &nurse, "p256");
    let asked = json(&clinic, ["orgkey", "renew", &id(&first)]);
    assert_eq!((&asked["state"], asked["id"] == first["id"]), (&"pending".into(), false));
    assert_eq!(json(&clinic, ["orgkey", "show", &id(&first)])["state"], "active", "until the new one is there");
    let certificate = authority.sign(asked["request"].as_str().unwrap());
    json(&clinic, ["orgkey", "import", &certificate]);
    assert_eq!(json(&clinic, ["orgkey", "show", &id(&first)])["state"], "retired");
    let other = Authority::new();
    let stranger = other.sign(&clinic.machine.ok(["orgkey", "request", &id(&first)]));
    assert_eq!(json(&clinic, ["orgkey", "import", &stranger])["id"], first["id"], "any authority may sign");
    told(&clinic);
}

#[test]
fn the_end_of_a_key_is_told_of_ahead() {
    let clinic = Clinic::new("[orgkeys]\nwarn = '20d'\n");
    let nurse = clinic.nurse.clone();
    let (soon, later) = ("clinic.example", nurse.as_str());
    json(&clinic, ["orgkey", "generate", soon, "--days", "10"]);
    let far = json(&clinic, ["orgkey", "generate", later, "--days", "30"]);
    assert_eq!(far["ends_soon"], false);
    let listed = clinic.machine.ok(["orgkey", "list"]);
    let line = |owner: &str| listed.lines().find(|line| line.contains(&format!("  {owner}  "))).unwrap();
    assert!(line(soon).contains("renew it") && !line(later).contains("renew it"), "{listed}");
    let server = clinic.serve();
    server.wait_for_log("ends soon");
    let page = wait::until("the meter", || {
        let page = crate::operate::page(&server, "/metrics");
        page.contains("sealpost_own_keys_expiring 1\n").then_some(page)
    });
    assert!(page.contains("# HELP sealpost_own_keys_expiring"));
    told(&clinic);
}
