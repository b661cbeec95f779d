//! Reads the little XML that reports are: elements and their text. Attributes
//! are passed over; a document type, and with it every entity of one's own, is
//! refused, so that nothing can be made to grow or to fetch.

/// Elements within elements; reports have six.
const DEPTH_MAX: usize = 32;
/// Elements in all.
const ELEMENTS_MAX: usize = 500_000;

/// Why a text is not the XML of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// A tag that does not end, or an end without its beginning.
    #[error("its tags don't fit each other")]
    Form,
    /// A document type.
    #[error("it has a document type, which reports have not")]
    DocumentType,
    /// An entity that XML does not know by itself.
    #[error("it has an entity that is not known")]
    Entity,
    /// Nested deeper, or of more elements, than reports are.
    #[error("it is nested deeper or has more elements than reports have")]
    Bounds,
}

/// What a reader is told, in the order of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node<'x> {
    /// An element begins: its name without a prefix.
    Open(&'x str),
    /// An element ends; the text that stood in it, its children's not.
    Close(&'x str, String),
}

/// Reads a document and tells its elements.
pub(crate) fn read<'x>(bytes: &'x [u8], mut tell: impl FnMut(Node<'x>)) -> Result<(), XmlError> {
    let text =
        std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(|_| XmlError::Encoding)?;
    let mut reader = Reader { rest: text, open: Vec::new(), elements: 0 };
    while let Some(node) = reader.next()? {
        match node {
            Step::Told(node) => tell(node),
            Step::Both(name) => {
                tell(Node::Open(name));
                tell(Node::Close(name, String::new()));
            }
            Step::Nothing => {}
        }
    }
    if reader.open.is_empty() && reader.elements > 0 { Ok(()) } else { Err(XmlError::Form) }
}

struct Reader<'x> {
    rest: &'x str,
    open: Vec<(&'x str, String)>,
    elements: usize,
}

enum Step<'x> {
    Told(Node<'x>),
    /// An empty element: `<a/>`.
    Both(&'x str),
    Nothing,
}

impl<'x> Reader<'x> {
    fn next(&mut self) -> Result<Option<Step<'x>>, XmlError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let step = match self.rest.find('<') {
            Some(0) => self.markup()?,
            at => {
                let (text, rest) = self.rest.split_at(at.unwrap_or(self.rest.len()));
                self.rest = rest;
                let plain = unescaped(text)?;
                self.keep(&plain);
                Step::Nothing
            }
        };
        Ok(Some(step))
    }

    fn keep(&mut self, text: &str) {
        if let Some((_, kept)) = self.open.last_mut() {
            kept.push_str(text);
        }
    }

    fn markup(&mut self) -> Result<Step<'x>, XmlError> {
        if self.rest.starts_with("<!--") {
            return self.until("<!--", "-->").map(|_| Step::Nothing);
        }
        if self.rest.starts_with("<![CDATA[") {
            let text = self.until("<![CDATA[", "]]>")?;
            self.keep(text);
            return Ok(Step::Nothing);
        }
        if self.rest.starts_with("<?") {
            return self.until("<?", "?>").map(|_| Step::Nothing);
        }
        if self.rest.starts_with("<!") {
            return Err(XmlError::DocumentType);
        }
        self.tag()
    }

    /// What stands between two marks; goes on behind the second.
    fn until(&mut self, from: &str, to: &str) -> Result<&'x str, XmlError> {
        let after = self.rest.get(from.len()..).ok_or(XmlError::Form)?;
        let (inner, rest) = after.split_once(to).ok_or(XmlError::Form)?;
        self.rest = rest;
        Ok(inner)
    }

    fn tag(&mut self) -> Result<Step<'x>, XmlError> {
        let end = tag_end(self.rest).ok_or(XmlError::Form)?;
        let (tag, rest) = self.rest.split_at(end);
        let tag = tag.strip_prefix('<').ok_or(XmlError::Form)?;
        self.rest = rest.strip_prefix('>').ok_or(XmlError::Form)?;
        if let Some(name) = tag.strip_prefix('/') {
            let (open, text) = self.open.pop().ok_or(XmlError::Form)?;
            let name = local(name);
            return if open == name { Ok(Step::Told(Node::Close(name, text))) } else { Err(XmlError::Form) };
        }
        self.elements += 1;
        if self.open.len() >= DEPTH_MAX || self.elements > ELEMENTS_MAX {
            return Err(XmlError::Bounds);
        }
        let (inner, is_empty) = tag.strip_suffix('/').map_or((tag, false), |inner| (inner, true));
        let name = local(inner);
        if name.is_empty() {
            return Err(XmlError::Form);
        }
        if is_empty {
            return Ok(Step::Both(name));
        }
        self.open.push((name, String::new()));
        Ok(Step::Told(Node::Open(name)))
    }
}

/// Where the tag ends that begins here; a `>` in a quoted value is none.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Some(at),
            _ => {}
        }
    }
    None
}

/// The name of an element without its prefix and attributes.
fn local(tag: &str) -> &str {
    let name = tag.split_ascii_whitespace().next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

fn unescaped(text: &str) -> Result<String, XmlError> {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('&');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, rest) = piece.split_once(';').ok_or(XmlError::Entity)?;
        plain.push(entity(name).ok_or(XmlError::Entity)?);
        plain.push_str(rest);
    }
    Ok(plain)
}

/// The five that XML knows, and characters by their number.
fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Result<String, XmlError> {
        let mut out = String::new();
        read(text.as_bytes(), |node| match node {
            Node::Open(name) => out.push_str(&format!("<{name}")),
            Node::Close(_, text) => out.push_str(&format!("|{}>", text.trim())),
        })?;
        Ok(out)
    }

    #[test]
    fn elements_and_their_text_are_told() {
        let text = "<?xml version=\"1.0\"?><!-- x > --><a:b k='>'><c>1 &amp; &#50;</c><d/><![CDATA[<e>]]> f</a:b>";
        assert_eq!(told(text).unwrap(), "<b<c|1 & 2><d|>|<e> f>");
    }

    #[test]
    fn what_could_grow_or_fetch_is_refused() {
        assert_eq!(told("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), Err(XmlError::DocumentType));
        assert_eq!(told("<a>&b;</a>"), Err(XmlError::Entity));
        assert_eq!(told(&"<a>".repeat(33)), Err(XmlError::Bounds));
        let mut many = "<a>".to_owned();
        many.push_str(&"<b/>".repeat(ELEMENTS_MAX));
        assert_eq!(told(&many), Err(XmlError::Bounds));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for broken in ["", "text", "<a>", "<a></b>", "</a>", "<a", "<a><!--", "<>x</>", "<a>&#xD800;</a>"] {
            assert!(told(broken).is_err(), "{broken}");
        }
    }
}
