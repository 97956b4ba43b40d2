//! Begins transactions that hold the lease of a run until they end.

use tokio_postgres::types::Type;

use crate::bulk::{Session, Transaction};
use crate::database::Database;
use crate::error::Result;
use crate::ledger::Lease;

pub(super) const HOLD_LEASE: &str = include_str!("../../sql/sink/hold_lease.sql");

/// Begins a transaction that holds the lease. The statements that set limits and lock the lease
/// are sent together with the caller's first statements. If the lease is lost, these first
/// statements fail.
pub(super) async fn begin_with_lease(
    database: &Database,
    session: &Session,
    lease: &Lease,
) -> Result<Transaction> {
    let mut transaction = Transaction::begin(database, session).await?;
    transaction.correlate(lease.run_id);
    transaction.defer_expecting_row(
        HOLD_LEASE,
        vec![
            (Box::new(lease.run_id), Type::INT8),
            (Box::new(lease.epoch), Type::INT4),
            (Box::new(lease.taken_at), Type::TIMESTAMPTZ),
        ],
        Lease::lost_error,
    );
    Ok(transaction)
}
