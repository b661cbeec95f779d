//! The recipient's way through the portal, in a real browser and over plain
//! HTTP.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::chromium::{Chromium, Settings};
use testkit::sealpost::Server;
use testkit::suites::suite;
use testkit::wait;
use thirtyfour::{By, WebDriver};

use crate::visit::{Answer, Visitor, code, codes, links, portal_address, portal_at, wrong};
use crate::ward::{Client, Ward, message};

const PATIENT: &str = "pat@portal.example";

/// EXPERIENCE: "How the pages are made".
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
    require-trusted-types-for 'script'";
const FRAME_POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; \
    sandbox allow-popups allow-popups-to-escape-sandbox";

struct Clinic {
    ward: Ward,
    origin: String,
}

impl Clinic {
    fn new(configuration: &str) -> Self {
        let address = portal_address();
        let ward = Ward::new(&format!("{}{configuration}", portal_at(&address)));
        Self { ward, origin: format!("http://{address}") }
    }

    /// Sends a message for the portal; gives its id and the path of its link.
    #[track_caller]
    fn send(&self, server: &Server<'_>, fields: &str, body: &str) -> (String, String) {
        let fields = format!("To: {PATIENT}\r\nMIME-Version: 1.0\r\n{fields}");
        let reply = Client::to(server).send(&[PATIENT], message(&fields, body).as_bytes()).unwrap();
        let id = reply.expect(250, "accepted").id();
        (id, links(&self.ward, PATIENT, 1).pop().expect("a link"))
    }

    /// What happened to a message at the portal.
    fn events_named(&self, id: &str, name: &str) -> usize {
        self.ward.events(id).iter().filter(|event| event["event"] == name).count()
    }
}

const HTML: &str = "Subject: Your results\r\nContent-Type: multipart/mixed; boundary=m\r\n";

fn html_letter(html: &str) -> String {
    format!(
        "--m\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n\
         --m\r\nContent-Type: application/pdf; name=\"Lab results.pdf\"\r\n\
         Content-Disposition: attachment; filename=\"Lab results.pdf\"\r\n\r\n%PDF-1.4 all is well\r\n--m--\r\n"
    )
}

const RESULTS: &str = "<h1>Your results</h1><p>Dear Pat, your <b>haemoglobin</b> is fine.</p>\
    <table><tr><td>Haemoglobin</td><td>14.1 g/dl</td></tr></table>\
    <p><a href=\"https://clinic.example/visit\">Book a visit</a></p>";

/// A browser on its way, with a note of everything that a page did wrong.
struct Journey<'c> {
    clinic: &'c Clinic,
    browser: &'c Chromium,
    language: &'static str,
    width: u32,
    pictures: PathBuf,
}

impl Journey<'_> {
    fn driver(&self) -> &WebDriver {
        &self.browser.driver
    }

    /// Judges the page that is shown.
    async fn look(&self, name: &str) {
        let driver = self.driver();
        let html = driver.find(By::Tag("html")).await.unwrap();
        assert_eq!(html.attr("lang").await.unwrap().as_deref(), Some(self.language), "{name}");
        let size = driver.source().await.unwrap().len();
        assert!(size < 30_000, "{name} has {size} bytes");
        let widths = driver.execute("return [document.documentElement.scrollWidth, innerWidth]", vec![]).await.unwrap();
        let [scroll, inner]: [u32; 2] = widths.convert().unwrap();
        assert_eq!((inner, scroll <= inner), (self.width, true), "{name} is {scroll} wide");
        let picture = driver.screenshot_as_png().await.unwrap();
        fs::write(self.pictures.join(format!("{}-{}-{name}.png", self.language, self.width)), picture).unwrap();
        assert_eq!(self.browser.log().await, [""; 0], "{name}");
    }

    /// Waits for a page by its heading: a form's answer takes its time.
    async fn arrive(&self, heading: &str) {
        shown(self.driver(), "h1", heading).await;
    }

    async fn text_of(&self, css: &str) -> String {
        self.driver().find(By::Css(css)).await.unwrap().text().await.unwrap()
    }

    async fn press(&self, css: &str) {
        self.driver().find(By::Css(css)).await.unwrap().click().await.unwrap();
    }

    async fn fill(&self, field: &str, text: &str) {
        let field = self.driver().find(By::Id(field)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
        self.press("main form:has(input, textarea) button.primary").await;
    }

    /// From the link to the form for the code, and on with the code that came.
    async fn enter(&self, link: &str, words: &Words) {
        self.driver().goto(format!("{}{link}", self.clinic.origin)).await.unwrap();
        self.arrive(words.landing).await;
        self.look("1-landing").await;
        self.press("button.primary").await;
        self.arrive(words.code).await;
        self.look("2-code").await;
        let code = code(&self.clinic.ward, PATIENT, 1);
        self.fill("code", &wrong(&code)).await;
        shown(self.driver(), "[role=alert]", words.wrong).await;
        self.look("3-wrong").await;
        self.fill("code", &code).await;
    }

    async fn read(&self, link: &str) {
        self.arrive("Your results").await;
        self.look("5-message").await;
        let frame = self.driver().find(By::Tag("iframe")).await.unwrap();
        let sandbox = frame.attr("sandbox").await.unwrap();
        assert_eq!(sandbox.as_deref(), Some("allow-popups allow-popups-to-escape-sandbox"));
        frame.enter_frame().await.unwrap();
        let text = self.driver().find(By::Tag("body")).await.unwrap().text().await.unwrap();
        assert!(text.contains("your haemoglobin is fine") && text.contains("14.1 g/dl"), "{text}");
        self.driver().enter_default_frame().await.unwrap();
        let cookies = self.driver().get_all_cookies().await.unwrap();
        let cookie = cookies.first().expect("a session");
        let address = self.clinic.origin.trim_start_matches("http://").parse().unwrap();
        let mut visitor = Visitor::at(address).with_cookie(&cookie.name, &cookie.value);
        check_message(&mut visitor, link);
    }

    /// The page of keys, by text that is pasted; back at the message.
    async fn give_a_key(&self, link: &str) {
        let gpg = testkit::gnupg::GnuPg::new();
        gpg.generate(&format!("Pat <{PATIENT}>"), "ed25519", "cv25519");
        let key = String::from_utf8(gpg.must(&["--armor", "--export", PATIENT], b"")).unwrap();
        self.press(&format!("a[href^='{link}/key']")).await;
        self.arrive("Su propia clave").await;
        self.look("9-key").await;
        self.driver().find(By::Id("text")).await.unwrap().send_keys(key).await.unwrap();
        self.press("main form button.primary").await;
        shown(self.driver(), "h2", "Demuestre que es suya").await;
        self.look("10-key-proof").await;
        self.fill("code", "0000-0000-0000").await;
        shown(self.driver(), "[role=alert]", "Ese código no es correcto").await;
        self.press("main a.secondary").await;
        shown(self.driver(), "section.after", "Cerrar el mensaje").await;
    }

    /// Writes an answer with a picture, sends it, and comes back to the message.
    async fn reply(&self, words: &Words) {
        let picture = self.pictures.join("reply.jpg");
        fs::write(&picture, b"\xff\xd8\xff\xe0 a picture").unwrap();
        let driver = self.driver();
        self.press("main form button.primary").await;
        shown(driver, "[role=alert]", words.empty).await;
        // Chromium tells of the status in its console; nothing else may be there.
        let told = self.browser.log().await;
        assert!(told.iter().all(|line| line.contains("status of 422")), "{told:?}");
        self.look("5b-empty-reply").await;
        driver.find(By::Id("text")).await.unwrap().send_keys("Thank you / Gracias").await.unwrap();
        driver.find(By::Id("files")).await.unwrap().send_keys(picture.to_str().unwrap()).await.unwrap();
        self.press("main form button.primary").await;
        self.arrive(words.sent).await;
        self.look("5c-sent").await;
        self.press("a.secondary").await;
        self.arrive("Your results").await;
        shown(driver, "main", words.replies).await;
        self.look("5d-with-reply").await;
    }

    async fn leave(&self, words: &Words) {
        self.press("section.after button").await;
        self.arrive(words.closed).await;
        self.look("6-closed").await;
        self.driver().goto(format!("{}/verify", self.clinic.origin)).await.unwrap();
        self.look("7-verify").await;
        for (mail, says) in
            [(format!("{}/m/x", self.clinic.origin), words.ours), ("https://evil.example/m/x".into(), words.foreign)]
        {
            let field = self.driver().find(By::Name("mail")).await.unwrap();
            field.clear().await.unwrap();
            field.send_keys(mail).await.unwrap();
            self.press("main form button").await;
            shown(self.driver(), "main", says).await;
        }
        self.look("8-verified").await;
    }
}

/// Waits until the page shows these words there. What is found may be gone a moment later, when the next page comes.
pub async fn shown(driver: &WebDriver, css: &str, words: &str) {
    let end = std::time::Instant::now() + wait::PATIENCE;
    let mut last = String::new();
    while std::time::Instant::now() < end {
        if let Ok(found) = driver.find(By::Css(css)).await
            && let Ok(text) = found.text().await
        {
            last = text;
        }
        if last.contains(words) {
            return;
        }
    }
    panic!("{css} does not show {words:?} but {last:?}");
}

/// Headers, policies and the file, as the holder of a session gets them.
fn check_message(visitor: &mut Visitor, link: &str) {
    let page = visitor.get(&format!("{link}/message"));
    check_headers(&page, &format!("{PAGE_POLICY}; frame-src 'self'"));
    check_headers(&visitor.get(&format!("{link}/body")), FRAME_POLICY);
    let file = page
        .text()
        .split(&format!("href=\"{link}/a/"))
        .nth(1)
        .expect("a file")
        .split(['"', '?'])
        .next()
        .unwrap()
        .to_owned();
    let file = visitor.get(&format!("{link}/a/{file}"));
    assert_eq!(file.text().trim_end(), "%PDF-1.4 all is well");
    let disposition = file.header("content-disposition");
    assert!(disposition.starts_with("attachment") && disposition.contains("Lab results.pdf"), "{disposition}");
    assert_eq!(
        (file.header("cache-control"), file.header("x-content-type-options")),
        ("no-store".into(), "nosniff".into())
    );
}

#[track_caller]
fn check_headers(answer: &Answer, policy: &str) {
    assert_eq!(answer.header("content-security-policy"), policy);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.body.len() < 30_000 && answer.header("server").is_empty());
}

struct Words {
    landing: &'static str,
    code: &'static str,
    wrong: &'static str,
    closed: &'static str,
    empty: &'static str,
    sent: &'static str,
    replies: &'static str,
    ours: &'static str,
    foreign: &'static str,
}

const ENGLISH: Words = Words {
    landing: "You have a secure message",
    code: "Enter your code",
    wrong: "That code is not right",
    closed: "The message is closed",
    empty: "Please write something",
    sent: "Your reply was sent",
    replies: "Your replies",
    ours: "This link leads to us",
    foreign: "This link does not lead to us",
};

const SPANISH: Words = Words {
    landing: "Tiene un mensaje seguro",
    code: "Escriba su código",
    wrong: "Ese código no es correcto",
    closed: "El mensaje está cerrado",
    empty: "Por favor, escriba algo",
    sent: "Su respuesta se ha enviado",
    replies: "Sus respuestas",
    ours: "Este enlace lleva a nosotros",
    foreign: "Este enlace no lleva a nosotros",
};

/// Where pictures of the pages go: `SEALPOST_PICTURES` keeps them.
pub fn pictures(machine: &testkit::sealpost::Machine) -> PathBuf {
    let kept = std::env::var_os("SEALPOST_PICTURES").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| machine.path("pictures"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_picked_up_in_english() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let (id, link) = clinic.send(&server, HTML, &html_letter(RESULTS));
    let browser = Chromium::start(&Settings::default()).await;
    let width: u32 = browser.driver.execute("return innerWidth", vec![]).await.unwrap().convert().unwrap();
    let pictures = pictures(&clinic.ward.machine);
    let journey = Journey { clinic: &clinic, browser: &browser, language: "en", width, pictures };
    journey.enter(&link, &ENGLISH).await;
    journey.read(&link).await;
    browser.driver.goto(format!("{}{link}/key", clinic.origin)).await.unwrap();
    journey.arrive("Your own key").await;
    journey.look("9-key").await;
    journey.press("main a.secondary").await;
    shown(&browser.driver, "section.after", "Close the message").await;
    journey.reply(&ENGLISH).await;
    journey.leave(&ENGLISH).await;
    assert_eq!(clinic.events_named(&id, "opened"), 1);
    browser.quit().await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_passphrase_is_picked_up_in_spanish_on_a_dark_phone_without_scripts() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let fields = format!(
        "X-Sealpost-Language: es\r\nX-Sealpost-Passphrase: tetera azul\r\nX-Sealpost-Passphrase-Hint: en la cocina\r\n{HTML}"
    );
    let (_, link) = clinic.send(&server, &fields, &html_letter(RESULTS));
    let settings = Settings { language: "es".into(), javascript: false, dark: true, window: (320, 640) };
    let browser = Chromium::start(&settings).await;
    let pictures = pictures(&clinic.ward.machine);
    let journey = Journey { clinic: &clinic, browser: &browser, language: "es", width: 320, pictures };
    journey.enter(&link, &SPANISH).await;
    journey.arrive("Un paso más").await;
    assert!(journey.text_of("main").await.contains("en la cocina"));
    journey.look("4-passphrase").await;
    journey.fill("passphrase", "tetera roja").await;
    shown(&browser.driver, "[role=alert]", "Esa no es la frase de acceso").await;
    journey.fill("passphrase", "tetera azul").await;
    journey.read(&link).await;
    journey.give_a_key(&link).await;
    let dark =
        "return getComputedStyle(document.body).backgroundColor + matchMedia('(prefers-color-scheme: dark)').matches";
    let ground: String = browser.driver.execute(dark, vec![]).await.unwrap().convert().unwrap();
    assert!(ground.ends_with("true") && !ground.contains("255, 255, 255"), "{ground}");
    journey.reply(&SPANISH).await;
    journey.leave(&SPANISH).await;
    browser.quit().await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_a_campaign_unsubscribes_by_a_button_without_scripts() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let of_news = format!("X-Sealpost-Stream: marketing\r\n{HTML}");
    clinic.send(&server, &of_news, &html_letter(RESULTS));
    let notice = clinic.ward.portal_sink.taken().pop().expect("a notice");
    let field = notice.field("List-Unsubscribe").expect("a way out");
    assert_eq!(notice.field("List-Unsubscribe-Post"), None, "one click is by HTTPS or not at all");
    let link = field.trim().trim_matches(['<', '>']).to_owned();
    let settings = Settings { language: "es".into(), javascript: false, dark: true, window: (320, 640) };
    let browser = Chromium::start(&settings).await;
    let pictures = pictures(&clinic.ward.machine);
    let journey = Journey { clinic: &clinic, browser: &browser, language: "es", width: 320, pictures };
    browser.driver.goto(&link).await.unwrap();
    journey.arrive("¿No quiere más correos como este?").await;
    journey.look("10-unsubscribe").await;
    journey.press("main form button").await;
    journey.arrive("Se ha dado de baja").await;
    journey.look("11-unsubscribed").await;
    browser.quit().await;
    server.stop();
}

/// An HTTP server that must never be asked.
fn tracker() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(std::io::Write::write_all(&mut &stream, b"HTTP/1.1 204 Gone\r\nConnection: close\r\n\r\n"));
        }
    });
    (format!("http://{address}"), asked)
}

/// A letter that wants to call home, run scripts, and leave its frame.
fn hostile(home: &str) -> String {
    let mut html = format!(
        "<p>Dear Pat</p><link rel=stylesheet href='{home}/1'><link rel=prefetch href='{home}/2'>\
         <link rel=dns-prefetch href='{home}'><style>@import '{home}/3'; p {{ background: url({home}/4) }}</style>\
         <img src='{home}/5' srcset='{home}/6 2x'><picture><source srcset='{home}/7'></picture>\
         <video src='{home}/8' poster='{home}/9' autoplay></video><audio src='{home}/10' autoplay></audio>\
         <iframe src='{home}/11'></iframe><object data='{home}/12'></object><embed src='{home}/13'>\
         <div style=\"background-image:url('{home}/14')\">x</div><table background='{home}/15'><tr><td>y</table>\
         <svg><image href='{home}/16'/><use href='{home}/17#x'/></svg><meta http-equiv=refresh content='0;url={home}/18'>\
         <base href='{home}/'><form action='{home}/19'><input type=submit autofocus></form>\
         <script>document.title='owned'; fetch('{home}/20')</script><img src=x onerror=\"fetch('{home}/21')\">\
         <body onload=\"fetch('{home}/22')\"><a href=\"javascript:fetch('{home}/23')\">a link</a>"
    );
    if let Some(suite) = suite("html-sanitizer") {
        let list = fs::read(suite.join("lists/xss_alert.txt")).unwrap();
        let list = String::from_utf8_lossy(&list).into_owned();
        // A line of mail holds 998 bytes.
        html.extend(
            list.lines().filter(|line| line.len() < 500 && line.is_ascii()).take(60).flat_map(|line| [line, "\r\n"]),
        );
    }
    html.replace("><", ">\r\n<")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_letter_runs_nothing_and_calls_nobody() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let (home, asked) = tracker();
    let (_, link) = clinic.send(&server, HTML, &html_letter(&hostile(&home)));
    let browser = Chromium::start(&Settings::default()).await;
    let driver = &browser.driver;
    driver.goto(format!("{home}/can-be-asked")).await.unwrap();
    wait::until("the tracker to be asked when it should be", || (asked.swap(0, Ordering::SeqCst) > 0).then_some(()));
    drop(browser.log().await);
    driver.goto(format!("{}{link}", clinic.origin)).await.unwrap();
    driver.find(By::Css("button.primary")).await.unwrap().click().await.unwrap();
    let code = code(&clinic.ward, PATIENT, 1);
    shown(driver, "h1", ENGLISH.code).await;
    driver.find(By::Id("code")).await.unwrap().send_keys(code).await.unwrap();
    driver.find(By::Css("button.primary")).await.unwrap().click().await.unwrap();
    shown(driver, "h1", "Your results").await;
    let folder = pictures(&clinic.ward.machine);
    for page in ["message", "body"] {
        driver.goto(format!("{}{link}/{page}", clinic.origin)).await.unwrap();
        assert!(driver.get_alert_text().await.is_err(), "a script of the letter ran in {page}");
        assert_ne!(driver.title().await.unwrap(), "owned");
        assert!(driver.current_url().await.unwrap().path().ends_with(page), "the letter led away");
        fs::write(folder.join(format!("hostile-{page}.png")), driver.screenshot_as_png().await.unwrap()).unwrap();
    }
    let text = driver.find(By::Tag("body")).await.unwrap().text().await.unwrap();
    assert!(text.contains("Dear Pat"), "{text}");
    assert_eq!(browser.log().await, [""; 0], "something of the letter was left for the policy to stop");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the letter called home");
    browser.quit().await;
    server.stop();
}

#[test]
fn looking_at_a_link_changes_nothing() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let (id, link) = clinic.send(&server, HTML, &html_letter(RESULTS));
    wait::until("the notice's event", || (clinic.events_named(&id, "notified") == 1).then_some(()));
    let (events, mails) = (clinic.ward.events(&id), clinic.ward.portal_sink.taken().len());
    let mut visitor = Visitor::at(server.address("portal"));
    for page in ["", "/code", "/open", "/passphrase", "/message", "/body", "/a/0", "/again", "/leave", "/closed"] {
        for (method, fields) in [
            ("GET", ""),
            ("HEAD", ""),
            ("GET", "Purpose: prefetch\r\nSec-Purpose: prefetch;prerender\r\n"),
            ("OPTIONS", ""),
        ] {
            let answer = visitor.ask(method, &format!("{link}{page}"), fields, "");
            assert!(answer.status < 500, "{method} {page}: {}", answer.head);
            assert!(answer.header("set-cookie").is_empty(), "{method} {page} began a session");
        }
    }
    check_headers(&visitor.get(&link), PAGE_POLICY);
    assert_eq!(clinic.ward.events(&id), events);
    assert_eq!(clinic.ward.portal_sink.taken().len(), mails);
    server.stop();
    assert_eq!(clinic.ward.events(&id), events);
}

#[test]
fn five_wrong_codes_end_a_code_and_another_opens() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let (id, link) = clinic.send(&server, HTML, &html_letter(RESULTS));
    let mut visitor = Visitor::at(server.address("portal"));
    visitor.post(&format!("{link}/code"), "");
    let first = code(&clinic.ward, PATIENT, 1);
    for _ in 0..5 {
        let page = visitor.post(&format!("{link}/open"), &format!("code={}", wrong(&first)));
        assert!(page.text().contains("That code is not right"));
    }
    let page = visitor.post(&format!("{link}/open"), &format!("code={first}"));
    assert!(page.text().contains("That code is not right"), "the right code after five wrong ones: {}", page.text());
    visitor.post(&format!("{link}/code"), "");
    let second = code(&clinic.ward, PATIENT, 2);
    let page = visitor.post(&format!("{link}/open"), &format!("code={second}"));
    assert!(page.text().contains("Your results"), "{}", page.text());
    let again = Visitor::at(server.address("portal")).post(&format!("{link}/open"), &format!("code={second}"));
    assert!(again.text().contains("That code is not right"), "a code opened twice");
    assert_eq!(clinic.events_named(&id, "opened"), 1);
    assert!(clinic.events_named(&id, "code_wrong") >= 5, "{:#?}", clinic.ward.events(&id));
    server.stop();
}

/// `levels` parts, each within the one before, and a text in the last.
fn nested(levels: usize) -> (String, String) {
    let text = "Content-Type: text/plain\r\n\r\nhaemoglobin 13.5\r\n".to_owned();
    let wrap = |inner: String, level: usize| {
        format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n{inner}\r\n--b{level}--\r\n")
    };
    let whole = (0..levels).fold(text, wrap);
    let (field, body) = whole.split_once("\r\n\r\n").unwrap();
    (format!("{field}\r\n"), body.to_owned())
}

#[test]
fn a_message_that_was_taken_is_shown_however_deep_it_is() {
    let clinic = Clinic::new("");
    let server = clinic.ward.machine.serve();
    let (field, body) = nested(40);
    let fields = format!("Subject: Your results\r\nBcc: hidden@elsewhere.example\r\nX-Sealpost-Tag: ward-9\r\n{field}");
    let (_, link) = clinic.send(&server, &fields, &body);
    let mut visitor = Visitor::at(server.address("portal"));
    visitor.post(&format!("{link}/code"), "");
    let code = code(&clinic.ward, PATIENT, 1);
    visitor.post(&format!("{link}/open"), &format!("code={code}"));
    let pages = ["", "/body", "/a/0"].map(|page| visitor.get(&format!("{link}{page}")).text()).concat();
    assert!(pages.contains("haemoglobin 13.5"), "{pages}");
    assert!(!pages.contains("hidden@elsewhere.example") && !pages.contains("ward-9"), "{pages}");
    server.stop();
}

#[test]
fn an_expired_message_can_be_asked_for_again() {
    let clinic = Clinic::new("expiry = '1s'\n");
    let server = clinic.ward.machine.serve();
    let began = std::time::Instant::now();
    let (id, link) = clinic.send(&server, HTML, &html_letter(RESULTS));
    wait::until("the end of its time", || (began.elapsed().as_secs() >= 2).then_some(()));
    let mut visitor = Visitor::at(server.address("portal"));
    visitor.post(&format!("{link}/code"), "");
    let code = code(&clinic.ward, PATIENT, 1);
    let page = visitor.post(&format!("{link}/open"), &format!("code={code}"));
    assert!(
        page.text().contains("This message has expired") && !page.text().contains("haemoglobin"),
        "{}",
        page.text()
    );
    for page in ["body", "a/0"] {
        assert!(!visitor.get(&format!("{link}/{page}")).text().contains("haemoglobin"));
    }
    let page = visitor.post(&format!("{link}/again"), "");
    assert!(page.text().contains("We have told the clinic"), "{}", page.text());
    wait::until("the clinic to know", || (clinic.events_named(&id, "resend_asked") == 1).then_some(()));
    assert_eq!(codes(&clinic.ward, PATIENT).len(), 1);
    server.stop();
}

/// Three hops: handed in over TLS, clear between two others, encrypted to the reader's own.
const HEADER: &str = "Authentication-Results: mx.clinic.example; spf=pass smtp.mailfrom=ana@sender.example
Received: from out.relay.example (out.relay.example [192.0.2.7])
 (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519)
 by mx.clinic.example (Postfix) with ESMTPS id 4Xk1; Tue, 13 Jan 2026 10:00:07 +0000
Received: from mail.sender.example (mail.sender.example [198.51.100.4])
 by out.relay.example (Postfix) with ESMTP id 4Xk0; Tue, 13 Jan 2026 10:00:05 +0000
Received: from cable-77.provider.example (cable-77.provider.example [203.0.113.9])
 by mail.sender.example (Postfix) with ESMTPSA id 4Xj9; Tue, 13 Jan 2026 10:00:04 +0000
Subject: <script>document.title='marker'</script>
";

struct Said {
    heading: &'static str,
    sentence: &'static str,
    table: &'static [&'static str],
    refused: &'static str,
}

impl Journey<'_> {
    /// Pastes a header, looks at what is told, opens what a step rests on, and pastes what is none.
    async fn analyse(&self, said: &Said) {
        let address = format!("{}/inspect", self.clinic.origin);
        self.driver().goto(address.clone()).await.unwrap();
        self.arrive(said.heading).await;
        self.look("a1-form").await;
        self.fill("header", HEADER).await;
        shown(self.driver(), "[role=status]", said.sentence).await;
        assert_eq!(self.driver().current_url().await.unwrap().as_str(), address, "nothing of it is in the address");
        let table = self.text_of(".way table").await;
        for words in said.table {
            assert!(table.contains(words), "{words} in {table}");
        }
        self.look("a2-told").await;
        self.press(".way tbody:last-of-type summary").await;
        let open = self.text_of(".way details[open]").await;
        assert!(
            open.contains("X25519") && open.contains("spf=pass") && open.contains("Received: from out.relay"),
            "{open}"
        );
        self.look("a3-open").await;
        self.fill("header", "hello").await;
        shown(self.driver(), "[role=status]", said.refused).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_analysed_on_a_desktop() {
    let clinic = Clinic::new("analyser = true\n");
    let server = clinic.ward.machine.serve();
    let browser = Chromium::start(&Settings::default()).await;
    let width: u32 = browser.driver.execute("return innerWidth", vec![]).await.unwrap().convert().unwrap();
    let pictures = pictures(&clinic.ward.machine);
    let journey = Journey { clinic: &clinic, browser: &browser, language: "en", width, pictures };
    journey
        .analyse(&Said {
            heading: "How did this mail travel?",
            sentence: "From mail.sender.example to out.relay.example it was not encrypted.",
            table: &["10:00:05", "+2s", "Not encrypted", "TLS 1.3", "Above: told by servers of others."],
            refused: "That is no header of a mail",
        })
        .await;
    assert!(!server.log().contains("sender.example"), "nothing of a header is logged");
    browser.quit().await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_analysed_in_spanish_on_a_phone_without_scripts() {
    let clinic = Clinic::new("analyser = true\n");
    let server = clinic.ward.machine.serve();
    let settings = Settings { language: "es".into(), javascript: false, dark: false, window: (320, 640) };
    let browser = Chromium::start(&settings).await;
    let pictures = pictures(&clinic.ward.machine);
    let journey = Journey { clinic: &clinic, browser: &browser, language: "es", width: 320, pictures };
    journey
        .analyse(&Said {
            heading: "¿Cómo viajó este correo?",
            sentence: "De mail.sender.example a out.relay.example no iba cifrado.",
            table: &["10:00:05", "+2s", "Sin cifrar", "TLS 1.3", "Arriba: lo cuentan servidores ajenos."],
            refused: "Eso no es la cabecera de un correo",
        })
        .await;
    browser.quit().await;
    server.stop();
}
