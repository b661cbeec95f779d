//! Shaping: how much a destination is sent at a time.
//!
//! A destination is a group of MX hosts, not a domain: many domains that one
//! provider hosts are one. Whoever wants to deliver comes to [`Shaper::enter`]
//! and gets a [`Permit`], or a time to come again: its turn, spread by the
//! destination's rate or by how long its deliveries take, so that whatever
//! waits for a destination is told once and waits in the queue, not here.
//!
//! The books are those of one node, and in memory: rates hold for each node,
//! and a restart, or a reload of the configuration, begins anew.

mod books;
mod group;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use mail::{Clock, Priority};
use tokio::time::timeout;

pub use group::{Comer, Wait};
pub use table::{Shape, Table};

use crate::cause::Cause;
use crate::delivery::{Attempt, Delivery, Fate, Tried};
use books::Books;
use group::{Answer, Bounds, LINE, Next};

/// A group of MX hosts that is sent to as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its name: a provider's, or what the names of its hosts end in.
    pub name: Arc<str>,
    /// How much it is sent, where something is known of it.
    pub shape: Option<Shape>,
    /// Whether it is the operator's own: no rate and no beginner's bound holds there.
    is_own: bool,
}

impl Destination {
    /// What a route leads to.
    pub(crate) fn own(host: &str) -> Self {
        Self { name: format!("route {host}").into(), shape: None, is_own: true }
    }
}

/// Come again at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOff {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub wait: Wait,
}

/// What keeps the books of all destinations.
#[derive(Clone)]
pub struct Shaper {
    table: Arc<Table>,
    connections: usize,
    since: Option<Timestamp>,
    clock: Arc<dyn Clock>,
    books: Arc<Mutex<Books>>,
}

/// One delivery may be under way; it is over when this is dropped.
pub struct Permit {
    shaper: Shaper,
    destination: Arc<Destination>,
    priority: Priority,
    id: u64,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit").field("destination", &self.destination).finish_non_exhaustive()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shaper.leave(&self.destination, self.id);
    }
}

impl Permit {
    /// The destination that it is for.
    pub fn destination(&self) -> &Arc<Destination> {
        &self.destination
    }

    /// How urgent the delivery is.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Notes what came of the delivery: a destination that says that it is
    /// sent too much is left in peace.
    pub fn note(&self, delivery: &Delivery) {
        let fates = delivery.recipients.iter().filter_map(|(_, fate)| match fate {
            Fate::Deferred(cause) | Fate::Refused { cause, .. } => Some(cause),
            Fate::Delivered { .. } | Fate::CannotMeet => None,
        });
        let fates = fates.filter(|_| delivery.attempts.iter().all(|attempt| self.is_of(attempt)));
        self.note_causes(&delivery.attempts, fates);
    }

    /// The same of some attempts, where nothing else is known yet.
    pub(crate) fn note_attempts(&self, attempts: &[Attempt]) {
        self.note_causes(attempts, std::iter::empty());
    }

    fn note_causes<'c>(&self, attempts: &'c [Attempt], others: impl Iterator<Item = &'c Cause>) {
        let own = || attempts.iter().filter(|attempt| self.is_of(attempt)).map(|attempt| &attempt.result);
        let tried = own().filter_map(|result| match result {
            Tried::Failed(cause) => Some(cause),
            Tried::Sent | Tried::Unable(_) => None,
        });
        let pause = tried.chain(others).filter_map(|cause| self.shaper.pause(cause)).max();
        let is_taken = own().any(|result| matches!(result, Tried::Sent));
        let now = self.shaper.clock.now();
        let mut books = self.shaper.lock();
        let group = books.of(&self.destination.name, now);
        match pause {
            Some(pause) => group.too_much(now, pause),
            None if is_taken => group.taken(),
            None => {}
        }
    }

    /// A domain names what hosts it likes: what one of somebody else's says is
    /// not this destination's word, or anybody could have a provider left in peace.
    fn is_of(&self, attempt: &Attempt) -> bool {
        self.destination.is_own || self.shaper.destination(&attempt.mx).name == self.destination.name
    }
}

impl Shaper {
    /// Books by this table, with so many connections to whom it doesn't know.
    /// Where `since` says when this sender began, it is sent less in the first days.
    pub fn new(table: Table, connections: usize, since: Option<Timestamp>, clock: Arc<dyn Clock>) -> Self {
        Self { table: Arc::new(table), connections, since, clock, books: Arc::default() }
    }

    /// The destination of a domain whose best MX host is this one.
    pub fn destination(&self, host: &str) -> Destination {
        let shape = self.table.shape(host).cloned();
        let name = shape.as_ref().map_or_else(|| group_of(host), |shape| shape.name.as_str());
        Destination { name: name.into(), shape, is_own: false }
    }

    /// Comes to deliver: waits a moment for a connection, if that is all that
    /// is missing.
    pub async fn enter(&self, destination: &Arc<Destination>, comer: impl Into<Comer>) -> Result<Permit, PutOff> {
        let comer = comer.into();
        let bounds = self.bounds(destination);
        let line = match self.come(destination, comer, bounds) {
            Answer::Go(id) => return Ok(self.permit(destination, comer.priority, id)),
            Answer::At(at, wait) => return Err(PutOff { at, wait }),
            Answer::Line(line) => line,
        };
        match timeout(LINE, line).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                let now = self.clock.now();
                let at = self.lock().of(&destination.name, now).give_up(now, comer, bounds);
                Err(PutOff { at, wait: Wait::Busy })
            }
        }
    }

    /// Whether one more may be sent to a destination at once. Nothing is taken
    /// by asking: whoever has several senders looks for one that is free.
    pub fn is_free(&self, destination: &Destination, priority: Priority) -> bool {
        let (now, bounds) = (self.clock.now(), self.bounds(destination));
        self.lock().of(&destination.name, now).is_free(now, priority, bounds)
    }

    /// Transactions on a connection to a destination; none where nothing is known of it.
    pub(crate) fn transactions_max(&self, host: &str) -> Option<u32> {
        self.table.shape(host)?.messages_per_connection.map(std::num::NonZeroU32::get)
    }

    fn come(&self, destination: &Destination, comer: Comer, bounds: Bounds) -> Answer {
        let now = self.clock.now();
        self.lock().of(&destination.name, now).come(now, comer, bounds)
    }

    fn permit(&self, destination: &Arc<Destination>, priority: Priority, id: u64) -> Permit {
        Permit { shaper: self.clone(), destination: destination.clone(), priority, id }
    }

    fn leave(&self, destination: &Arc<Destination>, id: u64) {
        let bounds = self.bounds(destination);
        let now = self.clock.now();
        // Not under the lock: who went away meanwhile gives the permit back.
        let next = self.lock().of(&destination.name, now).leave(id, now, bounds);
        let Some(Next { id, priority, give }) = next else { return };
        drop(give.send(self.permit(destination, priority, id)));
    }

    fn bounds(&self, destination: &Destination) -> Bounds {
        let shape = destination.shape.as_ref();
        let connections = shape
            .and_then(|shape| shape.connections)
            .map_or(self.connections, |most| usize::try_from(most.get()).unwrap_or(usize::MAX));
        let interval = if destination.is_own { None } else { shape.and_then(Shape::interval).max(self.ramp()) };
        Bounds { connections: connections.max(1), interval }
    }

    /// The time between two messages to a destination that a new sender leaves.
    fn ramp(&self) -> Option<Duration> {
        const DAY_S: u64 = 24 * 3_600;
        let age = Duration::try_from(self.clock.now().duration_since(self.since?)).unwrap_or_default();
        let most = self.table.ramp(age.as_secs() / DAY_S)?;
        Some(Duration::from_secs(DAY_S) / most.get())
    }

    fn pause(&self, cause: &Cause) -> Option<Duration> {
        match cause {
            Cause::Replied(_, reply) => self.table.pause(reply.code, &reply.to_string()),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the name of a host ends in, where that is more than a name and a top
/// level: `mx1.hosting.example` and `mx2.hosting.example` are one.
fn group_of(host: &str) -> &str {
    match host.split_once('.') {
        Some((_, rest)) if rest.contains('.') && rest.parse::<std::net::Ipv4Addr>().is_err() => {
            if host.parse::<std::net::IpAddr>().is_ok() { host } else { rest }
        }
        _ => host,
    }
}
