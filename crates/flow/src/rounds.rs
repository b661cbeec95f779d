//! Rounds: every copy that leaves bears a field that says to whom it was sent,
//! in tags that only its organisation can write. A message that comes back for
//! somebody whom it was sent to already is in a loop, and is not taken again.
//!
//! The same message may well come back for somebody else: a list, a forward.
//! So it is not the field that ends it but the recipient, and each passage
//! adds a field of its own.
//!
//! A stranger can't write such a field for a message that was never sent, and
//! one that is copied from another message names recipients of that one. Whoever
//! has seen a copy can make only messages of his own be refused.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use ledger::Event;
use mail::header::{self, Field};
use mail::{Address, Envelope, MessageId, OrgId, Recipient, Reply};
use store::{StoreError, Write};
use vault::{OrgVault, TagFor};

use crate::case::{Changes, later};
use crate::journey::Journey;
use crate::listener::Submission;
use crate::opened::{NotOpened, Opened};
use crate::reply;

/// The name of the field.
pub const FIELD: &str = "X-Sealpost-Passed";

/// Passages that a message may have behind it: more are a loop through ever
/// new recipients.
const PASSAGES_MAX: usize = 10;
/// Fields of that name that are looked at.
const FIELDS_MAX: usize = 50;
/// Bytes of a recipient's tag: a guess is right once in 2⁶⁴.
const TAG_BYTES: usize = 8;
/// Of the whole field's.
const SEAL_BYTES: usize = 16;
/// Fewer recipients than this are not told apart by the field's length.
const TAGS_MIN: usize = 4;
/// A loop is recorded so often for the same recipients.
const RECORD_EVERY: std::time::Duration = std::time::Duration::from_secs(3_600);

/// What a header block tells of earlier passages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rounds {
    /// The fields of earlier passages that are genuine, with their CRLF.
    pub earlier: Vec<String>,
    /// The recipients who were sent this already, and the message that went.
    pub looped: Vec<(OrgId, MessageId, Address)>,
}

/// A genuine field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub org: OrgId,
    pub message: MessageId,
    tags: Vec<[u8; TAG_BYTES]>,
}

impl Passed {
    /// The field, with its CRLF, of a copy for these recipients.
    pub fn field(vault: &OrgVault, message: MessageId, recipients: &[Recipient]) -> String {
        let tags: Vec<_> = recipients.iter().map(|to| tag_of(vault, message, &to.address)).collect();
        // The field must not tell how many hidden recipients share a copy.
        let padded = tags.len().next_power_of_two().max(TAGS_MIN);
        let padding = (tags.len()..padded).map(|place| padding(vault, message, place));
        let tags: Vec<_> = tags.iter().copied().chain(padding).collect();
        let told: Vec<String> =
            tags.chunks(4).map(|line| line.iter().map(|tag| hex(tag)).collect::<String>()).collect();
        let seal = hex(&seal_of(vault, message, &tags));
        format!("{FIELD}: {message};\r\n\tto={};\r\n\tby={seal}\r\n", told.join("\r\n\t"))
    }

    /// The genuine fields of a header block, the newest first, each with its
    /// bytes as they are written.
    pub fn all(vaults: &[&OrgVault], header: &[u8]) -> Vec<(Self, String)> {
        let fields = header::fields(header).filter(|field| field.is(FIELD)).take(FIELDS_MAX);
        let genuine = |field: Field<'_>| {
            let (message, tags, seal) = parse(field.value)?;
            let is_owner = |vault: &&&OrgVault| verify_slices_are_equal(&seal_of(vault, message, &tags), &seal).is_ok();
            let owner = vaults.iter().find(is_owner)?;
            let raw = format!("{}\r\n", String::from_utf8_lossy(field.raw).trim_end());
            Some((Self { org: owner.org(), message, tags }, raw))
        };
        fields.filter_map(genuine).collect()
    }

    /// Whether that passage was for this recipient.
    pub fn was_for(&self, vault: &OrgVault, recipient: &Address) -> bool {
        self.tags.contains(&tag_of(vault, self.message, recipient))
    }
}

impl Rounds {
    /// What a header block as it was received tells about these recipients.
    pub fn read(journey: &Journey, header: &[u8], envelope: &Envelope) -> Self {
        let vaults: Vec<&OrgVault> = journey.organisations.iter().map(|one| one.vault.as_ref()).collect();
        let passages = Passed::all(&vaults, header);
        let mut rounds = Self::default();
        let is_endless = passages.len() >= PASSAGES_MAX;
        for recipient in envelope.recipients.iter().map(|recipient| &recipient.address) {
            let was_for = |passed: &&Passed| {
                let owner = journey.organisations.find(passed.org);
                owner.is_some_and(|owner| is_endless || passed.was_for(&owner.vault, recipient))
            };
            if let Some(passed) = passages.iter().map(|(passed, _)| passed).find(was_for) {
                rounds.looped.push((passed.org, passed.message, recipient.clone()));
            }
        }
        rounds.earlier = passages.into_iter().map(|(_, raw)| raw).collect();
        rounds
    }

    /// Records what looped in the timelines of the messages that went out.
    /// What loops for every recipient is refused: whoever brings it back tells
    /// its sender.
    pub async fn judge(&self, journey: &Journey, submission: &Submission) -> Result<(), Reply> {
        let mut messages: Vec<(OrgId, MessageId)> =
            self.looped.iter().map(|(org, message, _)| (*org, *message)).collect();
        messages.sort_unstable();
        messages.dedup();
        for (org, message) in messages {
            let recipients = self.looped.iter().filter(|looped| (looped.0, looped.1) == (org, message));
            let recipients: Vec<&Address> = recipients.map(|looped| &looped.2).collect();
            record(journey, org, message, &recipients, submission).await.map_err(|why| reply::not_stored(&why))?;
        }
        match !self.looped.is_empty() && self.looped.len() == submission.envelope.recipients.len() {
            true => Err(reply::looped()),
            false => Ok(()),
        }
    }
}

async fn record(
    journey: &Journey,
    org: OrgId,
    message: MessageId,
    recipients: &[&Address],
    submission: &Submission,
) -> Result<(), StoreError> {
    let opened = match Opened::find(journey, org, message).await {
        Ok(opened) => opened,
        Err(NotOpened::Store(why)) => return Err(why),
        Err(why) => {
            tracing::warn!(%message, %why, "a message came back in a loop, and has no timeline any more");
            return Ok(());
        }
    };
    tracing::warn!(%message, peer = %submission.peer, recipients = recipients.len(), "a message came back in a loop");
    let case = opened.case(journey, journey.clock.now());
    let mut changes = Changes::default();
    for recipient in recipients {
        changes.event(Event::Looped {
            recipient: (*recipient).clone(),
            submitter: submission.sender.principal().to_string(),
            peer: submission.peer,
        });
    }
    // Whoever has a copy could else fill the ledger.
    let what =
        format!("loop\n{message}\n{}", recipients.iter().map(|to| to.to_string()).collect::<Vec<_>>().join("\n"));
    let (mark, until) = (opened.organisation.vault.once_hash(what.as_bytes()), later(case.now, RECORD_EVERY));
    changes.writes.push(Write::Once { mark, value: Vec::new(), now: case.now, until });
    match case.commit(changes).await {
        Err(StoreError::Conflict) => Ok(()),
        done => done,
    }
}

/// The message, the tags and the seal that a field tells.
fn parse(value: &[u8]) -> Option<(MessageId, Vec<[u8; TAG_BYTES]>, Vec<u8>)> {
    let text: String = value.iter().map(|byte| char::from(*byte)).filter(|c| !c.is_ascii_whitespace()).collect();
    let mut parts = text.split(';');
    let message = parts.next()?.parse().ok()?;
    let tags = unhex(parts.next()?.strip_prefix("to=")?)?;
    let seal = unhex(parts.next()?.strip_prefix("by=")?)?;
    let (tags, rest) = tags.as_chunks::<TAG_BYTES>();
    (rest.is_empty() && parts.next().is_none()).then(|| (message, tags.to_vec(), seal))
}

fn tag_of(vault: &OrgVault, message: MessageId, recipient: &Address) -> [u8; TAG_BYTES] {
    // Mail systems write an address in whatever case they know it by.
    let folded = recipient.to_string().to_lowercase();
    first(vault, &[b"to\n", &message.as_bytes()[..], folded.as_bytes()].concat())
}

fn padding(vault: &OrgVault, message: MessageId, place: usize) -> [u8; TAG_BYTES] {
    first(vault, &[b"no\n", &message.as_bytes()[..], &place.to_be_bytes()].concat())
}

fn seal_of(vault: &OrgVault, message: MessageId, tags: &[[u8; TAG_BYTES]]) -> [u8; SEAL_BYTES] {
    first(vault, &[b"by\n", &message.as_bytes()[..], tags.as_flattened()].concat())
}

/// A shortened HMAC is still one (RFC 2104 §5).
fn first<const N: usize>(vault: &OrgVault, what: &[u8]) -> [u8; N] {
    let tag = vault.tag(TagFor::Round, what);
    std::array::from_fn(|at| tag[at])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<_>>()?;
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Entropy;

    const MESSAGE: MessageId = MessageId::from_bytes([3; 16]);

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn vault(org: u8) -> OrgVault {
        vault::RootKey::ephemeral(&Fixed(org)).new_org(OrgId(u32::from(org)), &Fixed(org)).0
    }

    fn recipients(all: &[&str]) -> Vec<Recipient> {
        all.iter().map(|one| Recipient::new(Address::parse(one).unwrap())).collect()
    }

    fn genuine(header: &str, own: &[&OrgVault]) -> Vec<Passed> {
        Passed::all(own, header.as_bytes()).into_iter().map(|(passed, _)| passed).collect()
    }

    #[test]
    fn whom_a_message_was_sent_to_is_known_again() {
        let (own, other) = (vault(1), vault(2));
        let field = Passed::field(&own, MESSAGE, &recipients(&["Staff@clinic.example", "b@clinic.example"]));
        let unfolded = field.trim_end().replace("\r\n\t", " ").replace("Passed", "PASSED");
        for header in [field.clone(), format!("A: 1\r\n{field}B: 2\r\n"), format!("{unfolded}\r\n")] {
            let [passed] = &genuine(&header, &[&other, &own])[..] else { panic!("{header}") };
            assert_eq!((passed.org, passed.message), (OrgId(1), MESSAGE));
            for (to, expect) in
                [("staff@clinic.example", true), ("B@Clinic.example", true), ("c@clinic.example", false)]
            {
                assert_eq!(passed.was_for(&own, &Address::parse(to).unwrap()), expect, "{to}");
            }
        }
    }

    #[test]
    fn a_field_that_nobody_here_wrote_counts_for_nothing() {
        let (own, other) = (vault(1), vault(2));
        let field = Passed::field(&own, MESSAGE, &recipients(&["a@clinic.example"]));
        assert!(genuine(&field, &[&other]).is_empty(), "of another system");
        for at in 0..field.len() {
            let mut edited = field.clone().into_bytes();
            edited[at] ^= 1;
            let edited = String::from_utf8_lossy(&edited).into_owned();
            let is_layout = field.as_bytes()[at].is_ascii_whitespace();
            assert!(is_layout || genuine(&edited, &[&own]).is_empty(), "{edited}");
        }
        for broken in
            ["X-Sealpost-Passed: \r\n", "X-Sealpost-Passed: msg_1; to=; by=\r\n", "X-Sealpost-Passed: ;;;\r\n"]
        {
            assert!(genuine(broken, &[&own]).is_empty(), "{broken}");
        }
    }

    #[test]
    fn the_field_does_not_tell_how_many_share_a_copy() {
        let own = vault(1);
        let all = ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"];
        let lengths: Vec<usize> =
            (1..=5).map(|count| Passed::field(&own, MESSAGE, &recipients(&all[..count])).len()).collect();
        assert!(lengths[..4].iter().all(|length| *length == lengths[0]) && lengths[4] > lengths[0], "{lengths:?}");
        let long = Passed::field(&own, MESSAGE, &recipients(&[all[0]; 100]));
        assert!(long.lines().all(|line| line.len() < 100), "{long}");
    }
}
