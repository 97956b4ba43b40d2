//! What the server says of itself: which statements cost it most, and who waits
//! for whom.
//!
//! Only statements that name our schema are shown, without constants; of other
//! sessions no text at all. Nothing here needs the schema to be there, nor waits
//! for a lock on it: it is asked when something is stuck.

mod normalize;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use self::normalize::normalize_statement;
use crate::database::{Database, wait_for_reply};
use crate::error::Result;

/// How many statements are shown.
const STATEMENT_LIMIT: usize = 20;

const NOT_INSTALLED: &str = "pg_stat_statements is not in this database: set \
    shared_preload_libraries = 'pg_stat_statements', restart the server, and \
    `create extension pg_stat_statements`";
const NOT_LOADED: &str = "the server does not load pg_stat_statements: set \
    shared_preload_libraries = 'pg_stat_statements' and restart it";
const NOT_PERMITTED: &str = "pg_stat_statements may not be read: let this role use its schema, and \
    grant it pg_read_all_stats";

/// What is known of the statements that name our schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Statements {
    /// Those that have taken the most time, the dearest first.
    Listed(Vec<Statement>),
    /// Nothing, and what would change that.
    Unavailable(&'static str),
}

/// What the server has spent on statements of one shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// Its text, without comments and constants; the rows of a `values` list
    /// are one.
    pub statement: String,
    /// How often it was executed.
    pub calls: i64,
    /// How many rows it returned or wrote, for each call.
    pub rows_per_call: f64,
    /// Milliseconds of execution for each call.
    pub mean_milliseconds: f64,
    /// Milliseconds of execution in all.
    pub total_milliseconds: f64,
}

/// A backend that waits for a lock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LockWait {
    /// Its process.
    pub pid: i32,
    /// What it calls itself.
    pub application_name: String,
    /// What it does, such as `active`; `None` where we may not see it.
    pub state: Option<String>,
    /// The table it waits for. One that waits for another transaction may write
    /// several tables without showing which of them it waits for.
    pub tables: Vec<String>,
    /// What kind of thing is locked: a relation, or a transaction whose row it
    /// wants.
    pub waits_for: String,
    /// The mode it wants.
    pub mode: String,
    /// How long it has waited; `None` in its first moment.
    pub waited_seconds: Option<f64>,
    /// The processes in its way; 0 is a prepared transaction.
    pub blocked_by: Vec<i32>,
}

/// Which statements that name our schema have taken the most time since the
/// server began to count, by `pg_stat_statements`.
///
/// # Errors
/// The database cannot be asked.
pub async fn list_statements(database: &Database) -> Result<Statements> {
    wait_for_reply(database.reply_limit(), query_statements(database)).await?
}

async fn query_statements(database: &Database) -> Result<Statements> {
    let mut connection = database.close_on_drop_connection().await?;
    let transaction = connection.transaction().await?;
    let sql = include_str!("../../../sql/read/statements_schema.sql");
    if transaction.query_typed(sql, &[]).await?.is_empty() {
        return Ok(Statements::Unavailable(NOT_INSTALLED));
    }
    let sql = include_str!("../../../sql/read/statements.sql");
    let rows = match transaction.query_typed(sql, &[]).await {
        Ok(rows) => rows,
        Err(error) => {
            let unknown = explain_unavailable(&error).map(Statements::Unavailable);
            return unknown.ok_or_else(|| error.into());
        }
    };
    transaction.commit().await?;
    let read = |row: &Row| -> Result<Usage> {
        Ok(Usage {
            shape: normalize_statement(row.try_get("query")?),
            calls: row.try_get("calls")?,
            rows: row.try_get("rows")?,
            milliseconds: row.try_get("total_exec_time")?,
        })
    };
    let mut spent = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    spent.retain(|spent| names_our_schema(&spent.shape));
    Ok(Statements::Listed(rank_by_time(spent)))
}

/// Who waits for a lock on our tables, longest first.
///
/// # Errors
/// The database cannot be asked.
pub async fn list_lock_waits(database: &Database) -> Result<Vec<LockWait>> {
    let sql = include_str!("../../../sql/read/lock_waits.sql");
    let rows = database.query(sql, &[]).await?;
    let read = |row: &Row| -> Result<LockWait> {
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
    rows.iter().map(read).collect()
}

/// What would let us read what is there, if that is why it cannot be read.
fn explain_unavailable(error: &tokio_postgres::Error) -> Option<&'static str> {
    match error.code() {
        Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) => Some(NOT_LOADED),
        // in a schema that this role may not use it is not even found
        Some(&SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::UNDEFINED_TABLE) => Some(NOT_PERMITTED),
        _ => None,
    }
}

/// Whether a shape names our schema; some texts do so in a constant or a comment
/// alone.
fn names_our_schema(shape: &str) -> bool {
    shape.contains("ocds.") || shape.contains("\"ocds\".")
}

/// One of the server's entries. It has one for each number of rows of a `values`
/// list.
struct Usage {
    shape: String,
    calls: i64,
    rows: i64,
    milliseconds: f64,
}

/// Adds up entries of one shape; the dearest first, and not more than [`STATEMENT_LIMIT`].
fn rank_by_time(mut entries: Vec<Usage>) -> Vec<Statement> {
    entries.sort_by(|one, other| one.shape.cmp(&other.shape));
    let same_shape = entries.chunk_by(|one, other| one.shape == other.shape);
    let mut statements: Vec<Statement> = same_shape.map(sum_usage).collect();
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
    let each = i64::max(calls, 1) as f64;
    Statement {
        statement: entries[0].shape.clone(),
        calls,
        rows_per_call: rows as f64 / each,
        mean_milliseconds: total_milliseconds / each,
        total_milliseconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(shape: &str, calls: i64, rows: i64, milliseconds: f64) -> Usage {
        Usage {
            shape: shape.into(),
            calls,
            rows,
            milliseconds,
        }
    }

    #[test]
    fn entries_of_one_shape_are_one_statement_and_the_dearest_is_first() {
        let found = rank_by_time(vec![
            spent("select", 10, 10, 5.0),
            spent("upsert", 3, 300, 30.0),
            spent("upsert", 1, 20, 2.0),
        ]);
        let dearest = Statement {
            statement: "upsert".into(),
            calls: 4,
            rows_per_call: 80.0,
            mean_milliseconds: 8.0,
            total_milliseconds: 32.0,
        };
        assert_eq!(found[0], dearest);
        assert_eq!(found[1].statement, "select");
    }

    #[test]
    fn no_more_are_listed_than_fit_a_screen() {
        let entries = (0..100).map(|n| spent(&n.to_string(), 1, 1, f64::from(n)));
        let found = rank_by_time(entries.collect());
        assert_eq!(found.len(), STATEMENT_LIMIT);
        assert_eq!(found[0].statement, "99");
    }
}
