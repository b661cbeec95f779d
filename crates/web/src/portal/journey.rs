//! From the notice's link to an open session. Each POST is answered by a
//! redirect (303), so that going back or reloading never sends anything twice.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use flow::portal::{Entry, PassphraseEntry, PortalError, SessionToken, Stage};
use maud::Markup;
use serde::Deserialize;

use super::App;
use super::cookie;
use super::pages::{ends, entry};
use super::request::Asked;
use crate::pace;

/// The notice's link. Changes nothing and asks nothing, unless the browser
/// brings a session of this link: then its holder is led back to the message.
pub(super) async fn landing(State(app): State<Arc<App>>, asked: Asked) -> Response {
    if let Some(token) = &asked.token {
        match app.portal.visit(asked.link, token).await {
            Ok(Some(_)) => return led(&app, &asked, "message"),
            // A made-up cookie costs a look at the store, which is quicker
            // where there is nothing to be seen.
            Ok(None) => pace::full_step(asked.since).await,
            Err(error) => return broken(&app, &asked, "", &error).await,
        }
    }
    entry::landing(&app.words(asked.wish), asked.link).into_response()
}

/// Where a code is entered.
pub(super) async fn code_form(State(app): State<Arc<App>>, asked: Asked) -> Markup {
    entry::code(&app.words(asked.wish), asked.link, asked.wrong)
}

/// Sends a code, if there is where to.
pub(super) async fn send_code(State(app): State<Arc<App>>, asked: Asked) -> Response {
    match pace::evenly(app.portal.request_code(asked.caller(), asked.wish.explicit)).await {
        Ok(()) => led(&app, &asked, "code"),
        Err(error) => broken(&app, &asked, "/code", &error).await,
    }
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    pub(super) code: String,
}

/// Tries a code.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    asked: Asked,
    form: Result<Form<CodeForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    match pace::evenly(tried(&app, &asked, &form.code)).await {
        Ok(Tried::Right(token)) => {
            with_cookie(led(&app, &asked, "message"), cookie::set(asked.link, &token, app.is_https()))
        }
        Ok(Tried::Before) => led(&app, &asked, "message"),
        Ok(Tried::Wrong) => led(&app, &asked, "code?wrong"),
        Err(error) => broken(&app, &asked, "/code", &error).await,
    }
}

enum Tried {
    Right(SessionToken),
    /// Wrong, but the visitor has a session: a code that was just used is
    /// wrong the second time for who pressed the button twice.
    Before,
    Wrong,
}

async fn tried(app: &App, asked: &Asked, code: &str) -> Result<Tried, PortalError> {
    if let Entry::Right(token, _) = app.portal.enter_code(asked.caller(), code).await? {
        return Ok(Tried::Right(token));
    }
    let Some(token) = &asked.token else { return Ok(Tried::Wrong) };
    let visit = app.portal.visit(asked.link, token).await?;
    Ok(if visit.is_some() { Tried::Before } else { Tried::Wrong })
}

#[derive(Deserialize)]
pub(super) struct PassphraseForm {
    passphrase: String,
}

/// Tries a passphrase.
pub(super) async fn passphrase(
    State(app): State<Arc<App>>,
    asked: Asked,
    form: Result<Form<PassphraseForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    match app.portal.enter_passphrase(asked.caller(), token, &form.passphrase).await {
        Ok(PassphraseEntry::NoSession) => {
            pace::full_step(asked.since).await;
            led(&app, &asked, "")
        }
        Ok(PassphraseEntry::Wrong(Stage::NeedsPassphrase)) => led(&app, &asked, "message?wrong"),
        Ok(PassphraseEntry::Wrong(_) | PassphraseEntry::Now(_)) => led(&app, &asked, "message"),
        Err(error) => broken(&app, &asked, "/message", &error).await,
    }
}

/// Asks the clinic to send the message again.
pub(super) async fn ask_again(State(app): State<Arc<App>>, asked: Asked) -> Response {
    match pace::evenly(app.portal.ask_again(asked.caller())).await {
        Ok(()) => led(&app, &asked, "again"),
        Err(error) => broken(&app, &asked, "/code", &error).await,
    }
}

/// Says that the clinic was asked.
pub(super) async fn asked(State(app): State<Arc<App>>, asked: Asked) -> Markup {
    ends::asked(&app.words(asked.wish), asked.link)
}

/// Ends the session.
pub(super) async fn leave(State(app): State<Arc<App>>, asked: Asked) -> Response {
    if let Some(token) = &asked.token
        && let Err(error) = pace::evenly(app.portal.leave(asked.link, token)).await
    {
        return broken(&app, &asked, "/message", &error).await;
    }
    with_cookie(led(&app, &asked, "closed"), cookie::clear(asked.link, app.is_https()))
}

/// Says that the message is closed.
pub(super) async fn closed(State(app): State<Arc<App>>, asked: Asked) -> Markup {
    ends::closed(&app.words(asked.wish), asked.link)
}

/// A form's address opened by hand: back to the beginning.
pub(super) async fn back(State(app): State<Arc<App>>, asked: Asked) -> Response {
    led(&app, &asked, "")
}

/// To a page of the same link.
pub(super) fn led(app: &App, asked: &Asked, page: &str) -> Response {
    let path = if page.is_empty() { format!("/m/{}", asked.link) } else { format!("/m/{}/{page}", asked.link) };
    Redirect::to(&app.words(asked.wish).url(&path)).into_response()
}

pub(super) async fn broken(app: &App, asked: &Asked, page: &str, error: &PortalError) -> Response {
    pace::full_step(asked.since).await;
    app.broken(asked.wish, &format!("/m/{}{page}", asked.link), error)
}

pub(super) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}
