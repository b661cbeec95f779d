//! One request and its answer over HTTP/1.1 (RFC 9112).

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use transport::Stream;

use super::error::FetchError;
use super::url::Url;

/// Who asks.
const AGENT: &str = concat!("Sealpost/", env!("CARGO_PKG_VERSION"));
/// What a server may say before its body.
const HEAD_BYTES_MAX: usize = 32 * 1024;
const HEAD_FIELDS_MAX: usize = 100;

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    /// Where it redirects; the body is then not read.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

/// What is asked of a server.
#[derive(Clone, Copy)]
pub(super) enum Question<'a> {
    /// A document.
    Get,
    /// An answer to a body of this media type.
    Post(&'static str, &'a [u8]),
}

/// Asks. Dropping the future ends the connection.
pub(super) async fn ask(
    stream: Box<dyn Stream>,
    url: &Url,
    question: Question<'_>,
    body_bytes_max: usize,
) -> Result<Answer, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_FIELDS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Http)?;
    let asking = async {
        let response = sender.send_request(request(url, question)?).await.map_err(|_| FetchError::Http)?;
        answer(response, body_bytes_max).await
    };
    tokio::pin!(asking);
    tokio::pin!(connection);
    // The connection is driven here and not by a task, so that it ends with the fetch.
    tokio::select! {
        biased;
        answered = &mut asking => answered,
        // It may end right after the last byte, which the asker has yet to take.
        _ = &mut connection => asking.await,
    }
}

fn request(url: &Url, question: Question<'_>) -> Result<Request<Full<Bytes>>, FetchError> {
    let (builder, body) = match question {
        Question::Get => (Request::get(url.target()), Bytes::new()),
        Question::Post(media_type, body) => {
            (Request::post(url.target()).header(CONTENT_TYPE, media_type), Bytes::copy_from_slice(body))
        }
    };
    builder
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Full::new(body))
        .map_err(|_| FetchError::Url(super::url::UrlError::Form))
}

async fn answer(response: Response<Incoming>, body_bytes_max: usize) -> Result<Answer, FetchError> {
    let status = response.status().as_u16();
    let content_type = text(&response, CONTENT_TYPE);
    if matches!(status, 301 | 302 | 303 | 307 | 308) {
        let location = text(&response, LOCATION).ok_or(FetchError::Http)?;
        return Ok(Answer { status, content_type, location: Some(location), body: Vec::new() });
    }
    // Nothing was offered in Accept-Encoding: an encoded body is a bomb or a mistake.
    if text(&response, CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(FetchError::Encoding);
    }
    let body = Limited::new(response.into_body(), body_bytes_max).collect().await.map_err(|error| {
        match error.is::<LengthLimitError>() {
            true => FetchError::TooLarge(body_bytes_max),
            false => FetchError::Http,
        }
    })?;
    Ok(Answer { status, content_type, location: None, body: body.to_bytes().to_vec() })
}

fn text(response: &Response<Incoming>, name: HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}
