//! What `run` and `backfill` have in common: a walk, watched, and its report.

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::cli::{Global, Ingest};
use crate::command::answer::{answer, answer_json};
use crate::command::table::grouped;
use crate::command::watch::Watch;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::Verdict;
use crate::pipeline::{self, Job, Outcome, Progress, Report};
use crate::source::Source;

/// Takes the ratio of the command line over the configuration's.
pub(super) fn apply(options: &Ingest, config: &mut Config) -> Result<()> {
    let Some(ratio) = options.max_bad_ratio else {
        return Ok(());
    };
    if !(0.0..=1.0).contains(&ratio) {
        return Err(Error::config("--max-bad-ratio is between 0 and 1"));
    }
    config.sink.max_bad_ratio = ratio;
    Ok(())
}

/// Walks, shows the progress, prints the report, and gives the exit code.
pub(super) async fn ingest(
    global: &Global,
    options: &Ingest,
    database: &Database,
    source: &Source,
    config: &Config,
    job: &Job,
    stop: &CancellationToken,
) -> Result<u8> {
    let progress = Arc::new(Progress::default());
    let watch = Watch::start(global, &source.name, Arc::clone(&progress));
    let outcome = pipeline::run(database, source, config, job, stop, &progress).await;
    watch.stop().await;
    let Outcome { report, error } = outcome?;
    print(&report, options.json)?;
    match error {
        None => Ok(0),
        Some(error) => {
            error!(source.name = %source.name, "{}: {}", source.name, error.chain());
            Ok(error.exit_code())
        }
    }
}

/// Of several exit codes, the one that most needs a person.
pub(super) fn worst(codes: impl IntoIterator<Item = u8>) -> ExitCode {
    const ORDER: [u8; 7] = [1, 2, 5, 6, 3, 4, 0];
    let rank = |code: &u8| ORDER.iter().position(|other| other == code);
    ExitCode::from(codes.into_iter().min_by_key(rank).unwrap_or(0))
}

pub(super) fn print(report: &Report, json: bool) -> Result<()> {
    if json {
        return answer_json(report);
    }
    let verdict = match report.verdict {
        Verdict::Complete => "complete",
        Verdict::Truncated => "truncated, to be resumed",
        Verdict::Failed => "failed",
    };
    answer(format_args!(
        "{}: {} run {}, {verdict}",
        report.source, report.kind, report.run_id
    ));
    if let Some(page) = report.resumed_from {
        answer(format_args!("  went on behind page {page}"));
    }
    let (requests, counts) = (&report.requests, &report.counts);
    let asked = match requests.requests {
        0 => String::new(),
        sent => format!(
            " in {} requests ({} retries)",
            grouped(sent),
            grouped(requests.retries)
        ),
    };
    answer(format_args!(
        "  {} pages{asked}, {} bytes, {:.1} s",
        grouped(report.pages),
        grouped(requests.bytes),
        report.duration_seconds
    ));
    if report.unchanged_pages > 0 {
        answer(format_args!(
            "  {} pages had not changed",
            grouped(report.unchanged_pages)
        ));
    }
    if report.unreadable_pages > 0 {
        answer(format_args!(
            "  {} pages could not be read",
            grouped(report.unreadable_pages)
        ));
    }
    answer(format_args!(
        "  {} releases = {} inserted + {} updated + {} unchanged + {} folded + {} quarantined",
        grouped(counts.releases),
        grouped(counts.inserted),
        grouped(counts.updated),
        grouped(counts.unchanged),
        grouped(counts.folded),
        grouped(counts.quarantined)
    ));
    answer(format_args!(
        "  {:.0} releases/s",
        report.releases_per_second
    ));
    Ok(())
}
