//! The portal's window to keys that recipients give: read, kept and taken back as
//! any other, with the recipient as the one who did it. What is done, what the
//! link's state says of it and what the ledger tells are one transaction.

use std::net::IpAddr;

use identity::{Action, Principal};
use keyring::{Found, Known, Lesson, Material, NotLearned, Withdrawal};
use ledger::Event;
use mail::{Address, KeyFormat, KeySource, KeyState, Level, Recipient, RecipientKeyId};
use seal::protect::{HeaderPolicy, Keys, ProtectError, Protection, Replies, protect};
use seal::{Edits, Grounds, Parcel};

use crate::case::{Case, Changes};
use crate::dsn;
use crate::keys::{self, KeyTrouble, NotKept};
use crate::organisation::Organisation;
use crate::portal::{
    self, DeskError, GivenKey, KeyDesk, KeyNote, KeyOutcome, KeyStep, LinkState, NotOffered, Offered, Pending,
    ProofCode, Ticket, Told,
};
use crate::portal_desk::{LinkDesk, Trouble};

/// A key with more is not kept in a link's state.
const KEY_BYTES_MAX: usize = 64 * 1024;
/// Keys that one address has from the portal, but for those that were taken back.
const KEYS_MAX: usize = 8;
/// The same with those: each is remembered.
const KEYS_EVER_MAX: usize = 40;

/// A step of a link that is about a key, and whose it is.
pub(crate) struct About<'a> {
    pub ticket: &'a Ticket,
    pub state: &'a LinkState,
    pub step: &'a KeyStep,
    pub peer: Option<IpAddr>,
}

/// Carries out what a step of a link does about a key; what becomes of a key
/// that it keeps or takes back.
pub(crate) async fn step(
    case: &Case<'_>,
    about: &About<'_>,
    grounds: Grounds,
    changes: &mut Changes,
) -> Result<Option<KeyOutcome>, Trouble> {
    let About { state, step, peer, .. } = *about;
    let recipient = state.recipient().clone();
    match step {
        KeyStep::Offered(offered, code) => {
            let mail = sealed(case, state, offered, code)?;
            let to = Recipient::new(recipient.clone());
            // What is sealed to its reader alone needs nothing of a connection.
            case.queue(&Parcel::code(case.stamp(), to, Level::None, grounds, mail), changes);
            let fingerprint = offered.fingerprint.clone();
            changes.event(Event::KeyOffered { recipient, fingerprint, peer });
        }
        KeyStep::Wrong => changes.event(Event::KeyProofWrong { recipient, peer }),
        KeyStep::Proven(offered) => return keep(case, about, offered, changes).await.map(Some),
        KeyStep::Removed(key) => return take_back(case, about, key, changes).await.map(Some),
    }
    Ok(None)
}

/// Keeps a key that was proven, and tells the address.
async fn keep(
    case: &Case<'_>,
    about: &About<'_>,
    offered: &Offered,
    changes: &mut Changes,
) -> Result<KeyOutcome, Trouble> {
    let (journey, organisation, recipient) = (case.journey, case.organisation, about.state.recipient());
    let material = Material::read_all(&offered.certificate).ok().and_then(|all| all.into_iter().next());
    let found = found(about.ticket, recipient, material.ok_or(Trouble::NoKey)?, case.now);
    let by = holder(about.ticket).to_string();
    let (lesson, change) = match keys::work_out(journey, organisation, &found, &by).await {
        Ok(worked_out) => worked_out,
        Err(NotKept::NotLearned(why)) => return Ok(KeyOutcome::Refused(refused(&why))),
        Err(NotKept::Trouble(trouble)) => return Err(trouble.into()),
    };
    changes.writes.extend(change.into_iter().flat_map(|change| change.into_writes(journey, organisation)));
    let (Lesson::New(known, _)
    | Lesson::Accepted(known, _)
    | Lesson::Held(known)
    | Lesson::Updated(known)
    | Lesson::Withheld(known)
    | Lesson::Seen(known)) = &lesson;
    let is_held = known.state == KeyState::HeldBack || known.claim.is_some();
    let told = if is_held { Told::Given } else { Told::GivenAgain };
    tell(case, about.state, (offered.format, &offered.fingerprint), told, changes);
    let (recipient, fingerprint, peer) = (recipient.clone(), offered.fingerprint.clone(), about.peer);
    changes.event(Event::KeyProven { recipient, fingerprint, peer });
    Ok(if is_held { KeyOutcome::Held } else { KeyOutcome::Kept })
}

/// Takes a key back, or has those who stand for it asked; the address is told.
async fn take_back(
    case: &Case<'_>,
    about: &About<'_>,
    key: &GivenKey,
    changes: &mut Changes,
) -> Result<KeyOutcome, Trouble> {
    if key.is_unwanted {
        // Told before: a form that is sent again and again tells nobody more.
        return Ok(KeyOutcome::Asked);
    }
    let (journey, organisation) = (case.journey, case.organisation);
    let by = holder(about.ticket).to_string();
    let withdrawal = keys::withdrawal(journey, organisation, key.id, &by).await?;
    // Somebody was first; then it is gone.
    let Some((withdrawal, change)) = withdrawal else { return Ok(KeyOutcome::Removed) };
    changes.writes.extend(change.into_writes(journey, organisation));
    let (told, outcome) = match &withdrawal {
        Withdrawal::Done(_) => (Told::Removed, KeyOutcome::Removed),
        Withdrawal::Asked(known) => {
            ask_staff(case, known, changes);
            (Told::Unwanted, KeyOutcome::Asked)
        }
    };
    tell(case, about.state, (key.format, &key.fingerprint), told, changes);
    Ok(outcome)
}

/// Tells staff that a recipient wants a key used no more: whoever sent the
/// message on whose page it was said, and the log.
fn ask_staff(case: &Case<'_>, known: &Known, changes: &mut Changes) {
    tracing::warn!(key = %known.id, "a recipient wants a key used no more that others stand for: reject or accept it");
    let key = dsn::UnwantedKey {
        id: known.id,
        recipient: &known.address,
        format: known.format(),
        fingerprint: &known.fingerprint(),
    };
    case.tell_of_key(&key, changes);
}

fn found(ticket: &Ticket, address: &Address, material: Material, at: jiff::Timestamp) -> Found {
    Found {
        address: address.clone(),
        material,
        source: KeySource::Recipient,
        detail: format!("at the portal, with {}", ticket.message),
        is_bound_by_hand: false,
        vouched_by: Vec::new(),
        prefers_encryption: None,
        at,
    }
}

/// Tells the address, over whatever connection there is: it must not fail to be told.
fn tell(
    case: &Case<'_>,
    state: &LinkState,
    (format, fingerprint): (KeyFormat, &str),
    what: Told,
    changes: &mut Changes,
) {
    let stamp = case.stamp();
    let template = note(case, state, (format, fingerprint), &case.message_id(stamp), |note| portal::told(note, what));
    case.queue(&Parcel::word(stamp, Recipient::new(state.recipient().clone()), template), changes);
}

fn note<T>(
    case: &Case<'_>,
    state: &LinkState,
    (format, fingerprint): (KeyFormat, &str),
    message_id: &str,
    write: impl Fn(&KeyNote<'_>) -> T,
) -> T {
    write(&KeyNote {
        clinic: &case.clinic(),
        from: &case.speaker(),
        to: state.recipient(),
        language: state.language(),
        format,
        fingerprint,
        date: case.now,
        message_id,
    })
}

/// The mail with the code, which nobody reads but the holder of the key.
fn sealed(case: &Case<'_>, state: &LinkState, offered: &Offered, code: &ProofCode) -> Result<String, Trouble> {
    let stamp = case.stamp();
    let named = (offered.format, offered.fingerprint.as_str());
    let challenge = note(case, state, named, &case.message_id(stamp), |note| portal::challenge(note, code));
    let headers = HeaderPolicy { subject: mail::header::encoded(&challenge.subject), ..HeaderPolicy::default() };
    let (edits, replies) = (Edits::default(), Replies::default());
    let seal = |keys| {
        let how = Protection { keys, headers: &headers, edits: &edits, replies: &replies };
        protect(challenge.mail.as_bytes(), &how, case.now, case.journey.entropy.as_ref())
    };
    let material = Material::read_all(&offered.certificate).ok().and_then(|all| all.into_iter().next());
    let protected = match material.ok_or(Trouble::NoKey)? {
        Material::OpenPgp(certificate) => seal(Keys::OpenPgp { to: &[certificate], sign: None }),
        Material::Smime(key) => {
            let to = key.recipient(case.now).map_err(|_| Trouble::NoKey)?;
            seal(Keys::Smime { to: &[to], sign: None, cipher: None })
        }
    };
    String::from_utf8(protected?.bytes).map_err(|_| Trouble::NoKey)
}

impl From<ProtectError> for Trouble {
    fn from(_: ProtectError) -> Self {
        Trouble::NoKey
    }
}

impl From<KeyTrouble> for Trouble {
    fn from(trouble: KeyTrouble) -> Self {
        match trouble {
            KeyTrouble::Store(error) => error.into(),
            KeyTrouble::Vault(error) => error.into(),
            KeyTrouble::Known(_) => Trouble::NoKey,
        }
    }
}

impl LinkDesk {
    fn organisation(&self, ticket: &Ticket) -> Result<&Organisation, Trouble> {
        self.journey().organisations.find(ticket.org).map(AsRef::as_ref).ok_or(Trouble::NoMessage)
    }

    async fn read(
        &self,
        ticket: &Ticket,
        address: &Address,
        file: &[u8],
    ) -> Result<Result<Offered, NotOffered>, Trouble> {
        Self::may(ticket, Action::GiveKey)?;
        if is_private(file) {
            return Ok(Err(NotOffered::Private));
        }
        let bytes = file.to_vec();
        let read = tokio::task::spawn_blocking(move || Material::read_all(&bytes));
        let mut materials = read.await.ok().and_then(Result::ok).unwrap_or_default().into_iter();
        let (Some(material), None) = (materials.next(), materials.next()) else {
            return Ok(Err(NotOffered::Unreadable));
        };
        let offered = Offered {
            format: material.format(),
            fingerprint: material.fingerprint(),
            certificate: material.to_bytes(),
        };
        if offered.certificate.len() > KEY_BYTES_MAX {
            return Ok(Err(NotOffered::Unreadable));
        }
        let organisation = self.organisation(ticket)?;
        let kept = keys::of(self.journey(), organisation, address).await?;
        let known: Vec<keyring::Known> = kept.into_iter().map(|kept| kept.known).collect();
        let is_new = !known.iter().any(|key| key.fingerprint() == offered.fingerprint);
        if is_new && has_too_many(&known) {
            return Ok(Err(NotOffered::TooMany));
        }
        let id = RecipientKeyId::new(self.journey().clock.now(), self.journey().entropy.as_ref());
        let found = found(ticket, address, material, self.journey().clock.now());
        Ok(match keyring::learn(&known, found, &organisation.policy.keys, id) {
            Ok(_) => Ok(offered),
            Err(why) => Err(refused(&why)),
        })
    }

    async fn given(&self, ticket: &Ticket, address: &Address) -> Result<Vec<GivenKey>, Trouble> {
        Self::may(ticket, Action::GiveKey)?;
        let organisation = self.organisation(ticket)?;
        let kept = keys::of(self.journey(), organisation, address).await?;
        let known = kept.into_iter().map(|kept| kept.known);
        let is_shown = |key: &keyring::Known| {
            (key.is_given() || key.unwanted_since.is_some())
                && matches!(key.state, KeyState::Active | KeyState::HeldBack)
                && organisation.policy.keys.is_same_mailbox(&key.address, address)
        };
        let shown = |key: keyring::Known| GivenKey {
            id: key.id,
            format: key.format(),
            fingerprint: key.fingerprint(),
            // What the recipient said of it may be held back where the key is not.
            state: if key.claim.is_some() { KeyState::HeldBack } else { key.state },
            is_unwanted: key.unwanted_since.is_some(),
            since: key.claim.as_ref().map_or(key.first_seen, |claim| claim.since),
        };
        Ok(known.filter(is_shown).map(shown).collect())
    }
}

fn holder(ticket: &Ticket) -> Principal {
    Principal::Recipient { org: ticket.org, message: ticket.message, recipient: ticket.recipient }
}

fn refused(why: &NotLearned) -> NotOffered {
    match why {
        NotLearned::OtherAddress(_) => NotOffered::OtherAddress,
        NotLearned::Unusable(_) => NotOffered::Unusable,
        // A withdrawn key may be given again by its holder, who does that here.
        NotLearned::Rejected | NotLearned::Withdrawn => NotOffered::Rejected,
    }
}

/// Whether an address has as many keys from the portal as it may.
fn has_too_many(known: &[Known]) -> bool {
    let given = || known.iter().filter(|key| key.is_given());
    let kept = given().filter(|key| key.state != KeyState::Withdrawn).count();
    kept >= KEYS_MAX || given().count() >= KEYS_EVER_MAX
}

/// Whether it looks like a private key: as text, or as a packet of one (RFC 9580 §5.5.1.3).
fn is_private(file: &[u8]) -> bool {
    const WORDS: &[u8] = b"PRIVATE KEY";
    let packet = match file.first() {
        Some(byte) if byte & 0xc0 == 0xc0 => byte & 0x3f,
        Some(byte) if byte & 0xc0 == 0x80 => (byte >> 2) & 0x0f,
        _ => 0,
    };
    packet == 5 || file.windows(WORDS.len()).any(|window| window == WORDS)
}

impl KeyDesk for LinkDesk {
    fn takes_keys(&self, ticket: &Ticket) -> bool {
        let policy = self.organisation(ticket).map(|organisation| &organisation.policy.keys);
        policy.is_ok_and(|policy| {
            policy.end_to_end.contains(&KeySource::Recipient) || policy.transit.contains(&KeySource::Recipient)
        })
    }

    fn read_key<'a>(
        &'a self,
        ticket: &'a Ticket,
        address: &'a Address,
        file: &'a [u8],
    ) -> Pending<'a, Result<Result<Offered, NotOffered>, DeskError>> {
        Box::pin(async move { Ok(self.read(ticket, address, file).await?) })
    }

    fn given_keys<'a>(
        &'a self,
        ticket: &'a Ticket,
        address: &'a Address,
    ) -> Pending<'a, Result<Vec<GivenKey>, DeskError>> {
        Box::pin(async move { Ok(self.given(ticket, address).await?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_known_by_its_looks() {
        for private in
            [&b"-----BEGIN PGP PRIVATE KEY BLOCK-----"[..], b"-----BEGIN RSA PRIVATE KEY-----", &[0xc5, 1], &[0x95]]
        {
            assert!(is_private(private), "{private:?}");
        }
        for public in [&b"-----BEGIN PGP PUBLIC KEY BLOCK-----"[..], &[0xc6, 1], &[0x99], &[0x30, 0x82], b""] {
            assert!(!is_private(public), "{public:?}");
        }
    }
}
