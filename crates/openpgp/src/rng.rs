//! Our seam of randomness as rPGP takes it.

use mail::Entropy;
use rand_core::{CryptoRng, Error, RngCore};

/// [`Entropy`] as a generator of `rand_core` 0.6.
pub struct Rng<'a>(pub &'a dyn Entropy);

impl RngCore for Rng<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(mail::seam::random(self.0))
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(mail::seam::random(self.0))
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

// An `Entropy` of production is a cryptographic generator: its contract says so.
impl CryptoRng for Rng<'_> {}
