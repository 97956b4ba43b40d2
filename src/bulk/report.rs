//! What became of rows.

use std::iter::Sum;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// What became of the rows of one or more operations.
///
/// `total` is the sum of the five counts that follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that were given.
    pub total: u64,
    /// Rows that were new.
    pub inserted: u64,
    /// Rows that were there and are changed.
    pub updated: u64,
    /// Rows that were left as they are: they had the values already, were not
    /// found, or did not meet the operation's condition; or the operation was
    /// undone.
    pub unchanged: u64,
    /// Rows that were there and are gone.
    pub deleted: u64,
    /// Rows that the server refused.
    pub failed: u64,
    /// Statements with rows that were sent, again after a refusal too.
    pub statements: u64,
    /// How many times the server was waited for.
    pub round_trips: u64,
    /// Bytes of rows in those statements.
    pub bytes: u64,
    /// How long it took, summed if several went on at once.
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
