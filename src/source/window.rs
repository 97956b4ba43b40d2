//! Windows of time that a feed is asked for in: `window = { … }`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;

use super::template::check_format;
use crate::json::Pointer;

/// The windows of time that a feed is asked for in, one chain of pages for each.
///
/// Neighbouring windows share an end point: publishers differ in whether the end
/// is part of a window, and what two windows serve is stored once.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Where the first run begins.
    pub from: Moment,
    /// Where the feed ends, if it is over; else at the present.
    pub until: Option<Moment>,
    /// How `{from}` and `{to}` are written, if they do not say it themselves.
    pub format: String,
    /// The zone that dates are written in, if not the source's.
    pub zone: Option<TimeZone>,
    /// How long a window is; `None` is one window for all.
    pub step: Option<Step>,
    /// Which window comes first.
    pub order: Order,
    /// What the publisher compares with a window.
    pub basis: Basis,
    /// How far before the watermark an incremental run begins.
    pub overlap: Step,
    /// How far beyond the present the last window reaches.
    pub ahead: Option<Step>,
    /// When a window is halved.
    pub split_when: SplitWhen,
}

impl Window {
    /// Whether its steps can be said in requests whose dates have such a unit, and
    /// that name the end of a window or go on beyond it by themselves.
    pub(super) fn check(&self, unit: Unit, zone: &TimeZone, has_end: bool) -> Result<(), String> {
        let until = self.until.as_ref().map(|until| until.at(zone));
        if until.is_some_and(|until| until < self.from.at(zone)) {
            return Err("`until` is before `from`".into());
        }
        if self.split_when.items == Some(0) {
            return Err("`split_when.items` is at least 1".into());
        }
        let length = |span: Span| {
            let relative = SpanRelativeTo::days_are_24_hours();
            // of a calendar, months and years are of some length near these
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
                    "without `step` only the first {unit} is ever asked for"
                )),
                _ => Ok(()),
            };
        };
        let shortest = unit.seconds();
        if step < shortest {
            return Err(format!(
                "`step` is shorter than the {unit} that requests name"
            ));
        }
        if !has_end && step > shortest * 1.1 {
            return Err(format!(
                "a request names no {{to}}, so that a `step` is one {unit}: \
                 what lies behind it would not be asked for"
            ));
        }
        Ok(())
    }
}

/// What the publisher compares with a window. Only the date of the last change
/// tells what is new; by any other, a late entry appears behind the watermark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// When an entry changed last.
    Updated,
    /// When it was published.
    #[default]
    Published,
    /// A date of the process itself, such as the end of its tender.
    Event,
}

impl Basis {
    /// The word it is declared by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Published => "published",
            Self::Event => "event",
        }
    }

    /// How far before the watermark a run begins, unless the source says it.
    fn usual_overlap(self) -> Step {
        Step(match self {
            Self::Updated => Span::new().hours(1),
            Self::Published => Span::new().days(30),
            Self::Event => Span::new().days(180),
        })
    }

    /// The least overlap that finds late entries again, in days.
    fn least_overlap_days(self) -> i32 {
        match self {
            Self::Updated => 0,
            Self::Published | Self::Event => 7,
        }
    }
}

/// Which window comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The oldest, so that the watermark moves on with the run.
    #[default]
    Ascending,
    /// The newest; the watermark moves when all are there.
    Descending,
}

impl Order {
    /// The word it is declared by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }
}

/// When a window is halved and its halves are asked for in its place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitWhen {
    /// How many items the publisher gives of a window at most.
    pub items: Option<u64>,
    /// Where on a page the number of items of its window is; else that of
    /// `page.total_items`, or the items are counted.
    pub total: Option<Pointer>,
    /// Status codes that say that a window is too wide.
    pub status: Vec<u16>,
    /// The shortest window that is made; a sixty-fourth of a step unless named.
    pub smallest: Option<Step>,
}

/// A length of time of a calendar, such as `6h`, `7d`, `1mo` or `1y`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Step(pub Span);

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl TryFrom<String> for Step {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let span: Span = text
            .parse()
            .map_err(|_| format!("`{text}` is not a length of time such as 6h, 7d, 1mo or 1y"))?;
        if span.is_negative() {
            return Err(format!("`{text}` is below zero"));
        }
        Ok(Self(span))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

/// A date as people write one: `2024`, `2024-03`, `2024-03-01`, with a time of
/// day, and with a zone or an offset if it should not be in the source's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// One instant, whatever the zone.
    Instant(Timestamp),
    /// A date and time of day in some zone.
    Local(DateTime),
}

impl Moment {
    /// The instant it is in a zone.
    #[must_use]
    pub fn at(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Instant(instant) => *instant,
            // of the two readings of a repeated hour, the earlier
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
        // a date is midnight
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

/// `window = { … }` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowTable {
    from: Moment,
    until: Option<Moment>,
    format: Option<String>,
    zone: Option<Zone>,
    step: Option<Step>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    basis: Basis,
    overlap: Option<Step>,
    ahead: Option<Step>,
    #[serde(default)]
    split_when: SplitWhen,
}

#[derive(Deserialize)]
struct Zone(#[serde(deserialize_with = "super::time_zone")] TimeZone);

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = WindowTable::deserialize(deserializer)?;
        Self::try_from(table).map_err(serde::de::Error::custom)
    }
}

impl TryFrom<WindowTable> for Window {
    type Error = String;

    fn try_from(table: WindowTable) -> Result<Self, String> {
        let format = table.format.unwrap_or_else(|| "%Y-%m-%d".into());
        check_format(&format)?;
        if table.step.is_some_and(|step| step.0.is_zero()) {
            return Err("`step` is longer than nothing".into());
        }
        let overlap = table.overlap.unwrap_or(table.basis.usual_overlap());
        let least = Span::new().days(table.basis.least_overlap_days());
        let is_too_short = overlap
            .0
            .compare((least, SpanRelativeTo::days_are_24_hours()))
            // a span of months or years is never too short
            .is_ok_and(std::cmp::Ordering::is_lt);
        if is_too_short {
            return Err(format!(
                "`overlap` is at least {} days unless `basis` is \"updated\": \
                 what is entered late has a date behind the watermark",
                table.basis.least_overlap_days()
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

/// The smallest part of a date that a format writes; windows begin and end there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Seconds and less.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Months.
    Month,
    /// Years.
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
    /// About how long it is; months and years of thirty days.
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

    /// The smallest part that a format writes.
    #[must_use]
    pub fn of(format: &str) -> Self {
        let directives = format.split('%').skip(1).filter_map(|directive| {
            directive
                .chars()
                .find(|c| c.is_ascii_alphabetic())
                .map(Self::of_directive)
        });
        directives.min().unwrap_or(Self::Year)
    }

    fn of_directive(letter: char) -> Self {
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
    fn moments_are_read_as_people_write_them() {
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
    fn only_what_is_updated_may_overlap_little() {
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
            assert!(error.contains("`overlap` is at least 7 days"), "{error}");
            assert!(window(&format!("{table}overlap = \"7d\"")).is_ok());
            assert!(window(&format!("{table}overlap = \"1mo\"")).is_ok());
            assert!(window(&table).is_ok());
        }
    }

    #[test]
    fn a_format_tells_where_windows_begin() {
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
            assert_eq!(Unit::of(format), unit, "{format}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (table, expected) in [
            (
                "from = \"2024\"\nstep = \"a week\"",
                "`a week` is not a length of time",
            ),
            ("from = \"2024\"\nstep = \"-1d\"", "`-1d` is below zero"),
            (
                "from = \"2024\"\nstep = \"0d\"",
                "`step` is longer than nothing",
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
