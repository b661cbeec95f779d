//! Whom a reply reaches: rules in the order of the configuration, the first
//! that fits; where none does, whom the message asks to answer.

use std::fmt;
use std::str::FromStr;

use identity::SenderPattern;
use mail::Address;

use super::writer::Limits;

/// What a recipient may say that a reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// A visit: when, where, whether.
    Appointment,
    /// What it costs.
    Billing,
    /// What is asked of a nurse or a doctor.
    Clinical,
}

/// The text is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic is appointment, billing or clinical")]
pub struct UnknownTopic;

impl Topic {
    /// Every topic, in the order of the form.
    pub const ALL: [Topic; 3] = [Topic::Appointment, Topic::Billing, Topic::Clinical];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Topic::Appointment => "appointment",
            Topic::Billing => "billing",
            Topic::Clinical => "clinical",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        Self::ALL.into_iter().find(|topic| topic.word() == text).ok_or(UnknownTopic)
    }
}

/// A rule: what it names must all fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRule {
    /// What the recipient says that the reply is about.
    pub topic: Option<Topic>,
    /// The stream of the message that is replied to.
    pub stream: Option<String>,
    /// The sender of the message that is replied to.
    pub sender: Option<SenderPattern>,
    /// Where the reply goes.
    pub to: Address,
}

/// What is known of a reply when it is routed.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What the recipient says that it is about.
    pub topic: Option<Topic>,
    /// The stream of the message that is replied to.
    pub stream: &'a str,
    /// Who sent that message.
    pub sender: &'a Address,
    /// Where the sender wants answers.
    pub answers: &'a Address,
}

/// What an organisation says about replies.
#[derive(Debug, Clone)]
pub struct Replies {
    /// The address that replies come from, of an own domain.
    pub from: Address,
    /// Where they go; where none fits, to whom the message asks to answer.
    pub rules: Vec<ReplyRule>,
    /// What one reply may hold.
    pub limits: Limits,
}

impl Replies {
    /// Where a reply goes.
    pub fn route<'a>(&'a self, about: About<'a>) -> &'a Address {
        self.rules.iter().find(|rule| rule.fits(about)).map_or(about.answers, |rule| &rule.to)
    }
}

impl ReplyRule {
    fn fits(&self, about: About<'_>) -> bool {
        self.topic.is_none_or(|topic| about.topic == Some(topic))
            && self.stream.as_deref().is_none_or(|stream| stream == about.stream)
            && self.sender.as_ref().is_none_or(|sender| sender.covers(about.sender))
    }

    /// Whether everything that fits `other` fits this, so that `other` is never reached below it.
    pub fn hides(&self, other: &Self) -> bool {
        let sender = match (&self.sender, &other.sender) {
            (None, _) => true,
            (Some(own), Some(SenderPattern::Exact(address))) => own.covers(address),
            (Some(SenderPattern::Domain(own)), Some(SenderPattern::Domain(domain))) => own == domain,
            (Some(_), _) => false,
        };
        sender
            && (self.topic.is_none() || self.topic == other.topic)
            && (self.stream.is_none() || self.stream == other.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(topic: Option<Topic>, stream: Option<&str>, sender: Option<&str>, to: &str) -> ReplyRule {
        ReplyRule {
            topic,
            stream: stream.map(str::to_owned),
            sender: sender.map(|sender| sender.parse().unwrap()),
            to: address(to),
        }
    }

    fn address(local: &str) -> Address {
        Address::parse(&format!("{local}@clinic.example")).unwrap()
    }

    fn rules() -> Vec<ReplyRule> {
        vec![
            rule(Some(Topic::Clinical), Some("refills"), None, "pharmacist"),
            rule(Some(Topic::Billing), None, None, "billing"),
            rule(None, Some("refills"), None, "pharmacy"),
            rule(None, None, Some("no-reply@clinic.example"), "desk"),
        ]
    }

    fn check(topic: Option<Topic>, stream: &str, sender: &str, expect: &str) {
        let (from, limits) = (address("portal"), Limits { bytes_max: 1, files_max: 1, kinds: vec![] });
        let replies = Replies { from, rules: rules(), limits };
        let sender = address(sender);
        assert_eq!(*replies.route(About { topic, stream, sender: &sender, answers: &sender }), address(expect));
    }

    #[test]
    fn the_first_rule_that_fits_says_where_a_reply_goes() {
        check(None, "default", "nurse", "nurse");
        check(Some(Topic::Appointment), "default", "nurse", "nurse");
        check(Some(Topic::Billing), "default", "nurse", "billing");
        check(Some(Topic::Billing), "refills", "nurse", "billing");
        check(Some(Topic::Clinical), "refills", "nurse", "pharmacist");
        check(Some(Topic::Appointment), "refills", "no-reply", "pharmacy");
        check(None, "default", "no-reply", "desk");
    }

    #[test]
    fn a_rule_that_is_never_reached_is_found() {
        let all = rules();
        for (below, rule) in all.iter().enumerate() {
            assert!(!all[..below].iter().any(|above| above.hides(rule)), "{rule:?}");
        }
        let [clinical, billing, refills, desk] = &all[..] else { unreachable!() };
        assert!(refills.hides(clinical) && !clinical.hides(refills));
        assert!(!billing.hides(desk));
        let everyone = rule(None, None, Some("*@clinic.example"), "desk");
        assert!(everyone.hides(desk) && !desk.hides(&everyone) && !everyone.hides(billing));
        assert!(rule(None, None, None, "desk").hides(&everyone));
    }

    #[test]
    fn a_topic_survives_its_word() {
        for topic in Topic::ALL {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        assert_eq!("".parse::<Topic>(), Err(UnknownTopic));
    }
}
