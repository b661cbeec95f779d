//! The leaf of the ledger: an open head and a sealed payload.
//!
//! ```text
//! version 1 | organisation 4 | has message 1 | message 16 (if it has) | time 8
//! | kinds 2 | (length 1 | word) … | payload length 4 | payload
//! ```
//!
//! Numbers are big-endian; the time is in microseconds since 1970, signed. Each
//! entry has one form, and nothing else decodes. The payload is a [`Record`]
//! that the message's key sealed, with the head as associated data: the leaf
//! verifies after the key is destroyed, and a payload under another head does
//! not open.
//!
//! [`Record`]: crate::Record

use jiff::Timestamp;
use mail::{MessageId, OrgId};

use crate::digest::Digest;
use crate::event::EventKind;
use crate::merkle::leaf_hash;

const VERSION: u8 = 1;

/// What stands open of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    org: OrgId,
    message: Option<MessageId>,
    at: Timestamp,
    kinds: Vec<EventKind>,
}

/// An entry: a head and a payload that was sealed under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What stands open.
    pub head: Head,
    /// Opaque ciphertext.
    pub payload: Vec<u8>,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written by a newer version, or no entry.
    #[error("version {0} of a ledger entry is not known here")]
    Version(u8),
    /// An event kind that this version does not know.
    #[error("an event of the kind {0:?} is not known here")]
    Kind(String),
    /// It ends too early, goes on too long, or has another form than the one.
    #[error("a ledger entry is malformed")]
    Malformed,
}

impl Head {
    /// A head. The time is kept to the microsecond, as the database keeps it.
    pub fn new(org: OrgId, message: Option<MessageId>, at: Timestamp, kinds: Vec<EventKind>) -> Self {
        let at = Timestamp::from_microsecond(at.as_microsecond()).expect("a time cut to microseconds is a time");
        Self { org, message, at, kinds }
    }

    /// The organisation.
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// The message that it is about, if it is about one.
    pub fn message(&self) -> Option<MessageId> {
        self.message
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What happened, in order.
    pub fn kinds(&self) -> &[EventKind] {
        &self.kinds
    }

    /// The bytes that begin the entry: the associated data of its payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.org.0.to_be_bytes());
        bytes.push(u8::from(self.message.is_some()));
        if let Some(message) = &self.message {
            bytes.extend_from_slice(message.as_bytes());
        }
        bytes.extend_from_slice(&self.at.as_microsecond().to_be_bytes());
        let count = u16::try_from(self.kinds.len()).expect("a transition has fewer than 65,536 events");
        bytes.extend_from_slice(&count.to_be_bytes());
        for kind in &self.kinds {
            let word = kind.word().as_bytes();
            bytes.push(u8::try_from(word.len()).expect("the words of events are short"));
            bytes.extend_from_slice(word);
        }
        bytes
    }

    /// The entry with this head and a payload that was sealed under it.
    pub fn entry(self, payload: Vec<u8>) -> Entry {
        Entry { head: self, payload }
    }
}

impl Entry {
    /// The bytes of the leaf: what the journal row keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.to_bytes();
        let len = u32::try_from(self.payload.len()).expect("a payload is shorter than 4 GiB");
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Reads a leaf.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut reader = Reader(bytes);
        let head = reader.head()?;
        let len = usize::try_from(reader.u32()?).map_err(|_| EntryError::Malformed)?;
        let payload = reader.take(len)?.to_vec();
        if reader.0.is_empty() { Ok(Self { head, payload }) } else { Err(EntryError::Malformed) }
    }

    /// The hash of the leaf (RFC 9162 §2.1.1).
    pub fn leaf_hash(&self) -> Digest {
        leaf_hash(&self.to_bytes())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn head(&mut self) -> Result<Head, EntryError> {
        let [version] = self.array()?;
        if version != VERSION {
            return Err(EntryError::Version(version));
        }
        let org = OrgId(self.u32()?);
        let message = match self.array()? {
            [0] => None,
            [1] => Some(MessageId::from_bytes(self.array()?)),
            _ => return Err(EntryError::Malformed),
        };
        let micros = i64::from_be_bytes(self.array()?);
        let at = Timestamp::from_microsecond(micros).map_err(|_| EntryError::Malformed)?;
        let count = u16::from_be_bytes(self.array()?);
        let kinds = (0..count).map(|_| self.kind()).collect::<Result<_, _>>()?;
        Ok(Head { org, message, at, kinds })
    }

    fn kind(&mut self) -> Result<EventKind, EntryError> {
        let [len] = self.array()?;
        let word = std::str::from_utf8(self.take(usize::from(len))?).map_err(|_| EntryError::Malformed)?;
        EventKind::from_word(word).ok_or_else(|| EntryError::Kind(word.to_owned()))
    }

    fn u32(&mut self) -> Result<u32, EntryError> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(EntryError::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], EntryError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(EntryError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{ORG, at, message};

    fn kinds() -> impl Strategy<Value = Vec<EventKind>> {
        prop::collection::vec(prop::sample::select(EventKind::ALL), 0..6)
    }

    proptest! {
        #[test]
        fn an_entry_is_read_as_it_was_written(about in any::<Option<u64>>(), seconds in 0i64..1_000_000, kinds in kinds(), payload in prop::collection::vec(any::<u8>(), 0..100)) {
            let entry = Head::new(ORG, about.map(message), at(seconds), kinds).entry(payload);
            let bytes = entry.to_bytes();
            prop_assert!(bytes.starts_with(&entry.head.to_bytes()));
            prop_assert_eq!(Entry::from_bytes(&bytes), Ok(entry));
        }

        #[test]
        fn whatever_is_read_has_that_one_form(bytes in prop::collection::vec(any::<u8>(), 0..80), rest in prop::collection::vec(0u8..3, 0..80)) {
            for bytes in [&bytes, &[vec![VERSION, 0, 0, 0], rest].concat()] {
                if let Ok(entry) = Entry::from_bytes(bytes) {
                    prop_assert_eq!(&entry.to_bytes(), bytes);
                }
            }
        }
    }

    #[test]
    fn a_cut_or_extended_entry_is_refused() {
        let bytes = Head::new(ORG, Some(message(1)), at(0), vec![EventKind::Opened]).entry(vec![1, 2, 3]).to_bytes();
        for at in 0..bytes.len() {
            assert!(Entry::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(Entry::from_bytes(&[&bytes[..], &[0]].concat()), Err(EntryError::Malformed));
    }

    #[test]
    fn newer_versions_and_unknown_kinds_are_named() {
        let mut bytes = Head::new(ORG, None, at(0), vec![EventKind::Opened]).entry(vec![]).to_bytes();
        let at = bytes.windows(6).position(|window| window == b"opened").unwrap();
        bytes[at..at + 6].copy_from_slice(b"vanish");
        assert_eq!(Entry::from_bytes(&bytes), Err(EntryError::Kind("vanish".to_owned())));
        bytes[0] = 2;
        assert_eq!(Entry::from_bytes(&bytes), Err(EntryError::Version(2)));
    }

    /// The form is for ever: what was hashed must be read by every later version.
    #[test]
    fn the_bytes_of_version_1_stay() {
        let entry = Head::new(OrgId(7), Some(message(1)), at(0), vec![EventKind::Queued]).entry(vec![0xab, 0xcd]);
        let hex: String = entry.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            concat!(
                "01",
                "00000007",
                "01",
                "00000000000070000000000000000001",
                "00060a24181e4000",
                "0001",
                "06",
                "717565756564",
                "00000002",
                "abcd"
            )
        );
    }
}
