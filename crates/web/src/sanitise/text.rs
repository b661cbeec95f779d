//! Plain text as HTML: every character is text; web and mail addresses become
//! links.

use std::fmt::Write;

/// A plain text as HTML, its line ends and blanks to be kept by the style
/// sheet. Addresses with `http:`, `https:` or `mailto:` become links.
pub fn plain_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut rest = text.trim_end();
    while let Some((before, link, after)) = next_link(rest) {
        push(&mut out, before);
        out.push_str("<a href=\"");
        push(&mut out, link);
        out.push_str("\" target=\"_blank\" rel=\"noopener noreferrer\">");
        push(&mut out, link);
        out.push_str("</a>");
        rest = after;
    }
    push(&mut out, rest);
    out
}

const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

fn next_link(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let found = SCHEMES.iter().filter_map(|scheme| rest.find(scheme).map(|at| (at, scheme.len())));
        let (at, scheme) = found.min()?;
        let start = from + at;
        let link = link(text.get(start..)?);
        // A scheme within a word is no link, nor is one without an address.
        let is_word = text.get(..start).is_some_and(|before| before.ends_with(char::is_alphanumeric));
        if !is_word && link.len() > scheme {
            return Some((text.get(..start)?, link, text.get(start + link.len()..)?));
        }
        from = start + scheme;
    }
}

/// The address at the beginning of a text: up to a blank or a bracket, without
/// the punctuation of the sentence.
fn link(text: &str) -> &str {
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "<>\"'`{}|\\^".contains(c);
    let link = text.split(is_end).next().unwrap_or_default();
    let trimmed = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '…']);
    // A closing bracket belongs to the address only if it was opened in it.
    match trimmed.strip_suffix(')') {
        Some(inner) if !inner.contains('(') => inner,
        _ => trimmed,
    }
}

fn push(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {
                // A String is written to without failing.
                let _written = write!(out, "\u{fffd}");
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(plain_text(text).replace(" target=\"_blank\" rel=\"noopener noreferrer\"", ""), expect, "{text}");
    }

    #[test]
    fn every_character_is_text() {
        check(
            "<script>alert('1')</script> & \"x\"",
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;",
        );
        check("a\r\nb\rc\0d\n\n", "a\nb\nc\u{fffd}d");
    }

    #[test]
    fn addresses_become_links() {
        check(
            "see https://x.example/a?b=c&d=1.",
            "see <a href=\"https://x.example/a?b=c&amp;d=1\">https://x.example/a?b=c&amp;d=1</a>.",
        );
        check("(http://x.example)", "(<a href=\"http://x.example\">http://x.example</a>)");
        check("http://x.example/a_(b)", "<a href=\"http://x.example/a_(b)\">http://x.example/a_(b)</a>");
        check("mailto:p@x.example!", "<a href=\"mailto:p@x.example\">mailto:p@x.example</a>!");
        check("<https://x.example>", "&lt;<a href=\"https://x.example\">https://x.example</a>&gt;");
    }

    #[test]
    fn nothing_else_becomes_a_link() {
        check("https://", "https://");
        check("xhttps://a.example", "xhttps://a.example");
        check("javascript:alert(1)", "javascript:alert(1)");
        check("https:// http://", "https:// http://");
        assert!(!plain_text("https://x\"onclick=alert(1)//").contains("\"onclick"));
    }
}
