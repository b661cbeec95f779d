//! What clients may cost. Time runs as it does: each test waits for the
//! server's word and for nothing else.

use std::time::{Duration, Instant};

use flow::listener::ClientLimits;

use super::desk::House;
use super::in_data;
use super::wire::Wire;

const SOON: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_silent_stranger_is_cut_off() {
    let house =
        House::open_with(ClientLimits { stranger_timeout: SOON, ..ClientLimits::default() }, &["10.0.0.0/8"]).await;
    let mut wire = Wire::greeted(house.starttls).await;
    assert!(wire.rest().await.starts_with("421 4.4.2 "));
}

#[tokio::test]
async fn a_byte_now_and_then_keeps_nobody_alive() {
    let house =
        House::open_with(ClientLimits { command_timeout: SOON, ..ClientLimits::default() }, &["127.0.0.0/8"]).await;
    let wire = Wire::greeted(house.named).await;
    let (read, mut write) = wire.0.into_split();
    let drip = tokio::spawn(async move {
        let mut every = tokio::time::interval(SOON / 10);
        loop {
            every.tick().await;
            if tokio::io::AsyncWriteExt::write_all(&mut write, b"N").await.is_err() {
                return;
            }
        }
    });
    let mut read = read;
    let mut seen = Vec::new();
    let _ = tokio::io::copy(&mut read, &mut seen).await;
    assert!(seen.starts_with(b"421 4.4.2 "), "{}", seen.escape_ascii());
    drip.abort();
}

#[tokio::test]
async fn a_stalled_message_is_cut_off_and_abandoned() {
    let house =
        House::open_with(ClientLimits { data_timeout: SOON, ..ClientLimits::default() }, &["127.0.0.0/8"]).await;
    let mut wire = in_data(&house).await;
    wire.send("Subject: x\r\n").await;
    assert!(wire.rest().await.starts_with("421 4.4.2 "));
    house.recorder.abandoned(1).await;
}

#[tokio::test]
async fn a_stalled_handshake_is_cut_off() {
    let limits = ClientLimits { handshake_timeout: SOON, ..ClientLimits::default() };
    let house = House::open_with(limits, &["127.0.0.0/8"]).await;
    assert_eq!(Wire::to(house.tls).await.rest().await, "");
    let mut wire = Wire::greeted(house.starttls).await;
    assert!(wire.ask("STARTTLS\r\n").await.starts_with("220 "));
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn an_address_has_its_share_of_connections() {
    let limits = ClientLimits { connections_per_address_max: 2, ..ClientLimits::default() };
    let house = House::open_with(limits, &["127.0.0.0/8"]).await;
    let first = Wire::greeted(house.named).await;
    let _second = Wire::greeted(house.starttls).await;
    assert!(Wire::to(house.named).await.rest().await.starts_with("421 4.7.0 "));
    assert_eq!(Wire::to(house.tls).await.rest().await, "", "no handshake for who is too many");
    drop(first);
    // The place is free once the server has seen the end.
    loop {
        if Wire::to(house.named).await.reply().await.starts_with("220 ") {
            break;
        }
    }
}

#[tokio::test]
async fn new_clients_are_greeted_at_once_beside_many_slow_ones() {
    let limits = ClientLimits { connections_per_address_max: 1_000, ..ClientLimits::default() };
    let house = House::open_with(limits, &["127.0.0.0/8"]).await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut wire = Wire::greeted(house.named).await;
        wire.send("EHL").await;
        slow.push(wire);
    }
    let start = Instant::now();
    for _ in 0..20 {
        Wire::greeted(house.named).await;
    }
    assert!(start.elapsed() < Duration::from_secs(20), "a second for each");
}
