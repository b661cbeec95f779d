//! How long a 250 takes under load: a few clients beside the many, who send one
//! message after another, with a pause, and look at the clock.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::load::Load;

/// How many there are.
const CLIENTS: u64 = 2;
/// Between two messages of one.
const PAUSE: Duration = Duration::from_millis(2);
/// Longer than any server should need for a reply.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients that measure.
pub struct Probes {
    noted: Arc<Noted>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Noted {
    is_over: AtomicBool,
    sent: AtomicU64,
    took: Mutex<Vec<Duration>>,
    failed: Mutex<Option<String>>,
}

impl Probes {
    /// Starts them beside a load, with messages like its own.
    pub fn start(door: SocketAddr, load: Load) -> Self {
        let noted = Arc::new(Noted::default());
        let threads = (0..CLIENTS).map(|_| {
            let noted = Arc::clone(&noted);
            std::thread::spawn(move || {
                if let Err(error) = send_on(door, load, &noted) {
                    *noted.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{error:#}"));
                }
            })
        });
        Self { threads: threads.collect(), noted }
    }

    /// Lets them end after the message that each is at.
    pub fn stop(&self) {
        self.noted.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether all have ended.
    pub fn are_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// How many messages got their 250.
    pub fn sent(&self) -> u64 {
        self.noted.sent.load(Ordering::Relaxed)
    }

    /// Fails if one of them did.
    pub fn ensure_fine(&self) -> Result<()> {
        let failed = self.noted.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().map_or(Ok(()), |why| bail!("a client that measures: {why}"))
    }

    /// What 99 of 100 stay under, in milliseconds.
    pub fn p99_ms(&self) -> f64 {
        p99_ms(self.noted.took.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What 99 of 100 stay under, in milliseconds; 0 of none.
pub fn p99_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn send_on(door: SocketAddr, load: Load, noted: &Noted) -> Result<()> {
    let stream = TcpStream::connect(door)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut client = BufReader::new(stream);
    expect(&mut client, "220")?;
    say(&mut client, b"EHLO probe.example\r\n", "250")?;
    let body = body(load.bytes);
    while !noted.is_over.load(Ordering::Relaxed) {
        say(&mut client, b"MAIL FROM:<desk@clinic.example>\r\n", "250")?;
        say(&mut client, format!("RCPT TO:<{}>\r\n", load.to).as_bytes(), "250")?;
        say(&mut client, b"DATA\r\n", "354")?;
        client.get_mut().write_all(&body)?;
        let began = Instant::now();
        say(&mut client, b".\r\n", "250")?;
        noted.took.lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
        noted.sent.fetch_add(1, Ordering::Relaxed);
        std::thread::park_timeout(PAUSE);
    }
    say(&mut client, b"QUIT\r\n", "221")
}

fn body(bytes: u32) -> Vec<u8> {
    let line = format!("{}\r\n", "x".repeat(76));
    let head = "From: <desk@clinic.example>\r\nTo: <someone@patients.example>\r\nSubject: probe\r\n\r\n";
    let lines = usize::try_from(bytes).unwrap_or_default().div_ceil(line.len());
    format!("{head}{}", line.repeat(lines)).into_bytes()
}

fn say(client: &mut BufReader<TcpStream>, line: &[u8], code: &str) -> Result<()> {
    client.get_mut().write_all(line)?;
    expect(client, code)
}

/// Reads a reply of one or more lines.
fn expect(client: &mut BufReader<TcpStream>, code: &str) -> Result<()> {
    loop {
        let mut line = String::new();
        ensure!(client.read_line(&mut line).context("no reply")? > 0, "the connection is cut");
        ensure!(line.starts_with(code), "{} instead of {code}", line.trim_end());
        if line.get(3..4) != Some("-") {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_nine_of_a_hundred_take_no_longer() {
        let times = |count: u64| (1..=count).rev().map(Duration::from_millis).collect::<Vec<_>>();
        for (count, expect) in [(0, 0.0), (1, 1.0), (100, 99.0), (200, 198.0), (1_000, 990.0)] {
            assert!((p99_ms(times(count)) - expect).abs() < 1e-9, "{count}");
        }
    }
}
