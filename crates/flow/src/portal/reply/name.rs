//! Names of files from outside, made harmless for whoever saves them.

use mail::header;
use mail::reading::clean_name;

/// Bytes of a name: with each of them escaped it stays within a line
/// (RFC 5322 §2.1.1).
const BYTES_MAX: usize = 150;

/// Names that are devices to Windows, whatever follows their dot.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The last part of a path, without what a file system or a shell could take
/// for something else; empty where nothing is left.
pub fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = clean_name(last).replace(['<', '>', ':', '"', '|', '?', '*', '\u{0}'], "_");
    let kept = kept.trim_matches(['.', ' ', '-', '~']);
    let stem = kept.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let kept = if DEVICES.contains(&stem.as_str()) { format!("_{kept}") } else { kept.to_owned() };
    shortened(&kept)
}

/// A name that is too long loses the end of its stem, never its extension.
fn shortened(name: &str) -> String {
    if name.len() <= BYTES_MAX {
        return name.to_owned();
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| extension.len() <= 8);
    let room = BYTES_MAX - extension.map_or(0, |extension| extension.len() + 1);
    let mut stem = String::new();
    for c in name.chars().take_while(|c| *c != '\u{0}') {
        if stem.len() + c.len_utf8() > room {
            break;
        }
        stem.push(c);
    }
    match extension {
        Some(extension) => format!("{}.{extension}", stem.trim_end_matches(['.', ' '])),
        None => stem,
    }
}

/// The name as a parameter of Content-Disposition: in RFC 2231's form where it
/// is not plain, and never in two forms, of which readers pick either.
pub(super) fn filename(name: &str) -> String {
    if is_plain(name) {
        return format!(";\r\n filename=\"{name}\"");
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let encode = |byte: u8| if is_token(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let encoded: String = name.bytes().map(encode).collect();
    format!(";\r\n filename*=utf-8''{encoded}")
}

/// The name as a parameter of Content-Type, for readers that know nothing of
/// RFC 2231: with encoded words, which RFC 2047 §5 doesn't allow and they read.
pub(super) fn type_name(name: &str) -> String {
    match is_plain(name) {
        true => format!(";\r\n name=\"{name}\""),
        false => format!(";\r\n name=\"{}\"", header::encoded(name)),
    }
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "-_. ()".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expect: &str) {
        assert_eq!(harmless(name), expect, "{name:?}");
    }

    #[test]
    fn a_name_is_a_name_and_no_path() {
        check("photo.jpg", "photo.jpg");
        check("../../etc/passwd", "passwd");
        check("C:\\fakepath\\scan.pdf", "scan.pdf");
        check("..", "");
        check("/", "");
        check(".htaccess", "htaccess");
        check("-rf.jpg", "rf.jpg");
        check("CON.jpg", "_CON.jpg");
        check("a|b<c>.png", "a_b_c_.png");
        check("trailing.jpg. ", "trailing.jpg");
    }

    #[test]
    fn a_name_turns_nothing_around_and_ends_no_line() {
        check("x\r\nBcc: y@example.com\r\n.jpg", "x Bcc_ y@example.com .jpg");
        check("photo\u{202e}gpj.exe", "photogpj.exe");
        check("a\0b.jpg", "a b.jpg");
        check("señal médica.pdf", "señal médica.pdf");
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        let long = harmless(&format!("{}.jpeg", "ñ".repeat(500)));
        assert!(long.len() <= BYTES_MAX && long.ends_with("ñ.jpeg"), "{long}");
        assert!(harmless(&"x".repeat(9_000)).len() <= BYTES_MAX);
        assert!(harmless(&format!("x.{}", "y".repeat(9_000))).len() <= BYTES_MAX);
        let widest = format!("{}{}", filename(&long), type_name(&long));
        assert!(widest.lines().all(|line| line.len() < 998), "{widest}");
    }

    #[test]
    fn a_parameter_says_the_whole_name() {
        assert_eq!(filename("a b.pdf"), ";\r\n filename=\"a b.pdf\"");
        assert_eq!(filename("ñ;\".pdf"), ";\r\n filename*=utf-8''%C3%B1%3B%22.pdf");
        assert_eq!(type_name("ñ;.pdf"), ";\r\n name=\"=?utf-8?B?w7E7LnBkZg==?=\"");
        assert_eq!(type_name("a;b.pdf"), ";\r\n name=\"a;b.pdf\"");
    }
}
