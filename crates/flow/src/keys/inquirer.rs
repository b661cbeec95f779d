//! Asks the issuers of recipients' certificates whether they are revoked: by
//! OCSP (RFC 6960), then by their lists (RFC 5280 §5). Off the path on which
//! mail is accepted: a message waits undecided, as it does for a key.
//!
//! What comes counts only with the signature of those who may speak for the
//! issuer (`smime::trust` judges that); a server that answers nothing, or
//! nonsense, leaves the certificate unknown, and policy says what that means.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use discovery::fetch::{Bounds, FetchError, Fetched, Fetcher, Url};
use jiff::Timestamp;
use keyring::{Checked, SmimeKey};
use smime::Certificate;
use smime::trust::{Crl, Evidence, OcspResponse, Said, Standing, Trust, chain_to_ask, ocsp, standing};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::case::later;

/// Answers are small; one with the certificates of its signer has some KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Lists of large public authorities have some MiB.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What the lists that are kept in memory have together.
const LISTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Places that are asked about one certificate, of each kind.
const PLACES_MAX: usize = 3;
/// Inquiries at a time: each may hold a list.
const SLOTS: usize = 4;
/// Issuers that could not be asked are asked again after this.
const UNREACHABLE_FOR: Duration = Duration::from_secs(15 * 60);

/// Why nothing was learned of a certificate. The words are kept and shown: they name nobody.
#[derive(Debug, thiserror::Error)]
enum NotLearned {
    #[error("the certificate of its issuer is not known")]
    NoIssuer,
    #[error("it names no place to ask")]
    NoPlace,
    #[error("no answer in time")]
    Late,
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the server answers {0}")]
    Status(u16),
    #[error("what the issuer publishes can't be read")]
    Malformed,
    #[error("what was answered does not count: it is old, about another certificate, or not signed by its issuer")]
    DoesNotCount,
}

/// Asks issuers.
pub struct Inquirer {
    fetcher: Fetcher,
    wait: Duration,
    again: Duration,
    slots: Semaphore,
    lists: Mutex<Lists>,
}

/// Revocation lists by their URL, while they hold.
#[derive(Default)]
struct Lists(HashMap<String, (Crl, Timestamp)>);

impl Inquirer {
    /// An inquirer that fetches with this, waits so long, and lets what it learns hold no longer than `again`.
    pub fn new(fetcher: Fetcher, wait: Duration, again: Duration) -> Arc<Self> {
        Arc::new(Self { fetcher, wait, again, slots: Semaphore::new(SLOTS), lists: Mutex::default() })
    }

    /// Asks about every certificate of a key's chain but the anchor, the key's own first.
    pub(super) async fn ask(&self, key: &SmimeKey, trust: &Trust, now: Timestamp) -> Checked {
        let until = Instant::now() + self.wait;
        let asking = async {
            let _slot = self.slots.acquire().await;
            self.ask_all(&chain_to_ask(&key.certificate, &key.chain, trust, now), until, now).await
        };
        // Whoever waits for a slot waits no longer than whoever has one.
        let (standings, trouble) = match tokio::time::timeout_at(until, asking).await {
            Ok((standings, trouble)) => (standings, trouble),
            Err(_) => (Vec::new(), Some(NotLearned::Late)),
        };
        let lasts = if trouble.is_some() { self.again.min(UNREACHABLE_FOR) } else { self.again };
        let ends = standings.iter().filter(|standing| standing.said == Said::Good).map(|standing| standing.until);
        let again = ends.min().map_or(later(now, lasts), |end| end.min(later(now, lasts)));
        Checked { at: now, again, standings, trouble: trouble.map(|why| why.to_string()) }
    }

    async fn ask_all(
        &self,
        chain: &[Certificate],
        until: Instant,
        now: Timestamp,
    ) -> (Vec<Standing>, Option<NotLearned>) {
        let mut standings = Vec::new();
        if chain.len() < 2 {
            return (standings, Some(NotLearned::NoIssuer));
        }
        for at in 0..chain.len() - 1 {
            match self.ask_one(chain, at, until, now).await {
                Ok(standing) => {
                    // What holds for years is asked again all the same.
                    let end = standing.until.min(later(now, self.again));
                    standings.push(Standing { until: end, ..standing });
                    if standing.said != Said::Good {
                        return (standings, None);
                    }
                }
                Err(why) => return (standings, Some(why)),
            }
        }
        (standings, None)
    }

    async fn ask_one(
        &self,
        chain: &[Certificate],
        at: usize,
        until: Instant,
        now: Timestamp,
    ) -> Result<Standing, NotLearned> {
        let (Some(certificate), Some(issuer)) = (chain.get(at), chain.get(at + 1)) else {
            return Err(NotLearned::NoIssuer);
        };
        let mut trouble = NotLearned::NoPlace;
        for url in certificate.ocsp_urls().take(PLACES_MAX) {
            let learned = match self.answer(url, certificate, issuer, until).await {
                Ok(answer) => {
                    let evidence = Evidence { ocsp: vec![answer], crls: Vec::new() };
                    standing(chain, at, &evidence, now).ok_or(NotLearned::DoesNotCount)
                }
                Err(why) => Err(why),
            };
            match learned {
                Ok(standing) => return Ok(standing),
                Err(why) => trouble = why,
            }
        }
        let mut evidence = Evidence::default();
        for url in certificate.crl_urls().take(PLACES_MAX) {
            match self.list(url, until, now).await {
                Ok(list) => evidence.crls.push(list),
                Err(why) => {
                    trouble = why;
                    continue;
                }
            }
            // One list may tell of some reasons only (RFC 5280 §6.3.3).
            match by_lists(chain, at, &evidence, now).await {
                Some(standing) => return Ok(standing),
                None => trouble = NotLearned::DoesNotCount,
            }
        }
        Err(trouble)
    }

    async fn answer(
        &self,
        url: &str,
        certificate: &Certificate,
        issuer: &Certificate,
        until: Instant,
    ) -> Result<OcspResponse, NotLearned> {
        let url = Url::parse_of_signed(url).map_err(FetchError::Url)?;
        let question = ocsp::request(certificate, issuer);
        let bounds = bounds(ANSWER_BYTES_MAX, until);
        let fetched = self.fetcher.post(&url, "application/ocsp-request", &question, bounds).await?;
        OcspResponse::from_der(&body(fetched)?).map_err(|_| NotLearned::Malformed)
    }

    async fn list(&self, text: &str, until: Instant, now: Timestamp) -> Result<Crl, NotLearned> {
        if let Some(known) = self.lists.lock().unwrap_or_else(PoisonError::into_inner).find(text, now) {
            return Ok(known);
        }
        let url = Url::parse_of_signed(text).map_err(FetchError::Url)?;
        let body = body(self.fetcher.get(&url, bounds(LIST_BYTES_MAX, until)).await?)?;
        // A large one has hundreds of thousands of entries.
        let read = tokio::task::spawn_blocking(move || Crl::from_der(&body)).await;
        let list = read.ok().and_then(Result::ok).ok_or(NotLearned::Malformed)?;
        let end = list.next_update().unwrap_or(now).min(later(now, self.again));
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).keep(text, &list, end, now);
        Ok(list)
    }
}

/// Verifying a large list takes a while.
async fn by_lists(chain: &[Certificate], at: usize, evidence: &Evidence, now: Timestamp) -> Option<Standing> {
    let (chain, evidence) = (chain.to_vec(), evidence.clone());
    let judging = tokio::task::spawn_blocking(move || standing(&chain, at, &evidence, now));
    judging.await.ok().flatten()
}

fn bounds(body_bytes_max: usize, until: Instant) -> Bounds {
    let time = until.saturating_duration_since(Instant::now());
    Bounds { body_bytes_max, time, redirects_max: 2, addresses_max: 4 }
}

fn body(fetched: Fetched) -> Result<Vec<u8>, NotLearned> {
    match fetched.status {
        200 => Ok(fetched.body),
        other => Err(NotLearned::Status(other)),
    }
}

impl Lists {
    fn find(&self, url: &str, now: Timestamp) -> Option<Crl> {
        self.0.get(url).filter(|(_, until)| *until > now).map(|(list, _)| list.clone())
    }

    fn keep(&mut self, url: &str, list: &Crl, until: Timestamp, now: Timestamp) {
        self.0.retain(|_, (_, end)| *end > now);
        let held: usize = self.0.values().map(|(list, _)| list.to_der().len()).sum();
        if held + list.to_der().len() > LISTS_BYTES_MAX {
            self.0.clear();
        }
        self.0.insert(url.to_owned(), (list.clone(), until));
    }
}
