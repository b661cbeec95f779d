//! What a client of the API reads when something is wrong: RFC 9457 problems.
//! The one place where outcomes become HTTP. A problem names fields and codes,
//! never a subject, a body or an address of somebody else's.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use flow::api_keys::ApiKeyTrouble;
use flow::application::NotSubmitted;
use flow::holds::NotJudged;
use flow::recall::NotRecalled;
use flow::suppression::{NotRead, NotSuppressed};
use flow::{NotOpened, TimelineError};
use identity::Forbidden;
use mail::{EnhancedCode, Reply};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::inspect::NotInspected;

/// A problem (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Kind,
    /// The kind in words.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// The kind for programs: `invalid_field`.
    pub code: &'static str,
    /// What is wrong in this case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where in the request (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

/// The kind of a problem, by its code: `urn:sealpost:problem:invalid_field`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind(&'static str);

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("urn:sealpost:problem:{}", self.0))
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { kind: Kind(code), title, status: status.as_u16(), code, detail: None, pointer: None, hint: None }
    }

    pub(super) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub(super) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// A field of the request that can't be used.
    pub(super) fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", "A field can't be used");
        Self { pointer: Some(pointer.into()), ..problem.detail(detail) }
    }

    /// Nothing is there, or nothing that this key may see.
    pub(super) fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing")
    }

    /// No key, or none that holds.
    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "An API key is needed")
            .hint("send Authorization: Bearer key_….sp_…; make a key with sealpost apikey create")
    }

    /// The key may not do this.
    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This key may not do that")
            .hint("sealpost apikey list shows the scopes of each key")
    }

    /// This key asks too often.
    pub(super) fn slow() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "This key asks too often")
            .hint("wait for as long as Retry-After says")
    }

    /// Too many large requests are under way for one more.
    pub(super) fn no_room() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much is being handed in at once")
            .hint("wait for as long as Retry-After says")
    }

    /// More than a request may have.
    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large")
    }

    /// A fault of ours; the cause is for the log.
    pub(super) fn unavailable(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "the API can't serve");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available just now").hint("try again later")
    }

    /// The disk is full.
    fn full() -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "insufficient_storage", "There is no room for it just now")
            .hint("try again later; nothing was kept")
    }

    fn refused(reply: Reply) -> Self {
        match (reply.is_transient(), reply.enhanced) {
            (true, Some(EnhancedCode(4, 3, 1))) => Self::full(),
            (true, _) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not taken just now").hint("try again")
            }
            (false, _) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", "The message is refused").detail(reply.text)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("10"))
            }
            _ => None,
        };
        response
    }
}

impl From<Forbidden> for Problem {
    fn from(_: Forbidden) -> Self {
        Self::forbidden()
    }
}

impl From<ApiKeyTrouble> for Problem {
    fn from(why: ApiKeyTrouble) -> Self {
        Self::unavailable(&why)
    }
}

impl From<TimelineError> for Problem {
    fn from(why: TimelineError) -> Self {
        match why {
            TimelineError::Message(NotOpened::NoSuchMessage) => Self::missing(),
            TimelineError::Message(NotOpened::Erased) => erased(),
            why => Self::unavailable(&why),
        }
    }
}

fn erased() -> Problem {
    Problem::new(StatusCode::GONE, "erased", "The message was erased")
}

impl From<NotJudged> for Problem {
    fn from(why: NotJudged) -> Self {
        let conflict = |code, title| Self::new(StatusCode::CONFLICT, code, title);
        match why {
            NotJudged::NotHeld => conflict("not_held", "The message does not wait for anybody"),
            NotJudged::Refused { rules, .. } => {
                conflict("refused_by_policy", "Policy refuses a copy now").detail(format!("rules: {rules}"))
            }
            NotJudged::StaffOnly => Self::forbidden(),
            NotJudged::Message(flow::resume::NotDecided::Message(NotOpened::NoSuchMessage)) => Self::missing(),
            NotJudged::Message(flow::resume::NotDecided::Message(NotOpened::Erased)) => erased(),
            NotJudged::Message(why) => Self::unavailable(&why),
        }
    }
}

impl From<NotSuppressed> for Problem {
    fn from(why: NotSuppressed) -> Self {
        match why {
            NotSuppressed::NoSuch => Self::missing(),
            NotSuppressed::Contended | NotSuppressed::NotServed | NotSuppressed::Read(_) | NotSuppressed::Store(_) => {
                Self::unavailable(&why)
            }
        }
    }
}

impl From<NotRead> for Problem {
    fn from(why: NotRead) -> Self {
        Self::unavailable(&why)
    }
}

impl From<NotInspected> for Problem {
    fn from(why: NotInspected) -> Self {
        let large = || Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large");
        match why {
            NotInspected::NoHeader => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_header", "That is no message and no header block")
                    .detail(why.to_string())
                    .hint("send the message as it is stored, or all that stands above its text")
            }
            NotInspected::Header(_) => large()
                .detail(why.to_string())
                .hint("such a header block is no usual one: inspect it by sealpost inspect"),
            NotInspected::TooLarge { .. } => {
                large().detail(why.to_string()).hint("send what stands above the text of the message")
            }
            NotInspected::BrokeOff => Self::new(StatusCode::BAD_REQUEST, "broke_off", "The request broke off"),
            NotInspected::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available just now")
                .hint("try again later"),
        }
    }
}

impl From<NotRecalled> for Problem {
    fn from(why: NotRecalled) -> Self {
        match why {
            NotRecalled::Message(NotOpened::NoSuchMessage) => Self::missing(),
            NotRecalled::Message(NotOpened::Erased) => erased(),
            why => Self::unavailable(&why),
        }
    }
}

impl From<NotSubmitted> for Problem {
    fn from(why: NotSubmitted) -> Self {
        match why {
            NotSubmitted::Forbidden(_) => Self::forbidden(),
            NotSubmitted::Sender(_) => Self {
                pointer: Some("/from".to_owned()),
                ..Self::new(StatusCode::FORBIDDEN, "sender_not_allowed", "This key may not send as that author")
                    .hint("sealpost apikey list shows the senders of each key")
            },
            NotSubmitted::NoRecipient => Self::field("/to", "a message has at least one recipient"),
            NotSubmitted::Header(name) => Self::field(
                format!("/headers/{}", name.replace('~', "~0").replace('/', "~1")),
                "this field can't be set, or its value can't stand in a field",
            ),
            NotSubmitted::ManyHeaders => Self::field("/headers", why.to_string()),
            NotSubmitted::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The key came with another request",
            )
            .hint("use a new Idempotency-Key for another request"),
            NotSubmitted::InFlight => {
                Self::new(StatusCode::CONFLICT, "in_flight", "A request with this Idempotency-Key is under way")
                    .hint("ask again in a moment")
            }
            NotSubmitted::Refused(reply) => Self::refused(reply),
            NotSubmitted::Store(why) => Self::unavailable(&why),
            NotSubmitted::Written(why) => Self::unavailable(&why),
        }
    }
}
