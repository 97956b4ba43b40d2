//! Verifies that pages which the server said were committed are there.
//!
//! A server can lose commits that it has answered: a standby that lagged behind is
//! promoted, a machine stops whose disk had not written yet, a backup is restored. What
//! it loses is the end of its log. So a look, and what is written because of it, are one
//! transaction: a server that loses the pages loses the watermark that was moved over
//! them too. The holder of a lease looks while its run lasts and at its end; the next run
//! looks once at the runs that ended before it.

use jiff::Timestamp;
use tokio_postgres::types::Type;
use tracing::warn;

use crate::ledger::transaction::Transaction;
use crate::ledger::{PageSet, RunKind, RunSpec};

/// Counts the pages of a set that are not in the database.
pub(super) async fn count_missing(
    transaction: &Transaction<'_>,
    run_id: i64,
    pages: &PageSet,
) -> Result<u64, tokio_postgres::Error> {
    if pages.is_empty() {
        return Ok(0);
    }
    let columns = pages.columns();
    let sql = include_str!("../../sql/ledger/missing_pages.sql");
    let parameters = [
        (&run_id as _, Type::INT8),
        (&columns.chains as _, Type::TEXT_ARRAY),
        (&columns.first as _, Type::INT8_ARRAY),
        (&columns.last as _, Type::INT8_ARRAY),
    ];
    let rows = transaction.query_typed(sql, &parameters).await?;
    let missing: i64 = rows[0].try_get("missing")?;
    Ok(missing.unsigned_abs())
}

/// A run that was complete and has lost pages since.
#[derive(Debug)]
pub(super) struct Incomplete {
    run_id: i64,
    kind: String,
    missing: i64,
    /// Where the watermark is now, if it went back to a date.
    reached: Option<Timestamp>,
}

impl Incomplete {
    pub(super) fn is_incremental(&self) -> bool {
        self.kind == RunKind::Incremental.as_str()
    }

    /// Tells a person what is missing and what comes of it.
    pub(super) fn log(&self, source: &str) {
        let Self {
            run_id,
            kind,
            missing,
            reached,
        } = self;
        let next = match reached {
            Some(reached) => {
                format!(
                    "the watermark goes back to {reached}, and incremental runs go on from there"
                )
            }
            None if self.is_incremental() => "the next incremental run fetches them".to_owned(),
            None => format!("the same {kind} fetches them when it is spec for again"),
        };
        warn!(
            source.name = %source, run.id = run_id, pages = missing,
            "run {run_id} of {source} was complete, and {missing} of its pages are missing from the database: {next}"
        );
    }
}

/// Verifies the complete runs of a source that no run has verified yet, a few in each
/// claim, as far back as they are kept, and sets the watermark back behind what is missing.
pub(super) async fn verify_ended_runs(
    transaction: &Transaction<'_>,
    spec: &RunSpec,
) -> Result<Vec<Incomplete>, tokio_postgres::Error> {
    // what a purge is about to delete need not be whole
    if spec.kind == RunKind::Purge {
        return Ok(Vec::new());
    }
    let sql = include_str!("../../sql/ledger/unverified_runs.sql");
    let rows = transaction
        .query_typed(sql, &[(&spec.source, Type::TEXT)])
        .await?;
    let mut whole: Vec<i64> = Vec::new();
    let mut incomplete = Vec::new();
    for row in rows {
        let run_id = row.try_get("id")?;
        let missing: i64 = row.try_get("missing")?;
        if missing <= 0 {
            whole.push(run_id);
            continue;
        }
        let mut run = Incomplete {
            run_id,
            kind: row.try_get("kind")?,
            missing,
            reached: None,
        };
        // newest first: the watermark stays where the oldest has put it
        if run.is_incremental() {
            run.reached = set_watermark_back(transaction, run_id).await?;
        }
        let message = format!("{missing} of its pages are missing from the database");
        let parameters = [(&run_id as _, Type::INT8), (&message as _, Type::TEXT)];
        let sql = include_str!("../../sql/ledger/note_missing_pages.sql");
        transaction.execute_typed(sql, &parameters).await?;
        incomplete.push(run);
    }
    if !whole.is_empty() {
        let sql = include_str!("../../sql/ledger/verify_runs.sql");
        transaction
            .execute_typed(sql, &[(&whole, Type::INT8_ARRAY)])
            .await?;
    }
    Ok(incomplete)
}

/// Sets the watermark back to where a run with missing pages began, or, of a feed of
/// changes, to the last page before the first gap. Returns the date it is at now, if it is
/// one of the run's feed and has one.
async fn set_watermark_back(
    transaction: &Transaction<'_>,
    run_id: i64,
) -> Result<Option<Timestamp>, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/set_watermark_back.sql");
    let parameters = [(&run_id as _, Type::INT8)];
    let rows = transaction.query_typed(sql, &parameters).await?;
    match rows.first() {
        Some(row) => row.try_get("reached"),
        None => Ok(None),
    }
}
