//! Record: what came of a delivery becomes events, receipts, retries, reroutes
//! and words to the sender, all in one transaction.
//!
//! One [`Fate`] of one recipient is one arm here; there is no wildcard.

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Event, ReceiptKind, Status};
use mail::suppression::Reason;
use mail::{Address, EnhancedCode, KeyFormat, Level, Method, Recipient, Reply};
use policy::Unmet;
use seal::{Kind, Parcel, ParcelKey, TlsAsked};
use store::{Leased, ParcelState, Write};
use transport::{Attempt, Cause, Delivery, Fate, Proof, Tried};

use crate::carry::Carried;
use crate::case::{Case, Changes, later};
use crate::dsn::{self, Action, Told};
use crate::evidence::{self, class_of, reply_of, tls_fails};
use crate::keys::{self, Next};
use crate::portal::{LinkState, Passphrase};
use crate::posture::{self, Shown};
use crate::receipts::{Fact, receipt};
use crate::reports;
use crate::retries::{age, code_retry, ends_after, retry_after, store_again};
use crate::suppression::{self, NewSuppression, Origin, Stopped};

/// What is known beside the delivery itself.
pub(crate) struct Before {
    /// What the recipients' domain has shown before, if it has shown anything.
    pub shown: Option<Shown>,
    /// The recipients' portal links, opened, for a notice or a code.
    pub links: Vec<OpenLink>,
    /// Whether the sender was already told that a copy is late.
    pub told_late: bool,
    /// A passphrase that the sender gave since the message was handed in.
    pub given: Option<Passphrase>,
}

/// A portal link as it was read, to be changed if nobody else was first.
pub(crate) struct OpenLink {
    pub hash: [u8; 32],
    pub version: i64,
    pub recipient: Address,
    pub state: LinkState,
}

/// Works out all that a delivery changes.
pub(crate) fn record(case: &Case<'_>, leased: &Leased, parcel: &Parcel, carried: &Carried, before: &Before) -> Changes {
    let delivery = &carried.delivery;
    let mut recording = Recording {
        case,
        leased,
        parcel,
        carried,
        delivery,
        before,
        changes: Changes::default(),
        waiting: vec![],
        told: vec![],
    };
    for attempt in &delivery.attempts {
        recording.changes.event(evidence::attempted(parcel.id(), attempt));
    }
    let of = |address: &Address| parcel.recipients().iter().find(|recipient| recipient.address == *address);
    for (place, (address, fate)) in delivery.recipients.iter().enumerate() {
        if let Some(recipient) = of(address) {
            recording.fate(recipient, fate, place);
        }
    }
    for unusable in &carried.unusable {
        if let Some(recipient) = of(&unusable.recipient) {
            recording.next(recipient, &unusable.next, &unusable.because);
        }
    }
    recording.stopped();
    recording.posture();
    recording.finish();
    recording.changes
}

struct Recording<'a> {
    case: &'a Case<'a>,
    leased: &'a Leased,
    parcel: &'a Parcel,
    carried: &'a Carried,
    delivery: &'a Delivery,
    before: &'a Before,
    changes: Changes,
    waiting: Vec<&'a Recipient>,
    told: Vec<(Action, Told)>,
}

impl<'a> Recording<'a> {
    fn fate(&mut self, recipient: &'a Recipient, fate: &Fate, place: usize) {
        match fate {
            Fate::Delivered { reply, proof } => self.delivered(recipient, reply, proof, place),
            Fate::Deferred(cause) => self.deferred(recipient, cause),
            Fate::Refused { cause, proof } => self.refused(recipient, cause, proof.as_ref()),
            Fate::CannotMeet => self.cannot_meet(recipient),
        }
    }

    fn delivered(&mut self, recipient: &Recipient, reply: &Reply, proof: &Proof, place: usize) {
        let (parcel, address) = (self.parcel.id(), recipient.address.clone());
        let sealing = self.carried.facts.as_ref().and_then(|facts| keys::told(facts, place));
        let signing = self.carried.signing.clone();
        self.receipt(recipient, Status::Delivered, Some(proof), Some(reply), sealing.as_ref());
        match self.parcel.kind() {
            Kind::Content => {
                let event = Event::Delivered { parcel, recipient: address, reply: reply.clone(), sealing, signing };
                self.changes.event(event);
                if recipient.notify.success {
                    let because = "The recipient's mail server has taken it.".to_owned();
                    let status = reply.enhanced.unwrap_or(EnhancedCode(2, 0, 0));
                    self.tell(Action::Delivered, recipient, status, because, Some((proof.mx.clone(), reply.clone())));
                }
            }
            Kind::Notice => self.notified(recipient, proof.level),
            Kind::Code => {
                let reply = reply.clone();
                self.changes.event(Event::Delivered {
                    parcel,
                    recipient: address,
                    reply,
                    sealing: None,
                    signing: None,
                });
            }
            Kind::Dsn => self.changes.event(Event::DsnSent { parcel, recipient: address, reply: reply.clone() }),
        }
    }

    /// Where the notice crossed with less than a code would need, someone may
    /// read the way to this mailbox: from now on a passphrase is required.
    fn notified(&mut self, recipient: &Recipient, proved: Level) {
        let now = self.case.now;
        self.changes.event(Event::Notified { recipient: recipient.address.clone(), level: proved });
        let Some(link) = self.link_of(recipient) else {
            return;
        };
        let best = self.before.shown.map_or(Level::None, |shown| shown.best);
        let next = link.state.notice_delivered(proved, best, now);
        if next.lacks_passphrase() {
            self.passphrase_missing(recipient, "the notice crossed a connection that did not prove enough");
        }
        self.save_link(recipient, &next);
    }

    fn passphrase_missing(&mut self, recipient: &Recipient, because: &str) {
        self.changes
            .event(Event::PassphraseMissing { recipient: recipient.address.clone(), because: because.to_owned() });
        self.changes.event(Event::Held { recipient: Some(recipient.address.clone()), because: because.to_owned() });
        self.tell(
            Action::Held,
            recipient,
            dsn::HELD,
            dsn::needs_passphrase(self.case.house_language(), self.case.message),
            None,
        );
    }

    fn deferred(&mut self, recipient: &'a Recipient, cause: &Cause) {
        let age = self.age();
        let settings = &self.case.journey.settings;
        let is_content = self.parcel.kind() == Kind::Content;
        if age >= ends_after(self.case, self.parcel.kind()) && self.carried.turn.is_none() {
            return self.expired(recipient, cause);
        }
        if self.may_reroute() && age >= settings.reroute_after && tls_fails(cause) {
            return self.reroute(recipient, "TLS has failed for as long as the configuration allows");
        }
        self.changes.event(Event::Deferred {
            parcel: self.parcel.id(),
            recipient: recipient.address.clone(),
            because: cause.outside(),
            reply: reply_of(cause),
            until: self.due(),
        });
        if is_content && age >= settings.tell_late_after && recipient.notify.delay && !self.before.told_late {
            self.tell(Action::Delayed, recipient, dsn::LATE, cause.outside(), None);
        }
        self.waiting.push(recipient);
    }

    fn expired(&mut self, recipient: &Recipient, cause: &Cause) {
        let because = match cause {
            Cause::Waits(_) | Cause::NoMemory => {
                format!("Its turn did not come in the time that it has: {}.", cause.outside())
            }
            _ => format!("It was tried for as long as it may be. At last: {}.", cause.outside()),
        };
        self.changes.event(Event::Expired { recipient: Some(recipient.address.clone()), because: because.clone() });
        self.never(recipient, dsn::EXPIRED, because, cause);
    }

    fn refused(&mut self, recipient: &Recipient, cause: &Cause, proof: Option<&Proof>) {
        let needs_more = matches!(cause, Cause::NeedsSmtputf8);
        if needs_more && self.may_reroute() && recipient.address.is_ascii() {
            return self.reroute(recipient, "the recipient's server can't take a message of this form");
        }
        self.never(recipient, cause.enhanced(), cause.outside(), cause);
        self.suppress(recipient, cause, proof);
    }

    /// The copy, or the word about it, will never arrive.
    fn never(&mut self, recipient: &Recipient, status: EnhancedCode, because: String, cause: &Cause) {
        let (parcel, address) = (self.parcel.id(), recipient.address.clone());
        match self.parcel.kind() {
            Kind::Content | Kind::Notice => {
                let status_of_copy = if status == dsn::EXPIRED { Status::Expired } else { Status::Refused };
                self.receipt(recipient, status_of_copy, None, reply_of(cause).as_ref(), None);
                self.changes.event(Event::Bounced {
                    parcel,
                    recipient: address,
                    because: because.clone(),
                    reply: reply_of(cause),
                    class: Some(class_of(cause).word().to_owned()),
                });
                if recipient.notify.failure {
                    let remote = reply_of(cause).zip(self.last_host()).map(|(reply, host)| (host, reply));
                    self.tell(Action::Failed, recipient, status, because, remote);
                }
            }
            Kind::Code => self.changes.event(Event::CodeWithheld { recipient: address, because }),
            Kind::Dsn => self.changes.event(Event::DsnFailed { parcel: Some(parcel), recipient: address, because }),
        }
    }

    /// A mailbox that its own server does not know gets nothing more. A
    /// rehearsal says nothing of it, and own recipients are the next hop's to know.
    fn suppress(&mut self, recipient: &Recipient, cause: &Cause, proof: Option<&Proof>) {
        let is_patients = matches!(self.parcel.kind(), Kind::Content | Kind::Notice);
        let is_outside = is_patients && !self.case.manifest.test && !self.case.manifest.is_inbound();
        if is_outside && evidence::says_gone(cause, proof) {
            let new = NewSuppression {
                address: &recipient.address,
                stream: None,
                reason: Reason::HardBounce,
                origin: Origin::Delivery { message: self.case.message },
            };
            suppression::enter(self.case, &new, &mut self.changes);
        }
    }

    /// Every MX host was tried and none can do what the parcel needs.
    fn cannot_meet(&mut self, recipient: &'a Recipient) {
        let because = evidence::why_unable(&self.delivery.attempts);
        match self.parcel.kind() {
            Kind::Content if self.must_bounce() => self.bounced_by_requiretls(recipient, because),
            Kind::Content if !self.may_reroute() => self.deferred(recipient, &Cause::TlsFailed(because)),
            Kind::Content => self.reroute(recipient, &because),
            Kind::Code => self.code_withheld(recipient, because),
            Kind::Notice => self.never(recipient, dsn::REFUSED, because, &Cause::Unavailable),
            Kind::Dsn => self.changes.event(Event::DsnFailed {
                parcel: Some(self.parcel.id()),
                recipient: recipient.address.clone(),
                because,
            }),
        }
    }

    /// An own recipient has no portal: inbound mail waits until its next hop
    /// can do what it must. Policy may want what came with REQUIRETLS back.
    fn may_reroute(&self) -> bool {
        self.parcel.kind() == Kind::Content && !self.case.manifest.is_inbound() && !self.is_bounced_when_unmet()
    }

    /// Whether policy has a copy that came with REQUIRETLS bounced where that
    /// is not met, as RFC 8689 §4.2.1 has it.
    fn is_bounced_when_unmet(&self) -> bool {
        self.parcel.tls_asked() == TlsAsked::OnTheWholeWay
            && self.case.organisation.policy.tls.requiretls_unmet == Unmet::Bounce
    }

    /// Nothing will change soon: the next hop of inbound mail has no REQUIRETLS,
    /// or policy has the copy bounced.
    fn must_bounce(&self) -> bool {
        let has_no_portal = self.case.manifest.is_inbound() && evidence::lacks_requiretls(&self.delivery.attempts);
        self.is_bounced_when_unmet() && !self.case.manifest.is_inbound() || has_no_portal
    }

    fn bounced_by_requiretls(&mut self, recipient: &Recipient, because: String) {
        let status = match evidence::lacks_requiretls(&self.delivery.attempts) {
            true => dsn::NO_REQUIRETLS,
            false => dsn::NEEDS_TLS,
        };
        let because = format!("REQUIRETLS was asked for, and can't be met: {because}.");
        self.never(recipient, status, because, &Cause::Unavailable);
    }

    fn reroute(&mut self, recipient: &Recipient, because: &str) {
        self.rerouted(recipient, Method::Portal, because);
        let given = self.before.given.as_ref();
        self.case.put_into_portal(recipient, self.parcel.grounds(), given, &mut self.changes);
    }

    fn rerouted(&mut self, recipient: &Recipient, to: Method, because: &str) {
        self.changes.event(Event::Rerouted {
            parcel: self.parcel.id(),
            recipient: recipient.address.clone(),
            from: self.parcel.method(),
            to,
            because: because.to_owned(),
        });
    }

    /// Those who were suppressed while the parcel waited.
    fn stopped(&mut self) {
        let (recipients, carried) = (self.parcel.recipients(), self.carried);
        let of = |stopped: &'a Stopped| {
            let recipient = recipients.iter().find(|recipient| recipient.address == stopped.recipient)?;
            Some((recipient, stopped))
        };
        let copies = carried.stopped.iter().filter_map(of);
        let grounds = self.parcel.grounds();
        self.case.stop_suppressed(copies.map(|(to, stopped)| (to, grounds, stopped)), &mut self.changes);
    }

    /// The key of this recipient seals nothing any more.
    fn next(&mut self, recipient: &Recipient, next: &Next, because: &str) {
        let parcel = match next {
            Next::Portal => None,
            Next::Tls => self.original(recipient),
            Next::Sealed(format, key) => self.sealed(recipient, *format, key),
        };
        match parcel {
            Some(parcel) => {
                self.rerouted(recipient, parcel.method(), because);
                self.case.queue(&parcel, &mut self.changes);
            }
            None => self.reroute(recipient, because),
        }
    }

    /// The original for one recipient, where transit meets what is needed.
    fn original(&self, recipient: &Recipient) -> Option<Parcel> {
        let copy = self.parcel.sealed_copy()?;
        let (stamp, grounds) = (self.case.stamp(), self.parcel.grounds().clone());
        Parcel::original(stamp, vec![recipient.clone()], grounds, copy.body_sha256, copy.open_edits).ok()
    }

    /// The copy for one recipient, sealed to another key.
    fn sealed(&self, recipient: &Recipient, format: KeyFormat, key: &ParcelKey) -> Option<Parcel> {
        let copy = self.parcel.sealed_copy()?;
        let (stamp, grounds) = (self.case.stamp(), self.parcel.grounds().clone());
        let crossing = self.case.organisation.policy.keys.crossing;
        Parcel::end_to_end(stamp, vec![(recipient.clone(), key.clone())], format, crossing, grounds, copy).ok()
    }

    /// The domain shows less than it once did: a code proves nothing there.
    fn code_withheld(&mut self, recipient: &Recipient, because: String) {
        self.changes.event(Event::CodeWithheld { recipient: recipient.address.clone(), because });
        let Some(link) = self.link_of(recipient) else {
            return;
        };
        let was_lacking = link.state.lacks_passphrase();
        let next = link.state.require_passphrase();
        if next.lacks_passphrase() && !was_lacking {
            self.passphrase_missing(recipient, "the recipient's mail server no longer proves what a code needs");
        }
        self.save_link(recipient, &next);
    }

    /// A receipt of what became of a copy, or of the notice or code for it. A
    /// word to the sender is nobody's copy.
    fn receipt(
        &mut self,
        recipient: &Recipient,
        status: Status,
        proof: Option<&Proof>,
        reply: Option<&Reply>,
        sealing: Option<&ledger::Sealing>,
    ) {
        let kind = match self.parcel.kind() {
            Kind::Content => ReceiptKind::Content,
            Kind::Notice => ReceiptKind::Notice,
            Kind::Code => ReceiptKind::Code,
            Kind::Dsn => return,
        };
        let fact = Fact {
            grounds: self.parcel.grounds(),
            decision: ledger::Verdict::Deliver,
            method: self.parcel.method(),
            kind,
            status,
            proof,
            reply,
            sealing,
            signing: self.carried.signing.as_ref().filter(|_| status == Status::Delivered),
        };
        self.changes.record.receipts.push(receipt(self.case, &recipient.address, &fact));
    }

    fn link_of(&self, recipient: &Recipient) -> Option<&'a OpenLink> {
        // The newest: an earlier one stood in a copy that did not go out, and
        // led to the page for replies.
        self.before.links.iter().rfind(|link| link.recipient == recipient.address)
    }

    fn save_link(&mut self, recipient: &Recipient, next: &LinkState) {
        let Some(link) = self.link_of(recipient).filter(|link| link.state != *next) else {
            return;
        };
        let sealed = self.case.seal_link(&link.hash, next);
        self.changes.writes.push(Write::LinkState {
            hash: link.hash,
            expected_version: link.version,
            sealed,
            expires_at: next.expires_at(),
        });
    }

    fn tell(
        &mut self,
        action: Action,
        to: &Recipient,
        status: EnhancedCode,
        because: String,
        remote: Option<(String, Reply)>,
    ) {
        self.told.push((action, Told { recipient: to.clone(), status, because, remote }));
    }

    /// What the domain's servers showed, good or bad.
    fn posture(&mut self) {
        let shown = posture::shown(self.delivery);
        let domain = self.parcel.recipients().first().map(|recipient| recipient.address.domain());
        // A rehearsal shows nothing of the domain.
        let domain = domain.filter(|_| !self.case.manifest.test);
        if let Some(domain) = domain {
            let is_counted = self.case.journey.settings.tls_reports;
            let counted = is_counted.then(|| reports::counted(self.case, domain, self.delivery));
            self.changes.writes.extend(counted.into_iter().flatten());
        }
        if let (Some(level), Some(domain)) = (shown, domain) {
            if let Some(change) = self.before.shown.and_then(|before| before.change(domain, level)) {
                self.changes.event(change);
            }
            let domain = self.case.organisation.vault.domain_index(domain);
            self.changes.writes.push(Write::Posture { domain, level: level.rank(), at: self.case.now });
        }
    }

    fn finish(&mut self) {
        for action in [Action::Failed, Action::Held, Action::Delayed, Action::Delivered] {
            let told: Vec<Told> =
                self.told.iter().filter(|(kind, _)| *kind == action).map(|(_, told)| told.clone()).collect();
            let asks = action == Action::Held && !told.is_empty();
            let page = if asks { self.case.ask_sender(&mut self.changes) } else { None };
            self.case.tell_with(action, &told, page.as_deref(), &mut self.changes);
        }
        let parcel = self.parcel.id();
        let all = self.parcel.recipients().len();
        let write = match self.waiting.len() {
            0 => Write::Finish { parcel, state: self.end_state() },
            waiting if waiting == all => match self.carried.turn {
                Some((due, reason)) => Write::PutOff { parcel, due, wait: reason.number() },
                None => Write::Retry { parcel, due: self.due() },
            },
            _ => {
                let stamp = self.case.stamp();
                let rest =
                    self.parcel.for_rest(stamp.parcel, |address| self.waiting.iter().any(|to| to.address == *address));
                let (created_at, due) = (self.leased.created_at, self.due());
                self.case.queue_at(&rest, created_at, due, &mut self.changes);
                Write::Finish { parcel, state: ParcelState::Split }
            }
        };
        self.changes.writes.insert(0, write);
    }

    fn end_state(&self) -> ParcelState {
        let fates = || self.delivery.recipients.iter().map(|(_, fate)| fate);
        if fates().any(|fate| matches!(fate, Fate::Delivered { .. })) {
            ParcelState::Delivered
        } else if !self.carried.unusable.is_empty()
            || fates().any(|fate| matches!(fate, Fate::CannotMeet)) && self.may_reroute()
        {
            ParcelState::Rerouted
        } else {
            ParcelState::Refused
        }
    }

    fn age(&self) -> Duration {
        age(self.leased.created_at, self.case.now)
    }

    fn due(&self) -> Timestamp {
        if let Some((turn, _)) = self.carried.turn {
            return turn;
        }
        let settings = &self.case.journey.settings;
        let schedule = self.case.stream(self.parcel.kind()).retry.as_ref().unwrap_or(&settings.retry);
        let wait = retry_after(schedule, self.leased.attempts, self.parcel.id().as_bytes()[15]);
        let soonest = match self.parcel.kind() {
            Kind::Code => Some(code_retry(self.leased.attempts)),
            _ => self.carried.is_store_asked_again.then(|| store_again(self.leased.attempts)),
        };
        later(self.case.now, soonest.map_or(wait, |soonest| wait.min(soonest)))
    }

    fn last_host(&self) -> Option<String> {
        let replied = |attempt: &&Attempt| !matches!(attempt.result, Tried::Sent);
        self.delivery
            .attempts
            .iter()
            .rev()
            .find(replied)
            .or(self.delivery.attempts.last())
            .map(|attempt| attempt.mx.clone())
    }
}
