//! Numbers that add up.

use std::ops::AddAssign;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Result;

/// What became of releases. `releases` is the sum of the other five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many releases were served, compiled ones and what is refused among them.
    pub releases: i64,
    /// Stored under a key that was not there.
    pub inserted: i64,
    /// Stored over other content of the same key.
    pub updated: i64,
    /// Left as they were: the same content is stored.
    pub unchanged: i64,
    /// Replaced by a later release of the same page with the same key.
    pub folded: i64,
    /// Refused, and kept in `ocds.quarantine`.
    pub quarantined: i64,
}

impl Counts {
    /// What the releases came to, by the names of the counts.
    #[must_use]
    pub fn outcomes(&self) -> [(&'static str, i64); 5] {
        [
            ("inserted", self.inserted),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("folded", self.folded),
            ("quarantined", self.quarantined),
        ]
    }

    /// Reads the columns of the same names.
    pub(crate) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let count = |name| row.try_get::<_, i64>(name);
        Ok(Self {
            releases: count("releases")?,
            inserted: count("inserted")?,
            updated: count("updated")?,
            unchanged: count("unchanged")?,
            folded: count("folded")?,
            quarantined: count("quarantined")?,
        })
    }

    /// The share of the releases that were refused, 0 to 1.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio needs no more than 52 bits"
    )]
    pub fn bad_ratio(&self) -> f64 {
        if self.releases == 0 {
            return 0.0;
        }
        self.quarantined as f64 / self.releases as f64
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.releases += other.releases;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.folded += other.folded;
        self.quarantined += other.quarantined;
    }
}

/// What a publisher was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// How many HTTP requests were sent, retries among them.
    pub requests: u64,
    /// How many of them repeated one that failed.
    pub retries: u64,
    /// How many bytes of bodies were read.
    pub bytes: u64,
}

impl AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.retries += other.retries;
        self.bytes += other.bytes;
    }
}

/// What a run has made durable so far, over all its processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many pages are durable.
    pub pages: i64,
    /// What became of their releases.
    pub counts: Counts,
    /// The most items of one page.
    pub fullest: i32,
    /// What its holders told the ledger that they asked for.
    pub requests: Requests,
}

/// Sums over a run's durable pages.
///
/// # Errors
/// The database cannot be asked.
pub async fn totals(database: &Database, run_id: i64) -> Result<Totals> {
    let sql = include_str!("../../sql/ledger/run_totals.sql");
    let rows = database.query(sql, &[(&run_id, Type::INT8)]).await?;
    let Some(row) = rows.first() else {
        return Ok(Totals::default());
    };
    let unsigned = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    Ok(Totals {
        pages: row.try_get("pages")?,
        counts: Counts::from_row(row)?,
        fullest: row.try_get("fullest")?,
        requests: Requests {
            requests: unsigned("requests")?,
            retries: unsigned("retries")?,
            bytes: unsigned("bytes")?,
        },
    })
}
