//! The Authentication-Results field that this system writes (RFC 8601). Pure.
//!
//! What comes from outside stands in it only as letters that can neither end a
//! value nor a line.

use crate::Verdicts;
use crate::spf::Identity;

/// More signatures than this are not told.
const SIGNATURES_TOLD_MAX: usize = 10;

/// The value of the field, folded, without its name and its last line end.
pub fn value(authserv_id: &str, verdicts: &Verdicts) -> String {
    let mut results = vec![spf(verdicts)];
    match verdicts.dkim.is_empty() {
        true => results.push("dkim=none".to_owned()),
        false => results.extend(verdicts.dkim.iter().take(SIGNATURES_TOLD_MAX).map(dkim)),
    }
    results.push(dmarc(verdicts));
    results.push(arc(verdicts));
    format!("{};\r\n\t{}", token(authserv_id), results.join(";\r\n\t"))
}

fn spf(verdicts: &Verdicts) -> String {
    let spf = &verdicts.spf;
    let property = match spf.identity {
        Identity::Helo => "smtp.helo",
        Identity::Mailfrom => "smtp.mailfrom",
    };
    format!("spf={} {property}={}", spf.result, token(&spf.domain))
}

fn dkim(signature: &crate::Dkim) -> String {
    let because = signature.because.as_ref().map_or_else(String::new, |because| format!(" ({})", comment(because)));
    let word = signature.result.word();
    match signature.domain.is_empty() {
        true => format!("dkim={word}{because}"),
        false => format!(
            "dkim={word}{because} header.d={} header.s={}",
            token(&signature.domain),
            token(&signature.selector)
        ),
    }
}

fn dmarc(verdicts: &Verdicts) -> String {
    let dmarc = &verdicts.dmarc;
    match &dmarc.domain {
        None => format!("dmarc={}", dmarc.result.word()),
        Some(domain) => format!("dmarc={} (p={}) header.from={domain}", dmarc.result.word(), dmarc.asked.word()),
    }
}

fn arc(verdicts: &Verdicts) -> String {
    let (word, sets) = (verdicts.arc.result.word(), verdicts.arc.sets);
    if sets == 0 { format!("arc={word}") } else { format!("arc={word} (i={sets})") }
}

/// A value as it is where it is a token, else in quotes.
fn token(text: &str) -> String {
    let is_plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    let kept: String = text.chars().filter(|c| is_plain(*c)).take(255).collect();
    let is_token = !kept.is_empty() && kept.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+".contains(c));
    if is_token { kept } else { format!("\"{kept}\"") }
}

fn comment(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '(' | ')' | '\\')).take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arc, Asked, CheckResult, Dkim, Dmarc, DmarcResult, Spf, SpfResult};

    fn verdicts() -> Verdicts {
        let dkim = |result, domain: &str, because: Option<&str>| Dkim {
            result,
            domain: domain.to_owned(),
            selector: "s1".to_owned(),
            because: because.map(str::to_owned),
            signed: Vec::new(),
            signed_at: None,
        };
        Verdicts {
            spf: Spf { result: SpfResult::Pass, identity: Identity::Mailfrom, domain: "a.example".to_owned() },
            dkim: vec![
                dkim(CheckResult::Pass, "a.example", None),
                dkim(CheckResult::Fail, "x\r\nBcc: y\"; dmarc=pass", Some("it (was) changed")),
                dkim(CheckResult::Neutral, "", Some("can't be read: d=")),
            ],
            dmarc: Dmarc {
                result: DmarcResult::Pass,
                asked: Asked::Reject,
                domain: Some(mail::Domain::parse("a.example").unwrap()),
                by_spf: true,
                by_dkim: true,
            },
            arc: Arc { sets: 2, ..Arc::of(CheckResult::Pass) },
        }
    }

    #[test]
    fn the_field_tells_what_was_found_and_nothing_else() {
        let expect = "mx.clinic.example;\r\n\tspf=pass smtp.mailfrom=a.example;\r\n\t\
            dkim=pass header.d=a.example header.s=s1;\r\n\t\
            dkim=fail (it was changed) header.d=\"xBcc: y; dmarc=pass\" header.s=s1;\r\n\t\
            dkim=neutral (can't be read: d=);\r\n\tdmarc=pass (p=reject) header.from=a.example;\r\n\tarc=pass (i=2)";
        assert_eq!(value("mx.clinic.example", &verdicts()), expect);
    }
}
