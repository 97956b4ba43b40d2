//! The subcommands, each in a file of its own, and their common parts: configuration, logs,
//! signals, tables and exit codes.

mod backfill;
#[cfg(feature = "demo")]
mod bench_database;
mod check;
mod compile;
#[cfg(feature = "demo")]
mod demo;
mod escape;
mod job;
mod load;
mod merge;
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

/// The time for which the program waits for blocked threads at its end.
const BLOCKED_THREADS_GRACE: Duration = Duration::from_secs(1);

/// Runs the command that the command line names.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    start_logging(&cli.global);
    let _failpoints = failpoint::set_up();
    run_command(cli).unwrap_or_else(|error| log_error(&error))
}

/// Runs the command and then writes the metrics file, even if the command failed. If a second
/// signal ends the process, the file is not written.
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
            never = registry.fill_buckets() => match never {},
        }
    }));
    // A thread may be blocked because it reads a pipe without a writer, so the wait is limited.
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
        Command::Compile(options) => compile::compile(&global, options).await,
        Command::Merge(options) => merge::merge(&global, options).await,
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

/// Logs an error and returns its exit code. An error must be logged only once.
fn log_error(error: &Error) -> ExitCode {
    error!("{}", error.chain());
    ExitCode::from(error.exit_code())
}

/// Starts the log on standard error. The flags set the log level of this program. Libraries log
/// warnings only. `RUST_LOG` overrides both levels, but it cannot make the log show the values of
/// rows.
fn start_logging(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,ocds_ingest={level}")));
    // At a lower level, tokio-postgres would log the values of the rows that it sends.
    let rows = Directive::from_str("tokio_postgres=warn").expect("a valid directive");
    // The error of the failed attempt is logged with its page, so this message would repeat it.
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

/// Returns the number of connections that a run needs: one for each worker of the sink and of the
/// compiler, one for the heartbeat, one for the request log, and one for queries.
fn connection_count(config: &Config) -> usize {
    config.sink.workers + config.compile.workers + 3
}

/// Opens the database and applies the migrations that it lacks. If migrations are disabled, an
/// old schema is an error.
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
            // If a local server was started for this command, this stops it.
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

/// Runs a task on the database, which a signal can stop.
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
