//! Deliver: the courier leases what is due, has it carried, and records what
//! came of it. One task a parcel, so that no recipient waits for another.

use std::sync::Arc;
use std::time::Duration;

use identity::{Action, Forbidden, Principal, Resource, authorize};
use ledger::{Event, EventKind};
use mail::Level;
use seal::{Kind, Parcel};
use store::{Leased, ParcelRow, ParcelState, Room, StoreError, Transition, Write};
use tokio::sync::watch;
use tokio::task::JoinSet;
use transport::{Cause, Fate};
use vault::Label;

use crate::carry::{Carried, Way, carry, lend};
use crate::case::{Case, Changes, SENDER, later};
use crate::domains::Domains;
use crate::enqueue::dequeue;
use crate::journey::Journey;
use crate::keys::NotSealed;
use crate::leases::{Held, Leases};
use crate::manifest::Manifest;
use crate::memory::{Lent, NoneSoon};
use crate::places::{Place, Places};
use crate::portal::LinkState;
use crate::posture::Shown;
use crate::queue::Reason;
use crate::record::{Before, OpenLink, record};
use crate::senders::{Senders, Turn};
use crate::waiting::{Waits, without_memory};

/// What could not be carried for a reason of ours is tried again after this.
const PUT_BACK_FOR: Duration = Duration::from_secs(60);
/// The same where the database did not answer in time: somebody may wait for it.
const STORE_BACK_AFTER: Duration = Duration::from_secs(5);

/// What came of a delivery and could not be recorded is recorded after this.
const RECORD_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Carries parcels until it is stopped.
pub struct Courier {
    pub(crate) journey: Arc<Journey>,
    senders: Senders,
    leases: Leases,
    places: Places,
    domains: Domains,
}

/// Why a parcel could not be carried at all. It stays in the queue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCarried {
    #[error("the organisation is not served here")]
    NotServed,
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    NotAParcel(#[from] crate::enqueue::NotAParcel),
    /// It came sealed, was opened and judged, and no key opens it now: an HSM may not answer.
    #[error("what it came sealed in does not open now")]
    NotOpenedNow,
    #[error("the message's row does not open")]
    Manifest,
    #[error("the message's body does not open")]
    Body(#[from] vault::VaultError),
    #[error(transparent)]
    Forged(#[from] seal::Forged),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NotCarried {
    /// Why the parcel waits, for whoever asks.
    const fn reason(&self) -> Reason {
        match self {
            NotCarried::NotOpenedNow => Reason::NotOpened,
            NotCarried::Store(_) => Reason::Store,
            NotCarried::NotServed
            | NotCarried::Forbidden(_)
            | NotCarried::NotAParcel(_)
            | NotCarried::Manifest
            | NotCarried::Body(_)
            | NotCarried::Forged(_) => Reason::NotServed,
        }
    }
}

impl From<NotSealed> for NotCarried {
    fn from(why: NotSealed) -> Self {
        match why {
            NotSealed::Forged(why) => why.into(),
            NotSealed::Store(why) => why.into(),
        }
    }
}

impl Courier {
    /// A courier that has parcels carried by these.
    pub fn new(journey: Arc<Journey>, senders: impl Into<Senders>) -> Arc<Self> {
        let places = Places::new(journey.settings.deliveries_max);
        let (senders, leases) = (senders.into(), Leases::default());
        Arc::new(Self { journey, senders, leases, places, domains: Domains::default() })
    }

    /// Carries what is due until `stop` holds true; then what is under way is
    /// carried to its end, and nothing more is begun.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = self.carry_on(&mut tasks, &mut stop) => return,
                () = self.call_back_always() => {}
                () = self.leases.keep(&self.journey) => {
                    tracing::error!("the leases of this node ended: what it was delivering is left to others");
                    tasks.shutdown().await;
                }
            }
        }
    }

    async fn carry_on(self: &Arc<Self>, under_way: &mut JoinSet<()>, stop: &mut watch::Receiver<bool>) {
        // Asked each time round: a queue that is always full never comes to the wait below.
        while !*stop.borrow() {
            let room = self.places.room();
            let leased = if room.all == 0 { Vec::new() } else { self.lease(room).await };
            for parcel in leased {
                // A clock that jumps ends leases whose deliveries are under way here.
                if let Some(held) = self.leases.begin(parcel.parcel) {
                    let place = self.places.take(parcel.lane.priority());
                    under_way.spawn(self.clone().carry(parcel, (held, place), stop.clone()));
                }
            }
            if self.places.room().all == 0 {
                // As soon as one is done there may be another.
                under_way.join_next().await;
                continue;
            }
            // What has no place is due all the time, and a place that is given back wakes.
            let least = if self.places.is_tight() { Duration::from_millis(250) } else { Duration::ZERO };
            let due = self.until_due().await.max(least);
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                () = self.journey.queued.notified() => {}
                Some(_) = under_way.join_next(), if self.places.is_tight() => {}
                () = tokio::time::sleep(due) => {}
            }
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn lease(&self, room: Room) -> Vec<Leased> {
        let now = self.journey.clock.now();
        let until = later(now, self.journey.settings.lease);
        match self.journey.store.lease(&self.journey.settings.node, now, until, room).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::error!(%error, "nothing could be leased from the queue");
                Vec::new()
            }
        }
    }

    /// How long nothing is due: at most a minute, since other nodes and the
    /// clock itself may change that.
    async fn until_due(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60);
        const SHORTEST: Duration = Duration::from_millis(20);
        match self.journey.store.next_due().await {
            Ok(Some(due)) => {
                let wait = due.duration_since(self.journey.clock.now());
                Duration::try_from(wait).unwrap_or_default().clamp(SHORTEST, LONGEST)
            }
            Ok(None) => LONGEST,
            Err(_) => Duration::from_secs(1),
        }
    }

    async fn carry(self: Arc<Self>, leased: Leased, _held: (Held, Place), stop: watch::Receiver<bool>) {
        if let Err(error) = self.try_carry(&leased, stop).await {
            tracing::error!(message = %leased.message, parcel = %leased.parcel, %error, "a parcel was not carried");
            self.put_back(&leased, &error).await;
        }
    }

    async fn try_carry(&self, leased: &Leased, mut stop: watch::Receiver<bool>) -> Result<(), NotCarried> {
        let organisation = self.journey.organisations.find(leased.org).ok_or(NotCarried::NotServed)?.clone();
        let mut turn = None;
        // Before anything is opened: a campaign is put off by thousands. What may
        // be large waits for memory first, and holds up nobody at its destination.
        let is_small = !self.journey.memory.may_be_large(leased.body.len());
        if let Some(domain) = self.domains.find(leased.destination).filter(|_| is_small) {
            match self.senders.enter(&domain, leased).await.map_err(Waits::from) {
                Err(waits) if self.is_in_time(leased) => return Ok(self.put_off(leased, &waits).await?),
                came => turn = Some(came),
            }
        }
        let (system, message) = (Principal::System { org: leased.org }, Resource::Message(leased.org, leased.message));
        authorize(&system, Action::Process, &message)?;
        let (key, parcel) = dequeue(&organisation, leased)?;
        let manifest = key.open(Label::Envelope, &[], &leased.envelope)?;
        let manifest = Manifest::from_bytes(&manifest).map_err(|_| NotCarried::Manifest)?;
        let case = Case {
            journey: &self.journey,
            organisation: &organisation,
            manifest: &manifest,
            message: leased.message,
            key: &key,
            received_at: leased.received_at,
            now: self.journey.clock.now(),
        };
        let (turn, lent) = match self.ready(&case, leased, &parcel, turn).await {
            Ok(ready) => ready,
            Err(waits) => return self.wait(&case, leased, &parcel, waits).await,
        };
        let (carried, shown) = self.attempt(&case, leased, &parcel, turn.as_ref(), lent).await?;
        if let Some(turn) = turn {
            turn.permit.note(&carried.delivery);
        }
        loop {
            let case = Case { now: self.journey.clock.now(), ..case };
            match self.record(&case, leased, &parcel, &carried, shown).await {
                Err(NotCarried::Store(error)) if error.may_retry() => {
                    tracing::warn!(parcel = %leased.parcel, %error, "what came of a delivery can't be recorded yet");
                    if !may_record_again(&mut stop).await {
                        return Err(error.into());
                    }
                }
                done => return done,
            }
        }
    }

    /// All that carrying a parcel takes: memory, and a turn at its destination.
    async fn ready(
        &self,
        case: &Case<'_>,
        leased: &Leased,
        parcel: &Parcel,
        came: Option<Result<Turn, Waits>>,
    ) -> Result<(Option<Turn>, Option<Lent>), Waits> {
        let came = came.transpose()?;
        let lent = lend(&self.journey.memory, leased, parcel).await;
        let lent = lent.map_err(|NoneSoon| without_memory(parcel, self.journey.clock.now()))?;
        // Of what a test key handed in not even a domain is asked for.
        let first = parcel.recipients().first().filter(|_| !case.manifest.test);
        let turn = match (came, first) {
            (None, Some(recipient)) => {
                let domain = recipient.address.domain();
                self.domains.learn(leased.destination, domain);
                Some(self.senders.enter(domain, leased).await?)
            }
            (came, _) => came,
        };
        Ok((turn, lent))
    }

    /// Carries it, and gives beside what came of it what its domain had shown
    /// before. What can't be had here just now defers it, as a host would.
    async fn attempt(
        &self,
        case: &Case<'_>,
        leased: &Leased,
        parcel: &Parcel,
        turn: Option<&Turn>,
        lent: Option<Lent>,
    ) -> Result<(Carried, Option<Shown>), NotCarried> {
        let tried = async {
            let shown = self.shown(case, parcel).await?;
            let least = match shown {
                // An own recipient has no portal to go to instead.
                Some(shown) if !case.manifest.is_inbound() => {
                    shown.least(parcel, self.journey.settings.posture_hold, case.now)
                }
                Some(_) | None => Level::None,
            };
            let transport = turn.map_or_else(|| self.senders.usual(), |turn| &turn.sender);
            let way = Way { transport, least, turn: turn.map(|turn| &turn.permit) };
            Ok((carry(case, leased, parcel, way, lent).await?, shown))
        };
        match tried.await {
            Err(NotCarried::NotOpenedNow) => Ok((Carried::deferred(parcel, &Cause::Unopened), None)),
            Err(NotCarried::Store(error)) => {
                tracing::warn!(parcel = %leased.parcel, %error, "the store does not give what a delivery needs");
                Ok((Carried::deferred(parcel, &Cause::Unavailable), None))
            }
            tried => tried,
        }
    }

    /// Writes what came of it; works it out anew when a recipient changed a
    /// portal link in the meantime.
    pub(crate) async fn record(
        &self,
        case: &Case<'_>,
        leased: &Leased,
        parcel: &Parcel,
        carried: &Carried,
        shown: Option<Shown>,
    ) -> Result<(), NotCarried> {
        const TRIES: usize = 8;
        let mut tried = 0;
        loop {
            let before = self.before(case, (leased, parcel), carried, shown).await?;
            let changes = record(case, leased, parcel, carried, &before);
            // A retry too: it may be due before the courier would look again.
            let is_news = |event: &Event| matches!(event.kind(), EventKind::Queued | EventKind::Deferred);
            let has_news = changes.record.events.iter().any(is_news);
            match case.commit_about(Some(parcel), changes).await {
                Err(StoreError::Conflict) if self.is_recalled(case, parcel).await? => {
                    let changes = record(case, leased, parcel, carried, &before);
                    return Ok(case.commit_about(Some(parcel), in_spite_of_recall(changes)).await?);
                }
                Err(StoreError::Conflict) if tried < TRIES => tried += 1,
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    if has_news {
                        self.journey.queued.notify_one();
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn is_recalled(&self, case: &Case<'_>, parcel: &Parcel) -> Result<bool, StoreError> {
        let rows = self.journey.store.parcels(parcel.org(), case.message).await?;
        let is_out = |row: &ParcelRow| matches!(row.state, ParcelState::Recalled | ParcelState::Dropped);
        Ok(rows.iter().any(|row| row.parcel == parcel.id() && is_out(row)))
    }

    async fn before(
        &self,
        case: &Case<'_>,
        (leased, parcel): (&Leased, &Parcel),
        carried: &Carried,
        shown: Option<Shown>,
    ) -> Result<Before, NotCarried> {
        // A copy that goes its way opens nothing.
        let may_be_rerouted =
            carried.delivery.recipients.iter().any(|(_, fate)| !matches!(fate, Fate::Delivered { .. }))
                || !carried.unusable.is_empty();
        let looks = match parcel.kind() {
            Kind::Notice | Kind::Code => true,
            Kind::Content => may_be_rerouted,
            Kind::Dsn => false,
        };
        let rows = match looks {
            true => self.journey.store.links(parcel.org(), parcel.message()).await?,
            false => Vec::new(),
        };
        let (own, rows) = rows.into_iter().partition(|row| row.recipient == SENDER);
        let given = open_links(case, own).into_iter().find_map(|link| link.state.passphrase().cloned());
        Ok(Before {
            shown,
            links: open_links(case, rows),
            told_late: self.told_late(case, leased, parcel).await?,
            given,
        })
    }

    /// What the recipients' domain has shown before.
    async fn shown(&self, case: &Case<'_>, parcel: &Parcel) -> Result<Option<Shown>, NotCarried> {
        let Some(recipient) = parcel.recipients().first() else { return Ok(None) };
        let domain = case.organisation.vault.domain_index(recipient.address.domain());
        let known = self.journey.store.posture(parcel.org(), domain).await?;
        Ok(known.map(|row| Shown::new(&row)))
    }

    /// What can't be carried now is tried later; what never can be leaves the queue.
    async fn put_back(&self, leased: &Leased, why: &NotCarried) {
        let write = match why {
            NotCarried::NotAParcel(_) | NotCarried::Manifest | NotCarried::Body(_) | NotCarried::Forged(_) => {
                Write::Finish { parcel: leased.parcel, state: ParcelState::Held }
            }
            NotCarried::NotOpenedNow | NotCarried::NotServed | NotCarried::Forbidden(_) | NotCarried::Store(_) => {
                let is_passing = matches!(why, NotCarried::Store(error) if error.may_retry());
                let wait = if is_passing { STORE_BACK_AFTER } else { PUT_BACK_FOR };
                Write::PutOff {
                    parcel: leased.parcel,
                    due: later(self.journey.clock.now(), wait),
                    wait: why.reason().number(),
                }
            }
        };
        let transition = Transition { org: leased.org, writes: vec![write], journal: None };
        if let Err(error) = self.journey.commit(transition).await {
            tracing::error!(parcel = %leased.parcel, %error, "a parcel waits for its lease to end");
        }
    }
}

/// Waits to record again; false when the courier stops. What the peer said is
/// kept meanwhile: a full disk must not make a message go twice. Only a stop
/// gives up, as a crash would.
async fn may_record_again(stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        _ = stop.wait_for(|stopped| *stopped) => false,
        () = tokio::time::sleep(RECORD_AGAIN_AFTER) => true,
    }
}

/// What came of an attempt that was under way when its message was recalled:
/// it is told, and nothing follows from it.
fn in_spite_of_recall(mut changes: Changes) -> Changes {
    changes.writes.clear();
    let is_told = |event: &Event| {
        matches!(event.kind(), EventKind::Attempted | EventKind::Delivered | EventKind::Notified | EventKind::Bounced)
    };
    changes.record.events.retain(is_told);
    changes
}

pub(crate) fn open_links(case: &Case<'_>, rows: Vec<store::LinkRow>) -> Vec<OpenLink> {
    let open = |row: store::LinkRow| {
        let bytes = case.key.open(Label::Link, &row.hash, &row.sealed).ok()?;
        let state = LinkState::from_bytes(&bytes).ok()?;
        Some(OpenLink { hash: row.hash, version: row.version, recipient: state.recipient().clone(), state })
    };
    rows.into_iter().filter_map(open).collect()
}
