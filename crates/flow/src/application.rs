//! An application's door: a message that comes as fields instead of as bytes is
//! written as a message (RFC 5322, RFC 2045) and goes in by the same accept as
//! any other; it is durable before anyone reads 202.
//!
//! A request may carry an idempotency key. What it was and what came of it are
//! marked in the transaction that accepts the message, as keyed hashes, so that
//! a repeated request finds the message instead of making another.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use identity::{Action, ApiKey, Forbidden, Principal, Resource, Sender, Submitter, authorize};
use mail::{Address, Envelope, MessageId, OrgId, Recipient, Reply, ReversePath};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Mailbox;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use store::StoreError;

use crate::accept::Arriving;
use crate::case::later;
use crate::gateway::Passage;
use crate::journey::Journey;
use crate::listener::{Intake, Submission, TlsFacts};
use crate::mark::Mark;
use crate::memory::Lent;
use crate::organisation::Organisation;

/// Fields that an application may add to one message.
pub const HEADERS_MAX: usize = 40;
/// Characters of the value of one of them.
pub const HEADER_CHARS_MAX: usize = 1_000;
/// Characters that RFC 5322 §2.1.1 lets stand on one line; a value that can't
/// be broken before is encoded.
const UNBROKEN_CHARS_MAX: usize = 900;

/// A message is handed on in pieces of this, as a listener does.
const PIECE_BYTES: usize = 64 * 1024;

/// How long a repeated request finds the message of the first.
pub const IDEMPOTENCY: Duration = Duration::from_secs(24 * 3_600);

/// A named mailbox.
#[derive(Clone, Debug)]
pub struct Correspondent {
    /// The name that people see.
    pub name: Option<String>,
    /// The address.
    pub address: Address,
}

/// A file beside the text.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its media type: `application/pdf`.
    pub content_type: String,
    /// With this it is a part of the HTML, as `cid:…`.
    pub content_id: Option<String>,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A message as an application hands it in.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The author.
    pub from: Correspondent,
    /// Where answers go.
    pub reply_to: Vec<Correspondent>,
    /// The recipients that everybody sees.
    pub to: Vec<Correspondent>,
    /// More of them.
    pub cc: Vec<Correspondent>,
    /// The recipients that nobody sees: in no copy and on no page.
    pub bcc: Vec<Correspondent>,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text: Option<String>,
    /// The body as HTML.
    pub html: Option<String>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Fields that the application adds: `X-…`, `List-…`, `In-Reply-To`, `References`.
    pub headers: BTreeMap<String, String>,
    /// The `X-Sealpost-*` fields: what is asked of the journey.
    pub instructions: Vec<(&'static str, String)>,
}

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The peer's address.
    pub peer: IpAddr,
    /// What is known of its TLS.
    pub tls: Option<TlsFacts>,
}

/// An idempotency key with the request that it came with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The `Idempotency-Key` field.
    pub key: &'a str,
    /// The body as it came.
    pub body: &'a [u8],
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The message.
    pub message: MessageId,
    /// Whether it was an earlier request that handed it in.
    pub replayed: bool,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotSubmitted {
    /// The key may not send.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The key may not send as this author.
    #[error("not allowed to send as {0}")]
    Sender(Address),
    /// Nobody is to get it.
    #[error("the message has no recipient")]
    NoRecipient,
    /// A field that an application may not set.
    #[error("the field {0:?} can't be set")]
    Header(String),
    /// More fields than an application may set.
    #[error("at most {HEADERS_MAX} fields can be set")]
    ManyHeaders,
    /// The same idempotency key came with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A request with the same idempotency key is under way.
    #[error("a request with this idempotency key is under way")]
    InFlight,
    /// The journey did not take it.
    #[error("not taken: {}", .0.text)]
    Refused(Reply),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The message can't be written.
    #[error("the message can't be written")]
    Written(#[source] std::io::Error),
}

/// The door.
pub struct Applications {
    journey: Arc<Journey>,
    under_way: Mutex<HashSet<[u8; 32]>>,
}

/// Room in memory for a request and for what is made of it, until it is dropped.
pub struct Room(Lent);

impl Room {
    /// The request turned out to have no more than so many bytes.
    pub fn keep(&mut self, bytes: u64) {
        self.0.keep(bytes);
    }
}

/// A request that is under way in this process; none like it begins meanwhile.
struct UnderWay<'a> {
    door: &'a Applications,
    mark: [u8; 32],
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.door.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.mark);
    }
}

impl Applications {
    /// A door to this journey.
    pub fn new(journey: Arc<Journey>) -> Self {
        Self { journey, under_way: Mutex::default() }
    }

    /// The journey behind it.
    pub fn journey(&self) -> &Arc<Journey> {
        &self.journey
    }

    /// Waits for room for a request of so many bytes: of the one budget of all
    /// the clear content that is in memory at a time.
    pub async fn room(&self, bytes: u64) -> Room {
        Room(self.journey.memory.lend(bytes).await)
    }

    /// Takes a message of an application's. Its sender is told by the result,
    /// and by nothing else.
    pub async fn submit(
        &self,
        key: &ApiKey,
        letter: Letter,
        origin: Origin,
        request: Option<Request<'_>>,
    ) -> Result<Submitted, NotSubmitted> {
        authorize(&key.principal(), Action::Submit, &Resource::Organisation(key.org))?;
        let client = Client {
            sender: key.sender(),
            name: key.id.to_string(),
            test: key.test,
            helo: "rest",
            with: if origin.tls.is_some() { "HTTPS" } else { "HTTP" },
        };
        self.take(client, Content::Letter(Box::new(letter)), origin, request).await
    }

    /// Takes a message that is handed in on the machine itself, by this account.
    /// It may be from anybody of the organisation's domains.
    pub async fn send(
        &self,
        org: OrgId,
        account: &str,
        content: Content,
        request: Option<Request<'_>>,
    ) -> Result<Submitted, NotSubmitted> {
        let operator = Principal::Operator { org, account: account.to_owned() };
        authorize(&operator, Action::Submit, &Resource::Organisation(org))?;
        let organisation = self.journey.organisations.find(org).ok_or(Forbidden)?;
        let senders = organisation.profile.domains.iter().filter_map(|domain| format!("*@{domain}").parse().ok());
        let by = Submitter::Operator(account.to_owned());
        let client = Client {
            sender: Sender { org, by, senders: senders.collect() },
            name: "command".to_owned(),
            test: false,
            helo: "command",
            with: "local",
        };
        let origin = Origin { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: None };
        self.take(client, content, origin, request).await
    }

    async fn take(
        &self,
        client: Client,
        content: Content,
        origin: Origin,
        request: Option<Request<'_>>,
    ) -> Result<Submitted, NotSubmitted> {
        let organisation = self.journey.organisations.find(client.sender.org).ok_or(Forbidden)?.clone();
        let Some(request) = request else {
            return self.hand_in(client, organisation, content, origin, None).await;
        };
        let mark = organisation.vault.once_hash(format!("{}\n{}", client.name, request.key).as_bytes());
        let digest = organisation.vault.once_hash(request.body);
        let _under_way = self.begin(mark)?;
        if let Some(earlier) = self.earlier(&organisation, mark, digest).await? {
            return Ok(earlier);
        }
        match self.hand_in(client, organisation.clone(), content, origin, Some((mark, digest))).await {
            // Another node may have been first.
            Err(NotSubmitted::Refused(reply)) => {
                self.earlier(&organisation, mark, digest).await?.ok_or(NotSubmitted::Refused(reply))
            }
            done => done,
        }
    }

    fn begin(&self, mark: [u8; 32]) -> Result<UnderWay<'_>, NotSubmitted> {
        let is_first = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(mark);
        is_first.then_some(UnderWay { door: self, mark }).ok_or(NotSubmitted::InFlight)
    }

    async fn earlier(
        &self,
        organisation: &Organisation,
        mark: [u8; 32],
        digest: [u8; 32],
    ) -> Result<Option<Submitted>, NotSubmitted> {
        let Some(value) = self.journey.store.once(organisation.org, mark).await? else {
            return Ok(None);
        };
        let Some(earlier) = Mark::read(&value, self.journey.clock.now()) else {
            return Ok(None);
        };
        match earlier.digest == digest {
            true => Ok(Some(Submitted { message: earlier.message, replayed: true })),
            false => Err(NotSubmitted::KeyReused),
        }
    }

    async fn hand_in(
        &self,
        client: Client,
        organisation: Arc<Organisation>,
        content: Content,
        origin: Origin,
        mark: Option<([u8; 32], [u8; 32])>,
    ) -> Result<Submitted, NotSubmitted> {
        if !client.sender.may_send_as(content.from()) {
            return Err(NotSubmitted::Sender(content.from().clone()));
        }
        let (envelope, bytes) = content.written()?;
        let submission = Submission {
            sender: client.sender,
            envelope,
            helo: client.helo.to_owned(),
            peer: origin.peer,
            with: client.with,
            tls: origin.tls,
            body: smtp::server::BodyKind::EightBitMime,
            declared_bytes: None,
            passage: Passage::Submitted,
        };
        let mut arriving = Arriving::begin(self.journey.clone(), organisation, submission);
        let message = arriving.message();
        let now = self.journey.clock.now();
        let until = later(now, IDEMPOTENCY);
        arriving.as_application(client.test, mark.map(|(mark, digest)| Mark { mark, digest, message, now, until }));
        // What is sealed of it at a time takes memory beside it.
        for piece in bytes.chunks(PIECE_BYTES) {
            arriving.push(piece).await.map_err(NotSubmitted::Refused)?;
        }
        let reply = Box::new(arriving).finish().await;
        match reply.is_positive() {
            true => Ok(Submitted { message, replayed: false }),
            false => Err(NotSubmitted::Refused(reply)),
        }
    }
}

/// Who hands in, and how.
struct Client {
    sender: Sender,
    /// Whose idempotency keys are apart from others'.
    name: String,
    test: bool,
    helo: &'static str,
    with: &'static str,
}

/// A message as fields, or whole.
#[derive(Clone, Debug)]
pub enum Content {
    /// As fields.
    Letter(Box<Letter>),
    /// Whole, with CRLF line ends.
    Message {
        /// The envelope's sender.
        from: Address,
        /// The envelope's recipients.
        recipients: Vec<Address>,
        /// Header and body.
        bytes: Vec<u8>,
    },
}

impl Content {
    /// Whom it is sent by.
    pub fn from(&self) -> &Address {
        match self {
            Content::Letter(letter) => &letter.from.address,
            Content::Message { from, .. } => from,
        }
    }

    /// Envelope and bytes, as they are handed in.
    pub fn written(self) -> Result<(Envelope, Vec<u8>), NotSubmitted> {
        match self {
            Content::Letter(letter) => {
                let all = letter.to.iter().chain(&letter.cc).chain(&letter.bcc).map(|one| &one.address);
                Ok((envelope(&letter.from.address, all)?, write(*letter)?))
            }
            Content::Message { from, recipients, bytes } => Ok((envelope(&from, recipients.iter())?, bytes)),
        }
    }
}

/// The recipients of all kinds, each once. Nobody is told by DSN: the timeline
/// and the events tell the application.
fn envelope<'a>(from: &Address, all: impl Iterator<Item = &'a Address>) -> Result<Envelope, NotSubmitted> {
    let mut seen = HashSet::new();
    let recipients: Vec<Recipient> = all.filter(|address| seen.insert(*address)).cloned().map(Recipient::new).collect();
    if recipients.is_empty() {
        return Err(NotSubmitted::NoRecipient);
    }
    let smtputf8 = recipients.iter().any(|recipient| !recipient.address.is_ascii());
    let sender = ReversePath(Some(from.clone()));
    Ok(Envelope { sender, recipients, envid: None, smtputf8, requiretls: false })
}

/// Fields that an application may add, in lower case; one that ends in a hyphen
/// allows all that begin with it. A field that is not known here might change
/// what the message is, or whom it seems to be from.
pub const FREE_FIELDS: [&str; 13] = [
    "x-",
    "list-",
    "in-reply-to",
    "references",
    "auto-submitted",
    "comments",
    "feedback-id",
    "importance",
    "keywords",
    "organization",
    "precedence",
    "priority",
    "sensitivity",
];

/// What begins so is an instruction, and each has a field of the API.
pub const OWN_PREFIX: &str = "x-sealpost-";

fn may_be_set(name: &str, value: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let lower = name.to_ascii_lowercase();
    let is_free = |free: &&str| match free.ends_with('-') {
        true => lower.len() > free.len() && lower.starts_with(*free),
        false => lower == **free,
    };
    (1..=64).contains(&name.len())
        && name.bytes().all(is_name)
        && value.chars().count() <= HEADER_CHARS_MAX
        && !value.chars().any(char::is_control)
        && FREE_FIELDS.iter().any(is_free)
        && !lower.starts_with(OWN_PREFIX)
}

/// Structured fields are no encoded words, where they can be written as they are.
fn is_structured(name: &str, value: &str) -> bool {
    let all = ["in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post", "list-id"];
    all.iter().any(|known| name.eq_ignore_ascii_case(known))
        && value.is_ascii()
        && value.split(' ').all(|word| word.len() <= UNBROKEN_CHARS_MAX)
}

/// A text whose lines end alike: a carriage return alone would stand in the
/// message, which no server may send on (RFC 5321 §2.3.8).
fn with_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The message as bytes with CRLF line ends. Bcc is in no copy: the recipients
/// stand in the envelope alone.
fn write(letter: Letter) -> Result<Vec<u8>, NotSubmitted> {
    let mut message =
        MessageBuilder::new().from(mailbox(&letter.from)).to(mailboxes(&letter.to)).subject(letter.subject.as_str());
    if !letter.cc.is_empty() {
        message = message.cc(mailboxes(&letter.cc));
    }
    if !letter.reply_to.is_empty() {
        message = message.reply_to(mailboxes(&letter.reply_to));
    }
    if letter.headers.len() > HEADERS_MAX {
        return Err(NotSubmitted::ManyHeaders);
    }
    for (name, value) in &letter.headers {
        if !may_be_set(name, value) {
            return Err(NotSubmitted::Header(name.clone()));
        }
        message = match is_structured(name, value) {
            true => message.header(name.as_str(), Raw::new(value.as_str())),
            false => message.header(name.as_str(), Text::new(value.as_str())),
        };
    }
    for (name, value) in &letter.instructions {
        message = message.header(*name, Text::new(value.as_str()));
    }
    let message = match (&letter.text, &letter.html) {
        (None, None) => message.text_body(""),
        (text, html) => {
            let message = text.iter().fold(message, |message, text| message.text_body(with_line_ends(text)));
            html.iter().fold(message, |message, html| message.html_body(with_line_ends(html)))
        }
    };
    let message = letter.attachments.iter().fold(message, attach);
    // At once: one that grows stands twice in memory meanwhile.
    let files: usize = letter.attachments.iter().map(|file| file.content.len()).sum();
    let mut bytes = Vec::with_capacity(files.saturating_add(files / 2).saturating_add(4096));
    message.write_to(&mut bytes).map_err(NotSubmitted::Written)?;
    Ok(bytes)
}

fn attach<'a>(message: MessageBuilder<'a>, file: &'a Attachment) -> MessageBuilder<'a> {
    let content = file.content.as_slice();
    match &file.content_id {
        Some(id) => message.inline(file.content_type.as_str(), id.as_str(), content),
        None => message.attachment(file.content_type.as_str(), file.name.as_str(), content),
    }
}

fn mailbox(one: &Correspondent) -> Mailbox<'static> {
    Mailbox::new_address(one.name.clone(), one.address.to_string())
}

fn mailboxes(all: &[Correspondent]) -> Mailbox<'static> {
    Mailbox::new_list(all.iter().map(mailbox).collect())
}
