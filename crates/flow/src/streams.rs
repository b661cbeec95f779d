//! Streams: what a message is part of. A stream says how urgent its messages
//! are, how long they are tried, and what they leave with.
//!
//! A message's stream is chosen when it is accepted: the one that it names,
//! else the one that its submitter's messages are of, else `default`. What is
//! made here has streams of its own: inbound mail, words to senders, the
//! portal's codes. A portal's notice is of its message's stream, for it is how
//! that message arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::Priority;
use seal::Kind;

/// The stream of what names none.
pub const DEFAULT: &str = "default";
/// The stream of mail for own recipients.
pub const INBOUND: &str = "inbound";
/// The stream of words to senders.
pub const REPORTS: &str = "reports";
/// The stream of the portal's codes.
pub const CODES: &str = "codes";

/// Streams that nobody can choose.
pub const OWN: [&str; 3] = [INBOUND, REPORTS, CODES];

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// How urgent its messages are.
    pub priority: Priority,
    /// Waits between attempts; none: those of every stream.
    pub retry: Option<Vec<Duration>>,
    /// How long attempts go on; none: as for every stream.
    pub expire_after: Option<Duration>,
    /// Whose messages are of it that name none, in the ledger's words: `credential:ehr`.
    pub submitters: Vec<String>,
    /// Who else may send as it; empty: everybody.
    pub only: Vec<String>,
    /// Whether its recipients can unsubscribe from it.
    pub unsubscribe: bool,
    /// The name of the list that it is (RFC 2919), a name of the DNS's form.
    pub list_id: Option<String>,
    /// Who sends, for the reports of providers.
    pub feedback_id: Option<String>,
}

impl Stream {
    /// A stream with nothing of its own but its name and how urgent it is. From
    /// what is sent to many everybody can unsubscribe.
    pub fn new(name: &str, priority: Priority) -> Self {
        Self {
            name: name.to_owned(),
            priority,
            retry: None,
            expire_after: None,
            submitters: Vec::new(),
            only: Vec::new(),
            unsubscribe: priority == Priority::Marketing,
            list_id: None,
            feedback_id: None,
        }
    }
}

impl Stream {
    /// Whether this submitter may send as it.
    fn is_for(&self, submitter: &str) -> bool {
        let names = |all: &[String]| all.iter().any(|one| one == submitter);
        self.only.is_empty() || names(&self.only) || names(&self.submitters)
    }
}

/// Why a message is of no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStream {
    /// It names one that there is not.
    #[error("there is no such stream; there are {}", .there_are.join(", "))]
    Unknown {
        /// The streams that this submitter can choose.
        there_are: Vec<String>,
    },
    /// It is of one that its submitter may not send as: else a campaign would
    /// go as what is urgent, past whom it may not reach and before what is.
    #[error("this sender may not send as {wanted}; it may as {}", .may.join(", "))]
    NotYours {
        /// The stream.
        wanted: String,
        /// The streams that this submitter can choose.
        may: Vec<String>,
    },
}

/// All streams.
#[derive(Clone, Debug)]
pub struct Streams {
    all: BTreeMap<String, Stream>,
    default: Stream,
}

impl Default for Streams {
    fn default() -> Self {
        Self::new([])
    }
}

impl Streams {
    /// Those of the configuration and, where it has none of their name, the
    /// ones that are always there: `default`, `transactional`, `marketing`, and
    /// those of what is made here.
    pub fn new(configured: impl IntoIterator<Item = Stream>) -> Self {
        let built_in = [
            Stream::new(DEFAULT, Priority::Operational),
            Stream::new("transactional", Priority::Transactional),
            Stream::new("marketing", Priority::Marketing),
            Stream::new(INBOUND, Priority::Operational),
            Stream::new(REPORTS, Priority::Operational),
            Stream::new(CODES, Priority::Transactional),
        ];
        let all = built_in.into_iter().chain(configured).map(|stream| (stream.name.clone(), stream));
        let all: BTreeMap<String, Stream> = all.collect();
        let default = all.get(DEFAULT).cloned().unwrap_or_else(|| Stream::new(DEFAULT, Priority::Operational));
        Self { all, default }
    }

    /// The streams that a message may name.
    pub fn choosable(&self) -> impl Iterator<Item = &Stream> {
        self.all.values().filter(|stream| !OWN.contains(&stream.name.as_str()))
    }

    /// The stream of a message that names this one, or none, and that this
    /// submitter hands in.
    pub fn choose(&self, wanted: Option<&str>, submitter: &str) -> Result<&Stream, NoStream> {
        let may = || self.choosable().filter(|stream| stream.is_for(submitter)).map(|stream| stream.name.clone());
        let chosen = match wanted {
            Some(name) => {
                let found = self.choosable().find(|stream| stream.name == name);
                found.ok_or_else(|| NoStream::Unknown { there_are: may().collect() })?
            }
            None => {
                let is_theirs = |stream: &&Stream| stream.submitters.iter().any(|one| one == submitter);
                self.choosable().find(is_theirs).unwrap_or(&self.default)
            }
        };
        match chosen.is_for(submitter) {
            true => Ok(chosen),
            false => Err(NoStream::NotYours { wanted: chosen.name.clone(), may: may().collect() }),
        }
    }

    /// The stream with this name. One that the configuration has no more is
    /// treated as the default one: what was accepted is delivered.
    pub fn find(&self, name: &str) -> &Stream {
        self.all.get(name).unwrap_or(&self.default)
    }

    /// Every stream.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Stream> {
        self.all.values()
    }

    /// The stream of a parcel whose message is of the stream of this name.
    pub(crate) fn of(&self, kind: Kind, name: &str) -> &Stream {
        match kind {
            Kind::Content | Kind::Notice => self.find(name),
            Kind::Code => self.find(CODES),
            Kind::Dsn => self.find(REPORTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Streams {
        let reminders =
            Stream { submitters: vec!["credential:ehr".into()], ..Stream::new("reminders", Priority::Marketing) };
        Streams::new([reminders, Stream::new("default", Priority::Transactional)])
    }

    fn check(wanted: Option<&str>, submitter: &str, expect: &str) {
        assert_eq!(streams().choose(wanted, submitter).unwrap().name, expect);
    }

    #[test]
    fn the_message_chooses_then_the_submitter_then_nobody() {
        check(Some("transactional"), "credential:ehr", "transactional");
        check(None, "credential:ehr", "reminders");
        check(None, "credential:other", "default");
    }

    #[test]
    fn an_unknown_stream_and_one_that_is_ours_are_refused_with_those_that_there_are() {
        for name in ["", "Reminders", "codes", "inbound", "reports"] {
            let refused = streams().choose(Some(name), "credential:ehr").unwrap_err();
            let there_are = ["default", "marketing", "reminders", "transactional"].map(str::to_owned).to_vec();
            assert_eq!(refused, NoStream::Unknown { there_are }, "{name}");
        }
    }

    #[test]
    fn a_stream_that_is_for_some_is_for_nobody_else() {
        let only = |name: &str, priority| Stream { only: vec!["credential:ehr".into()], ..Stream::new(name, priority) };
        let submitters = vec!["api:key_1".into()];
        let urgent = Stream { submitters, ..only("transactional", Priority::Transactional) };
        let streams = Streams::new([urgent, only("default", Priority::Operational)]);
        let chosen = |wanted, submitter| streams.choose(wanted, submitter).map(|stream| stream.name.clone());
        assert_eq!(chosen(Some("transactional"), "credential:ehr").unwrap(), "transactional");
        assert_eq!(chosen(None, "api:key_1").unwrap(), "transactional", "whose messages are of it may send as it");
        for wanted in [Some("transactional"), None] {
            let refused = chosen(wanted, "credential:news").unwrap_err();
            let expect = NoStream::NotYours {
                wanted: wanted.unwrap_or("default").to_owned(),
                may: vec!["marketing".to_owned()],
            };
            assert_eq!(refused, expect);
        }
        let NoStream::Unknown { there_are } = chosen(Some("x"), "credential:news").unwrap_err() else { panic!() };
        assert_eq!(there_are, ["marketing"], "what is not theirs is not told");
    }

    #[test]
    fn the_configuration_counts_over_what_is_always_there() {
        assert_eq!(streams().find("default").priority, Priority::Transactional);
        assert_eq!(streams().find("gone").name, "default");
    }

    #[test]
    fn codes_are_urgent_whatever_their_message_is() {
        assert_eq!(streams().of(Kind::Code, "reminders").priority, Priority::Transactional);
        assert_eq!(streams().of(Kind::Notice, "reminders").priority, Priority::Marketing);
    }
}
