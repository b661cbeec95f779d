//! The database: whether it opens, writes and syncs; the ledger in it; what waits.

use std::time::Instant;

use anyhow::Result;
use flow::holds;
use jiff::{SignedDuration, Timestamp};
use ledger::{Checkpoint, outside_checkpoint};

use super::Findings;
use crate::config::Config;
use crate::installation::{Installation, Seams, checkpoint_dir, origin};

/// A synced write that takes longer makes every client wait.
const SYNC_WARNING_MS: u128 = 100;
/// A running server gives journal rows their positions within a second.
const LEDGER_LAG_MAX: SignedDuration = SignedDuration::from_mins(2);
/// A parcel that is due is taken at once while there is a server.
const QUEUE_LAG_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What is looked at in the database.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Ledger,
    Queue,
}

/// What helps against a failure to open the installation.
pub(super) fn fix_of_opening(error: &str) -> &'static str {
    match error {
        _ if error.contains("root key") => {
            "put the root key that this data was made with where vault.root_key_file says"
        }
        _ if error.contains("organisation") => "use the root key that these organisations were made with",
        _ if error.contains("store.url") => "start PostgreSQL, and check store.url: sealpost config show --origin",
        _ => "look at the folder's owner and at the disk; restore from a backup if the database is damaged",
    }
}

/// Writes, syncs and reads.
pub(super) async fn store(config: &Config, installation: &Installation, findings: &mut Findings) {
    let began = Instant::now();
    match installation.journey.store.ready().await {
        Ok(()) => {
            let took = began.elapsed().as_millis();
            let told = format!("opens, and a synced write takes {took} ms");
            if took > SYNC_WARNING_MS {
                findings.warn(told, "put server.data_dir on a faster disk, or see what else keeps it busy");
            } else {
                findings.ok(told);
            }
        }
        Err(error) => findings.fail(
            format!("the database can't be written: {error}"),
            format!("look at the disk of {}, and at the owner of its files", config.server.data_dir.display()),
        ),
    }
    let count = installation.journey.organisations.iter().count();
    findings.ok(format!("the root key opens the keys of {count} organisation{}", if count == 1 { "" } else { "s" }));
}

/// One part, for each organisation.
pub(super) async fn part(
    part: Part,
    config: &Config,
    installation: &Installation,
    seams: &Seams,
    findings: &mut Findings,
) {
    for organisation in installation.journey.organisations.iter() {
        let looked = match part {
            Part::Ledger => ledger(config, installation, organisation, seams, findings).await,
            Part::Queue => queue(installation, organisation, seams, findings).await,
        };
        if let Err(error) = looked {
            findings.fail(
                format!("{}: {error:#}", organisation.profile.slug),
                "look at the database: sealpost doctor --only store",
            );
        }
    }
}

async fn ledger(
    config: &Config,
    installation: &Installation,
    organisation: &flow::Organisation,
    seams: &Seams,
    findings: &mut Findings,
) -> Result<()> {
    let store = installation.journey.store.as_ref();
    let slug = &organisation.profile.slug;
    let verifier = organisation.signing_key.verifier(&origin(config, slug));
    let last = store.last_run(organisation.org).await?;
    let head = last.as_ref().map(|run| Checkpoint::verify(&run.checkpoint, &verifier)).transpose();
    let outside = outside_checkpoint(&checkpoint_dir(config), organisation.org, &verifier);
    let (head, outside) = match (head, outside) {
        (Ok(head), Ok(outside)) => (head, outside),
        (head, outside) => {
            let (head, outside) =
                (head.err().map(|error| error.to_string()), outside.err().map(|error| error.to_string()));
            let errors: Vec<String> = head.into_iter().chain(outside).collect();
            let fix = "somebody changed it, or it is another installation's: sealpost audit verify";
            findings.fail(format!("{slug}: {}", errors.join("; ")), fix);
            return Ok(());
        }
    };
    let size = head.map_or(0, |head| head.size);
    if outside.is_some_and(|outside| outside.size > size) {
        findings.fail(
            format!("{slug}: the ledger is shorter than the checkpoint outside the database says"),
            "rows were lost, or an older database was restored: sealpost audit verify, and keep both",
        );
        return Ok(());
    }
    let waiting = store.unsequenced(organisation.org, 1).await?;
    match waiting.first() {
        Some(row) if seams.clock.now().duration_since(row.at) > LEDGER_LAG_MAX => findings.warn(
            format!("{slug}: entries have waited for their position since {:.0}", row.at),
            "start the server, and read its log for \"the ledger can't go on\"",
        ),
        _ => findings.ok(format!("{slug}: {size} entries, the head is signed")),
    }
    Ok(())
}

async fn queue(
    installation: &Installation,
    organisation: &flow::Organisation,
    seams: &Seams,
    findings: &mut Findings,
) -> Result<()> {
    let journey = &installation.journey;
    let summary = journey.store.queue(organisation.org).await?;
    let slug = &organisation.profile.slug;
    let now = seams.clock.now();
    let is_late = |due: &Timestamp| now.duration_since(*due) > QUEUE_LAG_MAX;
    match summary.oldest_due.filter(is_late) {
        Some(due) => findings.warn(
            format!("{slug}: {} wait, and one of them has been due since {due:.0}", summary.waiting),
            "start the server; if it runs, read its log for what its deliveries meet",
        ),
        None => findings.ok(format!("{slug}: {} wait to be delivered, none is late", summary.waiting)),
    }
    if summary.paused > 0 {
        let since = summary.oldest_paused.map(|at| format!(", the oldest from {at:.0}")).unwrap_or_default();
        findings.warn(
            format!("{slug}: {} are held back by an operator{since}", summary.paused),
            format!("sealpost queue list --organisation {slug}, then sealpost queue release or drop"),
        );
    }
    if summary.held > 0 {
        // The oldest, which expires first.
        let first = holds::held(journey, organisation.org, 1).await?;
        let until = first.first().map(|one| format!(", the first until {:.0}", one.expires_at)).unwrap_or_default();
        findings.warn(
            format!("{slug}: {} wait for a person{until}", summary.held),
            format!("sealpost message held --organisation {slug}, then sealpost message release or reject"),
        );
    }
    Ok(())
}
