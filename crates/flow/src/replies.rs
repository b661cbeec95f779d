//! A reply of a recipient's, on its way from the portal to accept.
//!
//! **Invariants**: it comes from an address of the organisation's own domain,
//! and goes to own recipients, over verified TLS, whatever policy asks beside.
//! It stands in the timeline of the message that it answers by the transaction
//! that accepts it.

use std::sync::Arc;

use identity::{Sender, SenderPattern, Submitter};
use ledger::{Event, Record};
use mail::reading::{header_block, unstructured};
use mail::{Address, Envelope, Recipient, ReversePath, header};
use store::{StoreError, Write};
use vault::VaultError;

use crate::accept::Arriving;
use crate::case::Case;
use crate::gateway::Passage;
use crate::journey::Journey;
use crate::listener::Submission;
use crate::manifest::Crossed;
use crate::opened::Opened;
use crate::portal::NewReply;
use crate::portal::reply::{About, NotWritten, Replies, ReplyHead, ReplyWriter};

/// The message that a reply answers.
pub(crate) struct Answered {
    opened: Opened,
    place: u32,
    event: Event,
}

impl Answered {
    /// A reply to a rehearsal is one, too.
    pub fn is_test(&self) -> bool {
        self.opened.manifest.test
    }

    pub fn crossed(&self) -> Crossed {
        Crossed::Replied { to: self.opened.row.message, recipient: self.place }
    }

    /// Tells of the reply in the answered message's timeline.
    pub fn tell(&self, reply: &Case<'_>) -> Write {
        let case = self.opened.case(reply.journey, reply.now);
        Write::Journal(case.journal(&Record::new(vec![self.event.clone()])))
    }
}

/// Why a reply could not be begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBegun {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Opens accept for a reply of the recipient at that place; none where none is taken.
pub(crate) async fn begin(
    journey: &Arc<Journey>,
    opened: Opened,
    place: u32,
    reply: NewReply<'_>,
) -> Result<Option<Result<ReplyWriter, NotWritten>>, NotBegun> {
    let (organisation, manifest) = (opened.organisation.clone(), &opened.manifest);
    let Some(replies) = &organisation.profile.replies else { return Ok(None) };
    let at = usize::try_from(place).unwrap_or(usize::MAX);
    let (Some(recipient), Some(sender)) = (manifest.envelope.recipients.get(at), manifest.from.first().cloned()) else {
        return Ok(None);
    };
    let (recipient, in_reply_to) = (recipient.address.clone(), manifest.message_id.clone());
    let original = Original::read(journey, &opened).await?;
    let answers = original.answers.as_ref().unwrap_or(&sender);
    let about = About { topic: reply.text.topic, stream: &opened.row.dimensions.stream, sender: &sender, answers };
    let to = replies.route(about).clone();
    let head = ReplyHead {
        recipient: &recipient,
        clinic: &organisation.profile.name,
        from: &replies.from,
        to: &to,
        subject: &original.subject,
        in_reply_to: in_reply_to.as_deref(),
        original: opened.row.message,
        proven: if reply.with_passphrase { "a code mailed there, and the passphrase" } else { "a code mailed there" },
    };
    let submission = submission(&opened, replies, &reply, &recipient, &sender, &to);
    let event = Event::Replied {
        recipient: recipient.clone(),
        reply: reply.message,
        to: to.clone(),
        topic: reply.text.topic.map(|topic| topic.word().to_owned()),
        peer: reply.peer,
    };
    let mut arriving = Arriving::begin_as(reply.message, journey.clone(), organisation.clone(), submission);
    arriving.as_reply(Answered { opened, place, event });
    let writer = ReplyWriter::begin(Box::new(arriving), replies.limits.clone(), &head, reply.text).await;
    Ok(Some(writer))
}

/// Who answers for it inside is the sender of the message that it answers:
/// where it can't be delivered, that person is told.
fn submission(
    opened: &Opened,
    replies: &Replies,
    reply: &NewReply<'_>,
    recipient: &Address,
    sender: &Address,
    to: &Address,
) -> Submission {
    let by = Submitter::Portal(opened.row.message);
    let smtputf8 = !(recipient.is_ascii() && to.is_ascii() && sender.is_ascii() && replies.from.is_ascii());
    Submission {
        sender: Sender { org: opened.organisation.org, by, senders: vec![SenderPattern::Exact(replies.from.clone())] },
        envelope: Envelope {
            sender: ReversePath(Some(sender.clone())),
            recipients: vec![Recipient::new(to.clone())],
            envid: None,
            smtputf8,
            requiretls: false,
        },
        helo: String::from("portal"),
        peer: reply.peer.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into()),
        with: if reply.tls.is_some() { "HTTPS" } else { "HTTP" },
        tls: reply.tls.clone(),
        body: smtp::server::BodyKind::SevenBit,
        declared_bytes: None,
        passage: Passage::Submitted,
    }
}

/// What of the answered message's header a reply takes up.
struct Original {
    subject: String,
    /// An own address that the message asks to answer.
    answers: Option<Address>,
}

impl Original {
    async fn read(journey: &Journey, opened: &Opened) -> Result<Self, NotBegun> {
        let _memory = journey.memory.lend(opened.row.body.len()).await;
        let org = opened.organisation.org;
        let sealed = journey.store.read_body(org, opened.row.message, &opened.row.body).await?;
        let stored = opened.key.open_body_in_place(sealed)?;
        let block = header_block(&stored);
        let subject = header::fields(block).find(|field| field.is("Subject"));
        let answers = mail_parser::MessageParser::new().parse(block).and_then(|parsed| {
            let mut all = parsed.reply_to()?.iter().filter_map(|one| Address::parse(one.address()?).ok());
            // Anybody else's is not this organisation's to write to.
            all.find(|address| opened.organisation.profile.domains.contains(address.domain()))
        });
        Ok(Self { subject: subject.map(|field| unstructured(field.value)).unwrap_or_default(), answers })
    }
}
