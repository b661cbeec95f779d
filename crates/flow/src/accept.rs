//! Accept: the one door in. A message is sealed as it arrives, judged, and
//! made durable with its envelope, its parcels and its ledger entry in one
//! synced transaction. Only then does anyone read 250.
//!
//! A message of up to [`JUDGED_AT_ONCE_MAX`] is judged while it is still in
//! memory. A larger one is accepted first, and judged when its turn for memory
//! comes ([`crate::resume`]).

mod entry;

use std::sync::Arc;

use aws_lc_rs::digest;
use ledger::{ContentDigest, Digest, Salt};
use mail::{MessageId, Reply};
use store::BodyWriter;
use vault::{BodySealer, MessageKey};

use self::entry::Arrived;
use crate::arrival::{self, Arrival, HEADER_BYTES_MAX, HeaderRefused, Session};
use crate::crossing::{Concluded, Crossing};
use crate::gateway::Passage;
use crate::gateway::probe::Probe;
use crate::inbound;
use crate::journey::Journey;
use crate::listener::{Answer, Intake, Submission};
use crate::manifest::{Crossed, Manifest};
use crate::mark::Mark;
use crate::memory::Kept;
use crate::organisation::Organisation;
use crate::replies::Answered;
use crate::reply;
use crate::rounds::Rounds;
use crate::streams;
use crate::traced::traced;

/// The largest message that is judged before it is answered.
pub const JUDGED_AT_ONCE_MAX: usize = 512 * 1024;

/// A message on its way in.
pub struct Arriving {
    journey: Arc<Journey>,
    organisation: Arc<Organisation>,
    submission: Submission,
    message: MessageId,
    key: MessageKey,
    wrapped_key: Vec<u8>,
    body: Box<dyn BodyWriter>,
    sealer: BodySealer,
    digest: digest::Context,
    salted: ContentDigest,
    header: HeaderState,
    clear: Clear,
    bytes: u64,
    mark: Option<Mark>,
    test: bool,
    answered: Option<Answered>,
    crossing: Option<Crossing>,
    rounds: Rounds,
    probe: Option<Probe>,
    stream: String,
}

/// The header block is kept until it is whole: it is edited before it is stored.
enum HeaderState {
    Reading(Vec<u8>),
    Read(Box<Arrival>),
}

/// The clear content, kept while it is small enough, and memory is there, to
/// be judged at once.
enum Clear {
    Kept(Kept),
    Later,
}

impl Arriving {
    /// Opens an intake for a message whose envelope is complete.
    pub fn begin(journey: Arc<Journey>, organisation: Arc<Organisation>, submission: Submission) -> Self {
        let message = MessageId::new(journey.clock.now(), journey.entropy.as_ref());
        Self::begin_as(message, journey, organisation, submission)
    }

    /// The same under an id that was given before.
    pub(crate) fn begin_as(
        message: MessageId,
        journey: Arc<Journey>,
        organisation: Arc<Organisation>,
        submission: Submission,
    ) -> Self {
        let entropy = journey.entropy.as_ref();
        let (key, wrapped_key) = organisation.vault.new_message_key(message, entropy);
        let salt = Salt::new(key.salt());
        Self {
            salted: ContentDigest::new(&salt),
            body: journey.store.new_body(organisation.org, message),
            sealer: key.body_sealer(entropy),
            journey,
            organisation,
            submission,
            message,
            key,
            wrapped_key,
            digest: digest::Context::new(&digest::SHA256),
            header: HeaderState::Reading(Vec::with_capacity(2048)),
            clear: Clear::Kept(Kept::new()),
            bytes: 0,
            mark: None,
            test: false,
            answered: None,
            crossing: None,
            rounds: Rounds::default(),
            probe: None,
            stream: String::new(),
        }
    }

    /// The id that the message was given.
    pub(crate) fn message(&self) -> MessageId {
        self.message
    }

    /// An application hands it in: for a test, or as a request that may come once.
    pub(crate) fn as_application(&mut self, test: bool, mark: Option<Mark>) {
        (self.test, self.mark) = (test, mark);
    }

    /// A recipient hands it in at the portal, in reply to another message.
    pub(crate) fn as_reply(&mut self, answered: Answered) {
        self.test = answered.is_test();
        self.answered = Some(answered);
    }

    async fn take(&mut self, content: &[u8]) -> Result<(), Reply> {
        match &mut self.header {
            HeaderState::Read(_) => {
                self.look_at(content);
                self.store_bytes(content).await
            }
            HeaderState::Reading(header) => {
                let searched = header.len().saturating_sub(3);
                header.extend_from_slice(content);
                match header_end(header, searched) {
                    Some(end) => self.end_header(end).await,
                    None if header.len() > HEADER_BYTES_MAX => Err(reply::header_refused(HeaderRefused::TooLarge)),
                    None => Ok(()),
                }
            }
        }
    }

    /// Reads the header block, whose empty line begins at `end`, and stores it
    /// with whatever of the body is there already.
    async fn end_header(&mut self, end: usize) -> Result<(), Reply> {
        let HeaderState::Reading(raw) = &mut self.header else {
            return Ok(());
        };
        let raw = std::mem::take(raw);
        let (header, rest) = raw.split_at(end.min(raw.len()));
        let arrival = self.read_header(header)?;
        self.stream = self.stream(&arrival)?;
        self.rounds = Rounds::read(&self.journey, header, &self.submission.envelope);
        self.rounds.judge(&self.journey, &self.submission).await?;
        if matches!(self.submission.passage, Passage::Known { .. }) {
            self.probe = Probe::read(&self.organisation.vault, header, self.journey.clock.now());
        }
        self.crossing = Crossing::begin(&self.journey, &self.submission, header).await;
        self.store_bytes(&arrival.header).await?;
        self.header = HeaderState::Read(Box::new(arrival));
        match rest {
            [] => self.store_bytes(b"\r\n").await,
            rest => {
                self.look_at(rest.strip_prefix(b"\r\n").unwrap_or(rest));
                self.store_bytes(rest).await
            }
        }
    }

    fn read_header(&self, header: &[u8]) -> Result<Arrival, Reply> {
        if self.is_inbound() {
            return inbound::read(header).map_err(reply::header_refused);
        }
        let received = self.received_field();
        let session = Session {
            message: self.message,
            received: &received,
            now: self.journey.clock.now(),
            hostname: &self.journey.settings.hostname,
        };
        let arrival = arrival::read(header, &session).map_err(reply::header_refused)?;
        let sender = &self.submission.sender;
        // A mail system of one's own vouches for its Sender; a credential does for nothing but its own addresses.
        let senders = match self.submission.passage {
            Passage::Submitted => arrival.senders.as_deref(),
            Passage::Outbound(_) | Passage::Known { .. } | Passage::Inbound(_) => Some([].as_slice()),
        };
        let Some(senders) = senders else { return Err(reply::author_not_allowed()) };
        match arrival.from.iter().chain(senders).all(|author| sender.may_send_as(author)) {
            true => Ok(arrival),
            false => Err(reply::author_not_allowed()),
        }
    }

    /// The stream of the message: its own choice counts from a submitter alone.
    fn stream(&self, arrival: &Arrival) -> Result<String, Reply> {
        if self.is_inbound() || self.answered.is_some() {
            return Ok(streams::INBOUND.to_owned());
        }
        let (wanted, submitter) = (arrival.instructions.stream.as_deref(), self.submission.sender.principal());
        let chosen = self.journey.settings.streams.choose(wanted, &submitter.to_string());
        chosen.map(|stream| stream.name.clone()).map_err(|why| reply::no_stream(&why))
    }

    fn is_inbound(&self) -> bool {
        matches!(self.submission.passage, Passage::Inbound(_))
    }

    fn received_field(&self) -> String {
        let now = self.journey.clock.now();
        arrival::received_field(&self.submission, self.message, &self.journey.settings.hostname, now)
    }

    fn look_at(&mut self, body: &[u8]) {
        if let Some(crossing) = &mut self.crossing {
            crossing.body(body);
        }
    }

    async fn store_bytes(&mut self, bytes: &[u8]) -> Result<(), Reply> {
        self.digest.update(bytes);
        self.salted.update(bytes);
        self.bytes += bytes.len() as u64;
        let keeps = match &mut self.clear {
            Clear::Kept(kept) => kept.extend(bytes, JUDGED_AT_ONCE_MAX, &self.journey.memory),
            Clear::Later => false,
        };
        if !keeps {
            self.clear = Clear::Later;
        }
        let mut sealed = Vec::new();
        self.sealer.push(bytes, &mut sealed);
        match sealed.is_empty() {
            true => Ok(()),
            false => self.body.push(sealed).await.map_err(|why| reply::not_stored(&why)),
        }
    }

    async fn complete(mut self) -> Result<Reply, Reply> {
        if let HeaderState::Reading(header) = &self.header {
            self.end_header(header.len()).await?;
        }
        let HeaderState::Read(arrival) = std::mem::replace(&mut self.header, HeaderState::Reading(Vec::new())) else {
            return Err(reply::try_again());
        };
        let received = self.received_field();
        // Inbound mail gets its fields when it is passed on, and what is outbound has them already.
        let traced = match self.is_inbound() {
            true => traced(&[received.as_bytes(), &arrival.header].concat()),
            false => traced(&arrival.header),
        };
        let crossed = match self.crossing.take() {
            None => Concluded::default(),
            Some(crossing) => {
                crossing
                    .conclude(&self.journey, &self.organisation, &self.submission, &arrival, (self.message, received))
                    .await?
            }
        };
        if let (Some(probe), Passage::Known { connector, .. }) = (self.probe, &self.submission.passage) {
            return Ok(probe.arrived(&self.journey, &self.organisation, Some(&connector.name)).await);
        }
        let mut last = Vec::new();
        self.sealer.finish(&mut last);
        self.body.push(last).await.map_err(|why| reply::not_stored(&why))?;
        let body = self.body.finish().await.map_err(|why| reply::not_stored(&why))?;
        let mut arrived = Arrived {
            traced,
            manifest: manifest(
                &self.submission,
                &arrival,
                crossed.manifest,
                self.digest.finish(),
                self.salted.finish(),
            ),
            subject: arrival.subject,
            journey: self.journey,
            organisation: self.organisation,
            submission: self.submission,
            message: self.message,
            key: self.key,
            wrapped_key: self.wrapped_key,
            clear: self.clear,
            bytes: self.bytes,
            mark: self.mark,
            proofs: crossed.once,
            shown: crossed.event,
            harvest: crossed.harvest,
            answered: self.answered,
        };
        arrived.manifest.test = self.test;
        arrived.manifest.stream = self.stream;
        arrived.manifest.passages = self.rounds.earlier;
        arrived.manifest.looped = self.rounds.looped.into_iter().map(|(_, _, recipient)| recipient).collect();
        if let Some(answered) = &arrived.answered {
            arrived.manifest.crossed = Some(answered.crossed());
        }
        if let Some(passphrase) = arrival.passphrase {
            let hint = arrived.manifest.instructions.hint.clone();
            arrived.manifest.passphrase = Some(arrived.journey.hash_passphrase(passphrase, hint).await?);
        }
        arrived.enter(body).await
    }
}

impl Intake for Arriving {
    fn push<'a>(&'a mut self, content: &'a [u8]) -> Answer<'a, Result<(), Reply>> {
        Box::pin(self.take(content))
    }

    fn finish(self: Box<Self>) -> Answer<'static, Reply> {
        Box::pin(async move {
            match self.complete().await {
                Ok(reply) | Err(reply) => reply,
            }
        })
    }
}

/// Where the empty line after the header block begins, looking from `from`.
pub(crate) fn header_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(0);
    }
    let tail = bytes.get(from..)?;
    tail.windows(4).position(|window| window == b"\r\n\r\n").map(|at| from + at + 2)
}

fn manifest(
    submission: &Submission,
    arrival: &Arrival,
    crossed: Option<Crossed>,
    digest: digest::Digest,
    content_sha256: Digest,
) -> Manifest {
    let mut body_sha256 = [0; 32];
    body_sha256.copy_from_slice(digest.as_ref());
    Manifest {
        version: 1,
        envelope: submission.envelope.clone(),
        submitter: submission.sender.principal().to_string(),
        stream: String::new(),
        from: arrival.from.clone(),
        message_id: arrival.message_id.clone(),
        body_sha256,
        content_sha256,
        instructions: arrival.instructions.clone(),
        passphrase: None,
        peer: submission.peer,
        helo: submission.helo.clone(),
        test: false,
        crossed,
        tls: submission.tls.as_ref().map(|tls| (tls.version.to_owned(), tls.cipher.clone())),
        passages: Vec::new(),
        tls_required_no: arrival.tls_required_no,
        looped: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_block_ends_at_its_empty_line() {
        assert_eq!(header_end(b"\r\nbody", 0), Some(0));
        assert_eq!(header_end(b"A: 1\r\n\r\nb", 0), Some(6));
        assert_eq!(header_end(b"A: 1\r\n\r\nb", 4), Some(6));
        assert_eq!(header_end(b"A: 1\r\n", 0), None);
        assert_eq!(header_end(b"", 0), None);
    }
}
