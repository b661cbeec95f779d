//! Patterns with `*` (any run) and `?` (any one character). Case does not count.

use std::fmt;

/// A pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    written: String,
    pattern: Vec<char>,
}

impl Glob {
    /// Reads a pattern; every text is one.
    pub fn new(text: &str) -> Self {
        let mut pattern: Vec<char> = fold(text).collect();
        // A run of stars is one star.
        pattern.dedup_by(|a, b| *a == '*' && *b == '*');
        Self { written: text.to_owned(), pattern }
    }

    /// Whether the whole text matches. Takes at most text × pattern steps.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = fold(text).collect();
        let (mut at, mut own) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.pattern.get(own) {
                Some('*') => {
                    star = Some((own, at));
                    own += 1;
                }
                Some(c) if *c == '?' || text.get(at) == Some(c) => {
                    own += 1;
                    at += 1;
                }
                _ => match &mut star {
                    // Let the last star take one character more and try again.
                    Some((star_own, star_at)) => {
                        *star_at += 1;
                        (own, at) = (*star_own + 1, *star_at);
                    }
                    None => return false,
                },
            }
        }
        self.pattern.iter().skip(own).all(|c| *c == '*')
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.written)
    }
}

fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expect: bool) {
        assert_eq!(Glob::new(pattern).matches(text), expect, "{pattern} on {text}");
    }

    #[test]
    fn stars_and_question_marks_match() {
        check("*.xlsx", "Patients 2024.XLSX", true);
        check("*.xlsx", "patients.xls", false);
        check("*", "", true);
        check("", "", true);
        check("", "x", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b", "abab", true);
        check("*a*b", "aba", false);
        check("***", "anything", true);
        check("image/*", "image/png", true);
        check("*@clinic.example", "É@CLINIC.example", true);
    }
}
