//! Tables of separated values: each value with the heading of its column, so
//! that a number far below its word is still beside it.

use std::fmt::Write;

/// How many columns are looked at, and how much of a heading.
const COLUMNS_MAX: usize = 64;
const HEADING_BYTES_MAX: usize = 32;
/// A text with fewer lines than this is no table.
const LINES_MIN: usize = 2;

/// The rows of a table as `heading: value` lines; `None` if the text is no
/// table. Only columns whose heading `tells` are kept: the rest is found where
/// it stands.
pub(super) fn labelled(plain: &str, tells: impl Fn(&str) -> bool) -> Option<String> {
    let mut lines = plain.lines().filter(|line| !line.trim().is_empty());
    let heading = lines.next()?;
    let separator = [',', '\t', ';', '|'].into_iter().find(|separator| heading.contains(*separator))?;
    let headings: Vec<Option<&str>> =
        cells(heading, separator).map(|cell| Some(cell).filter(|cell| tells(cell))).collect();
    if headings.iter().all(Option::is_none) || plain.lines().take(LINES_MIN).count() < LINES_MIN {
        return None;
    }
    let mut out = String::new();
    for line in lines {
        let told = headings.iter().zip(cells(line, separator));
        for (heading, cell) in told.filter(|(_, cell)| !cell.is_empty()) {
            if let Some(heading) = heading {
                // Writing to a String can't fail.
                let _ = writeln!(out, "{heading}: {cell}");
            }
        }
        out.push('\n');
    }
    Some(out)
}

fn cells(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let cells = line.split(separator).take(COLUMNS_MAX);
    cells.map(|cell| cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')))
}

/// Whether a heading is short enough to be one.
pub(super) fn is_heading(cell: &str) -> bool {
    !cell.is_empty() && cell.len() <= HEADING_BYTES_MAX
}
