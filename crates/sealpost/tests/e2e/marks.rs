//! What Sealpost adds to inbound mail: a banner where policy says so, and ARC seals over what it found.

use serde_json::{Value, json};
use testkit::clients::python;

use crate::border::{self, Peer, STRANGER, accepted, stranger};
use crate::clinic::{Clinic, Kind};

const RULES: &str = "[[policy.rule]]\nname = 'from outside'\ndirection = 'inbound'\n\
    banner = 'This message comes from outside. Precaución.'\n\
    [[policy.rule]]\nname = 'strange'\ndirection = 'inbound'\nheader = { X-Sealpost-Warning = 'own-domain*' }\n\
    banner = 'It is not from us.'\n";

const ALTERNATIVE: &str = "From: Ann <ann@patient.example>\nTo: staff@clinic.example\nSubject: A question\n\
    Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@patient.example>\nMIME-Version: 1.0\n\
    Content-Type: multipart/alternative; boundary=b\n\n--b\n\nMay I come?\n--b\nContent-Type: text/html\n\n\
    <html><body><p>May I come?</p></body></html>\n--b--\n";

/// Verifies the chain of a letter with dkimpy.
const ARC: &str = "
import sys, json, dkim
job = json.load(sys.stdin)
def ask(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return job['record'].encode() if name.rstrip('.') == job['name'] else None
cv, results, reason = dkim.arc_verify(job['message'].encode('latin-1'), dnsfunc=ask)
print(cv.decode() if isinstance(cv, bytes) else cv, len(results), reason)
";

/// What dkimpy says of the chain that the clinic sealed.
fn chain(clinic: &Clinic, letter: &testkit::postfix::Letter) -> String {
    let shown: Value =
        serde_json::from_str(clinic.machine.ok(["dkim", "show", "--json"]).lines().next().unwrap()).unwrap();
    let message: String =
        letter.0.iter().map(|byte| char::from(*byte)).collect::<String>().replace("\r\n", "\n").replace('\n', "\r\n");
    let job = json!({ "message": message, "name": shown["name"], "record": shown["value"] });
    python(ARC, job.to_string().as_bytes()).expect_success().text
}

#[test]
fn a_banner_stands_where_policy_says_and_the_chain_covers_it() {
    let clinic = border::clinic("");
    clinic.machine.write("conf.d/zz.toml", RULES);
    let staff = clinic.nurse.clone();
    let domain = clinic.domain();
    clinic.dns.add(&format!("{domain} TXT \"v=spf1 ip4:{STRANGER} -all\"\n_dmarc.{domain} TXT \"v=DMARC1; p=none\"\n"));
    let server = clinic.serve();
    let from = format!("ann@{domain}");
    let message = ALTERNATIVE.replace("patient.example", &domain);
    let id = accepted(Peer { from: &from, ..stranger(&[&staff], &message) }.bring(&server));
    clinic.wait_for(&id, "delivered", &staff);
    let letter = clinic.letter(Kind::Good, &staff);
    let text = letter.text();
    assert_eq!(text.matches("This message comes from outside.").count(), 2, "{text}");
    assert!(text.contains("Precauci&#243;n.</div>") && text.contains("Precauci=C3=B3n."), "{text}");
    assert!(!text.contains("It is not from us"), "{text}");
    let [results] = &letter.header("ARC-Authentication-Results")[..] else { panic!("{text}") };
    assert!(results.starts_with("i=1; secure.clinic.example; spf=pass") && results.contains("dmarc=pass"), "{results}");
    assert_eq!(chain(&clinic, &letter).trim(), "pass 1 success", "{text}");
    let decided = clinic.wait_for(&id, "decided", &staff);
    assert!(decided["because"].to_string().contains("from outside"), "{decided}");
    // Brought in once more, its chain goes on.
    let again: String =
        text.lines().skip_while(|line| !line.starts_with("ARC-Seal")).map(|line| format!("{line}\n")).collect();
    let record: Value =
        serde_json::from_str(clinic.machine.ok(["dkim", "show", "--json"]).lines().next().unwrap()).unwrap();
    let (first, rest) = record["value"].as_str().unwrap().split_at(200);
    clinic.dns.add(&format!("{} TXT \"{first}\" \"{rest}\"\n", record["name"].as_str().unwrap()));
    let other = format!("other-{staff}");
    let again: String = again
        .split_inclusive('\n')
        .scan(false, |cut, line| {
            *cut = line.starts_with("X-Sealpost") || (*cut && line.starts_with(['\t', ' ']));
            Some(if *cut { "" } else { line })
        })
        .collect();
    let id = accepted(Peer { from: &from, ..stranger(&[&other], &again) }.bring(&server));
    clinic.wait_for(&id, "delivered", &other);
    let letter = clinic.letter(Kind::Good, &other);
    assert!(clinic.wait_for(&id, "authenticated", "")["results"].as_str().unwrap().contains("arc=pass (i=1)"));
    assert_eq!(chain(&clinic, &letter).trim(), "pass 2 success", "{}", letter.text());
}

#[test]
fn what_is_signed_passes_without_a_banner_and_two_rules_show_two() {
    let clinic = border::clinic("");
    clinic.machine.write("conf.d/zz.toml", RULES);
    let (staff, other) = (clinic.nurse.clone(), format!("other-{}", clinic.nurse));
    let server = clinic.serve();
    let signed = ALTERNATIVE.replace("multipart/alternative; boundary=b", "multipart/signed; protocol=x; boundary=b");
    let id = accepted(stranger(&[&staff], &signed).bring(&server));
    clinic.wait_for(&id, "delivered", &staff);
    let letter = clinic.letter(Kind::Good, &staff);
    assert_eq!(letter.body(), signed.split_once("\n\n").unwrap().1, "not a byte of it has changed");
    let pretends = "From: Boss <boss@clinic.example>\nTo: staff\nSubject: s\n\nPay this.\n";
    let id = accepted(stranger(&[&other], pretends).bring(&server));
    clinic.wait_for(&id, "delivered", &other);
    let text = clinic.letter(Kind::Good, &other).text();
    assert!(text.contains("outside. Precauci") && text.contains("It is not from us.\n\nPay this."), "{text}");
}
