//! Lists of suppressed addresses as CSV (RFC 4180), in and out.
//!
//! A cell that a spreadsheet would take for a formula gets an apostrophe before
//! it on the way out, which is taken away on the way in.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::suppression::{self, Added, NewSuppression, Origin};
use identity::Action;
use mail::Address;
use mail::suppression::Reason;
use serde_json::json;

use super::suppression::opened;
use super::{Opened, print, say};
use crate::cli::{Cli, Organisation};
use crate::wake;

const PAGE: usize = 1_000;
/// Lines that are kept at a time: they share their synced transactions.
const AT_ONCE: usize = 64;
const HEADER: &str = "address,stream,reason,since,origin";

/// What came of one line.
enum Line {
    New,
    Before,
    Wrong(String),
}

/// Adds what a list says; a line that can't be taken holds up no other.
pub(super) async fn import(
    cli: &Cli,
    file: &Path,
    reason: Reason,
    dry_run: bool,
    which: &Organisation,
) -> Result<ExitCode> {
    let opened = opened(cli, which, Action::ManageSuppressions).await?;
    let text = read(file)?;
    let (mut new, mut before, mut wrong) = (0_u64, 0_u64, 0_u64);
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(at, line)| is_entry(*at, line)).collect();
    for lines in lines.chunks(AT_ONCE) {
        let kept = lines.iter().map(|(_, line)| keep(&opened, line, reason, dry_run));
        for ((at, _), line) in lines.iter().zip(futures::future::join_all(kept).await) {
            match line {
                Line::New => new += 1,
                Line::Before => before += 1,
                Line::Wrong(why) => {
                    wrong += 1;
                    told(cli, *at, &why)?;
                }
            }
        }
    }
    wake::ring(&opened.loaded.config);
    if cli.json {
        print(&json!({ "added": new, "before": before, "wrong": wrong, "dry_run": dry_run }).to_string())?;
    }
    let done = if dry_run { "would be added" } else { "added" };
    say(&format!("{new} {done}, {before} were there before, {wrong} lines can't be used"));
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    match file.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    }
    .with_context(|| format!("{} can't be read as UTF-8", file.display()))?;
    // Spreadsheets begin with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn is_entry(at: usize, line: &str) -> bool {
    let is_header = at == 1 && line.split(',').next().is_some_and(|cell| cell.trim().eq_ignore_ascii_case("address"));
    !is_header && !line.trim().is_empty()
}

async fn keep(opened: &Opened, line: &str, reason: Reason, dry_run: bool) -> Line {
    let (address, stream, reason) = match entry(line, reason) {
        Ok(entry) => entry,
        Err(why) => return Line::Wrong(why.to_string()),
    };
    let journey = &opened.installation.journey;
    if let Some(Err(why)) = stream.as_deref().map(|stream| suppression::known_stream(journey, stream)) {
        return Line::Wrong(why.to_string());
    }
    if dry_run {
        return match suppression::of_address(journey, &opened.organisation, &address).await {
            Ok(kept) if kept.iter().any(|one| one.reason == reason && one.stream == stream) => Line::Before,
            Ok(_) => Line::New,
            Err(why) => Line::Wrong(why.to_string()),
        };
    }
    let origin = Origin::Import { by: opened.principal.to_string() };
    let new = NewSuppression { address: &address, stream: stream.as_deref(), reason, origin };
    match suppression::suppress(journey, opened.organisation.org, new).await {
        Ok(Added::New(_)) => Line::New,
        Ok(Added::Before(_)) => Line::Before,
        Err(why) => Line::Wrong(why.to_string()),
    }
}

fn told(cli: &Cli, at: usize, why: &str) -> Result<()> {
    match cli.json {
        true => print(&json!({ "line": at, "wrong": why }).to_string()),
        false => print(&format!("line {at}: {why}")),
    }
}

fn entry(line: &str, reason: Reason) -> Result<(Address, Option<String>, Reason)> {
    let cells = cells(line)?;
    let cell = |at: usize| cells.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
    let address = Address::parse(unguarded(cell(0).context("no address")?))?;
    let reason = cell(2).map_or(Ok(reason), str::parse)?;
    Ok((address, cell(1).map(str::to_owned), reason))
}

/// The cells of a line. A cell in quotes ends on its own line.
fn cells(line: &str) -> Result<Vec<String>> {
    let (mut cells, mut rest) = (Vec::new(), line);
    loop {
        let trimmed = rest.trim_start();
        let after = match trimmed.strip_prefix('"') {
            Some(quoted) => {
                let (cell, after) = quoted_cell(quoted).context("a quote has no end")?;
                cells.push(cell);
                after.trim_start()
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                cells.push(cell.to_owned());
                after
            }
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(cells),
            None => anyhow::bail!("there is something between a quote and a comma"),
        }
    }
}

/// A cell from behind its first quote, and what follows its last one.
fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let (mut cell, mut rest) = (String::new(), text);
    loop {
        let (before, after) = rest.split_once('"')?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                cell.push('"');
                rest = next;
            }
            None => return Some((cell, after)),
        }
    }
}

/// Prints all of it.
pub(super) async fn export(cli: &Cli, which: &Organisation) -> Result<ExitCode> {
    let opened = opened(cli, which, Action::ReadSuppressions).await?;
    print(HEADER)?;
    let mut after = None;
    loop {
        let journey = &opened.installation.journey;
        let page = suppression::list(journey, &opened.organisation, (None, None), after, PAGE).await?;
        for one in &page {
            let (address, since) = (one.address.to_string(), one.at.to_string());
            let (stream, origin) = (one.stream.clone().unwrap_or_default(), one.origin.to_string());
            let cells = [address.as_str(), &stream, one.reason.word(), &since, &origin];
            print(&cells.map(written).join(","))?;
        }
        match page.last().filter(|_| page.len() == PAGE) {
            Some(last) => after = Some(last.id),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn written(cell: &str) -> String {
    let cell = if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: &[&str]) {
        assert_eq!(cells(line).unwrap(), expect, "{line}");
    }

    #[test]
    fn a_line_is_its_cells() {
        check("a@x.example", &["a@x.example"]);
        check("a@x.example,,hard_bounce", &["a@x.example", "", "hard_bounce"]);
        check("\"a,b\",\"say \"\"so\"\"\" ,c", &["a,b", "say \"so\"", "c"]);
        assert!(cells("\"a").is_err() && cells("\"a\"b").is_err());
    }

    #[test]
    fn what_is_written_is_read_again_and_is_no_formula() {
        for text in ["a@x.example", "=1+1@x.example", "-a@x.example", "\"a,b\"@x.example", "'q@x.example"] {
            let cell = written(text);
            assert!(!is_formula(cell.trim_start_matches('"')), "{cell}");
            let (address, stream, reason) = entry(&format!("{cell},news,complaint"), Reason::Manual).unwrap();
            assert_eq!((address.to_string().as_str(), stream.as_deref()), (text, Some("news")));
            assert_eq!(reason, Reason::Complaint);
        }
        assert_eq!(entry("a@x.example", Reason::Unsubscribe).unwrap().2, Reason::Unsubscribe);
        assert!(entry("nobody", Reason::Manual).is_err() && entry("a@x.example,,tired", Reason::Manual).is_err());
    }
}
