//! One field, one verdict: each rule by small cases, in the shapes of real servers.

use trace::{Block, Leg, Limits, Trust};

/// Verdict, leg and reason of the topmost hop.
fn judge(fields: &[&str], trust: &Trust) -> (String, Leg, String) {
    let header: String = fields.iter().map(|field| format!("Received: {field}\r\n")).collect();
    let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
    let traced = trace::trace(&block, trust);
    let hop = traced.hops.last().unwrap();
    (hop.verdict.to_string(), hop.leg, hop.because.to_string())
}

const DATE: &str = "; Mon, 19 Aug 2019 10:41:21 -0400";

fn check(field: &str, verdict: &str, because: &str) {
    let field = format!("{field}{DATE}");
    let (found, _, reason) = judge(&[&field], &Trust::default());
    assert_eq!(found, verdict, "{field}: {reason}");
    assert!(reason.contains(because), "{field}: {reason}");
}

#[test]
fn evidence_of_tls_outranks_where_a_hop_is() {
    check("from a.example (a.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 1", "encrypted", "ESMTPS");
    check("from a.example (localhost [127.0.0.1]) by mx.b.example (Postfix) with ESMTPS id 1", "encrypted", "ESMTPS");
    check("from X.prod.outlook.com (2603:10b6::1) by Y.prod.outlook.com with HTTPS", "encrypted", "HTTPS");
    check(
        "from a.example ([192.0.2.1]) by b.example with ESMTP id 1 (version=TLSv1/SSLv3 cipher=AES128-SHA bits=128)",
        "encrypted",
        "version=",
    );
    check("by x.qloud-c.yandex.net (smtp/Yandex) with ESMTPSA id 1", "encrypted", "ESMTPSA");
}

#[test]
fn a_comment_outranks_the_keyword() {
    check(
        "from a.example (a.example [192.0.2.1]) (not using TLS) by b.example (Active!gate) with ESMTPS id 1",
        "not_encrypted",
        "not using TLS",
    );
    check(
        "from a.example by b.example (chasquid) with ESMTP (over SMTP, plain text!, envelope from \"x\")",
        "not_encrypted",
        "plain text!",
    );
    check(
        "from a.example ([10.1.1.1]) (not using TLS) by b.example (Active!gate) with ESMTP id 1",
        "internal",
        "10.1.1.1",
    );
}

#[test]
fn a_suite_without_encryption_is_none() {
    check(
        "from a.example ([192.0.2.1]) by b.example with ESMTPS id 1 (version=TLSv1.2 cipher=NULL-SHA bits=0)",
        "not_encrypted",
        "doesn't encrypt",
    );
}

#[test]
fn silence_means_what_the_servers_habit_makes_of_it() {
    let from = "from a.example (a.example [192.0.2.1])";
    check(&format!("{from} by b.example (Postfix) with ESMTP id 1"), "not_encrypted", "Postfix always");
    check(&format!("{from} by b.example (8.14.4/8.14.4) with ESMTP id 1"), "not_encrypted", "Sendmail always");
    check(&format!("{from} by mx.google.com with ESMTP id 1"), "not_encrypted", "Google always");
    check("from a.example ([192.0.2.1]) by b.example with esmtp (Exim 4.92) id 1", "not_encrypted", "Exim always");
    check(
        "from a.example (192.0.2.1) by x.mail.protection.outlook.com (10.1.1.1) with Microsoft SMTP Server id 15.20.1",
        "not_encrypted",
        "Exchange Online always",
    );
    check(&format!("{from} by mxa.mailgun.org with ESMTP id 1"), "unknown", "Mailgun never");
    check(
        "from a.example ([192.0.2.1]:1 \"EHLO a.example\" rhost-flags-OK-OK-OK-OK) by vger.example with ESMTP id S1",
        "unknown",
        "ZMailer never",
    );
    check(
        &format!("{from} by b.example (Symantec Messaging Gateway) with SMTP id 1"),
        "unknown",
        "not known to say so always",
    );
    check(&format!("{from} by b.example with ESMTP id 1"), "unknown", "nothing is known");
    check(&format!("{from} by b.example (Postfix) with SMTP id 1"), "unknown", "HELO");
    check(
        "from a.example (a.example [192.0.2.1]) by mail.messagingengine.com (Postfix) with ESMTPA id 1",
        "unknown",
        "never",
    );
    check(
        "from a.example (a.example [192.0.2.1]) by mx1.messagingengine.com (Postfix) with ESMTP id 1",
        "not_encrypted",
        "Postfix",
    );
}

#[test]
fn software_of_its_time() {
    let field =
        |date: &str| format!("from a.example (a.example [192.0.2.1]) by b.example (Postfix) with ESMTP id 1; {date}");
    let verdict = |date| judge(&[&field(date)], &Trust::default()).0;
    assert_eq!(verdict("1 Jan 2006 00:00:00 +0000"), "unknown");
    assert_eq!(verdict("1 Jan 2009 00:00:00 +0000"), "not_encrypted");
}

#[test]
fn a_field_that_breaks_off_says_nothing_by_its_silence() {
    let (verdict, _, reason) = judge(
        &["from a.example (192.0.2.1) by x.mail.protection.outlook.com (10.1.1.1) with Microsoft S="],
        &Trust::default(),
    );
    assert_eq!((verdict.as_str(), reason.contains("breaks off")), ("unknown", true));
}

#[test]
fn what_is_no_hop_between_servers() {
    check("(qmail 2160 invoked from network)", "internal", "queue");
    check("(majordomo@vger.example) by vger.example via listexpand id S1", "internal", "queue");
    check("(from mail@localhost) by b.example (8.14.4/8.13.8/Submit) id 1", "internal", "no other server");
    check("by b.example (Postfix, from userid 501) id 1", "internal", "no other server");
    check("by 2002:a05:6358:e483:b0:ed:1eae:60a3 with SMTP id 1", "internal", "no other server");
    check("from root by b.example with local (Exim 4.92) id 1", "internal", "local");
    check("from X.example ([fe80::1]) by X.example ([fe80::1%14]) with mapi id 15.20", "internal", "mapi");
    check("from a.example ([198.51.100.1]) by b.example (Dovecot) with LMTP id 1", "internal", "LMTP");
    check("from x (unknown [198.51.100.1]) by y.sendgrid.net (SG) with HTTP id 1", "internal", "person's program");
    check(
        "from [198.51.100.1] ([198.51.100.1]) by web-mail.gmx.net (3c-app.server.lan [172.19.170.90]) (via HTTP)",
        "internal",
        "via HTTP",
    );
    check("from mail pickup service by b.example with Microsoft SMTPSVC", "internal", "mail pickup service");
    check("from a@b.example by c.example by uid 502 with qmail-scanner-1.12 (x)", "internal", "queue");
}

#[test]
fn hops_inside_one_machine_or_network() {
    check("from b.example (localhost [127.0.0.1]) by b.example (Postfix) with ESMTP id 1", "internal", "one machine");
    check("from b.example ([10.1.1.1]) by b.example (Postfix) with ESMTP id 1", "internal", "10.1.1.1");
    check(
        "from a.b.example (a.b.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1",
        "internal",
        "b.example",
    );
    check(
        "from relay2.b.example (unknown [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1",
        "internal",
        "b.example",
    );
    check("from X ([65.54.190.199]) by y.bay0.hotmail.com with Microsoft SMTPSVC(6.0.3790)", "internal", "Microsoft");
    check(
        "from x.y.yandex.net (x.y.yandex.net [2a02:6b8::1]) by f.mail.yandex.net (Yandex) with ESMTP id 1",
        "internal",
        "Yandex",
    );
    check(
        "from X.example (192.0.2.9) by X.example (192.0.2.9) with Microsoft SMTP Server id 15.1",
        "internal",
        "one host",
    );
    check(
        "from a.example ([198.51.100.1]) by localhost (b.example [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id 1",
        "internal",
        "one machine",
    );
}

#[test]
fn names_that_prove_no_kinship() {
    // A forger greets as the mail server that he forges to, or as one whose name he guesses.
    check(
        "from mail.b.example (unknown [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1",
        "not_encrypted",
        "Postfix",
    );
    check(
        "from mx.b.example (unknown [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1",
        "not_encrypted",
        "Postfix",
    );
    check("from b.example (unknown [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1", "not_encrypted", "Postfix");
    check(
        "from mx2.b.example (forger.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1",
        "not_encrypted",
        "Postfix",
    );
    // Two customers of one provider, and a customer's line.
    check(
        "from a (ec2-192-0-2-1.compute.amazonaws.com [192.0.2.1]) by ec2-3.compute.amazonaws.com (Postfix) with ESMTP id 1",
        "not_encrypted",
        "Postfix",
    );
    check(
        "from a (192-0-2-1.dsl.isp.example [192.0.2.1]) by mx.isp.example (Postfix) with ESMTP id 1",
        "not_encrypted",
        "Postfix",
    );
    check("from localhost (unknown [192.0.2.1]) by b.example (Postfix) with ESMTP id 1", "not_encrypted", "Postfix");
}

#[test]
fn the_field_above_tells_a_servers_address() {
    let above =
        format!("from x.localdomain (unknown [182.195.42.164]) by y.samsung.com (KnoxPortal) with ESMTP id 1{DATE}");
    let field =
        format!("from z.samsung.com (unknown [182.195.38.183]) by x.localdomain (Postfix) with ESMTP id 1{DATE}");
    assert_eq!(judge(&[&above, &field], &Trust::default()).0, "internal");
    assert_eq!(judge(&[&field], &Trust::default()).0, "not_encrypted");
}

#[test]
fn the_field_below_supports_a_name() {
    let field = format!("from mail.b.example (unknown [192.0.2.1]) by mx.b.example (Postfix) with ESMTP id 1{DATE}");
    let below = format!("from x.test (x.test [192.0.2.9]) by mail.b.example (Postfix) with ESMTPS id 1{DATE}");
    let header = format!("Received: {field}\nReceived: {below}\n");
    let (block, trust) = (Block::read(header.as_bytes(), &Limits::default()).unwrap(), Trust::default());
    let traced = trace::trace(&block, &trust);
    assert_eq!(traced.hops[0].verdict.to_string(), "internal");
    assert!(!traced.hops[1].trusted, "a name that was claimed moves no line");
}

#[test]
fn a_name_that_the_server_looked_up_moves_the_line() {
    let trusted = |first: &str| {
        let second = format!("from x.test (x.test [192.0.2.9]) by relay2.b.example (Postfix) with ESMTPS id 1{DATE}");
        let header = format!("Received: {first}{DATE}\nReceived: {second}\n");
        let (block, trust) = (Block::read(header.as_bytes(), &Limits::default()).unwrap(), Trust::default());
        trace::trace(&block, &trust).hops[1].trusted
    };
    assert!(trusted("from a (relay2.b.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 1"));
    assert!(trusted("from relay2.b.example ([192.0.2.1]) by mx.b.example with esmtps (Exim 4.92) id 1"));
    assert!(trusted(
        "from relay2.b.example ([192.0.2.1]) by mx.b.example with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96) id 1"
    ));
    assert!(!trusted(
        "from a (relay2.b.example [192.0.2.1] (may be forged)) by mx.b.example (8.14.4/8.14.4) with ESMTPS id 1"
    ));
    assert!(!trusted("from relay2.b.example ([192.0.2.1]) by mx.b.example with ESMTPS id 1"));
}

#[test]
fn legs() {
    let leg = |field: &str| judge(&[&format!("{field}{DATE}")], &Trust::default()).1;
    assert_eq!(leg("from a.example (a.example [192.0.2.1]) by b.example (Postfix) with ESMTPS id 1"), Leg::Between);
    assert_eq!(leg("from a.example (a.example [192.0.2.1]) by b.example (Postfix) with ESMTPSA id 1"), Leg::Submission);
    assert_eq!(
        leg("from a (x [192.0.2.1]) (Authenticated sender: u) by b.example (Postfix) with ESMTP id 1"),
        Leg::Submission
    );
    assert_eq!(leg("from a (localhost [127.0.0.1]) by b.example (Postfix) with ESMTPSA id 1"), Leg::Within);
    assert_eq!(leg("40000000570959f20aafdcdc005e99e63acf"), Leg::Unread);
}

#[test]
fn what_the_reader_states_goes_before_what_ships() {
    let trust = Trust::from_toml(
        r#"
        own_names = ["clinic.example"]
        own_networks = ["198.51.100.0/24"]
        always_logs_tls = ["gw.partner.example"]
        silent_about_tls = ["old.partner.example"]
        internal = [["a.example", "b.test", "203.0.113.0/24"]]
        "#,
    )
    .unwrap();
    let verdict = |field: &str| judge(&[&format!("{field}{DATE}")], &trust).0;
    assert_eq!(verdict("from x.test (x.test [192.0.2.1]) by gw.partner.example with ESMTP id 1"), "not_encrypted");
    assert_eq!(verdict("from x.test (x.test [192.0.2.1]) by old.partner.example (Postfix) with ESMTP id 1"), "unknown");
    assert_eq!(
        verdict("from m.a.example (m.a.example [192.0.2.1]) by mx.b.test (Postfix) with ESMTP id 1"),
        "internal"
    );
    assert_eq!(verdict("from x (unknown [203.0.113.9]) by mx.b.test (Postfix) with ESMTP id 1"), "internal");
    assert_eq!(verdict("from x (unknown [198.51.100.9]) by mx.clinic.example (Postfix) with ESMTP id 1"), "internal");
    assert_eq!(
        verdict("from mx.clinic.example (unknown [192.0.2.1]) by mx.clinic.example (Postfix) with ESMTP id 1"),
        "not_encrypted"
    );
    assert!(Trust::from_toml("unknown_key = 1").is_err());
    assert!(Trust::from_toml("own_networks = [\"nonsense\"]").is_err());
}
