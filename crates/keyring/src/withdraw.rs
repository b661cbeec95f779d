//! What becomes of a key that its holder wants used no more, as the portal has
//! it: what the recipient alone gave, the recipient takes back; what anybody
//! else stands for too is for a person to decide. A session at the portal proves
//! less than staff does, and who holds one must not be able to lead the next
//! message away from a key and to the portal.

use jiff::Timestamp;
use mail::{KeySource, KeyState};

use crate::known::Known;

/// What becomes of it.
#[derive(Clone, Debug)]
pub enum Withdrawal {
    /// It is used no more, and stays known so that it does not come back.
    Done(Known),
    /// It is used as before; a person is to decide.
    Asked(Known),
}

/// Works out what becomes of a key that the recipient wants used no more.
pub fn withdraw(key: &Known, at: Timestamp) -> Withdrawal {
    let is_only_given = key.source == KeySource::Recipient && key.confirmed_by.is_none() && !key.is_bound_by_hand;
    match is_only_given {
        true => Withdrawal::Done(Known { state: KeyState::Withdrawn, because: None, claim: None, ..key.clone() }),
        // What the recipient said of it counts no more in any case.
        false => Withdrawal::Asked(Known {
            claim: key.claim.clone().filter(|claim| claim.source != KeySource::Recipient),
            unwanted_since: key.unwanted_since.or(Some(at)),
            ..key.clone()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, found, id, openpgp};
    use crate::learn::{Lesson, learn};
    use policy::KeyPolicy;

    const PAT: &str = "pat@x.example";

    fn known(source: KeySource) -> Known {
        let found = found(&openpgp(1, PAT, 400), PAT, source, 1);
        match learn(&[], found, &KeyPolicy::default(), id(1)).unwrap() {
            Lesson::New(known, _) | Lesson::Held(known) => known,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_gave_a_key_takes_it_back_and_nobody_elses() {
        let given = known(KeySource::Recipient);
        let Withdrawal::Done(withdrawn) = withdraw(&given, at(2)) else { panic!("not done") };
        assert_eq!(withdrawn.state, KeyState::Withdrawn);
        let accepted = Known { state: KeyState::Active, confirmed_by: Some("root".to_owned()), ..given };
        for key in [accepted, known(KeySource::Staff), known(KeySource::Wkd)] {
            let Withdrawal::Asked(asked) = withdraw(&key, at(2)) else { panic!("{:?}", key.source) };
            assert_eq!((asked.state, asked.unwanted_since, asked.waits()), (KeyState::Active, Some(at(2)), true));
            let Withdrawal::Asked(again) = withdraw(&asked, at(9)) else { panic!() };
            assert_eq!(again.unwanted_since, Some(at(2)), "since it was first asked");
        }
    }
}
