//! A desk in memory with what the portal's router needs around it, for the
//! tests and the preview.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flow::listener::{Answer, Intake};
use flow::portal::reply::{Kind, Limits, NotWritten, Offer, ReplyHead, ReplyWriter};
use flow::portal::{
    Change, Clinic, Code, Content, DeskError, Found, Language, LinkId, LinkState, NewLink, NewReply, Passphrase,
    Pending, PortalDesk, PortalEvent, Saved, Ticket,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail::reading::{self, read};
use mail::{Address, Clock, EnhancedCode, Entropy, MessageId, OrgId, Reply};
use web::Site;

/// A clock that stands still until it is set.
pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    /// 10 December 2026, 16:05 UTC.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::from_second(1_796_918_700).unwrap())))
    }

    pub fn advance(&self, minutes: i64) {
        let mut now = self.0.lock().unwrap();
        *now += jiff::SignedDuration::from_mins(minutes);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// SplitMix64: unpredictable to nobody.
pub struct TestEntropy(AtomicU64);

impl TestEntropy {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1)))
    }
}

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// One link of the desk.
struct Row {
    version: i64,
    state: LinkState,
    message: Option<Vec<u8>>,
}

/// Links in memory; counts what it is asked.
#[derive(Default)]
pub struct MemoryDesk {
    rows: Mutex<HashMap<LinkId, Row>>,
    codes: Mutex<Vec<Code>>,
    events: Mutex<Vec<PortalEvent>>,
    pub finds: AtomicUsize,
    pub rehearsals: AtomicUsize,
    pub down: Mutex<bool>,
    pub replies: Replies,
}

type Replies = Arc<Mutex<Vec<(MessageId, Vec<u8>)>>>;

/// Keeps a reply.
struct Kept {
    message: MessageId,
    bytes: Vec<u8>,
    replies: Replies,
}

impl Intake for Kept {
    fn push<'a>(&'a mut self, content: &'a [u8]) -> Answer<'a, Result<(), Reply>> {
        self.bytes.extend_from_slice(content);
        Box::pin(async { Ok(()) })
    }

    fn finish(self: Box<Self>) -> Answer<'static, Reply> {
        self.replies.lock().unwrap().push((self.message, self.bytes));
        Box::pin(async { Reply::new(250, EnhancedCode(2, 6, 0), "accepted") })
    }
}

fn reply_limits() -> Limits {
    Limits { bytes_max: 100_000, files_max: 2, kinds: Kind::USUAL.to_vec() }
}

impl MemoryDesk {
    pub fn add(&self, link: LinkId, state: LinkState, message: &str) {
        let message = Some(message.replace('\n', "\r\n").into_bytes());
        self.rows.lock().unwrap().insert(link, Row { version: 0, state, message });
    }

    pub fn erase(&self, link: LinkId) {
        self.rows.lock().unwrap().get_mut(&link).unwrap().message = None;
    }

    pub fn last_code(&self) -> String {
        self.codes.lock().unwrap().last().unwrap().digits().to_owned()
    }

    pub fn codes(&self) -> usize {
        self.codes.lock().unwrap().len()
    }

    pub fn events(&self) -> Vec<PortalEvent> {
        self.events.lock().unwrap().clone()
    }

    fn trouble(&self) -> Result<(), DeskError> {
        match *self.down.lock().unwrap() {
            true => Err(DeskError::Unavailable("the store is down".into())),
            false => Ok(()),
        }
    }

    fn found(&self, link: LinkId) -> Option<Found> {
        let rows = self.rows.lock().unwrap();
        let row = rows.get(&link)?;
        let ticket = Ticket {
            org: OrgId(1),
            message: MessageId::new(Timestamp::UNIX_EPOCH, &*TestEntropy::new()),
            recipient: 0,
            hash: wide(link),
        };
        Some(Found { ticket, version: row.version, state: row.state.clone() })
    }

    fn write(&self, change: Change) -> Saved {
        let mut rows = self.rows.lock().unwrap();
        let row = rows.iter_mut().find(|(link, _)| wide(**link) == change.ticket.hash).map(|(_, row)| row).unwrap();
        if row.version != change.version {
            return Saved::Conflict;
        }
        row.version += 1;
        row.state = LinkState::from_bytes(&change.state.to_bytes()).unwrap();
        self.codes.lock().unwrap().extend(change.code);
        self.events.lock().unwrap().extend(change.event);
        Saved::Done
    }

    fn opened(&self, ticket: &Ticket) -> Option<Content> {
        let rows = self.rows.lock().unwrap();
        let row = rows.iter().find(|(link, _)| wide(**link) == ticket.hash).map(|(_, row)| row)?;
        let reading = read(row.message.as_deref()?, &reading::Limits::default()).unwrap();
        Some(Content { received_at: Timestamp::from_second(1_796_915_100).unwrap(), reading })
    }
}

fn wide(link: LinkId) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(link.as_bytes());
    hash
}

impl PortalDesk for MemoryDesk {
    fn find(&self, link: LinkId) -> Pending<'_, Result<Option<Found>, DeskError>> {
        self.finds.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { self.trouble().map(|()| self.found(link)) })
    }

    fn save(&self, change: Change) -> Pending<'_, Result<Saved, DeskError>> {
        Box::pin(async move { self.trouble().map(|()| self.write(change)) })
    }

    fn rehearse(&self, _at: Timestamp) -> Pending<'_, Result<(), DeskError>> {
        self.rehearsals.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { self.trouble() })
    }

    fn offer(&self, _ticket: &Ticket) -> Option<Offer> {
        let Limits { bytes_max, files_max, kinds } = reply_limits();
        Some(Offer { files_max, bytes_max, kinds })
    }

    fn is_taken<'a>(&'a self, _ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<bool, DeskError>> {
        let is_taken = self.replies.lock().unwrap().iter().any(|(taken, _)| *taken == reply);
        Box::pin(async move { self.trouble().map(|()| is_taken) })
    }

    fn begin_reply<'a>(
        &'a self,
        _ticket: &'a Ticket,
        reply: NewReply<'a>,
    ) -> Pending<'a, Result<Option<Result<ReplyWriter, NotWritten>>, DeskError>> {
        let intake = Kept { message: reply.message, bytes: Vec::new(), replies: self.replies.clone() };
        Box::pin(async move {
            self.trouble()?;
            let address = |text: &str| Address::parse(text).unwrap();
            let head = ReplyHead {
                recipient: &address("pat@example.com"),
                clinic: "Lakeside Family Clinic",
                from: &address("portal@lakeside.example"),
                to: &address("care@lakeside.example"),
                subject: "Your lab results",
                in_reply_to: None,
                original: MessageId::from_bytes([1; 16]),
                proven: "a code mailed there",
            };
            Ok(Some(ReplyWriter::begin(Box::new(intake), reply_limits(), &head, reply.text).await))
        })
    }

    fn sent<'a>(&'a self, _ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<Option<Content>, DeskError>> {
        let replies = self.replies.lock().unwrap();
        let bytes = replies.iter().find(|(taken, _)| *taken == reply).map(|(_, bytes)| bytes.clone());
        let reading = bytes.map(|bytes| read(&bytes, &reading::Limits::default()).unwrap());
        Box::pin(async move { Ok(reading.map(|reading| Content { received_at: Timestamp::UNIX_EPOCH, reading })) })
    }

    fn content<'a>(&'a self, ticket: &'a Ticket) -> Pending<'a, Result<Option<Content>, DeskError>> {
        Box::pin(async move { self.trouble().map(|()| self.opened(ticket)) })
    }
}

/// A link of a patient, open for thirty days.
pub fn link_state(clock: &TestClock, language: Language, passphrase: Option<&str>) -> LinkState {
    let passphrase =
        passphrase.map(|text| Passphrase::new(text, Some("what we talked about"), &*TestEntropy::new()).unwrap());
    let link = NewLink {
        recipient: Address::parse("pat@example.com").unwrap(),
        sender: Address::parse("care@lakeside.example").unwrap(),
        language,
        passphrase_required: passphrase.is_some(),
        passphrase,
        expires_at: clock.now() + jiff::SignedDuration::from_hours(30 * 24),
    };
    LinkState::new(link, &*TestEntropy::new())
}

/// A made-up clinic.
pub fn site(origin: &str) -> Site {
    Site {
        keys: None,
        unsubscribing: None,
        judging: None,
        origin: origin.to_owned(),
        clinic: Clinic {
            name: "Lakeside Family Clinic".into(),
            phone: "(555) 010-0123".into(),
            time_zone: TimeZone::fixed(jiff::tz::offset(-6)),
        },
        sender_domains: vec!["lakeside.example".parse().unwrap()],
        accent: None,
        upload_bytes_max: 100_000,
        proxies: Vec::new(),
        has_analyser: true,
    }
}

/// A letter with HTML, a picture of its own, a remote one, a script and two files.
pub const LETTER: &str = include_str!("letter.eml");

/// A letter in plain text.
pub const NOTE: &str = include_str!("note.eml");
