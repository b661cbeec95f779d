//! Counts of TLS sessions add up whoever counts, and reports are kept once.

use store::{ReportRow, StoreError, TlsSessionRow, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn sessions(day: i64, domain: u8, kind: u8, sessions: i64) -> Write {
    Write::TlsSession(TlsSessionRow { day, domain: [domain; 16], kind: [kind; 32], sessions, sealed: vec![kind] })
}

#[test]
fn sessions_of_a_day_add_up_until_they_are_reported_once() {
    for_each_engine(async |mut bench| {
        commit(&*bench.store, CLINIC, vec![sessions(1, 1, 1, 2), sessions(1, 1, 2, 1)]).await.unwrap();
        commit(&*bench.store, CLINIC, vec![sessions(1, 1, 1, 3), sessions(2, 1, 1, 7)]).await.unwrap();
        bench.reopen().await;
        let store = &*bench.store;
        let counted = async |before: i64| -> Vec<(i64, u8, i64)> {
            let rows = store.tls_sessions(CLINIC, before, 100).await.unwrap();
            rows.iter().map(|row| (row.day, row.sealed[0], row.sessions)).collect()
        };
        assert_eq!(counted(2).await, [(1, 1, 5), (1, 2, 1)]);
        assert_eq!(counted(3).await.len(), 3);
        assert_eq!(store.tls_sessions(OTHER, 3, 100).await.unwrap(), []);
        let reported = || vec![Write::TlsReported { day: 1, domain: [1; 16] }];
        commit(store, CLINIC, reported()).await.unwrap();
        assert!(matches!(commit(store, CLINIC, reported()).await, Err(StoreError::Conflict)));
        assert_eq!(counted(3).await, [(2, 1, 7)]);
    });
}

#[test]
fn a_report_that_comes_twice_is_kept_once_and_forgotten_by_age() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let report = |mark: u8, time: i64, sealed: u8| {
            Write::Report(ReportRow { mark: [mark; 32], at: at(time), sealed: vec![sealed] })
        };
        commit(store, CLINIC, vec![report(1, 1, 1), report(2, 2, 2), report(1, 3, 3)]).await.unwrap();
        let kept =
            async || -> Vec<u8> { store.reports(CLINIC, 10).await.unwrap().iter().map(|row| row.sealed[0]).collect() };
        assert_eq!(kept().await, [2, 1]);
        assert_eq!(store.reports(OTHER, 10).await.unwrap(), []);
        commit(store, CLINIC, vec![Write::ForgetReports { before: at(2) }]).await.unwrap();
        assert_eq!(kept().await, [2]);
    });
}
