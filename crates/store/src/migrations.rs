//! The numbered, forward-only migrations, a list for each engine.

/// One step of the schema.
pub(crate) struct Migration {
    /// The schema's version after it.
    pub number: u32,
    /// Its statements.
    pub text: &'static str,
}

/// For SQLite.
pub(crate) const SQLITE: &[Migration] = &[
    Migration { number: 1, text: include_str!("../migrations/sqlite/0001-first.sql") },
    Migration { number: 2, text: include_str!("../migrations/sqlite/0002-keys.sql") },
    Migration { number: 3, text: include_str!("../migrations/sqlite/0003-once.sql") },
    Migration { number: 4, text: include_str!("../migrations/sqlite/0004-watch.sql") },
    Migration { number: 5, text: include_str!("../migrations/sqlite/0005-sts.sql") },
    Migration { number: 6, text: include_str!("../migrations/sqlite/0006-reports.sql") },
    Migration { number: 7, text: include_str!("../migrations/sqlite/0007-lanes.sql") },
    Migration { number: 8, text: include_str!("../migrations/sqlite/0008-acme.sql") },
    Migration { number: 9, text: include_str!("../migrations/sqlite/0009-suppression.sql") },
    Migration { number: 10, text: include_str!("../migrations/sqlite/0010-wait.sql") },
];

/// For PostgreSQL.
pub(crate) const POSTGRES: &[Migration] = &[
    Migration { number: 1, text: include_str!("../migrations/postgres/0001-first.sql") },
    Migration { number: 2, text: include_str!("../migrations/postgres/0002-keys.sql") },
    Migration { number: 3, text: include_str!("../migrations/postgres/0003-once.sql") },
    Migration { number: 4, text: include_str!("../migrations/postgres/0004-watch.sql") },
    Migration { number: 5, text: include_str!("../migrations/postgres/0005-sts.sql") },
    Migration { number: 6, text: include_str!("../migrations/postgres/0006-reports.sql") },
    Migration { number: 7, text: include_str!("../migrations/postgres/0007-lanes.sql") },
    Migration { number: 8, text: include_str!("../migrations/postgres/0008-acme.sql") },
    Migration { number: 9, text: include_str!("../migrations/postgres/0009-suppression.sql") },
    Migration { number: 10, text: include_str!("../migrations/postgres/0010-wait.sql") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        for list in [SQLITE, POSTGRES] {
            let numbers: Vec<u32> = list.iter().map(|migration| migration.number).collect();
            assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
        }
    }
}
