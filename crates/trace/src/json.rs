//! The stable JSON of a trace: one object a message. docs/inspect.md describes
//! each key.

use serde::Serialize;

use crate::{Hop, Strength, Tls, Trace, Verdict};

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
    }
}

fn tls_object<'a>(tls: &Tls<'a>) -> TlsObject<'a> {
    let weak = match tls.strength() {
        Strength::Weak(weakness) => Some(weakness.reasons().collect()),
        Strength::Good | Strength::Unjudged => None,
    };
    TlsObject {
        version: tls.version,
        cipher: tls.cipher,
        bits: tls.bits,
        version_name: tls.version_name(),
        cipher_name: tls.cipher_name(),
        weak,
    }
}
