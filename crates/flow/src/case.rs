//! A case: all that is at hand about one message at one moment, and the writes
//! that several steps make of it: a parcel in the queue, a word to the sender,
//! a copy in the portal, a row of the journal.

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Entry, Event, Head, Record};
use mail::{Address, MessageId, Method, ParcelId, Recipient};
use seal::{Grounds, Kind, Parcel, Stamp, TlsAsked};
use store::{JournalNew, JournalRow, Lane, NewLink, StoreError, Transition, Write};
use vault::{Label, MessageKey};

use crate::dsn::{Action, KeyWord, Report, Told, UnwantedKey};
use crate::enqueue::enqueue;
use crate::journey::Journey;
use crate::manifest::Manifest;
use crate::meters::Tally;
use crate::organisation::Organisation;
use crate::portal::{self, Clinic, LinkId, LinkState, Mailbox, NoticeMail, Passphrase};
use crate::streams::Stream;

/// The sender's place among the links of a message: no recipient has it.
pub(crate) const SENDER: u32 = u32::MAX;

/// All that is at hand about one message at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub journey: &'a Journey,
    pub organisation: &'a Organisation,
    pub manifest: &'a Manifest,
    pub message: MessageId,
    pub key: &'a MessageKey,
    pub received_at: Timestamp,
    pub now: Timestamp,
}

/// What one step changes, gathered until it is committed whole.
#[derive(Default)]
pub(crate) struct Changes {
    pub writes: Vec<Write>,
    pub record: Record,
    /// What is recorded of other messages in the same transaction.
    pub beside: Vec<Transition>,
}

impl Changes {
    pub fn event(&mut self, event: Event) {
        self.record.events.push(event);
    }
}

impl Case<'_> {
    pub fn stamp(&self) -> Stamp {
        let parcel = ParcelId::new(self.now, self.journey.entropy.as_ref());
        Stamp { org: self.organisation.org, message: self.message, parcel }
    }

    /// Queues a parcel, to be tried at once.
    pub fn queue(&self, parcel: &Parcel, changes: &mut Changes) {
        match self.tls_asked(parcel.kind()) {
            TlsAsked::AsUsual => self.queue_at(parcel, self.now, self.now, changes),
            asked => self.queue_at(&parcel.clone().asking(asked), self.now, self.now, changes),
        }
        changes.event(Event::Queued {
            parcel: parcel.id(),
            kind: parcel.kind().word().to_owned(),
            recipients: parcel.recipients().iter().map(|recipient| recipient.address.clone()).collect(),
        });
    }

    /// What the sender asked of TLS for a parcel of this kind (RFC 8689). What
    /// is only a word about a message holds nothing of it, and goes also where
    /// REQUIRETLS is not offered (§5).
    fn tls_asked(&self, kind: Kind) -> TlsAsked {
        match kind {
            Kind::Content if self.manifest.envelope.requiretls => TlsAsked::OnTheWholeWay,
            Kind::Notice | Kind::Code | Kind::Dsn if self.manifest.envelope.requiretls => TlsAsked::WhereOffered,
            Kind::Content if self.waives_tls() => TlsAsked::NotInsisted,
            Kind::Content | Kind::Notice | Kind::Code | Kind::Dsn => TlsAsked::AsUsual,
        }
    }

    /// Whether the sender asks that TLS not be insisted on, and policy heeds it.
    /// REQUIRETLS has precedence (RFC 8689 §4.1).
    pub fn waives_tls(&self) -> bool {
        self.manifest.tls_required_no && self.organisation.policy.tls.required_no && !self.manifest.envelope.requiretls
    }

    /// Queues a parcel that may have waited before.
    pub fn queue_at(&self, parcel: &Parcel, created_at: Timestamp, due: Timestamp, changes: &mut Changes) {
        let entropy = self.journey.entropy.as_ref();
        let lane = self.lane(parcel.kind());
        let mut write = enqueue(self.organisation, self.key, parcel, lane, created_at, due, entropy);
        // What is rehearsed takes no turn at a destination, for it never comes there.
        if let (true, Write::Enqueue(queued)) = (self.manifest.test, &mut write) {
            queued.destination = None;
        }
        changes.writes.push(write);
    }

    /// The stream of this message's parcels of a kind.
    pub fn stream(&self, kind: Kind) -> &Stream {
        self.journey.settings.streams.of(kind, &self.manifest.stream)
    }

    /// The lane of the queue in which this message's parcels of a kind wait.
    pub fn lane(&self, kind: Kind) -> Lane {
        let stream = self.stream(kind);
        Lane::new(stream.priority, self.organisation.org, &stream.name, &self.manifest.submitter)
    }

    /// Puts a recipient's copy into the portal: a link that only the notice
    /// names, and the notice.
    /// A passphrase that the sender gave since then is asked beside the code.
    pub fn put_into_portal(
        &self,
        recipient: &Recipient,
        grounds: &Grounds,
        given: Option<&Passphrase>,
        changes: &mut Changes,
    ) {
        let (link, state) = self.link(recipient, given, changes);
        let (from, expires_at) = (self.speaker(), state.expires_at());
        let stamp = self.stamp();
        let notice = NoticeMail {
            clinic: &self.clinic(),
            from: &from,
            to: &recipient.address,
            language: state.language(),
            link,
            origin: &self.organisation.profile.portal_url,
            expires_at,
            date: self.now,
            message_id: &self.message_id(stamp),
        };
        let parcel = Parcel::notice(stamp, recipient.clone(), grounds.clone(), portal::notice::notice(&notice));
        self.queue(&parcel, changes);
    }

    /// The line of a copy that leads its reader to the portal's page for
    /// replies: a link of the reader's own.
    pub fn reply_line(&self, recipient: &Recipient, changes: &mut Changes) -> String {
        let (link, state) = self.link(recipient, None, changes);
        portal::notice::reply_line(&self.organisation.profile.portal_url, link, state.language())
    }

    fn link(&self, recipient: &Recipient, given: Option<&Passphrase>, changes: &mut Changes) -> (LinkId, LinkState) {
        let entropy = self.journey.entropy.as_ref();
        let link = LinkId::new(entropy);
        let hash = self.organisation.vault.link_hash(link.as_bytes());
        let expires_at = later(self.now, self.journey.settings.portal_life);
        let state = LinkState::new(self.new_link(recipient, &self.speaker(), given, expires_at), entropy);
        changes.writes.push(Write::Link(NewLink {
            hash,
            message: self.message,
            recipient: self.place_of(&recipient.address),
            created_at: self.now,
            expires_at,
            sealed: self.seal_link(&hash, &state),
        }));
        (link, state)
    }

    /// The bytes of a link's row.
    pub fn seal_link(&self, hash: &[u8; 32], state: &LinkState) -> Vec<u8> {
        self.key.seal(Label::Link, hash, &state.to_bytes(), self.journey.entropy.as_ref())
    }

    /// Gives the sender a page of this message's own, where the mailbox has to
    /// be proven first: held copies are judged there, and a passphrase is
    /// given. None where nobody can be asked.
    pub fn ask_sender(&self, changes: &mut Changes) -> Option<String> {
        let sender = self.manifest.envelope.sender.0.as_ref().filter(|_| !self.manifest.is_inbound())?;
        let entropy = self.journey.entropy.as_ref();
        let link = LinkId::new(entropy);
        let hash = self.organisation.vault.link_hash(link.as_bytes());
        let expires_at = later(self.now, self.journey.settings.hold_life);
        let state = LinkState::new(
            portal::NewLink {
                recipient: sender.clone(),
                sender: self.postmaster(),
                language: self.house_language(),
                passphrase: None,
                passphrase_required: false,
                expires_at,
            },
            entropy,
        );
        changes.writes.push(Write::Link(NewLink {
            hash,
            message: self.message,
            recipient: SENDER,
            created_at: self.now,
            expires_at,
            sealed: self.seal_link(&hash, &state),
        }));
        Some(format!("{}/h/{link}", self.organisation.profile.portal_url))
    }

    /// The organisation's language, in which its own people are spoken to.
    pub fn house_language(&self) -> portal::Language {
        self.organisation.profile.language.parse().unwrap_or_default()
    }

    fn language(&self) -> portal::Language {
        let wanted = self.manifest.instructions.language.as_deref().unwrap_or(&self.organisation.profile.language);
        wanted.parse().unwrap_or_default()
    }

    fn new_link(
        &self,
        recipient: &Recipient,
        from: &Mailbox,
        given: Option<&Passphrase>,
        expires_at: Timestamp,
    ) -> portal::NewLink {
        let passphrase = given.or(self.manifest.passphrase.as_ref());
        portal::NewLink {
            recipient: recipient.address.clone(),
            sender: from.address.clone(),
            language: self.language(),
            passphrase: passphrase.cloned(),
            passphrase_required: passphrase.is_some(),
            expires_at,
        }
    }

    /// Tells the sender what became of some recipients, if there is a sender.
    pub fn tell(&self, action: Action, told: &[Told], changes: &mut Changes) {
        self.tell_with(action, told, None, changes);
    }

    /// The same, with the page where the sender can do something about it.
    pub fn tell_with(&self, action: Action, told: &[Told], page: Option<&str>, changes: &mut Changes) {
        let Some(sender) = self.manifest.envelope.sender.0.as_ref().filter(|_| !told.is_empty()) else {
            return;
        };
        let stamp = self.stamp();
        let report = Report {
            message: self.message,
            message_id: self.manifest.message_id.as_deref(),
            received_at: self.received_at,
            envid: self.manifest.envelope.envid.as_deref(),
            sender,
            hostname: &self.journey.settings.hostname,
            from: &self.own_voice(),
            language: self.house_language(),
            action,
            told,
            page,
            now: self.now,
            unique: &stamp.parcel.to_string().to_ascii_lowercase(),
        };
        self.queue(&Parcel::dsn(stamp, Recipient::new(sender.clone()), report.render()), changes);
    }

    /// Tells the sender what a recipient wants of a key, if there is a sender.
    pub fn tell_of_key(&self, key: &UnwantedKey<'_>, changes: &mut Changes) {
        let Some(sender) = self.manifest.envelope.sender.0.as_ref() else { return };
        let stamp = self.stamp();
        let word = KeyWord {
            key,
            message: self.message,
            sender,
            from: &self.own_voice(),
            now: self.now,
            message_id: &self.message_id(stamp),
        };
        self.queue(&Parcel::dsn(stamp, Recipient::new(sender.clone()), word.render()), changes);
    }

    /// The From field of words to senders.
    fn own_voice(&self) -> String {
        format!("{} <{}>", mail::header::encoded(&self.organisation.profile.name), self.postmaster())
    }

    /// Makes these changes durable, and then counts them.
    pub async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        self.commit_about(None, changes).await
    }

    /// The same for what came of this parcel.
    pub async fn commit_about(&self, parcel: Option<&Parcel>, mut changes: Changes) -> Result<(), StoreError> {
        let about = parcel.map(|parcel| (parcel, self.received_at));
        // What was only rehearsed proves nothing.
        if self.manifest.test {
            changes.record.receipts.clear();
        }
        // Nor is it counted among what was delivered.
        let tally = match self.manifest.test {
            true => Tally::default(),
            false => Tally::of(&changes.record.events, about, self.now),
        };
        let beside = std::mem::take(&mut changes.beside);
        self.journey.commit_with(self.transition(changes), beside).await?;
        tally.count();
        Ok(())
    }

    /// The transition of these changes, with a sealed journal row of its record.
    pub fn transition(&self, changes: Changes) -> Transition {
        let journal = (!changes.record.events.is_empty()).then(|| self.journal(&changes.record));
        Transition { org: self.organisation.org, writes: changes.writes, journal }
    }

    /// What a journal row of this message records; none where it does not open.
    pub fn record_of(&self, row: &JournalRow) -> Option<Record> {
        let entry = Entry::from_bytes(&row.entry).ok()?;
        let bytes = self.key.open(Label::Journal, &entry.head.to_bytes(), &entry.payload).ok()?;
        Record::from_bytes(&bytes).ok()
    }

    /// A journal row of this message.
    pub fn journal(&self, record: &Record) -> JournalNew {
        let head = Head::new(self.organisation.org, Some(self.message), self.now, record.kinds());
        let entropy = self.journey.entropy.as_ref();
        let payload = self.key.seal(Label::Journal, &head.to_bytes(), &record.to_bytes(), entropy);
        let at = head.at();
        JournalNew { message: Some(self.message), at, entry: head.entry(payload).to_bytes() }
    }

    /// The mailbox that notices and codes come from: the author's address, so
    /// that DKIM aligns with the domain that the recipient knows, under the
    /// organisation's name.
    pub fn speaker(&self) -> Mailbox {
        let author = self.manifest.from.first().cloned();
        Mailbox { name: self.organisation.profile.name.clone(), address: author.unwrap_or_else(|| self.postmaster()) }
    }

    pub fn clinic(&self) -> Clinic {
        let profile = &self.organisation.profile;
        Clinic { name: profile.name.clone(), phone: profile.phone.clone(), time_zone: profile.time_zone.clone() }
    }

    pub fn message_id(&self, stamp: Stamp) -> String {
        format!("{}@{}", stamp.parcel.to_string().to_ascii_lowercase(), self.journey.settings.hostname)
    }

    /// The recipient's place in the envelope.
    pub fn place_of(&self, address: &Address) -> u32 {
        let place = self.manifest.envelope.recipients.iter().position(|recipient| recipient.address == *address);
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
    }

    pub fn sealed_event(recipient: &Recipient, method: Method, because: &str) -> Event {
        Event::Sealed { recipient: recipient.address.clone(), method, because: because.to_owned(), key: None }
    }

    /// The mailbox that words to the sender come from.
    pub fn postmaster(&self) -> Address {
        let domain =
            self.organisation.profile.domains.first().map_or(self.journey.settings.hostname.as_str(), |d| d.as_str());
        Address::parse(&format!("postmaster@{domain}")).expect("a domain of the configuration makes an address")
    }
}

/// The end of time: the year 9999. `Timestamp::MAX` is none: in the microseconds
/// of the store it is past the last time that can be read back.
pub(crate) const NEVER: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// `at` and then `by`; the end of time where there is no later.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(NEVER).min(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_time_is_kept_as_it_is() {
        let kept = |at: Timestamp| Timestamp::from_microsecond(at.as_microsecond());
        assert!(kept(Timestamp::MAX).is_err(), "rounded up, it is no time any more");
        assert_eq!(later(NEVER, Duration::MAX), NEVER);
        assert_eq!(later(Timestamp::MAX, Duration::ZERO), NEVER);
        assert_eq!(kept(NEVER).unwrap(), NEVER);
    }
}
