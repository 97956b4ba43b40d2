//! `run`: brings sources up to date, one after the other.

use std::process::ExitCode;

use crate::cli::{Global, Run};
use crate::command::{find_source, job, load_config, run_stoppable};
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::pipeline::Job;

pub(super) async fn run(global: &Global, options: Run) -> Result<ExitCode> {
    let mut config = load_config(global)?;
    job::override_config(&options.ingest, &mut config)?;
    let names = choose_sources(&config, &options)?;
    let mut codes = Vec::new();
    let done = run_stoppable(&config, async |database, stop| {
        for name in &names {
            if stop.is_cancelled() && !codes.is_empty() {
                codes.push(Kind::Truncated.exit_code());
                break;
            }
            codes.push(run_source(global, &options, &config, database, name, stop).await);
        }
        Ok(())
    });
    if let Err(error) = done.await {
        // The error is not returned, because an earlier source may have failed with a more urgent
        // exit code.
        tracing::error!("{}", error.chain());
        codes.push(error.exit_code());
    }
    Ok(job::most_urgent_code(codes))
}

/// Runs one source and returns its exit code. An error before the run starts is logged here, so
/// that the other sources still run.
async fn run_source(
    global: &Global,
    options: &Run,
    config: &Config,
    database: &Database,
    name: &str,
    stop: &tokio_util::sync::CancellationToken,
) -> u8 {
    let ingested = async {
        let source = find_source(config, name)?;
        let (from, until) = (options.from.as_ref(), options.until.as_ref());
        let mut job = Job::incremental(source).limit_dates(source, from, until)?;
        job.max_pages = options.max_pages;
        if options.restart {
            job = job.begin_anew(source);
        }
        let options = &options.ingest;
        job::run_job(global, options, database, source, config, &job, stop).await
    };
    ingested.await.unwrap_or_else(|error| {
        tracing::error!(source.name = %name, "{name}: {}", error.chain());
        error.exit_code()
    })
}

/// Returns the names of the sources that the command line selects. `--all` selects only sources
/// that are declared in the configuration files. It does not select the built-in sources, because
/// one flag should not fetch from every publisher of the world.
fn choose_sources(config: &Config, options: &Run) -> Result<Vec<String>> {
    if !options.all {
        for name in &options.source {
            find_source(config, name)?;
        }
        return Ok(options.source.clone());
    }
    let names = config.declared_sources();
    if names.is_empty() {
        let message = "--all: the configuration's files declare no source";
        return Err(Error::config(message));
    }
    Ok(names)
}
