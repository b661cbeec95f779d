//! SMTP replies (RFC 5321 §4.2) and enhanced status codes (RFC 3463).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enhanced status code: class, subject, detail (RFC 3463 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnhancedCode(pub u8, pub u16, pub u16);

impl EnhancedCode {
    /// Reads `d.ddd.ddd` at the beginning of a text; gives the code and the rest.
    pub fn split(text: &str) -> Option<(EnhancedCode, &str)> {
        let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        let mut numbers = text[..end].split('.');
        let class = numbers.next()?.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        let subject = numbers.next()?.parse().ok().filter(|number| *number < 1000)?;
        let detail = numbers.next()?.parse().ok().filter(|number| *number < 1000)?;
        if numbers.next().is_some() {
            return None;
        }
        Some((EnhancedCode(class, subject, detail), text[end..].trim_start()))
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// A reply: three digits, an enhanced code where there is one, and its lines.
///
/// A peer's text is outside data: it may hold addresses, so it is sealed at
/// rest and never logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced status code, where the peer gave one.
    pub enhanced: Option<EnhancedCode>,
    /// The text; lines are parted by `\n`.
    pub text: String,
}

impl Reply {
    /// A reply with an enhanced code.
    pub fn new(code: u16, enhanced: EnhancedCode, text: impl Into<String>) -> Self {
        Self { code, enhanced: Some(enhanced), text: text.into() }
    }

    /// 2yz: done.
    pub const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4yz: not now.
    pub const fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5yz: never.
    pub const fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text.replace('\n', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enhanced_code_is_split_from_its_text() {
        assert_eq!(EnhancedCode::split("5.1.1 no such user"), Some((EnhancedCode(5, 1, 1), "no such user")));
        assert_eq!(EnhancedCode::split("2.0.0"), Some((EnhancedCode(2, 0, 0), "")));
        for none in ["", "ok", "3.0.0 x", "5.1 x", "5.1.1.1 x", "5.1.1000 x"] {
            assert_eq!(EnhancedCode::split(none), None, "{none}");
        }
    }
}
