//! The server that runs on this machine, asked over its health listener.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Findings;
use crate::config::Config;

const WAIT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Whether it runs, and is ready to take work.
pub(super) async fn check(config: &Config, findings: &mut Findings) {
    let at = config.health.listen;
    let asked = tokio::time::timeout(WAIT, readiness(at)).await;
    match asked.context("no answer in time").and_then(|answer| answer) {
        Ok((true, _)) => findings.ok(format!("runs, and is ready (http://{at}/readyz)")),
        Ok((false, told)) => {
            for line in told.lines().filter(|line| line.starts_with("failed")) {
                findings.fail(format!("runs, and is not ready: {line}"), "read its log: journalctl -u sealpost");
            }
        }
        Err(error) => findings.warn(
            format!("no server answers at {at}: {error:#}"),
            "systemctl start sealpost, or set health.listen to where it listens",
        ),
    }
}

/// What a supervisor asks, often: nothing is opened but the configuration.
///
/// # Errors
/// Why the server is not ready, or is not there.
pub async fn ask(config: &Config) -> Result<()> {
    let at = config.health.listen;
    let asked = tokio::time::timeout(WAIT, readiness(at)).await.context("no answer in time").flatten();
    let (is_ready, told) = asked.with_context(|| format!("no server answers at {at}"))?;
    let failed: Vec<&str> = told.lines().filter(|line| line.starts_with("failed")).collect();
    anyhow::ensure!(is_ready, "the server is not ready: {}", failed.join("; "));
    Ok(())
}

/// Whether the server says that it is ready, and what it says of each check.
async fn readiness(at: SocketAddr) -> Result<(bool, String)> {
    let mut stream = TcpStream::connect(at).await?;
    let request = "GET /readyz?verbose HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("what answers there is no web server")?;
    anyhow::ensure!(body.starts_with("ok ") || body.starts_with("failed "), "what answers there is not Sealpost");
    Ok((head.starts_with("HTTP/1.1 200"), body.to_owned()))
}
