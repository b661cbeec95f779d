//! Recipients' keys on a message's journey: kept, found, chosen, used.
//!
//! | file | what |
//! | --- | --- |
//! | `index` | the addresses for which there are keys, in memory: mail to anyone else asks nothing |
//! | `book` | keys as they are kept: sealed rows of the store |
//! | `lesson` | a key that was found becomes known; the ledger tells of it |
//! | `manage` | what a person does to a known key, and its holder |
//! | `finder` | a key is looked for in the directory of its domain |
//! | `waiting` | lookups under way, and the messages that wait for them |
//! | `inquirer` | the issuers of a certificate are asked whether it is revoked |
//! | `revocation` | what they said is kept with the key |
//! | `outlook` | which method a message would get |
//! | `at_hand` | what a message's recipients hold, for its plan |
//! | `sealing` | a parcel's copy is sealed when it is sent |
//!
//! What a key is worth is judged by [`keyring`]; this module never decides
//! against it.

mod at_hand;
mod book;
mod finder;
mod index;
mod inquirer;
mod lesson;
mod manage;
mod outlook;
mod revocation;
mod sealing;
mod waiting;

pub use book::{Kept, KeyTrouble, all, find, of};
pub use finder::{Finder, LookedUp, Sought, looked_up};
pub use inquirer::Inquirer;
pub use lesson::{NotKept, learn};
pub use manage::{NotManaged, accept, reject, remove};
pub use outlook::{Outlook, outlook, shown};
pub use revocation::check;
pub(crate) use revocation::is_revoked;

pub(crate) use at_hand::AtHand;
pub(crate) use finder::{sought, wanted};
pub(crate) use index::KeyIndex;
pub(crate) use lesson::{note, work_out};
pub(crate) use manage::withdrawal;
pub(crate) use sealing::{Next, NotSealed, SealedParcel, Unusable, seal, told};

use std::sync::Arc;
use std::time::Duration;

use store::StoreError;
use tokio::sync::watch;

use crate::journey::Journey;
use crate::org_keys;

/// Within this a change of another node or of a command is seen.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

/// Keeps what is in memory of keys fresh, until `stop` holds true.
pub async fn run(journey: Arc<Journey>, mut stop: watch::Receiver<bool>) {
    org_keys::warn(&journey).await;
    loop {
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.keys_changed.notified() => {}
            () = tokio::time::sleep(REFRESH_EVERY) => {}
        }
        if let Err(error) = refresh(&journey).await {
            tracing::error!(%error, "changes of keys can't be read");
        }
        org_keys::warn(&journey).await;
    }
}

/// Reads which addresses have keys, or which do since the last time, and the
/// organisations' own.
pub async fn refresh(journey: &Journey) -> Result<(), StoreError> {
    org_keys::refresh(journey).await?;
    for organisation in journey.organisations.iter() {
        let org = organisation.org;
        let now = journey.clock.now();
        let changed = journey.store.recipient_key_changes(org, journey.keys.since(org)).await?;
        journey.keys.add(org, changed, now);
    }
    Ok(())
}
