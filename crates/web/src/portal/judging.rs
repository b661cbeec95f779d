//! The sender's way to an own message that is held: as the recipient's way to
//! a message. `GET` changes nothing; a code is mailed by a `POST`, and only who
//! enters it sees what waits and decides.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use flow::judging::{Decided, Decision, Judging, Task};
use flow::portal::{Entry, HINT_CHARS_MAX, PortalError};
use maud::Markup;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::App;
use super::cookie;
use super::journey::{CodeForm, with_cookie};
use super::pages::{ends, judging as page};
use super::request::Asked;
use crate::pace;
use page::Wrong;

/// The routes, where senders may decide.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/h/{id}", get(landing))
        .route("/h/{id}/code", get(code_form).post(send_code))
        .route("/h/{id}/open", get(back).post(open))
        .route("/h/{id}/decide", get(task))
        .route("/h/{id}/release", get(back).post(release))
        .route("/h/{id}/reject", get(back).post(reject))
        .route("/h/{id}/passphrase", get(back).post(passphrase))
        .route("/h/{id}/done", get(done))
}

/// The senders' pages; without them there are no such routes.
struct Senders(Arc<Judging>);

impl FromRequestParts<Arc<App>> for Senders {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let Ok(wish) = super::words::Wish::from_request_parts(parts, app).await;
        app.site.judging.clone().map(Senders).ok_or_else(|| ends::missing(&app.words(wish)))
    }
}

async fn landing(State(app): State<Arc<App>>, asked: Asked) -> Markup {
    page::landing(&app.words(asked.wish), asked.link)
}

async fn code_form(State(app): State<Arc<App>>, asked: Asked) -> Markup {
    page::code(&app.words(asked.wish), asked.link, asked.wrong)
}

async fn send_code(State(app): State<Arc<App>>, Senders(judging): Senders, asked: Asked) -> Response {
    match pace::evenly(judging.portal().request_code(asked.caller(), asked.wish.explicit)).await {
        Ok(()) => led(&app, &asked, "/code"),
        Err(error) => broken(&app, &asked, "/code", &error).await,
    }
}

async fn open(
    State(app): State<Arc<App>>,
    Senders(judging): Senders,
    asked: Asked,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    match pace::evenly(judging.portal().enter_code(asked.caller(), &form.code)).await {
        Ok(Entry::Right(token, _)) => {
            with_cookie(led(&app, &asked, "/decide"), cookie::set(asked.link, &token, app.is_https()))
        }
        Ok(Entry::Wrong) => led(&app, &asked, "/code?wrong"),
        Err(error) => broken(&app, &asked, "/code", &error).await,
    }
}

async fn task(State(app): State<Arc<App>>, Senders(judging): Senders, asked: Asked) -> Response {
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    match judging.look(asked.link, token).await {
        Ok(Some(look)) => {
            let wrong = asked.flag("reason").then_some(Wrong::Reason);
            let wrong = wrong.or(asked.flag("passphrase").then_some(Wrong::Passphrase));
            let wrong = wrong.or(asked.flag("hint").then_some(Wrong::Hint));
            let wrong = wrong.or(asked.flag("staff").then_some(Wrong::Staff)).filter(|_| look.task != Task::Nothing);
            page::task(&app.words_for(asked.wish, look.language), asked.link, &look, wrong).into_response()
        }
        Ok(None) => {
            pace::full_step(asked.since).await;
            led(&app, &asked, "")
        }
        Err(error) => broken(&app, &asked, "/decide", &error).await,
    }
}

#[derive(Deserialize)]
struct JudgeForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    passphrase: String,
    #[serde(default)]
    hint: String,
}

type JudgeFormGiven = Result<Form<JudgeForm>, FormRejection>;

async fn release(State(app): State<Arc<App>>, senders: Senders, asked: Asked, form: JudgeFormGiven) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    let Some(reason) = reason(&form.reason) else { return led(&app, &asked, "/decide?reason") };
    let Ok(hint) = hint(&form.hint) else { return led(&app, &asked, "/decide?hint") };
    let is_given = !form.passphrase.trim().is_empty();
    let passphrase = is_given.then(|| (Zeroizing::new(form.passphrase), hint));
    decide(&app, &senders, &asked, Decision::Release { reason, passphrase }).await
}

async fn reject(State(app): State<Arc<App>>, senders: Senders, asked: Asked, form: JudgeFormGiven) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    let Some(reason) = reason(&form.reason) else { return led(&app, &asked, "/decide?reason") };
    decide(&app, &senders, &asked, Decision::Reject { reason }).await
}

async fn passphrase(State(app): State<Arc<App>>, senders: Senders, asked: Asked, form: JudgeFormGiven) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    let Ok(hint) = hint(&form.hint) else { return led(&app, &asked, "/decide?hint") };
    decide(&app, &senders, &asked, Decision::GivePassphrase(Zeroizing::new(form.passphrase), hint)).await
}

async fn decide(app: &App, Senders(judging): &Senders, asked: &Asked, decision: Decision) -> Response {
    let Some(token) = &asked.token else { return led(app, asked, "") };
    match judging.decide(asked.link, token, decision).await {
        Ok(Decided::Done | Decided::TooLate) => led(app, asked, "/done"),
        Ok(Decided::NoPassphrase) => led(app, asked, "/decide?passphrase"),
        Ok(Decided::NotBySender) => led(app, asked, "/decide?staff"),
        Ok(Decided::NoSession) => {
            pace::full_step(asked.since).await;
            led(app, asked, "")
        }
        Err(error) => broken(app, asked, "/decide", &error).await,
    }
}

async fn done(State(app): State<Arc<App>>, asked: Asked) -> Markup {
    page::done(&app.words(asked.wish), asked.link)
}

async fn back(State(app): State<Arc<App>>, asked: Asked) -> Response {
    led(&app, &asked, "")
}

/// One line that says something.
fn reason(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= 500 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// None where none is given; an error where it is not one line, or longer than
/// what would be shown of it: the recipient would guess at the rest.
fn hint(text: &str) -> Result<Option<String>, ()> {
    let text = text.trim();
    let fits = text.chars().count() <= HINT_CHARS_MAX && !text.chars().any(char::is_control);
    match (text.is_empty(), fits) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(text.to_owned())),
        (false, false) => Err(()),
    }
}

/// To a page of the same link.
fn led(app: &App, asked: &Asked, page: &str) -> Response {
    Redirect::to(&app.words(asked.wish).url(&format!("/h/{}{page}", asked.link))).into_response()
}

async fn broken(app: &App, asked: &Asked, page: &str, error: &PortalError) -> Response {
    pace::full_step(asked.since).await;
    app.broken(asked.wish, &format!("/h/{}{page}", asked.link), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_taken_as_it_is_or_refused() {
        assert_eq!(hint("  "), Ok(None));
        assert_eq!(hint(" the street of our first house "), Ok(Some("the street of our first house".to_owned())));
        assert_eq!(hint(&"ü".repeat(HINT_CHARS_MAX)), Ok(Some("ü".repeat(HINT_CHARS_MAX))));
        assert_eq!(hint(&"ü".repeat(HINT_CHARS_MAX + 1)), Err(()));
        assert_eq!(hint("one\ntwo"), Err(()));
    }
}
