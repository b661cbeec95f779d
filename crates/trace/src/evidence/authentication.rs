//! The Authentication-Results field (RFC 8601), read as widely as it is
//! written: Microsoft leaves the server's name out.

/// More results than any server writes.
const RESULTS_MAX: usize = 40;
const PROPERTIES_MAX: usize = 16;

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Results {
    /// The authserv-id.
    pub(crate) server: Option<String>,
    pub(crate) results: Vec<MethodResult>,
}

/// `dkim=pass header.d=a.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MethodResult {
    pub(crate) method: String,
    pub(crate) result: String,
    pub(crate) properties: Vec<(String, String)>,
}

impl MethodResult {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Results {
    /// Reads an unfolded value. What can't be read is left out.
    pub(crate) fn read(text: &str) -> Self {
        let text = without_comments(text);
        let mut segments = split_outside_quotes(&text, ';').into_iter();
        let first = segments.next().unwrap_or_default();
        let mut read = Self::default();
        if first.contains('=') {
            read.results.extend(result(first));
        } else {
            // An id may be followed by a version (RFC 8601 §2.2).
            read.server = first.split_whitespace().next().map(|id| id.trim_matches('"').to_ascii_lowercase());
        }
        read.results.extend(segments.take(RESULTS_MAX).filter_map(result));
        read
    }

    /// What it says, in its own words, without comments and reasons.
    pub(crate) fn says(&self) -> String {
        let one = |result: &MethodResult| {
            let mut text = format!("{}={}", result.method, result.result);
            for (name, value) in result.properties.iter().filter(|(name, _)| is_telling(name)) {
                text.push_str(&format!(" {name}={value}"));
            }
            text
        };
        match self.results.as_slice() {
            [] => "none".to_owned(),
            results => results.iter().map(one).collect::<Vec<_>>().join("; "),
        }
    }

    /// Whether the connection used TLS, as the result `x-tls` of Fastmail's
    /// authentication milter says, and with what.
    pub(crate) fn tls(&self) -> Option<(bool, String)> {
        let result = self.results.iter().find(|result| matches!(result.method.as_str(), "x-tls" | "tls"))?;
        let words = ["smtp.version", "smtp.cipher", "smtp.bits"].iter().filter_map(|name| result.property(name));
        Some((result.result == "pass", words.collect::<Vec<_>>().join(" ")))
    }
}

/// What tells whom a result is about.
fn is_telling(name: &str) -> bool {
    matches!(name, "smtp.mailfrom" | "smtp.helo" | "header.d" | "header.i" | "header.from" | "policy.iprev")
        || name.starts_with("smtp.remote")
        || matches!(name, "smtp.version" | "smtp.cipher" | "smtp.bits" | "arc.chain")
}

/// A result: its first pair is method and result, the rest are properties.
fn result(segment: &str) -> Option<MethodResult> {
    let mut pairs = pairs(segment).into_iter();
    let (method, result) = pairs.next()?;
    let method = method.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !is_word(&method) {
        return None;
    }
    let properties = pairs.take(PROPERTIES_MAX).map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Some(MethodResult { method, result: result.to_ascii_lowercase(), properties })
}

/// The pairs `name=value` of a segment, with blanks around the equals sign
/// allowed and quotes taken off.
fn pairs(segment: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = segment.trim();
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.split_whitespace().next_back().unwrap_or_default();
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if !name.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        rest = next;
    }
    pairs
}

fn split_outside_quotes(text: &str, at: char) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|c: char| {
        is_quoted ^= c == '"';
        c == at && !is_quoted
    })
    .collect()
}

/// The text without comments (RFC 5322 §3.2.2), which nest.
pub(crate) fn without_comments(text: &str) -> String {
    let (mut depth, mut is_quoted, mut is_escaped) = (0u32, false, false);
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match c {
            '\\' if !was_escaped => is_escaped = true,
            '"' if depth == 0 && !was_escaped => is_quoted = !is_quoted,
            '(' if !is_quoted && !was_escaped => {
                depth = depth.saturating_add(1);
                continue;
            }
            ')' if !is_quoted && depth > 0 && !was_escaped => {
                depth -= 1;
                kept.push(' ');
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, server: Option<&str>, says: &str) {
        let read = Results::read(text);
        assert_eq!((read.server.as_deref(), read.says().as_str()), (server, says), "{text}");
    }

    #[test]
    fn results_are_read_in_the_shapes_of_servers() {
        check(
            "mx.clinic.example; spf=pass (sender is (known)) smtp.mailfrom=a@b.example;\r\n dkim=pass (2048-bit key; \
             unprotected) header.d=b.example header.i=@b.example header.b=abc",
            Some("mx.clinic.example"),
            "spf=pass smtp.mailfrom=a@b.example; dkim=pass header.d=b.example header.i=@b.example",
        );
        // Microsoft names no server.
        check(
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=b.example; dmarc=pass action=none header.from=b.example;compauth=pass reason=100",
            None,
            "spf=pass smtp.mailfrom=b.example; dmarc=pass header.from=b.example; compauth=pass",
        );
        check("mx.clinic.example 1; none", Some("mx.clinic.example"), "none");
        check("", None, "none");
        check(
            "x; dkim = fail reason=\"body; changed\" header.d = b.example",
            Some("x"),
            "dkim=fail header.d=b.example",
        );
        check("x; ((((; dkim=pass", Some("x"), "none");
    }

    #[test]
    fn tls_is_read_where_a_milter_says_it() {
        let read = Results::read(
            "mx.clinic.example; x-tls=pass smtp.version=TLSv1.3 smtp.cipher=TLS_AES_256_GCM_SHA384 smtp.bits=256/256",
        );
        assert_eq!(read.tls(), Some((true, "TLSv1.3 TLS_AES_256_GCM_SHA384 256/256".to_owned())));
        assert_eq!(Results::read("mx; x-tls=none").tls(), Some((false, String::new())));
        assert_eq!(Results::read("mx; spf=pass").tls(), None);
    }
}
