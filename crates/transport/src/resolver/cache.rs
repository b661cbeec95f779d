//! Raw answers, kept for as long as they may be and within bounds. It lies
//! below the validation, so that a chain of signatures costs its lookups once.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{Stream, StreamExt};
use hickory_proto::op::{DnsRequest, DnsResponse, Query};
use hickory_resolver::net::{DnsError, DnsHandle, NetError, NoRecords};
use tokio::time::Instant;

/// Answers that are kept.
const ENTRIES_MAX: usize = 16 * 1024;
/// A name server may not make an answer live longer than this.
const POSITIVE_TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A name that is missing may soon be there.
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(5 * 60);

type Answer = Result<DnsResponse, NetError>;
type Entries = HashMap<Query, (Instant, Answer)>;

/// A handle to name servers that remembers.
#[derive(Clone)]
pub(super) struct Cached<H> {
    handle: H,
    entries: Arc<Mutex<Entries>>,
}

impl<H: DnsHandle> Cached<H> {
    pub(super) fn new(handle: H) -> Self {
        Self { handle, entries: Arc::default() }
    }
}

impl<H: DnsHandle> DnsHandle for Cached<H> {
    type Response = Pin<Box<dyn Stream<Item = Answer> + Send>>;
    type Runtime = H::Runtime;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let Some(query) = request.queries.first().cloned() else {
            return Box::pin(self.handle.send(request));
        };
        if let Some(answer) = recall(&self.entries, &query) {
            return Box::pin(futures::stream::once(async move { answer }));
        }
        let entries = self.entries.clone();
        Box::pin(self.handle.send(request).inspect(move |answer| keep(&entries, &query, answer)))
    }
}

fn recall(entries: &Mutex<Entries>, query: &Query) -> Option<Answer> {
    let entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    let (until, answer) = entries.get(query)?;
    (*until > Instant::now()).then(|| answer.clone())
}

fn keep(entries: &Mutex<Entries>, query: &Query, answer: &Answer) {
    let Some(time) = time_to_live(answer).filter(|time| !time.is_zero()) else { return };
    let now = Instant::now();
    let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    if entries.len() >= ENTRIES_MAX {
        entries.retain(|_, (until, _)| *until > now);
    }
    // Still full of what may be kept: begin anew, which costs lookups and no more.
    if entries.len() >= ENTRIES_MAX {
        entries.clear();
    }
    entries.insert(query.clone(), (now + time, answer.clone()));
}

/// How long an answer may be kept; failures are not.
fn time_to_live(answer: &Answer) -> Option<Duration> {
    let seconds = |ttl: u32| Duration::from_secs(ttl.into());
    match answer {
        Ok(response) => {
            let records = response.answers.iter().chain(&response.authorities);
            Some(seconds(records.map(|record| record.ttl).min()?).min(POSITIVE_TTL_MAX))
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(NoRecords { negative_ttl, .. }))) => {
            Some(seconds((*negative_ttl)?).min(NEGATIVE_TTL_MAX))
        }
        Err(_) => None,
    }
}
