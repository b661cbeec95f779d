//! The class of every column: what it would give away to somebody who reads
//! the database files.
//!
//! A test on each engine fails for a column that is not listed here. Where a
//! column packs several values, `packs` gives the class of each, and the
//! column's own class is the strictest of them.

/// What a column would give away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nothing about a person: numbers, states, times of this system.
    Open,
    /// Something about a person or a sender, in the clear or by a keyed index
    /// that tells equal from unequal.
    Personal,
    /// Encrypted in the vault's envelope, or derived so that it tells nothing
    /// without a key.
    Sealed,
    /// Key material, wrapped.
    Secret,
}

/// Which engines have a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// Both.
    Both,
    /// SQLite only.
    Sqlite,
    /// PostgreSQL only.
    Postgres,
}

/// A column and its class.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub name: &'static str,
    /// Its class.
    pub class: Class,
    /// Which engines have it.
    pub on: On,
    /// The values that it packs, if it packs several.
    pub packs: &'static [(&'static str, Class)],
}

use Class::{Open, Personal, Sealed, Secret};

const fn both(table: &'static str, name: &'static str, class: Class) -> Column {
    Column { table, name, class, on: On::Both, packs: &[] }
}

const fn packed(
    table: &'static str,
    name: &'static str,
    class: Class,
    packs: &'static [(&'static str, Class)],
) -> Column {
    Column { table, name, class, on: On::Both, packs }
}

const fn postgres(table: &'static str, name: &'static str, class: Class) -> Column {
    Column { table, name, class, on: On::Postgres, packs: &[] }
}

/// Every column of every table.
pub const COLUMNS: &[Column] = &[
    both("org", "org", Open),
    both("org", "slug", Open),
    both("org", "wrapped_key", Secret),
    both("secret", "org", Open),
    both("secret", "name", Open),
    both("secret", "sealed", Secret),
    both("credential", "org", Open),
    both("credential", "login", Personal),
    both("credential", "sealed", Sealed),
    both("credential", "revoked", Open),
    both("policy", "org", Open),
    both("policy", "hash", Open),
    // Rules may name senders and recipients.
    both("policy", "text", Personal),
    both("message", "id", Open),
    both("message", "org", Open),
    both("message", "message", Open),
    both("message", "received_at", Open),
    both("message", "state", Open),
    both("message", "body_segment", Open),
    both("message", "body_offset", Open),
    both("message", "body_length", Open),
    // Over sealed bytes.
    both("message", "body_checksum", Open),
    both("message", "body_bytes", Open),
    both("message", "stream", Open),
    both("message", "campaign", Open),
    both("message", "subject_index", Personal),
    packed("message", "recipient_domains", Personal, &[("domain", Personal)]),
    packed("message", "tags", Personal, &[("tag", Personal)]),
    packed("message", "fields", Personal, &[("name", Open), ("value", Personal)]),
    both("message", "envelope", Sealed),
    both("message_key", "id", Open),
    both("message_key", "org", Open),
    both("message_key", "wrapped_key", Secret),
    both("parcel", "parcel", Open),
    both("parcel", "org", Open),
    both("parcel", "message_id", Open),
    both("parcel", "content_id", Open),
    both("parcel", "kind", Open),
    both("parcel", "state", Open),
    both("parcel", "due", Open),
    both("parcel", "attempts", Open),
    both("parcel", "created_at", Open),
    both("parcel", "lane", Open),
    both("parcel", "destination", Personal),
    both("parcel", "wait", Open),
    postgres("parcel", "leased_until", Open),
    postgres("parcel", "leased_by", Open),
    both("parcel_content", "id", Open),
    both("parcel_content", "org", Open),
    both("parcel_content", "sealed", Sealed),
    postgres("body", "org", Open),
    postgres("body", "message", Open),
    postgres("body", "chunk", Open),
    postgres("body", "bytes", Sealed),
    postgres("body_arriving", "org", Open),
    postgres("body_arriving", "message", Open),
    postgres("body_arriving", "begun_at", Open),
    both("journal", "id", Open),
    both("journal", "org", Open),
    both("journal", "message", Open),
    both("journal", "at", Open),
    // `ledger` declares what is in it; here it is bytes.
    both("journal", "entry", Sealed),
    postgres("journal_pending", "org", Open),
    postgres("journal_pending", "id", Open),
    both("link", "org", Open),
    both("link", "hash", Sealed),
    both("link", "message_id", Open),
    both("link", "recipient", Open),
    both("link", "version", Open),
    both("link", "created_at", Open),
    both("link", "expires_at", Open),
    both("link", "sealed", Sealed),
    both("posture", "org", Open),
    both("posture", "domain", Personal),
    both("posture", "best", Open),
    both("posture", "best_at", Open),
    both("posture", "last", Open),
    both("posture", "last_at", Open),
    both("recipient_key", "org", Open),
    both("recipient_key", "key", Open),
    both("recipient_key", "address", Personal),
    both("recipient_key", "fingerprint", Personal),
    both("recipient_key", "format", Open),
    both("recipient_key", "state", Open),
    both("recipient_key", "source", Open),
    both("recipient_key", "version", Open),
    both("recipient_key", "first_seen", Open),
    both("recipient_key", "last_seen", Open),
    both("recipient_key", "changed_at", Open),
    both("recipient_key", "expires_at", Open),
    both("recipient_key", "sealed", Sealed),
    both("discovery", "org", Open),
    both("discovery", "subject", Personal),
    both("discovery", "found", Open),
    both("discovery", "at", Open),
    both("discovery", "until", Open),
    both("org_key", "org", Open),
    both("org_key", "key", Open),
    both("org_key", "format", Open),
    both("org_key", "state", Open),
    both("org_key", "version", Open),
    both("org_key", "created_at", Open),
    both("org_key", "changed_at", Open),
    both("org_key", "expires_at", Open),
    // Private keys.
    both("org_key", "sealed", Secret),
    both("once", "org", Open),
    both("once", "mark", Personal),
    both("once", "value", Personal),
    both("once", "until", Open),
    both("claim", "org", Open),
    both("claim", "name", Open),
    both("claim", "holder", Open),
    both("claim", "until", Open),
    both("watch_round", "org", Open),
    both("watch_round", "domain", Personal),
    both("watch_round", "at", Open),
    both("watch_round", "sealed", Sealed),
    both("sts_policy", "org", Open),
    both("sts_policy", "domain", Personal),
    both("sts_policy", "until", Open),
    both("sts_policy", "sealed", Sealed),
    both("tls_session", "org", Open),
    both("tls_session", "day", Open),
    both("tls_session", "domain", Personal),
    both("tls_session", "kind", Personal),
    both("tls_session", "sessions", Open),
    both("tls_session", "sealed", Sealed),
    both("report", "org", Open),
    both("report", "mark", Personal),
    both("report", "at", Open),
    both("report", "sealed", Sealed),
    both("acme", "org", Open),
    // Hosts and tokens.
    both("acme", "name", Open),
    both("acme", "until", Open),
    // Private keys.
    both("acme", "sealed", Secret),
    both("suppression", "org", Open),
    both("suppression", "suppression", Open),
    both("suppression", "mailbox", Personal),
    both("suppression", "stream", Open),
    both("suppression", "reason", Open),
    both("suppression", "at", Open),
    both("suppression", "sealed", Sealed),
    both("run", "org", Open),
    both("run", "first_position", Open),
    both("run", "first_journal", Open),
    both("run", "last_journal", Open),
    packed("run", "journal_ids", Open, &[("journal id", Open)]),
    packed("run", "frontier", Open, &[("hash", Open)]),
    both("run", "checkpoint", Open),
    both("run", "at", Open),
    both("probe", "id", Open),
    both("probe", "count", Open),
    postgres("schema_version", "version", Open),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_strict_as_the_strictest_that_it_packs() {
        for column in COLUMNS.iter().filter(|column| !column.packs.is_empty()) {
            let strictest = column.packs.iter().map(|(_, class)| *class).max();
            assert_eq!(strictest, Some(column.class), "{column:?}");
        }
    }

    #[test]
    fn what_is_called_sealed_or_wrapped_is() {
        for column in COLUMNS {
            if ["sealed", "envelope", "entry", "bytes"].contains(&column.name) {
                assert!(column.class >= Sealed, "{column:?}");
            }
            assert_eq!(column.name == "wrapped_key", column.name.contains("key") && column.class == Secret);
        }
    }
}
