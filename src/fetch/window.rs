//! Cuts time into windows, by pure functions over times in a time zone.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

use crate::source::{Source, Unit, Window};

/// The time that the requests of one chain cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeRange {
    /// The start of the time.
    pub from: Timestamp,
    /// The end of the time, which is the start of the next window.
    pub to: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct WindowCutter {
    zone: TimeZone,
    unit: Unit,
    step: Option<Span>,
    smallest: SignedDuration,
}

impl WindowCutter {
    pub(super) fn new(source: &Source, window: &Window) -> Self {
        let zone = source.window_zone().clone();
        let step = window.step.map(|step| step.0);
        let smallest = match window.split_when.smallest {
            Some(smallest) => estimate_length(smallest.0, &zone),
            None => step.map_or(SignedDuration::ZERO, |step| {
                estimate_length(step, &zone) / 64
            }),
        };
        Self {
            unit: source.window_unit(),
            zone,
            step,
            smallest,
        }
    }

    /// Returns the windows between two times, the oldest first. There is at least one. Each
    /// begins at a time that the source's date format can express.
    pub(super) fn cut(&self, from: Timestamp, until: Timestamp) -> Vec<TimeRange> {
        let mut windows = Vec::new();
        let start = self.floor_to_unit(from);
        let mut from = start.timestamp();
        let mut nth = 0;
        loop {
            // each end is computed from the first start, so that all months begin on the same day
            let to = loop {
                nth += 1;
                let end = self
                    .step
                    .and_then(|step| start.checked_add(step.checked_mul(nth).ok()?).ok());
                match end.map(|end| self.floor_to_unit(end.timestamp()).timestamp()) {
                    Some(end) if end <= from && end < until => {}
                    Some(end) => break end.min(until),
                    None => break until,
                }
            };
            windows.push(TimeRange {
                from,
                to: to.max(from),
            });
            if to >= until {
                return windows;
            }
            from = to;
        }
    }

    /// Returns the time at which a window is halved. Returns `None` if the halves would be
    /// shorter than the date format can express or the source allows.
    pub(super) fn find_middle(&self, window: TimeRange) -> Option<Timestamp> {
        let length = window.to.duration_since(window.from);
        let middle = window.from.checked_add(length / 2).ok()?;
        let middle = self.floor_to_unit(middle).timestamp();
        let is_long_enough = |half: SignedDuration| !half.is_zero() && half >= self.smallest;
        (middle > window.from
            && is_long_enough(middle.duration_since(window.from))
            && is_long_enough(window.to.duration_since(middle)))
        .then_some(middle)
    }

    /// Returns the start of the second, minute, hour, day, month or year that contains a time.
    pub(super) fn floor_to_unit(&self, instant: Timestamp) -> Zoned {
        let zoned = instant.to_zoned(self.zone.clone());
        let midnight = |date: jiff::civil::Date| date.to_zoned(self.zone.clone()).ok();
        let time = zoned.time();
        let floored = match self.unit {
            Unit::Second => zoned.with().subsec_nanosecond(0).build().ok(),
            Unit::Minute => set_time(&zoned, Time::constant(time.hour(), time.minute(), 0, 0)),
            Unit::Hour => set_time(&zoned, Time::constant(time.hour(), 0, 0, 0)),
            Unit::Day => midnight(zoned.date()),
            Unit::Month => midnight(zoned.date().first_of_month()),
            Unit::Year => midnight(zoned.date().first_of_year()),
        };
        floored.unwrap_or(zoned)
    }
}

/// Returns another time of the same day. If clocks show that time twice, the UTC offset stays the
/// same.
fn set_time(zoned: &Zoned, time: Time) -> Option<Zoned> {
    zoned.with().time(time).build().ok()
}

/// Estimates the length of a span in this time zone.
fn estimate_length(span: Span, zone: &TimeZone) -> SignedDuration {
    let start = Timestamp::UNIX_EPOCH.to_zoned(zone.clone());
    match start.checked_add(span) {
        Ok(end) => end.duration_since(&start),
        Err(_) => SignedDuration::MAX,
    }
}

/// Returns the time that an incremental run covers, if the source has windows. It begins at the
/// watermark minus the overlap, or else at the beginning of the feed, and ends now.
#[must_use]
pub fn incremental(
    source: &Source,
    watermark: Option<Timestamp>,
    now: Timestamp,
) -> Option<TimeRange> {
    let window = source.window.as_ref()?;
    let zone = source.window_zone();
    let beginning = window.from.at(zone);
    let shifted = |instant: Timestamp, span: Span| {
        let shifted = instant.to_zoned(zone.clone()).checked_add(span);
        shifted.map_or(instant, |zoned| zoned.timestamp())
    };
    let from = match watermark {
        Some(watermark) => shifted(watermark, window.overlap.0.negate()).max(beginning),
        None => beginning,
    };
    let ahead = window.ahead.map_or(now, |ahead| shifted(now, ahead.0));
    let to = match &window.until {
        Some(until) => until.at(zone).min(ahead),
        None => ahead,
    };
    Some(TimeRange {
        from,
        to: to.max(from),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(window: &str) -> Source {
        let mut source: Source = toml::from_str(&format!(
            "url = \"https://feed.example/{{from}}/{{to}}\"\nwindow = {{ {window} }}"
        ))
        .unwrap();
        source.validate().unwrap();
        source
    }

    fn cutter(window: &str) -> WindowCutter {
        let source = source(window);
        WindowCutter::new(&source, source.window.as_ref().unwrap())
    }

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn shown(windows: &[TimeRange]) -> Vec<String> {
        windows
            .iter()
            .map(|window| format!("{} {}", window.from, window.to))
            .collect()
    }

    #[test]
    fn windows_share_their_end_points_and_the_last_is_short() {
        let days = cutter(r#"from = "2024", step = "7d""#);
        let windows = days.cut(
            instant("2024-01-01T00:00:00Z"),
            instant("2024-01-17T10:00:00Z"),
        );
        assert_eq!(
            shown(&windows),
            [
                "2024-01-01T00:00:00Z 2024-01-08T00:00:00Z",
                "2024-01-08T00:00:00Z 2024-01-15T00:00:00Z",
                "2024-01-15T00:00:00Z 2024-01-17T10:00:00Z",
            ]
        );
    }

    #[test]
    fn months_begin_where_they_do_in_the_zone() {
        let months =
            cutter(r#"from = "2024", step = "1mo", format = "%Y/%m", zone = "America/Santiago""#);
        let windows = months.cut(
            instant("2024-01-31T12:00:00Z"),
            instant("2024-03-01T12:00:00Z"),
        );
        assert_eq!(
            shown(&windows),
            [
                "2024-01-01T03:00:00Z 2024-02-01T03:00:00Z",
                "2024-02-01T03:00:00Z 2024-03-01T03:00:00Z",
                "2024-03-01T03:00:00Z 2024-03-01T12:00:00Z",
            ]
        );
    }

    #[test]
    fn a_window_is_halved_where_requests_can_say_it() {
        let days = cutter(r#"from = "2024", step = "64d""#);
        let window = |from, to| TimeRange {
            from: instant(from),
            to: instant(to),
        };
        let middle = |from, to| days.find_middle(window(from, to)).map(|at| at.to_string());
        assert_eq!(
            middle("2024-01-01T00:00:00Z", "2024-01-08T00:00:00Z").as_deref(),
            Some("2024-01-04T00:00:00Z")
        );
        assert_eq!(middle("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"), None);
        let hours = cutter(
            r#"from = "2024", step = "1d", format = "%Y-%m-%dT%H:%M:%S", split_when = { smallest = "1h" }"#,
        );
        let middle = |from, to| hours.find_middle(window(from, to)).map(|at| at.to_string());
        assert_eq!(
            middle("2024-01-01T00:00:00Z", "2024-01-01T02:00:00Z").as_deref(),
            Some("2024-01-01T01:00:00Z")
        );
        assert_eq!(middle("2024-01-01T00:00:00Z", "2024-01-01T01:59:00Z"), None);
    }

    #[test]
    fn an_incremental_run_begins_before_the_watermark() {
        let source = source(r#"from = "2024-01-10", basis = "updated", overlap = "2h""#);
        let now = instant("2024-02-01T00:00:00Z");
        for (watermark, expected) in [
            (None, "2024-01-10T00:00:00Z"),
            (Some("2024-01-20T00:00:00Z"), "2024-01-19T22:00:00Z"),
            (Some("2024-01-10T01:00:00Z"), "2024-01-10T00:00:00Z"),
        ] {
            let bounds = incremental(&source, watermark.map(instant), now).unwrap();
            assert_eq!((bounds.from, bounds.to), (instant(expected), now));
        }
    }

    proptest! {
        #[test]
        fn windows_leave_no_gap_and_end(
            from in 1_500_000_000_i64..1_800_000_000,
            length in 0_i64..200_000_000,
            (step, format) in prop_oneof![
                Just(("6h", "%FT%H:%M:%SZ")),
                Just(("7d", "%F")),
                Just(("1mo", "%F")),
                Just(("1mo", "%Y-%m")),
                Just(("1y", "%Y-%m")),
                Just(("1y", "%Y")),
            ],
            zone in prop_oneof![Just("UTC"), Just("Europe/London"), Just("America/Santiago")],
        ) {
            let cutter = cutter(&format!(
                r#"from = "2000", step = "{step}", format = "{format}", zone = "{zone}""#
            ));
            let from = Timestamp::from_second(from).unwrap();
            let until = Timestamp::from_second(from.as_second() + length).unwrap();
            let windows = cutter.cut(from, until);
            prop_assert!(windows[0].from <= from);
            prop_assert_eq!(windows[windows.len() - 1].to, until);
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
                prop_assert!(pair[0].from < pair[0].to);
                prop_assert_eq!(cutter.floor_to_unit(pair[1].from).timestamp(), pair[1].from);
            }
        }

        #[test]
        fn halving_ends(from in 1_500_000_000_i64..1_800_000_000, length in 1_i64..20_000_000) {
            let cutter = cutter(r#"from = "2000", step = "30d", format = "%FT%H:%M:%SZ""#);
            let from = Timestamp::from_second(from).unwrap();
            let mut window = TimeRange { from, to: Timestamp::from_second(from.as_second() + length).unwrap() };
            let mut halvings = 0;
            while let Some(middle) = cutter.find_middle(window) {
                prop_assert!(window.from < middle && middle < window.to);
                window.to = middle;
                halvings += 1;
                prop_assert!(halvings < 40);
            }
        }
    }
}
