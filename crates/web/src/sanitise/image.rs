//! Pictures of a message, put into its page as `data:`, if they are what they
//! say they are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Larger pictures stay files.
const PICTURE_BYTES_MAX: usize = 10_000_000;

/// A kind of picture that is only pixels: no SVG, which is a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl Kind {
    /// By its first bytes; what it calls itself does not count.
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Kind::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::WebP),
            _ => None,
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Gif => "image/gif",
            Kind::WebP => "image/webp",
        }
    }
}

/// A picture as the address that a page shows it by.
#[derive(Clone)]
pub struct Picture(Arc<str>);

impl Picture {
    /// A picture, if the bytes are one.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let kind = Kind::of(bytes).filter(|_| bytes.len() <= PICTURE_BYTES_MAX)?;
        Some(Self(format!("data:{};base64,{}", kind.media_type(), BASE64_STANDARD.encode(bytes)).into()))
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Picture(…)")
    }
}

/// The pictures of a message by Content-ID.
#[derive(Debug, Clone, Default)]
pub struct Pictures(Arc<HashMap<String, Picture>>);

impl FromIterator<(String, Picture)> for Pictures {
    fn from_iter<T: IntoIterator<Item = (String, Picture)>>(pictures: T) -> Self {
        Self(Arc::new(pictures.into_iter().collect()))
    }
}

/// Where a picture in the HTML comes from.
pub(super) enum Source<'v> {
    /// A part of the message.
    Attached(Picture),
    /// The HTML itself, as its address.
    Embedded(Cow<'v, str>),
}

impl<'v> Source<'v> {
    /// The `data:` address to show it by.
    pub(super) fn address(self) -> Cow<'v, str> {
        match self {
            Source::Attached(picture) => Cow::Owned(picture.0.to_string()),
            Source::Embedded(address) => address,
        }
    }
}

impl Pictures {
    /// How long their addresses are together.
    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(|picture| picture.0.len()).sum()
    }

    /// What an `img` may have as its source in place of `value`.
    pub(super) fn source<'v>(&self, value: &'v str) -> Option<Source<'v>> {
        let value = value.trim_matches(|c: char| c.is_ascii_whitespace() || c.is_ascii_control());
        if let Some(id) = strip_scheme(value, "cid:") {
            let picture = self.0.get(id).or_else(|| self.0.get(percent_decoded(id).as_ref()))?;
            return Some(Source::Attached(picture.clone()));
        }
        embedded(value).map(Source::Embedded)
    }

    /// Whether a picture with that Content-ID stands in the page.
    pub fn shows(&self, content_id: &str, html: &str) -> bool {
        self.0.get(content_id).is_some_and(|picture| html.contains(&*picture.0))
    }
}

/// A picture that stands in the HTML already: read and written anew, so that
/// nothing else can travel in its place.
fn embedded(value: &str) -> Option<Cow<'_, str>> {
    let rest = strip_scheme(value, "data:")?;
    let (head, data) = rest.split_once(',')?;
    let is_base64 = head.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    if !is_base64 || !head.trim_start().get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case("image/")) {
        return None;
    }
    let packed: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let picture = Picture::new(&BASE64_STANDARD.decode(packed).ok()?)?;
    Some(if *picture.0 == *value { Cow::Borrowed(value) } else { Cow::Owned(picture.0.to_string()) })
}

/// Gives every picture an `alt`, empty where the sender gave none (WCAG 2.2
/// §1.1.1): what is blocked or decoration is then passed over in silence.
/// Takes the form that the serialiser writes; what it gives is sanitised again.
pub(super) fn with_alternatives(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + 64);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, markup) = rest.split_at(at);
        let (tag, after) = markup.split_at(tag_end(markup));
        out.push_str(text);
        match tag.strip_prefix("<img").filter(|attributes| attributes.starts_with([' ', '>'])) {
            // Every second piece between quotes is a value.
            Some(attributes) if !attributes.split('"').step_by(2).any(|names| names.contains(" alt=")) => {
                out.push_str("<img alt=\"\"");
                out.push_str(attributes);
            }
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Behind the first `>` that stands in no quotes.
fn tag_end(markup: &str) -> usize {
    let mut quoted = false;
    let end = markup.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    });
    end.map_or(markup.len(), |end| end + 1)
}

fn strip_scheme<'v>(value: &'v str, scheme: &str) -> Option<&'v str> {
    let found = value.get(..scheme.len())?;
    if found.eq_ignore_ascii_case(scheme) { value.get(scheme.len()..) } else { None }
}

/// `%40` and its like (RFC 2392 §2 wants Content-IDs escaped in `cid:`).
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    fn pictures() -> Pictures {
        [("logo@clinic".to_owned(), Picture::new(PNG).unwrap())].into_iter().collect()
    }

    #[test]
    fn a_picture_is_known_by_its_bytes() {
        for (bytes, expect) in [
            (PNG, Some("data:image/png;")),
            (b"\xff\xd8\xff\xe0", Some("data:image/jpeg;")),
            (b"GIF89a", Some("data:image/gif;")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("data:image/webp;")),
            (b"<svg xmlns", None),
            (b"<html>", None),
            (b"", None),
        ] {
            let found = Picture::new(bytes).map(|picture| picture.0.to_string());
            assert_eq!(found.as_deref().map(|found| &found[..found.find(';').unwrap() + 1]), expect);
        }
    }

    #[test]
    fn every_picture_has_an_alternative() {
        let check = |html: &str, expect: &str| assert_eq!(with_alternatives(html), expect);
        check("a<img>b", "a<img alt=\"\">b");
        check("<img width=\"1\"><p title=\" alt=\">x</p>", "<img alt=\"\" width=\"1\"><p title=\" alt=\">x</p>");
        check("<img title=\"> alt=\">", "<img alt=\"\" title=\"> alt=\">");
        check("<img title=\">\" alt=\"x\"> <img>", "<img title=\">\" alt=\"x\"> <img alt=\"\">");
        check("<p title=\"<img x>\"><imgx>", "<p title=\"<img x>\"><imgx>");
        check("&lt;img alt=", "&lt;img alt=");
        check("<img", "<img");
    }

    #[test]
    fn only_the_message_s_own_pictures_are_shown() {
        let source =
            |value: &str| pictures().source(value).map(|found| found.address().starts_with("data:image/png;base64,"));
        assert_eq!(source("cid:logo@clinic"), Some(true));
        assert_eq!(source("CID:logo%40clinic"), Some(true));
        for none in ["cid:other", "https://evil.example/x.png", "//evil.example", "x.png", "", "cid:", "%", "cid:%"] {
            assert_eq!(source(none), None, "{none}");
        }
    }

    #[test]
    fn an_embedded_picture_is_written_anew() {
        let good = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(PNG));
        let address = |value: &str| pictures().source(value).map(|found| found.address().into_owned());
        assert_eq!(address(&good), Some(good.clone()));
        let liar = format!("data:image/svg+xml;charset=x;base64,{}", BASE64_STANDARD.encode(PNG));
        assert_eq!(address(&liar), Some(good), "its bytes say what it is");
        for bad in [
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:text/html,<script>alert(1)</script>",
            "data:text/html;base64,PHN2Zz4=",
            "data:image/png,x",
            "data:image/png;base64,!!",
            "data:",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
