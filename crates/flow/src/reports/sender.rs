//! Once a day, by one node: the reports of the day before go to the domains
//! that ask for them, by HTTPS and by mail (RFC 8460 §3, §5).
//!
//! What was counted is forgotten in the transaction that queues the mail, so
//! that no other node sends it again. A report by HTTPS that fails is tried
//! again for a day; a receiver knows a report that comes twice by its id.

use std::sync::Arc;
use std::time::Duration;

use discovery::fetch::{Bounds, FetchConfig, Fetcher, Url};
use identity::{Action, Principal, Resource, authorize};
use jiff::Timestamp;
use ledger::{ContentDigest, Door, Event, Salt};
use mail::envelope::Notify;
use mail::seam::random;
use mail::{Address, Domain, Envelope, MessageId, Recipient, ReversePath};
use seal::{Parcel, TlsAsked};
use store::{Acceptance, Dimensions, MessageState, StoreError, TlsSessionRow, Transition, Write};
use tokio::sync::watch;
use transport::mta_sts::{StsPolicy, TlsRptRecord};
use transport::{DnsName, RecordKind, SecureDns};
use vault::Label;

use super::day::Day;
use super::letter::Letter;
use super::received::ReportTrouble;
use super::sessions::{Session, begin_of, day_of};
use crate::arrival::Instructions;
use crate::case::{Case, Changes, later};
use crate::journey::Journey;
use crate::manifest::Manifest;
use crate::organisation::Organisation;
use crate::streams;
use crate::sts::KeptPolicies;

const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);
/// How long a node that died keeps others from reporting.
const CLAIM: Duration = Duration::from_secs(60 * 60);
const CLAIM_NAME: &str = "tls_reports";
/// Rows that are read at a time.
const ROWS_MAX: usize = 20_000;
/// Days after which a report that could not be sent is given up.
const DAYS_MAX: i64 = 3;
/// Places to which one domain's report goes.
const PLACES_MAX: usize = 4;
/// Reports go out within so many hours of midnight, each domain's at a time of its own.
const SPREAD_S: u64 = 4 * 3_600;
/// What a report by HTTPS may cost; the answer is not read.
const POST: Bounds =
    Bounds { body_bytes_max: 64 * 1024, time: Duration::from_secs(60), redirects_max: 0, addresses_max: 4 };

/// What reports to other domains.
pub struct Reporter {
    journey: Arc<Journey>,
    dns: Arc<dyn SecureDns>,
    fetcher: Fetcher,
    /// Tells this node from others.
    holder: [u8; 16],
}

/// What became of one domain's report.
enum Sent {
    /// It is done with: sent, or nobody asks for it.
    Done,
    /// Not now.
    Later,
}

/// The report of one day and one domain.
struct Due<'a> {
    organisation: &'a Organisation,
    day: i64,
    index: [u8; 16],
    sessions: Vec<(Session, u64)>,
}

impl Reporter {
    /// Reports by this DNS and this fetcher.
    pub fn new(journey: Arc<Journey>, dns: Arc<dyn SecureDns>, fetcher: Fetcher) -> Self {
        let holder = random(journey.entropy.as_ref());
        Self { journey, dns, fetcher, holder }
    }

    /// The fetcher that reports should go by: to public addresses on the usual port.
    pub const fn places(allow_private: bool) -> FetchConfig {
        FetchConfig { port: 443, allow_private, other_ports: false }
    }

    /// Reports when a day is over, until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return,
                looked = self.look() => if let Err(error) = looked {
                    tracing::error!(%error, "reports on TLS can't be sent");
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Sends what is due; gives how many reports are done with. While another
    /// node sends, that is none.
    ///
    /// # Errors
    /// [`ReportTrouble`] as it says; what was sent before stays sent.
    pub async fn look(&self) -> Result<usize, ReportTrouble> {
        let mut done = 0;
        let organisations: Vec<Arc<Organisation>> = self.journey.organisations.iter().cloned().collect();
        for organisation in organisations {
            done += self.look_for(&organisation).await?;
        }
        Ok(done)
    }

    async fn look_for(&self, organisation: &Organisation) -> Result<usize, ReportTrouble> {
        let org = organisation.org;
        authorize(&Principal::System { org }, Action::KeepReports, &Resource::Organisation(org))?;
        let today = day_of(self.journey.clock.now());
        let rows = self.journey.store.tls_sessions(org, today, ROWS_MAX).await?;
        if rows.is_empty() || !self.claim(org).await? {
            return Ok(0);
        }
        // Another node may have sent some before this one had the claim.
        let rows = self.journey.store.tls_sessions(org, today, ROWS_MAX).await?;
        // Where there are more than are read, those of the last domain may not be all.
        let is_cut = rows.len() >= ROWS_MAX;
        let last = rows.last().map(|row| (row.day, row.domain)).filter(|_| is_cut);
        let whole = rows.iter().position(|row| Some((row.day, row.domain)) == last).filter(|at| *at > 0);
        let rows = rows.get(..whole.unwrap_or(rows.len())).unwrap_or_default();
        let mut done = 0;
        for of_domain in rows.chunk_by(|one, other| (one.day, one.domain) == (other.day, other.domain)) {
            if let Some(due) = self.due(organisation, of_domain)
                && matches!(self.send(&due).await?, Sent::Done)
            {
                done += 1;
            }
        }
        self.release(org).await?;
        Ok(done)
    }

    /// The report of these rows, if its time has come.
    fn due<'o>(&self, organisation: &'o Organisation, rows: &[TlsSessionRow]) -> Option<Due<'o>> {
        let first = rows.first()?;
        let slot = first.domain.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)) % SPREAD_S;
        let at = later(begin_of(first.day.saturating_add(1)), Duration::from_secs(slot));
        if self.journey.clock.now() < at {
            return None;
        }
        let open = |row: &TlsSessionRow| match Session::open(organisation, row) {
            Ok(session) => Some((session, u64::try_from(row.sessions).unwrap_or_default())),
            Err(error) => {
                tracing::error!(%error, "a count of TLS sessions is left out of its report");
                None
            }
        };
        let sessions = rows.iter().filter_map(open).collect();
        Some(Due { organisation, day: first.day, index: first.domain, sessions })
    }

    async fn send(&self, due: &Due<'_>) -> Result<Sent, ReportTrouble> {
        let age = day_of(self.journey.clock.now()).saturating_sub(due.day);
        let Some((first, _)) = due.sessions.first().filter(|_| age <= DAYS_MAX) else { return self.forget(due).await };
        let domain = first.domain.clone();
        let Some(places) = self.places_of(&domain).await else { return Ok(Sent::Later) };
        let Some(submitter) = due.organisation.profile.domains.first() else { return self.forget(due).await };
        let from = postmaster(submitter);
        let sts = self.sts_of(due, &domain).await;
        let (name, contact) = (&due.organisation.profile.name, from.to_string());
        let day = Day {
            day: due.day,
            domain: &domain,
            organisation: name,
            submitter,
            contact: &contact,
            sts: sts.as_ref(),
            sessions: &due.sessions,
        };
        let report = day.report();
        let packed = reports::pack(&report.to_json());
        for url in &places.urls {
            if !self.post(url, &packed).await && age <= 1 {
                return Ok(Sent::Later);
            }
        }
        let mut forgets = true;
        for to in &places.mailboxes {
            let letter = |unique: &str| {
                Letter {
                    from: &from,
                    name,
                    to,
                    domain: &domain,
                    submitter,
                    report_id: &report.report_id,
                    begin: report.date_range.start_datetime,
                    end: report.date_range.end_datetime,
                    packed: &packed,
                    now: self.journey.clock.now(),
                    unique,
                    hostname: &self.journey.settings.hostname,
                }
                .render()
            };
            if !self.queue(due, &from, to, letter, forgets).await? {
                return Ok(Sent::Later);
            }
            forgets = false;
        }
        match forgets {
            true => self.forget(due).await,
            false => Ok(Sent::Done),
        }
    }

    /// Where a domain wants reports; none where that can't be told now.
    async fn places_of(&self, domain: &Domain) -> Option<Places> {
        let name = DnsName::from(domain).under("_smtp._tls")?;
        let answer = self.dns.lookup(&name, RecordKind::Txt).await.ok()?;
        Some(match TlsRptRecord::of(answer.texts()) {
            TlsRptRecord::Present { rua } => Places::of(&rua),
            TlsRptRecord::Absent | TlsRptRecord::Broken(_) => Places::default(),
        })
    }

    async fn sts_of(&self, due: &Due<'_>, domain: &Domain) -> Option<StsPolicy> {
        let kept = KeptPolicies(self.journey.clone());
        kept.find(due.organisation.org, domain).await.ok().flatten().map(|known| known.policy)
    }

    /// RFC 8460 §5.4: any answer of success will do.
    async fn post(&self, url: &Url, packed: &[u8]) -> bool {
        match self.fetcher.post(url, "application/tlsrpt+gzip", packed, POST).await {
            Ok(answer) if (200..300).contains(&answer.status) => true,
            Ok(answer) => {
                tracing::warn!(status = answer.status, "a report on TLS was not taken");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "a report on TLS could not be handed over");
                false
            }
        }
    }

    /// Queues a report as mail; with the first of a domain, its counts are
    /// forgotten. False where another node was quicker.
    async fn queue(
        &self,
        due: &Due<'_>,
        from: &Address,
        to: &Address,
        letter: impl Fn(&str) -> String,
        forgets: bool,
    ) -> Result<bool, ReportTrouble> {
        let (journey, organisation) = (&*self.journey, due.organisation);
        let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
        let message = MessageId::new(now, entropy);
        let text = letter(&message.to_string().to_ascii_lowercase());
        let (key, wrapped_key) = organisation.vault.new_message_key(message, entropy);
        let mut body = journey.store.new_body(organisation.org, message);
        let mut sealer = key.body_sealer(entropy);
        let mut sealed = Vec::new();
        sealer.push(text.as_bytes(), &mut sealed);
        sealer.finish(&mut sealed);
        body.push(sealed).await?;
        let body = body.finish().await?;
        let recipient = Recipient { notify: Notify::NEVER, ..Recipient::new(to.clone()) };
        let manifest = manifest_of_report(from, &recipient, &text, &Salt::new(key.salt()));
        let case = Case { journey, organisation, manifest: &manifest, message, key: &key, received_at: now, now };
        let mut changes = Changes::default();
        changes.event(accepted(&manifest, text.len()));
        changes.writes.push(Write::Accept(Box::new(Acceptance {
            message,
            received_at: now,
            state: MessageState::Decided,
            body,
            wrapped_key,
            envelope: key.seal(Label::Envelope, &[], &manifest.to_bytes(), entropy),
            dimensions: dimensions(organisation, to.domain(), text.len()),
        })));
        let parcel = Parcel::word(case.stamp(), recipient, text).asking(TlsAsked::NotInsisted);
        case.queue(&parcel, &mut changes);
        if forgets {
            changes.writes.push(Write::TlsReported { day: due.day, domain: due.index });
        }
        match case.commit(changes).await {
            Ok(()) => {
                journey.queued.notify_one();
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn forget(&self, due: &Due<'_>) -> Result<Sent, ReportTrouble> {
        let write = Write::TlsReported { day: due.day, domain: due.index };
        let transition = Transition { org: due.organisation.org, writes: vec![write], journal: None };
        match self.journey.commit(transition).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(Sent::Done),
            Err(error) => Err(error.into()),
        }
    }

    async fn claim(&self, org: mail::OrgId) -> Result<bool, StoreError> {
        let now = self.journey.clock.now();
        match self.claim_until(org, now, later(now, CLAIM)).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn release(&self, org: mail::OrgId) -> Result<(), StoreError> {
        let now = self.journey.clock.now();
        match self.claim_until(org, now, now).await {
            // Another node has it.
            Err(StoreError::Conflict) => Ok(()),
            released => released,
        }
    }

    async fn claim_until(&self, org: mail::OrgId, now: Timestamp, until: Timestamp) -> Result<(), StoreError> {
        let claim = Write::Claim { name: CLAIM_NAME, holder: self.holder, now, until };
        self.journey.commit(Transition { org, writes: vec![claim], journal: None }).await
    }
}

/// Where a domain wants reports.
#[derive(Debug, Default, PartialEq)]
struct Places {
    urls: Vec<Url>,
    mailboxes: Vec<Address>,
}

impl Places {
    fn of(rua: &[String]) -> Self {
        let mut places = Self::default();
        for uri in rua.iter().take(PLACES_MAX) {
            match mailbox(uri) {
                Some(mailbox) => places.mailboxes.push(mailbox),
                None => places.urls.extend(Url::parse(uri).ok()),
            }
        }
        places
    }
}

/// The address of a `mailto:` (RFC 6068), without what follows a question mark.
fn mailbox(uri: &str) -> Option<Address> {
    let (scheme, rest) = uri.split_once(':')?;
    let address = rest.split('?').next().unwrap_or_default();
    Address::parse(address).ok().filter(|_| scheme.eq_ignore_ascii_case("mailto"))
}

fn postmaster(domain: &Domain) -> Address {
    Address::parse(&format!("postmaster@{domain}")).expect("a domain of the configuration makes an address")
}

pub(super) fn manifest_of_report(from: &Address, to: &Recipient, text: &str, salt: &Salt) -> Manifest {
    let mut content = ContentDigest::new(salt);
    content.update(text.as_bytes());
    Manifest {
        stream: streams::REPORTS.to_owned(),
        version: 1,
        envelope: Envelope {
            sender: ReversePath(None),
            recipients: vec![to.clone()],
            envid: None,
            smtputf8: !to.address.is_ascii(),
            requiretls: false,
        },
        submitter: "reports".to_owned(),
        from: vec![from.clone()],
        message_id: None,
        body_sha256: seal::body_digest(text.as_bytes()),
        content_sha256: content.finish(),
        instructions: Instructions::default(),
        passphrase: None,
        peer: std::net::Ipv4Addr::UNSPECIFIED.into(),
        helo: String::new(),
        test: false,
        crossed: None,
        tls: None,
        passages: Vec::new(),
        tls_required_no: true,
        looped: Vec::new(),
    }
}

fn accepted(manifest: &Manifest, bytes: usize) -> Event {
    Event::Accepted {
        stream: Some(streams::REPORTS.to_owned()),
        door: Door::Reports,
        submitter: manifest.submitter.clone(),
        peer: manifest.peer,
        tls: None,
        sender: manifest.envelope.sender.clone(),
        recipients: manifest.envelope.recipients.iter().map(|to| to.address.clone()).collect(),
        body_bytes: bytes as u64,
    }
}

fn dimensions(organisation: &Organisation, domain: &Domain, bytes: usize) -> Dimensions {
    Dimensions {
        stream: streams::REPORTS.to_owned(),
        campaign: None,
        tags: Vec::new(),
        fields: std::collections::BTreeMap::new(),
        subject_index: organisation.vault.subject_index("tls report"),
        recipient_domains: vec![organisation.vault.domain_index(domain)],
        body_bytes: bytes as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_mailboxes_and_addresses_of_https() {
        let rua = ["mailto:tls@r.example?subject=x", "https://r.example/v1", "MAILTO:b@r.example", "https://10.0.0.1/"];
        let places = Places::of(&rua.map(str::to_owned));
        assert_eq!(
            places.mailboxes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["tls@r.example", "b@r.example"]
        );
        assert_eq!(places.urls.len(), 1);
    }
}
