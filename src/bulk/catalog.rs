//! Reads what the server's error messages do not contain: the definitions of a table's
//! constraints, and the maximum lengths of its columns.

use std::collections::HashMap;

use tokio_postgres::Row;

#[derive(Debug, Default)]
pub(super) struct Catalog {
    definitions: HashMap<String, String>,
    max_lengths: HashMap<String, usize>,
}

/// Reads the constraints and the maximum lengths of a table. The statement's only parameter is
/// the quoted name of the table.
pub(super) const READ_CATALOG: &str = include_str!("../../sql/bulk/table_constraints.sql");

impl Catalog {
    pub(super) fn from_rows(rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut catalog = Self::default();
        for row in rows {
            let name: String = row.try_get("name")?;
            let longest: Option<i32> = row.try_get("longest")?;
            match longest.and_then(|longest| usize::try_from(longest).ok()) {
                Some(longest) => catalog.max_lengths.insert(name, longest).map(drop),
                None => {
                    let definition = row.try_get("definition")?;
                    catalog.definitions.insert(name, definition).map(drop)
                }
            };
        }
        Ok(catalog)
    }

    /// Returns the definition of a constraint, such as `CHECK ((amount > 0))`.
    pub(super) fn constraint_definition(&self, constraint: &str) -> Option<&str> {
        self.definitions.get(constraint).map(String::as_str)
    }

    /// Returns the maximum number of characters that a column can hold.
    pub(super) fn max_length(&self, column: &str) -> Option<usize> {
        self.max_lengths.get(column).copied()
    }
}
