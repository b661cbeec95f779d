//! HTML as the text that its reader sees: tags gone, entities decoded, white
//! space folded, cells and blocks apart, inline markup joined.
//!
//! What is hidden (by `display: none` and its kind, in a conditional comment, in
//! a tag that never ends) is kept too, after the rest: it does not split what
//! the reader sees, and some reader may see it. Style sheets are not applied.
//!
//! One pass, linear. This is for judging; nothing that it gives is HTML.

use super::tag::{self, Tag};

/// HTML as text; what is hidden follows after an empty line.
pub fn html_text(html: &str) -> String {
    let mut page = Page::default();
    page.render(html);
    let mut text = page.shown.text;
    if !page.hidden.text.trim().is_empty() {
        text.push_str("\n\n");
        text.push_str(page.hidden.text.trim());
    }
    text
}

#[derive(Default)]
struct Page {
    shown: Flow,
    hidden: Flow,
    /// The element that hides and how many of its name are open within it.
    hider: Option<(String, usize)>,
    /// Levels of `<pre>`.
    pre: usize,
}

/// Text with its white space folded.
#[derive(Default)]
struct Flow {
    text: String,
    wants_space: bool,
}

impl Flow {
    fn push(&mut self, c: char, pre: bool) {
        if matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0C') {
            match (pre, c) {
                (true, c) => self.text.push(c),
                (false, _) => self.wants_space = true,
            }
            return;
        }
        if std::mem::take(&mut self.wants_space) && !self.text.is_empty() && !self.text.ends_with(['\n', '\t']) {
            self.text.push(' ');
        }
        self.text.push(c);
    }

    fn part(&mut self, with: char) {
        self.wants_space = false;
        if with == '\n' {
            self.text.truncate(self.text.trim_end_matches('\t').len());
        }
        if !self.text.is_empty() && !self.text.ends_with(with) {
            self.text.push(with);
        }
    }
}

impl Page {
    fn render(&mut self, html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            let (text, markup) = rest.split_at(at);
            self.text(text);
            rest = self.markup(markup);
        }
        self.text(rest);
    }

    fn text(&mut self, text: &str) {
        let pre = self.pre > 0;
        let decoded = tag::entities(text);
        let flow = self.flow();
        for c in decoded.chars() {
            flow.push(c, pre);
        }
    }

    fn flow(&mut self) -> &mut Flow {
        if self.hider.is_some() { &mut self.hidden } else { &mut self.shown }
    }

    fn hide(&mut self, text: &str) {
        self.hidden.part('\n');
        for c in tag::entities(text).chars() {
            self.hidden.push(c, false);
        }
        self.hidden.part('\n');
    }

    /// Reads what begins with `<`; gives what follows it.
    fn markup<'a>(&mut self, markup: &'a str) -> &'a str {
        let inner = markup.strip_prefix('<').unwrap_or(markup);
        if let Some(comment) = inner.strip_prefix("!--") {
            return self.comment(comment);
        }
        let name = inner.strip_prefix('/').unwrap_or(inner);
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return match tag::read(inner) {
                Some((tag, rest)) => self.tag(&tag, rest),
                None => self.unended(inner),
            };
        }
        if inner.starts_with(['!', '?', '/']) {
            return match inner.split_once('>') {
                Some((_, rest)) => rest,
                None => self.unended(inner),
            };
        }
        self.text("<");
        inner
    }

    /// A browser drops what never ends; another reader may not.
    fn unended<'a>(&mut self, rest: &'a str) -> &'a str {
        self.hide(rest);
        ""
    }

    fn comment<'a>(&mut self, comment: &'a str) -> &'a str {
        if let Some(rest) = comment.strip_prefix('>').or_else(|| comment.strip_prefix("->")) {
            return rest;
        }
        let Some((inner, rest)) = comment.split_once("-->") else {
            return self.unended(comment);
        };
        // `<!--[if mso]>…<![endif]-->`: some mail readers show it.
        if let Some((_, shown)) = inner.strip_prefix("[if").and_then(|inner| inner.split_once('>')) {
            let shown = shown.strip_suffix("<![endif]").unwrap_or(shown);
            self.hide(&html_text_without_comments(shown));
        }
        rest
    }

    fn tag<'a>(&mut self, tag: &Tag<'_>, rest: &'a str) -> &'a str {
        self.track(tag);
        match tag.name.as_str() {
            "script" | "style" if !tag.closes => return raw_end(rest, &tag.name),
            "pre" | "textarea" if tag.closes => self.pre = self.pre.saturating_sub(1),
            "pre" | "textarea" => self.pre += 1,
            "img" | "area" => self.aside(tag.alt.as_deref()),
            "input" => self.aside(tag.value.as_deref()),
            "bdo" => self.text(if tag.closes { "\u{202C}" } else { tag.override_mark() }),
            _ => {}
        }
        match tag.name.as_str() {
            "td" | "th" => self.flow().part('\t'),
            name if is_block(name) => self.flow().part('\n'),
            _ => {}
        }
        rest
    }

    /// Follows the element that hides to its end.
    fn track(&mut self, tag: &Tag<'_>) {
        match &mut self.hider {
            Some((name, open)) if *name == tag.name => {
                *open = if tag.closes { open.saturating_sub(1) } else { *open + 1 };
                if *open == 0 {
                    self.hidden.part('\n');
                    self.hider = None;
                }
            }
            Some(_) => {}
            None if tag.hides() && !tag.closes && !is_void(&tag.name) => {
                self.hider = Some((tag.name.clone(), 1));
            }
            None => {}
        }
    }

    /// A text that stands in for a thing: never joined to what is beside it.
    fn aside(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.text(" ");
            self.text(text);
            self.text(" ");
        }
    }
}

/// A comment's content has no comment within it, so this is no recursion.
fn html_text_without_comments(html: &str) -> String {
    html_text(&html.replace("<!--", " "))
}

/// What follows the end tag of an element whose content is no text.
fn raw_end<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|rest| rest.find("</")) {
        at += found + 2;
        let after = rest.get(at..).unwrap_or_default();
        if after.get(..name.len()).is_some_and(|own| own.eq_ignore_ascii_case(name)) {
            return after.split_once('>').map_or("", |(_, rest)| rest);
        }
    }
    ""
}

fn is_void(name: &str) -> bool {
    matches!(name, "area" | "base" | "br" | "col" | "embed" | "hr" | "img" | "input" | "link" | "meta" | "wbr")
}

fn is_block(name: &str) -> bool {
    const BLOCKS: &str = " address article aside blockquote body br button caption center dd details div dl dt \
        fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html li main nav ol option p pre \
        section table title tr ul ";
    BLOCKS.split_ascii_whitespace().any(|block| block == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, expect: &str) {
        assert_eq!(html_text(html), expect, "{html}");
    }

    #[test]
    fn inline_markup_joins_and_blocks_part() {
        check("<b>123</b>-45-6789", "123-45-6789");
        check("12<!-- x -->3-<span class=\"a>b\">45</span>-<i\n>6789</i>", "123-45-6789");
        check("<p>one</p><p>two</p>three<br>four", "one\ntwo\nthree\nfour");
        check("<div>  a\n  b </div>", "a b\n");
        check("<tr><td>MRN</td><td>123</td></tr>", "MRN\t123\n");
        check("a <b>b</b> c", "a b c");
        check("<pre>a\n  b</pre>", "a\n  b\n");
    }

    #[test]
    fn entities_are_decoded() {
        check("1&#50;&#x33;&amp;&nbsp;&shy;&eacute;&bogus;&", "123&\u{a0}\u{ad}é&bogus;&");
        check("&#49&#50; &nbspx &lt b&gt", "12 \u{a0}x < b>");
        check("&#1114112;&#xD800;", "\u{fffd}\u{fffd}");
    }

    #[test]
    fn what_is_hidden_does_not_split_and_is_kept() {
        check("123<span style='Display : None'>x<span>y</span></span>-45", "123-45\n\nxy");
        check("123<b hidden>z</b>-45", "123-45\n\nz");
        check("1<i style=\"font-size:0px\">x</i>2<i style=\"font-size:0.8em\">3</i>", "123\n\nx");
        check("12<!--[if mso]><p>out</p><![endif]-->3", "123\n\nout");
    }

    #[test]
    fn scripts_and_styles_are_no_text() {
        check("a<script>1 < 2 </b></SCRIPT >b<style>p{}</style>c", "abc");
        check("a<script>never ended", "a");
    }

    #[test]
    fn what_never_ends_is_kept_apart() {
        check("a<a href=\"x", "a\n\na href=\"x");
        check("a<!-- b", "a\n\nb");
        check("a < b <3 <", "a < b <3 <");
        check("<", "<");
        check("a<!---->b<!-->c<!doctype x>d<?e?>f</ g>h", "abcdfh");
    }

    #[test]
    fn stand_ins_are_read() {
        check("see<img src=x alt=\"SSN &#49;\">now", "see SSN 1 now");
        check("<bdo dir=rtl>321</bdo>", "\u{202E}321\u{202C}");
    }
}
