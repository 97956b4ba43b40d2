//! Reads what earlier runs of a source have seen, which of them were given up, and which pages
//! they step over.

use std::collections::HashSet;

use tokio_postgres::types::{ToSql, Type};

use crate::database::Database;
use crate::error::Result;
use crate::ledger::Lease;
use crate::page::Chain;

/// Returns the number of releases that the previous complete walk of a feed saw. Returns `None` if
/// there was no such walk, or if its pages are not kept.
pub async fn read_previous_walk(
    database: &Database,
    source: &str,
    lease: &Lease,
    scope: &str,
) -> Result<Option<i64>> {
    let sql = include_str!("../../sql/ledger/previous_walk_releases.sql");
    let scope = format!("{scope} ");
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&source, Type::TEXT),
        (&lease.run_id, Type::INT8),
        (&scope, Type::TEXT),
    ];
    let rows = database.query(sql, &parameters).await?;
    match rows.first() {
        Some(row) => Ok(row.try_get("releases")?),
        None => Ok(None),
    }
}

/// The runs of a source that were given up since the last run that has seen the end of the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GivenUpRuns {
    /// The number of runs.
    pub count: i64,
    /// The number of days since the last of them ended, by the server's clock.
    pub days_ago: Option<f64>,
}

impl GivenUpRuns {
    /// The longest time between two runs that begin anew, in days.
    const MAX_DAYS: f64 = 30.0;

    /// Returns true if another run may be given up. The time between two such runs is at least a
    /// day and doubles, because each makes the next run ask for the whole feed again.
    #[must_use]
    pub fn permits_another(self) -> bool {
        let doublings = i32::try_from(self.count - 1).unwrap_or(i32::MAX).max(0);
        let least = 2_f64.powi(doublings).min(Self::MAX_DAYS);
        self.days_ago.is_none_or(|days| days >= least)
    }
}

/// Reads which runs of a source were given up.
pub async fn read_given_up_runs(database: &Database, source: &str) -> Result<GivenUpRuns> {
    let sql = include_str!("../../sql/ledger/given_up_runs.sql");
    let rows = database.query(sql, &[(&source, Type::TEXT)]).await?;
    match rows.first() {
        Some(row) => Ok(GivenUpRuns {
            count: row.try_get("runs")?,
            days_ago: row.try_get("days")?,
        }),
        None => Ok(GivenUpRuns::default()),
    }
}

/// At most this many pages of a source are stepped over. More of them mean that the publisher
/// refuses the program and not a page.
const MAX_REFUSED_PAGES: i64 = 1_000;

/// Reads the pages of a source that the publisher refuses and that runs step over.
pub async fn read_refused_pages(
    database: &Database,
    source: &str,
) -> Result<HashSet<(Chain, u64)>> {
    let sql = include_str!("../../sql/ledger/refused_pages.sql");
    let parameters = [
        (&source as _, Type::TEXT),
        (&MAX_REFUSED_PAGES as _, Type::INT8),
    ];
    let rows = database.query(sql, &parameters).await?;
    let read = |row: &tokio_postgres::Row| {
        let chain = Chain::new(row.try_get::<_, &str>("chain")?);
        let number = row.try_get::<_, i64>("page_number")?.unsigned_abs();
        Ok((chain, number))
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_given_up_runs_doubles_up_to_thirty_days() {
        for (count, days_ago, expected) in [
            (0, None, true),
            (1, Some(0.9), false),
            (1, Some(1.0), true),
            (2, Some(1.9), false),
            (2, Some(2.0), true),
            (5, Some(15.9), false),
            (5, Some(16.0), true),
            (6, Some(29.9), false),
            (6, Some(30.0), true),
            (5_000, Some(30.0), true),
        ] {
            let runs = GivenUpRuns { count, days_ago };
            assert_eq!(runs.permits_another(), expected, "{runs:?}");
        }
    }
}
