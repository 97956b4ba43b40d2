//! Reads and resolves the stretches of feeds that runs have skipped. They are rows of
//! `ocds.quarantine`.

use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Result;
use crate::ledger::Lease;
use crate::page::{Chain, Cursor};

/// A stretch of a feed that the publisher answered with errors, and that a run has skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedStretch {
    /// The cursor of its first position. `None` if another version of the program wrote it.
    pub cursor: Option<Cursor>,
    /// The page, the answer, and the length of the stretch.
    pub message: String,
    /// True if a run has read a skipped stretch of the source within the last day.
    pub has_gone_back: bool,
}

/// At most this many stretches of a source are read, because a run asks for each of them. The run
/// is incomplete with any number of them, and comes to the others when these are resolved.
const MAX_STRETCHES: i64 = 100;

/// Reads the stretches of a source that are skipped, of all runs or only of the run of the lease.
/// Those whose first position this run has stored are resolved first, unless the lease is lost.
pub async fn read_skipped_stretches(
    database: &Database,
    source: &str,
    chain: &Chain,
    lease: &Lease,
    is_of_all: bool,
) -> Result<Vec<SkippedStretch>> {
    let sql = include_str!("../../sql/ledger/skipped_stretches.sql");
    let chain = chain.as_str();
    let [run_id, epoch, taken_at] = lease.parameters();
    let parameters = [
        (&source as _, Type::TEXT),
        (&chain as _, Type::TEXT),
        run_id,
        epoch,
        taken_at,
        (&is_of_all as _, Type::BOOL),
        (&MAX_STRETCHES as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(SkippedStretch {
            cursor: Cursor::parse(row.try_get("pointer")?),
            message: row.try_get("message")?,
            has_gone_back: row.try_get("has_gone_back")?,
        })
    };
    rows.iter().map(read).collect()
}
