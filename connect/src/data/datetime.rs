//! A point in time in milliseconds: what Java's `java.util.Date` holds.

use std::fmt;

/// Milliseconds of one day.
pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Values of the logical types Date, Time and Timestamp all have this type, as in Java; the
/// schema's name tells which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// The point `millis` milliseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The calendar fields in UTC.
    pub(crate) fn civil(self) -> Civil {
        let days = self.0.div_euclid(MILLIS_PER_DAY);
        let millis = self.0.rem_euclid(MILLIS_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            weekday: (days + 4).rem_euclid(7),
            hour: millis / 3_600_000,
            minute: millis / 60_000 % 60,
            second: millis / 1000 % 60,
            millis: millis % 1000,
        }
    }
}

/// Calendar fields; Julian before 1582-10-15, as Java's `GregorianCalendar` has it.
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    /// 0 is Sunday.
    pub(crate) weekday: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) millis: i64,
}

/// 1582-10-15, the first day of the Gregorian calendar.
const GREGORIAN_START: i64 = -141_427;
/// Days from 0000-03-01 to 1970-01-01, by the Gregorian and by the Julian calendar.
const GREGORIAN_EPOCH: i64 = 719_468;
const JULIAN_EPOCH: i64 = 719_470;

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let (year, day_of_year) = if days >= GREGORIAN_START {
        let days = days + GREGORIAN_EPOCH;
        let era = days.div_euclid(146_097);
        let day = days.rem_euclid(146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        (era * 400 + year, day - (365 * year + year / 4 - year / 100))
    } else {
        let days = days + JULIAN_EPOCH;
        let era = days.div_euclid(1461);
        let day = days.rem_euclid(1461);
        let year = (day - day / 1460) / 365;
        (era * 4 + year, day - 365 * year)
    };
    // Months from March; a five-month group has 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + i64::from(month <= 2), month, day)
}

/// The day number of a date whose month and day may be out of range, as a lenient calendar counts.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let year = year - i64::from(month <= 2);
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let gregorian =
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - GREGORIAN_EPOCH;
    if gregorian >= GREGORIAN_START {
        gregorian
    } else {
        year * 365 + year.div_euclid(4) + day_of_year - JULIAN_EPOCH
    }
}

/// As `java.util.Date.toString` in UTC: `Thu Jan 01 00:00:00 UTC 1970`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let civil = self.civil();
        let name = |names: &[&'static str], index: i64| {
            usize::try_from(index)
                .ok()
                .and_then(|i| names.get(i).copied())
                .unwrap_or_default()
        };
        write!(
            f,
            "{} {} {:02} {:02}:{:02}:{:02} UTC {}",
            name(&DAYS, civil.weekday),
            name(&MONTHS, civil.month - 1),
            civil.day,
            civil.hour,
            civil.minute,
            civil.second,
            year_of_era(civil.year)
        )
    }
}

/// The year as Java prints it: year 0 is 1 BC, and the era is not shown.
pub(crate) fn year_of_era(year: i64) -> i64 {
    if year > 0 { year } else { 1 - year }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_prints_as_in_java() {
        assert_eq!(
            DateTime::from_millis(0).to_string(),
            "Thu Jan 01 00:00:00 UTC 1970"
        );
        assert_eq!(
            DateTime::from_millis(-1).to_string(),
            "Wed Dec 31 23:59:59 UTC 1969"
        );
        assert_eq!(
            DateTime::from_millis(951_782_400_000).to_string(),
            "Tue Feb 29 00:00:00 UTC 2000"
        );
        // The day before the Gregorian calendar began.
        assert_eq!(
            DateTime::from_millis(GREGORIAN_START * MILLIS_PER_DAY - 1).to_string(),
            "Thu Oct 04 23:59:59 UTC 1582"
        );
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(
                days_from_civil(year, month, day),
                days,
                "{year}-{month}-{day}"
            );
        }
        assert_eq!(days_from_civil(2023, 14, 1), days_from_civil(2024, 2, 1));
    }
}
