//! The sender's own page of a message: whoever proves the sender's mailbox
//! lets held copies go or takes them back, where the rules that hold them allow
//! it, and gives the passphrase that a copy in the portal waits for.
//!
//! The page's link is single use: what it did is committed together with its
//! end. It names the message to nobody before a code was right.

use std::sync::Arc;

use identity::{Action, Principal, Resource, authorize};
use jiff::Timestamp;
use mail::Address;
use store::Write;
use vault::Label;
use zeroize::Zeroizing;

use crate::case::{Case, Changes, SENDER};
use crate::holds::{self, Judge, NotJudged};
use crate::journey::Journey;
use crate::mend::{self, NotMended};
use crate::opened::{NotOpened, Opened};
use crate::portal::{
    DeskError, Found, Language, LinkId, LinkState, Passphrase, Portal, PortalDesk, PortalError, SessionToken, Stage,
};
use crate::portal_desk::LinkDesk;
use crate::resume::NotDecided;

/// The pages of all senders.
pub struct Judging {
    portal: Portal,
    desk: Arc<LinkDesk>,
    journey: Arc<Journey>,
}

/// What the holder of a session may know.
#[derive(Clone, Debug)]
pub struct Look {
    /// The sender's language.
    pub language: Language,
    /// When it was handed in.
    pub received_at: Timestamp,
    /// What is to be done.
    pub task: Task,
}

/// What a sender is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// To let these copies go or take them back, held by these rules.
    Judge(Vec<(Address, String)>),
    /// To give the passphrase that these recipients will be asked for.
    GivePassphrase(Vec<Address>),
    /// Nothing any more.
    Nothing,
}

/// What a sender has decided.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The copies go, under all that is asked of them beside the hold.
    Release {
        /// Why, for the ledger.
        reason: String,
        /// What portal copies will ask for, and its hint.
        passphrase: Option<(Zeroizing<String>, Option<String>)>,
    },
    /// The copies are never sent.
    Reject {
        /// Why, for the ledger.
        reason: String,
    },
    /// The copies that wait for a passphrase get this one, with its hint.
    GivePassphrase(Zeroizing<String>, Option<String>),
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is done.
    Done,
    /// There is no such session.
    NoSession,
    /// There is nothing to decide any more.
    TooLate,
    /// That can be no passphrase.
    NoPassphrase,
    /// Policy refuses a copy now, or holds it for staff.
    NotBySender,
}

impl Judging {
    /// The senders' pages of this journey.
    pub fn new(journey: Arc<Journey>) -> Self {
        let desk = Arc::new(LinkDesk::of_senders(journey.clone()));
        let portal = Portal::new(desk.clone(), journey.clock.clone(), journey.entropy.clone());
        Self { portal, desk, journey }
    }

    /// Codes and sessions: the rules are those of the portal.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// What the holder of that token is asked for. Changes nothing.
    pub async fn look(&self, link: LinkId, token: &SessionToken) -> Result<Option<Look>, PortalError> {
        let Some((found, stage)) = self.visited(link, token).await? else { return Ok(None) };
        let task = match stage {
            Stage::Open => self.task(&found).await?,
            _ => Task::Nothing,
        };
        let opened = self.opened(&found).await?;
        let received_at = opened.map_or(self.journey.clock.now(), |opened| opened.row.received_at);
        Ok(Some(Look { language: found.state.language(), received_at, task }))
    }

    /// Does what the sender decided, and ends the link.
    pub async fn decide(&self, link: LinkId, token: &SessionToken, decision: Decision) -> Result<Decided, PortalError> {
        let Some((found, stage)) = self.visited(link, token).await? else { return Ok(Decided::NoSession) };
        if stage != Stage::Open {
            return Ok(Decided::TooLate);
        }
        let Some(opened) = self.opened(&found).await? else { return Ok(Decided::TooLate) };
        let (passphrase, decision) = match self.hashed(decision).await {
            Some(hashed) => hashed,
            None => return Ok(Decided::NoPassphrase),
        };
        let case = opened.case(&self.journey, self.journey.clock.now());
        let spent = spent(&case, &found, passphrase.clone());
        let (org, message) = (found.ticket.org, found.ticket.message);
        let holder = Principal::Recipient { org, message, recipient: found.ticket.recipient };
        if authorize(&holder, Action::JudgeOwn, &Resource::Copy(org, message, SENDER)).is_err() {
            return Ok(Decided::NotBySender);
        }
        let by = format!("sender:{}", found.state.recipient());
        match decision {
            Decision::Release { reason, .. } => {
                let judge = (Judge::Sender(&by), Some(reason.as_str()));
                told(holds::release_with(&self.journey, org, message, judge, passphrase, spent).await.map(drop))
            }
            Decision::Reject { reason } => {
                told(holds::reject_with(&self.journey, org, message, (Judge::Sender(&by), &reason), spent).await)
            }
            Decision::GivePassphrase(..) => self.give(&case, passphrase, &by, spent).await,
        }
    }

    async fn visited(&self, link: LinkId, token: &SessionToken) -> Result<Option<(Found, Stage)>, PortalError> {
        let Some(found) = self.desk.find(link).await? else { return Ok(None) };
        let stage = found.state.visit(self.journey.clock.now(), token);
        Ok(stage.map(|stage| (found, stage)))
    }

    async fn opened(&self, found: &Found) -> Result<Option<Opened>, PortalError> {
        match Opened::find(&self.journey, found.ticket.org, found.ticket.message).await {
            Ok(opened) => Ok(Some(opened)),
            Err(NotOpened::Erased | NotOpened::NoSuchMessage) => Ok(None),
            Err(error) => Err(broken(error.into())),
        }
    }

    async fn task(&self, found: &Found) -> Result<Task, PortalError> {
        let (org, message) = (found.ticket.org, found.ticket.message);
        match holds::look(&self.journey, org, message).await {
            Ok(held) => return Ok(Task::Judge(held.recipients)),
            Err(NotJudged::NotHeld | NotJudged::Message(NotDecided::Message(NotOpened::Erased))) => {}
            Err(error) => return Err(broken(error)),
        }
        let Some(opened) = self.opened(found).await? else { return Ok(Task::Nothing) };
        let case = opened.case(&self.journey, self.journey.clock.now());
        let lacking = self.lacking(&case).await?;
        Ok(if lacking.is_empty() { Task::Nothing } else { Task::GivePassphrase(lacking) })
    }

    /// Whose copies in the portal nobody can open without a passphrase.
    async fn lacking(&self, case: &Case<'_>) -> Result<Vec<Address>, PortalError> {
        let links = self.journey.store.links(case.organisation.org, case.message).await;
        let links = links.map_err(|error| broken(error.into()))?;
        let state = |link: &store::LinkRow| {
            let bytes = case.key.open(Label::Link, &link.hash, &link.sealed).ok()?;
            LinkState::from_bytes(&bytes).ok()
        };
        let copies = links.iter().filter(|link| link.recipient != SENDER).filter_map(state);
        let lacking = copies.filter(|state| state.lacks_passphrase() && state.withdrawn_at().is_none());
        Ok(lacking.map(|state| state.recipient().clone()).collect())
    }

    /// Hashes the passphrase of a decision, if there is one. None: it can be none.
    async fn hashed(&self, decision: Decision) -> Option<(Option<Passphrase>, Decision)> {
        let given = match &decision {
            Decision::Release { passphrase, .. } => passphrase.clone(),
            Decision::GivePassphrase(text, hint) => Some((text.clone(), hint.clone())),
            Decision::Reject { .. } => None,
        };
        let Some((text, hint)) = given else { return Some((None, decision)) };
        let hashed = self.journey.hash_passphrase(text, hint).await.ok()?;
        Some((Some(hashed), decision))
    }

    async fn give(
        &self,
        case: &Case<'_>,
        passphrase: Option<Passphrase>,
        by: &str,
        spent: Changes,
    ) -> Result<Decided, PortalError> {
        let Some(passphrase) = passphrase else { return Ok(Decided::NoPassphrase) };
        let (org, message) = (case.organisation.org, case.message);
        for recipient in self.lacking(case).await? {
            match mend::give_passphrase(&self.journey, org, message, Some(&recipient), &passphrase, by).await {
                Ok(_) => {}
                // A visitor of the copy was first: the sender may press again.
                Err(NotMended::Store(store::StoreError::Conflict)) => return Err(PortalError::Contended),
                Err(error) => {
                    tracing::error!(%error, "a passphrase could not be given");
                    return Err(PortalError::Contended);
                }
            }
        }
        match case.commit(spent).await {
            Ok(()) | Err(store::StoreError::Conflict) => Ok(Decided::Done),
            Err(error) => Err(broken(error.into())),
        }
    }
}

/// The end of the link; what the sender gave stays in it for copies that come
/// into the portal later.
fn spent(case: &Case<'_>, found: &Found, passphrase: Option<Passphrase>) -> Changes {
    let state = found.state.withdrawn(case.now);
    let state = match passphrase {
        Some(passphrase) => state.with_passphrase(passphrase),
        None => state,
    };
    let hash = found.ticket.hash;
    let mut changes = Changes::default();
    changes.writes.push(Write::LinkState {
        hash,
        expected_version: found.version,
        sealed: case.seal_link(&hash, &state),
        expires_at: state.expires_at(),
    });
    changes
}

fn told(done: Result<(), NotJudged>) -> Result<Decided, PortalError> {
    match done {
        Ok(()) => Ok(Decided::Done),
        Err(NotJudged::NotHeld) => Ok(Decided::TooLate),
        Err(NotJudged::Refused { .. } | NotJudged::StaffOnly) => Ok(Decided::NotBySender),
        Err(error) => Err(broken(error)),
    }
}

fn broken(error: NotJudged) -> PortalError {
    let may_retry = match &error {
        NotJudged::Message(NotDecided::Store(error) | NotDecided::Message(NotOpened::Store(error))) => {
            error.may_retry()
        }
        _ => false,
    };
    let cause = Box::new(error);
    PortalError::Desk(if may_retry { DeskError::Unavailable(cause) } else { DeskError::Damaged(cause) })
}
