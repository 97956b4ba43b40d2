//! Lists, shows and discards rejects, and finds the rejects that a replay can try again.

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
use crate::package::PackageId;
use crate::release::Reason;
use crate::source::Overwrite;

/// The description of the table of rejects. The columns that identify a reject are fixed. The
/// column `document` is not fixed, because a document that the server refused at first may be
/// stored later.
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
    Column::new("package_id", Type::UUID),
    Column::new("url", Type::TEXT),
    Column::new("run_id", Type::INT8),
    Column::new("chain", Type::TEXT),
    Column::new("chain_number", Type::INT4),
    Column::new("page_number", Type::INT8),
    Column::new("seen", Type::INT4),
    Column::fixed("first_seen_at", Type::TIMESTAMPTZ),
    Column::new("last_seen_at", Type::TIMESTAMPTZ),
    Column::new("resolved_at", Type::TIMESTAMPTZ),
    Column::new("resolution", Type::TEXT),
    Column::new("document", Type::BYTEA),
    Column::new("is_redacted", Type::BOOL),
    Column::new("overwrite", Type::TEXT),
];

/// Marks rejects as discarded, unless they are already resolved.
const DISCARD: Plan = Plan {
    table: TABLE,
    shared: &["resolved_at", "resolution"],
    per_row: &["id"],
    key: &["id"],
    verb: Verb::Update {
        only_if: &[Condition::IsNull("resolved_at")],
    },
};

/// A reject without its document.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The id by which commands select the reject.
    pub id: i64,
    /// The name of the source that served the reject.
    pub source: String,
    /// The code of the reason.
    pub reason: String,
    /// The reason as a sentence.
    pub message: String,
    /// The SQLSTATE, if PostgreSQL refused to store the release.
    pub sqlstate: Option<String>,
    /// The `ocid` of the release, if it could be read.
    pub ocid: Option<String>,
    /// The `id` of the release, if it could be read. It is empty for a compiled release.
    pub release_id: Option<String>,
    /// The OCDS version of the release, if it is known.
    pub version: Option<String>,
    /// The id of the package that contains the reject, if there is one.
    #[serde(skip)]
    pub package_id: Option<PackageId>,
    /// The id of the last run that met the reject.
    pub run_id: i64,
    /// The chain of the page on which the reject was last served. It is empty for a plain feed.
    pub chain: String,
    /// The number of this chain among the chains of its run.
    #[serde(skip)]
    pub chain_number: i32,
    /// Says which of several contents the run that last met the reject keeps. Runs of older
    /// versions of the program did not say so.
    #[serde(skip)]
    pub overwrite: Option<Overwrite>,
    /// The number of the page on which the reject was last served.
    pub page_number: i64,
    /// The position of the reject on its page, as a JSON Pointer.
    pub pointer: String,
    /// The URL from which the reject was last served.
    pub url: String,
    /// The number of runs that have met the reject.
    pub seen: i32,
    /// The time at which the reject was first met.
    pub first_seen_at: Timestamp,
    /// The time at which the reject was last met.
    pub last_seen_at: Timestamp,
    /// The number of bytes of the reject's document.
    pub bytes: i32,
    /// True if placeholders replace the source's secrets in the document.
    pub is_redacted: bool,
}

/// A reject with its document and its resolution.
#[derive(Clone, Debug)]
pub struct RejectWithDocument {
    /// The reject without its document.
    pub entry: Entry,
    /// The time and the kind of the reject's resolution. The kinds are stored, replayed and
    /// discarded.
    pub resolved: Option<(Timestamp, String)>,
    /// The bytes that were served, with placeholders in the place of the source's secrets.
    pub document: Vec<u8>,
}

/// The rows of the quarantine that [`list`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'s> {
    /// Only the rows of this source.
    pub source: Option<&'s str>,
    /// Only the rows with this reason.
    pub reason: Option<&'s str>,
    /// True for what is passed over, and false for rejects.
    pub is_passed_over: bool,
    /// The maximum number of rows.
    pub limit: i64,
}

/// Lists unresolved rejects, or what is passed over, the newest first.
pub async fn list(database: &Database, selection: Selection<'_>) -> Result<Vec<Entry>> {
    let Selection {
        source,
        reason,
        is_passed_over,
        limit,
    } = selection;
    let sql = include_str!("../../sql/read/quarantine_list.sql");
    let passed_over = Reason::passed_over_words();
    let parameters = [
        (&source as _, Type::TEXT),
        (&reason as _, Type::TEXT),
        (&limit as _, Type::INT8),
        (&passed_over as _, Type::TEXT_ARRAY),
        (&is_passed_over as _, Type::BOOL),
    ];
    let rows = database.query(sql, &parameters).await?;
    rows.iter().map(|row| Ok(read_entry(row)?)).collect()
}

/// Reads one reject and its document.
///
/// # Errors
///
/// No reject has this id, or the database query fails.
pub async fn show(database: &Database, id: i64) -> Result<RejectWithDocument> {
    let sql = include_str!("../../sql/read/quarantine_show.sql");
    let rows = database.query(sql, &[(&id, Type::INT8)]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::config(format!("no reject has id {id}")))?;
    let resolved_at: Option<Timestamp> = row.try_get("resolved_at")?;
    let resolution: Option<String> = row.try_get("resolution")?;
    Ok(RejectWithDocument {
        entry: read_entry(row)?,
        resolved: resolved_at.zip(resolution),
        document: row.try_get("document")?,
    })
}

/// Marks rejects as discarded. They stay in the table and count as resolved. The returned report
/// counts the rejects that were unresolved before as updated.
pub async fn discard(
    database: &Database,
    settings: &config::Database,
    ids: &[i64],
) -> Result<Report> {
    let operation = Operation::new(&DISCARD, Batching::default())?;
    let resolution = operation
        .bind_shared()
        .column("resolved_at", |(at, _): &(Timestamp, &'static str)| at)
        .column("resolution", |(_, how)| how)
        .build()?;
    let id = operation.bind_row().column("id", |id: &i64| id).build()?;
    let shared = Rows::encode(&resolution, [&(Timestamp::now(), "discarded")])?;
    let rows = Rows::encode(&id, ids)?;
    let session = Session::new(settings);
    let all = OnFailure::RollBack;
    let applied = bulk::write(database, &session, &operation, &shared, &rows, all).await?;
    Ok(applied.report)
}

/// Returns the sources that have rejects to replay. `source` and `ids` are optional filters.
pub async fn find_replayable_sources(
    database: &Database,
    source: Option<&str>,
    ids: Option<&[i64]>,
) -> Result<Vec<String>> {
    let sql = include_str!("../../sql/ledger/sources_to_replay.sql");
    let skipped = skipped_reasons();
    let parameters = [
        (&source as _, Type::TEXT),
        (&ids as _, Type::INT8_ARRAY),
        (&skipped as _, Type::TEXT_ARRAY),
    ];
    let rows = database.query(sql, &parameters).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Returns the reasons of the rows that no replay tries.
fn skipped_reasons() -> Vec<&'static str> {
    let mut reasons = Reason::passed_over_words();
    reasons.push(Reason::Superseded.as_str());
    reasons
}

/// The rejects of a source that a replay was asked to try.
#[derive(Clone, Debug, Default)]
pub struct ReplayableRejects {
    /// The ids of the rejects that can be tried, in the order in which the rejects were served.
    pub ids: Vec<i64>,
    /// The number of rejects that cannot be tried, because placeholders replace secrets in their
    /// documents.
    pub redacted: usize,
}

/// Finds the rejects of a source that a replay can try. If `ids` is `None`, all rejects of the
/// source are considered.
pub async fn find_replayable_rejects(
    database: &Database,
    source: &str,
    ids: Option<&[i64]>,
) -> Result<ReplayableRejects> {
    let sql = include_str!("../../sql/ledger/rejects_to_replay.sql");
    let skipped = skipped_reasons();
    let parameters = [
        (&source as _, Type::TEXT),
        (&ids as _, Type::INT8_ARRAY),
        (&skipped as _, Type::TEXT_ARRAY),
    ];
    let rows = database.query(sql, &parameters).await?;
    let mut replayable = ReplayableRejects::default();
    for row in &rows {
        match row.try_get("is_redacted")? {
            true => replayable.redacted += 1,
            false => replayable.ids.push(row.try_get("id")?),
        }
    }
    Ok(replayable)
}

fn read_entry(row: &Row) -> Result<Entry, tokio_postgres::Error> {
    Ok(Entry {
        id: row.try_get("id")?,
        source: row.try_get("source")?,
        reason: row.try_get("reason")?,
        message: row.try_get("message")?,
        sqlstate: row.try_get("sqlstate")?,
        ocid: row.try_get("ocid")?,
        release_id: row.try_get("release_id")?,
        version: row.try_get("version")?,
        package_id: row.try_get("package_id")?,
        run_id: row.try_get("run_id")?,
        chain: row.try_get("chain")?,
        chain_number: row.try_get("chain_number")?,
        overwrite: row
            .try_get::<_, Option<&str>>("overwrite")?
            .and_then(Overwrite::parse),
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
