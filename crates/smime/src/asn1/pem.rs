//! PEM (RFC 7468), as lax as it is found: text around blocks, CRLF, and attributes of old programs inside.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A block: its label and its bytes.
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Headers of RFC 1421 stand in it: a private key that an old program locked.
    pub(crate) has_headers: bool,
}

/// A file as text, if there is a block in it. Comments around blocks may be in any charset.
pub(crate) fn text(file: &[u8]) -> Option<Cow<'_, str>> {
    file.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes()).then(|| String::from_utf8_lossy(file))
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The next block of `text`, and what follows it. None where there is none; a block that is broken is passed over.
fn next(text: &str) -> Option<(Option<Block<'_>>, &str)> {
    let (_, after) = text.split_once(BEGIN)?;
    let (label, after) = after.split_once(DASHES)?;
    let (body, after) = after.split_once(END)?;
    let is_closed = after.strip_prefix(label).is_some_and(|rest| rest.starts_with(DASHES));
    let has_headers = body.contains(':');
    let mut body = body;
    while let Some((_, rest)) = body.split_once(':').and_then(|(_, rest)| rest.split_once('\n')) {
        body = rest;
    }
    let packed: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let bytes = STANDARD.decode(packed.as_bytes()).ok().filter(|_| is_closed && !label.contains('\n'));
    Some((bytes.map(|bytes| Block { label, bytes: Zeroizing::new(bytes), has_headers }), after))
}

/// Every block of a text.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((block, after)) = next(rest) {
        blocks.extend(block);
        rest = after;
    }
    blocks
}

/// `bytes` as a block.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> String {
    let packed = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    let mut rest = packed.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push_str(label);
    text.push_str(DASHES);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text =
            format!("subject=x\r\n{}\r\nBag\n{}", encode("A B", &[7; 100]).replace('\n', "\r\n"), encode("C", b""));
        let blocks = blocks(&text);
        assert_eq!(blocks.iter().map(|block| block.label).collect::<Vec<_>>(), ["A B", "C"]);
        assert_eq!(blocks[0].bytes.as_slice(), [7; 100]);
    }

    #[test]
    fn headers_are_told_and_broken_blocks_left_out() {
        let locked = "-----BEGIN K-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\nAAAA\n-----END K-----\n";
        let found = blocks(locked);
        assert!(found[0].has_headers && found[0].bytes.as_slice() == [0; 3]);
        assert!(blocks("-----BEGIN K-----\nAA\n-----END L-----\n").is_empty());
        assert!(blocks("-----BEGIN K-----\nA*A\n-----END K-----\n").is_empty());
        assert!(blocks("-----BEGIN K-----").is_empty());
    }
}
