//! The rules of docs/keys.md and `[policy.keys]`, each as a command or a
//! delivery shows it.

use serde_json::Value;
use testkit::gnupg::GnuPg;
use testkit::loopback;
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, Mail, find};
use crate::endtoend::{Holder, public};

/// Gives staff's key for an address, in a file.
fn add(clinic: &Clinic, gpg: &GnuPg, address: &str) -> String {
    let fingerprint = gpg.generate(&format!("P <{address}>"), "ed25519", "cv25519");
    let file = clinic.machine.path("added.asc");
    std::fs::write(&file, public(gpg, address)).unwrap();
    clinic.machine.ok(["key", "add", &file.display().to_string()]);
    fingerprint
}

/// Which method a message would get that needs this.
#[track_caller]
fn method(clinic: &Clinic, address: &str, need: &str) -> String {
    let shown = clinic.machine.ok(["recipient", "show", address, "--need", need, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["methods"][0]["method"].as_str().unwrap().to_owned()
}

fn policy(clinic: &Clinic, keys: &str) {
    clinic.machine.write("conf.d/zz.toml", &format!("[policy.keys]\n{keys}\n"));
}

#[test]
fn policy_says_when_a_key_is_used_and_which() {
    let (clinic, gpg) = (Clinic::new(""), GnuPg::new());
    let pat = clinic.patient(Kind::Good);
    add(&clinic, &gpg, &pat);
    let table = [
        ("none", "tls"),
        ("encrypted", "openpgp"),
        ("verified", "openpgp"),
        ("end_to_end", "openpgp"),
        ("openpgp", "openpgp"),
        ("smime", "portal"),
        ("portal", "portal"),
    ];
    for (need, expect) in table {
        assert_eq!(method(&clinic, &pat, need), expect, "{need}");
    }
    policy(&clinic, "use_when = 'needed'");
    assert_eq!(
        (method(&clinic, &pat, "verified"), method(&clinic, &pat, "end_to_end")),
        ("tls".into(), "openpgp".into())
    );
    policy(&clinic, "transit = ['wkd']");
    assert_eq!(
        (method(&clinic, &pat, "verified"), method(&clinic, &pat, "end_to_end")),
        ("tls".into(), "openpgp".into())
    );
    policy(&clinic, "end_to_end = ['wkd']");
    assert_eq!(method(&clinic, &pat, "end_to_end"), "portal");

    policy(&clinic, "");
    clinic.machine.ok(["key", "add", &Holder::new(&pat, &["-days", "30"]).certificate()]);
    for (keys, expect) in [("", "smime"), ("prefer = 'openpgp'", "openpgp"), ("prefer = 'fresher'", "smime")] {
        policy(&clinic, keys);
        assert_eq!(method(&clinic, &pat, "end_to_end"), expect, "{keys}");
    }
}

#[test]
fn a_key_is_for_the_mailbox_that_it_names_unless_a_person_binds_it() {
    let (clinic, gpg) = (Clinic::new(""), GnuPg::new());
    let domain = clinic.domain();
    let named = format!("Pat.Doe@{domain}");
    add(&clinic, &gpg, &named);
    for other in ["pat.doe", "PatDoe", "Pat.Doe+x", "Pat.D\u{43e}e"] {
        assert_eq!(method(&clinic, &format!("{other}@{domain}"), "end_to_end"), "portal", "{other}");
    }
    policy(&clinic, "local_part = 'any_case'");
    assert_eq!(method(&clinic, &format!("pat.doe@{domain}"), "end_to_end"), "openpgp");
    assert_eq!(method(&clinic, &format!("patdoe@{domain}"), "end_to_end"), "portal");

    let (file, bound) = (clinic.machine.path("added.asc").display().to_string(), format!("office@{domain}"));
    clinic.machine.ok(["key", "add", &file, "--address", &bound, "--note", "read on the phone"]);
    assert_eq!(method(&clinic, &bound, "end_to_end"), "openpgp");
    let shown = clinic.machine.ok(["recipient", "show", &bound]);
    assert!(shown.contains("a person bound it") && shown.contains("(read on the phone)"), "{shown}");
}

/// Sends what needs this; gives the message's id.
fn send(clinic: &Clinic, server: &Server<'_>, to: &str, need: &str) -> String {
    let header = format!("X-Sealpost-Protect: {need}\n");
    clinic.send(server, &Mail { to: &[to], header: &header, ..clinic.mail() })
}

#[test]
fn what_a_sealed_copy_may_cross_is_policys_to_say() {
    let (clinic, gpg) = (Clinic::new("[policy.keys]\ncrossing = 'verified'\n"), GnuPg::new());
    let (good, clear) = (clinic.patient(Kind::Good), clinic.patient(Kind::Clear));
    add(&clinic, &gpg, &good);
    add(&clinic, &gpg, &clear);
    let server = clinic.serve();
    let id = send(&clinic, &server, &good, "end_to_end");
    assert_eq!(clinic.wait_for(&id, "delivered", &good)["sealing"]["format"], "openpgp");
    let id = send(&clinic, &server, &clear, "end_to_end");
    clinic.wait_for(&id, "notified", &clear);
    assert!(find(&clinic.events(&id), "rerouted", &clear).is_some());
    assert!(clinic.letters_now(Kind::Clear, &clear).iter().all(|one| !one.text().contains("PGP MESSAGE")));
}

#[test]
fn a_directory_that_can_not_be_reached_is_left_alone_for_a_while() {
    // Nobody listens there.
    let clinic = Clinic::new(&format!("[keys]\nwkd_port = {}\nwkd_again = '1ms'\n", loopback::port()));
    let pat = clinic.patient(Kind::Good);
    let (_, domain) = pat.split_once('@').unwrap();
    clinic.dns.add(&format!("openpgpkey.{domain} A 127.0.0.1\n"));
    let server = clinic.serve();
    let sought = |id: &str| find(&clinic.events(id), "key_sought", &pat);
    let first = send(&clinic, &server, &pat, "end_to_end");
    clinic.wait_for(&first, "notified", &pat);
    assert!(sought(&first).unwrap()["found"].as_str().unwrap().contains("could not be asked"));
    let shown: Value = serde_json::from_str(&clinic.machine.ok(["recipient", "show", &pat, "--json"])).unwrap();
    assert!(shown["directory"]["found"].as_str().unwrap().contains("could not be asked"), "{shown}");
    assert!(clinic.machine.ok(["recipient", "show", &pat]).contains("could not be asked (20"));
    let second = send(&clinic, &server, &pat, "end_to_end");
    clinic.wait_for(&second, "notified", &pat);
    assert_eq!(sought(&second), None, "for a quarter of an hour, whatever wkd_again says");
}

#[test]
fn a_rejected_key_stays_rejected_and_a_removed_one_may_come_again() {
    let (clinic, gpg) = (Clinic::new(""), GnuPg::new());
    let pat = clinic.patient(Kind::Good);
    add(&clinic, &gpg, &pat);
    let id = || {
        let listed = clinic.machine.ok(["key", "list"]);
        listed.split_whitespace().next().unwrap().to_owned()
    };
    let server = clinic.serve();
    clinic.machine.ok(["key", "reject", &id()]);
    // A running server sees a change at once.
    let sent = send(&clinic, &server, &pat, "end_to_end");
    clinic.wait_for(&sent, "notified", &pat);
    let file = clinic.machine.path("added.asc").display().to_string();
    clinic.machine.ok(["key", "add", &file]);
    assert_eq!(method(&clinic, &pat, "end_to_end"), "openpgp", "staff gave it again");
    clinic.machine.ok(["key", "remove", &id(), "--yes"]);
    assert_eq!(clinic.machine.ok(["key", "list"]), "");
    clinic.machine.ok(["key", "add", &file]);
    let sent = send(&clinic, &server, &pat, "end_to_end");
    clinic.wait_for(&sent, "delivered", &pat);
    clinic.machine.ok(["audit", "verify"]);
}

#[test]
fn many_keys_are_imported_and_each_is_accounted_for() {
    let (clinic, gpg, folder) = (Clinic::new(""), GnuPg::new(), tempfile::tempdir().unwrap());
    let domain = clinic.domain();
    let [pat, ann, bob] = ["pat", "ann", "bob"].map(|local| format!("{local}@{domain}"));
    for address in [&pat, &ann] {
        gpg.generate(&format!("P <{address}>"), "ed25519", "cv25519");
        std::fs::write(folder.path().join(format!("{}.asc", &address[..3])), public(&gpg, address)).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "no key").unwrap();
    let path = folder.path().display().to_string();
    let run = |path: &str| {
        let output = clinic.machine.run(["key", "import", path, "--note", "from the old system"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told, said) = run(&path);
    assert!(code == Some(1) && said.contains("2 added or changed, 0 known already, 1 refused"), "{said}");
    assert!(said.contains("notes.txt") && told.lines().count() == 2, "{said}{told}");
    for address in [&pat, &ann] {
        assert_eq!(method(&clinic, address, "end_to_end"), "openpgp", "{address}");
    }
    // A list may give a key to another address than it names; that is said.
    let list = folder.path().join("people.csv");
    std::fs::write(&list, format!("\u{feff}address,file\r\n{pat},pat.asc\r\n{bob},ann.asc\r\n")).unwrap();
    let (code, _, said) = run(&list.display().to_string());
    assert!(code == Some(0) && said.contains("1 added or changed, 1 known already, 0 refused"), "{said}");
    assert!(
        said.contains(&format!("does not name {bob}")) && !said.contains(&format!("does not name {pat}")),
        "{said}"
    );
    assert!(clinic.machine.ok(["recipient", "show", &bob]).contains("(from the old system)"));
    // Nothing of a list that can't be read.
    std::fs::write(&list, format!("b{bob},ann.asc\nbob\n")).unwrap();
    let (code, told, _) = run(&list.display().to_string());
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert_eq!(method(&clinic, &format!("b{bob}"), "end_to_end"), "portal");
    clinic.machine.ok(["audit", "verify"]);
}
