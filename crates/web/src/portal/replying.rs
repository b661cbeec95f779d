//! A reply, as the form sends it: the fields first, then the files, each
//! handed on while it arrives.
//!
//! Whatever goes wrong, what the visitor wrote is shown again: nobody types a
//! letter twice.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Extension, FromRequest, Multipart, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow::listener::TlsFacts;
use flow::portal::reply::{NotWritten, ReplyText, Topic};
use flow::portal::{Begun, Content, PortalError, Replying, Stage};
use mail::reading::{Body, Place};

use super::App;
use super::journey::{broken, led};
use super::letter;
use super::pages::{ends, reply as page};
use super::reading::renewed;
use super::request::Asked;
use crate::pace;
use crate::server::{Patience, PeerTls};

/// Bytes of the fields before the files, each.
const FIELD_BYTES_MAX: usize = 64 * 1024;
/// A visitor who is sending may take so long for the next bytes.
const NEXT_BYTES: Duration = Duration::from_secs(30);

/// What the form says, as far as it was read.
#[derive(Default)]
struct Form {
    token: String,
    topic: Option<Topic>,
    text: String,
}

/// What became of it.
enum Outcome {
    Sent,
    /// No session that could reply.
    Lost,
    TooMany,
    Closed,
    Refused(NotWritten),
    Broken(PortalError),
    /// The request can't be read.
    Unreadable,
}

impl From<PortalError> for Outcome {
    fn from(error: PortalError) -> Self {
        Outcome::Broken(error)
    }
}

impl From<NotWritten> for Outcome {
    fn from(why: NotWritten) -> Self {
        Outcome::Refused(why)
    }
}

impl From<MultipartError> for Outcome {
    fn from(error: MultipartError) -> Self {
        match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Outcome::Refused(NotWritten::TooLarge),
            _ => Outcome::Unreadable,
        }
    }
}

/// Takes a reply.
pub(super) async fn reply(
    State(app): State<Arc<App>>,
    asked: Asked,
    patience: Option<Extension<Patience>>,
    tls: Option<Extension<PeerTls>>,
    request: Request,
) -> Response {
    let Ok(_permit) = app.sending.try_acquire() else { return ends::slow(&app.words(asked.wish)) };
    let Ok(mut parts) = Multipart::from_request(request, &()).await else { return ends::bad(&app.words(asked.wish)) };
    let mut form = Form::default();
    let visitor = Sender {
        app: &app,
        asked: &asked,
        tls: tls.map(|Extension(PeerTls(facts))| facts),
        patience: patience.map(|Extension(patience)| patience),
    };
    let outcome = visitor.take(&mut parts, &mut form).await.unwrap_or_else(|outcome| outcome);
    // A browser that still sends would not see an answer.
    while let Ok(Some(_)) = parts.next_field().await {}
    answer(&app, &asked, &form, outcome).await
}

/// Who sends the form.
struct Sender<'a> {
    app: &'a App,
    asked: &'a Asked,
    tls: Option<TlsFacts>,
    patience: Option<Patience>,
}

impl Sender<'_> {
    async fn take(&self, parts: &mut Multipart, form: &mut Form) -> Result<Outcome, Outcome> {
        let mut replying = None;
        while let Some(field) = parts.next_field().await? {
            match field.name().unwrap_or_default() {
                "form" => form.token = text_of(field).await?,
                "topic" => form.topic = text_of(field).await?.parse().ok(),
                "text" => form.text = text_of(field).await?,
                "file" => {
                    if replying.is_none() {
                        replying = Some(self.begin(form).await?);
                    }
                    if let Some(replying) = &mut replying {
                        self.file(field, replying).await?;
                    }
                }
                _ => {}
            }
        }
        let replying = match replying {
            Some(replying) => replying,
            None => self.begin(form).await?,
        };
        replying.finish().await??;
        Ok(Outcome::Sent)
    }

    async fn begin(&self, form: &Form) -> Result<Replying, Outcome> {
        let Some(token) = &self.asked.token else { return Err(Outcome::Lost) };
        let text = ReplyText { topic: form.topic, text: form.text.clone() };
        let portal = &self.app.portal;
        match portal.begin_reply(self.asked.caller(), token, &form.token, &text, self.tls.clone()).await?? {
            Begun::Ready(replying) => Ok(*replying),
            Begun::Before => Err(Outcome::Sent),
            Begun::NoSession => Err(Outcome::Lost),
            Begun::TooMany => Err(Outcome::TooMany),
            Begun::Closed => Err(Outcome::Closed),
        }
    }

    async fn file(&self, mut field: Field<'_>, replying: &mut Replying) -> Result<(), Outcome> {
        let name = field.file_name().unwrap_or_default().to_owned();
        replying.file(&name).await?;
        while let Some(bytes) = field.chunk().await? {
            if let Some(patience) = &self.patience {
                patience.grant(NEXT_BYTES);
            }
            replying.bytes(&bytes).await?;
        }
        Ok(())
    }
}

/// A field that is a text; line ends as the form sends them (CRLF).
async fn text_of(mut field: Field<'_>) -> Result<String, Outcome> {
    let mut bytes = Vec::new();
    while let Some(more) = field.chunk().await? {
        bytes.extend_from_slice(&more);
        if bytes.len() > FIELD_BYTES_MAX {
            return Err(NotWritten::TooLarge.into());
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect())
}

async fn answer(app: &App, asked: &Asked, form: &Form, outcome: Outcome) -> Response {
    let refused = match outcome {
        Outcome::Sent => return led(app, asked, "sent"),
        Outcome::Broken(error) => return broken(app, asked, "/message", &error).await,
        Outcome::Unreadable => return ends::bad(&app.words(asked.wish)),
        Outcome::Lost => {
            pace::full_step(asked.since).await;
            return page::lost(&app.words(asked.wish), asked.link, &form.text);
        }
        Outcome::TooMany => page::Refused::TooOften,
        Outcome::Closed => page::Refused::Closed,
        Outcome::Refused(NotWritten::Empty) => page::Refused::Empty,
        Outcome::Refused(NotWritten::TooLarge) => page::Refused::TooLarge,
        Outcome::Refused(NotWritten::TooMany) => page::Refused::TooManyFiles,
        Outcome::Refused(NotWritten::Kind(name)) => page::Refused::Kind(name),
        Outcome::Refused(NotWritten::Refused(reply)) if reply.is_transient() => page::Refused::NotNow,
        Outcome::Refused(NotWritten::Refused(_)) => page::Refused::Never,
    };
    let Some(token) = &asked.token else { return led(app, asked, "") };
    match app.portal.form(asked.link, token, &form.token).await {
        Ok(Some(visit)) => {
            let words = app.words_for(asked.wish, visit.language);
            let again = page::Again { topic: form.topic, text: &form.text, refused: &refused };
            let shown = page::again(&words, asked.link, &visit, &again);
            renewed(app, asked, (StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
        Ok(None) => page::lost(&app.words(asked.wish), asked.link, &form.text),
        Err(error) => broken(app, asked, "/message", &error).await,
    }
}

/// Says that the reply was sent.
pub(super) async fn sent(State(app): State<Arc<App>>, asked: Asked) -> Response {
    page::sent(&app.words(asked.wish), asked.link).into_response()
}

/// A reply as it was sent.
pub(super) async fn copy(
    State(app): State<Arc<App>>,
    Path((_, reply)): Path<(String, String)>,
    asked: Asked,
) -> Response {
    let Ok(_permit) = app.opening.acquire().await else {
        return broken(&app, &asked, "/message", &PortalError::Stopping).await;
    };
    let (Some(token), Ok(reply)) = (&asked.token, reply.parse()) else { return led(&app, &asked, "") };
    match app.portal.sent(asked.caller(), token, reply).await {
        Ok(Some((visit, content))) if visit.stage == Stage::Open => {
            let words = app.words_for(asked.wish, visit.language);
            let markup = page::copy(&words, asked.link, content.received_at, &own_text(&content), &files(&content));
            renewed(&app, &asked, markup.into_response())
        }
        Ok(_) => {
            pace::full_step(asked.since).await;
            led(&app, &asked, "message")
        }
        Err(error) => broken(&app, &asked, "/message", &error).await,
    }
}

/// What the recipient wrote, without the note below it.
fn own_text(content: &Content) -> String {
    let text = content.reading.parts.iter().find_map(|part| match (&part.place, &part.body) {
        (Place::Attachment(_), _) => None,
        (_, Body::Text(text)) => Some(text.replace("\r\n", "\n")),
        _ => None,
    });
    let text = text.unwrap_or_default();
    text.rsplit_once("\n--\n").map_or(text.as_str(), |(own, _)| own).trim_end().to_owned()
}

fn files(content: &Content) -> Vec<(String, usize)> {
    let file = |part: &mail::reading::Part| match &part.place {
        Place::Attachment(name) => Some((mail::reading::clean_name(name), letter::bytes(&part.body))),
        _ => None,
    };
    content.reading.parts.iter().filter_map(file).collect()
}
