//! Inbound mail: what is kept of it, and what becomes of it once policy has
//! judged it.
//!
//! The stored original is what came, byte for byte, so that signatures over it
//! stay verifiable; what this server adds stands in the manifest and in the
//! parcels, and is written above it on the way to the next hop.
//!
//! **Invariants**: an inbound copy goes to the next hop that the configuration
//! names, over verified TLS, and never to the portal; nobody is told of a
//! failure whose address is not shown to be the sender's own, since a forged
//! sender would get the bounce (backscatter).

use ledger::Event;
use mail::envelope::Notify;
use mail::header::{self, Field};
use mail::{Domain, Method, Need, Recipient};
use policy::Action;
use provenance::CheckResult;
use seal::{ArcSet, Chain, DkimKey, Edits, Grounds, Kind, Marks, Parcel};
use store::MessageState;

use crate::arrival::{self, Arrival, HEADER_BYTES_MAX, HeaderRefused, Instructions};
use crate::case::{Case, Changes};
use crate::crossing::{fields_above, is_return_path_proven};
use crate::gateway::RecipientDomain;
use crate::manifest::Crossed;
use crate::org_keys::Proven;
use crate::plan::{Planned, decided, rules};
use crate::prepared::Prepared;
use crate::unsubscribe;

/// The most recipients of one parcel (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

/// Reads a stranger's header block; it is stored as it is.
pub(crate) fn read(raw: &[u8]) -> Result<Arrival, HeaderRefused> {
    if raw.len() > HEADER_BYTES_MAX {
        return Err(HeaderRefused::TooLarge);
    }
    let fields: Vec<Field<'_>> = header::fields(raw).collect();
    arrival::refuse_ambiguous(&fields)?;
    let mut stored = raw.to_vec();
    if !raw.is_empty() && !raw.ends_with(b"\r\n") {
        stored.extend_from_slice(b"\r\n");
    }
    Ok(Arrival {
        header: stored,
        instructions: Instructions::default(),
        passphrase: None,
        from: arrival::authors(raw)?,
        subject: fields.iter().find(|field| field.is("Subject")).map(arrival::decoded).unwrap_or_default(),
        message_id: header::first(raw, "Message-ID"),
        // Whoever sent it from outside claims no address of a credential.
        senders: Some(Vec::new()),
        // A stranger has no say in how mail reaches an own mail system.
        tls_required_no: false,
    })
}

/// The stored original as it goes on: what a stranger may not write is out of it.
pub(crate) fn view(case: &Case<'_>, stored: &[u8]) -> Vec<u8> {
    edits(case, None).apply(stored)
}

/// What changes in every copy of an inbound message.
pub(crate) fn edits(case: &Case<'_>, proven: Option<&Proven>) -> Edits {
    let proven = proven.map(Proven::field).unwrap_or_default();
    let above = match &case.manifest.crossed {
        Some(Crossed::Inbound { received, verdicts, pretends }) => {
            fields_above(&case.journey.settings.hostname, received, verdicts, pretends)
        }
        Some(Crossed::Outbound { .. } | Crossed::Replied { .. }) | None => String::new(),
    };
    let sending = case.organisation.profile.domains.iter();
    let gateway = case.journey.gateway.get();
    let is_own = |one: &&RecipientDomain| one.org == case.organisation.org;
    let receiving = gateway.iter().flat_map(|gateway| gateway.recipient_domains.iter().filter(is_own));
    let domains = sending.chain(receiving.map(|one| &one.domain)).map(ToString::to_string);
    let own_names = std::iter::once(case.journey.settings.hostname.clone()).chain(domains).collect();
    Edits { marks: Some(Marks { above: proven + above.as_str(), own_names }), ..Edits::default() }
}

/// The value of Authentication-Results of an inbound message; empty for others.
pub(crate) fn results(case: &Case<'_>) -> String {
    match &case.manifest.crossed {
        Some(Crossed::Inbound { verdicts, .. }) => {
            provenance::results::value(&case.journey.settings.hostname, verdicts)
        }
        Some(Crossed::Outbound { .. } | Crossed::Replied { .. }) | None => String::new(),
    }
}

/// How an inbound copy is sealed (RFC 8617): with the key of the recipient's
/// domain, or the first that the organisation has. A chain that was given up,
/// or that could not be judged, is not sealed again.
pub(crate) fn arc<'c>(case: &Case<'c>, parcel: &Parcel, results: &'c str) -> Option<(&'c DkimKey, ArcSet<'c>)> {
    let Some(Crossed::Inbound { verdicts, .. }) = &case.manifest.crossed else { return None };
    let chain = match verdicts.arc.result {
        CheckResult::None => Chain::None,
        CheckResult::Pass => Chain::Pass,
        CheckResult::Fail if !verdicts.arc.is_given_up => Chain::Fail,
        CheckResult::Fail | CheckResult::Temperror | CheckResult::Permerror => return None,
        CheckResult::Policy | CheckResult::Neutral => return None,
    };
    let organisation = case.organisation;
    let recipient = parcel.recipients().first().filter(|_| parcel.kind() == Kind::Content)?;
    let first = || organisation.profile.domains.iter().find_map(|domain| organisation.dkim.get(domain));
    let key = organisation.dkim_for(recipient.address.domain()).or_else(first)?;
    Some((key, ArcSet { instance: verdicts.arc.sets + 1, chain, results }))
}

/// Carries out what policy decided about an inbound message.
pub(crate) fn plan(case: &Case<'_>, prepared: &Prepared, changes: &mut Changes) -> Planned {
    let policy_sha256 = case.organisation.policy_hash;
    let (mut passed, mut held, mut refused) = (Vec::new(), false, Vec::new());
    for ((address, decision), recipient) in prepared.verdict.recipients.iter().zip(&case.manifest.envelope.recipients) {
        changes.event(decided(case, address, decision));
        let because = rules(decision);
        let recipient_of = || Some(recipient.address.clone());
        match decision.action {
            Action::Deliver { needs } => passed.push((recipient, Grounds { need: needs, because, policy_sha256 })),
            Action::Hold => {
                held = true;
                changes.event(Event::Held { recipient: recipient_of(), because: because.join(", ") });
            }
            Action::Refuse => {
                changes.event(Event::Refused { recipient: recipient_of(), because: because.join(", ") });
                refused.push(because.join(", "));
            }
        }
    }
    if refused.len() == case.manifest.envelope.recipients.len() {
        refused.dedup();
        return Planned::RefusedForAll(refused.join(", "));
    }
    pass_on(case, prepared, &passed, changes);
    Planned::Goes(if held { MessageState::Held } else { MessageState::Decided })
}

/// Queues copies for the next hops of their domains.
pub(crate) fn pass_on(case: &Case<'_>, prepared: &Prepared, copies: &[(&Recipient, Grounds)], changes: &mut Changes) {
    let mut groups: Vec<Group> = Vec::new();
    for (recipient, grounds) in copies {
        changes.event(Case::sealed_event(recipient, Method::Tls, "it goes to the next hop of its domain"));
        let grounds = Grounds { need: transit(grounds.need), ..grounds.clone() };
        let banner = banner(prepared, recipient);
        if unsubscribe::is_at(case, &recipient.address) {
            let because = "it unsubscribes whoever that address was given to, and nobody reads it".to_owned();
            changes.event(Event::Refused { recipient: Some(recipient.address.clone()), because });
            continue;
        }
        match prepared.redirects.iter().find(|(to, _)| *to == recipient.address) {
            None => group(&mut groups, told(case, recipient), grounds, banner),
            Some((_, Some(sender))) => {
                let recipient = Recipient { address: sender.clone(), notify: Notify::NEVER, orcpt: None };
                group(&mut groups, recipient, grounds, banner);
            }
            Some((to, None)) => changes.event(Event::Refused {
                recipient: Some(to.clone()),
                because: "the message that it is about is gone, and nobody is left to get it".to_owned(),
            }),
        }
    }
    for Group { grounds, banner, recipients, .. } in groups {
        let (digest, edits) = (prepared.copy.body_sha256, Edits { banner, ..prepared.edits.clone() });
        let parcel = Parcel::original(case.stamp(), recipients, grounds, digest, edits)
            .expect("an inbound copy needs what transit can meet");
        case.queue(&parcel, changes);
    }
}

/// The recipient of a copy; nobody is told of its failure, neither by this
/// server nor by the next hop, unless the sender's address is proven.
fn told(case: &Case<'_>, recipient: &Recipient) -> Recipient {
    match &case.manifest.crossed {
        Some(Crossed::Inbound { verdicts, .. }) if is_return_path_proven(verdicts) => recipient.clone(),
        // A reply has a sender of the organisation's own.
        Some(Crossed::Replied { .. }) => recipient.clone(),
        _ => Recipient { notify: Notify::NEVER, ..recipient.clone() },
    }
}

/// An own recipient has no portal: whatever policy asks for, the copy goes to
/// the organisation's own mail system, and always over verified TLS.
fn transit(needs: Need) -> Need {
    match needs {
        Need::Anchored => Need::Anchored,
        Need::None | Need::Encrypted | Need::Verified => Need::Verified,
        Need::EndToEnd | Need::OpenPgp | Need::Smime | Need::Portal => Need::Verified,
    }
}

/// What policy shows above this recipient's copy.
fn banner(prepared: &Prepared, recipient: &Recipient) -> Option<String> {
    let mut decisions = prepared.verdict.recipients.iter();
    let (_, decision) = decisions.find(|(address, _)| *address == recipient.address)?;
    (!decision.banners.is_empty()).then(|| decision.banners.join("\n"))
}

/// Recipients of one domain whose copies are alike.
struct Group {
    domain: Domain,
    grounds: Grounds,
    banner: Option<String>,
    recipients: Vec<Recipient>,
}

fn group(groups: &mut Vec<Group>, recipient: Recipient, grounds: Grounds, banner: Option<String>) {
    let domain = recipient.address.domain();
    let is_open = |group: &&mut Group| {
        group.domain == *domain
            && group.grounds == grounds
            && group.banner == banner
            && group.recipients.len() < RECIPIENTS_MAX
    };
    match groups.iter_mut().find(is_open) {
        Some(group) => group.recipients.push(recipient),
        None => groups.push(Group { domain: domain.clone(), grounds, banner, recipients: vec![recipient] }),
    }
}
