//! Describes why the server refused a row, without the row's values.

use std::fmt;

use tokio_postgres::error::DbError;

use crate::bulk::catalog::Catalog;
use crate::bulk::operation::Operation;
use crate::bulk::rows::{Field, Rows};
use crate::error::message_without_values;

/// A row that the server refused. The `Debug` output shows no value of the row.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// The position of the row among all rows that the caller passed, counted from 0.
    pub position: usize,
    /// The values of the row's key as text. A value that is neither text nor an integer is
    /// written as `\x` and hexadecimal digits.
    pub key: Vec<String>,
    /// The SQLSTATE, which is the server's error code.
    pub sqlstate: String,
    /// The constraint that the row violates.
    pub constraint: Option<String>,
    /// The column with the wrong value, if it is known.
    pub column: Option<String>,
    /// The reason as a sentence that contains no value of the row.
    pub message: String,
}

impl Failure {
    pub(super) fn new(
        operation: &Operation,
        rows: &Rows,
        position: usize,
        error: &DbError,
    ) -> Self {
        let fields: Vec<Field<'_>> = rows.fields(&(position..position + 1)).collect();
        let catalog = operation.catalog.get();
        let find_too_long = || {
            let limits = catalog.filter(|_| error.code().code() == "22001")?;
            let columns = operation.row_columns.iter().zip(&fields);
            let mut columns = columns.filter_map(|(column, field)| {
                let length = std::str::from_utf8(field.0?).ok()?.chars().count();
                let limit = limits.max_length(column.name())?;
                (length > limit).then_some((column.name(), length, limit))
            });
            columns.next()
        };
        let (column, message) = match find_too_long() {
            Some((name, length, limit)) => (
                Some(name.to_owned()),
                format!("column {name} has {length} characters, and its limit is {limit}"),
            ),
            None => (error.column().map(str::to_owned), explain(error, catalog)),
        };
        let keys = operation.row_columns.iter().zip(&fields);
        Self {
            position,
            key: keys
                .take(operation.key_column_count())
                .map(|(column, field)| format_key_value(column.r#type(), *field))
                .collect(),
            sqlstate: error.code().code().to_owned(),
            constraint: error.constraint().map(str::to_owned),
            column,
            message,
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "row {}: {} {}",
            self.position, self.sqlstate, self.message
        )
    }
}

fn explain(error: &DbError, catalog: Option<&Catalog>) -> String {
    let constraint = error.constraint().unwrap_or("a constraint");
    let definition = catalog.and_then(|catalog| catalog.constraint_definition(constraint));
    let rule = match definition {
        Some(definition) => format!("{constraint}, {definition}"),
        None => constraint.to_owned(),
    };
    match error.code().code() {
        "23505" => format!("a row with this key exists already: unique key {rule}"),
        "23503" => format!(
            "the row that it refers to does not exist, or another row refers to it: foreign key {rule}"
        ),
        "23514" => format!("a check failed: {rule}"),
        "23P01" => format!("it overlaps another row: exclusion {rule}"),
        "23502" => format!("column {} cannot be null", error.column().unwrap_or("?")),
        "22P02" | "22P03" => "a value cannot be read as its column's type".into(),
        "22003" => "a number is out of its column's range".into(),
        "22001" => "a text is too long for its column".into(),
        _ => message_without_values(error).to_owned(),
    }
}

fn format_key_value(r#type: &tokio_postgres::types::Type, field: Field<'_>) -> String {
    use tokio_postgres::types::Type;
    let Some(bytes) = field.0 else {
        return "null".into();
    };
    let number = match (r#type, bytes) {
        (&Type::INT8, _) => bytes.try_into().ok().map(i64::from_be_bytes),
        (&Type::INT4, _) => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
        (&Type::INT2, _) => bytes.try_into().ok().map(i16::from_be_bytes).map(i64::from),
        _ => None,
    };
    let is_text = matches!(*r#type, Type::TEXT | Type::VARCHAR | Type::BPCHAR);
    match (number, std::str::from_utf8(bytes)) {
        (Some(number), _) => number.to_string(),
        (None, Ok(text)) if is_text => text.to_owned(),
        _ => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            format!("\\x{}", digits.collect::<String>())
        }
    }
}
