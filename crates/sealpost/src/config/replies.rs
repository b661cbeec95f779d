//! `[portal.replies]`: what recipients may answer, and whom it reaches.

use flow::portal::reply::{Limits, ReplyRule};
use identity::SenderPattern;
use mail::{Address, Domain};
use serde::{Deserialize, Serialize};

use super::check::Found;
use super::units::Size;
use super::{Config, Organisation};

/// `[portal.replies]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Replies {
    /// Whether recipients can reply in the portal.
    pub enabled: bool,
    /// The address that replies come from; none: `portal@` and the organisation's first domain.
    pub from: Option<Address>,
    /// Bytes of all files of one reply.
    pub size: Size,
    /// Files of one reply; 0: none.
    pub files: u32,
    /// What files may be.
    pub kinds: Vec<Kind>,
    /// Where replies go, the first that fits; none: to whom the message asks to answer.
    pub rule: Vec<Rule>,
}

impl Default for Replies {
    fn default() -> Self {
        let kinds = flow::portal::reply::Kind::USUAL.map(Kind).to_vec();
        Self { enabled: true, from: None, size: Size(25_000_000), files: 10, kinds, rule: Vec::new() }
    }
}

/// `[[portal.replies.rule]]`: what it names must all fit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// What the recipient says that the reply is about.
    pub topic: Option<Topic>,
    /// The stream of the message that is replied to.
    pub stream: Option<String>,
    /// The sender of the message that is replied to: `refills@clinic.example`, `*@clinic.example`.
    pub sender: Option<SenderPattern>,
    /// The mailbox, of a domain of the organisation's.
    pub to: Address,
}

/// A kind of file, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(pub flow::portal::reply::Kind);

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words = || flow::portal::reply::Kind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
        text.parse().map(Kind).map_err(|_| format!("{text:?} is no kind of file that is known: {}", words()))
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> String {
        kind.0.word().to_owned()
    }
}

/// What a recipient may say that a reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(pub flow::portal::reply::Topic);

impl TryFrom<String> for Topic {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Topic).map_err(|error: flow::portal::reply::UnknownTopic| error.to_string())
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> String {
        topic.0.word().to_owned()
    }
}

impl Config {
    /// The organisation whose mailboxes are at that domain.
    fn organisation_at(&self, domain: &Domain) -> Option<&Organisation> {
        let receives = self.gateway.inbound.iter().find(|inbound| inbound.domains.contains(domain));
        let sends = self.organisation.iter().find(|one| one.domains.contains(domain));
        sends.or_else(|| receives.and_then(|inbound| self.organisation_of_inbound(inbound)))
    }

    /// What an organisation says about replies; none: it takes none.
    pub fn replies_of(&self, organisation: &Organisation) -> Option<flow::portal::reply::Replies> {
        let replies = &self.portal.replies;
        let is_own = |address: &&Address| organisation.domains.contains(address.domain());
        let usual = || Address::parse(&format!("portal@{}", organisation.domains.first()?)).ok();
        let from = replies.from.clone().filter(|from| is_own(&from)).or_else(usual)?;
        let is_of_it =
            |rule: &&Rule| self.organisation_at(rule.to.domain()).is_some_and(|one| one.slug == organisation.slug);
        replies.enabled.then(|| flow::portal::reply::Replies {
            from,
            rules: replies.rule.iter().filter(is_of_it).map(Rule::read).collect(),
            limits: Limits {
                bytes_max: replies.size.0,
                files_max: usize::try_from(replies.files).unwrap_or(usize::MAX),
                kinds: replies.kinds.iter().map(|kind| kind.0).collect(),
            },
        })
    }
}

impl Rule {
    fn read(&self) -> ReplyRule {
        ReplyRule {
            topic: self.topic.map(|topic| topic.0),
            stream: self.stream.clone(),
            sender: self.sender.clone(),
            to: self.to.clone(),
        }
    }
}

/// Base 64 makes four bytes of three, and lines.
fn encoded(bytes: u64) -> u64 {
    bytes.saturating_mul(7) / 5
}

impl Found<'_> {
    pub(super) fn replies(&mut self, config: &Config) {
        let replies = &config.portal.replies;
        if let Some(from) = &replies.from
            && !config.organisation.iter().any(|one| one.domains.contains(from.domain()))
        {
            self.wrong("portal.replies.from", "not of a domain that an organisation sends from");
        }
        let leads = config.policy.get("replies").and_then(|replies| replies.get("portal")?.as_str());
        if !replies.enabled && leads.is_some_and(|leads| leads != "never") {
            self.wrong("policy.replies.portal", "portal.replies.enabled is false: nobody could answer there");
        }
        if encoded(replies.size.0) > config.server.judging_memory.0 {
            self.wrong("portal.replies.size", "more than server.judging_memory could ever hold");
        }
        let mut above: Vec<(Option<&str>, ReplyRule)> = Vec::new();
        for (index, rule) in replies.rule.iter().enumerate() {
            let key = format!("portal.replies.rule[{index}].to");
            let owner = config.organisation_at(rule.to.domain()).map(|one| one.slug.as_str());
            if owner.is_none() {
                // Whoever else got it would read what a patient wrote.
                self.wrong(&key, format!("{} is no domain of an organisation's", rule.to.domain()));
            }
            let read = rule.read();
            if above.iter().any(|(slug, other)| *slug == owner && other.hides(&read)) {
                self.wrong(&key, "never reached: a rule above it takes all that fits it");
            }
            above.push((owner, read));
        }
    }
}
