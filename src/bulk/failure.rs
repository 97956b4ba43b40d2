//! A row that the server refused, and why, in words.

use std::fmt;

use tokio_postgres::error::DbError;

use crate::bulk::catalog::Catalog;
use crate::bulk::operation::Operation;
use crate::bulk::rows::{Field, Rows};
use crate::error::message_without_values;

/// A row that the server refused. Its `Debug` shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which of the rows given it was, counted from 0.
    pub position: usize,
    /// The values of its key, as text; `\x` and hexadecimal for a type that is
    /// not read here.
    pub key: Vec<String>,
    /// What the server said, as a code.
    pub sqlstate: String,
    /// The constraint that refused it, where one did.
    pub constraint: Option<String>,
    /// The column at fault, where it is known.
    pub column: Option<String>,
    /// What was wrong, in words and without a value.
    pub message: String,
}

impl Failure {
    /// What a server's error means for the row at a position.
    pub(super) fn new(
        operation: &Operation,
        rows: &Rows,
        position: usize,
        error: &DbError,
    ) -> Self {
        let fields: Vec<Field<'_>> = rows.fields(&(position..position + 1)).collect();
        let catalog = operation.catalog.get();
        let too_long = || {
            let limits = catalog.filter(|_| error.code().code() == "22001")?;
            let columns = operation.each().iter().zip(&fields);
            let mut columns = columns.filter_map(|(column, field)| {
                let length = std::str::from_utf8(field.0?).ok()?.chars().count();
                let most = limits
                    .longest(column.name())
                    .filter(|most| length > *most)?;
                Some((column.name(), length, most))
            });
            columns.next()
        };
        let (column, message) = match too_long() {
            Some((name, length, most)) => (
                Some(name.to_owned()),
                format!("column {name} is too long: {length} characters, and {most} is the most"),
            ),
            None => (error.column().map(str::to_owned), explain(error, catalog)),
        };
        let keys = operation.each().iter().zip(&fields);
        Self {
            position,
            key: keys
                .take(operation.key_columns())
                .map(|(column, field)| readable(column.r#type(), *field))
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

/// Why a row was refused, without the row's values.
fn explain(error: &DbError, catalog: Option<&Catalog>) -> String {
    let constraint = error.constraint().unwrap_or("a constraint");
    let definition = catalog.and_then(|catalog| catalog.definition(constraint));
    let rule = match definition {
        Some(definition) => format!("{constraint}, {definition}"),
        None => constraint.to_owned(),
    };
    match error.code().code() {
        "23505" => format!("its key is taken: unique key {rule}"),
        "23503" => {
            format!("what it refers to is not there, or it is referred to: foreign key {rule}")
        }
        "23514" => format!("a check refuses it: {rule}"),
        "23P01" => format!("it overlaps another row: exclusion {rule}"),
        "23502" => format!("column {} must have a value", error.column().unwrap_or("?")),
        "22P02" | "22P03" => "a value cannot be read as its column's type".into(),
        "22003" => "a number is out of its column's range".into(),
        "22001" => "a text is too long for its column".into(),
        _ => message_without_values(error).to_owned(),
    }
}

/// A key's value for people.
fn readable(r#type: &tokio_postgres::types::Type, field: Field<'_>) -> String {
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
