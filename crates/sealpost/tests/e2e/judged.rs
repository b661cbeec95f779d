//! What policy holds for its sender: the link, the code, the decision.

use serde_json::Value;
use testkit::sealpost::Server;
use testkit::wait;

use crate::sink::Taken;
use crate::visit::{Visitor, code, links, portal_address, portal_at};
use crate::ward::{Client, Ward, message};

const SENDER: &str = "desk@clinic.example";
const HELD: &str = "[[policy.rule]]\nname = 'think twice'\nsubject_tag = 'quarter'\nhold = 'sender'\n\
    [[policy.rule]]\nname = 'by portal'\nrecipient = 'by-portal@portal.example'\nrequire = 'portal'\n";
const STAFF: &str = "[[policy.rule]]\nname = 'look first'\nrecipient = 'staff@sink.example'\nhold = true\n";

fn ward(rules: &str) -> Ward {
    let ward = Ward::new(&portal_at(&portal_address()));
    ward.machine.write("conf.d/policy.toml", rules);
    ward
}

#[track_caller]
fn held(server: &Server<'_>, to: &[&str]) -> String {
    let mut client = Client::to(server);
    let sent = client.send(to, message("Subject: the quarter's figures\r\n", "Zubrowka\r\n").as_bytes()).unwrap();
    sent.expect(250, "accepted").id()
}

/// What came for the sender, oldest first.
fn words(ward: &Ward) -> Vec<Taken> {
    ward.sink.taken().into_iter().filter(|taken| taken.to.iter().any(|to| to == SENDER)).collect()
}

/// The path of the sender's link, once it came.
#[track_caller]
fn link(ward: &Ward, server: &Server<'_>) -> String {
    // Base 64 of a signature may have "/h/" too.
    let before = format!("http://{}/h/", server.address("portal"));
    let word =
        wait::until("a word to the sender", || words(ward).into_iter().find(|word| word.text().contains(&before)));
    assert!(!word.text().contains("quarter") && !word.text().contains("Zubrowka"), "{}", word.text());
    let text = word.text();
    let (_, rest) = text.split_once(&before).expect("a link");
    format!("/h/{}", rest.split_whitespace().next().unwrap_or_default())
}

fn codes(ward: &Ward) -> Vec<String> {
    let subject = |word: &Taken| Some(mail::reading::unstructured(word.field("Subject")?.as_bytes()));
    let code = |subject: String| subject.chars().take(6).collect::<String>();
    let is_code = |code: &String| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    words(ward).iter().filter_map(subject).map(code).filter(is_code).collect()
}

#[track_caller]
fn opened(ward: &Ward, server: &Server<'_>, link: &str, count: usize) -> (Visitor, String) {
    let mut visitor = Visitor::at(server.address("portal"));
    visitor.post(&format!("{link}/code"), "");
    let code = wait::until("the sender's code", || codes(ward).get(count - 1).cloned());
    let page = visitor.post(&format!("{link}/open"), &format!("code={code}")).text();
    (visitor, page)
}

#[track_caller]
fn wait_for(ward: &Ward, id: &str, kind: &str) -> Value {
    wait::until(&format!("{kind} of {id}"), || ward.events(id).into_iter().find(|event| event["event"] == kind))
}

#[test]
fn a_sender_lets_a_held_message_go_once_and_under_a_passphrase() {
    let ward = ward(HELD);
    let server = ward.machine.serve();
    let id = held(&server, &["a@sink.example", "by-portal@portal.example", "p@portal.example"]);
    let link = link(&ward, &server);

    // Who only fetches the link changes nothing, and learns nothing.
    let before = ward.events(&id).len();
    let mut scanner = Visitor::at(server.address("portal"));
    for page in ["", "/code", "/open", "/decide", "/release", "/reject", "/passphrase", "/done"] {
        let answer = scanner.get(&format!("{link}{page}"));
        assert!(!answer.text().contains("sink.example"), "{}", answer.text());
    }
    scanner.post(&format!("{link}/release"), "reason=because");
    assert_eq!(ward.events(&id).len(), before);
    // The link is none of a recipient's.
    scanner.post(&link.replace("/h/", "/m/"), "");
    scanner.post(&format!("{}/code", link.replace("/h/", "/m/")), "");

    let (mut visitor, page) = opened(&ward, &server, &link, 1);
    assert!(page.contains("a@sink.example (rule: think twice)") && !page.contains("quarter"), "{page}");
    assert_eq!(codes(&ward).len(), 1, "only the sender's own page mails a code");
    let page = visitor.post(&format!("{link}/release"), "reason=+&passphrase=blue+kettle").text();
    assert!(page.contains("Please say why"), "{page}");
    let page = visitor.post(&format!("{link}/release"), "reason=x&passphrase=abc").text();
    assert!(page.contains("at least four characters"), "{page}");
    let form = "reason=the+figures+are+public&passphrase=blue+kettle&hint=in+the+kitchen";
    let page = visitor.post(&format!("{link}/release"), form).text();
    assert!(page.contains("Nothing left"), "{page}");

    let released = wait_for(&ward, &id, "released");
    assert_eq!(
        (released["by"].as_str(), released["reason"].as_str()),
        (Some("sender:desk@clinic.example"), Some("the figures are public"))
    );
    assert!(
        ward.machine.ok(["message", "show", &id]).contains("by sender:desk@clinic.example: the figures are public")
    );
    wait_for(&ward, &id, "delivered");
    // The copy that policy puts into the portal, and the one that its host's bad certificate leads there.
    for recipient in ["by-portal@portal.example", "p@portal.example"] {
        let path = links(&ward, recipient, 1).remove(0);
        let mut patient = Visitor::at(server.address("portal"));
        patient.post(&format!("{path}/code"), "");
        let code = code(&ward, recipient, 1);
        let page = patient.post(&format!("{path}/open"), &format!("code={code}")).text();
        assert!(page.contains("in the kitchen") && !page.contains("Zubrowka"), "{recipient}: {page}");
        let page = patient.post(&format!("{path}/passphrase"), "passphrase=blue+kettle").text();
        assert!(page.contains("Zubrowka"), "{recipient}: {page}");
    }

    // It works once.
    let again = visitor.post(&format!("{link}/reject"), "reason=too+late").text();
    assert!(!again.contains("sink.example"), "{again}");
    let (_, page) = opened(&ward, &server, &link, 2);
    assert!(page.contains("Nothing left"), "{page}");
    assert!(!ward.events(&id).iter().any(|event| event["event"] == "rejected"));
    server.stop();
    ward.assert_ledger_is_whole();
}

#[test]
fn a_sender_takes_a_held_message_back() {
    let ward = ward(HELD);
    let server = ward.machine.serve();
    let id = held(&server, &["a@sink.example"]);
    let link = link(&ward, &server);
    let (mut visitor, _) = opened(&ward, &server, &link, 1);
    let page = visitor.post(&format!("{link}/reject?lang=es"), "reason=wrong+recipient").text();
    assert!(page.contains("Aquí no queda nada"), "{page}");
    assert_eq!(wait_for(&ward, &id, "rejected")["reason"], "wrong recipient");
    wait_for(&ward, &id, "dsn_sent");
    assert!(!ward.sink.taken().iter().any(|taken| taken.to.iter().any(|to| to == "a@sink.example")));
}

#[test]
fn where_staff_hold_a_copy_its_sender_gets_no_link() {
    let ward = ward(&format!("{HELD}{STAFF}"));
    let server = ward.machine.serve();
    let id = held(&server, &["a@sink.example", "staff@sink.example"]);
    wait_for(&ward, &id, "dsn_sent");
    let word = wait::until("a word to the sender", || words(&ward).into_iter().next());
    assert!(word.text().contains("look first") && !word.text().contains("http://"), "{}", word.text());
}
