//! What was refused, as people and replays ask for it.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::bulk::{
    self, Batching, Column, Condition, OnFailure, Operation, Plan, Report, Rows, Session, Table,
    Verb,
};
use crate::config;
use crate::database::Database;
use crate::error::{Error, Result};

/// The table of rejects. What was served does not change, and so is fixed, except that a
/// document that could not be kept is kept once it can.
pub(crate) const TABLE: Table = Table::new("ocds.quarantine", COLUMNS, &["id"]);

const COLUMNS: &[Column] = &[
    Column::fixed("id", Type::INT8),
    Column::fixed("source", Type::TEXT),
    Column::fixed("document_hash", Type::BYTEA),
    Column::fixed("pointer", Type::TEXT),
    Column::new("reason", Type::TEXT),
    Column::new("message", Type::TEXT),
    Column::new("sqlstate", Type::TEXT),
    Column::new("constraint_name", Type::TEXT),
    Column::fixed("ocid", Type::TEXT),
    Column::fixed("release_id", Type::TEXT),
    Column::new("version", Type::TEXT),
    Column::new("url", Type::TEXT),
    Column::new("run_id", Type::INT8),
    Column::new("chain", Type::TEXT),
    Column::new("page_number", Type::INT8),
    Column::new("seen", Type::INT4),
    Column::fixed("first_seen_at", Type::TIMESTAMPTZ),
    Column::new("last_seen_at", Type::TIMESTAMPTZ),
    Column::new("resolved_at", Type::TIMESTAMPTZ),
    Column::new("resolution", Type::TEXT),
    Column::new("document", Type::BYTEA),
    Column::new("is_redacted", Type::BOOL),
];

/// Rejects that people do not want: those unresolved till then.
const DISCARDED: Plan = Plan {
    table: TABLE,
    shared: &["resolved_at", "resolution"],
    each: &["id"],
    by: &["id"],
    verb: Verb::Update {
        only_if: &[Condition::IsNull("resolved_at")],
    },
};

/// A reject, without its bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// What it is asked for by.
    pub id: i64,
    /// The source that served it.
    pub source: String,
    /// Why it was refused, in one word.
    pub reason: String,
    /// Why it was refused, in a sentence.
    pub message: String,
    /// What the server said, if the server refused it.
    pub sqlstate: Option<String>,
    /// Its `ocid`, where one could be read.
    pub ocid: Option<String>,
    /// Its `id`, where one could be read; empty for a compiled release.
    pub release_id: Option<String>,
    /// The version of the standard it is written in, as far as that was known.
    pub version: Option<String>,
    /// The run that served it last.
    pub run_id: i64,
    /// The chain of the page that served it last; empty for a plain feed.
    pub chain: String,
    /// The page that served it last.
    pub page_number: i64,
    /// Where on the page it was, as a JSON Pointer.
    pub pointer: String,
    /// Where the page came from.
    pub url: String,
    /// How many traversals have met it.
    pub seen: i32,
    /// When it was met first.
    pub first_seen_at: Timestamp,
    /// When it was met last.
    pub last_seen_at: Timestamp,
    /// How large it is.
    pub bytes: i32,
    /// Whether its document has placeholders in the place of secrets of the source.
    pub is_redacted: bool,
}

/// A reject with its bytes, and what became of it.
#[derive(Clone, Debug)]
pub struct Document {
    /// What is known of it.
    pub entry: Entry,
    /// When it was resolved, and how: stored, replayed or discarded.
    pub resolved: Option<(Timestamp, String)>,
    /// What was served, but for secrets of the source.
    pub document: Vec<u8>,
}

/// Unresolved rejects, newest first, at most `limit`; of one source and reason, if told.
///
/// # Errors
/// The database cannot be asked.
pub async fn list(
    database: &Database,
    source: Option<&str>,
    reason: Option<&str>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let sql = include_str!("../../sql/read/quarantine_list.sql");
    let parameters = [
        (&source as _, Type::TEXT),
        (&reason as _, Type::TEXT),
        (&limit as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    rows.iter().map(|row| Ok(entry(row)?)).collect()
}

/// One reject with its bytes.
///
/// # Errors
/// There is none of this id, or the database cannot be asked.
pub async fn show(database: &Database, id: i64) -> Result<Document> {
    let sql = include_str!("../../sql/read/quarantine_show.sql");
    let rows = database.query(sql, &[(&id, Type::INT8)]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::config(format!("no reject has id {id}")))?;
    let resolved_at: Option<Timestamp> = row.try_get("resolved_at")?;
    let resolution: Option<String> = row.try_get("resolution")?;
    Ok(Document {
        entry: entry(row)?,
        resolved: resolved_at.zip(resolution),
        document: row.try_get("document")?,
    })
}

/// Marks rejects as not wanted. They stay, as resolved; how many were unresolved
/// till then is in the report as updated.
///
/// # Errors
/// The database cannot be asked.
pub async fn discard(
    database: &Database,
    settings: &config::Database,
    ids: &[i64],
) -> Result<Report> {
    let operation = Operation::new(&DISCARDED, Batching::default())?;
    let resolution = operation
        .bind_shared()
        .column("resolved_at", |(at, _): &(Timestamp, &'static str)| at)
        .column("resolution", |(_, how)| how)
        .bound()?;
    let id = operation.bind_each().column("id", |id: &i64| id).bound()?;
    let shared = Rows::of(&resolution, [&(Timestamp::now(), "discarded")])?;
    let rows = Rows::of(&id, ids)?;
    let session = Session::new(settings);
    let all = OnFailure::RollBack;
    let applied = bulk::write(database, &session, &operation, &shared, &rows, all).await?;
    Ok(applied.report)
}

/// The sources that have rejects to replay: of those named, or any.
///
/// # Errors
/// The database cannot be asked.
pub async fn replayable_sources(
    database: &Database,
    source: Option<&str>,
    ids: Option<&[i64]>,
) -> Result<Vec<String>> {
    let sql = include_str!("../../sql/ledger/reject_sources.sql");
    let parameters = [(&source as _, Type::TEXT), (&ids as _, Type::INT8_ARRAY)];
    let rows = database.query(sql, &parameters).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The rejects of a source that a replay is asked for.
#[derive(Clone, Debug, Default)]
pub struct Replayable {
    /// Those that it tries, in the order they were served.
    pub ids: Vec<i64>,
    /// How many are not there as they were served, since secrets are replaced in them.
    pub redacted: usize,
}

/// The rejects of a source that a replay tries: those named, or all.
///
/// # Errors
/// The database cannot be asked.
pub async fn replayable(
    database: &Database,
    source: &str,
    ids: Option<&[i64]>,
) -> Result<Replayable> {
    let sql = include_str!("../../sql/ledger/open_rejects.sql");
    let parameters = [(&source as _, Type::TEXT), (&ids as _, Type::INT8_ARRAY)];
    let rows = database.query(sql, &parameters).await?;
    let mut replayable = Replayable::default();
    for row in &rows {
        match row.try_get("is_redacted")? {
            true => replayable.redacted += 1,
            false => replayable.ids.push(row.try_get("id")?),
        }
    }
    Ok(replayable)
}

fn entry(row: &Row) -> Result<Entry, tokio_postgres::Error> {
    Ok(Entry {
        id: row.try_get("id")?,
        source: row.try_get("source")?,
        reason: row.try_get("reason")?,
        message: row.try_get("message")?,
        sqlstate: row.try_get("sqlstate")?,
        ocid: row.try_get("ocid")?,
        release_id: row.try_get("release_id")?,
        version: row.try_get("version")?,
        run_id: row.try_get("run_id")?,
        chain: row.try_get("chain")?,
        page_number: row.try_get("page_number")?,
        pointer: row.try_get("pointer")?,
        url: row.try_get("url")?,
        seen: row.try_get("seen")?,
        first_seen_at: row.try_get("first_seen_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        bytes: row.try_get("bytes")?,
        is_redacted: row.try_get("is_redacted")?,
    })
}
