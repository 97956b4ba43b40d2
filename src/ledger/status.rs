//! Where each source stands.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::{Error, Result};

/// Where a source stands: its last run, what is stored and what is refused.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStatus {
    /// The source's name.
    pub source: String,
    /// Its last run.
    pub run_id: i64,
    /// What the last run was for.
    pub kind: String,
    /// How it ended, or `running`.
    pub state: String,
    /// Who runs it, or ran it.
    pub owner: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What ended it, if it was an error.
    pub error: Option<String>,
    /// How many of its pages are durable.
    pub pages: i64,
    /// How many releases those pages had.
    pub releases: i64,
    /// How many releases of the source are stored, compiled ones too.
    pub stored: i64,
    /// The newest date of a stored release.
    pub newest: Option<Timestamp>,
    /// Up to when all is stored, by the publisher's dates, of a source with windows.
    pub watermark: Option<Timestamp>,
    /// How many rejects of the source are unresolved.
    pub quarantined: i64,
}

/// Where each source that has ever run stands, by name.
///
/// # Errors
/// The database cannot be asked.
pub async fn status(database: &Database) -> Result<Vec<SourceStatus>> {
    let sql = include_str!("../../sql/read/status.sql");
    let rows = database.query_counts(sql, &[]).await?;
    let read = |row: &tokio_postgres::Row| -> Result<SourceStatus> {
        Ok(SourceStatus {
            source: row.try_get("source")?,
            run_id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            state: row.try_get("state")?,
            owner: row.try_get("owner")?,
            started_at: row.try_get("started_at")?,
            ended_at: row.try_get("ended_at")?,
            error: row.try_get("error")?,
            pages: row.try_get("pages")?,
            releases: row.try_get("releases")?,
            stored: row.try_get("stored")?,
            newest: row.try_get("newest")?,
            watermark: row.try_get("watermark")?,
            quarantined: row.try_get("quarantined")?,
        })
    };
    rows.iter().map(read).collect()
}

/// What there is of a source.
#[derive(Clone, Copy, Debug)]
pub struct SourceCounts {
    /// Stored releases.
    pub releases: i64,
    /// Rejects, resolved ones too.
    pub rejects: i64,
    /// Runs that are remembered.
    pub runs: i64,
}

/// Counts what there is of a source.
///
/// # Errors
/// The database cannot be asked.
pub async fn source_counts(database: &Database, source: &str) -> Result<SourceCounts> {
    let sql = include_str!("../../sql/read/source_counts.sql");
    let rows = database.query_counts(sql, &[(&source, Type::TEXT)]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::unexpected("a count without a row"))?;
    Ok(SourceCounts {
        releases: row.try_get("releases")?,
        rejects: row.try_get("rejects")?,
        runs: row.try_get("runs")?,
    })
}
