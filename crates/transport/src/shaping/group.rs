//! One destination's books: who is under way, who waits in line, when the next
//! one may go, and when there is peace.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
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
/// So much of the rate may go at once, of each priority.
const BURSTS: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(20), Duration::from_secs(10)];
/// At least so many deliveries, however slow the rate is.
const BURST_TOKENS: [u32; 3] = [5, 1, 1];
/// Each so many deliveries in a row make good for one time of being too much.
const FORGIVEN_AFTER: u32 = 50;
/// The longest peace.
const PEACE_MAX: Duration = Duration::from_secs(3_600);
/// After so long without another one, one time of being too much is forgotten.
const STRIKE_LIFE: Duration = Duration::from_secs(3_600);
/// More are not counted: connections are down to one long before.
const STRIKES_MAX: u32 = 10;
/// A clock that goes back by more was wrong before.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(60);
/// By rate, no turn is given further ahead than this: the pace may change, and
/// whoever waits has to come up to be told of, or to end.
const HORIZON: Duration = Duration::from_secs(3_600);

/// Why a delivery has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// The destination said that it is sent too much.
    #[error("the receiving provider asked to be sent less")]
    Peace,
    /// It is sent as much as it may be by its rate.
    #[error("the receiving provider is sent as much as it may be")]
    Rate,
    /// As many deliveries to it are under way as may be.
    #[error("as many messages are on their way to the receiving provider as may be")]
    Busy,
}

/// Who comes to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comer {
    /// How urgent it is.
    pub priority: Priority,
    /// Whether it is a code that somebody waits for before a page. It is worth
    /// nothing when the turns that others were given are over, so it takes none
    /// behind them and comes as soon as the rate lets one more go.
    pub is_code: bool,
}

impl From<Priority> for Comer {
    fn from(priority: Priority) -> Self {
        Self { priority, is_code: false }
    }
}

/// What becomes of somebody who comes.
pub(super) enum Answer {
    Go(u64),
    Line(oneshot::Receiver<Permit>),
    At(Timestamp, Wait),
}

/// The next in line, whose turn it is.
pub(super) struct Next {
    pub id: u64,
    pub priority: Priority,
    pub give: oneshot::Sender<Permit>,
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
    /// How many were sent away without a turn.
    beyond: u32,
    takes: Option<Duration>,
    peace_until: Option<Timestamp>,
    strikes: u32,
    /// Since when the strikes fade.
    struck_at: Option<Timestamp>,
    successes: u32,
    used_at: Option<Timestamp>,
}

impl Group {
    /// Whether to forget it changes nothing.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let past = |at: Option<Timestamp>| at.is_none_or(|at| at <= now);
        let is_even = past(self.even_at) && past(self.peace_until) && self.slots.iter().all(|slot| past(*slot));
        is_even && !self.is_under_way() && self.strikes_left(now) == 0
    }

    /// Whether a delivery is under way, or somebody waits in line for one.
    pub(super) fn is_under_way(&self) -> bool {
        !self.began.is_empty() || self.line.iter().any(|line| !line.is_empty())
    }

    /// When somebody last came.
    pub(super) const fn used_at(&self) -> Option<Timestamp> {
        self.used_at
    }

    pub(super) fn come(&mut self, now: Timestamp, comer: impl Into<Comer>, bounds: Bounds) -> Answer {
        let comer = comer.into();
        let priority = comer.priority;
        self.heed_clock(now);
        self.fade(now);
        if self.peace_until.is_some_and(|until| until > now) && !self.may_probe(priority) {
            return Answer::At(self.again(now, comer, bounds, Wait::Peace), Wait::Peace);
        }
        if self.is_over_rate(now, priority, bounds) {
            return Answer::At(self.again(now, comer, bounds, Wait::Rate), Wait::Rate);
        }
        if self.has_room(priority, bounds) {
            self.spend(now, bounds);
            return Answer::Go(self.begin(now, priority));
        }
        // Those who are less urgent stand behind, however many they are.
        let before = self.line.iter().take(usize::from(priority.number()) + 1);
        let waiting = before.map(VecDeque::len).sum::<usize>();
        let step = self.takes(now) / u32::try_from(self.cap(priority, bounds)).unwrap_or(1).max(1);
        if step.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX).saturating_add(1)) > LINE {
            return Answer::At(self.again(now, comer, bounds, Wait::Busy), Wait::Busy);
        }
        self.spend(now, bounds);
        let (give, take) = oneshot::channel();
        if let Some(line) = self.line.get_mut(usize::from(priority.number())) {
            line.push_back(give);
        }
        Answer::Line(take)
    }

    /// Whether somebody who comes goes at once.
    pub(super) fn is_free(&self, now: Timestamp, priority: Priority, bounds: Bounds) -> bool {
        let is_in_peace = self.peace_until.is_some_and(|until| until > now) && !self.may_probe(priority);
        !is_in_peace && !self.is_over_rate(now, priority, bounds) && self.has_room(priority, bounds)
    }

    /// The time of somebody who waited in line in vain, and sends nothing.
    pub(super) fn give_up(&mut self, now: Timestamp, comer: impl Into<Comer>, bounds: Bounds) -> Timestamp {
        let unspent = self.even_at.zip(bounds.interval);
        self.even_at = unspent.and_then(|(even_at, interval)| even_at.checked_sub(interval).ok()).or(self.even_at);
        self.again(now, comer.into(), bounds, Wait::Busy)
    }

    /// One is done; the next in line whose turn it is, if there is one.
    pub(super) fn leave(&mut self, id: u64, now: Timestamp, bounds: Bounds) -> Option<Next> {
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
                    return Some(Next { id: self.begin(now, priority), priority, give });
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
        self.fade(now);
        let longer = pause.saturating_mul(1 << self.strikes.min(6)).min(PEACE_MAX);
        self.strikes = self.strikes.saturating_add(1).min(STRIKES_MAX);
        self.peace_until = now.checked_add(longer).ok();
        self.struck_at = self.peace_until;
        self.slots = [None; 3];
    }

    /// The destination took one.
    pub(super) fn taken(&mut self) {
        self.successes = self.successes.saturating_add(1);
        if self.successes >= FORGIVEN_AFTER && self.strikes > 0 {
            (self.strikes, self.successes) = (self.strikes - 1, 0);
        }
    }

    /// A clock that was set back leaves times that are long in coming: they
    /// would hold everything up until then.
    fn heed_clock(&mut self, now: Timestamp) {
        let is_back = |used_at: Timestamp| used_at.duration_since(now) > CLOCK_STEP;
        if self.used_at.is_some_and(is_back) {
            (self.even_at, self.slots, self.peace_until) = (None, [None; 3], None);
            self.struck_at = Some(now);
            self.began.values_mut().for_each(|(began, _)| *began = now);
        }
        self.used_at = Some(now);
    }

    /// The strikes that time has not taken.
    fn strikes_left(&self, now: Timestamp) -> u32 {
        let since = self.struck_at.and_then(|struck_at| Duration::try_from(now.duration_since(struck_at)).ok());
        let faded = since.unwrap_or_default().as_secs() / STRIKE_LIFE.as_secs();
        self.strikes.saturating_sub(u32::try_from(faded).unwrap_or(u32::MAX))
    }

    fn fade(&mut self, now: Timestamp) {
        let left = self.strikes_left(now);
        if left < self.strikes {
            self.strikes = left;
            self.struck_at = Some(now);
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
        (bounds.connections >> self.strikes.min(STRIKES_MAX)).max(1)
    }

    fn cap(&self, priority: Priority, bounds: Bounds) -> usize {
        priority.share(self.connections(bounds))
    }

    /// Whether one more of this priority may be under way.
    fn has_room(&self, priority: Priority, bounds: Bounds) -> bool {
        let under_way = || self.began.values().map(|(_, other)| *other);
        // One urgent delivery goes beside whatever holds the only connection,
        // or the many that there were before the destination said too much.
        let is_urgent = priority == Priority::Transactional;
        if is_urgent && !under_way().any(|other| other == Priority::Transactional) {
            return true;
        }
        // Whoever is less urgent takes of what those above it may have, too.
        let mut above = Priority::ALL.into_iter().filter(|one| *one <= priority);
        above.all(|one| under_way().filter(|other| *other >= one).count() < self.cap(one, bounds))
    }

    fn is_over_rate(&self, now: Timestamp, priority: Priority, bounds: Bounds) -> bool {
        self.may_by_rate(priority, bounds).is_some_and(|may| may > now)
    }

    /// When the rate, as it is spent now, lets one more of this priority go.
    fn may_by_rate(&self, priority: Priority, bounds: Bounds) -> Option<Timestamp> {
        let (interval, even_at) = (bounds.interval?, self.even_at?);
        // Where little may go at all, what is urgent still has more of it at once.
        let tokens = BURST_TOKENS.get(usize::from(priority.number())).copied().unwrap_or(1);
        let burst = BURSTS.get(usize::from(priority.number())).copied().unwrap_or_default();
        even_at.checked_sub(burst.max(interval.saturating_mul(tokens))).ok()
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

    /// When somebody who may not go now comes again.
    fn again(&mut self, now: Timestamp, comer: Comer, bounds: Bounds, wait: Wait) -> Timestamp {
        if comer.is_code {
            return self.soonest(now, comer.priority, bounds, wait);
        }
        self.slot(now, comer.priority, bounds, wait)
    }

    /// Before the rate lets it go, or peace is over, nobody would be sent, and a
    /// turn would be lost.
    fn soonest(&self, now: Timestamp, priority: Priority, bounds: Bounds, wait: Wait) -> Timestamp {
        let soonest = now.checked_add(SOONEST).unwrap_or(now);
        let peace = self.peace_until.filter(|_| wait == Wait::Peace);
        self.may_by_rate(priority, bounds).max(peace).unwrap_or(soonest).max(soonest)
    }

    /// The next free time of this priority, which is then taken. Where the rate
    /// has none soon, a time to ask again.
    fn slot(&mut self, now: Timestamp, priority: Priority, bounds: Bounds, wait: Wait) -> Timestamp {
        let step = self.takes(now) / u32::try_from(self.cap(priority, bounds)).unwrap_or(1).max(1);
        let step = step.max(bounds.interval.unwrap_or_default());
        let first = self.soonest(now, priority, bounds, wait);
        let Some(slot) = self.slots.get_mut(usize::from(priority.number())) else { return first };
        let mut at = slot.map_or(first, |slot| slot.max(first));
        if bounds.interval.is_some() {
            let horizon = now.checked_add(HORIZON).unwrap_or(now);
            if at > horizon {
                return self.beyond(now);
            }
        } else if at >= first.checked_add(LONGEST).unwrap_or(first) {
            at = first;
        }
        *slot = at.checked_add(step).ok();
        at
    }

    /// A time to ask again for whoever finds every turn within the horizon
    /// taken: spread over its second half, so that they neither come all at once
    /// nor after the last turn has passed.
    fn beyond(&mut self, now: Timestamp) -> Timestamp {
        // Multiples of the golden ratio spread evenly, however many they are.
        const GOLDEN: u32 = 0x9E37_79B9;
        self.beyond = self.beyond.wrapping_add(1);
        let part = f64::from(self.beyond.wrapping_mul(GOLDEN)) / f64::from(u32::MAX);
        now.checked_add(HORIZON.mul_f64(0.5 + part / 2.0)).unwrap_or(now)
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
        for priority in [Marketing, Marketing, Operational] {
            assert!(matches!(group.come(at(0), priority, bounds), Answer::Go(_)));
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
        let Answer::Go(first) = group.come(at(0), Transactional, bounds) else { panic!("not taken") };
        let Answer::Line(mut news) = group.come(at(1), Marketing, bounds) else { panic!("no line") };
        let Answer::Line(mut reset) = group.come(at(2), Transactional, bounds) else { panic!("no line") };
        let next = group.leave(first, at(3), bounds).unwrap();
        assert_eq!(next.priority, Transactional);
        drop(next);
        assert!(matches!(reset.try_recv(), Err(oneshot::error::TryRecvError::Closed)), "its turn came");
        assert!(matches!(news.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
    }

    /// How long urgent messages, one every 30 seconds for half an hour, wait for
    /// their turn while a campaign of these priorities never ends, and the most
    /// that were under way together. Each delivery takes 20 seconds.
    fn waits_beside(campaign: &[Priority], bounds: Bounds) -> (Vec<i64>, usize) {
        /// What happens, and when: one is done, or one comes that waits since then.
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
        enum Event {
            Done(u64),
            Comes(Priority, i64),
        }
        use std::cmp::Reverse;
        let mut due = std::collections::BinaryHeap::new();
        for _ in 0..400 {
            due.extend(campaign.iter().map(|one| Reverse((0, Event::Comes(*one, 0)))));
        }
        let urgent = (0..60).map(|number| number * 30_000 + 7);
        due.extend(urgent.map(|from| Reverse((from, Event::Comes(Transactional, from)))));
        let (mut group, mut most, mut waits) = (Group::default(), 0, Vec::new());
        while let Some(Reverse((now, event))) = due.pop().filter(|Reverse((now, _))| *now <= 3_600_000) {
            let Event::Comes(priority, since) = event else {
                let Event::Done(id) = event else { continue };
                assert!(group.leave(id, at(now), bounds).is_none(), "nobody waits in line for so long");
                continue;
            };
            let again = match group.come(at(now), priority, bounds) {
                Answer::Go(id) => {
                    due.push(Reverse((now + 20_000, Event::Done(id))));
                    waits.extend((priority == Transactional).then_some((now - since) / 1_000));
                    most = most.max(group.began.len());
                    continue;
                }
                Answer::At(again, _) => again,
                // In vain, for a second: nothing is done as soon as that.
                Answer::Line(_) => group.give_up(at(now + 1_000), priority, bounds),
            };
            let again = again.as_millisecond() - at(0).as_millisecond();
            due.push(Reverse((again, Event::Comes(priority, since))));
        }
        (waits, most)
    }

    #[test]
    fn a_campaign_over_few_connections_leaves_urgent_mail_its_own() {
        for (few, most) in [(1, 2), (2, 2), (5, 5)] {
            for campaign in [&[Marketing][..], &[Operational], &[Marketing, Operational]] {
                let (waits, seen) = waits_beside(campaign, connections(few));
                assert_eq!(waits.len(), 60, "{few} connections, {campaign:?}: {waits:?}");
                assert!(waits.iter().all(|wait| *wait < 600), "{few} connections, {campaign:?}: {waits:?}");
                assert!(seen <= most, "{few} connections, {campaign:?}: {seen} at a time");
            }
        }
    }

    #[test]
    fn a_campaigns_line_does_not_stand_before_what_is_urgent() {
        let (mut group, bounds) = (Group::default(), connections(2));
        for _ in 0..2 {
            assert!(matches!(group.come(at(0), Transactional, bounds), Answer::Go(_)));
        }
        let lines: Vec<_> = (0..200).map(|_| group.come(at(1), Marketing, bounds)).collect();
        assert!(lines.iter().any(|answer| matches!(answer, Answer::At(..))), "the line is full");
        assert!(matches!(group.come(at(2), Transactional, bounds), Answer::Line(_)));
    }

    #[test]
    fn strikes_leave_a_way_beside_what_is_under_way_still() {
        let (mut group, bounds) = (Group::default(), connections(8));
        for _ in 0..7 {
            assert!(matches!(group.come(at(0), Operational, bounds), Answer::Go(_)));
        }
        group.too_much(at(1), Duration::from_secs(60));
        assert!(matches!(group.come(at(60_002), Transactional, bounds), Answer::Go(_)));
        assert!(time(group.come(at(60_003), Transactional, bounds)).is_some(), "one, and no second one");
    }

    #[test]
    fn a_code_takes_no_turn_behind_those_of_the_next_hour() {
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(10)));
        for _ in 0..400 {
            drop(group.come(at(0), Transactional, bounds));
        }
        let (tail, _) = time(group.come(at(0), Transactional, bounds)).unwrap();
        assert!(tail >= at(1_800_000), "the hour is taken: {tail}");
        let slots = group.slots;
        let code = Comer { priority: Transactional, is_code: true };
        let (again, wait) = time(group.come(at(0), code, bounds)).unwrap();
        assert_eq!((again, wait), (at(10_000), Wait::Rate));
        assert_eq!(group.slots, slots);
        assert!(matches!(group.come(again, code, bounds), Answer::Go(_)));
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
        let (turns, beyond) = slots.split_at(3_600);
        assert!(turns.windows(2).all(|pair| pair[1].0.duration_since(pair[0].0).as_millis() == 1_000));
        assert_eq!((turns[0].0, turns[3_599].0), (at(1_000), at(3_600_000)));
        assert!(beyond.iter().all(|(again, _)| *again >= at(1_800_000) && *again <= at(3_600_000)), "no turn is taken");
        // Whoever comes at that time goes: nobody is sent away twice.
        group.began.clear();
        for (slot, _) in slots.iter().take(200) {
            assert!(matches!(group.come(*slot, Marketing, bounds), Answer::Go(_)), "{slot}");
        }
        // And what is urgent doesn't stand behind the campaign.
        assert!(matches!(group.come(slots[200].0, Transactional, bounds), Answer::Go(_)));
    }

    /// All that is given to a destination by its rate, each of the waiting at the time that it was told.
    fn sent(
        group: &mut Group,
        from: i64,
        mut due: Vec<(Timestamp, Priority)>,
        bounds: Bounds,
    ) -> Vec<(Timestamp, Priority)> {
        let mut sent = Vec::new();
        let mut asked = 0;
        due.iter_mut().for_each(|(due, _)| *due = (*due).max(at(from)));
        let mut due: std::collections::BinaryHeap<_> = due.into_iter().map(std::cmp::Reverse).collect();
        while let Some(std::cmp::Reverse((now, priority))) = due.pop() {
            asked += 1;
            match group.come(now, priority, bounds) {
                Answer::Go(id) => {
                    group.leave(id, now, bounds);
                    sent.push((now, priority));
                }
                Answer::At(again, _) => due.push(std::cmp::Reverse((again, priority))),
                Answer::Line(_) => panic!("there are connections enough"),
            }
        }
        assert!(asked < 8 * sent.len(), "{asked} questions for {} turns", sent.len());
        sent
    }

    /// The most in any window of this length.
    fn most_in(sent: &[(Timestamp, Priority)], window: Duration) -> usize {
        let until = |from: Timestamp| from.checked_add(window).unwrap();
        let ends =
            sent.iter().enumerate().map(|(at, (from, _))| sent[at..].partition_point(|(time, _)| *time < until(*from)));
        ends.max().unwrap_or_default()
    }

    #[test]
    fn a_rate_is_held_in_every_hour_and_used_up_in_every_hour() {
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(2)));
        let campaign = vec![(at(0), Marketing); 10_000];
        let sent = sent(&mut group, 0, campaign, bounds);
        assert_eq!(sent.len(), 10_000, "everybody has a turn in the end");
        // 1,800 an hour and the burst of ten seconds.
        assert!(
            most_in(&sent, Duration::from_secs(3_600)) <= 1_800 + 6,
            "{}",
            most_in(&sent, Duration::from_secs(3_600))
        );
        assert!(most_in(&sent, Duration::from_secs(60)) <= 30 + 6);
        let took = sent[9_999].0.duration_since(at(0)).as_secs();
        assert!((19_900..20_400).contains(&took), "no turn is lost: {took} s");
        // An hour of idleness gives a burst again, and no more than one.
        let later = took * 1_000 + 3_600_000;
        let again = sent_after(&mut group, later, bounds);
        assert_eq!(again, 6);
    }

    fn sent_after(group: &mut Group, later: i64, bounds: Bounds) -> usize {
        (0..100).filter(|_| matches!(group.come(at(later), Marketing, bounds), Answer::Go(_))).count()
    }

    #[test]
    fn what_is_urgent_takes_its_part_of_a_rate_and_the_rest_still_has_turns_that_hold() {
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(60)));
        let mut all = vec![(at(0), Marketing); 40];
        all.extend((0..20).map(|minute| (at(minute * 60_000 + 1), Transactional)));
        let sent = sent(&mut group, 0, all, bounds);
        assert_eq!(sent.len(), 60);
        assert!(most_in(&sent, Duration::from_secs(600)) <= 10 + 6);
        let urgent: Vec<_> = sent.iter().filter(|(_, priority)| *priority == Transactional).collect();
        assert!(urgent[19].0 <= at(20 * 60_000), "{urgent:?}");
    }

    #[test]
    fn a_turn_is_never_before_the_rate_has_one() {
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(1_200)));
        for _ in 0..5 {
            assert!(matches!(group.come(at(0), Transactional, bounds), Answer::Go(_)));
        }
        // The urgent ones have spent what the next hour has.
        let (again, _) = time(group.come(at(0), Marketing, bounds)).unwrap();
        assert!(again >= at(1_800_000), "{again}");
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(600)));
        for _ in 0..4 {
            assert!(matches!(group.come(at(0), Transactional, bounds), Answer::Go(_)));
        }
        assert_eq!(time(group.come(at(0), Marketing, bounds)).unwrap().0, at(1_800_000));
        assert!(matches!(group.come(at(1_800_000), Marketing, bounds), Answer::Go(_)));
    }

    #[test]
    fn who_waited_in_line_in_vain_has_spent_nothing_of_the_rate() {
        let mut group = Group::default();
        let bounds = Bounds { connections: 1, interval: Some(Duration::from_secs(10)) };
        assert!(matches!(group.come(at(0), Transactional, bounds), Answer::Go(_)));
        let before = group.even_at;
        assert!(matches!(group.come(at(1), Transactional, bounds), Answer::Line(_)));
        group.give_up(at(1_001), Transactional, bounds);
        assert_eq!(group.even_at, before);
    }

    #[test]
    fn a_clock_that_comes_back_from_next_year_finds_nothing_that_waits_for_it() {
        let (mut group, bounds) = (Group::default(), rate(Duration::from_secs(1)));
        let year = 365 * 24 * 3_600_000;
        for _ in 0..100 {
            drop(group.come(at(year), Marketing, bounds));
        }
        group.too_much(at(year), PEACE_MAX);
        group.began.clear();
        assert!(matches!(group.come(at(0), Marketing, bounds), Answer::Go(_)));
        assert!(group.is_over_rate(at(0), Marketing, bounds) || group.even_at.unwrap() <= at(1_000));
    }

    #[test]
    fn a_destination_is_forgotten_when_its_strikes_have_faded() {
        let (mut group, bounds) = (Group::default(), connections(8));
        group.too_much(at(0), Duration::from_secs(60));
        assert_eq!(group.connections(bounds), 4);
        assert!(!group.is_idle(at(60_000)));
        assert!(!group.is_idle(at(60_000 + 3_599_000)));
        assert!(group.is_idle(at(60_000 + 3_600_000)));
        assert!(matches!(group.come(at(60_000 + 3_600_000), Marketing, bounds), Answer::Go(_)));
        assert_eq!(group.connections(bounds), 8);
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
