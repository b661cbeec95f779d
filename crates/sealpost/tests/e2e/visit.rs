//! A patient: the mailbox at `portal.example`, and a browser that is no more
//! than HTTP and cookies.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use testkit::wait;

use crate::sink::Taken;
use crate::ward::Ward;

/// Configuration for a portal in clear on loopback, whose links can be followed.
pub fn portal_at(address: &str) -> String {
    format!("[portal]\nlisten = ['{address}']\nurl = 'http://{address}'\n")
}

/// An address for the portal that is known before it listens.
pub fn portal_address() -> String {
    let free = (0..100).map(|_| SocketAddr::from(([127, 0, 0, 1], testkit::loopback::port())));
    let mut free = free.filter(|address| std::net::TcpListener::bind(address).is_ok());
    free.next().expect("a free port").to_string()
}

/// Undoes the transfer encoding as far as links and codes need it.
fn plain(taken: &Taken) -> String {
    taken.text().replace("=\r\n", "").replace("=3D", "=")
}

/// The paths of the notices' links that came for `to`, oldest first, once there are so many.
#[track_caller]
pub fn links(ward: &Ward, to: &str, count: usize) -> Vec<String> {
    wait::until(&format!("{count} notices for {to}"), || {
        let notices = ward.portal_sink.taken().into_iter().filter(|taken| taken.to.iter().any(|one| one == to));
        let links: Vec<String> = notices.filter_map(|taken| link_in(&plain(&taken))).collect();
        (links.len() >= count).then_some(links)
    })
}

pub fn link_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("/m/")?;
    let id: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    Some(format!("/m/{id}"))
}

/// How many codes have come for `to`.
pub fn codes(ward: &Ward, to: &str) -> Vec<String> {
    let mails = ward.portal_sink.taken().into_iter().filter(|taken| taken.to.iter().any(|one| one == to));
    let code = |taken: Taken| {
        let subject = mail::reading::unstructured(taken.field("Subject")?.as_bytes());
        let code: String = subject.chars().take(6).collect();
        (code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
    };
    mails.filter_map(code).collect()
}

/// The newest code for `to`, once there are so many.
#[track_caller]
pub fn code(ward: &Ward, to: &str, count: usize) -> String {
    wait::until(&format!("code {count} for {to}"), || codes(ward, to).get(count - 1).cloned())
}

/// Another code than this one.
pub fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { char::from(digit as u8 + 1) }).collect()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// A field's value; empty where there is none.
    pub fn header(&self, name: &str) -> String {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    }

    /// The page.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A browser without a screen, scripts or pictures.
pub struct Visitor {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    pub fn at(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// One request with these fields.
    pub fn ask(&mut self, method: &str, path: &str, fields: &str, form: impl AsRef<[u8]>) -> Answer {
        let form = form.as_ref();
        let cookie: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\n{fields}\r\n",
            self.address,
            cookie.join("; ")
        );
        let mut stream = TcpStream::connect(self.address).expect("the portal");
        stream.write_all(&[request.as_bytes(), form].concat()).expect("a request");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
        let set = answer.header("set-cookie");
        if let Some((name, value)) = set.split(';').next().and_then(|pair| pair.split_once('=')) {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    /// Sends a form with a file and follows where it leads.
    pub fn upload(&mut self, path: &str, file: &[u8], more: &str) -> Answer {
        self.send_parts(path, more, &[], &[("key", file)])
    }

    /// Sends a form and follows where it leads.
    pub fn post(&mut self, path: &str, form: &str) -> Answer {
        let fields = format!(
            "Origin: null\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        );
        let answer = self.ask("POST", path, &fields, form);
        self.followed(answer)
    }

    /// The same for a form with files.
    pub fn send_form(&mut self, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        self.send_parts(path, "", fields, files)
    }

    /// The same with more fields in the header of the request.
    fn send_parts(&mut self, path: &str, more: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        let part = |name: &str, more: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n");
        let mut form = Vec::new();
        for (name, value) in fields {
            form.extend_from_slice(format!("{}\r\n{value}\r\n", part(name, "")).as_bytes());
        }
        for (name, bytes) in files {
            let head = part("file", &format!("; filename=\"{name}\""));
            form.extend_from_slice(format!("{head}Content-Type: application/octet-stream\r\n\r\n").as_bytes());
            form.extend_from_slice(&[bytes, &b"\r\n"[..]].concat());
        }
        form.extend_from_slice(b"--x--\r\n");
        let fields = format!(
            "Origin: null\r\n{more}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n",
            form.len()
        );
        let answer = self.ask("POST", path, &fields, form);
        self.followed(answer)
    }

    fn followed(&mut self, answer: Answer) -> Answer {
        match answer.header("location") {
            to if to.is_empty() => answer,
            to => self.get(&to),
        }
    }
}
