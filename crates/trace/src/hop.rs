//! One `Received` field: what it says, and what that is worth.

use std::net::IpAddr;

use crate::dialect;
use crate::facts::Facts;
use crate::judge::{Case, Ruling};
use crate::keyword::Keyword;
use crate::peer;
use crate::received::Clauses;
use crate::{Because, Leg, Moment, Peer, Strength, Tls, Verdict};

/// One `Received` field, read and judged.
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
    /// What that means (RFC 3848, 6531, 8314).
    pub keyword: Option<Keyword>,
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
    /// Between whom it was handed over.
    pub leg: Leg,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub because: Because<'a>,
    /// Whether a server that the reader trusts wrote this field.
    pub trusted: bool,
    /// Whether the field was longer than the limit, and is judged by its start.
    pub is_cut: bool,
    /// Whether the peer is proven to be of the same machine or network.
    pub(crate) is_from_inside: bool,
}

impl<'a> Hop<'a> {
    /// Reads a field. `above` is the hop that took the message from this one's
    /// server, `below` the field that the peer should have written.
    pub(crate) fn read(
        text: &'a str,
        is_cut: bool,
        facts: &'a Facts,
        above: Option<&Self>,
        below: Option<&'a str>,
    ) -> Self {
        let clauses = Clauses::read(text);
        let software = facts.software(&clauses);
        let looks_up = software.is_some_and(|software| software.reverse);
        let (from, by) = (peer::from(&clauses, looks_up), peer::by(&clauses));
        let by_address_above = above.and_then(|above| above.address_of(by.name?));
        let keyword = keyword(&clauses);
        let evidence = dialect::evidence(&clauses);
        let case =
            Case { clauses: &clauses, from, by, keyword, evidence, software, facts, is_cut, by_address_above, below };
        let Ruling { verdict, because, leg, is_from_inside } = case.judge();
        Self {
            text,
            from,
            by,
            with: clauses.with.some().map(protocol),
            keyword,
            via: clauses.via.some(),
            id: (!clauses.id.is_empty()).then_some(clauses.id.first),
            recipient: (!clauses.recipient.is_empty()).then_some(clauses.recipient.first),
            software: software.map(|software| software.name.as_str()),
            time: clauses.time,
            delay_s: None,
            tls: evidence.tls.or_else(|| {
                keyword.filter(|keyword| keyword.tls && verdict == Verdict::Encrypted).map(|_| Tls::default())
            }),
            leg,
            verdict,
            because,
            trusted: false,
            is_cut,
            is_from_inside,
        }
    }

    /// The peer's address, where the peer has that name.
    fn address_of(&self, name: &str) -> Option<IpAddr> {
        let has_name = |of: Option<&str>| of.is_some_and(|of| of.eq_ignore_ascii_case(name));
        self.from.address.filter(|_| has_name(self.from.name) || has_name(self.from.reverse))
    }

    /// Whether the clocks of this server and the one before disagree. A second
    /// may be lost where one of them rounds.
    pub fn is_skewed(&self) -> bool {
        self.delay_s.is_some_and(|delay_s| delay_s < -1)
    }

    /// How good the encryption is; None where the verdict is not `encrypted`.
    pub fn strength(&self) -> Option<Strength> {
        (self.verdict == Verdict::Encrypted).then(|| self.tls.map_or(Strength::Unjudged, |tls| tls.strength()))
    }
}

/// The first word of `with` that is a keyword, from the end: `MailEnable ESMTPS`.
fn keyword(clauses: &Clauses<'_>) -> Option<Keyword> {
    let words = clauses.with.all;
    Keyword::read(clauses.with.first).or_else(|| words.rsplit(' ').take(4).find_map(Keyword::read))
}

/// What `with` says of the protocol, without the cipher that some write into
/// it: `ESMTP/TLS/AES128-SHA`, `AES128-SHA encrypted SMTP`.
fn protocol(with: &str) -> &str {
    // `ESMTP`, `ESMTPS` and their like.
    if with.len() < 8 {
        return with;
    }
    let with = with.split_once(" encrypted ").map_or(with, |(_, protocol)| protocol);
    with.split_once("/TLS/").map_or(with, |(protocol, _)| protocol)
}
