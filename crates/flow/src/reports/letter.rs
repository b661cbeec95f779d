//! The mail that brings a report (RFC 8460 §5.3): a message of the
//! organisation's own, signed with DKIM, that crosses whatever connection there
//! is. It must arrive where TLS is just what fails (§3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mail::{Address, Domain};

use crate::arrival::rfc5322_date;

/// What stands in it.
pub(crate) struct Letter<'a> {
    pub from: &'a Address,
    pub name: &'a str,
    pub to: &'a Address,
    /// The domain that it is about, and the one that reports.
    pub domain: &'a Domain,
    pub submitter: &'a Domain,
    pub report_id: &'a str,
    /// The day that it is about, as the file's name has it.
    pub begin: Timestamp,
    pub end: Timestamp,
    /// The report, packed with gzip.
    pub packed: &'a [u8],
    pub now: Timestamp,
    /// A unique word for the Message-ID and the boundary.
    pub unique: &'a str,
    pub hostname: &'a str,
}

impl Letter<'_> {
    /// The message with CRLF line ends, in seven bits.
    pub fn render(&self) -> String {
        let Letter { from, to, domain, submitter, report_id, unique, hostname, .. } = self;
        let (begin, end) = (self.begin.as_second(), self.end.as_second());
        let file = format!("{submitter}!{domain}!{begin}!{end}!{unique}.json.gz");
        let header = [
            format!("From: {} <{from}>", mail::header::encoded(self.name)),
            format!("To: <{to}>"),
            format!("Subject: Report Domain: {domain}\r\n\tSubmitter: {submitter}\r\n\tReport-ID: <{report_id}>"),
            format!("Date: {}", rfc5322_date(self.now)),
            format!("Message-ID: <{unique}@{hostname}>"),
            format!("TLS-Report-Domain: {domain}"),
            format!("TLS-Report-Submitter: {submitter}"),
            // RFC 8689 §4.1: it may tell of the very failure that would stop it.
            "TLS-Required: No".to_owned(),
            "Auto-Submitted: auto-generated".to_owned(),
            "MIME-Version: 1.0".to_owned(),
            format!("Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"report-{unique}\""),
        ];
        let text = format!(
            "This is a report on TLS between {submitter} and {domain} (RFC 8460).\r\n\
             It counts sessions and holds nothing of any message.\r\n"
        );
        let encoded = STANDARD.encode(self.packed);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let parts = [
            format!("Content-Type: text/plain; charset=us-ascii\r\n\r\n{text}"),
            format!(
                "Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
                 Content-Disposition: attachment;\r\n\tfilename=\"{file}\"\r\n\r\n{}\r\n",
                lines.join("\r\n")
            ),
        ];
        let body: String = parts.iter().map(|part| format!("--report-{unique}\r\n{part}\r\n")).collect();
        format!("{}\r\n\r\n{body}--report-{unique}--\r\n", header.join("\r\n"))
    }
}

#[cfg(test)]
mod tests {
    use reports::{Found, TlsReport};

    use super::*;

    #[test]
    fn a_reader_of_reports_finds_the_report_in_it() {
        let json = r#"{"date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"},
            "policies":[{"policy":{"policy-type":"sts"}}]}"#;
        let report = TlsReport::parse(json.as_bytes()).unwrap();
        let (from, to) = (Address::parse("postmaster@c.example").unwrap(), Address::parse("tls@r.example").unwrap());
        let (domain, submitter) = (Domain::parse("r.example").unwrap(), Domain::parse("c.example").unwrap());
        let letter = Letter {
            from: &from,
            name: "Lakeside",
            to: &to,
            domain: &domain,
            submitter: &submitter,
            report_id: "2026-01-01_r.example@c.example",
            begin: report.date_range.start_datetime,
            end: report.date_range.end_datetime,
            packed: &reports::pack(&report.to_json()),
            now: Timestamp::UNIX_EPOCH,
            unique: "u1",
            hostname: "secure.c.example",
        };
        let text = letter.render();
        assert_eq!(reports::find(text.as_bytes()), [Found::Tls(Box::new(report))]);
        let subject = "Report Domain: r.example Submitter: c.example Report-ID: <2026-01-01_r.example@c.example>";
        let field = mail::header::first(mail::header::split(text.as_bytes()).header, "Subject").unwrap();
        assert_eq!(field.split_ascii_whitespace().collect::<Vec<_>>().join(" "), subject);
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998));
    }
}
