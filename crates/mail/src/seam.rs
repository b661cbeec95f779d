//! The two seams that make a run repeatable: time and randomness.
//!
//! Every crate that needs either takes it as an argument, so that the journey
//! of a message can be run in a seeded simulation.

use jiff::Timestamp;

/// Where the present time comes from.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// Where unpredictable bytes come from.
///
/// An implementation for production must be a cryptographic generator.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` unpredictable bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
