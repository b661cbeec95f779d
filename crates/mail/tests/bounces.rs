//! Bounces as they are found in the world: read without harm, and their causes named.

use std::collections::BTreeMap;

use mail::bounce::{Bounce, Class};
use testkit::suites::suite;

#[test]
fn the_bounces_of_the_suite_are_read_and_most_causes_are_named() {
    let Some(suite) = suite("bounces") else { return };
    let (mut reports, mut read, mut recipients) = (0, 0, 0);
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
                *classes.entry(outcome.class().word()).or_default() += 1;
            }
        }
    }
    let unknown = classes.get(Class::Unknown.word()).copied().unwrap_or(0);
    assert!(reports > 300 && read * 100 >= reports * 95, "{read} of {reports} reports");
    assert!(unknown * 100 <= recipients * 25, "{unknown} of {recipients} causes are unknown: {classes:?}");
}
