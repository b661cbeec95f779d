//! What servers write of TLS, each in its own words.
//!
//! One file a server that others imitate; a form is told by its first byte, so
//! that most comments cost one comparison. [`any`] reads words that nobody
//! here knows, with care: host names and addresses are never evidence.

mod any;
mod chasquid;
pub(crate) mod cisco;
mod courier;
mod exim;
mod postfix;
mod qmail;
mod sendmail;
mod smtpsvc;

use crate::Tls;
use crate::received::{Clauses, Place, Words};
use crate::text::until;

/// What one comment or clause says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// TLS was used, as far as it is written.
    Tls(Tls<'a>),
    /// It was not.
    Plain,
    /// Nothing but what is told of a client's certificate.
    Certificate(&'a str),
    /// The key exchange, on its own.
    Exchange(&'a str),
}

/// What a whole field says of TLS.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence<'a> {
    /// What is written of TLS, if it is.
    pub tls: Option<Tls<'a>>,
    /// The words that say so.
    pub words: &'a str,
    /// The words that say that there was none.
    pub plain: Option<&'a str>,
}

/// Reads every comment and clause that can speak of TLS.
pub(crate) fn evidence<'a>(clauses: &Clauses<'a>) -> Evidence<'a> {
    let mut evidence = Evidence::default();
    let (mut certificate, mut exchange) = (None, None);
    for comment in clauses.comments() {
        match comment_says(comment.text.trim_ascii(), comment.place) {
            Some(Said::Tls(tls)) => evidence.add(tls, comment.text),
            Some(Said::Plain) => evidence.plain = Some(comment.text),
            Some(Said::Certificate(text)) => certificate = Some(text),
            Some(Said::Exchange(text)) => exchange = Some(text),
            None => {}
        }
    }
    for (words, said) in clauses_say(clauses) {
        if let Some(tls) = said {
            evidence.add(tls, words);
        }
    }
    if let Some(tls) = &mut evidence.tls {
        tls.client_certificate = tls.client_certificate.or(certificate);
        tls.key_exchange = tls.key_exchange.or(exchange);
    }
    evidence
}

/// The clauses that can say it without a comment.
fn clauses_say<'a>(clauses: &Clauses<'a>) -> [(&'a str, Option<Tls<'a>>); 5] {
    // Most fields say `ESMTP` and no more.
    let with = Some(clauses.with.all).filter(|with| with.len() > 8).unwrap_or_default();
    let also = clauses.also.all;
    // RFC 8314 §4.3: `tls` and the name of the suite.
    let clause = clauses.tls;
    [
        (clause.all, (!clause.is_empty()).then(|| tls_clause(clause))),
        (with, cisco::with(with).or_else(|| qmail::encrypted(with))),
        // Mimecast: `with ESMTP with STARTTLS`, `with ESMTP with both STARTTLS and AUTH`.
        (also, (!also.is_empty() && also.contains("STARTTLS")).then(Tls::default)),
        (clauses.over.all, smtpsvc::over(clauses.over.all)),
        // `with ESMTP via SSL`.
        (clauses.via.all, smtpsvc::over(clauses.via.all)),
    ]
}

/// `tls TLS_AES_256_GCM_SHA384`; OpenSMTPD before 6.0 wrote `TLS version=… cipher=… bits=…`,
/// s/qmail writes `de/crypted with …`.
fn tls_clause<'a>(clause: Words<'a>) -> Tls<'a> {
    match sendmail::pairs(clause.all) {
        Some(Said::Tls(tls)) => tls,
        _ if clause.first == "with" => qmail::decrypted(clause.rest()),
        _ => Tls { cipher: Some(clause.first), ..Tls::default() },
    }
}

impl<'a> Evidence<'a> {
    fn add(&mut self, tls: Tls<'a>, words: &'a str) {
        let Some(known) = &mut self.tls else {
            (self.tls, self.words) = (Some(tls), words);
            return;
        };
        known.version = known.version.or(tls.version);
        known.cipher = known.cipher.or(tls.cipher);
        known.bits = known.bits.or(tls.bits);
    }
}

/// What a comment says. The first byte tells whose form it may be.
fn comment_says(text: &str, place: Place) -> Option<Said<'_>> {
    match text.as_bytes().first()? {
        b'u' => postfix::using(text),
        b'U' => postfix::using(text).or_else(|| exim::comment(text)),
        b'v' => sendmail::pairs(text),
        b'c' => sendmail::pairs(text).or_else(|| postfix::curve(text)).or_else(|| any::read(text)),
        b't' => sendmail::pairs(text).or_else(|| exim::comment(text)).or_else(|| any::read(text)),
        b'T' | b'S' => exim::comment(text)
            .or_else(|| courier::comment(text))
            .or_else(|| qmail::comment(text))
            .or_else(|| any::read(text)),
        b'C' => postfix::certificate(text)
            .or_else(|| exim::comment(text))
            .or_else(|| qmail::comment(text))
            .or_else(|| any::read(text)),
        b'N' | b'n' => postfix::certificate(text).or_else(|| any::read(text)),
        b'o' => chasquid::over(text),
        // `[192.0.2.1]`, `192.0.2.1`: the peer.
        b'[' | b'0'..=b'9' => None,
        // `UTC`, `PPS`: no version begins so, and no cipher is that short.
        _ if text.len() < 7 => None,
        _ if place == Place::From => any::read(text),
        _ => qmail::comment(text).or_else(|| any::read(text)),
    }
}

/// None for an empty text.
fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The number at the start of `256`, `256/256`, `256bits`, `(128/256`.
fn bits(text: &str) -> Option<u32> {
    let text = text.trim_start_matches(['(', ' ']);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..digits).filter(|_| (1..=4).contains(&digits))?.parse().ok()
}

#[cfg(test)]
pub(crate) fn check(field: &str, version: &str, cipher: &str, bits: u32) {
    let evidence = evidence(&Clauses::read(field));
    let tls = evidence.tls.unwrap_or_else(|| panic!("no TLS in {field}"));
    let found = (tls.version.unwrap_or_default(), tls.cipher.unwrap_or_default(), tls.bits.unwrap_or_default());
    assert_eq!(found, (version, cipher, bits), "{field}");
}

#[cfg(test)]
pub(crate) fn check_none(field: &str) {
    let evidence = evidence(&Clauses::read(field));
    assert_eq!(evidence.tls, None, "{field}");
}
