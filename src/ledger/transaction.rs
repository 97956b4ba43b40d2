//! Transactions of the ledger: their limits, and the server that they are on.

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::config;

/// One on a connection of the pool.
pub(super) type Transaction<'a> = deadpool_postgres::Transaction<'a>;

/// How long the ledger waits for a lock: whoever holds it may claim the source, too.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Sets the time limits of a transaction, and that its commit is on disk before it is
/// answered.
pub(super) async fn set_limits(
    transaction: &Transaction<'_>,
    settings: &config::Database,
) -> Result<(), tokio_postgres::Error> {
    let [works, locks, idles] = [
        settings.statement_timeout,
        LOCK_TIMEOUT,
        settings.idle_in_transaction_timeout,
    ]
    .map(|limit| limit.as_millis().to_string());
    let sql = include_str!("../../sql/ledger/limit_transaction.sql");
    let parameters = [
        (&works as _, Type::TEXT),
        (&locks as _, Type::TEXT),
        (&idles as _, Type::TEXT),
    ];
    transaction.query_typed(sql, &parameters).await?;
    Ok(())
}

/// Names the server that a transaction is on, by the time when it was started.
pub(super) async fn read_server(
    transaction: &Transaction<'_>,
) -> Result<String, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/server.sql");
    let rows = transaction.query_typed(sql, &[]).await?;
    rows[0].try_get("server")
}
