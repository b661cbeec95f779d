//! Resume: what was accepted and not yet decided is decided, whether it was
//! too large to be judged at once, a key is looked for, or a crash came between.
//! Some of each organisation are in a round, urgent ones before others, and
//! large ones after them: what finds no memory holds nobody up and comes again.

use std::sync::Arc;
use std::time::Duration;

use identity::{Action, Forbidden, Principal, Resource, authorize};
use mail::{MessageId, OrgId, Priority};
use store::{MessageRow, MessageState, StoreError, Write};
use tokio::sync::watch;
use vault::VaultError;

use crate::bounces;
use crate::case::{Case, Changes};
use crate::dsn::{self, Told};
use crate::holds;
use crate::journey::Journey;
use crate::judge;
use crate::keys::{self, Finder};
use crate::memory::{Lent, NoneSoon};
use crate::opened::{NotOpened, Opened};
use crate::org_keys;
use crate::plan::{Planned, plan};
use crate::prepared::Prepared;
use crate::unsubscribe;
use large::Large;

mod large;

/// How often it is looked for what nobody announced: another node may have died.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// So soon those are looked at again for which there was no memory.
const AGAIN: Duration = Duration::from_secs(1);
const BATCH: usize = 100;
/// Messages of an organisation in a round.
const TAKEN: usize = 16;

/// Why a message could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum NotDecided {
    /// It is not this process's to decide.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It does not open.
    #[error(transparent)]
    Message(#[from] NotOpened),
    /// Its body does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store did not give it, or did not take what was decided.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A message that waits to be decided.
#[derive(Clone, Copy)]
struct Undecided {
    org: OrgId,
    message: MessageId,
    /// What its body takes in the store.
    bytes: u64,
    /// Whether somebody waits for it in front of a screen.
    is_urgent: bool,
}

/// How far a round has come with an organisation.
struct Turn {
    org: OrgId,
    after: Option<MessageId>,
    is_over: bool,
}

/// Decides what was accepted undecided, until `stop` holds true. Where keys
/// are looked for first, `finder` does it.
pub async fn run(journey: Arc<Journey>, finder: Option<Arc<Finder>>, stop: watch::Receiver<bool>) {
    let large = Large::default();
    let finder = finder.as_ref();
    tokio::join!(look(&journey, finder, &large, stop.clone()), large.run(&journey, finder, stop));
}

async fn look(journey: &Journey, finder: Option<&Arc<Finder>>, large: &Large, mut stop: watch::Receiver<bool>) {
    loop {
        let again = match decide_all(journey, finder, large, &stop).await {
            true => LOOK_EVERY,
            false => AGAIN,
        };
        holds::expire_all(journey).await;
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.undecided.notified() => {}
            () = tokio::time::sleep(again) => {}
        }
    }
}

/// Decides everything that can be decided now, some of each organisation in
/// turn: none waits for another's backlog. Gives whether there was room for all.
async fn decide_all(
    journey: &Journey,
    finder: Option<&Arc<Finder>>,
    large: &Large,
    stop: &watch::Receiver<bool>,
) -> bool {
    let turn = |org: OrgId| Turn { org, after: None, is_over: false };
    let mut turns: Vec<Turn> = journey.organisations.iter().map(|organisation| turn(organisation.org)).collect();
    let mut is_room = true;
    while !turns.is_empty() && !*stop.borrow() {
        let mut round = Vec::new();
        for turn in &mut turns {
            round.extend(turn.take(journey, finder).await.into_iter().enumerate());
        }
        turns.retain(|turn| !turn.is_over);
        round.sort_by_key(|(place, one)| (!one.is_urgent, *place));
        let (later, now): (Vec<_>, Vec<_>) =
            round.into_iter().map(|(_, one)| one).partition(|one| journey.memory.is_large(one.bytes));
        for one in now {
            match journey.memory.lend_soon(one.bytes).await {
                Ok(lent) => one.decide(journey, finder, lent).await,
                Err(NoneSoon) => is_room = false,
            }
        }
        later.into_iter().for_each(|one| large.offer(one));
    }
    is_room
}

impl Turn {
    /// The next ones of the organisation. Those that wait for a key hold up no
    /// other.
    async fn take(&mut self, journey: &Journey, finder: Option<&Arc<Finder>>) -> Vec<Undecided> {
        let listed = match journey.store.undecided(self.org, self.after, BATCH).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::error!(org = %self.org, %error, "what waits to be decided can't be listed");
                self.is_over = true;
                return Vec::new();
            }
        };
        let waits = |message: &MessageId| finder.is_some_and(|finder| finder.holds(*message));
        let next: Vec<MessageId> = listed.iter().copied().filter(|message| !waits(message)).take(TAKEN).collect();
        let is_full = next.len() == TAKEN;
        self.is_over = !is_full && listed.len() < BATCH;
        self.after = if is_full { next.last() } else { listed.last() }.copied();
        let mut taken = Vec::new();
        for message in next {
            match journey.store.message(self.org, message).await {
                Ok(row) => taken.extend(row.map(|row| Undecided::new(journey, self.org, &row))),
                Err(error) => tracing::error!(%message, %error, "a message could not be decided"),
            }
        }
        taken
    }
}

impl Undecided {
    fn new(journey: &Journey, org: OrgId, row: &MessageRow) -> Self {
        let priority = journey.settings.streams.find(&row.dimensions.stream).priority;
        let is_urgent = priority == Priority::Transactional;
        Self { org, message: row.message, bytes: row.body.len(), is_urgent }
    }

    async fn decide(self, journey: &Journey, finder: Option<&Arc<Finder>>, lent: Lent) {
        match decide(journey, finder, self.org, self.message, lent).await {
            Ok(()) | Err(NotDecided::Store(StoreError::Conflict)) => {}
            Err(error) => tracing::error!(message = %self.message, %error, "a message could not be decided"),
        }
        journey.queued.notify_one();
    }
}

async fn decide(
    journey: &Journey,
    finder: Option<&Arc<Finder>>,
    org: OrgId,
    message: MessageId,
    lent: Lent,
) -> Result<(), NotDecided> {
    if finder.is_some_and(|finder| finder.holds(message)) {
        return Ok(());
    }
    authorize(&Principal::System { org }, Action::Process, &Resource::Message(org, message))?;
    let opened = Opened::find(journey, org, message).await?;
    // Another node, or an earlier round of this one, was first.
    if opened.row.state != MessageState::Accepted {
        return Ok(());
    }
    let case = opened.case(journey, journey.clock.now());
    let mut changes = Changes::default();
    let prepared = {
        let stored = stored(&case, &opened.row).await?;
        changes.beside.extend(bounces::tie(&case, &stored).await);
        judge_bytes(&case, &stored).await?
    };
    drop(lent);
    if let Some(finder) = finder {
        let wanted = keys::wanted(&case, &prepared).await?;
        if !wanted.is_empty() {
            finder.begin(&opened.organisation, message, wanted);
            return Ok(());
        }
        keys::sought(&case, &prepared).await?.into_iter().for_each(|event| changes.event(event));
    }
    prepared.proven.iter().for_each(|proven| changes.event(proven.event()));
    let state = match plan(&case, &prepared, &mut changes) {
        Planned::Goes(state) => state,
        Planned::RefusedForAll(rules) => {
            refuse(&case, &rules, &mut changes);
            MessageState::Refused
        }
    };
    changes.writes.insert(0, Write::Decided { message, from: MessageState::Accepted, state });
    changes.beside.extend(unsubscribe::by_mail(&case).await);
    Ok(case.commit(changes).await?)
}

pub(crate) async fn judge_stored(case: &Case<'_>, row: &MessageRow) -> Result<Prepared, NotDecided> {
    let _memory = case.journey.memory.lend(row.body.len()).await;
    judge_bytes(case, &stored(case, row).await?).await
}

async fn judge_bytes(case: &Case<'_>, stored: &[u8]) -> Result<Prepared, NotDecided> {
    let looked = org_keys::look(case, stored).await;
    let judged = judge::view(case, looked.content(stored));
    let read = judge::read(&judged, &case.journey.settings.mime);
    let verdict = judge::judge(case.organisation, case.manifest, &judged, &read);
    Ok(Prepared::new(case, verdict, &judged, &looked).await?)
}

async fn stored(case: &Case<'_>, row: &MessageRow) -> Result<Vec<u8>, NotDecided> {
    let sealed = case.journey.store.read_body(case.organisation.org, row.message, &row.body).await?;
    Ok(case.key.open_body_in_place(sealed)?)
}

/// The door is closed behind the message: its sender is told instead.
fn refuse(case: &Case<'_>, rules: &str, changes: &mut Changes) {
    changes.event(ledger::Event::Refused { recipient: None, because: rules.to_owned() });
    let recipients = case.manifest.envelope.recipients.iter();
    let told: Vec<Told> = recipients
        .filter(|_| !case.manifest.is_inbound())
        .map(|recipient| Told {
            recipient: recipient.clone(),
            status: dsn::REFUSED,
            because: format!("The rules of your organisation: {rules}."),
            remote: None,
        })
        .collect();
    case.tell(dsn::Action::Failed, &told, changes);
}
