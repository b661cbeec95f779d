//! Holds: what policy keeps until a person decides. A person lets a message
//! go, or rejects it; where nobody does either for long enough, it expires.
//!
//! **Invariant**: a release never lowers the need. Held copies are judged again
//! by the policy that holds now, and all that it asks beside the hold is kept;
//! where it refuses, nobody can let the copy go.

use std::collections::HashSet;

use jiff::Timestamp;
use ledger::{Event, Status};
use mail::{Address, MessageId, Need, OrgId, Recipient};
use policy::{Action, Verdict};
use seal::Grounds;
use store::{MessageState, StoreError, Write};

use crate::case::{Case, Changes, later};
use crate::dsn::{self, Told};
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};
use crate::plan::send_released;
use crate::portal::Passphrase;
use crate::receipts::{Fact, receipt};
use crate::resume::{NotDecided, judge_stored};

/// Messages looked at in one step.
const BATCH: usize = 100;

/// A message that waits for a person.
#[derive(Clone, Debug)]
pub struct Held {
    /// The message.
    pub message: MessageId,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Who sent it; none for the empty reverse path.
    pub sender: Option<Address>,
    /// Whose copies wait, and by which rules.
    pub recipients: Vec<(Address, String)>,
}

/// Why a held message was not judged.
#[derive(Debug, thiserror::Error)]
pub enum NotJudged {
    /// It does not wait, or no longer.
    #[error("the message is not held")]
    NotHeld,
    /// Policy refuses every copy that waits now: of the first, these rules.
    #[error("policy refuses the copy for {recipient}: {rules}")]
    Refused {
        /// Whose copy.
        recipient: Address,
        /// The rules.
        rules: String,
    },
    /// The sender may not let it go: a rule holds it for staff.
    #[error("only staff may let this message go")]
    StaffOnly,
    /// It could not be opened or judged.
    #[error(transparent)]
    Message(#[from] NotDecided),
}

impl From<NotOpened> for NotJudged {
    fn from(why: NotOpened) -> Self {
        NotJudged::Message(why.into())
    }
}

impl From<StoreError> for NotJudged {
    fn from(why: StoreError) -> Self {
        match why {
            // Somebody else was first.
            StoreError::Conflict => NotJudged::NotHeld,
            why => NotJudged::Message(why.into()),
        }
    }
}

/// A copy that is not let go with the others: policy refuses it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stays {
    /// Whose copy.
    pub recipient: Address,
    /// The rules that refuse it.
    pub rules: String,
}

/// Who judges a held message.
#[derive(Clone, Copy, Debug)]
pub enum Judge<'a> {
    /// Staff, by a name for the ledger.
    Staff(&'a str),
    /// The message's sender, who has proved the mailbox.
    Sender(&'a str),
}

impl Judge<'_> {
    fn name(&self) -> &str {
        match self {
            Judge::Staff(name) | Judge::Sender(name) => name,
        }
    }
}

/// The messages of an organisation that wait for a person, oldest first.
pub async fn held(journey: &Journey, org: OrgId, limit: usize) -> Result<Vec<Held>, NotJudged> {
    let mut found = Vec::new();
    for message in journey.store.held(org, limit).await? {
        match look(journey, org, message).await {
            Ok(one) => found.push(one),
            // Judged or erased between the two looks.
            Err(NotJudged::NotHeld | NotJudged::Message(NotDecided::Message(NotOpened::Erased))) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// A held message of that id.
pub(crate) async fn look(journey: &Journey, org: OrgId, message: MessageId) -> Result<Held, NotJudged> {
    let waiting = Waiting::find(journey, org, message).await?;
    let recipients = waiting.recipients().map(|(recipient, rules)| (recipient.address.clone(), rules.to_owned()));
    Ok(Held {
        message,
        received_at: waiting.opened.row.received_at,
        expires_at: later(waiting.opened.row.received_at, journey.settings.hold_life),
        sender: waiting.opened.manifest.envelope.sender.0.clone(),
        recipients: recipients.collect(),
    })
}

/// Lets a held message go. The copies that policy refuses now stay, and hold up no other; where it refuses all
/// that wait, nothing goes.
pub async fn release(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    judge: Judge<'_>,
    reason: Option<&str>,
) -> Result<Vec<Stays>, NotJudged> {
    release_with(journey, org, message, (judge, reason), None, Changes::default()).await
}

/// The same, with a passphrase that its copies in the portal ask for, and with
/// what else changes in that transaction.
pub(crate) async fn release_with(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    (judge, reason): (Judge<'_>, Option<&str>),
    given: Option<Passphrase>,
    mut changes: Changes,
) -> Result<Vec<Stays>, NotJudged> {
    let mut waiting = Waiting::find(journey, org, message).await?;
    if given.is_some() {
        waiting.opened.manifest.passphrase = given;
    }
    let case = waiting.opened.case(journey, journey.clock.now());
    let prepared = judge_stored(&case, &waiting.opened.row).await?;
    let Release { goes: released, stays } = waiting.released(&case, &prepared.verdict, judge)?;
    if let (true, Some(Stays { recipient, rules })) = (released.is_empty(), stays.first().cloned()) {
        return Err(NotJudged::Refused { recipient, rules });
    }
    let state = if stays.is_empty() { MessageState::Decided } else { MessageState::Held };
    changes.writes.push(Write::Decided { message, from: MessageState::Held, state });
    for (recipient, _) in &released {
        changes.writes.push(once(&case, &recipient.address));
        changes.event(Event::Released {
            recipient: Some(recipient.address.clone()),
            by: judge.name().to_owned(),
            reason: reason.map(str::to_owned),
        });
    }
    send_released(&case, &prepared, &released, &mut changes);
    case.commit(changes).await?;
    journey.queued.notify_one();
    Ok(stays)
}

/// A message of which some copies stay is held as before, so its state alone
/// would not keep two who release it at once from sending a copy twice, nor one
/// who recalls it meanwhile from missing the copy that goes.
pub(crate) fn once(case: &Case<'_>, recipient: &Address) -> Write {
    let what = format!("release\n{}\n{recipient}", case.message);
    let until = later(case.now, case.journey.settings.hold_life);
    Write::Once { mark: case.organisation.vault.once_hash(what.as_bytes()), value: Vec::new(), now: case.now, until }
}

/// Ends a held message: its copies are never delivered, and its sender is told why.
pub async fn reject(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    by: &str,
    reason: &str,
) -> Result<(), NotJudged> {
    reject_with(journey, org, message, (Judge::Staff(by), reason), Changes::default()).await
}

/// The same, with what else changes in that transaction.
pub(crate) async fn reject_with(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    (judge, reason): (Judge<'_>, &str),
    changes: Changes,
) -> Result<(), NotJudged> {
    let waiting = Waiting::find(journey, org, message).await?;
    let case = waiting.opened.case(journey, journey.clock.now());
    if matches!(judge, Judge::Sender(_)) {
        // Nor does a sender end what only staff may judge.
        let prepared = judge_stored(&case, &waiting.opened.row).await?;
        match waiting.released(&case, &prepared.verdict, judge) {
            Ok(_) => {}
            Err(why) => return Err(why),
        }
    }
    let because = format!("A person of your organisation decided not to send it: {reason}");
    let event = |recipient: &Address| Event::Rejected {
        recipient: recipient.clone(),
        by: judge.name().to_owned(),
        reason: reason.to_owned(),
    };
    Ok(waiting.end(&case, dsn::REFUSED, (Status::Refused, &because), event, changes).await?)
}

/// Ends what nobody has judged for too long.
pub(crate) async fn expire_all(journey: &Journey) {
    for organisation in journey.organisations.iter() {
        if let Err(error) = expire(journey, organisation.org).await {
            tracing::error!(organisation = %organisation.profile.slug, %error, "held messages can't expire");
        }
    }
}

async fn expire(journey: &Journey, org: OrgId) -> Result<(), NotJudged> {
    for message in journey.store.held(org, BATCH).await? {
        match expire_one(journey, org, message).await {
            Ok(true) | Err(NotJudged::NotHeld) => {}
            // The oldest come first.
            Ok(false) => return Ok(()),
            Err(error) => tracing::error!(%message, %error, "a held message can't expire"),
        }
    }
    Ok(())
}

async fn expire_one(journey: &Journey, org: OrgId, message: MessageId) -> Result<bool, NotJudged> {
    let row = journey.store.message(org, message).await?.ok_or(NotJudged::NotHeld)?;
    let now = journey.clock.now();
    if now < later(row.received_at, journey.settings.hold_life) {
        return Ok(false);
    }
    let waiting = Waiting::find(journey, org, message).await?;
    let case = waiting.opened.case(journey, now);
    let because = "Nobody of your organisation decided about it for as long as it may wait.";
    let event = |recipient: &Address| Event::Expired {
        recipient: Some(recipient.clone()),
        because: "nobody judged the held message in time".to_owned(),
    };
    waiting.end(&case, dsn::EXPIRED, (Status::Expired, because), event, Changes::default()).await?;
    Ok(true)
}

/// Which of the copies that wait go when they are let go, with what each needs, and which stay.
struct Release<'w> {
    goes: Vec<(&'w Recipient, Grounds)>,
    stays: Vec<Stays>,
}

/// A held message, opened, with what its journal says of the hold.
struct Waiting {
    opened: Opened,
    held: Vec<(Address, String)>,
}

impl Waiting {
    async fn find(journey: &Journey, org: OrgId, message: MessageId) -> Result<Self, NotJudged> {
        let opened = Opened::find(journey, org, message).await?;
        if opened.row.state != MessageState::Held {
            return Err(NotJudged::NotHeld);
        }
        let case = opened.case(journey, journey.clock.now());
        let mut held = Vec::new();
        for row in journey.store.journal(org, message).await? {
            let events = case.record_of(&row).map(|record| record.events).unwrap_or_default();
            // What lacks a passphrase waits in the portal: no rule holds it, and nobody judges it.
            let lacking: HashSet<Address> = events
                .iter()
                .filter_map(|event| match event {
                    Event::PassphraseMissing { recipient, .. } => Some(recipient.clone()),
                    _ => None,
                })
                .collect();
            for event in events {
                match event {
                    Event::Held { recipient: Some(recipient), because } if !lacking.contains(&recipient) => {
                        held.push((recipient, because));
                    }
                    // The others were refused when it was let go.
                    Event::Released { recipient: Some(released), .. } => {
                        held.retain(|(recipient, _)| *recipient != released);
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { opened, held })
    }

    /// Whose copies wait, with the rules that hold them.
    fn recipients(&self) -> impl Iterator<Item = (&Recipient, &str)> {
        let mut seen = HashSet::new();
        self.opened.manifest.envelope.recipients.iter().filter_map(move |recipient| {
            let (_, rules) = self.held.iter().find(|(address, _)| *address == recipient.address)?;
            seen.insert(&recipient.address).then_some((recipient, rules.as_str()))
        })
    }

    /// What each held copy needs now that it is let go, and which copies policy refuses now.
    fn released(&self, case: &Case<'_>, verdict: &Verdict, judge: Judge<'_>) -> Result<Release<'_>, NotJudged> {
        let (mut released, mut stays) = (Vec::new(), Vec::new());
        for (recipient, _) in self.recipients() {
            let decision = verdict.recipients.iter().find(|(address, _)| *address == recipient.address);
            let Some((_, decision)) = decision else { continue };
            let mut because: Vec<String> = decision.because.iter().map(ToString::to_string).collect();
            let need = match (decision.action, decision.released) {
                (Action::Deliver { needs }, _) => needs,
                (Action::Refuse, _) => {
                    stays.push(Stays { recipient: recipient.address.clone(), rules: because.join(", ") });
                    continue;
                }
                (Action::Hold, Some(released)) if matches!(judge, Judge::Sender(_)) && !released.by_sender => {
                    return Err(NotJudged::StaffOnly);
                }
                (Action::Hold, released) => released.map_or(Need::Portal, |released| released.needs),
            };
            because.push(format!("released by {}", judge.name()));
            released.push((recipient, Grounds { need, because, policy_sha256: case.organisation.policy_hash }));
        }
        Ok(Release { goes: released, stays })
    }

    /// Ends the copies that wait: an event and a receipt for each, and a word to the sender.
    async fn end(
        &self,
        case: &Case<'_>,
        status: mail::EnhancedCode,
        (receipt_status, because): (Status, &str),
        event: impl Fn(&Address) -> Event,
        mut changes: Changes,
    ) -> Result<(), StoreError> {
        changes.writes.push(Write::Decided {
            message: case.message,
            from: MessageState::Held,
            state: MessageState::Decided,
        });
        let mut told = Vec::new();
        for (recipient, rules) in self.recipients() {
            changes.event(event(&recipient.address));
            let policy_sha256 = case.organisation.policy_hash;
            let grounds = Grounds { need: Need::Portal, because: vec![rules.to_owned()], policy_sha256 };
            let fact = Fact::stopped(&grounds, ledger::Verdict::Hold, receipt_status);
            changes.record.receipts.push(receipt(case, &recipient.address, &fact));
            told.push(Told { recipient: recipient.clone(), status, because: because.to_owned(), remote: None });
        }
        // Whoever wrote from outside is not told what policy holds.
        if !case.manifest.is_inbound() {
            case.tell(dsn::Action::Failed, &told, &mut changes);
        }
        case.commit(changes).await?;
        case.journey.queued.notify_one();
        Ok(())
    }
}
