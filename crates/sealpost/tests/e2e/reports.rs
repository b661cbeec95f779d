//! Reports of others: by mail to the address that is named for them, and from
//! files.

use serde_json::Value;
use testkit::wait;

use crate::border::{accepted, clinic, stranger};
use crate::clinic::{Clinic, Kind};

const TLS: &str = r#"{"organization-name":"Big Mail","report-id":"r1","date-range":
{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"},"policies":[{"policy":
{"policy-type":"sts","policy-domain":"clinic.example"},"summary":{"total-successful-session-count":7,
"total-failure-session-count":2},"failure-details":[{"result-type":"certificate-expired",
"receiving-mx-hostname":"mx.clinic.example","failed-session-count":2}]}]}"#;

const DMARC: &str = "<feedback><report_metadata><org_name>Big Mail</org_name><report_id>d1</report_id>\
<date_range><begin>1767225600</begin><end>1767311999</end></date_range></report_metadata>\
<policy_published><domain>clinic.example</domain><p>none</p></policy_published>\
<record><row><source_ip>192.0.2.9</source_ip><count>3</count><policy_evaluated><disposition>none</disposition>\
<dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>clinic.example</header_from>\
</identifiers><auth_results><spf><domain>evil.example</domain><result>pass</result></spf></auth_results></record>\
</feedback>";

fn letter() -> String {
    format!(
        "From: noreply@big.example\nTo: reports@clinic.example\nSubject: Reports\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: application/tlsrpt+json\n\n{TLS}\n\
         --b\nContent-Type: application/xml; name=r.xml\n\n{DMARC}\n\
         --b\nContent-Type: application/xml; name=other.xml\n\n{}\n\
         --b\nContent-Type: application/gzip; name=broken.xml.gz\nContent-Transfer-Encoding: base64\n\nH4sIAAAA\n--b--\n",
        DMARC.replace("clinic.example", "elsewhere.example")
    )
}

fn reports(clinic: &Clinic, kind: &str) -> Vec<Value> {
    let told = clinic.machine.ok(["report", kind, "--json"]);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn reports_that_come_in_are_kept_and_told_in_words() {
    let clinic = clinic("[reports]\naddress = 'reports@clinic.example'\n");
    let server = clinic.serve();
    let message = letter();
    let bring = || accepted(stranger(&["reports@clinic.example"], &message).bring(&server));
    let id = bring();
    let tls = wait::until("the report on TLS", || reports(&clinic, "tls").pop());
    assert_eq!((&tls["message"], &tls["is_proven"]), (&Value::from(id), &Value::from(false)));
    let text = clinic.machine.ok(["report", "tls"]);
    assert!(text.contains("2 at mx.clinic.example: the certificate is over"), "{text}");
    assert!(text.contains("from big.example, which is not proven"), "{text}");
    // What is about somebody else's domain is left alone.
    assert_eq!((reports(&clinic, "dmarc").len(), reports(&clinic, "unread").len()), (1, 1));
    let text = clinic.machine.ok(["report", "dmarc"]);
    assert!(text.contains("3 from 192.0.2.9 as clinic.example: fails"), "{text}");
    // The mailbox gets it as any other mail.
    clinic.letter(Kind::Good, "reports@clinic.example");

    // The same report again is kept once; what cannot be read has no name of its own.
    bring();
    wait::until("the second letter", || (reports(&clinic, "unread").len() == 2).then_some(()));
    assert_eq!((reports(&clinic, "tls").len(), reports(&clinic, "dmarc").len()), (1, 1));
}

#[test]
fn reports_in_files_are_read_without_a_server() {
    let clinic = Clinic::new("");
    clinic.machine.write("letter.eml", &letter());
    clinic.machine.write("tls.json", TLS);
    let file = |name: &str| clinic.machine.path(name).display().to_string();
    let text = clinic.machine.ok(["report", "read", &file("tls.json")]);
    assert!(text.contains("Big Mail on 2026-01-01 to 2026-01-01: 7 sessions with TLS, 2 without"), "{text}");
    let output = clinic.machine.run(["report", "read", &file("letter.eml")]);
    assert_eq!(output.status.code(), Some(1), "one of them can't be read");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("can't be read: its packing is broken") && text.contains("192.0.2.9"), "{text}");
}

#[test]
fn a_flood_of_reports_is_kept_within_a_bound_and_told() {
    let clinic = clinic("[reports]\naddress = 'reports@clinic.example'\n");
    let server = clinic.serve();
    let detail = r#"{"result-type":"certificate-expired","receiving-mx-hostname":"mx.clinic.example"}"#;
    let details = vec![detail; 990].join(",\n");
    let flood = 30;
    for number in 0..flood {
        let report =
            TLS.replace("\"r1\"", &format!("\"r{number}\"")).replace("[{\"result", &format!("[{details},{{\"result"));
        let letter =
            format!("From: noreply@big.example\nSubject: Report\nContent-Type: application/tlsrpt+json\n\n{report}\n");
        accepted(stranger(&["reports@clinic.example"], &letter).bring(&server));
    }
    let told = wait::until("what is left out", || {
        let told = String::from_utf8(clinic.machine.run(["report", "tls"]).stderr).unwrap();
        told.contains("are left out").then_some(told)
    });
    assert!(told.contains("of nobody proven"), "{told}");
    let kept = reports(&clinic, "tls").len();
    assert!((10..flood).contains(&kept), "{kept} of {flood}");
    let rows = reports(&clinic, "unread");
    assert!(rows.iter().all(|row| row["what"]["dropped"]["what"]["count"].is_u64()) && !rows.is_empty(), "{rows:?}");
}
