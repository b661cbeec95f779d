//! DMARC over a DNS in memory.

use std::net::IpAddr;

use jiff::Timestamp;
use mail::{Address, Domain};
use provenance::{Client, Inquiry, Verdicts};

use crate::zone::Zone;

const HOST: &str = "192.0.2.1";

/// A zone of `NAME TEXT` lines.
fn zone(lines: &[&str]) -> Zone {
    let mut zone = Zone::default();
    for line in lines {
        match line.split_once(' ') {
            Some((name, text)) => zone.txt(name, text),
            None => zone.fail(line),
        }
    }
    zone
}

async fn verdicts(zone: &Zone, sender: &str, authors: &[&str]) -> Verdicts {
    let sender = Address::parse(sender).unwrap();
    let address: IpAddr = HOST.parse().unwrap();
    let client = Client { address, helo: "out.example", sender: Some(&sender), receiver: "mx" };
    let inquiry = Inquiry::begin(zone, client, b"From: x\r\n", Timestamp::UNIX_EPOCH).await;
    let authors: Vec<Domain> = authors.iter().map(|text| Domain::parse(text).unwrap()).collect();
    inquiry.conclude(zone, &authors).await
}

/// `RESULT ASKED` for mail of `sender` with this author.
async fn check(lines: &[&str], sender: &str, author: &str, expect: &str) {
    let found = verdicts(&zone(lines), sender, &[author]).await.dmarc;
    assert_eq!(format!("{} {}", found.result.word(), found.asked.word()), expect, "{lines:?} {sender} {author}");
}

#[tokio::test]
async fn a_proven_sender_must_be_aligned_with_the_author() {
    let spf = "a.example v=spf1 ip4:192.0.2.1 -all";
    let below = "mail.a.example v=spf1 ip4:192.0.2.1 -all";
    let policy = "_dmarc.a.example v=DMARC1; p=reject";
    check(&[spf, policy], "x@a.example", "a.example", "pass reject").await;
    check(&[below, policy], "x@mail.a.example", "a.example", "pass reject").await;
    check(&[spf, policy], "x@a.example", "mail.a.example", "pass reject").await;
    check(&[below, "_dmarc.a.example v=DMARC1; p=reject; aspf=s"], "x@mail.a.example", "a.example", "fail reject")
        .await;
    check(&["b.example v=spf1 +all", policy], "x@b.example", "a.example", "fail reject").await;
    check(&["nota.example v=spf1 +all", policy], "x@nota.example", "a.example", "fail reject").await;
    check(&["a.example v=spf1 -all", policy], "x@a.example", "a.example", "fail reject").await;
    check(&[spf], "x@a.example", "a.example", "none none").await;
}

#[tokio::test]
async fn the_policy_is_the_authors_or_its_organisations() {
    let policy = "_dmarc.a.example v=DMARC1; p=reject; sp=quarantine; np=none";
    check(&[policy], "x@b.example", "a.example", "fail reject").await;
    check(&[policy, "mail.a.example x"], "x@b.example", "mail.a.example", "fail quarantine").await;
    check(&[policy], "x@b.example", "nothing.a.example", "fail none").await;
    check(&[policy, "_dmarc.mail.a.example v=DMARC1; p=none"], "x@b.example", "mail.a.example", "fail none").await;
    check(&["_dmarc.a.example v=DMARC1; p=reject; t=y"], "x@b.example", "a.example", "fail quarantine").await;
    check(&["_dmarc.a.example v=DMARC1; rua=mailto:r@a.example"], "x@b.example", "a.example", "fail none").await;
    check(&["_dmarc.a.example v=DMARC1; p=bad"], "x@b.example", "a.example", "none none").await;
    let twice = ["_dmarc.a.example v=DMARC1; p=reject", "_dmarc.a.example v=DMARC1; p=none"];
    check(&twice, "x@b.example", "a.example", "none none").await;
    let deep = "a.b.c.d.e.f.g.h.i.j.a.example";
    check(&[policy, &format!("{deep} x")], "x@b.example", deep, "fail quarantine").await;
}

#[tokio::test]
async fn a_public_suffix_makes_two_organisations_of_its_children() {
    let suffix = "_dmarc.co.example v=DMARC1; p=reject; psd=y";
    let spf = "evil.co.example v=spf1 +all";
    check(&[suffix, spf, "clinic.co.example x"], "x@evil.co.example", "clinic.co.example", "fail reject").await;
    check(
        &[suffix, "mail.clinic.co.example v=spf1 +all", "clinic.co.example x"],
        "x@mail.clinic.co.example",
        "clinic.co.example",
        "pass reject",
    )
    .await;
    let own = "_dmarc.unit.clinic.example v=DMARC1; p=reject; psd=n";
    let parent = "_dmarc.clinic.example v=DMARC1; p=none";
    check(&[own, parent, "clinic.example v=spf1 +all"], "x@clinic.example", "unit.clinic.example", "fail reject").await;
}

#[tokio::test]
async fn what_the_dns_does_not_answer_is_no_failure() {
    let policy = "_dmarc.a.example v=DMARC1; p=reject";
    check(&["_dmarc.a.example"], "x@b.example", "a.example", "temperror none").await;
    check(&[policy, "a.example"], "x@a.example", "a.example", "temperror reject").await;
}

#[tokio::test]
async fn authors_of_several_domains_are_nobodys() {
    let zone = zone(&["a.example v=spf1 +all", "_dmarc.a.example v=DMARC1; p=reject"]);
    let found = verdicts(&zone, "x@a.example", &["a.example", "b.example"]).await.dmarc;
    assert_eq!((found.result.word(), found.domain), ("permerror", None));
    let found = verdicts(&zone, "x@a.example", &["a.example", "a.example"]).await.dmarc;
    assert_eq!(found.result.word(), "pass");
}
