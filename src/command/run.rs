//! `run`: brings sources up to date, one after the other.

use std::process::ExitCode;

use crate::cli::{Global, Run};
use crate::command::{ingest, load, source, stoppable};
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::ledger::Unfinished;
use crate::pipeline::Job;

pub(super) async fn run(global: &Global, options: Run) -> Result<ExitCode> {
    let mut config = load(global)?;
    ingest::apply(&options.ingest, &mut config)?;
    let names = names(&config, &options)?;
    let mut codes = Vec::new();
    let done = stoppable(&config, async |database, stop| {
        for name in &names {
            if stop.is_cancelled() && !codes.is_empty() {
                codes.push(Kind::Truncated.exit_code());
                break;
            }
            codes.push(one(global, &options, &config, database, name, stop).await);
        }
        Ok(())
    });
    if let Err(error) = done.await {
        // of the sources before the one that was given up some may need a person
        tracing::error!("{}", error.chain());
        codes.push(error.exit_code());
    }
    Ok(ingest::worst(codes))
}

/// Runs one source. What keeps it from beginning is said here, and does not
/// keep the other sources from running.
async fn one(
    global: &Global,
    options: &Run,
    config: &Config,
    database: &Database,
    name: &str,
    stop: &tokio_util::sync::CancellationToken,
) -> u8 {
    let ingested = async {
        let source = source(config, name)?;
        let (from, until) = (options.from.as_ref(), options.until.as_ref());
        let mut job = Job::incremental(source).between(source, from, until)?;
        job.max_pages = options.max_pages;
        if options.restart {
            job.spec.unfinished = Unfinished::Restart;
        }
        ingest::ingest(
            global,
            &options.ingest,
            database,
            source,
            config,
            &job,
            stop,
        )
        .await
    };
    ingested.await.unwrap_or_else(|error| {
        tracing::error!(source.name = %name, "{name}: {}", error.chain());
        error.exit_code()
    })
}

/// The sources asked for; all means those that the configuration's files add,
/// for nobody wants every publisher of the world by one flag.
fn names(config: &Config, options: &Run) -> Result<Vec<String>> {
    if !options.all {
        for name in &options.source {
            source(config, name)?;
        }
        return Ok(options.source.clone());
    }
    let names = config.declared_sources();
    if names.is_empty() {
        return Err(Error::config(
            "--all: the configuration's files declare no source",
        ));
    }
    Ok(names)
}
