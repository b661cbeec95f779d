//! The remainder of one number by another, in constant time: what OpenPGP
//! leaves out of an RSA private key and the crypto provider wants.

use zeroize::Zeroizing;

/// `number` mod `modulus`, both big-endian; as long as the modulus. The time
/// depends on the lengths alone.
pub fn modulo(number: &[u8], modulus: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut rest = Zeroizing::new(vec![0_u8; modulus.len()]);
    let mut less = Zeroizing::new(vec![0_u8; modulus.len()]);
    for byte in number {
        for shift in (0..8).rev() {
            let above = doubled(&mut rest, (byte >> shift) & 1);
            let borrow = subtracted(&rest, modulus, &mut less);
            // The difference is taken where nothing is missing, or where the
            // doubling carried out of the top.
            let keep = (above | (borrow ^ 1)).wrapping_neg();
            for (rest, less) in rest.iter_mut().zip(less.iter()) {
                *rest = (*rest & !keep) | (*less & keep);
            }
        }
    }
    rest
}

/// Doubles in place and sets the lowest bit; gives the bit that leaves at the top.
fn doubled(number: &mut [u8], lowest: u8) -> u8 {
    number.iter_mut().rev().fold(lowest, |carry, byte| {
        let out = *byte >> 7;
        *byte = (*byte << 1) | carry;
        out
    })
}

/// `number - other` into `out`; gives the borrow that is left.
fn subtracted(number: &[u8], other: &[u8], out: &mut [u8]) -> u8 {
    let digits = number.iter().zip(other).zip(out).rev();
    digits.fold(0, |borrow, ((number, other), out)| {
        let wide = u16::from(*number).wrapping_sub(u16::from(*other)).wrapping_sub(u16::from(borrow));
        let [high, low] = wide.to_be_bytes();
        *out = low;
        high & 1
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn remainders_are_right(number: u64, modulus in 1_u64..) {
            let found = modulo(&number.to_be_bytes(), &modulus.to_be_bytes());
            prop_assert_eq!(found.as_slice(), (number % modulus).to_be_bytes());
        }

        #[test]
        fn small_moduli_are_right(number: u64, modulus in 1_u16..) {
            let found = modulo(&number.to_be_bytes(), &modulus.to_be_bytes());
            let expected = u16::try_from(number % u64::from(modulus)).unwrap();
            prop_assert_eq!(found.as_slice(), expected.to_be_bytes());
        }
    }
}
