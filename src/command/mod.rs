//! The subcommands, one file each, and their common parts: configuration, logs, signals, tables
//! and exit codes.

mod backfill;
#[cfg(feature = "demo")]
mod bench_database;
mod check;
#[cfg(feature = "demo")]
mod demo;
mod escape;
mod ingest;
mod load;
mod metrics_file;
mod migrate;
mod progress_display;
mod psql;
mod purge;
mod quarantine;
mod run;
mod signal;
mod sources;
mod status;
mod stdout;
mod table;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::cli::{Cli, Command, Global, LogFormat};
use crate::command::progress_display::LogWriter;
use crate::config::{self, Config, Overrides};
use crate::database::Database;
use crate::database::migrate::Migration;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::metrics::Registry;
use crate::source::Source;

/// The time that blocked threads have to end.
const BLOCKED_THREADS_GRACE: Duration = Duration::from_secs(1);

/// Runs the command of the command line.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    start_logging(&cli.global);
    let _failpoints = failpoint::set_up();
    run_command(cli).unwrap_or_else(|error| log_error(&error))
}

/// Runs the command, then writes the metrics file even if the command failed. A second signal
/// ends the process without it.
fn run_command(cli: Cli) -> Result<ExitCode> {
    let metrics_file = cli.global.metrics_file.clone();
    if let Some(path) = &metrics_file {
        metrics_file::check(path)?;
    }
    let registry = Registry::install()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::unexpected("start the runtime").with_source(e))?;
    let code = runtime.block_on(Box::pin(async {
        tokio::select! {
            done = dispatch(cli) => done.unwrap_or_else(|error| log_error(&error)),
            never = registry.fold_histograms() => match never {},
        }
    }));
    // do not wait for a thread that reads a pipe without a writer
    runtime.shutdown_timeout(BLOCKED_THREADS_GRACE);
    let Some(path) = metrics_file else {
        return Ok(code);
    };
    match metrics_file::write(&path, &registry.render()) {
        Ok(()) => Ok(code),
        Err(error) if code == ExitCode::SUCCESS => Err(error),
        Err(error) => {
            error!("{}", error.chain());
            Ok(code)
        }
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let Cli { global, command } = cli;
    match command {
        Command::Run(options) => run::run(&global, options).await,
        Command::Backfill(options) => backfill::backfill(&global, options).await,
        Command::Load(options) => load::load(&global, options).await,
        Command::Status(options) => status::status(&global, options).await,
        Command::Check(options) => check::check(&global, options).await,
        Command::Sources { command } => sources::sources(&global, command),
        Command::Quarantine { command } => quarantine::quarantine(&global, command).await,
        Command::Purge(options) => purge::purge(&global, options).await,
        #[cfg(feature = "demo")]
        Command::BenchDatabase(options) => bench_database::bench_database(&global, options).await,
        Command::Migrate => migrate::migrate(&global).await,
        Command::Psql { arguments } => psql::psql(&global, &arguments).await,
        #[cfg(feature = "demo")]
        Command::Demo => demo::demo(&global).await,
    }
}

/// Logs an error, once, and returns its exit code.
fn log_error(error: &Error) -> ExitCode {
    error!("{}", error.chain());
    ExitCode::from(error.exit_code())
}

/// Starts the log on standard error. The flags set the level of this program; libraries log
/// warnings. `RUST_LOG` overrides both, except that it cannot show the values of rows.
fn start_logging(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,ocds_ingest={level}")));
    // at a lower level it logs the values of the rows that are written
    let rows = Directive::from_str("tokio_postgres=warn").expect("a valid directive");
    // the failed attempt logs the same, with the page
    let verifier = Directive::from_str("rustls_platform_verifier=off").expect("a valid directive");
    let filter = filter.add_directive(rows).add_directive(verifier);
    let is_coloured = std::io::stderr().is_terminal();
    let writer = match global.log_format {
        LogFormat::Text => LogWriter::Text { is_coloured },
        LogFormat::Json => LogWriter::Json,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer)
        .with_ansi(is_coloured);
    match global.log_format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

fn load_config(global: &Global) -> Result<Config> {
    let config = config::load(&Overrides {
        files: global.config.clone(),
        database_url: global.database_url.clone(),
    })?;
    crate::sink::check(&config)?;
    Ok(config)
}

/// Returns the number of connections of a run: the sink's workers, the heartbeat, the request
/// log, and one for queries.
fn connection_count(config: &Config) -> usize {
    config.sink.workers + 3
}

/// Opens the database and applies the missing migrations. If migrations are disabled, the
/// schema must be up to date already.
async fn open_database(config: &Config) -> Result<Database> {
    let database = Database::open(&config.database, connection_count(config)).await?;
    let ready = if config.database.migrate {
        database.migrate().await.map(drop)
    } else {
        check_schema(&database).await
    };
    match ready {
        Ok(()) => Ok(database),
        Err(error) => {
            // stops a local server that was started for this command
            database.close().await?;
            Err(error)
        }
    }
}

async fn check_schema(database: &Database) -> Result<()> {
    let pending = database.pending_migrations().await?;
    if pending.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = pending.iter().map(Migration::file).collect();
    Err(Error::config(format!(
        "the database's schema lacks the migrations {}: run `ocds-ingest migrate`, or set database.migrate to true",
        files.join(", ")
    )))
}

/// Opens the database, runs a task and closes the database, even if the task failed.
async fn with_database<T>(
    config: &Config,
    task: impl AsyncFnOnce(&Database) -> Result<T>,
) -> Result<T> {
    let database = open_database(config).await?;
    let result = task(&database).await;
    let closed = database.close().await;
    let value = result?;
    closed?;
    Ok(value)
}

/// Runs a task on the database until it ends or is stopped. The first SIGTERM or SIGINT asks it
/// to stop; after `shutdown.grace` it is aborted.
async fn run_stoppable<T>(
    config: &Config,
    task: impl AsyncFnOnce(&Database, &CancellationToken) -> Result<T>,
) -> Result<T> {
    signal::run_with_grace(config.shutdown.grace, async |stop| {
        with_database(config, async |database| task(database, stop).await).await
    })
    .await
}

fn find_source<'a>(config: &'a Config, name: &str) -> Result<&'a Source> {
    config.sources.get(name).ok_or_else(|| {
        Error::config(format!(
            "no source is called {name}; `ocds-ingest sources` lists them"
        ))
    })
}
