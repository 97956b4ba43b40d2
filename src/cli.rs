//! The command line, as types and help and nothing else.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::source::Moment;
use crate::userinfo::hide_userinfo;

/// Keeps a PostgreSQL database in step with publishers of Open Contracting Data
/// Standard (OCDS) releases.
///
/// Answers go to standard output, logs and progress to standard error. Without
/// a configured database, a private local PostgreSQL is started and used.
#[derive(Debug, Parser)]
#[command(name = "ocds-ingest", version, after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the group documents its options")]
    pub global: Global,
    #[command(subcommand)]
    #[expect(missing_docs, reason = "the enum documents its commands")]
    pub command: Command,
}

impl Cli {
    /// Reads the command line, or ends the process with what is wrong with it. That quotes
    /// an argument, which may be a database's URL in the wrong place, so it is said of the
    /// arguments without users and passwords.
    #[must_use]
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        Self::try_parse_from(&arguments).unwrap_or_else(|error| {
            let shown = arguments
                .iter()
                .map(|argument| remove_user(&argument.to_string_lossy()));
            Self::try_parse_from(shown).err().unwrap_or(error).exit()
        })
    }
}

/// An argument without a user and a password, be it `--option=URL`.
fn remove_user(argument: &str) -> String {
    match argument.split_once('=') {
        Some((option, value)) if option.starts_with('-') => {
            format!("{option}={}", hide_userinfo(value))
        }
        _ => hide_userinfo(argument),
    }
}

const EXIT_CODES: &str = "Exit codes:
  0  done: the end of what was asked for was seen, and all before it is stored
  1  unexpected
  2  wrong command line or configuration
  3  database or publisher unreachable, or metrics not written; try again
  4  stopped before the end, progress is saved; try again, or see why a link is refused
  5  too many bad rows
  6  another run holds the source, or took it over
  130, 143  stopped by a second signal";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// A configuration file, instead of ./ocds-ingest.toml; later ones win
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Vec<PathBuf>,
    /// The database to write: `local` or a postgresql:// URL
    #[arg(long, value_name = "URL", global = true)]
    pub database_url: Option<SecretString>,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
    /// More log lines; twice for every request
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Only warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log lines in place of the progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Write metrics there at the end, in Prometheus' text format, whatever the exit code
    #[arg(long, value_name = "PATH", global = true)]
    pub metrics_file: Option<PathBuf>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring sources up to date; an unfinished run goes on where it stopped
    Run(Run),
    /// Fetch some pages or dates of a source again, whatever other runs have done
    Backfill(Backfill),
    /// Store files as if a source had served them; a stopped load goes on where it stopped
    Load(Load),
    /// Where each source stands; with --database, what the server is busy with
    Status(Status),
    /// Check the configuration; with --connect also the database and publishers
    Check(Check),
    /// The known sources
    Sources {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the enum documents its commands")]
        command: Option<SourcesCommand>,
    },
    /// What was refused, and what to do about it
    Quarantine {
        #[command(subcommand)]
        #[expect(missing_docs, reason = "the enum documents its commands")]
        command: QuarantineCommand,
    },
    /// Forget a source: all that is stored and refused of it, and its runs
    Purge(Purge),
    /// Measure which batch size suits the database's server, in a schema of its own
    BenchDatabase(BenchDatabase),
    /// Bring the database's schema up to date
    Migrate,
    /// Open psql on the configured database
    Psql {
        /// Arguments for psql, such as -c 'select 1'
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Ingest an invented feed into the local database, to see how it looks
    Demo,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The sources to bring up to date
    #[arg(required_unless_present = "all")]
    pub source: Vec<String>,
    /// All sources of the configuration files
    #[arg(long, conflicts_with = "source")]
    pub all: bool,
    /// Begin at this date instead of the watermark, of sources asked for by dates; on
    /// one that has none yet, later runs go on from here
    #[arg(long, value_name = "DATE")]
    pub from: Option<Moment>,
    /// End at this date instead of now
    #[arg(long, value_name = "DATE")]
    pub until: Option<Moment>,
    /// Stop after so many pages; the next run goes on there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pages: Option<u64>,
    /// Begin at the first page, even if the last run is unfinished
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the group documents its options")]
    pub ingest: Ingest,
}

/// Options of `backfill`.
#[derive(Debug, Args)]
pub struct Backfill {
    /// The source to fetch pages of
    pub source: String,
    /// The first page: the publisher's number where it has one, else counted from 1
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "from",
        conflicts_with = "from"
    )]
    pub from_page: Option<u64>,
    /// The last page, if not the last there is
    #[arg(long, value_name = "M", requires = "from_page")]
    pub to_page: Option<u64>,
    /// The first date, of a source asked for by dates
    #[arg(long, value_name = "DATE")]
    pub from: Option<Moment>,
    /// The last date, if not now
    #[arg(long, value_name = "DATE", requires = "from")]
    pub until: Option<Moment>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the group documents its options")]
    pub ingest: Ingest,
}

/// Options of `load`.
#[derive(Debug, Args)]
pub struct Load {
    /// The source whose data they are: under its name they are stored, and by its
    /// definition read
    pub source: String,
    /// Packages, records, releases, lists or lines of them, in zip and gzip files or
    /// not; - is standard input
    #[arg(required = true, value_name = "FILE|URL")]
    pub file: Vec<String>,
    /// Begin with the first file, even if the last load of them is unfinished
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the group documents its options")]
    pub ingest: Ingest,
}

/// Options of whatever ingests.
#[derive(Debug, Args)]
pub struct Ingest {
    /// The largest share of refused releases, 0 to 1, instead of `sink.max_bad_ratio`
    #[arg(long, value_name = "RATIO")]
    pub max_bad_ratio: Option<f64>,
    /// Report as one JSON object a line, one line for each source
    #[arg(long)]
    pub json: bool,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// What the server says instead: its dearest statements on our tables, and who
    /// waits for a lock on them
    #[arg(long)]
    pub database: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The sources to check, instead of all configured ones
    pub source: Vec<String>,
    /// Also connect to the database and fetch a page of each source; nothing is written
    #[arg(long)]
    pub connect: bool,
}

/// Options of `purge`.
#[derive(Debug, Args)]
pub struct Purge {
    /// The source to forget; it need not be configured any more
    pub source: String,
    /// Do it: nothing brings it back but fetching it again
    #[arg(long)]
    pub yes: bool,
    /// Report as a JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `bench-database`.
#[derive(Debug, Args)]
pub struct BenchDatabase {
    /// How many invented releases are written each time, at most; a way that takes
    /// longer than two seconds is measured with those it wrote till then
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub rows: u32,
    /// Report as a JSON object
    #[arg(long)]
    pub json: bool,
}

/// What to do with sources.
#[derive(Debug, Subcommand)]
pub enum SourcesCommand {
    /// How a source is defined
    Show {
        /// Its name
        source: String,
    },
}

/// What to do with rejects.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// Unresolved rejects, newest first
    List {
        /// Of this source only
        #[arg(long)]
        source: Option<String>,
        /// Of this reason only, such as missing-ocid or refused
        #[arg(long)]
        reason: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One reject: what is known of it, and what was served, fit to be shown
    Show {
        /// Its id
        id: i64,
        /// Its bytes as they were served, and nothing else
        #[arg(long)]
        raw: bool,
    },
    /// Try rejects again, with the program and configuration of today
    Replay {
        /// Their ids; all if none are given
        id: Vec<i64>,
        /// Of this source only
        #[arg(long)]
        source: Option<String>,
        /// Report as one JSON object a line, one line for each source
        #[arg(long)]
        json: bool,
    },
    /// Mark rejects as not wanted; they are kept
    Discard {
        /// Their ids
        #[arg(required = true)]
        id: Vec<i64>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
