//! Every column has a class, and every class a column.

use std::collections::BTreeSet;

use store::classes::{COLUMNS, On};
use testkit::postgres::Postgres;

use crate::engines::for_each_engine;

#[test]
fn every_column_has_a_class() {
    for_each_engine(async |bench| {
        let (here, found) = match (bench.dir(), bench.url()) {
            (Some(dir), _) => (On::Sqlite, of_sqlite(&dir.join("sealpost.db"))),
            (_, Some(url)) => (On::Postgres, of_postgres(url)),
            _ => panic!("an engine without columns"),
        };
        let declared = COLUMNS.iter().filter(|column| column.on == On::Both || column.on == here);
        let declared: Vec<String> = declared.map(|column| format!("{}.{}", column.table, column.name)).collect();
        let unique: BTreeSet<String> = declared.iter().cloned().collect();
        assert_eq!(declared.len(), unique.len(), "one is declared twice");
        assert!(found.len() > 50, "the schema was not read");
        let without: Vec<_> = found.difference(&unique).collect();
        let without_column: Vec<_> = unique.difference(&found).collect();
        assert!(without.is_empty(), "columns without a class: {without:?}");
        assert!(without_column.is_empty(), "classes without a column: {without_column:?}");
    });
}

fn of_sqlite(database: &std::path::Path) -> BTreeSet<String> {
    let database = rusqlite::Connection::open(database).unwrap();
    let mut columns = database
        .prepare(
            "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn of_postgres(url: &str) -> BTreeSet<String> {
    let database = url.rsplit('/').next().unwrap();
    let sql = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'";
    Postgres::shared().query(database, sql).lines().map(str::to_owned).collect()
}
