//! The addresses that are fetched: https, a host by name, nothing else; http
//! only for what is signed by itself.

use std::fmt;

use hyper::Uri;
use mail::Domain;

/// The longest address that is read.
const BYTES_MAX: usize = 2048;

/// Why an address is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is no URL, or has a user, a fragment, or more than 2,048 bytes.
    #[error("it is no URL of the accepted form")]
    Form,
    /// Its scheme is not https, nor http where that may be.
    #[error("its scheme is none that is fetched")]
    Scheme,
    /// Its host is no name: addresses are not fetched from.
    #[error("its host is no name")]
    Host,
}

/// How a document is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Https,
    /// Without TLS: what comes proves itself by its own signature, or nothing is made of it.
    Http,
}

impl Scheme {
    const fn word(self) -> &'static str {
        match self {
            Scheme::Https => "https",
            Scheme::Http => "http",
        }
    }
}

/// An address that may be fetched: `https://host[:port]/path[?query]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    host: Domain,
    port: Option<u16>,
    /// Begins with a slash.
    target: String,
}

impl Url {
    /// Reads an absolute address with https.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        match Self::parse_of_signed(text)? {
            url if url.scheme == Scheme::Https => Ok(url),
            _ => Err(UrlError::Scheme),
        }
    }

    /// Reads an absolute address with https or http, of a document whose signature is verified by whoever asks for it:
    /// a revocation list, an answer of OCSP (RFC 5280 §8 advises against https there).
    pub fn parse_of_signed(text: &str) -> Result<Self, UrlError> {
        if text.len() > BYTES_MAX || text.contains('#') {
            return Err(UrlError::Form);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Form)?;
        // A user, or a port that is no number, has no place in what is fetched.
        let port = authority.port_u16();
        let rest = authority.as_str().strip_prefix(authority.host()).ok_or(UrlError::Form)?;
        if rest != port.map(|port| format!(":{port}")).unwrap_or_default() {
            return Err(UrlError::Form);
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = format!("/{}", target.trim_start_matches('/'));
        Ok(Self { scheme, host: host(authority.host())?, port, target })
    }

    /// An address of this host; the target is path and query, as they are sent.
    pub fn of(host: &Domain, target: &str) -> Result<Self, UrlError> {
        Self::parse(&format!("https://{host}{target}"))
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host.
    pub const fn host(&self) -> &Domain {
        &self.host
    }

    /// The port, where one is written.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Host, and port where one is written: the Host field.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    /// Where a redirect from here leads (RFC 3986 §5.2, without dot segments,
    /// which no server needs in a Location).
    pub(super) fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.split('#').next().unwrap_or_default();
        let (path, _) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (scheme, authority) = (self.scheme.word(), self.authority());
        let whole = match location {
            "" => return Err(UrlError::Form),
            _ if location.starts_with("//") => format!("{scheme}:{location}"),
            _ if location.starts_with('/') => format!("{scheme}://{authority}{location}"),
            _ if location.starts_with('?') => format!("{scheme}://{authority}{path}{location}"),
            _ if has_scheme(location) => location.to_owned(),
            _ => format!("{scheme}://{authority}{folder}/{location}"),
        };
        match self.scheme {
            Scheme::Https => Self::parse(&whole),
            Scheme::Http => Self::parse_of_signed(&whole),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.word(), self.authority(), self.target)
    }
}

fn has_scheme(location: &str) -> bool {
    let scheme = location.split(['/', '?']).next().unwrap_or_default();
    scheme.split_once(':').is_some_and(|(scheme, _)| !scheme.is_empty())
}

/// A name whose last label is a number would be read as an address by others.
fn host(text: &str) -> Result<Domain, UrlError> {
    let domain = Domain::parse(text).map_err(|_| UrlError::Host)?;
    let last = domain.as_str().rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").unwrap_or(last);
    let is_number = digits.is_empty() || digits.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if is_number || !domain.as_str().contains('.') { Err(UrlError::Host) } else { Ok(domain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, UrlError>) {
        let parsed = Url::parse(text).map(|url| url.to_string());
        assert_eq!(parsed.as_deref().map_err(|error| *error), expect, "{text}");
    }

    #[test]
    fn only_https_and_names() {
        check("https://a.example/x?y=1", Ok("https://a.example/x?y=1"));
        check("https://A.Example", Ok("https://a.example/"));
        check("https://a.example:8443/", Ok("https://a.example:8443/"));
        check("https://a.example//evil", Ok("https://a.example/evil"));
        check("http://a.example/", Err(UrlError::Scheme));
        check("ftp://a.example/", Err(UrlError::Scheme));
        check("/relative", Err(UrlError::Scheme));
        check("https://u:p@a.example/", Err(UrlError::Form));
        check("https://127.0.0.1/", Err(UrlError::Host));
        check("https://[::1]/", Err(UrlError::Host));
        check("https://[::ffff:127.0.0.1]/", Err(UrlError::Host));
        check("https://2130706433/", Err(UrlError::Host));
        check("https://0x7f.1/", Err(UrlError::Host));
        check("https://127.1/", Err(UrlError::Host));
        check("https://a.0x7f/", Err(UrlError::Host));
        check("https://localhost/", Err(UrlError::Host));
        check("https://a_b.example/", Err(UrlError::Host));
        check("https://a.example:99999/", Err(UrlError::Form));
        check("https://a.example/#fragment", Err(UrlError::Form));
        check("https://a.example/ x", Err(UrlError::Form));
        check(&format!("https://a.example/{}", "x".repeat(BYTES_MAX)), Err(UrlError::Form));
    }

    #[test]
    fn what_is_signed_may_come_without_tls_and_is_bound_as_tightly() {
        let parse = |text: &str| Url::parse_of_signed(text).map(|url| url.to_string());
        assert_eq!(parse("http://a.example/x").as_deref(), Ok("http://a.example/x"));
        assert_eq!(parse("https://a.example/x").as_deref(), Ok("https://a.example/x"));
        for (text, why) in [
            ("ldap://a.example/", UrlError::Scheme),
            ("http://127.0.0.1/", UrlError::Host),
            ("http://u@a.example/", UrlError::Form),
            ("http://localhost/", UrlError::Host),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
        let (plain, tls) = (Url::parse_of_signed("http://a.example/one/two"), Url::parse("https://a.example/one"));
        let (plain, tls) = (plain.unwrap(), tls.unwrap());
        assert_eq!(plain.join("three").unwrap().to_string(), "http://a.example/one/three");
        assert_eq!(plain.join("https://b.example/").unwrap().to_string(), "https://b.example/");
        assert_eq!(tls.join("http://a.example/"), Err(UrlError::Scheme));
    }

    fn joins(location: &str, expect: Result<&str, UrlError>) {
        let base = Url::parse("https://a.example:1/one/two?q").unwrap();
        let joined = base.join(location).map(|url| url.to_string());
        assert_eq!(joined.as_deref().map_err(|error| *error), expect, "{location}");
    }

    #[test]
    fn a_redirect_stays_within_https() {
        joins("https://b.example/", Ok("https://b.example/"));
        joins("//b.example/x", Ok("https://b.example/x"));
        joins("/three", Ok("https://a.example:1/three"));
        joins("three?x=http://c.example", Ok("https://a.example:1/one/three?x=http://c.example"));
        joins("?r", Ok("https://a.example:1/one/two?r"));
        joins("/x#part", Ok("https://a.example:1/x"));
        joins("http://b.example/", Err(UrlError::Scheme));
        joins("javascript:alert(1)", Err(UrlError::Scheme));
        joins("https://10.0.0.1/", Err(UrlError::Host));
        joins("", Err(UrlError::Form));
    }
}
