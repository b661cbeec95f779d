//! Bounces that come in: told in the timeline of the message that they are
//! about, where something that only this organisation could have written shows
//! which one that is: the return path, the envelope id, or the field of the
//! passage in the header block that came back.
//!
//! A bounce without such a proof is mail like any other: anybody can write one.
//! No bounce changes what was recorded before; it is an event of its own. One
//! that says that there is no such mailbox suppresses it, where the proof was
//! given out for that recipient alone: who shared a copy could else silence
//! another.
//!
//! Complaints (RFC 5965) are tied in the same ways. What they suppress is
//! marketing and nothing else, so a forged one can't end a patient's mail.

use ledger::Event;
use mail::bounce::{Action, Bounce, Complaint, Outcome};
use mail::header;
use mail::suppression::{Reason, mailbox_of};
use mail::{Address, MessageId};
use store::{Transition, Write};
use vault::OrgVault;

use crate::case::{Case, Changes, later};
use crate::opened::Opened;
use crate::return_path::{self, Returned};
use crate::rounds::Passed;
use crate::suppression::{self, NewSuppression, Origin};

/// So long the same bounce is not recorded again.
const ONCE_IN: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);
/// So long a bounce of the same kind is not recorded again.
const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);
/// Recipients of one bounce that are recorded.
const RECIPIENTS_MAX: usize = 100;

/// So long after its message was accepted a bounce suppresses somebody. Servers
/// are through with a message after five days; a return path that came to light
/// later is worth nothing any more.
const GONE_WITHIN: std::time::Duration = std::time::Duration::from_secs(10 * 24 * 3_600);

/// What shows that a bounce is about a message.
enum Proof {
    /// It came to the message's return path.
    ReturnPath(Returned),
    /// It bears the message's envelope id.
    EnvelopeId(Returned),
    /// It brought the field of a passage back.
    Passage(Passed),
}

impl Proof {
    const fn word(&self) -> &'static str {
        match self {
            Proof::ReturnPath(_) => "return_path",
            Proof::EnvelopeId(_) => "envelope_id",
            Proof::Passage(_) => "passage",
        }
    }

    const fn message(&self) -> MessageId {
        match self {
            Proof::ReturnPath(returned) | Proof::EnvelopeId(returned) => returned.message,
            Proof::Passage(passed) => passed.message,
        }
    }

    /// The one recipient that it can be about, where it is about one alone.
    const fn place(&self) -> Option<u16> {
        match self {
            Proof::ReturnPath(returned) | Proof::EnvelopeId(returned) => returned.place,
            Proof::Passage(_) => None,
        }
    }

    /// Whether it was given out for one recipient alone.
    const fn is_personal(&self) -> bool {
        self.place().is_some()
    }

    fn covers(&self, vault: &OrgVault, recipient: &Address) -> bool {
        match self {
            Proof::ReturnPath(_) | Proof::EnvelopeId(_) => true,
            Proof::Passage(passed) => passed.was_for(vault, recipient),
        }
    }
}

/// The record of an inbound message that is a bounce or a complaint, in the
/// timeline of the message that it is about.
pub(crate) async fn tie(case: &Case<'_>, stored: &[u8]) -> Option<Transition> {
    if !case.manifest.is_inbound() {
        return None;
    }
    match Bounce::read(stored) {
        Some(bounce) => tie_bounce(case, &bounce).await,
        None => tie_complaint(case, &Complaint::read(stored)?).await,
    }
}

async fn tie_bounce(case: &Case<'_>, bounce: &Bounce) -> Option<Transition> {
    let proof = proof(case, &[bounce.envelope_id.as_deref()], &[], &bounce.returned)?;
    let opened = Opened::find(case.journey, case.organisation.org, proof.message()).await.ok()?;
    let about = opened.case(case.journey, case.now);
    let mut changes = Changes::default();
    for (recipient, outcome) in outcomes(&about, &proof, &bounce.recipients) {
        let mark = throttle(case, about.message, &recipient, (&proof, outcome));
        if !is_new(case, &changes, mark).await {
            continue;
        }
        changes.writes.push(Write::Once { mark, value: Vec::new(), now: case.now, until: later(case.now, HOUR * 2) });
        changes.event(Event::DsnReceived {
            recipient: recipient.clone(),
            action: outcome.action.word().to_owned(),
            status: outcome.status,
            class: outcome.class().word().to_owned(),
            because: outcome.diagnostic.clone().unwrap_or_default(),
            by: bounce.reporter.clone().unwrap_or_default(),
            dsn: case.message,
            proof: proof.word().to_owned(),
        });
        if may_suppress(&about) && proof.is_personal() && names(outcome, &recipient) && is_gone(&about, outcome) {
            let origin = Origin::Bounce { message: about.message, dsn: case.message };
            let new = NewSuppression { address: &recipient, stream: None, reason: Reason::HardBounce, origin };
            suppression::enter(&about, &new, &mut changes);
        }
    }
    once(case, &about, &format!("dsn\n{}\n{}", case.message, about.message), changes)
}

async fn tie_complaint(case: &Case<'_>, complaint: &Complaint) -> Option<Transition> {
    let return_path = header::first(&complaint.returned, "Return-Path");
    let paths = [complaint.mail_from.as_deref(), return_path.as_deref()];
    let proof = proof(case, &[complaint.envelope_id.as_deref()], &paths, &complaint.returned)?;
    let opened = Opened::find(case.journey, case.organisation.org, proof.message()).await.ok()?;
    let about = opened.case(case.journey, case.now);
    let names: Vec<Option<&str>> = complaint.recipients.iter().map(|name| Some(name.as_str())).collect();
    let recipient = recipient(&about, &proof, &names).or_else(|| only_recipient(&about, &proof))?;
    let mut changes = Changes::default();
    changes.event(Event::Complained {
        recipient: recipient.clone(),
        feedback: complaint.feedback.clone(),
        by: complaint.reporter.clone().unwrap_or_default(),
        report: case.message,
        proof: proof.word().to_owned(),
    });
    if may_suppress(&about) {
        let origin = Origin::Complaint { message: about.message, report: case.message };
        let new = NewSuppression { address: &recipient, stream: None, reason: Reason::Complaint, origin };
        suppression::enter(&about, &new, &mut changes);
    }
    // However often it is reported, by whomever.
    once(case, &about, &format!("complaint\n{}\n{recipient}", about.message), changes)
}

/// What happened was sent for real, and to somebody outside.
fn may_suppress(about: &Case<'_>) -> bool {
    !about.manifest.test && !about.manifest.is_inbound()
}

/// Whether a bounce is about that mailbox itself. An alias or a forward keeps the return path,
/// and what is gone may be one of those behind it.
fn names(outcome: &Outcome, recipient: &Address) -> bool {
    let is_it = |name: &str| Address::parse(name).is_ok_and(|name| mailbox_of(&name) == mailbox_of(recipient));
    outcome.recipient.as_deref().is_some_and(is_it) && outcome.original.as_deref().is_none_or(is_it)
}

fn is_gone(about: &Case<'_>, outcome: &Outcome) -> bool {
    outcome.action == Action::Failed && outcome.is_gone() && about.now <= later(about.received_at, GONE_WITHIN)
}

/// The record, to be kept once.
fn once(case: &Case<'_>, about: &Case<'_>, what: &str, mut changes: Changes) -> Option<Transition> {
    if changes.record.events.is_empty() {
        return None;
    }
    let (mark, until) = (case.organisation.vault.once_hash(what.as_bytes()), later(case.now, ONCE_IN));
    changes.writes.push(Write::Once { mark, value: Vec::new(), now: case.now, until });
    Some(about.transition(changes))
}

/// Whoever has one copy has its return path too, and could write bounces
/// without end: of one kind for one recipient, one an hour is recorded. The
/// kind is of a closed list, which a status of the writer's choice is not.
fn throttle(case: &Case<'_>, about: MessageId, recipient: &Address, (proof, outcome): (&Proof, &Outcome)) -> [u8; 32] {
    let hour = case.now.as_second().div_euclid(3_600);
    let (action, class) = (outcome.action.word(), outcome.class().word());
    let (proof, is_personal) = (proof.word(), proof.is_personal());
    let what = format!("dsn\n{about}\n{recipient}\n{action}\n{class}\n{proof} {is_personal}\n{hour}");
    case.organisation.vault.once_hash(what.as_bytes())
}

/// Whether nothing of that mark was recorded. What the store does not answer is not recorded either.
async fn is_new(case: &Case<'_>, changes: &Changes, mark: [u8; 32]) -> bool {
    let is_here = changes.writes.iter().any(|write| matches!(write, Write::Once { mark: other, .. } if *other == mark));
    !is_here && matches!(case.journey.store.once(case.organisation.org, mark).await, Ok(None))
}

/// What shows which message it is about: the address that it came to, an
/// envelope id, a return path that it names, or the field of the passage in what
/// came back.
fn proof(case: &Case<'_>, ids: &[Option<&str>], paths: &[Option<&str>], returned: &[u8]) -> Option<Proof> {
    let own = case.organisation.vault.as_ref();
    let read = |token: &str| return_path::read(std::iter::once(own), token);
    let came_to = case.manifest.envelope.recipients.iter().find_map(|to| read(to.address.local()));
    let of_path = |path: &str| read(path.trim().trim_matches(['<', '>']).rsplit_once('@')?.0);
    let path = || paths.iter().flatten().find_map(|path| of_path(path)).map(Proof::ReturnPath);
    let envelope_id = || ids.iter().flatten().find_map(|id| read(id)).map(Proof::EnvelopeId);
    let passed = || Passed::all(&[own], returned).into_iter().next().map(|(passed, _)| Proof::Passage(passed));
    came_to.map(Proof::ReturnPath).or_else(path).or_else(envelope_id).or_else(passed)
}

/// The outcomes of a bounce, one a recipient: whoever may write one bounce
/// would else fill a timeline with it. Where it says several things of one
/// recipient (copies of a list, or a forger), a failure outweighs the rest, for
/// that is what nobody may miss; else the first one counts.
fn outcomes<'b>(about: &Case<'_>, proof: &Proof, all: &'b [Outcome]) -> Vec<(Address, &'b Outcome)> {
    let mut found: Vec<(Address, &Outcome)> = Vec::new();
    for outcome in all.iter().take(RECIPIENTS_MAX) {
        let names = [outcome.original.as_deref(), outcome.recipient.as_deref()];
        let Some(recipient) = recipient(about, proof, &names) else { continue };
        match found.iter_mut().find(|(known, _)| *known == recipient) {
            Some((_, known)) if outcome.action == Action::Failed && known.action != Action::Failed => *known = outcome,
            Some(_) => {}
            None => found.push((recipient, outcome)),
        }
    }
    found
}

/// The recipient of the message that a report is about: whom the token names, or
/// one of the envelope's whom the report names.
fn recipient(about: &Case<'_>, proof: &Proof, names: &[Option<&str>]) -> Option<Address> {
    let all = &about.manifest.envelope.recipients;
    if let Some(place) = proof.place() {
        return Some(all.get(usize::from(place))?.address.clone());
    }
    let is_named =
        |address: &Address| names.iter().flatten().any(|name| name.eq_ignore_ascii_case(&address.to_string()));
    let vault = about.organisation.vault.as_ref();
    let found = all.iter().map(|recipient| &recipient.address).find(|address| is_named(address));
    found.filter(|address| proof.covers(vault, address)).cloned()
}

/// Providers take the recipient out of their reports: where there was one alone,
/// it is that one.
fn only_recipient(about: &Case<'_>, proof: &Proof) -> Option<Address> {
    let [only] = about.manifest.envelope.recipients.as_slice() else { return None };
    proof.covers(&about.organisation.vault, &only.address).then(|| only.address.clone())
}

/// Who gets what comes to a return path: the sender of the message that it is
/// of, or nobody where that is gone. None where `to` is no return path.
pub(crate) async fn sender_of(case: &Case<'_>, to: &Address) -> Option<Option<Address>> {
    let returned = return_path::read(std::iter::once(case.organisation.vault.as_ref()), to.local())?;
    let opened = Opened::find(case.journey, case.organisation.org, returned.message).await;
    Some(opened.ok().and_then(|opened| opened.manifest.envelope.sender.0.clone()))
}
