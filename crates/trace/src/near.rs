//! Whether a hand-over stayed on one machine or in one network, and whether
//! that is proven: the line of trust moves by proof alone.
//!
//! What a peer says of itself proves nothing. A private address, a name that
//! the server looked up, and a provider's own network do.

use crate::Because;
use crate::facts::Known;
use crate::form;
use crate::judge::Case;
use crate::keyword::Transport;
use crate::name;
use crate::network::{self, Reach};
use crate::received::{Clauses, Place};

/// Why a hand-over is internal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near<'a> {
    pub because: Because<'a>,
    /// Whether it rests on more than a peer's word for itself.
    pub is_proven: bool,
}

fn proven(because: Because<'_>) -> Near<'_> {
    Near { because, is_proven: true }
}

fn claimed(because: Because<'_>) -> Near<'_> {
    Near { because, is_proven: false }
}

impl<'a> Case<'_, 'a> {
    pub(crate) fn near(&self) -> Option<Near<'a>> {
        match self.no_hop() {
            // Who handed it in may be far away, whatever the protocol.
            Some(because @ Because::Client(_)) => {
                let is_proven = self.place().is_some_and(|near| near.is_proven);
                Some(Near { because, is_proven })
            }
            Some(because) => Some(proven(because)),
            None => self.place(),
        }
    }

    /// What is no hand-over between two servers.
    fn no_hop(&self) -> Option<Because<'a>> {
        let clauses = self.clauses;
        if self.is_companion() {
            return Some(Because::Companion);
        }
        let with = clauses.with.all;
        match self.keyword.map(|keyword| keyword.transport) {
            Some(Transport::Local | Transport::Store | Transport::Lmtp) => return Some(Because::Local(with)),
            Some(Transport::Http | Transport::Fetch) => return Some(Because::Client(with)),
            Some(Transport::Smtp) | None => {}
        }
        if let Some(via) = via_http(clauses) {
            return Some(Because::Client(via));
        }
        // Without `by` it is the writer itself that stands after `from`.
        let is_writer = !clauses.has_by && self.software.is_some();
        if !clauses.has_from || is_writer || form::is_submit(clauses.comment(Place::By)) {
            return Some(Because::NoPeer);
        }
        is_own_process(clauses.from.all).then_some(Because::Local(clauses.from.all))
    }

    /// A line about a queue.
    fn is_companion(&self) -> bool {
        let clauses = self.clauses;
        let is_of_qmail = !clauses.has_from && clauses.comment(Place::Head).starts_with("qmail ");
        is_of_qmail
            || clauses.via.all.eq_ignore_ascii_case("listexpand")
            || clauses.text.starts_with("indimail")
            || clauses.with.first.starts_with("qmail-scanner")
    }

    /// Whether both ends are of one machine or network.
    fn place(&self) -> Option<Near<'a>> {
        let address = self.from.address;
        match address.map(|address| (network::reach(address), address)) {
            Some((Reach::Loopback, _)) => return Some(proven(Because::Loopback)),
            Some((Reach::Private, address)) => return Some(proven(Because::Private(address))),
            Some((Reach::Public, _)) => {}
            None => return self.place_by_claims(),
        }
        if self.listens_inside() {
            return Some(proven(Because::Loopback));
        }
        self.same_host().or_else(|| self.same_network())
    }

    /// No address is written: there are names alone.
    fn place_by_claims(&self) -> Option<Near<'a>> {
        let names = [self.from.name, self.from.reverse, self.by.name];
        if self.listens_inside() || names.into_iter().flatten().any(name::is_loopback) {
            return Some(claimed(Because::Loopback));
        }
        if self.are_local_names() {
            return Some(claimed(Because::LocalNames));
        }
        self.same_host().or_else(|| self.same_network())
    }

    /// Whoever listens on a loopback address hears nobody else.
    fn listens_inside(&self) -> bool {
        self.by.name.is_some_and(name::is_loopback)
            && self.by.address.is_some_and(|address| network::reach(address) == Reach::Loopback)
    }

    /// Names of one label, which nobody outside could look up.
    fn are_local_names(&self) -> bool {
        let is_local = |name: &str| name.bytes().all(|byte| !matches!(byte, b'.' | b':' | b'['));
        self.from.reverse.is_none()
            && self.from.name.zip(self.by.name).is_some_and(|(from, by)| is_local(from) && is_local(by))
    }

    /// One address or name at both ends. What the field above says of the
    /// address counts only where the names agree too: a filter passes its
    /// client's address on.
    fn same_host(&self) -> Option<Near<'a>> {
        let is_by = |name: Option<&str>| name.zip(self.by.name).is_some_and(|(name, by)| name.eq_ignore_ascii_case(by));
        let is_named = is_by(self.from.name);
        let is_at = |address| self.from.address.is_some() && self.from.address == address;
        if is_at(self.by.address) || is_by(self.known_reverse()) || is_named && is_at(self.by_address_above) {
            return Some(proven(Because::SameHost));
        }
        (is_named && self.from.address.is_none()).then_some(claimed(Because::SameHost))
    }

    /// Both ends of one organisation, of one provider, or the reader's own.
    fn same_network(&self) -> Option<Near<'a>> {
        let name = self.from.reverse.or(self.from.name);
        let by = self.known(self.by.name);
        let theirs = self.facts.provider_of(by, self.by.address.or(self.by_address_above));
        let organisation = name.zip(self.by.name).and_then(|(name, by)| name::same_organisation(name, by));
        if !by.is_own && theirs.is_none() && organisation.is_none() {
            return None;
        }
        let (from, is_looked_up) = (self.known(name), self.known_reverse().is_some());
        if by.is_own && self.is_own(from, is_looked_up) {
            return Some(proven(Because::Own));
        }
        let near = self.same_provider(from, theirs, is_looked_up).or_else(|| {
            let because = Because::SameOrganisation(organisation?);
            (!from.is_shared && !by.is_shared).then_some(Near { because, is_proven: is_looked_up })
        });
        near.filter(|near| (near.is_proven || self.is_claim_plausible()) && !self.is_customer())
    }

    fn same_provider(&self, from: Known, theirs: Option<u16>, is_looked_up: bool) -> Option<Near<'a>> {
        let theirs = theirs?;
        let by_address = self.from.address.and_then(|address| self.facts.provider_at(address));
        let is_proven = by_address == Some(theirs) || is_looked_up;
        let mine = by_address.filter(|mine| *mine == theirs).or(from.provider)?;
        (mine == theirs).then(|| Near { because: Because::Provider(self.facts.provider_name(mine)), is_proven })
    }

    fn is_own(&self, from: Known, is_looked_up: bool) -> bool {
        self.from.address.is_some_and(|address| self.facts.is_own(address)) || is_looked_up && from.is_own
    }

    fn known(&self, name: Option<&str>) -> Known {
        name.map(|name| self.facts.known(name)).unwrap_or_default()
    }

    /// A name that the server looked up, without doubting it.
    fn known_reverse(&self) -> Option<&'a str> {
        self.from.reverse.filter(|_| !self.from.is_doubted)
    }

    /// Whether a name that nobody looked up may be true: a host of that
    /// organisation that a forger would not guess, or one whose organisation
    /// wrote the field below.
    fn is_claim_plausible(&self) -> bool {
        let Some((name, by)) = self.from.name.zip(self.by.name) else { return false };
        let Some(organisation) = name::organisation(name) else { return self.from.address.is_none() };
        let is_host = organisation.len() < name.len() && !name.eq_ignore_ascii_case(by);
        let is_continued = || {
            let below = Clauses::read(self.below?).by.first;
            name::same_organisation(name::host(below)?, name)
        };
        let is_hard_to_guess = self.from.address.is_none() || !name::is_guessed(name);
        self.from.reverse.is_none() && is_host && (is_hard_to_guess || is_continued().is_some())
    }

    /// A customer's line, named by its provider after its address.
    fn is_customer(&self) -> bool {
        self.from.reverse.zip(self.from.address).is_some_and(|(name, address)| name::is_made_from(name, address))
    }
}

/// The words that say that a web page or a program handed it in.
fn via_http<'a>(clauses: &Clauses<'a>) -> Option<&'a str> {
    let comment = clauses.comments().find(|comment| matches!(comment.text, "via HTTP" | "via RAW"));
    comment.map(|comment| comment.text).or(Some(clauses.via.all).filter(|via| *via == "HTTP"))
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
