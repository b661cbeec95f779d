//! Tags and entities of HTML, as far as reading its text needs them.

use std::borrow::Cow;

use mail_parser::decoders::html::add_html_token;

/// A start or end tag.
#[derive(Debug, Default)]
pub(super) struct Tag<'a> {
    /// The name in lower case.
    pub name: String,
    /// Whether it is an end tag.
    pub closes: bool,
    /// `alt`, decoded.
    pub alt: Option<Cow<'a, str>>,
    /// `value`, decoded.
    pub value: Option<Cow<'a, str>>,
    style: Option<&'a str>,
    hidden: bool,
    rtl: bool,
}

impl Tag<'_> {
    /// Whether its element is not shown.
    pub(super) fn hides(&self) -> bool {
        self.hidden || self.style.is_some_and(style_hides)
    }

    /// The mark that a `bdo` stands for.
    pub(super) fn override_mark(&self) -> &'static str {
        if self.rtl { "\u{202E}" } else { "\u{202D}" }
    }
}

/// Reads a tag after its `<`; gives what follows its `>`. `None` if it never ends.
pub(super) fn read(text: &str) -> Option<(Tag<'_>, &str)> {
    let (closes, text) = text.strip_prefix('/').map_or((false, text), |text| (true, text));
    let end = text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))?;
    let (name, mut rest) = text.split_at(end);
    let mut tag = Tag { name: name.to_ascii_lowercase(), closes, ..Tag::default() };
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(rest) = rest.strip_prefix('>') {
            return Some((tag, rest));
        }
        let (name, value, after) = attribute(rest)?;
        tag.take(name, value);
        rest = after;
    }
}

impl<'a> Tag<'a> {
    fn take(&mut self, name: &str, value: &'a str) {
        match name.to_ascii_lowercase().as_str() {
            "alt" => self.alt = Some(entities(value)),
            "value" => self.value = Some(entities(value)),
            "style" => self.style = Some(value),
            "hidden" => self.hidden = true,
            "dir" => self.rtl = value.eq_ignore_ascii_case("rtl"),
            _ => {}
        }
    }
}

/// A name, its value (empty if there is none), and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    // A name may begin with `=` (HTML, "before attribute name state").
    let first = text.chars().next()?.len_utf8();
    let end = text.get(first..)?.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='))? + first;
    let (name, rest) = text.split_at(end);
    let Some(value) = rest.trim_ascii_start().strip_prefix('=') else {
        return Some((name, "", rest));
    };
    let value = value.trim_ascii_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            let (value, rest) = quoted.split_once(quote)?;
            return Some((name, value, rest));
        }
    }
    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    let (value, rest) = value.split_at(end);
    Some((name, value, rest))
}

fn style_hides(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let is_zero = |declaration: &&str| {
        ["font-size:0", "opacity:0", "max-height:0"].iter().any(|zero| {
            declaration
                .strip_prefix(zero)
                .is_some_and(|rest| !rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()))
        })
    };
    let is_none = |declaration: &&str| {
        ["display:none", "visibility:hidden", "mso-hide:all"].iter().any(|none| declaration.starts_with(none))
    };
    style.split(';').any(|declaration| is_zero(&declaration) || is_none(&declaration))
}

/// The longest entity that there is has 33 characters.
const ENTITY_BYTES_MAX: usize = 34;
/// Entities that browsers decode without their semicolon, of those that matter here.
const UNENDED: [(&str, &str); 6] =
    [("nbsp", "\u{a0}"), ("shy", "\u{ad}"), ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\"")];

/// Text with its entities decoded; what is none is kept.
pub(super) fn entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (plain, entity) = rest.split_at(at);
        out.push_str(plain);
        rest = decode_entity(entity, &mut out);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Decodes what begins with `&`; gives what follows.
fn decode_entity<'a>(entity: &'a str, out: &mut String) -> &'a str {
    let inner = entity.get(1..).unwrap_or_default();
    let name_len = inner
        .bytes()
        .take(ENTITY_BYTES_MAX)
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#')
        .unwrap_or(inner.len().min(ENTITY_BYTES_MAX));
    let (name, after) = inner.split_at(name_len);
    if let Some(after) = after.strip_prefix(';').filter(|_| !name.is_empty()) {
        add_html_token(out, format!("&{name};").as_bytes(), false);
        return after;
    }
    if let Some(digits) = number_len(name) {
        let (number, rest) = inner.split_at(digits);
        add_html_token(out, format!("&{number};").as_bytes(), false);
        return rest;
    }
    for (unended, meaning) in UNENDED {
        if let Some(rest) = inner.strip_prefix(unended) {
            out.push_str(meaning);
            return rest;
        }
    }
    out.push('&');
    inner
}

/// The length of `#123` or `#x1F` at the beginning of a name.
fn number_len(name: &str) -> Option<usize> {
    let digits = name.strip_prefix('#')?;
    let (prefix, digits, radix) = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => (2, hex, 16),
        None => (1, digits, 10),
    };
    let len = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    (len > 0).then_some(prefix + len)
}
