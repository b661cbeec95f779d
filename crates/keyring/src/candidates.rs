//! Which of a recipient's keys may seal a copy: at most one of each format, and
//! why the others may not.

use jiff::Timestamp;
use mail::{Address, KeyFormat, KeySource, KeyState, Need, RecipientKeyId};
use policy::KeyPolicy;
use policy::keys::Unknown;
use smime::trust::{Invalid, Purpose, Reason, Trust, validate, vouched};

use crate::known::Known;
use crate::material::{Material, NotUsable, SmimeKey, Usable};

/// A key that may seal a copy.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The key.
    pub known: Known,
    /// How a copy would be sealed with it.
    pub usable: Usable,
}

/// What counts for one recipient and one need.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The OpenPGP key that counts.
    pub openpgp: Option<Candidate>,
    /// The S/MIME certificate that counts.
    pub smime: Option<Candidate>,
    /// Keys that are known and don't count, and why.
    pub passed_over: Vec<(RecipientKeyId, NotCounted)>,
}

/// Why a key that is known does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// It was learned for another mailbox of this name.
    #[error("it is for {0}, and policy compares local parts exactly")]
    OtherMailbox(Address),
    /// It may not be used.
    #[error("it is {}{}", held(.0), .1.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
    State(KeyState, Option<String>),
    /// It names the address no longer.
    #[error("it does not name the address any more")]
    NotNamed,
    /// Its source does not count for what is needed.
    #[error("keys from {0} don't count here")]
    Source(KeySource),
    /// It can't be used.
    #[error(transparent)]
    Unusable(#[from] NotUsable),
    /// Its certificate is not to be believed.
    #[error(transparent)]
    NotBelieved(#[from] Invalid),
    /// A better one of the same format counts.
    #[error("another one of the same format counts more")]
    Outdone,
}

const fn held(state: &KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::HeldBack => "held back",
        KeyState::Rejected => "rejected",
        KeyState::Replaced => "replaced",
        KeyState::Withdrawn => "withdrawn by its holder",
    }
}

/// Sorts what is known for one recipient's copy.
pub fn candidates(
    known: &[Known],
    recipient: &Address,
    need: Need,
    policy: &KeyPolicy,
    trust: &Trust,
    now: Timestamp,
) -> Candidates {
    let mut found = Candidates::default();
    for key in known {
        let key = key.settled(policy, now);
        match counts(&key, recipient, need, policy, trust, now) {
            Ok(usable) => found.offer(Candidate { known: key.into_owned(), usable }),
            Err(why) => found.passed_over.push((key.id, why)),
        }
    }
    found
}

fn counts(
    key: &Known,
    recipient: &Address,
    need: Need,
    policy: &KeyPolicy,
    trust: &Trust,
    now: Timestamp,
) -> Result<Usable, NotCounted> {
    if !policy.is_same_mailbox(&key.address, recipient) {
        return Err(NotCounted::OtherMailbox(key.address.clone()));
    }
    if key.state != KeyState::Active && !key.has_waited(policy, now) {
        return Err(NotCounted::State(key.state, key.because.clone()));
    }
    let sources = if need.transit().is_some() { &policy.transit } else { &policy.end_to_end };
    if !sources.contains(&key.counts_as()) {
        return Err(NotCounted::Source(key.source));
    }
    let usable = key.material.usable(now)?;
    if !key.is_bound_by_hand
        && !key.material.addresses(now).iter().any(|named| policy.is_same_mailbox(named, recipient))
    {
        return Err(NotCounted::NotNamed);
    }
    if let Material::Smime(smime) = &key.material {
        believe(smime, key, policy, trust, now)?;
    }
    Ok(usable)
}

/// Whether an S/MIME certificate is to be believed. Who gave it by hand, or
/// proved to hold its key, vouches for it, until its issuer revokes it; any
/// other needs a chain to an anchor.
fn believe(smime: &SmimeKey, key: &Known, policy: &KeyPolicy, trust: &Trust, now: Timestamp) -> Result<(), NotCounted> {
    let unknown = match policy.unknown_revocation {
        Unknown::Accept => smime::trust::Unknown::Accept,
        Unknown::Refuse => smime::trust::Unknown::Refuse,
    };
    let standings = key.revocation.iter().flat_map(|checked| checked.standings.iter().copied());
    let trust = trust.clone().unknown_revocation(unknown).with_standings(standings);
    match key.counts_as() {
        KeySource::Staff | KeySource::Recipient => vouched(&smime.certificate, &smime.chain, &trust, now).map(drop)?,
        KeySource::Wkd | KeySource::SignedMail | KeySource::Autocrypt => {
            validate(&smime.certificate, &smime.chain, &trust, now, Purpose::Encrypt, None).map(drop)?;
        }
    }
    Ok(())
}

/// Whether the issuers of a key's certificate are to be asked now: it would be believed if only it were known that it is
/// not revoked, and they weren't asked lately.
pub fn wants_asking(key: &Known, trust: &Trust, now: Timestamp) -> bool {
    let Material::Smime(smime) = &key.material else { return false };
    if key.revocation.as_ref().is_some_and(|checked| now < checked.again) || key.material.usable(now).is_err() {
        return false;
    }
    let policy = KeyPolicy { unknown_revocation: Unknown::Refuse, ..KeyPolicy::default() };
    let believed = believe(smime, key, &policy, trust, now);
    matches!(believed, Err(NotCounted::NotBelieved(Invalid { reason: Reason::RevocationUnknown, .. })))
}

impl Candidates {
    fn offer(&mut self, candidate: Candidate) {
        let place = match candidate.known.format() {
            KeyFormat::OpenPgp => &mut self.openpgp,
            KeyFormat::Smime => &mut self.smime,
        };
        let outdone = match place {
            Some(best) if !candidate.is_better_than(best) => Some(candidate),
            _ => place.replace(candidate),
        };
        self.passed_over.extend(outdone.map(|outdone| (outdone.known.id, NotCounted::Outdone)));
    }

    /// What the choice of a method is to know.
    pub const fn capabilities(&self) -> (bool, bool) {
        (self.openpgp.is_some(), self.smime.is_some())
    }

    /// The format that wins where both count.
    pub fn preferred(&self, policy: &KeyPolicy) -> KeyFormat {
        let seen = |candidate: &Option<Candidate>| candidate.as_ref().map(|one| one.known.last_seen);
        let is_openpgp = seen(&self.openpgp) > seen(&self.smime);
        policy.preferred(if is_openpgp { KeyFormat::OpenPgp } else { KeyFormat::Smime })
    }

    /// The key that seals in a format.
    pub const fn of(&self, format: KeyFormat) -> Option<&Candidate> {
        match format {
            KeyFormat::OpenPgp => self.openpgp.as_ref(),
            KeyFormat::Smime => self.smime.as_ref(),
        }
    }
}

impl Candidate {
    /// The more trusted source counts, then the key that was first seen later.
    fn is_better_than(&self, other: &Candidate) -> bool {
        let rank = |one: &Candidate| (std::cmp::Reverse(one.known.counts_as()), one.known.first_seen);
        rank(self) > rank(other)
    }
}

#[cfg(test)]
#[path = "candidates_tests.rs"]
mod tests;
