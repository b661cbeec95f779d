//! The DNS for as long as one message may take.

use tokio::time::{Instant, timeout_at};
use transport::{Answer, DnsName, LookupError, Pending, RecordKind, SecureDns};

/// What gives no answer any more once the time is over.
pub(crate) struct Bounded<'a> {
    pub dns: &'a dyn SecureDns,
    pub until: Instant,
}

impl SecureDns for Bounded<'_> {
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        Box::pin(async move {
            let answer = timeout_at(self.until, self.dns.lookup(name, kind)).await;
            answer.unwrap_or(Err(LookupError::Failed))
        })
    }
}
