//! The token of a form: of one session, and of one writing of the form. With
//! it a form counts only for the visitor whom the page was made for, and once.

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use mail::Entropy;
use mail::seam::random;

use super::super::session::SessionToken;
use super::{ReplyText, Topic};

/// What a form is known by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FormToken([u8; 16]);

impl FormToken {
    /// A new one, as the form's field has it, for this session.
    pub(in crate::portal) fn made(session: &SessionToken, entropy: &dyn Entropy) -> String {
        let number: [u8; 16] = random(entropy);
        let tag = tag(session, &number);
        BASE64_URL_SAFE_NO_PAD.encode([&number, tag.as_ref()].concat())
    }

    /// Reads the form's field; none where it is of another session.
    pub(in crate::portal) fn read(session: &SessionToken, text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (number, shown) = bytes.split_first_chunk::<16>()?;
        hmac::verify(&key(session), number, shown).ok()?;
        Some(Self(*number))
    }

    /// The same for what is written in it: who goes back, writes something else
    /// and sends that means another reply.
    pub(in crate::portal) fn with(self, reply: &ReplyText) -> Self {
        let topic = reply.topic.map_or("", Topic::word);
        let mut hash = digest::Context::new(&digest::SHA256);
        [&self.0[..], topic.as_bytes(), b"\n", reply.text.as_bytes()].iter().for_each(|part| hash.update(part));
        let mut number = [0; 16];
        number.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(number)
    }

    /// The number under which the link's state knows it.
    pub(in crate::portal) fn number(self) -> [u8; 16] {
        self.0
    }
}

fn tag(session: &SessionToken, number: &[u8; 16]) -> hmac::Tag {
    hmac::sign(&key(session), number)
}

fn key(session: &SessionToken) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, session.bytes())
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{Seeded, token};
    use super::*;

    #[test]
    fn a_form_counts_for_its_own_session_only() {
        let text = FormToken::made(&token(1), &Seeded::new(9));
        let read = FormToken::read(&token(1), &text);
        assert!(read.is_some_and(|form| form.number() != [0; 16]));
        assert!(FormToken::read(&token(2), &text).is_none());
        assert!(FormToken::read(&token(1), "").is_none());
        let mut other = text.clone();
        other.replace_range(0..1, if text.starts_with('A') { "B" } else { "A" });
        assert!(FormToken::read(&token(1), &other).is_none());
    }
}
