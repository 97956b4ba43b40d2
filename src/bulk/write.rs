//! Rows of one or more tables in a transaction of their own, sent again for as
//! long as the server is away, and once only.

use tokio_postgres::types::Type;
use tracing::debug;

use crate::bulk::rows::Keep;
use crate::bulk::{Applied, OnFailure, Operation, Rows, Session, Transaction, Verb};
use crate::database::Database;
use crate::error::{Error, Result};

/// Rows of one table, and what is done with them.
#[derive(Clone, Copy, Debug)]
pub struct Lane<'a> {
    /// What is done.
    pub operation: &'a Operation,
    /// The one row of the columns that all rows have in common, or none.
    pub shared: &'a Rows,
    /// The rows.
    pub rows: &'a Rows,
    /// What is done when the server refuses one.
    pub on_failure: OnFailure,
}

impl Lane<'_> {
    /// Applies the operation to the rows, within a transaction.
    pub(super) async fn apply(&self, transaction: &mut Transaction) -> Result<Applied> {
        let Self {
            operation,
            shared,
            rows,
            on_failure,
        } = *self;
        transaction.apply(operation, shared, rows, on_failure).await
    }
}

/// Applies an operation to rows in a transaction of its own.
///
/// They are written in the order of their keys, so that several writers of the
/// same keys do not wait for one another in a circle. Of several rows with one key
/// an upsert writes the last given last, and counts each as inserted if none was
/// there; an update writes the last given alone, and counts the others as
/// unchanged.
///
/// # Errors
/// The server was away for longer than `database.retry_for`, or refuses what no
/// row is to blame for; or it went away during the commit, and does not say what
/// became of it: only then the rows may be there after an error.
pub async fn write(
    database: &Database,
    session: &Session,
    operation: &Operation,
    shared: &Rows,
    rows: &Rows,
    on_failure: OnFailure,
) -> Result<Applied> {
    let lane = Lane {
        operation,
        shared,
        rows,
        on_failure,
    };
    let mut applied = write_all(database, session, &[lane]).await?;
    Ok(applied.remove(0))
}

/// Applies operations one after the other in one transaction, as [`write()`]
/// does one: parents first. What one of them undoes is undone for all.
///
/// # Errors
/// As [`write()`].
pub async fn write_all(
    database: &Database,
    session: &Session,
    lanes: &[Lane<'_>],
) -> Result<Vec<Applied>> {
    let sort = |lane: &Lane<'_>| {
        let (rows, keys) = (lane.rows, lane.operation.key_columns());
        match lane.operation.verb() {
            Verb::Update { .. } => rows.sorted(keys, Keep::Last),
            _ => rows.sorted(keys, Keep::All),
        }
    };
    let sorted: Vec<(Rows, Vec<usize>)> = lanes.iter().map(sort).collect();
    let in_order = lanes.iter().zip(&sorted);
    let in_order: Vec<Lane<'_>> = in_order
        .map(|(lane, (rows, _))| Lane { rows, ..*lane })
        .collect();
    let mut applied = session
        .patience("write", "write rows")
        .over(|| once(database, session, &in_order))
        .await?;
    for ((applied, lane), (_, order)) in applied.iter_mut().zip(lanes).zip(sorted) {
        let left_out = (lane.rows.len() - order.len()) as u64;
        applied.report.total += left_out;
        applied.report.unchanged += left_out;
        for failure in &mut applied.failures {
            failure.position = order[failure.position];
        }
        applied.failures.sort_by_key(|failure| failure.position);
        for (position, _) in &mut applied.returned {
            *position = order[*position];
        }
        applied.returned.sort_by_key(|(position, _)| *position);
    }
    Ok(applied)
}

/// One attempt.
async fn once(database: &Database, session: &Session, lanes: &[Lane<'_>]) -> Result<Vec<Applied>> {
    let mut transaction = Transaction::begin(database, session).await?;
    transaction.defer_id();
    let mut applied = Vec::with_capacity(lanes.len());
    for lane in lanes {
        applied.push(lane.apply(&mut transaction).await?);
        let is_undone = lane.on_failure == OnFailure::RollBack
            && applied
                .last()
                .is_some_and(|applied| !applied.failures.is_empty());
        if is_undone {
            transaction.roll_back().await?;
            return Ok(undone(applied, lanes));
        }
    }
    if let Some(last) = applied.last_mut() {
        last.report.round_trips += 1;
    }
    let id = transaction.id().map(str::to_owned);
    let Err(error) = transaction.commit().await else {
        return Ok(applied);
    };
    match id {
        Some(id) if error.is_transient() => {
            debug!(error = %error.chain(), "the reply to a commit was lost");
            match is_committed(database, session, &id).await {
                Ok(true) => Ok(applied),
                Ok(false) => Err(error),
                // to send it again might write it twice
                Err(error) => Err(Error::unexpected(
                    "whether rows were written is not known: the server did not say",
                )
                .with_source(error)),
            }
        }
        _ => Err(error),
    }
}

/// What is left of operations of which the last one undid them all.
fn undone(mut applied: Vec<Applied>, lanes: &[Lane<'_>]) -> Vec<Applied> {
    applied.resize_with(lanes.len(), Applied::default);
    for (applied, lane) in applied.iter_mut().zip(lanes) {
        let report = &mut applied.report;
        report.total = lane.rows.len() as u64;
        (report.inserted, report.updated, report.deleted) = (0, 0, 0);
        report.unchanged = report.total - report.failed;
        applied.returned.clear();
    }
    applied
}

/// What became of a transaction whose commit had no reply. A backend that has not
/// noticed yet that we are gone may still be at it.
async fn is_committed(database: &Database, session: &Session, id: &str) -> Result<bool> {
    let patience = session.patience("question", "learn whether rows were written");
    let ask = async || {
        let sql = include_str!("../../sql/bulk/transaction_status.sql");
        let rows = database.query(sql, &[(&id, Type::TEXT)]).await?;
        let status: Option<String> = rows.first().and_then(|row| row.get(0));
        match status.as_deref() {
            Some("committed") => Ok(true),
            Some("aborted") => Ok(false),
            Some(_) => Err(Error::environment("the transaction is still in progress")),
            None => Err(Error::unexpected(
                "the server has forgotten the transaction",
            )),
        }
    };
    patience.over(ask).await
}
