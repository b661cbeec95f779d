//! A header block as fields: found, unfolded, bounded.
//!
//! Takes what is found in the wild: LF or CRLF, an mbox `From ` line on top,
//! 8-bit and NUL bytes, lines without a colon. Ends at the first empty line.
//! Never copies more than the `Received` fields.

use memchr::{memchr, memchr_iter};

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
    /// whole message or a header block alone.
    ///
    /// # Errors
    ///
    /// A block beyond the limits.
    pub fn read(message: &'h [u8], limits: &Limits) -> Result<Self, HeaderError> {
        let mut block =
            Self { header: message, fields: Vec::with_capacity(64), received: Vec::new(), text: String::new() };
        let mut at = 0;
        while let Some(end) = field_end(message, at) {
            if end > limits.header_bytes_max {
                return Err(HeaderError::TooLong { max: limits.header_bytes_max });
            }
            block.take(message.get(at..end).unwrap_or_default(), limits)?;
            at = end;
        }
        block.header = message.get(..at).unwrap_or_default();
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

    fn take(&mut self, raw: &'h [u8], limits: &Limits) -> Result<(), HeaderError> {
        let Some(colon) = memchr(b':', raw) else { return Ok(()) };
        let (name, value) = raw.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        let field = Field { raw, name: name.trim_ascii_end(), value: without_line_end(value) };
        if field.name.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
            return Ok(());
        }
        self.fields.push(field);
        if !field.is("Received") {
            return Ok(());
        }
        if self.received.len() >= limits.received_max {
            return Err(HeaderError::TooMany { max: limits.received_max });
        }
        let start = self.text.len();
        let kept = field.value.get(..limits.field_bytes_max);
        unfold(kept.unwrap_or(field.value), &mut self.text);
        self.received.push(Unfolded { start, end: self.text.len(), is_cut: kept.is_some() });
        Ok(())
    }
}

/// Where the field that begins at `at` ends, its folded lines included; None
/// at the empty line and at the end.
fn field_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    if rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
        return None;
    }
    for newline in memchr_iter(b'\n', rest) {
        if !matches!(rest.get(newline + 1), Some(b' ' | b'\t')) {
            return Some(at + newline + 1);
        }
    }
    Some(bytes.len())
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
    let is_clean = text.is_ascii() && !text.bytes().any(is_odd_control);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if index == 0 { line } else { line.trim_start_matches([' ', '\t']) };
        if index > 0 {
            into.push(' ');
        }
        if is_clean {
            into.push_str(line);
        } else {
            into.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
    }
}

fn is_odd_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n') || byte == 0x7f
}
