//! A message for a server without 8BITMIME (RFC 6152 §3): every leaf whose
//! body holds bytes above 127 is encoded anew as quoted-printable.
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
    if message.is_ascii() {
        return Ok(message.to_vec());
    }
    let mut out = Vec::with_capacity(message.len() + message.len() / 8);
    encode_part(message, 0, &mut out)?;
    Ok(out)
}

fn encode_part(part: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    if part.is_ascii() {
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
        return Err(SevenBitError::Signed);
    }
    if kind.starts_with("multipart/") {
        let boundary = boundary(&content_type).ok_or(SevenBitError::Malformed)?;
        copy_header(split.header, Encoding::Drop, out);
        return encode_multipart(split.body, &boundary, depth, out);
    }
    if kind.starts_with("message/rfc822") {
        copy_header(split.header, Encoding::Drop, out);
        return encode_part(split.body, depth + 1, out);
    }
    encode_leaf(split, out)
}

fn encode_leaf(split: header::Split<'_>, out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    let encoding = header::first(split.header, "Content-Transfer-Encoding").unwrap_or_default();
    if !matches!(encoding.to_ascii_lowercase().as_str(), "" | "7bit" | "8bit" | "binary") {
        return Err(SevenBitError::Malformed);
    }
    copy_header(split.header, Encoding::QuotedPrintable, out);
    quoted_printable(split.body, out);
    Ok(())
}

/// The parts between the boundary's delimiter lines (RFC 2046 §5.1.1).
fn encode_multipart(body: &[u8], boundary: &str, depth: usize, out: &mut Vec<u8>) -> Result<(), SevenBitError> {
    let mut part_start = None;
    let mut at = 0;
    while at < body.len() {
        let line_end = line_end(body, at);
        let line = &body[at..line_end];
        if is_delimiter(line, boundary) {
            close_part(body, part_start, at, depth, out)?;
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
fn close_part(
    body: &[u8],
    start: Option<usize>,
    delimiter: usize,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), SevenBitError> {
    let Some(start) = start else {
        out.extend(body[..delimiter].iter().filter(|byte| byte.is_ascii()));
        return Ok(());
    };
    let part = &body[start..delimiter];
    match part.strip_suffix(b"\r\n") {
        Some(part) => {
            encode_part(part, depth + 1, out)?;
            out.extend_from_slice(b"\r\n");
            Ok(())
        }
        None => encode_part(part, depth + 1, out),
    }
}

fn is_delimiter(line: &[u8], boundary: &str) -> bool {
    line.strip_prefix(b"--")
        .and_then(|rest| rest.strip_prefix(boundary.as_bytes()))
        .map(|rest| rest.strip_prefix(b"--").unwrap_or(rest))
        .is_some_and(|rest| rest.trim_ascii().is_empty())
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| from + newline + 1)
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

/// RFC 2045 §6.7, lines of at most 76 characters.
fn quoted_printable(body: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    let mut at = 0;
    while at < body.len() {
        if body[at..].starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (column, at) = (0, at + 2);
            continue;
        }
        let byte = body[at];
        let ends_line = at + 1 == body.len() || body[at + 1..].starts_with(b"\r\n");
        let is_plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !ends_line);
        let width = if is_plain { 1 } else { 3 };
        if column + width > 75 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_plain {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        (column, at) = (column + width, at + 1);
    }
}

#[cfg(test)]
mod tests {
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
}
