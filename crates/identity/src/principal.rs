//! The kinds of actor that there are. Each belongs to one organisation, but
//! for the operator of the machine, who touches no organisation's content.

use std::fmt;

use mail::{ApiKeyId, MessageId, OrgId};
use serde::{Deserialize, Serialize};

use crate::api_key::Scope;

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// A client that submits mail.
    Submission {
        /// Its organisation.
        org: OrgId,
        /// How it was recognised.
        by: Submitter,
    },
    /// An application with an API key.
    Application {
        /// Its organisation.
        org: OrgId,
        /// The key that it shows.
        key: ApiKeyId,
        /// What the key may be used for.
        scopes: Vec<Scope>,
        /// Whether it is a test key, which reaches nothing that is real.
        #[serde(default)]
        test: bool,
    },
    /// Staff of an organisation at the command line of the machine.
    Operator {
        /// The organisation for which the command was run.
        org: OrgId,
        /// The account of the operating system.
        account: String,
    },
    /// Who runs the machine: makes organisations and turns keys, and reads
    /// nothing of what an organisation holds.
    Host {
        /// The account of the operating system.
        account: String,
    },
    /// Sealpost itself on a message's journey.
    System {
        /// The organisation whose message it is.
        org: OrgId,
    },
    /// Someone at the portal with a link, whatever they have proven so far.
    Recipient {
        /// The organisation that sent the message.
        org: OrgId,
        /// The message that the link is for.
        message: MessageId,
        /// Which of its recipients, by position in the envelope.
        recipient: u32,
    },
}

/// How a submitting client was recognised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Submitter {
    /// By AUTH with this login.
    Credential(String),
    /// By the address of a named network.
    Network(String),
    /// By an API key.
    ApiKey(ApiKeyId),
    /// As an organisation's own mail system, by the connector of this name.
    Connector(String),
    /// Not at all: any mail server that brings mail for own recipients.
    Stranger,
    /// As a recipient who replies at the portal to this message.
    Portal(MessageId),
    /// By an account of the machine, with a command.
    Operator(String),
}

impl Principal {
    /// The organisation that the principal belongs to; none for the host.
    pub fn org(&self) -> Option<OrgId> {
        match self {
            Principal::Submission { org, .. }
            | Principal::Application { org, .. }
            | Principal::Operator { org, .. }
            | Principal::System { org }
            | Principal::Recipient { org, .. } => Some(*org),
            Principal::Host { .. } => None,
        }
    }
}

/// The form for the ledger: `credential:ehr`, `connector:m365`, `stranger`,
/// `operator:root`, `system`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Submission { by: Submitter::Credential(login), .. } => write!(f, "credential:{login}"),
            Principal::Submission { by: Submitter::Network(name), .. } => write!(f, "network:{name}"),
            Principal::Submission { by: Submitter::ApiKey(key), .. } | Principal::Application { key, .. } => {
                write!(f, "api:{key}")
            }
            Principal::Submission { by: Submitter::Connector(name), .. } => write!(f, "connector:{name}"),
            Principal::Submission { by: Submitter::Stranger, .. } => f.write_str("stranger"),
            Principal::Submission { by: Submitter::Portal(message), .. } => write!(f, "portal:{message}"),
            Principal::Submission { by: Submitter::Operator(account), .. } | Principal::Operator { account, .. } => {
                write!(f, "operator:{account}")
            }
            Principal::Host { account } => write!(f, "host:{account}"),
            Principal::System { .. } => f.write_str("system"),
            Principal::Recipient { message, recipient, .. } => write!(f, "recipient:{message}/{recipient}"),
        }
    }
}
