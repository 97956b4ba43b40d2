//! Begins transactions that hold the lease of a run until they end.

use tokio_postgres::types::Type;

use crate::bulk::{Session, Transaction};
use crate::database::Database;
use crate::error::Result;
use crate::ledger::Lease;

pub(crate) const HOLD_LEASE: &str = include_str!("../../sql/ledger/hold_lease.sql");

/// Ends transactions of this program that wait for the data of a `COPY`, as those of a paused process
/// do, for longer than a statement may take.
pub(crate) async fn end_stuck_copies(database: &Database) -> Result<()> {
    let limit = database.settings().statement_timeout;
    let parameters = [(&limit.as_secs_f64() as _, Type::FLOAT8)];
    database.query(END_STUCK_COPIES, &parameters).await?;
    Ok(())
}

pub(super) const END_STUCK_COPIES: &str = include_str!("../../sql/ledger/end_stuck_copies.sql");

/// Begins a transaction that holds the lease. The statements that set limits and lock the lease
/// are sent together with the caller's first statements. If the lease is lost, these first
/// statements fail.
pub(crate) async fn begin_with_lease(
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
