//! A body on its way in: small ones stay in memory, a large one becomes rows
//! as it arrives, which go again unless its message is committed.

use std::sync::Arc;

use mail::{MessageId, OrgId};

use super::pool::Pool;
use crate::body::{BodyRef, BodyWriter, OpenBodies, OpenBody, Spool, Spooled, SpooledBody, checksum_of};
use crate::sql::Param;
use crate::{Pending, StoreError};

/// Guard: the message has no body yet, and nobody is sending it one.
const BEGIN: &str = "INSERT INTO body_arriving (org, message, begun_at) \
     SELECT $1, $2, (extract(epoch FROM now()) * 1000000)::bigint \
     WHERE NOT EXISTS (SELECT FROM body WHERE org = $1 AND message = $2) ON CONFLICT DO NOTHING";
const ADD: &str = "INSERT INTO body (org, message, chunk, bytes) VALUES ($1, $2, $3, $4)";
const FORGET: &str = "WITH gone AS (DELETE FROM body_arriving WHERE org = $1 AND message = $2 RETURNING org, message) \
     DELETE FROM body b USING gone WHERE b.org = gone.org AND b.message = gone.message \
     AND NOT EXISTS (SELECT FROM message m WHERE m.org = b.org AND m.message = b.message)";

/// Takes one body.
pub(crate) struct BodySpool {
    org: OrgId,
    message: MessageId,
    pool: Arc<Pool>,
    content: Content,
    length: u64,
    checksum: crc32fast::Hasher,
    open: OpenBody,
}

enum Content {
    Memory(Vec<u8>),
    Rows(Arriving),
    /// A write failed or was abandoned midway.
    Lost,
}

/// A body's rows, removed when dropped unless kept.
struct Arriving {
    org: OrgId,
    message: MessageId,
    pool: Arc<Pool>,
    chunks: i64,
    kept: bool,
}

impl BodySpool {
    pub(crate) fn new(pool: &Arc<Pool>, open: &Arc<OpenBodies>, org: OrgId, message: MessageId) -> Self {
        Self {
            org,
            message,
            pool: Arc::clone(pool),
            content: Content::Memory(Vec::new()),
            length: 0,
            checksum: checksum_of(org, message),
            open: OpenBody::new(open),
        }
    }

    async fn take(&mut self, sealed: Vec<u8>) -> Result<(), StoreError> {
        self.checksum.update(&sealed);
        self.length = self.length.saturating_add(sealed.len() as u64);
        let (mut rows, bytes) = match std::mem::replace(&mut self.content, Content::Lost) {
            Content::Lost => return Err(StoreError::Closed),
            Content::Memory(mut bytes) => {
                bytes.extend_from_slice(&sealed);
                if self.open.stays_in_memory(bytes.len()) {
                    self.content = Content::Memory(bytes);
                    return Ok(());
                }
                (Arriving::begin(&self.pool, self.org, self.message).await?, bytes)
            }
            Content::Rows(rows) => (rows, sealed),
        };
        rows.add(bytes).await?;
        self.content = Content::Rows(rows);
        Ok(())
    }

    async fn end(self) -> Result<SpooledBody, StoreError> {
        let place = BodyRef { segment: 0, offset: 0, length: self.length, checksum: self.checksum.finalize() };
        let content = match self.content {
            Content::Lost => return Err(StoreError::Closed),
            Content::Memory(bytes) => Spooled::Memory(bytes),
            Content::Rows(rows) => Spooled::Elsewhere(Box::new(rows)),
        };
        Ok(SpooledBody { content, place, _open: self.open })
    }
}

impl BodyWriter for BodySpool {
    fn push(&mut self, sealed: Vec<u8>) -> Pending<'_, ()> {
        Box::pin(self.take(sealed))
    }

    fn finish(self: Box<Self>) -> Pending<'static, SpooledBody> {
        Box::pin(self.end())
    }
}

impl Arriving {
    async fn begin(pool: &Arc<Pool>, org: OrgId, message: MessageId) -> Result<Self, StoreError> {
        let begun = pool.take().await?.execute(BEGIN, &[org.into(), message.into()]).await?;
        if begun == 0 {
            return Err(StoreError::Conflict);
        }
        Ok(Self { org, message, pool: Arc::clone(pool), chunks: 0, kept: false })
    }

    async fn add(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        let params = [self.org.into(), self.message.into(), self.chunks.into(), Param::Blob(bytes)];
        self.pool.take().await?.execute(ADD, &params).await?;
        self.chunks = self.chunks.saturating_add(1);
        Ok(())
    }
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arriving").field("message", &self.message).finish_non_exhaustive()
    }
}

impl Spool for Arriving {
    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // Outside a runtime they are left to the sweep at a later start.
        let Some(runtime) = tokio::runtime::Handle::try_current().ok().filter(|_| !self.kept) else { return };
        let (pool, params) = (Arc::clone(&self.pool), [self.org.into(), self.message.into()]);
        runtime.spawn(async move { pool.take().await?.execute(FORGET, &params).await });
    }
}
