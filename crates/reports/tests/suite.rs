//! Reports of real senders, with what another reader made of them.

use std::path::{Path, PathBuf};

use reports::{DmarcReport, Found, TlsReport, find};
use serde_json::Value;
use testkit::suites;

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    files
}

fn expected(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap()
}

/// Their words are names of variants: `Fail`, `Unspecified` for what is not there.
fn word(value: &Value) -> String {
    match value.as_str().unwrap_or_default() {
        "Unspecified" => String::new(),
        word => word.to_ascii_lowercase(),
    }
}

fn check(report: &DmarcReport, expected: &Value, file: &Path) {
    let file = file.display();
    let metadata = &expected["report_metadata"];
    assert_eq!(report.reporter, metadata["org_name"].as_str().unwrap(), "{file}");
    assert_eq!(report.report_id, metadata["report_id"].as_str().unwrap(), "{file}");
    assert_eq!(report.begin.map(|at| at.as_second()), metadata["date_range"]["begin"].as_i64(), "{file}");
    assert_eq!(report.end.map(|at| at.as_second()), metadata["date_range"]["end"].as_i64(), "{file}");
    assert_eq!(report.domain, expected["policy_published"]["domain"].as_str().unwrap(), "{file}");
    assert_eq!(report.policy, word(&expected["policy_published"]["p"]), "{file}");
    let records = expected["record"].as_array().unwrap();
    assert_eq!(report.rows.len(), records.len(), "{file}");
    for (row, record) in report.rows.iter().zip(records) {
        let evaluated = &record["row"]["policy_evaluated"];
        assert_eq!(row.source.unwrap().to_string(), record["row"]["source_ip"].as_str().unwrap(), "{file}");
        assert_eq!(row.count, record["row"]["count"].as_u64().unwrap(), "{file}");
        let found = [&row.disposition, &row.dkim, &row.spf];
        let wanted = ["disposition", "dkim", "spf"].map(|name| word(&evaluated[name]));
        assert_eq!(found.map(String::as_str), wanted.each_ref().map(String::as_str), "{file}");
        assert_eq!(row.reasons.len(), evaluated["reason"].as_array().unwrap().len(), "{file}");
        assert_eq!(row.header_from, record["identifiers"]["header_from"].as_str().unwrap(), "{file}");
        assert_eq!(row.signatures.len(), record["auth_results"]["dkim"].as_array().unwrap().len(), "{file}");
        assert_eq!(row.senders.len(), record["auth_results"]["spf"].as_array().unwrap().len(), "{file}");
    }
}

#[test]
fn aggregate_reports_of_dmarc_are_read_alone_and_in_letters() {
    let Some(suite) = suites::suite("dmarc-tlsrpt-arf") else { return };
    let folder = suite.join("dmarc-feedback");
    let (alone, letters) = (files(&folder, "xml"), files(&folder, "eml"));
    assert_eq!((alone.len(), letters.len()), (5, 5));
    for file in alone {
        check(&DmarcReport::parse(&std::fs::read(&file).unwrap()).unwrap(), &expected(&file), &file);
    }
    for file in letters {
        match find(&std::fs::read(&file).unwrap()).as_slice() {
            [Found::Dmarc(report)] => check(report, &expected(&file), &file),
            other => panic!("{}: {other:?}", file.display()),
        }
    }
}

#[test]
fn reports_on_tls_are_read_alone_and_in_letters() {
    let Some(suite) = suites::suite("dmarc-tlsrpt-arf") else { return };
    let folder = suite.join("tlsrpt");
    let alone = files(&folder, "json");
    assert_eq!(alone.len(), 3);
    for file in &alone {
        let report = TlsReport::parse(&std::fs::read(file).unwrap()).unwrap();
        let wanted = expected(file);
        assert_eq!(report.report_id, wanted["report-id"].as_str().unwrap());
        assert_eq!(report.policies.len(), wanted["policies"].as_array().unwrap().len());
        let failed: u64 =
            report.policies.iter().flat_map(|of| &of.failure_details).map(|of| of.failed_session_count).sum();
        assert_eq!(failed, report.counts().1, "{}", file.display());
    }
    for file in files(&folder, "eml") {
        match find(&std::fs::read(&file).unwrap()).as_slice() {
            [Found::Tls(report)] => {
                let wanted = TlsReport::parse(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
                assert_eq!(
                    (report.counts(), &report.report_id),
                    (wanted.counts(), &wanted.report_id),
                    "{}",
                    file.display()
                );
            }
            other => panic!("{}: {other:?}", file.display()),
        }
    }
}
