//! Whether the time of a work tells which of two kinds of input it had: Welch's
//! t-test, as "Test Vector Leakage Assessment" (Goodwill and others, 2011) and
//! dudect (Reparaz and others, 2016) do it.
//!
//! It is made for machines that do other things beside: the two kinds take
//! turns, the processor's time of the own thread counts, what took far longer
//! than most is left out by one bound for both kinds, and the least t of some
//! repeats counts. What really differs differs in every repeat.

use rustix::time::{ClockId, clock_gettime};

/// Inputs of one kind to prepare, so that no single one decides.
pub const VARIANTS: usize = 100;
/// Beyond this the two kinds can be told apart.
pub const BOUND: f64 = 4.5;
/// Tries of each kind, where `SEALPOST_WELCH_TRIES` does not say otherwise.
const TRIES: usize = 1_000;
const REPEATS: usize = 6;
/// The part of all times that counts, the shortest ones.
const KEPT: f64 = 0.8;

/// What a test gave.
#[derive(Clone, Copy, Debug)]
pub struct Welch {
    /// Welch's t.
    pub t: f64,
    /// The means of both kinds in nanoseconds.
    pub means: [f64; 2],
    /// Tries of each kind.
    pub tries: usize,
}

impl Welch {
    /// The least t of some repeats; the first below the bound ends them. The
    /// work is told whether it is of the second kind, and its number.
    pub fn least(mut work: impl FnMut(bool, usize)) -> Self {
        let tries = std::env::var("SEALPOST_WELCH_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(TRIES);
        let mut least = Self::once(tries, &mut work);
        for _ in 1..REPEATS {
            if least.t.abs() < BOUND {
                break;
            }
            let again = Self::once(tries, &mut work);
            if again.t.abs() < least.t.abs() {
                least = again;
            }
        }
        least
    }

    /// One test.
    pub fn once(tries: usize, work: &mut impl FnMut(bool, usize)) -> Self {
        let mut times = [Vec::with_capacity(tries), Vec::with_capacity(tries)];
        for round in 0..tries {
            // Each kind is as often the first of a pair.
            for turn in [round % 2 == 1, round % 2 == 0] {
                let before = nanoseconds();
                work(turn, round);
                times[usize::from(turn)].push(nanoseconds() - before);
            }
        }
        let mut all: Vec<f64> = times.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let bound = all[((all.len() - 1) as f64 * KEPT) as usize];
        let kept = times.map(|times| times.into_iter().filter(|time| *time <= bound).collect::<Vec<_>>());
        let [first, second] = [moments(&kept[0]), moments(&kept[1])];
        let spread = (first.1 + second.1).sqrt();
        let t = if spread > 0.0 { (first.0 - second.0) / spread } else { 0.0 };
        Self { t, means: [first.0, second.0], tries }
    }

    /// Nothing can be told apart.
    ///
    /// # Panics
    ///
    /// When something can.
    #[track_caller]
    pub fn assert_alike(self, name: &str) {
        let Self { t, means: [first, second], tries } = self;
        let line = format!("{name}: {tries} tries, {first:.0} and {second:.0} ns, t = {t:.2}");
        assert!(t.abs() < BOUND, "{line}");
        eprintln!("{line}");
    }
}

/// The processor's time of this thread.
fn nanoseconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The mean, and the variance of the mean.
fn moments(times: &[f64]) -> (f64, f64) {
    let count = times.len().max(2) as f64;
    let mean = times.iter().sum::<f64>() / count;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// A work of so many steps.
    fn spin(steps: u64) {
        black_box((0..steps).fold(1_u64, |value, step| black_box(value.wrapping_mul(31) ^ step)));
    }

    #[test]
    fn what_differs_is_told_apart_in_every_repeat() {
        let welch = Welch::least(|is_second, _| spin(if is_second { 24_000 } else { 20_000 }));
        assert!(welch.t < -BOUND, "{welch:?}");
    }

    #[test]
    fn what_is_alike_is_not_told_apart() {
        Welch::least(|_, _| spin(20_000)).assert_alike("the same work");
    }
}
