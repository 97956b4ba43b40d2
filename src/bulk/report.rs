//! Counts what happened to rows.

use std::iter::Sum;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// What happened to the rows of one or more operations.
///
/// `total` is the sum of the next five counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that the caller passed.
    pub total: u64,
    /// Rows that were new.
    pub inserted: u64,
    /// Stored rows that were changed.
    pub updated: u64,
    /// Rows that changed nothing: the stored row had the same values, was not found, or did not
    /// meet the operation's condition, or the operation was rolled back.
    pub unchanged: u64,
    /// Stored rows that were deleted.
    pub deleted: u64,
    /// Rows that the server refused.
    pub failed: u64,
    /// Statements with rows, including those that were sent again after a failure.
    pub statements: u64,
    /// How many times the program waited for the server.
    pub round_trips: u64,
    /// Bytes of rows in those statements.
    pub bytes: u64,
    /// The time it took. Operations that ran at the same time count separately.
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

impl Sum for Report {
    fn sum<I: Iterator<Item = Self>>(reports: I) -> Self {
        reports.fold(Self::default(), |mut sum, report| {
            sum += report;
            sum
        })
    }
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
