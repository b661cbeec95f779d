//! Messages that are hard on whoever packs and unpacks them.

use std::fmt::Write as _;

/// A message by a name for assertions.
pub struct Letter {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

const FIELDS: &str = "From: Dr. Jane <jane@clinic.example>\nTo: bob@x.example\nSubject: =?utf-8?q?Ihre_Bl=C3=BCte?=\n";

/// All but the large one.
pub fn letters() -> Vec<Letter> {
    let letter = |name, rest: &[u8]| Letter { name, bytes: [FIELDS.as_bytes(), rest].concat() };
    let crlf = |letter: Letter| Letter {
        bytes: String::from_utf8(letter.bytes).unwrap().replace('\n', "\r\n").into_bytes(),
        ..letter
    };
    vec![
        letter("no MIME-Version", b"\nplain\n\ntext without an end"),
        letter("empty", b"MIME-Version: 1.0\nContent-Type: text/plain\n\n"),
        letter("header alone", b""),
        letter("UTF-8", "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nJörg ✓\n".as_bytes()),
        letter("UTF-8 without a type", "\nJörg\n".as_bytes()),
        letter("Latin-1", b"MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nJ\xf6rg\n"),
        letter("what relays change", b"MIME-Version: 1.0\nContent-Type: text/plain\n\nFrom here\nblanks  \t\n-- \n.\n..\n\n\n"),
        letter("long lines", &[b"MIME-Version: 1.0\nContent-Type: text/plain\n\n", "x".repeat(5_000).as_bytes(), b"\n"].concat()),
        letter("nested", nested().as_bytes()),
        crlf(letter("nested in CRLF", nested().as_bytes())),
        crlf(letter("signed inside", b"MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=s; protocol=\"application/x\"\n\n--s\n\nx  \n--s\nContent-Type: application/x\n\ny\n--s--\n")),
    ]
}

/// A message of 25 MB.
pub fn large() -> Letter {
    let mut text = format!(
        "{FIELDS}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=large\n\n--large\n\nattached\n--large\n"
    );
    text.push_str("Content-Type: application/pdf; name=scan.pdf\nContent-Transfer-Encoding: base64\n\n");
    while text.len() < 25 << 20 {
        text.push_str("JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PC9MZW5ndGggNiAwIFIvRmlsdGVyIC9GbGF0ZURlY29k\n");
    }
    text.push_str("--large--\n");
    Letter { name: "25 MB", bytes: text.into_bytes() }
}

/// Attachments with names beyond ASCII, alternatives, pictures, a message within.
fn nested() -> String {
    let mut text =
        "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"=_one; two\"\n\npreamble\n".to_owned();
    let mut part = |fields: &str, body: &str| write!(text, "--=_one; two\n{fields}\n\n{body}\n").unwrap();
    part(
        "Content-Type: multipart/alternative; boundary=a",
        "--a\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nJörg\n--a\nContent-Type: multipart/related; boundary=r\n\n\
         --r\nContent-Type: text/html\n\n<p>J&ouml;rg<img src=\"cid:1\">\n--r\nContent-Type: image/png\nContent-ID: <1>\n\
         Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--r--\n\n--a--\n",
    );
    part(
        "Content-Type: application/octet-stream\nContent-Disposition: attachment;\n filename*=utf-8''%E2%82%AC%20rates.bin\nContent-Transfer-Encoding: base64",
        "AAECAwQF",
    );
    part("Content-Type: text/csv; name=\"=?utf-8?q?Bl=C3=BCte=2Ecsv?=\"\nContent-Disposition: attachment", "a,b\n1,2");
    part(
        "Content-Type: message/rfc822",
        "From: x@x.example\nSubject: inside\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\ndeep\n--i--",
    );
    text.push_str("--=_one; two--\nepilogue\n");
    text
}

/// The body with the line ends of the wire: what must come out bit for bit.
pub fn body(letter: &[u8]) -> Vec<u8> {
    let wire = crlf(letter);
    let at = wire.windows(4).position(|window| window == b"\r\n\r\n").map_or(wire.len(), |at| at + 4);
    wire[at..].to_vec()
}

/// Every line ends with CRLF.
pub fn crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut before = 0;
    for byte in bytes {
        if *byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        before = *byte;
    }
    out
}
