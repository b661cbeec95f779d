//! The portal's window to vault, store and queue.

use std::error::Error;
use std::sync::Arc;

use identity::{Action, Forbidden, Principal, Resource, authorize};
use jiff::Timestamp;
use ledger::{Event, Record};
use mail::reading::{self, Body, Part, Place, Reading};
use mail::{Level, MessageId, Recipient};
use seal::{Edits, Grounds, Kind, Parcel, Stamp};
use store::{Store, StoreError, Transition, Write};
use vault::{Label, VaultError};

use crate::case::{Case, Changes, SENDER};
use crate::dsn::{self, Told};
use crate::journey::Journey;
use crate::keys;
use crate::manifest::Crossed;
use crate::opened::{NotOpened, Opened};
use crate::org_keys;
use crate::portal::reply::{NotWritten, Offer, Replies, ReplyWriter};
use crate::portal::{
    self, Change, Code, CodeMail, Content, DeskError, Factor, Found, KeyOutcome, LinkId, LinkState, Mailbox, NewReply,
    Pending, PortalDesk, PortalEvent, Saved, StateError, Ticket,
};
use crate::portal_keys;
use crate::receipts::{Fact, receipt};
use crate::replies::{self, NotBegun};

/// The portal's desk over the journey: that of recipients, or that of senders.
/// Neither finds a link of the other.
pub struct LinkDesk {
    journey: Arc<Journey>,
    is_of_senders: bool,
}

/// Why the desk could not serve, before it is told to the portal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Message(#[from] NotOpened),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Reply(#[from] NotBegun),
    #[error("the link's message is not there")]
    NoMessage,
    #[error("a key can't be read, or nothing can be sealed to it")]
    NoKey,
}

impl From<Trouble> for DeskError {
    fn from(trouble: Trouble) -> Self {
        let is_passing = match &trouble {
            Trouble::Store(error)
            | Trouble::Message(NotOpened::Store(error))
            | Trouble::Reply(NotBegun::Store(error)) => error.may_retry(),
            _ => false,
        };
        let cause: Box<dyn Error + Send + Sync> = Box::new(trouble);
        if is_passing { DeskError::Unavailable(cause) } else { DeskError::Damaged(cause) }
    }
}

impl LinkDesk {
    /// A desk over this journey.
    pub fn new(journey: Arc<Journey>) -> Self {
        Self { journey, is_of_senders: false }
    }

    /// A desk where senders prove their mailbox.
    pub(crate) fn of_senders(journey: Arc<Journey>) -> Self {
        Self { journey, is_of_senders: true }
    }

    pub(crate) fn journey(&self) -> &Journey {
        &self.journey
    }

    fn store(&self) -> &dyn Store {
        self.journey.store.as_ref()
    }

    /// Refuses what the holder of a link may not do, which is anything but
    /// with the own copy.
    pub(crate) fn may(ticket: &Ticket, action: Action) -> Result<(), Trouble> {
        let (org, message, recipient) = (ticket.org, ticket.message, ticket.recipient);
        let holder = Principal::Recipient { org, message, recipient };
        Ok(authorize(&holder, action, &Resource::Copy(org, message, recipient))?)
    }

    /// `None` where the message was erased.
    async fn open(&self, org: mail::OrgId, message: mail::MessageId) -> Result<Option<Opened>, Trouble> {
        match Opened::find(&self.journey, org, message).await {
            Ok(opened) => Ok(Some(opened)),
            Err(NotOpened::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Every organisation is asked, whether one has answered or not, so that
    /// the time does not tell which.
    async fn find(&self, link: LinkId) -> Result<Option<Found>, Trouble> {
        let mut found = None;
        for organisation in self.journey.organisations.iter() {
            let hash = organisation.vault.link_hash(link.as_bytes());
            let row = self.store().link(organisation.org, hash).await?;
            if let Some(row) = row.filter(|row| (row.recipient == SENDER) == self.is_of_senders) {
                found = Some((organisation.org, row));
            }
        }
        let Some((org, row)) = found else {
            return Ok(None);
        };
        let Some(opened) = self.open(org, row.message).await? else {
            return Ok(None);
        };
        let state = LinkState::from_bytes(&opened.key.open(Label::Link, &row.hash, &row.sealed)?)?;
        let ticket = Ticket { org, message: row.message, recipient: row.recipient, hash: row.hash };
        Ok(Some(Found { ticket, version: row.version, state }))
    }

    async fn save(&self, change: Change) -> Result<Saved, Trouble> {
        let ticket = &change.ticket;
        Self::may(ticket, Action::RequestCode)?;
        let opened = self.open(ticket.org, ticket.message).await?.ok_or(Trouble::NoMessage)?;
        let case = opened.case(&self.journey, change.at);
        let mut changes = Changes::default();
        let needs = self.code_needs(&case, &change.state).await?;
        let state = match &change.code {
            Some(_) => change.state.code_needs(needs),
            None => change.state.clone(),
        };
        changes.writes.push(Write::LinkState {
            hash: ticket.hash,
            expected_version: change.version,
            sealed: case.seal_link(&ticket.hash, &state),
            expires_at: state.expires_at(),
        });
        let sends = change.code.is_some() || change.key.is_some() || change.event == Some(PortalEvent::AskedAgain);
        if let Some(code) = &change.code {
            match self.is_of_senders {
                true => self.queue_sender_code(&case, &state, (code, needs), &mut changes),
                false => self.queue_code(&case, &state, (code, needs), &mut changes).await?,
            }
        }
        let outcome = self.key_step(&case, &change, &state, &mut changes).await?;
        if let Some(event) = &change.event {
            self.tell(&case, &change, event, &mut changes).await?;
        }
        match case.commit(changes).await {
            Ok(()) => {
                if sends {
                    self.journey.queued.notify_one();
                }
                if outcome.is_some() {
                    keys::note(&self.journey, case.organisation, state.recipient());
                }
                Ok(outcome.map_or(Saved::Done, Saved::Key))
            }
            Err(StoreError::Conflict) => Ok(Saved::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    /// What a change does about a key.
    async fn key_step(
        &self,
        case: &Case<'_>,
        change: &Change,
        state: &LinkState,
        changes: &mut Changes,
    ) -> Result<Option<KeyOutcome>, Trouble> {
        let Some(step) = &change.key else { return Ok(None) };
        Self::may(&change.ticket, Action::GiveKey)?;
        let grounds = self.grounds(case, state).await?;
        let about = portal_keys::About { ticket: &change.ticket, state, step, peer: change.peer };
        portal_keys::step(case, &about, grounds, changes).await
    }

    /// What the connection must prove that carries a code of this link.
    async fn code_needs(&self, case: &Case<'_>, state: &LinkState) -> Result<Level, Trouble> {
        let domain = case.organisation.vault.domain_index(state.recipient().domain());
        let posture = self.store().posture(case.organisation.org, domain).await?;
        let best = posture.map_or(Level::None, |posture| Level::from_rank(posture.best));
        Ok(state.code_level(best))
    }

    /// A word to the sender, so that no receipt says that it is somebody's copy.
    fn queue_sender_code(
        &self,
        case: &Case<'_>,
        state: &LinkState,
        (code, needs): (&Code, Level),
        changes: &mut Changes,
    ) {
        let stamp = case.stamp();
        let from = Mailbox { name: case.organisation.profile.name.clone(), address: state.sender().clone() };
        let mail = CodeMail {
            clinic: &case.clinic(),
            from: &from,
            to: state.recipient(),
            language: state.language(),
            code,
            date: case.now,
            message_id: &case.message_id(stamp),
        };
        let recipient = Recipient::new(state.recipient().clone());
        case.queue(&Parcel::sender_code(stamp, recipient, needs, portal::notice::sender_code(&mail)), changes);
        changes.event(Event::CodeSent { recipient: state.recipient().clone(), needs });
    }

    async fn queue_code(
        &self,
        case: &Case<'_>,
        state: &LinkState,
        (code, needs): (&Code, Level),
        changes: &mut Changes,
    ) -> Result<(), Trouble> {
        let stamp = case.stamp();
        let mail = CodeMail {
            clinic: &case.clinic(),
            from: &case.speaker(),
            to: state.recipient(),
            language: state.language(),
            code,
            date: case.now,
            message_id: &case.message_id(stamp),
        };
        let grounds = self.grounds(case, state).await?;
        let recipient = Recipient::new(state.recipient().clone());
        case.queue(&Parcel::code(stamp, recipient, needs, grounds, portal::notice::code(&mail)), changes);
        changes.event(Event::CodeSent { recipient: state.recipient().clone(), needs });
        Ok(())
    }

    /// Why this copy is in the portal: what its notice's parcel says, or that of
    /// a copy that leads there for replies.
    async fn grounds(&self, case: &Case<'_>, state: &LinkState) -> Result<Grounds, Trouble> {
        let rows = self.store().parcels(case.organisation.org, case.message).await?;
        let parcels = |kind: Kind| rows.iter().filter(move |row| row.kind == kind.number());
        let mut parcels = parcels(Kind::Content).chain(parcels(Kind::Notice)).filter_map(|row| {
            let bytes = case.key.open(Label::Parcel, row.parcel.as_bytes(), &row.sealed).ok()?;
            let stamp = Stamp { org: case.organisation.org, message: case.message, parcel: row.parcel };
            Parcel::from_bytes(&bytes, &case.organisation.tag_key, stamp).ok()
        });
        let is_own = |parcel: &Parcel| parcel.recipients().iter().any(|to| to.address == *state.recipient());
        parcels.rfind(is_own).map(|parcel| parcel.grounds().clone()).ok_or(Trouble::NoMessage)
    }

    async fn tell(
        &self,
        case: &Case<'_>,
        change: &Change,
        event: &PortalEvent,
        changes: &mut Changes,
    ) -> Result<(), Trouble> {
        let (state, peer) = (&change.state, change.peer);
        let recipient = state.recipient().clone();
        match event {
            // Told with the parcel that carries it.
            PortalEvent::CodeSent => {}
            PortalEvent::WrongCode => changes.event(Event::CodeWrong { recipient, peer }),
            PortalEvent::WrongPassphrase => changes.event(Event::PassphraseWrong { recipient, peer }),
            PortalEvent::Opened(_) if self.is_of_senders => changes.event(Event::CodeAccepted { recipient, peer }),
            PortalEvent::CodeAccepted => {
                changes.event(Event::CodeAccepted { recipient, peer });
            }
            PortalEvent::Opened(factors) => {
                let grounds = self.grounds(case, state).await?;
                changes.record.receipts.push(receipt(case, &recipient, &Fact::opened(&grounds)));
                let met = factors.iter().map(|factor| factor_word(*factor).to_owned()).collect();
                changes.event(Event::Opened { recipient, met, peer });
            }
            PortalEvent::AskedAgain => {
                let told = Told {
                    recipient: Recipient::new(recipient.clone()),
                    status: dsn::EXPIRED,
                    because: "The recipient could not open it in the portal, and asks for it again.".to_owned(),
                    remote: None,
                };
                changes.event(Event::ResendAsked { recipient });
                case.tell(dsn::Action::AskedAgain, &[told], changes);
            }
        }
        Ok(())
    }

    /// As much sealing and a commit as a code takes, which mean nothing.
    async fn rehearse(&self, at: Timestamp) -> Result<(), Trouble> {
        let Some(organisation) = self.journey.organisations.iter().next() else {
            return Ok(());
        };
        let record = Record::default();
        let entropy = self.journey.entropy.as_ref();
        let _ = organisation.vault.seal(Label::Journal, b"rehearsal", &record.to_bytes(), entropy);
        let write = Write::Posture { domain: [0; 16], level: 0, at };
        Ok(self.journey.commit(Transition { org: organisation.org, writes: vec![write], journal: None }).await?)
    }

    async fn content(&self, ticket: &Ticket) -> Result<Option<Content>, Trouble> {
        Self::may(ticket, Action::OpenAtPortal)?;
        match self.open(ticket.org, ticket.message).await? {
            Some(opened) => self.reading(ticket, &opened).await.map(Some),
            None => Ok(None),
        }
    }

    async fn is_taken(&self, ticket: &Ticket, reply: MessageId) -> Result<bool, Trouble> {
        Ok(self.store().message(ticket.org, reply).await?.is_some())
    }

    async fn begin_reply(
        &self,
        ticket: &Ticket,
        reply: NewReply<'_>,
    ) -> Result<Option<Result<ReplyWriter, NotWritten>>, Trouble> {
        Self::may(ticket, Action::Reply)?;
        let Some(opened) = self.open(ticket.org, ticket.message).await? else {
            return Ok(None);
        };
        Ok(replies::begin(&self.journey, opened, ticket.recipient, reply).await?)
    }

    /// A reply of this very copy's, and no other message.
    async fn sent(&self, ticket: &Ticket, reply: MessageId) -> Result<Option<Content>, Trouble> {
        Self::may(ticket, Action::OpenAtPortal)?;
        let opened = match Opened::find(&self.journey, ticket.org, reply).await {
            Ok(opened) => opened,
            Err(NotOpened::Erased | NotOpened::NoSuchMessage) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let own = Crossed::Replied { to: ticket.message, recipient: ticket.recipient };
        match opened.manifest.crossed.as_ref() == Some(&own) {
            true => self.reading(ticket, &opened).await.map(Some),
            false => Ok(None),
        }
    }

    async fn reading(&self, ticket: &Ticket, opened: &Opened) -> Result<Content, Trouble> {
        let _memory = self.journey.memory.lend(opened.row.body.len()).await;
        let sealed = self.store().read_body(ticket.org, opened.row.message, &opened.row.body).await?;
        let stored = opened.key.open_body_in_place(sealed)?;
        let case = opened.case(&self.journey, self.journey.clock.now());
        let stored = org_keys::look(&case, &stored).await.content.unwrap_or(stored);
        let reading = reading::read(&stored, &self.journey.settings.mime);
        let reading = reading.unwrap_or_else(|_| as_a_file(Edits::default().apply(&stored)));
        Ok(Content { received_at: opened.row.received_at, reading })
    }
}

/// What can't be read is still the recipient's: the copy is given as a file.
fn as_a_file(stored: Vec<u8>) -> Reading {
    let part = Part {
        place: Place::Attachment("message.eml".to_owned()),
        content_type: "message/rfc822".to_owned(),
        content_id: None,
        nesting: 0,
        body: Body::Bytes(stored),
    };
    Reading { parts: vec![part], ..Reading::default() }
}

fn factor_word(factor: Factor) -> &'static str {
    match factor {
        Factor::MailedCode => "code",
        Factor::Passphrase => "passphrase",
    }
}

impl PortalDesk for LinkDesk {
    fn find(&self, link: LinkId) -> Pending<'_, Result<Option<Found>, DeskError>> {
        Box::pin(async move { Ok(self.find(link).await?) })
    }

    fn save(&self, change: Change) -> Pending<'_, Result<Saved, DeskError>> {
        Box::pin(async move { Ok(self.save(change).await?) })
    }

    fn rehearse(&self, at: Timestamp) -> Pending<'_, Result<(), DeskError>> {
        Box::pin(async move { Ok(self.rehearse(at).await?) })
    }

    fn offer(&self, ticket: &Ticket) -> Option<Offer> {
        let organisation = self.journey.organisations.find(ticket.org)?;
        organisation.profile.replies.as_ref().map(Replies::offer)
    }

    fn is_taken<'a>(&'a self, ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<bool, DeskError>> {
        Box::pin(async move { Ok(self.is_taken(ticket, reply).await?) })
    }

    fn begin_reply<'a>(
        &'a self,
        ticket: &'a Ticket,
        reply: NewReply<'a>,
    ) -> Pending<'a, Result<Option<Result<ReplyWriter, NotWritten>>, DeskError>> {
        Box::pin(async move { Ok(self.begin_reply(ticket, reply).await?) })
    }

    fn sent<'a>(&'a self, ticket: &'a Ticket, reply: MessageId) -> Pending<'a, Result<Option<Content>, DeskError>> {
        Box::pin(async move { Ok(self.sent(ticket, reply).await?) })
    }

    fn content<'a>(&'a self, ticket: &'a Ticket) -> Pending<'a, Result<Option<Content>, DeskError>> {
        Box::pin(async move { Ok(self.content(ticket).await?) })
    }
}
