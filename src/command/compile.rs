//! `compile`: brings the tables of processes up to date with the stored releases.

use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::cli::{self, Global};
use crate::command::progress_display::ProgressDisplay;
use crate::command::stdout::{print_json, print_line};
use crate::command::{find_source, job, load_config, run_stoppable};
use crate::compile;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Kind, Result};
use crate::pipeline::{self, Progress};

pub(super) async fn compile(global: &Global, options: cli::Compile) -> Result<ExitCode> {
    let config = load_config(global)?;
    for name in &options.source {
        find_source(&config, name)?;
    }
    let codes = run_stoppable(&config, async |database, stop| {
        let names = match &*options.source {
            [] => choose_sources(database, &config).await?,
            names => names.to_vec(),
        };
        if names.is_empty() && !options.json {
            print_line("nothing to compile");
        }
        let mut codes = Vec::new();
        for name in &names {
            if stop.is_cancelled() {
                codes.push(Kind::Truncated.exit_code());
                break;
            }
            let compiled = compile_source(global, &options, &config, database, name, stop).await;
            codes.push(compiled.map_or_else(
                |error| {
                    error!(source.name = %name, "{name}: {}", error.chain());
                    error.exit_code()
                },
                |()| 0,
            ));
        }
        Ok(codes)
    })
    .await?;
    Ok(job::most_urgent_code(codes))
}

/// Returns the names of the sources that have something to compile.
async fn choose_sources(database: &Database, config: &Config) -> Result<Vec<String>> {
    let outdated = compile::find_outdated_sources(database, config.sources.values()).await?;
    for unknown in &outdated.unknown {
        warn!(
            source.name = %unknown,
            "processes of {unknown} are queued, but no source is called that any more: configure \
             it again, or delete its data by `purge {unknown}`"
        );
    }
    Ok(outdated.known.into_iter().collect())
}

async fn compile_source(
    global: &Global,
    options: &cli::Compile,
    config: &Config,
    database: &Database,
    name: &str,
    stop: &CancellationToken,
) -> Result<()> {
    let source = find_source(config, name)?;
    let progress = Arc::new(Progress::default());
    let display = ProgressDisplay::start(global, name, Arc::clone(&progress));
    let compiled = pipeline::compile(database, source, config, stop, &progress).await;
    display.stop().await;
    let report = compiled?;
    if options.json {
        return print_json(&report);
    }
    match report.compiled.processes {
        0 => print_line(format_args!("{name}: up to date")),
        _ => print_line(format_args!("{name}: {:.1} s", report.duration_seconds)),
    }
    job::print_compiled(&report.compiled);
    Ok(())
}
