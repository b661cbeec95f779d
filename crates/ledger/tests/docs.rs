//! The docs name every kind of event and every finding.

use jiff::Timestamp;
use ledger::{EventKind, Finding, LeafError, NoteError, RunError, Text};

const LEDGER: &str = include_str!("../../../docs/ledger.md");

#[test]
fn every_kind_of_event_is_in_the_docs() {
    for kind in EventKind::ALL {
        assert!(LEDGER.contains(&format!("`{kind}`")), "{kind}");
    }
}

/// A new finding does not compile until it has its word here, and then in the
/// docs.
fn word(finding: &Finding) -> &'static str {
    match finding {
        Finding::Altered { .. } => "altered",
        Finding::Removed { .. } => "removed",
        Finding::Moved { .. } => "moved",
        Finding::Misplaced { .. } => "misplaced",
        Finding::Gap { .. } => "gap",
        Finding::Checkpoint { .. } => "checkpoint",
        Finding::Tree { .. } => "tree",
        Finding::Unproven { .. } => "unproven",
        Finding::LeftOut { .. } => "left_out",
        Finding::CutTail { .. } => "cut_tail",
        Finding::Forked { .. } => "forked",
    }
}

#[test]
fn every_finding_is_in_the_docs() {
    let (position, journal, message, first_position) = (0, 1, None, 0);
    let findings = [
        Finding::Altered { position, journal, message },
        Finding::Removed { position, journal },
        Finding::Moved { position, belongs_at: 2, journal, message },
        Finding::Misplaced { position, journal, message, problem: Text(LeafError::Misplaced) },
        Finding::Gap { expected: 0, found: 1 },
        Finding::Checkpoint { first_position, problem: Text(RunError::Checkpoint(NoteError::Key)) },
        Finding::Tree { first_position },
        Finding::Unproven { first_position, rows: 1 },
        Finding::LeftOut { journal, message, at: Timestamp::UNIX_EPOCH },
        Finding::CutTail { size: 0, earlier: 1 },
        Finding::Forked { earlier: 1 },
    ];
    for finding in &findings {
        assert_eq!(serde_json::to_value(finding).unwrap()["finding"], word(finding));
        assert!(LEDGER.contains(&format!("| `{}`", word(finding))), "{finding}");
    }
}
