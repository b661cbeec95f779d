//! The checksum of armor (RFC 9580 §6.1.1), sixteen bytes at a time.

/// The polynomial and the start, at the top of 32 bits.
const POLYNOMIAL: u32 = 0x864C_FB00;
const START: u32 = 0xB704_CE00;

/// What a byte becomes after so many more bytes.
static TABLES: [[u32; 256]; 16] = tables();

const fn tables() -> [[u32; 256]; 16] {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut value = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value >> 31 == 1 { (value << 1) ^ POLYNOMIAL } else { value << 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut table = 1;
    while table < 16 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before << 8) ^ tables[0][(before >> 24) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum, in the lowest 24 bits.
pub fn crc24(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<16>();
    let whole = words.iter().fold(START, |value, word| {
        // What was before is in the first three bytes; the other thirteen don't wait for it.
        let [x, y, z, _] = value.to_be_bytes();
        let [a, b, c, later @ ..] = word;
        let tables = TABLES.iter().rev().skip(3);
        let later = later.iter().zip(tables).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)]);
        later ^ TABLES[15][usize::from(a ^ x)] ^ TABLES[14][usize::from(b ^ y)] ^ TABLES[13][usize::from(c ^ z)]
    });
    let value = rest.iter().fold(whole, |value, byte| {
        let [top, ..] = value.to_be_bytes();
        (value << 8) ^ TABLES[0][usize::from(top ^ byte)]
    });
    value >> 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As RFC 9580 §6.1.1 writes it.
    fn plainly(bytes: &[u8]) -> u32 {
        bytes.iter().fold(0x00B7_04CE, |value, byte| {
            (0..8).fold(value ^ (u32::from(*byte) << 16), |value, _| {
                let value = value << 1;
                if value & 0x0100_0000 == 0 { value } else { value ^ 0x0186_4CFB }
            })
        })
    }

    proptest! {
        #[test]
        fn sixteen_at_a_time_is_the_same(bytes: Vec<u8>) {
            prop_assert_eq!(crc24(&bytes), plainly(&bytes));
        }
    }
}
