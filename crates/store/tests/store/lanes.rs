//! The queue's lanes: whose turn it is, and what a person does with what waits.

use jiff::Timestamp;
use mail::{OrgId, ParcelId, Priority};
use store::{Lane, MessageState, ParcelState, Room, Sieve, Store, Write};

use crate::engines::for_each_engine;
use crate::make::*;

fn lane(priority: Priority, org: OrgId, stream: &str) -> Lane {
    Lane::new(priority, org, stream, "credential:ehr")
}

async fn queue_in(store: &dyn Store, lane: Lane, number: u16, due: Timestamp) {
    let write = acceptance(store, lane.org(), number, MessageState::Decided, &body(number)).await.unwrap();
    commit(store, lane.org(), vec![write, parcel_in(lane, number, number, due)]).await.unwrap();
}

async fn lease(store: &dyn Store, now: i64, room: Room) -> Vec<ParcelId> {
    let leased = store.lease("here", at(now), at(now + 500), room).await.unwrap();
    leased.into_iter().map(|leased| leased.parcel).collect()
}

#[test]
fn what_is_urgent_goes_before_a_campaign_that_waits_longer() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for number in 1..=30 {
            queue_in(store, lane(Priority::Marketing, CLINIC, "news"), number, at(0)).await;
        }
        assert_eq!(lease(store, 5, Room::any(2)).await.len(), 2);
        queue_in(store, lane(Priority::Transactional, CLINIC, "resets"), 90, at(5)).await;
        queue_in(store, lane(Priority::Operational, CLINIC, "letters"), 80, at(5)).await;
        assert_eq!(lease(store, 5, Room::any(1)).await, [parcel_id(90)]);
        assert_eq!(lease(store, 5, Room::any(1)).await, [parcel_id(80)]);
        assert_eq!(lease(store, 5, Room::any(1)).await.len(), 1);
    });
}

#[test]
fn organisations_take_turns_however_much_one_of_them_has() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for number in 1..=30 {
            queue_in(store, lane(Priority::Marketing, CLINIC, "news"), number, at(0)).await;
        }
        for number in 31..=33 {
            queue_in(store, lane(Priority::Marketing, OTHER, "news"), number, at(4)).await;
        }
        let leased = lease(store, 5, Room::any(6)).await;
        assert_eq!(leased.iter().filter(|parcel| **parcel > parcel_id(30)).count(), 3);
        // What one leaves, the other has.
        assert_eq!(lease(store, 5, Room::any(99)).await.len(), 27);
    });
}

#[test]
fn a_priority_without_room_is_left_alone() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        queue_in(store, lane(Priority::Marketing, CLINIC, "news"), 1, at(0)).await;
        queue_in(store, lane(Priority::Operational, CLINIC, "letters"), 2, at(1)).await;
        assert_eq!(lease(store, 5, Room { all: 9, of: [9, 9, 0] }).await, [parcel_id(2)]);
        assert_eq!(store.next_due().await.unwrap(), Some(at(0)));
        assert_eq!(lease(store, 5, Room::any(9)).await, [parcel_id(1)]);
    });
}

#[test]
fn what_is_put_off_was_not_tried_and_comes_in_its_turn() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        assert_eq!(lease(store, 1, Room::any(9)).await, [parcel_id(1)]);
        let put_off = || vec![Write::PutOff { parcel: parcel_id(1), due: at(60), wait: 1 }];
        conflict(commit(store, OTHER, put_off()).await);
        commit(store, CLINIC, put_off()).await.unwrap();
        assert_eq!(lease(store, 59, Room::any(9)).await, []);
        assert_eq!(store.next_due().await.unwrap(), Some(at(60)));
        let leased = store.lease("here", at(60), at(90), Room::any(9)).await.unwrap();
        assert_eq!((leased[0].parcel, leased[0].attempts), (parcel_id(1), 0));
        let row = store.parcels(CLINIC, message_id(1)).await.unwrap().remove(0);
        assert_eq!((row.wait, row.due), (1, at(60)), "why it was put off stays in its row");
    });
}

#[test]
fn what_is_paused_waits_for_a_person_and_is_listed() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(1)).await;
        accept_and_queue(store, CLINIC, 2, at(2)).await;
        let pause = vec![Write::Stop { parcel: parcel_id(1), state: ParcelState::Paused }];
        commit(store, CLINIC, pause).await.unwrap();
        let summary = store.queue(CLINIC).await.unwrap();
        assert_eq!((summary.waiting, summary.paused, summary.oldest_paused), (1, 1, Some(at(0))));
        assert_eq!(store.queue(OTHER).await.unwrap().paused, 0);
        assert_eq!(lease(store, 5, Room::any(9)).await, [parcel_id(2)]);
        let paused = store.paused(CLINIC, None, Sieve::default(), 9).await.unwrap();
        assert_eq!(
            paused.iter().map(|row| (row.parcel, row.state)).collect::<Vec<_>>(),
            [(parcel_id(1), ParcelState::Paused)]
        );
        assert_eq!(store.paused(OTHER, None, Sieve::default(), 9).await.unwrap(), []);
        commit(store, CLINIC, vec![Write::Resume { parcel: parcel_id(1), due: at(9) }]).await.unwrap();
        conflict(commit(store, CLINIC, vec![Write::Resume { parcel: parcel_id(1), due: at(9) }]).await);
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 2);
        assert_eq!(lease(store, 9, Room::any(9)).await, [parcel_id(1)]);
    });
}

#[test]
fn what_came_of_a_delivery_counts_although_it_was_paused_meanwhile() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        for number in 1..=2 {
            accept_and_queue(store, CLINIC, number, at(1)).await;
        }
        assert_eq!(lease(store, 1, Room::any(9)).await.len(), 2);
        for number in 1..=2 {
            let pause = Write::Stop { parcel: parcel_id(number), state: ParcelState::Paused };
            commit(store, CLINIC, vec![pause]).await.unwrap();
        }
        let delivered = Write::Finish { parcel: parcel_id(1), state: ParcelState::Delivered };
        commit(store, CLINIC, vec![delivered]).await.unwrap();
        commit(store, CLINIC, vec![Write::Retry { parcel: parcel_id(2), due: at(2) }]).await.unwrap();
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 0);
        let paused = store.paused(CLINIC, None, Sieve::default(), 9).await.unwrap();
        assert_eq!(paused.iter().map(|row| (row.parcel, row.attempts)).collect::<Vec<_>>(), [(parcel_id(2), 1)]);
        assert_eq!(lease(store, 900, Room::any(9)).await, []);
        commit(store, CLINIC, vec![Write::Resume { parcel: parcel_id(2), due: at(3) }]).await.unwrap();
        assert_eq!(lease(store, 900, Room::any(9)).await, [parcel_id(2)]);
    });
}

#[test]
fn what_waits_is_listed_lane_by_lane_in_the_order_of_the_queue() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let (news, letters) = (lane(Priority::Marketing, CLINIC, "news"), lane(Priority::Operational, CLINIC, "x"));
        queue_in(store, news, 1, at(9)).await;
        queue_in(store, news, 2, at(3)).await;
        queue_in(store, letters, 3, at(7)).await;
        queue_in(store, lane(Priority::Transactional, OTHER, "x"), 4, at(0)).await;
        assert_eq!(store.lanes(CLINIC).await.unwrap(), [letters, news]);
        let first = store.waiting(news, None, Sieve::default(), 1).await.unwrap().remove(0);
        assert_eq!((first.parcel, first.lane, first.destination), (parcel_id(2), news, Some([2; 16])));
        let rest = store.waiting(news, Some((first.due, first.parcel)), Sieve::default(), 9).await.unwrap();
        assert_eq!(rest.iter().map(|row| row.parcel).collect::<Vec<_>>(), [parcel_id(1)]);
    });
}

#[test]
fn only_what_is_asked_for_is_read_of_a_lane_and_of_what_is_paused() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let news = lane(Priority::Marketing, CLINIC, "news");
        for number in 1..=4 {
            queue_in(store, news, number, at(9)).await;
        }
        let to = |number: u8| Sieve { destination: Some([number; 16]), until: None };
        let before_all = Sieve { destination: None, until: Some(at(-1)) };
        let found = async |sieve| {
            let rows = store.waiting(news, None, sieve, 9).await.unwrap();
            rows.into_iter().map(|row| row.parcel).collect::<Vec<_>>()
        };
        assert_eq!(found(to(3)).await, [parcel_id(3)]);
        assert_eq!(found(to(9)).await, []);
        assert_eq!(found(before_all).await, []);
        assert_eq!(found(Sieve { until: Some(at(0)), ..to(2) }).await, [parcel_id(2)]);
        let pause = |number| Write::Stop { parcel: parcel_id(number), state: ParcelState::Paused };
        commit(store, CLINIC, vec![pause(1), pause(2)]).await.unwrap();
        let paused = store.paused(CLINIC, None, to(2), 9).await.unwrap();
        assert_eq!(paused.iter().map(|row| row.parcel).collect::<Vec<_>>(), [parcel_id(2)]);
        assert_eq!(store.paused(CLINIC, None, before_all, 9).await.unwrap(), []);
    });
}

/// A command beside the server writes rows that the server's memory knows nothing of.
#[test]
fn what_another_process_changed_is_found_after_the_bell() {
    for_each_engine(async |bench| {
        let Some(dir) = bench.dir() else { return };
        let store = &*bench.store;
        accept_and_queue(store, CLINIC, 1, at(5)).await;
        accept_and_queue(store, CLINIC, 2, at(8)).await;
        assert_eq!(lease(store, 8, Room::any(9)).await.len(), 2);
        commit(store, CLINIC, vec![Write::Retry { parcel: parcel_id(1), due: at(900) }]).await.unwrap();
        let options = store::SqliteOptions { inline: true, beside: true, ..Default::default() };
        let beside = store::open_sqlite(&dir, options).unwrap();
        commit(&*beside, CLINIC, vec![Write::PutOff { parcel: parcel_id(1), due: at(6), wait: 1 }]).await.unwrap();
        store.look_again().await.unwrap();
        assert_eq!(store.next_due().await.unwrap(), Some(at(6)));
        assert_eq!(lease(store, 8, Room::any(9)).await, [parcel_id(1)]);
        commit(&*beside, CLINIC, vec![Write::Stop { parcel: parcel_id(2), state: ParcelState::Dropped }])
            .await
            .unwrap();
        store.look_again().await.unwrap();
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 1);
    });
}

#[test]
fn a_campaign_without_room_is_neither_leased_nor_passed() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let (news, resets) = (lane(Priority::Marketing, CLINIC, "news"), lane(Priority::Transactional, CLINIC, "x"));
        for number in 1..=400 {
            queue_in(store, news, number, at(0)).await;
        }
        queue_in(store, resets, 500, at(1)).await;
        // No room for the campaign: it is neither leased nor passed.
        let urgent_only = Room { all: 9, of: [9, 9, 0] };
        assert_eq!(lease(store, 2, urgent_only).await, [parcel_id(500)]);
        assert_eq!(lease(store, 2, urgent_only).await, []);
        let all = lease(store, 2, Room::any(1_000)).await;
        assert_eq!(all.len(), 400);
        assert_eq!(all[0], parcel_id(1));
    });
}

/// One transition queues the whole campaign, as one message to all.
#[test]
fn one_urgent_parcel_goes_before_fifty_thousand_that_wait() {
    for_each_engine(async |bench| {
        let store = &*bench.store;
        let news = lane(Priority::Marketing, CLINIC, "news");
        accept(store, CLINIC, 1).await;
        let campaign = (0..50_000).map(|number| parcel_in(news, number, 1, at(0))).collect();
        commit(store, CLINIC, campaign).await.unwrap();
        let room = Room { all: 40, of: [40, 25, 20] };
        assert_eq!(lease(store, 5, room).await.len(), 20, "its share of the places");
        queue_in(store, lane(Priority::Transactional, CLINIC, "resets"), 60_000, at(5)).await;
        assert_eq!(lease(store, 5, Room { all: 20, of: [20, 5, 0] }).await, [parcel_id(60_000)]);
        assert_eq!(store.queue(CLINIC).await.unwrap().waiting, 50_001);
        assert_eq!(store.next_due().await.unwrap(), Some(at(0)));
    });
}
