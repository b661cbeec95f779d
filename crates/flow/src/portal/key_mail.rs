//! The mails about keys that recipients give: the code that is sealed to a
//! key, and the word that a key was given or removed.

use jiff::Timestamp;
use mail::recipient_key::in_groups;
use mail::{Address, KeyFormat};

use super::language::{Catalogue, Language};
use super::mime::Alternatives;
use super::notice::{Block, Clinic, Mailbox, Page, paragraphs, phone, words};
use super::proof::ProofCode;

/// What a mail about a key is made from.
#[derive(Debug, Clone)]
pub struct KeyNote<'a> {
    /// Who is speaking.
    pub clinic: &'a Clinic,
    /// The From field: the notice's.
    pub from: &'a Mailbox,
    /// The To field.
    pub to: &'a Address,
    /// The recipient's language.
    pub language: Language,
    /// The key's format.
    pub format: KeyFormat,
    /// The key's fingerprint, hexadecimal.
    pub fingerprint: &'a str,
    /// The Date field.
    pub date: Timestamp,
    /// `id@domain`, without angle brackets.
    pub message_id: &'a str,
}

/// What is told of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was given, and proven; it is held back.
    Given,
    /// The same, and it was in use before.
    GivenAgain,
    /// It was removed.
    Removed,
    /// It was asked that it be used no more.
    Unwanted,
}

/// A mail with a code that is to be sealed to the key; the first is what may
/// stand outside as its subject.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// The subject, inside and outside.
    pub subject: String,
    /// The mail in clear, as RFC 5322 text with CRLF line ends.
    pub mail: String,
}

/// The mail with the code.
pub fn challenge(note: &KeyNote<'_>, code: &ProofCode) -> Challenge {
    let words = words(note.language);
    let paragraph = |key: &str| note.say(words, key);
    let (lead, code) = (paragraph("key-proof-lead"), code.text());
    let (after, small) = ([paragraph("key-proof-life")], [paragraph("key-proof-doubt")]);
    let text = paragraphs(&[&[lead.clone(), code.clone()], &after[..], &small].concat());
    let page = Page { language: note.language, clinic: &note.clinic.name, lead: &lead };
    let subject = paragraph("key-proof-subject");
    let mail = note.write(&subject, &text, &page.html(&Block::Code(&code), &after, &small));
    Challenge { subject, mail }
}

/// The word that a key was given or removed: it goes to the address, whoever did it.
pub fn told(note: &KeyNote<'_>, what: Told) -> String {
    let words = words(note.language);
    let paragraph = |key: &str| note.say(words, key);
    let (subject, lead, after) = match what {
        Told::Given => ("key-given-subject", "key-given-lead", vec![paragraph("key-given-held")]),
        Told::GivenAgain => ("key-given-subject", "key-given-lead", Vec::new()),
        Told::Removed => ("key-removed-subject", "key-removed-lead", Vec::new()),
        Told::Unwanted => ("key-unwanted-subject", "key-unwanted-lead", vec![paragraph("key-unwanted-until")]),
    };
    let (subject, lead, key, small) = (paragraph(subject), paragraph(lead), note.named(), [paragraph("key-doubt")]);
    let text = paragraphs(&[&[lead.clone(), key.clone()], &after[..], &small].concat());
    let page = Page { language: note.language, clinic: &note.clinic.name, lead: &lead };
    note.write(&subject, &text, &page.html(&Block::Text(&key), &after, &small))
}

impl KeyNote<'_> {
    fn say(&self, words: &Catalogue, key: &str) -> String {
        words.text_with(key, &[("clinic", &self.clinic.name), ("phone", &phone(words, self.clinic))])
    }

    /// Format and fingerprint, in groups that can be read to somebody.
    fn named(&self) -> String {
        let format = match self.format {
            KeyFormat::OpenPgp => "OpenPGP",
            KeyFormat::Smime => "S/MIME",
        };
        format!("{format} {}", in_groups(self.fingerprint, " "))
    }

    fn write(&self, subject: &str, text: &str, html: &str) -> String {
        let (from, to, language, date, message_id) = (self.from, self.to, self.language, self.date, self.message_id);
        Alternatives { from, to, subject, language, date, message_id, text, html }.write()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use mail_parser::MessageParser;

    use super::super::testing::{Seeded, at};
    use super::*;

    fn check(language: Language, write: impl Fn(&KeyNote<'_>) -> String) -> (String, String, String) {
        let clinic = Clinic { name: "Lakeside".into(), phone: "+1 555 0100".into(), time_zone: TimeZone::UTC };
        let from = Mailbox { name: "Lakeside".into(), address: Address::parse("care@clinic.example").unwrap() };
        let mail = write(&KeyNote {
            clinic: &clinic,
            from: &from,
            to: &Address::parse("p@example.com").unwrap(),
            language,
            format: KeyFormat::OpenPgp,
            fingerprint: "0123456789ABCDEF",
            date: at(0),
            message_id: "k1.abc@clinic.example",
        });
        assert!(mail.is_ascii() && mail.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
        let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        (parsed.subject().unwrap().to_owned(), text, parsed.body_html(0).unwrap().into_owned())
    }

    #[test]
    fn a_challenge_has_its_code_inside_and_not_in_the_subject() {
        let code = ProofCode::new(&Seeded::new(1));
        for language in Language::ALL {
            let (subject, text, html) = check(language, |note| challenge(note, &code).mail);
            assert!(text.contains(&format!("\n{}\n", code.text())) && html.contains(&code.text()), "{text}");
            assert!(!subject.contains(&code.text()) && subject.contains("Lakeside"), "{subject}");
        }
    }

    #[test]
    fn what_was_done_is_told_with_the_fingerprint_and_whom_to_call() {
        let all = [Told::Given, Told::GivenAgain, Told::Removed, Told::Unwanted];
        for (language, what) in Language::ALL.into_iter().flat_map(|one| all.map(|what| (one, what))) {
            let (subject, text, html) = check(language, |note| told(note, what));
            for part in [&text, &html] {
                assert!(part.contains("OpenPGP 0123 4567 89AB CDEF") && part.contains("+1 555 0100"), "{part}");
            }
            assert!(subject.contains("Lakeside") && !subject.starts_with("key-"), "{subject}");
            assert!(!text.contains("key-"), "{text}");
        }
    }
}
