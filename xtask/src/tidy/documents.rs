//! Documents that speak of the tree must speak the truth.

use std::collections::BTreeSet;

use super::tree::Tree;

/// A map that nobody can read in one sitting is no map.
const MAP_MOST: usize = 300;

/// What every reader looks for.
const EXPECTED: [&str; 7] =
    ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "docs/decisions.md"];

pub fn problems(tree: &Tree) -> Vec<String> {
    let mut problems: Vec<String> =
        EXPECTED.iter().filter(|path| tree.text(path).is_none()).map(|path| format!("{path}: is missing")).collect();
    if let Some(map) = tree.text("ARCHITECTURE.md") {
        problems.extend(of_map(map, &crates(tree)));
    }
    problems
        .extend(tree.files.iter().filter(|file| file.path.ends_with(".md")).flat_map(|file| dead_links(file, tree)));
    problems
}

fn crates(tree: &Tree) -> BTreeSet<&str> {
    let folders = tree.files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    folders.map(|folder| folder.strip_prefix("crates/").unwrap_or(folder)).filter(|name| !name.contains('/')).collect()
}

/// The table of crates (its second column is headed `crate`) has a row for each, and none for what does not exist.
fn of_map(map: &str, crates: &BTreeSet<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = map.lines().count();
    if lines > MAP_MOST {
        problems.push(format!("ARCHITECTURE.md: {lines} lines; {MAP_MOST} is the most"));
    }
    let column = |line| -> Option<&str> { str::split(line, '|').nth(2).map(str::trim) };
    let rows = map.lines().skip_while(|line| column(line) != Some("crate")).take_while(|line| line.starts_with('|'));
    let named: BTreeSet<&str> = rows.filter_map(column).flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    problems.extend(crates.difference(&named).map(|name| format!("ARCHITECTURE.md: the crate {name} has no row")));
    problems.extend(named.difference(crates).map(|name| format!("ARCHITECTURE.md: there is no crate {name}")));
    problems
}

/// Links to files of the tree that are not there.
fn dead_links(file: &super::tree::File, tree: &Tree) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
    let exists = |target: &str| {
        let path = resolve(folder, target);
        let below = format!("{path}/");
        tree.files.iter().any(|known| known.path == path || known.path.starts_with(&below))
    };
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(':')) {
            if !exists(target) {
                problems.push(format!("{}:{}: links to {target}, which is not there", file.path, index + 1));
            }
        }
    }
    problems
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    #[test]
    fn the_map_names_the_crates_there_are() {
        let crates = BTreeSet::from(["mail", "store", "xtask"]);
        let check = |map: &str| of_map(map, &crates).len();
        let table = "| layer | crate | owns |\n| --- | --- | --- |\n| words | `mail` | `x` |\n| doors | `store` | |\n";
        assert_eq!(check(&format!("{table}| dev | `xtask` | |\n\n| how | `vault` |\n")), 0);
        assert_eq!(check(&format!("{table}| dev | `xtask`, `posts` | |\n")), 1);
        assert_eq!(check(table), 1);
        assert_eq!(check(""), 3);
        assert_eq!(check(&format!("{table}| dev | `xtask` | |\n{}", "\n".repeat(300))), 1);
    }

    #[test]
    fn dead_links_are_found() {
        let tree = Tree { files: vec![file("docs/a.md", ""), file("README.md", "")] };
        let check = |path: &str, text: &str| dead_links(&file(path, text), &tree).len();
        assert_eq!(
            check("README.md", "[a](docs/a.md) [b](docs/b.md#x) [c](https://example.com) [d](#here) [e](docs)"),
            1
        );
        assert_eq!(check("docs/a.md", "[up](../README.md) [same](a.md) [none](README.md)"), 1);
    }

    #[test]
    fn crates_are_known_by_their_manifests() {
        let tree = Tree { files: vec![file("crates/mail/Cargo.toml", ""), file("crates/mail/tests/x/Cargo.toml", "")] };
        assert_eq!(crates(&tree), BTreeSet::from(["mail"]));
    }
}
