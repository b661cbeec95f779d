//! The keeper of the ledger: journal rows get their positions, and the heads
//! are signed, by whichever node is first.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow::Journey;
use ledger::{Ledger, Sequencer};
use tokio::sync::{Mutex, watch};

use crate::config::Config;
use crate::installation::{Seams, checkpoint_dir, origin, private_dir};

/// Gives journal rows their positions and signs the heads.
#[derive(Clone)]
pub struct LedgerKeeper {
    sequencer: Arc<Sequencer>,
    journey: Arc<Journey>,
    origins: Arc<Vec<(mail::OrgId, String)>>,
    /// One at a time: all of them write the same checkpoint files.
    turn: Arc<Mutex<()>>,
}

impl LedgerKeeper {
    /// For the organisations of this configuration.
    pub fn new(config: &Config, seams: &Seams, journey: Arc<Journey>) -> Result<Self> {
        let dir = checkpoint_dir(config);
        private_dir(&dir)?;
        let sequencer = Sequencer::new(journey.store.clone(), seams.clock.clone(), dir);
        let origins = origins(config, &journey);
        Ok(Self { sequencer: Arc::new(sequencer), journey, origins, turn: Arc::default() })
    }

    /// The same for another configuration; the two take turns.
    pub fn succeeding(&self, config: &Config, journey: Arc<Journey>) -> Self {
        Self { origins: origins(config, &journey), journey, ..self.clone() }
    }

    /// Gives every row its position now.
    pub async fn catch_up(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        for (org, origin) in self.origins.iter() {
            if let Some(organisation) = self.journey.organisations.find(*org) {
                let ledger = Ledger { org: *org, origin, key: &organisation.signing_key };
                self.sequencer.catch_up(&ledger).await?;
            }
        }
        Ok(())
    }

    /// Catches up again and again, until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        const EVERY: Duration = Duration::from_secs(1);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.catch_up().await {
                tracing::error!(%error, "the ledger can't go on");
            }
        }
    }
}

fn origins(config: &Config, journey: &Journey) -> Arc<Vec<(mail::OrgId, String)>> {
    let of = |one: &Arc<flow::Organisation>| (one.org, origin(config, &one.profile.slug));
    Arc::new(journey.organisations.iter().map(of).collect())
}
