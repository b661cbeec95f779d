//! Which crate may build on which: arrows point down. ARCHITECTURE.md says why.

use std::collections::BTreeSet;

use serde_json::Value;

/// Each crate and the crates that it may depend on. Tests may also use `testkit` and whatever is below.
const LAYERS: &[(&str, &[&str])] = &[
    ("mail", &[]),
    ("openpgp", &["mail"]),
    ("smime", &["mail"]),
    ("trace", &[]),
    ("reports", &["mail"]),
    ("policy", &["mail"]),
    ("keyring", &["mail", "openpgp", "smime", "policy"]),
    ("seal", &["mail", "openpgp", "smime"]),
    ("smtp", &["mail"]),
    ("store", &["mail"]),
    ("vault", &["mail"]),
    ("transport", &["mail", "seal", "smtp"]),
    ("discovery", &["mail", "smtp", "transport"]),
    ("provenance", &["mail", "trace", "transport"]),
    ("acme", &["mail", "transport", "discovery"]),
    ("ledger", &["mail", "store"]),
    ("identity", &["mail"]),
    (
        "flow",
        &[
            "mail",
            "openpgp",
            "smime",
            "policy",
            "keyring",
            "seal",
            "smtp",
            "store",
            "vault",
            "transport",
            "discovery",
            "provenance",
            "acme",
            "ledger",
            "identity",
            "trace",
            "reports",
        ],
    ),
    ("web", &["mail", "identity", "flow", "trace"]),
    (
        "sealpost",
        &[
            "mail",
            "openpgp",
            "smime",
            "policy",
            "keyring",
            "seal",
            "smtp",
            "store",
            "vault",
            "transport",
            "discovery",
            "provenance",
            "acme",
            "ledger",
            "identity",
            "flow",
            "web",
            "trace",
            "reports",
        ],
    ),
    ("testkit", &[]),
    ("xtask", &[]),
];

/// What a pure crate never has: sockets, files by themselves, clocks, chance.
const PURE: &[&str] = &["mail", "openpgp", "smime", "trace", "reports", "policy", "keyring", "seal", "smtp"];
const IMPURE: [&str; 9] =
    ["tokio", "rand", "getrandom", "rusqlite", "tokio-postgres", "hyper", "socket2", "rustls", "hickory-resolver"];

/// Doors that one crate keeps for all.
const KEPT: [(&str, &str); 3] = [("rusqlite", "store"), ("tokio-postgres", "store"), ("hickory-resolver", "transport")];

pub fn problems(metadata: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let members: Vec<&Value> = members(metadata).collect();
    let names: BTreeSet<&str> = members.iter().filter_map(|member| member["name"].as_str()).collect();
    for (known, _) in LAYERS.iter().filter(|(known, _)| !names.contains(known)) {
        problems.push(format!("xtask/src/tidy/layers.rs: there is no crate {known}"));
    }
    for member in &members {
        let name = member["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = LAYERS.iter().find(|(known, _)| *known == name) else {
            problems.push(format!("crates/{name}: has no layer in xtask/src/tidy/layers.rs"));
            continue;
        };
        for (dependency, for_tests) in dependencies(member) {
            let inside = names.contains(dependency);
            if inside && !allowed.contains(&dependency) && !for_tests {
                problems.push(format!("crates/{name}/Cargo.toml: {name} never depends on {dependency}"));
            }
            if inside && for_tests && dependency != "testkit" && !below(name, dependency) {
                problems.push(format!("crates/{name}/Cargo.toml: tests of {name} never depend on {dependency}"));
            }
            let keeper = KEPT.iter().find(|(kept, keeper)| *kept == dependency && *keeper != name);
            if let Some((_, keeper)) = keeper.filter(|_| !for_tests) {
                problems.push(format!("crates/{name}/Cargo.toml: only {keeper} depends on {dependency}"));
            }
            if PURE.contains(&name) && IMPURE.contains(&dependency) && !for_tests {
                problems.push(format!("crates/{name}/Cargo.toml: {name} is pure, and {dependency} is not"));
            }
        }
    }
    problems
}

/// The packages of the workspace.
pub fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    let ids = metadata["workspace_members"].as_array().into_iter().flatten();
    let ids: BTreeSet<&str> = ids.filter_map(Value::as_str).collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(move |package| package["id"].as_str().is_some_and(|id| ids.contains(id)))
}

/// Names, and whether each is for tests only.
fn dependencies(member: &Value) -> impl Iterator<Item = (&str, bool)> {
    let all = member["dependencies"].as_array().into_iter().flatten();
    all.filter_map(|dependency| Some((dependency["name"].as_str()?, dependency["kind"].as_str() == Some("dev"))))
}

/// Whether `lower` may be reached from `upper`, so that a test's dependency makes no circle.
fn below(upper: &str, lower: &str) -> bool {
    let allowed = LAYERS.iter().find(|(name, _)| *name == upper).map(|(_, allowed)| *allowed).unwrap_or_default();
    let position = |name: &str| LAYERS.iter().position(|(known, _)| *known == name);
    allowed.contains(&lower) || position(lower) < position(upper)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: &str, dependency: &str, kind: Option<&str>) -> Value {
        let packages = LAYERS.iter().map(|(known, _)| {
            let dependencies = if *known == name { json!([{ "name": dependency, "kind": kind }]) } else { json!([]) };
            json!({ "name": known, "id": known, "dependencies": dependencies })
        });
        json!({
            "workspace_members": LAYERS.iter().map(|(known, _)| *known).collect::<Vec<_>>(),
            "packages": packages.collect::<Vec<_>>(),
        })
    }

    fn check(name: &str, dependency: &str, kind: Option<&str>, expect: usize) {
        let problems = problems(&with(name, dependency, kind));
        assert_eq!(problems.len(), expect, "{name} -> {dependency}: {problems:?}");
    }

    #[test]
    fn arrows_point_down() {
        check("flow", "store", None, 0);
        check("store", "flow", None, 1);
        check("web", "store", None, 1);
        check("policy", "seal", None, 1);
        check("store", "testkit", Some("dev"), 0);
        check("store", "testkit", None, 1);
        check("mail", "flow", Some("dev"), 1);
        check("web", "store", Some("dev"), 0);
    }

    #[test]
    fn pure_crates_stay_pure() {
        check("seal", "tokio", None, 1);
        check("seal", "serde", None, 0);
        check("seal", "tokio", Some("dev"), 0);
        check("transport", "tokio", None, 0);
        check("store", "rusqlite", None, 0);
        check("web", "rusqlite", None, 1);
    }

    #[test]
    fn a_crate_without_a_layer_is_told() {
        let mut metadata = with("mail", "serde", None);
        metadata["packages"][0]["name"] = "posts".into();
        assert_eq!(problems(&metadata).len(), 2);
    }
}
