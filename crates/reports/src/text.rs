//! A stranger's text, before anybody sees it.

/// The most characters that are kept of one value.
const CHARS_MAX: usize = 300;

/// A value in one line, without control characters and signs that turn the
/// direction of text, cut to a length that a report needs.
pub fn clean(text: &str) -> String {
    let is_harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let harmless: String = spaced.filter(|c| is_harmless(*c)).collect();
    let kept: String = harmless.trim().chars().take(CHARS_MAX).collect();
    kept.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_terminal_stays() {
        assert_eq!(clean(" a\u{1b}[31m\r\nb\u{202e}c\0 "), "a[31m  bc");
        assert_eq!(clean(&"x".repeat(5_000)).len(), CHARS_MAX);
    }
}
