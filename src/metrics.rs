//! The metrics of this program: counters, histograms and their export to Prometheus.
//!
//! The name, the labels and the help text of every metric are only in this module. Other modules
//! call a function. The calls go through the crate `metrics`. They cost almost nothing if no
//! [`Registry`] is installed, for example in a program that uses the library and has its own
//! recorder, or none. This module also renders the metrics as text. Other modules write the text
//! to a file or serve it.
//!
//! A label is a word that is known at compile time or the name of a configured source. So the
//! number of series is bounded, and no label contains a value, a body or a secret.

use std::convert::Infallible;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::error::{Error, Result};

const BULK_DURATION: &str = "ocds_bulk_duration_seconds";
const BULK_ROWS: &str = "ocds_bulk_rows";
const BULK_ROWS_TOTAL: &str = "ocds_bulk_rows_total";
const BULK_STATEMENTS: &str = "ocds_bulk_statements_total";
const BULK_FALLBACKS: &str = "ocds_bulk_fallbacks_total";
const BULK_RETRIES: &str = "ocds_bulk_retries_total";
const FETCH_REQUESTS: &str = "ocds_fetch_requests_total";
const FETCH_RETRIES: &str = "ocds_fetch_retries_total";
const FETCH_BYTES: &str = "ocds_fetch_bytes_total";
const RELEASES: &str = "ocds_releases_total";
const PROCESSES: &str = "ocds_processes_total";
const ABSENT_RELEASES: &str = "ocds_absent_releases_total";
const MERGE_ERRORS: &str = "ocds_merge_errors_total";
const PASSED_OVER: &str = "ocds_passed_over_total";
const INFERRED: &str = "ocds_inferred_total";
const UNREAD_VALUES: &str = "ocds_unread_values_total";
const SHORT_ARCHIVES: &str = "ocds_short_archives_total";
const EXTRA_COMMAS: &str = "ocds_extra_commas_total";
const DECISIONS: &str = "ocds_decisions_total";

const COUNTERS: [(&str, &str); 17] = [
    (BULK_ROWS_TOTAL, "Rows carried by statements, by outcome."),
    (BULK_STATEMENTS, "Statements that the server answered."),
    (
        BULK_FALLBACKS,
        "Batches that the server refused and that were then written row by row.",
    ),
    (
        BULK_RETRIES,
        "Transactions sent again after a failure of the server.",
    ),
    (
        FETCH_REQUESTS,
        "HTTP requests to a source, including retries; added when a run ends.",
    ),
    (
        FETCH_RETRIES,
        "Attempts at a page after the first; added when a run ends.",
    ),
    (
        FETCH_BYTES,
        "Bytes of response bodies on the wire; added when a run ends.",
    ),
    (RELEASES, "Releases by outcome; added when a run ends."),
    (
        PROCESSES,
        "Contracting processes that were compiled, by outcome; added when a run ends.",
    ),
    (
        ABSENT_RELEASES,
        "Releases that were marked as no longer served, or that are served again, by outcome; added when a run ends.",
    ),
    (
        MERGE_ERRORS,
        "Contracting processes whose releases could not be merged; added when a run ends.",
    ),
    (
        PASSED_OVER,
        "Served things that were never releases, by reason; added when a run ends.",
    ),
    (
        INFERRED,
        "Releases of which something was inferred, by what it is; added when a run ends.",
    ),
    (
        UNREAD_VALUES,
        "Dates and amounts that could not be read, by column; added when a run ends.",
    ),
    (
        SHORT_ARCHIVES,
        "Archives taken as whole although their server announced more bytes.",
    ),
    (
        EXTRA_COMMAS,
        "Places in lists of releases that have a comma too many; added when a run ends.",
    ),
    (
        DECISIONS,
        "Decisions that a run made by itself and that a person may want to know; the log has one \
         line for each.",
    ),
];

const HISTOGRAMS: [(&str, &str, &[f64]); 2] = [
    (
        BULK_DURATION,
        "Seconds until the server answered a statement.",
        &DURATIONS,
    ),
    (BULK_ROWS, "Rows that a statement carried.", &ROWS),
];

/// The upper bounds of the buckets for durations, in seconds. The lowest suits one row on a
/// nearby server, and the highest is the time limit of a statement.
const DURATIONS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// The upper bounds of the buckets for numbers of rows. The highest is near the maximum that the
/// parameters of a statement allow.
const ROWS: [f64; 11] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0,
];

/// The time between two rounds of [`Registry::fill_buckets`]. At 10,000 statements a second,
/// the observations of this time need less than a megabyte.
const FILL_EVERY: Duration = Duration::from_secs(5);

/// The labels of a statement's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// The name of the operation: insert, update, `update_where`, upsert, delete or copy.
    pub operation: &'static str,
    /// The name of the table, such as `ocds.release`.
    pub table: &'static str,
    /// The method by which rows are sent: values, row or copy.
    pub method: &'static str,
}

impl Statement {
    /// Counts one statement, the rows that it carried, and the time until the server answered it.
    pub fn record(self, rows: usize, duration: Duration) {
        let labels = [
            ("operation", self.operation),
            ("table", self.table),
            ("method", self.method),
        ];
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        histogram!(BULK_DURATION, &labels).record(duration);
        histogram!(BULK_ROWS, &labels).record(rows);
        counter!(BULK_STATEMENTS, &labels).increment(1);
    }
}

/// Counts rows by outcome. The outcome is inserted, updated, unchanged, deleted or failed.
pub fn count_rows(operation: &'static str, table: &'static str, outcome: &'static str, n: u64) {
    counter!(BULK_ROWS_TOTAL, "operation" => operation, "table" => table, "outcome" => outcome)
        .increment(n);
}

/// Counts a batch that is written again row by row.
pub fn count_fallback(table: &'static str) {
    counter!(BULK_FALLBACKS, "table" => table).increment(1);
}

/// Counts a retry after a failure of the server. `what` names the thing that is sent again, such
/// as a page.
pub fn count_retry(what: &'static str) {
    counter!(BULK_RETRIES, "what" => what).increment(1);
}

/// Adds the requests of a source. `requests` counts all requests, `retries` counts the attempts
/// at a page after the first one, and `bytes` counts the bytes of bodies.
pub fn add_requests(source: &str, requests: u64, retries: u64, bytes: u64) {
    for (name, n) in [
        (FETCH_REQUESTS, requests),
        (FETCH_RETRIES, retries),
        (FETCH_BYTES, bytes),
    ] {
        counter!(name, "source" => source.to_owned()).increment(n);
    }
}

/// Adds the releases of a source by outcome. The outcome is inserted, updated, unchanged, folded,
/// quarantined or older.
pub fn add_releases(source: &str, outcome: &'static str, n: u64) {
    counter!(RELEASES, "source" => source.to_owned(), "outcome" => outcome).increment(n);
}

/// Counts a decision that a run made by itself.
pub fn count_decision(source: &str, decision: Decision) {
    counter!(DECISIONS, "source" => source.to_owned(), "decision" => decision.as_str())
        .increment(1);
}

/// A decision that a run makes by itself. Each has one line in the log, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The feed shows that it has more pages than the declared pagination leads to.
    MorePages,
    /// A complete walk of the feed saw less than half of what the complete walk before it saw.
    Shrunk,
    /// More releases than `compile.absent_max` permits were not met by two complete walks in a row, and
    /// none of them was marked as gone.
    AbsentWithheld,
    /// A page that the publisher has refused for days was stepped over, or a stretch of positions
    /// that it answers with errors.
    SteppedOver,
    /// A run began at a stretch that earlier runs had skipped, because it can be read now.
    WentBack,
    /// A run that could not get past a position was given up, and another one has begun.
    BegunAnew,
    /// A run of several chains met only what had failed before, and the next run begins anew.
    GivenUp,
}

impl Decision {
    /// Returns the value of the label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Decision::MorePages => "more-pages",
            Decision::Shrunk => "shrunk",
            Decision::AbsentWithheld => "absent-withheld",
            Decision::SteppedOver => "stepped-over",
            Decision::WentBack => "went-back",
            Decision::BegunAnew => "begun-anew",
            Decision::GivenUp => "given-up",
        }
    }
}

/// Adds processes of a source that were compiled, by outcome.
pub fn add_processes(source: &str, outcome: &'static str, n: u64) {
    counter!(PROCESSES, "source" => source.to_owned(), "outcome" => outcome).increment(n);
}

/// Adds the releases of a source that were marked because the publisher no longer serves them, or that
/// have returned. The outcome is marked or returned.
pub fn add_absent_releases(source: &str, outcome: &'static str, n: u64) {
    counter!(ABSENT_RELEASES, "source" => source.to_owned(), "outcome" => outcome).increment(n);
}

/// Adds the processes of a source whose releases could not be merged.
pub fn add_merge_errors(source: &str, n: u64) {
    counter!(MERGE_ERRORS, "source" => source.to_owned()).increment(n);
}

/// Adds what was passed over of a source because it was never a release, by reason.
pub fn add_passed_over(source: &str, reason: &'static str, n: u64) {
    counter!(PASSED_OVER, "source" => source.to_owned(), "reason" => reason).increment(n);
}

/// Adds the releases of a source of which something was inferred, such as the ocid.
pub fn add_inferred(source: &str, what: &'static str, n: u64) {
    counter!(INFERRED, "source" => source.to_owned(), "what" => what).increment(n);
}

/// Adds the values of a source that could not be read. `column` is the name of a typed column of
/// `ocds.release`.
pub fn add_unread_values(source: &str, column: &'static str, n: u64) {
    counter!(UNREAD_VALUES, "source" => source.to_owned(), "column" => column).increment(n);
}

/// Adds the places in a source's lists of releases that have a comma too many.
pub fn add_extra_commas(source: &str, n: u64) {
    counter!(EXTRA_COMMAS, "source" => source.to_owned()).increment(n);
}

/// Counts an archive that was taken as whole although its server announced more bytes.
pub fn count_short_archive(source: &str) {
    counter!(SHORT_ARCHIVES, "source" => source.to_owned()).increment(1);
}

/// The metrics that this process has counted since the registry was installed.
#[derive(Clone, Debug)]
pub struct Registry {
    handle: PrometheusHandle,
}

impl Registry {
    /// Installs the registry of this process. Events that happened before are not counted.
    ///
    /// # Errors
    ///
    /// [`Unexpected`](crate::error::Kind::Unexpected) if the process already has a recorder.
    pub fn install() -> Result<Self> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|_| Error::unexpected("this process already has a metrics recorder"))?;
        describe();
        Ok(Self { handle })
    }

    /// Returns all series in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Counts observations in the buckets of their histograms every few seconds, so that their
    /// memory is bounded. It never returns. A histogram keeps each observation until it is counted
    /// or rendered, and a long run renders the metrics only once.
    pub async fn fill_buckets(&self) -> Infallible {
        loop {
            tokio::time::sleep(FILL_EVERY).await;
            self.handle.run_upkeep();
        }
    }
}

/// Creates a recorder that stores histograms as buckets. Quantiles are not used, because the
/// quantiles of several processes cannot be added up.
fn recorder() -> Result<PrometheusRecorder> {
    let mut builder = PrometheusBuilder::new();
    for (name, _, buckets) in HISTOGRAMS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.into()), buckets)
            .map_err(|e| Error::unexpected("set up metrics").with_source(e))?;
    }
    Ok(builder.build_recorder())
}

fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
    }
    for (name, help, _) in HISTOGRAMS {
        describe_histogram!(name, help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts into a separate recorder, and checks lines of its output.
    #[track_caller]
    fn check(count: impl FnOnce(), expected: &[&str]) {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe();
            count();
        });
        let text = recorder.handle().render();
        for line in expected {
            assert!(text.lines().any(|had| had == *line), "{line}\n{text}");
        }
    }

    const UPSERT: Statement = Statement {
        operation: "upsert",
        table: "ocds.release",
        method: "values",
    };

    #[test]
    fn a_statement_is_observed_in_the_buckets_of_its_time_and_rows() {
        check(
            || {
                UPSERT.record(100, Duration::from_micros(700));
                UPSERT.record(3, Duration::from_secs(90));
            },
            &[
                "# HELP ocds_bulk_duration_seconds Seconds until the server answered a statement.",
                "# TYPE ocds_bulk_duration_seconds histogram",
                r#"ocds_bulk_duration_seconds_bucket{operation="upsert",table="ocds.release",method="values",le="0.0005"} 0"#,
                r#"ocds_bulk_duration_seconds_bucket{operation="upsert",table="ocds.release",method="values",le="0.001"} 1"#,
                r#"ocds_bulk_duration_seconds_bucket{operation="upsert",table="ocds.release",method="values",le="60"} 1"#,
                r#"ocds_bulk_duration_seconds_bucket{operation="upsert",table="ocds.release",method="values",le="+Inf"} 2"#,
                r#"ocds_bulk_duration_seconds_sum{operation="upsert",table="ocds.release",method="values"} 90.0007"#,
                "# TYPE ocds_bulk_rows histogram",
                r#"ocds_bulk_rows_bucket{operation="upsert",table="ocds.release",method="values",le="2"} 0"#,
                r#"ocds_bulk_rows_bucket{operation="upsert",table="ocds.release",method="values",le="5"} 1"#,
                r#"ocds_bulk_rows_bucket{operation="upsert",table="ocds.release",method="values",le="100"} 2"#,
                r#"ocds_bulk_rows_sum{operation="upsert",table="ocds.release",method="values"} 103"#,
                "# TYPE ocds_bulk_statements_total counter",
                r#"ocds_bulk_statements_total{operation="upsert",table="ocds.release",method="values"} 2"#,
            ],
        );
    }

    #[test]
    fn rows_fallbacks_and_retries_are_counted_apart() {
        check(
            || {
                count_rows("upsert", "ocds.release", "inserted", 97);
                count_rows("upsert", "ocds.release", "inserted", 2);
                count_rows("upsert", "ocds.release", "failed", 1);
                count_fallback("ocds.release");
                count_retry("page");
            },
            &[
                r#"ocds_bulk_rows_total{operation="upsert",table="ocds.release",outcome="inserted"} 99"#,
                r#"ocds_bulk_rows_total{operation="upsert",table="ocds.release",outcome="failed"} 1"#,
                r#"ocds_bulk_fallbacks_total{table="ocds.release"} 1"#,
                r#"ocds_bulk_retries_total{what="page"} 1"#,
            ],
        );
    }

    #[test]
    fn a_source_s_runs_add_up() {
        check(
            || {
                for _ in 0..2 {
                    add_requests("zambia", 5, 1, 1_000);
                    add_releases("zambia", "inserted", 6);
                    add_releases("zambia", "unchanged", 0);
                    add_releases("zambia", "quarantined", 2);
                    add_passed_over("zambia", "side-file", 3);
                    add_inferred("zambia", "ocid-of-record", 1);
                    add_unread_values("zambia", "date", 3);
                    add_extra_commas("zambia", 4);
                    count_short_archive("zambia");
                }
            },
            &[
                r#"ocds_fetch_requests_total{source="zambia"} 10"#,
                r#"ocds_fetch_retries_total{source="zambia"} 2"#,
                r#"ocds_fetch_bytes_total{source="zambia"} 2000"#,
                r#"ocds_releases_total{source="zambia",outcome="inserted"} 12"#,
                r#"ocds_releases_total{source="zambia",outcome="unchanged"} 0"#,
                r#"ocds_releases_total{source="zambia",outcome="quarantined"} 4"#,
                r#"ocds_passed_over_total{source="zambia",reason="side-file"} 6"#,
                r#"ocds_inferred_total{source="zambia",what="ocid-of-record"} 2"#,
                r#"ocds_unread_values_total{source="zambia",column="date"} 6"#,
                r#"ocds_extra_commas_total{source="zambia"} 8"#,
                r#"ocds_short_archives_total{source="zambia"} 2"#,
            ],
        );
    }

    #[test]
    fn every_metric_has_a_help_text() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe();
            UPSERT.record(1, Duration::ZERO);
            count_rows("upsert", "ocds.release", "updated", 1);
            count_fallback("ocds.release");
            count_retry("page");
            add_requests("zambia", 0, 0, 0);
            add_releases("zambia", "inserted", 0);
            add_processes("zambia", "changed", 0);
            add_absent_releases("zambia", "marked", 0);
            add_merge_errors("zambia", 0);
            add_passed_over("zambia", "side-file", 0);
            add_inferred("zambia", "ocid-of-record", 0);
            add_unread_values("zambia", "date", 0);
            add_extra_commas("zambia", 0);
            count_short_archive("zambia");
            count_decision("zambia", Decision::Shrunk);
        });
        let text = recorder.handle().render();
        let names = |prefix| {
            let lines = text
                .lines()
                .filter_map(move |line| line.strip_prefix(prefix));
            let mut names: Vec<&str> = lines
                .filter_map(|line: &str| line.split(' ').next())
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names("# HELP "), names("# TYPE "));
        assert_eq!(names("# TYPE ").len(), COUNTERS.len() + HISTOGRAMS.len());
    }

    #[test]
    fn folding_loses_no_observation() {
        let recorder = recorder().unwrap();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            for _ in 0..1_000 {
                UPSERT.record(100, Duration::from_millis(1));
            }
            handle.run_upkeep();
            UPSERT.record(100, Duration::from_millis(1));
        });
        let count =
            r#"ocds_bulk_rows_count{operation="upsert",table="ocds.release",method="values"} 1001"#;
        assert!(handle.render().lines().any(|line| line == count));
    }
}
