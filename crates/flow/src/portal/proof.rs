//! A key that a recipient gives at the portal, until it is proven: a code is
//! sealed to the key and mailed, and whoever enters it holds the private key
//! and reads the mailbox. Pure rules, as in [`rules`](super::rules).
//!
//! Who may give a key has shown more than a mailbox that somebody may read on
//! the way: a passphrase, or a code that was sent over verified TLS only.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use mail::recipient_key::in_groups;
use mail::seam::random;
use mail::{Entropy, KeyFormat, Level};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rules::{Refusal, Stage};
use super::session::{CLOCK_SLACK, SessionToken};
use super::state::LinkState;

/// A proof works for this long: sealed mail is not read on every device.
const PROOF_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// It is void after this many wrong tries.
const PROOF_TRIES_MAX: u8 = 5;
/// This many keys may be offered within [`PROOF_WINDOW`].
const PROOFS_MAX: usize = 5;
const PROOF_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Digits of Crockford's base 32: none is like another.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 12;

/// What is sealed to a key: sixty random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct ProofCode(String);

impl ProofCode {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let bytes: [u8; LENGTH] = random(entropy);
        Self(
            bytes
                .iter()
                .filter_map(|byte| DIGITS.get(usize::from(byte & 31)))
                .map(|digit| char::from(*digit))
                .collect(),
        )
    }

    /// Reads what a person typed or pasted.
    pub fn read(text: &str) -> Option<Self> {
        let digit = |c: char| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        };
        let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(LENGTH + 1);
        let read: String = kept.map(digit).collect();
        let is_code = read.len() == LENGTH && read.bytes().all(|byte| DIGITS.contains(&byte));
        is_code.then_some(Self(read))
    }

    /// In groups of four, as it is shown.
    pub fn text(&self) -> String {
        in_groups(&self.0, "-")
    }

    fn hash(&self, salt: &[u8; 16]) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&key(salt), self.0.as_bytes()).as_ref());
        hash
    }

    fn matches(&self, salt: &[u8; 16], hash: &[u8; 32]) -> bool {
        hmac::verify(&key(salt), self.0.as_bytes(), hash).is_ok()
    }
}

/// Another key than that of the codes that open a message.
fn key(salt: &[u8; 16]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[&salt[..], b"key"].concat())
}

impl fmt::Debug for ProofCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofCode(…)")
    }
}

/// A key that was offered: fit for use, and nothing is proven of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// OpenPGP or S/MIME.
    pub format: KeyFormat,
    /// Its fingerprint, hexadecimal.
    pub fingerprint: String,
    /// The certificate in binary.
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    pub certificate: Vec<u8>,
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// What a link's state keeps of keys that are offered.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proving {
    pending: Option<Pending>,
    begun: Vec<Timestamp>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    /// Which session offered it: no other one answers.
    session: [u8; 32],
    at: Timestamp,
    hash: [u8; 32],
    wrong_tries: u8,
    offered: Offered,
}

impl Proving {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_none() && self.begun.is_empty()
    }
}

impl LinkState {
    /// Whether the holder of that token may give, prove and remove keys.
    pub fn may_give_key(&self, now: Timestamp, token: &SessionToken) -> bool {
        let session = self.sessions.iter().find(|session| session.is_of(token) && session.is_live(now));
        let has_shown = |open: bool, verified: bool| open && (verified || self.passphrase_required);
        self.visit(now, token) == Some(Stage::Open)
            && session.is_some_and(|session| has_shown(session.open, session.verified))
    }

    /// The last code is sent only over a connection that proves this.
    pub fn code_needs(&self, level: Level) -> Self {
        let mut next = self.clone();
        if let Some(code) = next.codes.last_mut() {
            code.needs = Some(level);
        }
        next
    }

    /// A key is offered: the code is to be sealed to it. One that was offered
    /// before is forgotten.
    pub fn offer_key(
        &self,
        now: Timestamp,
        token: &SessionToken,
        offered: Offered,
        entropy: &dyn Entropy,
    ) -> Result<(Self, ProofCode), Refusal> {
        self.visit(now, token).ok_or(Refusal::NoSession)?;
        if !self.may_give_key(now, token) {
            return Err(Refusal::ProvesTooLittle);
        }
        let mut next = self.clone();
        next.proving.begun.retain(|at| now.duration_since(*at) < PROOF_WINDOW);
        if next.proving.begun.len() >= PROOFS_MAX {
            return Err(Refusal::TooManyCodes);
        }
        let code = ProofCode::new(entropy);
        next.proving.begun.push(now);
        let (session, hash) = (token.hash(), code.hash(&self.salt));
        next.proving.pending = Some(Pending { session, at: now, hash, wrong_tries: 0, offered });
        Ok((next, code))
    }

    /// The key that the holder of that token offered and has not proven.
    pub fn offered_key(&self, now: Timestamp, token: &SessionToken) -> Option<&Offered> {
        self.pending(now, token).map(|pending| &pending.offered)
    }

    /// Tries the code that was sealed to the key. A right one gives the key,
    /// once; a wrong one counts.
    pub fn prove_key(
        &self,
        now: Timestamp,
        token: &SessionToken,
        code: &ProofCode,
    ) -> Result<(Self, Option<Offered>), Refusal> {
        self.visit(now, token).ok_or(Refusal::NoSession)?;
        if !self.may_give_key(now, token) {
            return Err(Refusal::ProvesTooLittle);
        }
        let pending = self.pending(now, token).ok_or(Refusal::NoCode)?;
        let mut next = self.clone();
        if code.matches(&self.salt, &pending.hash) {
            next.proving.pending = None;
            return Ok((next, Some(pending.offered.clone())));
        }
        let wrong_tries = pending.wrong_tries.saturating_add(1);
        next.proving.pending = (wrong_tries < PROOF_TRIES_MAX).then(|| Pending { wrong_tries, ..pending.clone() });
        Ok((next, None))
    }

    /// The recipient offers the key no more.
    pub fn withdraw_key(&self) -> Self {
        let mut next = self.clone();
        next.proving.pending = None;
        next
    }

    fn pending(&self, now: Timestamp, token: &SessionToken) -> Option<&Pending> {
        let is_live = |pending: &&Pending| {
            let age = now.duration_since(pending.at);
            age < PROOF_LIFE && age > -CLOCK_SLACK && pending.session == token.hash()
        };
        self.proving.pending.as_ref().filter(is_live).filter(|_| self.may_give_key(now, token))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Seeded, at, link, link_with, token};
    use super::*;

    fn offered() -> Offered {
        Offered { format: KeyFormat::OpenPgp, fingerprint: "AB".to_owned(), certificate: vec![1, 2, 3] }
    }

    /// A session whose code needed this of its connection.
    fn opened(state: &LinkState, needs: Level) -> LinkState {
        let (state, code) = state.request_code(at(0), &Seeded::new(1)).unwrap();
        state.code_needs(needs).enter_code(at(1), &code, &token(1)).unwrap().0
    }

    fn offer(state: &LinkState, second: i64) -> (LinkState, ProofCode) {
        state.offer_key(at(second), &token(1), offered(), &Seeded::new(second.unsigned_abs())).unwrap()
    }

    fn refused(state: &LinkState) -> Option<Refusal> {
        state.offer_key(at(2), &token(1), offered(), &Seeded::new(2)).err()
    }

    #[test]
    fn a_key_may_be_given_after_a_verified_code_or_a_passphrase() {
        assert_eq!(refused(&opened(&link(), Level::Verified)), None);
        assert_eq!(refused(&opened(&link(), Level::Anchored)), None);
        assert_eq!(refused(&opened(&link(), Level::Encrypted)), Some(Refusal::ProvesTooLittle));
        let (state, code) = link().request_code(at(0), &Seeded::new(1)).unwrap();
        let unsaid = state.enter_code(at(1), &code, &token(1)).unwrap().0;
        assert_eq!(refused(&unsaid), Some(Refusal::ProvesTooLittle));
        let before = opened(&link_with("blue kettle"), Level::Verified);
        assert_eq!(refused(&before), Some(Refusal::ProvesTooLittle), "the passphrase is not entered yet");
        let after = opened(&link_with("blue kettle"), Level::None).enter_passphrase(at(2), &token(1), true).unwrap().0;
        assert_eq!(refused(&after), None);
        assert_eq!(refused(&link()), Some(Refusal::NoSession));
    }

    #[test]
    fn a_right_code_gives_the_key_once() {
        let (state, code) = offer(&opened(&link(), Level::Verified), 2);
        assert_eq!(state.offered_key(at(3), &token(1)), Some(&offered()));
        let (state, given) = state.prove_key(at(3), &token(1), &code).unwrap();
        assert_eq!(given, Some(offered()));
        assert_eq!(state.offered_key(at(3), &token(1)), None);
        assert_eq!(state.prove_key(at(3), &token(1), &code).err(), Some(Refusal::NoCode));
    }

    #[test]
    fn five_wrong_codes_end_an_offer() {
        let (mut state, code) = offer(&opened(&link(), Level::Verified), 2);
        let wrong = ProofCode::read("0000-0000-0000").unwrap();
        assert!(wrong != code);
        for _ in 0..PROOF_TRIES_MAX {
            let (next, given) = state.prove_key(at(3), &token(1), &wrong).unwrap();
            assert_eq!(given, None);
            state = next;
        }
        assert_eq!(state.prove_key(at(3), &token(1), &code).err(), Some(Refusal::NoCode));
    }

    #[test]
    fn an_offer_is_of_its_session_and_of_its_hour() {
        let (state, code) = offer(&opened(&link(), Level::Verified), 2);
        let (state, second) = state.request_code(at(3), &Seeded::new(3)).unwrap();
        let state = state.code_needs(Level::Verified).enter_code(at(4), &second, &token(2)).unwrap().0;
        assert!(state.may_give_key(at(5), &token(2)));
        assert_eq!(state.prove_key(at(5), &token(2), &code).err(), Some(Refusal::NoCode), "another session");
        let touched = |state: LinkState, second| state.touched(at(second), &token(1)).unwrap();
        let state = [800, 1_600, 2_400, 3_200].into_iter().fold(state, touched);
        assert!(state.offered_key(at(3_601), &token(1)).is_some());
        assert_eq!(state.prove_key(at(3_602), &token(1), &code).err(), Some(Refusal::NoCode), "an hour later");
    }

    #[test]
    fn five_keys_a_day_are_offered_and_the_last_one_counts() {
        let mut state = opened(&link(), Level::Verified);
        let mut codes = Vec::new();
        for second in 2..7 {
            let (next, code) = offer(&state, second);
            (state, _) = (next, codes.push(code));
        }
        let more = state.offer_key(at(8), &token(1), offered(), &Seeded::new(8)).err();
        assert_eq!(more, Some(Refusal::TooManyCodes));
        assert_eq!(state.prove_key(at(8), &token(1), &codes[0]).unwrap().1, None, "an earlier one");
        assert!(state.prove_key(at(8), &token(1), &codes[4]).unwrap().1.is_some());
        assert_eq!(state.withdraw_key().prove_key(at(8), &token(1), &codes[4]).err(), Some(Refusal::NoCode));
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = ProofCode::new(&Seeded::new(4));
        assert_eq!(ProofCode::read(&code.text()), Some(code.clone()));
        assert_eq!(ProofCode::read(&format!(" {} ", code.text().to_lowercase().replace('-', " "))), Some(code));
        assert_eq!(ProofCode::read("OIL0-0000-0000"), ProofCode::read("0110-0000-0000"));
        for text in ["", "0000-0000-000", "0000-0000-0000-0", "0000-0000-000U", "0000-0000-000é"] {
            assert_eq!(ProofCode::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_offer_survives_the_bytes_of_its_state() {
        let (state, _) = offer(&opened(&link(), Level::Verified), 2);
        assert!(LinkState::from_bytes(&state.to_bytes()).unwrap() == state);
        assert!(!String::from_utf8(link().to_bytes()).unwrap().contains("proving"));
    }
}
