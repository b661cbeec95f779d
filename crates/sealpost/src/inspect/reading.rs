//! A source read into batches of messages: header blocks and the beginnings of
//! bodies, as much of each as is looked at. Bodies are passed over, or hashed
//! as they come by where a signature or a receipt is to be checked.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use mail::mbox::{Cutter, LOOKAHEAD, Piece, Unquoter};
use trace::evidence::content::BODY_START_MAX;
use trace::evidence::dkim::{Checked, Checks, Key};
use trace::{Block, Limits};

use super::receipt::{Given, Proof};
use super::sources::Source;

/// The largest header block that is judged.
pub const HEADER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a header block may cost.
pub const LIMITS: Limits =
    Limits { header_bytes_max: HEADER_BYTES_MAX, received_max: 20_000, field_bytes_max: 16 * 1024 };

const BUFFER_BYTES: usize = 256 * 1024;
const BATCH_BYTES: usize = 512 * 1024;
const BATCH_MESSAGES: usize = 256;

/// Where a message is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// Which message of an mbox, from 1; none where the file is the message.
    pub number: Option<u64>,
}

/// A message to be judged, or a place where none could be read.
pub enum Entry {
    /// A message.
    Message(Message),
    /// Why there is none.
    Failure(Place, String),
}

/// A message as far as it is looked at.
pub struct Message {
    /// Where it is.
    pub place: Place,
    header: Range<usize>,
    body: Range<usize>,
    /// What became of its signatures.
    pub checked: Option<Box<Checked>>,
    /// What a receipt that was handed in has to do with it.
    pub proof: Option<Proof>,
}

/// Some messages, with their bytes in one piece.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// The messages, in order.
    pub entries: Vec<Entry>,
}

impl Batch {
    /// The header block of a message of this batch.
    pub fn header(&self, message: &Message) -> &[u8] {
        self.bytes.get(message.header.clone()).unwrap_or_default()
    }

    /// The beginning of its body.
    pub fn body_start(&self, message: &Message) -> &[u8] {
        self.bytes.get(message.body.clone()).unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH_BYTES || self.entries.len() >= BATCH_MESSAGES
    }
}

/// What is to be checked of each message, beyond its header block.
#[derive(Default)]
pub struct ToCheck {
    /// Public keys for its signatures.
    pub keys: Vec<Key>,
    /// A receipt.
    pub receipt: Option<Given>,
}

/// Nobody wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough;

/// Collects messages into batches and hands each full one on.
pub struct Collector<'t> {
    to_check: &'t ToCheck,
    batch: Batch,
    hand_on: &'t mut dyn FnMut(Batch) -> Result<(), Enough>,
    /// Told of each piece that was read.
    progress: &'t dyn Fn(u64),
}

impl<'t> Collector<'t> {
    /// A collector that is empty.
    pub fn new(
        to_check: &'t ToCheck,
        hand_on: &'t mut dyn FnMut(Batch) -> Result<(), Enough>,
        progress: &'t dyn Fn(u64),
    ) -> Self {
        Self { to_check, batch: Batch::default(), hand_on, progress }
    }

    /// Reads a source to its end.
    pub fn read(&mut self, source: &Source) -> Result<(), Enough> {
        let name: Arc<str> = source.name().into();
        let opened: io::Result<Box<dyn Read>> = match source {
            Source::Stdin => Ok(Box::new(io::stdin().lock())),
            Source::File(path) => File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
        };
        match opened {
            Ok(stream) => self.stream(&name, stream),
            Err(error) => self.fail(&name, None, &error.to_string()),
        }
    }

    /// Notes a source that can't be read.
    pub fn fail(&mut self, file: &Arc<str>, number: Option<u64>, why: &str) -> Result<(), Enough> {
        let place = Place { file: file.clone(), number };
        self.batch.entries.push(Entry::Failure(place, why.to_owned()));
        self.hand_on_if_full()
    }

    /// Hands the last batch on.
    pub fn finish(self) -> Result<(), Enough> {
        if self.batch.entries.is_empty() { Ok(()) } else { (self.hand_on)(self.batch) }
    }

    fn hand_on_if_full(&mut self) -> Result<(), Enough> {
        if self.batch.is_full() { (self.hand_on)(std::mem::take(&mut self.batch)) } else { Ok(()) }
    }

    fn stream(&mut self, file: &Arc<str>, mut stream: Box<dyn Read>) -> Result<(), Enough> {
        let mut cutter = Cutter::new(HEADER_BYTES_MAX);
        let mut cutting = Cutting::new(file);
        let mut buffer = vec![0; BUFFER_BYTES + LOOKAHEAD];
        let mut held = 0;
        loop {
            let read = match stream.read(buffer.get_mut(held..).unwrap_or_default()) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.fail(file, cutting.number(), &error.to_string()),
            };
            (self.progress)(read as u64);
            let end = held + read;
            let mut told = Ok(());
            let taken = cutter.cut(buffer.get(..end).unwrap_or_default(), read == 0, &mut |piece| {
                if told.is_ok() {
                    told = cutting.take(piece, self);
                }
            });
            told?;
            if read == 0 {
                return if cutting.found == 0 { self.fail(file, None, "it is empty") } else { Ok(()) };
            }
            if !cutting.is_mbox && cutting.has_seen_enough() {
                return cutting.end(self);
            }
            buffer.copy_within(taken..end, 0);
            held = end - taken;
        }
    }
}

/// The message that is being read.
struct Cutting {
    file: Arc<str>,
    found: u64,
    is_mbox: bool,
    header: Option<Range<usize>>,
    body_seen: usize,
    is_oversized: bool,
    body_start: Vec<u8>,
    checks: Option<Checks>,
    digest: Option<super::receipt::Digesting>,
    unquoter: Unquoter,
}

impl Cutting {
    fn new(file: &Arc<str>) -> Self {
        Self {
            file: file.clone(),
            found: 0,
            is_mbox: false,
            header: None,
            body_seen: 0,
            is_oversized: false,
            body_start: Vec::new(),
            checks: None,
            digest: None,
            unquoter: Unquoter::default(),
        }
    }

    fn number(&self) -> Option<u64> {
        self.is_mbox.then_some(self.found)
    }

    /// Whether nothing more of the message makes any difference.
    fn has_seen_enough(&self) -> bool {
        let wants_body = self.checks.as_ref().is_some_and(Checks::want_body) || self.digest.is_some();
        self.header.is_some() && self.body_seen >= BODY_START_MAX && !wants_body
    }

    fn take(&mut self, piece: Piece<'_>, collector: &mut Collector<'_>) -> Result<(), Enough> {
        match piece {
            Piece::Mbox => self.is_mbox = true,
            Piece::Header(header) => self.begin(header, collector),
            Piece::Oversized => {
                self.found += 1;
                self.is_oversized = true;
            }
            Piece::Body(bytes) => self.body(bytes),
            Piece::End => return self.end(collector),
        }
        Ok(())
    }

    fn begin(&mut self, header: &[u8], collector: &mut Collector<'_>) {
        self.found += 1;
        let start = collector.batch.bytes.len();
        collector.batch.bytes.extend_from_slice(header);
        self.header = Some(start..collector.batch.bytes.len());
        let to_check = collector.to_check;
        if to_check.keys.is_empty() && to_check.receipt.is_none() {
            return;
        }
        if let Ok(block) = Block::read(header, &LIMITS) {
            self.checks = (!to_check.keys.is_empty()).then(|| Checks::begin(&block, &to_check.keys));
            self.digest = to_check.receipt.as_ref().and_then(|receipt| receipt.digest(&block));
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        self.body_seen = self.body_seen.saturating_add(bytes.len());
        let room = BODY_START_MAX.saturating_sub(self.body_start.len());
        self.body_start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if self.checks.is_none() && self.digest.is_none() {
            return;
        }
        let (checks, digest) = (&mut self.checks, &mut self.digest);
        let mut told = |bytes: &[u8]| tell(bytes, checks, digest);
        match self.is_mbox {
            true => self.unquoter.push(bytes, &mut told),
            false => told(bytes),
        }
    }

    fn end(&mut self, collector: &mut Collector<'_>) -> Result<(), Enough> {
        let place = Place { file: self.file.clone(), number: self.number() };
        let (checks, digest) = (&mut self.checks, &mut self.digest);
        self.unquoter.finish(&mut |bytes| tell(bytes, checks, digest));
        let has_body = self.body_seen > 0;
        let checked = self.checks.take().map(|checks| Box::new(checks.finish(has_body)));
        let proof = collector.to_check.receipt.as_ref().map(|receipt| receipt.proof(self.digest.take()));
        let start = collector.batch.bytes.len();
        collector.batch.bytes.extend_from_slice(&self.body_start);
        let body = start..collector.batch.bytes.len();
        self.body_start.clear();
        self.body_seen = 0;
        let entry = match (self.header.take(), std::mem::take(&mut self.is_oversized)) {
            (Some(header), false) => Entry::Message(Message { place, header, body, checked, proof }),
            _ => Entry::Failure(place, format!("its header block is larger than {} MiB", HEADER_BYTES_MAX >> 20)),
        };
        collector.batch.entries.push(entry);
        collector.hand_on_if_full()
    }
}

fn tell(bytes: &[u8], checks: &mut Option<Checks>, digest: &mut Option<super::receipt::Digesting>) {
    if let Some(checks) = checks {
        checks.body(bytes);
    }
    if let Some(digest) = digest {
        digest.body(bytes);
    }
}
