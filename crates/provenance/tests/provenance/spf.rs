//! The suite of openspf for RFC 7208, every case.

use provenance::spf::{self, Client};
use serde_json::Value;
use testkit::clients::python;
use testkit::suites::suite;
use transport::{DnsName, Record, RecordKind};

use crate::zone::Zone;

/// The scenarios as JSON; YAML is read by Python, every scalar as text.
const SCENARIOS: &str = "
import json, sys, yaml
class Loader(yaml.SafeLoader): pass
Loader.yaml_implicit_resolvers = {}
documents = [d for d in yaml.load_all(open(sys.stdin.read().strip(), encoding='utf-8'), Loader) if d]
print(json.dumps(documents))
";

fn scenarios(file: &str) -> Option<Vec<Value>> {
    let path = suite("spf")?.join(file).display().to_string();
    let text = python(SCENARIOS, path.as_bytes()).expect_success().text;
    Some(serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().clone())
}

fn zone(data: &Value) -> Zone {
    let mut zone = Zone::default();
    for (name, records) in data.as_object().into_iter().flatten() {
        let records = records.as_array().map(Vec::as_slice).unwrap_or_default();
        let has_txt = records.iter().any(|record| record.get("TXT").is_some());
        for record in records {
            match record.as_object() {
                None => zone.fail(name),
                Some(record) => record.iter().for_each(|(kind, value)| add(&mut zone, name, kind, value, has_txt)),
            }
        }
    }
    zone
}

fn add(zone: &mut Zone, name: &str, kind: &str, value: &Value, has_txt: bool) {
    let text = || value.as_str().unwrap().to_owned();
    let joined =
        || value.as_array().map_or_else(text, |parts| parts.iter().map(|part| part.as_str().unwrap()).collect());
    let host = |text: &str| DnsName::parse_any(text).unwrap_or_else(|| DnsName::parse(".").unwrap());
    match kind {
        "TXT" if value == "NONE" => {}
        "TXT" => zone.txt(name, &joined()),
        // Records of type 99 stand for both where there is no other.
        "SPF" if !has_txt => zone.txt(name, &joined()),
        "SPF" => {}
        "A" => zone.add(name, RecordKind::A, Record::Address(text().parse().unwrap())),
        "AAAA" => zone.add(name, RecordKind::Aaaa, Record::Address(text().parse().unwrap())),
        "MX" => {
            let record = Record::Exchange { preference: 0, host: host(value[1].as_str().unwrap()) };
            zone.add(name, RecordKind::Mx, record);
        }
        "PTR" => zone.add(name, RecordKind::Ptr, Record::Pointer(host(&text()))),
        "CNAME" => zone.add(name, RecordKind::Cname, Record::Alias(host(&text()))),
        other => panic!("a record that nobody has looked at: {other}"),
    }
}

async fn result(zone: &Zone, case: &Value) -> &'static str {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let client =
        Client { address: text("host").parse().unwrap(), helo: text("helo"), sender: None, receiver: "mx.example" };
    let (local, domain) = match text("mailfrom").rsplit_once('@') {
        Some(("", domain)) => ("postmaster", domain),
        Some((local, domain)) => (local, domain),
        None if text("mailfrom").is_empty() => ("postmaster", text("helo")),
        None => ("postmaster", text("mailfrom")),
    };
    spf::verify_as(zone, client, local, domain).await.word()
}

#[tokio::test]
async fn every_case_of_the_suite_has_its_result() {
    check("rfc7208-tests.yml", 203).await;
    check("mailauth/rfc7208-tests.yml", 200).await;
}

async fn check(file: &str, cases: usize) {
    let Some(scenarios) = scenarios(file) else { return };
    let (mut count, mut wrong) = (0, Vec::new());
    for scenario in &scenarios {
        for (name, case) in scenario["tests"].as_object().unwrap() {
            let zone = zone(&scenario["zonedata"]);
            let found = result(&zone, case).await;
            let wanted: Vec<&str> = match &case["result"] {
                Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
                one => vec![one.as_str().unwrap()],
            };
            count += 1;
            if !wanted.contains(&found) {
                wrong.push(format!("{name}: {found}, not {wanted:?}"));
            }
            let asked = zone.asked.lock().unwrap().len();
            assert!(asked <= 140, "{name} asked {asked} questions");
        }
    }
    assert_eq!(count, cases);
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}
