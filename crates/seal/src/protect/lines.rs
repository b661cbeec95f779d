//! Base64 in lines (RFC 2045 §6.8).

#![expect(dead_code, reason = "S/MIME is framed with it")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How many bytes stand in a line of 76 characters (RFC 2045 §6.8).
const LINE_BYTES: usize = 57;

/// The room that `bytes` take as base64 in lines.
pub(super) const fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(LINE_BYTES) * 78
}

/// Appends base64 in lines of 76 characters.
pub(super) fn base64_lines(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(base64_len(bytes.len()));
    for line in bytes.chunks(LINE_BYTES) {
        let from = out.len();
        out.resize(from + line.len().div_ceil(3) * 4, 0);
        let written = out.get_mut(from..).map(|room| STANDARD.encode_slice(line, room));
        debug_assert!(matches!(written, Some(Ok(_))), "the room is exact");
        out.extend_from_slice(b"\r\n");
    }
}
