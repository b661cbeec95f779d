//! The DKIM-Signature field, and ARC-Message-Signature, which has its shape
//! (RFC 6376 §3.5, RFC 8617 §4.1.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::evidence::tags::Tags;

/// How fields or a body are made ready to be signed (RFC 6376 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Simple,
    Relaxed,
}

/// How it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    RsaSha256,
    Ed25519Sha256,
    /// Not believed any more (RFC 8301 §3.1).
    RsaSha1,
    /// None that is known.
    Unknown,
}

impl Algorithm {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
            Self::RsaSha1 => "rsa-sha1",
            Self::Unknown => "an unknown algorithm",
        }
    }

    pub(crate) fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "rsa-sha256" => Self::RsaSha256,
            "ed25519-sha256" => Self::Ed25519Sha256,
            "rsa-sha1" => Self::RsaSha1,
            _ => Self::Unknown,
        }
    }
}

/// What a signature says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) algorithm: Algorithm,
    pub(crate) domain: String,
    pub(crate) selector: String,
    /// The domain of `i=`, where it is stated.
    pub(crate) identity_domain: Option<String>,
    pub(crate) header_form: Form,
    pub(crate) body_form: Form,
    /// The names of `h=`, in lower case.
    pub(crate) signed: Vec<String>,
    pub(crate) body_hash: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    /// `l=`: only so many bytes of the body are signed.
    pub(crate) body_bytes: Option<u64>,
    /// `t=` and `x=`, in seconds since 1970.
    pub(crate) signed_at: Option<u64>,
    pub(crate) expires_at: Option<u64>,
}

/// Why a field is no signature: the tag that is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSignature(pub(crate) &'static str);

impl Signature {
    /// Reads the value of a DKIM-Signature field.
    pub(crate) fn read(text: &str) -> Result<Self, NoSignature> {
        let tags = Tags::read(text).map_err(|_| NoSignature("its tags"))?;
        if tags.value("v") != Some("1") {
            return Err(NoSignature("v="));
        }
        Self::from_tags(&tags, true, Form::Simple)
    }

    /// Reads the value of an ARC-Message-Signature field, where `i=` is the
    /// number of the set and there is no `v=`. Without `c=` it is relaxed, as
    /// the authors' own test suite has it.
    pub(crate) fn read_arc(tags: &Tags) -> Result<Self, NoSignature> {
        Self::from_tags(tags, false, Form::Relaxed)
    }

    fn from_tags(tags: &Tags, has_identity: bool, default: Form) -> Result<Self, NoSignature> {
        let (header_form, body_form) = match tags.compact("c") {
            Some(text) => forms(&text).ok_or(NoSignature("c="))?,
            None => (default, default),
        };
        let signed = tags.list("h").filter(|names| names.iter().any(|name| name == "from"));
        let query = tags.compact("q").unwrap_or_else(|| "dns/txt".to_owned());
        if !query.split(':').any(|method| method.eq_ignore_ascii_case("dns/txt")) {
            return Err(NoSignature("q="));
        }
        Ok(Self {
            algorithm: Algorithm::from_word(&tags.compact("a").ok_or(NoSignature("a="))?),
            domain: name(tags, "d").ok_or(NoSignature("d="))?,
            selector: name(tags, "s").ok_or(NoSignature("s="))?,
            identity_domain: if has_identity { identity_domain(tags)? } else { None },
            header_form,
            body_form,
            // RFC 6376 §5.4: a signature that leaves From out is none.
            signed: signed.ok_or(NoSignature("h="))?,
            body_hash: base64_of(tags, "bh").ok_or(NoSignature("bh="))?,
            signature: base64_of(tags, "b").ok_or(NoSignature("b="))?,
            body_bytes: number(tags, "l")?,
            signed_at: number(tags, "t")?,
            expires_at: number(tags, "x")?,
        })
    }

    /// The name under which its key is published.
    pub(crate) fn key_name(&self) -> String {
        key_name(&self.selector, &self.domain)
    }
}

/// The name of the TXT record of a key (RFC 6376 §3.6.2.1).
pub(crate) fn key_name(selector: &str, domain: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

fn forms(text: &str) -> Option<(Form, Form)> {
    let form = |word: &str| match word.to_ascii_lowercase().as_str() {
        "simple" => Some(Form::Simple),
        "relaxed" => Some(Form::Relaxed),
        _ => None,
    };
    match text.split_once('/') {
        Some((header, body)) => Some((form(header)?, form(body)?)),
        None => Some((form(text)?, Form::Simple)),
    }
}

/// A domain or selector in lower case, without the root's dot.
pub(crate) fn name(tags: &Tags, tag: &str) -> Option<String> {
    let name = tags.compact(tag)?.trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

pub(crate) fn base64_of(tags: &Tags, tag: &str) -> Option<Vec<u8>> {
    STANDARD.decode(tags.compact(tag)?).ok().filter(|bytes| !bytes.is_empty())
}

/// RFC 6376 §3.5: the domain of `i=` is `d=` or one below it.
fn identity_domain(tags: &Tags) -> Result<Option<String>, NoSignature> {
    let Some(identity) = tags.compact("i") else { return Ok(None) };
    let domain = identity.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase()).ok_or(NoSignature("i="))?;
    let signer = name(tags, "d").unwrap_or_default();
    let is_below = domain.strip_suffix(&signer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if is_below { Ok(Some(domain)) } else { Err(NoSignature("i=")) }
}

fn number(tags: &Tags, tag: &'static str) -> Result<Option<u64>, NoSignature> {
    tags.number(tag).transpose().map_err(|_| NoSignature(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "v=1; a=rsa-sha256; d=A.example; s=s1; h=From:To; bh=YQ==; b=Yg==";

    #[test]
    fn a_signature_is_read_with_its_defaults() {
        let read = Signature::read(GOOD).unwrap();
        assert_eq!(read.key_name(), "s1._domainkey.a.example");
        assert_eq!((read.header_form, read.body_form), (Form::Simple, Form::Simple));
        assert_eq!((read.body_hash, read.signature), (b"a".to_vec(), b"b".to_vec()));
        let read = Signature::read(&format!("{GOOD}; c=relaxed; l=12; t=5; x=9; i=@mail.a.example")).unwrap();
        assert_eq!((read.header_form, read.body_form), (Form::Relaxed, Form::Simple));
        assert_eq!((read.body_bytes, read.signed_at, read.expires_at), (Some(12), Some(5), Some(9)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check =
            |text: &str, expect: &'static str| assert_eq!(Signature::read(text), Err(NoSignature(expect)), "{text}");
        check("hello", "its tags");
        check(&GOOD.replace("v=1", "v=2"), "v=");
        check(&GOOD.replace("From:", ""), "h=");
        check(&GOOD.replace("bh=YQ==", "bh=?"), "bh=");
        check(&GOOD.replace("; b=Yg==", ""), "b=");
        check(&format!("{GOOD}; c=strict"), "c=");
        check(&format!("{GOOD}; i=x@evil-a.example"), "i=");
        check(&format!("{GOOD}; i=x"), "i=");
        check(&format!("{GOOD}; l=-1"), "l");
        check(&format!("{GOOD}; q=http"), "q=");
    }
}
