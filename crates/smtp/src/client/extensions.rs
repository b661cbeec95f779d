//! What a server says that it can, in its reply to EHLO (RFC 5321 §4.1.1.1).
//!
//! Only keywords that matter here are kept; what is unknown or malformed is as
//! if it had not been said.

/// What a server offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// CHUNKING: BDAT (RFC 3030).
    pub chunking: bool,
    /// 8BITMIME (RFC 6152).
    pub eightbit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// REQUIRETLS (RFC 8689).
    pub requiretls: bool,
    /// SIZE (RFC 1870).
    pub size: bool,
    /// The largest message in bytes, where SIZE names one.
    pub size_max: Option<u64>,
}

impl Extensions {
    /// Reads the lines of a reply to EHLO. The first greets and offers nothing.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines().skip(1) {
            let mut words = line.split_ascii_whitespace();
            if let Some(keyword) = words.next() {
                found.note(keyword, words.next());
            }
        }
        found
    }

    fn note(&mut self, keyword: &str, parameter: Option<&str>) {
        match keyword.to_ascii_uppercase().as_str() {
            "STARTTLS" => self.starttls = true,
            "PIPELINING" => self.pipelining = true,
            "CHUNKING" => self.chunking = true,
            "8BITMIME" => self.eightbit = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "REQUIRETLS" => self.requiretls = true,
            "SIZE" => {
                self.size = true;
                // Zero means that there is no fixed bound (RFC 1870 §4).
                self.size_max = parameter.and_then(|number| number.parse().ok()).filter(|max| *max > 0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_without_regard_to_case() {
        let text = "mx.example STARTTLS\nPipelining\nSIZE 1000\n8bitmime\nREQUIRETLS\nX-ODD a b\n\nDSN ";
        let expect = Extensions {
            pipelining: true,
            size: true,
            size_max: Some(1000),
            eightbit: true,
            dsn: true,
            requiretls: true,
            ..Extensions::default()
        };
        assert_eq!(Extensions::parse(text), expect);
    }

    #[test]
    fn a_size_that_is_no_bound_bounds_nothing() {
        for size in ["SIZE", "SIZE 0", "SIZE -1", "SIZE 99999999999999999999999", "SIZE x"] {
            let found = Extensions::parse(&format!("mx\n{size}"));
            assert_eq!((found.size, found.size_max), (true, None), "{size}");
        }
    }

    #[test]
    fn keywords_that_only_begin_alike_offer_nothing() {
        assert_eq!(Extensions::parse("mx\nSTARTTLSX\nXSTARTTLS\nSTART TLS"), Extensions::default());
    }
}
