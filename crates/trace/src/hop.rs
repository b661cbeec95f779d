//! One `Received` field, read.

use std::net::IpAddr;

use crate::{Because, Moment, Strength, Tls, Verdict};

/// One end of a hop, as the receiving server wrote it down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The name it gave itself (EHLO), or the only name there is.
    pub name: Option<&'a str>,
    /// The name that the server found for its address.
    pub reverse: Option<&'a str>,
    /// Its address.
    pub address: Option<IpAddr>,
}

/// One `Received` field: what it says, and what that is worth.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// The whole field, unfolded.
    pub text: &'a str,
    /// Who handed it over.
    pub from: Peer<'a>,
    /// Who took it.
    pub by: Peer<'a>,
    /// What follows `with`, as written.
    pub with: Option<&'a str>,
    /// What follows `via`, as written.
    pub via: Option<&'a str>,
    /// What follows `id`, as written.
    pub id: Option<&'a str>,
    /// What follows `for`, as written.
    pub recipient: Option<&'a str>,
    /// The server software, where it is recognised: `Postfix`.
    pub software: Option<&'a str>,
    /// When, in UTC.
    pub time: Option<Moment>,
    /// Seconds since the hop before (the one below); below zero where the two
    /// clocks disagree.
    pub delay_s: Option<i64>,
    /// What is written of TLS. None where nothing is.
    pub tls: Option<Tls<'a>>,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub because: Because<'a>,
    /// How good the encryption is; None where the verdict is not `encrypted`.
    pub strength: Option<Strength>,
    /// Whether a server that the reader trusts wrote this field.
    pub trusted: bool,
}

impl<'a> Hop<'a> {
    /// A field of which nothing can be read.
    pub(crate) fn unreadable(text: &'a str) -> Self {
        Self {
            text,
            from: Peer::default(),
            by: Peer::default(),
            with: None,
            via: None,
            id: None,
            recipient: None,
            software: None,
            time: None,
            delay_s: None,
            tls: None,
            verdict: Verdict::Unknown,
            because: Because::Unreadable,
            strength: None,
            trusted: false,
        }
    }
}
