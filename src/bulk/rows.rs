//! Rows as PostgreSQL reads them, and how a type of ours fills one.
//!
//! A row is encoded once, when it is added, in the binary format that statement
//! parameters and `COPY` fields have in common. From then on it is bytes: what a
//! batch weighs is known exactly, rows of several tables wait in one
//! [`Writer`](crate::bulk::Writer), and what was refused is sent again as it was.

use std::fmt;
use std::ops::Range;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::bulk::Column;
use crate::error::{Error, Result};

type EncodeError = Box<dyn std::error::Error + Sync + Send>;
type Encode<R> = Box<dyn Fn(&R, &Type, &mut BytesMut) -> Result<IsNull, EncodeError> + Send + Sync>;

/// How rows of a type fill columns; checked when it is made, before any row is.
pub struct Binding<R> {
    fields: Vec<(&'static Column, Encode<R>)>,
}

/// A [`Binding`] in the making.
pub struct Bind<R> {
    columns: Vec<&'static Column>,
    encodes: Vec<Option<Encode<R>>>,
    wrong: Option<String>,
}

impl<R> Binding<R> {
    /// Begins to bind a type to columns, such as those of an
    /// [`Operation`](crate::bulk::Operation).
    pub fn to(columns: &[&'static Column]) -> Bind<R> {
        Bind {
            columns: columns.to_vec(),
            encodes: columns.iter().map(|_| None).collect(),
            wrong: None,
        }
    }
}

impl<R> Bind<R> {
    /// Fills a column with a field.
    #[must_use]
    pub fn column<T: ToSql>(
        self,
        name: &str,
        field: impl Fn(&R) -> &T + Send + Sync + 'static,
    ) -> Self {
        self.bind(name, T::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column of type `bytea`.
    #[must_use]
    pub fn bytes(self, name: &str, field: impl Fn(&R) -> &[u8] + Send + Sync + 'static) -> Self {
        self.bind(name, <&[u8]>::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column with a field that may not be there.
    #[must_use]
    pub fn optional<T: ToSql>(
        self,
        name: &str,
        field: impl Fn(&R) -> Option<&T> + Send + Sync + 'static,
    ) -> Self {
        self.bind(name, T::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column of type `bytea` with bytes that may not be there.
    #[must_use]
    pub fn optional_bytes(
        self,
        name: &str,
        field: impl Fn(&R) -> Option<&[u8]> + Send + Sync + 'static,
    ) -> Self {
        self.bind(name, <&[u8]>::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column of type `jsonb` with text that the server parses as it is.
    #[must_use]
    pub fn json_text(
        self,
        name: &str,
        field: impl Fn(&R) -> &[u8] + Send + Sync + 'static,
    ) -> Self {
        let is_jsonb = |r#type: &Type| *r#type == Type::JSONB;
        self.bind(name, is_jsonb, move |row, _, out| {
            // version 1 of jsonb's binary format is the text itself
            out.put_u8(1);
            out.put_slice(field(row));
            Ok(IsNull::No)
        })
    }

    fn bind(
        mut self,
        name: &str,
        accepts: fn(&Type) -> bool,
        encode: impl Fn(&R, &Type, &mut BytesMut) -> Result<IsNull, EncodeError> + Send + Sync + 'static,
    ) -> Self {
        let found = self.columns.iter().position(|column| column.name() == name);
        let wrong = match found {
            None => Some(format!("no column {name} is sent")),
            Some(index) if self.encodes[index].is_some() => {
                Some(format!("column {name} is filled twice"))
            }
            Some(index) if !accepts(self.columns[index].r#type()) => Some(format!(
                "column {name} is of type {}, which its field is not",
                self.columns[index].r#type()
            )),
            Some(index) => {
                self.encodes[index] = Some(Box::new(encode));
                None
            }
        };
        self.wrong = self.wrong.or(wrong);
        self
    }

    /// The binding, if every column is filled once with what it can hold.
    ///
    /// # Errors
    /// It is not; the message names the column.
    pub fn bound(self) -> Result<Binding<R>> {
        if let Some(wrong) = self.wrong {
            return Err(Error::unexpected(wrong));
        }
        let fields = self.columns.into_iter().zip(self.encodes);
        let fields = fields.map(|(column, encode)| match encode {
            Some(encode) => Ok((column, encode)),
            None => Err(Error::unexpected(format!(
                "nothing fills column {}",
                column.name()
            ))),
        });
        Ok(Binding {
            fields: fields.collect::<Result<_>>()?,
        })
    }
}

impl<R> fmt::Debug for Binding<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields.iter().map(|(column, _)| column.name());
        f.debug_list().entries(names).finish()
    }
}

impl<R> fmt::Debug for Bind<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.columns.iter().map(|column| column.name());
        f.debug_list().entries(names).finish()
    }
}

/// Rows of one table, encoded: for each field its length, or -1 for null, and
/// its bytes.
#[derive(Clone, Default)]
pub struct Rows {
    bytes: BytesMut,
    /// Where each row ends.
    ends: Vec<usize>,
    /// How many fields a row has.
    columns: usize,
}

impl Rows {
    /// The rows that a binding makes of values.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub fn of<'r, R: 'r>(
        binding: &Binding<R>,
        rows: impl IntoIterator<Item = &'r R>,
    ) -> Result<Self> {
        let mut encoded = Self::default();
        for row in rows {
            encoded.push(binding, row)?;
        }
        Ok(encoded)
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A value has no encoding, such as one of more than 2 GB; the message names
    /// its column, and the row is not added.
    pub fn push<R>(&mut self, binding: &Binding<R>, row: &R) -> Result<()> {
        let start = self.bytes.len();
        for (column, encode) in &binding.fields {
            if let Err(error) = self.push_field(column, |r#type, out| encode(row, r#type, out)) {
                self.bytes.truncate(start);
                let message = format!("encode column {}", column.name());
                return Err(Error::unexpected(message).with_source(error));
            }
        }
        self.ends.push(self.bytes.len());
        self.columns = binding.fields.len();
        Ok(())
    }

    fn push_field(
        &mut self,
        column: &Column,
        encode: impl FnOnce(&Type, &mut BytesMut) -> Result<IsNull, EncodeError>,
    ) -> Result<(), EncodeError> {
        let start = self.bytes.len();
        self.bytes.put_i32(-1);
        if let IsNull::No = encode(column.r#type(), &mut self.bytes)? {
            let length = i32::try_from(self.bytes.len() - start - 4)?;
            self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes they are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for so many bytes more.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Forgets all rows and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Some of the rows.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let start = self.start(range.start);
        Self {
            bytes: BytesMut::from(self.slice(&range)),
            ends: self.ends[range].iter().map(|end| end - start).collect(),
            columns: self.columns,
        }
    }

    /// Whether they have as many fields as an operation sends columns.
    pub(super) fn fit(&self, columns: &[&Column]) -> bool {
        self.columns == columns.len() || self.is_empty()
    }

    /// The bytes of some rows.
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[self.start(range.start)..self.start(range.end)]
    }

    /// The fields of some rows, one row after the other.
    pub(super) fn fields(&self, range: &Range<usize>) -> Fields<'_> {
        Fields(self.slice(range))
    }

    /// Where a row starts, or the one after the last would.
    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Cuts the rows by number and by bytes. A row larger than that is cut off by
    /// itself.
    pub(super) fn cut(&self, most_rows: usize, most_bytes: usize) -> Vec<Range<usize>> {
        let mut ranges = Vec::with_capacity(self.len().div_ceil(most_rows));
        let mut first = 0;
        for row in 0..self.len() {
            let is_full = row - first == most_rows
                || (row > first && self.ends[row] - self.start(first) > most_bytes);
            if is_full {
                ranges.push(first..row);
                first = row;
            }
        }
        if first < self.len() {
            ranges.push(first..self.len());
        }
        ranges
    }

    /// The rows in the order of their first columns' bytes: any order will do to
    /// keep writers of the same keys from waiting for one another in a circle, as
    /// long as all use the same. Beside them, where each was before.
    pub(super) fn sorted(&self, key_columns: usize, keep: Keep) -> (Self, Vec<usize>) {
        let key = |row: usize| {
            let fields = self.fields(&(row..row + 1)).take(key_columns);
            fields.map(|field| field.0).collect::<Vec<_>>()
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_cached_key(|row| key(*row));
        if keep == Keep::Last {
            order.reverse();
            order.dedup_by_key(|row| key(*row));
            order.reverse();
        }
        let mut sorted = Self {
            bytes: BytesMut::with_capacity(self.bytes.len()),
            ends: Vec::with_capacity(order.len()),
            columns: self.columns,
        };
        for row in &order {
            sorted.bytes.put_slice(self.slice(&(*row..row + 1)));
            sorted.ends.push(sorted.bytes.len());
        }
        (sorted, order)
    }
}

/// Which rows of one key are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Each.
    All,
    /// The last.
    Last,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {} bytes", self.len(), self.bytes())
    }
}

/// A field as it is sent, without its length. It shows no value to anyone who
/// prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a>(pub(super) Option<&'a [u8]>);

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "{} bytes", bytes.len()),
            None => f.write_str("null"),
        }
    }
}

impl ToSql for Field<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, EncodeError> {
        let Some(bytes) = self.0 else {
            return Ok(IsNull::Yes);
        };
        out.put_slice(bytes);
        Ok(IsNull::No)
    }

    /// What is bound was checked against its column when it was bound.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Reads encoded fields.
#[derive(Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (length, rest) = self.0.split_first_chunk()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Some(Field(None));
        };
        let (field, rest) = rest.split_at(length);
        self.0 = rest;
        Some(Field(Some(field)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COLUMNS: [Column; 3] = [
        Column::new("id", Type::INT8),
        Column::new("name", Type::TEXT),
        Column::new("data", Type::JSONB),
    ];

    struct Row {
        id: i64,
        name: Option<&'static str>,
        data: &'static [u8],
    }

    fn columns() -> Vec<&'static Column> {
        COLUMNS.iter().collect()
    }

    fn binding() -> Binding<Row> {
        Binding::to(&columns())
            .column("id", |row: &Row| &row.id)
            .column("name", |row: &Row| &row.name)
            .json_text("data", |row: &Row| row.data)
            .bound()
            .unwrap()
    }

    fn row(id: i64) -> Row {
        Row {
            id,
            name: None,
            data: b"{}",
        }
    }

    fn message(bind: Bind<Row>) -> String {
        bind.bound().unwrap_err().to_string()
    }

    #[test]
    fn what_was_encoded_is_read_again() {
        let rows = Rows::of(&binding(), &[row(1), row(2)]).unwrap();
        let fields: Vec<_> = rows.fields(&(1..2)).collect();
        let id = 2_i64.to_be_bytes();
        assert_eq!(
            fields,
            [Field(Some(&id)), Field(None), Field(Some(b"\x01{}"))]
        );
        assert_eq!(rows.fields(&(0..2)).count(), 6);
    }

    #[test]
    fn a_field_of_another_type_is_found_before_any_row() {
        let bind = Binding::to(&columns()).column("id", |row: &Row| &row.name);
        assert_eq!(
            message(bind),
            "column id is of type int8, which its field is not"
        );
    }

    #[test]
    fn a_column_that_nothing_fills_is_found_before_any_row() {
        let bind = Binding::to(&columns()).column("id", |row: &Row| &row.id);
        assert_eq!(message(bind), "nothing fills column name");
    }

    #[test]
    fn a_field_without_a_column_is_found_before_any_row() {
        let bind = Binding::to(&columns()).column("ident", |row: &Row| &row.id);
        assert_eq!(message(bind), "no column ident is sent");
    }

    #[test]
    fn rows_are_cut_by_number_and_by_bytes() {
        let rows = Rows::of(&binding(), &[row(1), row(2), row(3)]).unwrap();
        let each = rows.bytes() / 3;
        assert_eq!(rows.cut(2, usize::MAX), [0..2, 2..3]);
        assert_eq!(rows.cut(3, each * 2), [0..2, 2..3]);
        assert_eq!(rows.cut(3, each - 1), [0..1, 1..2, 2..3]);
        assert!(Rows::default().cut(3, each).is_empty());
    }

    #[test]
    fn sorted_rows_remember_where_they_were() {
        let rows = Rows::of(&binding(), &[row(3), row(1), row(2), row(1)]).unwrap();
        let (sorted, order) = rows.sorted(1, Keep::All);
        assert_eq!(order, [1, 3, 2, 0]);
        assert_eq!(sorted.slice(&(3..4)), rows.slice(&(0..1)));
        let (last, order) = rows.sorted(1, Keep::Last);
        assert_eq!((order, last.len()), (vec![3, 2, 0], 3));
    }

    #[test]
    fn values_are_not_shown() {
        let rows = Rows::of(&binding(), &[row(7)]).unwrap();
        let fields: Vec<_> = rows.fields(&(0..1)).collect();
        assert_eq!(format!("{fields:?}"), "[8 bytes, null, 3 bytes]");
    }
}
