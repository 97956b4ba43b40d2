//! Reads dates and amounts as publishers write them.
//!
//! There is one rule for each kind of value, for single releases and for processes alike.

mod amount;
mod date;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// A value of a date or an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Typed<T> {
    /// There is no value: it is missing, null, empty, or a placeholder for "none".
    #[default]
    Absent,
    /// There is a value, and it could not be read.
    Unread,
    Read(T),
}

impl<T> Typed<T> {
    /// Returns the value if there is one and it could be read.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Absent | Self::Unread => None,
        }
    }
}

/// The text of a scalar.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'t> {
    /// The content of a string.
    Text(&'t str),
    /// A number as it is written.
    Number(&'t str),
}

impl<'t> Scalar<'t> {
    fn text(self) -> &'t str {
        let (Self::Text(text) | Self::Number(text)) = self;
        text
    }
}

/// Reads a date. A date without an offset is in the time zone `zone`.
pub(crate) fn read_date(value: Scalar<'_>, zone: &TimeZone) -> Typed<Timestamp> {
    let text = value.text();
    if !has_text(text) {
        return Typed::Absent;
    }
    let number = match value {
        // A number counts by its value, as it does in jsonb.
        Scalar::Number(number) => amount::parse(number).map(|it| it.normalize().to_string()),
        Scalar::Text(_) => None,
    };
    match date::parse(number.as_deref().unwrap_or(text), zone) {
        Some(date) => Typed::Read(date),
        None if date::is_placeholder(text) => Typed::Absent,
        None => Typed::Unread,
    }
}

/// Reads an amount.
pub(crate) fn read_amount(value: Scalar<'_>) -> Typed<Decimal> {
    match value.text() {
        text if has_text(text) => amount::parse(text).map_or(Typed::Unread, Typed::Read),
        _ => Typed::Absent,
    }
}

/// Returns true if a text is more than white space.
pub(crate) fn has_text(text: &str) -> bool {
    !text.trim().is_empty()
}

/// Returns true if an organisation has no name of its own. Some publishers write an empty one.
pub(crate) fn lacks_name(name: Option<&str>) -> bool {
    name.is_none_or(str::is_empty)
}
