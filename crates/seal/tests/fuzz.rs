//! Fuzz target of `opening`: whatever is changed in a message, nothing panics,
//! nothing that nobody sealed comes out with a proof of integrity, and no
//! signature is valid for what nobody signed. And of the quotations that are left
//! out: what was shortened is not shortened again.
//!
//! As a test it runs a few hundred times; `BOLERO_RANDOM_ITERATIONS` and
//! `BOLERO_RANDOM_TEST_TIME_MS` make it more.

use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bolero::check;
use jiff::{Timestamp, ToSpan as _};
use mail::{Address, Entropy};
use openpgp::SecretIdentity;
use seal::Edits;
use seal::opening::{self, Covers, Limits, Opened, Refused, restored};
use seal::protect::{HeaderPolicy, Integrity, Keys, Protection, Replies, protect};
use smime::algorithm::ContentCipher;
use smime::issue::{Draft, Role};
use smime::trust::Trust;
use smime::{Certificate, DecryptionIdentity, SigningIdentity, SoftwareKey};
use testkit::damage::{Change, changed};

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

/// Alice, who writes to herself.
struct Alice {
    now: Timestamp,
    openpgp: [SecretIdentity; 2],
    signers: Vec<openpgp::Certificate>,
    certificate: Certificate,
    key: SoftwareKey,
    trust: Trust,
}

impl Alice {
    fn new() -> Self {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let openpgp = [openpgp::KeyKind::V4, openpgp::KeyKind::V6].map(|kind| {
            SecretIdentity::generate("A <alice@x.example>", kind, None, now - 100.hours(), &Random).unwrap()
        });
        let key = SoftwareKey::generate(smime::KeyKind::P256, &Random).unwrap();
        let draft = Draft {
            common_name: "A",
            organisation: None,
            addresses: &[Address::parse("alice@x.example").unwrap()],
            role: Role::Both,
            not_before: now - 1.hour(),
            not_after: now + 1.hour(),
        };
        let certificate = draft.self_signed(&key, &Random).unwrap();
        let signers = openpgp.iter().map(|secret| secret.certificate().clone()).collect();
        let trust = Trust::default().pinning(certificate.fingerprint_sha256());
        Self { now, openpgp, signers, certificate, key, trust }
    }

    fn open(&self, message: &[u8]) -> Result<Opened, Refused> {
        let identities = [DecryptionIdentity { certificate: Some(&self.certificate), decrypter: &self.key }];
        let keys = opening::Keys {
            openpgp: &self.openpgp,
            openpgp_signers: &self.signers,
            smime: &identities,
            smime_trust: &self.trust,
            given: &[],
        };
        opening::open(message, &keys, self.now, &Limits::default())
    }

    /// A message in each form.
    fn messages(&self) -> Vec<Vec<u8>> {
        let sign = SigningIdentity { certificate: &self.certificate, chain: &[], signer: &self.key, encryption: None };
        let to_smime = [self.certificate.usable_for_encryption(self.now).unwrap()];
        let mut forms = Vec::new();
        let signers: Vec<_> = self.openpgp.iter().map(|secret| secret.signing(self.now).unwrap()).collect();
        for (signer, to) in signers.iter().zip(&self.signers) {
            let to = std::slice::from_ref(to);
            forms.extend([
                Keys::OpenPgp { to, sign: None },
                Keys::OpenPgp { to, sign: Some(signer) },
                Keys::OpenPgp { to: &[], sign: Some(signer) },
            ]);
        }
        for cipher in [ContentCipher::Aes256Cbc, ContentCipher::Aes256Gcm] {
            forms.extend([
                Keys::Smime { to: &to_smime, sign: None, cipher: Some(cipher) },
                Keys::Smime { to: &to_smime, sign: Some(&sign), cipher: Some(cipher) },
            ]);
        }
        forms.push(Keys::Smime { to: &[], sign: Some(&sign), cipher: None });
        let (headers, edits, replies) = (HeaderPolicy::default(), Edits::default(), Replies::default());
        let protected = |keys| {
            let how = Protection { keys, headers: &headers, edits: &edits, replies: &replies };
            protect(MESSAGE, &how, self.now, &Random).unwrap().bytes
        };
        let mut messages: Vec<Vec<u8>> = forms.into_iter().map(protected).collect();
        // What a list server makes of a message: something beside it.
        let listed: Vec<Vec<u8>> = messages.iter().map(|message| beside(message)).collect();
        messages.extend(listed);
        messages
    }
}

const MESSAGE: &[u8] = b"From: Alice <alice@x.example>\r\nTo: alice@x.example\r\nSubject: Your results\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\n\
    Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+aGk8L2I+\r\n--x--\r\n";

fn beside(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let (header, body) = text.split_once("\r\n\r\n").unwrap();
    let fields: Vec<&str> = header.split("\r\n").collect();
    let at = fields.iter().position(|field| field.to_ascii_lowercase().starts_with("content-type:")).unwrap();
    let (outer, inner) = fields.split_at(at);
    format!(
        "{}\r\nContent-Type: multipart/mixed; boundary=list\r\n\r\n--list\r\n{}\r\n\r\n{body}\r\n--list\r\n\r\n\
         a footer\r\n--list--\r\n",
        outer.join("\r\n"),
        inner.join("\r\n"),
    )
    .into_bytes()
}

static ALICE: LazyLock<Alice> = LazyLock::new(Alice::new);
static MESSAGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| ALICE.messages());
/// What is inside of them, before anything is changed.
static INSIDE: LazyLock<Vec<Opened>> =
    LazyLock::new(|| MESSAGES.iter().map(|message| ALICE.open(message).unwrap()).collect());

/// A line without its CR.
fn trimmed(line: &[u8]) -> Vec<u8> {
    line.strip_suffix(b"\r").unwrap_or(line).to_vec()
}

#[test]
fn changed_messages() {
    // What is signed counts with either line end (RFC 3156 §5): a CR more or less before a LF changes nothing.
    let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(trimmed).collect::<Vec<_>>();
    let is_known = |opened: &Opened| INSIDE.iter().any(|known| lines(&known.entity) == lines(&opened.entity));
    let (runs, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Nothing is used after a panic but to tell of it.
    let state = &AssertUnwindSafe((&runs, &read, is_known));
    check!().with_iterations(400).with_type::<(u8, Vec<Change>)>().for_each(move |(which, changes)| {
        let AssertUnwindSafe((runs, read, is_known)) = state;
        runs.fetch_add(1, Relaxed);
        let seed = &MESSAGES[usize::from(*which) % MESSAGES.len()];
        let other = &MESSAGES[usize::from(which / 8) % MESSAGES.len()];
        let message = changed(seed, other, changes);
        let Ok(opened) = ALICE.open(&message) else { return };
        let _ = restored(&message, &opened);
        let report = &opened.report;
        let is_proven = report.encrypted && report.integrity != Integrity::None;
        assert!(!is_proven || is_known(&opened), "content that nobody sealed");
        let is_valid = report.signatures.iter().any(|one| one.valid && one.covers == Covers::Whole);
        assert!(!is_valid || is_known(&opened), "content that nobody signed");
        read.fetch_add(1, Relaxed);
    });
    let (runs, read) = (runs.load(Relaxed), read.load(Relaxed));
    eprintln!("opening: {runs} runs, {read} read");
    assert!(read > 0, "the target is never reached");
}

/// What texts are put together from, so that quotations come about.
const PIECES: [&str; 28] = [
    "Yes.\r\n",
    "\r\n",
    "> a\r\n",
    ">> b\r\n",
    ">60 mL/min\r\n",
    "On Monday, Pat wrote:\r\n",
    "-----Original Message-----\r\n",
    "________________________________\r\n",
    "From: Pat\r\n",
    "Sent: Monday\r\n",
    "-- \r\n",
    "<",
    "<body>",
    "</body>",
    "<p>Hi</p>",
    "&nbsp;",
    "<blockquote type=cite>",
    "<blockquote>",
    "</blockquote>",
    "<div class=gmail_quote>",
    "<div class=gmail_attr>On</div>",
    "<div class=yahoo_quoted>",
    "<div class=moz-cite-prefix>On</div>",
    "<div id=divRplyFwdMsg>",
    "<div>",
    "</div>",
    "<b>From:</b> Pat<br>",
    "a\u{e9}",
];

#[test]
fn quotations_left_out() {
    let (runs, cut) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let state = &AssertUnwindSafe((&runs, &cut));
    check!().with_iterations(4000).with_type::<(bool, Vec<u8>, Vec<u8>)>().for_each(move |(is_html, pieces, rest)| {
        let AssertUnwindSafe((runs, cut)) = state;
        runs.fetch_add(1, Relaxed);
        let kind = if *is_html { "html" } else { "plain" };
        let header = format!("References: <a@x.example>\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n");
        let text: String = pieces.iter().map(|piece| PIECES[usize::from(*piece) % PIECES.len()]).collect();
        let message = [header.as_bytes(), text.as_bytes(), rest].concat();
        let edits = Edits { unquoted: true, ..Edits::default() };
        let copy = edits.apply(&message);
        let is_cut = copy != Edits::default().apply(&message);
        assert_eq!(edits.cuts(&message), is_cut, "what is told is what is done");
        assert_eq!(edits.apply(&copy), copy, "nothing more is left out the second time");
        cut.fetch_add(usize::from(is_cut), Relaxed);
    });
    let (runs, cut) = (runs.load(Relaxed), cut.load(Relaxed));
    eprintln!("quotations: {runs} runs, {cut} cut");
    assert!(cut > 0, "the target is never reached");
}
