//! PostgreSQL: several nodes, lost connections.

use std::sync::Arc;

use store::{MessageState, ParcelState, PostgresOptions, Room, Store, StoreError, Write, open_postgres};
use testkit::postgres::Postgres;

use crate::engines::{by_handed_times, runtime};
use crate::make::*;

async fn open(url: &str) -> Arc<dyn Store> {
    open_postgres(url, by_handed_times()).await.unwrap()
}

#[test]
fn a_node_whose_clock_is_ahead_takes_nothing_that_another_delivers() {
    let url = Postgres::shared().database();
    runtime().block_on(async {
        let open = || open_postgres(&url, PostgresOptions::default());
        let (one, ahead) = (open().await.unwrap(), open().await.unwrap());
        accept_and_queue(&*one, CLINIC, 1, at(1)).await;
        // Each hands in times of its own clock, and they are a day apart.
        assert_eq!(one.lease("one", at(10), at(70), Room::any(9)).await.unwrap().len(), 1);
        let day = 86_400;
        let lease = |now: i64| ahead.lease("ahead", at(now + day), at(now + day + 60), Room::any(9));
        assert_eq!(lease(10).await.unwrap().len(), 0, "its lease has a minute left");
        assert_eq!(one.renew(vec![parcel_id(1)], at(80)).await.unwrap(), 1);
        assert_eq!(lease(20).await.unwrap().len(), 0);
        // It ends all the same: one that lasts no time at all is over at once.
        accept_and_queue(&*one, CLINIC, 2, at(1)).await;
        assert_eq!(one.lease("one", at(10), at(10), Room::any(9)).await.unwrap().len(), 1);
        assert_eq!(lease(30).await.unwrap().len(), 1);
    });
}

#[test]
fn two_nodes_may_start_at_once_on_an_empty_database() {
    let url = Postgres::shared().database();
    runtime().block_on(async {
        let (one, other) = tokio::join!(open(&url), open(&url));
        accept(&*one, CLINIC, 1).await;
        assert!(other.message(CLINIC, message_id(1)).await.unwrap().is_some());
    });
}

#[test]
fn nodes_write_the_same_rows_at_once_and_nothing_is_lost() {
    let url = Postgres::shared().database();
    runtime().block_on(async {
        let nodes = [open(&url).await, open(&url).await];
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..100u16 {
            let store = Arc::clone(&nodes[usize::from(number % 2)]);
            tasks.spawn(async move {
                let show = |domain: u8| Write::Posture { domain: [domain; 16], level: 1, at: at(i64::from(number)) };
                // Half of them in the opposite order, as two nodes would.
                let mut shown: Vec<_> = (0..20).map(show).collect();
                if number % 2 == 0 {
                    shown.reverse();
                }
                let write = acceptance(&*store, OTHER, number, MessageState::Accepted, b"body").await.unwrap();
                shown.push(write);
                commit_one(
                    &*store,
                    store::Transition { org: OTHER, writes: shown, journal: journal(Some(number), "accepted") },
                )
                .await
                .unwrap();
            });
        }
        tasks.join_all().await;
        assert_eq!(nodes[0].messages(OTHER, None, 1000).await.unwrap().len(), 100);
        assert_eq!(nodes[1].unsequenced(OTHER, 1000).await.unwrap().len(), 100);
        assert_eq!(nodes[0].posture(OTHER, [3; 16]).await.unwrap().unwrap().last_at, at(99));
        assert_eq!(nodes[0].messages(CLINIC, None, 9).await.unwrap(), []);
    });
}

#[test]
fn a_pause_that_ends_during_a_delivery_gives_it_to_no_other_node() {
    let url = Postgres::shared().database();
    runtime().block_on(async {
        let (one, other) = (open(&url).await, open(&url).await);
        accept_and_queue(&*one, CLINIC, 1, at(1)).await;
        assert_eq!(one.lease("one", at(1), at(100), Room::any(9)).await.unwrap().len(), 1);
        let pause = Write::Stop { parcel: parcel_id(1), state: ParcelState::Paused };
        commit(&*other, CLINIC, vec![pause]).await.unwrap();
        assert_eq!(one.renew(vec![parcel_id(1)], at(200)).await.unwrap(), 1, "it is still being delivered");
        commit(&*other, CLINIC, vec![Write::Resume { parcel: parcel_id(1), due: at(2) }]).await.unwrap();
        assert_eq!(other.lease("other", at(150), at(300), Room::any(9)).await.unwrap().len(), 0);
        let delivered = Write::Finish { parcel: parcel_id(1), state: ParcelState::Delivered };
        commit(&*one, CLINIC, vec![delivered]).await.unwrap();
        assert_eq!(other.lease("other", at(900), at(990), Room::any(9)).await.unwrap().len(), 0);
    });
}

#[test]
fn a_node_renews_what_is_its_own_until_another_has_leased_it() {
    let url = Postgres::shared().database();
    runtime().block_on(async {
        let (one, other) = (open(&url).await, open(&url).await);
        accept_and_queue(&*one, CLINIC, 1, at(1)).await;
        assert_eq!(one.lease("one", at(1), at(100), Room::any(9)).await.unwrap().len(), 1);
        assert_eq!(other.lease("other", at(99), at(200), Room::any(9)).await.unwrap().len(), 0);
        assert_eq!(one.renew(vec![parcel_id(1)], at(200)).await.unwrap(), 1);
        assert_eq!(other.lease("other", at(100), at(300), Room::any(9)).await.unwrap().len(), 0);
        assert_eq!(other.lease("other", at(200), at(300), Room::any(9)).await.unwrap().len(), 1);
        assert_eq!(one.renew(vec![parcel_id(1)], at(400)).await.unwrap(), 0, "it is the other's");
    });
}

#[test]
fn a_lost_connection_is_made_anew() {
    let cluster = Postgres::shared();
    let url = cluster.database();
    let database = url.rsplit('/').next().unwrap();
    runtime().block_on(async {
        let store = open(&url).await;
        accept(&*store, CLINIC, 1).await;
        assert!(store.message(CLINIC, message_id(1)).await.unwrap().is_some());
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = ";
        cluster.query("postgres", &format!("{end} '{database}'"));
        accept(&*store, CLINIC, 2).await;
        // A read may still meet a connection that is just ending.
        let read = testkit::wait::PATIENCE;
        let found = tokio::time::timeout(read, async {
            loop {
                match store.message(CLINIC, message_id(2)).await {
                    Ok(found) => return found,
                    Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"),
                }
            }
        });
        assert!(found.await.unwrap().is_some());
    });
}

#[test]
fn a_large_body_that_never_gets_its_message_is_forgotten() {
    let cluster = Postgres::shared();
    let url = cluster.database();
    let database = url.rsplit('/').next().unwrap();
    runtime().block_on(async {
        let store = open(&url).await;
        let large = vec![7; 600_000];
        drop(acceptance(&*store, CLINIC, 1, MessageState::Accepted, &large).await.unwrap());
        testkit::wait::until("the rows to go", || {
            (cluster.query(database, "SELECT count(*) FROM body") == "0").then_some(())
        });
        let kept = acceptance(&*store, CLINIC, 2, MessageState::Accepted, &large).await.unwrap();
        conflict(acceptance(&*store, CLINIC, 2, MessageState::Accepted, &large).await);
        commit(&*store, CLINIC, vec![kept]).await.unwrap();
        // As a node leaves it that dies while a body arrives.
        let mut left = store.new_body(CLINIC, message_id(3));
        left.push(large.clone()).await.unwrap();
        std::mem::forget(left);
        cluster.query(database, "UPDATE body_arriving SET begun_at = begun_at - 90000000000");
        let other = open(&url).await;
        assert_eq!(cluster.query(database, "SELECT count(DISTINCT message) FROM body"), "1");
        let row = other.message(CLINIC, message_id(2)).await.unwrap().unwrap();
        assert_eq!(other.read_body(CLINIC, row.message, &row.body).await.unwrap(), large);
    });
}
