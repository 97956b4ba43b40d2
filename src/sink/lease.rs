//! A transaction that holds the lease of its run until it ends.

use tokio_postgres::types::Type;

use crate::bulk::{Session, Transaction};
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::ledger::Lease;

pub(super) const HOLD_LEASE: &str = include_str!("../../sql/sink/hold_lease.sql");

/// Begins a transaction that holds the lease: the first statements take both
/// along, and fail if the lease is lost.
pub(super) async fn begin_holding(
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
        lease_lost,
    );
    Ok(transaction)
}

/// Why a transaction that does not hold the lease was given up.
pub(super) fn lease_lost() -> Error {
    Error::new(Kind::Lease, "another run has taken over the source")
}
