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
        let mut block = Self {
            header: message,
            fields: Vec::with_capacity(48),
            received: Vec::new(),
            text: String::with_capacity(4096),
        };
        let begin = first_line(message);
        let mut at = begin;
        let mut colon = name_length(message.get(at..).unwrap_or_default());
        while !is_end(message.get(at..).unwrap_or_default()) {
            let (end, next) = field_end(message, at);
            if end - begin > limits.header_bytes_max {
                return Err(HeaderError::TooLong { max: limits.header_bytes_max });
            }
            if let Some(colon) = colon {
                block.take(message.get(at..end).unwrap_or_default(), colon, limits)?;
            }
            (at, colon) = (end, next);
        }
        block.header = message.get(begin..at).unwrap_or_default();
        Ok(block)
    }

    /// The bytes of the block, without the empty line that ends it.
    pub fn header(&self) -> &'h [u8] {
        self.header
    }

    /// Every field, from the top.
    pub fn fields(&self) -> &[Field<'h>] {
        &self.fields
    }

    /// The first field of that name.
    pub fn first(&self, name: &str) -> Option<&Field<'h>> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// The `Received` fields unfolded, from the top, and whether each was cut.
    pub fn received(&self) -> impl ExactSizeIterator<Item = (&str, bool)> {
        self.received.iter().map(|span| (self.text.get(span.start..span.end).unwrap_or_default(), span.is_cut))
    }

    fn take(&mut self, raw: &'h [u8], colon: usize, limits: &Limits) -> Result<(), HeaderError> {
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
    rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") || rest.starts_with(b"\r\r\n")
}

/// Where the field that begins at `at` ends, and where the colon of the next
/// one is.
///
/// A line that begins no field belongs to the one above it: who copies a header
/// block out of a window loses the blanks that say so.
fn field_end(bytes: &[u8], at: usize) -> (usize, Option<usize>) {
    for newline in memchr_iter(b'\n', bytes.get(at..).unwrap_or_default()) {
        let end = at + newline + 1;
        let rest = bytes.get(end..).unwrap_or_default();
        if matches!(rest.first(), Some(b' ' | b'\t')) {
            continue;
        }
        let colon = name_length(rest);
        if colon.is_some() || is_end(rest) || is_mbox_line(rest) {
            return (end, colon);
        }
    }
    (bytes.len(), None)
}

/// Where the colon stands if a field begins here: a name without blanks, then
/// perhaps blanks (RFC 5322 §4.5), then the colon.
fn name_length(rest: &[u8]) -> Option<usize> {
    let name = rest.iter().take(NAME_MAX).take_while(|byte| byte.is_ascii_graphic() && **byte != b':').count();
    let after = rest.get(name..)?;
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (name > 0 && after.get(blanks) == Some(&b':')).then_some(name + blanks)
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
    // Without a branch a byte, so that many are looked at together.
    let is_odd = value.iter().fold(0u8, |odd, byte| odd | u8::from(is_odd(*byte)));
    let mut start = 0;
    for newline in memchr_iter(b'\n', value) {
        push(text.get(start..newline).unwrap_or_default(), is_odd != 0, start > 0, into);
        start = newline + 1;
    }
    push(text.get(start..).unwrap_or_default(), is_odd != 0, start > 0, into);
}

fn push(line: &str, is_odd: bool, is_folded: bool, into: &mut String) {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let line = if is_folded { line.trim_ascii_start() } else { line };
    if is_folded {
        into.push(' ');
    }
    if is_odd {
        into.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
    } else {
        into.push_str(line);
    }
}

/// Controls other than those that fold, and all that is not ASCII.
fn is_odd(byte: u8) -> bool {
    byte < b' ' && byte != b'\r' && byte != b'\n' || byte >= 0x7f
}
