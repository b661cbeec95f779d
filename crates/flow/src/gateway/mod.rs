//! The gateway on port 25: whose mail crosses it, and in which direction.
//!
//! **Outbound** is mail of an organisation's own sender domains from its own
//! mail system, which a [`Connector`] recognises and which proves its tenant
//! where its network or certificate is shared with others. **Inbound** is mail
//! for an organisation's own recipient domains from anyone. Nothing else
//! relays.
//!
//! [`rules`] decides from the connection and the envelope, [`intake`] from the
//! header block; neither looks anything up. What is accepted goes the same
//! journey as any other message.

pub mod intake;
pub mod probe;
pub(crate) mod proof;
pub mod rules;
pub mod secret;

pub use intake::Crossing;
pub use rules::{Caller, Connector, NotTaken, Proof, RecipientDomain};
pub use secret::{SecretError, SecretField};

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ledger::Event;
use mail::{Domain, OrgId};
use provenance::Known;
use store::{StoreError, Transition};
use transport::SecureDns;
use vault::OrgVault;

use crate::journey::Journey;
use crate::organisation::Organisation;

/// What an operator says about the gateway, ready to be asked.
pub struct Gateway {
    /// The mail systems whose outbound mail is taken.
    pub connectors: Vec<Arc<Connector>>,
    /// The domains whose inbound mail is taken.
    pub recipient_domains: Vec<RecipientDomain>,
    /// The domain of signed return paths, and the keys that they are signed with.
    pub return_path: Option<(Domain, Vec<Arc<OrgVault>>)>,
    /// Whom nobody outside may pretend to be, for each organisation.
    pub known: HashMap<OrgId, Known>,
    /// Whether mail is refused whose author's domain asks for that.
    pub honours_dmarc: bool,
    /// Where keys and policies of senders are found.
    pub dns: Arc<dyn SecureDns>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("connectors", &self.connectors).finish_non_exhaustive()
    }
}

/// How a message came to cross the border, as far as it is decided.
#[derive(Clone, Debug, Default)]
pub enum Passage {
    /// It was handed in by a submission client, not by port 25.
    #[default]
    Submitted,
    /// From an organisation's own mail system: one of these connectors, once
    /// the header block has told which.
    Outbound(Vec<Arc<Connector>>),
    /// From the mail system of this connector, which is proven by a DKIM
    /// signature where `by_dkim` says so, or not at all.
    Known {
        /// The connector.
        connector: Arc<Connector>,
        /// Whether the proof is the whole message's.
        by_dkim: bool,
    },
    /// For an organisation's own recipients.
    Inbound(OrgId),
}

/// Writes into the ledger what an administrator did to the gateway.
pub async fn record(journey: &Journey, organisation: &Organisation, event: Event) -> Result<(), StoreError> {
    let journal = organisation.journal(None, vec![event], journey.clock.now(), journey.entropy.as_ref());
    journey.commit(Transition { org: organisation.org, writes: Vec::new(), journal: Some(journal) }).await
}
