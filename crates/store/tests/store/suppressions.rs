//! Whom nothing more is sent to: found by mailbox, once for each stream and reason.

use mail::SuppressionId;
use store::{SuppressionFilter, SuppressionRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn id(number: u8) -> SuppressionId {
    SuppressionId::from_bytes([number; 16])
}

fn row(number: u8, mailbox: u8, stream: &str, reason: u8) -> SuppressionRow {
    SuppressionRow {
        suppression: id(number),
        mailbox: [mailbox; 16],
        stream: stream.to_owned(),
        reason,
        at: at(i64::from(number)),
        sealed: vec![number; 40],
    }
}

fn put(row: &SuppressionRow, new: bool) -> Write {
    Write::Suppress { row: Box::new(row.clone()), new }
}

#[test]
fn they_are_found_by_mailbox_and_listed_by_id() {
    for_each_engine(async |mut bench| {
        let rows = [row(1, 7, "", 1), row(2, 7, "news", 3), row(3, 8, "", 2)];
        commit(&*bench.store, CLINIC, rows.iter().map(|row| put(row, true)).collect()).await.unwrap();
        commit(&*bench.store, OTHER, vec![put(&row(9, 7, "", 1), true)]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        assert_eq!(store.suppressions_of(CLINIC, vec![[7; 16]]).await.unwrap(), rows[..2]);
        assert_eq!(store.suppressions_of(CLINIC, vec![[8; 16], [7; 16], [1; 16]]).await.unwrap().len(), 3);
        assert_eq!(store.suppressions_of(CLINIC, vec![]).await.unwrap(), []);
        assert_eq!(store.suppressions_of(OTHER, vec![[8; 16]]).await.unwrap(), []);
        assert_eq!(store.suppression(CLINIC, id(3)).await.unwrap().as_ref(), Some(&rows[2]));
        assert_eq!(store.suppression(OTHER, id(3)).await.unwrap(), None);
        let list = async |filter, after, limit| store.suppressions(CLINIC, filter, after, limit).await.unwrap();
        let all = SuppressionFilter::default();
        assert_eq!(list(all, None, 2).await, rows[..2]);
        assert_eq!(list(all, Some(id(2)), 2).await, rows[2..]);
        assert_eq!(list(SuppressionFilter { stream: Some("news"), ..all }, None, 9).await, rows[1..2]);
        assert_eq!(list(SuppressionFilter { stream: Some(""), reason: Some(2) }, None, 9).await, rows[2..]);
        assert_eq!(list(SuppressionFilter { reason: Some(4), ..all }, None, 9).await, []);
        assert_eq!(store.suppressed_since(CLINIC, at(2)).await.unwrap().len(), 2);
        assert_eq!(store.suppressed_since(OTHER, at(0)).await.unwrap(), [[7; 16]]);
    });
}

#[test]
fn a_mailbox_is_suppressed_once_for_a_stream_and_a_reason() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        commit(store, CLINIC, vec![put(&row(1, 7, "", 1), false)]).await.unwrap();
        conflict(commit(store, CLINIC, vec![put(&row(2, 7, "", 1), true)]).await);
        let (one, other) = tokio::join!(
            commit(store, CLINIC, vec![put(&row(3, 7, "", 1), false), put(&row(4, 7, "", 2), true)]),
            commit(store, CLINIC, vec![put(&row(5, 7, "", 1), false)])
        );
        one.unwrap();
        other.unwrap();
        let found = store.suppressions_of(CLINIC, vec![[7; 16]]).await.unwrap();
        assert_eq!(found, [row(1, 7, "", 1), row(4, 7, "", 2)], "the first stays");
    });
}

#[test]
fn what_is_taken_back_is_gone_and_may_come_again() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        commit(store, CLINIC, vec![put(&row(1, 7, "", 1), true)]).await.unwrap();
        conflict(commit(store, OTHER, vec![Write::Unsuppress { suppression: id(1) }]).await);
        commit(store, CLINIC, vec![Write::Unsuppress { suppression: id(1) }]).await.unwrap();
        conflict(commit(store, CLINIC, vec![Write::Unsuppress { suppression: id(1) }]).await);
        commit(store, CLINIC, vec![put(&row(2, 7, "", 1), true)]).await.unwrap();
        assert_eq!(store.suppressions_of(CLINIC, vec![[7; 16]]).await.unwrap(), [row(2, 7, "", 1)]);
    });
}
