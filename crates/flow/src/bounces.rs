//! Bounces that come in: told in the timeline of the message that they are
//! about, where something that only this organisation could have written shows
//! which one that is: the return path, the envelope id, or the field of the
//! passage in the header block that came back.
//!
//! A bounce without such a proof is mail like any other: anybody can write one.
//! No bounce changes what was recorded before; it is an event of its own.

use ledger::Event;
use mail::bounce::{Action, Bounce, Outcome};
use mail::{Address, MessageId};
use store::{Transition, Write};
use vault::OrgVault;

use crate::case::{Case, Changes, later};
use crate::opened::Opened;
use crate::return_path::{self, Returned};
use crate::rounds::Passed;

/// So long the same bounce is not recorded again.
const ONCE_IN: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);
/// Recipients of one bounce that are recorded.
const RECIPIENTS_MAX: usize = 100;

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

    fn covers(&self, vault: &OrgVault, recipient: &Address) -> bool {
        match self {
            Proof::ReturnPath(_) | Proof::EnvelopeId(_) => true,
            Proof::Passage(passed) => passed.was_for(vault, recipient),
        }
    }
}

/// The record of an inbound message that is a bounce, in the timeline of the
/// message that it is about.
pub(crate) async fn tie(case: &Case<'_>, stored: &[u8]) -> Option<Transition> {
    if !case.manifest.is_inbound() {
        return None;
    }
    let bounce = Bounce::read(stored)?;
    let proof = proof(case, &bounce)?;
    let opened = Opened::find(case.journey, case.organisation.org, proof.message()).await.ok()?;
    let about = opened.case(case.journey, case.now);
    let mut changes = Changes::default();
    for (recipient, outcome) in outcomes(&about, &proof, &bounce.recipients) {
        changes.event(Event::DsnReceived {
            recipient,
            action: outcome.action.word().to_owned(),
            status: outcome.status,
            class: outcome.class().word().to_owned(),
            because: outcome.diagnostic.clone().unwrap_or_default(),
            by: bounce.reporter.clone().unwrap_or_default(),
            dsn: case.message,
            proof: proof.word().to_owned(),
        });
    }
    if changes.record.events.is_empty() {
        return None;
    }
    let what = format!("dsn\n{}\n{}", case.message, about.message);
    let (mark, until) = (case.organisation.vault.once_hash(what.as_bytes()), later(case.now, ONCE_IN));
    changes.writes.push(Write::Once { mark, value: Vec::new(), now: case.now, until });
    Some(about.transition(changes))
}

fn proof(case: &Case<'_>, bounce: &Bounce) -> Option<Proof> {
    let own = case.organisation.vault.as_ref();
    let read = |token: &str| return_path::read(std::iter::once(own), token);
    let came_to = case.manifest.envelope.recipients.iter().find_map(|to| read(to.address.local()));
    let envelope_id = || bounce.envelope_id.as_deref().and_then(read).map(Proof::EnvelopeId);
    let passed = || Passed::all(&[own], &bounce.returned).into_iter().next().map(|(passed, _)| Proof::Passage(passed));
    came_to.map(Proof::ReturnPath).or_else(envelope_id).or_else(passed)
}

/// The outcomes of a bounce, one a recipient: whoever may write one bounce
/// would else fill a timeline with it. Where it says several things of one
/// recipient (copies of a list, or a forger), a failure outweighs the rest, for
/// that is what nobody may miss; else the first one counts.
fn outcomes<'b>(about: &Case<'_>, proof: &Proof, all: &'b [Outcome]) -> Vec<(Address, &'b Outcome)> {
    let mut found: Vec<(Address, &Outcome)> = Vec::new();
    for outcome in all.iter().take(RECIPIENTS_MAX) {
        let Some(recipient) = recipient(about, proof, outcome) else { continue };
        match found.iter_mut().find(|(known, _)| *known == recipient) {
            Some((_, known)) if outcome.action == Action::Failed && known.action != Action::Failed => *known = outcome,
            Some(_) => {}
            None => found.push((recipient, outcome)),
        }
    }
    found
}

/// The recipient of the message that an outcome is about: whom the token names,
/// or one of the envelope's whom the outcome names.
fn recipient(about: &Case<'_>, proof: &Proof, outcome: &Outcome) -> Option<Address> {
    let all = &about.manifest.envelope.recipients;
    if let Some(place) = proof.place() {
        return Some(all.get(usize::from(place))?.address.clone());
    }
    let names = [outcome.original.as_deref(), outcome.recipient.as_deref()];
    let is_named =
        |address: &Address| names.iter().flatten().any(|name| name.eq_ignore_ascii_case(&address.to_string()));
    let vault = about.organisation.vault.as_ref();
    let found = all.iter().map(|recipient| &recipient.address).find(|address| is_named(address));
    found.filter(|address| proof.covers(vault, address)).cloned()
}

/// Who gets what comes to a return path: the sender of the message that it is
/// of, or nobody where that is gone. None where `to` is no return path.
pub(crate) async fn sender_of(case: &Case<'_>, to: &Address) -> Option<Option<Address>> {
    let returned = return_path::read(std::iter::once(case.organisation.vault.as_ref()), to.local())?;
    let opened = Opened::find(case.journey, case.organisation.org, returned.message).await;
    Some(opened.ok().and_then(|opened| opened.manifest.envelope.sender.0.clone()))
}
