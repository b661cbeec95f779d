//! A message for a server without 8BITMIME (RFC 6152 §3): every leaf whose
//! body holds bytes above 127 is encoded anew as quoted-printable. For what is
//! to be signed, so is every leaf that a relay on its way might change.
//!
//! What is signed inside (`multipart/signed`) must not change; such a message
//! is refused here, and its copy goes by another method.

use crate::header;

/// Why a message can't be brought to seven bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SevenBitError {
    /// An eight-bit part lies in a `multipart/signed`: its signature would break.
    #[error("an eight-bit part is signed and can't be encoded anew")]
    Signed,
    /// An eight-bit part claims an encoding that has no eight-bit bytes, or the
    /// header block itself has them.
    #[error("eight-bit bytes stand where the message says there are none")]
    Malformed,
    /// Parts are nested deeper than anything a person writes.
    #[error("parts are nested too deep")]
    Depth,
}

const DEPTH_MAX: usize = 32;

/// The message in seven bits; as it was where it already is.
pub fn encode(message: &[u8]) -> Result<Vec<u8>, SevenBitError> {
    encode_where(message, <[u8]>::is_ascii)
}

/// The entity as no relay changes it (RFC 3156 §3, RFC 8551 §3.1.2): in seven
/// bits, without lines over 998 bytes, blanks at their ends, bare CR and LF, or
/// a `From ` at their beginning.
pub fn unchanging(entity: &[u8]) -> Result<Vec<u8>, SevenBitError> {
    encode_where(entity, |part| part.is_ascii() && is_kept_by_relays(part))
}

/// RFC 5322 §2.1.1, without the line end.
const LINE_BYTES_MAX: usize = 998;

fn is_kept_by_relays(part: &[u8]) -> bool {
    let (mut at, mut is_last) = (0, false);
    while !is_last {
        let newline = memchr::memchr(b'\n', &part[at..]).map(|newline| at + newline);
        is_last = newline.is_none();
        let line = &part[at..newline.unwrap_or(part.len())];
        let Some(content) = line.strip_suffix(b"\r").or(is_last.then_some(line)) else { return false };
        let is_changed = content.len() > LINE_BYTES_MAX || content.starts_with(b"From ");
        if is_changed || matches!(content.last(), Some(b' ' | b'\t')) || memchr::memchr2(b'\r', 0, content).is_some() {
            return false;
        }
        at += line.len() + 1;
    }
    true
}

/// What needs no change: a part for which this holds, with all that is in it.
type Kept = fn(&[u8]) -> bool;

fn encode_where(message: &[u8], is_kept: Kept) -> Result<Vec<u8>, SevenBitError> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 8);
    encode_part(message, is_kept, 0, &mut out)?;
    Ok(out)
}

fn encode_part(part: &[u8], is_kept: Kept, depth: usize, out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    if is_kept(part) {
        out.extend_from_slice(part);
        return Ok(());
    }
    let split = header::split(part);
    if depth > DEPTH_MAX {
        return Err(SevenBitError::Depth);
    }
    if !split.header.is_ascii() {
        return Err(SevenBitError::Malformed);
    }
    let content_type = header::first(split.header, "Content-Type").unwrap_or_default();
    let kind = content_type.to_ascii_lowercase();
    if kind.starts_with("multipart/signed") {
        return encode_signed(part, out);
    }
    if kind.starts_with("multipart/") {
        let boundary = boundary(&content_type).ok_or(SevenBitError::Malformed)?;
        copy_header(split.header, Encoding::Drop, out);
        return encode_multipart(split.body, &boundary, is_kept, depth, out);
    }
    if kind.starts_with("message/rfc822") {
        copy_header(split.header, Encoding::Drop, out);
        return encode_part(split.body, is_kept, depth + 1, out);
    }
    encode_leaf(part, split, is_kept, out)
}

/// What is signed stays as it is, if a server takes it so.
fn encode_signed(part: &[u8], out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    if !part.is_ascii() {
        return Err(SevenBitError::Signed);
    }
    out.extend_from_slice(part);
    Ok(())
}

fn encode_leaf(part: &[u8], split: header::Split<'_>, is_kept: Kept, out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    let encoding = header::first(split.header, "Content-Transfer-Encoding").unwrap_or_default();
    let is_encoded = !matches!(encoding.to_ascii_lowercase().as_str(), "" | "7bit" | "8bit" | "binary");
    if is_kept(split.body) || (is_encoded && split.body.is_ascii()) {
        out.extend_from_slice(part);
        return Ok(());
    }
    if is_encoded {
        return Err(SevenBitError::Malformed);
    }
    copy_header(split.header, Encoding::QuotedPrintable, out);
    quoted_printable(split.body, out);
    Ok(())
}

/// The parts between the boundary's delimiter lines (RFC 2046 §5.1.1).
fn encode_multipart(
    body: &[u8],
    boundary: &str,
    is_kept: Kept,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), SevenBitError> {
    let mut part_start = None;
    let mut at = 0;
    while at < body.len() {
        let line_end = line_end(body, at);
        let line = &body[at..line_end];
        if is_delimiter(line, boundary) {
            match part_start {
                Some(start) => close_part(&body[start..at], is_kept, depth, out)?,
                None => out.extend(body[..at].iter().filter(|byte| byte.is_ascii())),
            }
            out.extend_from_slice(line);
            part_start = Some(line_end);
        }
        at = line_end;
    }
    let tail = &body[part_start.unwrap_or(0)..];
    // A preamble or epilogue is shown to nobody; eight-bit bytes there go.
    out.extend(tail.iter().filter(|byte| byte.is_ascii()));
    Ok(())
}

/// The line end before a delimiter belongs to the delimiter, not to the part.
fn close_part(part: &[u8], is_kept: Kept, depth: usize, out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    match part.strip_suffix(b"\r\n") {
        Some(part) => {
            encode_part(part, is_kept, depth + 1, out)?;
            out.extend_from_slice(b"\r\n");
            Ok(())
        }
        None => encode_part(part, is_kept, depth + 1, out),
    }
}

fn is_delimiter(line: &[u8], boundary: &str) -> bool {
    line.strip_prefix(b"--")
        .and_then(|rest| rest.strip_prefix(boundary.as_bytes()))
        .map(|rest| rest.strip_prefix(b"--").unwrap_or(rest))
        .is_some_and(|rest| rest.trim_ascii().is_empty())
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |newline| from + newline + 1)
}

fn boundary(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let value = parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (!value.is_empty() && value.len() <= 70).then_some(value)
}

enum Encoding {
    Drop,
    QuotedPrintable,
}

fn copy_header(header: &[u8], encoding: Encoding, out: &mut Vec<u8>) {
    for field in header::fields(header).filter(|field| !field.is("Content-Transfer-Encoding")) {
        out.extend_from_slice(field.raw);
    }
    if matches!(encoding, Encoding::QuotedPrintable) {
        out.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// How many characters a line has before its soft break.
const COLUMNS: usize = 75;

/// Quoted-printable (RFC 2045 §6.7), lines of at most 76 characters.
pub fn quoted_printable(body: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    let mut rest = body;
    while let Some((byte, after)) = rest.split_first() {
        if let Some(line) = rest.strip_prefix(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (column, rest) = (0, line);
            continue;
        }
        let plain = plain_run(rest, column);
        out.extend_from_slice(&rest[..plain]);
        (column, rest) = (column + plain, &rest[plain..]);
        if plain > 0 {
            continue;
        }
        // Either the line is full, or the byte wants a code.
        let is_code = !is_plain(rest, column);
        if column + if is_code { 3 } else { 1 } > COLUMNS {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        } else {
            let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)];
            out.extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
            (column, rest) = (column + 3, after);
        }
    }
}

/// How many bytes from here stand for themselves and fit into the line.
fn plain_run(rest: &[u8], column: usize) -> usize {
    let room = &rest[..rest.len().min(COLUMNS.saturating_sub(column))];
    let run = room.iter().position(|byte| !matches!(byte, b'!'..=b'<' | b'>'..=b'~' | b' ' | b'\t'));
    let run = run.unwrap_or(room.len());
    match run.checked_sub(1) {
        Some(_) if column == 0 && rest.starts_with(b"From ") => 0,
        Some(last) if !is_plain(&rest[last..], column + last) => last,
        _ => run,
    }
}

/// Whether the first byte stands for itself: no blank that ends a line, and no
/// `From ` that begins one, which is quoted by some mail stores.
fn is_plain(rest: &[u8], column: usize) -> bool {
    let is_from = column == 0 && rest.starts_with(b"From ");
    match rest {
        [b'!'..=b'<' | b'>'..=b'~', ..] => !is_from,
        [b' ' | b'\t'] | [b' ' | b'\t', b'\r', b'\n', ..] => false,
        [b' ' | b'\t', ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(message: &str, expect: Result<&str, SevenBitError>) {
        assert_eq!(encode(message.as_bytes()).map(|out| String::from_utf8(out).unwrap()), expect.map(str::to_owned));
    }

    #[test]
    fn a_seven_bit_message_stays_as_it_is() {
        check("A: 1\r\n\r\nbody =\r\n", Ok("A: 1\r\n\r\nbody =\r\n"));
    }

    #[test]
    fn a_leaf_is_encoded() {
        check(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\né = x \r\ny\r\n",
            Ok(
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9 =3D x=20\r\ny\r\n",
            ),
        );
    }

    #[test]
    fn only_the_eight_bit_part_of_a_multipart_changes() {
        let ascii = "--b\r\nContent-Type: text/plain\r\n\r\nkeep =\r\n";
        check(
            &format!("Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n{ascii}--b\r\n\r\né\r\n--b--\r\n"),
            Ok(&format!(
                "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n{ascii}--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n--b--\r\n"
            )),
        );
    }

    #[test]
    fn what_is_signed_or_malformed_is_refused() {
        check(
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\né\r\n--b--\r\n",
            Err(SevenBitError::Signed),
        );
        check("Content-Transfer-Encoding: base64\r\n\r\né", Err(SevenBitError::Malformed));
        check("Subject: é\r\n\r\nb", Err(SevenBitError::Malformed));
    }

    #[test]
    fn long_lines_are_folded() {
        let message = format!("\r\n{}", "é".repeat(100));
        let out = encode(message.as_bytes()).unwrap();
        assert!(String::from_utf8(out).unwrap().lines().all(|line| line.len() <= 76));
    }

    fn check_unchanging(entity: &str, expect: &str) {
        let out = unchanging(entity.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expect, "{entity:?}");
    }

    #[test]
    fn what_relays_would_change_is_encoded() {
        check_unchanging(
            "A: 1\r\n\r\nplain\r\n-- \r\n",
            "A: 1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nplain\r\n--=20\r\n",
        );
        check_unchanging("\r\nFrom here\r\n", "Content-Transfer-Encoding: quoted-printable\r\n\r\n=46rom here\r\n");
        check_unchanging("\r\na\nb\rc", "Content-Transfer-Encoding: quoted-printable\r\n\r\na=0Ab=0Dc");
        check_unchanging("A: 1 \r\n\r\nkeep\r\n", "A: 1 \r\n\r\nkeep\r\n");
        let long = format!("Content-Transfer-Encoding: base64\r\n\r\n{}", "A".repeat(2_000));
        check_unchanging(&long, &long);
        let signed = "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx \r\n--b--\r\n";
        check_unchanging(signed, signed);
        assert_eq!(unchanging(signed.replace('x', "é").as_bytes()), Err(SevenBitError::Signed));
    }

    #[test]
    fn no_line_begins_with_from_after_a_soft_break_either() {
        let mut out = Vec::new();
        quoted_printable(format!("{}From x", "y".repeat(75)).as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}=\r\n=46rom x", "y".repeat(75)));
    }

    /// The same byte by byte.
    fn byte_by_byte(body: &[u8]) -> Vec<u8> {
        let (mut out, mut column, mut at) = (Vec::new(), 0, 0);
        while at < body.len() {
            if body[at..].starts_with(b"\r\n") {
                out.extend_from_slice(b"\r\n");
                (column, at) = (0, at + 2);
                continue;
            }
            let is_plain = is_plain(&body[at..], column);
            let width = if is_plain { 1 } else { 3 };
            if column + width > COLUMNS {
                out.extend_from_slice(b"=\r\n");
                column = 0;
                continue;
            }
            match is_plain {
                true => out.push(body[at]),
                false => out.extend_from_slice(format!("={:02X}", body[at]).as_bytes()),
            }
            (column, at) = (column + width, at + 1);
        }
        out
    }

    proptest! {
        #[test]
        fn quoted_printable_is_the_same_in_runs(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "From ", "F", " ", "\t", "\r\n", "\r", "\n", "=", "\u{e9}", "x", "0123456789012345678901234567",
                ]),
                0..60,
            ),
        ) {
            let body = words.concat();
            let mut out = Vec::new();
            quoted_printable(body.as_bytes(), &mut out);
            prop_assert_eq!(String::from_utf8(out), String::from_utf8(byte_by_byte(body.as_bytes())));
        }

        #[test]
        fn what_relays_change_is_found(
            words in prop::collection::vec(
                prop::sample::select(vec!["From ", " ", "\t", "\r\n", "\r\n", "\r", "\n", "\0", "x", "yy"]),
                0..20,
            ),
        ) {
            let part = words.concat();
            let lines: Vec<&str> = part.split('\n').collect();
            let (last, ended) = lines.split_last().unwrap();
            let ends = ended.iter().all(|line| line.ends_with('\r'));
            let kept = ended.iter().chain([last]).all(|line| {
                let content = line.strip_suffix('\r').unwrap_or(line);
                !content.contains(['\r', '\0']) && !content.ends_with([' ', '\t']) && !content.starts_with("From ")
            });
            prop_assert_eq!(is_kept_by_relays(part.as_bytes()), ends && kept);
        }
    }
}
