//! Seal: from what policy decided to the parcels that will be sent.

use ledger::{Digest, Event, KeyNamed, Status};
use mail::{Address, Domain, KeyFormat, Method, Need, Recipient};
use policy::{Action, Decision};
use seal::{Edits, Grounds, Parcel, ParcelKey};
use store::MessageState;

use crate::case::{Case, Changes};
use crate::dsn::{self, Told};
use crate::inbound;
use crate::portal::Language;
use crate::prepared::{Chosen, Prepared};
use crate::receipts::{Fact, receipt};
use crate::suppression::Stopped;
use crate::unsubscribe;

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
pub(crate) fn plan(case: &Case<'_>, prepared: &Prepared, changes: &mut Changes) -> Planned {
    if case.manifest.is_inbound() {
        return inbound::plan(case, prepared, changes);
    }
    if case.manifest.tls_required_no {
        changes.event(tls_required_no(case));
    }
    let mut sorted = Sorted::default();
    let recipients = &case.manifest.envelope.recipients;
    for ((address, decision), recipient) in prepared.verdict.recipients.iter().zip(recipients) {
        changes.event(decided(case, address, decision));
        sorted.add(case, prepared, recipient, decision);
    }
    if sorted.refused.len() == recipients.len() {
        return Planned::RefusedForAll(sorted.refused_rules());
    }
    sorted.send(case, prepared, changes);
    sorted.stop(case, may_be_judged_by_sender(prepared), changes);
    Planned::Goes(if sorted.held.is_empty() { MessageState::Decided } else { MessageState::Held })
}

/// What `TLS-Required: No` is worth here, for the timeline.
fn tls_required_no(case: &Case<'_>) -> Event {
    let because = match case.waives_tls() {
        true => "DANE and MTA-STS of the recipients' domains are not insisted on; what policy needs is",
        false if case.manifest.envelope.requiretls => "REQUIRETLS was asked for, which has precedence",
        false => "policy.tls.required_no is off",
    };
    Event::TlsRequiredNo { heeded: case.waives_tls(), because: because.to_owned() }
}

/// Carries out that a person let held copies go: each under all that is asked
/// of it beside the hold.
pub(crate) fn send_released(
    case: &Case<'_>,
    prepared: &Prepared,
    released: &[(&Recipient, Grounds)],
    changes: &mut Changes,
) {
    if case.manifest.is_inbound() {
        return inbound::pass_on(case, prepared, released, changes);
    }
    let mut sorted = Sorted::default();
    for (recipient, grounds) in released {
        sorted.deliver(case, prepared, recipient, grounds.clone());
    }
    sorted.send(case, prepared, changes);
}

/// Recipients by what becomes of their copies.
#[derive(Default)]
struct Sorted<'a> {
    transit: Vec<Group<'a>>,
    sealed: Vec<Group<'a>>,
    portal: Vec<(&'a Recipient, Grounds, String)>,
    suppressed: Vec<(&'a Recipient, Grounds, &'a Stopped)>,
    held: Vec<(&'a Recipient, Vec<String>)>,
    refused: Vec<(&'a Recipient, Vec<String>)>,
}

/// Recipients of one domain whose copies are alike.
struct Group<'a> {
    domain: Domain,
    grounds: Grounds,
    /// How they are sealed end to end.
    sealing: Option<Sealing>,
    /// Whether nobody else may share the copy.
    is_alone: bool,
    members: Vec<Member<'a>>,
}

/// How a copy is sealed: in which format, and how its content is protected for
/// each of those who share it. One who reads less must not take that from others.
#[derive(PartialEq, Eq)]
struct Sealing {
    format: KeyFormat,
    content: String,
}

struct Member<'a> {
    recipient: &'a Recipient,
    because: String,
    key: Option<ParcelKey>,
}

/// What was added to why a method was chosen, where a copy leads to the portal.
const LEADS: &str = "; it leads to the portal for replies";
/// The same, where a copy is shorter than the message.
const IS_CUT: &str = "; the text that it quotes of earlier messages is left out";

impl<'a> Sorted<'a> {
    fn add(&mut self, case: &Case<'_>, prepared: &'a Prepared, recipient: &'a Recipient, decision: &Decision) {
        let because = rules(decision);
        match decision.action {
            Action::Deliver { needs } => {
                let grounds = Grounds { need: needs, because, policy_sha256: case.organisation.policy_hash };
                self.deliver(case, prepared, recipient, grounds);
            }
            Action::Hold => self.held.push((recipient, because)),
            Action::Refuse => self.refused.push((recipient, because)),
        }
    }

    fn deliver(&mut self, case: &Case<'_>, prepared: &'a Prepared, recipient: &'a Recipient, grounds: Grounds) {
        if let Some(stopped) = prepared.suppressed.iter().find(|stopped| stopped.recipient == recipient.address) {
            return self.suppressed.push((recipient, grounds, stopped));
        }
        let Chosen { method, because, key, content } = prepared.choose(case, recipient, &grounds);
        let leads = leads(case, matches!(method, Method::OpenPgp | Method::Smime));
        let is_copy = method != Method::Portal;
        let because = if leads && is_copy { because + LEADS } else { because };
        let because = if prepared.is_cut && is_copy { because + IS_CUT } else { because };
        match (method, key) {
            (Method::Tls, _) => {
                let member = Member { recipient, because, key: None };
                gather(&mut self.transit, grounds, None, leads || unsubscribe::is_offered(case), member);
            }
            (Method::OpenPgp | Method::Smime, Some((format, key))) => {
                // A link is its reader's own.
                let is_alone = leads || unsubscribe::is_offered(case) || prepared.keys.is_hidden(&recipient.address);
                let member = Member { recipient, because, key: Some(key) };
                gather(&mut self.sealed, grounds, Some(Sealing { format, content }), is_alone, member);
            }
            // Without a key there is always the portal.
            (Method::Portal | Method::OpenPgp | Method::Smime, _) => self.portal.push((recipient, grounds, because)),
        }
    }

    fn send(&self, case: &Case<'_>, prepared: &Prepared, changes: &mut Changes) {
        for group in &self.transit {
            let list = group.members.iter().map(|member| member.recipient.clone()).collect();
            let digest = prepared.copy.body_sha256;
            let edits = Edits { banner: group.line(case, changes), ..prepared.edits.clone() };
            let parcel = Parcel::original(case.stamp(), list, group.grounds.clone(), digest, edits)
                .expect("only needs that transit can meet are sorted here");
            for member in &group.members {
                changes.event(Case::sealed_event(member.recipient, Method::Tls, &member.because));
            }
            case.queue(&parcel, changes);
        }
        for group in &self.sealed {
            group.seal(case, prepared, changes);
        }
        for (recipient, grounds, because) in &self.portal {
            changes.event(Case::sealed_event(recipient, Method::Portal, because));
            case.put_into_portal(recipient, grounds, None, changes);
        }
        case.stop_suppressed(self.suppressed.iter().map(|(to, grounds, stopped)| (*to, grounds, *stopped)), changes);
    }

    /// Held and refused copies are told to the sender, and have receipts too.
    fn stop(&self, case: &Case<'_>, by_sender: bool, changes: &mut Changes) {
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
        let page = if by_sender { case.ask_sender(changes) } else { None };
        let held = told(&self.held, dsn::HELD, |rules| dsn::by_rules(case.house_language(), rules));
        case.tell_with(dsn::Action::Held, &held, page.as_deref(), changes);
        let refused = told(&self.refused, dsn::REFUSED, |rules| dsn::by_rules(Language::En, rules));
        case.tell(dsn::Action::Failed, &refused, changes);
    }

    fn refused_rules(&self) -> String {
        let mut rules: Vec<&str> = self.refused.iter().flat_map(|(_, because)| because).map(String::as_str).collect();
        rules.sort_unstable();
        rules.dedup();
        rules.join(", ")
    }
}

/// Whether something is held, and each rule that holds lets the sender decide.
fn may_be_judged_by_sender(prepared: &Prepared) -> bool {
    let decisions = prepared.verdict.recipients.iter().map(|(_, decision)| decision);
    let mut held = decisions.filter(|decision| decision.action == Action::Hold).peekable();
    held.peek().is_some() && held.all(|decision| decision.released.is_some_and(|released| released.by_sender))
}

/// Puts a recipient to others of its domain whose copies are alike.
fn gather<'a>(
    groups: &mut Vec<Group<'a>>,
    grounds: Grounds,
    sealing: Option<Sealing>,
    is_alone: bool,
    member: Member<'a>,
) {
    let domain = member.recipient.address.domain();
    let is_alike = |group: &&mut Group<'_>| {
        group.domain == *domain
            && group.grounds == grounds
            && group.sealing == sealing
            && !(group.is_alone || is_alone)
            && group.members.len() < RECIPIENTS_MAX
    };
    match groups.iter_mut().find(is_alike) {
        Some(group) => group.members.push(member),
        None => groups.push(Group { domain: domain.clone(), grounds, sealing, is_alone, members: vec![member] }),
    }
}

impl Group<'_> {
    /// The line that leads the one reader of a copy to the portal, if it does.
    fn line(&self, case: &Case<'_>, changes: &mut Changes) -> Option<String> {
        match self.members.as_slice() {
            [one] if leads(case, self.sealing.is_some()) => Some(case.reply_line(one.recipient, changes)),
            _ => None,
        }
    }

    /// Queues the copy that will be sealed for all of these.
    fn seal(&self, case: &Case<'_>, prepared: &Prepared, changes: &mut Changes) {
        let keyed = |member: &Member<'_>| Some((member.recipient.clone(), member.key.clone()?));
        let recipients = self.members.iter().filter_map(keyed).collect();
        let format = self.sealing.as_ref().expect("who is sealed for has a format").format;
        let crossing = case.organisation.policy.keys.crossing;
        let mut copy = prepared.copy.clone();
        copy.edits.banner = self.line(case, changes);
        if leads(case, false) {
            copy.open_edits.banner.clone_from(&copy.edits.banner);
        }
        let parcel = Parcel::end_to_end(case.stamp(), recipients, format, crossing, self.grounds.clone(), copy)
            .expect("only needs that this method meets are sorted here");
        for (member, key) in self.members.iter().zip(parcel.keys()) {
            let event = Case::sealed_event(member.recipient, format.method(), &member.because);
            changes.event(with_key(event, key, format));
        }
        case.queue(&parcel, changes);
    }
}

/// Whether a copy leads its reader to the portal's page for replies.
fn leads(case: &Case<'_>, is_sealed: bool) -> bool {
    case.organisation.profile.replies.is_some() && case.organisation.policy.replies.leads(is_sealed)
}

/// The same event with the key that the copy will be sealed to.
pub(crate) fn with_key(event: Event, key: &ParcelKey, format: KeyFormat) -> Event {
    match event {
        Event::Sealed { recipient, method, because, .. } => {
            let fingerprint = key.fingerprint.clone();
            let key = Some(KeyNamed { id: key.key, format, fingerprint, source: key.source });
            Event::Sealed { recipient, method, because, key }
        }
        other => other,
    }
}

fn told(
    stopped: &[(&Recipient, Vec<String>)],
    status: mail::EnhancedCode,
    because: impl Fn(&[String]) -> String,
) -> Vec<Told> {
    let one = |(recipient, rules): &(&Recipient, Vec<String>)| Told {
        recipient: (*recipient).clone(),
        status,
        because: because(rules),
        remote: None,
    };
    stopped.iter().map(one).collect()
}

pub(crate) fn decided(case: &Case<'_>, address: &Address, decision: &Decision) -> Event {
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

pub(crate) fn rules(decision: &Decision) -> Vec<String> {
    decision.because.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many copies there are for recipients with keys whose content is protected so.
    fn copies(recipients: &[(&str, KeyFormat, &str)]) -> usize {
        let all: Vec<(Recipient, Sealing)> = recipients
            .iter()
            .map(|(address, format, content)| {
                let recipient = Recipient::new(Address::parse(address).unwrap());
                (recipient, Sealing { format: *format, content: (*content).to_owned() })
            })
            .collect();
        let grounds = Grounds { need: Need::EndToEnd, because: Vec::new(), policy_sha256: [0; 32] };
        let mut groups = Vec::new();
        for (recipient, Sealing { format, content }) in &all {
            let member = Member { recipient, because: String::new(), key: None };
            let sealing = Sealing { format: *format, content: content.clone() };
            gather(&mut groups, grounds.clone(), Some(sealing), false, member);
        }
        groups.len()
    }

    #[test]
    fn who_reads_less_takes_nothing_from_others_of_the_domain() {
        use KeyFormat::{OpenPgp, Smime};
        let (gcm, cbc) = ("AES-256-GCM", "AES-256-CBC");
        assert_eq!(copies(&[("a@x.example", Smime, gcm), ("b@x.example", Smime, gcm)]), 1);
        assert_eq!(copies(&[("a@x.example", Smime, gcm), ("b@x.example", Smime, cbc), ("c@x.example", Smime, gcm)]), 2);
        assert_eq!(copies(&[("a@x.example", OpenPgp, "SEIPDv2"), ("b@x.example", OpenPgp, "SEIPDv1")]), 2);
        assert_eq!(copies(&[("a@x.example", Smime, gcm), ("b@y.example", Smime, gcm)]), 2);
    }
}
