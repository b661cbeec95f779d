//! What the product is built from: licences, sources, crates that must not be
//! there, and a reason for each that was chosen.
//!
//! `cargo tree` knows which features are on; `cargo metadata` and `Cargo.lock`
//! name crates that are never built.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use super::licences;
use super::tree::Tree;
use crate::cargo;

/// Crates that must not be in any build: a second TLS or crypto provider, or a C library for what Rust does.
const BANNED: [&str; 6] = ["chrono", "native-tls", "openssl", "openssl-sys", "ring", "sqlx"];

/// Of those, what tools of the tests may pull in; never the product.
const TESTS_MAY: [&str; 1] = ["chrono"];

/// Asks cargo, and judges.
pub fn problems(tree: &Tree) -> Result<Vec<String>> {
    let all = built(&["--workspace", "--edges=normal,build,dev"])?;
    let product = built(&["--package=sealpost", "--edges=normal,build"])?;
    let mut problems = of_built(&all, &product);
    problems.extend(of_sources(tree.text("Cargo.lock").unwrap_or_default()));
    problems.extend(without_reason(tree.text("docs/decisions.md"), tree.text("Cargo.toml")));
    Ok(problems)
}

/// A package that is built: its name, version and licence.
type Package = (String, String);

fn built(arguments: &[&str]) -> Result<BTreeSet<Package>> {
    let fixed = ["tree", "--locked", "--prefix=none", "--format={p}|{l}", "--target=x86_64-unknown-linux-gnu"];
    let output = cargo::command(&[fixed.as_slice(), arguments].concat()).output().context("cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// `serde v1.0.229|MIT OR Apache-2.0`, with words in parentheses between the two, and ` (*)` after what is repeated.
fn parse(tree: &str) -> BTreeSet<Package> {
    let package = |line: &str| {
        let (package, licence) = line.split_once('|')?;
        let name = package.split(' ').next()?;
        Some((name.to_owned(), licence.trim_end_matches(" (*)").to_owned()))
    };
    tree.lines().filter_map(package).collect()
}

fn of_built(all: &BTreeSet<Package>, product: &BTreeSet<Package>) -> Vec<String> {
    let mut problems = Vec::new();
    for package in all {
        let (name, licence) = package;
        if !licences::is_allowed(licence) {
            problems.push(format!("{name}: its licence {licence:?} is not allowed"));
        }
        let in_product = product.contains(package);
        if BANNED.contains(&name.as_str()) && (in_product || !TESTS_MAY.contains(&name.as_str())) {
            problems.push(format!("{name}: is banned; cargo tree -i {name} says where it comes from"));
        }
    }
    problems
}

/// Only the registry is a source: no git, no other folder.
fn of_sources(lock: &str) -> Vec<String> {
    let sources: BTreeSet<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    let foreign = sources.into_iter().filter(|source| !source.starts_with("\"registry+"));
    foreign.map(|source| format!("Cargo.lock: {source} is no registry")).collect()
}

/// Every line of `[workspace.dependencies]` has its line in the table of docs/decisions.md, and no line is stale.
fn without_reason(decisions: Option<&str>, manifest: Option<&str>) -> Vec<String> {
    let Some(decisions) = decisions else { return Vec::new() };
    let manifest: toml::Table = manifest.unwrap_or_default().parse().unwrap_or_default();
    let chosen = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let chosen = chosen.and_then(toml::Value::as_table).into_iter().flatten();
    let is_ours = |value: &toml::Value| value.get("path").is_some();
    let chosen: BTreeSet<&str> = chosen.filter(|(_, value)| !is_ours(value)).map(|(name, _)| name.as_str()).collect();
    let explained: BTreeSet<&str> =
        decisions.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let unexplained = chosen.difference(&explained).map(|name| format!("docs/decisions.md: no line for {name}"));
    let stale = explained.difference(&chosen).map(|name| format!("docs/decisions.md: {name} is no dependency"));
    unexplained.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(all: &str, product: &str, expect: &[&str]) {
        let problems = of_built(&parse(all), &parse(product));
        assert_eq!(problems.len(), expect.len(), "{problems:?}");
        assert!(problems.iter().zip(expect).all(|(problem, words)| problem.contains(words)), "{problems:?}");
    }

    #[test]
    fn what_is_built_is_judged() {
        check("serde v1.0.0|MIT\nserde v1.0.0|MIT (*)\nx v1 (proc-macro)|MIT/Apache-2.0\n", "", &[]);
        check("readline v1.0.0|GPL-2.0-only\n", "", &["its licence"]);
        check("nameless v1.0.0|\n", "", &["its licence"]);
        check("ring v0.17.0|ISC\n", "ring v0.17.0|ISC\n", &["is banned"]);
        check("ring v0.17.0|ISC\n", "", &["is banned"]);
        check("chrono v0.4.0|MIT\n", "", &[]);
        check("chrono v0.4.0|MIT\n", "chrono v0.4.0|MIT\n", &["is banned"]);
    }

    #[test]
    fn only_the_registry_is_a_source() {
        assert_eq!(of_sources("source = \"registry+x\"\n").len(), 0);
        assert_eq!(of_sources("source = \"registry+x\"\nsource = \"git+y\"\n").len(), 1);
    }

    #[test]
    fn every_choice_has_its_reason() {
        let manifest = Some("[workspace.dependencies]\nours = { path = 'crates/ours' }\nserde = '1'\n");
        let check = |decisions: &str| without_reason(Some(decisions), manifest);
        assert_eq!(check("| `serde` | x |\n"), Vec::<String>::new());
        assert_eq!(check(""), ["docs/decisions.md: no line for serde"]);
        assert_eq!(check("| `serde` | x |\n| `serd` | x |\n"), ["docs/decisions.md: serd is no dependency"]);
    }
}
