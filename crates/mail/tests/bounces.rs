//! Bounces as they are found in the world: read without harm, and their causes named.

use std::collections::BTreeMap;

use mail::bounce::{Bounce, Class, Complaint};
use testkit::suites::suite;

#[test]
fn the_bounces_of_the_suite_are_read_and_most_causes_are_named() {
    let Some(suite) = suite("bounces") else { return };
    let (mut reports, mut read, mut recipients, mut gone) = (0, 0, 0, 0);
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for folder in ["bsd", "dos", "mac", "err", "not"] {
        for entry in std::fs::read_dir(suite.join("maildir").join(folder)).unwrap().flatten() {
            let bytes = std::fs::read(entry.path()).unwrap();
            // Some stand there as they stood in an mbox.
            let is_mbox = bytes.starts_with(b"From ");
            let begin = bytes.iter().position(|byte| *byte == b'\n').filter(|_| is_mbox).map_or(0, |end| end + 1);
            let bounce = Bounce::read(&bytes[begin..]);
            if folder == "not" {
                assert!(bounce.is_none_or(|bounce| bounce.recipients.is_empty()), "{}", entry.path().display());
                continue;
            }
            let says_so = bytes.windows(23).any(|window| window.eq_ignore_ascii_case(b"message/delivery-status"));
            if folder != "bsd" || !says_so {
                continue;
            }
            reports += 1;
            let Some(bounce) = bounce.filter(|bounce| !bounce.recipients.is_empty()) else { continue };
            read += 1;
            for outcome in &bounce.recipients {
                recipients += 1;
                if outcome.is_gone() {
                    gone += 1;
                    assert_eq!(outcome.class(), Class::BadAddress, "{}", entry.path().display());
                }
                *classes.entry(outcome.class().word()).or_default() += 1;
            }
        }
    }
    assert!((70..100).contains(&gone), "{gone} of {recipients} say that there is no such mailbox");
    let unknown = classes.get(Class::Unknown.word()).copied().unwrap_or(0);
    assert!(reports > 300 && read * 100 >= reports * 95, "{read} of {reports} reports");
    assert!(unknown * 100 <= recipients * 25, "{unknown} of {recipients} causes are unknown: {classes:?}");
}

#[test]
fn of_the_abuse_reports_of_the_suite_only_complaints_are_read_as_such() {
    let Some(suite) = suite("bounces") else { return };
    let (mut complaints, mut others) = (0, 0);
    for entry in std::fs::read_dir(suite.join("maildir/bsd")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let is_complaint =
            ["abuse", "fraud", "opt-out"].iter().any(|kind| text.contains(&format!("feedback-type: {kind}")));
        match Complaint::read(&bytes) {
            Some(_) => {
                assert!(is_complaint, "{}", entry.path().display());
                complaints += 1;
            }
            None => others += usize::from(is_complaint),
        }
    }
    assert!(complaints >= 9 && others <= 3, "{complaints} are read, {others} are not");
}
