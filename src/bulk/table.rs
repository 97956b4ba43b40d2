//! What statements need to know of a table.

use tokio_postgres::types::Type;

/// A table: its name, its columns, and the key that tells its rows apart.
///
/// It is checked where it is written down: in a `const`, a description that
/// contradicts itself does not compile.
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
    /// A column that statements may write and overwrite.
    #[must_use]
    pub const fn new(name: &'static str, r#type: Type) -> Self {
        Self {
            name,
            r#type,
            is_fixed: false,
        }
    }

    /// A column that keeps the value of the first insertion: no upsert or update
    /// may set it.
    #[must_use]
    pub const fn fixed(name: &'static str, r#type: Type) -> Self {
        Self {
            name,
            r#type,
            is_fixed: true,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The type its values are sent as.
    #[must_use]
    pub const fn r#type(&self) -> &Type {
        &self.r#type
    }
}

impl Table {
    /// A table by its qualified name, `schema.name`, its columns, and the names
    /// of those that are its key.
    ///
    /// # Panics
    /// At compile time, in a `const`: the name has no schema, a column is there
    /// twice, or the key names a column that is not there or none at all.
    #[must_use]
    pub const fn new(
        label: &'static str,
        columns: &'static [Column],
        key: &'static [&'static str],
    ) -> Self {
        let Some(dot) = position_of_dot(label.as_bytes()) else {
            panic!("a table is named schema.name")
        };
        let (schema, name) = label.split_at(dot);
        let (_, name) = name.split_at(1);
        let mut index = 0;
        while index < columns.len() {
            let first = find(columns, columns[index].name);
            assert!(
                matches!(first, Some(first) if first == index),
                "a column is there twice"
            );
            index += 1;
        }
        assert!(!key.is_empty(), "a table needs a key");
        let mut index = 0;
        while index < key.len() {
            assert!(
                find(columns, key[index]).is_some(),
                "the key names a column that the table lacks"
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

    /// Another table of the same columns and key.
    ///
    /// # Panics
    /// As [`Table::new`].
    #[must_use]
    pub const fn named(&self, label: &'static str) -> Self {
        Self::new(label, self.columns, self.key)
    }

    /// Its name as people and metrics have it: `schema.name`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        self.label
    }

    /// The names of the columns that tell its rows apart.
    #[must_use]
    pub const fn key(&self) -> &'static [&'static str] {
        self.key
    }

    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether statements may overwrite a column.
    pub(super) fn may_set(&self, column: &Column) -> bool {
        !column.is_fixed && !self.key.contains(&column.name)
    }

    /// The qualified name as SQL has it.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quote(self.schema), quote(self.name))
    }
}

/// An identifier that PostgreSQL reads as exactly this name.
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
        assert_eq!(table.quoted(), r#""ocds"."release""#);
    }

    #[test]
    #[should_panic(expected = "the key names a column that the table lacks")]
    fn a_key_is_made_of_columns() {
        let _ = Table::new("ocds.release", ID, &["ocid"]);
    }

    #[test]
    #[should_panic(expected = "a column is there twice")]
    fn a_column_is_there_once() {
        let _ = Table::new("ocds.release", TWICE, &["id"]);
    }

    #[test]
    #[should_panic(expected = "a table is named schema.name")]
    fn a_name_has_a_schema() {
        let _ = Table::new("release", ID, &["id"]);
    }
}
