//! A patient's browser, as far as the demo needs one: HTTP over a real
//! connection, forms, one cookie.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::clinic::Clinic;
use super::story::Scene;
use super::world::{Mailboxes, Received};

/// A patient who follows the link of a notice.
pub struct Visitor<'a> {
    /// The link.
    pub url: String,
    recipient: &'a str,
    mailboxes: &'a Mailboxes,
    authority: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// How a visit ended.
pub struct Page {
    /// The code that was mailed, if one was.
    pub code: Option<String>,
    body: String,
}

impl Page {
    /// Whether the page shows that text.
    pub fn shows(&self, text: &str) -> bool {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        words(&self.body).contains(&words(text.lines().last().unwrap_or_default()))
    }
}

/// How long the demo waits for a code that may rightly never come.
const CODE_PATIENCE: Duration = Duration::from_secs(2);

impl<'a> Visitor<'a> {
    /// Reads the recipient's newest notice.
    pub async fn from_notice(clinic: &'a Clinic, recipient: &'a str, scene: &Scene) -> Result<Self> {
        let start = format!("{}/m/", clinic.portal);
        let nth = scene.passphrase.is_some();
        let mailboxes = clinic.world.mailboxes.as_ref();
        let notices: Vec<String> = mailboxes
            .all()
            .iter()
            .filter(|mail| mail.to.iter().any(|to| to == recipient))
            .filter_map(|mail| link_in(mail, &start))
            .collect();
        let found = if nth { notices.last() } else { notices.first() };
        let url = found.context("no notice has a link")?.clone();
        let authority = clinic.portal.trim_start_matches("http://").to_owned();
        Ok(Self { url, recipient, mailboxes, authority, cookies: Mutex::default() })
    }

    /// Asks for a code, waits for its mail, enters it, and the passphrase if
    /// there is one.
    pub async fn pick_up(&self, passphrase: Option<&str>) -> Result<Page> {
        let link = self.url.split('?').next().unwrap_or_default().to_owned();
        let path = link.split_once("/m/").map(|(_, id)| format!("/m/{id}")).context("the link has a path")?;
        self.get(&path).await?;
        let known = self.mailboxes.all().len();
        self.post(&format!("{path}/code"), "").await?;
        let Some(code) = self.code(known).await else {
            return Ok(Page { code: None, body: String::new() });
        };
        let mut body = self.post(&format!("{path}/open"), &format!("code={code}")).await?;
        if let Some(passphrase) = passphrase {
            let form = format!("passphrase={}", passphrase.replace(' ', "+"));
            body = self.post(&format!("{path}/passphrase"), &form).await?;
        }
        Ok(Page { code: Some(code), body })
    }

    async fn code(&self, known: usize) -> Option<String> {
        let arrives = async {
            let mut seen = known;
            loop {
                let all = self.mailboxes.wait_for_more(seen).await;
                let new = all.iter().skip(seen).filter(|mail| mail.to.iter().any(|to| to == self.recipient));
                if let Some(code) = new.filter_map(code_in).next() {
                    return code;
                }
                seen = all.len();
            }
        };
        tokio::time::timeout(CODE_PATIENCE, arrives).await.ok()
    }

    async fn get(&self, path: &str) -> Result<String> {
        let (_, body) = self.ask(Method::GET, path, String::new()).await?;
        Ok(body)
    }

    /// Sends a form and follows where it leads.
    async fn post(&self, path: &str, form: &str) -> Result<String> {
        let (location, body) = self.ask(Method::POST, path, form.to_owned()).await?;
        match location {
            Some(to) => self.get(&to).await,
            None => Ok(body),
        }
    }

    async fn ask(&self, method: Method, path: &str, form: String) -> Result<(Option<String>, String)> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(ORIGIN, format!("http://{}", self.authority))
            .header(COOKIE, self.cookie())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(form))?;
        let response = sender.send_request(request).await?;
        for set in response.headers().get_all(SET_COOKIE) {
            self.keep_cookie(set.to_str()?);
        }
        let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
        let bytes = axum::body::to_bytes(axum::body::Body::new(response.into_body()), 1 << 20).await?;
        Ok((location, String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn cookie(&self) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookie(&self, set: &str) {
        let pair = set.split(';').next().and_then(|pair| pair.split_once('='));
        if let Some((name, value)) = pair {
            let mut cookies = self.cookies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            cookies.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
}

/// The link of a notice, undone from quoted-printable.
pub fn link_in(mail: &Received, start: &str) -> Option<String> {
    let text = mail.content.replace("=\r\n", "").replace("=3D", "=");
    let from = text.find(start)?;
    let rest = text.get(from..)?;
    let end = rest.find(|c: char| c.is_whitespace() || "\"<>".contains(c)).unwrap_or(rest.len());
    rest.get(..end).map(str::to_owned)
}

/// The code that leads the subject of a code's mail.
pub fn code_in(mail: &Received) -> Option<String> {
    let subject = mail::header::first(mail.content.split("\r\n\r\n").next()?.as_bytes(), "Subject")?;
    let decoded = mail::reading::unstructured(subject.as_bytes());
    let code = decoded.get(..6)?;
    code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.to_owned())
}
