//! Reports the result of a run, in numbers that add up.

use std::collections::BTreeMap;

use serde::Serialize;
use tracing::{info, warn};

use crate::compile::Compiled;
use crate::error::Error;
use crate::extract::VERSION_1_0;
use crate::ledger::{Counts, Totals, Verdict};
use crate::metrics;
use crate::pipeline::Run;
use crate::pipeline::dispatch::DispatchResult;
use crate::release::{ValueCount, ValueCounts};
use crate::request::Requests;
use crate::sink::Absence;
use crate::source::Source;

/// The result of a run that has begun and ended.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers of the run.
    pub report: Report,
    /// The error that ended the run early, if there was one.
    pub error: Option<Error>,
}

/// The numbers of what this process has done for a run, and the totals of the run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The source's name.
    pub source: String,
    /// The run's id in `ocds.run`.
    pub run_id: i64,
    /// The kind of the run.
    pub kind: &'static str,
    /// `complete` if the end of the feed, or of a backfill's pages, was seen. Otherwise the
    /// reason why not.
    pub verdict: Verdict,
    /// The last page that was durable before this process continued the run.
    pub resumed_from: Option<u64>,
    /// The number of pages that this process made durable.
    pub pages: i64,
    /// The number of pages that this process did not fetch, because they have not changed since
    /// the previous run.
    pub unchanged_pages: u64,
    /// The number of pages that this process could not read.
    pub unreadable_pages: u64,
    /// The reasons why pages, files or chains are missing, as clauses. There are at most 100.
    pub missing: Vec<String>,
    /// The number of releases that the previous complete walk of the feed saw, if this complete
    /// walk saw less than half of them.
    pub shrunk_from: Option<i64>,
    /// The requests of this process to the publisher.
    #[serde(flatten)]
    pub requests: Requests,
    /// The counts of the releases on these pages by outcome.
    #[serde(flatten)]
    pub counts: Counts,
    /// The releases that the publisher no longer serves, as far as this process has found.
    pub absent: Absence,
    /// The contracting processes that this run has compiled.
    pub compiled: Compiled,
    /// The totals over all processes of the run.
    pub run_totals: RunTotals,
    /// The time that this process ran, in seconds.
    pub duration_seconds: f64,
    /// The number of releases that this process made durable per second.
    pub releases_per_second: f64,
}

/// The totals over all processes of a run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RunTotals {
    /// The number of durable pages.
    pub pages: i64,
    /// The requests to the publisher.
    #[serde(flatten)]
    pub requests: Requests,
    /// The counts of releases by outcome.
    #[serde(flatten)]
    pub counts: Counts,
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
        dispatched: &DispatchResult,
        verdict: Verdict,
    ) -> Self {
        let here = totals.since(run.before_process);
        let duration_seconds = run.began.elapsed().as_secs_f64();
        Self {
            source: run.source.name.clone(),
            run_id,
            kind: run.job.spec.kind.as_str(),
            verdict,
            resumed_from,
            pages: here.pages,
            unchanged_pages: dispatched.unchanged,
            unreadable_pages: dispatched.unreadable,
            missing: dispatched.reasons.clone(),
            shrunk_from: dispatched.shrunk_from,
            requests: here.requests,
            counts: here.counts,
            absent: Absence::default(),
            compiled: Compiled::default(),
            run_totals: RunTotals {
                pages: totals.pages,
                requests: totals.requests,
                counts: totals.counts,
            },
            duration_seconds,
            releases_per_second: dispatched.counts.releases as f64 / duration_seconds,
        }
    }
}

/// A run warns if more than one in this number of a column's values could not be read.
const WARN_ABOVE_ONE_IN: u64 = 10;

/// Counts the values that could not be read. Warns once in a run about the columns of which more
/// than a tenth could not be read.
pub(super) fn tell_unread_values(source: &str, values: &ValueCounts) {
    let mut columns = Vec::new();
    for (column, ValueCount { present, unread }) in values.per_column() {
        metrics::add_unread_values(source, column.as_str(), unread);
        if unread * WARN_ABOVE_ONE_IN > present {
            columns.push(format!("{unread} of {present} for `{}`", column.as_str()));
        }
    }
    if columns.is_empty() {
        return;
    }
    let columns = columns.join(", ");
    warn!(
        source.name = %source,
        "{source} has many dates or amounts that could not be read: {columns}. These columns are \
         null; `ocds.release.unread` names them, and `data` has the values as they were served"
    );
}

/// Says once in a run how many releases were not stored because newer contents are stored.
pub(super) fn tell_older(source: &str, older: i64) {
    if older > 0 {
        info!(
            source.name = %source,
            older,
            "{older} releases of {source} were not stored, because newer contents of them are, by \
             their dates or else by the order in which they are served; `--overwrite always` \
             stores what is served, whatever its date"
        );
    }
}

/// Warns once in a run about documents that could not be fetched, and says what asks for them again.
pub(super) fn tell_unfetched(source: &Source, unfetched: u64) {
    if unfetched == 0 {
        return;
    }
    let name = &source.name;
    let again = match source.window {
        None => "the next run asks for them again".to_owned(),
        Some(_) => format!(
            "runs ask for them again for three days after the end of their window, and later \
             only `backfill {name} --from DATE` does"
        ),
    };
    warn!(
        source.name = %name,
        unfetched,
        "{unfetched} documents that {name} names could not be fetched, and are in the quarantine as \
         `unfetched-document`: {again}"
    );
}

/// Says once in a run what was passed over, by reason.
pub(super) fn tell_passed_over(source: &str, passed_over: &BTreeMap<&'static str, u64>) {
    for (reason, n) in passed_over {
        metrics::add_passed_over(source, reason, *n);
    }
    if !passed_over.is_empty() {
        let counts = list_counts(passed_over);
        info!(
            source.name = %source,
            "passed over what was never a release of {source}: {counts}; \
             `quarantine list --passed-over` lists what is kept of it"
        );
    }
}

/// Says once in a run what was inferred of releases.
pub(super) fn tell_inferred(source: &str, inferred: &BTreeMap<&'static str, u64>) {
    for (what, n) in inferred {
        metrics::add_inferred(source, what, *n);
    }
    if !inferred.is_empty() {
        let counts = list_counts(inferred);
        info!(source.name = %source, "inferred something of releases of {source}: {counts}");
    }
    if let Some(releases) = inferred.get(VERSION_1_0) {
        info!(
            source.name = %source,
            "{releases} releases of {source} were read as version 1.0, because no version is \
             stated and their organisations have details in place of `parties`; \
             `items.version` states it"
        );
    }
}

/// Warns once in a run about lists of releases that have commas too many.
pub(super) fn tell_extra_commas(source: &str, extra_commas: u64) {
    metrics::add_extra_commas(source, extra_commas);
    if extra_commas > 0 {
        warn!(
            source.name = %source,
            extra_commas,
            "the lists of {source} have a comma too many in {extra_commas} places: two between \
             releases, or one at the end of a list; they were passed over, and if a release \
             should be there, it is missing"
        );
    }
}

fn list_counts(counts: &BTreeMap<&'static str, u64>) -> String {
    let counts = counts.iter().map(|(name, n)| format!("{n} {name}"));
    counts.collect::<Vec<_>>().join(", ")
}

pub(super) fn measure(source: &str, counts: &Counts) {
    for (outcome, n) in counts.outcomes() {
        metrics::add_releases(source, outcome, n.unsigned_abs());
    }
}
