//! Base64 in lines (RFC 2045 §6.8), from pieces that need not be joined first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How many bytes stand in a line of 76 characters.
const LINE_BYTES: usize = 57;

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
        if !left.is_empty() {
            line(&left, out);
            left.clear();
        }
        let mut lines = rest.chunks_exact(LINE_BYTES);
        lines.by_ref().for_each(|bytes| line(bytes, out));
        left.extend_from_slice(lines.remainder());
    }
    if !left.is_empty() {
        line(&left, out);
    }
}

fn line(bytes: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + bytes.len().div_ceil(3) * 4, 0);
    let written = out.get_mut(from..).map(|room| STANDARD.encode_slice(bytes, room));
    debug_assert!(matches!(written, Some(Ok(_))), "the room is exact");
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_encoded_as_one() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for cuts in [[0, 0], [1, 2], [57, 114], [56, 57], [100, 900], [999, 1_000], [3, 60]] {
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
