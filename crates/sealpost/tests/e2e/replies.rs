//! A patient's reply: from the portal's page to the clinic's own mail system.

use testkit::postfix::Letter;
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, MARKER, Mail};
use crate::held::{code_of, link_of};
use crate::visit::{Visitor, portal_address, portal_at};

const RULES: &str = "[[stream]]\nname = 'refills'\npriority = 'operational'\n\
    [[portal.replies.rule]]\ntopic = 'billing'\nto = 'billing@clinic.example'\n\
    [[portal.replies.rule]]\nstream = 'refills'\nto = 'pharmacy@clinic.example'\n";

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

/// A patient who has opened a message.
pub struct Reader {
    pub id: String,
    pub link: String,
    pub patient: String,
    pub visitor: Visitor,
}

pub fn clinic() -> Clinic {
    Clinic::new(&format!("{}{RULES}", portal_at(&portal_address())))
}

impl Reader {
    pub fn of(clinic: &Clinic, server: &Server<'_>, header: &str) -> Self {
        let patient = clinic.patient(Kind::SelfSigned);
        let id = clinic.send(server, &Mail { to: &[&patient], header, text: MARKER, ..clinic.mail() });
        Self::open(clinic, server, id, patient)
    }

    /// The patient of a message whose notice comes to [`Kind::SelfSigned`].
    pub fn open(clinic: &Clinic, server: &Server<'_>, id: String, patient: String) -> Self {
        let link = link_of(&clinic.letter(Kind::SelfSigned, &patient));
        let mut visitor = Visitor::at(server.address("portal"));
        visitor.post(&format!("{link}/code"), "");
        let code = code_of(&clinic.letters(Kind::SelfSigned, &patient, 2)[1]);
        let page = visitor.post(&format!("{link}/open"), &format!("code={code}"));
        assert!(page.text().contains(MARKER), "{}", page.text());
        Self { id, link, patient, visitor }
    }

    fn form(&mut self) -> String {
        let page = self.visitor.get(&format!("{}/message", self.link)).text();
        page.split("name=\"form\" value=\"").nth(1).expect("a form").split('"').next().unwrap().to_owned()
    }

    pub fn reply(&mut self, topic: &str, text: &str, files: &[(&str, &[u8])]) -> String {
        let form = self.form();
        let fields = [("form", form.as_str()), ("topic", topic), ("text", text)];
        self.visitor.send_form(&format!("{}/reply", self.link), &fields, files).text()
    }
}

fn only(mut letters: Vec<Letter>) -> Letter {
    assert_eq!(letters.len(), 1);
    letters.remove(0)
}

#[test]
fn a_reply_reaches_the_sender_from_the_clinic_s_own_domain() {
    let clinic = clinic();
    let server = clinic.serve();
    let mut reader = Reader::of(&clinic, &server, "");
    let picture = [JPEG, &[0x5a; 1_500_000]].concat();
    let second = [JPEG, &[0x5b; 4_000]].concat();
    let form = reader.form();
    let fields = [("form", form.as_str()), ("topic", ""), ("text", "Gracias, señora.\r\nUntil Tuesday.")];
    let path = format!("{}/reply", reader.link);
    for _ in 0..2 {
        let page =
            reader.visitor.send_form(&path, &fields, &[("../herida ñ.jpg", &picture), ("dos.jpg", &second)]).text();
        assert!(page.contains("Your reply was sent"), "{page}");
    }
    let replied = clinic.wait_for(&reader.id, "replied", &reader.patient);
    let reply = replied["reply"].as_str().unwrap().to_owned();
    assert_eq!((replied["to"].as_str(), &replied["topic"]), (Some(clinic.nurse.as_str()), &serde_json::Value::Null));
    let delivered = clinic.wait_for(&reply, "delivered", &clinic.nurse);
    let letter = only(clinic.letters(Kind::Good, &clinic.nurse, 1));
    let header = |name: &str| only_line(letter.header(name));
    assert!(header("From").ends_with("<portal@clinic.example>"), "{}", header("From"));
    assert_eq!(header("Reply-To"), format!("<{}>", reader.patient));
    assert_eq!(header("Subject"), "Re: Your visit");
    assert_eq!(header("Return-Path"), format!("<{}>", clinic.nurse));
    assert!(header("In-Reply-To").ends_with("@clinic.example>"));
    assert!(header("DKIM-Signature").contains("d=clinic.example"), "the portal signs as the clinic");
    assert!(letter.header("Received")[0].contains("TLSv1.3"), "{delivered}");
    let read = mail::reading::read(&letter.0, &mail::reading::Limits::default()).unwrap();
    let files: Vec<_> = read
        .parts
        .iter()
        .filter_map(|part| match (&part.place, &part.body) {
            (mail::reading::Place::Attachment(name), mail::reading::Body::Bytes(bytes)) => Some((name.as_str(), bytes)),
            _ => None,
        })
        .collect();
    assert!(files == [("herida ñ.jpg", &picture), ("dos.jpg", &second)], "{} files", files.len());
    assert!(letter.text().contains("Gracias, se=C3=B1ora."), "{}", &letter.text()[..3_000]);
    let accepted = clinic.wait_for(&reply, "accepted", "");
    assert_eq!((accepted["door"].as_str(), accepted["peer"].as_str()), (Some("portal"), Some("127.0.0.1")));
    let events = clinic.events(&reader.id);
    assert_eq!(events.iter().filter(|event| event["event"] == "replied").count(), 1, "sent twice is once");
    server.stop();
    clinic.machine.ok(["audit", "verify"]);
}

fn only_line(mut lines: Vec<String>) -> String {
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[test]
fn a_reply_is_routed_by_rule_and_seen_again() {
    let clinic = clinic();
    let server = clinic.serve();
    let mut reader = Reader::of(&clinic, &server, "X-Sealpost-Stream: refills\n");
    for (topic, to) in [("billing", "billing@clinic.example"), ("clinical", "pharmacy@clinic.example")] {
        let text = format!("About {topic} for {}", reader.patient);
        let page = reader.reply(topic, &text, &[]);
        assert!(page.contains("Your reply was sent"), "{page}");
        let mine = || clinic.letters_now(Kind::Good, to).into_iter().find(|letter| letter.text().contains(&text));
        let letter = testkit::wait::until("the reply", mine);
        assert!(letter.text().contains(&format!("About: {topic}")), "{}", letter.text());
    }
    let page = reader.visitor.get(&format!("{}/message", reader.link)).text();
    let copies: Vec<&str> = page.split("/sent/msg_").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(copies.len(), 2, "{page}");
    let copy = reader.visitor.get(&format!("{}/sent/msg_{}", reader.link, copies[0]));
    assert!(copy.text().contains("About billing for"), "{}", copy.text());
    let other = reader.visitor.get(&format!("{}/sent/{}", reader.link, reader.id));
    assert!(!other.text().contains("Your reply"), "only replies of one's own are shown");
    server.stop();
}

#[test]
fn what_policy_refuses_and_what_is_no_picture_is_told_and_not_sent() {
    let refuse = "[[policy.rule]]\nname = 'no cats'\ndirection = 'inbound'\nattachment_name = 'cat*'\nrefuse = true\n";
    let clinic = Clinic::new(&format!("{}{refuse}", portal_at(&portal_address())));
    let server = clinic.serve();
    let mut reader = Reader::of(&clinic, &server, "");
    for (name, bytes) in [("a.exe", &b"MZ program"[..]), ("photo.jpg", b"<html>"), ("x.svg", b"<svg")] {
        let page = reader.reply("", "see attached", &[(name, bytes)]);
        assert!(page.contains("can’t be sent here") && page.contains("see attached"), "{page}");
    }
    let page = reader.reply("", "see attached", &[("cat.jpg", JPEG)]);
    assert!(page.contains("could not be taken") && page.contains("see attached"), "{page}");
    assert!(!clinic.events(&reader.id).iter().any(|event| event["event"] == "replied"));
    assert!(clinic.letters_now(Kind::Good, &clinic.nurse).is_empty());
    server.stop();
}
