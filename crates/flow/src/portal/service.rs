//! The portal as its pages see it: the rules of [`LinkState`] run against a
//! [`PortalDesk`], again from the start when another visitor was first.
//!
//! A link that does not exist takes the same way as one that does: the same
//! rules on a decoy, and a durable write that means nothing. What is told about
//! a link is told only to who proved the mailbox.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use mail::{Address, Clock, Entropy};
use tokio::sync::Semaphore;

use super::code::Code;
use super::desk::{Change, Content, DeskError, Factor, Found, PortalDesk, PortalEvent, Saved};
use super::key_desk::{KeyDesk, KeyStep};
use super::language::Language;
use super::link::LinkId;
use super::reply::Offer;
use super::replying::Turns;
use super::rules::Stage;
use super::session::SessionToken;
use super::state::{LinkState, NewLink, ReplyNoted};
use crate::case::NEVER;

/// So often a step is tried again when another change of the same link was first.
pub(super) const CONFLICTS_MAX: usize = 16;
/// So many passphrases are hashed at once: each takes 19 MiB and tens of
/// milliseconds, and entering them must not be a flood.
const HASHES_AT_ONCE: usize = 2;

/// Why the portal can't serve. None of it depends on whether a link exists.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The desk can't.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Too many changes of one link at once.
    #[error("the link is changed too often at once")]
    Contended,
    /// The program is stopping.
    #[error("the program is stopping")]
    Stopping,
}

impl PortalError {
    /// Whether the same request may succeed later.
    pub fn may_retry(&self) -> bool {
        match self {
            PortalError::Desk(DeskError::Unavailable(_)) | PortalError::Contended | PortalError::Stopping => true,
            PortalError::Desk(DeskError::Damaged(_)) => false,
        }
    }
}

/// What became of a code that was entered.
#[derive(Debug)]
pub enum Entry {
    /// Wrong, expired, used, too often, or no such link: not told which.
    Wrong,
    /// Right: a session began.
    Right(SessionToken, Stage),
}

/// What became of a passphrase that was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassphraseEntry {
    /// There is no session that could enter one.
    NoSession,
    /// Wrong; tries may be left or not, as the stage says.
    Wrong(Stage),
    /// Right, or no longer needed.
    Now(Stage),
}

/// What the holder of a session may know.
#[derive(Debug, Clone)]
pub struct Visit {
    /// How far the visitor has come.
    pub stage: Stage,
    /// The recipient's language.
    pub language: Language,
    /// Whose link it is.
    pub recipient: Address,
    /// When the link expires, or did.
    pub expires_at: Timestamp,
    /// The hint to the passphrase.
    pub hint: Option<String>,
    /// Tries of the passphrase that are left.
    pub passphrase_tries_left: u8,
    /// The form for a reply, where the message is open and replies are taken.
    pub reply: Option<ReplyForm>,
    /// The replies that were sent, oldest first, where the message is open.
    pub sent: Vec<ReplyNoted>,
}

/// What the form for a reply is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyForm {
    /// Its token: it counts for this session, and once.
    pub token: String,
    /// What may be attached.
    pub offer: Offer,
}

/// Who is asking: a link, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The link that was opened.
    pub link: LinkId,
    /// The visitor's network address, where it is known; for the record.
    pub peer: Option<IpAddr>,
}

/// The portal of all links.
pub struct Portal {
    pub(super) desk: Arc<dyn PortalDesk>,
    pub(super) keys: Option<Arc<dyn KeyDesk>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) turns: Turns,
    decoy: LinkState,
    hashing: Semaphore,
}

impl Portal {
    /// A portal at that desk.
    pub fn new(desk: Arc<dyn PortalDesk>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let decoy = decoy(entropy.as_ref());
        Self {
            desk,
            keys: None,
            clock,
            entropy,
            turns: Turns::default(),
            decoy,
            hashing: Semaphore::new(HASHES_AT_ONCE),
        }
    }

    /// The same, where recipients may give keys of their own.
    #[must_use]
    pub fn with_keys(self, keys: Arc<dyn KeyDesk>) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// Puts a code in the queue, if that may be. The answer is the same
    /// whether it did, may not, or there is no such link. A language that the
    /// visitor chose is the language of the code's mail.
    pub async fn request_code(&self, caller: Caller, language: Option<Language>) -> Result<(), PortalError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let found = self.desk.find(caller.link).await?;
            let state = found.as_ref().map_or(&self.decoy, |found| &found.state);
            let step = state.request_code(now, self.entropy.as_ref());
            let (Some(found), Ok((state, code))) = (found, step) else {
                return Ok(self.desk.rehearse(now).await?);
            };
            let state = language.map_or_else(|| state.clone(), |language| state.in_language(language));
            if self
                .saved(
                    found,
                    Step { state, code: Some(code), event: Some(PortalEvent::CodeSent), peer: caller.peer, at: now },
                )
                .await?
            {
                return Ok(());
            }
        }
        Err(PortalError::Contended)
    }

    /// Tries a code; a right one begins a session.
    pub async fn enter_code(&self, caller: Caller, typed: &str) -> Result<Entry, PortalError> {
        let Some(code) = Code::read(typed) else { return Ok(Entry::Wrong) };
        let token = SessionToken::new(self.entropy.as_ref());
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else {
                self.rehearse_entry(&code, &token, now).await?;
                return Ok(Entry::Wrong);
            };
            let Ok((state, stage)) = found.state.enter_code(now, &code, &token) else {
                self.desk.rehearse(now).await?;
                return Ok(Entry::Wrong);
            };
            let event = match stage {
                None => PortalEvent::WrongCode,
                Some(Stage::Open) => PortalEvent::Opened(vec![Factor::MailedCode]),
                Some(_) => PortalEvent::CodeAccepted,
            };
            if self.saved(found, Step { state, code: None, event: Some(event), peer: caller.peer, at: now }).await? {
                return Ok(stage.map_or(Entry::Wrong, |stage| Entry::Right(token, stage)));
            }
        }
        Err(PortalError::Contended)
    }

    /// Tries a passphrase for the holder of a session.
    pub async fn enter_passphrase(
        &self,
        caller: Caller,
        token: &SessionToken,
        typed: &str,
    ) -> Result<PassphraseEntry, PortalError> {
        let Some(found) = self.desk.find(caller.link).await? else { return Ok(PassphraseEntry::NoSession) };
        match found.state.visit(self.clock.now(), token) {
            None => return Ok(PassphraseEntry::NoSession),
            Some(Stage::NeedsPassphrase) => {}
            Some(stage) => return Ok(PassphraseEntry::Now(stage)),
        }
        let matches = self.passphrase_matches(&found.state, typed).await?;
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else { return Ok(PassphraseEntry::NoSession) };
            let Ok((state, stage)) = found.state.enter_passphrase(now, token, matches) else {
                return Ok(PassphraseEntry::NoSession);
            };
            if state == found.state {
                // Another request of the same visitor was first.
                return Ok(PassphraseEntry::Now(stage));
            }
            let event = match stage {
                Stage::Open => PortalEvent::Opened(vec![Factor::MailedCode, Factor::Passphrase]),
                _ => PortalEvent::WrongPassphrase,
            };
            if self.saved(found, Step { state, code: None, event: Some(event), peer: caller.peer, at: now }).await? {
                let right = stage == Stage::Open;
                return Ok(if right { PassphraseEntry::Now(stage) } else { PassphraseEntry::Wrong(stage) });
            }
        }
        Err(PortalError::Contended)
    }

    /// Asks the clinic to send the message again; once a day reaches it.
    /// The answer is the same whether it does, or there is no such link.
    pub async fn ask_again(&self, caller: Caller) -> Result<(), PortalError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let found = self.desk.find(caller.link).await?;
            let state = found.as_ref().map_or(&self.decoy, |found| &found.state);
            let (Some(found), Ok(state)) = (found.as_ref(), state.ask_again(now)) else {
                return Ok(self.desk.rehearse(now).await?);
            };
            if self
                .saved(
                    found.clone(),
                    Step { state, code: None, event: Some(PortalEvent::AskedAgain), peer: caller.peer, at: now },
                )
                .await?
            {
                return Ok(());
            }
        }
        Err(PortalError::Contended)
    }

    /// Who holds that token. Changes nothing.
    pub async fn visit(&self, link: LinkId, token: &SessionToken) -> Result<Option<Visit>, PortalError> {
        let found = self.desk.find(link).await?;
        Ok(found.and_then(|found| visit(&found.state, token, self.clock.now())))
    }

    /// As [`Portal::visit`], with the message where it may be read and is still
    /// there; the session lives on.
    pub async fn read(
        &self,
        link: LinkId,
        token: &SessionToken,
    ) -> Result<Option<(Visit, Option<Content>)>, PortalError> {
        let now = self.clock.now();
        let Some(found) = self.desk.find(link).await? else { return Ok(None) };
        let Some(mut visit) = visit(&found.state, token, now) else { return Ok(None) };
        if visit.stage == Stage::Open {
            self.show_replies(&found, token, &mut visit).await?;
        }
        let content = match visit.stage {
            Stage::Open => self.desk.content(&found.ticket).await?,
            _ => None,
        };
        if let Some(state) = found.state.touched(now, token) {
            // Whoever was first has touched the session, or ended it: either is fine.
            self.saved(found, Step::quiet(state, now)).await?;
        }
        Ok(Some((visit, content)))
    }

    /// Ends a session.
    pub async fn leave(&self, link: LinkId, token: &SessionToken) -> Result<(), PortalError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(link).await? else { return Ok(()) };
            let state = found.state.leave(token);
            if state == found.state || self.saved(found, Step::quiet(state, now)).await? {
                return Ok(());
            }
        }
        Err(PortalError::Contended)
    }

    pub(super) async fn saved(&self, found: Found, step: Step) -> Result<bool, PortalError> {
        Ok(self.save(found, step, None).await? != Saved::Conflict)
    }

    /// As `saved`, with what the step does about a key and what becomes of it.
    pub(super) async fn saved_with(&self, found: Found, step: Step, key: KeyStep) -> Result<Saved, PortalError> {
        self.save(found, step, Some(key)).await
    }

    async fn save(&self, found: Found, step: Step, key: Option<KeyStep>) -> Result<Saved, PortalError> {
        let Step { state, code, event, peer, at } = step;
        let change = Change { ticket: found.ticket, version: found.version, state, code, event, key, peer, at };
        Ok(self.desk.save(change).await?)
    }

    /// A code for a link that does not exist: compared with a decoy's, written nowhere.
    async fn rehearse_entry(&self, code: &Code, token: &SessionToken, now: Timestamp) -> Result<(), PortalError> {
        if let Ok((state, _)) = self.decoy.request_code(now, self.entropy.as_ref()) {
            let _decoyed = state.enter_code(now, code, token);
        }
        Ok(self.desk.rehearse(now).await?)
    }

    async fn passphrase_matches(&self, state: &LinkState, typed: &str) -> Result<bool, PortalError> {
        let Some(passphrase) = state.passphrase().cloned() else { return Ok(false) };
        let typed = typed.to_owned();
        let _permit = self.hashing.acquire().await.map_err(|_| PortalError::Stopping)?;
        tokio::task::spawn_blocking(move || passphrase.matches(&typed)).await.map_err(|_| PortalError::Stopping)
    }
}

/// A step that the rules allowed.
pub(super) struct Step {
    pub(super) state: LinkState,
    pub(super) code: Option<Code>,
    pub(super) event: Option<PortalEvent>,
    pub(super) peer: Option<IpAddr>,
    pub(super) at: Timestamp,
}

impl Step {
    /// One that nobody needs to hear of.
    pub(super) fn quiet(state: LinkState, at: Timestamp) -> Self {
        Self { state, code: None, event: None, peer: None, at }
    }
}

pub(super) fn visit(state: &LinkState, token: &SessionToken, now: Timestamp) -> Option<Visit> {
    let stage = state.visit(now, token)?;
    Some(Visit {
        stage,
        language: state.language(),
        recipient: state.recipient().clone(),
        expires_at: state.expires_at(),
        hint: state.passphrase().and_then(|passphrase| passphrase.hint()).map(str::to_owned),
        passphrase_tries_left: state.passphrase_tries_left(),
        reply: None,
        sent: Vec::new(),
    })
}

/// The link that stands in for those that do not exist.
fn decoy(entropy: &dyn Entropy) -> LinkState {
    let nobody = Address::parse("nobody@invalid").expect("an address of our own");
    let link = NewLink {
        recipient: nobody.clone(),
        sender: nobody,
        language: Language::En,
        passphrase: None,
        passphrase_required: false,
        expires_at: NEVER,
    };
    LinkState::new(link, entropy)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::super::testing::{FakeDesk, Seeded, SetClock, link, link_with};
    use super::*;

    const HERE: Caller = Caller { link: KNOWN, peer: None };
    const ELSEWHERE: Caller = Caller { link: UNKNOWN, peer: None };
    const KNOWN: LinkId = LinkId::from_bytes([1; 16]);
    const UNKNOWN: LinkId = LinkId::from_bytes([2; 16]);

    fn portal(state: LinkState) -> (Arc<FakeDesk>, Arc<SetClock>, Portal) {
        let desk = FakeDesk::with(KNOWN, state);
        let clock = SetClock::new();
        let portal = Portal::new(desk.clone(), clock.clone(), Arc::new(Seeded::new(3)));
        (desk, clock, portal)
    }

    async fn entered(desk: &FakeDesk, portal: &Portal) -> (SessionToken, Stage) {
        portal.request_code(HERE, None).await.unwrap();
        match portal.enter_code(HERE, desk.last_code().digits()).await.unwrap() {
            Entry::Right(token, stage) => (token, stage),
            Entry::Wrong => panic!("the code is right"),
        }
    }

    #[tokio::test]
    async fn a_code_opens_the_message() {
        let (desk, clock, portal) = portal(link());
        let (token, stage) = entered(&desk, &portal).await;
        assert_eq!(stage, Stage::Open);
        clock.set(61);
        let (visit, content) = portal.read(KNOWN, &token).await.unwrap().unwrap();
        assert_eq!(visit.stage, Stage::Open);
        assert!(content.is_some());
        assert_eq!(desk.events(), [PortalEvent::CodeSent, PortalEvent::Opened(vec![Factor::MailedCode])]);
        assert_eq!(desk.changes.lock().unwrap().len(), 3, "the session was touched");
        portal.leave(KNOWN, &token).await.unwrap();
        assert!(portal.visit(KNOWN, &token).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_passphrase_is_asked_after_the_code() {
        let (desk, _, portal) = portal(link_with("blue kettle"));
        let (token, stage) = entered(&desk, &portal).await;
        assert_eq!(stage, Stage::NeedsPassphrase);
        let (visit, content) = portal.read(KNOWN, &token).await.unwrap().unwrap();
        assert_eq!((visit.hint.as_deref(), content.is_none()), (Some("in the kitchen"), true));
        let wrong = portal.enter_passphrase(HERE, &token, "red kettle").await.unwrap();
        assert_eq!(wrong, PassphraseEntry::Wrong(Stage::NeedsPassphrase));
        let right = portal.enter_passphrase(HERE, &token, " Blue  kettle").await.unwrap();
        assert_eq!(right, PassphraseEntry::Now(Stage::Open));
        let again = portal.enter_passphrase(HERE, &token, "anything").await.unwrap();
        assert_eq!(again, PassphraseEntry::Now(Stage::Open));
        assert_eq!(
            desk.events()[1..],
            [
                PortalEvent::CodeAccepted,
                PortalEvent::WrongPassphrase,
                PortalEvent::Opened(vec![Factor::MailedCode, Factor::Passphrase]),
            ]
        );
    }

    #[tokio::test]
    async fn a_link_that_does_not_exist_answers_like_one_that_does() {
        let (desk, _, portal) = portal(link());
        portal.request_code(ELSEWHERE, None).await.unwrap();
        portal.ask_again(ELSEWHERE).await.unwrap();
        assert!(matches!(portal.enter_code(ELSEWHERE, "123456").await, Ok(Entry::Wrong)));
        assert_eq!(desk.rehearsals.load(Relaxed), 3, "each is a durable write");
        assert!(matches!(portal.enter_code(HERE, "123456").await, Ok(Entry::Wrong)));
        assert_eq!(desk.rehearsals.load(Relaxed), 4, "so is a code that nothing is changed by");
        assert!(desk.changes.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn refusals_are_not_told() {
        let (desk, _, portal) = portal(link());
        for _ in 0..7 {
            portal.request_code(HERE, None).await.unwrap();
            portal.ask_again(HERE).await.unwrap();
        }
        assert_eq!(desk.events().iter().filter(|event| **event == PortalEvent::CodeSent).count(), 5);
        assert_eq!(desk.events().iter().filter(|event| **event == PortalEvent::AskedAgain).count(), 1);
    }

    #[tokio::test]
    async fn a_step_is_tried_again_when_another_was_first() {
        let (desk, _, portal) = portal(link_with("blue kettle"));
        desk.conflicts.store(3, Relaxed);
        let (token, _) = entered(&desk, &portal).await;
        desk.conflicts.store(3, Relaxed);
        portal.enter_passphrase(HERE, &token, "red kettle").await.unwrap();
        assert_eq!(desk.state(KNOWN).passphrase_tries_left(), 9, "one try is one try");
        desk.conflicts.store(usize::MAX, Relaxed);
        assert!(matches!(portal.request_code(HERE, None).await, Err(PortalError::Contended)));
    }

    #[tokio::test]
    async fn the_language_that_a_visitor_chose_is_that_of_the_code() {
        let (desk, _, portal) = portal(link());
        portal.request_code(HERE, Some(Language::Es)).await.unwrap();
        assert_eq!(desk.changes.lock().unwrap()[0].state.language(), Language::Es);
        portal.request_code(HERE, None).await.unwrap();
        assert_eq!(desk.state(KNOWN).language(), Language::Es);
    }

    #[tokio::test]
    async fn what_can_be_no_code_costs_no_try() {
        let (desk, _, portal) = portal(link());
        portal.request_code(HERE, None).await.unwrap();
        for _ in 0..30 {
            assert!(matches!(portal.enter_code(HERE, "12345").await, Ok(Entry::Wrong)));
        }
        let right = portal.enter_code(HERE, desk.last_code().digits()).await.unwrap();
        assert!(matches!(right, Entry::Right(..)));
    }
}
