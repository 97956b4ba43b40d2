//! Reports which statements take the server's time, and which sessions wait for locks.
//!
//! Only statements that name the schema `ocds` are shown, without constants. The statements of
//! other sessions are never shown.
//!
//! # No table of `ocds` is read
//!
//! An operator uses these reports when a run does not continue, perhaps because of a lock. So
//! they read only the server's own views, and wait for no lock of a table. For the same reason
//! `status --database` does not show the state of the sources, which is counted in the tables.

mod normalize;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use self::normalize::normalize_statement;
use crate::database::{Database, wait_for_reply};
use crate::error::Result;

/// The most statements that are listed.
const STATEMENT_LIMIT: usize = 20;

const NOT_INSTALLED: &str = "pg_stat_statements is not in this database: set \
    shared_preload_libraries = 'pg_stat_statements', restart the server, and \
    `create extension pg_stat_statements`";
const NOT_LOADED: &str = "the server does not load pg_stat_statements: set \
    shared_preload_libraries = 'pg_stat_statements' and restart it";
const NOT_PERMITTED: &str = "pg_stat_statements may not be read: let this role use its schema, and \
    grant it pg_read_all_stats";

/// The statements that name the schema `ocds`.
#[derive(Clone, Debug, PartialEq)]
pub enum Statements {
    /// The statements that took the most time, the slowest first.
    Listed(Vec<Statement>),
    /// The server does not tell, and the text says what to change.
    Unavailable(&'static str),
}

/// The server's work on statements of one normalized text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// The text, without comments and constants. The rows of a `values` list are one row.
    pub statement: String,
    /// The number of executions.
    pub calls: i64,
    /// The rows returned or written, per execution.
    pub rows_per_call: f64,
    /// The milliseconds per execution.
    pub mean_milliseconds: f64,
    /// The milliseconds of all executions.
    pub total_milliseconds: f64,
}

/// A server process that waits for a lock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LockWait {
    /// The process id.
    pub pid: i32,
    /// The name that the client gave itself.
    pub application_name: String,
    /// The state, such as `active`; `None` if the role may not see it.
    pub state: Option<String>,
    /// The table whose lock it waits for. If it waits for another transaction, these are the
    /// tables that it writes, because the server does not tell which one is the cause.
    pub tables: Vec<String>,
    /// The kind of lock: of a relation, or of a transaction whose row it needs.
    pub waits_for: String,
    /// The requested mode of the lock.
    pub mode: String,
    /// The seconds that it has waited; `None` if it has just begun to wait.
    pub waited_seconds: Option<f64>,
    /// The processes that hold the lock; 0 is a prepared transaction.
    pub blocked_by: Vec<i32>,
}

/// Lists the statements that took the most time since the server began to count, from
/// `pg_stat_statements`.
///
/// # Errors
/// As [`Database::connection`], or the query fails.
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
    usage.retain(|usage| names_schema(&usage.text));
    Ok(Statements::Listed(rank_by_time(usage)))
}

/// Lists the processes that wait for a lock of a table of `ocds`, the longest wait first.
///
/// # Errors
/// As [`Database::connection`], or the query fails.
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

/// Tells what to change if the error says that `pg_stat_statements` cannot be read.
fn explain_unavailable(error: &tokio_postgres::Error) -> Option<&'static str> {
    match error.code() {
        Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => Some(NOT_LOADED),
        // a view in a schema that the role may not use is not found
        Some(&SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::UNDEFINED_TABLE) => Some(NOT_PERMITTED),
        _ => None,
    }
}

/// True if a normalized text names the schema `ocds`. The server's texts may do so in a constant
/// or a comment only.
fn names_schema(text: &str) -> bool {
    text.contains("ocds.") || text.contains("\"ocds\".")
}

/// One of the server's entries. It has an entry for each number of rows of a `values` list.
struct Usage {
    text: String,
    calls: i64,
    rows: i64,
    milliseconds: f64,
}

/// Adds up the entries of each normalized text, and returns the slowest [`STATEMENT_LIMIT`].
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
