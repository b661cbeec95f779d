//! The portal's service for keys that recipients give: offered, proven,
//! removed, each in a session that has shown enough.

use mail::RecipientKeyId;

use super::desk::Saved;
use super::key_desk::{GivenKey, KeyOutcome, KeyStep, NotOffered};
use super::proof::{Offered, ProofCode};
use super::rules::Refusal;
use super::service::{CONFLICTS_MAX, Caller, Portal, PortalError, Step, Visit, visit};
use super::session::SessionToken;

/// What became of a key that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// There is no session that could offer one.
    NoSession,
    /// The session has not shown enough, or no keys are taken here.
    NotHere,
    /// It is not fit.
    Refused(NotOffered),
    /// Too many were offered today.
    TooOften,
    /// A code is sealed to it and on its way.
    Sent,
}

/// What became of a code that was sealed to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProof {
    /// There is no session that could enter one.
    NoSession,
    /// Wrong, expired, used, too often, of another session: not told which.
    Wrong,
    /// It was right, and the key can't be kept all the same.
    Refused(NotOffered),
    /// The key is kept, and held back until somebody accepts it.
    Held,
    /// The key is kept, and may be used.
    Kept,
}

/// What became of a key that is wanted no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// There is no such key for this session.
    NotHere,
    /// It is used no more.
    Done,
    /// Others stand for it: they were asked.
    Asked,
}

/// What the holder of a session may know of the own keys.
#[derive(Debug, Clone)]
pub struct KeyVisit {
    /// The visit.
    pub visit: Visit,
    /// Whether the session has shown enough to give a key.
    pub may_give: bool,
    /// The key that waits for its code.
    pub offered: Option<Offered>,
    /// The keys that were given before; only where more may be given.
    pub keys: Vec<GivenKey>,
}

impl Portal {
    /// Whether policy uses keys that the recipient of this link gives. Only to
    /// be asked for who holds a session.
    pub async fn takes_keys(&self, caller: Caller) -> Result<bool, PortalError> {
        let Some(keys) = &self.keys else { return Ok(false) };
        let found = self.desk.find(caller.link).await?;
        Ok(found.is_some_and(|found| keys.takes_keys(&found.ticket)))
    }

    /// What the holder of that token may know; nothing where no keys are taken.
    pub async fn key_visit(&self, caller: Caller, token: &SessionToken) -> Result<Option<KeyVisit>, PortalError> {
        let (Some(keys), now) = (&self.keys, self.clock.now()) else { return Ok(None) };
        let Some(found) = self.desk.find(caller.link).await? else { return Ok(None) };
        let Some(visit) = visit(&found.state, token, now) else { return Ok(None) };
        if !keys.takes_keys(&found.ticket) {
            return Ok(None);
        }
        let may_give = found.state.may_give_key(now, token);
        let given = match may_give {
            true => keys.given_keys(&found.ticket, found.state.recipient()).await?,
            false => Vec::new(),
        };
        Ok(Some(KeyVisit { visit, may_give, offered: found.state.offered_key(now, token).cloned(), keys: given }))
    }

    /// Offers the key in a file: a code is sealed to it, and mailed.
    pub async fn offer_key(&self, caller: Caller, token: &SessionToken, file: &[u8]) -> Result<Offer, PortalError> {
        let Some(keys) = &self.keys else { return Ok(Offer::NotHere) };
        let Some(found) = self.desk.find(caller.link).await? else { return Ok(Offer::NoSession) };
        // A file is read only for who may give it.
        let now = self.clock.now();
        if found.state.visit(now, token).is_none() {
            return Ok(Offer::NoSession);
        }
        if !keys.takes_keys(&found.ticket) || !found.state.may_give_key(now, token) {
            return Ok(Offer::NotHere);
        }
        let offered = match keys.read_key(&found.ticket, found.state.recipient(), file).await? {
            Ok(offered) => offered,
            Err(why) => return Ok(Offer::Refused(why)),
        };
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else { return Ok(Offer::NoSession) };
            let (state, code) = match found.state.offer_key(now, token, offered.clone(), self.entropy.as_ref()) {
                Ok(step) => step,
                Err(Refusal::TooManyCodes) => return Ok(Offer::TooOften),
                Err(Refusal::ProvesTooLittle) => return Ok(Offer::NotHere),
                Err(_) => return Ok(Offer::NoSession),
            };
            let step = Step { peer: caller.peer, ..Step::quiet(state, now) };
            if self.saved_with(found, step, KeyStep::Offered(offered.clone(), code)).await? != Saved::Conflict {
                return Ok(Offer::Sent);
            }
        }
        Err(PortalError::Contended)
    }

    /// Tries the code that was sealed to the key; a right one keeps it.
    pub async fn prove_key(&self, caller: Caller, token: &SessionToken, typed: &str) -> Result<KeyProof, PortalError> {
        if self.keys.is_none() {
            return Ok(KeyProof::NoSession);
        }
        let Some(code) = ProofCode::read(typed) else { return Ok(KeyProof::Wrong) };
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else { return Ok(KeyProof::NoSession) };
            let (state, given) = match found.state.prove_key(now, token, &code) {
                Ok(step) => step,
                Err(Refusal::NoSession) => return Ok(KeyProof::NoSession),
                Err(_) => return Ok(KeyProof::Wrong),
            };
            let step = Step { peer: caller.peer, ..Step::quiet(state, now) };
            let about = given.map_or(KeyStep::Wrong, KeyStep::Proven);
            let saved = self.saved_with(found, step, about).await?;
            if saved == Saved::Conflict {
                continue;
            }
            return Ok(match saved {
                Saved::Key(KeyOutcome::Held) => KeyProof::Held,
                Saved::Key(KeyOutcome::Kept) => KeyProof::Kept,
                Saved::Key(KeyOutcome::Refused(why)) => KeyProof::Refused(why),
                Saved::Key(KeyOutcome::Removed | KeyOutcome::Asked) | Saved::Done | Saved::Conflict => KeyProof::Wrong,
            });
        }
        Err(PortalError::Contended)
    }

    /// Offers the key no more.
    pub async fn withdraw_key(&self, caller: Caller, token: &SessionToken) -> Result<(), PortalError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else { return Ok(()) };
            if found.state.offered_key(now, token).is_none() {
                return Ok(());
            }
            let state = found.state.withdraw_key();
            if self.saved(found, Step::quiet(state, now)).await? {
                return Ok(());
            }
        }
        Err(PortalError::Contended)
    }

    /// Takes back a key that this recipient gave, or asks those who stand for it.
    pub async fn remove_key(
        &self,
        caller: Caller,
        token: &SessionToken,
        key: RecipientKeyId,
    ) -> Result<Removal, PortalError> {
        let Some(keys) = &self.keys else { return Ok(Removal::NotHere) };
        for _ in 0..CONFLICTS_MAX {
            let now = self.clock.now();
            let Some(found) = self.desk.find(caller.link).await? else { return Ok(Removal::NotHere) };
            if !found.state.may_give_key(now, token) {
                return Ok(Removal::NotHere);
            }
            let given = keys.given_keys(&found.ticket, found.state.recipient()).await?;
            let Some(given) = given.into_iter().find(|given| given.id == key) else { return Ok(Removal::NotHere) };
            let step = Step { peer: caller.peer, ..Step::quiet(found.state.clone(), now) };
            match self.saved_with(found, step, KeyStep::Removed(given)).await? {
                Saved::Conflict => {}
                Saved::Key(KeyOutcome::Asked) => return Ok(Removal::Asked),
                Saved::Key(_) | Saved::Done => return Ok(Removal::Done),
            }
        }
        Err(PortalError::Contended)
    }
}
