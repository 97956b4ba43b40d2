//! A plan's SQL, for any number of rows.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use tokio_postgres::types::Type;

use crate::bulk::catalog::Catalog;
use crate::bulk::plan::{Condition, is_compared};
use crate::bulk::rows::{Bind, Binding, Field, Rows};
use crate::bulk::table::quote;
use crate::bulk::{Batching, Column, MAX_PARAMETERS, Method, Overwrite, Plan, Set, Table, Verb};
use crate::error::{Error, Result};

/// A checked [`Plan`] and the statements that carry it out.
#[derive(Debug)]
pub struct Operation {
    plan: Plan,
    shared: Vec<&'static Column>,
    each: Vec<&'static Column>,
    batching: Batching,
    head: String,
    tail: String,
    copy: Option<CopyText>,
    /// The statement of n rows at n - 1, built when it is first needed; for the
    /// sizes that are kept.
    statements: Vec<OnceLock<Arc<Statement>>>,
    /// The statement of a full batch.
    full: OnceLock<Arc<Statement>>,
    /// What the server says of the table's constraints, read when a row is refused.
    pub(super) catalog: OnceLock<Catalog>,
}

/// A statement's text and the types of its parameters.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) types: Vec<Type>,
}

/// What `COPY` needs.
#[derive(Debug)]
pub(super) struct CopyText {
    /// Makes the temporary table, if there is one.
    pub(super) stage: Option<String>,
    /// The `COPY` itself.
    pub(super) copy: String,
    /// Merges the temporary table, with the shared columns as its parameters.
    pub(super) merge: Option<Statement>,
}

impl Operation {
    /// Checks a plan and builds its SQL.
    ///
    /// # Errors
    /// It names a column that the table lacks or may not set, its keys do not
    /// come first, or so many rows need more parameters than a statement can
    /// have; the message says which.
    pub fn new(plan: &Plan, batching: Batching) -> Result<Self> {
        let (shared, each) = plan.check()?;
        let mut operation = Self {
            plan: *plan,
            shared,
            each,
            batching,
            head: String::new(),
            tail: String::new(),
            copy: None,
            statements: Vec::new(),
            full: OnceLock::new(),
            catalog: OnceLock::new(),
        };
        let most = operation.max_rows();
        if batching.rows == 0 || batching.rows > most {
            return Err(Error::config(format!(
                "a statement of {} has from 1 to {most} rows, not {}: it has at most {MAX_PARAMETERS} parameters",
                plan.table.label(),
                batching.rows,
            )));
        }
        let kept = batching.rows.min(KEPT_SIZES);
        operation.statements.resize_with(kept, OnceLock::new);
        operation.head = operation.build_head();
        operation.tail = operation.build_tail();
        operation.copy = operation.build_copy();
        Ok(operation)
    }

    /// Its name in SQL's words: what a metric calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.plan.verb {
            Verb::Insert { .. } => "insert",
            Verb::Upsert { .. } => "upsert",
            Verb::Update { .. } if self.each.len() == self.key_columns() => "update_where",
            Verb::Update { .. } => "update",
            Verb::Delete { .. } => "delete",
        }
    }

    /// The table it writes.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.plan.table
    }

    /// Begins to bind a type to the columns that have one value for all rows.
    pub fn bind_shared<S>(&self) -> Bind<S> {
        Binding::to(&self.shared)
    }

    /// Begins to bind a type to the columns that have a value for each row.
    pub fn bind_each<R>(&self) -> Bind<R> {
        Binding::to(&self.each)
    }

    /// The most rows that one statement has parameters for.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        (MAX_PARAMETERS - self.shared.len()) / self.each.len()
    }

    /// Whether rows were made for this operation's columns.
    ///
    /// # Errors
    /// They have more or fewer fields.
    pub(super) fn check_rows(&self, shared: &Rows, rows: &Rows) -> Result<()> {
        let is_one = shared.len() == usize::from(!self.shared.is_empty());
        if rows.is_empty() || (is_one && shared.fit(&self.shared) && rows.fit(&self.each)) {
            return Ok(());
        }
        let (name, table) = (self.name(), self.plan.table.label());
        Err(Error::unexpected(format!(
            "rows that were not made for this {name} of {table}"
        )))
    }

    pub(super) fn verb(&self) -> Verb {
        self.plan.verb
    }

    pub(super) fn copy_text(&self) -> Option<&CopyText> {
        self.copy.as_ref()
    }

    /// How many of each row's columns, the first ones, are its key.
    pub(super) fn key_columns(&self) -> usize {
        let is_key = |column: &&&Column| self.plan.by.contains(&column.name());
        self.each.iter().take_while(is_key).count()
    }

    pub(super) fn each(&self) -> &[&'static Column] {
        &self.each
    }

    /// Cuts rows into statements.
    pub(super) fn cut(&self, rows: &Rows) -> Vec<Range<usize>> {
        rows.cut(self.batching.rows, self.batching.bytes)
    }

    /// The statement of so many rows, at most those of a batch.
    pub(super) fn statement(&self, rows: usize) -> Arc<Statement> {
        let build = || {
            Arc::new(Statement {
                sql: self.sql(rows),
                types: self.types(rows),
            })
        };
        let kept = if rows == self.batching.rows {
            Some(&self.full)
        } else {
            self.statements.get(rows - 1)
        };
        kept.map_or_else(build, |kept| Arc::clone(kept.get_or_init(build)))
    }

    /// The statements worth preparing: of one row, for the fallback, and of a
    /// full batch. One for each size between would cost the server more memory
    /// than it saves time.
    pub(super) fn prepared(&self) -> impl Iterator<Item = Arc<Statement>> {
        let mut sizes = vec![1, self.batching.rows];
        sizes.dedup();
        sizes.into_iter().map(|rows| self.statement(rows))
    }

    /// The types of the parameters of [`Operation::sql`]: the shared columns' once,
    /// then each row's.
    #[must_use]
    pub fn types(&self, rows: usize) -> Vec<Type> {
        let each = (0..rows).flat_map(|_| &self.each);
        let columns = self.shared.iter().chain(each);
        columns.map(|column| column.r#type().clone()).collect()
    }

    /// The statement of so many rows, for who sends it himself.
    #[must_use]
    pub fn sql(&self, rows: usize) -> String {
        let shared = if self.inserts() { self.shared.len() } else { 0 };
        let width = self.each.len();
        let mut sql = self.head.clone();
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            let first = 1 + self.shared.len() + row * width;
            let numbers = (1..=shared).chain(first..first + width);
            push_list(&mut sql, numbers.map(|n| format!("${n}")));
            sql.push(')');
        }
        sql.push_str(&self.tail);
        sql
    }

    /// Whether rows are inserted, and not sought.
    fn inserts(&self) -> bool {
        matches!(self.plan.verb, Verb::Insert { .. } | Verb::Upsert { .. })
    }

    fn build_head(&self) -> String {
        let table = self.plan.table.quoted();
        match self.plan.verb {
            Verb::Insert { .. } | Verb::Upsert { .. } => {
                format!("insert into {table} as stored ({}) values ", self.names())
            }
            Verb::Update { only_if } => {
                let shared = self.shared.iter().map(|column| column.name());
                let shared = shared
                    .filter(|name| !is_compared(only_if, name))
                    .map(|name| format!("{} = {}", quote(name), self.shared_parameter(name)));
                let each = self.each[self.key_columns()..]
                    .iter()
                    .map(|column| format!("{0} = sent.{0}", quote(column.name())));
                let set = list(shared.chain(each));
                format!("update {table} as stored set {set} from (values ")
            }
            Verb::Delete { .. } => format!("delete from {table} as stored using (values "),
        }
    }

    fn build_tail(&self) -> String {
        match self.plan.verb {
            Verb::Insert { returning: [] } => String::new(),
            Verb::Insert { returning } => {
                let columns = returning.iter().map(|name| stored(name));
                format!(" returning {}", list(columns))
            }
            Verb::Upsert {
                set,
                overwrite,
                inserted_if,
                returning,
            } => {
                let mut sql = self.conflict_clause(set, overwrite, inserted_if);
                for name in returning {
                    sql.push_str(", ");
                    sql.push_str(&stored(name));
                }
                sql
            }
            Verb::Update { only_if } | Verb::Delete { only_if } => {
                let names = list(self.each.iter().map(|column| quote(column.name())));
                format!(") as sent ({names}) where {}", self.condition(only_if))
            }
        }
    }

    fn conflict_clause(&self, set: &[Set], overwrite: Overwrite, inserted_if: &str) -> String {
        let is_sent = |column: &&&&Column| {
            let is_computed = set.iter().any(|set| set.column == column.name());
            self.plan.sets(column) && !is_computed
        };
        let sent = self.shared.iter().chain(&self.each);
        let sent = sent.collect::<Vec<_>>();
        let sent = sent
            .iter()
            .filter(is_sent)
            .map(|column| format!("{0} = excluded.{0}", quote(column.name())));
        let computed = set
            .iter()
            .map(|set| format!("{} = {}", quote(set.column), set.to));
        let mut sql = format!(
            " on conflict ({}) do update set {}",
            list(self.plan.by.iter().map(|name| quote(name))),
            list(sent.chain(computed)),
        );
        push_condition(&mut sql, overwrite);
        write!(
            sql,
            " returning {} = {} as inserted",
            stored(inserted_if),
            self.shared_parameter(inserted_if)
        )
        .expect("writing to a string cannot fail");
        sql
    }

    /// Finds the rows of the keys that were sent, if more is true of them.
    ///
    /// What else must be true is within a `case`, through which the planner does not
    /// look. It would else read all rows of which that is true by an index of their own,
    /// for each statement, where its statistics know of none: such as those of a source
    /// that came after them.
    fn condition(&self, only_if: &[Condition]) -> String {
        let keys = self.each[..self.key_columns()].iter();
        let mut conditions: Vec<String> = keys
            .map(|column| format!("stored.{0} = sent.{0}", quote(column.name())))
            .collect();
        let (of_key, more): (Vec<&Condition>, Vec<&Condition>) = only_if
            .iter()
            .partition(|condition| self.plan.by.contains(&condition.column()));
        conditions.extend(of_key.into_iter().map(|it| self.test(it)));
        let more: Vec<String> = more.into_iter().map(|it| self.test(it)).collect();
        if !more.is_empty() {
            let more = more.join(" and ");
            conditions.push(format!("case when {more} then true else false end"));
        }
        conditions.join(" and ")
    }

    fn test(&self, condition: &Condition) -> String {
        match condition {
            Condition::IsNull(name) => format!("{} is null", stored(name)),
            Condition::IsSent(name) => {
                format!("{} = {}", stored(name), self.shared_parameter(name))
            }
        }
    }

    /// The parameter of a column that all rows share.
    fn shared_parameter(&self, name: &str) -> String {
        let mut shared = self.shared.iter();
        let position = shared.position(|column| column.name() == name);
        format!("${}", 1 + position.expect("checked"))
    }

    fn build_copy(&self) -> Option<CopyText> {
        if self.batching.method != Method::Copy {
            return None;
        }
        let table = self.plan.table.quoted();
        let each = list(self.each.iter().map(|column| quote(column.name())));
        match self.plan.verb {
            Verb::Insert { returning: [] } => Some(CopyText {
                stage: None,
                copy: format!("copy {table} ({}) from stdin (format binary)", self.names()),
                merge: None,
            }),
            // by way of the temporary table rows come in another order
            Verb::Upsert { returning: [], .. } => {
                let shared = (1..=self.shared.len()).map(|n| format!("${n}, "));
                let keys = self.each[..self.key_columns()].iter();
                Some(CopyText {
                    stage: Some(self.stage(&table, &each)),
                    copy: format!("copy {STAGE} ({each}) from stdin (format binary)"),
                    merge: Some(Statement {
                        sql: format!(
                            "insert into {table} as stored ({}) select {}{each} from {STAGE} order by {}{}",
                            self.names(),
                            shared.collect::<String>(),
                            list(keys.map(|column| quote(column.name()))),
                            self.tail,
                        ),
                        types: self.types(0),
                    }),
                })
            }
            _ => None,
        }
    }

    /// A temporary table for the rows on their way. What is large is not
    /// compressed there, since it will be where it goes.
    fn stage(&self, table: &str, each: &str) -> String {
        let mut sql = format!(
            "create temporary table {STAGE} on commit drop as select {each} from {table} with no data"
        );
        let is_large = |r#type: &Type| [Type::TEXT, Type::BYTEA, Type::JSONB].contains(r#type);
        for column in self.each.iter().filter(|column| is_large(column.r#type())) {
            write!(
                sql,
                "; alter table {STAGE} alter column {} set storage external",
                quote(column.name())
            )
            .expect("writing to a string cannot fail");
        }
        sql
    }

    /// The columns sent, in the order of a row's values.
    fn names(&self) -> String {
        let columns = self.shared.iter().chain(&self.each);
        list(columns.map(|column| quote(column.name())))
    }
}

/// The parameters of some rows behind those that they share.
pub(super) fn parameters<'r>(
    shared: &'r Rows,
    rows: &'r Rows,
    range: &Range<usize>,
) -> Vec<Field<'r>> {
    let shared = shared.fields(&(0..shared.len()));
    shared.chain(rows.fields(range)).collect()
}

/// Statements of up to so many rows are kept once they are built: the text of a
/// larger one is large too, and each size has one of its own.
const KEPT_SIZES: usize = 256;

/// The temporary table, which hides no table of anyone's.
const STAGE: &str = "pg_temp.ocds_ingest_stage";

/// Drops it.
pub(super) const DROP_STAGE: &str = "drop table pg_temp.ocds_ingest_stage";

fn push_condition(sql: &mut String, overwrite: Overwrite) {
    let row = |of: &str, names: &[&str]| {
        let names = names.iter().map(|name| format!("{of}.{}", quote(name)));
        format!("({})", list(names))
    };
    let (different, older) = match overwrite {
        Overwrite::Always => return,
        Overwrite::IfDifferent(different) => (different, &[][..]),
        Overwrite::IfDifferentAndOlder(different, older) => (different, older),
    };
    let (stored, excluded) = (row("stored", different), row("excluded", different));
    write!(sql, " where {stored} is distinct from {excluded}").expect("writing to a string");
    if !older.is_empty() {
        let (stored, excluded) = (row("stored", older), row("excluded", older));
        write!(sql, " and {stored} < {excluded}").expect("writing to a string");
    }
}

fn stored(name: &str) -> String {
    format!("stored.{}", quote(name))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    let mut sql = String::new();
    push_list(&mut sql, parts);
    sql
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

    const COLUMNS: &[Column] = &[
        Column::new("id", Type::TEXT),
        Column::new("hash", Type::BYTEA),
        Column::new("owner", Type::TEXT),
        Column::new("state", Type::TEXT),
        Column::fixed("seen", Type::TIMESTAMPTZ),
    ];

    const TABLE: Table = Table::new("s.t", COLUMNS, &["id"]);

    const UPSERT: Plan = Plan {
        table: TABLE,
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

    fn operation(plan: Plan) -> Operation {
        Operation::new(&plan, Batching::default()).unwrap()
    }

    fn text(plan: Plan, rows: usize) -> String {
        operation(plan).sql(rows)
    }

    #[test]
    fn an_upsert_sends_shared_values_once_and_row_values_for_each_row() {
        assert_eq!(
            text(UPSERT, 2),
            concat!(
                r#"insert into "s"."t" as stored ("seen", "id", "hash") values ($1, $2, $3), ($1, $4, $5)"#,
                r#" on conflict ("id") do update set "hash" = excluded."hash""#,
                r#" where (stored."hash") is distinct from (excluded."hash") returning stored."seen" = $1 as inserted"#,
            )
        );
        assert_eq!(
            operation(UPSERT).types(2),
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
        let verb = Verb::Upsert {
            set: &[],
            overwrite: Overwrite::IfDifferentAndOlder(&["hash"], &["owner", "state"]),
            inserted_if: "seen",
            returning: &[],
        };
        assert!(text(Plan { verb, ..UPSERT }, 1).contains(
            r#"where (stored."hash") is distinct from (excluded."hash") and (stored."owner", stored."state") < (excluded."owner", excluded."state") returning"#
        ));
    }

    #[test]
    fn an_upsert_sets_some_columns_otherwise() {
        let verb = Verb::Upsert {
            set: &[Set {
                column: "state",
                to: "'again'",
            }],
            overwrite: Overwrite::Always,
            inserted_if: "seen",
            returning: &["id"],
        };
        assert!(
            text(Plan { verb, ..UPSERT }, 1)
                .contains(r#"do update set "hash" = excluded."hash", "state" = 'again' returning"#)
        );
    }

    #[test]
    fn an_insertion_gives_generated_values_back() {
        let plan = Plan {
            shared: &[],
            verb: Verb::Insert { returning: &["id"] },
            by: &[],
            ..UPSERT
        };
        assert_eq!(
            text(plan, 1),
            r#"insert into "s"."t" as stored ("id", "hash") values ($1, $2) returning stored."id""#
        );
    }

    #[test]
    fn an_update_finds_each_row_by_its_key() {
        let plan = Plan {
            shared: &["owner", "state"],
            verb: Verb::Update {
                only_if: &[Condition::IsSent("owner"), Condition::IsNull("seen")],
            },
            ..UPSERT
        };
        assert_eq!(
            text(plan, 2),
            concat!(
                r#"update "s"."t" as stored set "state" = $2, "hash" = sent."hash" from (values ($3, $4), ($5, $6)) as sent ("id", "hash")"#,
                r#" where stored."id" = sent."id" and case when stored."owner" = $1 and stored."seen" is null then true else false end"#,
            )
        );
        assert_eq!(operation(plan).name(), "update");
        let plan = Plan {
            each: &["id"],
            ..plan
        };
        assert_eq!(operation(plan).name(), "update_where");
    }

    #[test]
    fn a_deletion_finds_each_row_by_its_key() {
        let plan = Plan {
            shared: &["owner"],
            each: &["id"],
            verb: Verb::Delete {
                only_if: &[Condition::IsSent("owner")],
            },
            ..UPSERT
        };
        assert_eq!(
            text(plan, 1),
            r#"delete from "s"."t" as stored using (values ($2)) as sent ("id") where stored."id" = sent."id" and case when stored."owner" = $1 then true else false end"#
        );
    }

    #[test]
    fn rows_are_limited_by_parameters() {
        assert_eq!(operation(UPSERT).max_rows(), 32_767);
        let batching = Batching {
            rows: 32_768,
            ..Batching::default()
        };
        let error = Operation::new(&UPSERT, batching).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a statement of s.t has from 1 to 32767 rows, not 32768: it has at most 65535 parameters"
        );
    }
}
