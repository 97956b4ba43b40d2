//! The first statements of a transaction: its time limits, and the lease it holds.

use tokio_postgres::types::Type;

use crate::error::{Error, Kind, Result};
use crate::ledger::Lease;
use crate::sink::Sink;
use crate::sink::transaction::{Flight, Reply, next};

pub(super) const SET_TIMEOUTS: &str = include_str!("../../sql/sink/set_timeouts.sql");
pub(super) const HOLD_LEASE: &str = include_str!("../../sql/sink/hold_lease.sql");

/// Begins a transaction within the sink's time limits.
pub(super) fn begin<'f>(sink: &'f Sink, flight: &mut Flight<'f>) {
    flight.simple("begin");
    flight.typed(
        SET_TIMEOUTS,
        vec![
            (&sink.limits.statement_timeout, Type::TEXT),
            (&sink.limits.lock_timeout, Type::TEXT),
            (&sink.limits.idle_in_transaction_timeout, Type::TEXT),
        ],
    );
}

/// Begins a transaction that holds the lease until it ends.
pub(super) fn begin_holding<'f>(sink: &'f Sink, lease: &'f Lease, flight: &mut Flight<'f>) {
    begin(sink, flight);
    flight.typed(
        HOLD_LEASE,
        vec![(&lease.run_id, Type::INT8), (&lease.epoch, Type::INT4)],
    );
}

/// Reads the replies to [`begin_holding`].
pub(super) fn is_lease_held(replies: &mut impl Iterator<Item = Reply>) -> Result<bool> {
    next(replies)??;
    next(replies)??;
    Ok(!next(replies)??.is_empty())
}

/// Why a transaction that does not hold the lease was rolled back.
pub(super) fn lease_lost() -> Error {
    Error::new(Kind::Lease, "another run took the source over")
}
