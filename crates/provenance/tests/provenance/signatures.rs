//! DKIM signatures and ARC chains of the suites `dkim` and `arc`, with their keys in the DNS.

use jiff::Timestamp;
use mail::{Address, Domain};
use provenance::{CheckResult, Client, Inquiry, Verdicts};
use serde_json::Value;
use testkit::clients::python;
use testkit::suites::suite;

use crate::zone::Zone;

/// All that is found of a message that comes in pieces.
pub async fn verdicts(zone: &Zone, message: &[u8], at: &str) -> Verdicts {
    let split = mail::header::split(message);
    let sender = Address::parse("x@nowhere.example").unwrap();
    let client = Client { address: [192, 0, 2, 1].into(), helo: "x", sender: Some(&sender), receiver: "mx" };
    let mut inquiry = Inquiry::begin(zone, client, split.header, at.parse::<Timestamp>().unwrap()).await;
    split.body.chunks(7).for_each(|piece| inquiry.body(piece));
    let authors: Vec<Domain> =
        mail::mailbox::author(split.header).map(|author| author.domain().clone()).into_iter().collect();
    inquiry.conclude(zone, &authors).await
}

pub fn crlf(text: &[u8]) -> Vec<u8> {
    let text: String = text.iter().map(|byte| char::from(*byte)).collect();
    text.replace("\r\n", "\n").replace('\n', "\r\n").chars().map(|c| c as u8).collect()
}

#[tokio::test]
async fn real_signatures_pass_and_changed_messages_fail() {
    let Some(suite) = suite("dkim") else { return };
    let mut passed = 0;
    for number in 1..=6 {
        let bytes = std::fs::read(suite.join(format!("mail-auth/dkim/00{number}.txt"))).unwrap();
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let (records, _) = text.split_once("\n\n").unwrap();
        let mut zone = Zone::default();
        for line in records.lines() {
            let (name, record) = line.split_once(' ').unwrap();
            zone.txt(name.trim_end_matches('.'), record);
        }
        let message = crlf(&bytes[records.len() + 2..]);
        let found = verdicts(&zone, &message, "2018-06-10T00:00:00Z").await.dkim;
        // A signature with `l=` proves too little, whoever made it.
        assert!(
            found.iter().all(|one| matches!(one.result, CheckResult::Pass | CheckResult::Policy)),
            "{number}: {found:?}"
        );
        passed += found.iter().filter(|one| one.result == CheckResult::Pass).count();
        let longer = [&message[..], b"more\r\n"].concat();
        let changed = verdicts(&zone, &longer, "2018-06-10T00:00:00Z").await.dkim;
        assert!(changed.iter().all(|one| one.result != CheckResult::Pass), "{number}: {changed:?}");
        let keyless = verdicts(&Zone::default(), &message, "2018-06-10T00:00:00Z").await.dkim;
        assert!(keyless.iter().all(|one| one.result == CheckResult::Permerror), "{number}: {keyless:?}");
        let mut silent = Zone::default();
        records.lines().for_each(|line| silent.fail(line.split(' ').next().unwrap().trim_end_matches('.')));
        let unknown = verdicts(&silent, &message, "2018-06-10T00:00:00Z").await.dkim;
        assert!(unknown.iter().all(|one| one.result == CheckResult::Temperror), "{number}: {unknown:?}");
    }
    assert!(passed >= 6, "{passed}");
}

/// Each case of the suite as JSON; YAML is read by Python.
pub const CASES: &str = "
import json, sys, yaml
cases = []
for scenario in yaml.safe_load_all(open(sys.stdin.read().strip())):
    records = (scenario.get('txt-records') or {})
    for name, test in scenario['tests'].items():
        cases.append({'name': name, 'records': records, 'message': test['message'], 'cv': str(test['cv']).lower()})
print(json.dumps(cases))
";

/// A message signature over no field at all: RFC 6376 §5.4 wants From signed, and RFC 8617 makes no exception.
const ARGUED: [&str; 1] = ["ams_fields_h_empty"];

#[tokio::test]
async fn every_chain_of_the_arc_suite_has_its_result() {
    let Some(suite) = suite("arc") else { return };
    let file = suite.join("arc-draft-validation-tests.yml").display().to_string();
    let cases: Value = serde_json::from_str(&python(CASES, file.as_bytes()).expect_success().text).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let mut zone = Zone::default();
        for (owner, record) in case["records"].as_object().unwrap() {
            zone.txt(owner, record.as_str().unwrap());
        }
        let message = crlf(case["message"].as_str().unwrap().as_bytes());
        let found = verdicts(&zone, &message, "2018-11-23T00:00:00Z").await.arc.result;
        count += 1;
        // Where a chain says of itself that it failed the suite leaves the word open.
        let is_right = if case["cv"] == "" { found == CheckResult::Fail } else { found.word() == case["cv"] };
        if is_right == ARGUED.contains(&name) {
            wrong.push(format!("{name}: {}, not {}", found.word(), case["cv"]));
        }
    }
    assert!(count > 100, "{count}");
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}
