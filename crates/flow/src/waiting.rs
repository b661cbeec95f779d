//! Waiting: a parcel that is not tried because its turn has not come, or because
//! there is no memory for it. It is given a time by one narrow write.
//!
//! Whatever it waits for, it is told of when it is late and ends when its time
//! is over. Who finds its time over while it waits is put off once more before it
//! ends: after an outage, or where the clock was wrong, it may never have been
//! tried.

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Event, Record};
use mail::{Address, OrgId, ParcelId};
use seal::{Kind, Parcel};
use store::{Lane, Leased, ParcelRow, Sieve, StoreError, Transition, Write};
use tokio::time::Instant;
use transport::{Cause, PutOff};

use crate::carry::Carried;
use crate::case::{Case, later};
use crate::courier::{Courier, NotCarried};
use crate::queue::Reason;
use crate::retries::{age, earliest_end, ends_after, longest};

/// What a parcel waits for, and until when.
pub(crate) struct Waits {
    pub until: Timestamp,
    pub why: Cause,
    pub reason: Reason,
}

impl From<PutOff> for Waits {
    fn from(put_off: PutOff) -> Self {
        Self { until: put_off.at, why: Cause::Waits(put_off.wait), reason: put_off.wait.into() }
    }
}

/// What a late parcel's record has.
#[derive(Clone, Copy, Default)]
struct Told {
    /// The sender was told that it is late.
    late: bool,
    /// It was given a turn after its time was over.
    last_turn: bool,
}

impl Courier {
    /// Whether nothing has to be told of a parcel that goes on waiting, as far
    /// as its row says.
    pub(crate) fn is_in_time(&self, leased: &Leased) -> bool {
        let settings = &self.journey.settings;
        let age = age(leased.created_at, self.journey.clock.now());
        age < settings.tell_late_after.min(earliest_end(settings, leased.lane))
    }

    /// Has an opened parcel wait: it is put off, told of, or ended.
    pub(crate) async fn wait(
        &self,
        case: &Case<'_>,
        leased: &Leased,
        parcel: &Parcel,
        waits: Waits,
    ) -> Result<(), NotCarried> {
        let age = age(leased.created_at, case.now);
        let is_over = age >= ends_after(case, parcel.kind());
        let is_late = age >= case.journey.settings.tell_late_after && wants_to_know(case, parcel);
        if !is_over && !is_late {
            return Ok(self.put_off(leased, &waits).await?);
        }
        let told = self.told(case, leased, parcel).await?;
        let ends = is_over && (told.last_turn || parcel.kind() == Kind::Code);
        if !is_over && told.late {
            return Ok(self.put_off(leased, &waits).await?);
        }
        let turn = (!ends).then_some((waits.until, waits.reason));
        let carried = Carried { turn, ..Carried::deferred(parcel, &waits.why) };
        match self.record(case, leased, parcel, &carried, None).await {
            // It was paused meanwhile, or dropped.
            Err(NotCarried::Store(StoreError::Conflict)) => Ok(()),
            recorded => recorded,
        }
    }

    /// Gives the parcel its time: one narrow write, and no journal row, for
    /// nothing was tried.
    pub(crate) async fn put_off(&self, leased: &Leased, waits: &Waits) -> Result<(), StoreError> {
        // When its time is over it must come up to be told of.
        let end = later(leased.created_at, earliest_end(&self.journey.settings, leased.lane));
        let due = if end > self.journey.clock.now() { waits.until.min(end) } else { waits.until };
        let write = Write::PutOff { parcel: leased.parcel, due, wait: waits.reason.number() };
        let transition = Transition { org: leased.org, writes: vec![write], journal: None };
        match self.journey.commit(transition).await {
            // It was recalled, or paused, meanwhile.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
        // It may be due before the courier would look again.
        self.journey.queued.notify_one();
        Ok(())
    }

    /// Whether the sender was told that a copy is late. Asked only of a parcel
    /// that is late, which is rare.
    pub(crate) async fn told_late(
        &self,
        case: &Case<'_>,
        leased: &Leased,
        parcel: &Parcel,
    ) -> Result<bool, NotCarried> {
        if parcel.kind() != Kind::Content || age(case.received_at, case.now) < self.journey.settings.tell_late_after {
            return Ok(false);
        }
        Ok(self.told(case, leased, parcel).await?.late)
    }

    async fn told(&self, case: &Case<'_>, leased: &Leased, parcel: &Parcel) -> Result<Told, NotCarried> {
        let late_from = later(case.received_at, self.journey.settings.tell_late_after);
        let over_from = later(leased.created_at, ends_after(case, parcel.kind()));
        let rows = self.journey.store.journal(parcel.org(), parcel.message()).await?;
        let mut told = Told::default();
        for row in rows.iter().filter(|row| row.at >= late_from.min(over_from)) {
            let Some(record) = case.record_of(row) else { continue };
            told.late |= row.at >= late_from && tells_of_delay(&record, parcel);
            told.last_turn |= row.at >= over_from && defers(&record, parcel);
        }
        Ok(told)
    }
}

/// So often it is looked whether the clock was set back.
const CLOCK_EVERY: Duration = Duration::from_secs(60);
/// A clock that falls behind by more than this was set back.
const CLOCK_STEP: Duration = Duration::from_secs(30);
/// So often what waits too long is called back without that.
const CALL_EVERY: Duration = Duration::from_secs(3_600);

impl Courier {
    /// Calls back what waits too long: at once, when the clock was set back, and
    /// from time to time, for another node's clock may have been.
    pub(crate) async fn call_back_always(&self) {
        loop {
            if let Err(error) = self.call_back().await {
                tracing::warn!(%error, "what waits too long could not be looked for");
            }
            let (began, began_at) = (Instant::now(), self.journey.clock.now());
            while began.elapsed() < CALL_EVERY {
                tokio::time::sleep(CLOCK_EVERY).await;
                let passed = age(began_at, self.journey.clock.now());
                if passed + CLOCK_STEP < began.elapsed() {
                    break;
                }
            }
        }
    }

    /// No parcel is given a time further ahead than the longest wait that there
    /// is. Whatever waits for longer got its time from a clock that was wrong,
    /// and would wait until that time comes again: it is due now.
    async fn call_back(&self) -> Result<(), StoreError> {
        for organisation in self.journey.organisations.iter() {
            for lane in self.journey.store.lanes(organisation.org).await? {
                self.call_back_of(organisation.org, lane).await?;
            }
        }
        Ok(())
    }

    async fn call_back_of(&self, org: OrgId, lane: Lane) -> Result<(), StoreError> {
        const PAGE: usize = 200;
        let now = self.journey.clock.now();
        let due_now = |row: &ParcelRow| {
            let write = Write::PutOff { parcel: row.parcel, due: now, wait: 0 };
            Transition { org, writes: vec![write], journal: None }
        };
        let latest = later(now, longest(&self.journey.settings));
        let mut after = (latest, ParcelId::from_bytes([u8::MAX; 16]));
        loop {
            let page = self.journey.store.waiting(lane, Some(after), Sieve::default(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.due, last.parcel);
            tracing::warn!(parcels = page.len(), "what a wrong clock put off is tried now");
            // What another node has under way, or somebody paused meanwhile, is left.
            self.journey.store.commit(page.iter().map(due_now).collect()).await?;
            self.journey.queued.notify_one();
        }
    }
}

/// Whether somebody is told when a parcel is late.
fn wants_to_know(case: &Case<'_>, parcel: &Parcel) -> bool {
    parcel.kind() == Kind::Content
        && case.manifest.envelope.sender.0.is_some()
        && parcel.recipients().iter().any(|recipient| recipient.notify.delay)
}

fn defers(record: &Record, parcel: &Parcel) -> bool {
    let is_own = |event: &Event| matches!(event, Event::Deferred { parcel: of, .. } if *of == parcel.id());
    record.events.iter().any(is_own)
}

/// Whether a step deferred a recipient of the parcel and told the sender.
fn tells_of_delay(record: &Record, parcel: &Parcel) -> bool {
    let is_own = |address: &Address| parcel.recipients().iter().any(|recipient| recipient.address == *address);
    let defers = |event: &Event| matches!(event, Event::Deferred { recipient, .. } if is_own(recipient));
    let tells = |event: &Event| matches!(event, Event::Queued { kind, .. } if kind == Kind::Dsn.word());
    record.events.iter().any(defers) && record.events.iter().any(tells)
}

/// What has no memory comes again after this, and a part of it more so that
/// what was put off together does not come together.
const MEMORY_AGAIN: Duration = Duration::from_secs(10);

/// A parcel for which there is no memory.
pub(crate) fn without_memory(parcel: &Parcel, now: Timestamp) -> Waits {
    let spread = f64::from(parcel.id().as_bytes()[15]) / 255.0;
    Waits { until: later(now, MEMORY_AGAIN.mul_f64(1.0 + spread)), why: Cause::NoMemory, reason: Reason::Memory }
}
