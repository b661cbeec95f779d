//! [`Store`] over the writer and the readers.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use mail::{MessageId, OrgId, ParcelId, RecipientKeyId, SuppressionId};

use super::engine::Engine;
use super::reader::Reader;
use super::spool::BodySpool;
use crate::change::{Answer, Change};
use crate::lane::{Lane, Room};
use crate::row::{
    AcmeRow, CredentialRow, DiscoveryRow, JournalRow, Leased, LinkRow, MessageRow, OrgKeyRow, OrgRow, ParcelRow,
    PostureRow, QueueSummary, RecipientKeyRow, ReportRow, RunRow, Sieve, StsPolicyRow, SuppressionFilter,
    SuppressionRow, TlsSessionRow, WatchRoundRow,
};
use crate::sql::{self, Query};
use crate::{BodyRef, BodyWriter, Pending, SqliteOptions, Store, StoreError, Transition};

/// The embedded store.
pub(crate) struct SqliteStore {
    engine: Arc<Engine>,
}

impl SqliteStore {
    pub(crate) fn open(dir: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        Ok(Self { engine: Arc::new(Engine::open(dir, options)?) })
    }

    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'_, T> {
        self.engine.readers.run(move |reader| work(reader))
    }

    fn all<T: Send + 'static>(&self, query: Query<T>) -> Pending<'_, Vec<T>> {
        self.read(move |reader| reader.all(query))
    }

    fn one<T: Send + 'static>(&self, query: Query<T>) -> Pending<'_, Option<T>> {
        self.read(move |reader| reader.one(query))
    }

    /// Makes one change and gives its answer.
    async fn change(&self, change: Change) -> Result<Answer, StoreError> {
        self.engine.changes(vec![change]).await?.pop().ok_or(StoreError::Closed)?
    }

    fn done(&self, change: Change) -> Pending<'_, ()> {
        Box::pin(async move { self.change(change).await.map(drop) })
    }
}

impl Store for SqliteStore {
    fn commit(&self, transitions: Vec<Transition>) -> Pending<'_, Vec<Result<(), StoreError>>> {
        Box::pin(async move {
            let changes = transitions.into_iter().map(Change::Transition).collect();
            let outcomes = self.engine.changes(changes).await?;
            Ok(outcomes.into_iter().map(|outcome| outcome.map(drop)).collect())
        })
    }

    fn new_body(&self, org: OrgId, message: MessageId) -> Box<dyn BodyWriter> {
        Box::new(BodySpool::new(&self.engine.shared, &self.engine.spoolers, org, message))
    }

    fn read_body(&self, org: OrgId, message: MessageId, body: &BodyRef) -> Pending<'_, Vec<u8>> {
        let (shared, body) = (Arc::clone(&self.engine.shared), body.clone());
        self.read(move |_| shared.bodies.read(org, message, &body))
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
        self.read(move |reader| {
            let rows = addresses.into_iter().map(|address| reader.all(sql::key::of_address(org, address)));
            Ok(rows.collect::<Result<Vec<_>, _>>()?.concat())
        })
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

    fn lease(&self, _node: &str, now: Timestamp, until: Timestamp, room: Room) -> Pending<'_, Vec<Leased>> {
        let shared = Arc::clone(&self.engine.shared);
        self.read(move |reader| shared.lease(reader, now, until, room))
    }

    fn look_again(&self) -> Pending<'_, ()> {
        let shared = Arc::clone(&self.engine.shared);
        self.read(move |reader| shared.look_again(reader))
    }

    fn renew(&self, parcels: Vec<ParcelId>, until: Timestamp) -> Pending<'_, usize> {
        let renewed = self.engine.shared.renew(&parcels, until);
        Box::pin(std::future::ready(Ok(renewed)))
    }

    fn next_due(&self) -> Pending<'_, Option<Timestamp>> {
        let shared = Arc::clone(&self.engine.shared);
        self.read(move |reader| shared.next_due(reader))
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
        self.read(move |reader| Ok(sql::parcel::of_org(org, &reader.all(sql::parcel::lanes())?)))
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
        self.read(move |reader| {
            let rows = mailboxes.into_iter().map(|mailbox| reader.all(sql::suppression::of_mailbox(org, mailbox)));
            Ok(rows.collect::<Result<Vec<_>, _>>()?.concat())
        })
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
        let shared = Arc::clone(&self.engine.shared);
        self.read(move |reader| {
            let waiting = shared.waiting(org);
            let lanes = if waiting == 0 { Vec::new() } else { reader.all(sql::parcel::lanes())? };
            let oldest_due = sql::parcel::oldest_due(org, &lanes);
            let held = reader.one(sql::message::count_held(org))?.unwrap_or(0);
            let (paused, oldest_paused) = reader.one(sql::parcel::sum_paused(org))?.unwrap_or_default();
            Ok(QueueSummary { waiting, oldest_due, held, paused, oldest_paused })
        })
    }

    fn unsequenced(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<JournalRow>> {
        let shared = Arc::clone(&self.engine.shared);
        self.read(move |reader| reader.unsequenced(&shared, org, limit))
    }

    fn append_run(&self, org: OrgId, run: RunRow) -> Pending<'_, ()> {
        self.done(Change::AppendRun { org, run })
    }

    fn runs(&self, org: OrgId, from_position: u64, limit: usize) -> Pending<'_, Vec<RunRow>> {
        self.read(move |reader| {
            let holding = reader.one(sql::journal::run_holding(org, from_position))?;
            let from = sql::journal::first_run(holding, from_position);
            reader.all(sql::journal::runs_from(org, from, limit))
        })
    }

    fn last_run(&self, org: OrgId) -> Pending<'_, Option<RunRow>> {
        self.one(sql::journal::last_run(org))
    }

    fn journal_rows(&self, org: OrgId, ids: &[i64]) -> Pending<'_, Vec<Option<JournalRow>>> {
        let ids = ids.to_vec();
        self.read(move |reader| ids.into_iter().map(|id| reader.one(sql::journal::one(org, id))).collect())
    }

    fn run_of(&self, org: OrgId, journal: i64) -> Pending<'_, Option<RunRow>> {
        self.read(move |reader| {
            let about = reader.all(sql::journal::runs_about(org, journal))?;
            Ok(about.into_iter().find(|run| run.journal_ids.contains(&journal)))
        })
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
        Box::pin(Arc::clone(&self.engine).close_aside())
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.engine.close();
    }
}
