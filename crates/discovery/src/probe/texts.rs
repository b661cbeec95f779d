//! What a domain says about its own mail: SPF (RFC 7208), DKIM (RFC 6376),
//! DMARC (RFC 9989). Read so far as a report needs; no mail is judged by it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::certificate::rsa_bits;
use super::report::{TextState, harmless};

const TEXT_MAX: usize = 500;
/// Lookups that an SPF record may cost (RFC 7208 §4.6.4).
const SPF_LOOKUPS_MAX: usize = 10;

/// Who may send as a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpfReport {
    /// Whether it says so.
    pub state: TextState,
    /// The record, or what is wrong.
    pub text: Option<String>,
    /// What becomes of all others: `-all`, `~all`, `?all`, `+all`, `redirect`, or nothing.
    pub others: Option<String>,
    /// Terms that cost a lookup, in this record alone.
    pub lookups: usize,
}

/// Reads the texts of a domain.
pub fn spf(texts: &[String]) -> SpfReport {
    let is_spf = |text: &&String| text.as_str() == "v=spf1" || text.starts_with("v=spf1 ");
    let records: Vec<&String> = texts.iter().filter(is_spf).collect();
    match records.as_slice() {
        [] => SpfReport { state: TextState::Absent, text: None, others: None, lookups: 0 },
        [record] => spf_record(record),
        _ => SpfReport {
            state: TextState::Broken,
            text: Some("there is more than one SPF record".to_owned()),
            others: None,
            lookups: 0,
        },
    }
}

fn spf_record(record: &str) -> SpfReport {
    let (mut others, mut lookups) = (None, 0_usize);
    for term in record.split_ascii_whitespace().skip(1) {
        let term = term.to_ascii_lowercase();
        let bare = term.trim_start_matches(['+', '-', '~', '?']);
        let mechanism = bare.split([':', '/', '=']).next().unwrap_or_default();
        match mechanism {
            "all" if others.is_none() => {
                let sign = term.chars().next().filter(|sign| *sign != 'a').unwrap_or('+');
                others = Some(format!("{sign}all"));
            }
            "redirect" => {
                others.get_or_insert_with(|| "redirect".to_owned());
                lookups = lookups.saturating_add(1);
            }
            "include" | "a" | "mx" | "ptr" | "exists" => lookups = lookups.saturating_add(1),
            _ => {}
        }
    }
    let state = if lookups > SPF_LOOKUPS_MAX { TextState::Broken } else { TextState::Present };
    SpfReport { state, text: Some(harmless(record, TEXT_MAX)), others, lookups }
}

/// What a domain asks for mail that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DmarcReport {
    /// Whether it does.
    pub state: TextState,
    /// The name that says it: the domain or one above it.
    pub at: Option<String>,
    /// The record, or what is wrong.
    pub text: Option<String>,
    /// `none`, `quarantine` or `reject`.
    pub policy: Option<String>,
}

/// Reads the texts at `_dmarc.` of a name; none where it has no record.
pub fn dmarc(at: &str, texts: &[String]) -> Option<DmarcReport> {
    let records: Vec<&String> = texts.iter().filter(|text| tag(text, "v").as_deref() == Some("DMARC1")).collect();
    let report =
        |state, text: String, policy| Some(DmarcReport { state, at: Some(at.to_owned()), text: Some(text), policy });
    match records.as_slice() {
        [] => None,
        [record] => {
            let policy = tag(record, "p").map(|policy| policy.to_ascii_lowercase());
            let is_policy = |policy: &String| matches!(policy.as_str(), "none" | "quarantine" | "reject");
            match policy.filter(is_policy) {
                Some(policy) => report(TextState::Present, harmless(record, TEXT_MAX), Some(policy)),
                None => report(TextState::Broken, harmless(record, TEXT_MAX), None),
            }
        }
        _ => report(TextState::Broken, "there is more than one DMARC record".to_owned(), None),
    }
}

/// A DKIM key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DkimReport {
    /// The selector.
    pub selector: String,
    /// Whether it is there; broken also where it is revoked.
    pub state: TextState,
    /// `RSA 2048`, `Ed25519`, or what is wrong.
    pub key: Option<String>,
    /// The size of an RSA key.
    pub rsa_bits: Option<u32>,
}

/// Reads the texts at a selector.
pub fn dkim(selector: &str, texts: &[String]) -> DkimReport {
    let records: Vec<&String> = texts.iter().filter(|text| tag(text, "p").is_some()).collect();
    let report = |state, key: Option<&str>, rsa_bits| DkimReport {
        selector: selector.to_owned(),
        state,
        key: key.map(str::to_owned),
        rsa_bits,
    };
    let record = match records.as_slice() {
        [] => return report(TextState::Absent, None, None),
        [record] => record,
        _ => return report(TextState::Broken, Some("there is more than one key"), None),
    };
    let data: String = tag(record, "p").unwrap_or_default().split_ascii_whitespace().collect();
    if data.is_empty() {
        return report(TextState::Broken, Some("revoked"), None);
    }
    let Ok(key) = STANDARD.decode(data) else {
        return report(TextState::Broken, Some("the key is no base64"), None);
    };
    match tag(record, "k").as_deref().unwrap_or("rsa") {
        "rsa" => match rsa_bits(&key) {
            Some(bits) => report(TextState::Present, Some(&format!("RSA {bits}")), Some(bits)),
            None => report(TextState::Broken, Some("the key is no RSA key"), None),
        },
        "ed25519" if key.len() == 32 => report(TextState::Present, Some("Ed25519"), None),
        _ => report(TextState::Broken, Some("the key is of no known kind"), None),
    }
}

/// The value of a tag in `a=b; c=d` (RFC 6376 §3.2).
fn tag(record: &str, name: &str) -> Option<String> {
    record.split(';').find_map(|field| {
        let (tag, value) = field.split_once('=')?;
        (tag.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check_spf(records: &[&str], state: TextState, others: Option<&str>, lookups: usize) {
        let report = spf(&texts(records));
        assert_eq!((report.state, report.others.as_deref(), report.lookups), (state, others, lookups), "{records:?}");
    }

    #[test]
    fn spf_says_who_may_send() {
        check_spf(&[], TextState::Absent, None, 0);
        check_spf(&["v=spf10 -all", "other"], TextState::Absent, None, 0);
        check_spf(&["x", "v=spf1 mx include:a.example ip4:192.0.2.1 -all"], TextState::Present, Some("-all"), 2);
        check_spf(&["v=spf1 all"], TextState::Present, Some("+all"), 0);
        check_spf(&["v=spf1 A/24 ~ALL"], TextState::Present, Some("~all"), 1);
        check_spf(&["v=spf1 redirect=b.example"], TextState::Present, Some("redirect"), 1);
        check_spf(&["v=spf1"], TextState::Present, None, 0);
        check_spf(&["v=spf1 -all", "v=spf1 -all"], TextState::Broken, None, 0);
        let many = format!("v=spf1 {}-all", "include:a.example ".repeat(11));
        check_spf(&[&many], TextState::Broken, Some("-all"), 11);
    }

    fn check_dmarc(records: &[&str], expect: Option<(TextState, Option<&str>)>) {
        let report = dmarc("a.example", &texts(records));
        let got = report.as_ref().map(|report| (report.state, report.policy.as_deref()));
        assert_eq!(got, expect, "{records:?}");
    }

    #[test]
    fn dmarc_says_what_becomes_of_the_rest() {
        check_dmarc(&["v=spf1 -all"], None);
        check_dmarc(&["v=DMARC1; p=Reject; rua=mailto:a@b"], Some((TextState::Present, Some("reject"))));
        check_dmarc(&["v=DMARC1;p=none"], Some((TextState::Present, Some("none"))));
        check_dmarc(&["v=DMARC1"], Some((TextState::Broken, None)));
        check_dmarc(&["v=DMARC1; p=often"], Some((TextState::Broken, None)));
        check_dmarc(&["v=DMARC1; p=none", "v=DMARC1; p=none"], Some((TextState::Broken, None)));
    }

    fn check_dkim(records: &[&str], state: TextState, key: Option<&str>) {
        let report = dkim("s1", &texts(records));
        assert_eq!((report.state, report.key.as_deref()), (state, key), "{records:?}");
    }

    #[test]
    fn dkim_keys_are_read() {
        let ed25519 = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode([7; 32]));
        check_dkim(&[&ed25519], TextState::Present, Some("Ed25519"));
        check_dkim(&["v=DKIM1; p="], TextState::Broken, Some("revoked"));
        check_dkim(&["v=DKIM1; p=!!"], TextState::Broken, Some("the key is no base64"));
        check_dkim(&["v=DKIM1; p=aGVsbG8="], TextState::Broken, Some("the key is no RSA key"));
        check_dkim(&["v=DKIM1; k=x; p=aGVsbG8="], TextState::Broken, Some("the key is of no known kind"));
        check_dkim(&["v=spf1 -all"], TextState::Absent, None);
        check_dkim(&[&ed25519, &ed25519], TextState::Broken, Some("there is more than one key"));
    }
}
