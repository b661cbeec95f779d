//! Taking the recipient out of a peer's words.
//!
//! A receipt is handed to third parties and outlives the message, so it must
//! not name the recipient; servers like to repeat the address in their reply.

use mail::Address;

const MASK: &str = "***";
const TEXT_CHARS_MAX: usize = 400;

/// A peer's text as a receipt may hold it. Masked are whatever looks like an
/// address, plain or encoded; the recipient's local part and what it is made
/// of, where they stand alone; control characters become spaces, and the text
/// ends after 400 characters. It masks too much rather than too little. What it
/// can't know is a name that only the peer connects with the address.
pub fn masked_reply_text(text: &str, recipient: &Address) -> String {
    let telling = Telling::new(recipient);
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = clean.split(' ').filter(|word| !word.is_empty());
    let masked: Vec<String> = words.map(|word| telling.mask(word)).collect();
    masked.join(" ").chars().take(TEXT_CHARS_MAX).collect()
}

/// What tells who the recipient is.
struct Telling {
    local: String,
    /// The local part with its domain as VERP writes them.
    verp: String,
    /// `jane`, `doe` of `jane.doe`.
    pieces: Vec<String>,
}

impl Telling {
    fn new(recipient: &Address) -> Self {
        let local = recipient.local().trim_matches('"').to_lowercase();
        let pieces = local.split(|c: char| !c.is_alphanumeric()).filter(|piece| piece.chars().count() >= 3);
        let pieces = pieces.map(str::to_owned).collect();
        Self { verp: format!("{local}={}", recipient.domain()), pieces, local }
    }

    /// Masks a word by its parts, so that the rest of it stays readable.
    fn mask(&self, word: &str) -> String {
        let mut masked = String::new();
        let mut rest = word;
        while let Some(start) = rest.find(|c| !is_border(c)) {
            let (border, from) = rest.split_at(start);
            let (part, after) = from.split_at(from.find(is_border).unwrap_or(from.len()));
            masked.push_str(border);
            masked.push_str(if self.is_told_by(part) { MASK } else { part });
            rest = after;
        }
        masked.push_str(rest);
        masked
    }

    /// An address has its `@` plain or as URLs (`%40`), xtext (`+40`) and
    /// quoted-printable (`=40`) write it. The local part counts inside a longer
    /// word too, where it is long enough not to be part of many.
    fn is_told_by(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        let bare = part.trim_matches(|c: char| !c.is_alphanumeric());
        ["@", "%40", "+40", "=40"].iter().any(|at| part.contains(at))
            || part.contains(&self.verp)
            || part == self.local
            || bare == self.local
            || (self.local.chars().count() >= 4 && part.contains(&self.local))
            || self.pieces.iter().any(|piece| piece == bare)
    }
}

/// What can't stand in an address that a reply repeats.
fn is_border(c: char) -> bool {
    matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\'' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let recipient = Address::parse("Jane.Doe@example.com").unwrap();
        assert_eq!(masked_reply_text(text, &recipient), expected, "{text}");
    }

    #[test]
    fn addresses_and_the_local_part_are_masked() {
        check("2.0.0 Ok: queued as 4F2B", "2.0.0 Ok: queued as 4F2B");
        check("<jane.doe@example.com>: Recipient ok", "<***>: Recipient ok");
        check("to=<Jane.Doe@EXAMPLE.COM>, done", "to=<***>, done");
        check("user jane.doe is known", "user *** is known");
        check("mailto:jane%2Edoe%40example.com", "mailto:***");
        check("rfc822;jane.doe+40example.com", "rfc822;***");
        check("delivered to /var/mail/jane.doe/new", "delivered to /var/mail/***/new");
        check("for bounce+jane.doe=example.com", "for ***");
        check("mailbox of Doe, Jane is full.", "mailbox of ***, *** is full.");
        check("other@example.net", "***");
        check("a\r\nb\tc", "a b c");
    }

    #[test]
    fn a_short_local_part_is_masked_where_it_stands_alone() {
        let recipient = Address::parse("p@example.com").unwrap();
        assert_eq!(masked_reply_text("P: ok, accepted", &recipient), "***: ok, accepted");
        assert_eq!(masked_reply_text("verp p=example.com", &recipient), "verp ***");
    }

    #[test]
    fn a_long_text_ends() {
        let recipient = Address::parse("p@example.com").unwrap();
        assert_eq!(masked_reply_text(&"word ".repeat(1000), &recipient).chars().count(), 400);
    }
}
