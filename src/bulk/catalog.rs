//! What the server knows of a table and an error does not say: how its
//! constraints read, and how long its texts may be.

use std::collections::HashMap;

use tokio_postgres::Row;

/// The constraints of a table and the limits of its columns.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    definitions: HashMap<String, String>,
    longest: HashMap<String, usize>,
}

/// Asks for a table's catalog, by its quoted name.
pub(super) const READ: &str = include_str!("../../sql/bulk/catalog.sql");

impl Catalog {
    /// Reads the answer to [`READ`].
    pub(super) fn new(rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let mut catalog = Self::default();
        for row in rows {
            let name: String = row.try_get("name")?;
            let longest: Option<i32> = row.try_get("longest")?;
            match longest.and_then(|longest| usize::try_from(longest).ok()) {
                Some(longest) => catalog.longest.insert(name, longest).map(drop),
                None => {
                    let definition = row.try_get("definition")?;
                    catalog.definitions.insert(name, definition).map(drop)
                }
            };
        }
        Ok(catalog)
    }

    /// How a constraint reads, such as `CHECK ((amount > 0))`.
    pub(super) fn definition(&self, constraint: &str) -> Option<&str> {
        self.definitions.get(constraint).map(String::as_str)
    }

    /// The most characters of a column.
    pub(super) fn longest(&self, column: &str) -> Option<usize> {
        self.longest.get(column).copied()
    }
}
