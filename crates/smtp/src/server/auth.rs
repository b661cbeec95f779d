//! AUTH PLAIN (RFC 4616) and AUTH LOGIN as exchanges of lines (RFC 4954 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::reply::{self, Fixed};

/// An exchange that waits for the client's next line.
#[derive(Debug)]
pub enum Exchange {
    /// PLAIN waits for its only message.
    Plain,
    /// LOGIN waits for the name.
    Name,
    /// LOGIN waits for the password.
    Password {
        /// The name that was given.
        login: String,
    },
}

/// What a line of the client led to.
pub enum Outcome {
    /// The exchange waits for another line.
    Continue(Exchange),
    /// The client said who it is.
    Credentials(String, Zeroizing<String>),
    /// The exchange is over, and why.
    Refused(Fixed),
}

/// Base64 of `Username:` and `Password:`, which clients of LOGIN look for.
const NAME_CHALLENGE: &str = "VXNlcm5hbWU6";
const PASSWORD_CHALLENGE: &str = "UGFzc3dvcmQ6";

impl Exchange {
    /// The exchange of a mechanism, if there is such a one.
    pub fn begin(mechanism: &str) -> Option<Exchange> {
        match mechanism {
            name if name.eq_ignore_ascii_case("PLAIN") => Some(Exchange::Plain),
            name if name.eq_ignore_ascii_case("LOGIN") => Some(Exchange::Name),
            _ => None,
        }
    }

    /// What the server says when it waits.
    pub fn challenge(&self) -> &'static str {
        match self {
            Exchange::Plain => "",
            Exchange::Name => NAME_CHALLENGE,
            Exchange::Password { .. } => PASSWORD_CHALLENGE,
        }
    }

    /// Reads the client's line, or the initial response, whose empty form is `=`.
    pub fn read(self, line: &[u8]) -> Outcome {
        if line == b"*" {
            return Outcome::Refused(reply::LOGIN_CANCELLED);
        }
        let Some(text) = decode(line) else { return Outcome::Refused(reply::LOGIN_SYNTAX) };
        match self {
            Exchange::Plain => plain(&text),
            Exchange::Name if text.is_empty() => Outcome::Refused(reply::LOGIN_SYNTAX),
            Exchange::Name => Outcome::Continue(Exchange::Password { login: text.to_string() }),
            Exchange::Password { login } => Outcome::Credentials(login, text),
        }
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2). Acting for someone else
/// is not offered.
fn plain(text: &str) -> Outcome {
    let mut parts = text.split('\0');
    let (Some(authzid), Some(login), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Outcome::Refused(reply::LOGIN_SYNTAX);
    };
    if login.is_empty() || password.is_empty() {
        return Outcome::Refused(reply::LOGIN_SYNTAX);
    }
    if !authzid.is_empty() && authzid != login {
        return Outcome::Refused(reply::LOGIN_WRONG);
    }
    Outcome::Credentials(login.to_owned(), Zeroizing::new(password.to_owned()))
}

fn decode(line: &[u8]) -> Option<Zeroizing<String>> {
    if line == b"=" {
        return Some(Zeroizing::default());
    }
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(line.len())]);
    let length = STANDARD.decode_slice(line, &mut bytes).ok()?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exchange: Exchange, plain: &str, expect: Result<(&str, &str), u16>) {
        let line = STANDARD.encode(plain);
        let found = match exchange.read(line.as_bytes()) {
            Outcome::Credentials(login, password) => Ok((login, password.to_string())),
            Outcome::Refused(fixed) => Err(mail::Reply::from(fixed).code),
            Outcome::Continue(exchange) => panic!("{exchange:?}"),
        };
        assert_eq!(found, expect.map(|(login, password)| (login.to_owned(), password.to_owned())), "{plain:?}");
    }

    #[test]
    fn plain_is_read() {
        check(Exchange::Plain, "\0ehr\0secret", Ok(("ehr", "secret")));
        check(Exchange::Plain, "ehr\0ehr\0sécret", Ok(("ehr", "sécret")));
        check(Exchange::Plain, "other\0ehr\0secret", Err(535));
        for bad in ["", "ehr", "\0ehr", "\0\0secret", "\0ehr\0", "\0ehr\0a\0b"] {
            check(Exchange::Plain, bad, Err(501));
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for bad in [&b"AA"[..], b"A===", b"AGE AGI=", b"\xff", b"AGEAYg= ", b"//8="] {
            assert!(matches!(Exchange::Plain.read(bad), Outcome::Refused(_)), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn login_asks_twice() {
        let Outcome::Continue(password) = Exchange::Name.read(b"ZWhy") else { panic!() };
        assert_eq!(STANDARD.decode(password.challenge()).unwrap(), b"Password:");
        check(password, "secret", Ok(("ehr", "secret")));
    }
}
