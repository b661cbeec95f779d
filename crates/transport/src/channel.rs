//! A channel: a connection on which EHLO was answered, and what it proved.
//!
//! **Invariant**: [`Channel::clear`] is the only maker of [`Cleared`], and
//! [`send`] takes nothing else. Content can't cross a channel that did not
//! prove what the parcel needs.

use std::time::Duration;

use mail::{Level, Recipient};
use seal::{Parcel, TlsAsked};
use smtp::client::{Content, Extensions, Report, Session, Transaction, Unfit};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::cause::{Cause, Inability, Stage};
use crate::config::Timeouts;
use crate::delivery::{PeerFeatures, Wire, WireError};
use crate::dialogue::{self, Broken};
use crate::network::Stream;
use crate::proof::Proof;

/// How long taking leave may take.
const QUIT_TIME: Duration = Duration::from_secs(5);

/// An open session with an MX host.
pub struct Channel {
    pub(crate) stream: Box<dyn Stream>,
    /// None while and after a transaction that left no way on.
    pub(crate) session: Option<Session>,
    pub(crate) extensions: Extensions,
    pub(crate) proof: Proof,
    /// The least that may cross here, whatever a parcel needs.
    pub(crate) floor: Level,
    pub(crate) shortfall: Option<Shortfall>,
    pub(crate) timeouts: Timeouts,
    pub(crate) transactions: u32,
}

/// Why a channel proves no more than it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The peer can't do more.
    Unable(Inability),
    /// It failed in a way that proves nothing.
    Failed(Cause),
}

/// A channel does not prove what a parcel needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel proved {proved}")]
pub struct NotMet {
    /// What it proved.
    pub proved: Level,
    /// Why no more.
    pub why: Shortfall,
}

/// A channel that proved what a parcel needs, and that parcel.
///
/// Only [`Channel::clear`] makes one.
pub struct Cleared<'c> {
    channel: &'c mut Channel,
    parcel: &'c Parcel,
}

/// What came of one transaction.
#[derive(Debug)]
pub struct SendOutcome {
    /// The verdicts, in the order of the recipients that were asked for.
    pub report: Report,
    /// What ended the dialogue early, if anything did.
    pub broken: Option<Cause>,
    /// Whether it went with REQUIRETLS.
    pub requiretls: bool,
}

/// Why no transaction was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsent {
    /// This peer can't take the message; another may.
    Peer(Cause),
    /// The message can't be had or may not be sent.
    Message(Cause),
}

impl Channel {
    /// What the connection proved.
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    /// What the peer can take.
    pub const fn features(&self) -> PeerFeatures {
        PeerFeatures {
            eightbit: self.extensions.eightbit,
            smtputf8: self.extensions.smtputf8,
            size_max: self.extensions.size_max,
        }
    }

    /// Compares what the connection proved with what the parcel needs.
    pub fn clear<'c>(&'c mut self, parcel: &'c Parcel) -> Result<Cleared<'c>, NotMet> {
        self.clear_at(parcel, Level::None)
    }

    /// The same for a parcel that may cross at no less than `least`, whatever
    /// else it needs.
    pub(crate) fn clear_at<'c>(&'c mut self, parcel: &'c Parcel, least: Level) -> Result<Cleared<'c>, NotMet> {
        let (proved, floor) = (self.proof.level, floor(parcel, self.floor));
        match needed(parcel).map(|level| level.max(least)) {
            Some(level) if proved >= level.max(floor) => match self.lacks(parcel) {
                None => Ok(Cleared { channel: self, parcel }),
                Some(inability) => Err(NotMet { proved, why: Shortfall::Unable(inability) }),
            },
            // Enough for the parcel, and not for its domain, which asks whoever sends to wait.
            Some(level) if proved >= level => Err(NotMet { proved, why: Shortfall::Failed(Cause::Unbound) }),
            Some(_) | None => Err(NotMet { proved, why: self.why_no_more() }),
        }
    }

    /// What is missing for a message that came with REQUIRETLS (RFC 8689 §4.2.1).
    fn lacks(&self, parcel: &Parcel) -> Option<Inability> {
        match parcel.tls_asked() {
            TlsAsked::OnTheWholeWay if !self.proof.is_fit_for_requiretls() => Some(Inability::NotBound),
            TlsAsked::OnTheWholeWay if !self.extensions.requiretls => Some(Inability::NoRequireTls),
            TlsAsked::OnTheWholeWay | TlsAsked::WhereOffered | TlsAsked::AsUsual | TlsAsked::NotInsisted => None,
        }
    }

    /// Whether a parcel goes on with REQUIRETLS.
    fn goes_with_requiretls(&self, parcel: &Parcel) -> bool {
        match parcel.tls_asked() {
            TlsAsked::OnTheWholeWay => true,
            // RFC 8689 §2: it means something over TLS only.
            TlsAsked::WhereOffered => self.extensions.requiretls && self.proof.tls.is_some(),
            TlsAsked::AsUsual | TlsAsked::NotInsisted => false,
        }
    }

    fn why_no_more(&self) -> Shortfall {
        self.shortfall.clone().unwrap_or(Shortfall::Unable(Inability::NotBound))
    }

    /// Whether a further transaction may begin.
    pub(crate) fn is_usable(&self) -> bool {
        self.session.is_some()
    }

    /// Takes leave, within a short time.
    pub(crate) async fn quit(mut self) {
        if let Some(session) = self.session.take() {
            let timeouts = Timeouts { command: QUIT_TIME, write: QUIT_TIME, ..self.timeouts };
            drop(dialogue::run(&mut *self.stream, &mut session.quit(), &timeouts).await);
            drop(timeout(QUIT_TIME, self.stream.shutdown()).await);
        }
    }
}

/// The level of transit that a parcel needs; none where no connection is
/// enough, since its need is not one of transit.
pub(crate) fn needed(parcel: &Parcel) -> Option<Level> {
    let level = parcel.need().transit()?;
    Some(match parcel.tls_asked() {
        TlsAsked::OnTheWholeWay => level.max(Level::Verified),
        TlsAsked::AsUsual | TlsAsked::WhereOffered | TlsAsked::NotInsisted => level,
    })
}

/// The least that may cross on account of what binds the host: nothing where
/// the sender asked, and policy lets him, that TLS not be insisted on (RFC 8689 §4.1).
pub(crate) fn floor(parcel: &Parcel, of_host: Level) -> Level {
    match parcel.tls_asked() {
        TlsAsked::NotInsisted => Level::None,
        TlsAsked::AsUsual | TlsAsked::WhereOffered | TlsAsked::OnTheWholeWay => of_host,
    }
}

/// Sends a parcel to those of its recipients that `whom` picks (by index).
pub async fn send(cleared: Cleared<'_>, whom: &[usize], wire: &dyn Wire) -> Result<SendOutcome, Unsent> {
    let Cleared { channel, parcel } = cleared;
    let recipients: Vec<Recipient> = whom.iter().filter_map(|index| parcel.recipients().get(*index)).cloned().collect();
    let requiretls = channel.goes_with_requiretls(parcel);
    let transaction = Transaction { requiretls, ..transaction(recipients, channel.features(), wire)? };
    let Some(session) = channel.session.take() else {
        return Err(Unsent::Peer(Cause::Cut(Stage::Sender)));
    };
    let mut sending = match session.send(transaction) {
        Ok(sending) => sending,
        Err((session, unfit)) => {
            channel.session = Some(session);
            return Err(unsent(unfit));
        }
    };
    channel.transactions = channel.transactions.saturating_add(1);
    match dialogue::run(&mut *channel.stream, &mut sending, &channel.timeouts).await {
        Ok(sent) => {
            channel.session = sent.session;
            Ok(SendOutcome { report: sent.report, broken: None, requiretls })
        }
        Err(broken) => Ok(SendOutcome { report: sending.cut(), broken: Some(Broken::cause(broken)), requiretls }),
    }
}

fn transaction(recipients: Vec<Recipient>, peer: PeerFeatures, wire: &dyn Wire) -> Result<Transaction, Unsent> {
    let bytes = wire.bytes(peer).map_err(|error| match error {
        WireError::NeedsSmtputf8 => Unsent::Peer(Cause::NeedsSmtputf8),
        WireError::TooLarge => Unsent::Peer(Cause::TooLarge(peer.size_max.unwrap_or(u64::MAX))),
        WireError::Unavailable => Unsent::Message(Cause::Unavailable),
        WireError::Unsendable => Unsent::Message(Cause::Unsendable),
    })?;
    // A bare CR or LF never leaves, whatever made the bytes.
    let content = Content::new(bytes).map_err(|_| Unsent::Message(Cause::Unsendable))?;
    Ok(Transaction { sender: wire.sender(), envid: wire.envid(), requiretls: false, recipients, content })
}

fn unsent(unfit: Unfit) -> Unsent {
    match unfit {
        Unfit::NeedsSmtputf8 => Unsent::Peer(Cause::NeedsSmtputf8),
        Unfit::TooLarge(max) => Unsent::Peer(Cause::TooLarge(max)),
        // A channel without it was not cleared.
        Unfit::NeedsRequireTls => Unsent::Peer(Cause::Unavailable),
        // The bytes were asked for a peer without 8BITMIME and have 8 bits all the same.
        Unfit::NeedsEightbit => Unsent::Message(Cause::Unsendable),
    }
}
