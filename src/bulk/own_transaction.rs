//! Writes rows of one or more tables in a transaction of its own. While the server is away, the
//! rows are sent again, but no row is written twice.

use tokio_postgres::types::Type;
use tracing::debug;

use crate::bulk::rows::DuplicateKeys;
use crate::bulk::{OnFailure, Operation, Rows, Session, TableOutcome, Transaction, Verb};
use crate::database::Database;
use crate::error::{Error, Result};

/// The rows of one table, and the operation that writes them.
#[derive(Clone, Copy, Debug)]
pub struct TableWrite<'a> {
    /// The operation that writes the rows.
    pub operation: &'a Operation,
    /// One row with the values that all rows share. It is empty if the operation has no shared
    /// columns.
    pub shared: &'a Rows,
    /// The rows that are written.
    pub rows: &'a Rows,
    /// The reaction to a row that the server refuses.
    pub on_failure: OnFailure,
}

impl TableWrite<'_> {
    pub(super) async fn apply(&self, transaction: &mut Transaction) -> Result<TableOutcome> {
        transaction
            .apply(self.operation, self.shared, self.rows, self.on_failure)
            .await
    }
}

/// Applies an operation to rows in a transaction of its own.
///
/// The rows are written in the order of their keys, so that several writers of the same keys do
/// not cause a deadlock. If several rows have the same key, an upsert writes the one that was
/// passed last at the end, and counts each of them as inserted if none was stored before. An
/// update writes only the row that was passed last, and counts the others as unchanged.
///
/// # Errors
///
/// The server was away for longer than `database.retry_for`, or a statement failed and no row is
/// the cause. If the connection broke during the commit and the server cannot say whether it
/// committed, the rows may be stored in spite of the error.
pub async fn write(
    database: &Database,
    session: &Session,
    operation: &Operation,
    shared: &Rows,
    rows: &Rows,
    on_failure: OnFailure,
) -> Result<TableOutcome> {
    let write = TableWrite {
        operation,
        shared,
        rows,
        on_failure,
    };
    let mut outcomes = write_all(database, session, &[write]).await?;
    Ok(outcomes.remove(0))
}

/// Applies several operations in one transaction, in the order in which they are passed. Each is
/// applied as by [`write()`]. List parent tables first. If one operation is rolled back, all
/// operations are.
///
/// # Errors
///
/// One of the operations failed for a reason that is described at [`write()`].
pub async fn write_all(
    database: &Database,
    session: &Session,
    writes: &[TableWrite<'_>],
) -> Result<Vec<TableOutcome>> {
    let sort = |write: &TableWrite<'_>| {
        let key_columns = write.operation.key_column_count();
        let duplicates = match write.operation.verb() {
            Verb::Update { .. } => DuplicateKeys::KeepLast,
            _ => DuplicateKeys::KeepAll,
        };
        write.rows.sort_by_key(key_columns, duplicates)
    };
    let sorted: Vec<(Rows, Vec<usize>)> = writes.iter().map(sort).collect();
    let sorted_writes = writes.iter().zip(&sorted);
    let sorted_writes: Vec<TableWrite<'_>> = sorted_writes
        .map(|(write, (rows, _))| TableWrite { rows, ..*write })
        .collect();
    let mut outcomes = session
        .new_retry("write", "write rows")
        .run(|| try_to_write(database, session, &sorted_writes))
        .await?;
    for ((outcome, write), (_, order)) in outcomes.iter_mut().zip(writes).zip(sorted) {
        let skipped = (write.rows.len() - order.len()) as u64;
        outcome.report.total += skipped;
        outcome.report.unchanged += skipped;
        for failure in &mut outcome.failures {
            failure.position = order[failure.position];
        }
        outcome.failures.sort_by_key(|failure| failure.position);
        for (position, _) in &mut outcome.returned {
            *position = order[*position];
        }
        outcome.returned.sort_by_key(|(position, _)| *position);
    }
    Ok(outcomes)
}

async fn try_to_write(
    database: &Database,
    session: &Session,
    writes: &[TableWrite<'_>],
) -> Result<Vec<TableOutcome>> {
    let mut transaction = Transaction::begin(database, session).await?;
    transaction.defer_id_query();
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        let outcome = write.apply(&mut transaction).await?;
        let has_failed = write.on_failure == OnFailure::RollBack && !outcome.failures.is_empty();
        outcomes.push(outcome);
        if has_failed {
            transaction.roll_back().await?;
            report_rollback(&mut outcomes, writes);
            return Ok(outcomes);
        }
    }
    if let Some(last) = outcomes.last_mut() {
        last.report.round_trips += 1;
    }
    let id = transaction.id().map(str::to_owned);
    let Err(error) = transaction.commit().await else {
        return Ok(outcomes);
    };
    match id {
        Some(id) if error.is_transient() => {
            debug!(error = %error.chain(), "the reply to a commit was lost");
            match is_committed(database, session, &id).await {
                Ok(true) => Ok(outcomes),
                Ok(false) => Err(error),
                // The rows are not sent again, because they may be stored already.
                Err(error) => Err(Error::unexpected(
                    "the rows may or may not be written: the server did not tell",
                )
                .with_source(error)),
            }
        }
        _ => Err(error),
    }
}

/// Corrects the outcomes of all operations after the failure of the last one has rolled back the
/// whole transaction.
fn report_rollback(outcomes: &mut Vec<TableOutcome>, writes: &[TableWrite<'_>]) {
    outcomes.resize_with(writes.len(), TableOutcome::default);
    for (outcome, write) in outcomes.iter_mut().zip(writes) {
        let report = &mut outcome.report;
        report.total = write.rows.len() as u64;
        (report.inserted, report.updated, report.deleted) = (0, 0, 0);
        report.unchanged = report.total - report.failed;
        outcome.returned.clear();
    }
}

/// Asks the server whether a transaction was committed. It is needed when the reply to the commit
/// was lost. The server may still be working on the transaction, because it may not have noticed
/// yet that the connection broke, so the question is repeated.
async fn is_committed(database: &Database, session: &Session, id: &str) -> Result<bool> {
    let retry = session.new_retry("question", "learn whether rows were written");
    let ask = async || {
        let sql = include_str!("../../sql/bulk/transaction_status.sql");
        let rows = database.query(sql, &[(&id, Type::TEXT)]).await?;
        let status: Option<String> = rows.first().and_then(|row| row.get(0));
        match status.as_deref() {
            Some("committed") => Ok(true),
            Some("aborted") => Ok(false),
            Some(_) => Err(Error::environment("the transaction is still in progress")),
            None => Err(Error::unexpected(
                "the server no longer knows the transaction",
            )),
        }
    };
    retry.run(ask).await
}
