//! The state of one recipient's link and the pure rules of its journey.
//!
//! Every bound of the portal stands here: what a code is worth and for how
//! long, how often it may be asked for, how many tries a message has in its
//! life. Time and entropy are handed in; a rule gives the next state and never
//! changes the one it was asked about. The state is kept sealed, as versioned
//! JSON, in the link's row.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use mail::seam::random;
use mail::{Address, Entropy, Level};
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::language::Language;
use super::passphrase::Passphrase;
use super::session::{Session, SessionToken};

/// A code works for this long.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// A code is void after this many wrong tries.
pub const CODE_TRIES_MAX: u8 = 5;
/// This many codes may be asked for within [`CODE_WINDOW`].
pub const CODES_MAX: usize = 5;
/// The window that [`CODES_MAX`] is counted in.
pub const CODE_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// This many wrong codes end a link.
pub const WRONG_CODES_MAX: u8 = 20;
/// This many wrong passphrases end a link.
pub const WRONG_PASSPHRASES_MAX: u8 = 10;

/// So many codes work at once: a scanner that pressed the button before the
/// recipient did must not void the recipient's code, but each code that works
/// makes guessing easier.
const LIVE_CODES_MAX: usize = 3;
const SESSIONS_MAX: usize = 4;
const OPENED_KEPT: usize = 20;
/// Clocks of two nodes differ a little; what was made further in the future
/// than this was made before the clock was set back, and no longer counts.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(2);
/// "Ask the clinic to send it again" is told to the clinic at most this often.
const ASK_EVERY: SignedDuration = SignedDuration::from_hours(24);

const FORMAT: u8 = 1;

/// Why a rule says no. Never shown as such: a visitor can't tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Five codes were sent within the hour.
    #[error("{CODES_MAX} codes were sent within the hour")]
    TooManyCodes,
    /// The wrong tries of this message's life are used up.
    #[error("the tries of this message are used up")]
    Locked,
    /// No code works at present.
    #[error("no code works at present")]
    NoCode,
    /// There is no such session, or it has ended.
    #[error("no such session")]
    NoSession,
    /// The clinic has been asked lately.
    #[error("the clinic has been asked within a day")]
    AskedLately,
}

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

/// How far a visitor has come who gave a right code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The message may be read.
    Open,
    /// The passphrase is asked next.
    NeedsPassphrase,
    /// A passphrase is needed and the sender gave none: only the sender can help.
    LacksPassphrase,
    /// Too many wrong passphrases.
    Locked,
    /// The link has expired.
    Expired,
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
    v: u8,
    recipient: Address,
    sender: Address,
    language: Language,
    created_at: Timestamp,
    expires_at: Timestamp,
    notified: Option<Notified>,
    passphrase: Option<Passphrase>,
    passphrase_required: bool,
    salt: [u8; 16],
    codes: Vec<IssuedCode>,
    wrong_codes: u8,
    wrong_passphrases: u8,
    sessions: Vec<Session>,
    opened: Vec<Timestamp>,
    asked_again_at: Option<Timestamp>,
}

/// A code of the last hour; without a hash once it was used, void or displaced.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct IssuedCode {
    at: Timestamp,
    hash: Option<[u8; 32]>,
    wrong_tries: u8,
}

impl LinkState {
    /// The state of a link that was just made.
    pub fn new(link: NewLink, now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self {
            v: FORMAT,
            recipient: link.recipient,
            sender: link.sender,
            language: link.language,
            created_at: now,
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
        Ok(serde_json::from_slice(bytes)?)
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

    /// Makes a code. An expired link makes one too: only who proves the mailbox
    /// is told that it expired.
    pub fn request_code(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<(Self, Code), Refusal> {
        if self.is_locked() {
            return Err(Refusal::Locked);
        }
        let mut next = self.clone();
        next.codes.retain(|code| now.duration_since(code.at) < CODE_WINDOW);
        if next.codes.len() >= CODES_MAX {
            return Err(Refusal::TooManyCodes);
        }
        let code = Code::new(entropy);
        next.codes.push(IssuedCode { at: now, hash: Some(code.hash(&next.salt)), wrong_tries: 0 });
        let displaced = next.codes.len().saturating_sub(LIVE_CODES_MAX);
        next.codes.iter_mut().take(displaced).for_each(|code| code.hash = None);
        Ok((next, code))
    }

    /// Tries a code. A right one is used up, and `token` becomes a session; a
    /// wrong one counts against every code that works, and against the link.
    pub fn enter_code(
        &self,
        now: Timestamp,
        code: &Code,
        token: &SessionToken,
    ) -> Result<(Self, Option<Stage>), Refusal> {
        if self.is_locked() {
            return Err(Refusal::Locked);
        }
        if !self.codes.iter().any(|issued| issued.is_live(now)) {
            return Err(Refusal::NoCode);
        }
        let mut next = self.clone();
        // Every code is compared, so that the time doesn't tell which one matched.
        let matched = self.codes.iter().enumerate().fold(None, |matched, (at, issued)| {
            let matches = issued.hash.is_some_and(|hash| code.matches(&self.salt, &hash));
            if matches && issued.is_live(now) { Some(at) } else { matched }
        });
        let Some(issued) = matched.and_then(|at| next.codes.get_mut(at)) else {
            next.count_wrong_code(now);
            return Ok((next, None));
        };
        issued.hash = None;
        next.begin_session(token, now);
        let stage = next.stage_of(!next.passphrase_required, now);
        Ok((next, Some(stage)))
    }

    /// Tries a passphrase that was compared beforehand (it takes long).
    pub fn enter_passphrase(
        &self,
        now: Timestamp,
        token: &SessionToken,
        matches: bool,
    ) -> Result<(Self, Stage), Refusal> {
        match self.visit(now, token) {
            None => return Err(Refusal::NoSession),
            Some(Stage::NeedsPassphrase) => {}
            Some(stage) => return Ok((self.clone(), stage)),
        }
        let mut next = self.clone();
        if !matches {
            next.wrong_passphrases = next.wrong_passphrases.saturating_add(1);
            let stage = next.stage_of(false, now);
            return Ok((next, stage));
        }
        for session in next.sessions.iter_mut().filter(|session| session.is_of(token)) {
            session.open = true;
            session.touch(now);
        }
        next.note_opened(now);
        Ok((next, Stage::Open))
    }

    /// How far the holder of that token has come; `None` is nobody.
    pub fn visit(&self, now: Timestamp, token: &SessionToken) -> Option<Stage> {
        let session = self.sessions.iter().find(|session| session.is_of(token) && session.is_live(now))?;
        Some(self.stage_of(session.open, now))
    }

    /// The state after a session was used, if that is worth writing down.
    pub fn touched(&self, now: Timestamp, token: &SessionToken) -> Option<Self> {
        let due = |session: &Session| session.is_of(token) && session.is_live(now) && session.wants_touch(now);
        let at = self.sessions.iter().position(due)?;
        let mut next = self.clone();
        next.sessions.get_mut(at)?.touch(now);
        Some(next)
    }

    /// Ends the session of that token.
    pub fn leave(&self, token: &SessionToken) -> Self {
        let mut next = self.clone();
        next.sessions.retain(|session| !session.is_of(token));
        next
    }

    /// The recipient asks the clinic to send the message again.
    pub fn ask_again(&self, now: Timestamp) -> Result<Self, Refusal> {
        if self.asked_again_at.is_some_and(|asked| now.duration_since(asked) < ASK_EVERY) {
            return Err(Refusal::AskedLately);
        }
        Ok(Self { asked_again_at: Some(now), ..self.clone() })
    }

    /// Tries of the passphrase that are left.
    pub fn passphrase_tries_left(&self) -> u8 {
        WRONG_PASSPHRASES_MAX.saturating_sub(self.wrong_passphrases)
    }

    fn is_locked(&self) -> bool {
        self.wrong_codes >= WRONG_CODES_MAX || self.passphrase_tries_left() == 0
    }

    fn stage_of(&self, open: bool, now: Timestamp) -> Stage {
        match () {
            () if now >= self.expires_at => Stage::Expired,
            () if open => Stage::Open,
            () if self.passphrase.is_none() => Stage::LacksPassphrase,
            () if self.passphrase_tries_left() == 0 => Stage::Locked,
            () => Stage::NeedsPassphrase,
        }
    }

    fn count_wrong_code(&mut self, now: Timestamp) {
        self.wrong_codes = self.wrong_codes.saturating_add(1);
        for issued in self.codes.iter_mut().filter(|issued| issued.is_live(now)) {
            issued.wrong_tries = issued.wrong_tries.saturating_add(1);
            if issued.wrong_tries >= CODE_TRIES_MAX {
                issued.hash = None;
            }
        }
    }

    fn begin_session(&mut self, token: &SessionToken, now: Timestamp) {
        self.sessions.retain(|session| session.is_live(now));
        let displaced = (self.sessions.len() + 1).saturating_sub(SESSIONS_MAX);
        self.sessions.drain(..displaced);
        let open = !self.passphrase_required;
        self.sessions.push(Session::new(token, open, now));
        if self.stage_of(open, now) == Stage::Open {
            self.note_opened(now);
        }
    }

    fn note_opened(&mut self, now: Timestamp) {
        let displaced = (self.opened.len() + 1).saturating_sub(OPENED_KEPT);
        self.opened.drain(..displaced);
        self.opened.push(now);
    }
}

impl IssuedCode {
    fn is_live(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        self.hash.is_some() && age < CODE_LIFE && age > -CLOCK_SLACK
    }
}

/// A state holds an address and hashes of secrets: nothing of it is debugged.
impl fmt::Debug for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkState(…)")
    }
}
