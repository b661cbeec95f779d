//! The recipient's pages: from the link in a notice to the message.
//!
//! Server-rendered, without JavaScript. `GET /m/{id}` is inert, always: link
//! scanners fetch links. A `POST` sends a code and never opens a message by
//! itself. Until a right code was entered, every id that could be one gets the
//! same answers in the same time.
//!
//! | path | what |
//! | --- | --- |
//! | `GET /m/{id}` | the link of the notice |
//! | `POST /m/{id}/code`, `GET` | a code is sent; where it is entered |
//! | `POST /m/{id}/open` | a code |
//! | `POST /m/{id}/passphrase` | a passphrase, after a right code |
//! | `GET /m/{id}/message`, `/body`, `/a/{n}` | the message, its HTML, a file |
//! | `GET /m/{id}/key`, `POST` | an own key: what is known, one is given |
//! | `POST /m/{id}/key/proof`, `/withdraw`, `/remove` | it is proven, not given after all, removed |
//! | `POST /m/{id}/reply`, `GET …/sent`, `…/sent/{reply}` | a reply, and its copy |
//! | `POST /m/{id}/again`, `GET` | "ask the clinic to send it again" |
//! | `POST /m/{id}/leave`, `GET /m/{id}/closed` | the end of a session |
//! | `/h/{id}`, `…/code`, `…/open`, `…/decide` | the sender of a held message proves the mailbox and decides |
//! | `/inspect` | the header analyser, where the deployment has it |
//! | `GET /keys`, `POST`, `GET /keys/{id}`, `/file` | our published keys, those of a sender, one, its file |
//! | `GET /u/{token}`, `POST` | whoever wants no more mail of a stream |
//! | `/verify`, `/`, `/static/…` | |

mod accent;
mod cookie;
mod inspect;
mod journey;
mod judging;
mod keys;
mod letter;
mod outgoing;
mod pages;
mod published;
mod reading;
mod replying;
mod request;
mod secure;
mod unsubscribing;
mod verify;
mod words;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequest, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use flow::judging::Judging;
use flow::org_keys::PublishedKeys;
use flow::portal::{Clinic, Language, Portal, PortalError};
use flow::unsubscribe::Unsubscribing;
use ipnet::IpNet;
use mail::{Clock, Domain};
use maud::Markup;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::inspect::Desk;
use crate::rate::{self, Limiter};

pub use accent::{Accent, AccentError};

use outgoing::Outgoing;
use pages::{ends, verify as verify_page};
use words::{Wish, Words};

/// A form is a few fields.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// So many messages are opened at once: each is in memory whole.
const OPENED_AT_ONCE: usize = 8;
/// So many replies arrive at once: each holds little, and a connection.
const SENDING_AT_ONCE: usize = 64;
/// Room for a reply's fields beside its files.
const FIELDS_BYTES_MAX: usize = 256 * 1024;

/// Where and for whom the pages are.
#[derive(Clone)]
pub struct Site {
    /// `https://portal.example`, without a slash at the end.
    pub origin: String,
    /// Who speaks.
    pub clinic: Clinic,
    /// The domains that the clinic's mail comes from, for `/verify`.
    pub sender_domains: Vec<Domain>,
    /// The clinic's colour, if it has one.
    pub accent: Option<Accent>,
    /// Bytes that the files of one reply may have.
    pub upload_bytes_max: usize,
    /// The pages where senders decide about held messages; none: there are none.
    pub judging: Option<Arc<Judging>>,
    /// What takes recipients out of streams; none: there is no page for it.
    pub unsubscribing: Option<Arc<Unsubscribing>>,
    /// The organisations' published keys; none: there is no page of them.
    pub keys: Option<Arc<dyn PublishedKeys>>,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// Whether `/inspect` is there, for everybody.
    pub has_analyser: bool,
}

/// What the handlers share.
struct App {
    site: Site,
    portal: Arc<Portal>,
    clock: Arc<dyn Clock>,
    reading: Limiter<IpAddr>,
    asking: Limiter<IpAddr>,
    pasting: Limiter<IpAddr>,
    unsubscribing: Limiter<IpAddr>,
    /// Where pasted headers are judged.
    desk: Desk,
    opening: Semaphore,
    sending: Semaphore,
    outgoing: Outgoing,
    style: String,
}

impl App {
    fn is_https(&self) -> bool {
        self.site.origin.starts_with("https://")
    }

    /// Words for someone whose link may not be told about.
    fn words(&self, wish: Wish) -> Words<'_> {
        Words::new(wish.language(), wish.explicit.is_some(), &self.site.clinic)
    }

    /// Words for a recipient who entered a right code.
    fn words_for(&self, wish: Wish, recipient: Language) -> Words<'_> {
        Words::new(wish.language_of(recipient), wish.explicit.is_some(), &self.site.clinic)
    }

    /// The portal can't serve. The cause is for the log: it names no link.
    fn broken(&self, wish: Wish, path: &str, error: &PortalError) -> Response {
        tracing::error!(error = error as &dyn std::error::Error, "the portal can't serve");
        ends::busy(&self.words(wish), path)
    }
}

/// The routes of the portal.
pub fn router(site: Site, portal: Arc<Portal>, clock: Arc<dyn Clock>) -> Router {
    let style = [include_str!("portal.css"), &site.accent.map(Accent::css).unwrap_or_default()].concat();
    let app = Arc::new(App {
        site,
        portal,
        clock,
        reading: Limiter::new(rate::READING),
        asking: Limiter::new(rate::ASKING),
        pasting: Limiter::new(rate::PASTING),
        unsubscribing: Limiter::new(rate::UNSUBSCRIBING),
        desk: Desk::new(inspect::HEADER_BYTES_MAX),
        opening: Semaphore::new(OPENED_AT_ONCE),
        sending: Semaphore::new(SENDING_AT_ONCE),
        outgoing: Outgoing::new(),
        style,
    });
    let analyser = Router::new().route(inspect::PATH, get(inspect::form).post(inspect::answer));
    let analyser = analyser.layer(DefaultBodyLimit::max(inspect::FORM_KEPT_MAX));
    let analyser = if app.site.has_analyser { analyser } else { Router::new() };
    let upload = DefaultBodyLimit::max(app.site.upload_bytes_max.saturating_add(FIELDS_BYTES_MAX));
    let judging = if app.site.judging.is_some() { judging::routes() } else { Router::new() };
    Router::new()
        .merge(analyser)
        .merge(judging)
        .route("/", get(home))
        .route("/verify", get(verify_form).post(verify_answer))
        .route("/keys", get(published::all).post(published::of_sender))
        .route("/keys/{id}", get(published::one))
        .route("/keys/{id}/file", get(published::file))
        .route("/m/{id}", get(journey::landing))
        .route("/m/{id}/code", get(journey::code_form).post(journey::send_code))
        .route("/m/{id}/open", get(journey::back).post(journey::open))
        .route("/m/{id}/passphrase", get(journey::back).post(journey::passphrase))
        .route("/m/{id}/again", get(journey::asked).post(journey::ask_again))
        .route("/m/{id}/reply", get(journey::back).post(replying::reply).layer(upload))
        .route("/m/{id}/sent", get(replying::sent))
        .route("/m/{id}/sent/{reply}", get(replying::copy))
        .route("/m/{id}/leave", get(journey::back).post(journey::leave))
        .route("/m/{id}/closed", get(journey::closed))
        .route("/m/{id}/message", get(reading::message))
        .route("/m/{id}/body", get(reading::body))
        .route("/m/{id}/a/{number}", get(reading::file))
        .route("/m/{id}/key", get(keys::page).post(keys::offer).layer(DefaultBodyLimit::max(keys::UPLOAD_BYTES_MAX)))
        .route("/m/{id}/key/proof", get(keys::back).post(keys::prove))
        .route("/m/{id}/key/withdraw", get(keys::back).post(keys::withdraw))
        .route("/m/{id}/key/remove", get(keys::back).post(keys::remove))
        .route("/static/portal.css", get(style_sheet))
        .route("/static/portal.svg", get(icon))
        .route("/favicon.ico", get(|| async { Redirect::permanent("/static/portal.svg") }))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }))
        .fallback(missing)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), secure::same_site))
        .merge(unsubscribing::routes())
        .layer(from_fn_with_state(app.clone(), request::limited))
        .layer(from_fn_with_state(app.clone(), secure::headers))
        .with_state(app)
}

/// Sends plain requests on to HTTPS, path and query included; for port 80.
pub fn to_https(origin: String) -> Router {
    let go = move |uri: axum::http::Uri| async move {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Redirect::permanent(&format!("{origin}{path}"))
    };
    Router::new().fallback(post(|| async { axum::http::StatusCode::BAD_REQUEST }).get(go))
}

async fn home(State(app): State<Arc<App>>, wish: Wish) -> Markup {
    ends::home(&app.words(wish), app.site.has_analyser)
}

async fn missing(State(app): State<Arc<App>>, wish: Wish) -> Response {
    ends::missing(&app.words(wish))
}

async fn not_so(State(app): State<Arc<App>>, wish: Wish) -> Response {
    ends::not_so(&app.words(wish))
}

async fn verify_form(State(app): State<Arc<App>>, wish: Wish) -> Markup {
    verify_page::verify(&app.words(wish), &app.site.origin, app.site.keys.is_some(), None)
}

#[derive(Deserialize)]
struct Pasted {
    mail: String,
}

async fn verify_answer(State(app): State<Arc<App>>, wish: Wish, request: axum::extract::Request) -> Response {
    let Ok(Form(pasted)) = Form::<Pasted>::from_request(request, &()).await else {
        return ends::bad(&app.words(wish));
    };
    let verdict = verify::judge(&pasted.mail, &app.site.origin, &app.site.sender_domains);
    let has_keys = app.site.keys.is_some();
    verify_page::verify(&app.words(wish), &app.site.origin, has_keys, Some(&verdict)).into_response()
}

async fn style_sheet(State(app): State<Arc<App>>) -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, KEPT)], app.style.clone()).into_response()
}

async fn icon() -> impl IntoResponse {
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, KEPT)], include_str!("portal.svg"))
}

/// What holds nothing of anyone may be kept for an hour.
const KEPT: &str = "public, max-age=3600";
