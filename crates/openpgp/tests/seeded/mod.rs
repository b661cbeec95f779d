//! Randomness that is the same each time.

use std::sync::atomic::{AtomicU64, Ordering};

use mail::Entropy;

/// Bytes by a counter and a mixer: enough for tests, and for nothing else.
pub struct Seeded(AtomicU64);

impl Seeded {
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // The finaliser of SplitMix64.
            let mut word = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *byte = (word >> 56) as u8;
        }
    }
}
