//! What the steps of the journey share: the seams, the organisations, the
//! bounds on memory, and the signals that wake whoever waits.

use std::sync::Arc;

use mail::{Clock, Entropy, Reply};
use store::{Store, StoreError, Transition};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

use crate::organisation::Organisations;
use crate::portal::Passphrase;
use crate::reply;
use crate::settings::Settings;

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
    pub(crate) queued: Notify,
    /// Wakes the judge of large messages: something was accepted undecided.
    pub(crate) undecided: Notify,
    memory: Semaphore,
    hashing: Arc<Semaphore>,
}

/// The unit in which memory is lent.
const LENT_BYTES: usize = 1024;

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
            queued: Notify::new(),
            undecided: Notify::new(),
            memory: Semaphore::new(settings.memory_bytes_max / LENT_BYTES),
            hashing: Arc::new(Semaphore::new(settings.hashing_max)),
            settings,
        })
    }

    /// Makes one transition durable.
    pub(crate) async fn commit(&self, transition: Transition) -> Result<(), StoreError> {
        let results = self.store.commit(vec![transition]).await?;
        results.into_iter().next().unwrap_or(Ok(()))
    }

    /// Waits for the memory that a message of `bytes` takes while it is judged
    /// or sent: the content, and what is made of it.
    pub(crate) async fn memory(&self, bytes: u64) -> SemaphorePermit<'_> {
        const COPIES: usize = 3;
        let all = self.settings.memory_bytes_max / LENT_BYTES;
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_mul(COPIES) / LENT_BYTES;
        let permits = u32::try_from(wanted.clamp(1, all)).unwrap_or(u32::MAX);
        self.memory.acquire_many(permits).await.expect("the budget is never closed")
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
