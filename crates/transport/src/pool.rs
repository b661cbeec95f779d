//! Idle channels, kept for the next parcel to the same host, and a bound on
//! how many parcels are under way to a host at a time.
//!
//! A channel is found again only under the same name, address, way of lookup
//! and anchors, and only by a parcel whose need it proved: what it could not
//! prove is asked anew on a new connection. Clear channels are not kept.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use mail::Level;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::channel::Channel;
use crate::config::{Limits, Timeouts};
use crate::open::Target;

/// What a channel is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) target: Target,
    /// Of the anchors under which it was judged.
    pub(crate) anchors: u64,
}

/// The idle channels and the places at hosts.
#[derive(Clone)]
pub(crate) struct Pool {
    state: Arc<Mutex<State>>,
    limits: Limits,
    idle_time: Duration,
}

#[derive(Default)]
struct State {
    /// Least recently used first.
    idle: VecDeque<Idle>,
    places: HashMap<(String, bool), Arc<Semaphore>>,
    is_swept: bool,
    is_closed: bool,
}

struct Idle {
    key: Key,
    channel: Channel,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(limits: Limits, timeouts: &Timeouts) -> Self {
        Self { state: Arc::default(), limits, idle_time: timeouts.idle }
    }

    /// A place at a host; waits while all are taken. Whoever gives a place
    /// back has given its channel back before, so the next one finds it.
    ///
    /// What is urgent has places of its own: how many deliveries there are is
    /// shaped before, and here it would stand behind the rest.
    pub(crate) async fn place(&self, mx: &str, is_urgent: bool) -> Option<OwnedSemaphorePermit> {
        let semaphore = {
            let mut state = self.lock();
            state.forget_empty_places();
            let new = || Arc::new(Semaphore::new(self.limits.connections_max.max(1)));
            state.places.entry((mx.to_owned(), is_urgent)).or_insert_with(new).clone()
        };
        semaphore.acquire_owned().await.ok()
    }

    /// An idle channel that proved at least this level and still lives.
    pub(crate) async fn take(&self, key: &Key, level: Level) -> Option<Channel> {
        loop {
            let mut channel = self.lock().take(key, level)?;
            if is_quiet(&mut channel).await {
                return Some(channel);
            }
        }
    }

    /// Keeps a channel for the next one, or takes leave.
    pub(crate) fn put(&self, key: Key, channel: Channel) {
        let is_worth_it = channel.is_usable()
            && channel.proof.level > Level::None
            && channel.transactions < self.limits.transactions_max
            && !self.idle_time.is_zero();
        let mut state = self.lock();
        if !is_worth_it || state.is_closed {
            drop(state);
            tokio::spawn(channel.quit());
            return;
        }
        state.idle.push_back(Idle { key, channel, until: Instant::now() + self.idle_time });
        let too_many = state.idle.len() > self.limits.idle_max;
        let oldest = if too_many { state.idle.pop_front() } else { None };
        let must_sweep = !std::mem::replace(&mut state.is_swept, true);
        drop(state);
        if let Some(oldest) = oldest {
            tokio::spawn(oldest.channel.quit());
        }
        if must_sweep {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Takes leave on every idle channel, and keeps none from now on.
    pub(crate) async fn close(&self) {
        let idle = {
            let mut state = self.lock();
            state.is_closed = true;
            std::mem::take(&mut state.idle)
        };
        futures::future::join_all(idle.into_iter().map(|idle| idle.channel.quit())).await;
    }

    /// Takes leave of channels when their time is over, until none is idle.
    async fn sweep(self) {
        loop {
            let next = self.lock().next_sweep(Instant::now());
            match next {
                Sweep::Quit(channel) => drop(tokio::spawn(channel.quit())),
                Sweep::Wait(until) => tokio::time::sleep_until(until).await,
                Sweep::Done => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Sweep {
    Quit(Box<Channel>),
    Wait(Instant),
    Done,
}

impl State {
    fn take(&mut self, key: &Key, level: Level) -> Option<Channel> {
        let fits = |idle: &Idle| idle.key == *key && idle.channel.proof.level >= level;
        // The most recently used is the least likely to have been closed.
        let at = self.idle.iter().rposition(fits)?;
        self.idle.remove(at).map(|idle| idle.channel)
    }

    fn next_sweep(&mut self, now: Instant) -> Sweep {
        match self.idle.front() {
            Some(idle) if idle.until > now => Sweep::Wait(idle.until),
            Some(_) => match self.idle.pop_front() {
                Some(idle) => Sweep::Quit(Box::new(idle.channel)),
                None => Sweep::Done,
            },
            None => {
                self.is_swept = false;
                Sweep::Done
            }
        }
    }

    /// The number of hosts has no bound of its own; that of those in use has.
    fn forget_empty_places(&mut self) {
        const PLACES_KEPT: usize = 1024;
        if self.places.len() > PLACES_KEPT {
            self.places.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
    }
}

/// Whether the peer has said nothing and has not gone while nobody listened.
async fn is_quiet(channel: &mut Channel) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let stream = &mut channel.stream;
    poll_fn(|context| Poll::Ready(Pin::new(&mut *stream).poll_read(context, &mut buffer).is_pending())).await
}
