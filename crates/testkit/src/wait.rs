//! Waiting on conditions.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long a test waits for what must come before it calls that a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a condition that nobody announces, such as a file of another process.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until `look` finds something.
///
/// # Panics
///
/// When [`PATIENCE`] is over; `what` says what was awaited.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Looks until `look` finds something or `patience` is over.
pub fn within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        glance();
    }
}

/// A pause on a condition that nobody signals: other processes have no way to.
fn glance() {
    let (nobody, signal) = (Mutex::new(()), Condvar::new());
    if let Ok(guard) = nobody.lock() {
        drop(signal.wait_timeout(guard, GLANCE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_found_and_what_does_not_ends() {
        let mut looks = 0;
        let found = within(PATIENCE, || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, Some(3));
        assert_eq!(within(Duration::ZERO, || None::<()>), None);
    }
}
