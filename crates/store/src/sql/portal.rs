//! Portal links, and what the mail hosts of domains have shown.

use mail::{MessageId, OrgId};

use super::{Columns, Query};
use crate::StoreError;
use crate::row::{LinkRow, PostureRow};

macro_rules! select_link {
    ($rest:literal) => {
        concat!(
            "SELECT l.hash, m.message, l.recipient, l.version, l.created_at, l.expires_at, l.sealed ",
            "FROM link l JOIN message m ON m.id = l.message_id ",
            $rest
        )
    };
}
const LINK: &str = select_link!("WHERE l.org = $1 AND l.hash = $2");
const LINKS: &str = select_link!("WHERE m.org = $1 AND m.message = $2 ORDER BY l.recipient, l.created_at, l.hash");
pub(crate) const LINK_STATE: &str = "UPDATE link SET sealed = $1, expires_at = $2, version = version + 1 \
     WHERE org = $3 AND hash = $4 AND version = $5";
/// Keeps the best level and when it was last seen, and the level seen last.
pub(crate) const SHOW_POSTURE: &str = "INSERT INTO posture (org, domain, best, best_at, last, last_at) \
     VALUES ($1, $2, $3, $4, $3, $4) ON CONFLICT (org, domain) DO UPDATE SET \
     best_at = CASE WHEN excluded.best > posture.best \
         OR (excluded.best = posture.best AND excluded.best_at > posture.best_at) \
         THEN excluded.best_at ELSE posture.best_at END, \
     best = CASE WHEN excluded.best > posture.best THEN excluded.best ELSE posture.best END, \
     last = CASE WHEN excluded.last_at >= posture.last_at THEN excluded.last ELSE posture.last END, \
     last_at = CASE WHEN excluded.last_at > posture.last_at THEN excluded.last_at ELSE posture.last_at END";
const POSTURE: &str = "SELECT best, best_at, last, last_at FROM posture WHERE org = $1 AND domain = $2";

pub(crate) fn link(org: OrgId, hash: [u8; 32]) -> Query<LinkRow> {
    Query { sql: LINK, params: vec![org.into(), hash.into()], read: row }
}

pub(crate) fn links(org: OrgId, message: MessageId) -> Query<LinkRow> {
    Query { sql: LINKS, params: vec![org.into(), message.into()], read: row }
}

pub(crate) fn posture(org: OrgId, domain: [u8; 16]) -> Query<PostureRow> {
    let read = |row: &dyn Columns| {
        Ok(PostureRow { best: row.number(0)?, best_at: row.time(1)?, last: row.number(2)?, last_at: row.time(3)? })
    };
    Query { sql: POSTURE, params: vec![org.into(), domain.into()], read }
}

fn row(row: &dyn Columns) -> Result<LinkRow, StoreError> {
    Ok(LinkRow {
        hash: row.array(0)?,
        message: row.message(1)?,
        recipient: row.number(2)?,
        version: row.int(3)?,
        created_at: row.time(4)?,
        expires_at: row.time(5)?,
        sealed: row.blob(6)?,
    })
}
