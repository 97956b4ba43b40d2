//! What a statement needs to know of a table.

use tokio_postgres::types::Type;

/// A table, and the columns that its statements write.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The schema it is in.
    pub schema: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Columns with one value for all rows of a statement: sent once.
    pub shared: &'static [Column],
    /// Columns with a value for each row.
    pub each: &'static [Column],
    /// The columns of the unique key that tells rows apart.
    pub key: &'static [&'static str],
}

/// A column and its PostgreSQL type.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The type its parameter is sent as.
    pub r#type: Type,
}

impl Table {
    /// All columns in the order of a row's values.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        self.shared.iter().chain(self.each)
    }

    /// The qualified, quoted name.
    pub(super) fn qualified(&self) -> String {
        format!("{}.{}", quote(self.schema), quote(self.name))
    }
}

/// An identifier that PostgreSQL reads as exactly this name.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_quote_in_an_identifier_is_doubled() {
        assert_eq!(quote(r#"a"b"#), r#""a""b""#);
    }
}
