//! `[[stream]]`: what messages are part of.

use std::collections::BTreeMap;

use flow::streams::{OWN, Streams};
use mail::{Domain, Priority};
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::{Found, is_slug};
use super::units::Span;

/// `[[stream]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stream {
    /// Its name, as messages choose it.
    pub name: String,
    /// How urgent its messages are.
    pub priority: Priority,
    /// Waits between attempts; none: `delivery.retry`.
    pub retry: Option<Vec<Span>>,
    /// How long attempts go on; none: `delivery.expiry`.
    pub expiry: Option<Span>,
    /// Whose messages are of it that name no stream, in the ledger's words: `credential:ehr`.
    #[serde(default)]
    pub submitters: Vec<String>,
    /// Who else may send as it, in the same words; empty: everybody.
    #[serde(default)]
    pub only: Vec<String>,
    /// The sources that it leaves from; none: as `[delivery]` says.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Whether its recipients can unsubscribe; none: where it is marketing.
    pub unsubscribe: Option<bool>,
    /// The name of the list that it is (RFC 2919).
    pub list_id: Option<Domain>,
    /// Who sends, in Feedback-ID.
    pub feedback_id: Option<String>,
}

impl Found<'_> {
    pub(super) fn streams(&mut self, config: &Config) {
        let mut names = BTreeMap::new();
        let mut submitters = BTreeMap::new();
        for (index, stream) in config.stream.iter().enumerate() {
            let key = |name: &str| format!("stream[{index}].{name}");
            if !is_slug(&stream.name) {
                self.wrong(&key("name"), "1 to 40 lower-case letters, digits and hyphens");
            }
            if OWN.contains(&stream.name.as_str()) {
                self.wrong(&key("name"), "the name of a stream that is not chosen: its messages are made here");
            }
            if names.insert(&stream.name, index).is_some() {
                self.wrong(&key("name"), "two streams have this name");
            }
            if stream.retry.as_ref().is_some_and(|waits| waits.is_empty() || waits.iter().any(|wait| wait.0.is_zero()))
            {
                self.wrong(&key("retry"), "a list of waits, each longer than 0s");
            }
            if stream.list_id.as_ref().is_some_and(|id| !id.as_str().contains('.')) {
                self.wrong(&key("list_id"), "a name below a domain of yours, such as \"news.clinic.example\"");
            }
            // Gmail's form: the last part has 5 to 15 characters.
            if stream.feedback_id.as_ref().is_some_and(|id| !(5..=15).contains(&id.len()) || !is_slug(id)) {
                self.wrong(&key("feedback_id"), "5 to 15 lower-case letters, digits and hyphens");
            }
            stream.only.iter().for_each(|submitter| self.submitter(&key("only"), submitter));
            for submitter in &stream.submitters {
                self.submitter(&key("submitters"), submitter);
                if let Some(other) = submitters.insert(submitter, &stream.name) {
                    self.wrong(&key("submitters"), format!("{submitter} is of the stream {other} already"));
                }
            }
        }
        self.reply_streams(config);
    }

    fn submitter(&mut self, key: &str, submitter: &str) {
        let kinds = ["credential:", "api:", "connector:", "network:"];
        if !kinds.iter().any(|kind| submitter.starts_with(kind)) {
            self.wrong(key, format!("each begins with one of {}", kinds.join(", ")));
        }
    }

    /// A reply's route that no message could take is a mistake.
    fn reply_streams(&mut self, config: &Config) {
        let streams = Streams::default();
        let is_known = |name: &String| {
            let mut built_in = streams.choosable().map(|stream| &stream.name);
            built_in.any(|known| known == name) || config.stream.iter().any(|stream| stream.name == *name)
        };
        for (index, rule) in config.portal.replies.rule.iter().enumerate() {
            if rule.stream.as_ref().is_some_and(|name| !is_known(name)) {
                let key = format!("portal.replies.rule[{index}].stream");
                self.wrong(&key, "there is no such stream: add it as [[stream]]");
            }
        }
    }
}
