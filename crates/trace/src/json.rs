//! The stable JSON of a trace: one object a message. docs/inspect.md describes
//! each key.

use std::net::IpAddr;

use serde::Serialize;

use crate::{Hop, Keyword, Leg, Strength, Tls, Trace, Verdict};

/// A message.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// Every `Received` field, the topmost first.
    pub hops: Vec<HopObject<'a>>,
    /// The verdict over the hops between organisations.
    pub verdict: Verdict,
    /// One sentence.
    pub because: String,
}

/// A `Received` field.
#[derive(Debug, Serialize)]
pub struct HopObject<'a> {
    index: usize,
    from: Option<&'a str>,
    by: Option<&'a str>,
    with: Option<&'a str>,
    time: Option<String>,
    delay_s: Option<i64>,
    tls: Option<TlsObject<'a>>,
    verdict: Verdict,
    trusted: bool,
    because: String,
    leg: Leg,
    protocol: Option<&'static str>,
    software: Option<&'a str>,
    from_name: Option<&'a str>,
    from_reverse: Option<&'a str>,
    from_address: Option<IpAddr>,
    by_address: Option<IpAddr>,
    via: Option<&'a str>,
    id: Option<&'a str>,
    r#for: Option<&'a str>,
    skewed: bool,
    cut: bool,
}

/// What is written of TLS.
#[derive(Debug, Serialize)]
pub struct TlsObject<'a> {
    version: Option<&'a str>,
    cipher: Option<&'a str>,
    bits: Option<u32>,
    version_name: Option<&'static str>,
    cipher_name: Option<String>,
    weak: Option<Vec<&'static str>>,
    strength: &'static str,
    anonymous: bool,
    key_exchange: Option<&'a str>,
    server_signature: Option<&'a str>,
    client_certificate: Option<&'a str>,
}

/// The object of a trace.
pub fn message<'a>(trace: &'a Trace<'a>) -> Message<'a> {
    let hops = trace.hops.iter().enumerate().map(|(index, hop)| hop_object(index, hop)).collect();
    Message { hops, verdict: trace.summary.verdict, because: trace.because() }
}

fn hop_object<'a>(index: usize, hop: &Hop<'a>) -> HopObject<'a> {
    HopObject {
        index,
        from: hop.from.written,
        by: hop.by.written,
        with: hop.with,
        time: hop.time.map(|time| time.to_string()),
        delay_s: hop.delay_s,
        tls: hop.tls.as_ref().map(tls_object),
        verdict: hop.verdict,
        trusted: hop.trusted,
        because: hop.because.to_string(),
        leg: hop.leg,
        protocol: hop.keyword.map(Keyword::meaning),
        software: hop.software,
        from_name: hop.from.name,
        from_reverse: hop.from.reverse,
        from_address: hop.from.address,
        by_address: hop.by.address,
        via: hop.via,
        id: hop.id,
        r#for: hop.recipient,
        skewed: hop.is_skewed(),
        cut: hop.is_cut,
    }
}

fn tls_object<'a>(tls: &Tls<'a>) -> TlsObject<'a> {
    let (strength, weak) = match tls.strength() {
        Strength::Weak(weakness) => ("weak", Some(weakness.reasons().collect())),
        Strength::Good => ("good", None),
        Strength::Unjudged => ("unjudged", None),
    };
    TlsObject {
        version: tls.version,
        cipher: tls.cipher,
        bits: tls.bits,
        version_name: tls.version_name(),
        cipher_name: tls.cipher_name(),
        weak,
        strength,
        anonymous: tls.is_anonymous(),
        key_exchange: tls.key_exchange,
        server_signature: tls.server_signature,
        client_certificate: tls.client_certificate,
    }
}
