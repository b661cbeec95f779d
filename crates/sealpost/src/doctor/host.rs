//! This machine: files, room, time.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::SignedDuration;

use super::Findings;
use crate::config::{Config, Loaded};
use crate::installation::{Installation, Seams};

/// Below this much room, or share of the whole, a disk is nearly full.
const ROOM_WARNING: u64 = 2 << 30;
/// A twentieth of a large disk is room for months.
const ROOM_PLENTY: u64 = 10 << 30;
const ROOM_FAILED: u64 = 256 << 20;
/// What clocks of healthy machines may differ by.
const CLOCK_DIFFERENCE_MAX: SignedDuration = SignedDuration::from_secs(5);

/// Files that the configuration names, and who may read them.
pub(super) fn files(loaded: &Loaded, findings: &mut Findings) {
    let problems = loaded.unreadable_files();
    for problem in &problems {
        findings.fail(problem.to_string(), "put the file there, or correct its path or its owner");
    }
    let config = &loaded.config;
    let keys = [&config.vault.root_key_file, &config.submission.key, &config.portal.key, &config.gateway.key];
    let mut are_private = true;
    for path in keys.into_iter().flatten() {
        if is_open_to_others(path) {
            are_private = false;
            let path = path.display();
            findings.fail(format!("{path} can be read by other accounts"), format!("chmod o-rwx,g-w {path}"));
        }
    }
    let dir = &config.server.data_dir;
    match std::fs::metadata(dir) {
        Ok(folder) if folder.is_dir() && folder.permissions().mode() & 0o007 != 0 => {
            are_private = false;
            findings
                .warn(format!("{} is open to other accounts", dir.display()), format!("chmod 700 {}", dir.display()));
        }
        Ok(folder) if folder.is_dir() => {}
        Ok(_) => findings.fail(format!("{} is no folder", dir.display()), "set server.data_dir"),
        Err(error) => {
            findings.fail(format!("{}: {error}", dir.display()), "sealpost init, or set server.data_dir");
        }
    }
    if problems.is_empty() && are_private {
        findings.ok("keys and certificates are there; private keys are private");
    }
}

/// Whether anybody but owner and group may read it, or the group write it: keys
/// of a certificate are often a group's.
fn is_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o027 != 0)
}

/// Room for mail and journal.
pub(super) fn disk(config: &Config, findings: &mut Findings) {
    let dir = &config.server.data_dir;
    let room = match rustix::fs::statvfs(dir) {
        Ok(room) => room,
        Err(error) => {
            return findings.fail(format!("{}: {error}", dir.display()), "sealpost init, or set server.data_dir");
        }
    };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let whole = room.f_blocks.saturating_mul(room.f_frsize);
    let told = format!("{} free of {} under {}", size(free), size(whole), dir.display());
    let fix = "make room there: mail is refused for now (452, 507) once the disk is full";
    if free < ROOM_FAILED || (room.f_files > 0 && room.f_favail == 0) {
        findings.fail(told, fix);
    } else if is_short(free, whole) {
        findings.warn(told, fix);
    } else {
        findings.ok(told);
    }
}

fn is_short(free: u64, whole: u64) -> bool {
    free < ROOM_WARNING || (free < ROOM_PLENTY && free < whole / 20)
}

fn size(bytes: u64) -> String {
    const STEPS: [(u64, &str); 2] = [(1 << 30, "GiB"), (1 << 20, "MiB")];
    let (unit, name) = STEPS.into_iter().find(|(unit, _)| bytes >= *unit).unwrap_or((1 << 10, "KiB"));
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// Whether time has gone backwards since the ledger was last signed.
pub(super) async fn clock(opened: Option<&Installation>, seams: &Seams, findings: &mut Findings) {
    let now = seams.clock.now();
    let Some(installation) = opened else { return findings.skip("needs a database that opens") };
    for organisation in installation.journey.organisations.iter() {
        match installation.journey.store.last_run(organisation.org).await {
            Ok(Some(run)) if run.at.duration_since(now) > CLOCK_DIFFERENCE_MAX => {
                return findings.fail(
                    format!("this machine says {now}, and its ledger was last signed at {}", run.at),
                    "set the clock, and let chrony or systemd-timesyncd keep it",
                );
            }
            Ok(_) => {}
            Err(error) => return findings.skip(format!("the ledger can't be read: {error}")),
        }
    }
    findings.ok(format!("{now:.0}, not before anything in the ledger"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_short_by_its_size_and_on_disks_of_a_usual_size_by_its_share() {
        let gib = |count: u64| count << 30;
        let check = |free, whole, expect| assert_eq!(is_short(gib(free), gib(whole)), expect, "{free} of {whole}");
        check(1, 8, true);
        check(3, 20, false);
        check(3, 100, true);
        check(9, 250, true);
        check(11, 250, false);
        check(11, 4_000, false);
    }
}
