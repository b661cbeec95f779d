//! Damage to what is read: fuzz targets start from what is valid, since noise
//! alone is refused at its first bytes.

/// One change: where, what kind, with which byte.
pub type Change = (u32, u8, u8);

/// Applies changes to bytes; `other` is where foreign bytes come from.
#[must_use]
pub fn changed(bytes: &[u8], other: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, kind, byte) in changes {
        let at = *place as usize % (bytes.len() + 1);
        let end = (at + usize::from(*byte)).min(bytes.len());
        match kind % 9 {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = *byte),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|old| *old ^= 1 << (byte % 8)),
            2 => bytes.insert(at, *byte),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.truncate(at),
            5 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => {
                let from = *place as usize % (other.len() + 1);
                let foreign = other[from..(from + usize::from(*byte)).min(other.len())].to_vec();
                bytes.splice(at..end, foreign);
            }
            // A length that is indefinite, or far too long.
            7 => bytes.splice(at..(at + 1).min(end), [0x80]).for_each(drop),
            _ => bytes.splice(at..at, [0x84, 0xff, 0xff, 0xff, *byte]).for_each(drop),
        }
    }
    bytes
}
