//! `sealpost domain` and `sealpost dkim`: each record as want, found and fix,
//! and a key that takes another's place.

use serde_json::Value;
use testkit::ca::Ca;
use testkit::dns::Dns;
use testkit::sealpost::Machine;

use crate::border;

const BINARY: &str = env!("CARGO_BIN_EXE_sealpost");

fn check(machine: &Machine) -> (Option<i32>, Vec<Value>) {
    let output = machine.run(["domain", "check", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(told["domains"][0]["domain"], "clinic.example");
    (output.status.code(), told["domains"][0]["records"].as_array().unwrap().clone())
}

/// The outcome of a record, and that a fault has its fix.
#[track_caller]
fn is(records: &[Value], record: &str, outcome: &str) {
    let found = records.iter().find(|one| one["record"] == record);
    let found = found.unwrap_or_else(|| panic!("no {record} in {records:#?}"));
    assert_eq!(found["outcome"], outcome, "{found:#}");
    assert!(!found["want"].as_str().unwrap().is_empty());
    assert_eq!(found["fix"].is_string(), matches!(outcome, "warning" | "failed"), "{found:#}");
}

#[test]
fn each_record_of_a_domain_is_told_as_want_found_and_fix() {
    let ca = Ca::new();
    let dns = Dns::start("secure.clinic.example. A 127.0.0.1\n");
    let machine = Machine::new(BINARY, &ca, &dns, 25, "");
    let record = machine.init();
    let (code, records) = check(&machine);
    assert_eq!(code, Some(0), "nothing failed: {records:#?}");
    ["SPF", "DKIM", "DMARC"].iter().for_each(|one| is(&records, one, "warning"));
    is(&records, "WKD", "skipped");
    assert_eq!(machine.run(["domain", "check", "--strict"]).status.code(), Some(1));

    dns.add("clinic.example. TXT \"v=spf1 a:secure.clinic.example -all\"\n_dmarc.clinic.example. TXT \"v=DMARC1; p=reject\"\n");
    dns.add(&record);
    dns.add("openpgpkey.clinic.example. A 127.0.0.1\n");
    let (_, records) = check(&machine);
    ["SPF", "DKIM", "DMARC", "WKD"].iter().for_each(|one| is(&records, one, "ok"));
    assert_eq!(machine.run(["domain", "check", "elsewhere.example"]).status.code(), Some(1));
    assert!(machine.ok(["domain", "list"]).contains("clinic.example  outbound, DKIM sealpost"));
}

#[test]
fn a_domain_whose_mail_comes_in_wants_more_records() {
    let clinic = border::clinic("");
    clinic.dns.remove("clinic.example");
    clinic.dns.add("secure.clinic.example. A 127.0.0.1\n");
    let (_, records) = check(&clinic.machine);
    ["MX", "MTA-STS", "TLS-RPT"].iter().for_each(|one| is(&records, one, "warning"));
    is(&records, "DANE", "skipped");
    clinic.dns.add(
        "clinic.example. MX 10 secure.clinic.example.\n\
         _smtp._tls.clinic.example. TXT \"v=TLSRPTv1; rua=mailto:postmaster@clinic.example\"\n\
         _mta-sts.clinic.example. TXT \"v=STSv1; id=1\"\n",
    );
    let (code, records) = check(&clinic.machine);
    ["MX", "TLS-RPT"].iter().for_each(|one| is(&records, one, "ok"));
    // The record promises a policy that nobody serves.
    is(&records, "MTA-STS", "failed");
    assert_eq!(code, Some(1));
}

#[test]
fn a_dkim_key_is_made_checked_and_takes_the_place_of_another() {
    let ca = Ca::new();
    let dns = Dns::start("secure.clinic.example. A 127.0.0.1\n");
    let machine = Machine::new(BINARY, &ca, &dns, 25, "");
    machine.init();
    for (selector, kind) in [("s2", "rsa"), ("s3", "ed25519")] {
        assert_eq!(machine.run(["dkim", "check", "clinic.example", selector]).status.code(), Some(1), "no key yet");
        let record = machine.ok(["dkim", "next", "clinic.example", selector, "--kind", kind]);
        assert!(
            record.starts_with(&format!("{selector}._domainkey.clinic.example. TXT \"v=DKIM1; k={kind};")),
            "{record}"
        );
        assert_eq!(machine.ok(["dkim", "next", "clinic.example", selector]), record, "a key never changes");
        assert!(!machine.ok(["dkim", "show"]).contains(&format!("{selector}._domainkey")), "it signs nothing yet");
        assert_eq!(machine.run(["dkim", "check", "clinic.example", selector]).status.code(), Some(1), "not published");
        dns.add(&record);
        machine.ok(["dkim", "check", "clinic.example", selector]);
        machine.write("conf.d/dkim.toml", &format!("[dkim.selectors]\n\"clinic.example\" = \"{selector}\"\n"));
        assert_eq!(machine.ok(["dkim", "show"]), record);
    }
    assert_eq!(machine.run(["dkim", "next", "elsewhere.example", "s2"]).status.code(), Some(1));
    // A second key of the other kind, made by itself and looked at with the first.
    machine.write("conf.d/dkim.toml", "[dkim.second]\n\"clinic.example\" = \"ed1\"\n");
    let shown = machine.ok(["dkim", "show"]);
    let records: Vec<&str> = shown.lines().collect();
    assert!(records[0].starts_with("sealpost._domainkey.clinic.example. TXT \"v=DKIM1; k=rsa;"), "{shown}");
    assert!(records[1].starts_with("ed1._domainkey.clinic.example. TXT \"v=DKIM1; k=ed25519;"), "{shown}");
    assert_eq!(machine.ok(["dkim", "show"]), shown, "a key never changes");
    let (_, found) = check(&machine);
    assert_eq!(found.iter().filter(|record| record["record"] == "DKIM").count(), 2, "{found:#?}");
}

#[test]
fn a_new_domain_gets_its_key_and_its_records_are_printed() {
    let ca = Ca::new();
    let dns = Dns::start("secure.clinic.example. A 127.0.0.1\n");
    let machine = Machine::new(BINARY, &ca, &dns, 25, "");
    machine.init();
    let lines = machine.ok(["domain", "add", "other.example"]);
    for line in [
        "sealpost._domainkey.other.example. TXT \"v=DKIM1; k=rsa;",
        "other.example. TXT \"v=spf1 a:secure.clinic.example -all\"",
        "_dmarc.other.example. TXT",
        "_smtp._tls.other.example. TXT",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    machine.write("conf.d/domains.toml", "[organisation]\ndomains = ['clinic.example', 'other.example']\n");
    let shown = machine.ok(["dkim", "show"]);
    assert!(lines.lines().next().is_some_and(|line| shown.contains(line)), "the key that was made signs: {shown}");
    assert_eq!(machine.run(["domain", "add", "other.example"]).status.code(), Some(1), "it is there");
}
