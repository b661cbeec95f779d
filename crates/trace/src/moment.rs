//! A second in UTC, and how it is written.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z. Shown as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

/// What a clock and a calendar show, with the offset from UTC in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub offset_s: i64,
}

const DAY_S: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

impl Civil {
    /// None where no clock shows that. 24:00 and a leap second are shown by some.
    pub(crate) fn moment(self) -> Option<Moment> {
        let is_date = (1..=9999).contains(&self.year) && (1..=self.days_of_month()?).contains(&self.day);
        let is_time = self.hour <= 24 && self.minute < 60 && self.second <= 60;
        let second = self.hour * 3600 + self.minute * 60 + self.second - self.offset_s;
        (is_date && is_time).then(|| Moment(self.days() * DAY_S + second))
    }

    fn days_of_month(self) -> Option<i64> {
        let is_leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
            4 | 6 | 9 | 11 => Some(30),
            2 => Some(if is_leap { 29 } else { 28 }),
            _ => None,
        }
    }

    /// Days since 1970-01-01, by eras of 400 years that begin in March.
    fn days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (self.0.div_euclid(DAY_S), self.0.rem_euclid(DAY_S));
        let (year, month, day) = civil(day);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }
}

/// Year, month and day of a day that is counted from 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day.saturating_add(EPOCH);
    let (era, of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Seconds between two hops as people read them: `+3s`, `+2m05s`, `+1h10m`,
/// `+3d04h`; below zero the clocks disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay(pub i64);

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let all = self.0.unsigned_abs();
        let (days, hours, minutes, rest) = (all / 86_400, all / 3600 % 24, all / 60 % 60, all % 60);
        match all {
            0..60 => write!(f, "{sign}{all}s"),
            60..3_600 => write!(f, "{sign}{minutes}m{rest:02}s"),
            3_600..86_400 => write!(f, "{sign}{hours}h{minutes:02}m"),
            _ if days > 9_999 => write!(f, "{sign}years"),
            _ => write!(f, "{sign}{days}d{hours:02}h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_back_as_they_went() {
        for day in (-800_000..800_000).step_by(61) {
            let (year, month, of_month) = civil(day);
            let civil = Civil { year, month, day: of_month, ..Civil::default() };
            assert_eq!(civil.days(), day);
        }
    }

    #[test]
    fn what_no_calendar_shows_is_no_moment() {
        let check = |year, month, day, expect: bool| {
            assert_eq!(
                Civil { year, month, day, ..Civil::default() }.moment().is_some(),
                expect,
                "{year}-{month}-{day}"
            );
        };
        check(2024, 2, 29, true);
        check(2023, 2, 29, false);
        check(1900, 2, 29, false);
        check(2000, 2, 29, true);
        check(2023, 13, 1, false);
        check(2023, 0, 1, false);
        check(2023, 4, 31, false);
    }

    #[test]
    fn delays_are_short() {
        for (seconds, expect) in [
            (0, "+0s"),
            (59, "+59s"),
            (-3, "-3s"),
            (125, "+2m05s"),
            (4_200, "+1h10m"),
            (277_200, "+3d05h"),
            (i64::MIN, "-years"),
            (86_400 * 9_999, "+9999d00h"),
        ] {
            assert_eq!(Delay(seconds).to_string(), expect);
        }
    }
}
