//! The bill of materials in CycloneDX 1.5: every library in the binary, with
//! its version, its licence, its package URL and the digest of its archive.
//! Crates of our own have no package URL: a registry's crate of the same name
//! is somebody else's, and its faults are not ours.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cargo;

const PRODUCT: &str = "sealpost";

/// The bill as JSON.
pub fn bill(metadata: &Value) -> Result<String> {
    let packages: HashMap<&str, &Value> =
        list(&metadata["packages"]).iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes: HashMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let product = packages.iter().find(|(_, package)| package["name"] == PRODUCT).context("no package sealpost")?;
    let inside = reached(product.0, &nodes);
    let digests = digests(&fs::read_to_string(cargo::root().join("Cargo.lock"))?)?;
    let parts = inside.iter().filter(|id| *id != product.0).filter_map(|id| packages.get(id));
    let components: Vec<Value> = parts.map(|one| component(one, &digests)).collect();
    let dependencies: Vec<Value> =
        inside.iter().filter_map(|id| nodes.get(id)).map(|node| dependency(node, &packages)).collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(product.1, &digests) },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&bill)?)
}

/// Everything that is linked into the product: neither for tests nor only for its build.
fn reached<'a>(product: &'a str, nodes: &HashMap<&'a str, &'a Value>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![product];
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(nodes.get(id).into_iter().flat_map(|node| linked(node)));
        }
    }
    found
}

fn linked(node: &Value) -> impl Iterator<Item = &str> {
    let is_linked = |one: &&Value| list(&one["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    list(&node["deps"]).iter().filter(is_linked).filter_map(|one| one["pkg"].as_str())
}

fn component(package: &Value, digests: &HashMap<(String, String), String>) -> Value {
    let mut component = json!({
        "type": if package["name"] == PRODUCT { "application" } else { "library" },
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
    });
    if !is_ours(package) {
        component["purl"] = reference(package).into();
    }
    let named = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    if let Some(digest) = digests.get(&(named("name"), named("version"))) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
    }
    if let Some(expression) = package["license"].as_str() {
        // Older packages write a slash where SPDX writes OR.
        let either: Vec<&str> = expression.split('/').map(str::trim).collect();
        component["licenses"] = json!([{ "expression": either.join(" OR ") }]);
    }
    component
}

/// The digests of the archives, by name and version, as the lock file has them.
fn digests(lock: &str) -> Result<HashMap<(String, String), String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("no packages in Cargo.lock")?;
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let digest = |one: &toml::Value| Some(((text(one, "name")?, text(one, "version")?), text(one, "checksum")?));
    Ok(packages.iter().filter_map(digest).collect())
}

fn is_ours(package: &Value) -> bool {
    package["source"].is_null()
}

fn dependency(node: &Value, packages: &HashMap<&str, &Value>) -> Value {
    let of = |id: &str| packages.get(id).map(|package| reference(package));
    let on: BTreeSet<String> = linked(node).filter_map(of).collect();
    json!({ "ref": node["id"].as_str().and_then(of), "dependsOn": on })
}

/// The package URL (purl-spec, type cargo), or a name of our own.
fn reference(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default().replace('+', "%2B");
    let kind = if is_ours(package) { "own:" } else { "pkg:cargo/" };
    format!("{kind}{}@{}", text("name"), text("version"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_names_what_is_linked_and_not_what_only_tests_need() {
        let metadata = crate::cargo::metadata().unwrap();
        let bill: Value = serde_json::from_str(&bill(&metadata).unwrap()).unwrap();
        let names: Vec<&str> = list(&bill["components"]).iter().filter_map(|one| one["name"].as_str()).collect();
        assert!(names.contains(&"rustls") && names.contains(&"aws-lc-rs"));
        assert!(!names.contains(&"thirtyfour") && !names.contains(&"proptest") && !names.contains(&"sealpost"));
        assert!(list(&bill["components"]).iter().all(|one| one["licenses"].is_array()), "each has a licence");
        let is_own = |one: &&Value| one["bom-ref"].as_str().is_some_and(|reference| reference.starts_with("own:"));
        let (own, others): (Vec<&Value>, Vec<&Value>) = list(&bill["components"]).iter().partition(is_own);
        assert!(own.iter().any(|one| one["name"] == "mail") && own.iter().all(|one| one["purl"].is_null()));
        assert!(others.iter().all(|one| one["purl"].is_string() && one["hashes"].is_array()));
    }

    #[test]
    fn whatever_is_referred_to_is_there_once() {
        let metadata = crate::cargo::metadata().unwrap();
        let bill: Value = serde_json::from_str(&bill(&metadata).unwrap()).unwrap();
        let parts = list(&bill["components"]).iter().chain([&bill["metadata"]["component"]]);
        let all: Vec<&Value> = parts.map(|one| &one["bom-ref"]).collect();
        let there: BTreeSet<&str> = all.iter().filter_map(|one| one.as_str()).collect();
        assert_eq!(there.len(), all.len());
        for one in list(&bill["dependencies"]) {
            let named = list(&one["dependsOn"]).iter().chain([&one["ref"]]);
            assert!(named.filter_map(Value::as_str).all(|reference| there.contains(reference)), "{one}");
        }
    }
}
