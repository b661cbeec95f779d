//! A message that crosses the border by port 25, while it arrives: whom it
//! comes from is asked, and what was found goes with it.

use aws_lc_rs::digest;
use ledger::Event;
use mail::{Address, Domain, MessageId, OrgId, Reply, header};
use provenance::spf::{Identity, SpfResult};
use provenance::{CheckResult, Client, DmarcResult, Impersonation, Inquiry, Verdicts, results};

use crate::arrival::Arrival;
use crate::case::later;
use crate::gateway::proof::{AGE_MAX, Claim};
use crate::gateway::{Caller, Gateway, Passage};
use crate::harvest::Ground;
use crate::journey::Journey;
use crate::listener::Submission;
use crate::manifest::Crossed;
use crate::mark::Mark;
use crate::organisation::Organisation;
use crate::reply;

/// The fields of a message that its author's program wrote.
const AUTHOR_S: [&str; 6] = ["From", "To", "Cc", "Date", "Message-ID", "Subject"];

/// A message whose origin is being asked about.
pub(crate) struct Crossing {
    inquiry: Option<Inquiry>,
    claim: Option<Claim>,
    shown: String,
    /// Over what a retry of the same message has again: its author's fields and its body.
    same: digest::Context,
}

/// What was found of a message's origin, for its row, its timeline, and the
/// memory of proofs that were used.
#[derive(Default)]
pub(crate) struct Concluded {
    pub manifest: Option<Crossed>,
    pub event: Option<Event>,
    pub once: Vec<Mark>,
    pub harvest: Option<Ground>,
}

impl Crossing {
    /// Begins where the header block of a message of the gateway is whole; none
    /// for any other message.
    pub async fn begin(journey: &Journey, submission: &Submission, header: &[u8]) -> Option<Self> {
        let (asks, claims) = match &submission.passage {
            Passage::Submitted | Passage::Outbound(_) => return None,
            Passage::Known { by_dkim, .. } => (*by_dkim, *by_dkim),
            Passage::Inbound(_) => (true, false),
        };
        let gateway = journey.gateway.get().filter(|_| asks);
        let client = Client {
            address: submission.peer,
            helo: &submission.helo,
            sender: submission.envelope.sender.0.as_ref(),
            receiver: &journey.settings.hostname,
        };
        let inquiry = match gateway {
            Some(gateway) => Some(Inquiry::begin(gateway.dns.as_ref(), client, header, journey.clock.now()).await),
            None => None,
        };
        let from = header::fields(header).find(|field| field.is("From"));
        let shown = from.map(|field| mail::reading::unstructured(field.value)).unwrap_or_default();
        let mut same = digest::Context::new(&digest::SHA256);
        // A server may sign anew, and trace its own retry: those fields are not compared.
        let is_author_s = |field: &header::Field<'_>| AUTHOR_S.iter().any(|name| field.is(name));
        for field in header::fields(header).filter(is_author_s) {
            same.update(field.raw);
        }
        Some(Self { inquiry, claim: claims.then(|| Claim::read(header)), shown, same })
    }

    /// The next bytes of the body, as they were received.
    pub fn body(&mut self, bytes: &[u8]) {
        self.same.update(bytes);
        if let Some(inquiry) = &mut self.inquiry {
            inquiry.body(bytes);
        }
    }

    /// The message is whole: it goes on with what was found, or it is refused.
    pub async fn conclude(
        self,
        journey: &Journey,
        organisation: &Organisation,
        submission: &Submission,
        arrival: &Arrival,
        (message, received): (MessageId, String),
    ) -> Result<Concluded, Reply> {
        let gateway = journey.gateway.get();
        let verdicts = match (self.inquiry, gateway) {
            (Some(inquiry), Some(gateway)) => {
                let authors: Vec<Domain> = arrival.from.iter().map(|author| author.domain().clone()).collect();
                Some(inquiry.conclude(gateway.dns.as_ref(), &authors).await)
            }
            _ => None,
        };
        match (&submission.passage, verdicts, gateway) {
            (Passage::Known { connector, by_dkim: false }, _, _) => {
                let manifest = Some(Crossed::Outbound { connector: connector.name.clone() });
                Ok(Concluded { manifest, ..Concluded::default() })
            }
            (Passage::Known { connector, by_dkim: true }, Some(verdicts), _) => {
                let recipients: Vec<Address> =
                    submission.envelope.recipients.iter().map(|to| to.address.clone()).collect();
                let now = journey.clock.now();
                let claim = self.claim.ok_or_else(reply::tenant_not_proven)?;
                if !claim.is_proven(connector, &verdicts.dkim, &arrival.from, &recipients, now) {
                    return Err(not_proven(&verdicts));
                }
                let digest = content_digest(organisation, self.same.finish().as_ref(), &recipients);
                let once = used_up(organisation, &claim, &recipients, (message, digest), now);
                let manifest = Some(Crossed::Outbound { connector: connector.name.clone() });
                Ok(Concluded { manifest, once, ..Concluded::default() })
            }
            (Passage::Inbound(_), Some(verdicts), Some(gateway)) => {
                inbound(journey, gateway, submission, arrival, verdicts, &self.shown, received)
            }
            _ => Err(reply::try_again()),
        }
    }
}

/// A key that could not be asked for may be there in a minute.
fn not_proven(verdicts: &Verdicts) -> Reply {
    match verdicts.dkim.iter().any(|signature| signature.result == CheckResult::Temperror) {
        true => reply::try_again(),
        false => reply::tenant_not_proven(),
    }
}

/// A signature counts once for each recipient: who has the message could else
/// bring it again for as long as it is fresh.
fn used_up(
    organisation: &Organisation,
    claim: &Claim,
    recipients: &[Address],
    (message, digest): (MessageId, [u8; 32]),
    now: jiff::Timestamp,
) -> Vec<Mark> {
    let id = claim.message_id().unwrap_or_default();
    let mark = |recipient: &Address| organisation.vault.once_hash(format!("gateway\n{id}\n{recipient}").as_bytes());
    let until = later(now, AGE_MAX * 2);
    recipients.iter().map(|recipient| Mark { mark: mark(recipient), digest, message, now, until }).collect()
}

/// What a retry shares with the message that it is a retry of.
fn content_digest(organisation: &Organisation, content: &[u8], recipients: &[Address]) -> [u8; 32] {
    let mut all: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    all.sort_unstable();
    organisation.vault.once_hash(&[b"gateway content\n", content, all.join("\n").as_bytes()].concat())
}

/// The message that this one was taken as before: a server that lost our 250
/// brings the same content to the same recipients again, and is told so once
/// more. None where anything differs.
pub(crate) async fn taken_as(journey: &Journey, org: OrgId, marks: &[Mark]) -> Option<MessageId> {
    let mut first = None;
    for mark in marks {
        let value = journey.store.once(org, mark.mark).await.ok()??;
        let earlier = Mark::read(&value, mark.now).filter(|earlier| earlier.digest == mark.digest)?;
        if *first.get_or_insert(earlier.message) != earlier.message {
            return None;
        }
    }
    first
}

fn inbound(
    journey: &Journey,
    gateway: &Gateway,
    submission: &Submission,
    arrival: &Arrival,
    verdicts: Verdicts,
    shown: &str,
    received: String,
) -> Result<Concluded, Reply> {
    let dmarc = &verdicts.dmarc;
    if gateway.honours_dmarc && dmarc.result == DmarcResult::Fail && dmarc.asked == provenance::Asked::Reject {
        return Err(reply::dmarc_refused());
    }
    let names = submission.tls.as_ref().map(|tls| tls.client_names.as_slice()).unwrap_or_default();
    let caller = Caller { address: submission.peer, is_tls: submission.tls.is_some(), names };
    // Whoever shares a provider with the organisation passes its SPF too.
    let is_shared = gateway.is_shared(caller);
    let is_proven = dmarc.result == DmarcResult::Pass && (dmarc.by_dkim || !is_shared);
    let known = gateway.known.get(&submission.sender.org);
    let pretends = known.map(|known| known.judge(&arrival.from, shown, is_proven)).unwrap_or_default();
    let event = Event::Authenticated {
        results: results::value(&journey.settings.hostname, &verdicts).replace("\r\n\t", " "),
        warnings: pretends.iter().map(ToString::to_string).collect(),
        return_path: is_return_path_proven(&verdicts),
    };
    let may_bring_keys = journey.settings.harvest && is_proven && pretends.is_empty();
    let harvest = may_bring_keys.then(|| Ground::of(&verdicts, arrival, is_shared)).flatten();
    let manifest = Some(Crossed::Inbound { received, verdicts: Box::new(verdicts), pretends });
    Ok(Concluded { manifest, event: Some(event), once: Vec::new(), harvest })
}

/// Whether the sender's own domain says that its mail comes from there: only
/// then is a failure told, for else a forged sender would get the word.
pub(crate) fn is_return_path_proven(verdicts: &Verdicts) -> bool {
    verdicts.spf.identity == Identity::Mailfrom && verdicts.spf.result == SpfResult::Pass
}

/// The fields that stand above an inbound copy, the newest first.
pub(crate) fn fields_above(hostname: &str, received: &str, verdicts: &Verdicts, pretends: &[Impersonation]) -> String {
    let warnings: String =
        pretends.iter().map(|one| format!("X-Sealpost-Warning: {}; {one}\r\n", one.word())).collect();
    format!("{warnings}Authentication-Results: {}\r\n{received}", results::value(hostname, verdicts))
}
