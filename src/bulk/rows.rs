//! Encodes values as rows. The format is the binary format that statement parameters and `COPY`
//! fields share.

use std::fmt;
use std::ops::Range;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::bulk::Column;
use crate::error::{Error, Result};

type EncodeError = Box<dyn std::error::Error + Sync + Send>;
type EncodeField<R> =
    Box<dyn Fn(&R, &Type, &mut BytesMut) -> Result<IsNull, EncodeError> + Send + Sync>;

/// Says how a value of type `R` fills the columns of a row. It is checked when it is built, before
/// the first row exists.
pub struct Binding<R> {
    fields: Vec<(&'static Column, EncodeField<R>)>,
}

/// Builds a [`Binding`].
pub struct BindingBuilder<R> {
    columns: Vec<&'static Column>,
    encodes: Vec<Option<EncodeField<R>>>,
    error: Option<String>,
}

impl<R> Binding<R> {
    /// Makes a builder, to which the caller says how a value of type `R` fills each of these
    /// columns.
    pub fn builder(columns: &[&'static Column]) -> BindingBuilder<R> {
        BindingBuilder {
            columns: columns.to_vec(),
            encodes: columns.iter().map(|_| None).collect(),
            error: None,
        }
    }
}

impl<R> BindingBuilder<R> {
    /// Fills a column with a value.
    #[must_use]
    pub fn column<T: ToSql>(
        self,
        name: &str,
        field: impl Fn(&R) -> &T + Send + Sync + 'static,
    ) -> Self {
        self.bind_column(name, T::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column of type `bytea`.
    #[must_use]
    pub fn bytes(self, name: &str, field: impl Fn(&R) -> &[u8] + Send + Sync + 'static) -> Self {
        self.bind_column(name, <&[u8]>::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column with a value or null.
    #[must_use]
    pub fn optional<T: ToSql>(
        self,
        name: &str,
        field: impl Fn(&R) -> Option<&T> + Send + Sync + 'static,
    ) -> Self {
        self.bind_column(name, T::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column of type `bytea` with bytes or null.
    #[must_use]
    pub fn optional_bytes(
        self,
        name: &str,
        field: impl Fn(&R) -> Option<&[u8]> + Send + Sync + 'static,
    ) -> Self {
        self.bind_column(name, <&[u8]>::accepts, move |row, r#type, out| {
            field(row).to_sql(r#type, out)
        })
    }

    /// Fills a column of type `jsonb` with JSON text, which the server parses.
    #[must_use]
    pub fn json_text(
        self,
        name: &str,
        field: impl Fn(&R) -> &[u8] + Send + Sync + 'static,
    ) -> Self {
        let is_jsonb = |r#type: &Type| *r#type == Type::JSONB;
        self.bind_column(name, is_jsonb, move |row, _, out| {
            // Version 1 of the binary format of `jsonb` is this byte and then the JSON text.
            out.put_u8(1);
            out.put_slice(field(row));
            Ok(IsNull::No)
        })
    }

    fn bind_column(
        mut self,
        name: &str,
        accepts: fn(&Type) -> bool,
        encode: impl Fn(&R, &Type, &mut BytesMut) -> Result<IsNull, EncodeError> + Send + Sync + 'static,
    ) -> Self {
        let found = self.columns.iter().position(|column| column.name() == name);
        let error = match found {
            None => Some(format!("column {name} is not sent")),
            Some(index) if self.encodes[index].is_some() => {
                Some(format!("column {name} is filled twice"))
            }
            Some(index) if !accepts(self.columns[index].r#type()) => Some(format!(
                "column {name} has type {}, and its value has another type",
                self.columns[index].r#type()
            )),
            Some(index) => {
                self.encodes[index] = Some(Box::new(encode));
                None
            }
        };
        self.error = self.error.or(error);
        self
    }

    /// Builds the binding.
    ///
    /// # Errors
    ///
    /// A column is not filled, a column is filled twice, or the type of a column is not the type
    /// of its value. The message names the column.
    pub fn build(self) -> Result<Binding<R>> {
        if let Some(error) = self.error {
            return Err(Error::unexpected(error));
        }
        let fields = self.columns.into_iter().zip(self.encodes);
        let fields = fields.map(|(column, encode)| match encode {
            Some(encode) => Ok((column, encode)),
            None => Err(Error::unexpected(format!(
                "no value fills column {}",
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

/// Encoded rows of one table. Each field consists of its length and its bytes. A null field is
/// the length -1.
#[derive(Clone, Default)]
pub struct Rows {
    bytes: BytesMut,
    /// The index in `bytes` at which each row ends.
    ends: Vec<usize>,
    field_count: usize,
}

impl Rows {
    /// Encodes values with a binding.
    ///
    /// # Errors
    ///
    /// A value cannot be encoded, as described at [`Rows::push`].
    pub fn encode<'r, R: 'r>(
        binding: &Binding<R>,
        rows: impl IntoIterator<Item = &'r R>,
    ) -> Result<Self> {
        let mut encoded = Self::default();
        for row in rows {
            encoded.push(binding, row)?;
        }
        Ok(encoded)
    }

    /// Encodes a value and adds it as a row.
    ///
    /// # Errors
    ///
    /// A field cannot be encoded, for example because it has more than 2 GB. The message names
    /// the column of the field, and the row is not added.
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
        self.field_count = binding.fields.len();
        Ok(())
    }

    /// Encodes the values of a row's columns and adds them as a row. The row is not added if a value
    /// cannot be encoded.
    pub(super) fn push_values<V: ToSql>(
        &mut self,
        columns: &[&'static Column],
        values: &[V],
    ) -> Result<()> {
        let start = self.bytes.len();
        for (column, value) in columns.iter().zip(values) {
            if let Err(error) = self.push_field(column, |r#type, out| value.to_sql(r#type, out)) {
                self.bytes.truncate(start);
                let message = format!("encode column {}", column.name());
                return Err(Error::unexpected(message).with_source(error));
            }
        }
        self.ends.push(self.bytes.len());
        self.field_count = values.len();
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

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns true if there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the number of bytes of all rows.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Removes all rows, but keeps the allocated memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Copies the rows in a range.
    #[must_use]
    pub fn slice_rows(&self, range: Range<usize>) -> Self {
        let start = self.row_start(range.start);
        Self {
            bytes: BytesMut::from(self.slice(&range)),
            ends: self.ends[range].iter().map(|end| end - start).collect(),
            field_count: self.field_count,
        }
    }

    /// Returns true if every row has exactly one field for each column.
    pub(super) fn has_fields_for(&self, columns: &[&Column]) -> bool {
        self.field_count == columns.len() || self.is_empty()
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[self.row_start(range.start)..self.row_start(range.end)]
    }

    /// Returns the fields of the rows in a range, one row after the other.
    pub(super) fn fields(&self, range: &Range<usize>) -> Fields<'_> {
        Fields(self.slice(range))
    }

    /// Returns the index in `bytes` at which a row begins. For the number of rows, it returns the
    /// end of the last row.
    fn row_start(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Splits the rows into ranges with a maximum number of rows and bytes. A row that has more
    /// bytes than the maximum is alone in its range.
    pub(super) fn split(&self, max_rows: usize, max_bytes: usize) -> Vec<Range<usize>> {
        let mut ranges = Vec::with_capacity(self.len().div_ceil(max_rows));
        let mut first = 0;
        for row in 0..self.len() {
            let is_full = row - first == max_rows
                || (row > first && self.ends[row] - self.row_start(first) > max_bytes);
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

    /// Sorts the rows by the bytes of their first columns. Returns the sorted rows and their old
    /// positions. Any order prevents deadlocks between writers of the same keys, as long as all
    /// writers use the same order.
    pub(super) fn sort_by_key(
        &self,
        key_columns: usize,
        duplicates: DuplicateKeys,
    ) -> (Self, Vec<usize>) {
        let key = |row: usize| {
            let fields = self.fields(&(row..row + 1)).take(key_columns);
            fields.map(|field| field.0).collect::<Vec<_>>()
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_cached_key(|row| key(*row));
        if duplicates == DuplicateKeys::KeepLast {
            order.reverse();
            order.dedup_by_key(|row| key(*row));
            order.reverse();
        }
        let mut sorted = Self {
            bytes: BytesMut::with_capacity(self.bytes.len()),
            ends: Vec::with_capacity(order.len()),
            field_count: self.field_count,
        };
        for row in &order {
            sorted.bytes.put_slice(self.slice(&(*row..row + 1)));
            sorted.ends.push(sorted.bytes.len());
        }
        (sorted, order)
    }
}

/// Decides which of several rows with the same key are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DuplicateKeys {
    KeepAll,
    KeepLast,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {} bytes", self.len(), self.byte_count())
    }
}

/// An encoded field without its length, or `None` for null. The `Debug` output shows no value.
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

    /// Returns true for every type, because the type was checked when the binding was built.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

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
        Binding::builder(&columns())
            .column("id", |row: &Row| &row.id)
            .column("name", |row: &Row| &row.name)
            .json_text("data", |row: &Row| row.data)
            .build()
            .unwrap()
    }

    fn row(id: i64) -> Row {
        Row {
            id,
            name: None,
            data: b"{}",
        }
    }

    fn message(bind: BindingBuilder<Row>) -> String {
        bind.build().unwrap_err().to_string()
    }

    #[test]
    fn encoded_fields_are_read_again() {
        let rows = Rows::encode(&binding(), &[row(1), row(2)]).unwrap();
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
        let bind = Binding::builder(&columns()).column("id", |row: &Row| &row.name);
        assert_eq!(
            message(bind),
            "column id has type int8, and its value has another type"
        );
    }

    #[test]
    fn a_column_that_nothing_fills_is_found_before_any_row() {
        let bind = Binding::builder(&columns()).column("id", |row: &Row| &row.id);
        assert_eq!(message(bind), "no value fills column name");
    }

    #[test]
    fn a_field_without_a_column_is_found_before_any_row() {
        let bind = Binding::builder(&columns()).column("ident", |row: &Row| &row.id);
        assert_eq!(message(bind), "column ident is not sent");
    }

    #[test]
    fn rows_are_split_by_number_and_by_bytes() {
        let rows = Rows::encode(&binding(), &[row(1), row(2), row(3)]).unwrap();
        let each = rows.byte_count() / 3;
        assert_eq!(rows.split(2, usize::MAX), [0..2, 2..3]);
        assert_eq!(rows.split(3, each * 2), [0..2, 2..3]);
        assert_eq!(rows.split(3, each - 1), [0..1, 1..2, 2..3]);
        assert!(Rows::default().split(3, each).is_empty());
    }

    #[test]
    fn sorted_rows_remember_where_they_were() {
        let rows = Rows::encode(&binding(), &[row(3), row(1), row(2), row(1)]).unwrap();
        let (sorted, order) = rows.sort_by_key(1, DuplicateKeys::KeepAll);
        assert_eq!(order, [1, 3, 2, 0]);
        assert_eq!(sorted.slice(&(3..4)), rows.slice(&(0..1)));
        let (last, order) = rows.sort_by_key(1, DuplicateKeys::KeepLast);
        assert_eq!((order, last.len()), (vec![3, 2, 0], 3));
    }

    #[test]
    fn values_are_not_shown() {
        let rows = Rows::encode(&binding(), &[row(7)]).unwrap();
        let fields: Vec<_> = rows.fields(&(0..1)).collect();
        assert_eq!(format!("{fields:?}"), "[8 bytes, null, 3 bytes]");
    }
}
