//! Values with a unit, and values that are never shown.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A length of time, written as numbers with units: `30s`, `10m`, `1h30m`, `5d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

const SPAN_UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// So many hours.
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(hours * 60)
    }

    /// So many days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self::hours(days * 24)
    }

    fn parse(text: &str) -> Option<u64> {
        let mut millis = 0u64;
        let mut rest = text;
        while !rest.is_empty() {
            let (number, unit_end) = split_number(rest)?;
            let (unit, after) =
                unit_end.split_at(unit_end.find(|c: char| c.is_ascii_digit()).unwrap_or(unit_end.len()));
            let (_, factor) = SPAN_UNITS.iter().find(|(name, _)| *name == unit)?;
            millis = millis.checked_add(number.checked_mul(*factor)?)?;
            rest = after;
        }
        (!text.is_empty()).then_some(millis)
    }
}

impl TryFrom<String> for Span {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let millis = Span::parse(&text).ok_or("not a length of time such as \"30s\", \"10m\", \"1h30m\" or \"5d\"")?;
        Ok(Span(Duration::from_millis(millis)))
    }
}

impl std::str::FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

/// The largest unit that divides it, so that what was written is what is shown.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let days_or_less = SPAN_UNITS.iter().skip(1);
        match days_or_less.into_iter().find(|(_, factor)| millis > 0 && millis.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", millis / factor),
            None => f.write_str("0s"),
        }
    }
}

/// A number of bytes, written with a unit: `512KB`, `50MB` (powers of 1000), `64MiB` (powers of 1024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl TryFrom<String> for Size {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = || {
            let (number, unit) = split_number(&text)?;
            let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
            number.checked_mul(*factor)
        };
        bytes().map(Size).ok_or("not a size such as \"512KB\", \"50MB\" or \"64MiB\"")
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        size.to_string()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZE_UNITS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => f.write_str("0B"),
        }
    }
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    Some((digits.parse().ok()?, rest))
}

/// A name server: an address, with port 53 when none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameServer(pub SocketAddr);

impl TryFrom<String> for NameServer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bare = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        bare.or_else(|_| text.parse()).map(NameServer).map_err(|_| "not an IP address, with or without a port")
    }
}

impl From<NameServer> for String {
    fn from(server: NameServer) -> String {
        server.0.to_string()
    }
}

/// A value that is used and never shown: not by `config show`, not in an error, not by `{:?}`.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

/// What stands in a secret's place.
pub const MASK: &str = "********";

impl Secret {
    /// The value itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown_as_written() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("36h", 129_600), ("5d", 432_000), ("0s", 0)] {
            let span = Span::try_from(text.to_owned()).unwrap();
            assert_eq!((span, span.to_string().as_str()), (Span::seconds(seconds), text));
        }
        assert_eq!(Span::try_from("1h30m".to_owned()), Ok(Span::minutes(90)));
        assert_eq!(Span::try_from("1w".to_owned()), Ok(Span::days(7)));
        assert_eq!(Span::try_from("250ms".to_owned()), Ok(Span(Duration::from_millis(250))));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for bad in ["", "5", "s", "5 s", "-5s", "5y", "1.5h", "99999999999999999999d", "99999999999999999d", "5dm"] {
            assert!(Span::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown_as_written() {
        for (text, bytes) in [("50MB", 50_000_000), ("64MiB", 67_108_864), ("750KB", 750_000), ("7B", 7), ("0B", 0)] {
            let size = Size::try_from(text.to_owned()).unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, text));
        }
        for bad in ["", "50", "MB", "50mb", "-1MB", "99999999999999999999B", "99999999999999GB"] {
            assert!(Size::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_server_needs_no_port() {
        let read = |text: &str| NameServer::try_from(text.to_owned()).map(|server| server.0.to_string());
        assert_eq!(read("192.0.2.1"), Ok("192.0.2.1:53".to_owned()));
        assert_eq!(read("2001:db8::1"), Ok("[2001:db8::1]:53".to_owned()));
        assert_eq!(read("127.0.0.1:5353"), Ok("127.0.0.1:5353".to_owned()));
        assert!(read("dns.example").is_err());
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), MASK);
        assert_eq!(serde_json::to_string(&secret).unwrap(), format!("\"{MASK}\""));
        assert_eq!(secret.reveal(), "hunter2");
    }
}
