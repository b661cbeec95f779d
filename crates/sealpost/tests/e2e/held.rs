//! The passphrase: what is needed where a domain's servers do not protect the
//! code, who is told, and how it is mended.

use serde_json::Value;
use testkit::clients::python;
use testkit::postfix::Letter;
use testkit::process::run;
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, MARKER, Mail, find};

/// Pages at a plain address, so that a program can visit them.
const PORTAL: &str = "[portal]\nurl = 'http://127.0.0.1'\n";
const PASSPHRASE: &str = "blue bicycle in the rain";

#[test]
fn without_a_passphrase_a_clear_notice_holds_the_message_until_one_is_given() {
    let clinic = Clinic::new(PORTAL);
    let patient = clinic.patient(Kind::Clear);
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    assert_eq!(clinic.wait_for(&id, "notified", &patient)["level"], "none");
    clinic.wait_for(&id, "passphrase_missing", &patient);
    clinic.wait_for(&id, "held", &patient);
    clinic.wait_for(&id, "dsn_sent", &clinic.nurse);
    let told = clinic.letter(Kind::Good, &clinic.nurse);
    assert!(told.header("Received")[0].contains("using TLSv1.3"), "{}", told.text());
    assert!(told.header("Subject")[0].starts_with("Held, needs you"), "{}", told.text());
    assert!(told.text().contains(&format!("sealpost message passphrase {id}")), "{}", told.text());
    assert!(!told.text().contains(MARKER) && !told.text().contains("Your visit"));

    assert!(told.text().contains("http://127.0.0.1/h/"), "the sender may mend it too: {}", told.text());

    // A code is not even tried in clear while no passphrase stands behind it.
    let link = link_of(&clinic.letter(Kind::Clear, &patient));
    let mut visitor = Visitor::of(&server, &link);
    visitor.ask_for_code();
    clinic.wait_for(&id, "code_withheld", &patient);
    assert_eq!(clinic.letters_now(Kind::Clear, &patient).len(), 1, "only the notice has come");

    let mut command = clinic.machine.command(["message", "passphrase", &id, "--hint", "our first talk"]);
    let given = run(&mut command, format!("{PASSPHRASE}\n").as_bytes());
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    clinic.wait_for(&id, "released", &patient);
    visitor.ask_for_code();
    let code = code_of(&clinic.letters(Kind::Clear, &patient, 2)[1]);
    let page = visitor.post("/open", &format!("code={code}"));
    assert!(page.contains("our first talk") && !page.contains(MARKER), "{page}");
    let page = visitor.post("/passphrase", "passphrase=not+this+one+at+all");
    assert!(!page.contains(MARKER), "{page}");
    let page = visitor.post("/passphrase", &format!("passphrase={}", PASSPHRASE.replace(' ', "+")));
    assert!(page.contains(MARKER), "{page}");
    let opened = clinic.wait_for(&id, "opened", &patient);
    assert_eq!(opened["met"], serde_json::json!(["code", "passphrase"]));
    for letter in clinic.letters_now(Kind::Clear, &patient) {
        assert!(!letter.text().contains(MARKER) && !letter.text().contains("bicycle"), "{}", letter.text());
    }
}

#[test]
fn a_sender_gives_the_passphrase_on_the_page_of_the_message() {
    let clinic = Clinic::new(PORTAL);
    let patient = clinic.patient(Kind::Clear);
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    clinic.wait_for(&id, "passphrase_missing", &patient);
    let told = clinic.letters(Kind::Good, &clinic.nurse, 1).remove(0).text();
    let (_, rest) = told.split_once("http://127.0.0.1/h/").unwrap_or_else(|| panic!("no link in {told}"));
    let link = format!("/h/{}", rest.split_whitespace().next().unwrap());
    let mut sender = Visitor::of(&server, &link);
    sender.ask_for_code();
    let code = code_of(&clinic.letters(Kind::Good, &clinic.nurse, 2)[1]);
    let page = sender.post("/open", &format!("code={code}"));
    assert!(page.contains(&patient) && !page.contains(MARKER), "{page}");
    let page = sender.post("/passphrase", "passphrase=abc&hint=");
    assert!(page.contains("at least four characters"), "{page}");
    let page = sender.post("/passphrase", &format!("passphrase={}&hint=the+garden", PASSPHRASE.replace(' ', "+")));
    assert!(page.contains("Nothing left"), "{page}");
    let released = clinic.wait_for(&id, "released", &patient);
    assert_eq!(released["by"], format!("sender:{}", clinic.nurse));

    let mut visitor = Visitor::of(&server, &link_of(&clinic.letter(Kind::Clear, &patient)));
    visitor.ask_for_code();
    let code = code_of(&clinic.letters(Kind::Clear, &patient, 2)[1]);
    assert!(visitor.post("/open", &format!("code={code}")).contains("the garden"));
    let page = visitor.post("/passphrase", &format!("passphrase={}", PASSPHRASE.replace(' ', "+")));
    assert!(page.contains(MARKER), "{page}");
}

#[test]
fn with_a_passphrase_nothing_is_held_and_the_fields_are_gone() {
    let clinic = Clinic::new(PORTAL);
    let patient = clinic.patient(Kind::Clear);
    let server = clinic.serve();
    let header = format!("X-Sealpost-Passphrase: {PASSPHRASE}\nX-Sealpost-Passphrase-Hint: the garden\n");
    let id = clinic.send(&server, &Mail { to: &[&patient], header: &header, text: MARKER, ..clinic.mail() });
    clinic.wait_for(&id, "notified", &patient);
    let events = clinic.events(&id);
    assert!(find(&events, "held", &patient).is_none() && find(&events, "passphrase_missing", &patient).is_none());
    let mut visitor = Visitor::of(&server, &link_of(&clinic.letter(Kind::Clear, &patient)));
    visitor.ask_for_code();
    let sent = clinic.wait_for(&id, "code_sent", &patient);
    assert_eq!(sent["needs"], "none");
    let code = code_of(&clinic.letters(Kind::Clear, &patient, 2)[1]);
    assert!(visitor.post("/open", &format!("code={code}")).contains("the garden"));
    let page = visitor.post("/passphrase", &format!("passphrase={}", PASSPHRASE.replace(' ', "+")));
    assert!(page.contains(MARKER) && !page.contains("X-Sealpost"), "{page}");
    for (path, content) in clinic.machine.files("data") {
        let needle = b"blue bicycle";
        assert!(!content.windows(needle.len()).any(|window| window == needle), "{}", path.display());
    }
}

#[test]
fn a_domain_that_shows_less_than_it_did_gets_no_code_and_needs_a_passphrase() {
    let clinic = Clinic::new(PORTAL);
    let patient = clinic.patient(Kind::Good);
    let domain = patient.split_once('@').unwrap().1.to_owned();
    let server = clinic.serve();
    let protect = "X-Sealpost-Protect: portal\n";
    let id = clinic.send(&server, &Mail { to: &[&patient], header: protect, text: MARKER, ..clinic.mail() });
    assert_eq!(clinic.wait_for(&id, "notified", &patient)["level"], "verified");
    assert!(find(&clinic.events(&id), "held", "").is_none());
    let link = link_of(&clinic.letter(Kind::Good, &patient));

    // Somebody has taken STARTTLS away since.
    clinic.mx(&domain, Kind::Clear);
    let mut visitor = Visitor::of(&server, &link);
    visitor.ask_for_code();
    let asked = clinic.wait_for(&id, "code_sent", &patient);
    assert_eq!(asked["needs"], "verified");
    clinic.wait_for(&id, "code_withheld", &patient);
    clinic.wait_for(&id, "passphrase_missing", &patient);
    clinic.wait_for(&id, "dsn_sent", &clinic.nurse);
    assert!(clinic.letters_now(Kind::Clear, &patient).is_empty(), "a code crossed in clear");

    // A new message: its notice shows less than the domain once did.
    let id = clinic.send(&server, &Mail { to: &[&patient], text: MARKER, ..clinic.mail() });
    assert_eq!(clinic.wait_for(&id, "notified", &patient)["level"], "none");
    clinic.wait_for(&id, "held", &patient);
    for letter in clinic.letters(Kind::Clear, &patient, 1) {
        assert!(!letter.text().contains(MARKER));
    }
}

/// The address in a notice, undone from quoted-printable: `/m/…`.
pub fn link_of(notice: &Letter) -> String {
    let text = notice.text().replace("\r\n", "\n").replace("=\n", "").replace("=3D", "=");
    let from = text.find("/m/").unwrap_or_else(|| panic!("no link in {text}"));
    text[from..].split(|c: char| c.is_whitespace() || "\"<>?".contains(c)).next().unwrap().to_owned()
}

/// The six digits in the mail of a code.
pub fn code_of(letter: &Letter) -> String {
    let subject = letter.header("Subject").remove(0);
    let code = subject.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6);
    code.unwrap_or_else(|| panic!("no code in {subject}")).to_owned()
}

/// A patient's browser, by Python's urllib: it follows redirects and keeps cookies.
struct Visitor {
    origin: String,
    link: String,
    cookies: tempfile::NamedTempFile,
}

impl Visitor {
    fn of(server: &Server<'_>, link: &str) -> Self {
        let origin = format!("http://{}", server.address("portal"));
        let visitor = Self { origin, link: link.to_owned(), cookies: tempfile::NamedTempFile::new().unwrap() };
        let page = visitor.ask("", None);
        assert!(page.contains("<form"), "{page}");
        visitor
    }

    fn ask_for_code(&mut self) {
        self.post("/code", "");
    }

    fn post(&mut self, step: &str, form: &str) -> String {
        self.ask(step, Some(form))
    }

    /// Gives the page and what it frames: the letter stands in a frame of its own.
    fn ask(&self, step: &str, form: Option<&str>) -> String {
        let job = serde_json::json!({
            "url": format!("{}{}{step}", self.origin, self.link), "form": form, "cookies": self.cookies.path(),
        });
        let text = python(BROWSE, job.to_string().as_bytes()).expect_success().text;
        serde_json::from_str::<Value>(&text).unwrap()["text"].as_str().unwrap().to_owned()
    }
}

const BROWSE: &str = r#"
import http.cookiejar, json, os, re, sys, urllib.parse, urllib.request
job = json.load(sys.stdin)
jar = http.cookiejar.LWPCookieJar(job["cookies"])
if os.path.getsize(job["cookies"]):
    jar.load(ignore_discard=True)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
# The portal believes itself at its configured address.
opener.addheaders = [("Origin", "http://127.0.0.1")]
def ask(url, form=None):
    return opener.open(url, None if form is None else form.encode(), timeout=30)
answer = ask(job["url"], job["form"])
text = answer.read().decode()
for frame in re.findall(r'<iframe[^>]* src="([^"]+)"', text):
    text += ask(urllib.parse.urljoin(answer.geturl(), frame.replace("&amp;", "&"))).read().decode()
jar.save(ignore_discard=True)
print(json.dumps({"text": text}))
"#;
