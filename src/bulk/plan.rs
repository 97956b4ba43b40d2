//! What is done to a table's rows, as it is declared, and whether that can be.

use crate::bulk::{Column, Table};
use crate::error::{Error, Result};

/// A set-based write, as it is declared: which columns are sent, and what is
/// done with them.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The table written.
    pub table: Table,
    /// Columns with one value for all rows of a statement: sent once.
    pub shared: &'static [&'static str],
    /// Columns with a value for each row, those of `by` first.
    pub each: &'static [&'static str],
    /// The columns of a unique key: what an upsert conflicts on, and what an
    /// update or a deletion finds a row by.
    pub by: &'static [&'static str],
    /// What is done.
    pub verb: Verb,
}

/// What a [`Plan`] does with the columns it sends.
#[derive(Clone, Copy, Debug)]
pub enum Verb {
    /// Inserts a row for each.
    Insert {
        /// Columns whose values are given back, in the order of the rows; such
        /// as a generated key. The order is that of one server's `VALUES` list:
        /// a distributed table would not keep it.
        returning: &'static [&'static str],
    },
    /// Inserts what is new, and sets what is there to what is sent.
    Upsert {
        /// Columns that are set otherwise than to what is sent.
        set: &'static [Set],
        /// Which stored rows are overwritten.
        overwrite: Overwrite,
        /// A [fixed](Column::fixed), shared column whose value tells an inserted
        /// row from an updated one: each statement brings a value of its own.
        inserted_if: &'static str,
        /// As of an insertion, where every row is overwritten: one that is left as
        /// it is gives nothing back.
        returning: &'static [&'static str],
    },
    /// Sets the rows of these keys: columns of `shared` to one value, those of
    /// `each` to one for each row.
    Update {
        /// What else must be true of a row.
        only_if: &'static [Condition],
    },
    /// Deletes the rows of these keys.
    Delete {
        /// What else must be true of a row.
        only_if: &'static [Condition],
    },
}

/// A column that an upsert sets otherwise than to what is sent.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// The column.
    pub column: &'static str,
    /// Its new value, as SQL over the rows `stored` and `excluded`.
    pub to: &'static str,
}

/// Which stored rows an upsert overwrites.
#[derive(Clone, Copy, Debug)]
pub enum Overwrite {
    /// Every one.
    Always,
    /// Those of which one of these columns differs.
    IfDifferent(&'static [&'static str]),
    /// Those of which one of the first columns differs, and whose second
    /// columns, read as one value, come before the row's own.
    IfDifferentAndOlder(&'static [&'static str], &'static [&'static str]),
}

/// What must be true of a stored row.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// The column is null.
    IsNull(&'static str),
    /// The column has the value sent for it, which is one of `shared` and is not
    /// set.
    IsSent(&'static str),
}

impl Condition {
    /// The column that it is about.
    pub(super) fn column(&self) -> &'static str {
        let (Condition::IsNull(name) | Condition::IsSent(name)) = *self;
        name
    }
}

/// How rows reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As parameters of statements of many rows.
    Values,
    /// Insertions by binary `COPY` into the table, upserts by way of a temporary
    /// table and one statement that merges it; the rest as by `Values`. What is
    /// refused is written row by row as by `Values`.
    Copy,
}

/// How rows are cut into statements.
#[derive(Clone, Copy, Debug)]
pub struct Batching {
    /// How they reach the server.
    pub method: Method,
    /// The most rows of one statement.
    pub rows: usize,
    /// The most bytes of rows in one statement; a row larger than this has a
    /// statement of its own.
    pub bytes: usize,
}

impl Default for Batching {
    /// 100 rows or 8 MiB: beyond 100 there is little left to gain.
    fn default() -> Self {
        Self {
            method: Method::Values,
            rows: 100,
            bytes: 8 << 20,
        }
    }
}

impl Plan {
    /// The columns of `shared` and of `each`, if the plan holds together.
    ///
    /// # Errors
    /// It does not; the message says why.
    pub(super) fn check(&self) -> Result<(Vec<&'static Column>, Vec<&'static Column>)> {
        let (shared, each) = (self.columns(self.shared)?, self.columns(self.each)?);
        let mut sent = self.shared.iter().chain(self.each).enumerate();
        let twice = sent.find(|(index, name)| {
            let mut before = self.shared.iter().chain(self.each).take(*index);
            before.any(|other| other == *name)
        });
        if let Some((_, name)) = twice {
            return self.wrong(format!("column {name} is sent twice"));
        }
        let sought = self.by.iter().filter(|name| !self.shared.contains(name));
        let keys = self.each.iter().take_while(|name| self.by.contains(name));
        if each.is_empty() || keys.count() != sought.count() {
            let by = self.by.join(", ");
            return self.wrong(format!("{by} are not the first columns of each row"));
        }
        match self.verb {
            Verb::Insert { returning } => self.columns(returning).map(drop)?,
            Verb::Upsert {
                set,
                overwrite,
                inserted_if,
                returning,
            } => self.check_upsert(set, overwrite, inserted_if, returning)?,
            Verb::Update { only_if } => {
                self.check_search(only_if)?;
                let set = self.set_by_search(only_if);
                match set.iter().find(|column| !self.table.may_set(column)) {
                    Some(column) => return self.may_not_set(column.name()),
                    None if set.is_empty() => return self.wrong("nothing is set".into()),
                    None => {}
                }
            }
            Verb::Delete { only_if } => {
                self.check_search(only_if)?;
                if let Some(column) = self.set_by_search(only_if).first() {
                    return self.may_not_set(column.name());
                }
            }
        }
        Ok((shared, each))
    }

    fn check_upsert(
        &self,
        set: &[Set],
        overwrite: Overwrite,
        inserted_if: &str,
        returning: &[&'static str],
    ) -> Result<()> {
        self.columns(self.by)?;
        self.columns(returning)?;
        if !returning.is_empty() && !matches!(overwrite, Overwrite::Always) {
            return self.wrong("rows that are left as they are give nothing back".into());
        }
        for set in set {
            if !self.table.may_set(self.columns(&[set.column])?[0]) {
                return self.may_not_set(set.column);
            }
        }
        let told = self.table.column(inserted_if);
        let told = told.filter(|column| self.shared.contains(&column.name()));
        if told.is_none_or(|column| self.table.may_set(column)) {
            return self.wrong(format!("column {inserted_if} is not shared and fixed"));
        }
        let mut sent = self.columns(self.shared)?;
        sent.extend(self.columns(self.each)?);
        if set.is_empty() && !sent.iter().any(|column| self.sets(column)) {
            return self.wrong("nothing is set".into());
        }
        Ok(())
    }

    /// Whether an upsert sets a column that it sends.
    pub(super) fn sets(&self, column: &Column) -> bool {
        self.table.may_set(column) && !self.by.contains(&column.name())
    }

    /// Checks how an update or a deletion finds rows.
    fn check_search(&self, only_if: &[Condition]) -> Result<()> {
        if self.by.is_empty() {
            return self.wrong("rows are found by no key".into());
        }
        for condition in only_if {
            let name = condition.column();
            self.columns(&[name])?;
            if matches!(condition, Condition::IsSent(_)) && !self.shared.contains(&name) {
                return self.wrong(format!("column {name} is compared and not shared"));
            }
        }
        let by_shared = self.by.iter().filter(|name| self.shared.contains(name));
        match by_shared
            .into_iter()
            .find(|name| !is_compared(only_if, name))
        {
            Some(name) => self.wrong(format!(
                "column {name} is of the key, shared and not compared"
            )),
            None => Ok(()),
        }
    }

    /// The columns that an update sets: those sent, but for what rows are found by.
    fn set_by_search(&self, only_if: &[Condition]) -> Vec<&'static Column> {
        let shared = self
            .shared
            .iter()
            .filter(|name| !is_compared(only_if, name));
        let each = self.each.iter().filter(|name| !self.by.contains(name));
        let set = shared.chain(each);
        set.filter_map(|name| self.table.column(name)).collect()
    }

    fn columns(&self, names: &[&'static str]) -> Result<Vec<&'static Column>> {
        let columns = names.iter().map(|name| match self.table.column(name) {
            Some(column) => Ok(column),
            None => self.wrong(format!("there is no column {name}")),
        });
        columns.collect()
    }

    fn may_not_set<T>(&self, column: &str) -> Result<T> {
        self.wrong(format!("column {column} may not be set"))
    }

    fn wrong<T>(&self, what: String) -> Result<T> {
        let table = self.table.label();
        Err(Error::unexpected(format!("table {table}: {what}")))
    }
}

/// Whether a column is compared with what is sent for it.
pub(super) fn is_compared(only_if: &[Condition], column: &str) -> bool {
    let mut conditions = only_if.iter();
    conditions.any(|condition| matches!(condition, Condition::IsSent(name) if *name == column))
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
        each: &["id", "hash"],
        by: &["id"],
        verb: Verb::Upsert {
            set: &[],
            overwrite: Overwrite::IfDifferent(&["hash"]),
            inserted_if: "seen",
            returning: &[],
        },
    };

    const DELETE: Plan = Plan {
        shared: &["owner"],
        each: &["id"],
        verb: Verb::Delete {
            only_if: &[Condition::IsSent("owner")],
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
                each: &["id", "hach"],
                ..UPSERT
            },
            "there is no column hach",
        );
        check(
            Plan {
                each: &["id", "hash", "hash"],
                ..UPSERT
            },
            "column hash is sent twice",
        );
    }

    #[test]
    fn keys_come_first() {
        let expected = "id are not the first columns of each row";
        check(
            Plan {
                each: &["hash", "id"],
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
            "column seen is not shared and fixed",
        );
        check(
            Plan {
                each: &["id"],
                ..UPSERT
            },
            "nothing is set",
        );
        let verb = Verb::Upsert {
            set: &[],
            overwrite: Overwrite::IfDifferent(&["hash"]),
            inserted_if: "seen",
            returning: &["id"],
        };
        let expected = "rows that are left as they are give nothing back";
        check(Plan { verb, ..UPSERT }, expected);
    }

    #[test]
    fn an_update_sets_what_may_be_set() {
        let verb = Verb::Update { only_if: &[] };
        check(Plan { verb, ..UPSERT }, "column seen may not be set");
        let plan = Plan {
            shared: &[],
            each: &["id"],
            verb,
            ..UPSERT
        };
        check(plan, "nothing is set");
    }

    #[test]
    fn rows_are_found_by_a_key_and_by_what_is_compared() {
        let by = &[];
        check(Plan { by, ..DELETE }, "rows are found by no key");
        let verb = Verb::Delete { only_if: &[] };
        check(Plan { verb, ..DELETE }, "column owner may not be set");
        let by = &["owner", "id"];
        let expected = "column owner is of the key, shared and not compared";
        check(Plan { by, verb, ..DELETE }, expected);
        let shared = &[];
        let expected = "column owner is compared and not shared";
        check(Plan { shared, ..DELETE }, expected);
    }
}
