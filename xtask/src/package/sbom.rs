//! The bill of materials in CycloneDX 1.5: every library in the binary, with
//! its version, its licence and its package URL.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use serde_json::{Value, json};

const PRODUCT: &str = "sealpost";

/// The bill as JSON.
pub fn bill(metadata: &Value) -> Result<String> {
    let packages: HashMap<&str, &Value> =
        list(&metadata["packages"]).iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes: HashMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let product = packages.iter().find(|(_, package)| package["name"] == PRODUCT).context("no package sealpost")?;
    let inside = reached(product.0, &nodes);
    let is_ours = |id: &str| packages.get(id).is_some_and(|package| package["source"].is_null());
    let components: Vec<Value> =
        inside.iter().filter(|id| !is_ours(id)).filter_map(|id| packages.get(id)).map(|one| component(one)).collect();
    let dependencies: Vec<Value> =
        inside.iter().filter_map(|id| nodes.get(id)).map(|node| dependency(node, &packages)).collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(product.1) },
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

fn component(package: &Value) -> Value {
    let mut component = json!({
        "type": if package["source"].is_null() { "application" } else { "library" },
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    });
    if let Some(expression) = package["license"].as_str() {
        // Older packages write a slash where SPDX writes OR.
        component["licenses"] = json!([{ "expression": expression.replace('/', " OR ") }]);
    }
    component
}

fn dependency(node: &Value, packages: &HashMap<&str, &Value>) -> Value {
    let of = |id: &str| packages.get(id).map(|package| reference(package));
    let on: BTreeSet<String> = linked(node).filter_map(of).collect();
    json!({ "ref": node["id"].as_str().and_then(of), "dependsOn": on })
}

/// The package URL (purl-spec, type cargo).
fn reference(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default().replace('+', "%2B");
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
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
        assert!(!names.contains(&"thirtyfour") && !names.contains(&"proptest") && !names.contains(&"mail"));
        assert!(list(&bill["components"]).iter().all(|one| one["licenses"].is_array()), "each has a licence");
    }
}
