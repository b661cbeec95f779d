//! A hop's verdict, from one field alone and what is known.
//!
//! In this order: evidence of TLS; what is no hand-over between servers; two
//! ends of one machine or network; the field's own word that there was none;
//! the server's habit; else nobody can know.

use std::net::IpAddr;

use crate::dialect::Evidence;
use crate::facts::{Facts, Known, Says, Software};
use crate::form;
use crate::keyword::{Keyword, Transport};
use crate::name;
use crate::network::{self, Reach};
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
}

/// A verdict, what it rests on, and between whom it was.
pub(crate) struct Ruling<'a> {
    pub verdict: Verdict,
    pub because: Because<'a>,
    pub leg: Leg,
    /// Why both ends are of one machine or network, where they are.
    pub near: Option<Because<'a>>,
    pub is_own: bool,
}

impl<'a> Case<'_, 'a> {
    pub(crate) fn judge(&self) -> Ruling<'a> {
        let (from, by) = (self.known_from(), self.known_by());
        let near = self.no_hop().or_else(|| self.near(from, by));
        let leg = match near {
            _ if self.is_unreadable() => Leg::Unread,
            Some(_) => Leg::Within,
            None if self.is_submission() => Leg::Submission,
            None => Leg::Between,
        };
        let (verdict, because) = self.tls().unwrap_or_else(|| match (leg, near) {
            (Leg::Unread, _) => (Verdict::Unknown, Because::Unreadable),
            (_, Some(because)) => (Verdict::Internal, because),
            _ => self.silence(by),
        });
        let is_own = by.is_own || self.by.address.is_some_and(|address| self.facts.is_own(address));
        Ruling { verdict, because, leg, near, is_own }
    }

    fn is_unreadable(&self) -> bool {
        let clauses = self.clauses;
        clauses.by.is_empty() && !clauses.has_from && clauses.with.is_empty() && clauses.comment(Place::Head).is_empty()
    }

    fn is_submission(&self) -> bool {
        self.keyword.is_some_and(|keyword| keyword.authenticated)
            || self.clauses.comments().any(|comment| is_login(comment.text))
    }

    fn known_from(&self) -> Known {
        self.from.reverse.or(self.from.name).map(|name| self.facts.known(name)).unwrap_or_default()
    }

    fn known_by(&self) -> Known {
        self.by.name.map(|name| self.facts.known(name)).unwrap_or_default()
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

    /// What is no hand-over between two servers.
    fn no_hop(&self) -> Option<Because<'a>> {
        let clauses = self.clauses;
        let head = clauses.comment(Place::Head);
        let is_companion = head.starts_with("qmail ")
            || clauses.via.all.eq_ignore_ascii_case("listexpand")
            || clauses.text.starts_with("indimail")
            || clauses.with.first.starts_with("qmail-scanner");
        if is_companion {
            return Some(Because::Companion);
        }
        if let Some(keyword) = self.keyword {
            let with = clauses.with.all;
            match keyword.transport {
                Transport::Local | Transport::Store | Transport::Lmtp => return Some(Because::Local(with)),
                Transport::Http | Transport::Fetch => return Some(Because::Client(with)),
                Transport::Smtp => {}
            }
        }
        let via = clauses.comments().find(|comment| matches!(comment.text, "via HTTP" | "via RAW"));
        if let Some(via) = via.map(|comment| comment.text).or_else(|| (clauses.via.all == "HTTP").then_some("HTTP")) {
            return Some(Because::Client(via));
        }
        // Without `by` it is the writer itself that stands after `from`.
        let is_writer = !clauses.has_by && self.software.is_some();
        if !clauses.has_from || is_writer || form::is_submit(clauses.comment(Place::By)) {
            return Some(Because::NoPeer);
        }
        is_own_process(clauses.from.all).then_some(Because::Local(clauses.from.all))
    }

    /// Whether both ends are of one machine or network.
    fn near(&self, from: Known, by: Known) -> Option<Because<'a>> {
        let reach = self.from.address.map(network::reach);
        match (reach, self.from.address) {
            (Some(Reach::Loopback), _) => return Some(Because::Loopback),
            (Some(Reach::Private), Some(address)) => return Some(Because::Private(address)),
            _ => {}
        }
        let has_address = self.from.address.is_some();
        if !has_address
            && [self.from.name, self.from.reverse, self.by.name].into_iter().flatten().any(name::is_loopback)
        {
            return Some(Because::Loopback);
        }
        // Whoever listens on a loopback address hears nobody else.
        let listens_inside = self.by.name.is_some_and(name::is_loopback)
            && self.by.address.is_some_and(|address| network::reach(address) == Reach::Loopback);
        if listens_inside {
            return Some(Because::Loopback);
        }
        if !has_address && self.are_local_names() {
            return Some(Because::LocalNames);
        }
        if self.is_same_address() || self.is_same_name() {
            return Some(Because::SameHost);
        }
        self.is_own(from, by).or_else(|| self.same_provider(from, by)).or_else(|| self.same_organisation(from, by))
    }

    /// Names of one label, which nobody outside could look up.
    fn are_local_names(&self) -> bool {
        let is_local = |name: &str| !name.contains(['.', ':', '[']);
        self.from.reverse.is_none()
            && self.from.name.zip(self.by.name).is_some_and(|(from, by)| is_local(from) && is_local(by))
    }

    /// One address at both ends. What the field above says counts only where
    /// the names agree too: a filter passes its client's address on.
    fn is_same_address(&self) -> bool {
        let Some(address) = self.from.address else { return false };
        let is_one_name = self.from.name.zip(self.by.name).is_some_and(|(from, by)| from.eq_ignore_ascii_case(by));
        self.by.address == Some(address) || is_one_name && self.by_address_above == Some(address)
    }

    fn is_same_name(&self) -> bool {
        let name = self.from.reverse.or(self.from.name.filter(|_| self.from.address.is_none()));
        name.zip(self.by.name).is_some_and(|(from, by)| from.eq_ignore_ascii_case(by))
    }

    fn is_own(&self, from: Known, by: Known) -> Option<Because<'a>> {
        let is_from = self
            .from
            .address
            .map_or(from.is_own, |address| self.facts.is_own(address) || self.from.reverse.is_some() && from.is_own);
        (is_from && by.is_own).then_some(Because::Own)
    }

    fn same_provider(&self, from: Known, by: Known) -> Option<Because<'a>> {
        let theirs = self.facts.provider_of(by, self.by.address.or(self.by_address_above))?;
        let mine = self.facts.provider_of(self.believed(from), self.from.address)?;
        (mine == theirs && !self.is_customer()).then(|| Because::Provider(self.facts.provider_name(mine)))
    }

    /// A name that nobody looked up is believed only where there was nothing to look up.
    fn believed(&self, known: Known) -> Known {
        if self.from.reverse.is_some() || self.is_claim_plausible() { known } else { Known::default() }
    }

    fn same_organisation(&self, from: Known, by: Known) -> Option<Because<'a>> {
        if from.is_shared || by.is_shared {
            return None;
        }
        let name = self.from.reverse.or(self.from.name)?;
        let organisation = name::same_organisation(name, self.by.name?)?;
        let is_believed = self.from.reverse.is_some() || self.is_claim_plausible();
        (is_believed && !self.is_customer()).then_some(Because::SameOrganisation(organisation))
    }

    /// Whoever forges a name takes the reader's domain or its mail server, not
    /// a host deep inside; and the server wrote no other name down.
    fn is_claim_plausible(&self) -> bool {
        let Some((name, by)) = self.from.name.zip(self.by.name) else { return false };
        let is_inside = name::organisation(name).is_some_and(|organisation| organisation.len() < name.len());
        self.from.reverse.is_none() && is_inside && !name.eq_ignore_ascii_case(by)
    }

    /// A customer's line, named by its provider after its address.
    fn is_customer(&self) -> bool {
        self.from.reverse.zip(self.from.address).is_some_and(|(name, address)| name::is_made_from(name, address))
    }

    /// The field says nothing of TLS, or that there was none.
    fn silence(&self, by: Known) -> (Verdict, Because<'a>) {
        if let Some(words) = self.evidence.plain {
            return (Verdict::NotEncrypted, Because::SaysPlain(words));
        }
        // Servers put the date last.
        if self.is_cut || self.clauses.time.is_none() {
            return (Verdict::Unknown, Because::Incomplete);
        }
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

/// Names of a server's own processes and queues in the place of a peer.
fn is_own_process(from: &str) -> bool {
    let (first, last) = from.split_once('.').unwrap_or((from, ""));
    let is_queue = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) && !from.contains('[');
    matches!(from, "mail pickup service" | "Pickup" | "mda")
        || first.ends_with("-daemon")
        || first.ends_with("-DAEMON")
        || is_queue
}
