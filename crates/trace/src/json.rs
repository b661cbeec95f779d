//! The stable JSON of a trace: one object a message. docs/inspect.md describes
//! each key.

use std::net::IpAddr;

use serde::Serialize;

use crate::{Hop, Keyword, Leg, Reason, Strength, Tls, Trace, Verdict};

/// A message.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HopObject<'a> {
    /// 0 is the topmost field, the last of the way.
    index: usize,
    /// Who handed it over, as written.
    from: Option<&'a str>,
    /// Who took it, as written.
    by: Option<&'a str>,
    /// The protocol, as written.
    with: Option<&'a str>,
    /// In UTC, whole seconds (RFC 3339).
    time: Option<String>,
    /// Seconds since the nearest hop below that has a time; below zero where clocks disagree.
    delay_s: Option<i64>,
    /// Null where nothing is written of TLS.
    tls: Option<TlsObject<'a>>,
    /// What can be said of it.
    verdict: Verdict,
    /// Whether a server that the reader trusts wrote the field.
    trusted: bool,
    /// What the verdict rests on.
    because: String,
    /// Between whom.
    leg: Leg,
    /// What the keyword of `with` means.
    protocol: Option<&'static str>,
    /// The server software, where its form tells.
    software: Option<&'a str>,
    /// The name that the peer gave itself.
    from_name: Option<&'a str>,
    /// The name that the server found for the peer's address.
    from_reverse: Option<&'a str>,
    /// The peer's address.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    from_address: Option<IpAddr>,
    /// The server's address.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    by_address: Option<IpAddr>,
    /// As written.
    via: Option<&'a str>,
    /// As written.
    id: Option<&'a str>,
    /// As written.
    r#for: Option<&'a str>,
    /// Whether the two clocks disagree by more than a second.
    skewed: bool,
    /// Whether the field was too long, and is judged by its start.
    cut: bool,
}

/// What is written of TLS.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TlsObject<'a> {
    /// As written.
    version: Option<&'a str>,
    /// As written, the name alone.
    cipher: Option<&'a str>,
    /// Of the cipher's key.
    bits: Option<u32>,
    /// `TLS 1.2`.
    version_name: Option<&'static str>,
    /// The name in IANA's registry.
    cipher_name: Option<String>,
    /// Why it is weak.
    weak: Option<Vec<&'static str>>,
    /// `good`, `weak` or `unjudged`.
    strength: &'static str,
    /// Whether no certificate was involved.
    anonymous: bool,
    /// As written.
    key_exchange: Option<&'a str>,
    /// As written.
    server_signature: Option<&'a str>,
    /// As written.
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
        Strength::Weak(weakness) => ("weak", Some(weakness.reasons().map(Reason::words).collect())),
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
