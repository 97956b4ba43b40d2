//! Runs a job for the subcommands that load data: `run`, `backfill`, `load` and `demo`. It shows
//! the progress and prints the report.

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::cli::{Global, Ingest};
use crate::command::progress_display::ProgressDisplay;
use crate::command::stdout::{print_json, print_line};
use crate::command::table::format_number;
use crate::compile::Compiled;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::Verdict;
use crate::pipeline::{self, Job, Outcome, Progress, Report};
use crate::sink::Absence;
use crate::source::Source;

/// Replaces the configured ratio of rejects with the ratio of the command line, if there is one.
pub(super) fn override_config(options: &Ingest, config: &mut Config) -> Result<()> {
    let Some(ratio) = options.max_bad_ratio else {
        return Ok(());
    };
    if !(0.0..=1.0).contains(&ratio) {
        return Err(Error::config("--max-bad-ratio must be between 0 and 1"));
    }
    config.sink.max_bad_ratio = ratio;
    Ok(())
}

/// Runs a job, shows its progress, prints its report and returns the exit code.
pub(super) async fn run_job(
    global: &Global,
    options: &Ingest,
    database: &Database,
    source: &Source,
    config: &Config,
    job: &Job,
    stop: &CancellationToken,
) -> Result<u8> {
    let job = job.clone().with_overwrite(options.overwrite);
    let progress = Arc::new(Progress::default());
    let display = ProgressDisplay::start(global, &source.name, Arc::clone(&progress));
    let outcome = pipeline::run(database, source, config, &job, stop, &progress).await;
    display.stop().await;
    let Outcome { report, error } = outcome?;
    print_report(&report, options.json)?;
    match error {
        None => Ok(0),
        Some(error) => {
            error!(source.name = %source.name, "{}: {}", source.name, error.chain());
            Ok(error.exit_code())
        }
    }
}

/// Returns the exit code that a person should look at first.
pub(super) fn most_urgent_code(codes: impl IntoIterator<Item = u8>) -> ExitCode {
    const ORDER: [u8; 7] = [1, 2, 5, 6, 3, 4, 0];
    let rank = |code: &u8| ORDER.iter().position(|other| other == code);
    ExitCode::from(codes.into_iter().min_by_key(rank).unwrap_or(0))
}

pub(super) fn print_report(report: &Report, json: bool) -> Result<()> {
    if json {
        return print_json(report);
    }
    let verdict = match report.verdict {
        Verdict::Complete => "complete",
        Verdict::Truncated => "truncated, a later run can complete it",
        Verdict::Failed => "failed",
    };
    print_line(format_args!(
        "{}: {} run {}, {verdict}",
        report.source, report.kind, report.run_id
    ));
    if let Some(page) = report.resumed_from {
        print_line(format_args!("  resumed after page {page}"));
    }
    let (requests, counts) = (&report.requests, &report.counts);
    let requests_text = match (requests.requests, format_number(requests.retries)) {
        (0, _) => String::new(),
        (sent, retries) => format!(" in {} requests ({retries} retries)", format_number(sent)),
    };
    print_line(format_args!(
        "  {} pages{requests_text}, {} bytes, {:.1} s",
        format_number(report.pages),
        format_number(requests.bytes),
        report.duration_seconds
    ));
    for (pages, what) in [
        (report.unchanged_pages, "had not changed"),
        (report.unreadable_pages, "could not be read"),
    ] {
        if pages > 0 {
            print_line(format_args!("  {} pages {what}", format_number(pages)));
        }
    }
    for reason in &report.missing {
        print_line(format_args!("  missing: {reason}"));
    }
    print_line(format_args!(
        "  {} releases = {} inserted + {} updated + {} unchanged + {} folded + {} quarantined + {} older",
        format_number(counts.releases),
        format_number(counts.inserted),
        format_number(counts.updated),
        format_number(counts.unchanged),
        format_number(counts.folded),
        format_number(counts.quarantined),
        format_number(counts.older)
    ));
    if counts.passed_over > 0 {
        print_line(format_args!(
            "  {} passed over, because they were never releases",
            format_number(counts.passed_over)
        ));
    }
    print_absent(&report.absent);
    print_compiled(&report.compiled);
    print_line(format_args!(
        "  {:.0} releases/s",
        report.releases_per_second
    ));
    let totals = &report.run_totals;
    if totals.pages != report.pages {
        print_line(format_args!(
            "  the whole run: {} pages with {} releases, {} of them quarantined",
            format_number(totals.pages),
            format_number(totals.counts.releases),
            format_number(totals.counts.quarantined)
        ));
    }
    if let Some(before) = report.shrunk_from {
        print_line(format_args!(
            "  the complete run before it saw {} releases",
            format_number(before)
        ));
    }
    Ok(())
}

/// Prints how many releases are gone or served again, if any are.
fn print_absent(absent: &Absence) {
    let Absence {
        marked,
        returned,
        withheld,
        ..
    } = *absent;
    if marked + returned > 0 {
        print_line(format_args!(
            "  {} stored releases are gone, {} that were gone are served again",
            format_number(marked),
            format_number(returned)
        ));
    }
    if withheld > 0 {
        print_line(format_args!(
            "  {} stored releases were not found and are not marked, because they are too many",
            format_number(withheld)
        ));
    }
}

/// Prints how many processes were compiled, if any were.
pub(super) fn print_compiled(compiled: &Compiled) {
    let Compiled {
        processes,
        changed,
        gone,
        failed,
        ..
    } = *compiled;
    if processes == 0 {
        return;
    }
    print_line(format_args!(
        "  {} processes compiled: {} changed + {} unchanged + {} gone",
        format_number(processes),
        format_number(changed),
        format_number(processes - changed - gone),
        format_number(gone)
    ));
    if failed > 0 {
        print_line(format_args!(
            "  {} processes could not be merged, see ocds.process.merge_error",
            format_number(failed)
        ));
    }
}
