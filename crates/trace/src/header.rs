//! A header block as fields: found, unfolded, bounded.
//!
//! Takes what is found in the wild: LF or CRLF, an mbox `From ` line on top,
//! 8-bit and NUL bytes, lines without a colon. Ends at the first empty line.
//! Never copies more than the `Received` fields.

use memchr::memchr_iter;

/// What a header block may cost at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the header block.
    pub header_bytes_max: usize,
    /// `Received` fields.
    pub received_max: usize,
    /// Bytes of one `Received` field that are looked at; the rest of it is
    /// cut off, which the hop says.
    pub field_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header_bytes_max: 64 << 20, received_max: 20_000, field_bytes_max: 16 << 10 }
    }
}

/// Why a header block is not traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The sender's: too much of it.
    #[error("the header block has more than {max} bytes")]
    TooLong {
        /// [`Limits::header_bytes_max`].
        max: usize,
    },
    /// The sender's: too many of them.
    #[error("the header block has more than {max} Received fields")]
    TooMany {
        /// [`Limits::received_max`].
        max: usize,
    },
}

/// A header block, its fields found and its `Received` fields unfolded.
#[derive(Clone, Debug)]
pub struct Block<'h> {
    header: &'h [u8],
    body: &'h [u8],
    fields: Vec<Field<'h>>,
    received: Vec<Unfolded>,
    text: String,
}

/// One field as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'h> {
    /// The whole field with its folds and its last line end.
    pub raw: &'h [u8],
    /// The bytes before the colon.
    pub name: &'h [u8],
    /// The bytes after the colon, still folded, without the last line end.
    pub value: &'h [u8],
}

#[derive(Clone, Copy, Debug)]
struct Unfolded {
    start: usize,
    end: usize,
    is_cut: bool,
}

impl Field<'_> {
    /// Whether this is the field of that name. Case does not count.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value unfolded and trimmed; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        unfold(self.value, &mut text);
        text.trim().to_owned()
    }
}

impl<'h> Block<'h> {
    /// Takes apart what stands before the first empty line of `message`: a
    /// whole message or a header block alone. Empty lines before the first
    /// field are passed over.
    ///
    /// # Errors
    ///
    /// A block beyond the limits.
    pub fn read(message: &'h [u8], limits: &Limits) -> Result<Self, HeaderError> {
        let begin = first_line(message);
        let mut block = Self {
            header: &[],
            body: &[],
            fields: Vec::with_capacity(48),
            received: Vec::new(),
            text: String::with_capacity(4096),
        };
        let mut at = begin;
        let mut colon = name_length(message.get(at..).unwrap_or_default());
        for newline in memchr_iter(b'\n', message.get(begin..).unwrap_or_default()) {
            let end = begin + newline + 1;
            if end - begin > limits.header_bytes_max {
                return Err(HeaderError::TooLong { max: limits.header_bytes_max });
            }
            let Some(next) = next_line(message.get(end..).unwrap_or_default()) else { continue };
            block.take(message.get(at..end).unwrap_or_default(), end - begin, colon, limits)?;
            at = end;
            colon = next.colon;
            if next.is_end {
                break;
            }
        }
        let end = if is_end(message.get(at..).unwrap_or_default()) { at } else { message.len() };
        block.take(message.get(at..end).unwrap_or_default(), end - begin, colon, limits)?;
        block.header = message.get(begin..end).unwrap_or_default();
        block.body = behind_empty_line(message.get(end..).unwrap_or_default());
        Ok(block)
    }

    /// The bytes of the block, without the empty line that ends it.
    pub fn header(&self) -> &'h [u8] {
        self.header
    }

    /// What stands behind that line, as far as it was handed in.
    pub fn body(&self) -> &'h [u8] {
        self.body
    }

    /// Every field, from the top.
    pub fn fields(&self) -> &[Field<'h>] {
        &self.fields
    }

    /// The first field of that name.
    pub fn first(&self, name: &str) -> Option<&Field<'h>> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// Whether most of what could be fields has a field's name (RFC 5322 §2.2):
    /// in bytes of chance there are colons, too.
    pub fn is_message(&self) -> bool {
        let is_named = |name: &[u8]| !name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~'));
        let named = self.fields.iter().filter(|field| is_named(field.name)).count();
        named > 0 && named * 2 >= self.fields.len()
    }

    /// The `Received` fields unfolded, from the top, and whether each was cut.
    pub fn received(&self) -> impl ExactSizeIterator<Item = (&str, bool)> {
        self.received.iter().map(|span| (self.text.get(span.start..span.end).unwrap_or_default(), span.is_cut))
    }

    /// Takes a field over; `length` is that of the block with it.
    fn take(&mut self, raw: &'h [u8], length: usize, colon: Option<usize>, limits: &Limits) -> Result<(), HeaderError> {
        if length > limits.header_bytes_max {
            return Err(HeaderError::TooLong { max: limits.header_bytes_max });
        }
        let Some(colon) = colon.filter(|_| !raw.is_empty()) else { return Ok(()) };
        let (name, value) = raw.split_at(colon.min(raw.len()));
        let field =
            Field { raw, name: name.trim_ascii_end(), value: without_line_end(value.get(1..).unwrap_or_default()) };
        self.fields.push(field);
        if field.name.len() != 8 || !field.is("Received") {
            return Ok(());
        }
        if self.received.len() >= limits.received_max {
            return Err(HeaderError::TooMany { max: limits.received_max });
        }
        let start = self.text.len();
        let kept = field.value.get(..limits.field_bytes_max);
        unfold(kept.unwrap_or(field.value).trim_ascii(), &mut self.text);
        self.received.push(Unfolded { start, end: self.text.len(), is_cut: kept.is_some() });
        Ok(())
    }
}

/// A name has no more bytes than a line (RFC 5322 §2.1.1).
const NAME_MAX: usize = 998;

/// Where the first line that is not empty begins.
fn first_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0)
}

/// Whether here is the empty line or the end.
fn is_end(rest: &[u8]) -> bool {
    match rest.first() {
        None | Some(b'\n') => true,
        Some(b'\r') => rest.starts_with(b"\r\n") || rest.starts_with(b"\r\r\n"),
        Some(_) => false,
    }
}

fn behind_empty_line(rest: &[u8]) -> &[u8] {
    let lines: [&[u8]; 3] = [b"\r\r\n", b"\r\n", b"\n"];
    lines.iter().find_map(|line| rest.strip_prefix(*line)).unwrap_or_default()
}

/// What a line that goes on with no field begins.
struct Next {
    /// Where its colon is, if it is a field.
    colon: Option<usize>,
    is_end: bool,
}

/// What the line begins that `rest` begins with; None where it goes on with the
/// field above.
///
/// A line that begins no field belongs to the one above it: who copies a header
/// block out of a window loses the blanks that say so.
fn next_line(rest: &[u8]) -> Option<Next> {
    if matches!(rest.first(), Some(b' ' | b'\t')) {
        return None;
    }
    match name_length(rest) {
        Some(colon) => Some(Next { colon: Some(colon), is_end: false }),
        None if is_end(rest) => Some(Next { colon: None, is_end: true }),
        None => is_mbox_line(rest).then_some(Next { colon: None, is_end: false }),
    }
}

/// Where the colon stands if a field begins here: a name without blanks, then
/// perhaps blanks (RFC 5322 §4.5), then the colon.
fn name_length(rest: &[u8]) -> Option<usize> {
    let near = rest.get(..NAME_MAX).unwrap_or(rest);
    let name = near.iter().position(|byte| *byte == b':' || !byte.is_ascii_graphic())?;
    let blanks = near.get(name..)?.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    (name > 0 && near.get(name + blanks) == Some(&b':')).then_some(name + blanks)
}

/// `From a@b Mon …` between messages, and what mail programs make of it.
fn is_mbox_line(rest: &[u8]) -> bool {
    rest.starts_with(b"From ") || rest.starts_with(b">From ")
}

fn without_line_end(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    value.strip_suffix(b"\r").unwrap_or(value)
}

/// Unfolds a value (RFC 5322 §2.2.3): a line end and the blanks after it become
/// one blank, what is no UTF-8 is replaced, and other controls become blanks,
/// so that nothing that is shown later can move a cursor.
fn unfold(value: &[u8], into: &mut String) {
    let Ok(text) = std::str::from_utf8(value) else { return unfold(String::from_utf8_lossy(value).as_bytes(), into) };
    let begin = into.len();
    let mut start = 0;
    for newline in memchr_iter(b'\n', value) {
        push(text.get(start..newline).unwrap_or_default(), start > 0, into);
        start = newline + 1;
    }
    push(text.get(start..).unwrap_or_default(), start > 0, into);
    // Without a branch a byte, so that many are looked at together.
    let unfolded = into.as_bytes().get(begin..).unwrap_or_default();
    if unfolded.iter().fold(false, |odd, byte| odd | is_odd(*byte)) {
        let odd = into.split_off(begin);
        into.extend(odd.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
}

fn push(line: &str, is_folded: bool, into: &mut String) {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if is_folded {
        into.push(' ');
        into.push_str(line.trim_ascii_start());
    } else {
        into.push_str(line);
    }
}

/// Controls, and all that is not ASCII.
fn is_odd(byte: u8) -> bool {
    byte.wrapping_sub(b' ') > b'~' - b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, fields: usize, body: &str) {
        let block = Block::read(message.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((block.fields().len(), block.body()), (fields, body.as_bytes()), "{message:?}");
    }

    #[test]
    fn a_body_begins_behind_the_empty_line() {
        check("A: 1\r\nB: 2\r\n\r\nbody\r\n", 2, "body\r\n");
        check("A: 1\nB: 2\n\nbody", 2, "body");
        check("A: 1\r\n\r\n", 1, "");
        check("A: 1\r\n", 1, "");
        check("\r\nA: 1\n\n\nbody", 1, "\nbody");
    }

    #[test]
    fn bytes_of_chance_are_no_message() {
        let is_message = |bytes: &[u8]| Block::read(bytes, &Limits::default()).unwrap().is_message();
        assert!(is_message(b"Received: x\nSubject: y\n\nbody") && is_message(b"no colon\nA: 1"));
        assert!(!is_message(b"") && !is_message(b"hello"));
        assert!(!is_message("\u{e9}\u{e8}: x".as_bytes()));
    }
}
