//! Builds the SQL of a plan for any number of rows.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use tokio_postgres::types::{ToSql, Type};

use crate::bulk::catalog::Catalog;
use crate::bulk::plan::{Condition, must_be_equal};
use crate::bulk::rows::{Binding, BindingBuilder, Field, Rows};
use crate::bulk::table::quote;
use crate::bulk::{
    Assignment, Batching, Column, MAX_PARAMETERS, Method, Overwrite, Plan, Table, Verb,
};
use crate::error::{Error, Result};

/// A checked [`Plan`] and the statements that execute it.
#[derive(Debug)]
pub struct Operation {
    plan: Plan,
    shared_columns: Vec<&'static Column>,
    pub(super) row_columns: Vec<&'static Column>,
    batching: Batching,
    head: String,
    tail: String,
    pub(super) copy: Option<CopyStatements>,
    /// The statement for n rows is at index n - 1. Each statement is built when it is first
    /// needed.
    statements: Vec<OnceLock<Arc<Statement>>>,
    full_batch: OnceLock<Arc<Statement>>,
    /// The definitions of the table's constraints and the maximum lengths of its columns. They
    /// are read when the first refused row needs them in its message.
    pub(super) catalog: OnceLock<Catalog>,
}

#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) types: Vec<Type>,
}

#[derive(Debug)]
pub(super) struct CopyStatements {
    /// Creates the temporary table into which the rows of an upsert are copied.
    pub(super) create_table: Option<String>,
    pub(super) copy: String,
    /// Upserts the rows of the temporary table into the real table. The parameters are the shared
    /// columns.
    pub(super) merge: Option<Statement>,
}

impl Operation {
    /// Checks a plan and builds its SQL.
    ///
    /// # Errors
    ///
    /// The plan names a column that does not exist or cannot be set, the plan does not list the
    /// columns of the key first, or a batch needs more than [`MAX_PARAMETERS`] parameters. The
    /// message says which of these is the case.
    pub fn new(plan: &Plan, batching: Batching) -> Result<Self> {
        let (shared_columns, row_columns) = plan.check()?;
        let mut operation = Self {
            plan: *plan,
            shared_columns,
            row_columns,
            batching,
            head: String::new(),
            tail: String::new(),
            copy: None,
            statements: Vec::new(),
            full_batch: OnceLock::new(),
            catalog: OnceLock::new(),
        };
        let most = operation.max_rows();
        if batching.rows == 0 || batching.rows > most {
            return Err(Error::config(format!(
                "a statement for {} can have 1 to {most} rows, not {}, because it can have {MAX_PARAMETERS} parameters",
                plan.table.label(),
                batching.rows,
            )));
        }
        let cached = batching.rows.min(MAX_CACHED_SIZES);
        operation.statements.resize_with(cached, OnceLock::new);
        operation.head = operation.build_head();
        operation.tail = operation.build_tail();
        operation.copy = operation.build_copy();
        Ok(operation)
    }

    /// Returns the name of the operation in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.plan.verb {
            Verb::Insert { .. } => "insert",
            Verb::Upsert { .. } => "upsert",
            Verb::Update { .. } if self.row_columns.len() == self.key_column_count() => {
                "update_where"
            }
            Verb::Update { .. } => "update",
            Verb::Delete { .. } => "delete",
        }
    }

    /// Returns the table that the operation writes.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.plan.table
    }

    /// Starts the [`Binding`] that fills the columns with one value for all rows.
    pub fn bind_shared<S>(&self) -> BindingBuilder<S> {
        Binding::builder(&self.shared_columns)
    }

    /// Starts the [`Binding`] that fills the columns with a value for each row.
    pub fn bind_row<R>(&self) -> BindingBuilder<R> {
        Binding::builder(&self.row_columns)
    }

    /// Adds a row to `rows`: a value for each column that differs from row to row, in the order of
    /// the plan. It is for rows that no type of the program describes. The caller makes sure that
    /// each value has the type of its column.
    ///
    /// # Errors
    ///
    /// As [`Rows::push`]. Also fails if there are more or fewer values than columns.
    pub fn push_row<V: ToSql>(&self, rows: &mut Rows, values: &[V]) -> Result<()> {
        if values.len() != self.row_columns.len() {
            let (name, table) = (self.name(), self.plan.table.label());
            return Err(Error::unexpected(format!(
                "a row has {} values, and this {name} of {table} has {} columns",
                values.len(),
                self.row_columns.len()
            )));
        }
        rows.push_values(&self.row_columns, values)
    }

    /// Returns the maximum number of rows that fit into the parameters of one statement.
    #[must_use]
    pub fn max_rows(&self) -> usize {
        (MAX_PARAMETERS - self.shared_columns.len()) / self.row_columns.len()
    }

    /// Returns an error if the rows have more or fewer fields than the operation has columns.
    pub(super) fn check_rows(&self, shared: &Rows, rows: &Rows) -> Result<()> {
        let is_one_shared_row = shared.len() == usize::from(!self.shared_columns.is_empty());
        if rows.is_empty()
            || (is_one_shared_row
                && shared.has_fields_for(&self.shared_columns)
                && rows.has_fields_for(&self.row_columns))
        {
            return Ok(());
        }
        let (name, table) = (self.name(), self.plan.table.label());
        Err(Error::unexpected(format!(
            "the rows do not have the columns of this {name} of {table}"
        )))
    }

    pub(super) fn verb(&self) -> Verb {
        self.plan.verb
    }

    /// Returns the number of per-row columns that belong to the key. These columns come first.
    pub(super) fn key_column_count(&self) -> usize {
        let is_key = |column: &&&Column| self.plan.key.contains(&column.name());
        self.row_columns.iter().take_while(is_key).count()
    }

    /// Splits rows into ranges. Each range is written by one statement.
    pub(super) fn split_rows(&self, rows: &Rows) -> Vec<Range<usize>> {
        rows.split(self.batching.rows, self.batching.bytes)
    }

    /// Returns the statement for a number of rows, which is at most a full batch.
    pub(super) fn statement(&self, rows: usize) -> Arc<Statement> {
        let build = || {
            Arc::new(Statement {
                sql: self.sql(rows),
                types: self.parameter_types(rows),
            })
        };
        let cached = if rows == self.batching.rows {
            Some(&self.full_batch)
        } else {
            self.statements.get(rows - 1)
        };
        cached.map_or_else(build, |cached| Arc::clone(cached.get_or_init(build)))
    }

    /// Returns the statements for one row and for a full batch. Rows that are sent alone use the
    /// first. Statements for other numbers of rows would cost the server more memory than they
    /// save time.
    pub(super) fn statements_to_prepare(&self) -> impl Iterator<Item = Arc<Statement>> {
        let mut sizes = vec![1, self.batching.rows];
        sizes.dedup();
        sizes.into_iter().map(|rows| self.statement(rows))
    }

    /// Returns the types of the parameters of [`Operation::sql`]: first the types of the shared
    /// columns, and then the types of each row.
    #[must_use]
    pub fn parameter_types(&self, rows: usize) -> Vec<Type> {
        let each = (0..rows).flat_map(|_| &self.row_columns);
        let columns = self.shared_columns.iter().chain(each);
        columns.map(|column| column.r#type().clone()).collect()
    }

    /// Returns the text of the statement for a number of rows. It is for callers that send the
    /// statement themselves.
    #[must_use]
    pub fn sql(&self, rows: usize) -> String {
        let shared = if self.is_insertion() {
            self.shared_columns.len()
        } else {
            0
        };
        let width = self.row_columns.len();
        let mut sql = self.head.clone();
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            let first = 1 + self.shared_columns.len() + row * width;
            let numbers = (1..=shared).chain(first..first + width);
            sql.push_str(&join(numbers.map(|n| format!("${n}"))));
            sql.push(')');
        }
        sql.push_str(&self.tail);
        sql
    }

    fn is_insertion(&self) -> bool {
        matches!(self.plan.verb, Verb::Insert { .. } | Verb::Upsert { .. })
    }

    fn build_head(&self) -> String {
        let table = self.plan.table.quote_name();
        match self.plan.verb {
            Verb::Insert { .. } | Verb::Upsert { .. } => {
                format!(
                    "insert into {table} as stored ({}) values ",
                    self.build_column_list()
                )
            }
            Verb::Update { only_if } => {
                let shared = self.shared_columns.iter().map(|column| column.name());
                let shared = shared
                    .filter(|name| !must_be_equal(only_if, name))
                    .map(|name| format!("{} = {}", quote(name), self.shared_parameter(name)));
                let each = self.row_columns[self.key_column_count()..]
                    .iter()
                    .map(|column| format!("{0} = sent.{0}", quote(column.name())));
                let set = join(shared.chain(each));
                format!("update {table} as stored set {set} from (values ")
            }
            Verb::Delete { .. } => format!("delete from {table} as stored using (values "),
        }
    }

    fn build_tail(&self) -> String {
        match self.plan.verb {
            Verb::Insert { returning: [] } => String::new(),
            Verb::Insert { returning } => {
                let columns = returning.iter().map(|name| stored_column(name));
                format!(" returning {}", join(columns))
            }
            Verb::Upsert {
                set,
                overwrite,
                insert_marker,
                returning,
            } => {
                let mut sql = self.build_conflict_clause(set, overwrite, insert_marker);
                for name in returning {
                    sql.push_str(", ");
                    sql.push_str(&stored_column(name));
                }
                sql
            }
            Verb::Update { only_if } | Verb::Delete { only_if } => {
                let names = join(self.row_columns.iter().map(|column| quote(column.name())));
                format!(
                    ") as sent ({names}) where {}",
                    self.build_condition(only_if)
                )
            }
        }
    }

    fn build_conflict_clause(
        &self,
        set: &[Assignment],
        overwrite: Overwrite,
        insert_marker: &str,
    ) -> String {
        let is_sent = |column: &&&&Column| {
            let is_computed = set
                .iter()
                .any(|assignment| assignment.column == column.name());
            self.plan.is_overwritten(column) && !is_computed
        };
        let sent = self.shared_columns.iter().chain(&self.row_columns);
        let sent = sent.collect::<Vec<_>>();
        let sent = sent
            .iter()
            .filter(is_sent)
            .map(|column| format!("{0} = excluded.{0}", quote(column.name())));
        let computed = set
            .iter()
            .map(|assignment| format!("{} = {}", quote(assignment.column), assignment.expression));
        format!(
            " on conflict ({}) do update set {}{} returning {} = {} as inserted",
            join(self.plan.key.iter().map(|name| quote(name))),
            join(sent.chain(computed)),
            self.build_overwrite_condition(overwrite),
            stored_column(insert_marker),
            self.shared_parameter(insert_marker)
        )
    }

    fn build_overwrite_condition(&self, overwrite: Overwrite) -> String {
        let row = |alias: &str, names: &[&str]| {
            let names = names.iter().map(|name| format!("{alias}.{}", quote(name)));
            format!("({})", join(names))
        };
        // a comparison with null would be null, and the row would stay as it is
        let place = |alias: &str, names: &[&str]| {
            let is_time = |name| {
                let column = self.plan.table.column(name);
                column.is_some_and(|column| *column.r#type() == Type::TIMESTAMPTZ)
            };
            let values = names.iter().map(|name| match is_time(name) {
                true => format!("coalesce({alias}.{}, '-infinity')", quote(name)),
                false => format!("{alias}.{}", quote(name)),
            });
            format!("({})", join(values))
        };
        let (different, older) = match overwrite {
            Overwrite::Always => return String::new(),
            Overwrite::IfDifferent(different) => (different, &[][..]),
            Overwrite::IfDifferentAndOlder(different, older) => (different, older),
        };
        let (stored, excluded) = (row("stored", different), row("excluded", different));
        let is_different = format!(" where {stored} is distinct from {excluded}");
        if older.is_empty() {
            return is_different;
        }
        let (stored, excluded) = (place("stored", older), place("excluded", older));
        format!("{is_different} and {stored} < {excluded}")
    }

    /// Builds the condition that finds stored rows by their keys and by `only_if`.
    ///
    /// Conditions on columns outside the key are inside a `case`, which hides them from the
    /// planner. If the statistics know no row that meets such a condition, as for a new source,
    /// the planner would use an index on the condition's column. Each statement would then read
    /// all rows that meet the condition.
    fn build_condition(&self, only_if: &[Condition]) -> String {
        let keys = self.row_columns[..self.key_column_count()].iter();
        let mut conditions: Vec<String> = keys
            .map(|column| format!("stored.{0} = sent.{0}", quote(column.name())))
            .collect();
        let mut others = Vec::new();
        for condition in only_if {
            let is_on_key = self.plan.key.contains(&condition.column());
            let same_kind = if is_on_key {
                &mut conditions
            } else {
                &mut others
            };
            same_kind.push(self.build_comparison(condition));
        }
        if !others.is_empty() {
            let others = others.join(" and ");
            conditions.push(format!("case when {others} then true else false end"));
        }
        conditions.join(" and ")
    }

    fn build_comparison(&self, condition: &Condition) -> String {
        match condition {
            Condition::IsNull(name) => format!("{} is null", stored_column(name)),
            Condition::EqualsShared(name) => {
                format!("{} = {}", stored_column(name), self.shared_parameter(name))
            }
        }
    }

    fn shared_parameter(&self, name: &str) -> String {
        let mut shared = self.shared_columns.iter();
        let position = shared.position(|column| column.name() == name);
        format!("${}", 1 + position.expect("the plan was checked"))
    }

    fn build_copy(&self) -> Option<CopyStatements> {
        if self.batching.method != Method::Copy {
            return None;
        }
        let table = self.plan.table.quote_name();
        let each = join(self.row_columns.iter().map(|column| quote(column.name())));
        match self.plan.verb {
            Verb::Insert { returning: [] } => Some(CopyStatements {
                create_table: None,
                copy: format!(
                    "copy {table} ({}) from stdin (format binary)",
                    self.build_column_list()
                ),
                merge: None,
            }),
            // The temporary table does not keep the order of the rows. So returned columns could
            // not be matched with their rows, and only an upsert that returns nothing uses
            // `COPY`.
            Verb::Upsert { returning: [], .. } => {
                let shared = (1..=self.shared_columns.len()).map(|n| format!("${n}, "));
                let keys = self.row_columns[..self.key_column_count()].iter();
                Some(CopyStatements {
                    create_table: Some(self.build_temporary_table(&table, &each)),
                    copy: format!("copy {TEMPORARY_TABLE} ({each}) from stdin (format binary)"),
                    merge: Some(Statement {
                        sql: format!(
                            "insert into {table} as stored ({}) select {}{each} from {TEMPORARY_TABLE} order by {}{}",
                            self.build_column_list(),
                            shared.collect::<String>(),
                            join(keys.map(|column| quote(column.name()))),
                            self.tail,
                        ),
                        types: self.parameter_types(0),
                    }),
                })
            }
            _ => None,
        }
    }

    /// Builds the statements that create the temporary table. The table does not compress large
    /// values, because the real table compresses them later.
    fn build_temporary_table(&self, table: &str, each: &str) -> String {
        let mut sql = format!(
            "create temporary table {TEMPORARY_TABLE} on commit drop as select {each} from {table} with no data"
        );
        let is_large = |r#type: &Type| [Type::TEXT, Type::BYTEA, Type::JSONB].contains(r#type);
        let columns = self.row_columns.iter();
        for column in columns.filter(|column| is_large(column.r#type())) {
            sql.push_str(&format!(
                "; alter table {TEMPORARY_TABLE} alter column {} set storage external",
                quote(column.name())
            ));
        }
        sql
    }

    fn build_column_list(&self) -> String {
        let columns = self.shared_columns.iter().chain(&self.row_columns);
        join(columns.map(|column| quote(column.name())))
    }
}

/// Returns the parameters of the shared columns, and then those of the rows in a range.
pub(super) fn collect_parameters<'r>(
    shared: &'r Rows,
    rows: &'r Rows,
    range: &Range<usize>,
) -> Vec<Field<'r>> {
    let shared = shared.fields(&(0..shared.len()));
    shared.chain(rows.fields(range)).collect()
}

/// The maximum number of rows of a statement whose text is cached. Each number of rows has a text
/// of its own, and the text grows with the number of rows.
const MAX_CACHED_SIZES: usize = 256;

/// The name of the temporary table. The name is unusual, because a temporary table hides other
/// tables of the same name.
const TEMPORARY_TABLE: &str = "pg_temp.ocds_ingest_stage";

pub(super) const DROP_TEMPORARY_TABLE: &str = "drop table pg_temp.ocds_ingest_stage";

fn stored_column(name: &str) -> String {
    format!("stored.{}", quote(name))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
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
        per_row: &["id", "hash"],
        key: &["id"],
        verb: Verb::Upsert {
            set: &[],
            overwrite: Overwrite::IfDifferent(&["hash"]),
            insert_marker: "seen",
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
            operation(UPSERT).parameter_types(2),
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
            overwrite: Overwrite::IfDifferentAndOlder(&["hash"], &["seen", "owner"]),
            insert_marker: "seen",
            returning: &[],
        };
        assert!(text(Plan { verb, ..UPSERT }, 1).contains(
            r#"where (stored."hash") is distinct from (excluded."hash") and (coalesce(stored."seen", '-infinity'), stored."owner") < (coalesce(excluded."seen", '-infinity'), excluded."owner") returning"#
        ));
    }

    #[test]
    fn an_upsert_sets_some_columns_otherwise() {
        let verb = Verb::Upsert {
            set: &[Assignment {
                column: "state",
                expression: "'again'",
            }],
            overwrite: Overwrite::Always,
            insert_marker: "seen",
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
            key: &[],
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
                only_if: &[Condition::EqualsShared("owner"), Condition::IsNull("seen")],
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
            per_row: &["id"],
            ..plan
        };
        assert_eq!(operation(plan).name(), "update_where");
    }

    #[test]
    fn a_deletion_finds_each_row_by_its_key() {
        let plan = Plan {
            shared: &["owner"],
            per_row: &["id"],
            verb: Verb::Delete {
                only_if: &[Condition::EqualsShared("owner")],
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
            "a statement for s.t can have 1 to 32767 rows, not 32768, because it can have 65535 parameters"
        );
    }
}
