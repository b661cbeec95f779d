//! Resume: what was accepted and not yet decided is decided, whether it was
//! too large to be judged at once, a key is looked for, or a crash came between.

use std::sync::Arc;
use std::time::Duration;

use identity::{Action, Forbidden, Principal, Resource, authorize};
use mail::{MessageId, OrgId};
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
use crate::opened::{NotOpened, Opened};
use crate::org_keys;
use crate::plan::{Planned, plan};
use crate::prepared::Prepared;
use crate::unsubscribe;

/// How often it is looked for what nobody announced: another node may have died.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const BATCH: usize = 100;

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

/// Decides what was accepted undecided, until `stop` holds true. Where keys
/// are looked for first, `finder` does it.
pub async fn run(journey: Arc<Journey>, finder: Option<Arc<Finder>>, mut stop: watch::Receiver<bool>) {
    loop {
        decide_all(&journey, finder.as_ref()).await;
        holds::expire_all(&journey).await;
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.undecided.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Decides everything that can be decided now.
async fn decide_all(journey: &Journey, finder: Option<&Arc<Finder>>) {
    let organisations: Vec<OrgId> = journey.organisations.iter().map(|organisation| organisation.org).collect();
    for org in organisations {
        let mut after = None;
        while let Some(last) = decide_batch(journey, finder, org, after).await {
            after = Some(last);
        }
    }
}

/// Decides some after `after`; gives the last one, if there may be more. Those
/// that wait for a key hold up no other.
async fn decide_batch(
    journey: &Journey,
    finder: Option<&Arc<Finder>>,
    org: OrgId,
    after: Option<MessageId>,
) -> Option<MessageId> {
    let waiting = match journey.store.undecided(org, after, BATCH).await {
        Ok(waiting) => waiting,
        Err(error) => {
            tracing::error!(%org, %error, "what waits to be decided can't be listed");
            return None;
        }
    };
    for message in &waiting {
        match decide(journey, finder, org, *message).await {
            Ok(()) | Err(NotDecided::Store(StoreError::Conflict)) => {}
            Err(error) => tracing::error!(%message, %error, "a message could not be decided"),
        }
    }
    journey.queued.notify_one();
    waiting.last().copied().filter(|_| waiting.len() == BATCH)
}

async fn decide(
    journey: &Journey,
    finder: Option<&Arc<Finder>>,
    org: OrgId,
    message: MessageId,
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
        let _memory = journey.memory.lend(opened.row.body.len()).await;
        let stored = stored(&case, &opened.row).await?;
        changes.beside.extend(bounces::tie(&case, &stored).await);
        judge_bytes(&case, &stored).await?
    };
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
