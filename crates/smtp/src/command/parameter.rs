//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2, RFC 1870, RFC 3461,
//! RFC 4954, RFC 6152, RFC 6531, RFC 8689).

use mail::envelope::Notify;

use super::{CommandError, Mail, Rcpt, number, xtext};

/// What BODY of MAIL said (RFC 6152). The server takes bytes above 127 in a
/// body whatever it says: who says nothing and sends them anyway is common,
/// and what goes out is re-encoded where the next server needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// `7BIT`, or nothing.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
}

/// RET of RFC 3461 §4.3. A DSN never holds content, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// `FULL`.
    Full,
    /// `HDRS`.
    Headers,
}

/// ENVID has at most 100 characters (RFC 3461 §4.4), ORCPT 500 (§4.2).
const ENVID_CHARS_MAX: usize = 100;
const ORCPT_CHARS_MAX: usize = 500;

/// Reads `keyword[=value]` parted by single spaces and hands each to `take`.
/// No keyword may stand twice: two servers could heed different ones.
pub fn read<'l>(
    parameters: &'l str,
    mut take: impl FnMut(&str, Option<&'l str>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    if parameters.is_empty() {
        return Ok(());
    }
    let mut seen: Vec<String> = Vec::new();
    for parameter in parameters.split(' ') {
        let (keyword, value) = match parameter.split_once('=') {
            Some((keyword, value)) => (keyword.to_ascii_uppercase(), Some(value)),
            None => (parameter.to_ascii_uppercase(), None),
        };
        if !is_keyword(&keyword) || value.is_some_and(|value| value.is_empty() || value.contains('=')) {
            return Err(CommandError::Parameter("syntax"));
        }
        if seen.contains(&keyword) {
            return Err(CommandError::Parameter("given twice"));
        }
        take(&keyword, value)?;
        seen.push(keyword);
    }
    Ok(())
}

fn is_keyword(keyword: &str) -> bool {
    let fits = keyword.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits && keyword.starts_with(|first: char| first.is_ascii_alphanumeric())
}

impl Mail {
    pub(super) fn parameter(&mut self, keyword: &str, value: Option<&str>) -> Result<(), CommandError> {
        match (keyword, value) {
            ("SIZE", Some(digits)) => self.size = Some(number(digits).ok_or(CommandError::Parameter("SIZE"))?),
            ("BODY", Some(kind)) => self.body = body(kind)?,
            ("SMTPUTF8", None) => self.smtputf8 = true,
            ("REQUIRETLS", None) => self.requiretls = true,
            ("RET", Some(ret)) => self.ret = Some(return_kind(ret)?),
            ("ENVID", Some(envid)) => {
                let decoded = Some(envid).filter(|text| text.len() <= ENVID_CHARS_MAX).and_then(xtext::decode);
                self.envid = Some(decoded.ok_or(CommandError::Parameter("ENVID"))?);
            }
            // RFC 4954 §5: who handed it in before us. We trust nobody's word for it.
            ("AUTH", Some(mailbox)) => drop(xtext::decode(mailbox).ok_or(CommandError::Parameter("AUTH"))?),
            ("SMTPUTF8", Some(_)) => return Err(CommandError::Parameter("SMTPUTF8")),
            ("REQUIRETLS", Some(_)) => return Err(CommandError::Parameter("REQUIRETLS")),
            ("SIZE" | "BODY" | "RET" | "ENVID" | "AUTH", None) => return Err(CommandError::Parameter("without value")),
            _ => return Err(CommandError::UnknownParameter),
        }
        Ok(())
    }
}

impl Rcpt {
    pub(super) fn parameter(&mut self, keyword: &str, value: Option<&str>) -> Result<(), CommandError> {
        match (keyword, value) {
            ("NOTIFY", Some(value)) => self.notify = notify(value).ok_or(CommandError::Parameter("NOTIFY"))?,
            ("ORCPT", Some(value)) => self.orcpt = Some(orcpt(value).ok_or(CommandError::Parameter("ORCPT"))?),
            ("NOTIFY" | "ORCPT", None) => return Err(CommandError::Parameter("without value")),
            _ => return Err(CommandError::UnknownParameter),
        }
        Ok(())
    }
}

/// BINARYMIME is not offered, so it is as unknown as any other.
fn body(kind: &str) -> Result<BodyKind, CommandError> {
    match kind {
        kind if kind.eq_ignore_ascii_case("7BIT") => Ok(BodyKind::SevenBit),
        kind if kind.eq_ignore_ascii_case("8BITMIME") => Ok(BodyKind::EightBitMime),
        _ => Err(CommandError::UnknownParameter),
    }
}

fn return_kind(ret: &str) -> Result<Ret, CommandError> {
    match ret {
        ret if ret.eq_ignore_ascii_case("FULL") => Ok(Ret::Full),
        ret if ret.eq_ignore_ascii_case("HDRS") => Ok(Ret::Headers),
        _ => Err(CommandError::Parameter("RET")),
    }
}

/// `NEVER`, or a list of the others (RFC 3461 §4.1).
fn notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        match word {
            word if word.eq_ignore_ascii_case("SUCCESS") => notify.success = true,
            word if word.eq_ignore_ascii_case("FAILURE") => notify.failure = true,
            word if word.eq_ignore_ascii_case("DELAY") => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

/// `addr-type ";" xtext` (RFC 3461 §4.2). The type `utf-8` has an encoding of
/// its own (RFC 6533 §3), which is kept as it came.
fn orcpt(value: &str) -> Option<String> {
    let (kind, address) = value.split_once(';').filter(|_| value.len() <= ORCPT_CHARS_MAX)?;
    let is_atom = |kind: &str| kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if kind.is_empty() || address.is_empty() || !is_atom(kind) {
        return None;
    }
    let kind = kind.to_ascii_lowercase();
    let address = if kind == "utf-8" { address.to_owned() } else { xtext::decode(address)? };
    Some(format!("{kind};{address}"))
}
