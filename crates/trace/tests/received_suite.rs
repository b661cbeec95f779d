//! The suite `received`: real header blocks, and hops that were judged by hand.

use std::path::Path;

use trace::{Block, Limits, Trust, Verdict};

/// What is compared of a hop: version, cipher, time, verdict.
type Compared = [String; 4];

fn hops(message: &[u8]) -> Vec<Compared> {
    let (block, trust) = (Block::read(message, &Limits::default()).unwrap(), Trust::default());
    let traced = trace::trace(&block, &trust);
    let compared = traced.hops.iter().map(|hop| {
        let tls = hop.tls.unwrap_or_default();
        let time = hop.time.map(|time| time.to_string()).unwrap_or_default();
        [tls.version.unwrap_or_default().into(), tls.cipher.unwrap_or_default().into(), time, hop.verdict.to_string()]
    });
    compared.collect()
}

fn lines(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn every_labelled_hop_is_read_and_judged_as_by_hand() {
    let Some(suite) = testkit::suites::suite("received") else { return };
    let labels = lines(&suite.join("labels.tsv"));
    assert!(labels.len() > 100, "the labels are there");
    let mut wrong = Vec::new();
    for label in &labels {
        let found = hops(&std::fs::read(suite.join("messages").join(&label[0])).unwrap());
        let found = found.get(label[1].parse::<usize>().unwrap()).cloned().unwrap_or_default();
        let expect = [label[6].clone(), label[7].clone(), label[9].clone(), label[10].clone()];
        if found != expect {
            wrong.push(format!("{} {}: {expect:?}, found {found:?}", label[0], label[1]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_field_of_every_message_has_its_hop() {
    let Some(suite) = testkit::suites::suite("received") else { return };
    let (mut all, mut unread) = (0, 0);
    for message in lines(&suite.join("MANIFEST.tsv")) {
        let found = hops(&std::fs::read(suite.join("messages").join(&message[0])).unwrap());
        assert_eq!(found.len().to_string(), message[2], "{}", message[0]);
        all += found.len();
        unread += found.iter().filter(|hop| hop[2].is_empty()).count();
    }
    // Some have no date, or one with the digits blotted out.
    assert!(all > 5_000 && unread * 50 < all, "{unread} of {all} without a time");
}

/// LuxSci's published examples, rebuilt: the seed of the whole question.
#[test]
fn the_published_examples_are_judged_as_their_author_did() {
    let Some(suite) = testkit::suites::suite("received") else { return };
    let read = |name| std::fs::read(suite.join("messages").join(name)).unwrap();
    let verdicts = |message: &[u8]| hops(message).into_iter().map(|[.., verdict]| verdict).collect::<Vec<_>>();
    let first = read("9000-luxsci-article.eml");
    assert_eq!(verdicts(&first), ["encrypted", "internal", "internal", "encrypted", "not_encrypted", "internal"]);
    assert_eq!(verdicts(&read("9001-luxsci-article.eml")), ["encrypted", "encrypted"]);
    let (block, trust) = (Block::read(&first, &Limits::default()).unwrap(), Trust::default());
    let traced = trace::trace(&block, &trust);
    assert_eq!(traced.summary.verdict, Verdict::NotEncrypted);
    assert!(traced.because().contains("Proofpoint"), "{}", traced.because());
}
