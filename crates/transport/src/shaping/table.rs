//! What is known of destinations: data in `shaping.toml`, and over it what the
//! configuration says.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much a destination is sent at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// What it is called in logs and tables.
    pub name: String,
    /// What the names of its MX hosts end in.
    pub mx: Vec<String>,
    /// Connections at once; none: as to everybody.
    pub connections: Option<NonZeroU32>,
    /// Messages on a connection; none: as to everybody.
    pub messages_per_connection: Option<NonZeroU32>,
    /// Messages a minute; none: no limit.
    pub per_minute: Option<NonZeroU32>,
    /// Messages an hour; none: no limit.
    pub per_hour: Option<NonZeroU32>,
}

impl Shape {
    fn fits(&self, host: &str) -> bool {
        self.mx
            .iter()
            .any(|suffix| host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    }

    /// The time between two messages that its rates leave.
    pub(super) fn interval(&self) -> Option<Duration> {
        let minute = self.per_minute.map(|count| Duration::from_secs(60) / count.get());
        let hour = self.per_hour.map(|count| Duration::from_secs(3_600) / count.get());
        minute.max(hour)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    words: Vec<String>,
    seconds: u64,
}

/// The whole table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    ramp: Vec<NonZeroU32>,
    destination: Vec<Shape>,
    pause: Vec<Pause>,
}

static BUILT_IN: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("shaping.toml")).expect("the table of this crate is read by a test"));

impl Table {
    /// What is built in, under what the configuration says: an entry of a name
    /// that there is takes its place, and the first one that fits counts.
    pub fn new(configured: Vec<Shape>) -> Self {
        let mut table = BUILT_IN.clone();
        table.destination.retain(|known| configured.iter().all(|shape| shape.name != known.name));
        table.destination.splice(0..0, configured);
        table
    }

    /// What is known of a destination with this MX host.
    pub(super) fn shape(&self, host: &str) -> Option<&Shape> {
        self.destination.iter().find(|shape| shape.fits(host))
    }

    /// How long a destination is left in peace that says this; none where it
    /// doesn't say that it is too much.
    pub(super) fn pause(&self, code: u16, words: &str) -> Option<Duration> {
        // A refusal for good is no question of how much.
        if !(400..500).contains(&code) {
            return None;
        }
        let words = words.to_lowercase();
        let says = |pause: &&Pause| pause.words.iter().any(|known| words.contains(known.as_str()));
        let said = self.pause.iter().find(says).or_else(|| self.pause.last().filter(|_| code == 421));
        said.map(|pause| Duration::from_secs(pause.seconds))
    }

    /// How many messages a day a destination gets from a sender that is `days` old.
    pub(super) fn ramp(&self, days: u64) -> Option<NonZeroU32> {
        self.ramp.get(usize::try_from(days).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(host: &str) -> Option<String> {
        Table::new(Vec::new()).shape(host).map(|shape| shape.name.clone())
    }

    #[test]
    fn a_destination_is_known_by_what_its_hosts_are_called() {
        assert_eq!(shape("aspmx.l.google.com").as_deref(), Some("google"));
        assert_eq!(shape("clinic-example.mail.protection.outlook.com").as_deref(), Some("microsoft-365"));
        assert_eq!(shape("hotmail-com.olc.protection.outlook.com").as_deref(), Some("microsoft-consumer"));
        assert_eq!(shape("mta5.am0.yahoodns.net").as_deref(), Some("yahoo"));
        assert_eq!(shape("mx.notgoogle.com"), None);
    }

    #[test]
    fn the_configuration_takes_the_place_of_what_is_built_in() {
        let own = Shape {
            name: "google".into(),
            mx: vec!["google.com".into()],
            connections: NonZeroU32::new(3),
            messages_per_connection: None,
            per_minute: None,
            per_hour: NonZeroU32::new(3_600),
        };
        let table = Table::new(vec![own]);
        let found = table.shape("aspmx.l.google.com").unwrap();
        assert_eq!((found.connections.unwrap().get(), found.interval()), (3, Some(Duration::from_secs(1))));
        assert!(table.shape("mx.googlemail.com").is_none());
        assert!(table.shape("mta5.am0.yahoodns.net").is_some());
    }

    #[test]
    fn a_reply_that_says_too_much_is_understood() {
        let table = Table::new(Vec::new());
        let pause = |code, words: &str| table.pause(code, words).map(|pause| pause.as_secs());
        assert_eq!(pause(421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred"), Some(300));
        assert_eq!(pause(450, "4.7.28 Gmail has detected an unusual rate of mail"), Some(300));
        assert_eq!(pause(451, "4.7.500 Server busy. Please try again later (S77719)"), Some(900));
        assert_eq!(pause(421, "4.4.5 Too many connections from your host"), Some(60));
        assert_eq!(pause(421, "service not available"), Some(60));
        assert_eq!(pause(451, "greylisted"), None);
        assert_eq!(pause(554, "rate limit"), None);
    }
}
