//! The listeners over real sockets: limits, stopping, STARTTLS, and clients
//! that nobody here wrote.

mod clients;
mod desk;
mod limits;
mod wire;

use std::sync::atomic::Ordering;

use desk::House;
use tokio::io::AsyncWriteExt;
use wire::Wire;

const ENVELOPE: &str =
    "EHLO client.example\r\nMAIL FROM:<a@clinic.example> SIZE=20\r\nRCPT TO:<p@example.com>\r\nDATA\r\n";

async fn in_data(house: &House) -> Wire {
    let mut wire = Wire::greeted(house.named).await;
    wire.send(ENVELOPE).await;
    for code in ["250-", "250 ", "250 ", "354 "] {
        assert!(wire.reply().await.starts_with(code));
    }
    wire
}

#[tokio::test]
async fn a_named_network_sends_without_login() {
    let house = House::open().await;
    let mut wire = in_data(&house).await;
    assert_eq!(wire.ask("Subject: x\r\n\r\n..y\r\n.\r\n").await, "250 2.0.0 stored\r\n");
    assert_eq!(wire.ask("QUIT\r\n").await, "221 2.0.0 bye\r\n");
    assert_eq!(wire.rest().await, "");
    let taken = house.recorder.taken.lock().unwrap();
    let [message] = taken.as_slice() else { panic!("one message") };
    assert_eq!(message.content, b"Subject: x\r\n\r\n.y\r\n");
    assert_eq!(message.submission.with, "ESMTP");
    assert_eq!(message.submission.helo, "client.example");
    assert_eq!(message.submission.declared_bytes, Some(20));
    assert!(message.submission.tls.is_none());
    assert_eq!(message.submission.sender.principal().to_string(), "network:ward");
}

#[tokio::test]
async fn other_networks_and_other_senders_are_refused() {
    let house = House::open_with(flow::listener::ClientLimits::default(), &["10.0.0.0/8"]).await;
    let mut wire = Wire::to(house.named).await;
    assert!(wire.rest().await.starts_with("554 5.7.1 "));

    let house = House::open().await;
    let mut wire = Wire::greeted(house.named).await;
    assert!(wire.ask("HELO x\r\n").await.starts_with("250 "));
    assert!(wire.ask("MAIL FROM:<a@evil.example>\r\n").await.starts_with("553 5.7.1 "));
    assert_eq!(wire.ask("MAIL FROM:<revoked@clinic.example>\r\n").await, "530 5.7.0 revoked\r\n");
}

#[tokio::test]
async fn disconnect_in_data_loses_nothing() {
    let house = House::open().await;
    let mut wire = in_data(&house).await;
    wire.send("Subject: x\r\n\r\nhalf a mess").await;
    wire.0.shutdown().await.unwrap();
    house.recorder.abandoned(1).await;
    assert!(house.recorder.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_message_is_abandoned_and_its_reply_is_read() {
    let house = House::open().await;
    let wire = in_data(&house).await;
    // More than socket buffers hold: the client writes on while it is refused.
    let content = format!("Subject: x\r\n\r\nbare\nline\r\n{}.\r\nNOOP\r\n", "0123456789\r\n".repeat(50_000));
    let (mut read, mut write) = wire.0.into_split();
    let send = tokio::spawn(async move { write.write_all(content.as_bytes()).await });
    let mut seen = Vec::new();
    tokio::io::copy(&mut read, &mut seen).await.unwrap();
    send.await.unwrap().unwrap();
    assert_eq!(seen, b"554 5.6.0 the message has an LF without CR; lines end with CRLF\r\n");
    house.recorder.abandoned(1).await;
}

#[tokio::test]
async fn what_follows_starttls_in_clear_is_never_read() {
    let house = House::open().await;
    let mut wire = Wire::greeted(house.starttls).await;
    wire.send("EHLO x\r\nSTARTTLS\r\nNOOP\r\n").await;
    assert!(wire.reply().await.contains("250-STARTTLS"));
    assert!(wire.rest().await.starts_with("503 5.5.1 "));
}

#[tokio::test]
async fn clear_text_after_starttls_is_no_handshake() {
    let house = House::open().await;
    let mut wire = Wire::greeted(house.starttls).await;
    assert!(wire.ask("STARTTLS\r\n").await.starts_with("220 "));
    wire.send("MAIL FROM:<a@clinic.example>\r\n").await;
    assert!(!wire.rest().await.contains("250"), "an alert at most");
    let mut wire = Wire::greeted(house.starttls).await;
    assert!(wire.ask("STARTTLS\r\n").await.starts_with("220 "));
    let garbage: Vec<u8> = (0..65_536u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let _ = wire.0.write_all(&garbage).await;
    wire.rest().await;
}

#[tokio::test]
async fn a_stop_lets_a_message_finish_and_tells_the_idle() {
    let mut house = House::open().await;
    let mut idle = Wire::greeted(house.named).await;
    let mut busy = in_data(&house).await;
    busy.send("Subject: x\r\n").await;
    house.recorder.begun(1).await;
    house.stop.send(true).unwrap();
    assert!(idle.rest().await.starts_with("421 4.3.2 "));
    assert_eq!(busy.ask("\r\n.\r\n").await, "250 2.0.0 stored\r\n");
    assert!(busy.rest().await.starts_with("421 4.3.2 "));
    drop((idle, busy));
    for run in house.runs.drain(..) {
        run.await.unwrap();
    }
    assert!(tokio::net::TcpStream::connect(house.named).await.is_err());
    assert_eq!(house.recorder.abandoned.load(Ordering::SeqCst), 0);
}
