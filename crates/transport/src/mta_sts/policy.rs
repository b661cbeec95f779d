//! A domain's policy: which hosts are its MX hosts, and whether that is
//! enforced (RFC 8461 §3.2, §4.1). Pure.

use std::fmt;

use mail::Domain;

/// The longest time that a policy may be kept, in seconds (RFC 8461 §3.2).
pub const MAX_AGE_S_MAX: u32 = 31_557_600;
/// Patterns that are read; a policy with more is refused.
const PATTERNS_MAX: usize = 1000;

/// What a policy asks of those who send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StsMode {
    /// No delivery to a host that is not named or whose certificate does not verify.
    Enforce,
    /// Deliver all the same, and report.
    Testing,
    /// There is no policy any more.
    None,
}

impl StsMode {
    /// The word of the standard.
    pub const fn word(self) -> &'static str {
        match self {
            StsMode::Enforce => "enforce",
            StsMode::Testing => "testing",
            StsMode::None => "none",
        }
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsPolicy {
    /// What it asks.
    pub mode: StsMode,
    /// The hosts that it names; none only in mode `none`.
    pub mx: Vec<MxPattern>,
    /// How long it holds, in seconds.
    pub max_age_s: u32,
}

/// A host, or all hosts one label below a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MxPattern {
    is_wildcard: bool,
    domain: Domain,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StsPolicyFault {
    /// It is no text.
    #[error("the policy is not UTF-8 text")]
    Text,
    /// A line is not `name: value`.
    #[error("line {0} is not written as name: value")]
    Line(usize),
    /// The version is missing or another one.
    #[error("the version is not STSv1")]
    Version,
    /// The mode is missing or none that is known.
    #[error("the mode is not enforce, testing or none")]
    Mode,
    /// The time is missing, or no number of seconds.
    #[error("max_age is missing or no number of seconds")]
    MaxAge,
    /// A pattern is neither a name nor `*.` and a name, or there are more than 1,000.
    #[error("mx in line {0} is no host name")]
    Mx(usize),
    /// No host is named, so no mail could be delivered.
    #[error("no mx is named")]
    NoMx,
}

impl StsPolicy {
    /// Reads a policy's text. Fields that are not known are passed over; of
    /// those that may stand once, the first counts.
    pub fn parse(text: &[u8]) -> Result<Self, StsPolicyFault> {
        let text = std::str::from_utf8(text).map_err(|_| StsPolicyFault::Text)?;
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for (index, line) in text.split('\n').enumerate() {
            let number = index.saturating_add(1);
            let line = line.trim_end_matches(['\r', ' ', '\t']);
            if line.is_empty() {
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(StsPolicyFault::Line(number))?;
            let value = value.trim_start_matches([' ', '\t']);
            match name {
                "version" => drop(version.get_or_insert(value)),
                "mode" => drop(mode.get_or_insert(value)),
                "max_age" => drop(max_age.get_or_insert(value)),
                "mx" if mx.len() == PATTERNS_MAX => return Err(StsPolicyFault::Mx(number)),
                "mx" => mx.push(MxPattern::parse(value).ok_or(StsPolicyFault::Mx(number))?),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err(StsPolicyFault::Version);
        }
        let mode = mode.and_then(read_mode).ok_or(StsPolicyFault::Mode)?;
        let max_age_s = max_age.and_then(read_max_age).ok_or(StsPolicyFault::MaxAge)?;
        if mx.is_empty() && mode != StsMode::None {
            return Err(StsPolicyFault::NoMx);
        }
        Ok(Self { mode, mx, max_age_s })
    }

    /// The policy as its text, which [`parse`](Self::parse) reads.
    pub fn to_text(&self) -> String {
        let mx: String = self.mx.iter().map(|pattern| format!("mx: {pattern}\n")).collect();
        format!("version: STSv1\nmode: {}\n{mx}max_age: {}\n", self.mode.word(), self.max_age_s)
    }

    /// Whether a host is named.
    pub fn names(&self, host: &Domain) -> bool {
        self.mx.iter().any(|pattern| pattern.matches(host))
    }
}

impl MxPattern {
    fn parse(text: &str) -> Option<Self> {
        let (is_wildcard, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        Some(Self { is_wildcard, domain: Domain::parse(name).ok()? })
    }

    /// A wildcard stands for exactly one label, the leftmost (RFC 8461 §4.1).
    pub fn matches(&self, host: &Domain) -> bool {
        if !self.is_wildcard {
            return *host == self.domain;
        }
        host.as_str().split_once('.').is_some_and(|(_, rest)| rest == self.domain.as_str())
    }
}

impl fmt::Display for MxPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_wildcard { "*." } else { "" }, self.domain)
    }
}

fn read_mode(word: &str) -> Option<StsMode> {
    [StsMode::Enforce, StsMode::Testing, StsMode::None].into_iter().find(|mode| mode.word() == word)
}

/// 1 to 10 digits; what is more than the maximum is the maximum.
fn read_max_age(text: &str) -> Option<u32> {
    let is_number = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = if is_number { text.parse().ok()? } else { return None };
    Some(u32::try_from(seconds).unwrap_or(MAX_AGE_S_MAX).min(MAX_AGE_S_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(StsMode, &[&str], u32), StsPolicyFault>) {
        let parsed = StsPolicy::parse(text.as_bytes());
        let parsed = parsed.map(|policy| {
            (policy.mode, policy.mx.iter().map(ToString::to_string).collect::<Vec<_>>(), policy.max_age_s)
        });
        let expect =
            expect.map(|(mode, mx, age)| (mode, mx.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), age));
        assert_eq!(parsed, expect, "{text:?}");
        if let Ok(policy) = StsPolicy::parse(text.as_bytes()) {
            assert_eq!(StsPolicy::parse(policy.to_text().as_bytes()), Ok(policy));
        }
    }

    #[test]
    fn policies_are_read() {
        let text = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n";
        let names: &[&str] = &["mail.example.com", "*.example.net"];
        check(text, Ok((StsMode::Enforce, names, 604_800)));
        check(&text.replace('\n', "\r\n"), Ok((StsMode::Enforce, names, 604_800)));
        check(text.trim_end(), Ok((StsMode::Enforce, names, 604_800)));
        check("max_age:1\nmx:A.Example \nmode:testing\nversion:STSv1", Ok((StsMode::Testing, &["a.example"], 1)));
        check("version: STSv1\nmode: none\nmax_age: 86400", Ok((StsMode::None, &[], 86_400)));
        check("version: STSv1\nfuture: x:y\nmode: none\nmax_age: 1\nmode: enforce", Ok((StsMode::None, &[], 1)));
        check("version: STSv1\nmode: none\nmax_age: 9999999999", Ok((StsMode::None, &[], MAX_AGE_S_MAX)));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        check("", Err(StsPolicyFault::Version));
        check("<html>", Err(StsPolicyFault::Line(1)));
        check("version: STSv2\nmode: none\nmax_age: 1", Err(StsPolicyFault::Version));
        check("version: STSv1\nmode: strict\nmax_age: 1", Err(StsPolicyFault::Mode));
        check("version: STSv1\nmax_age: 1", Err(StsPolicyFault::Mode));
        check("version: STSv1\nmode: none", Err(StsPolicyFault::MaxAge));
        for age in ["", "-1", "1d", "12345678901"] {
            check(&format!("version: STSv1\nmode: none\nmax_age: {age}"), Err(StsPolicyFault::MaxAge));
        }
        check("version: STSv1\nmode: enforce\nmax_age: 1", Err(StsPolicyFault::NoMx));
        for mx in ["*", "*.*.example", "a b", "", "mx.*.example", "*."] {
            let text = format!("version: STSv1\nmode: enforce\nmx: {mx}\nmax_age: 1");
            check(&text, Err(StsPolicyFault::Mx(3)));
        }
        let many = format!("version: STSv1\nmode: enforce\nmax_age: 1\n{}", "mx: a.example\n".repeat(1001));
        check(&many, Err(StsPolicyFault::Mx(1004)));
        assert_eq!(StsPolicy::parse(b"version: STSv1\xff"), Err(StsPolicyFault::Text));
    }

    #[test]
    fn a_wildcard_is_one_label() {
        let names =
            |pattern: &str, host: &str| MxPattern::parse(pattern).unwrap().matches(&Domain::parse(host).unwrap());
        assert!(names("mx.example.net", "MX.example.net"));
        assert!(!names("mx.example.net", "a.mx.example.net"));
        assert!(names("*.example.net", "mx.example.net"));
        assert!(!names("*.example.net", "example.net"));
        assert!(!names("*.example.net", "a.mx.example.net"));
        assert!(!names("*.example.net", "mx.example.net.evil.example"));
    }
}
