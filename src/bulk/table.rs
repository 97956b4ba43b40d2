//! Describes tables and their columns.

use tokio_postgres::types::Type;

/// The name, the columns and the key of a table. A wrong description in a `const` does not
/// compile.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    schema: &'static str,
    name: &'static str,
    label: &'static str,
    columns: &'static [Column],
    key: &'static [&'static str],
}

/// A column and its PostgreSQL type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: &'static str,
    r#type: Type,
    is_fixed: bool,
}

impl Column {
    /// Describes a column that statements can insert and overwrite.
    #[must_use]
    pub const fn new(name: &'static str, r#type: Type) -> Self {
        Self {
            name,
            r#type,
            is_fixed: false,
        }
    }

    /// Describes a column that keeps the value with which its row was inserted. No upsert or
    /// update can set it.
    #[must_use]
    pub const fn fixed(name: &'static str, r#type: Type) -> Self {
        Self {
            name,
            r#type,
            is_fixed: true,
        }
    }

    /// Returns the column's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the type of the column's values.
    #[must_use]
    pub const fn r#type(&self) -> &Type {
        &self.r#type
    }
}

impl Table {
    /// Describes a table by its name, its columns, and the names of the columns that form its
    /// key. The name has the form `schema.name`.
    ///
    /// # Panics
    ///
    /// The name has no schema, two columns have the same name, the key is empty, or the key names
    /// a column that does not exist. In a `const`, the compiler reports this.
    #[must_use]
    pub const fn new(
        label: &'static str,
        columns: &'static [Column],
        key: &'static [&'static str],
    ) -> Self {
        let Some(dot) = position_of_dot(label.as_bytes()) else {
            panic!("a table needs a name like schema.name")
        };
        let (schema, name) = label.split_at(dot);
        let (_, name) = name.split_at(1);
        let mut index = 0;
        while index < columns.len() {
            let first = find(columns, columns[index].name);
            assert!(
                matches!(first, Some(first) if first == index),
                "two columns have the same name"
            );
            index += 1;
        }
        assert!(!key.is_empty(), "a table needs a key");
        let mut index = 0;
        while index < key.len() {
            assert!(
                find(columns, key[index]).is_some(),
                "the key names a column that does not exist"
            );
            index += 1;
        }
        Self {
            schema,
            name,
            label,
            columns,
            key,
        }
    }

    /// Describes another table that has the same columns and the same key.
    ///
    /// # Panics
    ///
    /// The name has no schema.
    #[must_use]
    pub const fn with_name(&self, label: &'static str) -> Self {
        Self::new(label, self.columns, self.key)
    }

    /// Returns the table's name for messages and metrics, in the form `schema.name`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.label
    }

    /// Returns the names of the columns that form the key.
    #[must_use]
    pub const fn key(&self) -> &'static [&'static str] {
        self.key
    }

    /// Returns the column with this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn can_set(&self, column: &Column) -> bool {
        !column.is_fixed && !self.key.contains(&column.name)
    }

    pub(super) fn quote_name(&self) -> String {
        format!("{}.{}", quote(self.schema), quote(self.name))
    }
}

/// Quotes a name, so that PostgreSQL reads exactly this name.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const fn position_of_dot(name: &[u8]) -> Option<usize> {
    let mut index = 1;
    while index + 1 < name.len() {
        if name[index] == b'.' {
            return Some(index);
        }
        index += 1;
    }
    None
}

const fn find(columns: &[Column], name: &str) -> Option<usize> {
    let mut index = 0;
    while index < columns.len() {
        if is_same(columns[index].name.as_bytes(), name.as_bytes()) {
            return Some(index);
        }
        index += 1;
    }
    None
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &[Column] = &[Column::new("id", Type::INT8)];
    const TWICE: &[Column] = &[Column::new("id", Type::INT8), Column::new("id", Type::INT4)];

    #[test]
    fn a_quote_in_an_identifier_is_doubled() {
        assert_eq!(quote(r#"a"b"#), r#""a""b""#);
    }

    #[test]
    fn a_name_is_quoted_in_two_parts() {
        let table = Table::new("ocds.release", ID, &["id"]);
        assert_eq!(table.quote_name(), r#""ocds"."release""#);
    }

    #[test]
    #[should_panic(expected = "the key names a column that does not exist")]
    fn a_key_is_made_of_columns() {
        let _ = Table::new("ocds.release", ID, &["ocid"]);
    }

    #[test]
    #[should_panic(expected = "two columns have the same name")]
    fn a_column_name_is_unique() {
        let _ = Table::new("ocds.release", TWICE, &["id"]);
    }

    #[test]
    #[should_panic(expected = "a table needs a name like schema.name")]
    fn a_name_has_a_schema() {
        let _ = Table::new("release", ID, &["id"]);
    }
}
