//! How a run went, in numbers that add up.

use serde::Serialize;
use tracing::warn;

use crate::error::Error;
use crate::ledger::{Counts, Totals, Verdict};
use crate::metrics;
use crate::pipeline::Run;
use crate::pipeline::dispatch::Dispatched;
use crate::request::Requests;

/// A run that has begun and ended.
#[derive(Debug)]
pub struct Outcome {
    /// How it went.
    pub report: Report,
    /// What ended it early, if anything did.
    pub error: Option<Error>,
}

/// How a run went. Its numbers cover the whole run, over all processes that resumed it; its
/// times are this process's.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// The run's id in `ocds.run`.
    pub run_id: i64,
    /// What the run was for.
    pub kind: &'static str,
    /// The end of the feed, or of a backfill's pages, was positively seen, or why not.
    pub verdict: Verdict,
    /// The last page that was durable before this process continued.
    pub resumed_from: Option<u64>,
    /// How many pages are durable.
    pub pages: i64,
    /// Pages that this process found unchanged since the previous run, and so did not fetch.
    pub unchanged_pages: u64,
    /// Pages that this process could not read.
    pub unreadable_pages: u64,
    /// Requests to the publisher.
    #[serde(flatten)]
    pub requests: Requests,
    /// What became of the releases.
    #[serde(flatten)]
    pub counts: Counts,
    /// How long this process ran, in seconds.
    pub duration_seconds: f64,
    /// Releases that this process made durable in a second.
    pub releases_per_second: f64,
}

impl Report {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 52 bits"
    )]
    pub(super) fn new(
        run: &Run<'_>,
        run_id: i64,
        resumed_from: Option<u64>,
        totals: &Totals,
        dispatched: &Dispatched,
        verdict: Verdict,
    ) -> Self {
        let duration_seconds = run.began.elapsed().as_secs_f64();
        Self {
            source: run.source.name.clone(),
            run_id,
            kind: run.job.spec.kind.as_str(),
            verdict,
            resumed_from,
            pages: totals.pages,
            unchanged_pages: dispatched.unchanged,
            unreadable_pages: dispatched.unreadable,
            requests: totals.requests,
            counts: totals.counts,
            duration_seconds,
            releases_per_second: dispatched.counts.releases as f64 / duration_seconds,
        }
    }
}

/// Warns once a run about amounts that their columns cannot hold.
pub(super) fn tell_unread_amounts(source: &str, unread_amounts: u64) {
    metrics::add_unread_amounts(source, unread_amounts);
    if unread_amounts > 0 {
        warn!(
            source.name = %source,
            unread_amounts,
            "{unread_amounts} releases of {source} have a tender amount that is no number of at \
             most 28 digits: `tender_value` is null, and `data` has it as it was served"
        );
    }
}

pub(super) fn measure(source: &str, counts: &Counts) {
    for (outcome, n) in counts.outcomes() {
        metrics::add_releases(source, outcome, n.unsigned_abs());
    }
}
