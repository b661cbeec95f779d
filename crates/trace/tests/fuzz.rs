//! Whatever stands in a header: an answer or an error, and never a panic.

use bolero::{TypeGenerator, check};
use trace::evidence::dkim::{Checks, Key};
use trace::evidence::gather;
use trace::report::Report;
use trace::{Block, Limits, Trust, Verdict};

/// A header of random words, so that what is found is more than rubbish.
#[derive(Debug, TypeGenerator)]
struct Header {
    words: Vec<(u8, Vec<u8>)>,
}

/// What servers write, and what breaks it.
const WORDS: [&str; 64] = [
    "Received:",
    "\r\nReceived: ",
    "\n",
    "\r\n ",
    "\r\n\r\n",
    "from ",
    "by ",
    "with ",
    "id ",
    "for ",
    "via ",
    "tls ",
    "over TLS ",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ";",
    ":",
    "=",
    "\"",
    "\\",
    "@",
    "\0",
    "é",
    "\u{fffd}",
    "ESMTPS ",
    "ESMTP/TLS/AES128-SHA ",
    "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
    "(version=TLSv1.2 cipher=3DX bits=",
    "encrypted ",
    "(TLS1.2:ECDHE_X25519__RSA__AES_256_GCM:16",
    "HELO ",
    "helo=",
    "IPv6:fe80::1%",
    "10.0.0.1",
    "2002:a00::",
    "(Postfix) ",
    "(8.14.4/8.14.4) ",
    "Microsoft SMTPSVC(",
    "; Mon, 19 Aug 2019 10:41:21 -0400 ",
    "; 31 Feb 9999 99:99:99 +9999 ",
    " 2023-02-18 05:33:28.",
    "(qmail 1 invoked",
    "mail.b.example ",
    "rhost-flags ",
    "\r\nAuthentication-Results: ",
    "mx.b.example; spf=pass smtp.mailfrom=x; dkim=fail (",
    "\r\nARC-Seal: i=1; a=rsa-sha256; cv=none; d=b.example; s=s; b=YQ==",
    "\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=b.example; s=s; h=from:from; bh=YQ==; b=YQ==",
    "\r\nARC-Authentication-Results: i=1; b.example; ",
    "\r\nDKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=b.example; s=s; l=3; x=1; h=from; bh=YQ==; b=YQ==",
    "\r\nFrom: x",
    "; h=",
    "i=2; ",
    "\r\nTLS-Required: No",
    "\r\nX-Forefront-Antispam-Report: CIP:",
    "\r\nX-Xfinity-Message-Heuristics: TLS=",
    "\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted",
    "\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n",
    "x-tls=pass smtp.version=TLSv1.3 smtp.cipher=",
    "=?utf-8?q?x?=",
];

fn judge(header: &[u8]) {
    let limits = Limits { header_bytes_max: 1 << 20, received_max: 100, field_bytes_max: 2_000 };
    let Ok(block) = Block::read(header, &limits) else { return };
    let trust = Trust::default();
    let mut traced = trace::trace(&block, &trust);
    assert_eq!(traced.hops.len(), block.fields().iter().filter(|field| field.is("Received")).count());
    for hop in &traced.hops {
        assert!(!hop.text.chars().any(char::is_control));
        assert_eq!(hop.strength().is_some(), hop.verdict == Verdict::Encrypted);
        assert!(!hop.because.to_string().is_empty());
    }
    // Below a field that is no longer believed none is.
    let trusted = traced.hops.iter().take_while(|hop| hop.trusted).count();
    assert!(traced.hops.iter().skip(trusted).all(|hop| !hop.trusted));
    assert!(serde_json::to_string(&trace::json::message(&traced)).is_ok());
    let before = traced.summary;
    traced.conclude();
    assert_eq!(traced.summary, before);
    weigh(&block, &traced);
}

/// A key for whatever is signed, so that every step of a check is taken.
fn key() -> &'static Key {
    static KEY: std::sync::LazyLock<Key> = std::sync::LazyLock::new(|| Key::read(RECORD, None).unwrap());
    &KEY
}

const RECORD: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn weigh(block: &Block<'_>, traced: &trace::Trace<'_>) {
    let mut checks = Checks::begin(block, std::slice::from_ref(key()));
    block.body().chunks(7).for_each(|piece| checks.body(piece));
    let evidence = gather(block, traced, block.body(), &checks.finish(!block.body().is_empty()));
    for item in &evidence.items {
        assert!(!item.says.chars().chain(item.source.chars()).any(char::is_control), "{item:?}");
        assert_ne!(item.weight, trace::evidence::Weight::Proved, "nobody here can sign: {item:?}");
    }
    assert!(serde_json::to_string(&Report::new(traced, &evidence)).is_ok());
}

#[test]
fn any_bytes() {
    check!().for_each(judge);
}

#[test]
fn any_words() {
    check!().with_type::<Header>().for_each(|header| {
        let mut bytes = b"Received: ".to_vec();
        for (word, filler) in &header.words {
            bytes.extend_from_slice(WORDS[usize::from(*word) % WORDS.len()].as_bytes());
            bytes.extend(filler.iter().take(3));
        }
        judge(&bytes);
    });
}
