//! A hop's verdict, from one field alone and what is known.
//!
//! In this order: evidence of TLS; what is no hand-over between servers, and
//! two ends of one machine or network (`near`); the field's own word that there
//! was none; the server's habit; else nobody can know.

use std::net::IpAddr;

use crate::dialect::Evidence;
use crate::facts::{Facts, Says, Software};
use crate::keyword::Keyword;
use crate::near::Near;
use crate::received::{Clauses, Place};
use crate::{Because, Leg, Peer, Verdict};

/// One field, as far as it is read.
pub(crate) struct Case<'c, 'a> {
    pub clauses: &'c Clauses<'a>,
    pub from: Peer<'a>,
    pub by: Peer<'a>,
    pub keyword: Option<Keyword>,
    pub evidence: Evidence<'a>,
    pub software: Option<&'a Software>,
    pub facts: &'a Facts,
    pub is_cut: bool,
    /// The receiving server's address, as the field above has it.
    pub by_address_above: Option<IpAddr>,
    /// The field below, which the peer should have written.
    pub below: Option<&'a str>,
}

/// A verdict, what it rests on, and between whom it was.
pub(crate) struct Ruling<'a> {
    pub verdict: Verdict,
    pub because: Because<'a>,
    pub leg: Leg,
    /// Whether the peer is proven to be of the same machine or network.
    pub is_from_inside: bool,
}

impl<'a> Case<'_, 'a> {
    pub(crate) fn judge(&self) -> Ruling<'a> {
        let near = self.near();
        let leg = match near {
            _ if self.is_unreadable() => Leg::Unread,
            Some(_) => Leg::Within,
            None if self.is_submission() => Leg::Submission,
            None => Leg::Between,
        };
        let (verdict, because) = self.tls().unwrap_or_else(|| match (leg, near) {
            (Leg::Unread, _) => (Verdict::Unknown, Because::Unreadable),
            (_, Some(Near { because, .. })) => (Verdict::Internal, because),
            _ => self.silence(),
        });
        Ruling { verdict, because, leg, is_from_inside: near.is_some_and(|near| near.is_proven) }
    }

    fn is_unreadable(&self) -> bool {
        let clauses = self.clauses;
        clauses.by.is_empty() && !clauses.has_from && clauses.with.is_empty() && clauses.comment(Place::Head).is_empty()
    }

    fn is_submission(&self) -> bool {
        self.keyword.is_some_and(|keyword| keyword.authenticated)
            || self.clauses.comments().any(|comment| is_login(comment.text))
    }

    fn tls(&self) -> Option<(Verdict, Because<'a>)> {
        if let Some(tls) = self.evidence.tls {
            let null = tls.cipher.filter(|cipher| cipher.contains("NULL") && tls.is_null());
            return Some(match null {
                Some(cipher) => (Verdict::NotEncrypted, Because::Null(cipher)),
                None => (Verdict::Encrypted, Because::Written(self.evidence.words)),
            });
        }
        // A comment outranks the keyword.
        let is_said = self.evidence.plain.is_none() && self.keyword.is_some_and(|keyword| keyword.tls);
        is_said.then_some((Verdict::Encrypted, Because::Keyword(self.clauses.with.all)))
    }

    /// The field says nothing of TLS, or that there was none.
    fn silence(&self) -> (Verdict, Because<'a>) {
        if let Some(words) = self.evidence.plain {
            return (Verdict::NotEncrypted, Because::SaysPlain(words));
        }
        // Servers put the date last.
        if self.is_cut || self.clauses.time.is_none() {
            return (Verdict::Unknown, Because::Incomplete);
        }
        let by = self.by.name.map(|name| self.facts.known(name)).unwrap_or_default();
        let host = self.facts.host(by, self.is_submission());
        if let Some(host) = host {
            return rule(&host.name, host.says);
        }
        let Some(software) = self.software else { return (Verdict::Unknown, Because::NothingKnown) };
        let server = &software.name;
        let is_early = software.since.zip(self.clauses.time).is_some_and(|(since, time)| time < since);
        let is_helo = software.ehlo && self.keyword.is_some_and(|keyword| !keyword.extended);
        match software.says {
            Says::Always if is_early => (Verdict::Unknown, Because::TooEarly { server }),
            Says::Always if is_helo => (Verdict::Unknown, Because::Helo { server }),
            says => rule(server, says),
        }
    }
}

fn rule(server: &str, says: Says) -> (Verdict, Because<'_>) {
    match says {
        Says::Always => (Verdict::NotEncrypted, Because::Silent { server }),
        Says::Never => (Verdict::Unknown, Because::Habit { server, seen: false }),
        Says::Unproven => (Verdict::Unknown, Because::Habit { server, seen: true }),
    }
}

/// Comments that say that the client logged in.
fn is_login(comment: &str) -> bool {
    const HEADS: [&str; 6] = [
        "Authenticated sender",
        "authenticated bits",
        "authenticated user",
        "User authenticated",
        "account ",
        "Authenticated ID",
    ];
    HEADS.iter().any(|head| comment.starts_with(head))
}
