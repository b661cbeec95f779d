//! Small makers of what the tests store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mail::{MessageId, OrgId, ParcelId, Priority};
use store::{
    Acceptance, Dimensions, JournalNew, Lane, MessageState, NewLink, NewParcel, Store, StoreError, Transition, Write,
};

/// The two organisations of every test.
pub const CLINIC: OrgId = OrgId(1);
pub const OTHER: OrgId = OrgId(2);

/// A time, in seconds after the tests began.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub fn message_id(number: u16) -> MessageId {
    MessageId::from_bytes(id(0x11, number))
}

pub fn parcel_id(number: u16) -> ParcelId {
    ParcelId::from_bytes(id(0x22, number))
}

fn id(kind: u8, number: u16) -> [u8; 16] {
    let mut bytes = [kind; 16];
    bytes[14..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// Bytes that no other number has.
pub fn key(number: u16) -> Vec<u8> {
    let mut bytes = b"wrapped key of a message: ".to_vec();
    bytes.extend_from_slice(&number.to_be_bytes().repeat(10));
    bytes
}

pub fn dimensions(number: u16) -> Dimensions {
    Dimensions {
        stream: "reminders".to_owned(),
        campaign: number.is_multiple_of(2).then(|| format!("campaign {number}")),
        tags: (0..number % 3).map(|tag| format!("tag {tag}")).collect(),
        fields: BTreeMap::from([("ward".to_owned(), format!("é {number}"))]),
        subject_index: [number as u8; 16],
        recipient_domains: vec![[1; 16], [2; 16]],
        body_bytes: u64::from(number),
    }
}

/// A message with a sealed body of `body`.
pub async fn acceptance(
    store: &dyn Store,
    org: OrgId,
    number: u16,
    state: MessageState,
    body: &[u8],
) -> Result<Write, StoreError> {
    let mut writer = store.new_body(org, message_id(number));
    for chunk in body.chunks(64 * 1024) {
        writer.push(chunk.to_vec()).await?;
    }
    Ok(Write::Accept(Box::new(Acceptance {
        message: message_id(number),
        received_at: at(i64::from(number)),
        state,
        body: writer.finish().await?,
        wrapped_key: key(number),
        envelope: format!("sealed envelope {number} of {org}").into_bytes(),
        dimensions: dimensions(number),
    })))
}

/// A parcel of the clinic's daily work.
pub fn parcel(number: u16, message: u16, due: Timestamp) -> Write {
    parcel_in(daily(CLINIC), number, message, due)
}

/// The lane of an organisation's daily work.
pub fn daily(org: OrgId) -> Lane {
    Lane::new(Priority::Operational, org, "letters", "credential:ehr")
}

/// A parcel of a message in this lane.
pub fn parcel_in(lane: Lane, number: u16, message: u16, due: Timestamp) -> Write {
    Write::Enqueue(NewParcel {
        parcel: parcel_id(number),
        message: message_id(message),
        kind: 3,
        due,
        created_at: at(0),
        sealed: format!("sealed parcel {number}").into_bytes(),
        lane,
        destination: Some([message as u8; 16]),
    })
}

pub fn link(number: u8, message: u16) -> NewLink {
    NewLink {
        hash: [number; 32],
        message: message_id(message),
        recipient: u32::from(number),
        created_at: at(1),
        expires_at: at(100),
        sealed: vec![number; 40],
    }
}

pub fn journal(message: Option<u16>, entry: &str) -> Option<JournalNew> {
    Some(JournalNew { message: message.map(message_id), at: at(7), entry: entry.as_bytes().to_vec() })
}

pub fn transition(org: OrgId, writes: Vec<Write>) -> Transition {
    Transition { org, writes, journal: None }
}

/// Commits one transition.
pub async fn commit(store: &dyn Store, org: OrgId, writes: Vec<Write>) -> Result<(), StoreError> {
    commit_one(store, transition(org, writes)).await
}

pub async fn commit_one(store: &dyn Store, transition: Transition) -> Result<(), StoreError> {
    let mut outcomes = store.commit(vec![transition]).await?;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Accepts a small message.
pub async fn accept(store: &dyn Store, org: OrgId, number: u16) {
    accept_as(store, org, number, MessageState::Accepted).await;
}

pub async fn accept_as(store: &dyn Store, org: OrgId, number: u16, state: MessageState) {
    let write = acceptance(store, org, number, state, body(number).as_slice()).await.unwrap();
    commit(store, org, vec![write]).await.unwrap();
}

/// The sealed body that [`accept`] stores.
pub fn body(number: u16) -> Vec<u8> {
    format!("sealed body {number} ").repeat(100).into_bytes()
}

/// Accepts a decided message and queues a parcel of the same number.
pub async fn accept_and_queue(store: &dyn Store, org: OrgId, number: u16, due: Timestamp) {
    let write = acceptance(store, org, number, MessageState::Decided, &body(number)).await.unwrap();
    commit(store, org, vec![write, parcel_in(daily(org), number, number, due)]).await.unwrap();
}

#[track_caller]
pub fn conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
}
