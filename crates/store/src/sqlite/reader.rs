//! A read connection. Reads are short: a long one would keep the WAL growing.

use std::path::Path;

use mail::OrgId;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, ToSql, params_from_iter};

use super::fault;
use super::open::keep_plans;
use super::shared::Shared;
use crate::StoreError;
use crate::lane::Lane;
use crate::row::JournalRow;
use crate::sql::parcel::Place;
use crate::sql::{Columns, Param, Query, journal, odd};

const PLACES: &str = "SELECT due, parcel FROM parcel INDEXED BY parcel_due \
     WHERE state = 0 AND lane = $1 AND due <= $2 AND (due, parcel) > ($3, $4) ORDER BY due, parcel LIMIT $5";

const NEWEST_JOURNAL: &str = "SELECT coalesce(max(id), 0) FROM journal";
const LAST_SEQUENCED: &str = "SELECT coalesce(max(last_journal), 0) FROM run WHERE org = $1";
const UNSEQUENCED: &str = "SELECT id, message, at, entry FROM journal WHERE org = $1 AND id > $2 ORDER BY id LIMIT $3";

/// A connection that only reads.
pub(crate) struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn open(database: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags);
        let connection = connection.map_err(|error| fault::sqlite("opening a read connection", error))?;
        let set = "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA cache_size = -4096; \
                   PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;";
        let set = connection.execute_batch(set).and_then(|()| keep_plans(&connection));
        set.map_err(|error| fault::sqlite("setting up a read connection", error))?;
        Ok(Self { connection })
    }

    /// All rows of an answer.
    pub(crate) fn all<T>(&self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        fetch(&self.connection, query)
    }

    /// The first row of an answer.
    pub(crate) fn one<T>(&self, query: Query<T>) -> Result<Option<T>, StoreError> {
        Ok(self.all(query)?.into_iter().next())
    }

    /// Places of a lane after `passed` that are due at `now`, in order.
    pub(crate) fn places(
        &self,
        lane: Lane,
        passed: Option<Place>,
        now: i64,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let (due, parcel) = passed.map_or((i64::MIN, [0; 16]), |place| (place.due, *place.parcel.as_bytes()));
        let params = vec![lane.number().into(), now.into(), due.into(), parcel.into(), limit.into()];
        let found = self.all(Query { sql: PLACES, params, read: |row| Ok((row.int(0)?, row.parcel(1)?)) })?;
        Ok(found.into_iter().map(|(due, parcel)| Place { lane, due, parcel }).collect())
    }

    /// Journal rows of an organisation that have no position in the tree. As
    /// there is one writer, they are those after the last one that has.
    pub(crate) fn unsequenced(&self, shared: &Shared, org: OrgId, limit: usize) -> Result<Vec<JournalRow>, StoreError> {
        let settled = shared.settled(org);
        // Asked first, so that a row written meanwhile has a higher number.
        let newest = self.one(number(NEWEST_JOURNAL, vec![]))?.unwrap_or(0);
        let sequenced = self.one(number(LAST_SEQUENCED, vec![org.into()]))?.unwrap_or(0);
        let params = vec![org.into(), settled.max(sequenced).into(), limit.into()];
        let rows = self.all(Query { sql: UNSEQUENCED, params, read: journal::row })?;
        match rows.first() {
            Some(first) => shared.settle(org, first.id.saturating_sub(1)),
            None => shared.settle(org, newest),
        }
        Ok(rows)
    }
}

fn number(sql: &'static str, params: Vec<Param>) -> Query<i64> {
    Query { sql, params, read: |row| row.int(0) }
}

/// Asks a query on any connection.
pub(crate) fn fetch<T>(connection: &Connection, query: Query<T>) -> Result<Vec<T>, StoreError> {
    let during = "reading the database";
    let mut statement = connection.prepare_cached(query.sql).map_err(|error| fault::sqlite(during, error))?;
    let mut rows = statement.query(params_from_iter(query.params)).map_err(|error| fault::sqlite(during, error))?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().map_err(|error| fault::sqlite(during, error))? {
        read.push((query.read)(row)?);
    }
    Ok(read)
}

impl ToSql for Param {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::MaybeInt(value) => ToSqlOutput::Owned(value.map_or(Value::Null, Value::Integer)),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Ints(_) | Self::Blobs(_) => return Err(rusqlite::Error::InvalidQuery),
        })
    }
}

impl Columns for Row<'_> {
    fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.get_ref(column) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Integer(value)) => Ok(Some(value)),
            _ => Err(odd(column)),
        }
    }

    fn maybe_blob(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.get_ref(column) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Blob(bytes)) => Ok(Some(bytes.to_vec())),
            _ => Err(odd(column)),
        }
    }

    fn maybe_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self.get_ref(column) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Text(bytes)) => String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| odd(column)),
            _ => Err(odd(column)),
        }
    }
}
