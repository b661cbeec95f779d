//! The state of one recipient's link: what is kept sealed, as versioned JSON,
//! in the link's row, and what the delivery of its notice changes in it.
//!
//! The rules for visitors are in `rules`.

use std::fmt;

use jiff::Timestamp;
use mail::seam::random;
use mail::{Address, Entropy, Level, MessageId};
use serde::{Deserialize, Serialize};

use super::language::Language;
use super::passphrase::Passphrase;
use super::proof::Proving;
use super::session::Session;

/// 2: a link knows replies, and may be withdrawn. Who knows only 1 must not
/// show what was withdrawn.
const FORMAT: u8 = 2;

/// Why stored bytes are no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Written by a later version.
    #[error("the link's state has format {0}, this version knows {FORMAT}")]
    Newer(u8),
    /// Not what this version writes.
    #[error("the link's state is damaged")]
    Damaged(#[from] serde_json::Error),
}

/// What a link is made from.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// Whose link it is, and where codes go.
    pub recipient: Address,
    /// Whom notices and codes come from.
    pub sender: Address,
    /// The language of the mails, and of the pages once a code was right.
    pub language: Language,
    /// What the sender gave.
    pub passphrase: Option<Passphrase>,
    /// Whether the passphrase is asked from the start.
    pub passphrase_required: bool,
    /// When the link stops showing the message.
    pub expires_at: Timestamp,
}

/// When and how well the notice was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// When the recipient's server took it.
    pub at: Timestamp,
    /// What the connection proved.
    pub proved: Level,
}

/// One recipient's link.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    pub(super) v: u8,
    pub(super) recipient: Address,
    pub(super) sender: Address,
    pub(super) language: Language,
    pub(super) expires_at: Timestamp,
    pub(super) notified: Option<Notified>,
    pub(super) passphrase: Option<Passphrase>,
    pub(super) passphrase_required: bool,
    pub(super) salt: [u8; 16],
    pub(super) codes: Vec<IssuedCode>,
    pub(super) wrong_codes: u8,
    pub(super) wrong_passphrases: u8,
    pub(super) sessions: Vec<Session>,
    pub(super) opened: Vec<Timestamp>,
    pub(super) asked_again_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Proving::is_empty")]
    pub(super) proving: Proving,
    #[serde(default)]
    pub(super) replies: Vec<ReplyNoted>,
    #[serde(default)]
    pub(super) withdrawn_at: Option<Timestamp>,
}

/// A reply that was begun: whoever sends the same form again finds its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyNoted {
    /// The form's number.
    pub(super) form: [u8; 16],
    /// The message that it becomes, once it is whole.
    pub message: MessageId,
    /// When it was begun.
    pub at: Timestamp,
}

/// A code of the last hour; without a hash once it was used, void or displaced.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IssuedCode {
    pub(super) at: Timestamp,
    pub(super) hash: Option<[u8; 32]>,
    pub(super) wrong_tries: u8,
    /// What the connection must prove that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) needs: Option<Level>,
}

impl LinkState {
    /// The state of a link that was just made.
    pub fn new(link: NewLink, entropy: &dyn Entropy) -> Self {
        Self {
            v: FORMAT,
            recipient: link.recipient,
            sender: link.sender,
            language: link.language,
            expires_at: link.expires_at,
            notified: None,
            passphrase: link.passphrase,
            passphrase_required: link.passphrase_required,
            salt: random(entropy),
            codes: Vec::new(),
            wrong_codes: 0,
            wrong_passphrases: 0,
            sessions: Vec::new(),
            opened: Vec::new(),
            asked_again_at: None,
            proving: Proving::default(),
            replies: Vec::new(),
            withdrawn_at: None,
        }
    }

    /// The bytes to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a state has only string keys and finite numbers")
    }

    /// Reads opened bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Format {
            v: u8,
        }
        let format: Format = serde_json::from_slice(bytes)?;
        if format.v > FORMAT {
            return Err(StateError::Newer(format.v));
        }
        let state: Self = serde_json::from_slice(bytes)?;
        Ok(Self { v: FORMAT, ..state })
    }

    /// Whose link it is, and where codes go.
    pub fn recipient(&self) -> &Address {
        &self.recipient
    }

    /// Whom notices and codes come from.
    pub fn sender(&self) -> &Address {
        &self.sender
    }

    /// The language of the mails.
    pub fn language(&self) -> Language {
        self.language
    }

    /// When the link stops showing the message.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How the notice was delivered, once it was.
    pub fn notified(&self) -> Option<Notified> {
        self.notified
    }

    /// What the sender gave.
    pub fn passphrase(&self) -> Option<&Passphrase> {
        self.passphrase.as_ref()
    }

    /// Whether a right code alone does not open the message.
    pub fn passphrase_required(&self) -> bool {
        self.passphrase_required
    }

    /// Whether a passphrase is required that the sender has not given: the
    /// message is held until [`LinkState::with_passphrase`].
    pub fn lacks_passphrase(&self) -> bool {
        self.passphrase_required && self.passphrase.is_none()
    }

    /// When the message was opened, oldest first; the last twenty times.
    pub fn opened(&self) -> &[Timestamp] {
        &self.opened
    }

    /// The replies that were begun, oldest first.
    pub fn replies(&self) -> &[ReplyNoted] {
        &self.replies
    }

    /// When the message was recalled, if it was.
    pub fn withdrawn_at(&self) -> Option<Timestamp> {
        self.withdrawn_at
    }

    /// The message is recalled: nobody reads it any more, in sessions that are
    /// open neither.
    pub fn withdrawn(&self, now: Timestamp) -> Self {
        Self { withdrawn_at: Some(self.withdrawn_at.unwrap_or(now)), ..self.clone() }
    }

    /// The notice was delivered over a connection that proved `proved`;
    /// `best` is the best level that the domain has ever shown.
    ///
    /// Where it proved less than a code would need, someone may be reading the
    /// way to this mailbox: from then on the passphrase is required.
    pub fn notice_delivered(&self, proved: Level, best: Level, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.notified = Some(Notified { at: now, proved });
        if proved < best.max(Level::Encrypted) { next.require_passphrase() } else { next }
    }

    /// From now on a code alone opens nothing, also where it just did: the
    /// domain shows less than it once did.
    pub fn require_passphrase(&self) -> Self {
        let mut next = self.clone();
        if !next.passphrase_required {
            next.passphrase_required = true;
            next.sessions.clear();
        }
        next
    }

    /// The sender gave a passphrase afterwards.
    pub fn with_passphrase(&self, passphrase: Passphrase) -> Self {
        Self { passphrase: Some(passphrase), passphrase_required: true, sessions: Vec::new(), ..self.clone() }
    }

    /// What the connection that carries a code must prove, `best` being the
    /// best level that the domain has ever shown: that, and TLS at the least.
    /// Only where a passphrase guards the message may a code need nothing.
    pub fn code_level(&self, best: Level) -> Level {
        let guarded = self.passphrase_required && self.passphrase.is_some();
        if guarded { Level::None } else { best.max(Level::Encrypted) }
    }

    /// The recipient chose a language on the page: mails follow.
    pub fn in_language(&self, language: Language) -> Self {
        Self { language, ..self.clone() }
    }
}

/// A state holds an address and hashes of secrets: nothing of it is debugged.
impl fmt::Debug for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkState(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Seeded, at, link, link_with};
    use super::*;

    #[test]
    fn a_state_survives_its_bytes() {
        let (state, _) = link_with("blue kettle").notice_delivered(Level::None, Level::None, at(1)).asked();
        assert!(LinkState::from_bytes(&state.to_bytes()).unwrap() == state);
    }

    impl LinkState {
        fn asked(&self) -> (Self, super::super::Code) {
            self.request_code(at(2), &Seeded::new(5)).unwrap()
        }
    }

    #[test]
    fn a_later_format_and_damage_are_told_apart() {
        assert!(matches!(LinkState::from_bytes(br#"{"v":3,"new":true}"#), Err(StateError::Newer(3))));
        assert!(matches!(LinkState::from_bytes(br#"{"v":1}"#), Err(StateError::Damaged(_))));
        assert!(matches!(LinkState::from_bytes(b"\xff"), Err(StateError::Damaged(_))));
    }

    #[test]
    fn a_weak_notice_makes_the_passphrase_required() {
        let check = |proved, best, required| {
            let state = link().notice_delivered(proved, best, at(0));
            assert_eq!(state.passphrase_required(), required, "{proved} of {best}");
            assert_eq!(state.lacks_passphrase(), required);
            assert_eq!(state.notified(), Some(Notified { at: at(0), proved }));
        };
        check(Level::None, Level::None, true);
        check(Level::None, Level::Verified, true);
        check(Level::Encrypted, Level::None, false);
        check(Level::Encrypted, Level::Verified, true);
        check(Level::Verified, Level::Verified, false);
        check(Level::Anchored, Level::Verified, false);
    }

    #[test]
    fn a_code_needs_the_best_level_unless_a_passphrase_guards_the_message() {
        let plain = link();
        assert_eq!(plain.code_level(Level::None), Level::Encrypted);
        assert_eq!(plain.code_level(Level::Verified), Level::Verified);
        assert_eq!(plain.code_level(Level::Anchored), Level::Anchored);
        assert_eq!(
            plain.require_passphrase().code_level(Level::Verified),
            Level::Verified,
            "there is none to guard it"
        );
        assert_eq!(link_with("blue kettle").code_level(Level::Verified), Level::None);
    }

    #[test]
    fn nothing_of_a_state_is_debugged() {
        assert_eq!(format!("{:?}", link()), "LinkState(…)");
    }
}
