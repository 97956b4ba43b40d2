//! Defines the releases of a feed, and the changes that are measured with them.

use jiff::Timestamp;
use ocds_ingest::bulk::{Batching, Operation, Plan, Rows, Verb};
use ocds_ingest::page::PageRecord;
use ocds_ingest::release::Release;
use ocds_ingest::sink::{FETCHED, FetchedReleases, Served};
use ocds_ingest::source::Overwrite;

use crate::job::Job;
use crate::rows::{Row, SOURCE, Shared};
use crate::server::Result;

/// A change of an empty table, which writes releases into it.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    plan: Plan,
}

pub(crate) const INSERT: Change = Change {
    name: "insert",
    plan: Plan {
        verb: Verb::Insert { returning: &[] },
        ..FETCHED
    },
};

pub(crate) const UPSERT: Change = Change {
    name: "upsert",
    plan: FETCHED,
};

/// Releases, and the values that a loop sends for them.
pub(crate) struct Releases<'r> {
    releases: &'r [Release],
    rows: Vec<Row<'r>>,
    shared: Shared,
    served: Served,
}

impl<'r> Releases<'r> {
    /// Prepares the values of all releases as if they were served on one page.
    pub(crate) fn new(page: &PageRecord, releases: &'r [Release]) -> Self {
        let now = Timestamp::now();
        Self {
            releases,
            rows: releases.iter().map(Row::new).collect(),
            shared: Shared::new(page, now),
            served: Served {
                chain: String::new(),
                chain_number: 0,
                overwrite: Overwrite::Always,
                source: SOURCE.to_owned(),
                run_id: 1,
                page_number: 1,
                now,
                fetched_at: page.fetched_at,
            },
        }
    }
}

impl Change {
    /// Returns the job that writes the first `count` releases.
    pub(crate) fn build_job<'r>(
        &self,
        releases: &'r Releases<'_>,
        count: usize,
    ) -> Result<Job<'r>> {
        let fetched = FetchedReleases::new(Batching::default())?;
        let values = |row| {
            let shared = releases.shared.values().into_iter();
            shared.chain(Row::values(row)).collect()
        };
        Ok(Job {
            plan: self.plan,
            fill_sql: String::new(),
            encode: Box::new(move |range| {
                let rows = Rows::encode(&fetched.release, &releases.releases[range])?;
                Ok((fetched.shared(&releases.served)?, rows))
            }),
            sql: Operation::new(&self.plan, Batching::default())?.sql(1),
            values: releases.rows[..count].iter().map(values).collect(),
        })
    }
}
