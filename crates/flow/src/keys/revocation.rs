//! What is known of the revocation of a recipient's certificate, brought up to
//! date and kept with its key.

use jiff::Timestamp;
use keyring::{Checked, Known, Material};
use ledger::Event;
use mail::{Address, RecipientKeyId};
use smime::trust::Said;
use store::StoreError;

use super::book::{self, KeyTrouble, named};
use super::lesson::{KeyChange, commit};
use crate::case::Case;
use crate::journey::Journey;
use crate::organisation::Organisation;
use crate::prepared::Prepared;

/// Another change may be first; then it is kept beside that.
const TRIES: usize = 8;

/// Asks the issuers of a key's certificate now, and keeps what they said. Nothing for a key that has none, or where
/// nobody asks.
pub async fn check(
    journey: &Journey,
    organisation: &Organisation,
    key: RecipientKeyId,
) -> Result<Option<Checked>, KeyTrouble> {
    let Some(inquirer) = journey.inquirer.get() else { return Ok(None) };
    let Some(kept) = book::find(journey, organisation, key).await? else { return Ok(None) };
    let Material::Smime(smime) = &kept.known.material else { return Ok(None) };
    let learned = inquirer.ask(smime, &organisation.trust, journey.clock.now()).await;
    for _ in 0..TRIES {
        let Some(kept) = book::find(journey, organisation, key).await? else { return Ok(None) };
        let checked = beside(kept.known.revocation.as_ref(), learned.clone());
        let known = Known { revocation: Some(checked.clone()), ..kept.known.clone() };
        let mut change = KeyChange::default();
        if is_revoked(&checked) && !kept.known.revocation.as_ref().is_some_and(is_revoked) {
            let (recipient, key) = (known.address.clone(), named(&known));
            change.events.push(Event::KeyUpdated { recipient, key, by: "its issuer, who revoked it".to_owned() });
        }
        change.rewrite(journey, organisation, &[kept], &known);
        match commit(journey, organisation, change).await {
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(Some(checked)),
        }
    }
    Err(StoreError::Conflict.into())
}

/// The key with what its issuers say now, where it would count if only that were known.
pub(super) async fn refreshed(journey: &Journey, organisation: &Organisation, known: Known, now: Timestamp) -> Known {
    if journey.inquirer.get().is_none() || !keyring::wants_asking(&known, &organisation.trust, now) {
        return known;
    }
    match check(journey, organisation, known.id).await {
        Ok(Some(checked)) => Known { revocation: Some(checked), ..known },
        Ok(None) => known,
        Err(error) => {
            tracing::warn!(key = %known.id, %error, "what a certificate's issuer said could not be kept");
            known
        }
    }
}

/// What was learned, beside what was known before and nobody said anything against.
fn beside(before: Option<&Checked>, mut learned: Checked) -> Checked {
    let old: Vec<_> = before.map(|before| before.standings.clone()).unwrap_or_default();
    let is_new = |one: &smime::trust::Standing| {
        !learned.standings.iter().any(|new| (new.certificate, new.issuer) == (one.certificate, one.issuer))
    };
    let still = old.into_iter().filter(|one| one.said != Said::Good || one.until > learned.at).filter(is_new);
    let still: Vec<_> = still.collect();
    learned.standings.extend(still);
    learned
}

pub(crate) fn is_revoked(checked: &Checked) -> bool {
    checked.standings.iter().any(|standing| standing.said != Said::Good)
}

/// The certificates of a message's recipients whose issuers are to be asked before its plan.
pub(super) fn wanted(case: &Case<'_>, prepared: &Prepared) -> Vec<RecipientKeyId> {
    if case.journey.inquirer.get().is_none() {
        return Vec::new();
    }
    let is_wanted = |known: &&Known| {
        let asked_at = known.revocation.as_ref().map(|checked| checked.at);
        // An answer since the message came is fresh enough for it, however short it holds.
        asked_at.is_none_or(|at| at < case.received_at)
            && keyring::wants_asking(known, &case.organisation.trust, case.now)
    };
    prepared.keys.all().filter(is_wanted).map(|known| known.id).collect()
}

/// What came of asking since the message was accepted.
pub(super) fn sought(case: &Case<'_>, prepared: &Prepared) -> Vec<Event> {
    let told = |known: &Known| {
        let checked = known.revocation.as_ref().filter(|checked| checked.at >= case.received_at)?;
        let found = format!("the issuer of the recipient's certificate was asked: {}", checked.words());
        Some(Event::KeySought { recipient: Address::clone(&known.address), found })
    };
    prepared.keys.all().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use smime::trust::Standing;

    use super::*;

    #[test]
    fn a_revocation_outlives_silence_and_ends_with_a_newer_word() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let good = Standing { certificate: [1; 32], issuer: [2; 32], said: Said::Good, until: at(50) };
        let revoked = Standing { said: Said::Revoked { since: at(5) }, until: at(10), ..good };
        let other = Standing { certificate: [3; 32], ..good };
        let of = |seconds, standings| Checked { at: at(seconds), again: at(99), standings, trouble: None };
        let check = |before, learned, expect: Vec<Standing>| {
            assert_eq!(beside(Some(&of(20, before)), of(60, learned)).standings, expect);
        };
        check(vec![revoked], vec![], vec![revoked]);
        check(vec![revoked], vec![other], vec![other, revoked]);
        check(vec![revoked], vec![good], vec![good]);
        check(vec![good], vec![], vec![]);
        let long = Standing { until: at(70), ..good };
        check(vec![long], vec![], vec![long]);
    }
}
