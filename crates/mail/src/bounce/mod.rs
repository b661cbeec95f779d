//! Bounces that come in: delivery status notifications (RFC 3464, RFC 6533)
//! read for what they say of each recipient, and the causes by class.
//!
//! All of it is what somebody wrote. Whether a bounce is about a message that
//! was really sent is for others to prove.

mod class;
mod complaint;
mod dsn;
mod gone;
mod parts;

pub use class::Class;
pub use complaint::Complaint;
pub use gone::is_gone;

use crate::entity::Entity;
use crate::reply::EnhancedCode;

/// A bounce, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounce {
    /// Who reports (`Reporting-MTA`), without its type.
    pub reporter: Option<String>,
    /// `Original-Envelope-Id`, decoded.
    pub envelope_id: Option<String>,
    /// What it says, recipient by recipient.
    pub recipients: Vec<Outcome>,
    /// The header block of the message that came back, as far as it is there.
    pub returned: Vec<u8>,
}

/// What became of one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `Final-Recipient`, without its type.
    pub recipient: Option<String>,
    /// `Original-Recipient`, without its type: whom the message was sent to.
    pub original: Option<String>,
    /// `Action`.
    pub action: Action,
    /// `Status`.
    pub status: Option<EnhancedCode>,
    /// `Diagnostic-Code`, without its type.
    pub diagnostic: Option<String>,
    /// `Remote-MTA`, without its type.
    pub remote: Option<String>,
}

/// RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It can't be delivered.
    Failed,
    /// It is late.
    Delayed,
    /// It was delivered.
    Delivered,
    /// It went to a system that tells no more.
    Relayed,
    /// It went to several others.
    Expanded,
    /// The field is missing, or says something else.
    #[default]
    Unknown,
}

impl Action {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
            Action::Unknown => "unknown",
        }
    }

    fn read(text: &str) -> Self {
        let all = [Self::Failed, Self::Delayed, Self::Delivered, Self::Relayed, Self::Expanded];
        let word = text.split([' ', '(', ';']).next().unwrap_or_default();
        all.into_iter().find(|one| one.word().eq_ignore_ascii_case(word)).unwrap_or_default()
    }
}

impl Outcome {
    /// The cause, by what the status and the words say.
    pub fn class(&self) -> Class {
        Class::of(self.status, self.diagnostic.as_deref().unwrap_or_default())
    }

    /// Whether it says that there is no such mailbox, in each way that it says
    /// anything: the status, the code in the reply, and the reply's words.
    pub fn is_gone(&self) -> bool {
        let words = self.diagnostic.as_deref().unwrap_or_default();
        let said = class::enhanced_in(words);
        let is_transient = words.starts_with('4') || self.status.is_some_and(|status| status.0 != 5);
        self.action == Action::Failed
            && !is_transient
            && said.is_none_or(|said| is_gone(Some(said), words))
            && is_gone(self.status, words)
    }
}

impl Bounce {
    /// Reads a message; none where it is no delivery status notification.
    pub fn read(message: &[u8]) -> Option<Self> {
        dsn::read(&Entity::read(message))
    }
}
