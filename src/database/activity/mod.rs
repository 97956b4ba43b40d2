//! Reports which statements take the server's time, and which sessions wait for locks.
//!
//! Only statements that name the schema `ocds` are shown, and their constants are left out. The
//! statements of other programs are never shown.
//!
//! # No table of `ocds` is read
//!
//! An operator uses these reports when a run does not continue, perhaps because of a lock. So the
//! reports read only the server's own views, and do not wait for a lock of a table. This is also
//! why `status --database` does not show the state of the sources: it would have to read the
//! tables.

mod normalize;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use self::normalize::normalize_statement;
use crate::database::{Database, wait_for_reply};
use crate::error::Result;

/// The maximum number of statements that are listed.
const STATEMENT_LIMIT: usize = 20;

const NOT_INSTALLED: &str = "pg_stat_statements is not in this database: set \
    shared_preload_libraries = 'pg_stat_statements', restart the server, and \
    `create extension pg_stat_statements`";
const NOT_LOADED: &str = "the server does not load pg_stat_statements: set \
    shared_preload_libraries = 'pg_stat_statements' and restart it";
const NOT_PERMITTED: &str = "pg_stat_statements may not be read: let this role use its schema, and \
    grant it pg_read_all_stats";

/// The result of the search for statements that name the schema `ocds`.
#[derive(Clone, Debug, PartialEq)]
pub enum Statements {
    /// The statements that took the most time. The slowest statement is the first one.
    Listed(Vec<Statement>),
    /// The server does not report statements. The text says what to change.
    Unavailable(&'static str),
}

/// The time that the server has spent on all statements with the same normalized text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// The normalized text. It has no comments and no constants, and the rows of a `values` list
    /// are written as one row.
    pub statement: String,
    /// The number of times that the statements were executed.
    pub calls: i64,
    /// The mean number of rows that an execution returned or wrote.
    pub rows_per_call: f64,
    /// The mean time of an execution in milliseconds.
    pub mean_milliseconds: f64,
    /// The time of all executions in milliseconds.
    pub total_milliseconds: f64,
}

/// A server process that waits for a lock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LockWait {
    /// The id of the waiting process.
    pub pid: i32,
    /// The name that the client of the waiting process gave itself.
    pub application_name: String,
    /// The state of the session, such as `active`. It is `None` if the role may not see it.
    pub state: Option<String>,
    /// The tables that are concerned. If the process waits for the lock of a table, it is this
    /// table. If it waits for another transaction, these are the tables that the process writes,
    /// because the server does not say which of them is the cause.
    pub tables: Vec<String>,
    /// The kind of lock. It is the lock of a relation, or of a transaction that has written a
    /// row.
    pub waits_for: String,
    /// The mode of the lock that the process has requested.
    pub mode: String,
    /// The time that the process has waited, in seconds. It is `None` if the wait has just begun.
    pub waited_seconds: Option<f64>,
    /// The ids of the processes that hold the lock. The id 0 means a prepared transaction.
    pub blocked_by: Vec<i32>,
}

/// Lists the statements that took the most time since the server began to count. The numbers are
/// those of `pg_stat_statements`.
///
/// # Errors
///
/// No connection could be opened, as described at [`Database::connection`], or the query fails.
pub async fn list_statements(database: &Database) -> Result<Statements> {
    wait_for_reply(database.reply_limit(), query_statements(database)).await?
}

async fn query_statements(database: &Database) -> Result<Statements> {
    let mut connection = database.close_on_drop_connection().await?;
    let transaction = connection.transaction().await?;
    let sql = include_str!("../../../sql/read/set_statistics_schema.sql");
    if transaction.query_typed(sql, &[]).await?.is_empty() {
        return Ok(Statements::Unavailable(NOT_INSTALLED));
    }
    let sql = include_str!("../../../sql/read/statement_statistics.sql");
    let rows = match transaction.query_typed(sql, &[]).await {
        Ok(rows) => rows,
        Err(error) => {
            let unknown = explain_unavailable(&error).map(Statements::Unavailable);
            return unknown.ok_or_else(|| error.into());
        }
    };
    transaction.commit().await?;
    let read_usage = |row: &Row| -> Result<Usage> {
        Ok(Usage {
            text: normalize_statement(row.try_get("query")?),
            calls: row.try_get("calls")?,
            rows: row.try_get("rows")?,
            milliseconds: row.try_get("total_exec_time")?,
        })
    };
    let mut usage = rows.iter().map(read_usage).collect::<Result<Vec<_>>>()?;
    usage.retain(|usage| has_schema_name(&usage.text));
    Ok(Statements::Listed(rank_by_time(usage)))
}

/// Lists the processes that wait for a lock of a table of `ocds`. The longest wait is the first.
///
/// # Errors
///
/// No connection could be opened, as described at [`Database::connection`], or the query fails.
pub async fn list_lock_waits(database: &Database) -> Result<Vec<LockWait>> {
    let sql = include_str!("../../../sql/read/lock_waits.sql");
    let rows = database.query(sql, &[]).await?;
    let read_wait = |row: &Row| -> Result<LockWait> {
        Ok(LockWait {
            pid: row.try_get("pid")?,
            application_name: row.try_get("application_name")?,
            state: row.try_get("state")?,
            tables: row.try_get("tables")?,
            waits_for: row.try_get("waits_for")?,
            mode: row.try_get("mode")?,
            waited_seconds: row.try_get("waited_seconds")?,
            blocked_by: row.try_get("blocked_by")?,
        })
    };
    rows.iter().map(read_wait).collect()
}

/// Says what to change if the error means that `pg_stat_statements` cannot be read. Returns
/// `None` for any other error.
fn explain_unavailable(error: &tokio_postgres::Error) -> Option<&'static str> {
    match error.code() {
        Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => Some(NOT_LOADED),
        // If the role may not use the schema of a view, the server does not find the view.
        Some(&SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::UNDEFINED_TABLE) => Some(NOT_PERMITTED),
        _ => None,
    }
}

/// Returns true if a normalized text names the schema `ocds`. The texts of the server must be
/// normalized first, because they may contain the name in a constant or a comment.
fn has_schema_name(text: &str) -> bool {
    text.contains("ocds.") || text.contains("\"ocds\".")
}

/// One entry of `pg_stat_statements`, with its text normalized. The server has a separate entry
/// for each number of rows in a `values` list.
struct Usage {
    text: String,
    calls: i64,
    rows: i64,
    milliseconds: f64,
}

/// Adds up the entries that have the same normalized text. Returns the slowest
/// [`STATEMENT_LIMIT`] statements.
fn rank_by_time(mut entries: Vec<Usage>) -> Vec<Statement> {
    entries.sort_by(|one, other| one.text.cmp(&other.text));
    let same_text = entries.chunk_by(|one, other| one.text == other.text);
    let mut statements: Vec<Statement> = same_text.map(sum_usage).collect();
    statements.sort_by(|one, other| other.total_milliseconds.total_cmp(&one.total_milliseconds));
    statements.truncate(STATEMENT_LIMIT);
    statements
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a mean needs no more than 52 bits"
)]
fn sum_usage(entries: &[Usage]) -> Statement {
    let calls = entries.iter().map(|entry| entry.calls).sum();
    let rows: i64 = entries.iter().map(|entry| entry.rows).sum();
    let total_milliseconds = entries.iter().map(|entry| entry.milliseconds).sum();
    let divisor = i64::max(calls, 1) as f64;
    Statement {
        statement: entries[0].text.clone(),
        calls,
        rows_per_call: rows as f64 / divisor,
        mean_milliseconds: total_milliseconds / divisor,
        total_milliseconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(text: &str, calls: i64, rows: i64, milliseconds: f64) -> Usage {
        Usage {
            text: text.into(),
            calls,
            rows,
            milliseconds,
        }
    }

    #[test]
    fn entries_of_one_text_are_one_statement_and_the_slowest_is_first() {
        let found = rank_by_time(vec![
            usage("select", 10, 10, 5.0),
            usage("upsert", 3, 300, 30.0),
            usage("upsert", 1, 20, 2.0),
        ]);
        let slowest = Statement {
            statement: "upsert".into(),
            calls: 4,
            rows_per_call: 80.0,
            mean_milliseconds: 8.0,
            total_milliseconds: 32.0,
        };
        assert_eq!(found[0], slowest);
        assert_eq!(found[1].statement, "select");
    }

    #[test]
    fn only_the_slowest_statements_are_listed() {
        let entries = (0..100).map(|n| usage(&n.to_string(), 1, 1, f64::from(n)));
        let found = rank_by_time(entries.collect());
        assert_eq!(found.len(), STATEMENT_LIMIT);
        assert_eq!(found[0].statement, "99");
    }
}
