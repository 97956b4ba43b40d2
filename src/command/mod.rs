//! The subcommands, one file each, and what they have in common: configuration,
//! logs, signals, tables and exit codes.

mod answer;
mod backfill;
mod bench_database;
mod check;
mod definition;
mod demo;
mod escape;
mod ingest;
mod load;
mod metrics_file;
mod migrate;
mod psql;
mod purge;
mod quarantine;
mod run;
mod signal;
mod sources;
mod status;
mod table;
mod watch;

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
use crate::command::watch::LogWriter;
use crate::config::{self, Config, Overrides};
use crate::database::Database;
use crate::database::migrate::Migration;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::metrics::Registry;
use crate::source::Source;

/// How long threads that block may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// Does what the command line says.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    start_logging(&cli.global);
    let _failpoints = failpoint::set_up();
    start(cli).unwrap_or_else(|error| exit(&error))
}

/// Does what the command line says, and then writes the metrics, whatever came
/// of it. Nothing is written after a second signal, which ends the process.
fn start(cli: Cli) -> Result<ExitCode> {
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
            done = dispatch(cli) => done.unwrap_or_else(|error| exit(&error)),
            never = registry.fold_histograms() => match never {},
        }
    }));
    // a thread that waits for a pipe nobody writes is not waited for
    runtime.shutdown_timeout(GRACE);
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
        Command::BenchDatabase(options) => bench_database::bench_database(&global, options).await,
        Command::Migrate => migrate::migrate(&global).await,
        Command::Psql { arguments } => psql::psql(&global, &arguments).await,
        Command::Demo => demo::demo(&global).await,
    }
}

/// Says what went wrong, once, and what it means to whoever started us.
fn exit(error: &Error) -> ExitCode {
    error!("{}", error.chain());
    ExitCode::from(error.exit_code())
}

/// Log lines go to standard error: of this program by the flags, of libraries
/// if they are warnings; `RUST_LOG` says otherwise, though not of rows.
fn start_logging(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,ocds_ingest={level}")));
    // beyond that, it logs the values of the rows that are written
    let rows = Directive::from_str("tokio_postgres=warn").expect("a valid directive");
    // the attempt that fails by it says the same, and of which page
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

fn load(global: &Global) -> Result<Config> {
    let config = config::load(&Overrides {
        files: global.config.clone(),
        database_url: global.database_url.clone(),
    })?;
    crate::sink::check(&config)?;
    Ok(config)
}

/// How many connections a run uses: its sink's workers, its heartbeat, its log of
/// requests, and one to ask with.
fn connections(config: &Config) -> usize {
    config.sink.workers + 3
}

/// Opens the database and brings its schema up to date, or, where that is
/// switched off, expects it to be.
async fn open(config: &Config) -> Result<Database> {
    let database = Database::open(&config.database, connections(config)).await?;
    let ready = if config.database.migrate {
        database.migrate().await.map(drop)
    } else {
        expect_schema(&database).await
    };
    match ready {
        Ok(()) => Ok(database),
        Err(error) => {
            // a local server that was started for nothing is stopped again
            database.close().await?;
            Err(error)
        }
    }
}

async fn expect_schema(database: &Database) -> Result<()> {
    let pending = database.pending().await?;
    if pending.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = pending.iter().map(Migration::file).collect();
    Err(Error::config(format!(
        "the database lacks {}: run `ocds-ingest migrate`, or set database.migrate to true",
        files.join(", ")
    )))
}

/// Uses a database and gives it up again, whatever came of it.
async fn with_database<T>(
    config: &Config,
    task: impl AsyncFnOnce(&Database) -> Result<T>,
) -> Result<T> {
    let database = open(config).await?;
    let result = task(&database).await;
    let closed = database.close().await;
    let value = result?;
    closed?;
    Ok(value)
}

/// The same for a task that the first SIGTERM or SIGINT asks to end, and that is given
/// up if it has not ended within `shutdown.grace`.
async fn stoppable<T>(
    config: &Config,
    task: impl AsyncFnOnce(&Database, &CancellationToken) -> Result<T>,
) -> Result<T> {
    signal::within_grace(config.shutdown.grace, async |stop| {
        with_database(config, async |database| task(database, stop).await).await
    })
    .await
}

/// The source of a name.
fn source<'a>(config: &'a Config, name: &str) -> Result<&'a Source> {
    config.sources.get(name).ok_or_else(|| {
        Error::config(format!(
            "no source is called {name}; `ocds-ingest sources` lists them"
        ))
    })
}
