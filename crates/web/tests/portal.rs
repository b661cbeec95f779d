//! The recipient's journey through the router, over a desk in memory.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use flow::portal::{Factor, Language, LinkId, Portal, PortalEvent};
use support::{LETTER, MemoryDesk, NOTE, TestClock, TestEntropy, link_state, site};
use tower::ServiceExt;
use web::PeerAddress;

const ORIGIN: &str = "https://portal.lakeside.example";
const LINK: LinkId = LinkId::from_bytes([1; 16]);
const OTHER: LinkId = LinkId::from_bytes([2; 16]);
const UNKNOWN: LinkId = LinkId::from_bytes([3; 16]);

/// A browser at the portal.
struct Visitor {
    router: Router,
    desk: Arc<MemoryDesk>,
    clock: Arc<TestClock>,
    cookies: Vec<String>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers["location"].to_str().unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

impl Visitor {
    fn new() -> Self {
        Self::with(link_state(&TestClock::new(), Language::En, None), LETTER)
    }

    fn with(state: flow::portal::LinkState, message: &str) -> Self {
        let (desk, clock) = (Arc::new(MemoryDesk::default()), TestClock::new());
        desk.add(LINK, state, message);
        desk.add(OTHER, link_state(&clock, Language::En, None), NOTE);
        let portal = Arc::new(Portal::new(desk.clone(), clock.clone(), TestEntropy::new()));
        let router = web::portal::router(site(ORIGIN), portal, clock.clone());
        Self { router, desk, clock, cookies: Vec::new() }
    }

    async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let cookies = self.cookies.join("; ");
        request.headers_mut().insert("cookie", cookies.parse().unwrap());
        request.extensions_mut().insert(PeerAddress(SocketAddr::from(([192, 0, 2, 1], 5000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for field in parts.headers.get_all("set-cookie") {
            let pair = field.to_str().unwrap().split(';').next().unwrap().to_owned();
            let name = pair.split_once('=').unwrap().0.to_owned();
            self.cookies.retain(|cookie| !cookie.starts_with(&format!("{name}=")));
            self.cookies.push(pair);
        }
        let body = to_bytes(body, 10_000_000).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header("origin", "null");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Asks for a code and enters it.
    async fn open(&mut self, link: LinkId) -> Answer {
        self.post(&format!("/m/{link}/code"), "").await;
        let code = self.desk.last_code();
        self.post(&format!("/m/{link}/open"), &format!("code={code}")).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_opened_with_a_code() {
    let mut visitor = Visitor::new();
    let landing = visitor.get(&format!("/m/{LINK}")).await;
    assert!(landing.body.contains("You have a secure message") && landing.body.contains("Send me a code"));
    let sent = visitor.post(&format!("/m/{LINK}/code"), "").await;
    assert_eq!(sent.location(), format!("/m/{LINK}/code"));
    let form = visitor.get(sent.location()).await;
    assert!(form.body.contains("autocomplete=\"one-time-code\"") && form.body.contains("inputmode=\"numeric\""));
    let code = visitor.desk.last_code();
    let opened = visitor.post(&format!("/m/{LINK}/open"), &format!("code={}+{}", &code[..3], &code[3..])).await;
    assert_eq!(opened.location(), format!("/m/{LINK}/message"));
    let message = visitor.get(opened.location()).await;
    assert!(message.body.contains("Your lab results – please read"), "{}", message.body);
    assert!(!message.body.contains("<title>Your lab"), "the browser's history keeps the title");
    assert!(message.body.contains("Lab results.pdf") && message.body.contains("until January 8, 2027"));
    assert_eq!(visitor.desk.events(), [PortalEvent::CodeSent, PortalEvent::Opened(vec![Factor::MailedCode])]);
    assert_eq!(visitor.get(&format!("/m/{LINK}")).await.location(), format!("/m/{LINK}/message"));
}

#[tokio::test(start_paused = true)]
async fn the_journey_is_whole_in_spanish() {
    let mut visitor = Visitor::with(link_state(&TestClock::new(), Language::Es, Some("tetera azul")), NOTE);
    let landing = visitor.get(&format!("/m/{LINK}?lang=es")).await;
    assert!(landing.body.contains("<html lang=\"es\">") && landing.body.contains("Tiene un mensaje seguro"));
    assert!(landing.body.contains(&format!("action=\"/m/{LINK}/code?lang=es\"")), "the choice stays");
    let sent = visitor.post(&format!("/m/{LINK}/code?lang=es"), "").await;
    assert_eq!(sent.location(), format!("/m/{LINK}/code?lang=es"));
    assert!(visitor.get(sent.location()).await.body.contains("Escriba su código"));
    let wrong = visitor.post(&format!("/m/{LINK}/open?lang=es"), "code=000000").await;
    assert_eq!(wrong.location(), format!("/m/{LINK}/code?wrong&lang=es"));
    assert!(visitor.get(wrong.location()).await.body.contains("Ese código no es correcto"));
    let opened = visitor.open(LINK).await;
    let asked = visitor.get(opened.location()).await;
    assert!(asked.body.contains("Un paso más") && asked.body.contains("Su pista: what we talked about"));
    let refused = visitor.post(&format!("/m/{LINK}/passphrase"), "passphrase=tetera+roja").await;
    let refused = visitor.get(refused.location()).await;
    assert!(refused.body.contains("Esa no es la frase de acceso") && refused.body.contains("Quedan 9 intentos"));
    let opened = visitor.post(&format!("/m/{LINK}/passphrase"), "passphrase=Tetera%20AZUL").await;
    let message = visitor.get(opened.location()).await;
    assert!(message.body.contains("Your visit on Thursday") && message.body.contains("Cerrar el mensaje"));
    assert!(message.body.contains("<a href=\"https://lakeside.example/map?from=north&amp;to=south\""));
    assert_eq!(visitor.desk.events().last(), Some(&PortalEvent::Opened(vec![Factor::MailedCode, Factor::Passphrase])));
}

#[tokio::test(start_paused = true)]
async fn reading_a_link_changes_and_asks_nothing() {
    let mut visitor = Visitor::new();
    for page in ["", "/code", "/again", "/closed", "/open", "/leave", "/passphrase", "/message", "/body", "/a/0"] {
        for method in ["GET", "HEAD"] {
            let uri = format!("/m/{LINK}{page}");
            let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
            let answer = visitor.send(request).await;
            assert!(answer.status.is_success() || answer.status.is_redirection(), "{page}");
        }
    }
    assert_eq!(visitor.desk.finds.load(Ordering::Relaxed), 0, "the store is not even asked");
    assert_eq!(visitor.desk.codes(), 0);
}

/// What is the same whatever the id: all but the id itself.
async fn told(
    visitor: &mut Visitor,
    link: LinkId,
    method: &str,
    page: &str,
    form: &str,
) -> (StatusCode, String, String) {
    let path = format!("/m/{link}{page}");
    let answer = if method == "GET" { visitor.get(&path).await } else { visitor.post(&path, form).await };
    let headers: Vec<String> = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    let neutral = |text: &str| text.replace(&link.to_string(), "ID");
    (answer.status, neutral(&headers.join("\n")), neutral(&answer.body))
}

#[tokio::test(start_paused = true)]
async fn answers_don_t_tell_whether_an_id_exists() {
    let mut visitor = Visitor::with(link_state(&TestClock::new(), Language::Es, Some("tetera azul")), NOTE);
    for (method, page, form) in [
        ("GET", "", ""),
        ("GET", "/code", ""),
        ("GET", "/message", ""),
        ("GET", "/body", ""),
        ("GET", "/a/0", ""),
        ("POST", "/code", ""),
        ("POST", "/open", "code=123456"),
        ("POST", "/open", "code=12"),
        ("POST", "/open", "nothing=1"),
        ("POST", "/passphrase", "passphrase=x"),
        ("POST", "/again", ""),
        ("POST", "/leave", ""),
    ] {
        let known = told(&mut visitor, LINK, method, page, form).await;
        let unknown = told(&mut visitor, UNKNOWN, method, page, form).await;
        let strip = |(status, headers, body): (StatusCode, String, String)| {
            let lines = headers.lines().filter(|line| !line.starts_with("set-cookie")).collect::<Vec<_>>().join("\n");
            (status, lines, body)
        };
        assert_eq!(strip(known), strip(unknown), "{method} {page} {form}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_answer_does_not_tell_either() {
    let mut visitor = Visitor::new();
    for link in [LINK, UNKNOWN] {
        for (page, form) in [("code", ""), ("open", "code=123456"), ("again", "")] {
            let start = tokio::time::Instant::now();
            visitor.post(&format!("/m/{link}/{page}"), form).await;
            assert_eq!(start.elapsed().as_millis(), 250, "{page}");
        }
    }
    for link in [LINK, UNKNOWN] {
        visitor.cookies = vec![format!("__Host-m-{}={}", link.tag(), "A".repeat(43))];
        for page in ["", "/message", "/body", "/a/0"] {
            let start = tokio::time::Instant::now();
            visitor.get(&format!("/m/{link}{page}")).await;
            assert_eq!(start.elapsed().as_millis(), 250, "{page} with a made-up session");
        }
        let start = tokio::time::Instant::now();
        visitor.post(&format!("/m/{link}/passphrase"), "passphrase=x").await;
        assert_eq!(start.elapsed().as_millis(), 250);
    }
    assert!(visitor.desk.rehearsals.load(Ordering::Relaxed) >= 3, "an unknown id is a durable write too");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_of_its_link_alone() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    assert_eq!(visitor.get(&format!("/m/{OTHER}/message")).await.location(), format!("/m/{OTHER}"));
    let token = visitor.cookies[0].split_once('=').unwrap().1.to_owned();
    visitor.open(OTHER).await;
    let name = visitor.cookies[1].split_once('=').unwrap().0.to_owned();
    visitor.cookies[1] = format!("{name}={token}");
    assert_eq!(visitor.get(&format!("/m/{OTHER}/message")).await.location(), format!("/m/{OTHER}"));
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_by_rest_and_by_leaving() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let message = format!("/m/{LINK}/message");
    visitor.clock.advance(14);
    assert_eq!(visitor.get(&message).await.status, StatusCode::OK);
    visitor.clock.advance(14);
    assert_eq!(visitor.get(&message).await.status, StatusCode::OK, "reading goes on");
    visitor.clock.advance(15);
    assert_eq!(visitor.get(&message).await.location(), format!("/m/{LINK}"));
    visitor.open(LINK).await;
    let kept = visitor.cookies.clone();
    let left = visitor.post(&format!("/m/{LINK}/leave"), "").await;
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    assert!(visitor.get(left.location()).await.body.contains("The message is closed"));
    visitor.cookies = kept;
    assert_eq!(visitor.get(&message).await.location(), format!("/m/{LINK}"), "a kept cookie is worth nothing");
}

#[tokio::test(start_paused = true)]
async fn an_expired_link_says_so_to_its_recipient_and_offers_to_ask() {
    let mut visitor = Visitor::new();
    visitor.clock.advance(31 * 24 * 60);
    assert!(visitor.get(&format!("/m/{LINK}")).await.body.contains("You have a secure message"));
    let opened = visitor.open(LINK).await;
    let expired = visitor.get(opened.location()).await;
    assert!(expired.body.contains("This message has expired") && expired.body.contains("January 8, 2027"));
    assert!(!expired.body.contains("lab results"));
    let asked = visitor.post(&format!("/m/{LINK}/again"), "").await;
    assert!(visitor.get(asked.location()).await.body.contains("We have told the clinic"));
    assert_eq!(visitor.desk.events().last(), Some(&PortalEvent::AskedAgain));
}

#[tokio::test(start_paused = true)]
async fn an_erased_message_is_gone_and_can_be_asked_for() {
    let mut visitor = Visitor::new();
    let opened = visitor.open(LINK).await;
    visitor.desk.erase(LINK);
    let gone = visitor.get(opened.location()).await;
    assert!(gone.body.contains("no longer here") && gone.body.contains(&format!("/m/{LINK}/again")));
}

#[tokio::test(start_paused = true)]
async fn too_many_wrong_passphrases_end_in_a_way_out() {
    let mut visitor = Visitor::with(link_state(&TestClock::new(), Language::En, Some("blue kettle")), NOTE);
    visitor.open(LINK).await;
    for _ in 0..10 {
        visitor.post(&format!("/m/{LINK}/passphrase"), "passphrase=wrong").await;
    }
    let locked = visitor.get(&format!("/m/{LINK}/message")).await;
    assert!(locked.body.contains("Too many wrong tries") && locked.body.contains("send it again"));
    visitor.post(&format!("/m/{LINK}/passphrase"), "passphrase=blue+kettle").await;
    assert!(visitor.get(&format!("/m/{LINK}/message")).await.body.contains("Too many wrong tries"));
}

#[tokio::test(start_paused = true)]
async fn who_presses_twice_is_not_told_that_the_code_is_wrong() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let code = visitor.desk.last_code();
    let again = visitor.post(&format!("/m/{LINK}/open"), &format!("code={code}")).await;
    assert_eq!(again.location(), format!("/m/{LINK}/message"));
}

const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                    form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";
const FRAME: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; \
                     sandbox allow-popups allow-popups-to-escape-sandbox";

#[tokio::test(start_paused = true)]
async fn every_answer_has_its_policy_and_is_kept_nowhere() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let framing = format!("{PAGE}; frame-src 'self'");
    for (path, policy) in [
        ("/".to_owned(), PAGE),
        ("/verify".to_owned(), PAGE),
        ("/nowhere".to_owned(), PAGE),
        (format!("/m/{UNKNOWN}"), PAGE),
        (format!("/m/{UNKNOWN}/code"), PAGE),
        (format!("/m/{LINK}/message"), framing.as_str()),
        (format!("/m/{LINK}/body"), FRAME),
        (format!("/m/{LINK}/a/1"), "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ] {
        let answer = visitor.get(&path).await;
        assert_eq!(answer.header("content-security-policy"), policy, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
        assert!(answer.headers.contains_key("permissions-policy"));
    }
    let style = visitor.get("/static/portal.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.body.len() < 12_000, "with any page below 30 KB");
}

#[tokio::test(start_paused = true)]
async fn the_frame_holds_the_letter_and_nothing_that_runs_or_fetches() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let page = visitor.get(&format!("/m/{LINK}/message")).await.body;
    assert!(page.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""));
    let body = visitor.get(&format!("/m/{LINK}/body")).await.body;
    assert!(body.contains("lab results are <b>fine</b>") && body.contains("src=\"data:image/png;base64,"));
    for gone in ["<script", "onclick", "tracker.invalid", "position", "_top"] {
        assert!(!body.contains(gone), "{gone}");
    }
}

#[tokio::test(start_paused = true)]
async fn files_are_for_saving() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let pdf = visitor.get(&format!("/m/{LINK}/a/1")).await;
    assert_eq!(pdf.header("content-type"), "application/pdf");
    assert!(pdf.header("content-disposition").starts_with("attachment; filename=\"Lab results.pdf\""));
    assert!(pdf.body.starts_with("%PDF"));
    let page = visitor.get(&format!("/m/{LINK}/a/2")).await;
    assert_eq!(page.header("content-type"), "application/octet-stream", "no browser runs it from here");
    for none in ["3", "-1", "x", "99999999999999999999"] {
        assert_eq!(visitor.get(&format!("/m/{LINK}/a/{none}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(start_paused = true)]
async fn another_site_can_do_nothing() {
    let mut visitor = Visitor::new();
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let request = Request::post(format!("/m/{LINK}/code")).header(name, value).body(Body::empty()).unwrap();
        let answer = visitor.send(request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.body.contains("Please start from our page"));
    }
    assert_eq!(visitor.desk.codes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_no_oracle_and_no_dead_end() {
    let mut visitor = Visitor::new();
    *visitor.desk.down.lock().unwrap() = true;
    for link in [LINK, UNKNOWN] {
        for (page, form) in [("code", ""), ("open", "code=123456"), ("again", "")] {
            let answer = visitor.post(&format!("/m/{link}/{page}"), form).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.body.contains("Nothing is lost") && answer.body.contains("Try again"));
            assert!(!answer.body.contains("the store is down"), "causes are for the log");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_address_can_ask_only_so_often() {
    let mut visitor = Visitor::new();
    let mut answers = Vec::new();
    for _ in 0..31 {
        answers.push(visitor.post(&format!("/m/{UNKNOWN}/open"), "code=123456").await.status);
    }
    assert!(answers[..30].iter().all(|status| *status == StatusCode::SEE_OTHER));
    assert_eq!(answers[30], StatusCode::TOO_MANY_REQUESTS);
    visitor.clock.advance(1);
    assert_eq!(visitor.post(&format!("/m/{UNKNOWN}/open"), "code=1").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_get_a_page() {
    let mut visitor = Visitor::new();
    let large = format!("code={}", "1".repeat(20_000));
    assert_eq!(visitor.post(&format!("/m/{LINK}/open"), &large).await.status, StatusCode::BAD_REQUEST);
    let cases = [
        "/m/",
        "/m/short",
        "/m/0000000000000000000000000u",
        "/nowhere",
        "/m/x/y/z/%ff",
        "/m/%00%00/code",
        "//evil.example",
    ];
    for path in cases {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.body.contains("There is nothing at this address"), "{path}");
    }
    let request = Request::builder().method("DELETE").uri("/").body(Body::empty()).unwrap();
    assert_eq!(visitor.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn verify_judges_what_was_pasted_and_looks_nothing_up() {
    let mut visitor = Visitor::new();
    for link in [LINK, UNKNOWN] {
        let answer = visitor.post("/verify", &format!("mail=https://portal.lakeside.example/m/{link}")).await;
        assert!(answer.body.contains("This link leads to us"));
    }
    let foreign = visitor.post("/verify?lang=es", "mail=https://portal.lakeside.example.evil.example/").await;
    assert!(foreign.body.contains("Este enlace no lleva a nosotros"));
    assert_eq!(visitor.desk.finds.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn the_language_of_a_link_is_told_only_after_its_code() {
    let mut visitor = Visitor::with(link_state(&TestClock::new(), Language::Es, None), NOTE);
    assert!(visitor.get(&format!("/m/{LINK}")).await.body.contains("<html lang=\"en\">"));
    let opened = visitor.open(LINK).await;
    assert!(visitor.get(opened.location()).await.body.contains("<html lang=\"es\">"));
}

#[tokio::test]
async fn plain_http_is_sent_on_to_https() {
    let router = web::portal::to_https(ORIGIN.to_owned());
    let request = Request::get("/m/x?lang=es").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["location"], format!("{ORIGIN}/m/x?lang=es"));
}

/// A header of two hops, the first of them clear.
const HEADER: &str = "Received: from out.a.example (out.a.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 1;\r\n\
    \tTue, 13 Jan 2026 10:00:07 +0000\r\n\
    Received: from app.c.example (app.c.example [192.0.2.2]) by out.a.example (Postfix) with ESMTP id 1;\r\n\
    \tTue, 13 Jan 2026 10:00:05 +0000\r\nSubject: marker\r\n";

/// A form's field, every byte in three.
fn pasted(header: &[u8]) -> String {
    let bytes: String = header.iter().map(|byte| format!("%{byte:02X}")).collect();
    format!("header={bytes}")
}

#[tokio::test(start_paused = true)]
async fn a_pasted_header_is_answered() {
    let mut visitor = Visitor::new();
    let form = visitor.get("/inspect?lang=es").await;
    assert!(form.body.contains("¿Cómo viajó este correo?") && form.body.contains("action=\"/inspect?lang=es\""));
    let told = visitor.post("/inspect", &pasted(HEADER.as_bytes())).await;
    assert_eq!((told.status, told.header("cache-control")), (StatusCode::OK, "no-store"));
    assert!(told.header("content-security-policy").starts_with("default-src 'none'"));
    for words in
        ["From app.c.example to out.a.example it was not encrypted.", "Postfix always says so", "+2s", "10:00:05"]
    {
        assert!(told.body.contains(words), "{words} in {}", told.body);
    }
    assert!(!told.body.contains("marker"), "only what tells of its way is shown");
    assert!(visitor.get("/").await.body.contains("href=\"/inspect\""));
}

#[tokio::test(start_paused = true)]
async fn whatever_is_pasted_gets_an_answer_within_bounds() {
    let mut visitor = Visitor::new();
    for (bytes, status) in [
        (b"hello".to_vec(), StatusCode::UNPROCESSABLE_ENTITY),
        (vec![0; 10_000], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![b'a', b':', 0xff, 0xfe, 0, b'\n'], StatusCode::OK),
        (HEADER.repeat(1_000).into_bytes(), StatusCode::OK),
        (b"Received: from a by b\n".repeat(10_000), StatusCode::OK),
        (b"Received: x\n".repeat(30_000), StatusCode::PAYLOAD_TOO_LARGE),
        ([HEADER.as_bytes(), b"X: ", &vec![b'x'; 2 << 20]].concat(), StatusCode::PAYLOAD_TOO_LARGE),
        ([HEADER.as_bytes(), b"\r\n", &vec![b'x'; 10 << 20]].concat(), StatusCode::OK),
    ] {
        let answer = visitor.post("/inspect", &pasted(&bytes)).await;
        assert_eq!(answer.status, status, "{} bytes: {}", bytes.len(), answer.body);
        assert!(answer.body.len() < 200_000 && answer.body.contains("name=\"header\""));
    }
    let answer = visitor.post("/inspect", &format!("header={}", "x".repeat(70 << 20))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for form in ["", "other=x", "%"] {
        assert_eq!(visitor.post("/inspect", form).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_address_pastes_only_so_often_and_the_portal_goes_on() {
    let mut visitor = Visitor::new();
    let form = pasted(HEADER.as_bytes());
    let mut last = StatusCode::OK;
    for _ in 0..21 {
        last = visitor.post("/inspect", &form).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(visitor.post(&format!("/m/{LINK}/code"), "").await.status, StatusCode::SEE_OTHER);
    visitor.clock.advance(1);
    assert_eq!(visitor.post("/inspect", &form).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn without_the_switch_nothing_is_there() {
    let (desk, clock) = (Arc::new(MemoryDesk::default()), TestClock::new());
    let portal = Arc::new(Portal::new(desk.clone(), clock.clone(), TestEntropy::new()));
    let without = web::Site { has_analyser: false, ..site(ORIGIN) };
    let router = web::portal::router(without, portal, clock.clone());
    let mut visitor = Visitor { router, desk, clock, cookies: Vec::new() };
    let nothing = visitor.get("/nothing").await;
    for answer in [visitor.get("/inspect").await, visitor.post("/inspect", &pasted(HEADER.as_bytes())).await] {
        assert_eq!((answer.status, &answer.body), (StatusCode::NOT_FOUND, &nothing.body));
    }
    assert!(!visitor.get("/").await.body.contains("/inspect"));
}

/// A form as a browser sends it.
fn upload(fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        form.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
    }
    for (name, bytes) in files {
        let head = format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        form.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    form.extend(b"--x--\r\n");
    form
}

impl Visitor {
    async fn form(&mut self) -> String {
        let page = self.get(&format!("/m/{LINK}/message")).await;
        page.body.split("name=\"form\" value=\"").nth(1).expect("a form").split('"').next().unwrap().to_owned()
    }

    async fn reply(&mut self, form: &str, text: &str, files: &[(&str, &[u8])]) -> Answer {
        let body = upload(&[("form", form), ("topic", "billing"), ("text", text)], files);
        let request = Request::post(format!("/m/{LINK}/reply"))
            .header("content-type", "multipart/form-data; boundary=x")
            .header("sec-fetch-site", "same-origin");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    fn replies(&self) -> Vec<String> {
        let replies = self.desk.replies.lock().unwrap();
        replies.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

#[tokio::test(start_paused = true)]
async fn a_reply_goes_with_its_files_and_is_kept_as_a_copy() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let form = visitor.form().await;
    for _ in 0..2 {
        let sent = visitor.reply(&form, "It is ¡fine!\r\n<b>now</b>", &[("señal.jpg", JPEG), ("", b"")]).await;
        assert_eq!(sent.location(), format!("/m/{LINK}/sent"), "twice is once");
    }
    let replies = visitor.replies();
    assert_eq!(replies.len(), 1);
    assert!(replies[0].contains("Reply-To: <pat@example.com>") && replies[0].contains("About: billing"));
    let page = visitor.get(&format!("/m/{LINK}/message")).await;
    let copy = page.body.split(&format!("/m/{LINK}/sent/")).nth(1).expect("a copy").split('"').next().unwrap();
    let copy = visitor.get(&format!("/m/{LINK}/sent/{copy}")).await;
    assert!(copy.body.contains("It is ¡fine!\n&lt;b&gt;now&lt;/b&gt;"), "{}", copy.body);
    assert!(copy.body.contains("señal.jpg") && !copy.body.contains("Written in the portal"));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_keeps_what_was_written() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let form = visitor.form().await;
    let large = [JPEG, &[7; 100_001]].concat();
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let check: [(Files<'_>, &str); 4] = [
        (&[("a.exe", b"MZ")], "“a.exe” is of a kind"),
        (&[("photo.jpg", b"<script>alert(1)</script>")], "“photo.jpg” is of a kind"),
        (&[("photo.jpg", &large)], "too many or too large"),
        (&[("1.jpg", JPEG), ("2.jpg", JPEG), ("3.jpg", JPEG)], "too many or too large"),
    ];
    for (files, says) in check {
        let refused = visitor.reply(&form, "</textarea><script>alert(1)</script>", files).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(says), "{}", refused.body);
        assert!(refused.body.contains("&lt;/textarea&gt;&lt;script&gt;"), "{}", refused.body);
        assert!(refused.body.contains(&form), "the form is the same: it counts once");
    }
    let empty = visitor.reply(&form, " \r\n ", &[("", b"")]).await;
    assert!(empty.body.contains("Please write something"), "{}", empty.body);
    assert!(visitor.replies().is_empty());
    let sent = visitor.reply(&form, "</textarea><script>alert(1)</script>", &[("1.jpg", JPEG)]).await;
    assert_eq!(sent.location(), format!("/m/{LINK}/sent"));
}

#[tokio::test(start_paused = true)]
async fn nobody_replies_without_a_session_or_from_another_site() {
    let mut visitor = Visitor::new();
    visitor.open(LINK).await;
    let form = visitor.form().await;
    let body = upload(&[("form", &form), ("text", "hello")], &[]);
    let foreign = Request::post(format!("/m/{LINK}/reply"))
        .header("content-type", "multipart/form-data; boundary=x")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(visitor.send(foreign.body(Body::from(body)).unwrap()).await.status, StatusCode::FORBIDDEN);
    let forged = visitor.reply("AAAA", "What I <i>wrote</i>", &[]).await;
    assert_eq!(forged.status, StatusCode::CONFLICT);
    visitor.clock.advance(16);
    let lost = visitor.reply(&form, "What I <i>wrote</i>", &[("1.jpg", JPEG)]).await;
    assert_eq!(lost.status, StatusCode::CONFLICT);
    assert!(lost.body.contains("What I &lt;i&gt;wrote&lt;/i&gt;") && lost.body.contains("Send me a code"));
    visitor.cookies.clear();
    assert_eq!(visitor.reply(&form, "hello", &[]).await.status, StatusCode::CONFLICT);
    assert!(visitor.replies().is_empty());
}
