//! Base64 in lines (RFC 2045 §6.8), from pieces that need not be joined first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How many bytes stand in a line of 76 characters.
const LINE_BYTES: usize = 57;
const LINE_DIGITS: usize = 76;

/// The room that so many bytes take as base64 in lines.
pub(super) const fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(LINE_BYTES) * 78
}

/// Appends the pieces, as one, in lines of 76 characters.
pub(super) fn base64_lines(pieces: &[&[u8]], out: &mut Vec<u8>) {
    let mut left = Vec::with_capacity(LINE_BYTES);
    for piece in pieces {
        let missing = (LINE_BYTES - left.len()) % LINE_BYTES;
        let (first, rest) = piece.split_at(missing.min(piece.len()));
        left.extend_from_slice(first);
        if !left.is_empty() && left.len() < LINE_BYTES {
            continue;
        }
        lines(&left, out);
        left.clear();
        let (whole, short) = rest.split_at(rest.len() / LINE_BYTES * LINE_BYTES);
        lines(whole, out);
        left.extend_from_slice(short);
    }
    lines(&left, out);
}

/// How many lines are encoded at once: the fast part of the encoder wants more than one.
const LINES: usize = 64;

fn lines(bytes: &[u8], out: &mut Vec<u8>) {
    let mut digits = [0; LINES * LINE_DIGITS];
    for part in bytes.chunks(LINES * LINE_BYTES) {
        let written = STANDARD.encode_slice(part, &mut digits);
        debug_assert!(written.is_ok(), "the room is large enough");
        for line in digits.get(..written.unwrap_or_default()).unwrap_or_default().chunks(LINE_DIGITS) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_encoded_as_one() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for cuts in [[0, 0], [1, 2], [57, 114], [56, 57], [100, 9_000], [999, 1_000], [3, 60], [0, 10_000]] {
            let mut out = Vec::new();
            base64_lines(&[&bytes[..cuts[0]], &bytes[cuts[0]..cuts[1]], &bytes[cuts[1]..]], &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.len() <= base64_len(bytes.len()));
            assert!(text.split("\r\n").all(|line| line.len() <= 76));
            assert_eq!(STANDARD.decode(text.replace("\r\n", "")).unwrap(), bytes, "{cuts:?}");
        }
        let mut out = Vec::new();
        base64_lines(&[], &mut out);
        assert!(out.is_empty());
    }
}
