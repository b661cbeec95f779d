//! [`Store`] over the pool and the writer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use mail::{MessageId, OrgId, ParcelId, RecipientKeyId, SuppressionId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::connection::Connection;
use super::open;
use super::pool::Pool;
use super::spool::BodySpool;
use super::writer::{Job, Outcome, Writer};
use crate::body::{OpenBodies, checksum_of};
use crate::change::{Answer, Change};
use crate::lane::{Lane, Room};
use crate::migrations::POSTGRES;
use crate::row::{
    AcmeRow, CredentialRow, DiscoveryRow, JournalRow, Leased, LinkRow, MessageRow, OrgKeyRow, OrgRow, ParcelRow,
    PostureRow, QueueSummary, RecipientKeyRow, ReportRow, RunRow, Sieve, StsPolicyRow, SuppressionFilter,
    SuppressionRow, TlsSessionRow, WatchRoundRow,
};
use crate::sql::{self, Param, Query};
use crate::turns::{Turns, in_order};
use crate::{BodyRef, BodyWriter, LeaseClock, Pending, PostgresOptions, Store, StoreError, Transition};

/// So many of each lane, in its order. Up to `$3` by the node's clock they are
/// due; leases last for `$4`, from `$6`, else from the database's present.
const LEASE: &str = "WITH clock AS (SELECT COALESCE($6, \
         (extract(epoch FROM statement_timestamp()) * 1000000)::bigint) AS now), \
     due AS (SELECT p.parcel FROM unnest($1::bigint[], $2::bigint[]) AS n (lane, share) \
         CROSS JOIN LATERAL (SELECT parcel FROM parcel WHERE state = 0 AND lane = n.lane AND due <= $3 \
         AND leased_until <= (SELECT now FROM clock) ORDER BY due, parcel LIMIT n.share FOR UPDATE SKIP LOCKED) p) \
     UPDATE parcel p SET leased_until = clock.now + $4, leased_by = $5 FROM due, clock WHERE p.parcel = due.parcel \
     RETURNING p.parcel, p.lane";
/// Until `$1`, else for `$4` from the database's present.
const RENEW: &str = "UPDATE parcel SET leased_until = COALESCE($1, \
         (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + $4) \
     WHERE parcel = ANY ($2) AND state IN (0, 8) AND leased_by = $3 RETURNING parcel";
/// Lane by lane, each of which passes over no more than what is leased.
const NEXT_DUE: &str = "WITH RECURSIVE lanes (lane) AS (SELECT min(lane) FROM parcel WHERE state = 0 UNION ALL \
     SELECT (SELECT min(p.lane) FROM parcel p WHERE p.state = 0 AND p.lane > lanes.lane) FROM lanes \
     WHERE lanes.lane IS NOT NULL) \
     SELECT min((SELECT min(p.due) FROM parcel p WHERE p.state = 0 AND p.lane = lanes.lane AND p.leased_until = 0)) \
     FROM lanes WHERE lane IS NOT NULL";
const NEXT_END: &str = "SELECT min(leased_until) FROM parcel WHERE state = 0 AND leased_until > 0";
const UNSEQUENCED: &str = "SELECT j.id, j.message, j.at, j.entry FROM journal_pending p JOIN journal j ON j.id = p.id \
     WHERE p.org = $1 ORDER BY p.id LIMIT $2";
/// Room that is made for a body before any of it has come: a row may lie about its length.
const BODY_AT_ONCE_MAX: usize = 64 << 20;
const BODY: &str = "SELECT bytes FROM body WHERE org = $1 AND message = $2 ORDER BY chunk";

/// The store over PostgreSQL.
pub(crate) struct PostgresStore {
    pool: Arc<Pool>,
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    open_bodies: Arc<OpenBodies>,
    /// This node's name and what tells its runs apart.
    owner: Arc<OnceLock<String>>,
    instance: String,
    turns: Mutex<Turns>,
    lease_clock: LeaseClock,
    /// How long the leases last that were asked for last, in microseconds.
    lease_us: AtomicI64,
}

impl PostgresStore {
    pub(crate) async fn open(url: &str, options: &PostgresOptions) -> Result<Self, StoreError> {
        let pool = Pool::new(open::config(url)?, options.connections);
        let mut connection = pool.connect().await?;
        open::migrate(&mut connection, POSTGRES).await?;
        open::forget_bodies(&mut connection).await?;
        let instance = open::instance(&mut connection).await?;
        let (jobs, waiting) = mpsc::unbounded_channel();
        let (open_bodies, owner) = (Arc::default(), Arc::default());
        let writer = Writer {
            pool: Arc::clone(&pool),
            connection: Some(connection),
            jobs: waiting,
            open_bodies: Arc::clone(&open_bodies),
            window: options.window,
            owner: Arc::clone(&owner),
        };
        let writer = Mutex::new(Some(tokio::spawn(writer.serve())));
        Ok(Self {
            pool,
            jobs: Mutex::new(Some(jobs)),
            writer,
            open_bodies,
            owner,
            instance,
            turns: Mutex::default(),
            lease_clock: options.lease_clock,
            lease_us: AtomicI64::new(0),
        })
    }

    fn all<T: Send + 'static>(&self, query: Query<T>) -> Pending<'_, Vec<T>> {
        Box::pin(async move { self.pool.take().await?.all(query).await })
    }

    fn one<T: Send + 'static>(&self, query: Query<T>) -> Pending<'_, Option<T>> {
        Box::pin(async move { self.pool.take().await?.one(query).await })
    }

    async fn changes(&self, changes: Vec<Change>) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        let sent = locked(&self.jobs).as_ref().map(|jobs| jobs.send(Job { changes, reply }));
        if !matches!(sent, Some(Ok(()))) {
            return Err(StoreError::Closed);
        }
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    /// Makes one change and gives its answer.
    async fn change(&self, change: Change) -> Result<Answer, StoreError> {
        self.changes(vec![change]).await?.pop().ok_or(StoreError::Closed)?
    }

    fn done(&self, change: Change) -> Pending<'_, ()> {
        Box::pin(async move { self.change(change).await.map(drop) })
    }

    /// Leases lane by lane, in turns; lanes that gave less than their share
    /// leave the rest of it to the others.
    async fn lease_in_turns(
        &self,
        connection: &mut Connection,
        owner: &str,
        now: Timestamp,
        mut room: Room,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let waiting = connection.all(sql::parcel::lanes()).await?;
        let due = waiting.into_iter().filter(|(_, due)| *due <= now.as_microsecond());
        let mut due: Vec<Lane> = due.map(|(lane, _)| lane).collect();
        let mut parcels = Vec::new();
        loop {
            let shares = locked(&self.turns).share(&due, room);
            if shares.is_empty() {
                return Ok(parcels);
            }
            let lanes = shares.iter().map(|(lane, _)| lane.number()).collect();
            let counts = shares.iter().map(|(_, share)| i64::try_from(*share).unwrap_or(i64::MAX)).collect();
            let lasts = Param::Int(self.lease_us.load(Ordering::Relaxed));
            let params =
                vec![Param::Ints(lanes), Param::Ints(counts), now.into(), lasts, owner.into(), self.handed(now)];
            let read = |row: &dyn sql::Columns| Ok((row.blob(0)?, row.int(1)?));
            let leased = connection.all(Query { sql: LEASE, params, read }).await?;
            for (lane, share) in shares {
                let given = leased.iter().filter(|(_, from)| *from == lane.number()).count();
                room.take(lane.priority(), given);
                if given < share {
                    due.retain(|other| *other != lane);
                }
            }
            parcels.extend(leased.into_iter().map(|(parcel, _)| parcel));
        }
    }

    /// A time of the caller's, where leases go by it.
    fn handed(&self, at: Timestamp) -> Param {
        Param::MaybeInt(match self.lease_clock {
            LeaseClock::Database => None,
            LeaseClock::Caller => Some(at.as_microsecond()),
        })
    }

    /// All leases of a store have one owner, named for the node that asked
    /// first.
    fn owner(&self, node: &str) -> &str {
        self.owner.get_or_init(|| format!("{node} {}", self.instance))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn time(sql: &'static str) -> Query<Option<Timestamp>> {
    Query { sql, params: vec![], read: |row| row.maybe_time(0) }
}

impl Store for PostgresStore {
    fn commit(&self, transitions: Vec<Transition>) -> Pending<'_, Vec<Result<(), StoreError>>> {
        Box::pin(async move {
            let outcomes = self.changes(transitions.into_iter().map(Change::Transition).collect()).await?;
            Ok(outcomes.into_iter().map(|outcome| outcome.map(drop)).collect())
        })
    }

    fn new_body(&self, org: OrgId, message: MessageId) -> Box<dyn BodyWriter> {
        Box::new(BodySpool::new(&self.pool, &self.open_bodies, org, message))
    }

    fn read_body(&self, org: OrgId, message: MessageId, body: &BodyRef) -> Pending<'_, Vec<u8>> {
        let (length, checksum) = (body.length, body.checksum);
        let query = Query { sql: BODY, params: vec![org.into(), message.into()], read: |row| row.blob(0) };
        Box::pin(async move {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default().min(BODY_AT_ONCE_MAX));
            self.pool.take().await?.each(query, |chunk: Vec<u8>| bytes.extend_from_slice(&chunk)).await?;
            let mut found = checksum_of(org, message);
            found.update(&bytes);
            if bytes.len() as u64 != length || found.finalize() != checksum {
                return Err(StoreError::corrupt(format!("the body of {message} is not what was written")));
            }
            Ok(bytes)
        })
    }

    fn orgs(&self) -> Pending<'_, Vec<OrgRow>> {
        self.all(sql::org::all())
    }

    fn ensure_org(&self, org: OrgRow) -> Pending<'_, OrgRow> {
        Box::pin(async move {
            let number = org.org;
            self.change(Change::EnsureOrg(org)).await?;
            self.one(sql::org::one(number)).await?.ok_or(StoreError::Conflict)
        })
    }

    fn rewrap_org(&self, org: OrgId, expected: Vec<u8>, wrapped_key: Vec<u8>) -> Pending<'_, ()> {
        self.done(Change::RewrapOrg { org, expected, wrapped_key })
    }

    fn secret(&self, org: OrgId, name: &str) -> Pending<'_, Option<Vec<u8>>> {
        self.one(sql::org::secret(org, name))
    }

    fn put_secret(&self, org: OrgId, name: &str, sealed: Vec<u8>) -> Pending<'_, ()> {
        self.done(Change::PutSecret { org, name: name.to_owned(), sealed })
    }

    fn credentials(&self, org: OrgId) -> Pending<'_, Vec<CredentialRow>> {
        self.all(sql::org::credentials(org))
    }

    fn once(&self, org: OrgId, mark: [u8; 32]) -> Pending<'_, Option<Vec<u8>>> {
        self.one(sql::once::one(org, mark))
    }

    fn credential(&self, org: OrgId, login: [u8; 32]) -> Pending<'_, Option<CredentialRow>> {
        self.one(sql::org::credential(org, login))
    }

    fn keep_policy(&self, org: OrgId, hash: [u8; 32], text: &str) -> Pending<'_, ()> {
        self.done(Change::KeepPolicy { org, hash, text: text.to_owned() })
    }

    fn policy(&self, org: OrgId, hash: [u8; 32]) -> Pending<'_, Option<String>> {
        self.one(sql::org::policy(org, hash))
    }

    fn recipient_keys_of(&self, org: OrgId, addresses: Vec<[u8; 16]>) -> Pending<'_, Vec<RecipientKeyRow>> {
        self.all(sql::key::of_addresses(org, &addresses))
    }

    fn recipient_key(&self, org: OrgId, key: RecipientKeyId) -> Pending<'_, Option<RecipientKeyRow>> {
        self.one(sql::key::one(org, key))
    }

    fn recipient_keys(
        &self,
        org: OrgId,
        after: Option<RecipientKeyId>,
        limit: usize,
    ) -> Pending<'_, Vec<RecipientKeyRow>> {
        self.all(sql::key::list(org, after, limit))
    }

    fn recipient_key_changes(&self, org: OrgId, since: Timestamp) -> Pending<'_, Vec<[u8; 16]>> {
        self.all(sql::key::changed(org, since))
    }

    fn discovery(&self, org: OrgId, subject: [u8; 16]) -> Pending<'_, Option<DiscoveryRow>> {
        self.one(sql::key::discovery(org, subject))
    }

    fn org_keys(&self, org: OrgId) -> Pending<'_, Vec<OrgKeyRow>> {
        self.all(sql::key::org_keys(org))
    }

    fn undecided(&self, org: OrgId, after: Option<MessageId>, limit: usize) -> Pending<'_, Vec<MessageId>> {
        self.all(sql::message::undecided(org, after, limit))
    }

    fn held(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<MessageId>> {
        self.all(sql::message::held(org, limit))
    }

    fn lease(&self, node: &str, now: Timestamp, until: Timestamp, room: Room) -> Pending<'_, Vec<Leased>> {
        let owner = self.owner(node).to_owned();
        self.lease_us.store(until.as_microsecond().saturating_sub(now.as_microsecond()), Ordering::Relaxed);
        Box::pin(async move {
            let mut connection = self.pool.take().await?;
            let parcels = self.lease_in_turns(&mut connection, &owner, now, room).await?;
            if parcels.is_empty() {
                return Ok(Vec::new());
            }
            connection.all(sql::parcel::leased_of(parcels)).await.map(in_order)
        })
    }

    fn look_again(&self) -> Pending<'_, ()> {
        // The database is asked each time.
        Box::pin(std::future::ready(Ok(())))
    }

    fn renew(&self, parcels: Vec<ParcelId>, until: Timestamp) -> Pending<'_, usize> {
        // Nothing was ever leased here where there is no owner yet.
        let Some(owner) = self.owner.get() else { return Box::pin(std::future::ready(Ok(0))) };
        let parcels = parcels.iter().map(|parcel| parcel.as_bytes().to_vec()).collect();
        let lasts = Param::Int(self.lease_us.load(Ordering::Relaxed));
        let params = vec![self.handed(until), Param::Blobs(parcels), owner.as_str().into(), lasts];
        let renewed = self.all(Query { sql: RENEW, params, read: |row| row.blob(0) });
        Box::pin(async move { Ok(renewed.await?.len()) })
    }

    fn next_due(&self) -> Pending<'_, Option<Timestamp>> {
        Box::pin(async move {
            let mut connection = self.pool.take().await?;
            let due = connection.one(time(NEXT_DUE)).await?.flatten();
            let end = connection.one(time(NEXT_END)).await?.flatten();
            Ok([due, end].into_iter().flatten().min())
        })
    }

    fn message(&self, org: OrgId, message: MessageId) -> Pending<'_, Option<MessageRow>> {
        self.one(sql::message::one(org, message))
    }

    fn messages(&self, org: OrgId, before: Option<MessageId>, limit: usize) -> Pending<'_, Vec<MessageRow>> {
        self.all(sql::message::newest(org, before, limit))
    }

    fn parcels(&self, org: OrgId, message: MessageId) -> Pending<'_, Vec<ParcelRow>> {
        self.all(sql::parcel::of_message(org, message))
    }

    fn journal(&self, org: OrgId, message: MessageId) -> Pending<'_, Vec<JournalRow>> {
        self.all(sql::journal::of_message(org, message))
    }

    fn link(&self, org: OrgId, hash: [u8; 32]) -> Pending<'_, Option<LinkRow>> {
        self.one(sql::portal::link(org, hash))
    }

    fn links(&self, org: OrgId, message: MessageId) -> Pending<'_, Vec<LinkRow>> {
        self.all(sql::portal::links(org, message))
    }

    fn posture(&self, org: OrgId, domain: [u8; 16]) -> Pending<'_, Option<PostureRow>> {
        self.one(sql::portal::posture(org, domain))
    }

    fn watch_rounds(&self, org: OrgId, domain: [u8; 16], limit: usize) -> Pending<'_, Vec<WatchRoundRow>> {
        self.all(sql::watch::rounds(org, domain, limit))
    }

    fn sts_policy(&self, org: OrgId, domain: [u8; 16]) -> Pending<'_, Option<StsPolicyRow>> {
        self.one(sql::sts::one(org, domain))
    }

    fn tls_sessions(&self, org: OrgId, before_day: i64, limit: usize) -> Pending<'_, Vec<TlsSessionRow>> {
        self.all(sql::reports::sessions(org, before_day, limit))
    }

    fn reports(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<ReportRow>> {
        self.all(sql::reports::reports(org, limit))
    }

    fn lanes(&self, org: OrgId) -> Pending<'_, Vec<Lane>> {
        Box::pin(async move { Ok(sql::parcel::of_org(org, &self.all(sql::parcel::lanes()).await?)) })
    }

    fn waiting(
        &self,
        lane: Lane,
        after: Option<(Timestamp, ParcelId)>,
        sieve: Sieve,
        limit: usize,
    ) -> Pending<'_, Vec<ParcelRow>> {
        let after = after.map(|(due, parcel)| (due.as_microsecond(), parcel));
        self.all(sql::parcel::of_lane(lane, after, sieve, limit))
    }

    fn paused(&self, org: OrgId, after: Option<ParcelId>, sieve: Sieve, limit: usize) -> Pending<'_, Vec<ParcelRow>> {
        self.all(sql::parcel::paused(org, after, sieve, limit))
    }

    fn acme(&self, org: OrgId, name: &str) -> Pending<'_, Option<AcmeRow>> {
        self.one(sql::acme::one(org, name))
    }

    fn suppressions_of(&self, org: OrgId, mailboxes: Vec<[u8; 16]>) -> Pending<'_, Vec<SuppressionRow>> {
        self.all(sql::suppression::of_mailboxes(org, &mailboxes))
    }

    fn suppression(&self, org: OrgId, suppression: SuppressionId) -> Pending<'_, Option<SuppressionRow>> {
        self.one(sql::suppression::one(org, suppression))
    }

    fn suppressions(
        &self,
        org: OrgId,
        filter: SuppressionFilter<'_>,
        after: Option<SuppressionId>,
        limit: usize,
    ) -> Pending<'_, Vec<SuppressionRow>> {
        self.all(sql::suppression::list(org, filter, after, limit))
    }

    fn suppressed_since(&self, org: OrgId, since: Timestamp) -> Pending<'_, Vec<[u8; 16]>> {
        self.all(sql::suppression::since(org, since))
    }

    fn queue(&self, org: OrgId) -> Pending<'_, QueueSummary> {
        Box::pin(async move {
            let mut connection = self.pool.take().await?;
            let (paused, oldest_paused) = connection.one(sql::parcel::sum_paused(org)).await?.unwrap_or_default();
            Ok(QueueSummary {
                waiting: connection.one(sql::parcel::count_waiting(org)).await?.unwrap_or(0),
                oldest_due: sql::parcel::oldest_due(org, &connection.all(sql::parcel::lanes()).await?),
                held: connection.one(sql::message::count_held(org)).await?.unwrap_or(0),
                paused,
                oldest_paused,
            })
        })
    }

    fn unsequenced(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<JournalRow>> {
        self.all(Query { sql: UNSEQUENCED, params: vec![org.into(), limit.into()], read: sql::journal::row })
    }

    fn append_run(&self, org: OrgId, run: RunRow) -> Pending<'_, ()> {
        self.done(Change::AppendRun { org, run })
    }

    fn runs(&self, org: OrgId, from_position: u64, limit: usize) -> Pending<'_, Vec<RunRow>> {
        Box::pin(async move {
            let mut connection = self.pool.take().await?;
            let holding = connection.one(sql::journal::run_holding(org, from_position)).await?;
            let from = sql::journal::first_run(holding, from_position);
            connection.all(sql::journal::runs_from(org, from, limit)).await
        })
    }

    fn last_run(&self, org: OrgId) -> Pending<'_, Option<RunRow>> {
        self.one(sql::journal::last_run(org))
    }

    fn journal_rows(&self, org: OrgId, ids: &[i64]) -> Pending<'_, Vec<Option<JournalRow>>> {
        let ids = ids.to_vec();
        let query = sql::journal::several(org, ids.clone());
        Box::pin(async move {
            let rows = self.all(query).await?;
            Ok(ids.into_iter().map(|id| rows.iter().find(|row| row.id == id).cloned()).collect())
        })
    }

    fn run_of(&self, org: OrgId, journal: i64) -> Pending<'_, Option<RunRow>> {
        let about = sql::journal::runs_about(org, journal);
        Box::pin(async move { Ok(self.all(about).await?.into_iter().find(|run| run.journal_ids.contains(&journal))) })
    }

    fn keys(&self, org: OrgId, after: Option<MessageId>, limit: usize) -> Pending<'_, Vec<(MessageId, Vec<u8>)>> {
        self.all(sql::message::keys(org, after, limit))
    }

    fn rewrap_keys(&self, org: OrgId, keys: Vec<(MessageId, Vec<u8>, Vec<u8>)>) -> Pending<'_, usize> {
        Box::pin(async move { self.change(Change::RewrapKeys { org, keys }).await.map(Answer::count) })
    }

    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.change(Change::Probe).await?;
            self.one(sql::probe()).await?.map(drop).ok_or_else(|| StoreError::corrupt("the row of the health check"))
        })
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            drop(locked(&self.jobs).take());
            let writer = locked(&self.writer).take();
            if let Some(writer) = writer {
                writer.await.map_err(|_| StoreError::Closed)?;
            }
            self.pool.close();
            Ok(())
        })
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // The writer ends by itself when its senders are gone.
        self.pool.close();
    }
}
