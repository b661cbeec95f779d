//! What each detector must find and must leave alone: the tables in
//! `testdata/detectors`, one text a line after the least confidence that will
//! do, or after `no` where nothing may be found. `\\n` and `\\t` are what they say.

use std::path::Path;

use mail::reading::{Body, Part, Place, Reading};

use super::{Detectors, scan};
use crate::finding::{Detector, Finding};

fn found(text: &str) -> Vec<Finding> {
    let part = Part {
        place: Place::Text,
        content_type: "text/plain".to_owned(),
        content_id: None,
        nesting: 0,
        body: Body::Text(text.to_owned()),
    };
    scan(&Detectors::default(), &Reading { parts: vec![part], ..Reading::default() })
}

fn check(detector: Detector, text: &str, expect: &str) {
    let own: Vec<Finding> = found(text).into_iter().filter(|one| one.detector == detector).collect();
    let best = own.iter().map(|one| one.confidence).reduce(f64::max);
    match expect {
        "no" => assert!(own.is_empty(), "{detector} in {text:?}: {own:?}"),
        least => assert!(best.is_some_and(|best| best >= least.parse().unwrap()), "{detector} in {text:?}: {best:?}"),
    }
}

#[test]
fn each_detector_finds_and_leaves_what_its_table_says() {
    for detector in Detector::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/detectors/{detector}.txt"));
        let table = std::fs::read_to_string(&path).unwrap();
        let (mut finds, mut leaves) = (0, 0);
        for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (expect, text) = line.split_once(" | ").unwrap();
            check(detector, &text.replace("\\n", "\n").replace("\\t", "\t"), expect);
            *(if expect == "no" { &mut leaves } else { &mut finds }) += 1;
        }
        assert!(finds >= 30 && leaves >= 30, "{detector}: {finds} found, {leaves} left");
    }
}
