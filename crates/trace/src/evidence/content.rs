//! Encrypted or signed content, noticed from how a message says it is made and
//! from how its body begins. Nothing is opened: a label proves nothing.

use serde::Serialize;

use crate::Block;

/// So much of a body is looked at.
pub const BODY_START_MAX: usize = 4096;

/// What the content is, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// OpenPGP, encrypted (RFC 3156 §4, or armoured in the text).
    OpenpgpEncrypted,
    /// OpenPGP, signed and readable.
    OpenpgpSigned,
    /// S/MIME, encrypted (RFC 8551 §3.3, §3.4).
    SmimeEncrypted,
    /// S/MIME, signed and readable.
    SmimeSigned,
    /// S/MIME of a kind that is not said: encrypted, or signed and wrapped.
    Smime,
}

impl Content {
    /// Notices it.
    pub fn notice(block: &Block<'_>, body_start: &[u8]) -> Option<Self> {
        let body = body_start.get(..BODY_START_MAX).unwrap_or(body_start);
        let field = block.first("Content-Type").map(|field| field.text());
        // A mailing list or a scanner may have wrapped it in a multipart.
        field.as_deref().and_then(of_type).or_else(|| of_body(&String::from_utf8_lossy(body)))
    }

    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::OpenpgpEncrypted => "its content is encrypted with OpenPGP",
            Self::OpenpgpSigned => "its content is signed with OpenPGP, and readable",
            Self::SmimeEncrypted => "its content is encrypted with S/MIME",
            Self::SmimeSigned => "its content is signed with S/MIME, and readable",
            Self::Smime => "its content is S/MIME, encrypted or signed",
        }
    }
}

/// By the value of a Content-Type field.
fn of_type(value: &str) -> Option<Content> {
    let value: String = value.to_ascii_lowercase();
    let kind = value.split(';').next().unwrap_or_default().trim();
    match kind {
        "multipart/encrypted" if value.contains("pgp-encrypted") => Some(Content::OpenpgpEncrypted),
        "multipart/signed" if value.contains("pgp-signature") => Some(Content::OpenpgpSigned),
        "multipart/signed" if value.contains("pkcs7-signature") => Some(Content::SmimeSigned),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Some(match parameter(&value, "smime-type") {
            Some("enveloped-data" | "authenveloped-data") => Content::SmimeEncrypted,
            Some("signed-data") => Content::SmimeSigned,
            _ => Content::Smime,
        }),
        "application/pgp-encrypted" => Some(Content::OpenpgpEncrypted),
        _ => None,
    }
}

fn parameter<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let pairs = value.split(';').skip(1).filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(known, value)| (known.trim(), value.trim().trim_matches('"')))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// By the beginning of the body: armour at the start of a line, or a part
/// inside that says what it is.
fn of_body(body: &str) -> Option<Content> {
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        match line.trim_end() {
            "-----BEGIN PGP MESSAGE-----" => return Some(Content::OpenpgpEncrypted),
            "-----BEGIN PGP SIGNED MESSAGE-----" => return Some(Content::OpenpgpSigned),
            _ => {}
        }
        if line.get(..13).is_some_and(|name| name.eq_ignore_ascii_case("content-type:")) {
            let mut value = line.get(13..).unwrap_or_default().to_owned();
            while let Some(fold) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
                value.push_str(fold);
            }
            if let Some(content) = of_type(value.trim()) {
                return Some(content);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn check(message: &str, expect: Option<Content>) {
        for message in [message.to_owned(), message.replace('\n', "\r\n")] {
            let (header, body) = message.split_once(if message.contains('\r') { "\r\n\r\n" } else { "\n\n" }).unwrap();
            let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(Content::notice(&block, body.as_bytes()), expect, "{message}");
        }
    }

    #[test]
    fn content_is_noticed_by_its_type() {
        let of = |kind: &str, expect| check(&format!("Content-Type: {kind}\n\nx"), expect);
        of(
            "multipart/encrypted; protocol=\"application/pgp-encrypted\";\n boundary=x",
            Some(Content::OpenpgpEncrypted),
        );
        of(
            "multipart/signed; micalg=pgp-sha256;\n\tprotocol=\"application/pgp-signature\"",
            Some(Content::OpenpgpSigned),
        );
        of("multipart/signed; protocol=\"application/x-pkcs7-signature\"", Some(Content::SmimeSigned));
        of("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", Some(Content::SmimeEncrypted));
        of("application/pkcs7-mime; smime-type=authEnveloped-data", Some(Content::SmimeEncrypted));
        of("application/x-pkcs7-mime; name=\"smime.p7m\"; smime-type=\"signed-data\"", Some(Content::SmimeSigned));
        of("application/pkcs7-mime; name=smime.p7m", Some(Content::Smime));
        of("text/plain; charset=utf-8", None);
        of("multipart/mixed; boundary=pgp-encrypted", None);
    }

    #[test]
    fn content_is_noticed_by_the_beginning_of_the_body() {
        check("From: a\n\nHello,\n-----BEGIN PGP MESSAGE-----\n\nhQ", Some(Content::OpenpgpEncrypted));
        check("From: a\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: x", Some(Content::OpenpgpSigned));
        check("From: a\n\n> -----BEGIN PGP MESSAGE-----\n", None);
        check(
            "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-type: application/pkcs7-mime;\n smime-type=enveloped-data\n\n",
            Some(Content::SmimeEncrypted),
        );
        check("From: a\n\n", None);
    }
}
