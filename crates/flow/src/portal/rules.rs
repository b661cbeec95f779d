//! The rules of a visitor's journey, pure: a rule is asked with the time and
//! gives the next state; it never changes the one it was asked about.
//!
//! Every bound of the portal stands here: what a code is worth and for how
//! long, how often it may be asked for, how many tries a message has in its life.

use jiff::{SignedDuration, Timestamp};
use mail::{Entropy, Level, MessageId};

use super::code::Code;
use super::reply::FormToken;
use super::session::{CLOCK_SLACK, Session, SessionToken};
use super::state::{IssuedCode, LinkState, ReplyNoted};

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
/// This many replies may be begun within [`REPLY_WINDOW`].
pub const REPLIES_MAX: usize = 10;
/// The window that [`REPLIES_MAX`] is counted in.
pub const REPLY_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// This many replies may be begun in a message's life.
pub const REPLIES_KEPT_MAX: usize = 40;
/// This many wrong passphrases end a link.
pub const WRONG_PASSPHRASES_MAX: u8 = 10;

/// So many codes work at once: a scanner that pressed the button before the
/// recipient did must not void the recipient's code, but each code that works
/// makes guessing easier.
const LIVE_CODES_MAX: usize = 3;
const SESSIONS_MAX: usize = 4;
const OPENED_KEPT: usize = 20;
/// "Ask the clinic to send it again" is told to the clinic at most this often.
const ASK_EVERY: SignedDuration = SignedDuration::from_hours(24);

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
    /// Neither a passphrase nor a code over verified TLS: too little for a key.
    #[error("the session proves too little for that")]
    ProvesTooLittle,
    /// So many replies were begun that there can be no more for now.
    #[error("{REPLIES_MAX} replies were begun within a day, or {REPLIES_KEPT_MAX} in all")]
    TooManyReplies,
    /// The clinic has been asked lately.
    #[error("the clinic has been asked within a day")]
    AskedLately,
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
    /// The message was recalled.
    Withdrawn,
}

impl LinkState {
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
        next.codes.push(IssuedCode { at: now, hash: Some(code.hash(&next.salt)), wrong_tries: 0, needs: None });
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
        let verified = issued.needs.is_some_and(|needs| needs >= Level::Verified);
        next.begin_session(token, verified, now);
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

    /// Begins a reply, or finds the one that the same form began: nobody replies
    /// twice by pressing twice.
    pub fn begin_reply(
        &self,
        now: Timestamp,
        token: &SessionToken,
        form: FormToken,
        message: MessageId,
    ) -> Result<(Self, MessageId), Refusal> {
        if self.visit(now, token) != Some(Stage::Open) {
            return Err(Refusal::NoSession);
        }
        if let Some(begun) = self.replies.iter().find(|noted| noted.form == form.number()) {
            return Ok((self.clone(), begun.message));
        }
        let lately = self.replies.iter().filter(|noted| now.duration_since(noted.at) < REPLY_WINDOW).count();
        if lately >= REPLIES_MAX || self.replies.len() >= REPLIES_KEPT_MAX {
            return Err(Refusal::TooManyReplies);
        }
        let mut next = self.clone();
        next.replies.push(ReplyNoted { form: form.number(), message, at: now });
        next.sessions.iter_mut().filter(|session| session.is_of(token)).for_each(|session| session.touch(now));
        Ok((next, message))
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
            () if self.withdrawn_at.is_some() => Stage::Withdrawn,
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

    fn begin_session(&mut self, token: &SessionToken, verified: bool, now: Timestamp) {
        self.sessions.retain(|session| session.is_live(now));
        let displaced = (self.sessions.len() + 1).saturating_sub(SESSIONS_MAX);
        self.sessions.drain(..displaced);
        let open = !self.passphrase_required;
        self.sessions.push(Session::new(token, open, verified, now));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Seeded, at, link, link_with, token};
    use super::*;

    const MINUTE: i64 = 60;

    fn sent(state: &LinkState, second: i64) -> (LinkState, Code) {
        state.request_code(at(second), &Seeded::new(second.unsigned_abs())).unwrap()
    }

    fn wrong(right: &Code) -> Code {
        Code::read(if right.digits() == "111111" { "222222" } else { "111111" }).unwrap()
    }

    #[test]
    fn a_right_code_opens_once() {
        let (state, code) = sent(&link(), 0);
        let (state, stage) = state.enter_code(at(9 * MINUTE), &code, &token(1)).unwrap();
        assert_eq!(stage, Some(Stage::Open));
        assert_eq!(state.opened(), [at(9 * MINUTE)]);
        assert_eq!(state.visit(at(9 * MINUTE), &token(1)), Some(Stage::Open));
        assert_eq!(state.visit(at(9 * MINUTE), &token(2)), None);
        assert_eq!(state.enter_code(at(9 * MINUTE), &code, &token(2)).err(), Some(Refusal::NoCode));
    }

    #[test]
    fn a_code_works_for_ten_minutes() {
        let (state, code) = sent(&link(), 0);
        assert!(state.enter_code(at(10 * MINUTE - 1), &code, &token(1)).is_ok());
        assert_eq!(state.enter_code(at(10 * MINUTE), &code, &token(1)).err(), Some(Refusal::NoCode));
        assert_eq!(state.enter_code(at(-3 * MINUTE), &code, &token(1)).err(), Some(Refusal::NoCode), "clock set back");
    }

    #[test]
    fn a_code_is_void_after_five_wrong_tries() {
        let (mut state, code) = sent(&link(), 0);
        for _ in 0..CODE_TRIES_MAX {
            let (next, stage) = state.enter_code(at(1), &wrong(&code), &token(1)).unwrap();
            assert_eq!(stage, None);
            state = next;
        }
        assert_eq!(state.enter_code(at(1), &code, &token(1)).err(), Some(Refusal::NoCode));
    }

    #[test]
    fn a_second_code_does_not_void_the_first() {
        let (state, first) = sent(&link(), 0);
        let (state, second) = sent(&state, 10);
        for code in [&first, &second] {
            assert_eq!(state.enter_code(at(20), code, &token(1)).unwrap().1, Some(Stage::Open));
        }
        let (state, _) = sent(&sent(&state, 11).0, 12);
        assert_eq!(state.enter_code(at(20), &first, &token(1)).unwrap().1, None, "three work at once");
    }

    #[test]
    fn five_codes_an_hour_are_sent() {
        let mut state = link();
        for second in 0..5 {
            state = sent(&state, second).0;
        }
        let refused = |second| state.request_code(at(second), &Seeded::new(9)).err();
        assert_eq!(refused(5), Some(Refusal::TooManyCodes));
        assert_eq!(refused(60 * MINUTE - 1), Some(Refusal::TooManyCodes));
        assert_eq!(refused(60 * MINUTE), None);
    }

    #[test]
    fn twenty_wrong_tries_end_the_link() {
        let mut state = link();
        let mut second = 0;
        for tried in 0..WRONG_CODES_MAX {
            if tried % CODE_TRIES_MAX == 0 {
                second += 61 * MINUTE;
                state = sent(&state, second).0;
            }
            state = state.enter_code(at(second), &Code::read("000000").unwrap(), &token(1)).unwrap().0;
        }
        let later = at(second + 48 * 60 * MINUTE);
        assert_eq!(state.request_code(later, &Seeded::new(1)).err(), Some(Refusal::Locked));
        assert_eq!(
            state.enter_code(later, &Code::read("000000").unwrap(), &token(1)).err(),
            Some(Refusal::Locked),
            "a locked link compares nothing"
        );
    }

    #[test]
    fn a_passphrase_stands_between_the_code_and_the_message() {
        let (state, code) = sent(&link_with("blue kettle"), 0);
        let (state, stage) = state.enter_code(at(1), &code, &token(1)).unwrap();
        assert_eq!(stage, Some(Stage::NeedsPassphrase));
        assert!(state.opened().is_empty());
        let (state, stage) = state.enter_passphrase(at(2), &token(1), false).unwrap();
        assert_eq!(stage, Stage::NeedsPassphrase);
        assert_eq!(state.enter_passphrase(at(2), &token(2), true).err(), Some(Refusal::NoSession));
        let (state, stage) = state.enter_passphrase(at(3), &token(1), true).unwrap();
        assert_eq!((stage, state.opened()), (Stage::Open, &[at(3)][..]));
        assert_eq!(state.visit(at(3), &token(1)), Some(Stage::Open));
    }

    #[test]
    fn ten_wrong_passphrases_end_the_link() {
        let (state, code) = sent(&link_with("blue kettle"), 0);
        let mut state = state.enter_code(at(1), &code, &token(1)).unwrap().0;
        for left in (0..WRONG_PASSPHRASES_MAX).rev() {
            let (next, stage) = state.enter_passphrase(at(2), &token(1), false).unwrap();
            assert_eq!(stage, if left == 0 { Stage::Locked } else { Stage::NeedsPassphrase });
            assert_eq!(next.passphrase_tries_left(), left);
            state = next;
        }
        assert_eq!(state.enter_passphrase(at(3), &token(1), true).unwrap().1, Stage::Locked, "also a right one");
        assert_eq!(state.request_code(at(3), &Seeded::new(1)).err(), Some(Refusal::Locked));
    }

    #[test]
    fn a_passphrase_that_is_required_and_missing_opens_nothing() {
        let (state, code) = sent(&link().require_passphrase(), 0);
        let (state, stage) = state.enter_code(at(1), &code, &token(1)).unwrap();
        assert_eq!(stage, Some(Stage::LacksPassphrase));
        assert_eq!(state.enter_passphrase(at(1), &token(1), true).unwrap().1, Stage::LacksPassphrase);
    }

    #[test]
    fn a_requirement_that_comes_later_ends_what_a_code_alone_opened() {
        let (state, code) = sent(&link(), 0);
        let state = state.enter_code(at(1), &code, &token(1)).unwrap().0;
        assert_eq!(state.require_passphrase().visit(at(2), &token(1)), None);
    }

    #[test]
    fn only_who_proves_the_mailbox_learns_that_a_link_expired() {
        let late = link().expires_at().as_second() - at(0).as_second();
        let (state, code) = sent(&link(), late);
        let (state, stage) = state.enter_code(at(late + 1), &code, &token(1)).unwrap();
        assert_eq!((stage, state.opened()), (Some(Stage::Expired), &[][..]));
        let (state, code) = sent(&link(), late - 5);
        let state = state.enter_code(at(late - 1), &code, &token(1)).unwrap().0;
        assert_eq!(state.visit(at(late - 1), &token(1)), Some(Stage::Open));
        assert_eq!(state.visit(at(late), &token(1)), Some(Stage::Expired), "in the midst of a session");
    }

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let (state, code) = sent(&link(), 0);
        let mut state = state.enter_code(at(0), &code, &token(1)).unwrap().0;
        assert!(state.touched(at(59), &token(1)).is_none(), "not every request is a write");
        for minutes in (14..12 * 60).step_by(14) {
            state = state.touched(at(minutes * MINUTE), &token(1)).unwrap();
        }
        assert_eq!(state.visit(at(12 * 60 * MINUTE), &token(1)), None);
        let state = sent(&link(), 0).0.enter_code(at(0), &sent(&link(), 0).1, &token(1)).unwrap().0;
        assert!(state.visit(at(15 * MINUTE - 1), &token(1)).is_some());
        assert!(state.visit(at(15 * MINUTE), &token(1)).is_none());
        assert!(state.leave(&token(1)).visit(at(1), &token(1)).is_none());
    }

    #[test]
    fn the_clinic_is_asked_once_a_day() {
        let state = link().ask_again(at(0)).unwrap();
        assert_eq!(state.ask_again(at(24 * 60 * MINUTE - 1)).err(), Some(Refusal::AskedLately));
        assert!(state.ask_again(at(24 * 60 * MINUTE)).is_ok());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wait(i64),
        Ask,
        EnterRight(usize),
        EnterWrong,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0i64..2_000).prop_map(Step::Wait),
            Just(Step::Ask),
            (0usize..8).prop_map(Step::EnterRight),
            Just(Step::EnterWrong),
        ]
    }

    proptest! {
        /// Whatever visitors do in whatever order, the bounds hold.
        #[test]
        fn the_bounds_hold_on_every_path(steps in prop::collection::vec(step(), 1..200)) {
            let mut state = link();
            let mut now = 0;
            // The generator's first 200 seeds give 200 codes, none of them 999999.
            let mut codes: Vec<(i64, Code, bool)> = Vec::new();
            let (mut wrong_tries, mut seed) = (0, 0);
            for step in steps {
                seed += 1;
                match step {
                    Step::Wait(seconds) => now += seconds,
                    Step::Ask => if let Ok((next, code)) = state.request_code(at(now), &Seeded::new(seed)) {
                        codes.push((now, code, false));
                        let recent = codes.iter().filter(|(sent, ..)| now - sent < 3_600).count();
                        prop_assert!(recent <= CODES_MAX && wrong_tries < WRONG_CODES_MAX);
                        state = next;
                    },
                    Step::EnterRight(back) => {
                        let Some(place) = codes.len().checked_sub(back + 1) else { continue };
                        let (sent, code, used) = codes[place].clone();
                        let Ok((next, stage)) = state.enter_code(at(now), &code, &token(1)) else { continue };
                        if stage.is_some() {
                            prop_assert!(!used && now - sent < 600 && wrong_tries < WRONG_CODES_MAX);
                            prop_assert!(back < LIVE_CODES_MAX);
                            codes[place].2 = true;
                        } else {
                            wrong_tries += 1;
                        }
                        state = next;
                    }
                    Step::EnterWrong => if let Ok((next, stage)) = state.enter_code(at(now), &Code::read("999999").unwrap(), &token(1)) {
                        prop_assert_eq!(stage, None);
                        wrong_tries += 1;
                        state = next;
                    },
                }
                prop_assert!(wrong_tries <= WRONG_CODES_MAX);
                prop_assert!(LinkState::from_bytes(&state.to_bytes()).unwrap() == state);
            }
        }
    }
}
