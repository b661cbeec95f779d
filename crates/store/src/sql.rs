//! The SQL that one text serves on both engines, a module for each noun.
//!
//! A [`Query`] is a text, its parameters, and how a row is read. Placeholders
//! are `$1`, `$2`, … in the order of their first use, because SQLite numbers
//! `$name` parameters that way. Every integer is a 64-bit one.

use jiff::Timestamp;
use mail::{MessageId, OrgId, OrgKeyId, ParcelId, RecipientKeyId, SuppressionId};

use crate::StoreError;
use crate::transition::Write;

pub(crate) mod acme;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod message;
pub(crate) mod once;
pub(crate) mod org;
pub(crate) mod parcel;
pub(crate) mod portal;
pub(crate) mod reports;
pub(crate) mod sts;
pub(crate) mod suppression;
pub(crate) mod watch;

/// A write that is one statement on both engines; none for any other.
pub(crate) fn statement(org: OrgId, write: &Write) -> Option<key::Statement> {
    key::statement(org, write)
        .or_else(|| once::statement(org, write))
        .or_else(|| watch::statement(org, write))
        .or_else(|| sts::statement(org, write))
        .or_else(|| reports::statement(org, write))
        .or_else(|| acme::statement(org, write))
        .or_else(|| suppression::statement(org, write))
}

/// A question and how its answer is read.
pub(crate) struct Query<T> {
    pub sql: &'static str,
    pub params: Vec<Param>,
    pub read: fn(&dyn Columns) -> Result<T, StoreError>,
}

/// A parameter of a [`Query`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Param {
    Int(i64),
    MaybeInt(Option<i64>),
    Blob(Vec<u8>),
    Text(String),
    /// Arrays, which only PostgreSQL knows.
    Ints(Vec<i64>),
    Blobs(Vec<Vec<u8>>),
}

impl From<OrgId> for Param {
    fn from(org: OrgId) -> Self {
        Self::Int(i64::from(org.0))
    }
}

impl From<MessageId> for Param {
    fn from(message: MessageId) -> Self {
        Self::Blob(message.as_bytes().to_vec())
    }
}

impl From<ParcelId> for Param {
    fn from(parcel: ParcelId) -> Self {
        Self::Blob(parcel.as_bytes().to_vec())
    }
}

impl From<RecipientKeyId> for Param {
    fn from(key: RecipientKeyId) -> Self {
        Self::Blob(key.as_bytes().to_vec())
    }
}

impl From<SuppressionId> for Param {
    fn from(suppression: SuppressionId) -> Self {
        Self::Blob(suppression.as_bytes().to_vec())
    }
}

impl From<OrgKeyId> for Param {
    fn from(key: OrgKeyId) -> Self {
        Self::Blob(key.as_bytes().to_vec())
    }
}

impl From<Option<Timestamp>> for Param {
    fn from(at: Option<Timestamp>) -> Self {
        Self::MaybeInt(at.map(Timestamp::as_microsecond))
    }
}

impl From<Timestamp> for Param {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_microsecond())
    }
}

impl From<i64> for Param {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<usize> for Param {
    fn from(limit: usize) -> Self {
        Self::Int(i64::try_from(limit).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<const N: usize> From<[u8; N]> for Param {
    fn from(bytes: [u8; N]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

/// One row of an answer, whichever engine gave it.
pub(crate) trait Columns {
    fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError>;
    fn maybe_blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError>;
    fn maybe_text(&self, column: usize) -> Result<Option<String>, StoreError>;
}

impl dyn Columns + '_ {
    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.maybe_int(column)?.ok_or_else(|| odd(column))
    }

    /// An integer that another type takes whole.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: usize) -> Result<T, StoreError> {
        T::try_from(self.int(column)?).map_err(|_| odd(column))
    }

    pub(crate) fn blob(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.maybe_blob(column)?.ok_or_else(|| odd(column))
    }

    pub(crate) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        self.blob(column)?.try_into().map_err(|_| odd(column))
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, StoreError> {
        self.maybe_text(column)?.ok_or_else(|| odd(column))
    }

    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(self.int(column)?).map_err(|_| odd(column))
    }

    pub(crate) fn maybe_time(&self, column: usize) -> Result<Option<Timestamp>, StoreError> {
        let Some(micros) = self.maybe_int(column)? else { return Ok(None) };
        Timestamp::from_microsecond(micros).map(Some).map_err(|_| odd(column))
    }

    pub(crate) fn org(&self, column: usize) -> Result<OrgId, StoreError> {
        self.number(column).map(OrgId)
    }

    pub(crate) fn message(&self, column: usize) -> Result<MessageId, StoreError> {
        self.array(column).map(MessageId::from_bytes)
    }

    pub(crate) fn parcel(&self, column: usize) -> Result<ParcelId, StoreError> {
        self.array(column).map(ParcelId::from_bytes)
    }
}

/// What a health check writes.
pub(crate) const TOUCH_PROBE: &str = "UPDATE probe SET count = count + 1 WHERE id = 1";

/// The row of the health check.
pub(crate) fn probe() -> Query<i64> {
    Query { sql: "SELECT count FROM probe WHERE id = 1", params: vec![], read: |row| row.int(0) }
}

/// A value that this release never writes.
pub(crate) fn odd(column: usize) -> StoreError {
    StoreError::corrupt(format!("a row has an impossible value in column {column}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every shared question, with its number of parameters.
    fn queries() -> Vec<(&'static str, usize)> {
        let (org, message) = (OrgId(1), MessageId::from_bytes([1; 16]));
        fn of<T>(query: Query<T>) -> (&'static str, usize) {
            (query.sql, query.params.len())
        }
        vec![
            of(org::one(org)),
            of(org::secret(org, "")),
            of(org::credential(org, [0; 32])),
            of(org::policy(org, [0; 32])),
            of(message::one(org, message)),
            of(message::newest(org, None, 1)),
            of(message::undecided(org, None, 1)),
            of(message::held(org, 1)),
            of(message::count_held(org)),
            of(message::keys(org, None, 1)),
            of(parcel::of_message(org, message)),
            of(parcel::lanes()),
            of(parcel::of_lane(crate::Lane::from_number(0).unwrap(), None, crate::Sieve::default(), 1)),
            of(parcel::paused(org, None, crate::Sieve::default(), 1)),
            of(parcel::sum_paused(org)),
            of(parcel::count_waiting(org)),
            of(parcel::leased(ParcelId::from_bytes([1; 16]))),
            of(portal::link(org, [0; 32])),
            of(portal::links(org, message)),
            of(portal::posture(org, [0; 16])),
            of(journal::of_message(org, message)),
            of(journal::one(org, 1)),
            of(journal::runs_from(org, 0, 1)),
            of(journal::run_holding(org, 0)),
            of(journal::last_run(org)),
            of(journal::runs_about(org, 1)),
            of(key::one(org, RecipientKeyId::from_bytes([1; 16]))),
            of(key::of_address(org, [0; 16])),
            of(key::list(org, None, 1)),
            of(key::changed(org, jiff::Timestamp::UNIX_EPOCH)),
            of(key::discovery(org, [0; 16])),
            of(key::org_keys(org)),
            of(watch::rounds(org, [0; 16], 1)),
            of(sts::one(org, [0; 16])),
            of(reports::sessions(org, 1, 1)),
            of(reports::reports(org, 1)),
            of(acme::one(org, "certificate")),
            of(suppression::of_mailbox(org, [0; 16])),
            of(suppression::one(org, SuppressionId::from_bytes([1; 16]))),
            of(suppression::list(org, crate::SuppressionFilter::default(), None, 1)),
            of(suppression::since(org, jiff::Timestamp::UNIX_EPOCH)),
            of(probe()),
        ]
    }

    fn statements() -> Vec<(&'static str, usize)> {
        vec![
            (org::INSERT, 3),
            (org::REWRAP, 3),
            (org::PUT_SECRET, 3),
            (org::PUT_CREDENTIAL, 4),
            (org::KEEP_POLICY, 3),
            (message::REWRAP_KEY, 4),
            (portal::LINK_STATE, 5),
            (portal::SHOW_POSTURE, 4),
            (journal::APPEND_RUN, 8),
            (key::INSERT, 12),
            (key::CHANGE, 9),
            (key::REMOVE, 2),
            (key::PUT_DISCOVERY, 5),
            (key::FORGET_DISCOVERIES, 2),
            (key::INSERT_ORG_KEY, 8),
            (key::CHANGE_ORG_KEY, 7),
            (watch::CLAIM, 5),
            (watch::INSERT, 4),
            (watch::FORGET, 2),
            (sts::PUT, 4),
            (sts::FORGET, 2),
            (reports::COUNT, 6),
            (reports::REPORTED, 3),
            (reports::KEEP, 4),
            (reports::FORGET, 2),
            (acme::PUT, 4),
            (acme::FORGET, 2),
            (suppression::INSERT, 7),
            (suppression::REMOVE, 2),
            (TOUCH_PROBE, 0),
        ]
    }

    #[test]
    fn placeholders_are_in_the_order_of_their_first_use() {
        for (text, params) in queries().into_iter().chain(statements()) {
            let mut seen = 0;
            for part in text.split('$').skip(1) {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                let number: usize = digits.parse().unwrap();
                assert!(number <= seen + 1, "{text}");
                seen = seen.max(number);
            }
            assert_eq!(seen, params, "{text}");
        }
    }

    #[test]
    fn no_question_reads_a_whole_table() {
        let dir = tempfile::tempdir().unwrap();
        drop(crate::open_sqlite(dir.path(), crate::SqliteOptions { inline: true, ..Default::default() }).unwrap());
        let database = rusqlite::Connection::open(dir.path().join("sealpost.db")).unwrap();
        for (text, _) in queries().into_iter().chain(statements()) {
            let mut plan = database.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let params = vec![rusqlite::types::Null; plan.parameter_count()];
            let steps = plan.query_map(rusqlite::params_from_iter(params), |row| row.get::<_, String>(3)).unwrap();
            for step in steps.map(Result::unwrap) {
                // What a question itself makes is small: the numbers of lanes, a row without a table.
                let own = ["SCAN lanes", "SCAN CONSTANT ROW"].contains(&step.as_str());
                // Only PostgreSQL counts what waits by this question.
                let counts = step.starts_with("SCAN parcel USING") && text.starts_with("SELECT count");
                assert!(own || counts || !step.contains("SCAN"), "{step}: {text}");
            }
        }
    }
}
