//! ASCII armor (RFC 9580 §6). The checksum is never asked for, since it proves
//! nothing; it is written where GnuPG 2.2 may be the reader, which needs it to
//! find the end.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::{KeyError, checksum};

const LINE: usize = 64;

/// How many bytes are encoded at once: whole lines.
const PART: usize = LINE / 4 * 3 * 256;

/// Padding is optional to read, as other software is.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an armored block says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmorKind {
    /// `PGP MESSAGE`.
    Message,
    /// `PGP PUBLIC KEY BLOCK`.
    PublicKey,
    /// `PGP PRIVATE KEY BLOCK`.
    PrivateKey,
    /// `PGP SIGNATURE`.
    Signature,
}

impl ArmorKind {
    const ALL: [Self; 4] = [Self::Message, Self::PublicKey, Self::PrivateKey, Self::Signature];

    const fn label(self) -> &'static str {
        match self {
            Self::Message => "PGP MESSAGE",
            Self::PublicKey => "PGP PUBLIC KEY BLOCK",
            Self::PrivateKey => "PGP PRIVATE KEY BLOCK",
            Self::Signature => "PGP SIGNATURE",
        }
    }
}

/// A block of armor, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: ArmorKind,
    pub bytes: Vec<u8>,
}

/// Who reads an armored block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Software of RFC 4880: with the checksum.
    Any,
    /// Software of RFC 9580 alone, for which a checksum must not be written (§6.1).
    Modern,
}

/// `bytes` in armor, lines ended by CRLF, as mail has them; with the checksum
/// that software of RFC 4880 needs.
pub fn armor(kind: ArmorKind, bytes: &[u8]) -> String {
    armored(kind, bytes, Reader::Any)
}

/// `bytes` in armor for a reader.
pub fn armored(kind: ArmorKind, bytes: &[u8], reader: Reader) -> String {
    let label = kind.label();
    let length = bytes.len().saturating_add(bytes.len() / 2).saturating_add(128);
    let mut text = String::with_capacity(length);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\r\n\r\n");
    for part in bytes.chunks(PART) {
        push_lines(&STANDARD.encode(part), &mut text);
    }
    if reader == Reader::Any {
        let [_, checksum @ ..] = checksum::crc24(bytes).to_be_bytes();
        text.push('=');
        STANDARD.encode_string(checksum, &mut text);
        text.push_str("\r\n");
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\r\n");
    text
}

fn push_lines(digits: &str, text: &mut String) {
    let mut rest = digits;
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push_str("\r\n");
        rest = after;
    }
}

/// The first block of `kind` in `text`.
pub fn dearmor(kind: ArmorKind, text: &[u8]) -> Result<Vec<u8>, KeyError> {
    let blocks = blocks(text)?;
    let found = blocks.into_iter().find(|block| block.kind == kind);
    found.map(|block| block.bytes).ok_or(KeyError::None)
}

/// Whether `bytes` are packets rather than text: the first bit of a packet is set.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x80 != 0)
}

/// Every block in `text`; what stands around them is passed over. A block that
/// doesn't end, or is no base 64, is malformed.
pub fn blocks(text: &[u8]) -> Result<Vec<Block>, KeyError> {
    let mut lines = Lines(text);
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(kind) = ArmorKind::ALL.into_iter().find(|kind| is_begin(line, *kind)) {
            blocks.push(read_block(kind, &mut lines)?);
        }
    }
    Ok(blocks)
}

/// Lines without their ends and without spaces before those.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.split_first().map_or(rest, |(_, rest)| rest);
        Some(line.trim_ascii_end())
    }
}

fn is_begin(line: &[u8], kind: ArmorKind) -> bool {
    let label = line.strip_prefix(b"-----BEGIN ").and_then(|rest| rest.strip_suffix(b"-----"));
    label == Some(kind.label().as_bytes())
}

/// Whatever follows on the line: some software ends it with more dashes.
fn is_end(line: &[u8], kind: ArmorKind) -> bool {
    let rest = line.strip_prefix(b"-----END ").and_then(|rest| rest.strip_prefix(kind.label().as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b"-----"))
}

fn read_block(kind: ArmorKind, lines: &mut Lines<'_>) -> Result<Block, KeyError> {
    let mut digits: Vec<u8> = Vec::with_capacity(lines.0.len());
    let mut is_head = true;
    for line in lines {
        if line.starts_with(b"-") && is_end(line, kind) {
            let bytes = LENIENT.decode(&digits).map_err(|_| KeyError::Malformed)?;
            return Ok(Block { kind, bytes });
        }
        if is_head {
            // `Name: text` lines up to an empty one; some leave the empty one out.
            is_head = line.contains(&b':');
            if is_head || line.is_empty() {
                continue;
            }
        }
        let is_checksum = line.first() == Some(&b'=') && line.len() == 5;
        if is_checksum {
            continue;
        }
        if memchr::memchr2(b' ', b'\t', line).is_none() {
            digits.extend_from_slice(line);
        } else {
            digits.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
    }
    Err(KeyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armor_comes_off_as_it_was_put_on() {
        for length in [0_usize, 1, 2, 47, 48, 49, 96, 1000] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 256).unwrap()).collect();
            let text = armor(ArmorKind::Signature, &bytes);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(dearmor(ArmorKind::Signature, text.as_bytes()), Ok(bytes.clone()));
            assert_eq!(dearmor(ArmorKind::Signature, text.replace("\r\n", "\n").as_bytes()), Ok(bytes));
            assert_eq!(dearmor(ArmorKind::Message, text.as_bytes()), Err(KeyError::None));
        }
    }

    fn check(text: &str, expect: Result<&[u8], KeyError>) {
        assert_eq!(dearmor(ArmorKind::Message, text.as_bytes()), expect.map(<[u8]>::to_vec), "{text}");
    }

    #[test]
    fn what_others_write_is_read() {
        check("Words.\n-----BEGIN PGP MESSAGE-----\n\nAQI=\n=JkQp\n-----END PGP MESSAGE-----\nMore.", Ok(&[1, 2]));
        check("-----BEGIN PGP MESSAGE-----\nVersion: X\nComment: y\n\nAQI\n-----END PGP MESSAGE-----", Ok(&[1, 2]));
        check("-----BEGIN PGP MESSAGE-----  \nAQI=\n-----END PGP MESSAGE-----", Ok(&[1, 2]));
        check("-----BEGIN PGP MESSAGE-----\n\n A Q\tI=\n-----END PGP MESSAGE-----", Ok(&[1, 2]));
    }

    #[test]
    fn damage_is_told() {
        check("-----BEGIN PGP MESSAGE-----\n\nAQI=\n", Err(KeyError::Malformed));
        check("-----BEGIN PGP MESSAGE-----\n\nA*I=\n-----END PGP MESSAGE-----", Err(KeyError::Malformed));
        check("- -----BEGIN PGP MESSAGE-----\n\nAQI=\n-----END PGP MESSAGE-----", Err(KeyError::None));
        check("", Err(KeyError::None));
    }
}
