//! Large messages are decided beside the small ones: they wait for memory that
//! slow deliveries may have for long, and nobody waits for it with them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::{MessageId, OrgId};
use tokio::sync::{Notify, watch};

use super::{AGAIN, Undecided};
use crate::journey::Journey;
use crate::keys::Finder;
use crate::memory::NoneSoon;

/// Those that wait, and who is told that there are some.
#[derive(Default)]
pub(super) struct Large {
    line: Mutex<Line>,
    offered: Notify,
}

/// A line for each organisation.
#[derive(Default)]
struct Line {
    waiting: BTreeMap<OrgId, VecDeque<Undecided>>,
    known: HashSet<MessageId>,
    last: Option<OrgId>,
}

impl Line {
    /// Whoever is there already keeps its place.
    fn offer(&mut self, one: Undecided) {
        if !self.known.insert(one.message) {
            return;
        }
        let own = self.waiting.entry(one.org).or_default();
        match one.is_urgent {
            true => own.push_front(one),
            false => own.push_back(one),
        }
    }

    /// There was no room for it: others come first, however urgent it is.
    fn put_off(&mut self, one: Undecided) {
        self.offer(Undecided { is_urgent: false, ..one });
    }

    /// The next one, of each organisation in turn, and what is urgent first.
    fn take(&mut self) -> Option<Undecided> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let until = self.last.map_or(Bound::Unbounded, Bound::Included);
        let later = self.waiting.range((after, Bound::Unbounded));
        let all = || later.clone().chain(self.waiting.range((Bound::Unbounded, until)));
        let is_urgent = |own: &VecDeque<Undecided>| own.front().is_some_and(|one| one.is_urgent);
        let org = *all().find(|(_, own)| is_urgent(own)).or_else(|| all().next())?.0;
        let own = self.waiting.get_mut(&org)?;
        let one = own.pop_front()?;
        if own.is_empty() {
            self.waiting.remove(&org);
        }
        self.known.remove(&one.message);
        self.last = Some(org);
        Some(one)
    }
}

impl Large {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has it decided when there is memory.
    pub fn offer(&self, one: Undecided) {
        self.line().offer(one);
        self.offered.notify_one();
    }

    fn take(&self) -> Option<Undecided> {
        self.line().take()
    }

    /// Decides them, one at a time, until `stop` holds true.
    pub async fn run(&self, journey: &Journey, finder: Option<&Arc<Finder>>, mut stop: watch::Receiver<bool>) {
        loop {
            let Some(one) = self.take() else {
                tokio::select! {
                    _ = stop.wait_for(|stopped| *stopped) => return,
                    () = self.offered.notified() => continue,
                }
            };
            let lent = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return,
                lent = journey.memory.lend_soon(one.bytes) => lent,
            };
            match lent {
                Ok(lent) => one.decide(journey, finder, lent).await,
                Err(NoneSoon) => {
                    self.line().put_off(one);
                    tokio::select! {
                        _ = stop.wait_for(|stopped| *stopped) => return,
                        () = tokio::time::sleep(AGAIN) => {}
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn one(org: u32, number: u8, is_urgent: bool) -> Undecided {
        Undecided { org: OrgId(org), message: MessageId::from_bytes([number; 16]), bytes: 1, is_urgent }
    }

    #[test]
    fn organisations_take_turns_and_what_is_urgent_goes_first() {
        let mut line = Line::default();
        for one in [one(1, 1, false), one(1, 2, false), one(1, 1, false), one(2, 3, false), one(2, 4, true)] {
            line.offer(one);
        }
        let mut taken = vec![line.take().unwrap()];
        line.put_off(taken[0]);
        while let Some(one) = line.take() {
            taken.push(one);
        }
        let numbers: Vec<u8> = taken.iter().map(|one| one.message.as_bytes()[0]).collect();
        assert_eq!(numbers, [4, 1, 3, 2, 4]);
    }
}
