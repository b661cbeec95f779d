//! The header analyser: how a mail travelled, from a header that was pasted.
//!
//! For everybody, where the deployment has it; without it the address is
//! nothing's. The header comes in a POST and goes with its answer.

use std::sync::Arc;

use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::Markup;
use serde::Deserialize;

use super::App;
use super::pages::{ends, inspect as page};
use super::words::Wish;
use crate::inspect::{NotInspected, beginning};

/// Where it is.
pub(super) const PATH: &str = "/inspect";
/// A header block that is pasted has so many bytes at the most.
pub(super) const HEADER_BYTES_MAX: usize = 1 << 20;
/// A form has three bytes for one (`%0A`), and a whole message may be pasted,
/// of which the beginning is looked at.
pub(super) const FORM_KEPT_MAX: usize = 3 * HEADER_BYTES_MAX + (64 << 10);
const FORM_BYTES_MAX: usize = 64 << 20;

/// The empty form.
pub(super) async fn form(State(app): State<Arc<App>>, wish: Wish) -> Markup {
    page::form(&app.words(wish))
}

/// A field of the form; what else is in it does not matter.
#[derive(Deserialize)]
struct Pasted {
    header: String,
}

/// What there is to say of a header.
pub(super) async fn answer(State(app): State<Arc<App>>, wish: Wish, request: Request) -> Response {
    match answered(&app, wish, request).await {
        Ok(page) => page.into_response(),
        Err(NotInspected::Busy) => ends::busy(&app.words(wish), PATH),
        Err(why) => (status(why), page::refused(&app.words(wish), why)).into_response(),
    }
}

async fn answered(app: &Arc<App>, wish: Wish, request: Request) -> Result<Markup, NotInspected> {
    let _place = app.desk.place()?;
    let (parts, body) = request.into_parts();
    let form = beginning(body, FORM_KEPT_MAX, FORM_BYTES_MAX).await?;
    let form = Form::from_request(Request::from_parts(parts, Body::from(form)), &()).await;
    let Form(Pasted { header }) = form.map_err(|_| NotInspected::NoHeader)?;
    let teller = app.clone();
    app.desk.judge(header.into_bytes(), move |trace, evidence| page::told(&teller.words(wish), trace, evidence)).await
}

fn status(why: NotInspected) -> StatusCode {
    match why {
        NotInspected::NoHeader => StatusCode::UNPROCESSABLE_ENTITY,
        NotInspected::Header(_) | NotInspected::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        NotInspected::BrokeOff => StatusCode::BAD_REQUEST,
        NotInspected::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}
