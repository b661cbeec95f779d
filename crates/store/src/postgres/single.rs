//! The changes that come seldom, one statement each.

use mail::{MessageId, OrgId};

use super::connection::Connection;
use crate::StoreError;
use crate::change::{Answer, Change};
use crate::packed::pack_ids;
use crate::row::{OrgRow, RunRow};
use crate::sql::{self, Param, journal, portal};
use crate::transition::{NewLink, Write};

const RESUME: &str = "UPDATE parcel SET due = $1, state = 0 \
     WHERE parcel = $2 AND org = $3 AND state = 8";
const LINK: &str = "INSERT INTO link (org, hash, message_id, recipient, version, created_at, expires_at, sealed) \
     SELECT $1, $2, m.id, $3, 1, $4, $5, $6 FROM message m WHERE m.org = $1 AND m.message = $7 \
     ON CONFLICT DO NOTHING";
const ERASE_KEY: &str = "DELETE FROM message_key k USING message m WHERE k.id = m.id AND m.org = $1 AND m.message = $2";
const ERASED: &str = "UPDATE message SET state = 4 WHERE org = $1 AND message = $2";
/// Every row of the run, unless it has a position already or is another's.
const SEQUENCED: &str = "DELETE FROM journal_pending WHERE org = $1 AND id = ANY ($2)";

/// The order in which writes of this kind are made.
pub(super) fn order(org: OrgId, write: &Write) -> (u8, OrgId, Vec<u8>) {
    match write {
        Write::Link(link) => (0, org, link.hash.to_vec()),
        Write::LinkState { hash, .. } => (1, org, hash.to_vec()),
        Write::Posture { domain, .. } => (2, org, domain.to_vec()),
        Write::EraseKey { message } => (3, org, message.as_bytes().to_vec()),
        Write::Credential(row) => (4, org, row.login.to_vec()),
        Write::RecipientKey(row) | Write::RecipientKeyChanged { row, .. } => (5, org, row.key.as_bytes().to_vec()),
        Write::RecipientKeyRemoved { key } => (6, org, key.as_bytes().to_vec()),
        Write::Discovery(row) => (7, org, row.subject.to_vec()),
        Write::OrgKey(row) | Write::OrgKeyChanged { row, .. } => (8, org, row.key.as_bytes().to_vec()),
        Write::Once { mark, .. } => (9, org, mark.to_vec()),
        Write::Claim { name, .. } => (10, org, name.as_bytes().to_vec()),
        Write::WatchRound(row) => (11, org, row.domain.to_vec()),
        Write::StsPolicy(row) => (12, org, row.domain.to_vec()),
        Write::TlsSession(row) => (13, org, [&row.day.to_be_bytes()[..], &row.domain, &row.kind].concat()),
        Write::Report(row) => (14, org, row.mark.to_vec()),
        Write::Resume { parcel, .. } => (15, org, parcel.as_bytes().to_vec()),
        Write::Acme(row) => (16, org, row.name.as_bytes().to_vec()),
        Write::Suppress { row, .. } => (17, org, [&row.mailbox[..], row.stream.as_bytes(), &[0, row.reason]].concat()),
        Write::Unsuppress { suppression } => (18, org, suppression.as_bytes().to_vec()),
        _ => (19, org, Vec::new()),
    }
}

/// Makes one of the seldom writes of a transition.
pub(super) async fn write(on: &mut Connection, org: OrgId, write: &Write) -> Result<(), StoreError> {
    match write {
        Write::Link(link) => put_link(on, org, link).await,
        Write::LinkState { hash, expected_version, sealed, expires_at } => {
            let params = [
                Param::Blob(sealed.clone()),
                (*expires_at).into(),
                org.into(),
                (*hash).into(),
                (*expected_version).into(),
            ];
            change(on, portal::LINK_STATE, &params).await
        }
        Write::Posture { domain, level, at } => {
            let params = [org.into(), (*domain).into(), i64::from(*level).into(), (*at).into()];
            change(on, portal::SHOW_POSTURE, &params).await
        }
        Write::Credential(row) => {
            let revoked = i64::from(row.revoked);
            let params = [org.into(), row.login.into(), Param::Blob(row.sealed.clone()), revoked.into()];
            on.execute(sql::org::PUT_CREDENTIAL, &params).await.map(drop)
        }
        Write::EraseKey { message } => erase_key(on, org, *message).await,
        Write::Resume { parcel, due } => change(on, RESUME, &[(*due).into(), (*parcel).into(), org.into()]).await,
        // What is left is one statement, or made in batches.
        write => match sql::statement(org, write) {
            Some(statement) => statement.check(on.execute(statement.sql, &statement.params).await?),
            None => Ok(()),
        },
    }
}

/// Makes any change but a transition.
pub(super) async fn apply(on: &mut Connection, change_: &Change) -> Result<Answer, StoreError> {
    match change_ {
        Change::Transition(_) => {}
        Change::EnsureOrg(row) => ensure_org(on, row).await?,
        Change::RewrapOrg { org, expected, wrapped_key } => {
            let params = [Param::Blob(wrapped_key.clone()), (*org).into(), Param::Blob(expected.clone())];
            change(on, sql::org::REWRAP, &params).await?;
        }
        Change::PutSecret { org, name, sealed } => {
            let params = [(*org).into(), name.as_str().into(), Param::Blob(sealed.clone())];
            on.execute(sql::org::PUT_SECRET, &params).await?;
        }
        Change::KeepPolicy { org, hash, text } => {
            let params = [(*org).into(), (*hash).into(), text.as_str().into()];
            on.execute(sql::org::KEEP_POLICY, &params).await?;
        }
        Change::AppendRun { org, run } => append_run(on, *org, run).await?,
        Change::RewrapKeys { org, keys } => return rewrap_keys(on, *org, keys).await,
        Change::Probe => change(on, sql::TOUCH_PROBE, &[]).await?,
    }
    Ok(Answer::Done)
}

async fn put_link(on: &mut Connection, org: OrgId, link: &NewLink) -> Result<(), StoreError> {
    let params = [
        org.into(),
        link.hash.into(),
        i64::from(link.recipient).into(),
        link.created_at.into(),
        link.expires_at.into(),
        Param::Blob(link.sealed.clone()),
        link.message.into(),
    ];
    change(on, LINK, &params).await
}

async fn erase_key(on: &mut Connection, org: OrgId, message: MessageId) -> Result<(), StoreError> {
    // Erased before is as good.
    on.execute(ERASE_KEY, &[org.into(), message.into()]).await?;
    change(on, ERASED, &[org.into(), message.into()]).await
}

async fn ensure_org(on: &mut Connection, row: &OrgRow) -> Result<(), StoreError> {
    if on.one(sql::org::one(row.org)).await?.is_none() {
        let params = [row.org.into(), row.slug.as_str().into(), Param::Blob(row.wrapped_key.clone())];
        change(on, sql::org::INSERT, &params).await?;
    }
    Ok(())
}

/// Guards: the run begins at the tree's size, and its rows wait for a position.
async fn append_run(on: &mut Connection, org: OrgId, run: &RunRow) -> Result<(), StoreError> {
    let size = on.one(journal::last_run(org)).await?.map_or(0, |last| last.size_after());
    let (Some(first), Some(last)) = (run.journal_ids.iter().min(), run.journal_ids.iter().max()) else {
        return Err(StoreError::Conflict);
    };
    if run.first_position != size {
        return Err(StoreError::Conflict);
    }
    let position = i64::try_from(run.first_position).map_err(|_| StoreError::Conflict)?;
    let taken = on.execute(SEQUENCED, &[org.into(), Param::Ints(run.journal_ids.clone())]).await?;
    if taken != run.journal_ids.len() as u64 {
        return Err(StoreError::Conflict);
    }
    let params = [
        org.into(),
        position.into(),
        (*first).into(),
        (*last).into(),
        Param::Blob(pack_ids(&run.journal_ids)),
        Param::Blob(run.frontier.clone()),
        run.checkpoint.as_str().into(),
        run.at.into(),
    ];
    // Of two sequencers at once, the second finds the position taken.
    change(on, journal::APPEND_RUN, &params).await
}

async fn rewrap_keys(
    on: &mut Connection,
    org: OrgId,
    keys: &[(MessageId, Vec<u8>, Vec<u8>)],
) -> Result<Answer, StoreError> {
    let mut count = 0;
    for (message, expected, new) in keys {
        let params = [Param::Blob(new.clone()), org.into(), (*message).into(), Param::Blob(expected.clone())];
        count += on.execute(sql::message::REWRAP_KEY, &params).await? as usize;
    }
    Ok(Answer::Count(count))
}

/// Runs a statement that must change exactly one row: its guard.
async fn change(on: &mut Connection, text: &'static str, params: &[Param]) -> Result<(), StoreError> {
    if on.execute(text, params).await? == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}
