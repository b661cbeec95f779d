//! What the portal's tests share.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mail::reading::Reading;
use mail::{Address, Clock, EnhancedCode, Entropy, MessageId, OrgId, Reply};

use super::code::Code;
use super::desk::{Change, Content, DeskError, Found, NewReply, Pending, PortalDesk, PortalEvent, Saved, Ticket};
use super::language::Language;
use super::link::LinkId;
use super::passphrase::Passphrase;
use super::reply::{Kind, Limits, NotWritten, Offer, ReplyHead, ReplyText, ReplyWriter};
use super::session::SessionToken;
use super::state::{LinkState, NewLink};
use crate::listener::{Answer, Intake};

/// A small generator with a seed (SplitMix64): the same bytes in every run.
pub(super) struct Seeded(Mutex<u64>);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// Some seconds after the test's beginning of time.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn token(seed: u64) -> SessionToken {
    SessionToken::new(&Seeded::new(seed))
}

/// A link that a code alone opens; it lives for thirty days.
pub(super) fn link() -> LinkState {
    made(None)
}

/// A link that asks for a passphrase too.
pub(super) fn link_with(passphrase: &str) -> LinkState {
    made(Some(Passphrase::new(passphrase, Some("in the kitchen"), &Seeded::new(1)).unwrap()))
}

fn made(passphrase: Option<Passphrase>) -> LinkState {
    let link = NewLink {
        recipient: Address::parse("p@example.com").unwrap(),
        sender: Address::parse("care@clinic.example").unwrap(),
        language: Language::En,
        passphrase_required: passphrase.is_some(),
        passphrase,
        expires_at: at(30 * 24 * 3_600),
    };
    LinkState::new(link, &Seeded::new(7))
}

/// A desk in memory that notes what it is asked.
#[derive(Default)]
pub(super) struct FakeDesk {
    links: Mutex<HashMap<LinkId, (i64, LinkState)>>,
    pub(super) changes: Mutex<Vec<Change>>,
    pub(super) rehearsals: AtomicUsize,
    /// So many saves find that another change was first.
    pub(super) conflicts: AtomicUsize,
    /// The replies that were taken, and what they are.
    pub(super) taken: Taken,
}

/// Replies that were taken.
pub(super) type Taken = Arc<Mutex<Vec<(MessageId, Vec<u8>)>>>;

/// Keeps one reply.
pub(super) struct Kept {
    pub(super) message: MessageId,
    pub(super) bytes: Vec<u8>,
    pub(super) taken: Taken,
}

impl Intake for Kept {
    fn push<'a>(&'a mut self, content: &'a [u8]) -> Answer<'a, Result<(), Reply>> {
        self.bytes.extend_from_slice(content);
        Box::pin(async { Ok(()) })
    }

    fn finish(self: Box<Self>) -> Answer<'static, Reply> {
        self.taken.lock().unwrap().push((self.message, self.bytes));
        Box::pin(async { Reply::new(250, EnhancedCode(2, 6, 0), "accepted") })
    }
}

pub(super) fn limits() -> Limits {
    Limits { bytes_max: 1_000, files_max: 2, kinds: Kind::USUAL.to_vec() }
}

/// A reply with this text to a message with a hostile header.
pub(super) async fn written(intake: Box<dyn Intake>, text: &ReplyText) -> Result<ReplyWriter, NotWritten> {
    let address = |text: &str| Address::parse(text).unwrap();
    let head = ReplyHead {
        recipient: &address("p@example.com"),
        clinic: "Lakeside \"A\"\r\nBcc: evil@x.example",
        from: &address("portal@clinic.example"),
        to: &address("nurse@clinic.example"),
        subject: "Your visit\r\nBcc: evil@x.example",
        in_reply_to: Some("<1@clinic.example>"),
        original: MessageId::from_bytes([1; 16]),
        proven: "a code mailed there",
    };
    ReplyWriter::begin(intake, limits(), &head, text).await
}

impl FakeDesk {
    pub(super) fn with(link: LinkId, state: LinkState) -> Arc<Self> {
        let desk = Self::default();
        desk.links.lock().unwrap().insert(link, (0, state));
        Arc::new(desk)
    }

    pub(super) fn state(&self, link: LinkId) -> LinkState {
        self.links.lock().unwrap()[&link].1.clone()
    }

    /// What happened, in order; the last code that was sent.
    pub(super) fn events(&self) -> Vec<PortalEvent> {
        self.changes.lock().unwrap().iter().filter_map(|change| change.event.clone()).collect()
    }

    pub(super) fn withdraw(&self, link: LinkId, now: Timestamp) {
        let mut links = self.links.lock().unwrap();
        let row = links.get_mut(&link).unwrap();
        *row = (row.0 + 1, row.1.withdrawn(now));
    }

    pub(super) fn last_code(&self) -> Code {
        self.changes.lock().unwrap().iter().rev().find_map(|change| change.code.clone()).unwrap()
    }

    fn take_conflict(&self) -> bool {
        self.conflicts.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn save_now(&self, change: Change) -> Saved {
        let mut links = self.links.lock().unwrap();
        let row = links.values_mut().next().unwrap();
        if self.take_conflict() || row.0 != change.version {
            return Saved::Conflict;
        }
        *row = (change.version + 1, change.state.clone());
        self.changes.lock().unwrap().push(change);
        Saved::Done
    }
}

impl PortalDesk for FakeDesk {
    fn find(&self, link: LinkId) -> Pending<'_, Result<Option<Found>, DeskError>> {
        let found = self.links.lock().unwrap().get(&link).cloned();
        let ticket =
            Ticket { org: OrgId(1), message: MessageId::new(at(0), &Seeded::new(1)), recipient: 0, hash: [0; 32] };
        Box::pin(async move { Ok(found.map(|(version, state)| Found { ticket, version, state })) })
    }

    fn save(&self, change: Change) -> Pending<'_, Result<Saved, DeskError>> {
        Box::pin(async move { Ok(self.save_now(change)) })
    }

    fn rehearse(&self, _at: Timestamp) -> Pending<'_, Result<(), DeskError>> {
        self.rehearsals.fetch_add(1, Relaxed);
        Box::pin(async { Ok(()) })
    }

    fn offer(&self, _ticket: &Ticket) -> Option<Offer> {
        let Limits { files_max, bytes_max, kinds } = limits();
        Some(Offer { files_max, bytes_max, kinds })
    }

    fn is_taken<'a>(&'a self, _ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<bool, DeskError>> {
        let is_taken = self.taken.lock().unwrap().iter().any(|(taken, _)| *taken == reply);
        Box::pin(async move { Ok(is_taken) })
    }

    fn begin_reply<'a>(
        &'a self,
        _ticket: &'a Ticket,
        reply: NewReply<'a>,
    ) -> Pending<'a, Result<Option<Result<ReplyWriter, NotWritten>>, DeskError>> {
        let intake = Kept { message: reply.message, bytes: Vec::new(), taken: self.taken.clone() };
        Box::pin(async move { Ok(Some(written(Box::new(intake), reply.text).await)) })
    }

    fn sent<'a>(&'a self, _ticket: &'a Ticket, _reply: MessageId) -> Pending<'a, Result<Option<Content>, DeskError>> {
        Box::pin(async { Ok(None) })
    }

    fn content<'a>(&'a self, _ticket: &'a Ticket) -> Pending<'a, Result<Option<Content>, DeskError>> {
        Box::pin(async { Ok(Some(Content { received_at: at(0), reading: Reading::default() })) })
    }
}

/// A clock that stands still until it is set.
pub(super) struct SetClock(Mutex<Timestamp>);

impl SetClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(at(0))))
    }

    pub(super) fn set(&self, second: i64) {
        *self.0.lock().unwrap() = at(second);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
