//! Checking logins so that nothing is learned from a wrong one and no flood
//! of them costs more than a fixed share of the machine.
//!
//! What a check costs hangs on the form of what was presented alone: a text
//! with the form of a generated secret costs one SHA-256, any other one
//! argon2id, whether the login exists, is revoked or locked, or not. Both
//! fail with the same word.
//!
//! Guessing at chosen passwords is bounded by 100 failures in a row at one
//! login (SP 800-63B §3.2.2) and by a rate at one address; at generated ones
//! by their 160 bits, so that nobody locks out an application by failing in
//! its name. The counts live in memory: they begin anew with the
//! process, outlast a reload, and each node has its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mail::OrgId;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::block::block_of;
use crate::credential::{Credential, Proof};
use crate::password::ChosenHash;
use crate::secret::{self, SecretHash};
use crate::sender::Sender;

/// Why a client is not recognised. It can't tell an unknown login from a
/// wrong password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthRefused {
    /// Unknown, wrong, revoked or locked.
    #[error("the login or the password is wrong")]
    Wrong,
    /// Too many passwords are being checked.
    #[error("too many logins are being checked")]
    Busy,
    /// Too many failures from this address.
    #[error("too many failed logins from this address")]
    TooMany,
    /// The store can't be asked at present.
    #[error("credentials can't be looked up at present")]
    Unavailable,
}

/// What checking logins may cost, and how often they may fail.
#[derive(Clone, Debug)]
pub struct LoginLimits {
    /// Passwords hashed at one time, 19 MiB and a core each.
    pub hashes_max: usize,
    /// Logins that wait for their turn; more are refused at once.
    pub waiting_max: usize,
    /// How long one waits.
    pub wait_max: Duration,
    /// Failures in a row at a chosen password, after which only a new one helps.
    pub failures_max: u32,
    /// Failures at chosen passwords from one address before it has to wait.
    pub address_failures_max: u32,
    /// The time after which an address is forgiven one failure.
    pub address_forgiven_after: Duration,
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self {
            hashes_max: 2,
            waiting_max: 64,
            wait_max: Duration::from_secs(5),
            failures_max: 100,
            address_failures_max: 20,
            address_forgiven_after: Duration::from_secs(30),
        }
    }
}

/// Checks logins.
pub struct Logins {
    limits: LoginLimits,
    hashing: Arc<Semaphore>,
    waiting: AtomicUsize,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    /// In a row, of credentials with a chosen password; a new password is a
    /// new key. As many as there are credentials, so no flood grows it.
    logins: HashMap<(OrgId, String, Timestamp), u32>,
    addresses: HashMap<IpAddr, Address>,
}

/// What an address has failed, and since when it is being forgiven.
struct Address {
    failures: u32,
    since: Timestamp,
}

/// Addresses that are remembered. Beyond it all are forgotten: the count per
/// login and the bound on hashing still hold.
const ADDRESSES_MAX: usize = 100_000;

impl Logins {
    /// A checker without a memory of failures.
    pub fn new(limits: LoginLimits) -> Self {
        let hashing = Arc::new(Semaphore::new(limits.hashes_max.max(1)));
        Self { limits, hashing, waiting: AtomicUsize::new(0), failures: Mutex::default() }
    }

    /// Whether `password` proves the login that `credential` was looked up
    /// for; `None` where there is none of that name.
    pub async fn check(
        &self,
        credential: Option<&Credential>,
        password: Zeroizing<String>,
        peer: IpAddr,
        now: Timestamp,
    ) -> Result<Sender, AuthRefused> {
        let proven = match secret::has_form(&password) {
            true => is_generated(credential, &password),
            false => self.is_chosen(credential, password, block_of(peer), now).await?,
        };
        match credential {
            Some(credential) if proven && credential.revoked.is_none() => Ok(credential.sender()),
            _ => Err(AuthRefused::Wrong),
        }
    }

    /// Forgives a login its failures, when an operator says so.
    pub fn unlock(&self, credential: &Credential) {
        self.failures().logins.remove(&key(credential));
    }

    async fn is_chosen(
        &self,
        credential: Option<&Credential>,
        password: Zeroizing<String>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<bool, AuthRefused> {
        if self.failures().address_failures(address, now, &self.limits) >= self.limits.address_failures_max {
            return Err(AuthRefused::TooMany);
        }
        let chosen = credential.and_then(|credential| match &credential.proof {
            Proof::Chosen(hash) => Some((credential, hash)),
            Proof::Generated(_) => None,
        });
        let hash = chosen.map_or_else(ChosenHash::unknown, |(_, hash)| hash.clone());
        let matches = self.hash(hash, password).await?;
        let locked = chosen.is_some_and(|(credential, _)| self.counted(credential, matches));
        let proven = matches && chosen.is_some() && !locked;
        if !proven {
            self.failures().address_failed(address, now, &self.limits);
        }
        Ok(proven)
    }

    /// Hashes off the async threads, so many at a time. The permit goes with
    /// the work: a client that leaves does not make room for another before
    /// its hash is done.
    async fn hash(&self, hash: ChosenHash, password: Zeroizing<String>) -> Result<bool, AuthRefused> {
        let _place = Place::take(&self.waiting, self.limits.waiting_max).ok_or(AuthRefused::Busy)?;
        let permit = tokio::time::timeout(self.limits.wait_max, self.hashing.clone().acquire_owned());
        let Ok(Ok(permit)) = permit.await else { return Err(AuthRefused::Busy) };
        let work = tokio::task::spawn_blocking(move || {
            let matches = hash.matches(&password);
            drop(permit);
            matches
        });
        work.await.map_err(|_| AuthRefused::Unavailable)
    }

    /// Counts a try at a chosen password; gives whether the login is locked.
    fn counted(&self, credential: &Credential, matches: bool) -> bool {
        let mut failures = self.failures();
        let count = failures.logins.entry(key(credential)).or_default();
        if *count >= self.limits.failures_max {
            return true;
        }
        *count = if matches { 0 } else { count.saturating_add(1) };
        if *count == self.limits.failures_max {
            tracing::warn!(org = %credential.org, failures = *count, "a login is locked until it gets a new password");
        }
        false
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn address_failures(&mut self, address: IpAddr, now: Timestamp, limits: &LoginLimits) -> u32 {
        let Some(known) = self.addresses.get_mut(&address) else { return 0 };
        known.forgive(now, limits);
        known.failures
    }

    fn address_failed(&mut self, address: IpAddr, now: Timestamp, limits: &LoginLimits) {
        if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.retain(|_, known| {
                known.forgive(now, limits);
                known.failures > 0
            });
        }
        if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.clear();
        }
        let known = self.addresses.entry(address).or_insert(Address { failures: 0, since: now });
        known.failures = known.failures.saturating_add(1);
    }
}

impl Address {
    fn forgive(&mut self, now: Timestamp, limits: &LoginLimits) {
        let elapsed = now.duration_since(self.since).max(SignedDuration::ZERO).as_secs();
        let each = i64::try_from(limits.address_forgiven_after.as_secs()).unwrap_or(i64::MAX).max(1);
        let forgiven = elapsed / each;
        if forgiven > 0 {
            self.failures = self.failures.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
            self.since = now;
        }
    }
}

/// A place in the queue, given back when dropped.
struct Place<'q>(&'q AtomicUsize);

impl<'q> Place<'q> {
    fn take(waiting: &'q AtomicUsize, max: usize) -> Option<Self> {
        let take = |count: usize| (count < max).then(|| count + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_generated(credential: Option<&Credential>, secret: &str) -> bool {
    match credential.map(|credential| &credential.proof) {
        Some(Proof::Generated(hash)) => hash.matches(secret),
        Some(Proof::Chosen(_)) | None => SecretHash::unknown().matches(secret),
    }
}

fn key(credential: &Credential) -> (OrgId, String, Timestamp) {
    (credential.org, credential.login.clone(), credential.created)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Entropy;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    const PASSWORD: &str = "kettle on the blue stove";

    fn chosen() -> Credential {
        let senders = vec!["*@clinic.example".parse().unwrap()];
        Credential::choose(OrgId(1), "desk", senders, PASSWORD, now(), &Fixed).unwrap()
    }

    fn generated() -> (Credential, String) {
        let senders = vec!["*@clinic.example".parse().unwrap()];
        let (credential, secret) = Credential::generate(OrgId(1), "ehr", senders, now(), &Fixed).unwrap();
        (credential, secret.expose().to_owned())
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    async fn check(
        logins: &Logins,
        credential: Option<&Credential>,
        text: &str,
        peer: &str,
    ) -> Result<(), AuthRefused> {
        check_at(logins, credential, text, peer, now()).await
    }

    async fn check_at(
        logins: &Logins,
        credential: Option<&Credential>,
        text: &str,
        peer: &str,
        now: Timestamp,
    ) -> Result<(), AuthRefused> {
        let text = Zeroizing::new(text.to_owned());
        logins.check(credential, text, peer.parse().unwrap(), now).await.map(drop)
    }

    fn logins() -> Logins {
        Logins::new(LoginLimits { failures_max: 3, address_failures_max: 2, ..LoginLimits::default() })
    }

    #[tokio::test]
    async fn the_right_secret_is_taken_and_nothing_else() {
        let logins = Logins::new(LoginLimits::default());
        let (ehr, secret) = generated();
        let desk = chosen();
        let peer = "192.0.2.1";
        assert_eq!(check(&logins, Some(&ehr), &secret, peer).await, Ok(()));
        assert_eq!(check(&logins, Some(&desk), PASSWORD, peer).await, Ok(()));
        let other = "sp_aebagbafaydqqcikbmga2dqpcaireeyu";
        for (credential, text) in [
            (Some(&ehr), other),
            (Some(&ehr), PASSWORD),
            (Some(&desk), &secret),
            (Some(&desk), "wrong"),
            (None, &secret),
            (None, PASSWORD),
        ] {
            assert_eq!(check(&logins, credential, text, peer).await, Err(AuthRefused::Wrong), "{text}");
        }
    }

    #[tokio::test]
    async fn a_revoked_credential_is_refused() {
        let logins = logins();
        let (mut ehr, secret) = generated();
        ehr.revoke(now());
        assert_eq!(check(&logins, Some(&ehr), &secret, "192.0.2.1").await, Err(AuthRefused::Wrong));
    }

    #[tokio::test]
    async fn failures_in_a_row_lock_a_chosen_password_until_it_is_new() {
        let logins = logins();
        let mut desk = chosen();
        for last in 1..=3 {
            let peer = format!("192.0.2.{last}");
            assert_eq!(check(&logins, Some(&desk), "wrong", &peer).await, Err(AuthRefused::Wrong));
        }
        assert_eq!(check(&logins, Some(&desk), PASSWORD, "192.0.2.9").await, Err(AuthRefused::Wrong), "locked");
        let same = desk.clone();
        desk.created = now() + SignedDuration::from_secs(1);
        assert_eq!(check(&logins, Some(&desk), PASSWORD, "192.0.2.8").await, Ok(()), "a new password");
        logins.unlock(&same);
        assert_eq!(check(&logins, Some(&same), PASSWORD, "192.0.2.7").await, Ok(()));
    }

    #[tokio::test]
    async fn success_ends_the_row() {
        let logins = logins();
        let desk = chosen();
        for last in 1..=4 {
            let peer = format!("192.0.2.{last}");
            assert_eq!(check(&logins, Some(&desk), "wrong", &peer).await, Err(AuthRefused::Wrong));
            assert_eq!(check(&logins, Some(&desk), PASSWORD, &peer).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn an_address_that_fails_has_to_wait_and_an_application_there_does_not() {
        let logins = logins();
        let desk = chosen();
        let (ehr, secret) = generated();
        for _ in 0..2 {
            assert_eq!(check(&logins, None, "wrong", "2001:db8::1").await, Err(AuthRefused::Wrong));
        }
        assert_eq!(check(&logins, Some(&desk), PASSWORD, "2001:db8::2").await, Err(AuthRefused::TooMany));
        assert_eq!(check(&logins, Some(&ehr), &secret, "2001:db8::1").await, Ok(()));
        let later = now() + SignedDuration::from_secs(31);
        assert_eq!(check_at(&logins, Some(&desk), PASSWORD, "2001:db8::1", later).await, Ok(()));
    }

    #[tokio::test]
    async fn a_flood_waits_a_while_and_is_refused() {
        let logins = Logins::new(LoginLimits { waiting_max: 1, wait_max: Duration::ZERO, ..LoginLimits::default() });
        let held = logins.hashing.clone().acquire_many_owned(2).await.unwrap();
        assert_eq!(check(&logins, None, "wrong", "192.0.2.1").await, Err(AuthRefused::Busy), "waited");
        let place = Place::take(&logins.waiting, 1).unwrap();
        drop(held);
        assert_eq!(check(&logins, None, "wrong", "192.0.2.1").await, Err(AuthRefused::Busy), "no place to wait");
        drop(place);
        assert_eq!(check(&logins, None, "wrong", "192.0.2.1").await, Err(AuthRefused::Wrong));
    }
}
