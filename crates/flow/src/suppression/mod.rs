//! Suppression: whom an organisation sends nothing more, or nothing more of a
//! stream, and why.
//!
//! | file | what |
//! | --- | --- |
//! | `filter` | the mailboxes of which something may be suppressed, in memory |
//! | `book` | suppressions as they are kept: sealed rows of the store |
//! | `change` | one is added or taken back; the ledger tells of it |
//! | `at_hand` | what stops copies of one message |
//!
//! What a reason stops is one table: [`mail::suppression`]. It is looked at when
//! a message is decided, and again when a copy leaves the queue, so that who
//! opts out while a campaign waits is sent nothing of it.
//!
//! **Invariant**: only recipients of outbound mail are looked at. A word to the
//! sender, a portal's code and inbound mail are never suppressed.

mod at_hand;
mod book;
mod change;
mod filter;

pub use book::{NotRead, Suppression, find, list, of_address};
pub use change::{Added, NewSuppression, NotSuppressed, known_stream, remove, suppress};

pub(crate) use at_hand::Stopped;
pub(crate) use change::enter;
pub(crate) use filter::Filter;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mail::{ApiKeyId, MessageId};
use serde::{Deserialize, Serialize};
use store::StoreError;
use tokio::sync::watch;

use crate::journey::Journey;

/// Within this a change of another node or of a command is seen.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// Where a suppression came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// The recipient's server refused a copy of this message.
    Delivery {
        /// The message.
        message: MessageId,
    },
    /// A bounce of this message came back.
    Bounce {
        /// The message.
        message: MessageId,
        /// What the bounce came as.
        dsn: MessageId,
    },
    /// A provider reported a complaint about this message.
    Complaint {
        /// The message.
        message: MessageId,
        /// What the report came as.
        report: MessageId,
    },
    /// The recipient unsubscribed, from this message where one is known.
    Recipient {
        /// The message.
        message: Option<MessageId>,
    },
    /// A person of the organisation's, in the ledger's words.
    Staff {
        /// Who.
        by: String,
    },
    /// An application.
    Application {
        /// Its key.
        key: ApiKeyId,
    },
    /// A list of another system, brought in by a person.
    Import {
        /// Who.
        by: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivery { message } => write!(f, "delivery of {message}"),
            Self::Bounce { message, dsn } => write!(f, "bounce {dsn} of {message}"),
            Self::Complaint { message, report } => write!(f, "report {report} about {message}"),
            Self::Recipient { message: Some(message) } => write!(f, "the recipient, by {message}"),
            Self::Recipient { message: None } => f.write_str("the recipient"),
            Self::Staff { by } => f.write_str(by),
            Self::Application { key } => write!(f, "api_key:{key}"),
            Self::Import { by } => write!(f, "a list, by {by}"),
        }
    }
}

/// Keeps what is in memory fresh, until `stop` holds true.
pub async fn run(journey: Arc<Journey>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.suppressions_changed.notified() => {}
            () = tokio::time::sleep(REFRESH_EVERY) => {}
        }
        if let Err(error) = refresh(&journey).await {
            tracing::error!(%error, "who was suppressed can't be read");
        }
    }
}

/// Reads of whom something is suppressed, or is since the last time.
pub async fn refresh(journey: &Journey) -> Result<(), StoreError> {
    for organisation in journey.organisations.iter() {
        let (org, now) = (organisation.org, journey.clock.now());
        let changed = journey.store.suppressed_since(org, journey.suppressed.since(org)).await?;
        journey.suppressed.add(org, &changed, now);
    }
    Ok(())
}
