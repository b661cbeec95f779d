//! How often one address, or one key, may ask: a bucket each, in memory, bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// So many are remembered; beyond, those that rested longest are forgotten,
/// which only ever favours whoever asks.
const KEYS_MAX: usize = 20_000;

/// What one kind of request costs and how fast the bucket fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// At once.
    pub(crate) burst: f64,
    /// In the long run.
    pub(crate) per_minute: f64,
}

/// Pages, frames and files.
pub(crate) const READING: Allowance = Allowance { burst: 120.0, per_minute: 240.0 };
/// Codes, tries, questions to the clinic: a whole waiting room behind one
/// address gets on, a script doesn't.
pub(crate) const ASKING: Allowance = Allowance { burst: 30.0, per_minute: 20.0 };

/// Clicks that unsubscribe: a provider brings those of all its customers, from
/// few addresses. A token that is none costs one digest.
pub(crate) const UNSUBSCRIBING: Allowance = Allowance { burst: 2_000.0, per_minute: 6_000.0 };
/// Headers that anybody pastes into the analyser.
pub(crate) const PASTING: Allowance = Allowance { burst: 20.0, per_minute: 20.0 };
/// Headers that one API key hands in.
pub(crate) const INSPECTING: Allowance = Allowance { burst: 300.0, per_minute: 1_200.0 };

/// The buckets of one allowance.
pub(crate) struct Limiter<K> {
    allowance: Allowance,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Timestamp,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self { allowance, buckets: Mutex::default() }
    }

    /// Whether a request from there may go on now.
    pub(crate) fn admits(&self, key: K, now: Timestamp) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEYS_MAX {
            self.forget(&mut buckets, now);
        }
        let full = Bucket { left: self.allowance.burst, at: now };
        let bucket = buckets.entry(key).or_insert(full);
        bucket.left = self.filled(bucket, now);
        bucket.at = now;
        let admitted = bucket.left >= 1.0;
        if admitted {
            bucket.left -= 1.0;
        }
        admitted
    }

    fn filled(&self, bucket: &Bucket, now: Timestamp) -> f64 {
        let rested = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        (bucket.left + rested * self.allowance.per_minute / 60.0).min(self.allowance.burst)
    }

    /// Full buckets say nothing; if none is full, all are forgotten.
    fn forget(&self, buckets: &mut HashMap<K, Bucket>, now: Timestamp) {
        buckets.retain(|_, bucket| self.filled(bucket, now) < self.allowance.burst);
        if buckets.len() >= KEYS_MAX {
            buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let limiter = Limiter::new(Allowance { burst: 3.0, per_minute: 60.0 });
        let one = "192.0.2.1";
        assert_eq!([0; 4].map(|_| limiter.admits(one, at(0))), [true, true, true, false]);
        assert!(limiter.admits("192.0.2.2", at(0)), "addresses are apart");
        assert!(limiter.admits(one, at(1)) && !limiter.admits(one, at(1)));
        assert!(!limiter.admits(one, at(-50)), "a clock set back gives nothing");
    }

    #[test]
    fn the_memory_is_bounded() {
        let limiter = Limiter::new(Allowance { burst: 2.0, per_minute: 1.0 });
        for number in 0..50_000u32 {
            limiter.admits(number, at(0));
        }
        assert!(limiter.buckets.lock().unwrap().len() <= KEYS_MAX);
    }
}
