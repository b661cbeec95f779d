//! ARC sets that this system writes (RFC 8617), judged by its own verifier and by dkimpy.

use jiff::Timestamp;
use mail::Domain;
use provenance::CheckResult;
use seal::{ArcSet, Chain, DkimKey};
use serde_json::{Value, json};
use testkit::clients::python;
use testkit::suites::suite;

use crate::signatures::{CASES, crlf, verdicts};
use crate::zone::Zone;

const AT: &str = "2026-01-05T10:00:00Z";
const MESSAGE: &str = "Received: from a\r\n\tby b; Mon, 5 Jan 2026 09:59:59 +0000\r\nFrom: Ann <ann@patient.example>\r\n\
    To: staff@clinic.example\r\nSubject:  A   question\r\nMIME-Version: 1.0\r\n\r\nMay  I come?\t \r\n\r\n\r\n";

struct Sealer {
    key: DkimKey,
    zone: Zone,
    records: Vec<(String, String)>,
}

fn sealer() -> Sealer {
    let pkcs8 = DkimKey::generate_rsa().unwrap();
    let key = DkimKey::from_pkcs8(Domain::parse("clinic.example").unwrap(), "s1", &pkcs8).unwrap();
    let mut zone = Zone::default();
    zone.txt(&key.record_name(), &key.record());
    let records = vec![(key.record_name(), key.record())];
    Sealer { key, zone, records }
}

impl Sealer {
    fn seal(&self, message: &str, instance: usize, chain: Chain) -> String {
        let results = "mx.clinic.example;\r\n\tspf=pass smtp.mailfrom=patient.example;\r\n\tdmarc=pass header.from=patient.example";
        let set = ArcSet { instance, chain, results };
        let fields = self.key.seal(message.as_bytes(), &set, AT.parse::<Timestamp>().unwrap());
        format!("{}{message}", fields.unwrap())
    }

    async fn judged(&self, message: &str) -> (CheckResult, usize) {
        let found = verdicts(&self.zone, message.as_bytes(), AT).await.arc;
        (found.result, found.sets)
    }

    /// What dkimpy says of the chain.
    fn dkimpy(&self, message: &str) -> String {
        let job = json!({ "message": message, "records": self.records }).to_string();
        python(DKIMPY, job.as_bytes()).expect_success().text.trim().to_owned()
    }
}

const DKIMPY: &str = "
import sys, json, dkim
job = json.load(sys.stdin)
records = {name.rstrip('.') + '.': text.encode() for name, text in job['records']}
def ask(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records.get(name.rstrip('.') + '.')
result = dkim.arc_verify(job['message'].encode(), dnsfunc=ask)
word = result[0].decode() if isinstance(result[0], bytes) else str(result[0])
print(word)
";

#[tokio::test]
async fn chains_of_several_sets_verify_here_and_elsewhere() {
    let sealer = sealer();
    let one = sealer.seal(MESSAGE, 1, Chain::None);
    assert_eq!(sealer.judged(&one).await, (CheckResult::Pass, 1), "{one}");
    assert_eq!(sealer.dkimpy(&one), "pass", "{one}");
    // A mailing list behind us adds what it likes above, and its own set.
    let two = sealer.seal(&format!("X-List: yes\r\n{one}"), 2, Chain::Pass);
    assert_eq!(sealer.judged(&two).await, (CheckResult::Pass, 2), "{two}");
    assert_eq!(sealer.dkimpy(&two), "pass", "{two}");
    let three = sealer.seal(&two, 3, Chain::Pass);
    assert_eq!(sealer.judged(&three).await, (CheckResult::Pass, 3), "{three}");
    assert_eq!(sealer.dkimpy(&three), "pass");
}

#[tokio::test]
async fn what_was_changed_afterwards_does_not_verify() {
    let sealer = sealer();
    let sealed = sealer.seal(MESSAGE, 1, Chain::None);
    for changed in [
        sealed.replace("May  I", "May not I"),
        sealed.replace("Subject:  A   question", "Subject: An answer"),
        sealed.replace("dmarc=pass", "dmarc=fail"),
        sealed.replace("cv=none", "cv=pass"),
    ] {
        assert_ne!(changed, sealed);
        assert_eq!(sealer.judged(&changed).await.0, CheckResult::Fail, "{changed}");
        assert_ne!(sealer.dkimpy(&changed), "pass", "{changed}");
    }
}

#[tokio::test]
async fn a_chain_that_failed_is_never_vouched_for() {
    let sealer = sealer();
    let sealed = sealer.seal(MESSAGE, 1, Chain::None);
    let broken = sealed.replace("May  I", "May not I");
    let given_up = sealer.seal(&broken, 2, Chain::Fail);
    assert_eq!(sealer.judged(&given_up).await.0, CheckResult::Fail);
    let again = sealer.seal(&given_up, 3, Chain::Pass);
    assert_eq!(sealer.judged(&again).await.0, CheckResult::Fail, "nobody seals it well again");
    assert!(
        sealer
            .key
            .seal(MESSAGE.as_bytes(), &ArcSet { instance: 51, chain: Chain::Pass, results: "x" }, Timestamp::UNIX_EPOCH)
            .is_none()
    );
}

#[tokio::test]
async fn every_chain_of_the_suite_goes_on_as_it_stood() {
    let Some(suite) = suite("arc") else { return };
    let file = suite.join("arc-draft-validation-tests.yml").display().to_string();
    let cases: Value = serde_json::from_str(&python(CASES, file.as_bytes()).expect_success().text).unwrap();
    let Sealer { key, .. } = sealer();
    let (mut passed, mut failed) = (0, 0);
    for case in cases.as_array().unwrap() {
        let mut zone = Zone::default();
        for (owner, record) in case["records"].as_object().unwrap() {
            zone.txt(owner, record.as_str().unwrap());
        }
        zone.txt(&key.record_name(), &key.record());
        let message = crlf(case["message"].as_str().unwrap().as_bytes());
        // The door takes nothing without an author, and a signature has to cover one.
        if mail::header::first(mail::header::split(&message).header, "From").is_none() {
            continue;
        }
        let before = verdicts(&zone, &message, "2018-11-23T00:00:00Z").await.arc;
        let chain = match before.result {
            CheckResult::None => Chain::None,
            CheckResult::Pass => Chain::Pass,
            _ if before.is_given_up => continue,
            _ => Chain::Fail,
        };
        let set = ArcSet { instance: before.sets + 1, chain, results: "mx.clinic.example; spf=none" };
        let Some(fields) = key.seal(&message, &set, "2018-11-23T00:00:00Z".parse().unwrap()) else {
            assert_eq!(before.sets, 50, "{}", case["name"]);
            continue;
        };
        let after = verdicts(&zone, &[fields.as_bytes(), &message].concat(), "2018-11-23T00:00:00Z").await.arc;
        match chain {
            Chain::None | Chain::Pass => {
                assert_eq!((after.result, after.sets), (CheckResult::Pass, before.sets + 1), "{case}");
                passed += 1;
            }
            Chain::Fail => {
                assert!(after.result == CheckResult::Fail && after.is_given_up, "{case}");
                failed += 1;
            }
        }
    }
    assert!(passed > 20 && failed > 20, "{passed} passed, {failed} failed");
}
