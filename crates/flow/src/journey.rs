//! What the steps of the journey share: the seams, the organisations, the
//! bounds on memory, and the signals that wake whoever waits.

use std::sync::{Arc, OnceLock};

use identity::{LoginLimits, Logins};
use mail::{Clock, Entropy, Reply};
use store::{Store, StoreError, Transition};
use tokio::sync::{Notify, Semaphore};
use zeroize::Zeroizing;

use crate::gateway::Gateway;
use crate::harvest;
use crate::keys::{Inquirer, KeyIndex};
use crate::memory::Memory;
use crate::org_keys::{Keeper, Ring};
use crate::organisation::Organisations;
use crate::portal::Passphrase;
use crate::reply;
use crate::reports;
use crate::settings::Settings;
use crate::suppression::Filter;

/// What the steps of the journey share. Held in an `Arc`.
pub struct Journey {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Who is served.
    pub organisations: Organisations,
    /// What an operator may set.
    pub settings: Settings,
    /// Wakes the courier: something was queued.
    pub(crate) queued: Arc<Notify>,
    /// Wakes the judge of large messages: something was accepted undecided.
    pub(crate) undecided: Arc<Notify>,
    /// Wakes who keeps track of keys: a command may have changed some.
    pub(crate) keys_changed: Arc<Notify>,
    /// Wakes who keeps the listeners' certificate: a command may have had a new one.
    pub(crate) certificate_changed: Arc<Notify>,
    /// The addresses for which there are keys.
    pub(crate) keys: Arc<KeyIndex>,
    /// The mailboxes of which something may be suppressed.
    pub(crate) suppressed: Arc<Filter>,
    /// Wakes who keeps that fresh: a command may have changed some.
    pub(crate) suppressions_changed: Arc<Notify>,
    /// Inbound mail that may bring keys.
    pub(crate) harvest: Arc<harvest::Queue>,
    /// Failed logins are counted over all doors and configurations of this process.
    pub(crate) logins: Arc<Logins>,
    /// Inbound mail that may bring reports.
    pub(crate) reports: Arc<reports::Queue>,
    /// The organisations' own keys.
    pub(crate) org_keys: Arc<Ring>,
    /// Who keeps own keys elsewhere, if anybody does.
    pub(crate) keeper: Arc<OnceLock<Arc<dyn Keeper>>>,
    /// The gateway, where there is one.
    pub(crate) gateway: OnceLock<Arc<Gateway>>,
    /// What asks the issuers of certificates, where they are asked.
    pub(crate) inquirer: OnceLock<Arc<Inquirer>>,
    pub(crate) memory: Memory,
    hashing: Arc<Semaphore>,
}

impl Journey {
    /// A journey over these seams.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        organisations: Organisations,
        settings: Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            entropy,
            organisations,
            queued: Arc::default(),
            undecided: Arc::default(),
            keys_changed: Arc::default(),
            certificate_changed: Arc::default(),
            keys: Arc::default(),
            suppressed: Arc::default(),
            suppressions_changed: Arc::default(),
            harvest: Arc::default(),
            logins: Arc::new(Logins::new(LoginLimits {
                failures_max: settings.login_failures_max,
                ..LoginLimits::default()
            })),
            reports: Arc::default(),
            org_keys: Arc::default(),
            keeper: Arc::default(),
            gateway: OnceLock::new(),
            inquirer: OnceLock::new(),
            memory: Memory::new(settings.memory_bytes_max),
            hashing: Arc::new(Semaphore::new(settings.hashing_max)),
            settings,
        })
    }

    /// A journey over the same store and seams under another configuration. Who
    /// still works under the old one wakes those who work under this.
    pub fn succeeding(&self, organisations: Organisations, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            store: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            organisations,
            queued: self.queued.clone(),
            undecided: self.undecided.clone(),
            keys_changed: self.keys_changed.clone(),
            certificate_changed: self.certificate_changed.clone(),
            keys: self.keys.clone(),
            suppressed: self.suppressed.clone(),
            suppressions_changed: self.suppressions_changed.clone(),
            harvest: self.harvest.clone(),
            logins: self.logins.clone(),
            reports: self.reports.clone(),
            org_keys: self.org_keys.clone(),
            keeper: self.keeper.clone(),
            gateway: OnceLock::new(),
            inquirer: OnceLock::new(),
            memory: Memory::new(settings.memory_bytes_max),
            hashing: Arc::new(Semaphore::new(settings.hashing_max)),
            settings,
        })
    }

    /// Opens the gateway; once.
    pub fn open_gateway(&self, gateway: Arc<Gateway>) {
        // A second one would be a mistake of the wiring, and the first stays.
        let _ = self.gateway.set(gateway);
    }

    /// Has own keys used that are kept elsewhere; once.
    pub fn keep_keys_elsewhere(&self, keeper: Arc<dyn Keeper>) {
        let _ = self.keeper.set(keeper);
    }

    /// Has the issuers of recipients' certificates asked; once.
    pub fn ask_issuers(&self, inquirer: Arc<Inquirer>) {
        let _ = self.inquirer.set(inquirer);
    }

    /// Looks at the queue, at what is undecided, at keys and at the certificate now: another process changed them.
    pub async fn wake(&self) {
        if let Err(error) = self.store.look_again().await {
            tracing::warn!(%error, "what another process changed in the queue is found later");
        }
        self.queued.notify_one();
        self.undecided.notify_one();
        self.keys_changed.notify_one();
        self.suppressions_changed.notify_one();
        self.certificate_changed.notify_one();
    }

    /// Makes one transition durable.
    pub(crate) async fn commit(&self, transition: Transition) -> Result<(), StoreError> {
        self.suppressed.note(&transition);
        let results = self.store.commit(vec![transition]).await?;
        results.into_iter().next().unwrap_or(Ok(()))
    }

    /// Makes one transition durable with others beside it, each of which may
    /// fail alone.
    pub(crate) async fn commit_with(&self, first: Transition, beside: Vec<Transition>) -> Result<(), StoreError> {
        let all: Vec<Transition> = std::iter::once(first).chain(beside).collect();
        all.iter().for_each(|transition| self.suppressed.note(transition));
        let mut results = self.store.commit(all).await?.into_iter();
        let done = results.next().unwrap_or(Ok(()));
        for error in results.filter_map(Result::err).filter(|error| !matches!(error, StoreError::Conflict)) {
            tracing::error!(%error, "what a message tells of another was not recorded");
        }
        done
    }

    /// Hashes a passphrase off the async threads, a bounded number at a time:
    /// each takes tens of milliseconds and 19 MiB.
    pub(crate) async fn hash_passphrase(
        &self,
        passphrase: Zeroizing<String>,
        hint: Option<String>,
    ) -> Result<Passphrase, Reply> {
        let permit = self.hashing.clone().acquire_owned().await.map_err(|_| reply::try_again())?;
        let entropy = self.entropy.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            let hashed = Passphrase::new(&passphrase, hint.as_deref(), entropy.as_ref());
            drop(permit);
            hashed
        });
        match hashing.await {
            Ok(hashed) => hashed.map_err(|why| reply::passphrase_refused(&why)),
            Err(_) => Err(reply::try_again()),
        }
    }
}
