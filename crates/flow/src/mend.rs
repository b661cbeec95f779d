//! What an operator does to a message after it was accepted: give the
//! passphrase that it waits for, or erase it.

use ledger::Event;
use mail::{Address, MessageId, OrgId};
use store::{StoreError, Transition, Write};
use vault::{Label, VaultError};

use crate::case::{Changes, SENDER};
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};
use crate::portal::{LinkState, Passphrase, StateError};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotMended {
    /// The message does not open.
    #[error(transparent)]
    Message(#[from] NotOpened),
    /// A link of it does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A link of it can't be read.
    #[error(transparent)]
    Link(#[from] StateError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives `passphrase` to the portal copies of a message, or of one recipient;
/// gives whose copies they are. Whoever was reading one has to show it anew.
pub async fn give_passphrase(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    to: Option<&Address>,
    passphrase: &Passphrase,
    by: &str,
) -> Result<Vec<Address>, NotMended> {
    let opened = Opened::find(journey, org, message).await?;
    let case = opened.case(journey, journey.clock.now());
    let mut given = Vec::new();
    for link in journey.store.links(org, message).await? {
        let state = LinkState::from_bytes(&opened.key.open(Label::Link, &link.hash, &link.sealed)?)?;
        if link.recipient == SENDER || to.is_some_and(|wanted| wanted != state.recipient()) {
            continue;
        }
        let next = state.with_passphrase(passphrase.clone());
        let mut changes = Changes::default();
        changes.writes.push(Write::LinkState {
            hash: link.hash,
            expected_version: link.version,
            sealed: case.seal_link(&link.hash, &next),
            expires_at: next.expires_at(),
        });
        changes.event(Event::Released { recipient: Some(state.recipient().clone()), by: by.to_owned(), reason: None });
        case.commit(changes).await?;
        given.push(state.recipient().clone());
    }
    Ok(given)
}

/// Destroys a message's key. What it sealed can never be read again: envelope,
/// body, timeline, salt. The ledger keeps its leaves, and this as a new one,
/// sealed with the organisation's key.
pub async fn erase(journey: &Journey, org: OrgId, message: MessageId, because: &str) -> Result<(), NotMended> {
    let organisation = journey.organisations.find(org).ok_or(NotOpened::NoSuchMessage)?;
    journey.store.message(org, message).await?.ok_or(NotOpened::NoSuchMessage)?;
    let event = Event::Erased { because: because.to_owned() };
    let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
    let entry = organisation.journal(Some(message), vec![event], now, entropy);
    let transition = Transition { org, writes: vec![Write::EraseKey { message }], journal: Some(entry) };
    Ok(journey.commit(transition).await?)
}
