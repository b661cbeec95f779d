//! Two organisations in one deployment share a machine and nothing else.

use serde_json::{Value, json};
use testkit::clients::{Security, Submission, smtplib};
use testkit::gnupg::GnuPg;
use testkit::wait;

use crate::clinic::{Clinic, Kind, Mail};
use crate::visit::{Visitor, portal_address, portal_at};

/// A second organisation beside the clinic's own.
const TWO: &str = "[[organisation]]\nslug = 'lakeside'\nname = 'Lakeside Clinic'\ndomains = ['clinic.example']\n\
    [[organisation]]\nslug = 'hill'\nname = 'Hill Practice'\ndomains = ['hill.example']\n";

#[test]
fn neither_organisation_sees_or_sends_as_the_other() {
    let clinic = Clinic::new("");
    // The base configuration has one organisation; here there are two.
    let base = std::fs::read_to_string(clinic.machine.path("sealpost.toml")).unwrap();
    let rest = base.split_once("[server]").unwrap().1;
    clinic.machine.write("sealpost.toml", &format!("{TWO}[server]{rest}"));
    let own = ["--organisation", "hill"];
    let secret = clinic.machine.ok([&["credential", "add", "doctor", "--sender", "*@hill.example"][..], &own].concat());
    let foreign = [&["credential", "add", "x", "--sender", "*@clinic.example"][..], &own].concat();
    assert_eq!(clinic.machine.run(foreign).status.code(), Some(1), "a login for the domain of another organisation");

    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let send = |login: (&str, &str), from: &str, author: &str| {
        let message = format!("From: {author}\nTo: {patient}\nSubject: hello\n\nText.\n");
        smtplib(&Submission {
            server: server.address("submission_tls"),
            security: Security::Tls,
            anchors: None,
            tls_name: "localhost",
            login: Some(login),
            from,
            to: &[&patient],
            message: &message,
        })
    };
    let (nurse, doctor) = (clinic.login(), ("doctor", secret.trim()));
    send(doctor, "d@hill.example", "d@hill.example").expect_success();
    send(doctor, "d@clinic.example", "d@clinic.example").expect_failure("refused 5");
    send(doctor, "d@hill.example", "n@clinic.example").expect_failure("refused 550");
    send(nurse, "n@hill.example", "n@hill.example").expect_failure("refused 5");
    send(nurse, "n@clinic.example", "d@hill.example").expect_failure("refused 550");

    let ours = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&ours, "delivered", &patient);
    let listed = |slug: &str| clinic.machine.ok(["message", "list", "--json", "--organisation", slug]);
    assert_eq!((listed("lakeside").lines().count(), listed("hill").lines().count()), (1, 1));
    assert!(listed("lakeside").contains(&ours) && !listed("hill").contains(&ours));
    for verb in [&["message", "show"][..], &["receipt", "show"], &["receipt", "export"]] {
        let ask = |slug: &'static str| clinic.machine.run([verb, &[ours.as_str(), "--organisation", slug]].concat());
        let (theirs, unknown) = (ask("hill"), ask("nobody"));
        assert_eq!((theirs.status.code(), unknown.status.code()), (Some(1), Some(1)));
        assert!(theirs.stdout.is_empty());
        assert!(String::from_utf8_lossy(&theirs.stderr).contains("no such message"), "{verb:?}");
    }
    let erase = ["message", "erase", ours.as_str(), "--reason", "mischief", "--organisation", "hill", "--yes"];
    assert_eq!(clinic.machine.run(erase).status.code(), Some(1));
    clinic.machine.ok(["message", "show", &ours, "--organisation", "lakeside"]);
    clinic.wait_for(&ours, "delivered", &patient);
    server.stop();

    let of = |slug: &str, rest: &[&str]| clinic.machine.ok([rest, &["--organisation", slug]].concat());
    assert_ne!(of("lakeside", &["audit", "key"]), of("hill", &["audit", "key"]));
    for slug in ["lakeside", "hill"] {
        assert!(of(slug, &["audit", "verify"]).contains("whole"));
        assert!(of(slug, &["audit", "checkpoint"]).starts_with(&format!("secure.clinic.example/org/{slug}\n")));
    }
    clinic.machine.write("hill.note", &of("hill", &["audit", "checkpoint"]));
    let note = clinic.machine.path("hill.note").display().to_string();
    let crossed = ["audit", "verify", "--checkpoint", &note, "--organisation", "lakeside"];
    assert_eq!(clinic.machine.run(crossed).status.code(), Some(1), "the checkpoint of another ledger was taken");
}

#[test]
fn a_key_of_one_organisation_is_never_published_for_a_domain_of_the_other() {
    let address = portal_address();
    let (clinic, gpg) = (Clinic::new(&portal_at(&address)), GnuPg::new());
    let base = std::fs::read_to_string(clinic.machine.path("sealpost.toml")).unwrap();
    let rest = base.split_once("[server]").unwrap().1;
    // The one has a domain below that of the other.
    let two = TWO.replace("hill.example", "hill.clinic.example");
    clinic.machine.write("sealpost.toml", &format!("{two}[server]{rest}"));
    let made = clinic.machine.run(["orgkey", "generate", "doctor@hill.clinic.example", "--organisation", "lakeside"]);
    assert_eq!(made.status.code(), Some(1), "{}", String::from_utf8_lossy(&made.stderr));

    let (nurse, doctor) = ("nurse@clinic.example", "doctor@hill.clinic.example");
    gpg.generate(&format!("Nurse <{nurse}>"), "ed25519", "cv25519");
    gpg.must(&["--quick-add-uid", nurse, &format!("Doctor <{doctor}>")], b"");
    let file = clinic.machine.path("own.asc");
    std::fs::write(&file, gpg.must(&["--armor", "--export-secret-keys", nurse], b"")).unwrap();
    let file = file.display().to_string();
    let import = |more: &[&str]| {
        let import = [&["orgkey", "import", file.as_str(), "--organisation", "lakeside", "--json"][..], more].concat();
        clinic.machine.run(import)
    };
    assert_eq!(import(&["--owner", doctor]).status.code(), Some(1));
    let imported = import(&[]);
    let key: Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!(key["owners"], json!([nurse]), "{key}");
    // By the verb that people look for first.
    clinic.machine.ok(["key", "publish", key["id"].as_str().unwrap(), "--organisation", "lakeside"]);
    let refused = clinic.machine.run(["key", "publish", "rky_01", "--organisation", "lakeside"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("sealpost orgkey list"), "{refused:?}");

    let server = clinic.serve();
    let mut visitor = Visitor::at(server.address("portal"));
    let mut ask = |address: &str| {
        let (local, domain) = address.split_once('@').unwrap();
        let hash = openpgp::wkd::hash(local);
        visitor.get(&format!("/.well-known/openpgpkey/{domain}/hu/{hash}")).status
    };
    wait::until("the published key", || (ask(nurse) == 200).then_some(()));
    assert_eq!(ask(doctor), 404);
    assert_eq!(visitor.get("/.well-known/openpgpkey/hill.clinic.example/policy").status, 404);
}
