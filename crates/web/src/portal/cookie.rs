//! The session's cookie: one a link, of this host only, out of scripts' reach,
//! never sent along from another site.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};
use flow::portal::{LinkId, SessionToken};

/// The browser forgets when the server does; each answer to the session renews it.
const AGE_S: u32 = 15 * 60;

/// The name of a link's cookie. `__Host-` makes browsers refuse it without
/// HTTPS or with a domain, so that no neighbouring host can plant one.
fn name(link: LinkId, https: bool) -> String {
    let prefix = if https { "__Host-" } else { "" };
    format!("{prefix}m-{}", link.tag())
}

/// The session that a request brings for that link.
pub(super) fn read(headers: &HeaderMap, link: LinkId, https: bool) -> Option<SessionToken> {
    let name = name(link, https);
    let fields = headers.get_all(COOKIE).iter().filter_map(|field| field.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).and_then(|(_, value)| SessionToken::read(value))
}

/// Begins or renews a session in the browser.
pub(super) fn set(link: LinkId, token: &SessionToken, https: bool) -> HeaderValue {
    field(link, https, &token.text(), AGE_S)
}

/// Ends it.
pub(super) fn clear(link: LinkId, https: bool) -> HeaderValue {
    field(link, https, "", 0)
}

fn field(link: LinkId, https: bool, value: &str, age_s: u32) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    // `__Host-` wants the whole host as path.
    let text = format!("{}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}", name(link, https));
    HeaderValue::from_str(&text).expect("letters, digits and what a cookie's syntax has")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId::from_bytes([1; 16]);

    fn token() -> SessionToken {
        SessionToken::read(&"A".repeat(43)).unwrap()
    }

    #[test]
    fn a_cookie_is_strict_and_hidden_and_of_the_host() {
        let field = set(LINK, &token(), true);
        let text = field.to_str().unwrap();
        assert!(text.starts_with("__Host-m-") && text.contains("; Path=/; "), "{text}");
        for part in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age=900"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains(&LINK.to_string()), "the name does not tell the link");
        assert!(clear(LINK, true).to_str().unwrap().contains("=; "));
    }

    #[test]
    fn a_cookie_is_read_for_its_own_link_only() {
        let headers = |field: &str| HeaderMap::from_iter([(COOKIE, field.parse().unwrap())]);
        let pair = set(LINK, &token(), true).to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(read(&headers(&format!("a=b; {pair}; c")), LINK, true), Some(token()));
        assert_eq!(read(&headers(&pair), LinkId::from_bytes([2; 16]), true), None);
        assert_eq!(read(&headers(&pair), LINK, false), None);
        assert_eq!(read(&headers(&format!("x{pair}")), LINK, true), None);
        assert_eq!(read(&HeaderMap::new(), LINK, true), None);
    }
}
