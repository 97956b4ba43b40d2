//! A value of a row.

use std::borrow::Cow;
use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The value of a column of a row. Texts are borrowed from the merged release where that is
/// possible.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'t> {
    Null,
    Text(Cow<'t, str>),
    Texts(Vec<Cow<'t, str>>),
    Integer(i32),
    Amount(Decimal),
    Date(Timestamp),
    Bytes(Vec<u8>),
    /// JSON text, which the server parses.
    Json(Cow<'t, str>),
}

impl<'t> Cell<'t> {
    pub(super) fn text(text: Option<impl Into<Cow<'t, str>>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    pub(super) fn amount(amount: Option<Decimal>) -> Self {
        amount.map_or(Self::Null, Self::Amount)
    }

    pub(super) fn date(date: Option<Timestamp>) -> Self {
        date.map_or(Self::Null, Self::Date)
    }

    pub(super) fn integer(integer: Option<i32>) -> Self {
        integer.map_or(Self::Null, Self::Integer)
    }

    /// Makes a count. PostgreSQL's `integer` holds every number of entries that fit into memory.
    pub(super) fn count(count: usize) -> Self {
        Self::Integer(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// Makes a list of texts, or null if there are none.
    pub(super) fn texts(texts: Vec<Cow<'t, str>>) -> Self {
        match texts.is_empty() {
            true => Self::Null,
            false => Self::Texts(texts),
        }
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        r#type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Text(text) => out.put_slice(text.as_bytes()),
            Self::Texts(texts) => return texts.to_sql(r#type, out),
            Self::Integer(integer) => out.put_i32(*integer),
            Self::Amount(amount) => return amount.to_sql(r#type, out),
            Self::Date(date) => return date.to_sql(r#type, out),
            Self::Bytes(bytes) => out.put_slice(bytes),
            Self::Json(text) => {
                // Version 1 of the binary format of `jsonb` is this byte and then the JSON text.
                out.put_u8(1);
                out.put_slice(text.as_bytes());
            }
        }
        Ok(IsNull::No)
    }

    /// Returns true for every type, because a test compares the types of all columns with those of
    /// their values.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
