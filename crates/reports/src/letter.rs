//! The reports in a message: parts that are said to be one by their type or
//! their file's name (RFC 8460 §5.3, RFC 7489 §7.2.1.1).

use mail::entity::{Entity, Piece};

use crate::dmarc::{DmarcReport, NotDmarc};
use crate::packed::{self, NotUnpacked, UNPACKED_BYTES_MAX};
use crate::tls::{NotTls, TlsReport};

/// The most reports that are read in one message.
pub const REPORTS_MAX: usize = 4;
const DEPTH_MAX: usize = 8;
const PARTS_MAX: usize = 50;

/// What a part that is said to be a report holds.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// A report on TLS.
    Tls(Box<TlsReport>),
    /// An aggregate report of DMARC.
    Dmarc(Box<DmarcReport>),
    /// It could not be unpacked.
    Packed(NotUnpacked),
    /// It is no report on TLS, as its type has it.
    NotTls(NotTls),
    /// It is no report of DMARC.
    NotDmarc(NotDmarc),
}

/// What the parts of a message hold that are said to be reports.
pub fn find(message: &[u8]) -> Vec<Found> {
    find_within(message, UNPACKED_BYTES_MAX)
}

/// The same, where all of them together have no more than so many bytes unpacked.
pub fn find_within(message: &[u8], bound: usize) -> Vec<Found> {
    let (mut found, mut parts, mut left) = (Vec::new(), 0, bound.min(UNPACKED_BYTES_MAX));
    look(message, 0, (&mut parts, &mut left), &mut found);
    found
}

fn look(raw: &[u8], depth: usize, (parts, left): (&mut usize, &mut usize), found: &mut Vec<Found>) {
    *parts += 1;
    if depth > DEPTH_MAX || *parts > PARTS_MAX || found.len() >= REPORTS_MAX {
        return;
    }
    let entity = Entity::read(raw);
    match entity.pieces() {
        Some(pieces) => {
            for piece in pieces {
                if let Piece::Part(part) = piece {
                    look(part, depth + 1, (&mut *parts, &mut *left), found);
                }
            }
        }
        None => found.extend(report(&entity, left)),
    }
}

fn report(entity: &Entity<'_>, left: &mut usize) -> Option<Found> {
    let kind = entity.kind();
    let name = entity.name().unwrap_or_default().to_ascii_lowercase();
    let is_tls = matches!(kind, "application/tlsrpt+gzip" | "application/tlsrpt+json")
        || name.ends_with(".json")
        || name.ends_with(".json.gz");
    let is_packed =
        matches!(kind, "application/zip" | "application/x-zip-compressed" | "application/gzip" | "application/x-gzip");
    let is_xml = matches!(kind, "text/xml" | "application/xml") || name.ends_with(".xml");
    if !(is_tls || is_packed || is_xml || name.ends_with(".xml.gz") || name.ends_with(".zip")) {
        return None;
    }
    let bytes = match packed::unpack_within(&entity.decoded(), *left) {
        Ok(bytes) => bytes,
        Err(why) => return Some(Found::Packed(why)),
    };
    *left = left.saturating_sub(bytes.len());
    // What it is, its first sign tells; some send JSON as application/gzip.
    let is_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    Some(match is_tls || is_json {
        true => TlsReport::parse(&bytes).map_or_else(Found::NotTls, |report| Found::Tls(Box::new(report))),
        false => DmarcReport::parse(&bytes).map_or_else(Found::NotDmarc, |report| Found::Dmarc(Box::new(report))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_without_a_report_holds_none() {
        assert_eq!(find(b"Subject: hello\r\n\r\n{}\r\n"), []);
        assert_eq!(find(b""), []);
    }

    #[test]
    fn reports_of_one_letter_share_its_bound() {
        let part = format!("--b\r\nContent-Type: application/xml\r\n\r\n<feedback>{}\r\n", " ".repeat(60));
        let letter = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(2));
        let found = find_within(letter.as_bytes(), 100);
        assert!(matches!(found[..], [Found::NotDmarc(_), Found::Packed(NotUnpacked::TooLarge)]), "{found:?}");
    }

    #[test]
    fn no_more_parts_are_looked_at_than_reports_have() {
        let part = "--b\r\nContent-Type: application/xml\r\n\r\n<feedback/>\r\n";
        let letter = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(100));
        assert_eq!(find(letter.as_bytes()).len(), REPORTS_MAX);
    }
}
