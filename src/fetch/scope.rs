//! Names the part of a feed that one chain of pages covers: a window of time, and a value of each
//! axis.
//!
//! # Chains are found again by their names
//!
//! Each page is stored with the name of its chain. A resumed run looks for these names, so it
//! keeps the dates that it began with. A window that was halved has no mark of its own: it is
//! recognized by pages of shorter windows within it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use url::form_urlencoded;

use crate::fetch::window::TimeRange;
use crate::page::Chain;

/// Each axis with one of its values.
pub type Axes = BTreeMap<String, String>;

/// The part of a feed that one chain of pages covers. It is the whole feed if the feed is plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The window of time in the chain's requests.
    pub window: Option<TimeRange>,
    /// The value of each axis in the chain's requests.
    pub axes: Arc<Axes>,
    /// The number of the chain among the chains of its run, counted from 0. Halves of a window
    /// have the number of the whole.
    pub number: i32,
}

impl Scope {
    /// Returns the name of the chain. It is the window as an interval of ISO 8601, and the axes
    /// as a URL query.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain::new(self.to_string()).with_number(self.number)
    }

    /// Returns the part of the chain's name that is the same for all windows along these axes.
    #[must_use]
    pub fn name_of(axes: &Axes) -> String {
        let axes = Arc::new(axes.clone());
        let scope = Self {
            axes,
            ..Self::default()
        };
        scope.to_string()
    }

    /// Parses what [`fmt::Display`] wrote. Returns `None` for any other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (window, axes) = match text.split_once(' ') {
            Some((window, axes)) => (window, axes),
            None if text.contains('=') => ("", text),
            None => (text, ""),
        };
        let window = match window.split_once('/') {
            Some((from, to)) => Some(TimeRange {
                from: from.parse::<Timestamp>().ok()?,
                to: to.parse().ok()?,
            }),
            None if window.is_empty() => None,
            None => return None,
        };
        let axes = form_urlencoded::parse(axes.as_bytes()).into_owned();
        Some(Self {
            window,
            axes: Arc::new(axes.collect()),
            number: 0,
        })
    }

    pub(super) fn halve(&self, middle: Timestamp) -> Option<[Self; 2]> {
        let TimeRange { from, to } = self.window?;
        let part = |from, to| Self {
            window: Some(TimeRange { from, to }),
            axes: Arc::clone(&self.axes),
            number: self.number,
        };
        Some([part(from, middle), part(middle, to)])
    }

    pub(super) fn is_part(&self) -> bool {
        self.window.is_some() || !self.axes.is_empty()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(TimeRange { from, to }) = self.window {
            write!(f, "{from}/{to}")?;
        }
        if self.axes.is_empty() {
            return Ok(());
        }
        if self.window.is_some() {
            f.write_str(" ")?;
        }
        let mut axes = form_urlencoded::Serializer::new(String::new());
        f.write_str(&axes.extend_pairs(self.axes.iter()).finish())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_scope_is_read_back(
            window in proptest::option::of((0_i64..2_000_000_000, 0_i64..2_000_000_000)),
            axes in proptest::collection::btree_map("[a-z]{1,8}", ".{0,12}", 0..3),
        ) {
            let second = |second| Timestamp::from_second(second).unwrap();
            let scope = Scope {
                window: window.map(|(from, to)| TimeRange { from: second(from), to: second(to) }),
                axes: Arc::new(axes),
                number: 0,
            };
            prop_assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
        }
    }

    #[test]
    fn a_name_is_an_interval_and_a_query() {
        let scope = Scope {
            window: Some(TimeRange {
                from: "2024-01-01T00:00:00Z".parse().unwrap(),
                to: "2024-02-01T00:00:00Z".parse().unwrap(),
            }),
            axes: Arc::new(Axes::from([("kind".into(), "a&b c".into())])),
            number: 7,
        };
        assert_eq!(
            scope.to_string(),
            "2024-01-01T00:00:00Z/2024-02-01T00:00:00Z kind=a%26b+c"
        );
        assert_eq!(Scope::default().to_string(), "");
        assert_eq!(Scope::parse("nonsense"), None);
    }
}
