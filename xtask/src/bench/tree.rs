//! What a server and all that it started have used, from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// A clock tick of `/proc/PID/stat`: USER_HZ is 100 on every Linux that Debian ships.
const TICK: Duration = Duration::from_millis(10);

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub struct Tree {
    root: u32,
}

/// The fields of one `/proc/PID/stat` that count here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// Its own time and that of the children that it has waited for.
    ticks: u64,
}

impl Tree {
    /// The tree under a process.
    pub fn of(root: u32) -> Self {
        Self { root }
    }

    /// User and system time of all that lives and of all that has ended there.
    pub fn cpu(self) -> Duration {
        let ticks: u64 = self.members().iter().map(|(_, stat)| stat.ticks).sum();
        TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// Resident memory in KiB; what processes share counts once (PSS).
    pub fn memory_kib(self) -> u64 {
        self.members()
            .iter()
            .filter_map(|(id, _)| pss(&fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?))
            .sum()
    }

    fn members(self) -> Vec<(u32, Stat)> {
        let all: HashMap<u32, Stat> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let id: u32 = entry.file_name().to_str()?.parse().ok()?;
                Some((id, stat(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
            })
            .collect();
        let belongs = |id: &u32| {
            std::iter::successors(Some(*id), |id| all.get(id).map(|stat| stat.parent))
                .take(64)
                .any(|id| id == self.root)
        };
        all.iter().filter(|(id, _)| belongs(id)).map(|(id, stat)| (*id, *stat)).collect()
    }
}

/// Reads a line of `/proc/PID/stat` (proc_pid_stat(5)). The second field may hold spaces and parentheses.
fn stat(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Counted from `state`, the third field: ppid is the fourth, utime to cstime are the 14th to 17th.
    let ticks: Option<Vec<u64>> = fields.get(11..15)?.iter().map(|field| field.parse().ok()).collect();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: ticks?.iter().sum() })
}

fn pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_are_read() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194304 9 9 0 0 11 22 33 44 20 0 1 0 5 6 7";
        assert_eq!(stat(line), Some(Stat { parent: 3, ticks: 110 }));
        assert_eq!(stat("7 (a) S"), None);
        assert_eq!(pss("Rss:  9 kB\nPss:        1234 kB\nPss_Dirty: 1 kB\n"), Some(1234));
    }

    #[test]
    fn this_process_is_a_tree() {
        let tree = Tree::of(std::process::id());
        assert!(tree.memory_kib() > 0);
        assert!(tree.members().iter().any(|(id, _)| *id == std::process::id()));
    }
}
