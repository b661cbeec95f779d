//! What language a visitor is spoken to in, and the words for it.
//!
//! Before a right code was entered, nothing of the link decides it: the
//! language would tell that the link exists. Then: `?lang=`, the recipient's
//! language, what the browser accepts, English.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use flow::portal::{Catalogue, Clinic, Language};
use jiff::Timestamp;

/// What a request says about language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// `?lang=`: kept on every address of the answer.
    pub(super) explicit: Option<Language>,
    accepted: Option<Language>,
}

impl Wish {
    /// The language for someone whose link may not be told about.
    pub(super) fn language(self) -> Language {
        self.explicit.or(self.accepted).unwrap_or_default()
    }

    /// The language for a recipient who entered a right code.
    pub(super) fn language_of(self, recipient: Language) -> Language {
        self.explicit.unwrap_or(recipient)
    }
}

impl<S: Sync> FromRequestParts<S> for Wish {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let explicit = query.split('&').find_map(|pair| pair.strip_prefix("lang=")?.parse().ok());
        let field = parts.headers.get(ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok());
        Ok(Self { explicit, accepted: field.and_then(Language::accepted) })
    }
}

/// The words of a page, with the clinic's name and number at hand.
pub(super) struct Words<'a> {
    catalogue: &'a Catalogue,
    clinic: &'a Clinic,
    explicit: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(language: Language, explicit: bool, clinic: &'a Clinic) -> Self {
        Self { catalogue: catalogue(language), clinic, explicit }
    }

    #[cfg(test)]
    pub(super) fn of(catalogue: &'a Catalogue, clinic: &'a Clinic) -> Self {
        Self { catalogue, clinic, explicit: true }
    }

    pub(super) fn language(&self) -> Language {
        self.catalogue.language()
    }

    pub(super) fn clinic(&self) -> &'a Clinic {
        self.clinic
    }

    /// The text under that key.
    pub(super) fn say(&self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// The text under that key with values besides the clinic's.
    pub(super) fn say_with(&self, key: &str, values: &[(&'static str, &str)]) -> String {
        let phone = match self.clinic.phone.as_str() {
            "" => self.catalogue.text("phone-known").into_owned(),
            phone => unbroken(phone),
        };
        let clinic: [(&'static str, &str); 2] = [("clinic", &self.clinic.name), ("phone", &phone)];
        self.catalogue.text_with(key, &[&clinic[..], values].concat())
    }

    /// An address on this site that keeps the language that was chosen.
    pub(super) fn url(&self, path: &str) -> String {
        if !self.explicit {
            return path.to_owned();
        }
        let join = if path.contains('?') { '&' } else { '?' };
        format!("{path}{join}lang={}", self.language())
    }

    /// The day, where the clinic is.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let date = at.to_zoned(self.clinic.time_zone.clone()).date();
        let month = self.say(&format!("month-{}", date.month()));
        let (day, year) = (date.day().to_string(), date.year().to_string());
        self.say_with("date", &[("day", &day), ("month", &month), ("year", &year)])
    }

    /// The last whole day before that time, so that nobody comes too late.
    pub(super) fn last_day(&self, end: Timestamp) -> String {
        self.day(end.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(end))
    }

    /// The day and the time, where the clinic is.
    pub(super) fn day_and_time(&self, at: Timestamp) -> String {
        let time = at.to_zoned(self.clinic.time_zone.clone()).time();
        let key = if time.hour() < 12 { "time-am" } else { "time-pm" };
        let hour = match time.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let values: &[(&'static str, &str)] =
            &[("hour", &hour.to_string()), ("minute", &format!("{:02}", time.minute()))];
        let time = self.say_with(key, values);
        self.say_with("date-time", &[("date", &self.day(at)), ("time", &time)])
    }

    /// A number of bytes as people say it.
    pub(super) fn size(&self, bytes: usize) -> String {
        let (key, size) = match bytes {
            0..1_000 => ("size-bytes", bytes.to_string()),
            1_000..1_000_000 => ("size-kb", (bytes / 1_000).to_string()),
            _ => ("size-mb", format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)),
        };
        self.say_with(key, &[("size", &size)])
    }
}

/// A number that stays on one line.
pub(super) fn unbroken(phone: &str) -> String {
    phone.replace(' ', "\u{a0}").replace('-', "\u{2011}")
}

pub(super) fn catalogue(language: Language) -> &'static Catalogue {
    static EN: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(Language::En, EN_SOURCE));
    static ES: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(Language::Es, ES_SOURCE));
    match language {
        Language::En => &EN,
        Language::Es => &ES,
    }
}

pub(super) const EN_SOURCE: &str = include_str!("../../locales/en/portal.ftl");
pub(super) const ES_SOURCE: &str = include_str!("../../locales/es/portal.ftl");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::Request;
    use jiff::tz::TimeZone;

    use super::*;

    async fn wish(uri: &str, accept: &str) -> Wish {
        let request = Request::builder().uri(uri).header(ACCEPT_LANGUAGE, accept).body(()).unwrap();
        Wish::from_request_parts(&mut request.into_parts().0, &()).await.unwrap()
    }

    #[tokio::test]
    async fn the_address_wins_over_the_recipient_over_the_browser() {
        let asked = wish("/m/x?wrong&lang=es", "en").await;
        assert_eq!((asked.language(), asked.language_of(Language::En)), (Language::Es, Language::Es));
        let accepted = wish("/m/x", "es-MX,en;q=0.5").await;
        assert_eq!((accepted.language(), accepted.language_of(Language::En)), (Language::Es, Language::En));
        assert_eq!(wish("/?lang=xx", "fr").await.language(), Language::En);
    }

    /// Each key with the variables of its text.
    fn shape(source: &str) -> BTreeMap<String, Vec<String>> {
        let entry = |line: &str| {
            let (key, text) = line.split_once(" = ")?;
            let variable = |part: &str| part.split([' ', '}']).next().map(str::to_owned);
            let mut variables: Vec<String> = text.split('$').skip(1).filter_map(variable).collect();
            variables.sort();
            variables.dedup();
            Some((key.to_owned(), variables))
        };
        let lines: Vec<&str> = source.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        let entries: BTreeMap<_, _> = lines.iter().filter_map(|line| entry(line)).collect();
        assert_eq!(entries.len(), lines.len(), "one line a key, each key once");
        entries
    }

    #[test]
    fn both_languages_say_the_same() {
        assert_eq!(shape(EN_SOURCE), shape(ES_SOURCE));
    }

    #[test]
    fn every_text_is_used() {
        let pages = [
            include_str!("words.rs"),
            include_str!("pages/ends.rs"),
            include_str!("pages/entry.rs"),
            include_str!("pages/frame.rs"),
            include_str!("pages/judging.rs"),
            include_str!("pages/keys.rs"),
            include_str!("pages/inspect/mod.rs"),
            include_str!("pages/inspect/way.rs"),
            include_str!("pages/inspect/because.rs"),
            include_str!("pages/message.rs"),
            include_str!("pages/published.rs"),
            include_str!("pages/reply.rs"),
            include_str!("pages/unsubscribing.rs"),
            include_str!("pages/verify.rs"),
            include_str!("verify.rs"),
        ]
        .concat();
        for key in shape(EN_SOURCE).keys().filter(|key| !key.starts_with("month-")) {
            assert!(pages.contains(&format!("\"{key}\"")), "{key} is used nowhere");
        }
    }

    #[test]
    fn times_are_told_in_the_clinic_s_zone() {
        let clinic = Clinic { name: "L".into(), phone: "1".into(), time_zone: TimeZone::fixed(jiff::tz::offset(-6)) };
        let at: Timestamp = "2026-03-01T05:05:00Z".parse().unwrap();
        let english = Words::new(Language::En, false, &clinic);
        assert_eq!(english.day_and_time(at), "February 28, 2026, 11:05 PM");
        let spanish = Words::new(Language::Es, false, &clinic);
        assert_eq!(spanish.day_and_time(at), "28 de febrero de 2026, 11:05 p. m.");
        assert_eq!(english.last_day(at), "February 27, 2026");
    }

    #[test]
    fn sizes_are_told_in_thousands() {
        let clinic = Clinic { name: "L".into(), phone: "1".into(), time_zone: TimeZone::UTC };
        let words = Words::new(Language::En, false, &clinic);
        for (bytes, told) in [(0, "0 bytes"), (999, "999 bytes"), (1_999, "1 KB"), (2_340_000, "2.3 MB")] {
            assert_eq!(words.size(bytes), told);
        }
    }
}
