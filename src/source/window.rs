//! Windows of time: the key `window = { … }` of a source.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};

use super::template::check_format;
use crate::json::Pointer;

/// The windows of time in which a feed is fetched. Each window is a chain of pages.
///
/// Neighbouring windows share a point in time, because publishers differ in whether a window
/// includes its end. A release that two windows contain is stored once.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "WindowTable")]
pub struct Window {
    /// The start of the first run.
    pub from: Moment,
    /// The end of the feed, if the feed has ended. Otherwise the last window ends now.
    pub until: Option<Moment>,
    /// The format of `{from}` and `{to}`, if a template does not give one.
    pub format: String,
    /// The time zone of the dates in requests, if it differs from the source's.
    pub zone: Option<TimeZone>,
    /// The length of a window. If it is `None`, the whole time is a single window.
    pub step: Option<CalendarSpan>,
    /// The order in which the windows are fetched.
    pub order: Order,
    /// The kind of date that the publisher compares with a window.
    pub basis: Basis,
    /// The distance before the watermark at which an incremental run begins.
    pub overlap: CalendarSpan,
    /// The distance after the present time at which the last window ends.
    pub ahead: Option<CalendarSpan>,
    /// The conditions for halving a window.
    pub split_when: SplitWhen,
}

impl Window {
    /// Checks that requests can express the windows. `unit` is the smallest unit of the dates in
    /// requests. `has_end` is true if requests contain the end of a window, or if pagination
    /// continues after the end of the window.
    pub(super) fn check(&self, unit: Unit, zone: &TimeZone, has_end: bool) -> Result<(), String> {
        let until = self.until.as_ref().map(|until| until.at(zone));
        if until.is_some_and(|until| until < self.from.at(zone)) {
            return Err("`until` is before `from`".into());
        }
        if self.split_when.items == Some(0) {
            return Err("`split_when.items` must be at least 1".into());
        }
        let length = |span: Span| {
            let relative = SpanRelativeTo::days_are_24_hours();
            // The exact length of months and years depends on the date; 30-day months are close
            // enough.
            let months = f64::from(i32::from(span.get_years()) * 12 + span.get_months());
            let rest = span
                .years(0)
                .months(0)
                .total((jiff::Unit::Second, relative));
            months * 30.0 * 86_400.0 + rest.unwrap_or(f64::MAX)
        };
        let Some(step) = self.step.map(|step| length(step.0)) else {
            return match unit {
                Unit::Month | Unit::Year if !has_end => Err(format!(
                    "without `step` only the first {unit} would be requested"
                )),
                _ => Ok(()),
            };
        };
        let shortest = unit.seconds();
        if step < shortest {
            return Err(format!(
                "`step` is shorter than a {unit}, the smallest unit in the requests"
            ));
        }
        if !has_end && step > shortest * 1.1 {
            return Err(format!(
                "`step` must be one {unit}, because the requests do not contain {{to}}: \
                 the rest of a longer window would not be requested"
            ));
        }
        Ok(())
    }
}

/// The kind of date that the publisher compares with a window. Only if it is the date of the last
/// change, a window shows everything that is new. With any other date, an entry may appear late,
/// before the watermark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The publisher compares the date of an entry's last change.
    Updated,
    /// The publisher compares the date of an entry's publication.
    #[default]
    Published,
    /// The publisher compares a date of the contracting process itself, such as the end of its
    /// tender period.
    Event,
}

impl Basis {
    fn default_overlap(self) -> CalendarSpan {
        CalendarSpan(match self {
            Self::Updated => Span::new().hours(1),
            Self::Published => Span::new().days(30),
            Self::Event => Span::new().days(180),
        })
    }

    /// Returns the smallest overlap, in days, that still finds late entries.
    fn min_overlap_days(self) -> i32 {
        match self {
            Self::Updated => 0,
            Self::Published | Self::Event => 7,
        }
    }
}

/// The order in which the windows are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The oldest window comes first, so that the watermark advances during the run.
    #[default]
    Ascending,
    /// The newest window comes first. The watermark advances only when all windows are done.
    Descending,
}

/// The conditions for halving a window. The two halves are then fetched instead of the window.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitWhen {
    /// A window is halved if it has this many items, because the publisher never returns more.
    pub items: Option<u64>,
    /// The pointer to the number of items of the window. Without it, `page.total_items` is
    /// used, or else the items are counted.
    pub total: Option<Pointer>,
    /// A window is halved if the server answers with one of these status codes.
    pub status: Vec<u16>,
    /// Halves are never shorter than this. The default is 1/64 of `step`.
    pub smallest: Option<CalendarSpan>,
}

/// A length of time in calendar units, such as `6h`, `7d`, `1mo` or `1y`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct CalendarSpan(pub Span);

impl PartialEq for CalendarSpan {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl TryFrom<String> for CalendarSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let span: Span = text
            .parse()
            .map_err(|_| format!("`{text}` is not a length of time such as 6h, 7d, 1mo or 1y"))?;
        if span.is_negative() {
            return Err(format!("`{text}` is negative"));
        }
        Ok(Self(span))
    }
}

impl fmt::Display for CalendarSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// A date in a usual form: `2024`, `2024-03`, `2024-03-01`, or a date with a time of day. A date
/// with a zone or an offset does not use the zone of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The date has a zone or an offset, so it does not depend on the source's zone.
    Instant(Timestamp),
    /// The date and time of day are in the source's zone.
    Local(DateTime),
}

impl Moment {
    /// Returns the instant in the given zone.
    #[must_use]
    pub fn at(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Instant(instant) => *instant,
            // If a local time occurs twice, this is the earlier instant.
            Self::Local(local) => zone
                .to_ambiguous_timestamp(*local)
                .earlier()
                .unwrap_or(Timestamp::MIN),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(instant) => instant.fmt(f),
            Self::Local(local) => local.fmt(f),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(instant) = text.parse() {
            return Ok(Self::Instant(instant));
        }
        let whole = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            _ => text.to_owned(),
        };
        // A date without a time of day means midnight.
        let local = whole.parse::<DateTime>().ok();
        local.map(Self::Local).ok_or_else(|| {
            format!("`{text}` is not a date such as 2024-03-01 or 2024-03-01T12:00:00Z")
        })
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowTable {
    from: Moment,
    until: Option<Moment>,
    format: Option<String>,
    zone: Option<Zone>,
    step: Option<CalendarSpan>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    basis: Basis,
    overlap: Option<CalendarSpan>,
    ahead: Option<CalendarSpan>,
    #[serde(default)]
    split_when: SplitWhen,
}

#[derive(Deserialize)]
struct Zone(#[serde(deserialize_with = "super::time_zone")] TimeZone);

impl TryFrom<WindowTable> for Window {
    type Error = String;

    fn try_from(table: WindowTable) -> Result<Self, String> {
        let format = table.format.unwrap_or_else(|| "%Y-%m-%d".into());
        check_format(&format)?;
        if table.step.is_some_and(|step| step.0.is_zero()) {
            return Err("`step` must be longer than zero".into());
        }
        let overlap = table.overlap.unwrap_or(table.basis.default_overlap());
        let least = Span::new().days(table.basis.min_overlap_days());
        let is_too_short = overlap
            .0
            .compare((least, SpanRelativeTo::days_are_24_hours()))
            // a span of months or years cannot be compared here, and it is always long enough
            .is_ok_and(std::cmp::Ordering::is_lt);
        if is_too_short {
            return Err(format!(
                "`overlap` must be at least {} days unless `basis` is \"updated\": \
                 late entries have dates before the watermark",
                table.basis.min_overlap_days()
            ));
        }
        Ok(Self {
            from: table.from,
            until: table.until,
            format,
            zone: table.zone.map(|Zone(zone)| zone),
            step: table.step,
            order: table.order,
            basis: table.basis,
            overlap,
            ahead: table.ahead,
            split_when: table.split_when,
        })
    }
}

/// The smallest unit of the dates that a format writes. Windows begin and end on this unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// The dates have seconds or a smaller unit.
    Second,
    /// The smallest unit is a minute.
    Minute,
    /// The smallest unit is an hour.
    Hour,
    /// The smallest unit is a day.
    Day,
    /// The smallest unit is a month.
    Month,
    /// The smallest unit is a year.
    Year,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        })
    }
}

impl Unit {
    /// Returns the approximate length in seconds. Months have 30 days, and years have 12
    /// months.
    fn seconds(self) -> f64 {
        match self {
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3_600.0,
            Self::Day => 86_400.0,
            Self::Month => 30.0 * 86_400.0,
            Self::Year => 360.0 * 86_400.0,
        }
    }

    /// Returns the smallest unit that a date format writes.
    #[must_use]
    pub fn from_format(format: &str) -> Self {
        let directives = format.split('%').skip(1).filter_map(|directive| {
            directive
                .chars()
                .find(|c| c.is_ascii_alphabetic())
                .map(Self::from_directive)
        });
        directives.min().unwrap_or(Self::Year)
    }

    fn from_directive(letter: char) -> Self {
        match letter {
            'M' | 'R' => Self::Minute,
            'H' | 'I' | 'k' | 'l' | 'p' | 'P' => Self::Hour,
            'd' | 'e' | 'j' | 'F' | 'D' | 'a' | 'A' | 'u' | 'w' | 'x' => Self::Day,
            'm' | 'b' | 'B' | 'h' => Self::Month,
            'Y' | 'y' | 'C' | 'G' | 'g' | 'z' | 'Z' | 'Q' => Self::Year,
            _ => Self::Second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(table: &str) -> Result<Window, String> {
        toml::from_str(table).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn moments_are_parsed_as_people_write_them() {
        let zone = TimeZone::get("Africa/Johannesburg").unwrap();
        for (text, expected) in [
            ("2024", "2023-12-31T22:00:00Z"),
            ("2024-03", "2024-02-29T22:00:00Z"),
            ("2024-03-01", "2024-02-29T22:00:00Z"),
            ("2024-03-01T12:30", "2024-03-01T10:30:00Z"),
            ("2024-03-01T12:30:00Z", "2024-03-01T12:30:00Z"),
            ("2024-03-01T12:30:00-04:00", "2024-03-01T16:30:00Z"),
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.at(&zone).to_string(), expected, "{text}");
        }
        for text in ["", "soon", "2024-13", "24-01-01", "2024-02-30"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_basis_updated_allows_a_short_overlap() {
        assert!(
            window(
                r#"from = "2024", basis = "updated", overlap = "5m""#
                    .replace(", ", "\n")
                    .as_str()
            )
            .is_ok()
        );
        for basis in ["published", "event"] {
            let table = format!("from = \"2024\"\nbasis = \"{basis}\"\n");
            let error = window(&format!("{table}overlap = \"6d\"")).unwrap_err();
            assert!(
                error.contains("`overlap` must be at least 7 days"),
                "{error}"
            );
            assert!(window(&format!("{table}overlap = \"7d\"")).is_ok());
            assert!(window(&format!("{table}overlap = \"1mo\"")).is_ok());
            assert!(window(&table).is_ok());
        }
    }

    #[test]
    fn a_format_has_a_smallest_unit() {
        for (format, unit) in [
            ("%Y-%m-%dT%H:%M:%SZ", Unit::Second),
            ("%s", Unit::Second),
            ("%Y-%m-%dT%H:%M", Unit::Minute),
            ("%Y-%m-%dT%H:00:00-04:00", Unit::Hour),
            ("%F", Unit::Day),
            ("%-d/%-m/%Y", Unit::Day),
            ("%Y/%m", Unit::Month),
            ("1/1/%Y", Unit::Year),
        ] {
            assert_eq!(Unit::from_format(format), unit, "{format}");
        }
    }

    #[test]
    fn errors_name_the_problem() {
        for (table, expected) in [
            (
                "from = \"2024\"\nstep = \"a week\"",
                "`a week` is not a length of time",
            ),
            ("from = \"2024\"\nstep = \"-1d\"", "`-1d` is negative"),
            (
                "from = \"2024\"\nstep = \"0d\"",
                "`step` must be longer than zero",
            ),
            (
                "from = \"2024\"\nformat = \"%!\"",
                "`%!` is not a date format",
            ),
            (
                "from = \"2024\"\nzone = \"Mars\"",
                "`Mars` is not a time zone",
            ),
        ] {
            let error = window(table).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
