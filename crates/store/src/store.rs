//! [`Store`]: the door to everything durable.

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use mail::{MessageId, OrgId, ParcelId, RecipientKeyId, SuppressionId};

use crate::body::{BodyRef, BodyWriter};
use crate::error::StoreError;
use crate::lane::{Lane, Room};
use crate::row::{
    AcmeRow, CredentialRow, DiscoveryRow, JournalRow, Leased, LinkRow, MessageRow, OrgKeyRow, OrgRow, ParcelRow,
    PostureRow, QueueSummary, RecipientKeyRow, ReportRow, RunRow, Sieve, StsPolicyRow, SuppressionFilter,
    SuppressionRow, TlsSessionRow, WatchRoundRow,
};
use crate::transition::Transition;

/// What every call of the store gives: a future that may be sent to another
/// thread.
///
/// Dropping it once it was polled doesn't take the work back.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The durable side of the journey.
pub trait Store: Send + Sync + 'static {
    /// Makes all of `transitions` durable in one synced transaction, shared
    /// with those of concurrent callers, and gives a result for each, in order.
    /// One whose guard fails, fails alone with [`StoreError::Conflict`]; any
    /// other failure is that of the whole call, and nothing was written.
    fn commit(&self, transitions: Vec<Transition>) -> Pending<'_, Vec<Result<(), StoreError>>>;

    /// Begins a body that is still arriving.
    fn new_body(&self, org: OrgId, message: MessageId) -> Box<dyn BodyWriter>;
    /// The sealed bytes of a body, whole.
    fn read_body(&self, org: OrgId, message: MessageId, body: &BodyRef) -> Pending<'_, Vec<u8>>;

    /// All organisations, by number.
    fn orgs(&self) -> Pending<'_, Vec<OrgRow>>;
    /// Makes the organisation if it isn't there, and gives what is stored.
    /// [`StoreError::Conflict`] if another one has its slug.
    fn ensure_org(&self, org: OrgRow) -> Pending<'_, OrgRow>;
    /// Replaces the organisation's wrapped key. [`StoreError::Conflict`] if it
    /// is not `expected` any more: two rotations at once would lose keys.
    fn rewrap_org(&self, org: OrgId, expected: Vec<u8>, wrapped_key: Vec<u8>) -> Pending<'_, ()>;
    /// A sealed secret by name.
    fn secret(&self, org: OrgId, name: &str) -> Pending<'_, Option<Vec<u8>>>;
    /// Keeps a sealed secret, unless one of that name is there (two nodes may
    /// start at once: ask [`secret`](Store::secret) which one stayed).
    fn put_secret(&self, org: OrgId, name: &str, sealed: Vec<u8>) -> Pending<'_, ()>;
    /// A login, by the keyed index of its name.
    fn credential(&self, org: OrgId, login: [u8; 32]) -> Pending<'_, Option<CredentialRow>>;
    /// All logins and API keys, in the order of their indexes.
    fn credentials(&self, org: OrgId) -> Pending<'_, Vec<CredentialRow>>;
    /// What came of something that may happen once.
    fn once(&self, org: OrgId, mark: [u8; 32]) -> Pending<'_, Option<Vec<u8>>>;
    /// Keeps the text of a policy under its hash; again changes nothing.
    fn keep_policy(&self, org: OrgId, hash: [u8; 32], text: &str) -> Pending<'_, ()>;
    /// The text of a policy by its hash.
    fn policy(&self, org: OrgId, hash: [u8; 32]) -> Pending<'_, Option<String>>;

    /// The keys of several recipients, by the keyed indexes of their addresses.
    fn recipient_keys_of(&self, org: OrgId, addresses: Vec<[u8; 16]>) -> Pending<'_, Vec<RecipientKeyRow>>;
    /// A recipient's key.
    fn recipient_key(&self, org: OrgId, key: RecipientKeyId) -> Pending<'_, Option<RecipientKeyRow>>;
    /// Recipients' keys after `after`, in the order of their ids.
    fn recipient_keys(
        &self,
        org: OrgId,
        after: Option<RecipientKeyId>,
        limit: usize,
    ) -> Pending<'_, Vec<RecipientKeyRow>>;
    /// The addresses whose keys changed at `since` or later.
    fn recipient_key_changes(&self, org: OrgId, since: Timestamp) -> Pending<'_, Vec<[u8; 16]>>;
    /// What came of looking up a subject.
    fn discovery(&self, org: OrgId, subject: [u8; 16]) -> Pending<'_, Option<DiscoveryRow>>;
    /// The organisation's own keys, in the order of their ids.
    fn org_keys(&self, org: OrgId) -> Pending<'_, Vec<OrgKeyRow>>;

    /// Messages accepted and not decided after `after`, oldest first.
    fn undecided(&self, org: OrgId, after: Option<MessageId>, limit: usize) -> Pending<'_, Vec<MessageId>>;
    /// Messages held, oldest first.
    fn held(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<MessageId>>;
    /// Leases parcels of all organisations that are due at `now`, as many as
    /// there is room for: lanes of a higher priority first, with a floor for the
    /// others, and within a priority each organisation, stream and sender in its
    /// turn; in a lane the longest due first. Nobody else gets them before
    /// `until`, unless a [`Write::Finish`], [`Write::Retry`] or [`Write::PutOff`]
    /// ends the lease. What it costs doesn't rise with what waits.
    fn lease(&self, node: &str, now: Timestamp, until: Timestamp, room: Room) -> Pending<'_, Vec<Leased>>;
    /// Another process changed what waits: nothing that was known of the queue
    /// is relied on.
    fn look_again(&self) -> Pending<'_, ()>;
    /// Lets the leases of these parcels last until `until`: for a delivery that
    /// takes longer than a lease. Gives how many of them were still this
    /// store's to prolong; what another node has leased since is not.
    fn renew(&self, parcels: Vec<ParcelId>, until: Timestamp) -> Pending<'_, usize>;
    /// When the next lease may find something: the earliest due time of a
    /// waiting parcel that nobody has leased, or the end of a lease.
    fn next_due(&self) -> Pending<'_, Option<Timestamp>>;
    /// A message.
    fn message(&self, org: OrgId, message: MessageId) -> Pending<'_, Option<MessageRow>>;
    /// Messages before `before`, newest first.
    fn messages(&self, org: OrgId, before: Option<MessageId>, limit: usize) -> Pending<'_, Vec<MessageRow>>;
    /// The parcels of a message, in the order of their ids.
    fn parcels(&self, org: OrgId, message: MessageId) -> Pending<'_, Vec<ParcelRow>>;
    /// The journal of a message, in order.
    fn journal(&self, org: OrgId, message: MessageId) -> Pending<'_, Vec<JournalRow>>;
    /// A portal link by the keyed hash of its id.
    fn link(&self, org: OrgId, hash: [u8; 32]) -> Pending<'_, Option<LinkRow>>;
    /// The portal links of a message.
    fn links(&self, org: OrgId, message: MessageId) -> Pending<'_, Vec<LinkRow>>;
    /// What a domain's mail hosts have shown.
    fn posture(&self, org: OrgId, domain: [u8; 16]) -> Pending<'_, Option<PostureRow>>;
    /// The rounds of a domain of the watch list, newest first.
    fn watch_rounds(&self, org: OrgId, domain: [u8; 16], limit: usize) -> Pending<'_, Vec<WatchRoundRow>>;
    /// The MTA-STS policy of a domain that was had last.
    fn sts_policy(&self, org: OrgId, domain: [u8; 16]) -> Pending<'_, Option<StsPolicyRow>>;
    /// TLS sessions that were counted before a day (since 1970, in UTC), the
    /// oldest first.
    fn tls_sessions(&self, org: OrgId, before_day: i64, limit: usize) -> Pending<'_, Vec<TlsSessionRow>>;
    /// The reports that came in, the newest first.
    fn reports(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<ReportRow>>;
    /// The organisation's lanes in which something waits, the most urgent first.
    fn lanes(&self, org: OrgId) -> Pending<'_, Vec<Lane>>;
    /// What waits in a lane and passes the sieve, in its order, after the parcel
    /// of this due time.
    fn waiting(
        &self,
        lane: Lane,
        after: Option<(Timestamp, ParcelId)>,
        sieve: Sieve,
        limit: usize,
    ) -> Pending<'_, Vec<ParcelRow>>;
    /// What operators keep back, after this parcel, in the order of ids.
    fn paused(&self, org: OrgId, after: Option<ParcelId>, sieve: Sieve, limit: usize) -> Pending<'_, Vec<ParcelRow>>;
    /// What ACME keeps under a name.
    fn acme(&self, org: OrgId, name: &str) -> Pending<'_, Option<AcmeRow>>;
    /// What is suppressed for several mailboxes, by their keyed indexes.
    fn suppressions_of(&self, org: OrgId, mailboxes: Vec<[u8; 16]>) -> Pending<'_, Vec<SuppressionRow>>;
    /// A suppression.
    fn suppression(&self, org: OrgId, suppression: SuppressionId) -> Pending<'_, Option<SuppressionRow>>;
    /// Suppressions after `after`, in the order of their ids.
    fn suppressions(
        &self,
        org: OrgId,
        filter: SuppressionFilter<'_>,
        after: Option<SuppressionId>,
        limit: usize,
    ) -> Pending<'_, Vec<SuppressionRow>>;
    /// The mailboxes that were suppressed at `since` or later.
    fn suppressed_since(&self, org: OrgId, since: Timestamp) -> Pending<'_, Vec<[u8; 16]>>;
    /// How the organisation's queue stands.
    fn queue(&self, org: OrgId) -> Pending<'_, QueueSummary>;

    /// Journal rows that have no position in the tree, in journal order.
    fn unsequenced(&self, org: OrgId, limit: usize) -> Pending<'_, Vec<JournalRow>>;
    /// Gives journal rows their positions. [`StoreError::Conflict`] if the run
    /// doesn't begin at the tree's size, or one of its rows is not there or has
    /// a position already.
    fn append_run(&self, org: OrgId, run: RunRow) -> Pending<'_, ()>;
    /// Runs from the one that holds `from_position`, in order.
    fn runs(&self, org: OrgId, from_position: u64, limit: usize) -> Pending<'_, Vec<RunRow>>;
    /// The newest run.
    fn last_run(&self, org: OrgId) -> Pending<'_, Option<RunRow>>;
    /// Journal rows by id, in the order of `ids`; nothing where there is none.
    fn journal_rows(&self, org: OrgId, ids: &[i64]) -> Pending<'_, Vec<Option<JournalRow>>>;
    /// The run that gave a journal row its position.
    fn run_of(&self, org: OrgId, journal: i64) -> Pending<'_, Option<RunRow>>;

    /// Wrapped message keys after `after`, in the order of message ids.
    fn keys(&self, org: OrgId, after: Option<MessageId>, limit: usize) -> Pending<'_, Vec<(MessageId, Vec<u8>)>>;
    /// Replaces wrapped keys, `(message, expected, new)`, all in one
    /// transaction; leaves those that are no longer the expected. Gives how
    /// many were replaced.
    fn rewrap_keys(&self, org: OrgId, keys: Vec<(MessageId, Vec<u8>, Vec<u8>)>) -> Pending<'_, usize>;

    /// A real round trip that writes, syncs and reads.
    fn ready(&self) -> Pending<'_, ()>;
    /// Finishes what was begun and gives the database back; later calls find
    /// [`StoreError::Closed`].
    fn close(&self) -> Pending<'_, ()>;
}
