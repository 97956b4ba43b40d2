//! Applies an operation to rows in an open transaction.
//!
//! 1. The rows are split into batches, and each batch is one statement. Up to 16 batches are sent
//!    before the first reply is read. A savepoint before each batch makes it possible to undo
//!    that batch alone.
//! 2. If the server refuses a batch and one of its rows may be the cause, the batch is rolled
//!    back and written again row by row, with a savepoint before each row. A row that fails alone
//!    becomes a [`Failure`]. The batches after the refused one are sent again.
//! 3. With [`OnFailure::RollBack`], the first failure rolls back the whole operation.

use std::ops::Range;
use std::time::Instant;

use tokio_postgres::Row;
use tracing::warn;

use crate::bulk::catalog::{Catalog, READ_CATALOG};
use crate::bulk::failure::Failure;
use crate::bulk::operation::{Operation, collect_parameters};
use crate::bulk::plan::Verb;
use crate::bulk::report::Report;
use crate::bulk::rows::Rows;
use crate::bulk::transaction::{
    Answer, Exchange, Reply, StatementObserver, Transaction, next_reply,
};
use crate::error::{Error, Result};
use crate::metrics;
use crate::sqlstate::Blame;

/// The maximum number of batches that are sent before a reply is read. The number is small
/// because all these batches are in memory at once, and because the batches after a refused one
/// must be sent again.
pub(super) const MAX_BATCHES_IN_FLIGHT: usize = 16;

/// The maximum number of single rows that are sent before a reply is read. The rows share one
/// round trip, but the rows after a refused one must be sent again.
const MAX_ROWS_IN_FLIGHT: usize = 16;

/// The maximum number of rows that may fail one after another with an SQLSTATE that leaves open
/// whether the row or the server is the cause. A few huge rows may follow each other, but a
/// server that refuses every row has a problem of its own.
const MAX_SUSPECTS: usize = 3;

/// A statement that tests whether the server accepts other statements. It is sent between two
/// attempts to write the same row.
const PROBE: &str = "select 1";

/// Says what to do when the server refuses a row.
///
/// The server refuses a row if the SQLSTATE of the error says that the row is the cause. Some
/// SQLSTATEs leave the cause open, for example those for an internal error, too little memory or
/// a timeout. Such a row counts as refused only if it fails twice alone with the same SQLSTATE,
/// and if the server accepts another statement in between. Without this rule, one such row would
/// stop its source forever. If more than three such rows follow each other, the server is the
/// cause. The result is then an error, and no row is blamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Roll back the whole operation. Earlier statements of the transaction are kept.
    RollBack,
    /// Skip the row and write the others.
    Isolate,
}

/// The result of an operation: what it did to the rows of one table.
#[derive(Debug, Default)]
pub struct TableOutcome {
    /// The number of rows by outcome, and the cost of the operation.
    pub report: Report,
    /// The refused rows in their order. With [`OnFailure::RollBack`], only the first refused row.
    pub failures: Vec<Failure>,
    /// The position of each inserted or upserted row, and the columns that the statement returned
    /// for that row.
    pub returned: Vec<(usize, Row)>,
}

impl Transaction {
    /// Applies an operation to rows. `shared` is one row with the values that all rows share. It
    /// is empty if the plan has no shared columns.
    ///
    /// The rows are written in the order in which they are passed. If several writers have the
    /// same keys in different orders, the writers may deadlock. [`write`](crate::bulk::write())
    /// sorts the rows to prevent that.
    ///
    /// # Errors
    ///
    /// The server did not answer, or a statement failed and no row is the cause. The transaction
    /// cannot continue after an error.
    pub async fn apply(
        &mut self,
        operation: &Operation,
        shared: &Rows,
        rows: &Rows,
        on_failure: OnFailure,
    ) -> Result<TableOutcome> {
        operation.check_rows(shared, rows)?;
        let start = Instant::now();
        let trips = self.round_trips();
        let mut run = ApplyRun {
            transaction: self,
            operation,
            shared,
            rows,
            on_failure,
            has_savepoint: false,
            suspects: 0,
            outcome: TableOutcome::default(),
        };
        if !rows.is_empty() && !Box::pin(run.run()).await? {
            run.roll_back().await?;
        }
        let mut outcome = run.outcome;
        let report = &mut outcome.report;
        report.total = rows.len() as u64;
        report.failed = outcome.failures.len() as u64;
        let written = report.inserted + report.updated + report.deleted + report.failed;
        report.unchanged = report.total.saturating_sub(written);
        report.round_trips = self.round_trips() - trips;
        report.duration = start.elapsed();
        record_row_metrics(operation, report);
        Ok(outcome)
    }
}

impl TableOutcome {
    fn add_returned(
        &mut self,
        positions: Range<usize>,
        rows: Vec<Row>,
        returning: &[&str],
    ) -> Result<()> {
        if returning.is_empty() {
            return Ok(());
        }
        // A trigger of the table may suppress a row, so that fewer rows are returned than were
        // sent.
        if rows.len() != positions.len() {
            return Err(Error::unexpected(
                "the server did not return a key for every row",
            ));
        }
        self.returned.extend(positions.zip(rows));
        Ok(())
    }
}

fn record_row_metrics(operation: &Operation, report: &Report) {
    let outcomes = [
        ("inserted", report.inserted),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
        ("deleted", report.deleted),
        ("failed", report.failed),
    ];
    for (outcome, rows) in outcomes.into_iter().filter(|(_, rows)| *rows > 0) {
        metrics::count_rows(operation.name(), operation.table().label(), outcome, rows);
    }
}

pub(super) struct ApplyRun<'a> {
    pub(super) transaction: &'a Transaction,
    pub(super) operation: &'a Operation,
    pub(super) shared: &'a Rows,
    pub(super) rows: &'a Rows,
    on_failure: OnFailure,
    /// True if an earlier batch has set the savepoint `batch`. The next batch replaces the
    /// savepoint, because each nested savepoint makes the server slower.
    has_savepoint: bool,
    /// The number of rows that failed one after another although the server may be the cause.
    suspects: usize,
    pub(super) outcome: TableOutcome,
}

impl<'a> ApplyRun<'a> {
    /// Writes all rows. Returns false if the caller must roll the operation back.
    async fn run(&mut self) -> Result<bool> {
        match &self.operation.copy {
            Some(statements) if self.copy_rows(statements).await? => Ok(true),
            _ => self.write_batches().await,
        }
    }

    async fn write_batches(&mut self) -> Result<bool> {
        let batches = self.operation.split_rows(self.rows);
        let mut rest = &*batches;
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(MAX_BATCHES_IN_FLIGHT)];
            let transaction = self.transaction;
            let mut exchange = transaction.new_exchange();
            for batch in window {
                self.push_savepoint(&mut exchange);
                self.push_rows(&mut exchange, batch);
            }
            let mut replies = exchange.await_replies().await?.into_iter();
            let done = match self.count_answers(window.iter().cloned(), &mut replies)? {
                Some((refused, _)) if self.write_row_by_row(window[refused].clone()).await? => {
                    refused + 1
                }
                Some(_) => return Ok(false),
                None => window.len(),
            };
            rest = &rest[done..];
        }
        Ok(true)
    }

    /// Sets the savepoint to which a refused batch is rolled back. Before the first batch, it
    /// also sets a savepoint for the whole operation if a failure rolls the operation back.
    pub(super) fn push_savepoint(&mut self, exchange: &mut Exchange<'a>) {
        exchange.push_simple(match (self.has_savepoint, self.on_failure) {
            (true, _) => "release savepoint batch; savepoint batch",
            (false, OnFailure::RollBack) => "savepoint operation; savepoint batch",
            (false, OnFailure::Isolate) => "savepoint batch",
        });
        self.has_savepoint = true;
    }

    fn push_rows(&mut self, exchange: &mut Exchange<'a>, rows: &Range<usize>) {
        let statement = self.operation.statement(rows.len());
        self.count_statement(rows);
        let fields = collect_parameters(self.shared, self.rows, rows);
        exchange.push_rows(statement, fields, self.build_observer(rows.len(), "values"));
    }

    pub(super) fn build_observer(&self, rows: usize, method: &'static str) -> StatementObserver {
        StatementObserver {
            statement: metrics::Statement {
                operation: self.operation.name(),
                table: self.operation.table().label(),
                method: if rows == 1 { "row" } else { method },
            },
            rows,
            correlation: self.transaction.correlation,
        }
    }

    pub(super) fn count_statement(&mut self, rows: &Range<usize>) {
        let report = &mut self.outcome.report;
        report.statements += 1;
        report.bytes += (self.shared.byte_count() + self.rows.slice(rows).len()) as u64;
    }

    /// Counts the answers to statements, up to the first that a row may have made fail. Returns
    /// its index and its error. Before each statement's reply is that of its savepoint.
    fn count_answers(
        &mut self,
        statements: impl Iterator<Item = Range<usize>>,
        replies: &mut impl Iterator<Item = Reply>,
    ) -> Result<Option<(usize, tokio_postgres::Error)>> {
        for (index, rows) in statements.enumerate() {
            next_reply(replies)??;
            match next_reply(replies)? {
                Ok(answer) => self.add_answer(rows, answer)?,
                Err(error) if self.transaction.can_blame_row(&error) => {
                    return Ok(Some((index, error)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Writes each row of a refused batch after a savepoint of its own, and collects the rows
    /// that the server refuses. Returns false if the caller must roll the operation back. When
    /// the function is called, the current savepoint is the one before the batch.
    async fn write_row_by_row(&mut self, rows: Range<usize>) -> Result<bool> {
        metrics::count_fallback(self.operation.table().label());
        let mut first = rows.start;
        while first < rows.end {
            let window = first..rows.end.min(first + MAX_ROWS_IN_FLIGHT);
            let transaction = self.transaction;
            let mut exchange = transaction.new_exchange();
            exchange.push_simple("rollback to savepoint batch");
            for row in window.clone() {
                self.push_rows(&mut exchange, &(row..row + 1));
                exchange.push_simple("release savepoint batch; savepoint batch");
            }
            let mut replies = exchange.await_replies().await?.into_iter();
            let statements = window.clone().map(|row| row..row + 1);
            first = match self.count_answers(statements, &mut replies)? {
                None => {
                    next_reply(&mut replies)??;
                    window.end
                }
                Some((index, error)) => {
                    let refused = first + index;
                    if let Some(error) = self.confirm_refusal(refused, error).await? {
                        self.add_failure(refused, &error).await?;
                        if self.on_failure == OnFailure::RollBack {
                            return Ok(false);
                        }
                    }
                    refused + 1
                }
            };
        }
        let mut exchange = self.transaction.new_exchange();
        exchange.push_simple("rollback to savepoint batch");
        exchange.await_last_answer().await?;
        Ok(true)
    }

    /// Decides whether a row that failed alone is refused. If the SQLSTATE leaves the cause open,
    /// sends the row again, behind a statement that tests the server. Returns the error of the
    /// refused row, or `None` if the second attempt wrote it.
    async fn confirm_refusal(
        &mut self,
        row: usize,
        error: tokio_postgres::Error,
    ) -> Result<Option<tokio_postgres::Error>> {
        let transaction = self.transaction;
        let blame = transaction.blame(&error);
        if blame == Some(Blame::Row) {
            return Ok(Some(error));
        }
        // A refused row rolls back all other rows too. So blaming a row helps nobody if the
        // server may be the cause, and the caller tries again later.
        let should_retry_later =
            blame == Some(Blame::RowOrServer) && self.on_failure == OnFailure::RollBack;
        self.suspects += 1;
        if should_retry_later || self.suspects > MAX_SUSPECTS {
            return Err(error.into());
        }
        let mut exchange = transaction.new_exchange();
        exchange.push_simple("rollback to savepoint batch");
        exchange.push_simple(PROBE);
        self.push_rows(&mut exchange, &(row..row + 1));
        exchange.push_simple("release savepoint batch; savepoint batch");
        let mut replies = exchange.await_replies().await?.into_iter();
        next_reply(&mut replies)??;
        next_reply(&mut replies)??;
        match next_reply(&mut replies)? {
            Ok(answer) => {
                next_reply(&mut replies)??;
                self.add_answer(row..row + 1, answer)?;
                Ok(None)
            }
            Err(second_error) if second_error.code() == error.code() => {
                let (sqlstate, table) = (
                    error.code().map_or("", |state| state.code()),
                    self.operation.table().label(),
                );
                warn!(
                    sqlstate,
                    table,
                    "the server refused a row of {table} twice with SQLSTATE {sqlstate}, but not other statements"
                );
                Ok(Some(second_error))
            }
            Err(second_error) if transaction.blame(&second_error) == Some(Blame::Row) => {
                Ok(Some(second_error))
            }
            Err(second_error) => Err(second_error.into()),
        }
    }

    /// Adds a failure. The first failure of a constraint or of a maximum length also asks the
    /// server for the definitions of the table's constraints.
    async fn add_failure(&mut self, row: usize, error: &tokio_postgres::Error) -> Result<()> {
        let code = error.code().map_or("", |state| state.code());
        let needs_catalog = code.starts_with("23") || code == "22001";
        if needs_catalog && self.operation.catalog.get().is_none() {
            let table = self.operation.table().quote_name();
            let mut exchange = self.transaction.new_exchange();
            exchange.push_simple("rollback to savepoint batch");
            exchange.push_query(
                READ_CATALOG,
                vec![(&table, tokio_postgres::types::Type::TEXT)],
            );
            let answer = exchange.await_last_answer().await?;
            // Another task may have set the catalog in the meantime. Both tasks read the same
            // values.
            let _ = self
                .operation
                .catalog
                .set(Catalog::from_rows(&answer.rows)?);
        }
        let error = error.as_db_error().expect("an error with an SQLSTATE");
        let failure = Failure::new(self.operation, self.rows, row, error);
        self.outcome.failures.push(failure);
        Ok(())
    }

    async fn roll_back(&mut self) -> Result<()> {
        let mut exchange = self.transaction.new_exchange();
        exchange.push_simple("rollback to savepoint operation");
        exchange.await_last_answer().await?;
        let report = &mut self.outcome.report;
        (report.inserted, report.updated, report.deleted) = (0, 0, 0);
        self.outcome.returned.clear();
        Ok(())
    }

    pub(super) fn add_answer(&mut self, positions: Range<usize>, answer: Answer) -> Result<()> {
        let Answer { rows, affected, .. } = answer;
        self.suspects = 0;
        let report = &mut self.outcome.report;
        match self.operation.verb() {
            Verb::Insert { returning } => {
                report.inserted += affected;
                self.outcome.add_returned(positions, rows, returning)?;
            }
            Verb::Upsert { returning, .. } => {
                for row in &rows {
                    if row.try_get("inserted")? {
                        report.inserted += 1;
                    } else {
                        report.updated += 1;
                    }
                }
                self.outcome.add_returned(positions, rows, returning)?;
            }
            Verb::Update { .. } => report.updated += affected,
            Verb::Delete { .. } => report.deleted += affected,
        }
        Ok(())
    }
}
