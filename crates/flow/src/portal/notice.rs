//! The mails that the portal writes: the notice and the code.
//!
//! Fixed templates, in Fluent files. Nothing about health and nothing of the
//! message is in them, in either part or in the subject: the clinic's name and
//! phone number, one link, or one code.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail::Address;

use super::code::Code;
use super::language::{Catalogue, Language};
use super::link::LinkId;
use super::mime::Alternatives;

/// Who is speaking to the recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clinic {
    /// The name that recipients know.
    pub name: String,
    /// A number that a person answers; if empty, recipients are told to call
    /// the one that they know.
    pub phone: String,
    /// Where the clinic's clocks stand: dates are told in this zone.
    pub time_zone: TimeZone,
}

/// A mailbox with the name that clients show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name.
    pub name: String,
    /// The address.
    pub address: Address,
}

/// What a notice is made from.
#[derive(Debug, Clone)]
pub struct NoticeMail<'a> {
    /// Who is speaking.
    pub clinic: &'a Clinic,
    /// The From field; in the clinic's own domain, so that DKIM aligns.
    pub from: &'a Mailbox,
    /// The To field.
    pub to: &'a Address,
    /// The recipient's language.
    pub language: Language,
    /// Where the portal is: `https://portal.example`, without a slash at the end.
    pub origin: &'a str,
    /// The recipient's link.
    pub link: LinkId,
    /// When the link stops showing the message.
    pub expires_at: Timestamp,
    /// The Date field.
    pub date: Timestamp,
    /// `id@domain`, without angle brackets.
    pub message_id: &'a str,
}

/// What the mail of a code is made from.
#[derive(Debug, Clone)]
pub struct CodeMail<'a> {
    /// Who is speaking.
    pub clinic: &'a Clinic,
    /// The From field: the notice's.
    pub from: &'a Mailbox,
    /// The To field.
    pub to: &'a Address,
    /// The recipient's language.
    pub language: Language,
    /// The code.
    pub code: &'a Code,
    /// The Date field.
    pub date: Timestamp,
    /// `id@domain`, without angle brackets.
    pub message_id: &'a str,
}

/// The address that a notice leads to. The page takes the browser's language
/// where the link names none.
pub fn link_url(origin: &str, link: LinkId, language: Language) -> String {
    match language {
        Language::En => format!("{origin}/m/{link}"),
        Language::Es => format!("{origin}/m/{link}?lang=es"),
    }
}

/// What stands above the text of a copy that leads to the portal for replies.
pub fn reply_line(origin: &str, link: LinkId, language: Language) -> String {
    let link = link_url(origin, link, language);
    words(language).text_with("reply-line", &[("link", &link)])
}

/// The notice that something waits, as RFC 5322 text with CRLF line ends.
pub fn notice(mail: &NoticeMail<'_>) -> String {
    let words = words(mail.language);
    let link = link_url(mail.origin, mail.link, mail.language);
    let until = day(words, mail.expires_at, &mail.clinic.time_zone);
    let values: &[(&'static str, &str)] = &[
        ("clinic", &mail.clinic.name),
        ("phone", &phone(words, mail.clinic)),
        ("link", &link),
        ("until", &until),
        ("verify", &format!("{}/verify", mail.origin)),
    ];
    let paragraph = |key| words.text_with(key, values);
    let how = [paragraph("notice-how"), paragraph("notice-until")];
    let doubts = [paragraph("notice-doubt"), paragraph("notice-no-reply")];
    let text = paragraphs(&[&[paragraph("notice-lead"), paragraph("notice-text-button")], &how[..], &doubts].concat());
    let button = Block::Button { href: &link, label: &paragraph("notice-button") };
    let page = Page { language: mail.language, clinic: &mail.clinic.name, lead: &paragraph("notice-lead") };
    Alternatives {
        from: mail.from,
        to: mail.to,
        subject: &paragraph("notice-subject"),
        language: mail.language,
        date: mail.date,
        message_id: mail.message_id,
        text: &text,
        html: &page.html(&button, &how, &doubts),
    }
    .write()
}

/// The mail of a code, as RFC 5322 text with CRLF line ends. The code leads
/// the subject, so that it is read in a notification without opening the mail.
pub fn code(mail: &CodeMail<'_>) -> String {
    code_with(mail, ["code-subject", "code-lead", "code-life", "code-secret", "code-doubt"])
}

/// The same for a sender who is to decide about an own message.
pub fn sender_code(mail: &CodeMail<'_>) -> String {
    code_with(mail, ["sender-code-subject", "sender-code-lead", "code-life", "sender-code-secret", "sender-code-doubt"])
}

fn code_with(mail: &CodeMail<'_>, [subject, lead, life, secret, doubt]: [&str; 5]) -> String {
    let words = words(mail.language);
    let values: &[(&'static str, &str)] =
        &[("clinic", &mail.clinic.name), ("phone", &phone(words, mail.clinic)), ("code", mail.code.digits())];
    let paragraph = |key| words.text_with(key, values);
    let lead = paragraph(lead);
    let life = [paragraph(life)];
    let doubts = [paragraph(secret), paragraph(doubt)];
    let text = paragraphs(&[&[lead.clone(), mail.code.digits().to_owned()], &life[..], &doubts].concat());
    let page = Page { language: mail.language, clinic: &mail.clinic.name, lead: &lead };
    Alternatives {
        from: mail.from,
        to: mail.to,
        subject: &paragraph(subject),
        language: mail.language,
        date: mail.date,
        message_id: mail.message_id,
        text: &text,
        html: &page.html(&Block::Code(mail.code.digits()), &life, &doubts),
    }
    .write()
}

pub(super) fn phone(words: &Catalogue, clinic: &Clinic) -> String {
    match clinic.phone.as_str() {
        "" => words.text("phone-known").into_owned(),
        phone => phone.to_owned(),
    }
}

pub(crate) fn words(language: Language) -> &'static Catalogue {
    static EN: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::new(Language::En, include_str!("../../locales/en/mail.ftl")));
    static ES: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::new(Language::Es, include_str!("../../locales/es/mail.ftl")));
    match language {
        Language::En => &EN,
        Language::Es => &ES,
    }
}

/// The last day that is whole before the link expires, so that nobody comes too late.
fn day(words: &Catalogue, expires_at: Timestamp, zone: &TimeZone) -> String {
    let last = expires_at.to_zoned(zone.clone()).date().yesterday().unwrap_or(expires_at.to_zoned(zone.clone()).date());
    let month = words.text(&format!("month-{}", last.month())).into_owned();
    words.text_with("date", &[("day", &last.day().to_string()), ("month", &month), ("year", &last.year().to_string())])
}

pub(super) fn paragraphs(paragraphs: &[String]) -> String {
    paragraphs.join("\n\n")
}

/// What stands out in the mail.
pub(super) enum Block<'a> {
    Button {
        href: &'a str,
        label: &'a str,
    },
    Code(&'a str),
    /// Something to compare, such as a fingerprint.
    Text(&'a str),
}

/// The frame of the HTML alternative. Mail clients know little CSS and drop
/// style sheets, so styles stand on the elements; nothing is loaded.
pub(super) struct Page<'a> {
    pub(super) language: Language,
    pub(super) clinic: &'a str,
    pub(super) lead: &'a str,
}

impl Page<'_> {
    pub(super) fn html(&self, block: &Block<'_>, after: &[String], small: &[String]) -> String {
        let mut body = format!(
            "<p style=\"margin:0 0 24px;font-size:18px;font-weight:bold;\">{}</p>\n<p style=\"{P}\">{}</p>\n",
            escaped(self.clinic),
            escaped(self.lead)
        );
        body.push_str(&match block {
            Block::Button { href, label } => format!(
                "<p style=\"margin:24px 0;\"><a href=\"{}\" style=\"{BUTTON}\">{}</a></p>\n",
                escaped(href),
                escaped(label)
            ),
            Block::Code(digits) => format!("<p style=\"{CODE}\">{}</p>\n", escaped(digits)),
            Block::Text(text) => format!("<p style=\"{TEXT}\">{}</p>\n", escaped(text)),
        });
        after.iter().for_each(|text| body.push_str(&format!("<p style=\"{P}\">{}</p>\n", escaped(text))));
        body.push_str("<hr style=\"border:0;border-top:1px solid #c5ced4;margin:24px 0;\">\n");
        small.iter().for_each(|text| body.push_str(&format!("<p style=\"{SMALL}\">{}</p>\n", escaped(text))));
        format!(
            "<!DOCTYPE html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title></head>\n\
             <body style=\"margin:0;padding:24px 16px;font-family:Arial,Helvetica,sans-serif;\">\n\
             <div style=\"max-width:480px;margin:0 auto;\">\n{body}</div>\n</body>\n</html>\n",
            self.language,
            escaped(self.clinic)
        )
    }
}

const P: &str = "margin:0 0 16px;font-size:16px;line-height:24px;";
const SMALL: &str = "margin:0 0 12px;font-size:14px;line-height:21px;";
const BUTTON: &str = "display:inline-block;padding:14px 24px;border-radius:8px;background-color:#0b5a6e;\
                      color:#ffffff;font-size:16px;font-weight:bold;text-decoration:none;";
const TEXT: &str = "margin:0 0 16px;font-size:16px;line-height:24px;font-family:monospace;";
const CODE: &str = "margin:24px 0;font-size:32px;line-height:40px;font-weight:bold;letter-spacing:4px;";

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::super::testing::at;
    use super::*;

    fn clinic() -> Clinic {
        Clinic {
            name: "Lakeside <Clinic> & Co".into(),
            phone: "+1 555 0100".into(),
            time_zone: TimeZone::fixed(jiff::tz::offset(-6)),
        }
    }

    fn from() -> Mailbox {
        Mailbox { name: "Lakeside, Clinic".into(), address: Address::parse("care@clinic.example").unwrap() }
    }

    fn a_notice(language: Language) -> String {
        notice(&NoticeMail {
            clinic: &clinic(),
            from: &from(),
            to: &Address::parse("p@example.com").unwrap(),
            language,
            origin: "https://portal.clinic.example",
            link: LinkId::from_bytes([0; 16]),
            expires_at: at(0),
            date: at(0),
            message_id: "n1.abc@clinic.example",
        })
    }

    fn a_code(language: Language) -> String {
        code(&CodeMail {
            clinic: &clinic(),
            from: &from(),
            to: &Address::parse("p@example.com").unwrap(),
            language,
            code: &Code::read("012345").unwrap(),
            date: at(0),
            message_id: "c1.abc@clinic.example",
        })
    }

    #[test]
    fn every_mail_is_sound_on_the_wire() {
        for mail in Language::ALL.into_iter().flat_map(|language| [a_notice(language), a_code(language)]) {
            assert!(mail.is_ascii());
            assert!(mail.split_inclusive("\r\n").all(|line| line.ends_with("\r\n") && line.len() <= 998), "{mail}");
            assert_eq!(mail.replace("\r\n", "").find(['\r', '\n']), None);
            let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
            assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Lakeside, Clinic"));
            assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("p@example.com"));
            assert_eq!(parsed.date().unwrap().to_timestamp(), at(0).as_second());
            assert_eq!(parsed.attachment_count(), 0);
            assert!(mail.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        }
    }

    fn read(mail: &str) -> (String, String, String) {
        let parsed = MessageParser::new().parse(mail.as_bytes()).unwrap();
        let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
        (parsed.subject().unwrap().to_owned(), text, parsed.body_html(0).unwrap().into_owned())
    }

    #[test]
    fn a_notice_holds_one_link_and_whom_to_call() {
        for (language, link, until, subject) in [
            (Language::En, "/m/00000000000000000000000000", "January 14, 2027", "has sent you a secure message"),
            (Language::Es, "/m/00000000000000000000000000?lang=es", "14 de enero de 2027", "le ha enviado un mensaje"),
        ] {
            let (found, text, html) = read(&a_notice(language));
            assert!(found.contains(subject), "{found}");
            let link = format!("https://portal.clinic.example{link}");
            assert!(text.contains(&format!("\n{link}\n")), "{text}");
            assert_eq!(html.matches("<a ").count(), 1);
            assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
            for part in [&text, &html] {
                assert!(part.contains(until) && part.contains("+1 555 0100"), "{part}");
            }
            assert!(html.contains("Lakeside &lt;Clinic&gt; &amp; Co") && !html.contains("<Clinic>"));
            assert!(html.contains(&format!("<html lang=\"{language}\">")));
        }
    }

    #[test]
    fn without_a_number_the_known_one_is_named() {
        let clinic = Clinic { phone: String::new(), ..clinic() };
        assert_eq!(phone(words(Language::En), &clinic), "the number you know");
    }

    #[test]
    fn a_code_leads_its_subject_and_brings_no_link() {
        for language in Language::ALL {
            let (subject, text, html) = read(&a_code(language));
            assert!(subject.starts_with("012345 "), "{subject}");
            assert!(text.contains("\n012345\n") && html.contains(">012345<"));
            assert!(!text.contains("http") && !html.contains("http") && !html.contains("<a "));
        }
    }

    #[test]
    fn no_mail_loads_anything() {
        for mail in Language::ALL.into_iter().flat_map(|language| [a_notice(language), a_code(language)]) {
            let html = read(&mail).2;
            for remote in ["<img", "src=", "url(", "<link", "@import", "<script", "<style"] {
                assert!(!html.contains(remote), "{remote}");
            }
        }
    }

    #[test]
    fn the_day_that_is_told_is_wholly_before_the_end() {
        let words = words(Language::En);
        let midnight: Timestamp = "2026-03-01T06:00:00Z".parse().unwrap();
        assert_eq!(day(words, midnight, &TimeZone::fixed(jiff::tz::offset(-6))), "February 28, 2026");
        assert_eq!(day(words, midnight, &TimeZone::UTC), "February 28, 2026");
    }

    #[test]
    fn both_languages_have_the_same_words() {
        let keys = |text: &str| {
            let key = |line: &str| line.split_once(" =").map(|(key, _)| key.to_owned());
            let mut keys: Vec<_> = text.lines().filter(|line| !line.starts_with([' ', '#'])).filter_map(key).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(include_str!("../../locales/en/mail.ftl")), keys(include_str!("../../locales/es/mail.ftl")));
    }
}
