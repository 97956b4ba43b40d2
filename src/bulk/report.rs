//! Counts what happened to rows.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// The number of rows by outcome, and the cost, of one or more operations.
///
/// `total` is the sum of `inserted`, `updated`, `unchanged`, `deleted` and `failed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of rows that the caller passed.
    pub total: u64,
    /// The number of rows that were inserted.
    pub inserted: u64,
    /// The number of stored rows that were changed.
    pub updated: u64,
    /// The number of rows that changed nothing. Such a row equals the stored row, has no stored
    /// row to update or delete, does not meet the operation's condition, or was rolled back.
    pub unchanged: u64,
    /// The number of stored rows that were deleted.
    pub deleted: u64,
    /// The number of rows that the server refused.
    pub failed: u64,
    /// The number of statements with rows, including those that were sent again after a failure.
    pub statements: u64,
    /// The number of times that the program waited for a reply of the server.
    pub round_trips: u64,
    /// The number of bytes of rows that all statements sent.
    pub bytes: u64,
    /// The time that the operations took. The times of operations that ran at the same time are
    /// added up.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub duration: Duration,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.failed += other.failed;
        self.statements += other.statements;
        self.round_trips += other.round_trips;
        self.bytes += other.bytes;
        self.duration += other.duration;
    }
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
