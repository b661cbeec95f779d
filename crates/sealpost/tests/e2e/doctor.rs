//! `sealpost doctor`: a sound installation, and each thing that can be wrong
//! with one, with its fix.

use std::path::Path;

use serde_json::Value;
use testkit::ca::{Ca, Identity};
use testkit::dns::Dns;
use testkit::gnupg::GnuPg;
use testkit::sealpost::Machine;

const BINARY: &str = env!("CARGO_BIN_EXE_sealpost");

/// A clinic whose names are all published as they should be.
struct Clinic {
    machine: Machine,
    ca: Ca,
    dns: Dns,
    /// The DKIM record as `init` printed it.
    record: String,
}

impl Clinic {
    fn new() -> Self {
        let ca = Ca::new();
        let dns = Dns::start("secure.clinic.example. A 127.0.0.1\n");
        let machine = Machine::new(BINARY, &ca, &dns, 25, "");
        let record = machine.init();
        dns.add("clinic.example. TXT \"v=spf1 a:secure.clinic.example -all\"\n_dmarc.clinic.example. TXT \"v=DMARC1; p=reject\"\n");
        dns.add(&record);
        Self { machine, ca, dns, record }
    }

    /// The exit code and the findings of an area.
    #[track_caller]
    fn findings(&self, area: &str) -> (Option<i32>, Vec<Value>) {
        let output = self.machine.run(["doctor", "--json", "--only", area]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let findings = report["checks"].as_array().expect("checks").clone();
        for finding in &findings {
            let needs_fix = ["warning", "failed"].iter().any(|bad| finding["outcome"] == *bad);
            assert_eq!(needs_fix, finding["fix"].is_string(), "a fix for each fault, and none without: {finding}");
        }
        (output.status.code(), findings)
    }

    /// That an area is as it should be.
    #[track_caller]
    fn is_well(&self, area: &str) {
        let (code, findings) = self.findings(area);
        assert!(code == Some(0) && findings.iter().all(|one| one["outcome"] == "ok"), "{findings:#?}");
    }

    /// That an area has this fault, and says this of its mending.
    #[track_caller]
    fn has(&self, area: &str, outcome: &str, message: &str, fix: &str) {
        let (code, findings) = self.findings(area);
        assert_eq!(code, Some(i32::from(outcome == "failed")), "{findings:#?}");
        let is_it = |one: &&Value| {
            one["outcome"] == outcome
                && one["message"].as_str().is_some_and(|text| text.contains(message))
                && one["fix"].as_str().is_some_and(|text| text.contains(fix))
        };
        assert!(findings.iter().any(|one| is_it(&one)), "no {outcome} {message:?} with fix {fix:?}: {findings:#?}");
    }

    fn shows(&self, identity: &Identity) {
        std::fs::copy(&identity.certificate, &self.machine.identity.certificate).unwrap();
        std::fs::copy(&identity.key, &self.machine.identity.key).unwrap();
    }
}

#[test]
fn a_sound_installation_with_its_server_is_well() {
    let clinic = Clinic::new();
    let server = clinic.machine.serve();
    clinic.machine.write("conf.d/health.toml", &format!("[health]\nlisten = '{}'\n", server.address("health")));
    let output = clinic.machine.run(["doctor", "--strict"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    for area in
        ["configuration", "files", "disk", "clock", "store", "ledger", "queue", "certificates", "keys", "dns", "server"]
    {
        assert!(told.contains(&format!("✓ {area} ")), "{told}");
    }
    assert!(told.trim_end().ends_with("0 failed, 0 to be seen to"), "{told}");
    assert!(clinic.machine.run(["doctor", "--ready"]).status.success());
    let (_, disk) = clinic.findings("disk");
    assert!(disk.iter().all(|one| one["message"].as_str().is_some_and(|text| text.contains("free of"))), "{disk:?}");
    server.stop();
    clinic.has("server", "warning", "no server answers", "systemctl start sealpost");
    let gone = clinic.machine.run(["doctor", "--ready", "--json"]);
    let told: Value = serde_json::from_slice(&gone.stdout).unwrap();
    assert_eq!((gone.status.code(), &told["ready"]), (Some(1), &Value::from(false)));
    assert!(told["because"].as_str().is_some_and(|because| because.contains("no server answers")), "{told}");
}

#[test]
fn a_configuration_that_cannot_be_read_leaves_the_rest_unsaid() {
    let clinic = Clinic::new();
    clinic.machine.write("conf.d/slip.toml", "[portal]\nlangauge = 'en'\n");
    clinic.has("configuration", "failed", "did you mean portal.language?", "sealpost config check");
    let (code, findings) = clinic.findings("disk");
    assert_eq!((code, &findings[0]["outcome"]), (Some(0), &Value::from("skipped")));
    assert_eq!(clinic.machine.run(["doctor"]).status.code(), Some(1));
}

#[test]
fn keys_that_others_can_read_and_keys_of_others_are_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let clinic = Clinic::new();
    clinic.is_well("files,store,ledger,clock");
    let key = &clinic.machine.identity.key;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    clinic.has("files", "failed", "can be read by other accounts", &format!("chmod o-rwx,g-w {}", key.display()));
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_file(clinic.machine.path("root.key")).unwrap();
    clinic.has("files", "failed", "root.key", "put the file there");
    clinic.has("store", "failed", "root key", "put the root key that this data was made with");
    let other = Clinic::new();
    std::fs::copy(other.machine.path("root.key"), clinic.machine.path("root.key")).unwrap();
    clinic.has("store", "failed", "don't open", "root key");
    let (_, findings) = clinic.findings("queue");
    assert_eq!(findings[0]["outcome"], "skipped");
}

#[test]
fn certificates_are_judged_as_a_client_would() {
    let clinic = Clinic::new();
    clinic.is_well("certificates");
    clinic.shows(&clinic.ca.expired(&["secure.clinic.example"]));
    clinic.has("certificates", "failed", "submission: the certificate is expired", "replace");
    clinic.shows(&clinic.ca.issue(&["mail.clinic.example"]));
    clinic.has("certificates", "failed", "portal: the certificate is not for secure.clinic.example", "replace");
    clinic.shows(&clinic.ca.self_signed(&["secure.clinic.example"]));
    clinic.has("certificates", "warning", "self-signed", "intermediate");
    let other = clinic.ca.issue(&["secure.clinic.example"]);
    std::fs::copy(&other.key, &clinic.machine.identity.key).unwrap();
    clinic.has("certificates", "failed", "submission: ", "of one pair");
}

#[test]
fn what_the_dns_lacks_is_told_with_the_record_to_publish() {
    let clinic = Clinic::new();
    clinic.is_well("dns");
    clinic.dns.remove("sealpost._domainkey.clinic.example.");
    clinic.has("dns", "warning", "is not published", clinic.record.trim());
    clinic.dns.add("sealpost._domainkey.clinic.example. TXT \"v=DKIM1; k=rsa; p=MIIB\"\n");
    clinic.has("dns", "failed", "holds another key", clinic.record.trim());
    clinic.dns.remove("sealpost._domainkey.clinic.example.");
    clinic.dns.add(&clinic.record);
    clinic.dns.remove("_dmarc.clinic.example.");
    clinic.has("dns", "warning", "no DMARC record", "_dmarc.clinic.example. TXT \"v=DMARC1;");
    clinic.dns.remove("clinic.example.");
    clinic.has("dns", "warning", "SPF for 127.0.0.1 is none", "v=spf1 a:secure.clinic.example -all");
    clinic.dns.add("clinic.example. TXT \"v=spf1 -all\"\n");
    clinic.has("dns", "warning", "SPF for 127.0.0.1 is fail", "add a:secure.clinic.example");
    clinic.dns.remove("secure.clinic.example.");
    clinic.has("dns", "failed", "secure.clinic.example has no address", "publish: secure.clinic.example. A");
}

#[test]
fn a_ledger_that_was_cut_back_is_found() {
    let clinic = Clinic::new();
    clinic.machine.login("nurse", "*@clinic.example");
    let server = clinic.machine.serve();
    server.stop();
    clinic.is_well("ledger");
    let old = clinic.machine.path("old");
    copy_folder(&clinic.machine.path("data"), &old);
    clinic.machine.login("doctor", "*@clinic.example");
    let server = clinic.machine.serve();
    server.stop();
    let checkpoints = clinic.machine.path("data/checkpoints");
    std::fs::remove_dir_all(old.join("checkpoints")).unwrap();
    copy_folder(&checkpoints, &old.join("checkpoints"));
    std::fs::remove_dir_all(clinic.machine.path("data")).unwrap();
    std::fs::rename(&old, clinic.machine.path("data")).unwrap();
    clinic.has("ledger", "failed", "shorter than the checkpoint outside", "sealpost audit verify");
}

#[test]
fn own_keys_that_end_and_keys_that_wait_are_told_with_the_command() {
    let clinic = Clinic::new();
    clinic.is_well("keys");
    let made = |more: &[&str]| -> Value {
        let generate = [&["orgkey", "generate", "--json"][..], more].concat();
        serde_json::from_str(&clinic.machine.ok(generate)).unwrap()
    };
    let lasting = made(&["nurse@clinic.example", "--days", "700"]);
    clinic.is_well("keys");
    let short = made(&["care@clinic.example", "--days", "5"]);
    let fix = format!("sealpost orgkey renew {}", short["id"].as_str().unwrap());
    clinic.has("keys", "warning", "of care@clinic.example ends at", &fix);
    let certificate = made(&["desk@clinic.example", "--format", "smime", "--self-signed", "--days", "6"]);
    let request = format!("sealpost orgkey renew {}", certificate["id"].as_str().unwrap());
    clinic.has("keys", "warning", "of desk@clinic.example ends at", &request);
    clinic.has("keys", "warning", "of desk@clinic.example ends at", "sealpost orgkey import CERTIFICATE");
    let (_, findings) = clinic.findings("keys");
    assert!(!findings.iter().any(|one| one["message"].as_str().unwrap().contains(lasting["id"].as_str().unwrap())));
    let (gpg, old) = (GnuPg::new(), clinic.machine.path("old.asc"));
    let then = ["--faked-system-time", "20200101T000000!", "--quick-generate-key"];
    gpg.must(&[&then[..], &["Old <old@clinic.example>", "rsa2048", "default", "1y"]].concat(), b"");
    std::fs::write(&old, gpg.must(&["--armor", "--export-secret-keys"], b"")).unwrap();
    let ended: Value = serde_json::from_str(&clinic.machine.ok([
        "orgkey",
        "import",
        &old.display().to_string(),
        "--json",
        "--owner",
        "old@clinic.example",
    ]))
    .unwrap();
    clinic.has("keys", "failed", "of old@clinic.example ended at", "sealpost orgkey renew");
    clinic.machine.ok(["orgkey", "retire", ended["id"].as_str().unwrap()]);
    clinic.machine.ok(["orgkey", "renew", short["id"].as_str().unwrap()]);
    clinic.machine.ok(["orgkey", "retire", certificate["id"].as_str().unwrap()]);
    clinic.is_well("keys");
}

#[test]
fn a_key_of_an_application_that_ends_soon_is_told() {
    let clinic = Clinic::new();
    let made = |days: &str| -> Value {
        let create = ["apikey", "create", "refills", "--sender", "*@clinic.example", "--days", days, "--json"];
        serde_json::from_str(&clinic.machine.ok(create)).unwrap()
    };
    made("300");
    clinic.is_well("keys");
    let id = made("5")["id"].as_str().unwrap().to_owned();
    clinic.has("keys", "warning", &format!("the API key {id} ends at"), &format!("sealpost apikey revoke {id}"));
    clinic.machine.ok(["apikey", "revoke", &id, "--yes"]);
    clinic.is_well("keys");
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy_folder(&entry.path(), &target),
            kind if kind.is_file() => drop(std::fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}
