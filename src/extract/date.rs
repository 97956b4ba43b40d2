//! Reads dates in the forms in which publishers write them.
//!
//! The forms are RFC 3339 and its common variants: no offset, a space in the place of the `T`, an
//! offset without its colon, any number of fraction digits, and only a date. Nothing is guessed:
//! `01/02/2020`, 30 February and an empty text are not dates. Year 1 is not a date either,
//! because some publishers write it for "none".

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// Parses an instant. If the text has no offset, the date is read in the time zone `zone`.
/// Returns `None` if the text is not a date, or if it is a date that cannot be stored.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let mut rest = DateText(text.trim_ascii().as_bytes());
    let year = rest.read_digits::<4>()?;
    rest.read_byte(b"-")?;
    let month = rest.read_digits::<2>()?;
    rest.read_byte(b"-")?;
    let day = rest.read_digits::<2>()?;
    if year <= 1 {
        return None;
    }
    if rest.0.is_empty() {
        let midnight = build_datetime([year, month, day, 0, 0, 0], 0)?;
        return zone.to_timestamp(midnight).ok();
    }
    rest.read_byte(b"Tt ")?;
    let hour = rest.read_digits::<2>()?;
    rest.read_byte(b":")?;
    let minute = rest.read_digits::<2>()?;
    let (second, nanosecond) = rest.read_seconds()?;
    let civil = build_datetime([year, month, day, hour, minute, second], nanosecond)?;
    if rest.0.is_empty() {
        return zone.to_timestamp(civil).ok();
    }
    rest.read_offset()?.to_timestamp(civil).ok()
}

fn build_datetime(
    [year, month, day, hour, minute, second]: [i16; 6],
    nanosecond: i32,
) -> Option<DateTime> {
    let [month, day, hour, minute, second] =
        [month, day, hour, minute, second].map(|two_digits| two_digits as i8);
    // jiff and PostgreSQL have no leap seconds, so a leap second becomes the second before it.
    let second = if second == 60 { 59 } else { second };
    DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()
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

    /// Reads one byte. Returns `None` if it is not one of the allowed bytes.
    fn read_byte(&mut self, allowed: &[u8]) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        allowed.contains(byte).then_some(*byte)
    }

    /// Reads `:SS`, `:SS.fraction` or nothing, and returns seconds and nanoseconds. Fraction
    /// digits after the ninth are ignored.
    fn read_seconds(&mut self) -> Option<(i16, i32)> {
        if self.0.first() != Some(&b':') {
            return Some((0, 0));
        }
        self.read_byte(b":")?;
        let second = self.read_digits::<2>()?;
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
            "20200102",
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
            "2020-01-02T24:00:00Z",
            "2020-01-02T03:60:00Z",
            "2020-01-02T03:04:61Z",
            "2020-01-02T03:04:05.Z",
            "2020-01-02T03:04:05+24:00",
            "2020-01-02T03:04:05+02:60",
            "2020-01-02T03:04:05+2",
            "2020-01-02T03:04:05Zulu",
            "2020-01-02T03:04:05Z[Europe/London]",
            "-2020-01-02",
            "2020-1-2",
            "２０２０-01-02",
        ] {
            assert_eq!(read(text), None, "{text}");
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
        fn takes_any_text(text in ".{0,40}", digits in "[0-9TZ:. +-]{0,30}") {
            parse(&text, &TimeZone::UTC);
            parse(&digits, &TimeZone::UTC);
        }
    }
}
