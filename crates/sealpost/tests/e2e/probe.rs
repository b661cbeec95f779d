//! `sealpost probe` as an operator runs it.

use std::process::Command;

use serde_json::Value;
use testkit::ca::Ca;
use testkit::dns::Dns;
use testkit::loopback;
use testkit::postfix::{Postfix, Tls};
use testkit::process::run;
use testkit::sealpost::Machine;
use testkit::wait;

use crate::clinic::BINARY;

#[test]
fn several_domains_in_one_call() {
    let ca = Ca::new();
    let port = loopback::free().port();
    let good = Postfix::named("mx.good.test").tls(&Tls::Valid(&ca)).port(port).start();
    let bare = Postfix::named("mx.bare.test").tls(&Tls::None).port(port).start();
    let zone = format!(
        "{}{}mx.bare.test AAAA ::1\ngood.test TXT \"v=spf1 mx -all\"\nnull.test MX 0 .\n",
        good.mx_of("good.test"),
        bare.mx_of("bare.test")
    );
    let dns = Dns::start(&zone);
    let machine = Machine::new(BINARY, &ca, &dns, port, "");
    let output = machine.run(["probe", "p@good.test", "bare.test", "good.test", "null.test", "--json"]);
    assert_eq!(output.status.code(), Some(1), "a domain without TLS is not well");
    let text = String::from_utf8(output.stdout).unwrap();
    let reports: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<[&str; 2]> =
        reports.iter().map(|report| ["domain", "level"].map(|key| report[key].as_str().unwrap())).collect();
    assert_eq!(told, [["good.test", "verified"], ["bare.test", "none"], ["null.test", "none"]]);
    assert_eq!((&reports[1]["grade"], &reports[2]["grade"]), (&Value::from("F"), &Value::Null));
    assert_eq!(reports[0]["hosts"][0]["addresses"][0]["tls"]["version"], "TLSv1.3");
    assert_eq!(reports[0]["spf"]["others"], "-all");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = good.log();
    assert!(log.contains("starttls=1") && !log.contains(" mail="), "EHLO, STARTTLS, and no message: {log}");

    let well = machine.run(["probe", "good.test", "--quick"]);
    assert_eq!(well.status.code(), Some(0));
    let text = String::from_utf8(well.stdout).unwrap();
    assert!(text.starts_with("good.test  grade B  level verified\n"), "{text}");
    for line in ["  mx            1 host, DNSSEC insecure", "  SPF           v=spf1 mx -all", "· low    anchor.none"] {
        assert!(text.lines().any(|told| told == line), "{line:?} in\n{text}");
    }
    assert!(text.contains("    → serve \"version: STSv1"), "{text}");
    assert!(!text.contains('\u{1b}'), "colour off a terminal");
}

#[test]
fn the_server_probes_what_is_watched_and_a_command_shows_it() {
    let ca = Ca::new();
    let port = loopback::free().port();
    let good = Postfix::named("mx.good.test").tls(&Tls::Valid(&ca)).port(port).start();
    let dns = Dns::start(&good.mx_of("good.test"));
    let configuration = "[watch]\ndomains = ['good.test', 'silent.test']\nquick = true\n";
    let machine = Machine::new(BINARY, &ca, &dns, port, configuration);
    machine.init();
    assert_eq!(machine.ok(["watch", "list"]), "good.test    not probed yet\nsilent.test  not probed yet\n");
    let _server = machine.serve();
    let lines = |arguments: &[&str]| -> Vec<Value> {
        machine.ok(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let list = wait::until("a round of each domain", || {
        Some(lines(&["watch", "list", "--json"])).filter(|list| list.iter().all(|standing| !standing["at"].is_null()))
    });
    let told = |standing: &Value| ["domain", "level", "grade"].map(|key| standing[key].as_str().unwrap().to_owned());
    assert_eq!(told(&list[0]), ["good.test", "verified", "B"]);
    assert_eq!((told(&list[1]), &list[1]["fall"]), (["silent.test", "none", "F"].map(str::to_owned), &Value::Null));
    let rounds = lines(&["watch", "history", "good.test", "--json"]);
    assert_eq!((rounds.len(), &rounds[0]["change"]), (1, &Value::from("first")));
    assert_eq!(rounds[0]["findings"][0]["code"], "anchor.none");
    assert!(machine.ok(["watch", "list"]).lines().next().unwrap().ends_with("verified  grade B  as it was"));
    assert_eq!(machine.run(["watch", "history", "other.test"]).status.code(), Some(1));
}

#[test]
fn no_installation_is_needed_and_usage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bare = |arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().env("SEALPOST_CONFIG", folder.path().join("sealpost.toml"));
        run(&mut command, b"").status.code()
    };
    assert_eq!(bare(&["probe"]), Some(2));
    assert_eq!(bare(&["probe", "not a domain"]), Some(2));
    assert_eq!(bare(&["probe", "@a.test"]), Some(2));
}
