//! A process of its own that commits and says so, to be killed or to have its
//! syscalls fail: this test program, started again.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use store::{MessageState, SqliteOptions, Store, open_sqlite};

use crate::engines::{inline, runtime};
use crate::make::*;

const DIR: &str = "SEALPOST_TEST_CHILD_DIR";
const COUNT: &str = "SEALPOST_TEST_CHILD_COUNT";

/// Sizes of bodies in turn: in a segment, and in a file of its own.
fn size(number: u16) -> usize {
    if number % 10 == 9 { 300_000 } else { 5_000 }
}

/// What the child stores as the body of a message.
pub fn body_of(number: u16) -> Vec<u8> {
    (0..size(number)).map(|byte| (byte as u16 ^ number) as u8).collect()
}

/// The command that commits `count` messages in `dir` and writes `committed N`
/// after each.
pub fn command(through: Option<Command>, dir: &Path, count: u16) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut command = match through {
        Some(mut command) => {
            command.arg(own);
            command
        }
        None => Command::new(own),
    };
    command.args(["--exact", "child::commits_and_says_so", "--nocapture", "--test-threads=1"]);
    command.env(DIR, dir).env(COUNT, count.to_string()).env("RUST_BACKTRACE", "0");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The messages that the child said were committed, as it says so.
pub fn committed(child: &mut Child) -> impl Iterator<Item = u16> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // What a killed process cut short was not said.
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.strip_suffix('.')?.parse().ok())
}

/// Checks that each of these messages is there, whole.
pub async fn check(store: &dyn Store, acknowledged: &[u16]) {
    for number in acknowledged {
        let row = store.message(CLINIC, message_id(*number)).await.unwrap();
        let row = row.unwrap_or_else(|| panic!("message {number} was acknowledged and is not there"));
        assert!(store.read_body(CLINIC, row.message, &row.body).await.unwrap() == body_of(*number), "{number}");
        assert_eq!(store.journal(CLINIC, row.message).await.unwrap().len(), 1);
        assert_eq!(store.parcels(CLINIC, row.message).await.unwrap().len(), 1);
    }
}

async fn commit_and_say_so(store: Arc<dyn Store>, number: u16) {
    let accept = acceptance(&*store, CLINIC, number, MessageState::Decided, &body_of(number)).await.unwrap();
    let writes = vec![accept, parcel(number, number, at(0))];
    let transition = store::Transition { org: CLINIC, writes, journal: journal(Some(number), "accepted") };
    commit_one(&*store, transition).await.unwrap();
    let mut out = std::io::stdout().lock();
    writeln!(out, "\ncommitted {number}.").unwrap();
    out.flush().unwrap();
}

/// Started by itself it commits a few in a directory of its own.
#[test]
fn commits_and_says_so() {
    let own = tempfile::tempdir().unwrap();
    let dir = std::env::var_os(DIR).map_or_else(|| own.path().to_owned(), Into::into);
    let count = std::env::var(COUNT).map_or(5, |count| count.parse().unwrap());
    runtime().block_on(async {
        let store = open_sqlite(&dir, SqliteOptions::default()).unwrap();
        let first = store.messages(CLINIC, None, 1).await.unwrap().len() as u16;
        let mut tasks = tokio::task::JoinSet::new();
        for number in (0..count).map(|number| number + first * 1000) {
            while tasks.len() >= 8 {
                tasks.join_next().await.unwrap().unwrap();
            }
            tasks.spawn(commit_and_say_so(Arc::clone(&store), number));
        }
        tasks.join_all().await;
        store.close().await.unwrap();
    });
    let store = open_sqlite(&dir, inline()).unwrap();
    runtime().block_on(check(&*store, &[0, 1, 2, 3, 4]));
}
