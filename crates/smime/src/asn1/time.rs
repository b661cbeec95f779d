//! UTCTime and GeneralizedTime as RFC 5280 §4.1.2.5 wants them: to the second, in UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Malformed, Reader, tag, write};

/// Reads a Time. A year that ends beyond what a timestamp can hold ("99991231235959Z": no end) becomes the last one.
pub(crate) fn read_time(reader: &mut Reader<'_>) -> Result<Timestamp, Malformed> {
    let element = reader.any()?;
    let text = std::str::from_utf8(element.value).map_err(|_| Malformed)?;
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = digits.ok_or(Malformed)?;
    let (year, rest) = match (element.tag, digits.len()) {
        (tag::UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year = number(year)?;
            // RFC 5280 §4.1.2.5.1: two digits stand for 1950 to 2049.
            (year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        (tag::GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (number(year)?, rest)
        }
        _ => return Err(Malformed),
    };
    let part = |at: usize| rest.get(at..at + 2).ok_or(Malformed).and_then(number).map(|part| part as i8);
    let time = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).map_err(|_| Malformed)?;
    Ok(TimeZone::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX))
}

fn number(digits: &str) -> Result<i16, Malformed> {
    digits.parse().map_err(|_| Malformed)
}

/// Writes a Time: UTCTime through 2049, GeneralizedTime from then on.
pub(crate) fn write_time(time: Timestamp) -> Vec<u8> {
    let time = TimeZone::UTC.to_datetime(time);
    let rest = time.strftime("%m%d%H%M%SZ");
    if (1950..2050).contains(&time.year()) {
        let text = format!("{:02}{rest}", time.year() % 100);
        return write::element(tag::UTC_TIME, &[text.as_bytes()]);
    }
    let text = format!("{:04}{rest}", time.year());
    write::element(tag::GENERALIZED_TIME, &[text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tag: u8, text: &str, expect: Option<&str>) {
        let bytes = write::element(tag, &[text.as_bytes()]);
        let found = read_time(&mut Reader::der(&bytes)).ok();
        assert_eq!(found, expect.map(|time| time.parse().unwrap()), "{text}");
    }

    #[test]
    fn times_are_read() {
        check(tag::UTC_TIME, "490101000000Z", Some("2049-01-01T00:00:00Z"));
        check(tag::UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z"));
        check(tag::GENERALIZED_TIME, "20500101123456Z", Some("2050-01-01T12:34:56Z"));
        check(tag::GENERALIZED_TIME, "99991231235959Z", Some("9999-12-30T22:00:00.999999999Z"));
    }

    #[test]
    fn other_forms_are_refused() {
        check(tag::UTC_TIME, "4901010000Z", None);
        check(tag::UTC_TIME, "490101000000+0100", None);
        check(tag::UTC_TIME, "491301000000Z", None);
        check(tag::GENERALIZED_TIME, "20500101123456.5Z", None);
        check(tag::GENERALIZED_TIME, "20500101123456", None);
        check(tag::GENERALIZED_TIME, "2050010112345é", None);
        check(tag::IA5_STRING, "20500101123456Z", None);
    }

    #[test]
    fn what_is_written_is_read() {
        for time in ["1999-12-31T23:59:59Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z", "1949-01-01T00:00:00Z"] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(read_time(&mut Reader::der(&write_time(time))), Ok(time));
        }
    }
}
