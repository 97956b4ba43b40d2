//! One multi-row `insert … on conflict … do update` with parameters.

use std::fmt::Write as _;

use tokio_postgres::types::Type;

use crate::bulk::table::quote;
use crate::bulk::{MAX_PARAMETERS, Table};

/// What an upsert does with a row whose key is there already.
#[derive(Clone, Copy, Debug)]
pub struct Upsert {
    /// The table written.
    pub table: Table,
    /// Columns that keep the value of the first insertion, beside the key.
    pub keep: &'static [&'static str],
    /// Which stored rows are overwritten.
    pub write: Write,
    /// The shared column whose value tells an inserted row from an updated one:
    /// it is in `keep`, and each statement brings a value of its own.
    pub inserted_if: &'static str,
}

/// Which stored rows an upsert overwrites.
#[derive(Clone, Copy, Debug)]
pub enum Write {
    /// Those whose named column differs.
    IfDifferent(&'static str),
    /// Those whose named column differs and whose named columns, read as one
    /// value, come before the row's own.
    IfDifferentAndOlder(&'static str, &'static [&'static str]),
}

impl Upsert {
    /// The most rows that one statement has parameters for.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        (MAX_PARAMETERS - self.table.shared.len()) / self.table.each.len()
    }

    /// The types of a statement's parameters: the shared columns' once, then
    /// each row's.
    #[must_use]
    pub fn types(&self, rows: usize) -> Vec<Type> {
        let shared = self.table.shared.iter();
        let each = (0..rows).flat_map(|_| self.table.each);
        shared
            .chain(each)
            .map(|column| column.r#type.clone())
            .collect()
    }

    /// The statement for so many rows. It returns `inserted`, a row for each row
    /// inserted (true) or updated (false) and none for a row left as it was.
    ///
    /// # Panics
    /// If the rows are none or more than [`Upsert::max_rows`].
    #[must_use]
    pub fn statement(&self, rows: usize) -> String {
        assert!(
            (1..=self.max_rows()).contains(&rows),
            "{rows} rows in one statement"
        );
        let Table { shared, each, .. } = self.table;
        let mut sql = format!("insert into {} as stored (", self.table.qualified());
        push_list(
            &mut sql,
            self.table.columns().map(|column| quote(column.name)),
        );
        sql.push_str(") values ");
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            let first = 1 + shared.len() + row * each.len();
            let parameters = (1..=shared.len()).chain(first..first + each.len());
            push_list(&mut sql, parameters.map(|n| format!("${n}")));
            sql.push(')');
        }
        sql.push_str(" on conflict (");
        push_list(&mut sql, self.table.key.iter().map(|name| quote(name)));
        sql.push_str(") do update set ");
        let set = self.table.columns().map(|column| column.name);
        let set = set.filter(|name| !self.table.key.contains(name) && !self.keep.contains(name));
        push_list(
            &mut sql,
            set.map(|name| format!("{0} = excluded.{0}", quote(name))),
        );
        self.push_condition(&mut sql);
        let inserted_if = self.position(self.inserted_if);
        write!(
            sql,
            " returning {} = ${inserted_if} as inserted",
            quote(self.inserted_if)
        )
        .expect("writing to a string cannot fail");
        sql
    }

    fn push_condition(&self, sql: &mut String) {
        let (Write::IfDifferent(changed) | Write::IfDifferentAndOlder(changed, _)) = self.write;
        write!(
            sql,
            " where stored.{0} is distinct from excluded.{0}",
            quote(changed)
        )
        .expect("writing to a string cannot fail");
        if let Write::IfDifferentAndOlder(_, order) = self.write {
            sql.push_str(" and (");
            push_list(
                sql,
                order.iter().map(|name| format!("stored.{}", quote(name))),
            );
            sql.push_str(") < (");
            push_list(
                sql,
                order.iter().map(|name| format!("excluded.{}", quote(name))),
            );
            sql.push(')');
        }
    }

    /// The number of a shared column's parameter.
    fn position(&self, name: &str) -> usize {
        let shared = self.table.shared.iter();
        1 + shared
            .clone()
            .position(|column| column.name == name)
            .expect("a shared column")
    }
}

fn push_list(sql: &mut String, parts: impl Iterator<Item = String>) {
    for (index, part) in parts.enumerate() {
        if index > 0 {
            sql.push_str(", ");
        }
        sql.push_str(&part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::Column;

    const UPSERT: Upsert = Upsert {
        table: Table {
            schema: "s",
            name: "t",
            shared: &[Column {
                name: "seen",
                r#type: Type::TIMESTAMPTZ,
            }],
            each: &[
                Column {
                    name: "id",
                    r#type: Type::TEXT,
                },
                Column {
                    name: "hash",
                    r#type: Type::BYTEA,
                },
            ],
            key: &["id"],
        },
        keep: &["seen"],
        write: Write::IfDifferent("hash"),
        inserted_if: "seen",
    };

    #[test]
    fn shared_values_are_sent_once_and_row_values_for_each_row() {
        assert_eq!(
            UPSERT.statement(2),
            concat!(
                r#"insert into "s"."t" as stored ("seen", "id", "hash") values ($1, $2, $3), ($1, $4, $5)"#,
                r#" on conflict ("id") do update set "hash" = excluded."hash""#,
                r#" where stored."hash" is distinct from excluded."hash" returning "seen" = $1 as inserted"#,
            )
        );
        assert_eq!(
            UPSERT.types(2),
            [
                Type::TIMESTAMPTZ,
                Type::TEXT,
                Type::BYTEA,
                Type::TEXT,
                Type::BYTEA
            ]
        );
    }

    #[test]
    fn an_older_row_does_not_overwrite_a_newer_one() {
        let upsert = Upsert {
            write: Write::IfDifferentAndOlder("hash", &["seen"]),
            ..UPSERT
        };
        assert!(upsert.statement(1).contains(
            r#"where stored."hash" is distinct from excluded."hash" and (stored."seen") < (excluded."seen") returning"#
        ));
    }

    #[test]
    fn rows_are_limited_by_parameters() {
        assert_eq!(UPSERT.max_rows(), 32_767);
    }
}
