//! Declares what a write sends and does, and checks that the declaration is possible.

use crate::bulk::{Column, Table};
use crate::error::{Error, Result};

/// The declaration of a write. It says which columns are sent and what happens to the rows.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The table that is written.
    pub table: Table,
    /// The columns that have one value for all rows of a statement. That value is sent once.
    pub shared: &'static [&'static str],
    /// The columns that have a value for each row. The columns of `key` come first.
    pub per_row: &'static [&'static str],
    /// The columns of a unique key. An upsert uses the key to find conflicts. An update or a
    /// deletion uses it to find the stored rows.
    pub key: &'static [&'static str],
    /// The action on the rows.
    pub verb: Verb,
}

/// The action of a [`Plan`] on rows.
#[derive(Clone, Copy, Debug)]
pub enum Verb {
    /// Inserts every row.
    Insert {
        /// The columns that the statement returns for each row, such as a generated key. They are
        /// returned in the order of the rows, except by a distributed table.
        returning: &'static [&'static str],
    },
    /// Inserts new rows, and overwrites stored rows that have the same key.
    Upsert {
        /// The columns of a stored row that are set to an expression instead of the sent value.
        set: &'static [Assignment],
        /// Decides which stored rows are overwritten.
        overwrite: Overwrite,
        /// The name of a shared, [fixed](Column::fixed) column whose value is different in each
        /// statement. If a row has this statement's value afterwards, the row was inserted. If it
        /// has another value, the row was updated.
        insert_marker: &'static str,
        /// The columns that the statement returns for each row. They require
        /// [`Overwrite::Always`], because a row that is not overwritten returns nothing.
        returning: &'static [&'static str],
    },
    /// Updates the stored rows whose keys are sent.
    Update {
        /// The conditions that a stored row must also meet to be updated.
        only_if: &'static [Condition],
    },
    /// Deletes the stored rows whose keys are sent.
    Delete {
        /// The conditions that a stored row must also meet to be deleted.
        only_if: &'static [Condition],
    },
}

/// A column that an upsert sets to an expression.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    /// The name of the column.
    pub column: &'static str,
    /// The new value as an SQL expression. In the expression, `stored` is the stored row and
    /// `excluded` is the sent row.
    pub expression: &'static str,
}

/// Decides which stored rows an upsert overwrites.
#[derive(Clone, Copy, Debug)]
pub enum Overwrite {
    /// Overwrites every stored row.
    Always,
    /// Overwrites a stored row if it differs from the sent row in one of these columns.
    IfDifferent(&'static [&'static str]),
    /// Overwrites a stored row if it differs from the sent row in one of the first columns, and
    /// if it is also older. It is older if the values of the second columns, compared in their
    /// order, are less than those of the sent row. A time that is null is less than all others;
    /// the other columns must not be null.
    IfDifferentAndOlder(&'static [&'static str], &'static [&'static str]),
}

/// A condition that a stored row must meet.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// The column of the stored row is null.
    IsNull(&'static str),
    /// The column of the stored row equals the sent value. The column must be a shared column,
    /// and the statement does not set it.
    EqualsShared(&'static str),
}

impl Condition {
    pub(super) fn column(&self) -> &'static str {
        let (Condition::IsNull(name) | Condition::EqualsShared(name)) = *self;
        name
    }
}

/// The method by which rows are sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Sends the rows as parameters of statements with many rows.
    Values,
    /// Sends the rows by binary `COPY`. An insertion copies into the table itself. An upsert
    /// copies into a temporary table, which one statement then merges. An update, a deletion, an
    /// operation that returns columns, and the rows of a refused `COPY` are sent as
    /// [`Method::Values`].
    Copy,
}

/// Decides how rows are divided into statements.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// The method by which the rows are sent to the server.
    pub method: Method,
    /// The maximum number of rows in a statement.
    pub rows: usize,
    /// The maximum number of bytes of rows in a statement. A row that is larger than this has a
    /// statement of its own.
    pub bytes: usize,
}

impl Default for Batching {
    /// Returns 100 rows or 8 MiB for each statement. Larger statements are hardly faster.
    fn default() -> Self {
        Self {
            method: Method::Values,
            rows: 100,
            bytes: 8 << 20,
        }
    }
}

impl Plan {
    /// Checks the plan. Returns the columns of `shared` and the columns of `per_row`.
    pub(super) fn check(&self) -> Result<(Vec<&'static Column>, Vec<&'static Column>)> {
        let (shared, per_row) = (
            self.find_columns(self.shared)?,
            self.find_columns(self.per_row)?,
        );
        let mut sent = self.shared.iter().chain(self.per_row).enumerate();
        let twice = sent.find(|(index, name)| {
            let mut before = self.shared.iter().chain(self.per_row).take(*index);
            before.any(|other| other == *name)
        });
        if let Some((_, name)) = twice {
            return self.fail(format!("column {name} is sent twice"));
        }
        let sent_keys = self.key.iter().filter(|name| !self.shared.contains(name));
        let leading = self
            .per_row
            .iter()
            .take_while(|name| self.key.contains(name));
        if per_row.is_empty() || leading.count() != sent_keys.count() {
            let key = self.key.join(", ");
            return self.fail(format!("the key ({key}) does not come first in each row"));
        }
        match self.verb {
            Verb::Insert { returning } => self.find_columns(returning).map(drop)?,
            Verb::Upsert {
                set,
                overwrite,
                insert_marker,
                returning,
            } => self.check_upsert(set, overwrite, insert_marker, returning)?,
            Verb::Update { only_if } => {
                self.check_conditions(only_if)?;
                let set = self.columns_to_set(only_if);
                match set.iter().find(|column| !self.table.can_set(column)) {
                    Some(column) => return self.fail_to_set(column.name()),
                    None if set.is_empty() => return self.fail("no column is set".into()),
                    None => {}
                }
            }
            Verb::Delete { only_if } => {
                self.check_conditions(only_if)?;
                if let Some(column) = self.columns_to_set(only_if).first() {
                    return self.fail_to_set(column.name());
                }
            }
        }
        Ok((shared, per_row))
    }

    /// Fails if the upsert contradicts the table's description. It does not ask the database.
    fn check_upsert(
        &self,
        set: &[Assignment],
        overwrite: Overwrite,
        insert_marker: &str,
        returning: &[&'static str],
    ) -> Result<()> {
        self.find_columns(self.key)?;
        self.find_columns(returning)?;
        if !returning.is_empty() && !matches!(overwrite, Overwrite::Always) {
            return self.fail("an upsert that skips rows cannot return columns".into());
        }
        for set in set {
            if !self.table.can_set(self.find_columns(&[set.column])?[0]) {
                return self.fail_to_set(set.column);
            }
        }
        let marker = self.table.column(insert_marker);
        let marker = marker.filter(|column| self.shared.contains(&column.name()));
        if marker.is_none_or(|column| self.table.can_set(column)) {
            return self.fail(format!("column {insert_marker} must be shared and fixed"));
        }
        let mut sent = self.find_columns(self.shared)?;
        sent.extend(self.find_columns(self.per_row)?);
        if set.is_empty() && !sent.iter().any(|column| self.is_overwritten(column)) {
            return self.fail("no column is set".into());
        }
        Ok(())
    }

    pub(super) fn is_overwritten(&self, column: &Column) -> bool {
        self.table.can_set(column) && !self.key.contains(&column.name())
    }

    fn check_conditions(&self, only_if: &[Condition]) -> Result<()> {
        if self.key.is_empty() {
            return self.fail("an update or a deletion needs a key".into());
        }
        for condition in only_if {
            let name = condition.column();
            self.find_columns(&[name])?;
            if matches!(condition, Condition::EqualsShared(_)) && !self.shared.contains(&name) {
                return self.fail(format!(
                    "column {name} is in a condition and must be shared"
                ));
            }
        }
        let by_shared = self.key.iter().filter(|name| self.shared.contains(name));
        match by_shared
            .into_iter()
            .find(|name| !must_be_equal(only_if, name))
        {
            Some(name) => self.fail(format!("key column {name} is shared and needs a condition")),
            None => Ok(()),
        }
    }

    /// Returns the sent columns that are neither part of the key nor used in a condition.
    fn columns_to_set(&self, only_if: &[Condition]) -> Vec<&'static Column> {
        let shared = self
            .shared
            .iter()
            .filter(|name| !must_be_equal(only_if, name));
        let each = self.per_row.iter().filter(|name| !self.key.contains(name));
        let set = shared.chain(each);
        set.filter_map(|name| self.table.column(name)).collect()
    }

    fn find_columns(&self, names: &[&'static str]) -> Result<Vec<&'static Column>> {
        let columns = names.iter().map(|name| match self.table.column(name) {
            Some(column) => Ok(column),
            None => self.fail(format!("there is no column {name}")),
        });
        columns.collect()
    }

    fn fail_to_set<T>(&self, column: &str) -> Result<T> {
        self.fail(format!("column {column} cannot be set"))
    }

    fn fail<T>(&self, what: String) -> Result<T> {
        let table = self.table.label();
        Err(Error::unexpected(format!("table {table}: {what}")))
    }
}

/// Returns true if a condition requires that the stored value of the column equals the sent one.
pub(super) fn must_be_equal(only_if: &[Condition], column: &str) -> bool {
    let mut conditions = only_if.iter();
    conditions
        .any(|condition| matches!(condition, Condition::EqualsShared(name) if *name == column))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::types::Type;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("id", Type::TEXT),
        Column::new("hash", Type::BYTEA),
        Column::new("owner", Type::TEXT),
        Column::fixed("seen", Type::TIMESTAMPTZ),
    ];

    const UPSERT: Plan = Plan {
        table: Table::new("s.t", COLUMNS, &["id"]),
        shared: &["seen"],
        per_row: &["id", "hash"],
        key: &["id"],
        verb: Verb::Upsert {
            set: &[],
            overwrite: Overwrite::IfDifferent(&["hash"]),
            insert_marker: "seen",
            returning: &[],
        },
    };

    const DELETE: Plan = Plan {
        shared: &["owner"],
        per_row: &["id"],
        verb: Verb::Delete {
            only_if: &[Condition::EqualsShared("owner")],
        },
        ..UPSERT
    };

    #[track_caller]
    fn check(plan: Plan, expected: &str) {
        assert_eq!(
            plan.check().unwrap_err().to_string(),
            format!("table s.t: {expected}")
        );
    }

    #[test]
    fn a_plan_that_holds_together_passes() {
        UPSERT.check().unwrap();
        DELETE.check().unwrap();
    }

    #[test]
    fn a_column_is_there_and_is_sent_once() {
        check(
            Plan {
                per_row: &["id", "hach"],
                ..UPSERT
            },
            "there is no column hach",
        );
        check(
            Plan {
                per_row: &["id", "hash", "hash"],
                ..UPSERT
            },
            "column hash is sent twice",
        );
    }

    #[test]
    fn keys_come_first() {
        let expected = "the key (id) does not come first in each row";
        check(
            Plan {
                per_row: &["hash", "id"],
                ..UPSERT
            },
            expected,
        );
    }

    #[test]
    fn an_upsert_tells_new_rows_and_sets_something() {
        check(
            Plan {
                shared: &["owner"],
                ..UPSERT
            },
            "column seen must be shared and fixed",
        );
        check(
            Plan {
                per_row: &["id"],
                ..UPSERT
            },
            "no column is set",
        );
        let verb = Verb::Upsert {
            set: &[],
            overwrite: Overwrite::IfDifferent(&["hash"]),
            insert_marker: "seen",
            returning: &["id"],
        };
        let expected = "an upsert that skips rows cannot return columns";
        check(Plan { verb, ..UPSERT }, expected);
    }

    #[test]
    fn an_update_sets_what_may_be_set() {
        let verb = Verb::Update { only_if: &[] };
        check(Plan { verb, ..UPSERT }, "column seen cannot be set");
        let plan = Plan {
            shared: &[],
            per_row: &["id"],
            verb,
            ..UPSERT
        };
        check(plan, "no column is set");
    }

    #[test]
    fn rows_are_found_by_a_key_and_by_what_is_compared() {
        let key = &[];
        check(
            Plan { key, ..DELETE },
            "an update or a deletion needs a key",
        );
        let verb = Verb::Delete { only_if: &[] };
        check(Plan { verb, ..DELETE }, "column owner cannot be set");
        let key = &["owner", "id"];
        let expected = "key column owner is shared and needs a condition";
        check(
            Plan {
                key,
                verb,
                ..DELETE
            },
            expected,
        );
        let shared = &[];
        let expected = "column owner is in a condition and must be shared";
        check(Plan { shared, ..DELETE }, expected);
    }
}
