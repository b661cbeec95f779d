//! The hash of a body that comes in pieces (RFC 6376 §3.4.3, §3.4.4).
//!
//! A file on disk often has LF for CRLF: a bare LF counts as a line end, as it
//! did for whoever received the message.

use aws_lc_rs::digest::{Context, SHA256};

use super::signature::Form;

/// Hashes a body in one form, up to a number of bytes.
pub(super) struct BodyHash {
    form: Form,
    left: Option<u64>,
    context: Context,
    /// Line ends that count only if something follows them.
    line_ends: u64,
    has_content: bool,
    is_gap: bool,
    is_cr: bool,
    ready: Vec<u8>,
}

const READY_MAX: usize = 8 * 1024;

impl BodyHash {
    pub(super) fn new(form: Form, limit: Option<u64>) -> Self {
        Self {
            form,
            left: limit,
            context: Context::new(&SHA256),
            line_ends: 0,
            has_content: false,
            is_gap: false,
            is_cr: false,
            ready: Vec::with_capacity(READY_MAX + 8),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if std::mem::take(&mut self.is_cr) && *byte != b'\n' {
                self.content(b'\r');
            }
            match byte {
                b'\r' => self.is_cr = true,
                b'\n' => {
                    self.is_gap = false;
                    self.line_ends += 1;
                }
                b' ' | b'\t' if self.form == Form::Relaxed => self.is_gap = true,
                byte => self.content(*byte),
            }
        }
    }

    /// The hash, and whether as many bytes were there as the limit promises.
    pub(super) fn finish(mut self) -> (Vec<u8>, bool) {
        if self.is_cr {
            self.content(b'\r');
        }
        // An empty body is one line end in the simple form, nothing in the relaxed.
        if self.has_content || self.form == Form::Simple {
            self.put(b"\r\n");
        }
        self.flush();
        (self.context.finish().as_ref().to_vec(), self.left.unwrap_or_default() == 0)
    }

    fn content(&mut self, byte: u8) {
        while self.line_ends > 0 {
            self.put(b"\r\n");
            self.line_ends -= 1;
        }
        if std::mem::take(&mut self.is_gap) {
            self.put(b" ");
        }
        self.has_content = true;
        self.put(&[byte]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.ready.extend_from_slice(bytes);
        if self.ready.len() >= READY_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let counted = match &mut self.left {
            None => self.ready.len(),
            Some(left) => {
                let counted = usize::try_from(*left).unwrap_or(usize::MAX).min(self.ready.len());
                *left -= counted as u64;
                counted
            }
        };
        self.context.update(self.ready.get(..counted).unwrap_or_default());
        self.ready.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, body: &str, canonical: &str) {
        let expect = aws_lc_rs::digest::digest(&SHA256, canonical.as_bytes());
        for body in [body.to_owned(), body.replace("\r\n", "\n")] {
            for size in [1, 3, 1000] {
                let mut hash = BodyHash::new(form, None);
                body.as_bytes().chunks(size).for_each(|piece| hash.push(piece));
                assert_eq!(hash.finish(), (expect.as_ref().to_vec(), true), "{form:?} {body:?}");
            }
        }
    }

    #[test]
    fn bodies_are_made_canonical() {
        // RFC 6376 §3.4.5.
        check(Form::Relaxed, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
        check(Form::Simple, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n");
        check(Form::Relaxed, "", "");
        check(Form::Simple, "", "\r\n");
        check(Form::Relaxed, "\r\n \r\n", "");
        check(Form::Simple, "\r\n\r\n", "\r\n");
        check(Form::Relaxed, "\r\na", "\r\na\r\n");
        check(Form::Simple, "a\r\n\r\nb", "a\r\n\r\nb\r\n");
        check(Form::Simple, "a\rb\r", "a\rb\r\r\n");
    }

    #[test]
    fn a_length_cuts_the_body() {
        let mut hash = BodyHash::new(Form::Simple, Some(3));
        hash.push(b"abcdef\r\n");
        assert_eq!(hash.finish(), (aws_lc_rs::digest::digest(&SHA256, b"abc").as_ref().to_vec(), true));
        let mut hash = BodyHash::new(Form::Simple, Some(30));
        hash.push(b"abcdef\r\n");
        assert!(!hash.finish().1, "fewer bytes than were signed");
    }
}
