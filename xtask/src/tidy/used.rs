//! Dependencies that nobody uses any more.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layers::members;
use super::tree::Tree;

pub fn problems(metadata: &Value, tree: &Tree) -> Vec<String> {
    let libraries = libraries(metadata);
    let mut problems = Vec::new();
    for member in members(metadata) {
        let name = member["name"].as_str().unwrap_or_default();
        let folder = if tree.text(&format!("crates/{name}/Cargo.toml")).is_some() { "crates/" } else { "" };
        let folder = format!("{folder}{name}/");
        let code: Vec<&str> =
            tree.rust().filter(|file| file.path.starts_with(&folder)).map(|file| file.text.as_str()).collect();
        for dependency in member["dependencies"].as_array().into_iter().flatten() {
            let package = dependency["name"].as_str().unwrap_or_default();
            let alias = dependency["rename"].as_str();
            let library = alias.map(identifier).or_else(|| libraries.get(package).cloned());
            let library = library.unwrap_or_else(|| identifier(package));
            if !code.iter().any(|text| has_word(text, &library)) {
                problems.push(format!("{folder}Cargo.toml: {package} is not used"));
            }
        }
    }
    problems.extend(unchosen(metadata, tree));
    problems
}

/// Lines of `[workspace.dependencies]` that no crate takes up.
fn unchosen(metadata: &Value, tree: &Tree) -> Vec<String> {
    let manifest: toml::Table = tree.text("Cargo.toml").unwrap_or_default().parse().unwrap_or_default();
    let listed = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let listed = listed.and_then(toml::Value::as_table).into_iter().flatten();
    let taken = |name: &str| {
        let dependencies = members(metadata).flat_map(|member| member["dependencies"].as_array().into_iter().flatten());
        dependencies.into_iter().any(|dependency| dependency["name"].as_str() == Some(name))
    };
    let unused = listed.filter(|(name, value)| value.get("path").is_none() && !taken(name));
    unused.map(|(name, _)| format!("Cargo.toml: no crate uses {name}")).collect()
}

/// What each package's library is called in code.
fn libraries(metadata: &Value) -> BTreeMap<&str, String> {
    let list = |value: &'static str, of: &'_ Value| of[value].as_array().cloned().unwrap_or_default();
    let library = |package: &Value| {
        let is_library = |target: &Value| {
            list("kind", target).iter().filter_map(Value::as_str).any(|kind| kind == "lib" || kind == "proc-macro")
        };
        let targets = list("targets", package);
        let target = targets.iter().find(|target| is_library(target))?;
        target["name"].as_str().map(identifier)
    };
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter_map(|package| Some((package["name"].as_str()?, library(package)?))).collect()
}

fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tree::file;
    use super::*;

    #[test]
    fn what_no_code_names_is_told() {
        let metadata = json!({
            "workspace_members": ["m"],
            "packages": [
                { "id": "m", "name": "mail", "targets": [], "dependencies": [
                    { "name": "serde", "rename": null },
                    { "name": "rustls-webpki", "rename": null },
                    { "name": "mail-parser", "rename": null },
                ]},
                { "id": "w", "name": "rustls-webpki", "targets": [{ "name": "webpki", "kind": ["lib"] }] },
            ],
        });
        let problems = |code: &str| {
            let files = vec![
                file("crates/mail/Cargo.toml", ""),
                file("crates/mail/src/lib.rs", code),
                file("Cargo.toml", "[workspace.dependencies]\nserde = '1'\nours = { path = 'x' }\nstale = '1'\n"),
            ];
            problems(&metadata, &Tree { files })
        };
        let fine = "use serde::Serialize; webpki::verify(); mail_parser::parse();";
        assert_eq!(problems(fine), ["Cargo.toml: no crate uses stale"]);
        assert_eq!(problems("use serde_json; webpki::x(); mail_parser::y();").len(), 2);
        assert_eq!(problems("").len(), 4);
    }
}
