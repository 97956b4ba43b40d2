//! Checks that pages whose commit the server has confirmed are in the database.
//!
//! A server can lose confirmed commits, for example if a standby that lags is promoted, if a
//! machine stops before its disk has written everything, or if a backup is restored. The server
//! then loses the end of its log. So one transaction checks the pages and writes what depends on
//! them. If the server loses the pages later, it also loses that transaction, for example the
//! move of the watermark.
//!
//! The holder of a lease checks its pages while its run lasts and at the end. The next run of the
//! source checks once the runs that ended before it.
//!
//! With Citus only the coordinator is checked. If a worker loses commits, nobody notices.

use jiff::Timestamp;
use tokio_postgres::types::Type;
use tracing::warn;

use crate::ledger::begin_transaction::Transaction;
use crate::ledger::{PageSet, RunKind, RunSpec};

/// Returns the number of pages of a set that are not in the database.
pub(super) async fn count_missing(
    transaction: &Transaction<'_>,
    run_id: i64,
    pages: &PageSet,
) -> Result<u64, tokio_postgres::Error> {
    if pages.is_empty() {
        return Ok(0);
    }
    let (chains, first, last) = pages.columns();
    let sql = include_str!("../../sql/ledger/count_lost_pages.sql");
    let parameters = [
        (&run_id as _, Type::INT8),
        (&chains as _, Type::TEXT_ARRAY),
        (&first as _, Type::INT8_ARRAY),
        (&last as _, Type::INT8_ARRAY),
    ];
    let rows = transaction.query_typed(sql, &parameters).await?;
    let missing: i64 = rows[0].try_get("missing")?;
    Ok(missing.unsigned_abs())
}

/// A run that was complete when it ended, but whose pages are now partly missing.
#[derive(Debug)]
pub(super) struct IncompleteRun {
    run_id: i64,
    kind: String,
    missing: i64,
    /// The date to which the watermark was set back, because of the missing pages. It is `None` if
    /// the watermark stays, or has no date.
    reached: Option<Timestamp>,
}

impl IncompleteRun {
    pub(super) fn is_incremental(&self) -> bool {
        self.kind == RunKind::Incremental.as_str()
    }

    /// Logs how many pages are missing and which run will fetch them.
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
                    "the watermark goes back to {reached}, and incremental runs continue from there"
                )
            }
            None if self.is_incremental() => "the next incremental run fetches them".to_owned(),
            None => format!("run the same {kind} again to fetch them"),
        };
        warn!(
            source.name = %source, run.id = run_id, pages = missing,
            "run {run_id} of {source} was complete, and {missing} of its pages are missing from the database: {next}"
        );
    }
}

/// Checks the complete runs of a source that were not checked yet. Each claim checks a few runs,
/// until all runs that the ledger keeps are checked. If pages of an incremental run are missing,
/// the watermark is set back, so that the next incremental run fetches them again.
pub(super) async fn verify_ended_runs(
    transaction: &Transaction<'_>,
    spec: &RunSpec,
) -> Result<Vec<IncompleteRun>, tokio_postgres::Error> {
    // A purge deletes all runs of the source, so missing pages do not matter.
    if spec.kind == RunKind::Purge {
        return Ok(Vec::new());
    }
    let sql = include_str!("../../sql/ledger/unverified_runs.sql");
    let rows = transaction
        .query_typed(sql, &[(&spec.source, Type::TEXT)])
        .await?;
    let mut verified: Vec<i64> = Vec::new();
    let mut incomplete = Vec::new();
    for row in rows {
        let run_id = row.try_get("id")?;
        let missing: i64 = row.try_get("missing")?;
        if missing <= 0 {
            verified.push(run_id);
            continue;
        }
        let mut run = IncompleteRun {
            run_id,
            kind: row.try_get("kind")?,
            missing,
            reached: None,
        };
        // The newest run comes first, so the oldest incomplete run sets the watermark last.
        if run.is_incremental() {
            run.reached = set_watermark_back(transaction, run_id).await?;
        }
        let message = format!("{missing} of its pages are missing from the database");
        let parameters = [(&run_id as _, Type::INT8), (&message as _, Type::TEXT)];
        let sql = include_str!("../../sql/ledger/mark_run_incomplete.sql");
        transaction.execute_typed(sql, &parameters).await?;
        incomplete.push(run);
    }
    if !verified.is_empty() {
        let sql = include_str!("../../sql/ledger/mark_runs_verified.sql");
        transaction
            .execute_typed(sql, &[(&verified, Type::INT8_ARRAY)])
            .await?;
    }
    Ok(incomplete)
}

/// Sets the watermark back to the start of a run with missing pages. In a feed of changes, it is
/// set back to the last page before the first gap. Returns the new date. Returns `None` if the
/// watermark has no date or does not belong to the run's feed.
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
