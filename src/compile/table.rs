//! Describes the tables of processes: where in a merged release the rows of each are, and what
//! fills their columns.

use tokio_postgres::types::Type;

use crate::compile::cell::Cell;
use crate::compile::list::List;
use crate::compile::row::{ProcessRow, Row};

/// A table that has rows for each process.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The name of the table in the schema `ocds`.
    pub name: &'static str,
    /// The name of the table with its schema.
    pub label: &'static str,
    /// The comment on the table, which says what a row is.
    pub comment: &'static str,
    /// The places of the rows in a merged release.
    pub(super) lists: &'static [List],
    /// The columns behind `ocid` and `source`, in their order.
    pub(super) columns: &'static [Column],
}

/// A column of a table as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDescription {
    /// The name of the column.
    pub name: &'static str,
    /// The type of the column.
    pub r#type: Type,
    /// The comment on the column, which says where its value is in a release.
    pub comment: String,
}

impl Table {
    /// Describes the columns of the table, beginning with the key.
    #[must_use]
    pub fn describe_columns(&self) -> Vec<ColumnDescription> {
        let key = [
            ("ocid", "ocid of the process"),
            ("source", "name of the source"),
        ];
        let key = key.into_iter().map(|(name, comment)| ColumnDescription {
            name,
            r#type: Type::TEXT,
            comment: comment.to_owned(),
        });
        let others = self.columns.iter().map(|column| ColumnDescription {
            name: column.name,
            r#type: column.r#type(),
            comment: self.write_comment(column),
        });
        key.chain(others).collect()
    }

    fn write_comment(&self, column: &Column) -> String {
        if matches!(column.value, Value::OfRow(..) | Value::OfProcess(..)) {
            return column.path.to_owned();
        }
        let place = match self.lists {
            [
                List {
                    around: "", list, ..
                },
            ] => format!("{list}/"),
            [List { around, list, .. }] => format!("{around}/{list}/"),
            _ => String::new(),
        };
        let what = match column.value {
            Value::Count => "number of ",
            Value::Days => {
                "durationInDays, or else the whole days of 24 hours between the dates, of "
            }
            Value::SchemeId => "scheme-id of ",
            _ => "",
        };
        let other = match column.value {
            Value::TextOr(other) | Value::AmountOr(other) => format!(", or else {place}{other}"),
            _ => String::new(),
        };
        format!("{what}{place}{}{other}", column.path)
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The path from the row's entry to the value, and for the table of processes from the release.
    /// A computed value has words instead that say what it is.
    pub(super) path: &'static str,
    pub(super) value: Value,
}

/// The rule by which a column is filled.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// A string, or a number as it is written.
    Text,
    /// As `Text`, or else the text at another path.
    TextOr(&'static str),
    /// A date.
    Date,
    /// An amount of money or a quantity.
    Amount,
    /// As `Amount`, or else the amount at another path.
    AmountOr(&'static str),
    /// A whole number.
    Integer,
    /// The strings of an array.
    Texts,
    /// The number of entries of an array.
    Count,
    /// The days of a period: those that it states, or else those between its dates.
    Days,
    /// The scheme and id of an identifier, joined by a hyphen.
    SchemeId,
    /// The value of a row of another table than that of processes.
    OfRow(Kind, for<'r, 't> fn(&'r Row<'r, 't>) -> Cell<'t>),
    /// The value of a process.
    OfProcess(Kind, for<'p, 't> fn(&'p ProcessRow<'p, 't>) -> Cell<'t>),
}

/// The type of a computed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    Integer,
    Amount,
    Date,
    Bytes,
    Json,
}

impl Kind {
    fn r#type(self) -> Type {
        match self {
            Self::Text => Type::TEXT,
            Self::Texts => Type::TEXT_ARRAY,
            Self::Integer => Type::INT4,
            Self::Amount => Type::NUMERIC,
            Self::Date => Type::TIMESTAMPTZ,
            Self::Bytes => Type::BYTEA,
            Self::Json => Type::JSONB,
        }
    }
}

impl Column {
    pub(super) const fn new(name: &'static str, path: &'static str, value: Value) -> Self {
        Self { name, path, value }
    }

    pub(super) const fn of_row(
        name: &'static str,
        meaning: &'static str,
        kind: Kind,
        read: for<'r, 't> fn(&'r Row<'r, 't>) -> Cell<'t>,
    ) -> Self {
        Self::new(name, meaning, Value::OfRow(kind, read))
    }

    pub(super) const fn of_process(
        name: &'static str,
        meaning: &'static str,
        kind: Kind,
        read: for<'p, 't> fn(&'p ProcessRow<'p, 't>) -> Cell<'t>,
    ) -> Self {
        Self::new(name, meaning, Value::OfProcess(kind, read))
    }

    pub(super) fn r#type(&self) -> Type {
        match self.value {
            Value::Text | Value::TextOr(_) | Value::SchemeId => Type::TEXT,
            Value::Date => Type::TIMESTAMPTZ,
            Value::Amount | Value::AmountOr(_) => Type::NUMERIC,
            Value::Integer | Value::Count | Value::Days => Type::INT4,
            Value::Texts => Type::TEXT_ARRAY,
            Value::OfRow(kind, _) | Value::OfProcess(kind, _) => kind.r#type(),
        }
    }
}
