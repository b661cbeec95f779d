//! A message as one line of JSON.

use serde::Serialize;
use trace::Trace;
use trace::evidence::Evidence;
use trace::report::Report;

use super::reading::Place;

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<u64>,
    #[serde(flatten)]
    report: Report<'a>,
}

/// Writes the line, with its line end.
pub fn write(place: &Place, trace: &Trace<'_>, evidence: &Evidence, out: &mut Vec<u8>) {
    let line = Line { file: &place.file, message: place.number, report: Report::new(trace, evidence) };
    serde_json::to_writer(&mut *out, &line).expect("a report has nothing that JSON can't hold");
    out.push(b'\n');
}
