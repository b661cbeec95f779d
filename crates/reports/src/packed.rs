//! What reports come packed in: gzip (RFC 1952), ZIP with one file, or nothing.
//!
//! A stranger chooses both sizes, so reading stops at a bound whatever the
//! packing says of itself. Of a ZIP the central directory is read (its sizes
//! are there even where the local header leaves them out), one file is taken,
//! and nothing is ever written to a path.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;

/// The largest packed report that is looked at.
pub const PACKED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The largest report that is read. A day of a large sender has some hundred kilobytes.
pub const UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const DIRECTORY_END: &[u8] = b"PK\x05\x06";
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
/// The end of the directory has 22 bytes, and a comment of up to 65,535.
const DIRECTORY_END_BYTES: usize = 22;

/// Why a report could not be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnpacked {
    /// It is larger than is looked at, packed or unpacked.
    #[error("it is larger than reports are")]
    TooLarge,
    /// The packing is broken, or cut.
    #[error("its packing is broken")]
    Broken,
    /// A ZIP with no file, or with more than one.
    #[error("the archive does not hold one file")]
    NotOneFile,
    /// Packed in another way, or encrypted.
    #[error("it is packed in a way that reports are not")]
    Method,
}

/// The bytes of a report, as they are or unpacked.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, NotUnpacked> {
    unpack_within(bytes, UNPACKED_BYTES_MAX)
}

/// The same, where it has no more than so many bytes unpacked.
pub(crate) fn unpack_within(bytes: &[u8], bound: usize) -> Result<Vec<u8>, NotUnpacked> {
    if bytes.len() > PACKED_BYTES_MAX {
        return Err(NotUnpacked::TooLarge);
    }
    if bytes.starts_with(GZIP) {
        return read_bounded(MultiGzDecoder::new(bytes), bound);
    }
    if bytes.starts_with(ZIP) {
        return unzip(bytes, bound);
    }
    if bytes.len() > bound { Err(NotUnpacked::TooLarge) } else { Ok(bytes.to_vec()) }
}

/// Packs a report with gzip, as RFC 8460 §5.2 has it.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("writing to memory can't fail")
}

fn read_bounded(packed: impl Read, bound: usize) -> Result<Vec<u8>, NotUnpacked> {
    let mut unpacked = Vec::new();
    packed.take((bound as u64).saturating_add(1)).read_to_end(&mut unpacked).map_err(|_| NotUnpacked::Broken)?;
    if unpacked.len() > bound { Err(NotUnpacked::TooLarge) } else { Ok(unpacked) }
}

/// The one file of an archive (APPNOTE 6.3, §4.3).
fn unzip(bytes: &[u8], bound: usize) -> Result<Vec<u8>, NotUnpacked> {
    let end = directory_end(bytes).ok_or(NotUnpacked::Broken)?;
    if number(bytes, end + 10, 2) != Some(1) {
        return Err(NotUnpacked::NotOneFile);
    }
    let entry = number(bytes, end + 16, 4).ok_or(NotUnpacked::Broken)?;
    if bytes.get(entry..).is_none_or(|rest| !rest.starts_with(DIRECTORY_ENTRY)) {
        return Err(NotUnpacked::Broken);
    }
    let field = |at: usize, width: usize| entry.checked_add(at).and_then(|at| number(bytes, at, width));
    let (flags, method) = (field(8, 2), field(10, 2));
    if flags.is_none_or(|flags| flags & 1 == 1) {
        return Err(NotUnpacked::Method);
    }
    let length = field(20, 4).ok_or(NotUnpacked::Broken)?;
    let local = field(42, 4).ok_or(NotUnpacked::Broken)?;
    let packed = file(bytes, local, length).ok_or(NotUnpacked::Broken)?;
    match method {
        Some(0) => read_bounded(packed, bound),
        Some(8) => read_bounded(DeflateDecoder::new(packed), bound),
        _ => Err(NotUnpacked::Method),
    }
}

/// The packed bytes behind a local header.
fn file(bytes: &[u8], local: usize, length: usize) -> Option<&[u8]> {
    bytes.get(local..)?.starts_with(ZIP).then_some(())?;
    let (name, extra) = (number(bytes, local.checked_add(26)?, 2)?, number(bytes, local.checked_add(28)?, 2)?);
    let start = local.checked_add(30)?.checked_add(name)?.checked_add(extra)?;
    bytes.get(start..start.checked_add(length)?)
}

fn directory_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(DIRECTORY_END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(DIRECTORY_END)))
}

/// A little-endian number of 2 or 4 bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(width)?)?;
    let number = field.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with one stored file, as the format has it.
    fn archive(content: &[u8], files: u8) -> Vec<u8> {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let mut bytes =
            [ZIP, &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 4], &size, &size, &[1, 0, 0, 0], b"x", content].concat();
        let directory = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes.extend([DIRECTORY_ENTRY, &[20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 4], &size, &size].concat());
        bytes.extend([&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0; 4], b"x"].concat());
        bytes.extend([DIRECTORY_END, &[0, 0, 0, 0, files, 0, files, 0], &[47, 0, 0, 0], &directory, &[0, 0]].concat());
        bytes
    }

    #[test]
    fn what_was_packed_comes_out() {
        assert_eq!(unpack(&pack(b"<feedback/>")).unwrap(), b"<feedback/>");
        assert_eq!(unpack(b"{}").unwrap(), b"{}");
        assert_eq!(unpack(&archive(b"<feedback/>", 1)).unwrap(), b"<feedback/>");
    }

    #[test]
    fn a_bomb_ends_at_the_bound() {
        let bomb = pack(&vec![b' '; UNPACKED_BYTES_MAX + 1]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(&bomb), Err(NotUnpacked::TooLarge));
        // Members one behind the other count together.
        let twice = [pack(&vec![b' '; UNPACKED_BYTES_MAX]), pack(b"more")].concat();
        assert_eq!(unpack(&twice), Err(NotUnpacked::TooLarge));
        assert_eq!(unpack(&vec![0; PACKED_BYTES_MAX + 1]), Err(NotUnpacked::TooLarge));
        // A smaller bound holds for each way of packing.
        for packed in [pack(&[b' '; 101]), archive(&[b' '; 101], 1), vec![b' '; 101]] {
            assert_eq!(unpack_within(&packed, 100), Err(NotUnpacked::TooLarge));
            assert!(unpack_within(&packed, 101).is_ok());
        }
    }

    #[test]
    fn what_is_broken_is_told() {
        let packed = pack(b"<feedback/>");
        assert_eq!(unpack(&packed[..packed.len() - 9]), Err(NotUnpacked::Broken));
        assert_eq!(unpack(&archive(b"a", 2)), Err(NotUnpacked::NotOneFile));
        let whole = archive(b"a", 1);
        assert_eq!(unpack(&whole[..whole.len() - 1]), Err(NotUnpacked::Broken));
        let mut encrypted = whole;
        let entry = encrypted.windows(4).position(|window| window == DIRECTORY_ENTRY).unwrap();
        encrypted[entry + 8] = 1;
        assert_eq!(unpack(&encrypted), Err(NotUnpacked::Method));
    }
}
