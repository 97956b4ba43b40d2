//! Reads the state of each source.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::release::Reason;

/// The state of a source, which consists of its last run, its stored releases and its rejects.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStatus {
    /// The name of the source.
    pub source: String,
    /// The id of the source's last run.
    pub run_id: i64,
    /// The kind of the last run.
    pub kind: String,
    /// The result of the last run, or `running` if it has not ended.
    pub state: String,
    /// The host and the process of the last run.
    pub owner: String,
    /// The time at which the last run started.
    pub started_at: Timestamp,
    /// The time at which the last run ended, or `None` if it has not ended.
    pub ended_at: Option<Timestamp>,
    /// The error that ended the last run, if there was one.
    pub error: Option<String>,
    /// The position that the last run cannot get past.
    pub stuck: Option<StuckPosition>,
    /// The number of durable pages of the last run.
    pub pages: i64,
    /// The number of releases on the durable pages of the last run.
    pub releases: i64,
    /// The number of things on these pages that were passed over, because they are no releases.
    pub passed_over: i64,
    /// The number of stored releases of the source, including compiled releases.
    pub stored: i64,
    /// The number of those that the publisher no longer serves.
    pub absent: i64,
    /// The newest date of the source's stored releases.
    pub newest: Option<Timestamp>,
    /// The date up to which everything is stored. It is `None` for a source without windows.
    pub watermark: Option<Timestamp>,
    /// The number of unresolved rejects of the source.
    pub quarantined: i64,
    /// The number of stored releases with an unreadable value, by the column that is null for it.
    pub unread: BTreeMap<String, i64>,
}

/// A position at which a publisher gives the same answer again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StuckPosition {
    /// The number of the page.
    pub page: i64,
    /// The publisher's answer.
    pub answer: String,
    /// The time of the first of these answers to the first request of a process.
    pub since: Timestamp,
    /// The number of days on which the answer came.
    pub days: i32,
}

fn read_stuck_position(
    row: &tokio_postgres::Row,
) -> Result<Option<StuckPosition>, tokio_postgres::Error> {
    let Some(answer) = row.try_get("refused_answer")? else {
        return Ok(None);
    };
    Ok(Some(StuckPosition {
        page: row.try_get("stuck_at_page")?,
        answer,
        since: row.try_get("refused_since")?,
        days: row.try_get("refused_days")?,
    }))
}

/// Reads the state of each source that has ever run, ordered by name.
pub async fn read_status(database: &Database) -> Result<Vec<SourceStatus>> {
    let sql = include_str!("../../sql/read/status.sql");
    let passed_over = Reason::passed_over_words();
    let parameters = [(&passed_over as _, Type::TEXT_ARRAY)];
    let rows = database.query_counts(sql, &parameters).await?;
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
            stuck: read_stuck_position(row)?,
            pages: row.try_get("pages")?,
            releases: row.try_get("releases")?,
            passed_over: row.try_get("passed_over")?,
            stored: row.try_get("stored")?,
            absent: row.try_get("absent")?,
            newest: row.try_get("newest")?,
            watermark: row.try_get("watermark")?,
            quarantined: row.try_get("quarantined")?,
            unread: read_unread(row)?,
        })
    };
    rows.iter().map(read).collect()
}

fn read_unread(row: &tokio_postgres::Row) -> Result<BTreeMap<String, i64>> {
    let unread: serde_json::Value = row.try_get("unread")?;
    serde_json::from_value(unread)
        .map_err(|e| Error::unexpected("read the counts of `ocds.unread`").with_source(e))
}

/// The numbers of rows that a source has.
#[derive(Clone, Copy, Debug)]
pub struct SourceCounts {
    /// The number of stored releases, including compiled releases.
    pub releases: i64,
    /// The number of rejects, including resolved ones.
    pub rejects: i64,
    /// The number of runs that the ledger keeps.
    pub runs: i64,
    /// True if there is something else, such as processes in the queue.
    pub has_others: bool,
}

impl SourceCounts {
    /// Returns true if nothing is stored for the source.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.releases + self.rejects + self.runs == 0 && !self.has_others
    }
}

/// Counts the rows of a source.
pub async fn read_source_counts(database: &Database, source: &str) -> Result<SourceCounts> {
    let sql = include_str!("../../sql/read/source_counts.sql");
    let rows = database.query_counts(sql, &[(&source, Type::TEXT)]).await?;
    let row = rows.first().ok_or_else(|| {
        Error::unexpected("the query that counts a source's rows returned no row")
    })?;
    Ok(SourceCounts {
        releases: row.try_get("releases")?,
        rejects: row.try_get("rejects")?,
        runs: row.try_get("runs")?,
        has_others: row.try_get("has_others")?,
    })
}
