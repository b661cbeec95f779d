//! Packets on the wire (RFC 9580 §4): a tag and a body. What is in a body is
//! read elsewhere.

use std::borrow::Cow;

/// Packet types that are read here by their number (RFC 9580 §5).
pub mod tag {
    pub const PKESK: u8 = 1;
    pub const SIGNATURE: u8 = 2;
    pub const SKESK: u8 = 3;
    pub const ONE_PASS: u8 = 4;
    pub const SECRET_KEY: u8 = 5;
    pub const PUBLIC_KEY: u8 = 6;
    pub const SECRET_SUBKEY: u8 = 7;
    pub const COMPRESSED: u8 = 8;
    /// Encrypted without protection of integrity.
    pub const SED: u8 = 9;
    pub const MARKER: u8 = 10;
    pub const LITERAL: u8 = 11;
    pub const TRUST: u8 = 12;
    pub const USER_ID: u8 = 13;
    pub const PUBLIC_SUBKEY: u8 = 14;
    /// Encrypted and protected, version 1 or 2.
    pub const SEIPD: u8 = 18;
    /// GnuPG's own authenticated encryption.
    pub const GNUPG_AEAD: u8 = 20;
    pub const PADDING: u8 = 21;

    /// Whether a reader skips an unknown packet of this type (RFC 9580 §4.3).
    pub const fn is_skipped(tag: u8) -> bool {
        matches!(tag, MARKER | TRUST | PADDING) || tag >= 40
    }

    /// Whether the body may come in parts of which the length is not known at first.
    pub const fn is_data(tag: u8) -> bool {
        matches!(tag, COMPRESSED | SED | LITERAL | SEIPD | GNUPG_AEAD)
    }
}

/// A packet whose body may lie in the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    pub tag: u8,
    pub body: Cow<'a, [u8]>,
}

/// The bytes end in the middle of a packet, or are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

/// The packets in some bytes, one after another. Ends after the first damage.
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn read(&mut self) -> Result<Packet<'a>, Damaged> {
        let first = self.byte()?;
        match first & 0b1100_0000 {
            0b1100_0000 => self.read_new(first & 0b0011_1111),
            0b1000_0000 => self.read_old((first >> 2) & 0b1111, first & 0b11),
            _ => Err(Damaged),
        }
    }

    /// RFC 9580 §4.2.1.
    fn read_new(&mut self, tag: u8) -> Result<Packet<'a>, Damaged> {
        let mut length = self.length()?;
        let mut parts: Vec<&[u8]> = Vec::new();
        while let Length::Part(part) = length {
            if !tag::is_data(tag) {
                return Err(Damaged);
            }
            parts.push(self.take(part)?);
            length = self.length()?;
        }
        let Length::Last(last) = length else {
            return Err(Damaged);
        };
        let last = self.take(last)?;
        if parts.is_empty() {
            return Ok(Packet { tag, body: Cow::Borrowed(last) });
        }
        parts.push(last);
        Ok(Packet { tag, body: Cow::Owned(parts.concat()) })
    }

    /// RFC 9580 §4.2.2.
    fn read_old(&mut self, tag: u8, kind: u8) -> Result<Packet<'a>, Damaged> {
        let length = match kind {
            0 => usize::from(self.byte()?),
            1 => self.number(2)?,
            2 => self.number(4)?,
            _ if tag::is_data(tag) => self.rest.len(),
            _ => return Err(Damaged),
        };
        Ok(Packet { tag, body: Cow::Borrowed(self.take(length)?) })
    }

    fn length(&mut self) -> Result<Length, Damaged> {
        let first = self.byte()?;
        Ok(match first {
            0..=191 => Length::Last(usize::from(first)),
            192..=223 => {
                let high = usize::from(first.saturating_sub(192));
                let low = usize::from(self.byte()?);
                Length::Last((high << 8).saturating_add(low).saturating_add(192))
            }
            224..=254 => Length::Part(1 << (first & 0b1_1111)),
            255 => Length::Last(self.number(4)?),
        })
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Damaged> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    }

    fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        Ok(taken)
    }
}

enum Length {
    Last(usize),
    Part(usize),
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.read();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

/// Writes the head of a packet with a body of `length` bytes.
pub fn write_head(tag: u8, length: u32, out: &mut Vec<u8>) {
    out.push(0b1100_0000 | tag);
    match length {
        0..=191 => out.extend(length.to_be_bytes().last()),
        192..=8383 => {
            let [_, _, high, low] = length.wrapping_sub(192).to_be_bytes();
            out.extend([high.wrapping_add(192), low]);
        }
        _ => {
            out.push(255);
            out.extend(length.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<(u8, Vec<u8>), Damaged>> {
        Packets::new(bytes).map(|packet| packet.map(|packet| (packet.tag, packet.body.into_owned()))).collect()
    }

    #[test]
    fn heads_come_back_as_they_were_written() {
        for length in [0_u32, 1, 191, 192, 193, 448, 8383, 8384, 70_000] {
            let mut bytes = Vec::new();
            write_head(tag::LITERAL, length, &mut bytes);
            let body = vec![7; usize::try_from(length).unwrap()];
            bytes.extend(&body);
            assert_eq!(read(&bytes), [Ok((tag::LITERAL, body))], "{length}");
        }
    }

    #[test]
    fn old_heads_and_parts_are_read() {
        assert_eq!(read(&[0b1010_0100, 2, 1, 2]), [Ok((tag::SED, vec![1, 2]))]);
        assert_eq!(read(&[0b1010_0101, 0, 1, 9]), [Ok((tag::SED, vec![9]))]);
        assert_eq!(read(&[0b1010_0111, 1, 2, 3]), [Ok((tag::SED, vec![1, 2, 3]))]);
        assert_eq!(read(&[0xCB, 0xE1, 1, 2, 0xE0, 3, 1, 4]), [Ok((tag::LITERAL, vec![1, 2, 3, 4]))]);
    }

    #[test]
    fn damage_ends_the_reading() {
        assert_eq!(read(&[0x41, 1]), [Err(Damaged)]);
        assert_eq!(read(&[0xCB, 5, 1]), [Err(Damaged)]);
        assert_eq!(read(&[0xCB]), [Err(Damaged)]);
        assert_eq!(read(&[0xCB, 0xE1, 1, 2]), [Err(Damaged)]);
        assert_eq!(read(&[0xC2, 0xE1, 1, 2, 0]), [Err(Damaged)], "a signature in parts");
        assert_eq!(read(&[0xCB, 255, 255, 255, 255, 255, 1]), [Err(Damaged)]);
        assert_eq!(read(&[0xCA, 0, 0x00, 0xCA, 0]), [Ok((tag::MARKER, vec![])), Err(Damaged)]);
    }
}
