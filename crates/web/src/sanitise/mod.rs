//! Mail HTML made harmless: what it may say is a list of what is allowed.
//!
//! No script, no form, no frame, nothing that is fetched from elsewhere;
//! pictures only from the message itself; links open outside. What is given is
//! a fixed point: sanitised again, it stays as it is, so that no parser on the
//! way reads into it what this one did not see (mutation XSS). The page's
//! policy and the frame's sandbox are further lines of defence, not this one's
//! excuse.

mod bound;
mod image;
mod style;
mod text;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use ammonia::{Builder, UrlRelative};

use image::Source;
pub use image::{Picture, Pictures};
pub use text::plain_text;

/// Larger HTML is not rendered; its text is shown.
const HTML_BYTES_MAX: usize = 2_000_000;
/// All pictures of one message, as they stand in the page; one picture shown
/// a thousand times counts a thousand times.
const PICTURE_BYTES_MAX: usize = 40_000_000;
/// A document that has not come to rest by then is not rendered.
const ROUNDS_MAX: usize = 4;

/// Why HTML is not rendered; its text can be shown all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRendered {
    /// More than two million bytes.
    #[error("the HTML is larger than {HTML_BYTES_MAX} bytes")]
    Size,
    /// Elements nested too deep, or too many of them.
    #[error("the HTML is nested too deep or has too many elements")]
    Elements,
    /// Sanitised again it is something else, again and again.
    #[error("the HTML does not come to rest when it is sanitised")]
    Restless,
}

/// Makes a piece of mail HTML harmless. `cid:` pictures are taken from
/// `pictures` and put in as `data:`.
pub fn html(source: &str, pictures: &Pictures) -> Result<String, NotRendered> {
    if source.len() > HTML_BYTES_MAX + pictures.bytes() {
        return Err(NotRendered::Size);
    }
    if !bound::is_within(source) {
        return Err(NotRendered::Elements);
    }
    let builder = builder(pictures, Inline::No);
    let mut clean = image::with_alternatives(&builder.clean(source).to_string());
    for _ in 0..ROUNDS_MAX {
        let again = builder.clean(&clean).to_string();
        if again == clean {
            // The pictures come last: they are large, and change nothing else.
            return Ok(self::builder(pictures, Inline::Yes).clean(&clean).to_string());
        }
        if !bound::is_within(&again) {
            return Err(NotRendered::Elements);
        }
        clean = again;
    }
    Err(NotRendered::Restless)
}

/// Whether `cid:` pictures are put in, or only looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inline {
    Yes,
    No,
}

fn builder(pictures: &Pictures, inline: Inline) -> Builder<'static> {
    let shown = Shown { pictures: pictures.clone(), inline, spent: AtomicUsize::new(0) };
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(SWALLOWED.iter().copied().collect())
        .generic_attributes(["dir", "lang", "title", "style"].into())
        .tag_attributes(tag_attributes())
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some("noopener noreferrer"))
        .url_schemes(["http", "https", "mailto", "tel", "cid", "data"].into())
        .url_relative(UrlRelative::Deny)
        .strip_comments(true)
        .attribute_filter(move |tag, name, value| attribute(tag, name, value, &shown));
    builder
}

/// The pictures that one document shows.
struct Shown {
    pictures: Pictures,
    inline: Inline,
    spent: AtomicUsize,
}

impl Shown {
    /// What a picture's source becomes; nothing where it is not the message's
    /// own, or where there have been enough.
    fn source<'v>(&self, value: &'v str) -> Option<Cow<'v, str>> {
        let source = self.pictures.source(value)?;
        if self.inline == Inline::No && matches!(source, Source::Attached(_)) {
            return Some(Cow::Borrowed(value));
        }
        let address = source.address();
        let spent = self.spent.fetch_add(address.len(), Ordering::Relaxed);
        (spent <= PICTURE_BYTES_MAX).then_some(address)
    }
}

/// The last word on each attribute that the lists let through.
fn attribute<'v>(tag: &str, name: &str, value: &'v str, shown: &Shown) -> Option<Cow<'v, str>> {
    match (tag, name) {
        ("img", "src") => shown.source(value),
        // The schemes of pictures are none for links.
        ("a", "href") => is_link(value).then_some(Cow::Borrowed(value)),
        (_, "style") => style::safe(value).map(Cow::Owned),
        (_, "dir") => matches!(value, "ltr" | "rtl" | "auto").then_some(Cow::Borrowed(value)),
        ("a", "rel" | "target") => Some(Cow::Borrowed(value)),
        (_, "bgcolor" | "color" | "face" | "align" | "valign") => is_plain(value).then_some(Cow::Borrowed(value)),
        _ => Some(Cow::Borrowed(value)),
    }
}

fn is_link(value: &str) -> bool {
    let value = value.trim_ascii_start();
    ["http:", "https:", "mailto:", "tel:"]
        .iter()
        .any(|scheme| value.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme)))
}

/// A word or two: no markup of any language fits into it.
fn is_plain(value: &str) -> bool {
    value.len() <= 100 && value.chars().all(|c| c.is_ascii_alphanumeric() || " #,-".contains(c))
}

/// What a letter is made of. No `form`, no `input`, no `iframe`, no `svg`, no
/// `math`, no `style`, no `base`, no `meta`, no `link`, no `area`.
const TAGS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Gone with all that is in them; of other elements the content stays.
const SWALLOWED: &[&str] = &[
    "applet", "audio", "canvas", "embed", "frame", "frameset", "iframe", "math", "noembed", "noframes", "noscript",
    "object", "script", "style", "svg", "template", "textarea", "title", "video", "xmp",
];

fn tag_attributes() -> HashMap<&'static str, HashSet<&'static str>> {
    let table = ["align", "bgcolor", "border", "cellpadding", "cellspacing", "width"];
    let cell = ["align", "bgcolor", "colspan", "height", "rowspan", "valign", "width"];
    HashMap::from([
        ("a", ["href"].into()),
        ("col", ["align", "span", "width"].into()),
        ("colgroup", ["align", "span", "width"].into()),
        ("div", ["align"].into()),
        ("font", ["color", "face", "size"].into()),
        ("h1", ["align"].into()),
        ("h2", ["align"].into()),
        ("h3", ["align"].into()),
        ("hr", ["align", "size", "width"].into()),
        ("img", ["align", "alt", "height", "src", "width"].into()),
        ("ol", ["start", "type"].into()),
        ("p", ["align"].into()),
        ("table", table.into()),
        ("tbody", ["align", "valign"].into()),
        ("td", cell.into()),
        ("th", cell.into()),
        ("tr", ["align", "bgcolor", "valign"].into()),
        ("ul", ["type"].into()),
    ])
}

#[cfg(test)]
mod tests;
