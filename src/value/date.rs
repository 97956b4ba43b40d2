//! Reads dates in the forms in which publishers write them.
//!
//! Only forms that have one meaning are read:
//!
//! | form | written by |
//! |---|---|
//! | RFC 3339, also with a space for the `T`, without an offset, without seconds, or only a date | most publishers |
//! | `20240403`, `20240403T100000Z` | the basic format of ISO 8601 |
//! | `2024-04-03T24:00:00`, the midnight after that day | ISO 8601 |
//! | `2024-04-03T10:00:00+02:00[Europe/Paris]` (RFC 9557); the offset counts | `ZonedDateTime` of Java |
//! | `1712138400000`, milliseconds since 1970, as a number or as text | `Date` of JavaScript, Jackson |
//! | `/Date(1712138400000)/`, perhaps with an offset, which does not change the instant | .NET |
//!
//! Nothing is guessed: `01/02/2020`, 30 February and an empty text are not dates. The years 0 and
//! 1 are not read either, because publishers write them for "none".
//!
//! A date of the basic format must be of the years 1900 to 2199. Then eight digits cannot be a day
//! and a month before a year, because a year of these centuries is not a month and a day.
//! Milliseconds have thirteen digits, as all of the years 2001 to 2286 do. Seconds since 1970 are
//! not read: their ten digits may also be a date with an hour.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// Parses an instant. If the text has no offset, the date is read in the time zone `zone`.
/// Returns `None` if the text is not a date, or if it is a date that cannot be stored.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim_ascii();
    parse_calendar(text, zone).or_else(|| parse_milliseconds(text))
}

/// Returns true if the text stands for "no date": a date of year 0 or 1, which are the smallest
/// dates of several languages and databases.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim_ascii();
    text.starts_with("0000-") || text.starts_with("0001-")
}

/// Parses a date that is written as year, month and day.
fn parse_calendar(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (text, has_zone_name) = split_zone_name(text);
    let mut rest = DateText(text.as_bytes());
    let year = rest.read_digits::<4>()?;
    let is_extended = rest.skip_byte(b'-');
    let month = rest.read_two_digits()?;
    if is_extended {
        rest.read_byte(b"-")?;
    }
    let day = rest.read_two_digits()?;
    let years = if is_extended { 2..=9999 } else { 1900..=2199 };
    if !years.contains(&year) {
        return None;
    }
    let date = Date::new(year, month, day).ok()?;
    let mut civil = date.to_datetime(Time::midnight());
    if !rest.0.is_empty() {
        rest.read_byte(b"Tt ")?;
        civil = rest.read_time(date)?;
    }
    if !rest.0.is_empty() {
        return rest.read_offset()?.to_timestamp(civil).ok();
    }
    // Java writes the name of a zone only after an offset.
    if has_zone_name {
        return None;
    }
    zone.to_timestamp(civil).ok()
}

/// Splits off the name of a time zone in brackets, and returns true if there is one.
fn split_zone_name(text: &str) -> (&str, bool) {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-/_:.~".contains(&byte);
    let split = || {
        let (date, name) = text.strip_suffix(']')?.rsplit_once('[')?;
        (!name.is_empty() && name.bytes().all(is_part)).then_some(date)
    };
    match split() {
        Some(date) => (date, true),
        None => (text, false),
    }
}

/// Parses the milliseconds since 1970.
fn parse_milliseconds(text: &str) -> Option<Timestamp> {
    let of_net = || text.strip_prefix("/Date(")?.strip_suffix(")/");
    let digits = match of_net() {
        Some(inner) => strip_short_offset(inner),
        None if text.len() == 13 && !text.starts_with('0') => text,
        None => return None,
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > 13 {
        return None;
    }
    Timestamp::from_millisecond(digits.parse().ok()?).ok()
}

/// Removes an offset such as `+0200` from the end of a text.
fn strip_short_offset(text: &str) -> &str {
    let Some((start, offset)) = text.split_at_checked(text.len().saturating_sub(5)) else {
        return text;
    };
    let (sign, digits) = offset.split_at_checked(1).unwrap_or_default();
    let is_offset = matches!(sign, "+" | "-") && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_offset { start } else { text }
}

/// The part of a date's text that was not read yet.
struct DateText<'t>(&'t [u8]);

impl DateText<'_> {
    fn read_digits<const N: usize>(&mut self) -> Option<i16> {
        let (digits, rest) = self.0.split_first_chunk::<N>()?;
        let mut value = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i16::from(digit - b'0');
        }
        self.0 = rest;
        Some(value)
    }

    fn read_two_digits(&mut self) -> Option<i8> {
        i8::try_from(self.read_digits::<2>()?).ok()
    }

    /// Reads one byte. Returns `None` if it is not one of the allowed bytes.
    fn read_byte(&mut self, allowed: &[u8]) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        allowed.contains(byte).then_some(*byte)
    }

    /// Moves past this byte if it is the next one, and returns true if it was.
    fn skip_byte(&mut self, byte: u8) -> bool {
        let is_next = self.0.first() == Some(&byte);
        if is_next {
            self.0 = &self.0[1..];
        }
        is_next
    }

    /// Reads the time of this day, with a colon between its parts or without.
    fn read_time(&mut self, date: Date) -> Option<DateTime> {
        let hour = self.read_two_digits()?;
        let has_colon = self.skip_byte(b':');
        let minute = self.read_two_digits()?;
        let (second, nanosecond) = self.read_seconds(has_colon)?;
        if (hour, minute, second, nanosecond) == (24, 0, 0, 0) {
            return Some(date.tomorrow().ok()?.to_datetime(Time::midnight()));
        }
        // jiff and PostgreSQL have no leap seconds, so a leap second becomes the second before it.
        let second = if second == 60 { 59 } else { second };
        let time = Time::new(hour, minute, second, nanosecond).ok()?;
        Some(date.to_datetime(time))
    }

    /// Reads seconds, seconds with a fraction, or nothing. Returns seconds and nanoseconds.
    /// Fraction digits after the ninth are ignored.
    fn read_seconds(&mut self, has_colon: bool) -> Option<(i8, i32)> {
        let has_seconds = match has_colon {
            true => self.skip_byte(b':'),
            false => self.0.first().is_some_and(u8::is_ascii_digit),
        };
        if !has_seconds {
            return Some((0, 0));
        }
        let second = self.read_two_digits()?;
        if !matches!(self.0.first(), Some(b'.' | b',')) {
            return Some((second, 0));
        }
        self.read_byte(b".,")?;
        let length = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (fraction, rest) = self.0.split_at(length);
        self.0 = rest;
        if fraction.is_empty() {
            return None;
        }
        let nanosecond = (0..9).fold(0, |value, place| {
            value * 10
                + fraction
                    .get(place)
                    .map_or(0, |digit| i32::from(digit - b'0'))
        });
        Some((second, nanosecond))
    }

    /// Reads the offset at the end of the text. It is `Z`, `+HH:MM`, `+HHMM` or `+HH`, perhaps
    /// after a space.
    fn read_offset(&mut self) -> Option<Offset> {
        self.0 = self.0.trim_ascii_start();
        let sign = match self.read_byte(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return self.0.is_empty().then_some(Offset::UTC),
        };
        let hours = self.read_digits::<2>()?;
        if self.0.first() == Some(&b':') {
            self.read_byte(b":")?;
        }
        let minutes = if self.0.is_empty() {
            0
        } else {
            self.read_digits::<2>()?
        };
        if !self.0.is_empty() || hours > 23 || minutes > 59 {
            return None;
        }
        let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
        Offset::from_seconds(sign * seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        let zone = TimeZone::get("Africa/Johannesburg").unwrap();
        parse(text, &zone).map(|instant| instant.to_string())
    }

    #[test]
    fn reads_the_dates_that_publishers_write() {
        for (text, instant) in [
            ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
            ("2020-01-02t03:04:05z", "2020-01-02T03:04:05Z"),
            ("2020-01-02T03:04:05+02:00", "2020-01-02T01:04:05Z"),
            ("2020-01-02T03:04:05-0330", "2020-01-02T06:34:05Z"),
            ("2020-01-02T03:04:05+02", "2020-01-02T01:04:05Z"),
            ("2020-01-02 03:04:05 +0200", "2020-01-02T01:04:05Z"),
            (
                "2020-01-02 03:04:05.1234567",
                "2020-01-02T01:04:05.1234567Z",
            ),
            (
                "2020-01-02T03:04:05.12345678912Z",
                "2020-01-02T03:04:05.123456789Z",
            ),
            ("2020-01-02T03:04:05", "2020-01-02T01:04:05Z"),
            ("2020-01-02T03:04Z", "2020-01-02T03:04:00Z"),
            ("2020-01-02", "2020-01-01T22:00:00Z"),
            (" 2020-01-02\n", "2020-01-01T22:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("20200102", "2020-01-01T22:00:00Z"),
            ("20200102T030405Z", "2020-01-02T03:04:05Z"),
            ("20200102T0304+0200", "2020-01-02T01:04:00Z"),
            ("20200102 03:04:05.5", "2020-01-02T01:04:05.5Z"),
            ("2020-01-02T0304", "2020-01-02T01:04:00Z"),
            ("2020-12-31T24:00:00Z", "2021-01-01T00:00:00Z"),
            ("2020-02-28T24:00", "2020-02-28T22:00:00Z"),
            ("2020-01-02T240000.000+01:00", "2020-01-02T23:00:00Z"),
            ("2020-01-02T03:04:05Z[UTC]", "2020-01-02T03:04:05Z"),
            (
                "2020-01-02T03:04:05.25+02:00[Europe/Helsinki]",
                "2020-01-02T01:04:05.25Z",
            ),
            ("2020-01-02T03:04+05[GMT+05:00]", "2020-01-01T22:04:00Z"),
            ("1577934245000", "2020-01-02T03:04:05Z"),
            ("1000000000000", "2001-09-09T01:46:40Z"),
            ("/Date(1577934245678)/", "2020-01-02T03:04:05.678Z"),
            ("/Date(1577934245678+0200)/", "2020-01-02T03:04:05.678Z"),
            ("/Date(0)/", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(instant), "{text}");
        }
    }

    #[test]
    fn guesses_nothing() {
        for text in [
            "",
            " ",
            "null",
            "2020",
            "2020-01",
            "2020002",
            "202001",
            "20201301",
            "20200230",
            "31122020",
            "12312020",
            "18991231",
            "22000101",
            "2020-0102",
            "202001-02",
            "20200102030405",
            "20200102T03",
            "01/02/2020",
            "2023-02-29",
            "2020-02-30T00:00:00Z",
            "2020-13-01",
            "2020-00-10",
            "0001-01-01T00:00:00Z",
            "0000-01-01",
            "9999-12-31T23:59:59Z",
            "2020-01-02T",
            "2020-01-02T03",
            "2020-01-02T24:00:01Z",
            "2020-01-02T24:01",
            "2020-01-02T25:00:00Z",
            "2020-01-02T03:0405Z",
            "2020-01-02T0304:05Z",
            "2020-01-02T03:60:00Z",
            "2020-01-02T03:04:61Z",
            "2020-01-02T03:04:05.Z",
            "2020-01-02T03:04:05+24:00",
            "2020-01-02T03:04:05+02:60",
            "2020-01-02T03:04:05+2",
            "2020-01-02T03:04:05Zulu",
            "2020-01-02T03:04:05[Europe/London]",
            "2020-01-02[UTC]",
            "2020-01-02T03:04:05Z[]",
            "2020-01-02T03:04:05Z[Europe/London",
            "2020-01-02T03:04:05Z[not a zone]",
            "0577934245000",
            "157793424500",
            "15779342450000",
            "1577934245",
            "-1577934245000",
            "1577934245000.5",
            "/Date()/",
            "/Date(-62135596800000)/",
            "/Date(15779342456789)/",
            "/Date(1577934245678+02)/",
            "Date(1577934245678)",
            "-2020-01-02",
            "2020-1-2",
            "２０２０-01-02",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_years_stand_for_no_date() {
        for (text, expected) in [
            ("0001-01-01T00:00:00Z", true),
            (" 0000-00-00 00:00:00", true),
            ("0002-01-01", false),
            ("00010101", false),
            ("2020-01-01", false),
            ("", false),
        ] {
            assert_eq!(is_placeholder(text), expected, "{text}");
        }
    }

    #[test]
    fn a_local_time_that_the_clock_skipped_or_repeated_is_still_an_instant() {
        let london = TimeZone::get("Europe/London").unwrap();
        let read = |text| parse(text, &london).map(|instant| instant.to_string());
        assert_eq!(
            read("2024-03-31T01:30:00").as_deref(),
            Some("2024-03-31T01:30:00Z")
        );
        assert_eq!(
            read("2024-10-27T01:30:00").as_deref(),
            Some("2024-10-27T00:30:00Z")
        );
    }

    proptest! {
        #[test]
        fn reads_back_whatever_instant_is_written(second in -62_000_000_000_i64..253_000_000_000, nanosecond in 0..1_000_000_000) {
            let instant = Timestamp::new(second, nanosecond).unwrap();
            prop_assert_eq!(parse(&instant.to_string(), &TimeZone::UTC), Some(instant));
        }

        #[test]
        fn takes_any_text(text in ".{0,40}", digits in r"(/Date\()?[0-9TZ:. +-]{0,30}(\[[A-Z]*\]|\)/)?") {
            parse(&text, &TimeZone::UTC);
            parse(&digits, &TimeZone::UTC);
        }
    }
}
