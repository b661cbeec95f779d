//! Seal: from what policy decided to the parcels that will be sent.

use ledger::{Digest, Event, Status};
use mail::{Address, Domain, KeyFormat, Method, Need, Recipient};
use policy::{Action, Decision, Verdict};
use seal::{Capabilities, Choice, Edits, Grounds, Parcel, Preferences};
use store::MessageState;

use crate::case::{Case, Changes};
use crate::dsn::{self, Told};
use crate::judge::edits;
use crate::receipts::{Fact, receipt};

/// The most recipients of one parcel (RFC 5321 §4.5.3.1.8 lets a server stop
/// at a hundred).
const RECIPIENTS_MAX: usize = 100;

/// Where the message stands once a plan is carried out, or why it is not taken.
pub(crate) enum Planned {
    /// It goes its way.
    Goes(MessageState),
    /// Policy refuses it for every recipient: these rules.
    RefusedForAll(String),
}

/// Carries out what policy decided: parcels, portal links and words to the
/// sender are added to `changes`.
pub(crate) fn plan(case: &Case<'_>, verdict: &Verdict, changes: &mut Changes) -> Planned {
    let mut sorted = Sorted::default();
    for ((address, decision), recipient) in verdict.recipients.iter().zip(&case.manifest.envelope.recipients) {
        changes.event(decided(case, address, decision));
        sorted.add(recipient, decision, case.organisation.policy_hash);
    }
    if sorted.refused.len() == case.manifest.envelope.recipients.len() {
        return Planned::RefusedForAll(sorted.refused_rules());
    }
    let edits = edits(verdict);
    sorted.send(case, &edits, changes);
    sorted.stop(case, changes);
    Planned::Goes(if sorted.held.is_empty() { MessageState::Decided } else { MessageState::Held })
}

/// Carries out that a person let held copies go: each under all that is asked
/// of it beside the hold.
pub(crate) fn send_released(
    case: &Case<'_>,
    verdict: &Verdict,
    released: &[(&Recipient, Grounds)],
    changes: &mut Changes,
) {
    let mut sorted = Sorted::default();
    for (recipient, grounds) in released {
        sorted.deliver(recipient, grounds.clone());
    }
    sorted.send(case, &edits(verdict), changes);
}

/// Recipients by what becomes of their copies.
#[derive(Default)]
struct Sorted<'a> {
    transit: Vec<(Domain, Grounds, Vec<&'a Recipient>)>,
    portal: Vec<(&'a Recipient, Grounds)>,
    held: Vec<(&'a Recipient, Vec<String>)>,
    refused: Vec<(&'a Recipient, Vec<String>)>,
}

impl<'a> Sorted<'a> {
    fn add(&mut self, recipient: &'a Recipient, decision: &Decision, policy_sha256: [u8; 32]) {
        let because = rules(decision);
        match decision.action {
            Action::Deliver { needs } => self.deliver(recipient, Grounds { need: needs, because, policy_sha256 }),
            Action::Hold => self.held.push((recipient, because)),
            Action::Refuse => self.refused.push((recipient, because)),
        }
    }

    fn deliver(&mut self, recipient: &'a Recipient, grounds: Grounds) {
        match choose(grounds.need).method {
            Method::Tls => self.add_transit(recipient, grounds),
            // What can't be sealed end to end yet is always safe in the portal.
            Method::Portal | Method::OpenPgp | Method::Smime => self.portal.push((recipient, grounds)),
        }
    }

    fn add_transit(&mut self, recipient: &'a Recipient, grounds: Grounds) {
        let domain = recipient.address.domain();
        let open = self
            .transit
            .iter_mut()
            .find(|(known, alike, list)| known == domain && *alike == grounds && list.len() < RECIPIENTS_MAX);
        match open {
            Some((_, _, list)) => list.push(recipient),
            None => self.transit.push((domain.clone(), grounds, vec![recipient])),
        }
    }

    fn send(&self, case: &Case<'_>, edits: &Edits, changes: &mut Changes) {
        for (_, grounds, recipients) in &self.transit {
            let list = recipients.iter().map(|recipient| (*recipient).clone()).collect();
            let digest = case.manifest.body_sha256;
            let parcel = Parcel::original(case.stamp(), list, grounds.clone(), digest, edits.clone())
                .expect("only needs that transit can meet are sorted here");
            let because = choose(grounds.need).because;
            for recipient in recipients {
                changes.event(Case::sealed_event(recipient, Method::Tls, because));
            }
            case.queue(&parcel, changes);
        }
        for (recipient, grounds) in &self.portal {
            let because = choose(grounds.need).because;
            changes.event(Case::sealed_event(recipient, Method::Portal, because));
            case.put_into_portal(recipient, grounds, changes);
        }
    }

    /// Held and refused copies are told to the sender, and have receipts too.
    fn stop(&self, case: &Case<'_>, changes: &mut Changes) {
        for (recipient, because) in &self.held {
            let (address, because) = (Some(recipient.address.clone()), because.join(", "));
            changes.event(Event::Held { recipient: address, because });
        }
        for (recipient, because) in &self.refused {
            let (address, because) = (Some(recipient.address.clone()), because.join(", "));
            changes.event(Event::Refused { recipient: address, because });
        }
        let held = self.held.iter().map(|stopped| (stopped, ledger::Verdict::Hold, Status::Held));
        let refused = self.refused.iter().map(|stopped| (stopped, ledger::Verdict::Refuse, Status::Refused));
        for ((recipient, because), decision, status) in held.chain(refused) {
            let policy_sha256 = case.organisation.policy_hash;
            // Nothing is sent, so nothing is needed; the receipt says so.
            let grounds = Grounds { need: Need::Portal, because: because.clone(), policy_sha256 };
            let fact = Fact::stopped(&grounds, decision, status);
            changes.record.receipts.push(receipt(case, &recipient.address, &fact));
        }
        case.tell(dsn::Action::Held, &told(&self.held, dsn::HELD), changes);
        case.tell(dsn::Action::Failed, &told(&self.refused, dsn::REFUSED), changes);
    }

    fn refused_rules(&self) -> String {
        let mut rules: Vec<&str> = self.refused.iter().flat_map(|(_, because)| because).map(String::as_str).collect();
        rules.sort_unstable();
        rules.dedup();
        rules.join(", ")
    }
}

fn told(stopped: &[(&Recipient, Vec<String>)], status: mail::EnhancedCode) -> Vec<Told> {
    let one = |(recipient, because): &(&Recipient, Vec<String>)| Told {
        recipient: (*recipient).clone(),
        status,
        because: format!("The rules of your organisation: {}.", because.join(", ")),
        remote: None,
    };
    stopped.iter().map(one).collect()
}

fn decided(case: &Case<'_>, address: &Address, decision: &Decision) -> Event {
    let (verdict, needs) = match decision.action {
        Action::Deliver { needs } => (ledger::Verdict::Deliver, Some(needs)),
        Action::Hold => (ledger::Verdict::Hold, None),
        Action::Refuse => (ledger::Verdict::Refuse, None),
    };
    Event::Decided {
        recipient: address.clone(),
        decision: verdict,
        needs,
        because: rules(decision),
        policy: Digest(case.organisation.policy_hash),
    }
}

fn rules(decision: &Decision) -> Vec<String> {
    decision.because.iter().map(ToString::to_string).collect()
}

fn choose(need: Need) -> Choice {
    let preferences = Preferences { format: KeyFormat::Smime, keys_where_transit_would_do: true };
    seal::choose(need, Capabilities::default(), preferences)
}
