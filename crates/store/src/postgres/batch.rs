//! Transitions as batches: one statement a kind of write, rows by `unnest`.
//!
//! Each statement says how many rows it changed; fewer than it was given means
//! that a guard failed, and the whole batch is to be rolled back.

use mail::{MessageId, OrgId, ParcelId};

use super::connection::{Connection, Value};
use super::single;
use crate::StoreError;
use crate::body::Spooled;
use crate::packed::{pack_domains, pack_fields, pack_tags};
use crate::row::{MessageState, ParcelState};
use crate::transition::{Acceptance, JournalNew, NewParcel, Transition, Write};

const ACCEPT: &str = "INSERT INTO message (id, org, message, received_at, state, body_segment, body_offset, \
     body_length, body_checksum, body_bytes, stream, campaign, subject_index, recipient_domains, tags, fields, \
     envelope) SELECT id, org, message, received_at, state, 0, 0, body_length, body_checksum, body_bytes, stream, \
     campaign, subject_index, recipient_domains, tags, fields, envelope \
     FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
     $8::bigint[], $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::text[], $14::text[], $15::bytea[]) \
     AS n (id, org, message, received_at, state, body_length, body_checksum, body_bytes, stream, campaign, \
     subject_index, recipient_domains, tags, fields, envelope) ON CONFLICT DO NOTHING";
const KEEP_KEYS: &str = "INSERT INTO message_key (id, org, wrapped_key) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
const KEEP_BODIES: &str = "INSERT INTO body (org, message, chunk, bytes) SELECT org, message, 0, bytes \
     FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS n (org, message, bytes) ON CONFLICT DO NOTHING";
const BODIES_ARRIVED: &str = "DELETE FROM body_arriving a USING unnest($1::bigint[], $2::bytea[]) AS n (org, message) \
     WHERE a.org = n.org AND a.message = n.message";
const DECIDED: &str = "UPDATE message m SET state = n.state \
     FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[]) AS n (org, message, state, was) \
     WHERE m.org = n.org AND m.message = n.message AND m.state = n.was AND m.state IN (0, 2) \
     AND (m.state <> n.state OR m.state = 2)";
const KEEP_CONTENTS: &str = "INSERT INTO parcel_content (id, org, sealed) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
const ENQUEUE: &str = "INSERT INTO parcel (parcel, org, message_id, content_id, kind, state, due, attempts, \
     created_at, lane, destination) \
     SELECT n.parcel, n.org, m.id, n.content_id, n.kind, 0, n.due, 0, n.created_at, n.lane, n.destination \
     FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
     $8::bigint[], $9::bytea[]) \
     AS n (parcel, org, message, content_id, kind, due, created_at, lane, destination) \
     JOIN message m ON m.org = n.org AND m.message = n.message ON CONFLICT DO NOTHING";
/// Guard: waiting or paused, and not leased by another node.
const FINISH: &str = "UPDATE parcel p SET state = n.state, leased_until = 0, leased_by = NULL \
     FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS n (parcel, org, state) \
     WHERE p.parcel = n.parcel AND p.org = n.org AND p.state IN (0, 8) \
     AND (p.leased_by IS NULL OR p.leased_by = $4)";
/// Guard: waiting or paused, whoever has leased it.
/// A pause leaves the lease: a node that is delivering now still records what came of
/// it, and nobody else begins meanwhile if the pause ends.
const STOP: &str = "UPDATE parcel p SET state = n.state, \
     leased_until = CASE WHEN n.state = 8 THEN p.leased_until ELSE 0 END, \
     leased_by = CASE WHEN n.state = 8 THEN p.leased_by END \
     FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS n (parcel, org, state) \
     WHERE p.parcel = n.parcel AND p.org = n.org AND p.state IN (0, 8)";
const RETRY: &str = "UPDATE parcel p SET due = n.due, attempts = p.attempts + 1, leased_until = 0, leased_by = NULL \
     FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS n (parcel, org, due) \
     WHERE p.parcel = n.parcel AND p.org = n.org AND p.state IN (0, 8) \
     AND (p.leased_by IS NULL OR p.leased_by = $4)";
const PUT_OFF: &str = "UPDATE parcel p SET due = n.due, wait = n.wait, leased_until = 0, leased_by = NULL \
     FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $5::bigint[]) AS n (parcel, org, due, wait) \
     WHERE p.parcel = n.parcel AND p.org = n.org AND p.state IN (0, 8) AND (p.leased_by IS NULL OR p.leased_by = $4)";
/// In the order given, so that the rows of a commit are numbered in its order.
const JOURNAL: &str = "WITH new AS (INSERT INTO journal (org, message, at, entry) SELECT org, message, at, entry \
     FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[]) WITH ORDINALITY \
     AS n (org, message, at, entry, position) ORDER BY position RETURNING org, id) \
     INSERT INTO journal_pending (org, id) SELECT org, id FROM new";

/// The writes of several transitions, by kind.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    accepted: Vec<(OrgId, &'a Acceptance)>,
    decided: Vec<(OrgId, MessageId, MessageState, MessageState)>,
    enqueued: Vec<(OrgId, &'a NewParcel)>,
    finished: Vec<(OrgId, ParcelId, ParcelState)>,
    stopped: Vec<(OrgId, ParcelId, ParcelState)>,
    retried: Vec<(OrgId, ParcelId, jiff::Timestamp)>,
    put_off: Vec<(OrgId, ParcelId, jiff::Timestamp, u8)>,
    /// The kinds that come seldom go one by one.
    singles: Vec<(OrgId, &'a Write)>,
    journal: Vec<(OrgId, &'a JournalNew)>,
}

impl<'a> Batch<'a> {
    pub(crate) fn add(&mut self, transition: &'a Transition) {
        let org = transition.org;
        for write in &transition.writes {
            match write {
                Write::Accept(acceptance) => self.accepted.push((org, acceptance)),
                Write::Decided { message, from, state } => self.decided.push((org, *message, *from, *state)),
                Write::Enqueue(parcel) => self.enqueued.push((org, parcel)),
                Write::Finish { parcel, state } => self.finished.push((org, *parcel, *state)),
                Write::Stop { parcel, state } => self.stopped.push((org, *parcel, *state)),
                Write::PutOff { parcel, due, wait } => self.put_off.push((org, *parcel, *due, *wait)),
                Write::Journal(new) => self.journal.push((org, new)),
                Write::Retry { parcel, due } => self.retried.push((org, *parcel, *due)),
                Write::Link(_)
                | Write::Resume { .. }
                | Write::LinkState { .. }
                | Write::Posture { .. }
                | Write::Credential(_)
                | Write::RecipientKey(_)
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
                | Write::ForgetReports { .. }
                | Write::EraseKey { .. } => {
                    self.singles.push((org, write));
                }
            }
        }
        self.journal.extend(transition.journal.as_ref().map(|journal| (org, journal)));
    }

    /// How many inner ids it takes.
    pub(crate) fn ids(&self) -> usize {
        self.accepted.len() + self.enqueued.len()
    }

    /// Runs the statements; `ids` are as many as [`ids`](Self::ids) said.
    pub(crate) async fn apply(mut self, on: &mut Connection, ids: &[i64], owner: &str) -> Result<(), StoreError> {
        let (for_messages, for_contents) = ids.split_at_checked(self.accepted.len()).ok_or(StoreError::Conflict)?;
        self.accept(on, for_messages).await?;
        self.decide(on).await?;
        self.enqueue(on, for_contents).await?;
        self.finish(on, owner).await?;
        self.stop(on).await?;
        move_to(on, RETRY, &self.retried, owner).await?;
        self.put_off(on, owner).await?;
        // Two nodes that write the same rows do so in the same order.
        self.singles.sort_by_key(|(org, write)| single::order(*org, write));
        for (org, write) in &self.singles {
            single::write(on, *org, write).await?;
        }
        self.journal(on).await
    }

    async fn accept(&self, on: &mut Connection, ids: &[i64]) -> Result<(), StoreError> {
        let all = &self.accepted;
        if all.is_empty() {
            return Ok(());
        }
        let orgs = orgs(all);
        let messages: Vec<_> = all.iter().map(|(_, new)| new.message.as_bytes().as_slice()).collect();
        let received: Vec<_> = all.iter().map(|(_, new)| new.received_at.as_microsecond()).collect();
        let states: Vec<_> = all.iter().map(|(_, new)| i64::from(new.state.code())).collect();
        let lengths: Vec<_> = all.iter().map(|(_, new)| signed(new.body.place.length)).collect();
        let checksums: Vec<_> = all.iter().map(|(_, new)| i64::from(new.body.place.checksum)).collect();
        let sizes: Vec<_> = all.iter().map(|(_, new)| signed(new.dimensions.body_bytes)).collect();
        let streams: Vec<_> = all.iter().map(|(_, new)| new.dimensions.stream.as_str()).collect();
        let campaigns: Vec<_> = all.iter().map(|(_, new)| new.dimensions.campaign.as_deref()).collect();
        let subjects: Vec<_> = all.iter().map(|(_, new)| new.dimensions.subject_index.as_slice()).collect();
        let domains: Vec<_> = all.iter().map(|(_, new)| pack_domains(&new.dimensions.recipient_domains)).collect();
        let tags: Vec<_> = all.iter().map(|(_, new)| pack_tags(&new.dimensions.tags)).collect();
        let fields: Vec<_> = all.iter().map(|(_, new)| pack_fields(&new.dimensions.fields)).collect();
        let envelopes: Vec<_> = all.iter().map(|(_, new)| new.envelope.as_slice()).collect();
        let columns: &[Value<'_>] = &[
            &ids, &orgs, &messages, &received, &states, &lengths, &checksums, &sizes, &streams, &campaigns, &subjects,
            &domains, &tags, &fields, &envelopes,
        ];
        all_changed(on.execute_with(ACCEPT, columns).await?, all.len())?;
        let keys: Vec<_> = all.iter().map(|(_, new)| new.wrapped_key.as_slice()).collect();
        on.execute_with(KEEP_KEYS, &[&ids, &orgs, &keys]).await?;
        self.keep_bodies(on).await
    }

    async fn keep_bodies(&self, on: &mut Connection) -> Result<(), StoreError> {
        let (mut orgs, mut messages, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        let (mut arrived_orgs, mut arrived) = (Vec::new(), Vec::new());
        for (org, new) in &self.accepted {
            match &new.body.content {
                Spooled::Memory(bytes) => {
                    orgs.push(i64::from(org.0));
                    messages.push(new.message.as_bytes().as_slice());
                    bodies.push(bytes.as_slice());
                }
                Spooled::Elsewhere(_) => {
                    arrived_orgs.push(i64::from(org.0));
                    arrived.push(new.message.as_bytes().as_slice());
                }
            }
        }
        all_changed(on.execute_with(KEEP_BODIES, &[&orgs, &messages, &bodies]).await?, bodies.len())?;
        if arrived.is_empty() {
            return Ok(());
        }
        // Gone already only if another node took it for dead.
        all_changed(on.execute_with(BODIES_ARRIVED, &[&arrived_orgs, &arrived]).await?, arrived.len())
    }

    async fn decide(&self, on: &mut Connection) -> Result<(), StoreError> {
        if self.decided.is_empty() {
            return Ok(());
        }
        let orgs: Vec<_> = self.decided.iter().map(|(org, ..)| i64::from(org.0)).collect();
        let messages: Vec<_> = self.decided.iter().map(|(_, message, ..)| message.as_bytes().as_slice()).collect();
        let states: Vec<_> = self.decided.iter().map(|(.., state)| i64::from(state.code())).collect();
        let was: Vec<_> = self.decided.iter().map(|(_, _, from, _)| i64::from(from.code())).collect();
        all_changed(on.execute_with(DECIDED, &[&orgs, &messages, &states, &was]).await?, self.decided.len())
    }

    async fn enqueue(&self, on: &mut Connection, ids: &[i64]) -> Result<(), StoreError> {
        let all = &self.enqueued;
        if all.is_empty() {
            return Ok(());
        }
        let orgs = orgs(all);
        let sealed: Vec<_> = all.iter().map(|(_, new)| new.sealed.as_slice()).collect();
        on.execute_with(KEEP_CONTENTS, &[&ids, &orgs, &sealed]).await?;
        let parcels: Vec<_> = all.iter().map(|(_, new)| new.parcel.as_bytes().as_slice()).collect();
        let messages: Vec<_> = all.iter().map(|(_, new)| new.message.as_bytes().as_slice()).collect();
        let kinds: Vec<_> = all.iter().map(|(_, new)| i64::from(new.kind)).collect();
        let due: Vec<_> = all.iter().map(|(_, new)| new.due.as_microsecond()).collect();
        let created: Vec<_> = all.iter().map(|(_, new)| new.created_at.as_microsecond()).collect();
        let lanes: Vec<_> = all.iter().map(|(_, new)| new.lane.number()).collect();
        let destinations: Vec<_> =
            all.iter().map(|(_, new)| new.destination.as_ref().map(|index| &index[..])).collect();
        let columns: &[Value<'_>] = &[&parcels, &orgs, &messages, &ids, &kinds, &due, &created, &lanes, &destinations];
        all_changed(on.execute_with(ENQUEUE, columns).await?, all.len())
    }

    async fn finish(&self, on: &mut Connection, owner: &str) -> Result<(), StoreError> {
        if self.finished.is_empty() {
            return Ok(());
        }
        let parcels: Vec<_> = self.finished.iter().map(|(_, parcel, _)| parcel.as_bytes().as_slice()).collect();
        let orgs: Vec<_> = self.finished.iter().map(|(org, ..)| i64::from(org.0)).collect();
        let states: Vec<_> = self.finished.iter().map(|(.., state)| i64::from(state.code())).collect();
        all_changed(on.execute_with(FINISH, &[&parcels, &orgs, &states, &owner]).await?, self.finished.len())
    }

    async fn put_off(&self, on: &mut Connection, owner: &str) -> Result<(), StoreError> {
        let all = &self.put_off;
        if all.is_empty() {
            return Ok(());
        }
        let parcels: Vec<_> = all.iter().map(|(_, parcel, ..)| parcel.as_bytes().as_slice()).collect();
        let orgs: Vec<_> = all.iter().map(|(org, ..)| i64::from(org.0)).collect();
        let due: Vec<_> = all.iter().map(|(_, _, due, _)| due.as_microsecond()).collect();
        let wait: Vec<_> = all.iter().map(|(.., wait)| i64::from(*wait)).collect();
        all_changed(on.execute_with(PUT_OFF, &[&parcels, &orgs, &due, &owner, &wait]).await?, all.len())
    }

    async fn stop(&self, on: &mut Connection) -> Result<(), StoreError> {
        if self.stopped.is_empty() {
            return Ok(());
        }
        let parcels: Vec<_> = self.stopped.iter().map(|(_, parcel, _)| parcel.as_bytes().as_slice()).collect();
        let orgs: Vec<_> = self.stopped.iter().map(|(org, ..)| i64::from(org.0)).collect();
        let states: Vec<_> = self.stopped.iter().map(|(.., state)| i64::from(state.code())).collect();
        all_changed(on.execute_with(STOP, &[&parcels, &orgs, &states]).await?, self.stopped.len())
    }

    async fn journal(&self, on: &mut Connection) -> Result<(), StoreError> {
        let all = &self.journal;
        if all.is_empty() {
            return Ok(());
        }
        let messages: Vec<_> =
            all.iter().map(|(_, new)| new.message.as_ref().map(|message| message.as_bytes().as_slice())).collect();
        let at: Vec<_> = all.iter().map(|(_, new)| new.at.as_microsecond()).collect();
        let entries: Vec<_> = all.iter().map(|(_, new)| new.entry.as_slice()).collect();
        on.execute_with(JOURNAL, &[&orgs(all), &messages, &at, &entries]).await.map(drop)
    }
}

/// Gives parcels other due times.
async fn move_to(
    on: &mut Connection,
    text: &'static str,
    all: &[(OrgId, ParcelId, jiff::Timestamp)],
    owner: &str,
) -> Result<(), StoreError> {
    if all.is_empty() {
        return Ok(());
    }
    let parcels: Vec<_> = all.iter().map(|(_, parcel, _)| parcel.as_bytes().as_slice()).collect();
    let orgs: Vec<_> = all.iter().map(|(org, ..)| i64::from(org.0)).collect();
    let due: Vec<_> = all.iter().map(|(.., due)| due.as_microsecond()).collect();
    all_changed(on.execute_with(text, &[&parcels, &orgs, &due, &owner]).await?, all.len())
}

fn orgs<T>(rows: &[(OrgId, T)]) -> Vec<i64> {
    rows.iter().map(|(org, _)| i64::from(org.0)).collect()
}

/// The guard of a batch.
fn all_changed(changed: u64, given: usize) -> Result<(), StoreError> {
    if changed == given as u64 { Ok(()) } else { Err(StoreError::Conflict) }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
