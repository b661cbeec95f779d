//! What one node reads and keeps of others' reports in a day (UTC), so that
//! nobody fills the database or keeps the worker busy with them.
//!
//! Anybody can send reports. Those whose author is not proven share a small
//! part of the day, so that a flood of them never keeps out what a proven
//! reporter sends; and each proven domain has a part of its own, for a domain
//! is cheap. What is turned away is counted, and told.

use std::collections::HashMap;

use mail::Domain;
use serde::{Deserialize, Serialize};

/// Domains that are counted apart in a day; those beyond share one part.
const DOMAINS_MAX: usize = 10_000;
const MIB: u64 = 1024 * 1024;

/// What may be spent in a day.
#[derive(Clone, Copy)]
struct Bounds {
    reports: u64,
    kept_bytes: u64,
    read_bytes: u64,
}

const ALL: Bounds = Bounds { reports: 2_000, kept_bytes: 32 * MIB, read_bytes: 1_024 * MIB };
const UNPROVEN: Bounds = Bounds { reports: 500, kept_bytes: 2 * MIB, read_bytes: 64 * MIB };
const DOMAIN: Bounds = Bounds { reports: 300, kept_bytes: 8 * MIB, read_bytes: 256 * MIB };

/// What was spent.
#[derive(Clone, Copy, Default)]
struct Spent {
    reports: u64,
    kept_bytes: u64,
    read_bytes: u64,
}

impl Spent {
    const fn may_keep(self, bounds: Bounds, bytes: u64) -> bool {
        self.reports < bounds.reports && self.kept_bytes.saturating_add(bytes) <= bounds.kept_bytes
    }

    const fn may_read(self, bounds: Bounds, bytes: u64) -> bool {
        self.read_bytes.saturating_add(bytes) <= bounds.read_bytes
    }

    const fn keep(&mut self, bytes: u64) {
        self.reports = self.reports.saturating_add(1);
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
    }
}

/// What was turned away in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Reports, and messages that were not looked into for them.
    pub count: u64,
    /// Those of them whose author was not proven, or never asked for.
    pub unproven: u64,
    /// Their bytes, as far as they are known.
    pub bytes: u64,
}

/// The books of one day.
#[derive(Default)]
pub(crate) struct Budget {
    day: i64,
    all: Spent,
    unproven: Spent,
    domains: HashMap<Option<Domain>, Spent>,
    dropped: Dropped,
    /// Up to which count that was told.
    told: u64,
}

impl Budget {
    /// Whether a message of so many bytes is looked into; `proven` is its
    /// author's domain, where that is proven.
    pub fn may_read(&mut self, day: i64, proven: Option<&Domain>, bytes: u64) -> bool {
        let (mut all, mut own, bounds) = self.of(day, proven);
        let may = all.may_read(ALL, bytes) && own.may_read(bounds, bytes);
        if may {
            all.read_bytes = all.read_bytes.saturating_add(bytes);
            own.read_bytes = own.read_bytes.saturating_add(bytes);
        }
        self.put(proven, all, own);
        may || self.turn_away(day, proven.is_some(), bytes)
    }

    /// Whether a report that is stored in so many bytes is kept.
    pub fn may_keep(&mut self, day: i64, proven: Option<&Domain>, bytes: u64) -> bool {
        let (mut all, mut own, bounds) = self.of(day, proven);
        let may = all.may_keep(ALL, bytes) && own.may_keep(bounds, bytes);
        if may {
            all.keep(bytes);
            own.keep(bytes);
        }
        self.put(proven, all, own);
        may || self.turn_away(day, proven.is_some(), bytes)
    }

    /// Counts what is not looked into, or not kept. Always false.
    pub fn turn_away(&mut self, day: i64, is_proven: bool, bytes: u64) -> bool {
        self.begin(day);
        self.dropped.count = self.dropped.count.saturating_add(1);
        self.dropped.unproven = self.dropped.unproven.saturating_add(u64::from(!is_proven));
        self.dropped.bytes = self.dropped.bytes.saturating_add(bytes);
        false
    }

    /// What was turned away, each time that it has doubled: the telling of a
    /// flood must not be a flood.
    pub fn untold(&mut self) -> Option<(i64, Dropped)> {
        let is_news = self.dropped.count > 0 && self.dropped.count >= self.told.saturating_mul(2);
        if !is_news {
            return None;
        }
        self.told = self.dropped.count;
        Some((self.day, self.dropped))
    }

    fn begin(&mut self, day: i64) {
        if self.day != day {
            *self = Self { day, ..Self::default() };
        }
    }

    fn of(&mut self, day: i64, proven: Option<&Domain>) -> (Spent, Spent, Bounds) {
        self.begin(day);
        match proven {
            None => (self.all, self.unproven, UNPROVEN),
            Some(domain) => {
                let key = self.key(domain);
                (self.all, self.domains.get(&key).copied().unwrap_or_default(), DOMAIN)
            }
        }
    }

    fn put(&mut self, proven: Option<&Domain>, all: Spent, own: Spent) {
        self.all = all;
        match proven {
            None => self.unproven = own,
            Some(domain) => {
                let key = self.key(domain);
                self.domains.insert(key, own);
            }
        }
    }

    fn key(&self, domain: &Domain) -> Option<Domain> {
        let key = Some(domain.clone());
        if self.domains.len() < DOMAINS_MAX || self.domains.contains_key(&key) { key } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    #[test]
    fn a_flood_of_unproven_reports_keeps_out_no_proven_one() {
        let mut budget = Budget::default();
        let kept = (0..10_000).filter(|_| budget.may_keep(1, None, 100_000)).count();
        assert_eq!(kept, 20, "two mebibytes of them");
        assert!(budget.may_keep(1, Some(&domain("big.example")), MIB));
        let small = (0..10_000).filter(|_| budget.may_keep(2, None, 10)).count();
        assert_eq!(small, 500);
        assert!(budget.may_keep(2, Some(&domain("big.example")), MIB));
    }

    #[test]
    fn no_proven_domain_takes_all_of_a_day_and_all_of_them_have_a_bound() {
        let mut budget = Budget::default();
        let of =
            |budget: &mut Budget, name: &str| (0..100).filter(|_| budget.may_keep(1, Some(&domain(name)), MIB)).count();
        assert_eq!(of(&mut budget, "evil.example"), 8);
        assert_eq!(of(&mut budget, "big.example"), 8);
        let more: usize = (0..10).map(|number| of(&mut budget, &format!("d{number}.example"))).sum();
        assert_eq!(more, 16, "32 mebibytes in all");
        assert!(!budget.may_keep(1, None, 1) || budget.all.kept_bytes <= ALL.kept_bytes);
    }

    #[test]
    fn reading_has_a_bound_of_its_own() {
        let mut budget = Budget::default();
        assert_eq!((0..1_000).filter(|_| budget.may_read(1, None, MIB)).count(), 64);
        assert!(budget.may_read(1, Some(&domain("big.example")), MIB));
        assert!(budget.may_read(2, None, MIB), "another day");
    }

    #[test]
    fn what_is_turned_away_is_told_each_time_that_it_doubles() {
        let mut budget = Budget::default();
        assert_eq!(budget.untold(), None);
        let mut told = Vec::new();
        for _ in 0..100 {
            budget.turn_away(3, false, 10);
            told.extend(budget.untold());
        }
        assert_eq!(told.iter().map(|(_, dropped)| dropped.count).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(told[2], (3, Dropped { count: 4, unproven: 4, bytes: 40 }));
    }
}
