//! One change, as statements within the group's transaction.
//!
//! A guard that fails is [`StoreError::Conflict`]; what the change wrote until
//! then is for the caller to roll back.

use std::collections::HashMap;

use jiff::Timestamp;
use mail::{MessageId, OrgId, ParcelId};
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};

use super::fault;
use super::keep;
use crate::change::{Answer, Change};
use crate::lane::Lane;
use crate::packed::{pack_domains, pack_fields, pack_tags};
use crate::row::{MessageState, ParcelState};
use crate::sql::parcel::Place;
use crate::transition::{Acceptance, JournalNew, NewLink, NewParcel, Transition, Write};
use crate::{StoreError, sql};

const MESSAGE_ID: &str = "SELECT id FROM message WHERE org = $1 AND message = $2";
const ACCEPT: &str = "INSERT INTO message (org, message, received_at, state, body_segment, body_offset, body_length, \
     body_checksum, body_bytes, stream, campaign, subject_index, recipient_domains, tags, fields, envelope) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
const KEEP_KEY: &str = "INSERT INTO message_key (id, org, wrapped_key) VALUES ($1, $2, $3)";
const DECIDED: &str = "UPDATE message SET state = $1 WHERE org = $2 AND message = $3 AND state = $4 AND state IN (0, 2) \
     AND (state <> $1 OR state = 2)";
const KEEP_CONTENT: &str = "INSERT INTO parcel_content (org, sealed) VALUES ($1, $2)";
const ENQUEUE: &str = "INSERT INTO parcel (parcel, org, message_id, content_id, kind, state, due, attempts, \
     created_at, lane, destination) VALUES ($1, $2, $3, $4, $5, 0, $6, 0, $7, $8, $9)";
const FINISH: &str = "UPDATE parcel SET state = $1 WHERE parcel = $2 AND org = $3 AND state = $4";
const RETRY: &str = "UPDATE parcel SET due = $1, attempts = attempts + 1 WHERE parcel = $2 AND org = $3 \
     AND state = 0 RETURNING lane";
const RETRY_PAUSED: &str = "UPDATE parcel SET due = $1, attempts = attempts + 1 WHERE parcel = $2 AND org = $3 \
     AND state = 8";
const PUT_OFF: &str =
    "UPDATE parcel SET due = $1, wait = $2 WHERE parcel = $3 AND org = $4 AND state = 0 RETURNING lane";
const RESUME: &str =
    "UPDATE parcel SET due = $1, state = 0 WHERE parcel = $2 AND org = $3 AND state = 8 RETURNING lane";
const LINK: &str = "INSERT INTO link (org, hash, message_id, recipient, version, created_at, expires_at, sealed) \
     VALUES ($1, $2, $3, $4, 1, $5, $6, $7)";
/// In place, so that no copy of it stays in the page; see the migration.
const ERASE_KEY: &str = "UPDATE message_key SET wrapped_key = zeroblob(length(wrapped_key)) WHERE id = $1 AND org = $2";
const ERASED: &str = "UPDATE message SET state = 4 WHERE id = $1";
const JOURNAL: &str = "INSERT INTO journal (org, message, at, entry) VALUES ($1, $2, $3, $4)";

/// What is to be done outside the database once the group is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Waits { org: OrgId, place: Place },
    Retried { place: Place },
    Left { org: OrgId, parcel: ParcelId },
    Unleased { parcel: ParcelId },
    Sequenced { org: OrgId, id: i64 },
    Erased,
}

/// The group's transaction.
pub(crate) struct Group<'a> {
    connection: &'a Connection,
    pub(crate) effects: Vec<Effect>,
    /// The inner ids of messages that this group has met.
    ids: HashMap<(OrgId, MessageId), i64>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection, effects: Vec::new(), ids: HashMap::new() }
    }

    /// Forgets what a change that was rolled back would have caused.
    pub(crate) fn forget(&mut self, effects: usize) {
        self.effects.truncate(effects);
        self.ids.clear();
    }

    pub(crate) fn apply(&mut self, change: &Change) -> Result<Answer, StoreError> {
        match change {
            Change::Transition(transition) => self.transition(transition),
            other => keep::apply(self, other),
        }
    }

    fn transition(&mut self, transition: &Transition) -> Result<Answer, StoreError> {
        let org = transition.org;
        for write in &transition.writes {
            self.write(org, write)?;
        }
        if let Some(journal) = &transition.journal {
            self.journal(org, journal)?;
        }
        Ok(Answer::Done)
    }

    fn write(&mut self, org: OrgId, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Accept(acceptance) => self.accept(org, acceptance),
            Write::Decided { message, from, state } => {
                self.change(DECIDED, params![state.code(), org.0, message.as_bytes(), from.code()])
            }
            Write::Enqueue(parcel) => self.enqueue(org, parcel),
            Write::Finish { parcel, state } => {
                debug_assert_ne!(*state, ParcelState::Waiting, "a parcel that is finished doesn't wait");
                self.leave(org, *parcel, *state)
            }
            Write::Stop { parcel, state } => self.leave(org, *parcel, *state),
            Write::Resume { parcel, due } => {
                let place = self.move_to(RESUME, org, *parcel, *due)?.ok_or(StoreError::Conflict)?;
                self.effects.push(Effect::Waits { org, place });
                Ok(())
            }
            Write::PutOff { parcel, due, wait } => {
                let params = params![due.as_microsecond(), wait, parcel.as_bytes(), org.0];
                let place = self.moved(PUT_OFF, *parcel, *due, params)?.ok_or(StoreError::Conflict)?;
                self.effects.push(Effect::Retried { place });
                Ok(())
            }
            Write::Journal(new) => self.journal(org, new),
            Write::Retry { parcel, due } => self.retry(org, *parcel, *due),
            Write::Link(link) => self.link(org, link),
            Write::LinkState { hash, expected_version, sealed, expires_at } => self.change(
                sql::portal::LINK_STATE,
                params![sealed, expires_at.as_microsecond(), org.0, hash, expected_version],
            ),
            Write::Posture { domain, level, at } => {
                self.change(sql::portal::SHOW_POSTURE, params![org.0, domain, level, at.as_microsecond()])
            }
            Write::Credential(row) => self
                .execute(sql::org::PUT_CREDENTIAL, params![org.0, row.login, row.sealed, i64::from(row.revoked)])
                .map(drop),
            Write::RecipientKey(_)
            | Write::RecipientKeyChanged { .. }
            | Write::RecipientKeyRemoved { .. }
            | Write::Discovery(_)
            | Write::ForgetDiscoveries { .. }
            | Write::OrgKey(_)
            | Write::OrgKeyChanged { .. }
            | Write::Once { .. }
            | Write::ForgetMarks { .. }
            | Write::Claim { .. }
            | Write::WatchRound(_)
            | Write::StsPolicy(_)
            | Write::ForgetStsPolicies { .. }
            | Write::Acme(_)
            | Write::ForgetAcme { .. }
            | Write::Suppress { .. }
            | Write::Unsuppress { .. }
            | Write::ForgetWatchRounds { .. }
            | Write::TlsSession(_)
            | Write::TlsReported { .. }
            | Write::Report(_)
            | Write::ForgetReports { .. } => self.shared(org, write),
            Write::EraseKey { message } => self.erase_key(org, *message),
        }
    }

    /// The writes that are one statement, the same on both engines.
    fn shared(&self, org: OrgId, write: &Write) -> Result<(), StoreError> {
        let Some(statement) = sql::statement(org, write) else { return Ok(()) };
        let changed = self.execute(statement.sql, params_from_iter(&statement.params))?;
        statement.check(changed as u64)
    }

    fn accept(&mut self, org: OrgId, new: &Acceptance) -> Result<(), StoreError> {
        let dimensions = &new.dimensions;
        let place = &new.body.place;
        let id = self.insert(
            ACCEPT,
            params![
                org.0,
                new.message.as_bytes(),
                new.received_at.as_microsecond(),
                new.state.code(),
                signed(place.segment),
                signed(place.offset),
                signed(place.length),
                place.checksum,
                signed(dimensions.body_bytes),
                dimensions.stream,
                dimensions.campaign,
                dimensions.subject_index,
                pack_domains(&dimensions.recipient_domains),
                pack_tags(&dimensions.tags),
                pack_fields(&dimensions.fields),
                new.envelope,
            ],
        )?;
        debug_assert_ne!(new.state, MessageState::Erased, "a message begins with its key");
        self.insert(KEEP_KEY, params![id, org.0, new.wrapped_key])?;
        self.ids.insert((org, new.message), id);
        Ok(())
    }

    fn enqueue(&mut self, org: OrgId, new: &NewParcel) -> Result<(), StoreError> {
        let message_id = self.message_id(org, new.message)?;
        let content_id = self.insert(KEEP_CONTENT, params![org.0, new.sealed])?;
        let due = new.due.as_microsecond();
        let created_at = new.created_at.as_microsecond();
        self.change(
            ENQUEUE,
            params![
                new.parcel.as_bytes(),
                org.0,
                message_id,
                content_id,
                new.kind,
                due,
                created_at,
                new.lane.number(),
                new.destination
            ],
        )?;
        self.effects.push(Effect::Waits { org, place: Place { lane: new.lane, due, parcel: new.parcel } });
        Ok(())
    }

    /// A parcel leaves those that wait, or those that are paused.
    fn leave(&mut self, org: OrgId, parcel: ParcelId, state: ParcelState) -> Result<(), StoreError> {
        let (waiting, paused) = (ParcelState::Waiting.code(), ParcelState::Paused.code());
        if self.execute(FINISH, params![state.code(), parcel.as_bytes(), org.0, waiting])? == 1 {
            self.effects.push(Effect::Left { org, parcel });
            return Ok(());
        }
        self.change(FINISH, params![state.code(), parcel.as_bytes(), org.0, paused])?;
        self.effects.push(Effect::Unleased { parcel });
        Ok(())
    }

    fn retry(&mut self, org: OrgId, parcel: ParcelId, due: Timestamp) -> Result<(), StoreError> {
        match self.move_to(RETRY, org, parcel, due)? {
            Some(place) => self.effects.push(Effect::Retried { place }),
            None => {
                self.change(RETRY_PAUSED, params![due.as_microsecond(), parcel.as_bytes(), org.0])?;
                self.effects.push(Effect::Unleased { parcel });
            }
        }
        Ok(())
    }

    /// Gives a parcel another due time by a statement that returns its lane.
    fn move_to(&self, text: &str, org: OrgId, parcel: ParcelId, due: Timestamp) -> Result<Option<Place>, StoreError> {
        self.moved(text, parcel, due, params![due.as_microsecond(), parcel.as_bytes(), org.0])
    }

    fn moved(
        &self,
        text: &str,
        parcel: ParcelId,
        due: Timestamp,
        params: &[&dyn rusqlite::ToSql],
    ) -> Result<Option<Place>, StoreError> {
        let due = due.as_microsecond();
        let lane: rusqlite::Result<Option<i64>> = self
            .connection
            .prepare_cached(text)
            .and_then(|mut statement| statement.query_row(params, |row| row.get(0)).optional());
        let lane = lane.map_err(|error| fault::sqlite("writing the database", error))?;
        let place = |lane| Lane::from_number(lane).map(|lane| Place { lane, due, parcel });
        lane.map(|lane| place(lane).ok_or_else(|| StoreError::corrupt("a parcel is in no lane"))).transpose()
    }

    fn link(&mut self, org: OrgId, new: &NewLink) -> Result<(), StoreError> {
        let message_id = self.message_id(org, new.message)?;
        let (created_at, expires_at) = (new.created_at.as_microsecond(), new.expires_at.as_microsecond());
        self.change(LINK, params![org.0, new.hash, message_id, new.recipient, created_at, expires_at, new.sealed])
    }

    fn erase_key(&mut self, org: OrgId, message: MessageId) -> Result<(), StoreError> {
        let id = self.message_id(org, message)?;
        self.change(ERASE_KEY, params![id, org.0])?;
        self.change(ERASED, params![id])?;
        self.effects.push(Effect::Erased);
        Ok(())
    }

    fn journal(&mut self, org: OrgId, new: &JournalNew) -> Result<(), StoreError> {
        let message = new.message.as_ref().map(MessageId::as_bytes);
        self.insert(JOURNAL, params![org.0, message, new.at.as_microsecond(), new.entry]).map(drop)
    }

    /// The inner id of a message of this organisation. Guard: it is there.
    pub(super) fn message_id(&mut self, org: OrgId, message: MessageId) -> Result<i64, StoreError> {
        if let Some(id) = self.ids.get(&(org, message)) {
            return Ok(*id);
        }
        let id: Option<i64> = self
            .connection
            .prepare_cached(MESSAGE_ID)
            .and_then(|mut found| found.query_row(params![org.0, message.as_bytes()], |row| row.get(0)).optional())
            .map_err(|error| fault::sqlite("finding a message", error))?;
        let id = id.ok_or(StoreError::Conflict)?;
        self.ids.insert((org, message), id);
        Ok(id)
    }

    /// Runs a statement that must change exactly one row: its guard.
    pub(super) fn change(&self, text: &str, params: impl Params) -> Result<(), StoreError> {
        if self.execute(text, params)? == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) fn execute(&self, text: &str, params: impl Params) -> Result<usize, StoreError> {
        let changed = self.connection.prepare_cached(text).and_then(|mut statement| statement.execute(params));
        changed.map_err(|error| fault::sqlite("writing the database", error))
    }

    pub(super) fn connection(&self) -> &Connection {
        self.connection
    }

    fn insert(&self, text: &str, params: impl Params) -> Result<i64, StoreError> {
        let id = self.connection.prepare_cached(text).and_then(|mut statement| statement.insert(params));
        id.map_err(|error| fault::sqlite("writing the database", error))
    }
}

/// As the database keeps it; sizes and offsets never come near the limit.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
