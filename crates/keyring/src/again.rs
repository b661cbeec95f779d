//! What becomes of a key that is known already and was found again.
//!
//! | it is | found | becomes |
//! | --- | --- | --- |
//! | any | by staff | used |
//! | rejected | elsewhere | stays so, and nothing is learned |
//! | withdrawn | elsewhere but the portal | stays so, and nothing is learned |
//! | withdrawn, replaced | at the portal | held back, as if it were new |
//! | used | from a source that is trusted more | more trusted, or that is held back ([`Claim`]), as a new key would be |
//! | held back | where a new key would be used | used, and as trusted as where it was found |
//! | held back | from a source that is trusted more | held back from then on |
//! | any | else | more is known of it |
//!
//! Whatever is held back waits from the moment at which the grounds were known
//! on which it would count: who was known for long as something less waits too.

use mail::{KeySource, KeyState};
use policy::KeyPolicy;

use crate::known::{Claim, Known};
use crate::learn::{Found, Lesson, NotLearned, is_fit, judged, replaced_by};
use crate::material::Material;

/// Works out what becomes of a key that is known already.
pub(crate) fn again(known: &[Known], same: &Known, found: &Found, policy: &KeyPolicy) -> Result<Lesson, NotLearned> {
    let (next, more) = seen(same, found);
    if found.source == KeySource::Staff {
        return by_staff(known, same, next, found, policy, more);
    }
    match (same.state, found.source) {
        (KeyState::Rejected, _) => Err(NotLearned::Rejected),
        (KeyState::Withdrawn | KeyState::Replaced, KeySource::Recipient) => given_again(next, found, policy),
        (KeyState::Withdrawn, _) => Err(NotLearned::Withdrawn),
        (KeyState::Replaced, _) => Ok(told(next, more)),
        (KeyState::Active, _) => Ok(used(known, next, found, policy, more)),
        (KeyState::HeldBack, _) => Ok(held(known, next, found, policy, more)),
    }
}

/// The key with what was found of it, from where it was known before; and
/// whether that is more than was known.
fn seen(same: &Known, found: &Found) -> (Known, bool) {
    let merged = same.material.merged(&found.material).filter(Material::is_of_bounded_size);
    let merged = merged.unwrap_or_else(|| same.material.clone());
    let prefers_encryption = found.prefers_encryption.or(same.prefers_encryption);
    // Who gives a key wants it used.
    let unwanted_since = same.unwanted_since.filter(|_| found.source != KeySource::Recipient);
    let more = !merged.is_same(&same.material)
        || prefers_encryption != same.prefers_encryption
        || unwanted_since != same.unwanted_since;
    let mut next = Known {
        material: merged,
        prefers_encryption,
        unwanted_since,
        last_seen: same.last_seen.max(found.at),
        is_bound_by_hand: same.is_bound_by_hand || found.is_bound_by_hand,
        ..same.clone()
    };
    if let Some(checked) = next.revocation.as_mut().filter(|_| more) {
        // With the chain that came along its issuers can be asked, or others.
        checked.again = found.at;
    }
    (next, more)
}

const fn told(next: Known, more: bool) -> Lesson {
    if more { Lesson::Updated(next) } else { Lesson::Seen(next) }
}

/// The same key from where it was found.
fn from(found: &Found, source: KeySource, next: Known) -> Known {
    Known { source, detail: found.detail.clone(), ..next }
}

/// Staff's word is the last one.
fn by_staff(
    known: &[Known],
    same: &Known,
    next: Known,
    found: &Found,
    policy: &KeyPolicy,
    more: bool,
) -> Result<Lesson, NotLearned> {
    let is_bound = next.is_bound_by_hand != same.is_bound_by_hand;
    let is_news = same.source != KeySource::Staff || same.claim.is_some() || same.unwanted_since.is_some() || is_bound;
    let next = match is_news {
        true => Known { claim: None, unwanted_since: None, ..from(found, KeySource::Staff, next) },
        false => next,
    };
    if next.state == KeyState::Active {
        return Ok(told(next, more || is_news));
    }
    next.material.usable(found.at)?;
    let next = Known { state: KeyState::Active, because: None, ..next };
    let replaced = replaced_by(&next, known, policy);
    Ok(Lesson::Accepted(next, replaced))
}

/// A key that was used no more, and that the recipient gives: as if it were new.
fn given_again(next: Known, found: &Found, policy: &KeyPolicy) -> Result<Lesson, NotLearned> {
    is_fit(found, policy)?;
    let because = judged(&[], found, policy).err();
    Ok(Lesson::Withheld(Known {
        state: KeyState::HeldBack,
        because,
        held_since: found.at,
        claim: None,
        unwanted_since: None,
        confirmed_by: None,
        is_bound_by_hand: false,
        ..from(found, found.source, next)
    }))
}

/// The key is used: another source may make it more trusted, never less.
fn used(known: &[Known], next: Known, found: &Found, policy: &KeyPolicy, more: bool) -> Lesson {
    let is_accepted = next.confirmed_by.is_some() && found.source < next.source;
    match judged(known, found, policy) {
        // What a person has accepted is trusted as much as can be.
        _ if is_accepted => Lesson::Updated(from(found, found.source, next)),
        Ok(source) if source < next.source => {
            let claim = next.claim.clone().filter(|claim| claim.source < source);
            Lesson::Updated(Known { claim, held_since: found.at, ..from(found, source, next) })
        }
        Err(because) if found.source < next.claim.as_ref().map_or(next.source, |claim| claim.source) => {
            let (source, detail, since) = (found.source, found.detail.clone(), found.at);
            Lesson::Withheld(Known { claim: Some(Claim { source, detail, since, because }), ..next })
        }
        Ok(_) | Err(_) => told(next, more),
    }
}

/// The key is held back: let go where a new one would be, else more of it may
/// be known that is held back as well.
fn held(known: &[Known], next: Known, found: &Found, policy: &KeyPolicy, more: bool) -> Lesson {
    let is_fit = is_fit(&Found { material: next.material.clone(), ..found.clone() }, policy).is_ok();
    match judged(known, found, policy) {
        Ok(source) if is_fit => {
            let claim = (next.source < source).then(|| Claim {
                source: next.source,
                detail: next.detail.clone(),
                since: next.held_since,
                because: next.because.clone().unwrap_or_default(),
            });
            let next = Known { state: KeyState::Active, because: None, claim, ..from(found, source, next) };
            let next = Known { held_since: found.at, ..next };
            let replaced = replaced_by(&next, known, policy);
            Lesson::Accepted(next, replaced)
        }
        Err(because) if found.source < next.source => {
            let because = Some(because);
            Lesson::Withheld(Known { because, held_since: found.at, ..from(found, found.source, next) })
        }
        Ok(_) | Err(_) => told(next, more),
    }
}

#[cfg(test)]
#[path = "again_tests.rs"]
mod tests;
