//! What the gateway writes into the copies of inbound mail, and what it takes
//! out first: fields that only this system may write, which a stranger wrote.

use mail::Domain;
use mail::header::Field;
use serde::{Deserialize, Serialize};

/// The changes of inbound mail on its way to the organisation's mail system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Whole fields, each with its CRLF, that stand above all others.
    pub above: String,
    /// The names by which this system and the organisation's others know
    /// themselves in Authentication-Results.
    pub own_names: Vec<String>,
}

impl Marks {
    /// Whether a stranger's field is taken out: `X-Sealpost-*`, Return-Path
    /// (RFC 5321 §4.4: the last server writes it), and results of a check that
    /// claim to be ours (RFC 8601 §5), or whose author can't be read.
    pub(crate) fn removes(&self, field: &Field<'_>) -> bool {
        is_ours(field)
            || field.is("Return-Path")
            || (field.is("Authentication-Results") && self.claims_to_be_ours(field))
    }

    fn claims_to_be_ours(&self, field: &Field<'_>) -> bool {
        let Some(author) = authserv_id(field.value) else { return true };
        // A name may be written in U-labels (RFC 8616 §2); what is neither those nor ASCII nobody can be sure of.
        let author = match Domain::parse(&author) {
            Ok(domain) => domain.as_str().to_owned(),
            Err(_) if author.is_ascii() => author,
            Err(_) => return true,
        };
        let is_below =
            |name: &str| author.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        self.own_names.iter().any(|name| is_below(&name.to_ascii_lowercase()))
    }
}

/// `X-Sealpost-*`.
pub(crate) fn is_ours(field: &Field<'_>) -> bool {
    const PREFIX: &[u8] = b"x-sealpost-";
    field.name.get(..PREFIX.len()).is_some_and(|name| name.eq_ignore_ascii_case(PREFIX))
}

/// The name of whoever wrote Authentication-Results (RFC 8601 §2.2), in lower
/// case: a token or a quoted string, perhaps after comments.
fn authserv_id(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let mut rest = text.trim_start();
    while rest.starts_with('(') {
        rest = after_comment(rest)?.trim_start();
    }
    let name: String = match rest.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => rest.chars().take_while(|c| !c.is_whitespace() && !matches!(c, ';' | '(')).collect(),
    };
    let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

fn after_comment(text: &str) -> Option<&str> {
    let (mut depth, mut is_escaped) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return text.get(at + c.len_utf8()..);
        }
    }
    None
}

fn unquoted(text: &str) -> Option<String> {
    let (mut name, mut is_escaped) = (String::new(), false);
    for c in text.chars() {
        match c {
            c if is_escaped => {
                name.push(c);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return Some(name),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::header;

    fn check(raw: &str, removed: bool) {
        let marks = Marks { above: String::new(), own_names: vec!["Clinic.example".to_owned()] };
        let raw = format!("{raw}\r\n");
        let field = header::fields(raw.as_bytes()).next().unwrap();
        assert_eq!(marks.removes(&field), removed, "{raw}");
    }

    #[test]
    fn results_that_claim_to_be_ours_are_removed() {
        check("Authentication-Results: clinic.example; spf=pass", true);
        check("authentication-results : CLINIC.example.; spf=pass", true);
        check("Authentication-Results: mx.clinic.example 1; none", true);
        check("Authentication-Results:\r\n (a (b) \\) c) \"clinic.\\example\" ; spf=pass", true);
        check("Authentication-Results: clinic.example(x); spf=pass", true);
        check("Authentication-Results: (never closed clinic.example; spf=pass", true);
        check("Authentication-Results: ; spf=pass", true);
        check("Authentication-Results:", true);
        check("Authentication-Results: mx.other.example; spf=pass", false);
        check("Authentication-Results: \u{1f3e5}\u{202e}.example; spf=pass", true);
        check("Authentication-Results: notclinic.example; spf=pass", false);
        check("ARC-Authentication-Results: i=1; clinic.example; spf=pass", false);
    }

    #[test]
    fn results_under_our_name_in_another_script_are_removed() {
        let marks = Marks { above: String::new(), own_names: vec!["xn--klinik-mnchen-3ob.example".to_owned()] };
        let check = |name: &str, removed: bool| {
            let raw = format!("Authentication-Results: {name}; spf=pass\r\n");
            let field = header::fields(raw.as_bytes()).next().unwrap();
            assert_eq!(marks.removes(&field), removed, "{raw}");
        };
        // RFC 8616 §2: U-labels, in any case and normal form.
        check("xn--klinik-mnchen-3ob.example", true);
        check("klinik-m\u{fc}nchen.example", true);
        check("mx.Klinik-M\u{dc}NCHEN.example", true);
        check("\"klinik-mu\u{308}nchen.example\"", true);
        check("klinik-muenchen.example", false);
    }

    #[test]
    fn what_only_this_system_writes_is_removed() {
        check("X-Sealpost-Warning: none", true);
        check("x-sealpost-: y", true);
        check("Return-Path: <a@b.example>", true);
        check("X-Other: y", false);
        check("Bcc: y", false);
    }
}
