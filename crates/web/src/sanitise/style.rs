//! Inline styles: a list of properties, and values of so plain a form that no
//! reading of CSS finds more in them than a colour, a length or a word.
//!
//! No `url()`, no escapes, no comments, no positioning: what a value can't
//! say, it can't fetch or cover.

/// What a letter's looks are made of.
const PROPERTIES: &[&str] = &[
    "background",
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "clear",
    "color",
    "direction",
    "display",
    "float",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "min-width",
    "overflow-wrap",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-wrap",
];

const FUNCTIONS: &[&str] = &["rgb", "rgba", "hsl", "hsla"];
const STYLE_BYTES_MAX: usize = 4_000;
const VALUE_BYTES_MAX: usize = 200;

/// The declarations that may stay, in a canonical form; `None` if none may.
pub(super) fn safe(style: &str) -> Option<String> {
    // An escape or a comment can hide anything (CSS Syntax §4.3.7), so that
    // a style with one is dropped as a whole.
    if style.len() > STYLE_BYTES_MAX || style.contains('\\') || style.contains("/*") {
        return None;
    }
    let kept: Vec<String> = style.split(';').filter_map(declaration).collect();
    (!kept.is_empty()).then(|| kept.join(";"))
}

fn declaration(text: &str) -> Option<String> {
    let (property, value) = text.split_once(':')?;
    let property = property.trim_matches(BLANK).to_ascii_lowercase();
    let value = value.split(BLANK).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let is_fine = PROPERTIES.contains(&property.as_str()) && is_plain(&value) && !hides(&property, &value);
    is_fine.then(|| format!("{property}:{value}"))
}

/// What CSS takes for white space (CSS Syntax §4.2), and no more.
const BLANK: [char; 5] = [' ', '\t', '\n', '\r', '\x0c'];

/// Words, numbers, colours, quoted names; parentheses only of the colour functions.
fn is_plain(value: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " #%.,-+()'\"!".contains(c);
    !value.is_empty()
        && value.len() <= VALUE_BYTES_MAX
        && value.chars().all(allowed)
        && value.matches('"').count().is_multiple_of(2)
        && value.matches('\'').count().is_multiple_of(2)
        && !(value.contains('"') && value.contains('\''))
        && has_only_colour_functions(value)
}

fn has_only_colour_functions(value: &str) -> bool {
    let mut rest = value;
    while let Some(open) = rest.find('(') {
        let (before, after) = rest.split_at(open);
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        let Some(close) = after.find(')') else { return false };
        let arguments = after.get(1..close).unwrap_or_default();
        let is_number = |c: char| c.is_ascii_digit() || " %.,-+".contains(c) || c.is_ascii_lowercase();
        let is_colour = FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(name));
        if before.contains(')') || !is_colour || !arguments.chars().all(is_number) {
            return false;
        }
        rest = after.get(close + 1..).unwrap_or_default();
    }
    !rest.contains(')')
}

/// `display` may hide a preheader, and lay nothing over anything.
fn hides(property: &str, value: &str) -> bool {
    let fine = ["none", "block", "inline", "inline-block", "table", "table-row", "table-cell", "list-item"];
    property == "display" && !fine.contains(&value.trim_end_matches("!important").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(style: &str, expect: &str) {
        assert_eq!(safe(style).unwrap_or_default(), expect, "{style}");
        assert_eq!(safe(expect).unwrap_or_default(), expect, "it stays as it is");
    }

    #[test]
    fn looks_stay() {
        check("color: #0b5a6e; FONT-SIZE : 14px;", "color:#0b5a6e;font-size:14px");
        check("font-family: 'Segoe UI', Arial, sans-serif", "font-family:'Segoe UI', Arial, sans-serif");
        check("background: rgba(0, 10, 20, 0.5) ", "background:rgba(0, 10, 20, 0.5)");
        check("margin:0 0\n 12px;padding:1em !important", "margin:0 0 12px;padding:1em !important");
        check("display:none", "display:none");
    }

    #[test]
    fn what_could_fetch_or_cover_goes() {
        for style in [
            "background:url(https://evil.example/x)",
            "background:url('x')",
            "background:u\\72l(x)",
            "background:u/**/rl(x)",
            "background-image:image-set('x' 1x)",
            "width:expression(alert(1))",
            "color:var(--x)",
            "color:rgb(url(x))",
            "position:fixed",
            "position:absolute",
            "z-index:9",
            "transform:scale(9)",
            "opacity:0",
            "behavior:url(x)",
            "-moz-binding:x",
            "content:'x'",
            "display:contents",
            "display:fixed",
            "color:red}body{background:blue",
            "color:<b>",
            "font-family:\"a",
            "font-family:'a\"b'",
            "color:red)",
            "color",
            ":",
            "@import 'x'",
            "cursor:crosshair",
        ] {
            check(style, "");
        }
    }

    #[test]
    fn a_bad_declaration_does_not_take_the_good_ones() {
        check("color:red;position:fixed;top:0;font-weight:bold", "color:red;font-weight:bold");
        check("font-family:\"a;color:red\";font-size:1px", "font-size:1px");
    }
}
