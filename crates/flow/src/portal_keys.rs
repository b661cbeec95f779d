//! The portal's window to keys that recipients give: read, kept and removed as
//! any other, with the recipient as the one who did it.

use std::net::IpAddr;

use identity::{Action, Principal};
use keyring::{Found, Lesson, Material, NotLearned};
use ledger::Event;
use mail::{Address, KeySource, KeyState, Level, Recipient, RecipientKeyId};
use seal::protect::{HeaderPolicy, Keys, ProtectError, Protection, Replies, protect};
use seal::{Edits, Grounds, Parcel};

use crate::case::{Case, Changes};
use crate::keys::{self, KeyTrouble, NotKept, NotManaged};
use crate::organisation::Organisation;
use crate::portal::{
    self, DeskError, GivenKey, KeyDesk, KeyNote, KeyStep, LinkState, NotOffered, Offered, Pending, ProofCode, Ticket,
    Told,
};
use crate::portal_desk::{LinkDesk, Trouble};

/// A key with more is not kept in a link's state.
const KEY_BYTES_MAX: usize = 64 * 1024;
/// Keys that one address has from the portal, whatever became of them.
const KEYS_MAX: usize = 8;

/// Carries out what a step of a link does about a key.
pub(crate) fn step(
    case: &Case<'_>,
    state: &LinkState,
    step: &KeyStep,
    (peer, grounds): (Option<IpAddr>, Grounds),
    changes: &mut Changes,
) -> Result<(), Trouble> {
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
        KeyStep::Proven(offered) => {
            tell(case, state, (offered.format, &offered.fingerprint), Told::Given, changes);
            let fingerprint = offered.fingerprint.clone();
            changes.event(Event::KeyProven { recipient, fingerprint, peer });
        }
        KeyStep::Removed(key) => tell(case, state, (key.format, &key.fingerprint), Told::Removed, changes),
    }
    Ok(())
}

/// Tells the address, over whatever connection there is: it must not fail to be told.
fn tell(
    case: &Case<'_>,
    state: &LinkState,
    (format, fingerprint): (mail::KeyFormat, &str),
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
    (format, fingerprint): (mail::KeyFormat, &str),
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

    /// What becomes of a key from this recipient, before it is proven and after.
    fn found(&self, ticket: &Ticket, address: &Address, material: Material) -> Found {
        Found {
            address: address.clone(),
            material,
            source: KeySource::Recipient,
            detail: format!("at the portal, with {}", ticket.message),
            is_bound_by_hand: false,
            vouched_by: Vec::new(),
            prefers_encryption: None,
            at: self.journey().clock.now(),
        }
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
        if is_new && known.iter().filter(|key| key.source == KeySource::Recipient).count() >= KEYS_MAX {
            return Ok(Err(NotOffered::TooMany));
        }
        let id = RecipientKeyId::new(self.journey().clock.now(), self.journey().entropy.as_ref());
        let found = self.found(ticket, address, material);
        Ok(match keyring::learn(&known, found, &organisation.policy.keys, id) {
            Ok(_) => Ok(offered),
            Err(why) => Err(refused(&why)),
        })
    }

    async fn keep(
        &self,
        ticket: &Ticket,
        address: &Address,
        offered: &Offered,
    ) -> Result<Result<bool, NotOffered>, Trouble> {
        Self::may(ticket, Action::GiveKey)?;
        let material = Material::read_all(&offered.certificate).ok().and_then(|all| all.into_iter().next());
        let found = self.found(ticket, address, material.ok_or(Trouble::NoKey)?);
        let by = holder(ticket).to_string();
        match keys::learn(self.journey(), self.organisation(ticket)?, found, &by).await {
            Ok(Lesson::Held(_)) => Ok(Ok(true)),
            Ok(Lesson::Updated(known) | Lesson::Seen(known)) => Ok(Ok(known.state == KeyState::HeldBack)),
            Ok(Lesson::New(..) | Lesson::Accepted(..)) => Ok(Ok(false)),
            Err(NotKept::NotLearned(why)) => Ok(Err(refused(&why))),
            Err(NotKept::Trouble(trouble)) => Err(trouble.into()),
        }
    }

    async fn given(&self, ticket: &Ticket, address: &Address) -> Result<Vec<GivenKey>, Trouble> {
        Self::may(ticket, Action::GiveKey)?;
        let organisation = self.organisation(ticket)?;
        let kept = keys::of(self.journey(), organisation, address).await?;
        let known = kept.into_iter().map(|kept| kept.known);
        let is_shown = |key: &keyring::Known| {
            key.source == KeySource::Recipient
                && matches!(key.state, KeyState::Active | KeyState::HeldBack)
                && organisation.policy.keys.is_same_mailbox(&key.address, address)
        };
        let shown = |key: keyring::Known| GivenKey {
            id: key.id,
            format: key.format(),
            fingerprint: key.fingerprint(),
            state: key.state,
            since: key.first_seen,
        };
        Ok(known.filter(is_shown).map(shown).collect())
    }

    async fn forget(&self, ticket: &Ticket, key: RecipientKeyId) -> Result<(), Trouble> {
        Self::may(ticket, Action::GiveKey)?;
        let by = holder(ticket).to_string();
        match keys::remove(self.journey(), self.organisation(ticket)?, key, &by).await {
            Ok(_) | Err(NotManaged::NoSuchKey) => Ok(()),
            Err(NotManaged::Trouble(trouble)) => Err(trouble.into()),
            Err(NotManaged::Unusable(_) | NotManaged::Contended) => Err(Trouble::NoKey),
        }
    }
}

fn holder(ticket: &Ticket) -> Principal {
    Principal::Recipient { org: ticket.org, message: ticket.message, recipient: ticket.recipient }
}

fn refused(why: &NotLearned) -> NotOffered {
    match why {
        NotLearned::OtherAddress(_) => NotOffered::OtherAddress,
        NotLearned::Unusable(_) => NotOffered::Unusable,
        NotLearned::Rejected => NotOffered::Rejected,
    }
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

    fn keep_key<'a>(
        &'a self,
        ticket: &'a Ticket,
        address: &'a Address,
        offered: &'a Offered,
    ) -> Pending<'a, Result<Result<bool, NotOffered>, DeskError>> {
        Box::pin(async move { Ok(self.keep(ticket, address, offered).await?) })
    }

    fn given_keys<'a>(
        &'a self,
        ticket: &'a Ticket,
        address: &'a Address,
    ) -> Pending<'a, Result<Vec<GivenKey>, DeskError>> {
        Box::pin(async move { Ok(self.given(ticket, address).await?) })
    }

    fn remove_key<'a>(&'a self, ticket: &'a Ticket, key: RecipientKeyId) -> Pending<'a, Result<(), DeskError>> {
        Box::pin(async move { Ok(self.forget(ticket, key).await?) })
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
