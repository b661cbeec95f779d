//! The sanitiser judged by a real browser: what it lets through of the suite's
//! inputs runs nothing, fetches nothing, and means to Chromium what it meant
//! to the parser here.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use web::sanitise::{Pictures, html};

#[test]
fn nothing_of_the_suite_runs_in_chromium() {
    let Some(suite) = std::env::var_os("SEALPOST_SUITES").map(|root| PathBuf::from(root).join("html-sanitizer")) else {
        eprintln!("not run: SEALPOST_SUITES names no folder with html-sanitizer");
        return;
    };
    if Command::new("chromium").arg("--version").output().is_err() {
        eprintln!("not run: there is no chromium");
        return;
    }
    let mut inputs = Vec::new();
    collect(&suite, &mut inputs);
    let clean: Vec<String> = inputs.iter().filter_map(|input| html(input, &Pictures::default()).ok()).collect();
    assert!(clean.len() > 4_000);
    let told = judged(&clean);
    assert_eq!(told, format!("{} judged; ran: 0; fetched: 0; forbidden: 0; changed: 0", clean.len()));
    let raw = judged(&["<img src=x onerror=alert(1)>".to_owned(), "<script>alert(1)</script>".to_owned()]);
    assert!(!raw.contains("ran: 0") && !raw.contains("forbidden: 0"), "the judge sees what is there: {raw}");
}

/// Shows the pieces in frames whose `alert` and its kind tell on them, and
/// reads them again with Chromium's own parser.
fn judged(pieces: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("judge.html");
    let quoted = serde_json::to_string(pieces).unwrap().replace('<', "\\u003c");
    let mut document = String::new();
    write!(
        document,
        "<!DOCTYPE html><meta charset=utf-8><p id=told>…</p><script>const pieces={quoted};{JUDGE}</script>"
    )
    .unwrap();
    std::fs::write(&page, document).unwrap();
    let output = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=120000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = dom.split("<p id=\"told\">").nth(1).and_then(|rest| rest.split("</p>").next());
    told.unwrap_or_else(|| panic!("no verdict: {}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

const JUDGE: &str = include_str!("support/judge.js");

fn collect(folder: &Path, inputs: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, inputs);
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        if path.extension().is_some_and(|extension| extension == "json") {
            strings(&serde_json::from_str(&text).unwrap(), inputs);
        } else {
            inputs.extend(text.lines().map(str::to_owned));
        }
        inputs.push(text);
    }
}

fn strings(value: &serde_json::Value, inputs: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => inputs.push(text.clone()),
        serde_json::Value::Array(values) => values.iter().for_each(|value| strings(value, inputs)),
        serde_json::Value::Object(values) => values.values().for_each(|value| strings(value, inputs)),
        _ => {}
    }
}
