//! Whole messages: the line of trust, delays, the verdict with its sentence,
//! and headers that nobody should have written.

use std::time::{Duration, Instant};

use trace::{Block, HeaderError, Limits, Trust, Verdict};

fn with<T>(header: &str, trust: &Trust, look: impl FnOnce(&trace::Trace<'_>) -> T) -> T {
    let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
    look(&trace::trace(&block, trust))
}

/// The reader's Postfix with a filter, a gateway of somebody else's, the author.
const WAY: &str = "Received: from mx.clinic.example (localhost [127.0.0.1])\r\n\
    \tby mx.clinic.example (Postfix) with ESMTP id 3; Mon, 19 Aug 2019 14:00:10 +0000\r\n\
    Received: from gw.partner.example (gw.partner.example [192.0.2.7])\r\n\
    \t(using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits))\r\n\
    \tby mx.clinic.example (Postfix) with ESMTPS id 2; Mon, 19 Aug 2019 14:00:05 +0000\r\n\
    Received: from a.elsewhere.example (a.elsewhere.example [198.51.100.4])\r\n\
    \tby gw.partner.example (Postfix) with ESMTP id 1; Mon, 19 Aug 2019 14:00:07 +0000\r\n\
    Received: from [10.0.0.9] (dsl.isp.example [203.0.113.5])\r\n\
    \tby a.elsewhere.example (Postfix) with ESMTPSA id 0; Mon, 19 Aug 2019 13:59:00 +0000\r\n\
    From: a@elsewhere.example\r\n\r\nbody";

#[test]
fn the_line_of_trust_is_where_the_readers_own_servers_end() {
    with(WAY, &Trust::default(), |traced| {
        let trusted: Vec<bool> = traced.hops.iter().map(|hop| hop.trusted).collect();
        assert_eq!(trusted, [true, true, false, false]);
    });
}

#[test]
fn a_forged_field_below_the_line_is_a_claim() {
    let forged = format!(
        "{}Received: from bank.example (bank.example [192.0.2.9]) by mx.clinic.example (Postfix) with ESMTPS id 9; 1 Jan 2019 00:00:00 +0000\r\n",
        "Received: from x (unknown [192.0.2.66]) by mx.clinic.example (Postfix) with ESMTP id 1; 1 Jan 2019 00:00:00 +0000\r\n"
    );
    with(&forged, &Trust::default(), |traced| {
        assert_eq!(traced.hops.iter().map(|hop| hop.trusted).collect::<Vec<_>>(), [true, false]);
    });
    // A name that was only claimed moves no line, plausible or not.
    let claimed = forged.replace("from x (", "from relay.clinic.example (");
    with(&claimed, &Trust::default(), |traced| {
        assert_eq!(traced.hops.iter().map(|hop| hop.trusted).collect::<Vec<_>>(), [true, false]);
    });
}

#[test]
fn stated_servers_are_believed_and_no_others() {
    let trust = Trust::from_toml("own_names = [\"clinic.example\", \"gw.partner.example\"]").unwrap();
    with(WAY, &trust, |traced| {
        assert_eq!(traced.hops.iter().map(|hop| hop.trusted).collect::<Vec<_>>(), [true, true, true, false]);
    });
    let stranger = Trust::from_toml("own_names = [\"other.example\"]").unwrap();
    with(WAY, &stranger, |traced| assert!(traced.hops.iter().all(|hop| !hop.trusted)));
}

#[test]
fn delays_show_where_clocks_disagree() {
    with(WAY, &Trust::default(), |traced| {
        let delays: Vec<_> = traced.hops.iter().map(|hop| hop.delay_s).collect();
        assert_eq!(delays, [Some(5), Some(-2), Some(67), None]);
        assert_eq!(traced.hops.iter().map(|hop| hop.is_skewed()).collect::<Vec<_>>(), [false, true, false, false]);
    });
}

#[test]
fn the_worst_hand_over_between_organisations_decides() {
    with(WAY, &Trust::default(), |traced| {
        let summary = traced.summary;
        assert_eq!(
            (summary.verdict, summary.decisive, summary.between, summary.claimed),
            (Verdict::NotEncrypted, Some(2), 2, 1)
        );
        let because = traced.because();
        assert!(because.contains("between a.elsewhere.example and gw.partner.example"), "{because}");
        assert!(because.contains("another server's word"), "{because}");
        assert_eq!(traced.sender_end(), trace::SenderEnd::Encrypted);
    });
}

#[test]
fn one_sentence_for_every_verdict() {
    let date = "; Mon, 19 Aug 2019 14:00:10 +0000\r\n";
    let check = |fields: &[&str], verdict: Verdict, words: &str| {
        let header: String = fields.iter().map(|field| format!("Received: {field}{date}")).collect();
        with(&header, &Trust::default(), |traced| {
            assert_eq!(traced.summary.verdict, verdict, "{header}");
            let because = traced.because();
            assert!(because.contains(words) && !because.to_lowercase().contains("secure"), "{because}");
        });
    };
    check(&[], Verdict::Unknown, "no Received field");
    check(
        &["from a (localhost [127.0.0.1]) by b.example (Postfix) with ESMTP id 1"],
        Verdict::Internal,
        "no hand-over",
    );
    check(
        &["from a.test (a.test [192.0.2.1]) by b.example (Postfix) with ESMTPS id 1"],
        Verdict::Encrypted,
        "the one hand-over",
    );
    let weak = "from a.test (a.test [192.0.2.1]) (using TLSv1 with cipher AES128-SHA (128/128 bits)) by b.example (Postfix) with ESMTPS id 1";
    check(&[weak], Verdict::Encrypted, "weakly");
    check(&["from a.test (a.test [192.0.2.1]) by b.example with ESMTP id 1"], Verdict::Unknown, "not provable");
    check(
        &["from a.test (a.test [192.0.2.1]) by b.example (Postfix) with ESMTP id 1"],
        Verdict::NotEncrypted,
        "not encrypted between",
    );
}

#[test]
fn json_has_the_keys_that_are_documented() {
    let header = "Received: from abc.example ([192.0.2.1])\r\n\tby def.example (8.14.4/8.13.8) with ESMTP id r7\r\n\
        \t(version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NOT)\r\n\
        \tfor <u@def.example>; Mon, 19 Aug 2019 10:41:21 -0400\r\nReceived: rubbish\r\n";
    let json = with(header, &Trust::default(), |traced| serde_json::to_value(trace::json::message(traced)).unwrap());
    let hop = &json["hops"][0];
    assert_eq!(hop["index"], 0);
    assert_eq!(
        (&hop["from"], &hop["by"], &hop["with"]),
        (&"abc.example".into(), &"def.example".into(), &"ESMTP".into())
    );
    assert_eq!(hop["time"], "2019-08-19T14:41:21Z");
    assert_eq!((&hop["verdict"], &hop["trusted"]), (&"encrypted".into(), &true.into()));
    let tls = &hop["tls"];
    assert_eq!(
        (&tls["version"], &tls["cipher"], &tls["bits"]),
        (&"TLSv1.2".into(), &"ECDHE-RSA-AES256-GCM-SHA384".into(), &256.into())
    );
    assert_eq!(
        (&tls["version_name"], &tls["cipher_name"]),
        (&"TLS 1.2".into(), &"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".into())
    );
    assert_eq!(
        (&tls["strength"], &tls["anonymous"], &tls["client_certificate"]),
        (&"good".into(), &false.into(), &"verify=NOT".into())
    );
    assert_eq!(
        (&hop["from_address"], &hop["for"], &hop["leg"]),
        (&"192.0.2.1".into(), &"<u@def.example>".into(), &"between".into())
    );
    assert_eq!((&hop["software"], &hop["protocol"], &hop["id"]), (&"Sendmail".into(), &"SMTP".into(), &"r7".into()));
    assert_eq!(json["hops"][1]["tls"], serde_json::Value::Null);
    assert_eq!(json["hops"][1]["index"], 1);
    assert!(json["verdict"].is_string() && json["because"].is_string());
}

#[test]
fn headers_in_strange_dress() {
    let expect = "Received: from a.test (a.test [192.0.2.1]) by b.example (Postfix) with ESMTPS id 1; 1 Jan 2020 00:00:00 +0000\n";
    let strange = [
        expect.to_owned(),
        expect.replace('\n', "\r\n"),
        format!("From a@b Mon Aug 19 10:41:21 2019\n{expect}"),
        format!("\r\n\r\n{expect}"),
        format!("no colon here\n{expect}"),
        expect.replace(" by ", "\r\n \r\n\tby "),
        expect.replace(" by ", "\nby "),
        expect.replace("Received:", "RECEIVED :"),
        expect.replace(" with ", " \x07with\0 "),
        format!("{expect}\nReceived: from c by d; in the body\n"),
    ];
    for header in strange {
        with(&header, &Trust::default(), |traced| {
            assert_eq!(traced.hops.len(), 1, "{header:?}");
            let hop = &traced.hops[0];
            assert_eq!((hop.by.name, hop.verdict), (Some("b.example"), Verdict::Encrypted), "{header:?}");
            assert!(hop.time.is_some() && !hop.text.contains(char::is_control), "{header:?}");
        });
    }
}

#[test]
fn eight_bit_bytes_are_kept_or_replaced() {
    let header =
        b"Received: from caf\xe9.example by m\xc3\xbcnchen.example with ESMTP id 1; 1 Jan 2020 00:00:00 +0000\r\n";
    let block = Block::read(header, &Limits::default()).unwrap();
    let trust = Trust::default();
    let traced = trace::trace(&block, &trust);
    assert_eq!(traced.hops[0].by.name, Some("münchen.example"));
    assert_eq!(traced.hops[0].from.name, Some("caf\u{fffd}.example"));
}

#[test]
fn what_is_too_much_is_an_error() {
    let limits = Limits { header_bytes_max: 1000, received_max: 3, ..Limits::default() };
    let read = |header: String| Block::read(header.as_bytes(), &limits).map(|block| block.received().len());
    assert_eq!(read("A: b\n".repeat(300)), Err(HeaderError::TooLong { max: 1000 }));
    assert_eq!(read("Received: x\n".repeat(4)), Err(HeaderError::TooMany { max: 3 }));
    assert_eq!(read("Received: x\n".repeat(3)), Ok(3));
    assert_eq!(read(format!("A: b\n\n{}", "x".repeat(5000))), Ok(0));
}

#[test]
fn a_field_that_is_too_long_is_judged_by_its_start() {
    let long = format!(
        "Received: from a.test (a.test [192.0.2.1]) by b.example (Postfix) with ESMTP id {}; 1 Jan 2020 00:00:00 +0000\n",
        "x".repeat(100_000)
    );
    with(&long, &Trust::default(), |traced| {
        assert!(traced.hops[0].is_cut);
        assert_eq!(traced.hops[0].verdict, Verdict::Unknown);
    });
}

/// Work is linear: what would take minutes where it isn't takes no second, even unoptimised.
#[test]
fn hostile_headers_take_no_longer_than_others() {
    let field = "Received: from a.test (a.test [192.0.2.1]) by b.example (Postfix) with ESMTPS id 1; 1 Jan 2020 00:00:00 +0000\r\n";
    let hostile = [
        field.repeat(10_000),
        format!("Received: {}\r\n", "(".repeat(50 << 20)),
        format!("X: {}\r\n", " a\r\n".repeat(5 << 20)),
        format!("Received: {}\r\n", "; 1 Jan (a)\r\n ".repeat(100_000)),
        "x\n".repeat(1 << 20),
        format!("Received: {}\r\n", "from by with id for tls via (TLS [1.2.3.4 helo=".repeat(10_000)).repeat(50),
    ];
    for header in hostile {
        let begin = Instant::now();
        let trust = Trust::default();
        let traced =
            Block::read(header.as_bytes(), &Limits::default()).map(|block| trace::trace(&block, &trust).hops.len());
        assert!(traced.is_ok_and(|hops| hops <= 10_000));
        assert!(begin.elapsed() < Duration::from_secs(20), "{} bytes took {:?}", header.len(), begin.elapsed());
    }
}
