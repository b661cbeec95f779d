//! Looking for a recipient's key in the Web Key Directory of its domain
//! (draft-koch-openpgp-webkey-service), and having the issuer of a certificate
//! asked, off the path on which mail is accepted.
//!
//! A message whose need wants what isn't known waits undecided while it
//! is looked for. Every lookup ends within its time and leaves a row: found,
//! nothing, or not reachable; until that row is too old nobody looks again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery::fetch::{Bounds, FetchError, Fetched, Fetcher, Url};
use identity::{Action, Principal, Resource, authorize};
use jiff::Timestamp;
use keyring::{Found, Material};
use ledger::Event;
use mail::{Address, KeySource, MessageId, Method, Need, RecipientKeyId};
use policy::Action as Decided;
use store::{DiscoveryRow, StoreError, Transition, Write};
use tokio::sync::Semaphore;

use super::lesson::{NotKept, learn};
use super::revocation;
use super::waiting::Waiting;
use crate::case::{Case, later};
use crate::journey::Journey;
use crate::organisation::Organisation;
use crate::prepared::Prepared;

/// Keys are small; one with many signatures is not wanted.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Lookups at a time.
const SLOTS: usize = 32;
/// A host that could not be reached is asked again after this.
const UNREACHABLE_FOR: Duration = Duration::from_secs(15 * 60);

/// Messages that waited for an answer find it for so long.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What came of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// There is none.
    Nothing,
    /// A key was found.
    Found,
    /// The directory could not be asked.
    Unreachable,
}

impl Sought {
    const fn number(self) -> u8 {
        match self {
            Sought::Nothing => 0,
            Sought::Found => 1,
            Sought::Unreachable => 2,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            0 => Sought::Nothing,
            1 => Sought::Found,
            _ => Sought::Unreachable,
        }
    }

    /// The words for it in a timeline.
    pub const fn words(self) -> &'static str {
        match self {
            Sought::Nothing => "the web key directory of the domain has no key that can be used",
            Sought::Found => "a key was found in the web key directory of the domain",
            Sought::Unreachable => "the web key directory of the domain could not be asked",
        }
    }
}

/// Looks for keys.
pub struct Finder {
    journey: Arc<Journey>,
    fetcher: Fetcher,
    waiting: Mutex<Waiting>,
    slots: Semaphore,
}

impl Finder {
    /// A finder that fetches with this.
    pub fn new(journey: Arc<Journey>, fetcher: Fetcher) -> Arc<Self> {
        Arc::new(Self { journey, fetcher, waiting: Mutex::default(), slots: Semaphore::new(SLOTS) })
    }

    /// Whether a message waits for a lookup that is under way.
    pub(crate) fn holds(&self, message: MessageId) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).holds(message)
    }

    /// Begins to look for these on behalf of a message, unless it is done
    /// already; whoever waits is woken when each has ended.
    pub(crate) fn begin(self: &Arc<Self>, organisation: &Arc<Organisation>, message: MessageId, wanted: Vec<Wanted>) {
        for wanted in wanted {
            let index = match &wanted {
                Wanted::Key(address) => organisation.vault.address_index(&address.folded()),
                Wanted::Revocation(key) => *key.as_bytes(),
            };
            let index = (organisation.org, index);
            if !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).begin(message, index) {
                continue;
            }
            let (finder, organisation) = (Arc::clone(self), Arc::clone(organisation));
            tokio::spawn(async move {
                let slot = finder.slots.acquire().await;
                if let Err(error) = finder.find(&organisation, wanted).await {
                    tracing::warn!(%error, "what came of looking for a key could not be kept");
                }
                drop(slot);
                finder.waiting.lock().unwrap_or_else(PoisonError::into_inner).end(&index);
                finder.journey.undecided.notify_one();
            });
        }
    }

    async fn find(&self, organisation: &Organisation, wanted: Wanted) -> Result<(), NotKept> {
        match wanted {
            Wanted::Key(address) => self.look_up(organisation, &address).await.map(drop),
            Wanted::Revocation(key) => Ok(revocation::check(&self.journey, organisation, key).await.map(drop)?),
        }
    }

    /// Looks for a recipient's key now, and keeps what came of it.
    pub async fn look_up(&self, organisation: &Organisation, address: &Address) -> Result<Sought, NotKept> {
        let org = organisation.org;
        let allowed = authorize(&Principal::System { org }, Action::LearnKeys, &Resource::Organisation(org));
        debug_assert!(allowed.is_ok(), "the system learns keys");
        let wait = self.journey.settings.wkd_wait;
        let fetched = tokio::time::timeout(wait, self.fetch(address)).await.unwrap_or(Err(FetchError::TimedOut));
        let (subject, sought) = match fetched {
            Ok(fetched) if fetched.status == 200 => {
                (self.subject(organisation, address), self.take(organisation, address, &fetched).await?)
            }
            Ok(fetched) if fetched.status < 500 => (self.subject(organisation, address), Sought::Nothing),
            // The whole domain has no directory.
            Err(FetchError::NoSuchHost) => (organisation.vault.domain_index(address.domain()), Sought::Nothing),
            Ok(_) | Err(_) => (self.subject(organisation, address), Sought::Unreachable),
        };
        self.remember(organisation, subject, sought).await?;
        Ok(sought)
    }

    fn subject(&self, organisation: &Organisation, address: &Address) -> [u8; 16] {
        organisation.vault.address_index(&address.folded())
    }

    /// The direct name is asked only where the host of the advanced one does not exist.
    async fn fetch(&self, address: &Address) -> Result<Fetched, FetchError> {
        let names = openpgp::wkd::names(address);
        match self.get(&names.advanced).await {
            Err(FetchError::NoSuchHost) => self.get(&names.direct).await,
            answered => answered,
        }
    }

    async fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        let bounds = Bounds {
            body_bytes_max: BODY_BYTES_MAX,
            time: self.journey.settings.wkd_wait,
            redirects_max: 2,
            addresses_max: 4,
        };
        let url = Url::parse(url).map_err(FetchError::Url)?;
        self.fetcher.get(&url, bounds).await
    }

    /// Of the keys in a document, the first that names the address and can be used.
    async fn take(&self, organisation: &Organisation, address: &Address, fetched: &Fetched) -> Result<Sought, NotKept> {
        let now = self.journey.clock.now();
        for certificate in openpgp::Certificate::parse(&fetched.body).unwrap_or_default() {
            let found = Found {
                address: address.clone(),
                material: Material::OpenPgp(certificate),
                source: KeySource::Wkd,
                detail: format!("https://{}", fetched.url.host()),
                is_bound_by_hand: false,
                vouched_by: Vec::new(),
                prefers_encryption: None,
                at: now,
            };
            match learn(&self.journey, organisation, found, "wkd").await {
                Ok(_) => return Ok(Sought::Found),
                Err(NotKept::NotLearned(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Sought::Nothing)
    }

    async fn remember(&self, organisation: &Organisation, subject: [u8; 16], sought: Sought) -> Result<(), StoreError> {
        let at = self.journey.clock.now();
        let lasts = match sought {
            Sought::Nothing | Sought::Found => self.journey.settings.wkd_again,
            Sought::Unreachable => UNREACHABLE_FOR,
        };
        let row = DiscoveryRow { subject, found: sought.number(), at, until: later(at, lasts) };
        let before = at.checked_sub(KEPT_FOR).unwrap_or(at);
        let writes = vec![Write::Discovery(row), Write::ForgetDiscoveries { before }];
        self.journey.commit(Transition { org: organisation.org, writes, journal: None }).await
    }
}

/// What is to be found out before a message's plan.
pub(crate) enum Wanted {
    /// A key for an address.
    Key(Address),
    /// Whether the certificate of a known key is revoked.
    Revocation(RecipientKeyId),
}

/// What is to be found out about the recipients of a message before its plan.
/// What was handed in with a test key asks nobody: nothing of it leaves the machine.
pub(crate) async fn wanted(case: &Case<'_>, prepared: &Prepared) -> Result<Vec<Wanted>, StoreError> {
    if case.manifest.test {
        return Ok(Vec::new());
    }
    let mut wanted: Vec<Wanted> = revocation::wanted(case, prepared).into_iter().map(Wanted::Revocation).collect();
    for address in candidates(case, prepared) {
        if asked(case, address).await?.is_none() {
            wanted.push(Wanted::Key(address.clone()));
        }
    }
    Ok(wanted)
}

/// What came of looking since the message was accepted.
pub(crate) async fn sought(case: &Case<'_>, prepared: &Prepared) -> Result<Vec<Event>, StoreError> {
    let mut events = revocation::sought(case, prepared);
    let recipients = prepared.verdict.recipients.iter();
    for (address, _) in recipients.filter(|(_, decision)| needs_key(&decision.action)) {
        if let Some((at, sought)) = asked(case, address).await?.filter(|(at, _)| *at >= case.received_at) {
            tracing::debug!(%at, "a key was looked for");
            events.push(Event::KeySought { recipient: address.clone(), found: sought.words().to_owned() });
        }
    }
    Ok(events)
}

/// Whose copy needs a key that isn't known, or is known from a directory alone:
/// there it may be revoked or replaced meanwhile.
fn candidates<'a>(case: &'a Case<'_>, prepared: &'a Prepared) -> impl Iterator<Item = &'a Address> {
    let counts = case.organisation.policy.keys.end_to_end.contains(&KeySource::Wkd);
    let is_on = case.journey.settings.wkd && counts && !case.manifest.is_inbound();
    let both = prepared.verdict.recipients.iter().zip(&case.manifest.envelope.recipients);
    both.filter(move |((_, decision), recipient)| {
        let Decided::Deliver { needs } = decision.action else { return false };
        let grounds = seal::Grounds { need: needs, because: Vec::new(), policy_sha256: [0; 32] };
        let is_wanted = || {
            let chosen = prepared.choose(case, recipient, &grounds);
            chosen.method == Method::Portal || chosen.key.is_some_and(|(_, key)| key.source == KeySource::Wkd)
        };
        is_on && needs_key(&decision.action) && is_wanted()
    })
    .map(|((address, _), _)| address)
}

/// Only OpenPGP keys are in a directory.
fn needs_key(action: &Decided) -> bool {
    matches!(action, Decided::Deliver { needs: Need::EndToEnd | Need::OpenPgp })
}

/// What came of looking for a recipient's key the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// When.
    pub at: Timestamp,
    /// Until when nobody looks again.
    pub until: Timestamp,
    /// What came of it.
    pub sought: Sought,
}

/// What is remembered of looking for a recipient's key in a directory.
pub async fn looked_up(
    journey: &Journey,
    organisation: &Organisation,
    address: &Address,
) -> Result<Option<LookedUp>, StoreError> {
    let vault = &organisation.vault;
    let mut last: Option<LookedUp> = None;
    for subject in [vault.domain_index(address.domain()), vault.address_index(&address.folded())] {
        let row = journey.store.discovery(organisation.org, subject).await?;
        let found = row.map(|row| LookedUp { at: row.at, until: row.until, sought: Sought::from_number(row.found) });
        last = last.into_iter().chain(found).max_by_key(|one| one.at);
    }
    Ok(last)
}

/// What is remembered of looking for an address or in its domain.
async fn asked(case: &Case<'_>, address: &Address) -> Result<Option<(Timestamp, Sought)>, StoreError> {
    let vault = &case.organisation.vault;
    for subject in [vault.domain_index(address.domain()), vault.address_index(&address.folded())] {
        let row = case.journey.store.discovery(case.organisation.org, subject).await?;
        // An answer since the message came is fresh enough for it, however short it holds.
        if let Some(row) = row.filter(|row| row.until > case.now || row.at >= case.received_at) {
            return Ok(Some((row.at, Sought::from_number(row.found))));
        }
    }
    Ok(None)
}
