//! A key that ends soon is told of ahead: in the log, once in the ledger, and
//! in the meters for as long as it is so.

use std::time::Duration;

use jiff::Timestamp;
use keyring::org::{OrgKey, OrgKeyState};
use ledger::Event;
use store::{StoreError, Transition, Write};

use crate::case::later;
use crate::journey::Journey;
use crate::organisation::Organisation;

/// When a key that signs ends, if that is within `ahead` or over already.
pub fn ends_soon(key: &OrgKey, ahead: Duration, now: Timestamp) -> Option<Timestamp> {
    let ends_at = key.expires_at(now).filter(|_| key.state == OrgKeyState::Active)?;
    (ends_at <= later(now, ahead)).then_some(ends_at)
}

/// How many keys end soon, of all organisations.
pub fn expiring(journey: &Journey) -> usize {
    let (now, ahead) = (journey.clock.now(), journey.settings.org_key_warning);
    let rings = journey.organisations.iter().map(|organisation| journey.org_keys.of(organisation.org));
    rings.map(|ring| ring.iter().filter(|key| ends_soon(key, ahead, now).is_some()).count()).sum()
}

/// Tells of each key that ends soon, if nobody has before.
pub(crate) async fn warn(journey: &Journey) {
    let (now, ahead) = (journey.clock.now(), journey.settings.org_key_warning);
    for organisation in journey.organisations.iter() {
        for key in journey.org_keys.of(organisation.org).iter() {
            let Some(ends_at) = ends_soon(key, ahead, now) else { continue };
            match tell(journey, organisation, key, ends_at).await {
                Ok(()) => {
                    tracing::warn!(key = %key.id, %ends_at, "a key of the organisation's own ends soon: renew it")
                }
                // Told before.
                Err(StoreError::Conflict) => {}
                Err(error) => tracing::error!(key = %key.id, %error, "that an own key ends soon can't be recorded"),
            }
        }
    }
}

/// Once for each end of a key, however many nodes look.
async fn tell(
    journey: &Journey,
    organisation: &Organisation,
    key: &OrgKey,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3_600);
    let now = journey.clock.now();
    let mark = organisation.vault.once_hash(format!("own key ends\n{}\n{ends_at}", key.id).as_bytes());
    if journey.store.once(organisation.org, mark).await?.is_some() {
        return Err(StoreError::Conflict);
    }
    let once = Write::Once { mark, value: Vec::new(), now, until: later(now, YEAR) };
    let event = Event::OrgKeyExpiring { key: key.id, fingerprint: key.fingerprint(), ends_at };
    let entry = organisation.journal(None, vec![event], now, journey.entropy.as_ref());
    journey.commit(Transition { org: organisation.org, writes: vec![once], journal: Some(entry) }).await
}
