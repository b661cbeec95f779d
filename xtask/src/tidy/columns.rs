//! The schema, read from the migrations: every column has a class, and every
//! table an organisation. The tests of `store` ask the databases themselves.

use super::tree::{File, Tree};

/// Where each column's class stands.
const CLASSES: &str = "crates/store/src/classes.rs";

/// Tables that hold nothing of anybody: what readiness writes and reads.
const WITHOUT_ORGANISATION: [&str; 1] = ["probe"];

pub fn problems(tree: &Tree) -> Vec<String> {
    let classes = tree.text(CLASSES).unwrap_or_default();
    let is_migration = |file: &&File| file.path.starts_with("crates/store/migrations/") && file.path.ends_with(".sql");
    let migrations: Vec<&File> = tree.files.iter().filter(is_migration).collect();
    if migrations.is_empty() {
        return vec!["crates/store/migrations: there is no migration".to_owned()];
    }
    migrations.into_iter().flat_map(|file| of_migration(file, classes)).collect()
}

fn of_migration(file: &File, classes: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (table, columns, is_new) in tables(&file.text) {
        for column in &columns {
            if !classes.contains(&format!("(\"{table}\", \"{column}\"")) && !classes.contains(&spread(&table, column)) {
                problems.push(format!("{}: {table}.{column} has no class in {CLASSES}", file.path));
            }
        }
        let has_organisation = columns.iter().any(|column| column == "org");
        if is_new && !has_organisation && !WITHOUT_ORGANISATION.contains(&table.as_str()) {
            problems.push(format!("{}: {table} has no column org", file.path));
        }
    }
    problems
}

/// As rustfmt writes a call over several lines.
fn spread(table: &str, column: &str) -> String {
    format!("(\n        \"{table}\",\n        \"{column}\",")
}

/// Each table with the columns that a migration gives it, and whether it makes the table.
fn tables(sql: &str) -> Vec<(String, Vec<String>, bool)> {
    let sql: String =
        sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let statement = |text: &str| {
        let words: Vec<&str> = text.split([' ', '\n', '(', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            ["CREATE", "TABLE", table, ..] => Some(((*table).to_owned(), created(text), true)),
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, ..] => {
                Some(((*table).to_owned(), vec![(*column).to_owned()], false))
            }
            _ => None,
        }
    };
    sql.split(';').filter_map(|text| statement(text.trim())).collect()
}

/// The first word of each part between the outer parentheses that is no constraint.
fn created(statement: &str) -> Vec<String> {
    let inside = statement.split_once('(').map(|(_, rest)| rest).unwrap_or_default();
    let mut depth = 0;
    let part = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (c == ',' && depth == 0) || depth < 0
    };
    let parts = inside.split(part).filter_map(|part| part.split_whitespace().next());
    let is_constraint = |word: &&str| matches!(*word, "PRIMARY" | "UNIQUE" | "CHECK" | "FOREIGN" | "CONSTRAINT");
    let is_column = |word: &&str| word.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    parts.filter(|word| !is_constraint(word) && is_column(word)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    const SQL: &str = "-- a table\nCREATE TABLE link (\n    org INTEGER NOT NULL, -- whose\n    hash BLOB NOT NULL,\n\
        \x20   PRIMARY KEY (org, hash)\n) STRICT, WITHOUT ROWID;\nCREATE INDEX x ON link (org);\n\
        ALTER TABLE link ADD COLUMN sealed BLOB;\n";

    fn check(sql: &str, classes: &str) -> Vec<String> {
        let files = vec![file("crates/store/migrations/sqlite/0001.sql", sql), file(CLASSES, classes)];
        problems(&Tree { files })
    }

    #[test]
    fn columns_are_read_from_the_migrations() {
        let found = tables(SQL);
        assert_eq!(found[0], ("link".into(), vec!["org".into(), "hash".into()], true));
        assert_eq!(found[1], ("link".into(), vec!["sealed".into()], false));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn every_column_has_a_class_and_every_table_an_organisation() {
        let classes = "both(\"link\", \"org\", Open), both(\"link\", \"hash\", Open), \
            packed(\n        \"link\",\n        \"sealed\",\n";
        assert_eq!(check(SQL, classes), Vec::<String>::new());
        assert_eq!(check(SQL, "both(\"link\", \"org\", Open)").len(), 2);
        assert_eq!(check("CREATE TABLE link (hash BLOB);", classes).len(), 1);
        assert_eq!(problems(&Tree { files: Vec::new() }).len(), 1);
    }
}
