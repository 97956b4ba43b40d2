//! Writes the HTTP requests of a run to `ocds.request`.
//!
//! # Requests are not part of a page's transaction
//!
//! People read them, and nothing depends on them. So they are written beside the pages, and a
//! killed run lacks its last seconds.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::bulk::{
    Batching, Binding, Column, OnFailure, Operation, Plan, Rows, Session, Table, Verb, Writer,
    WriterLimits,
};
use crate::config;
use crate::database::Database;
use crate::error::Result;
use crate::ledger::signed;
use crate::request::Request;

const TABLE: Table = Table::new("ocds.request", COLUMNS, &["id"]);

const COLUMNS: &[Column] = &[
    Column::fixed("id", Type::INT8),
    Column::fixed("run_id", Type::INT8),
    Column::fixed("page_number", Type::INT8),
    Column::fixed("attempt", Type::INT4),
    Column::fixed("url", Type::TEXT),
    Column::fixed("requested_at", Type::TIMESTAMPTZ),
    Column::fixed("status", Type::INT4),
    Column::fixed("milliseconds", Type::INT4),
    Column::fixed("bytes", Type::INT8),
    Column::fixed("error", Type::TEXT),
];

const INSERT: Plan = Plan {
    table: TABLE,
    shared: &["run_id"],
    per_row: &[
        "page_number",
        "attempt",
        "url",
        "requested_at",
        "status",
        "milliseconds",
        "bytes",
        "error",
    ],
    key: &[],
    verb: Verb::Insert { returning: &[] },
};

/// The limits for a batch of requests. A batch is written after a few seconds at the latest, so
/// that an operator can inspect a run that hangs.
const LIMITS: WriterLimits = WriterLimits {
    rows: 100,
    bytes: 1 << 20,
    interval: Duration::from_secs(5),
};

/// A request whose numbers have PostgreSQL's integer types.
struct Row {
    request: Request,
    page_number: i64,
    attempt: i32,
    status: Option<i32>,
    milliseconds: i32,
    bytes: i64,
}

impl Row {
    fn new(request: Request) -> Self {
        Self {
            page_number: signed(request.page),
            attempt: i32::try_from(request.attempt).unwrap_or(i32::MAX),
            status: request.status.map(i32::from),
            milliseconds: i32::try_from(request.took.as_millis()).unwrap_or(i32::MAX),
            bytes: signed(request.bytes),
            request,
        }
    }
}

/// Writes the requests of a run as they arrive, in transactions of their own. Returns when the
/// channel is closed, or when `stop` is cancelled and the channel is empty.
///
/// # Errors
///
/// The database was unreachable for longer than `database.retry_for`. Requests that arrive after
/// the error are not logged.
pub async fn log_requests(
    database: &Database,
    settings: &config::Database,
    run_id: i64,
    mut requests: mpsc::Receiver<Request>,
    stop: CancellationToken,
) -> Result<()> {
    let operation = Operation::new(&INSERT, Batching::default())?;
    let session = Session::new(settings);
    let row = build_row_binding(&operation)?;
    let run = operation.bind_shared().column("run_id", |id: &i64| id);
    let shared = Rows::encode(&run.build()?, [&run_id])?;
    let mut writer = Writer::with_own_transactions(database, &session, LIMITS);
    let table = writer.add_table(&operation, shared, &row, OnFailure::Isolate);
    loop {
        let due = writer.next_flush();
        let next = tokio::select! {
            biased;
            next = requests.recv() => next,
            () = wait_until(due) => {
                writer.flush().await?;
                continue;
            }
            () = stop.cancelled() => None,
        };
        let Some(request) = next else { break };
        writer.add_row(&table, &Row::new(request)).await?;
    }
    let tables = writer.close().await?;
    let refused: u64 = tables.iter().map(|table| table.report.failed).sum();
    if refused > 0 {
        warn!(
            run.id = run_id,
            "could not log {refused} requests: the database refused their rows"
        );
    }
    Ok(())
}

fn build_row_binding(operation: &Operation) -> Result<Binding<Row>> {
    operation
        .bind_row()
        .column("page_number", |row: &Row| &row.page_number)
        .column("attempt", |row| &row.attempt)
        .column("url", |row| &row.request.url)
        .column("requested_at", |row| &row.request.requested_at)
        .column("status", |row| &row.status)
        .column("milliseconds", |row| &row.milliseconds)
        .column("bytes", |row| &row.bytes)
        .column("error", |row| &row.request.error)
        .build()
}

async fn wait_until(due: Option<std::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
