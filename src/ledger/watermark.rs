//! Reads watermarks, and the time window of a run.

use std::collections::HashSet;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Result;
use crate::ledger::Lease;
use crate::page::Cursor;

/// The position up to which incremental runs have stored the feed of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// The date before which everything is stored, by the dates that the publisher gives. It is
    /// `None` for a source without windows.
    pub reached: Option<Timestamp>,
    /// The cursor of the newest page, if the feed is a feed of changes.
    pub cursor: Option<Cursor>,
}

/// A new position for the watermark of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatermarkMove {
    /// The scope of the source, which is a text that identifies its feed.
    pub scope: String,
    /// The start of the run's windows. If it is later than the stored watermark, there is a gap
    /// between them, and the watermark does not move.
    pub from: Option<Timestamp>,
    /// The position that the run has reached.
    pub watermark: Watermark,
}

/// Returns the watermark of a source. Returns `None` if the watermark belongs to another feed.
pub async fn read_watermark(
    database: &Database,
    source: &str,
    scope: &str,
) -> Result<Option<Watermark>> {
    let sql = include_str!("../../sql/ledger/watermark.sql");
    let parameters = [(&source as _, Type::TEXT), (&scope as _, Type::TEXT)];
    let rows = database.query(sql, &parameters).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let cursor: Option<&str> = row.try_get("cursor")?;
    Ok(Some(Watermark {
        reached: row.try_get("reached")?,
        cursor: cursor.and_then(Cursor::parse),
    }))
}

/// Returns the axis values whose chains earlier runs have walked from the start of the feed. The
/// values have the form that they have in the names of chains.
///
/// All values of complete runs are returned, because a complete run has walked every value that
/// was new to it. The values of the oldest run in the ledger are returned even if that run is not
/// complete, because the watermark was set by that run or was moved together with its values.
pub async fn read_walked_axes(
    database: &Database,
    source: &str,
    scope: &str,
    lease: &Lease,
) -> Result<HashSet<String>> {
    let sql = include_str!("../../sql/ledger/walked_axes.sql");
    let parameters = [
        (&source as _, Type::TEXT),
        (&scope as _, Type::TEXT),
        (&lease.run_id as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    let axes = rows.iter().map(|row| row.try_get("axes"));
    Ok(axes.collect::<Result<_, _>>()?)
}

/// Stores the time window of a run, unless a window is already stored for it. Returns the stored
/// window.
///
/// # Errors
///
/// The lease is lost ([`Kind::Lease`](crate::error::Kind::Lease)), or the database query fails.
pub async fn save_run_window(
    database: &Database,
    lease: &Lease,
    (from, until): (Timestamp, Timestamp),
) -> Result<(Timestamp, Timestamp)> {
    let sql = include_str!("../../sql/ledger/save_run_window.sql");
    let [run_id, epoch, taken_at] = lease.parameters();
    let parameters = [
        run_id,
        epoch,
        taken_at,
        (&from as _, Type::TIMESTAMPTZ),
        (&until as _, Type::TIMESTAMPTZ),
    ];
    let rows = database.query(sql, &parameters).await?;
    let row = rows.first().ok_or_else(Lease::lost_error)?;
    Ok((row.try_get("window_from")?, row.try_get("window_until")?))
}
