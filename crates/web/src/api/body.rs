//! The body of a request that hands in a message: read once the key is known
//! to be allowed to, and within the budget of all the clear content that is in
//! memory at a time.
//!
//! A body has room for what it says that it is, and for what is made of it. It
//! gets that once its first bytes have come: who only promises holds nothing.
//! One that does not say how long it is has room for the longest that there
//! may be. Who gets none within a moment is told to come again.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use flow::application::Room;
use tokio::time::timeout;

use super::Api;
use super::problem::Problem;
use crate::inspect::next;
use crate::server::Patience;

/// Up to this, and of every body until it is known to be longer, room is small.
const FIRST_BYTES: usize = 64 * 1024;
/// Waiting for room takes no longer: the client still holds all of it.
const ROOM_WAIT: Duration = Duration::from_secs(5);
/// Each so many bytes of a large body must come within so long: it holds room
/// that mail is waiting for.
const STEP_BYTES: usize = 1024 * 1024;
const STEP: Duration = Duration::from_secs(30);

/// A body with its room, which is given back with it.
pub(super) struct Received {
    pub bytes: Vec<u8>,
    _room: Room,
}

/// Reads it.
pub(super) async fn received(api: &Api, request: Request) -> Result<Received, Problem> {
    let max = api.settings.request_bytes_max;
    let declared = declared(request.headers());
    if declared.is_some_and(|declared| declared > max) {
        return Err(Problem::too_large());
    }
    let patience = request.extensions().get::<Patience>().cloned();
    let (mut body, mut bytes) = (request.into_body(), Vec::new());
    let room = room(api, declared.unwrap_or(FIRST_BYTES).min(FIRST_BYTES)).await?;
    if read(&mut body, &mut bytes, FIRST_BYTES.min(max)).await? {
        return Ok(Received { bytes, _room: room });
    }
    drop(room);
    let all = declared.unwrap_or(max);
    let mut room = match self::room(api, all).await {
        Ok(room) => room,
        Err(problem) => return Err(unread(body, patience, problem).await),
    };
    bytes.reserve_exact(all.saturating_sub(bytes.len()));
    loop {
        if let Some(patience) = &patience {
            patience.grant(STEP);
        }
        let step = bytes.len().saturating_add(STEP_BYTES).min(all);
        if read(&mut body, &mut bytes, step).await? {
            room.keep(bytes.len() as u64);
            return Ok(Received { bytes, _room: room });
        }
        if step == all {
            return Err(Problem::too_large());
        }
    }
}

async fn room(api: &Api, bytes: usize) -> Result<Room, Problem> {
    let room = timeout(ROOM_WAIT, api.door.room(bytes as u64)).await;
    room.map_err(|_| Problem::no_room())
}

/// A client that still sends would not see the answer.
async fn unread(mut body: Body, patience: Option<Patience>, problem: Problem) -> Problem {
    patience.iter().for_each(|patience| patience.grant(STEP * 2));
    let passed_over = async { while let Ok(Some(_)) = next(&mut body).await {} };
    drop(timeout(STEP, passed_over).await);
    problem
}

/// Reads on until there are more than so many; gives whether it ended before.
/// The rest of a piece stays in memory, as it did before.
async fn read(body: &mut Body, bytes: &mut Vec<u8>, more_than: usize) -> Result<bool, Problem> {
    let reading = async {
        while bytes.len() <= more_than {
            match next(body).await? {
                Some(piece) => bytes.extend_from_slice(&piece),
                None => return Ok(true),
            }
        }
        Ok(false)
    };
    timeout(STEP, reading).await.unwrap_or_else(|_| Err(slow()))
}

fn slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The request came too slowly").hint("nothing was kept")
}

/// What the request says; HTTP holds the client to it (RFC 9110 §8.6).
fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
