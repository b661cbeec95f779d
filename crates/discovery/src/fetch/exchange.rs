//! One request and its answer over HTTP/1.1 (RFC 9112).

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
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
    let response = pass(stream, request(url, question)?, body_bytes_max).await?;
    let location = match redirects(&response) {
        true => Some(text(&response, LOCATION).ok_or(FetchError::Http)?),
        false => None,
    };
    let (status, content_type) = (response.status().as_u16(), text(&response, CONTENT_TYPE));
    Ok(Answer { status, content_type, location, body: response.into_body().to_vec() })
}

/// Sends a request as it is and gives the whole answer; the body of a redirect is not read.
pub(super) async fn pass(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    body_bytes_max: usize,
) -> Result<Response<Bytes>, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_FIELDS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Http)?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(|_| FetchError::Http)?;
        whole(response, body_bytes_max).await
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

/// A request whose target and fields are the asker's, as one of a connection to the host of `url`.
pub(super) fn addressed(url: &Url, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, FetchError> {
    let form = |_| FetchError::Url(super::url::UrlError::Form);
    let (mut parts, body) = request.into_parts();
    parts.uri = url.target().parse().map_err(|_| FetchError::Url(super::url::UrlError::Form))?;
    parts.headers.insert(HOST, HeaderValue::from_str(&url.authority()).map_err(form)?);
    parts.headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(Request::from_parts(parts, Full::new(body)))
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

fn redirects<B>(response: &Response<B>) -> bool {
    matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)
}

async fn whole(response: Response<Incoming>, body_bytes_max: usize) -> Result<Response<Bytes>, FetchError> {
    if redirects(&response) {
        return Ok(response.map(|_| Bytes::new()));
    }
    // Nothing was offered in Accept-Encoding: an encoded body is a bomb or a mistake.
    if text(&response, CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(FetchError::Encoding);
    }
    let (parts, body) = response.into_parts();
    let body =
        Limited::new(body, body_bytes_max).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
            true => FetchError::TooLarge(body_bytes_max),
            false => FetchError::Http,
        })?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

fn text<B>(response: &Response<B>, name: HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}
