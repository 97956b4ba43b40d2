//! What is counted and timed, for whoever watches this program.
//!
//! Every metric's name, labels and help text are here and nowhere else; those
//! who count call a function. Counting goes through the `metrics` facade and
//! costs next to nothing where no [`Registry`] is installed, as in a program
//! around the library that wants none, or one that installs a recorder of its
//! own. Rendering is here too; where the text goes, to a file or over HTTP, is
//! left to others.
//!
//! A label is a word known at compile time or the name of a configured source,
//! so the number of series is bounded, and no value, body or secret is in one.

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
const UNREAD_AMOUNTS: &str = "ocds_unread_amounts_total";

const COUNTERS: [(&str, &str); 9] = [
    (
        BULK_ROWS_TOTAL,
        "Rows that statements carried, by what became of them.",
    ),
    (BULK_STATEMENTS, "Statements that were answered."),
    (
        BULK_FALLBACKS,
        "Batches that the server refused and that were written again row by row.",
    ),
    (
        BULK_RETRIES,
        "Transactions sent again because the server was away or had trouble of its own.",
    ),
    (
        FETCH_REQUESTS,
        "HTTP requests to a source, retries among them; added when a run ends.",
    ),
    (
        FETCH_RETRIES,
        "Attempts at a page after its first; added when a run ends.",
    ),
    (
        FETCH_BYTES,
        "Bytes of bodies as they came over the wire; added when a run ends.",
    ),
    (
        RELEASES,
        "Releases by what became of them; added when a run ends.",
    ),
    (
        UNREAD_AMOUNTS,
        "Releases with a tender amount that its column does not hold; added when a run ends.",
    ),
];

const HISTOGRAMS: [(&str, &str, &[f64]); 2] = [
    (
        BULK_DURATION,
        "Seconds until a statement was answered.",
        &DURATIONS,
    ),
    (BULK_ROWS, "Rows that a statement carried.", &ROWS),
];

/// From a row on a server nearby to the limit of a statement's time.
const DURATIONS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// From a single row to the most that parameters allow and a `copy` carries.
const ROWS: [f64; 11] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0,
];

/// How often [`Registry::keep_small`] folds observations into their buckets: at
/// 10,000 statements a second they take less than a megabyte until then.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// A kind of statement, as it is told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// What it does: insert, update, `update_where`, upsert, delete or copy.
    pub operation: &'static str,
    /// The table it does it to, such as `ocds.release`.
    pub table: &'static str,
    /// How rows are passed: values, row or copy.
    pub method: &'static str,
}

impl Statement {
    /// Counts one statement that carried so many rows and was answered after so
    /// long.
    pub fn sent(self, rows: usize, took: Duration) {
        let labels = || {
            [
                ("operation", self.operation),
                ("table", self.table),
                ("method", self.method),
            ]
        };
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        histogram!(BULK_DURATION, &labels()).record(took);
        histogram!(BULK_ROWS, &labels()).record(rows);
        counter!(BULK_STATEMENTS, &labels()).increment(1);
    }
}

/// Counts rows that came to an outcome: inserted, updated, unchanged, deleted
/// or failed.
pub fn rows(operation: &'static str, table: &'static str, outcome: &'static str, n: u64) {
    counter!(BULK_ROWS_TOTAL, "operation" => operation, "table" => table, "outcome" => outcome)
        .increment(n);
}

/// Counts a batch that is written again row by row.
pub fn fallback(table: &'static str) {
    counter!(BULK_FALLBACKS, "table" => table).increment(1);
}

/// Counts what is sent again for the server's sake, by what it is, such as a page.
pub fn retried(what: &'static str) {
    counter!(BULK_RETRIES, "what" => what).increment(1);
}

/// Adds what a source was asked for: requests, attempts at a page after its
/// first, and bytes of bodies.
pub fn fetched(source: &str, requests: u64, retries: u64, bytes: u64) {
    for (name, n) in [
        (FETCH_REQUESTS, requests),
        (FETCH_RETRIES, retries),
        (FETCH_BYTES, bytes),
    ] {
        counter!(name, "source" => source.to_owned()).increment(n);
    }
}

/// Adds releases of a source that came to an outcome: inserted, updated,
/// unchanged, folded or quarantined.
pub fn releases(source: &str, outcome: &'static str, n: u64) {
    counter!(RELEASES, "source" => source.to_owned(), "outcome" => outcome).increment(n);
}

/// Adds releases of a source that have a tender amount that its column does not hold.
pub fn unread_amounts(source: &str, n: u64) {
    counter!(UNREAD_AMOUNTS, "source" => source.to_owned()).increment(n);
}

/// What this process has counted since the registry was installed.
#[derive(Clone, Debug)]
pub struct Registry {
    handle: PrometheusHandle,
}

impl Registry {
    /// The registry of this process; whatever is counted before is not.
    ///
    /// # Errors
    /// [`Unexpected`](crate::error::Kind::Unexpected): the process has a
    /// recorder already.
    pub fn install() -> Result<Self> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|_| Error::unexpected("this process has a recorder of metrics already"))?;
        describe();
        Ok(Self { handle })
    }

    /// All series in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Keeps memory bounded for as long as it is polled: a histogram keeps each
    /// observation until it is rendered or folded into its buckets, and a long
    /// run is rendered once. It never ends.
    pub async fn keep_small(&self) -> Infallible {
        loop {
            tokio::time::sleep(FOLD_EVERY).await;
            self.handle.run_upkeep();
        }
    }
}

/// A recorder that keeps histograms by their buckets, and not as quantiles,
/// which cannot be added up over processes.
fn recorder() -> Result<PrometheusRecorder> {
    let mut builder = PrometheusBuilder::new();
    for (name, _, buckets) in HISTOGRAMS {
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.into()), buckets)
            .map_err(|e| Error::unexpected("set up metrics").with_source(e))?;
    }
    Ok(builder.build_recorder())
}

/// Tells the current recorder the help texts.
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

    /// Counts into a recorder of the test's own and expects lines of its text.
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
                UPSERT.sent(100, Duration::from_micros(700));
                UPSERT.sent(3, Duration::from_secs(90));
            },
            &[
                "# HELP ocds_bulk_duration_seconds Seconds until a statement was answered.",
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
                rows("upsert", "ocds.release", "inserted", 97);
                rows("upsert", "ocds.release", "inserted", 2);
                rows("upsert", "ocds.release", "failed", 1);
                fallback("ocds.release");
                retried("page");
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
                    fetched("zambia", 5, 1, 1_000);
                    releases("zambia", "inserted", 6);
                    releases("zambia", "unchanged", 0);
                    releases("zambia", "quarantined", 2);
                    unread_amounts("zambia", 3);
                }
            },
            &[
                r#"ocds_fetch_requests_total{source="zambia"} 10"#,
                r#"ocds_fetch_retries_total{source="zambia"} 2"#,
                r#"ocds_fetch_bytes_total{source="zambia"} 2000"#,
                r#"ocds_releases_total{source="zambia",outcome="inserted"} 12"#,
                r#"ocds_releases_total{source="zambia",outcome="unchanged"} 0"#,
                r#"ocds_releases_total{source="zambia",outcome="quarantined"} 4"#,
                r#"ocds_unread_amounts_total{source="zambia"} 6"#,
            ],
        );
    }

    #[test]
    fn every_metric_has_a_help_text() {
        let recorder = recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe();
            UPSERT.sent(1, Duration::ZERO);
            rows("upsert", "ocds.release", "updated", 1);
            fallback("ocds.release");
            retried("page");
            fetched("zambia", 0, 0, 0);
            releases("zambia", "inserted", 0);
            unread_amounts("zambia", 0);
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
                UPSERT.sent(100, Duration::from_millis(1));
            }
            handle.run_upkeep();
            UPSERT.sent(100, Duration::from_millis(1));
        });
        let count =
            r#"ocds_bulk_rows_count{operation="upsert",table="ocds.release",method="values"} 1001"#;
        assert!(handle.render().lines().any(|line| line == count));
    }
}
