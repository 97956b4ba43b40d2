//! Defines the command line: its types and the texts of `--help`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::source::{Moment, Overwrite, Version};
use crate::userinfo::hide_userinfo;

/// Keeps a PostgreSQL database in step with publishers of Open Contracting Data Standard (OCDS)
/// releases.
///
/// Answers go to standard output, logs and progress to standard error. If no database is
/// configured, the program starts a private local PostgreSQL and uses it.
#[derive(Debug, Parser)]
#[command(name = "ocds-ingest", version, after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the command line. If it is wrong, prints the error and ends the process. The error
    /// message quotes arguments, and an argument may be a database URL in the wrong position. So
    /// the message is made from the arguments without users and passwords.
    #[must_use]
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        Self::try_parse_from(&arguments).unwrap_or_else(|error| {
            let shown = arguments
                .iter()
                .map(|argument| hide_user_in_argument(&argument.to_string_lossy()));
            Self::try_parse_from(shown).err().unwrap_or(error).exit()
        })
    }
}

/// Removes the user and the password from an argument, which may have the form `--option=URL`.
fn hide_user_in_argument(argument: &str) -> String {
    match argument.split_once('=') {
        Some((option, value)) if option.starts_with('-') => {
            format!("{option}={}", hide_userinfo(value))
        }
        _ => hide_userinfo(argument),
    }
}

const EXIT_CODES: &str = "Exit codes:
  0  done: the end of the requested data was reached, and everything before it is stored
  1  unexpected error
  2  wrong command line or configuration, or a feed with more pages than its source declares:
     correct it
  3  database or publisher unreachable, the database lost commits that it had confirmed, or
     metrics not written: try again
  4  stopped before the end, progress is saved: try again, or see why a link or a redirect is
     refused
  5  too many rejected releases; for merge, anything that could not be merged
  6  another run holds the source, or took it over
  130, 143  stopped by a second signal";

#[derive(Debug, Args)]
pub struct Global {
    /// A configuration file, instead of ./ocds-ingest.toml; later files override earlier ones
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Vec<PathBuf>,
    /// The database: `local` or a postgresql:// URL
    #[arg(long, value_name = "URL", global = true)]
    pub database_url: Option<SecretString>,
    /// The format of log lines
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
    /// Write more log lines; give it twice to log every request
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Write only warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Write log lines instead of the progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Write metrics to this file at the end, in Prometheus text format, for any exit code
    #[arg(long, value_name = "PATH", global = true)]
    pub metrics_file: Option<PathBuf>,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object on each line.
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch what is new from sources; an unfinished run continues where it stopped
    Run(Run),
    /// Fetch pages or dates of a source again, even if earlier runs have fetched them
    Backfill(Backfill),
    /// Store files as if the publisher had served them; an unfinished load continues where it
    /// stopped
    Load(Load),
    /// Bring the tables of contracting processes up to date with the stored releases; runs do it
    /// at their end
    Compile(Compile),
    /// Merge the releases of each process in files into a compiled release, without a database
    Merge(Merge),
    /// Show the state of each source; with --database, the activity of the database server
    Status(Status),
    /// Check the configuration; with --connect also the database and publishers
    Check(Check),
    /// Show the known sources
    Sources {
        #[command(subcommand)]
        command: Option<SourcesCommand>,
    },
    /// Show rejected data, and replay or discard it
    Quarantine {
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// Delete everything that is stored for a source: releases, rejects and runs
    Purge(Purge),
    /// Measure which batch size suits the database server, in a schema of its own
    #[cfg(feature = "demo")]
    BenchDatabase(BenchDatabase),
    /// Update the schema of the database
    Migrate,
    /// Open psql on the configured database
    Psql {
        /// Arguments for psql, such as -c 'select 1'
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Ingest an invented feed into the local database, to show the result
    #[cfg(feature = "demo")]
    Demo,
}

#[derive(Debug, Args)]
pub struct Run {
    /// The sources to run
    #[arg(required_unless_present = "all")]
    pub source: Vec<String>,
    /// Run all sources of the configuration files
    #[arg(long, conflicts_with = "source")]
    pub all: bool,
    /// Begin at this date instead of the watermark, for sources with windows of time. If a
    /// source has no watermark yet, later runs continue from here
    #[arg(long, value_name = "DATE")]
    pub from: Option<Moment>,
    /// End at this date instead of now; a date without a time is its first moment
    #[arg(long, value_name = "DATE")]
    pub until: Option<Moment>,
    /// Stop after this number of pages; the next run continues there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pages: Option<u64>,
    /// Begin at the first page, without an unfinished run or a stored link or token
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    pub ingest: Ingest,
}

#[derive(Debug, Args)]
pub struct Backfill {
    /// The source to fetch from
    pub source: String,
    /// The first page: the publisher's page number if there is one, else counted from 1
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "from",
        conflicts_with = "from"
    )]
    pub from_page: Option<u64>,
    /// The last page; by default the last page of the feed
    #[arg(long, value_name = "M", requires = "from_page")]
    pub to_page: Option<u64>,
    /// The first date, for sources with windows of time
    #[arg(long, value_name = "DATE")]
    pub from: Option<Moment>,
    /// End at this date instead of now; a date without a time is its first moment
    #[arg(long, value_name = "DATE", requires = "from")]
    pub until: Option<Moment>,
    #[command(flatten)]
    pub ingest: Ingest,
}

#[derive(Debug, Args)]
pub struct Load {
    /// The source of the files. They are read by its definition and stored under its name
    pub source: String,
    /// Release packages, record packages, releases, records, lists of them or one per line;
    /// also in zip and gzip files; - is standard input
    #[arg(required = true, value_name = "FILE|URL")]
    pub file: Vec<String>,
    /// Begin with the first file, even if the last load of these files is unfinished
    #[arg(long)]
    pub restart: bool,
    #[command(flatten)]
    pub ingest: Ingest,
}

#[derive(Debug, Args)]
pub struct Compile {
    /// The sources to compile; by default all that have something to compile
    pub source: Vec<String>,
    /// Report as JSON, one object on a line for each source
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Merge {
    /// Release packages, record packages, releases, records, lists of them or one per line; also
    /// in zip and gzip files. Without a file, and for -, standard input is read
    pub file: Vec<String>,
    /// Write versioned releases, which have all values of each field, instead of compiled ones
    #[arg(long)]
    pub versioned: bool,
    /// Merge by the rules of this version of the standard, or of this release schema, and upgrade
    /// no release; by default, releases of version 1.0 are upgraded, and merged by the rules of 1.1
    #[arg(long, value_name = "1.1|1.0|FILE")]
    pub schema: Option<MergeSchema>,
    /// Add all entries of this array as new ones, even if their ids are known; the field is written
    /// like awards/items, and the option may be repeated
    #[arg(long, value_name = "FIELD", value_parser = parse_field)]
    pub append: Vec<String>,
    /// Merge the entries of this array by their position instead of their ids
    #[arg(long, value_name = "FIELD", value_parser = parse_field)]
    pub by_position: Vec<String>,
    /// The memory in MiB for releases; more of them are sorted in temporary files
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub memory: u16,
}

/// The release schema whose rules merge releases.
#[derive(Clone, Debug)]
pub enum MergeSchema {
    /// The release schema of a version of the standard.
    Version(Version),
    /// The release schema in a file.
    File(PathBuf),
}

impl From<OsString> for MergeSchema {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("1.0") => Self::Version(Version::V1_0),
            Some("1.1") => Self::Version(Version::V1_1),
            _ => Self::File(text.into()),
        }
    }
}

/// Checks the name of a field, which consists of the names of the members that lead to it.
fn parse_field(text: &str) -> Result<String, String> {
    if text.split('/').any(str::is_empty) {
        return Err(
            "write the names of the members that lead to the field, such as awards/items"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

#[derive(Debug, Args)]
pub struct Ingest {
    /// The largest share of rejected releases, 0 to 1, instead of `sink.max_bad_ratio`
    #[arg(long, value_name = "RATIO")]
    pub max_bad_ratio: Option<f64>,
    /// Keep this one of several contents of one release, instead of the source's `overwrite`:
    /// the one with the newest date, or always the one that is fetched now
    #[arg(long, value_name = "WHICH", value_parser = overwrite_parser())]
    pub overwrite: Option<Overwrite>,
    /// Report as JSON, one object on a line for each source
    #[arg(long)]
    pub json: bool,
}

fn overwrite_parser() -> impl clap::builder::TypedValueParser<Value = Overwrite> {
    let words = PossibleValuesParser::new(Overwrite::ALL.map(Overwrite::as_str));
    words.map(|word| Overwrite::parse(&word).expect("clap permits only these words"))
}

#[derive(Debug, Args)]
pub struct Status {
    /// Show the activity of the server instead: the most expensive statements on our tables,
    /// and sessions that wait for a lock on them
    #[arg(long)]
    pub database: bool,
    /// Write JSON, one object on each line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The sources to check; by default all configured ones
    pub source: Vec<String>,
    /// Also connect to the database and fetch the first pages of each source; nothing is written
    #[arg(long)]
    pub connect: bool,
}

#[derive(Debug, Args)]
pub struct Purge {
    /// The source to delete; it may be gone from the configuration
    pub source: String,
    /// Confirm the deletion; the data can only be restored by fetching it again
    #[arg(long)]
    pub yes: bool,
    /// Report as a JSON object
    #[arg(long)]
    pub json: bool,
}

#[cfg(feature = "demo")]
#[derive(Debug, Args)]
pub struct BenchDatabase {
    /// The largest number of invented releases for each measurement; a measurement stops after
    /// two seconds and counts what was written by then
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    pub rows: u32,
    /// Report as a JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum SourcesCommand {
    /// Show the definition of a source
    Show {
        /// The name of the source
        source: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List unresolved rejects, newest first
    List {
        /// Only rejects of this source
        #[arg(long)]
        source: Option<String>,
        /// Only rejects with this reason, such as missing-ocid or refused
        #[arg(long)]
        reason: Option<String>,
        /// List instead what was passed over, because it was never a release: side files of
        /// archives, versioned releases, documents that do not exist
        #[arg(long)]
        passed_over: bool,
        /// The largest number of rejects to list
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u32,
        /// Write JSON, one object on each line
        #[arg(long)]
        json: bool,
    },
    /// Show one reject: its details, and the served data in printable form
    Show {
        /// The id of the reject
        id: i64,
        /// Write only the rejected bytes, unchanged and not escaped
        #[arg(long)]
        raw: bool,
    },
    /// Try to store rejects again, with the current program and configuration
    Replay {
        /// The ids of the rejects; by default all
        id: Vec<i64>,
        /// Only rejects of this source
        #[arg(long)]
        source: Option<String>,
        /// Report as JSON, one object on a line for each source
        #[arg(long)]
        json: bool,
    },
    /// Mark rejects as unwanted; they stay in the database
    Discard {
        /// The ids of the rejects
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
