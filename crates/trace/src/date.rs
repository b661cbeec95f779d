//! The dates of `Received` fields: RFC 5322 and all that is found instead of
//! it (ctime, ISO 8601, two-digit years, odd or missing zones).
//!
//! Reads a few dozen bytes at the most, wherever it begins.

use crate::moment::{Civil, Moment};

/// The date that stands at the start of `text`, and how many bytes it takes.
pub(crate) fn read(text: &str) -> Option<(Moment, usize)> {
    let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
    cursor.blanks();
    cursor.weekday();
    let civil = match cursor.peek()? {
        b'0'..=b'9' => numbers_first(&mut cursor),
        _ => ctime(&mut cursor),
    }?;
    Some((civil.moment()?, cursor.at))
}

/// The first date that stands anywhere in `text`, at the start of a word: for
/// fields without a semicolon.
pub(crate) fn find(text: &str) -> Option<Moment> {
    let starts = text.char_indices().filter(|(at, c)| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        c.is_ascii_alphanumeric() && before.is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    });
    starts.map(|(at, _)| at).find_map(|at| read(text.get(at..)?)).map(|(moment, _)| moment)
}

/// What stands inside a date is a weekday or a zone, and no longer.
const COMMENT_MAX: usize = 32;

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Blanks, or what some write in their place, and comments (RFC 5322 §4.3).
    fn gap(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'-' | b',' | b'.')) || self.comment() {
            self.at += 1;
        }
    }

    /// Moves to the end of a short comment without others in it, if one begins here.
    fn comment(&mut self) -> bool {
        if self.peek() != Some(b'(') {
            return false;
        }
        let near = self.bytes.iter().skip(self.at + 1).take(COMMENT_MAX);
        let end = near.enumerate().find(|(_, byte)| matches!(byte, b'(' | b')'));
        let Some((length, b')')) = end else { return false };
        self.at += length + 1;
        true
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A colon, perhaps with blanks around it (RFC 5322 §4.3).
    fn colon(&mut self) -> Option<()> {
        let start = self.at;
        self.blanks();
        if self.eat(b':').is_none() {
            self.at = start;
            return None;
        }
        self.blanks();
        Some(())
    }

    /// A number of at most four digits.
    fn number(&mut self) -> Option<(i64, usize)> {
        let (mut value, start) = (0, self.at);
        while let Some(digit @ b'0'..=b'9') = self.peek().filter(|_| self.at - start < 4) {
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        (self.at > start).then_some((value, self.at - start))
    }

    fn letters(&mut self) -> &[u8] {
        let start = self.at;
        while self.at - start < 12 && self.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.at += 1;
        }
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// A weekday says nothing that the date doesn't, in whatever language.
    fn weekday(&mut self) {
        let start = self.at;
        let (is_word, is_month) = (!self.letters().is_empty(), self.month_at(start).is_some());
        if matches!(self.peek(), Some(b',')) && is_word {
            self.gap();
        } else if is_month || !matches!(self.peek(), Some(b' ')) {
            self.at = start;
        } else {
            self.blanks();
        }
    }

    fn month_at(&self, at: usize) -> Option<i64> {
        let letters: [u8; 3] = self.bytes.get(at..at.checked_add(3)?)?.try_into().ok()?;
        let month = match &letters.map(|byte| byte.to_ascii_lowercase()) {
            b"jan" => 1,
            b"feb" => 2,
            b"mar" => 3,
            b"apr" => 4,
            b"may" => 5,
            b"jun" => 6,
            b"jul" => 7,
            b"aug" => 8,
            b"sep" => 9,
            b"oct" => 10,
            b"nov" => 11,
            b"dec" => 12,
            _ => return None,
        };
        Some(month)
    }

    fn month(&mut self) -> Option<i64> {
        let month = self.month_at(self.at);
        self.letters();
        month
    }

    /// Two digits are of our time (RFC 5322 §4.3).
    fn year(&mut self) -> Option<i64> {
        let (year, digits) = self.number()?;
        Some(match digits {
            4 => year,
            3 => year + 1900,
            _ if year < 50 => year + 2000,
            _ => year + 1900,
        })
    }

    fn time(&mut self, civil: &mut Civil) -> Option<()> {
        civil.hour = self.number()?.0;
        self.colon()?;
        civil.minute = self.number()?.0;
        if self.colon().is_some() {
            civil.second = self.number()?.0;
        }
        if matches!(self.peek(), Some(b'.' | b',')) {
            while self.peek().is_some_and(|byte| !matches!(byte, b' ' | b'\t' | b'+' | b'Z')) {
                self.at += 1;
            }
        }
        Some(())
    }

    /// An offset from UTC in seconds; 0 where none is written or it means
    /// nothing (RFC 5322 §4.3).
    fn zone(&mut self) -> i64 {
        self.blanks();
        let start = self.at;
        if self.comment() {
            self.at += 1;
            self.blanks();
        }
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(b'0'..=b'9') if self.at == start => return self.offset(1),
            Some(byte) if byte.is_ascii_alphabetic() && self.at == start => return self.named_zone(),
            _ => {
                // The comment belongs to what follows the date.
                self.at = start;
                return 0;
            }
        };
        self.at += 1;
        self.offset(sign)
    }

    fn offset(&mut self, sign: i64) -> i64 {
        let start = self.at;
        let offset = match self.number() {
            Some((hour, 2)) if self.eat(b':').is_some() => (hour, self.number().map_or(0, |(minute, _)| minute)),
            Some((both, 4)) => (both / 100, both % 100),
            Some((hour, 1 | 2)) => (hour, 0),
            _ => (0, 0),
        };
        if matches!(self.peek(), Some(b':')) {
            // That was no zone but something else that begins with digits.
            self.at = start;
            return 0;
        }
        self.letters();
        if offset.0 > 14 || offset.1 > 59 { 0 } else { sign * (offset.0 * 3600 + offset.1 * 60) }
    }

    fn named_zone(&mut self) -> i64 {
        let start = self.at;
        let mut name = [0u8; 5];
        let letters = self.letters();
        let is_capital = letters.iter().all(u8::is_ascii_uppercase);
        if let Some(name) = name.get_mut(..letters.len()) {
            name.copy_from_slice(letters);
            name.make_ascii_uppercase();
        }
        let minutes = match name.split(|byte| *byte == 0).next().unwrap_or_default() {
            b"HST" => -10 * 60,
            b"AKST" => -9 * 60,
            b"PST" | b"AKDT" => -8 * 60,
            b"MST" | b"PDT" => -7 * 60,
            b"CST" | b"MDT" => -6 * 60,
            b"EST" | b"CDT" => -5 * 60,
            b"EDT" => -4 * 60,
            b"BST" | b"CET" | b"MET" | b"MEZ" | b"WEST" => 60,
            b"CEST" | b"MEST" | b"MESZ" | b"EET" | b"SAST" => 2 * 60,
            b"EEST" | b"MSK" => 3 * 60,
            b"AWST" | b"HKT" | b"SGT" => 8 * 60,
            b"JST" | b"KST" => 9 * 60,
            b"AEST" => 10 * 60,
            b"AEDT" => 11 * 60,
            b"NZST" => 12 * 60,
            b"NZDT" => 13 * 60,
            b"UTC" | b"GMT" | b"UT" | b"Z" => match self.peek() {
                Some(b'+') => return self.signed(1),
                Some(b'-') => return self.signed(-1),
                _ => 0,
            },
            _ => {
                // `id`, `for` and the like are no zones; others mean nothing.
                if !is_capital {
                    self.at = start;
                }
                0
            }
        };
        minutes * 60
    }

    fn signed(&mut self, sign: i64) -> i64 {
        self.at += 1;
        self.offset(sign)
    }
}

/// `9 Apr 2008 23:34:45 +0900`, `2023-02-18 05:33:28.00 +0000`.
fn numbers_first(cursor: &mut Cursor<'_>) -> Option<Civil> {
    let mut civil = Civil::default();
    let (first, digits) = cursor.number()?;
    if digits == 4 && matches!(cursor.peek(), Some(b'-' | b'/')) {
        cursor.at += 1;
        civil.year = first;
        civil.month = cursor.number()?.0;
        cursor.eat(b'-').or_else(|| cursor.eat(b'/'))?;
        civil.day = cursor.number()?.0;
        if cursor.eat(b'T').is_none() {
            cursor.blanks();
        }
    } else {
        civil.day = first;
        cursor.gap();
        civil.month = cursor.month()?;
        cursor.gap();
        civil.year = cursor.year()?;
        cursor.gap();
    }
    cursor.time(&mut civil)?;
    civil.offset_s = cursor.zone();
    Some(civil)
}

/// `Apr 27 01:14:30 1996`, with a zone before or after the year.
fn ctime(cursor: &mut Cursor<'_>) -> Option<Civil> {
    let mut civil = Civil { month: cursor.month()?, ..Civil::default() };
    cursor.gap();
    civil.day = cursor.number()?.0;
    cursor.gap();
    let mut trial = Civil::default();
    let start = cursor.at;
    if cursor.time(&mut trial).is_none() {
        // `Apr 27, 1996 01:14:30`
        cursor.at = start;
        civil.year = cursor.year()?;
        cursor.gap();
        cursor.time(&mut civil)?;
        civil.offset_s = cursor.zone();
        return Some(civil);
    }
    (civil.hour, civil.minute, civil.second) = (trial.hour, trial.minute, trial.second);
    cursor.blanks();
    if cursor.peek().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'+' | b'-')) {
        civil.offset_s = cursor.zone();
        cursor.blanks();
        civil.year = cursor.year()?;
    } else {
        civil.year = cursor.year()?;
        civil.offset_s = cursor.zone();
    }
    Some(civil)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let found = read(text).map(|(moment, _)| moment.to_string()).unwrap_or_default();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn dates_of_rfc_5322() {
        check("Mon, 19 Aug 2019 10:41:21 -0400", "2019-08-19T14:41:21Z");
        check(" Thu,29 Apr 2006 23:34:45 +0000", "2006-04-29T23:34:45Z");
        check("29 Apr 2009 01:23:49 -0000", "2009-04-29T01:23:49Z");
        check("8 Mar 2017 04:00 +0530", "2017-03-07T22:30:00Z");
        check("Sat, 27 Apr 96 01:08:51 PDT", "1996-04-27T08:08:51Z");
        check("Wed, 8 Mar 102 16:46:17 GMT", "2002-03-08T16:46:17Z");
        check("Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00Z");
        check("Tue, 10 Dec 2024 13:08:20.432 +0000 (UTC)", "2024-12-10T13:08:20Z");
        check("Mi, 3 Feb 2010 10:00:00 +0100", "2010-02-03T09:00:00Z");
        check("Thursday, 9 April 2008 23:34:45 GMT+09:00", "2008-04-09T14:34:45Z");
    }

    #[test]
    fn dates_of_other_kinds() {
        check("Sat Apr 27 01:14:30 1996", "1996-04-27T01:14:30Z");
        check("Sat Apr 27 01:14:30 PDT 1996", "1996-04-27T08:14:30Z");
        check("Apr 27 01:14:30 1996 +0200", "1996-04-26T23:14:30Z");
        check("Apr 27, 1996 01:14:30 +0200", "1996-04-26T23:14:30Z");
        check("2023-02-18 05:33:28.00 +0000 UTC m=+642907.17", "2023-02-18T05:33:28Z");
        check("2024-12-10 13:08:20.5623x@y01 +0000 UTC", "2024-12-10T13:08:20Z");
        check("2023-02-18T05:33:28Z", "2023-02-18T05:33:28Z");
        check("2023-02-18T05:33:28.123+02:00", "2023-02-18T03:33:28Z");
    }

    #[test]
    fn zones_that_are_odd() {
        check("Tue, 15 Dec 2020 15:06:12 +0100S", "2020-12-15T14:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 0200", "2020-12-15T13:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 JST", "2020-12-15T06:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 EDT", "2020-12-15T19:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 edt", "2020-12-15T19:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 HST", "2020-12-16T01:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 A", "2020-12-15T15:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 Nowhere", "2020-12-15T15:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 (envelope-from x)", "2020-12-15T15:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 +9999", "2020-12-15T15:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12", "2020-12-15T15:06:12Z");
    }

    #[test]
    fn comments_and_blanks_inside_a_date() {
        check("Tue, (x) 15 Dec (y) 2020 15:06:12 -0800", "2020-12-15T23:06:12Z");
        check("Tue, 15 Dec 2020 15:06:12 (PST) -0800", "2020-12-15T23:06:12Z");
        check("Tue, 15 Dec 2020 15 : 06 : 12 +0100", "2020-12-15T14:06:12Z");
        check("Tue, 15 Dec 20 15:06 (x", "2020-12-15T15:06:00Z");
        // What follows a date without a zone is left to who reads on.
        assert_eq!(read("15 Dec 2020 15:06:12 (TLS) with").map(|(_, length)| length), Some(21));
    }

    #[test]
    fn what_is_no_date() {
        for text in
            ["", "*", "id", "Mon", "Mon, ", "12", "12 Foo 2020 1:1:1", "31 Feb 2020 10:00:00", "Mon, 19 Aug 2019"]
        {
            check(text, "");
        }
        check("99999999999999999999", "");
        check("19 Aug 2019 25:41:21", "");
        check("19 Aug 2019 10:71:21", "");
    }

    #[test]
    fn a_date_is_found_where_no_semicolon_leads_to_it() {
        let found = find("by x (SG) with HTTP id 2018100111202767-369529 Sat, 18 Feb 2023 05:33:27.926 +0000 (UTC)");
        assert_eq!(found.map(|moment| moment.to_string()).unwrap_or_default(), "2023-02-18T05:33:27Z");
        assert_eq!(find("from a by b with SMTP id 12"), None);
    }
}
