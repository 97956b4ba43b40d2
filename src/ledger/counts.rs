//! Counts releases and pages.

use std::ops::AddAssign;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::database::Database;
use crate::error::Result;
use crate::request::Requests;

/// The numbers of releases by outcome. `releases` is the sum of the six outcomes. What is passed
/// over was never a release, and is no part of the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The number of all releases that were served, including compiled releases and rejects.
    pub releases: i64,
    /// The number of releases that were stored under a new key.
    pub inserted: i64,
    /// The number of releases that replaced stored content of the same key.
    pub updated: i64,
    /// The number of releases that were not written, because the same content is stored.
    pub unchanged: i64,
    /// The number of releases that were dropped because another release of the same page has the
    /// same key, and is kept.
    pub folded: i64,
    /// The number of releases that were rejected and kept in `ocds.quarantine`.
    pub quarantined: i64,
    /// The number of releases that were not stored, because newer content of the same key is
    /// stored.
    pub older: i64,
    /// The number of served things that were never releases, such as side files of an archive.
    pub passed_over: i64,
}

impl Counts {
    /// Returns the six outcomes, each as a name and a number.
    #[must_use]
    pub fn outcomes(&self) -> [(&'static str, i64); 6] {
        [
            ("inserted", self.inserted),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("folded", self.folded),
            ("quarantined", self.quarantined),
            ("older", self.older),
        ]
    }

    /// Returns the counts of what was added after `earlier`. A database that has lost pages may
    /// have fewer releases than before; then the difference is 0.
    #[must_use]
    pub(crate) fn since(self, earlier: Self) -> Self {
        let added = |now: i64, earlier: i64| (now - earlier).max(0);
        let mut counts = Self {
            releases: 0,
            inserted: added(self.inserted, earlier.inserted),
            updated: added(self.updated, earlier.updated),
            unchanged: added(self.unchanged, earlier.unchanged),
            folded: added(self.folded, earlier.folded),
            quarantined: added(self.quarantined, earlier.quarantined),
            older: added(self.older, earlier.older),
            passed_over: added(self.passed_over, earlier.passed_over),
        };
        counts.releases = counts.outcomes().iter().map(|(_, count)| count).sum();
        counts
    }

    /// Reads the counters from the columns with the same names.
    pub(crate) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let count = |name| row.try_get::<_, i64>(name);
        Ok(Self {
            releases: count("releases")?,
            inserted: count("inserted")?,
            updated: count("updated")?,
            unchanged: count("unchanged")?,
            folded: count("folded")?,
            quarantined: count("quarantined")?,
            older: count("older")?,
            passed_over: count("passed_over")?,
        })
    }

    /// Returns the number of rejected releases divided by the number of all releases. It is
    /// between 0 and 1.
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
        self.older += other.older;
        self.passed_over += other.passed_over;
    }
}

/// The totals of a run so far. They include the earlier processes of a resumed run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of durable pages.
    pub pages: i64,
    /// The numbers of releases on these durable pages, by outcome.
    pub counts: Counts,
    /// The number of items on the page that has the most items.
    pub fullest: i32,
    /// The requests that all processes of the run have reported to the ledger.
    pub requests: Requests,
}

impl Totals {
    /// Returns what was added after `earlier`.
    #[must_use]
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            pages: (self.pages - earlier.pages).max(0),
            counts: self.counts.since(earlier.counts),
            fullest: self.fullest,
            requests: self.requests.since(earlier.requests),
        }
    }
}

/// Adds up the durable pages of a run.
pub async fn read_totals(database: &Database, run_id: i64) -> Result<Totals> {
    let sql = include_str!("../../sql/ledger/run_totals.sql");
    let rows = database.query(sql, &[(&run_id, Type::INT8)]).await?;
    let Some(row) = rows.first() else {
        return Ok(Totals::default());
    };
    Ok(Totals {
        pages: row.try_get("pages")?,
        counts: Counts::from_row(row)?,
        fullest: row.try_get("fullest")?,
        requests: read_requests(row)?,
    })
}

pub(super) fn read_requests(row: &Row) -> Result<Requests, tokio_postgres::Error> {
    let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
    Ok(Requests {
        requests: count("requests")?,
        retries: count("retries")?,
        bytes: count("bytes")?,
    })
}
