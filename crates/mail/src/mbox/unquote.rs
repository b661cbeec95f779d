//! mboxrd's quoting undone: a line of `>` and then `From ` loses one `>`.

/// More quotes than this on one line are nobody's quoting.
const QUOTES_MAX: usize = 64;
const FROM: &[u8] = b"From ";

/// Undoes the quoting of a body that comes in pieces.
#[derive(Default)]
pub struct Unquoter {
    in_line: bool,
    /// The beginning of a line of which it is not known yet whether it is quoted.
    held: Vec<u8>,
}

impl Unquoter {
    /// Takes the next piece, and gives what it stands for.
    pub fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line(line, out);
        }
    }

    /// The body is over.
    pub fn finish(&mut self, out: &mut dyn FnMut(&[u8])) {
        if !self.held.is_empty() {
            out(&self.held);
        }
        *self = Self::default();
    }

    fn line(&mut self, line: &[u8], out: &mut dyn FnMut(&[u8])) {
        let ends = line.ends_with(b"\n");
        if self.in_line || (self.held.is_empty() && !line.starts_with(b">")) {
            out(line);
            self.in_line = !ends;
            return;
        }
        self.held.extend_from_slice(line);
        match is_quoted(&self.held) {
            Some(true) => out(self.held.get(1..).unwrap_or_default()),
            Some(false) => out(&self.held),
            None => return,
        }
        self.held.clear();
        self.in_line = !ends;
    }
}

/// Whether a line is quoted; none where its beginning leaves that open.
fn is_quoted(line: &[u8]) -> Option<bool> {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    let rest = line.get(quotes..).unwrap_or_default();
    if quotes > QUOTES_MAX {
        return Some(false);
    }
    if rest.len() < FROM.len() && FROM.starts_with(rest) {
        return None;
    }
    Some(rest.starts_with(FROM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(quoted: &str, expect: &str) {
        for size in [1, 2, 5, 1000] {
            let mut out = Vec::new();
            let mut unquoter = Unquoter::default();
            for piece in quoted.as_bytes().chunks(size) {
                unquoter.push(piece, &mut |bytes| out.extend_from_slice(bytes));
            }
            unquoter.finish(&mut |bytes| out.extend_from_slice(bytes));
            assert_eq!(String::from_utf8(out).unwrap(), expect, "{size}");
        }
    }

    #[test]
    fn one_quote_is_taken_from_a_from_line() {
        check("a\n>From b\n>>From c\n> From d\n>Fro\n>From", "a\nFrom b\n>From c\n> From d\n>Fro\n>From");
        check("x>From y\n", "x>From y\n");
        check(&format!("{}From x", ">".repeat(100)), &format!("{}From x", ">".repeat(100)));
        check("", "");
    }
}
