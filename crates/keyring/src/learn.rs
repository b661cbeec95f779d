//! What becomes of a key that was found: it is used, held back, joined with
//! what is known already, or left alone.
//!
//! | known for the address | found | becomes |
//! | --- | --- | --- |
//! | nothing | by the recipient at the portal | held back, until a person or time accepts it |
//! | nothing | elsewhere | used |
//! | the same key | anywhere | more is known of it ([`again`](crate::again)) |
//! | another key | by staff | used, in place of those of its format |
//! | another key, less trusted | elsewhere but the portal | used, in place of those of its format |
//! | another key, as trusted, of the other format alone | elsewhere but the portal | used too |
//! | another key | elsewhere | held back, unless policy's rule for changes is met |
//!
//! A key that the recipient withdrew counts among what is known for the address,
//! so that nothing that is less trusted takes its place.

use jiff::Timestamp;
use mail::{Address, KeySource, KeyState, RecipientKeyId};
use policy::KeyPolicy;
use policy::keys::ChangeRule;

use crate::again::again;
use crate::known::Known;
use crate::material::{Material, NotUsable};

/// A key that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// For which mailbox.
    pub address: Address,
    /// The certificate.
    pub material: Material,
    /// Where.
    pub source: KeySource,
    /// More of where.
    pub detail: String,
    /// Whether a person binds it to an address that it does not name itself.
    pub is_bound_by_hand: bool,
    /// Fingerprints of the keys that signed what brought it, verified.
    pub vouched_by: Vec<String>,
    /// Whether its holder prefers encrypted mail, where what brought it says so.
    pub prefers_encryption: Option<bool>,
    /// When.
    pub at: Timestamp,
}

/// What becomes of a key that was found.
#[derive(Clone, Debug)]
pub enum Lesson {
    /// It is new and used; these are used no more.
    New(Known, Vec<Known>),
    /// It is new and held back.
    Held(Known),
    /// More is known of it than before.
    Updated(Known),
    /// A more trusted source of it is known than before, and that is held back.
    Withheld(Known),
    /// As [`Lesson::Updated`], and now it may be used; these are used no more.
    Accepted(Known, Vec<Known>),
    /// It was only seen again.
    Seen(Known),
}

/// Why a key that was found is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLearned {
    /// It does not name the address for which it was found.
    #[error("the key does not name {0}")]
    OtherAddress(Address),
    /// It can't be used.
    #[error(transparent)]
    Unusable(#[from] NotUsable),
    /// A person rejected it.
    #[error("the key was rejected before")]
    Rejected,
    /// Its holder wants it used no more.
    #[error("its holder withdrew the key")]
    Withdrawn,
}

/// Works out what becomes of a key. `known` is all that is known for the folded
/// address; `id` is for the case that the key is new.
pub fn learn(known: &[Known], found: Found, policy: &KeyPolicy, id: RecipientKeyId) -> Result<Lesson, NotLearned> {
    let fingerprint = found.material.fingerprint();
    let is_own = |key: &&Known| policy.is_same_mailbox(&key.address, &found.address);
    let same = known.iter().filter(is_own).find(|key| key.fingerprint() == fingerprint);
    if let Some(same) = same {
        return again(known, same, &found, policy);
    }
    is_fit(&found, policy)?;
    let (source, because) = match judged(known, &found, policy) {
        Ok(source) => (source, None),
        Err(because) => (found.source, Some(because)),
    };
    let new = Known {
        id,
        address: found.address.clone(),
        source,
        detail: found.detail.clone(),
        state: if because.is_some() { KeyState::HeldBack } else { KeyState::Active },
        because,
        held_since: found.at,
        claim: None,
        unwanted_since: None,
        confirmed_by: None,
        is_bound_by_hand: found.is_bound_by_hand,
        prefers_encryption: found.prefers_encryption,
        first_seen: found.at,
        last_seen: found.at,
        revocation: None,
        material: found.material,
    };
    Ok(match new.state {
        KeyState::HeldBack => Lesson::Held(new),
        _ => {
            let replaced = replaced_by(&new, known, policy);
            Lesson::New(new, replaced)
        }
    })
}

/// The keys that a key, which may be used from now on, takes the place of.
pub fn replaced_by(new: &Known, known: &[Known], policy: &KeyPolicy) -> Vec<Known> {
    let gives_way = |key: &&Known| {
        key.id != new.id
            && key.format() == new.format()
            && key.state == KeyState::Active
            && policy.is_same_mailbox(&key.address, &new.address)
    };
    let replaced = |key: &Known| Known { state: KeyState::Replaced, because: None, ..key.clone() };
    known.iter().filter(gives_way).map(replaced).collect()
}

/// Whether a key can be used and names the address, or a person says so.
pub(crate) fn is_fit(found: &Found, policy: &KeyPolicy) -> Result<(), NotLearned> {
    let is_named = |named: &Address| policy.is_same_mailbox(named, &found.address);
    if !found.is_bound_by_hand && !found.material.addresses(found.at).iter().any(is_named) {
        return Err(NotLearned::OtherAddress(found.address.clone()));
    }
    found.material.usable(found.at)?;
    Ok(())
}

/// The source as which a key counts that is found beside these, or why it is
/// held back.
pub(crate) fn judged(known: &[Known], found: &Found, policy: &KeyPolicy) -> Result<KeySource, String> {
    let fingerprint = found.material.fingerprint();
    let is_own =
        |key: &&Known| policy.is_same_mailbox(&key.address, &found.address) && key.fingerprint() != fingerprint;
    let others: Vec<&Known> = known.iter().filter(is_own).collect();
    match voucher(&others, found, policy) {
        // Whom the key before vouches for is trusted as that one was.
        Some(voucher) => Ok(voucher.counts_as().min(found.source)),
        None => held_because(&others, found, policy).map_or(Ok(found.source), Err),
    }
}

/// Why a key that was found is held back, if it is.
fn held_because(others: &[&Known], found: &Found, policy: &KeyPolicy) -> Option<String> {
    match found.source {
        KeySource::Staff => return None,
        KeySource::Recipient => return Some("the recipient gave it at the portal".to_owned()),
        KeySource::Wkd | KeySource::SignedMail | KeySource::Autocrypt => {}
    }
    let is_before = |key: &&&Known| match key.state {
        KeyState::Active | KeyState::Withdrawn => true,
        KeyState::HeldBack => key.has_waited(policy, found.at),
        KeyState::Rejected | KeyState::Replaced => false,
    };
    let others: Vec<&Known> = others.iter().filter(is_before).copied().collect();
    let best = others.iter().map(|key| key.settled(policy, found.at).counts_as()).min()?;
    // The lower, the more trusted.
    if found.source < best {
        return None;
    }
    let before: Vec<&Known> = others.into_iter().filter(|key| key.format() == found.material.format()).collect();
    if before.is_empty() && found.source == best {
        return None;
    }
    let met = |rule: &ChangeRule| match rule {
        // Told apart before: the key before vouches whatever the source.
        ChangeRule::Signed => false,
        ChangeRule::SameIssuer => before.iter().any(|key| is_of_same_issuer(&key.material, &found.material)),
        ChangeRule::Ended => !before.is_empty() && before.iter().all(|key| key.material.usable(found.at).is_err()),
    };
    if found.source == best && policy.changes.iter().any(met) {
        return None;
    }
    Some("another key was known for the address before".to_owned())
}

/// Whether both are certificates of one issuer. Whether it is to be believed is
/// asked whenever a certificate is used.
fn is_of_same_issuer(one: &Material, other: &Material) -> bool {
    match (one, other) {
        (Material::Smime(one), Material::Smime(other)) => one.certificate.issuer().matches(other.certificate.issuer()),
        _ => false,
    }
}

/// The key before that vouches for the one that was found, where policy takes
/// its word.
fn voucher<'a>(others: &[&'a Known], found: &Found, policy: &KeyPolicy) -> Option<&'a Known> {
    // Whatever the recipient gives at the portal waits: the session proves less than the key.
    if found.source == KeySource::Recipient || !policy.changes.contains(&ChangeRule::Signed) {
        return None;
    }
    let vouches = |key: &&&Known| {
        let is_used = key.state == KeyState::Active && key.format() == found.material.format();
        is_used && found.vouched_by.contains(&key.fingerprint())
    };
    others.iter().find(vouches).copied()
}

#[cfg(test)]
#[path = "learn_tests.rs"]
mod tests;
