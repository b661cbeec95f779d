//! Which method a message would get, and why, without a message.

use ledger::KeyNamed;
use mail::{Address, Level, Method, Need};
use seal::Grounds;

use super::book::{self, Kept, KeyTrouble};
use crate::journey::Journey;
use crate::org_keys::{self, Signs};
use crate::organisation::Organisation;
use crate::prepared::choose_among;

/// What a copy for a recipient would get.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// What it would need.
    pub need: Need,
    /// The method.
    pub method: Method,
    /// Why.
    pub because: String,
    /// The key, where it would be sealed end to end.
    pub key: Option<KeyNamed>,
}

/// What a copy for a recipient that needs this would get now.
pub async fn outlook(
    journey: &Journey,
    organisation: &Organisation,
    recipient: &Address,
    need: Need,
) -> Result<Outlook, KeyTrouble> {
    let kept = book::of(journey, organisation, recipient).await?;
    org_keys::refresh(journey).await?;
    Ok(look(journey, organisation, &kept, recipient, need))
}

fn look(journey: &Journey, organisation: &Organisation, kept: &[Kept], recipient: &Address, need: Need) -> Outlook {
    let known: Vec<keyring::Known> = kept.iter().map(|kept| kept.known.clone()).collect();
    let (policy, now) = (&organisation.policy.keys, journey.clock.now());
    let candidates = keyring::candidates(&known, recipient, need, policy, &organisation.trust, now);
    let grounds = Grounds { need, because: Vec::new(), policy_sha256: organisation.policy_hash };
    let signs = Signs::of_anyone(organisation, &journey.org_keys.of(organisation.org), now);
    let chosen = choose_among(policy, &candidates, &grounds, &signs);
    let key = chosen.key.map(|(format, key)| KeyNamed {
        id: key.key,
        format,
        fingerprint: key.fingerprint,
        source: key.source,
    });
    Outlook { need, method: chosen.method, because: chosen.because, key }
}

/// The best and the last level that a domain's mail hosts have shown.
pub async fn shown(
    journey: &Journey,
    organisation: &Organisation,
    recipient: &Address,
) -> Result<Option<(Level, Level)>, KeyTrouble> {
    let domain = organisation.vault.domain_index(recipient.domain());
    let posture = journey.store.posture(organisation.org, domain).await?;
    Ok(posture.map(|row| (Level::from_rank(row.best), Level::from_rank(row.last))))
}
