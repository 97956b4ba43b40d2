//! Begins the transactions of the ledger with their time limits, and identifies the server.

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::config;
use crate::database::CloseOnDrop;

pub(super) type Transaction<'a> = deadpool_postgres::Transaction<'a>;

/// The time limit for a lock. It is short because the process that holds the lock may just be
/// claiming the same source.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Begins a transaction and sets its time limits. Also makes the server write the commit to disk
/// before it replies.
pub(super) async fn begin_transaction<'a>(
    connection: &'a mut CloseOnDrop,
    settings: &config::Database,
) -> Result<Transaction<'a>, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    let [statement, lock, idle] = [
        settings.statement_timeout,
        LOCK_TIMEOUT,
        settings.idle_in_transaction_timeout,
    ]
    .map(|limit| limit.as_millis().to_string());
    let sql = include_str!("../../sql/ledger/limit_transaction.sql");
    let parameters = [
        (&statement as _, Type::TEXT),
        (&lock as _, Type::TEXT),
        (&idle as _, Type::TEXT),
    ];
    transaction.query_typed(sql, &parameters).await?;
    Ok(transaction)
}

/// Returns the start time of the server, which identifies it. A restarted server has another one.
pub(super) async fn read_server_identity(
    transaction: &Transaction<'_>,
) -> Result<String, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/server_start_time.sql");
    let rows = transaction.query_typed(sql, &[]).await?;
    rows[0].try_get("server")
}
