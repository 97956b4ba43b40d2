//! An operation on many rows, within a transaction: statements under way
//! together, and what is done when the server refuses one for a row's sake.

use std::ops::Range;
use std::time::Instant;

use tokio_postgres::Row;
use tracing::warn;

use crate::bulk::catalog::{self, Catalog};
use crate::bulk::failure::Failure;
use crate::bulk::operation::{Operation, parameters};
use crate::bulk::plan::Verb;
use crate::bulk::report::Report;
use crate::bulk::rows::Rows;
use crate::bulk::transaction::{Answer, Flight, Observed, Reply, Transaction, next};
use crate::error::{Error, Result};
use crate::metrics;
use crate::sqlstate::Blame;

/// The most statements that are under way together: those behind one that is
/// refused were sent for nothing, and all are in memory as they are sent.
pub(super) const FLIGHT_BATCHES: usize = 16;

/// The most rows of a fallback that are under way together. Those behind a row
/// that fails were sent for nothing; those before it shared one round trip.
const FALLBACK_ROWS: usize = 16;

/// The most rows in a row that are refused for what may be a defect, or the server's
/// state: several huge rows may follow one another, and a server that refuses everything
/// is at fault itself.
const MOST_SUSPECTS: usize = 3;

/// Shows that the server is well, between two attempts at a row that it refuses.
const PROBE: &str = "select 1";

/// What is done when the server refuses a row.
///
/// Only what a row is to blame for is a refusal. Where that is not certain from the
/// SQLSTATE, as of an internal error, memory or time, the row must be refused twice
/// alone, for the same, by a server that takes other statements between and does not
/// refuse row after row. What is the server's own trouble is an error, and no row's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The whole operation is undone, and what was done before it in the
    /// transaction stays.
    RollBack,
    /// The row is left out, and the others are written.
    Isolate,
}

/// What came of an operation.
#[derive(Debug, Default)]
pub struct Applied {
    /// What became of the rows.
    pub report: Report,
    /// The rows that were refused, in the order they were given; with
    /// [`OnFailure::RollBack`] the first.
    pub failures: Vec<Failure>,
    /// What an insertion or upsert gave back of each row, and which it was.
    pub returned: Vec<(usize, Row)>,
}

impl Transaction {
    /// Applies an operation to rows, `shared` being the one row of the columns
    /// that all have in common, or empty.
    ///
    /// Rows of one statement are written in their order. Writers of the same keys
    /// in other orders may wait for one another until the server ends one;
    /// [`write`](crate::bulk::write()) puts them in order.
    ///
    /// # Errors
    /// The server could not be asked, or refused what no row is to blame for: the
    /// transaction is of no use any more.
    pub async fn apply(
        &mut self,
        operation: &Operation,
        shared: &Rows,
        rows: &Rows,
        on_failure: OnFailure,
    ) -> Result<Applied> {
        operation.check_rows(shared, rows)?;
        let began = Instant::now();
        let trips = self.round_trips();
        let mut apply = Apply {
            transaction: self,
            operation,
            shared,
            rows,
            on_failure,
            has_savepoint: false,
            suspects: 0,
            applied: Applied::default(),
        };
        if !rows.is_empty() && !Box::pin(apply.run()).await? {
            apply.undo().await?;
        }
        let mut applied = apply.applied;
        let report = &mut applied.report;
        report.total = rows.len() as u64;
        report.failed = applied.failures.len() as u64;
        let written = report.inserted + report.updated + report.deleted + report.failed;
        report.unchanged = report.total.saturating_sub(written);
        report.round_trips = self.round_trips() - trips;
        report.duration = began.elapsed();
        count_outcomes(operation, report);
        Ok(applied)
    }
}

impl Applied {
    /// Keeps what a statement returned of the rows it was sent.
    fn give_back(&mut self, sent: Range<usize>, rows: Vec<Row>, returning: &[&str]) -> Result<()> {
        if returning.is_empty() {
            return Ok(());
        }
        // a trigger may have kept a row from being written
        if rows.len() != sent.len() {
            return Err(Error::unexpected("not every row gave its keys back"));
        }
        self.returned.extend(sent.zip(rows));
        Ok(())
    }
}

fn count_outcomes(operation: &Operation, report: &Report) {
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

/// An operation under way.
pub(super) struct Apply<'a> {
    pub(super) transaction: &'a Transaction,
    pub(super) operation: &'a Operation,
    pub(super) shared: &'a Rows,
    pub(super) rows: &'a Rows,
    on_failure: OnFailure,
    /// Whether a batch before had a savepoint, which the next replaces: nested
    /// ones make the server slower with each.
    has_savepoint: bool,
    /// How many rows in a row were refused for what may be no row's fault.
    suspects: usize,
    pub(super) applied: Applied,
}

impl<'a> Apply<'a> {
    /// Writes the rows; `false` if that is to be undone.
    async fn run(&mut self) -> Result<bool> {
        match self.operation.copy_text() {
            Some(text) if self.copy(text).await? => Ok(true),
            _ => self.values().await,
        }
    }

    /// Sends batch behind batch without waiting for one. A batch that may have been
    /// refused for a row's sake is written row by row, and what was sent behind it is
    /// sent again.
    async fn values(&mut self) -> Result<bool> {
        let batches = self.operation.cut(self.rows);
        let mut rest = &*batches;
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(FLIGHT_BATCHES)];
            let transaction = self.transaction;
            let mut flight = transaction.flight();
            for batch in window {
                self.save(&mut flight);
                self.send(&mut flight, batch);
            }
            let replies = flight.land().await?.into_iter();
            let settled = match self.count_batches(window, replies)? {
                Some(refused) if self.row_by_row(window[refused].clone()).await? => refused + 1,
                Some(_) => return Ok(false),
                None => window.len(),
            };
            rest = &rest[settled..];
        }
        Ok(true)
    }

    /// Where a batch begins, to come back to if it is refused; before the first,
    /// where the operation does, if it may have to be undone.
    pub(super) fn save(&mut self, flight: &mut Flight<'a>) {
        flight.simple(match (self.has_savepoint, self.on_failure) {
            (true, _) => "release savepoint batch; savepoint batch",
            (false, OnFailure::RollBack) => "savepoint operation; savepoint batch",
            (false, OnFailure::Isolate) => "savepoint batch",
        });
        self.has_savepoint = true;
    }

    fn send(&mut self, flight: &mut Flight<'a>, rows: &Range<usize>) {
        let statement = self.operation.statement(rows.len());
        self.sent(rows);
        let fields = parameters(self.shared, self.rows, rows);
        flight.fields(statement, fields, self.observed(rows.len(), "values"));
    }

    /// What a statement is traced and measured as.
    pub(super) fn observed(&self, rows: usize, method: &'static str) -> Observed {
        Observed {
            statement: metrics::Statement {
                operation: self.operation.name(),
                table: self.operation.table().label(),
                method: if rows == 1 { "row" } else { method },
            },
            rows,
            correlation: self.transaction.correlation(),
        }
    }

    /// Counts a statement with these rows.
    pub(super) fn sent(&mut self, rows: &Range<usize>) {
        let report = &mut self.applied.report;
        report.statements += 1;
        report.bytes += (self.shared.bytes() + self.rows.slice(rows).len()) as u64;
    }

    /// Counts the answers to batches, each behind its savepoint's, up to the
    /// first batch that may have been refused for a row's sake, and says which.
    fn count_batches(
        &mut self,
        batches: &[Range<usize>],
        mut replies: impl Iterator<Item = Reply>,
    ) -> Result<Option<usize>> {
        for (index, batch) in batches.iter().enumerate() {
            next(&mut replies)??;
            match next(&mut replies)? {
                Ok(answer) => self.count(batch.clone(), answer)?,
                Err(error) if self.transaction.may_blame_a_row(&error) => return Ok(Some(index)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Writes each row by itself behind a savepoint, and remembers each that is
    /// refused; `false` if the first is enough. The last savepoint is where the
    /// batch began.
    async fn row_by_row(&mut self, rows: Range<usize>) -> Result<bool> {
        metrics::count_fallback(self.operation.table().label());
        let mut first = rows.start;
        while first < rows.end {
            let window = first..rows.end.min(first + FALLBACK_ROWS);
            let transaction = self.transaction;
            let mut flight = transaction.flight();
            flight.simple("rollback to savepoint batch");
            for row in window.clone() {
                self.send(&mut flight, &(row..row + 1));
                flight.simple("release savepoint batch; savepoint batch");
            }
            let replies = flight.land().await?.into_iter();
            first = match self.count_rows(window.clone(), replies)? {
                None => window.end,
                Some((refused, error)) => {
                    if let Some(error) = self.refused_again(refused, error).await? {
                        self.refuse(refused, &error).await?;
                        if self.on_failure == OnFailure::RollBack {
                            return Ok(false);
                        }
                    }
                    refused + 1
                }
            };
        }
        let mut flight = self.transaction.flight();
        flight.simple("rollback to savepoint batch");
        flight.land_one().await?;
        Ok(true)
    }

    /// Counts the answers to lone rows, each before its savepoint's, up to the
    /// first that was refused, and says which and why.
    fn count_rows(
        &mut self,
        rows: Range<usize>,
        mut replies: impl Iterator<Item = Reply>,
    ) -> Result<Option<(usize, tokio_postgres::Error)>> {
        next(&mut replies)??;
        for row in rows {
            match next(&mut replies)? {
                Ok(answer) => self.count(row..row + 1, answer)?,
                Err(error) if self.transaction.may_blame_a_row(&error) => {
                    return Ok(Some((row, error)));
                }
                Err(error) => return Err(error.into()),
            }
            next(&mut replies)??;
        }
        Ok(None)
    }

    /// Why a row is refused that was refused alone; `None` if it is written after all.
    /// Where the SQLSTATE does not say that the row is to blame it is sent once more,
    /// alone and behind a statement that shows that the server is well.
    async fn refused_again(
        &mut self,
        row: usize,
        error: tokio_postgres::Error,
    ) -> Result<Option<tokio_postgres::Error>> {
        let transaction = self.transaction;
        let blame = transaction.blame(&error);
        if blame == Some(Blame::Row) {
            return Ok(Some(error));
        }
        // where no other row is written, nothing is gained by blaming this one
        let is_waited_for =
            blame == Some(Blame::RowOrServer) && self.on_failure == OnFailure::RollBack;
        self.suspects += 1;
        if is_waited_for || self.suspects > MOST_SUSPECTS {
            return Err(error.into());
        }
        let mut flight = transaction.flight();
        flight.simple("rollback to savepoint batch");
        flight.simple(PROBE);
        self.send(&mut flight, &(row..row + 1));
        flight.simple("release savepoint batch; savepoint batch");
        let mut replies = flight.land().await?.into_iter();
        next(&mut replies)??;
        next(&mut replies)??;
        match next(&mut replies)? {
            Ok(answer) => {
                next(&mut replies)??;
                self.count(row..row + 1, answer)?;
                Ok(None)
            }
            Err(again) if again.code() == error.code() => {
                let (sqlstate, table) = (
                    error.code().map_or("", |state| state.code()),
                    self.operation.table().label(),
                );
                warn!(
                    sqlstate,
                    table,
                    "the server refused a row of {table} twice, alone, with SQLSTATE {sqlstate}"
                );
                Ok(Some(again))
            }
            Err(again) if transaction.blame(&again) == Some(Blame::Row) => Ok(Some(again)),
            Err(again) => Err(again.into()),
        }
    }

    /// Remembers a row that was refused, and why. What a constraint says is asked
    /// of the server once.
    async fn refuse(&mut self, row: usize, error: &tokio_postgres::Error) -> Result<()> {
        let code = error.code().map_or("", |state| state.code());
        let needs_catalog = code.starts_with("23") || code == "22001";
        if needs_catalog && self.operation.catalog.get().is_none() {
            let table = self.operation.table().quoted();
            let mut flight = self.transaction.flight();
            flight.simple("rollback to savepoint batch");
            flight.typed(
                catalog::READ,
                vec![(&table, tokio_postgres::types::Type::TEXT)],
            );
            let answer = flight.land_one().await?;
            // another task may have been first
            let _ = self.operation.catalog.set(Catalog::new(&answer.rows)?);
        }
        let error = error.as_db_error().expect("it has a code");
        let failure = Failure::new(self.operation, self.rows, row, error);
        self.applied.failures.push(failure);
        Ok(())
    }

    /// Takes back what the operation did.
    async fn undo(&mut self) -> Result<()> {
        let mut flight = self.transaction.flight();
        flight.simple("rollback to savepoint operation");
        flight.land_one().await?;
        let report = &mut self.applied.report;
        (report.inserted, report.updated, report.deleted) = (0, 0, 0);
        self.applied.returned.clear();
        Ok(())
    }

    /// Counts what a statement did to the rows it was sent.
    pub(super) fn count(&mut self, sent: Range<usize>, answer: Answer) -> Result<()> {
        let Answer { rows, affected } = answer;
        self.suspects = 0;
        let report = &mut self.applied.report;
        match self.operation.verb() {
            Verb::Insert { returning } => {
                report.inserted += affected;
                self.applied.give_back(sent, rows, returning)?;
            }
            Verb::Upsert { returning, .. } => {
                for row in &rows {
                    if row.try_get("inserted")? {
                        report.inserted += 1;
                    } else {
                        report.updated += 1;
                    }
                }
                self.applied.give_back(sent, rows, returning)?;
            }
            Verb::Update { .. } => report.updated += affected,
            Verb::Delete { .. } => report.deleted += affected,
        }
        Ok(())
    }
}
