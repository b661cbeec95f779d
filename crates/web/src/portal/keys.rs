//! The recipient's own keys, for the holder of a session: given by a file or
//! as text, proven by a code that is sealed to them, removed.
//!
//! A key is only ever in the body of a POST. What came of it is told by a word
//! of our own in the address of the page that follows.

use std::sync::Arc;

use axum::Form;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FormRejection};
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use flow::portal::{KeyProof, NotOffered, Offer, Removal};
use mail::RecipientKeyId;
use mail::entity::Entity;
use serde::Deserialize;

use super::App;
use super::journey::{broken, led};
use super::pages::{ends, keys as page};
use super::reading::renewed;
use super::request::Asked;
use super::words;
use crate::pace;

/// A file with a key, and what a form puts around it.
pub(super) const UPLOAD_BYTES_MAX: usize = 160 * 1024;

/// What is known, and what may be done.
pub(super) async fn page(State(app): State<Arc<App>>, RawQuery(query): RawQuery, asked: Asked) -> Response {
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    match app.portal.key_visit(asked.caller(), token).await {
        Ok(Some(visit)) => {
            let words: words::Words<'_> = app.words_for(asked.wish, visit.visit.language);
            let note = page::Note::of(query.as_deref().unwrap_or_default());
            renewed(&app, &asked, page::keys(&words, asked.link, &visit, note).into_response())
        }
        Ok(None) => nobody(&app, &asked).await,
        Err(error) => broken(&app, &asked, "/key", &error).await,
    }
}

/// A key is given.
pub(super) async fn offer(
    State(app): State<Arc<App>>,
    asked: Asked,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else { return led(&app, &asked, page::Note::TooLarge.query()) };
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    let Some(file) = file(&headers, &body) else { return led(&app, &asked, page::Note::Empty.query()) };
    match app.portal.offer_key(asked.caller(), token, &file).await {
        Ok(Offer::NoSession | Offer::NotHere) => nobody(&app, &asked).await,
        Ok(Offer::Refused(why)) => led(&app, &asked, page::Note::Refused(why).query()),
        Ok(Offer::TooOften) => led(&app, &asked, page::Note::TooOften.query()),
        Ok(Offer::Sent) => led(&app, &asked, "key"),
        Err(error) => broken(&app, &asked, "/key", &error).await,
    }
}

#[derive(Deserialize)]
pub(super) struct ProofForm {
    code: String,
}

/// The code that was sealed to it.
pub(super) async fn prove(
    State(app): State<Arc<App>>,
    asked: Asked,
    form: Result<Form<ProofForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    let note = match app.portal.prove_key(asked.caller(), token, &form.code).await {
        Ok(KeyProof::NoSession) => return nobody(&app, &asked).await,
        Ok(KeyProof::Wrong) => page::Note::Wrong,
        Ok(KeyProof::Refused(why)) => page::Note::Refused(why),
        Ok(KeyProof::Held) => page::Note::Held,
        Ok(KeyProof::Kept) => page::Note::Kept,
        Err(error) => return broken(&app, &asked, "/key", &error).await,
    };
    led(&app, &asked, note.query())
}

/// Another key instead, or none.
pub(super) async fn withdraw(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    match app.portal.withdraw_key(asked.caller(), token).await {
        Ok(()) => led(&app, &asked, "key"),
        Err(error) => broken(&app, &asked, "/key", &error).await,
    }
}

#[derive(Deserialize)]
pub(super) struct RemoveForm {
    key: String,
}

/// A key that was given before.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    asked: Asked,
    form: Result<Form<RemoveForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return ends::bad(&app.words(asked.wish)) };
    let Some(token) = &asked.token else { return led(&app, &asked, "") };
    let Ok(key) = form.key.parse::<RecipientKeyId>() else { return ends::bad(&app.words(asked.wish)) };
    match app.portal.remove_key(asked.caller(), token, key).await {
        Ok(Removal::Done) => led(&app, &asked, page::Note::Removed.query()),
        Ok(Removal::Asked) => led(&app, &asked, page::Note::Asked.query()),
        Ok(Removal::NotHere) => nobody(&app, &asked).await,
        Err(error) => broken(&app, &asked, "/key", &error).await,
    }
}

/// A form's address opened by hand.
pub(super) async fn back(State(app): State<Arc<App>>, asked: Asked) -> Response {
    led(&app, &asked, "key")
}

/// No session, or one that may not: back to where it is told what is missing.
async fn nobody(app: &App, asked: &Asked) -> Response {
    pace::full_step(asked.since).await;
    led(app, asked, "message")
}

/// The file of the form, or else its text (RFC 7578): a part of a MIME entity.
fn file(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let entity = [b"Content-Type: ", kind.as_bytes(), b"\r\n\r\n", body].concat();
    let form = Entity::read(&entity);
    if form.kind() != "multipart/form-data" {
        return None;
    }
    let parts = form.part_ranges().into_iter().take(8).filter_map(|range| form.body.get(range)).map(Entity::read);
    let mut filled: Vec<(bool, Vec<u8>)> = parts
        .map(|part| (part.name().is_some(), part.body.to_vec()))
        .filter(|(_, content)| !content.trim_ascii().is_empty())
        .collect();
    filled.sort_by_key(|(is_file, _)| !is_file);
    filled.into_iter().next().map(|(_, content)| content)
}

impl page::Note {
    /// The page that tells it.
    fn query(self) -> &'static str {
        match self {
            page::Note::None => "key",
            page::Note::Wrong => "key?wrong",
            page::Note::Held => "key?held",
            page::Note::Kept => "key?kept",
            page::Note::Removed => "key?removed",
            page::Note::Asked => "key?asked",
            page::Note::Empty => "key?empty",
            page::Note::TooLarge => "key?large",
            page::Note::TooOften => "key?often",
            page::Note::Refused(NotOffered::Unreadable) => "key?unreadable",
            page::Note::Refused(NotOffered::Private) => "key?private",
            page::Note::Refused(NotOffered::OtherAddress) => "key?other",
            page::Note::Refused(NotOffered::Unusable) => "key?unusable",
            page::Note::Refused(NotOffered::Rejected) => "key?rejected",
            page::Note::Refused(NotOffered::TooMany) => "key?many",
        }
    }

    /// What a page's address tells.
    fn of(query: &str) -> Self {
        let all = [
            Self::Wrong,
            Self::Held,
            Self::Kept,
            Self::Removed,
            Self::Asked,
            Self::Empty,
            Self::TooLarge,
            Self::TooOften,
            Self::Refused(NotOffered::Unreadable),
            Self::Refused(NotOffered::Private),
            Self::Refused(NotOffered::OtherAddress),
            Self::Refused(NotOffered::Unusable),
            Self::Refused(NotOffered::Rejected),
            Self::Refused(NotOffered::TooMany),
        ];
        let is_told = |note: &Self| query.split('&').any(|flag| Some(flag) == note.query().strip_prefix("key?"));
        all.into_iter().find(is_told).unwrap_or(Self::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: Option<&str>) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, "multipart/form-data; boundary=x".parse().unwrap())]);
        let found = file(&headers, body.replace('\n', "\r\n").as_bytes());
        assert_eq!(found.map(|bytes| String::from_utf8(bytes).unwrap()), expect.map(|text| text.replace('\n', "\r\n")));
    }

    #[test]
    fn a_file_goes_before_text_and_an_empty_one_is_none() {
        let file = |content: &str| {
            format!("--x\nContent-Disposition: form-data; name=\"file\"; filename=\"k.asc\"\n\n{content}\n")
        };
        let text = |content: &str| format!("--x\nContent-Disposition: form-data; name=\"text\"\n\n{content}\n");
        check(&format!("{}{}--x--\n", file("KEY\nEND"), text("TEXT")), Some("KEY\nEND"));
        check(&format!("{}{}--x--\n", file(""), text("TEXT\n")), Some("TEXT\n"));
        check(&format!("{}{}--x--\n", file(""), text(" \n")), None);
        check("nothing", None);
    }

    #[test]
    fn a_note_comes_back_from_its_address() {
        for flag in
            ["wrong", "held", "kept", "removed", "asked", "empty", "large", "often", "unreadable", "private", "other"]
        {
            let note = page::Note::of(&format!("lang=es&{flag}"));
            assert_eq!(note.query(), format!("key?{flag}"));
        }
        assert!(page::Note::of("lang=es&<script>") == page::Note::None);
    }
}
