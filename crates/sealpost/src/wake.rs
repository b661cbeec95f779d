//! The bell between a command and the server that runs beside it: a command
//! that queued something rings, and the server looks at once instead of at its
//! next look. The bell says nothing but that; whoever may write into the data
//! directory may ring it.

use std::os::unix::net::UnixDatagram as StdDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use flow::Journey;
use tokio::net::UnixDatagram;
use tokio::sync::watch;

use crate::config::Config;

fn place(data_dir: &Path) -> PathBuf {
    data_dir.join("wake.sock")
}

/// The server's side.
pub struct Bell(UnixDatagram);

impl Bell {
    /// Hangs the bell; one that an earlier server left behind is taken down.
    pub fn hang(config: &Config) -> Result<Self> {
        let place = place(&config.server.data_dir);
        remove(&place)?;
        let socket = UnixDatagram::bind(&place).with_context(|| format!("can't make {}", place.display()))?;
        Ok(Self(socket))
    }

    /// Wakes the journey whenever it rings, until `stop` holds true.
    pub async fn listen(self, journey: Arc<Journey>, mut stop: watch::Receiver<bool>) {
        let mut rung = [0; 8];
        loop {
            let heard = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return,
                heard = self.0.recv(&mut rung) => heard,
            };
            match heard {
                Ok(_) => journey.wake().await,
                Err(error) => return tracing::warn!(%error, "commands can't wake this server any more"),
            }
        }
    }
}

/// Takes the bell down when the server ends, so that a copy of the data
/// directory holds nothing but data.
pub fn take_down(data_dir: &Path) {
    if let Err(error) = remove(&place(data_dir)) {
        tracing::warn!(error = format!("{error:#}"), "a socket stays behind");
    }
}

fn remove(place: &Path) -> Result<()> {
    match std::fs::remove_file(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", place.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A command's side: rings. Where no server hears it, its next look finds what was queued.
pub fn ring(config: &Config) {
    let ringing = StdDatagram::unbound().and_then(|socket| socket.send_to(b"!", place(&config.server.data_dir)));
    if let Err(error) = ringing {
        tracing::debug!(%error, "no server was woken");
    }
}
