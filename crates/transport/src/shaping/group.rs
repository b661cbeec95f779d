//! One destination's books: who is under way, who waits in line, when the next
//! one may go, and when there is peace.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use mail::Priority;
use tokio::sync::oneshot;

use super::Permit;

/// Who would wait longer than this for a connection is given a time instead.
pub(super) const LINE: Duration = Duration::from_secs(1);
/// What a delivery takes before one was seen.
const FIRST_GUESS: Duration = Duration::from_millis(50);
/// A time is never nearer than this: to be called again at once helps nobody.
const SOONEST: Duration = Duration::from_secs(1);
/// Where nothing but connections is short, nobody waits longer than this
/// before it is looked again: how long deliveries take is a guess.
const LONGEST: Duration = Duration::from_secs(900);
/// Of a hundred connections, how many a priority may have together with those
/// less urgent than it.
const SHARES: [usize; 3] = [100, 85, 60];
/// So much of the rate may go at once, of each priority.
const BURSTS: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(20), Duration::from_secs(10)];
/// At least so many deliveries, however slow the rate is.
const BURST_TOKENS: [u32; 3] = [5, 1, 1];
/// Each so many deliveries in a row make good for one time of being too much.
const FORGIVEN_AFTER: u32 = 50;
/// The longest peace.
const PEACE_MAX: Duration = Duration::from_secs(3_600);

/// Why a delivery has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The destination said that it is sent too much.
    Peace,
    /// It is sent as much as it may be by its rate.
    Rate,
    /// As many deliveries to it are under way as may be.
    Busy,
}

/// What becomes of somebody who comes.
pub(super) enum Answer {
    Go(u64),
    Line(oneshot::Receiver<Permit>),
    At(Timestamp, Wait),
}

/// The bounds of a destination at this moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub connections: usize,
    pub interval: Option<Duration>,
}

#[derive(Default)]
pub(super) struct Group {
    next: u64,
    began: BTreeMap<u64, (Timestamp, Priority)>,
    line: [VecDeque<oneshot::Sender<Permit>>; 3],
    /// When the rate would be even again (GCRA's theoretical time of arrival).
    even_at: Option<Timestamp>,
    slots: [Option<Timestamp>; 3],
    takes: Option<Duration>,
    peace_until: Option<Timestamp>,
    strikes: u32,
    successes: u32,
}

impl Group {
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let past = |at: Option<Timestamp>| at.is_none_or(|at| at <= now);
        self.began.is_empty() && self.strikes == 0 && past(self.even_at) && self.slots.iter().all(|slot| past(*slot))
    }

    pub(super) fn come(&mut self, now: Timestamp, priority: Priority, bounds: Bounds) -> Answer {
        if self.peace_until.is_some_and(|until| until > now) && !self.may_probe(priority) {
            return Answer::At(self.slot(now, priority, bounds, Wait::Peace), Wait::Peace);
        }
        if self.is_over_rate(now, priority, bounds) {
            return Answer::At(self.slot(now, priority, bounds, Wait::Rate), Wait::Rate);
        }
        if self.has_room(priority, bounds) {
            self.spend(now, bounds);
            return Answer::Go(self.begin(now, priority));
        }
        let waiting = self.line.iter().map(VecDeque::len).sum::<usize>();
        let step = self.takes(now) / u32::try_from(self.cap(priority, bounds)).unwrap_or(1).max(1);
        if step.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX).saturating_add(1)) > LINE {
            return Answer::At(self.slot(now, priority, bounds, Wait::Busy), Wait::Busy);
        }
        self.spend(now, bounds);
        let (give, take) = oneshot::channel();
        if let Some(line) = self.line.get_mut(usize::from(priority.number())) {
            line.push_back(give);
        }
        Answer::Line(take)
    }

    /// The time of somebody who waited in line in vain.
    pub(super) fn give_up(&mut self, now: Timestamp, priority: Priority, bounds: Bounds) -> Timestamp {
        self.slot(now, priority, bounds, Wait::Busy)
    }

    /// One is done; the next in line whose turn it is, if there is one.
    pub(super) fn leave(&mut self, id: u64, now: Timestamp, bounds: Bounds) -> Option<(u64, oneshot::Sender<Permit>)> {
        if let Some((began, _)) = self.began.remove(&id) {
            let took = Duration::try_from(now.duration_since(began)).unwrap_or_default();
            let before = self.takes.unwrap_or(took);
            self.takes = Some((before * 7 + took) / 8);
        }
        for priority in Priority::ALL {
            if !self.has_room(priority, bounds) {
                continue;
            }
            let line = self.line.get_mut(usize::from(priority.number()))?;
            while let Some(give) = line.pop_front() {
                if !give.is_closed() {
                    return Some((self.begin(now, priority), give));
                }
            }
        }
        None
    }

    /// The destination says that it is sent too much.
    pub(super) fn too_much(&mut self, now: Timestamp, pause: Duration) {
        self.successes = 0;
        // What was under way together says it together.
        if self.peace_until.is_some_and(|until| until > now) {
            return;
        }
        let longer = pause.saturating_mul(1 << self.strikes.min(6)).min(PEACE_MAX);
        self.strikes = self.strikes.saturating_add(1);
        self.peace_until = now.checked_add(longer).ok();
        self.slots = [None; 3];
    }

    /// The destination took one.
    pub(super) fn taken(&mut self) {
        self.successes = self.successes.saturating_add(1);
        if self.successes >= FORGIVEN_AFTER && self.strikes > 0 {
            (self.strikes, self.successes) = (self.strikes - 1, 0);
        }
    }

    fn begin(&mut self, now: Timestamp, priority: Priority) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.began.insert(self.next, (now, priority));
        self.next
    }

    /// In peace what is urgent may ask, one at a time.
    fn may_probe(&self, priority: Priority) -> bool {
        priority == Priority::Transactional && self.began.is_empty()
    }

    /// Fewer connections each time that it was too much.
    fn connections(&self, bounds: Bounds) -> usize {
        (bounds.connections >> self.strikes.min(10)).max(1)
    }

    fn cap(&self, priority: Priority, bounds: Bounds) -> usize {
        let share = SHARES.get(usize::from(priority.number())).copied().unwrap_or(100);
        (self.connections(bounds) * share).div_ceil(100).max(1)
    }

    /// Whether one more of this priority may be under way.
    fn has_room(&self, priority: Priority, bounds: Bounds) -> bool {
        let less = self.began.values().filter(|(_, other)| *other >= priority).count();
        self.began.len() < self.connections(bounds) && less < self.cap(priority, bounds)
    }

    fn is_over_rate(&self, now: Timestamp, priority: Priority, bounds: Bounds) -> bool {
        let (Some(interval), Some(even_at)) = (bounds.interval, self.even_at) else { return false };
        // Where little may go at all, what is urgent still has more of it at once.
        let tokens = BURST_TOKENS.get(usize::from(priority.number())).copied().unwrap_or(1);
        let burst = BURSTS.get(usize::from(priority.number())).copied().unwrap_or_default();
        let burst = burst.max(interval.saturating_mul(tokens));
        even_at.checked_sub(burst).is_ok_and(|may| may > now)
    }

    fn spend(&mut self, now: Timestamp, bounds: Bounds) {
        if let Some(interval) = bounds.interval {
            let from = self.even_at.map_or(now, |even_at| even_at.max(now));
            self.even_at = from.checked_add(interval).ok();
        }
    }

    /// What a delivery takes: as long as the last ones, or as the one that is
    /// under way the longest already takes.
    fn takes(&self, now: Timestamp) -> Duration {
        let oldest = self.began.values().map(|(began, _)| *began).min();
        let oldest = oldest.and_then(|began| Duration::try_from(now.duration_since(began)).ok());
        self.takes.unwrap_or(FIRST_GUESS).max(oldest.unwrap_or_default())
    }

    /// The next free time of this priority, which is then taken.
    fn slot(&mut self, now: Timestamp, priority: Priority, bounds: Bounds, wait: Wait) -> Timestamp {
        let step = self.takes(now) / u32::try_from(self.cap(priority, bounds)).unwrap_or(1).max(1);
        let step = step.max(bounds.interval.unwrap_or_default());
        let soonest = now.checked_add(SOONEST).unwrap_or(now);
        let first = match wait {
            Wait::Peace => self.peace_until.map_or(soonest, |until| until.max(soonest)),
            Wait::Rate | Wait::Busy => soonest,
        };
        let Some(slot) = self.slots.get_mut(usize::from(priority.number())) else { return first };
        let latest = first.checked_add(LONGEST).unwrap_or(first);
        let is_rate = bounds.interval.is_some();
        let at = slot.filter(|slot| *slot > first && (is_rate || *slot < latest)).unwrap_or(first);
        *slot = at.checked_add(step).ok();
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Priority::{Marketing, Operational, Transactional};

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn connections(connections: usize) -> Bounds {
        Bounds { connections, interval: None }
    }

    fn rate(interval: Duration) -> Bounds {
        Bounds { connections: 1_000, interval: Some(interval) }
    }

    fn time(answer: Answer) -> Option<(Timestamp, Wait)> {
        match answer {
            Answer::At(at, wait) => Some((at, wait)),
            Answer::Go(_) | Answer::Line(_) => None,
        }
    }

    #[test]
    fn a_slow_destination_has_its_connections_and_no_more_and_the_rest_is_spread() {
        let (mut group, bounds) = (Group::default(), connections(4));
        for _ in 0..3 {
            assert!(matches!(group.come(at(0), Marketing, bounds), Answer::Go(_)));
        }
        // The three have taken ten seconds, and nobody knows when they end.
        let slots: Vec<_> = (0..6).map(|_| time(group.come(at(10_000), Marketing, bounds)).unwrap()).collect();
        assert!(slots.iter().all(|(_, wait)| *wait == Wait::Busy));
        assert!(slots.windows(2).all(|pair| pair[0].0 < pair[1].0), "{slots:?}");
        assert!(
            matches!(group.come(at(10_000), Transactional, bounds), Answer::Go(_)),
            "one is left for what is urgent"
        );
    }

    #[test]
    fn a_quick_destination_gives_no_times_but_lets_wait_in_line_and_the_urgent_first() {
        let (mut group, bounds) = (Group::default(), connections(1));
        let Answer::Go(first) = group.come(at(0), Marketing, bounds) else { panic!("not taken") };
        let Answer::Line(mut news) = group.come(at(1), Marketing, bounds) else { panic!("no line") };
        let Answer::Line(mut reset) = group.come(at(2), Transactional, bounds) else { panic!("no line") };
        let (_, give) = group.leave(first, at(3), bounds).unwrap();
        drop(give);
        assert!(matches!(reset.try_recv(), Err(oneshot::error::TryRecvError::Closed)), "its turn came");
        assert!(matches!(news.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
    }

    #[test]
    fn a_campaign_over_the_rate_is_spread_by_it_once() {
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(1)));
        let mut slots = Vec::new();
        let mut gone = 0;
        for _ in 0..5_000 {
            match group.come(at(0), Marketing, bounds) {
                Answer::Go(_) => gone += 1,
                Answer::At(at, wait) => slots.push((at, wait)),
                Answer::Line(_) => panic!("there are connections enough"),
            }
        }
        assert_eq!(gone, 11, "a burst of ten seconds");
        assert!(slots.iter().all(|(_, wait)| *wait == Wait::Rate));
        assert!(slots.windows(2).all(|pair| pair[1].0.duration_since(pair[0].0).as_millis() == 1_000));
        assert_eq!(slots.last().unwrap().0, at(1_000 * (5_000 - 11)));
        // Whoever comes at that time goes: nobody is sent away twice.
        group.began.clear();
        for (slot, _) in slots.iter().take(200) {
            assert!(matches!(group.come(*slot, Marketing, bounds), Answer::Go(_)), "{slot}");
        }
        // And what is urgent doesn't stand behind the campaign.
        assert!(matches!(group.come(slots[200].0, Transactional, bounds), Answer::Go(_)));
    }

    #[test]
    fn a_destination_that_says_too_much_is_left_in_peace_and_longer_each_time() {
        let (mut group, bounds) = (Group::default(), connections(8));
        group.too_much(at(0), Duration::from_secs(60));
        group.too_much(at(1), Duration::from_secs(60));
        assert_eq!(time(group.come(at(2), Operational, bounds)).unwrap(), (at(60_000), Wait::Peace));
        assert!(matches!(group.come(at(3), Transactional, bounds), Answer::Go(_)), "one urgent message may ask");
        assert!(time(group.come(at(4), Transactional, bounds)).is_some(), "and no second one");
        group.began.clear();
        assert!(matches!(group.come(at(60_001), Operational, bounds), Answer::Go(_)));
        group.too_much(at(60_002), Duration::from_secs(60));
        assert_eq!(time(group.come(at(60_003), Marketing, bounds)).unwrap().0, at(60_002 + 120_000));
        assert_eq!(group.connections(bounds), 2, "half of the connections each time");
        for _ in 0..2 * FORGIVEN_AFTER {
            group.taken();
        }
        assert_eq!(group.connections(bounds), 8);
    }
}
