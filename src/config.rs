//! The configuration, from built-in defaults, files and the environment.
//!
//! A row overrides the rows above it.
//!
//! | rank | where | what |
//! |---|---|---|
//! | 1 | built in | the defaults below, and the sources of `config/sources` |
//! | 2 | `./ocds-ingest.toml`, or each `--config FILE` in turn | any key |
//! | 3 | `DATABASE_URL` | `database.url` |
//! | 4 | `OCDS_INGEST__SECTION__KEY` | any key, such as `OCDS_INGEST__SINK__WORKERS` |
//! | 5 | `--database-url URL` | `database.url` |
//!
//! An error names the file and the key if a key is unknown or a value is not valid. Every limit
//! of the program is a key here, with a default and a reason.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use include_dir::{Dir, include_dir};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::json::MAX_ITEMS;
use crate::source::{Origin, Source};

/// The built-in sources, one file each.
static BUILT_IN_SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config/sources");

/// This file is read if no `--config` is given and the file exists.
const DEFAULT_FILE: &str = "ocds-ingest.toml";

/// The whole configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The settings of the database.
    pub database: Database,
    /// The settings for requests to publishers.
    pub fetch: Fetch,
    /// The settings for reading pages.
    pub extract: Extract,
    /// The settings for writing rows.
    pub sink: Sink,
    /// The settings for compiling processes.
    pub compile: Compile,
    /// The settings of leases, which ensure that only one run writes a source.
    pub lease: Lease,
    /// The settings for records of past runs.
    pub ledger: Ledger,
    /// The settings for the end of the program after a signal.
    pub shutdown: Shutdown,
    /// The sources, by name.
    pub sources: BTreeMap<String, Source>,
}

impl Config {
    /// Returns the names of the sources that are not built in.
    #[must_use]
    pub fn declared_sources(&self) -> Vec<String> {
        let sources = self.sources.values();
        let declared = sources.filter(|source| source.origin == Origin::Configuration);
        declared.map(|source| source.name.clone()).collect()
    }
}

/// The settings of the PostgreSQL database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `local` for the private local server, or a URL such as
    /// `postgresql://user:password@host/database?sslmode=verify-full`.
    pub url: SecretString,
    /// A file that contains the database's URL. Kubernetes mounts secrets as files.
    pub url_file: Option<PathBuf>,
    /// The directory for the data of the local server. `None` means the user's data directory,
    /// or a directory under `/var/lib` for root. If the program runs as root, it gives the
    /// directory to the server's user.
    pub directory: Option<PathBuf>,
    /// True if every command that uses the database first applies migrations.
    pub migrate: bool,
    /// True if the statements for pages are prepared. Set this to `false` for a pooler older than
    /// PgBouncer 1.21.
    pub prepare: bool,
    /// The longest time that connecting may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// The longest time that the server may spend on one statement.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// The longest time that a statement may wait for a lock.
    #[serde(with = "humantime_serde")]
    pub lock_timeout: Duration,
    /// The server ends a transaction of this program that is idle for this long. It must be
    /// less than `lease.ttl`, so that a run that lost its connection cannot block a takeover.
    #[serde(with = "humantime_serde")]
    pub idle_in_transaction_timeout: Duration,
    /// A connection is closed if bytes that were sent are not acknowledged for this long. A
    /// silent connection is probed after the same time.
    #[serde(with = "humantime_serde")]
    pub tcp_user_timeout: Duration,
    /// The commit of a page is retried for this long while the server is unavailable.
    #[serde(with = "humantime_serde")]
    pub retry_for: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: SecretString::from("local"),
            url_file: None,
            directory: None,
            migrate: true,
            prepare: true,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(60),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(20),
            tcp_user_timeout: Duration::from_secs(30),
            retry_for: Duration::from_secs(300),
        }
    }
}

/// The settings for requests to publishers.
///
/// A page above `max_body_bytes`, `max_decoded_bytes`, `max_items` or `max_members` is unreadable:
/// it is not requested again, and its first 64 KiB are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// The `User-Agent` of sources that do not declare one.
    pub user_agent: String,
    /// The longest time that connecting may take, including TLS.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// The longest time that a server may send nothing.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// The slowest speed at which a body may arrive; 0 means no limit. A slower body counts as a
    /// broken connection. The speed is measured each time that the waits for the server add up to
    /// `read_timeout`. So a body that is complete before that time is never too slow.
    pub min_bytes_per_minute: u64,
    /// The longest time from the request for a page to the last byte of its body.
    #[serde(with = "humantime_serde")]
    pub page_timeout: Duration,
    /// The name of the source whose `http.timeout` replaces `read_timeout` and `page_timeout`. It is
    /// no key of the configuration; messages about these limits name the key that sets them.
    #[serde(skip)]
    pub timeout_source: Option<String>,
    /// The largest body as it arrives, before decompression, in bytes.
    pub max_body_bytes: usize,
    /// The largest body after decompression, in bytes. It limits the memory of a page, also of a
    /// page with several documents of an index. The JSON of an index may take four times as much
    /// memory.
    pub max_decoded_bytes: usize,
    /// The largest file that is written to disk and read in pieces, in bytes. Files that are
    /// downloaded or arrive through a pipe are written to disk.
    pub max_file_bytes: u64,
    /// The largest number of items on a page that is held in memory as a whole. Releases in
    /// packages and records count too. Each item needs a kilobyte of memory, however small it is.
    /// Files are cut into pieces, so they may have any number of items.
    pub max_items: usize,
    /// The largest number of members in the archives of a body.
    pub max_members: usize,
    /// The largest ratio of an archive's decompressed size to its own size. The first MiB does
    /// not count. Release packages compress to between a tenth and a thirtieth of their size. An
    /// archive that compresses to less than a two-hundredth was probably made to do harm.
    pub max_ratio: u32,
    /// The largest number of attempts for a page, and of throttled requests in a row.
    pub attempts: u32,
    /// The wait before the second attempt. It doubles with each further attempt, and chance adds
    /// or subtracts up to half of it.
    #[serde(with = "humantime_serde")]
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    #[serde(with = "humantime_serde")]
    pub longest_wait: Duration,
    /// The longest `Retry-After` that the run waits for. If the server demands more, the run
    /// ends as rate limited, and a later run resumes it.
    #[serde(with = "humantime_serde")]
    pub longest_retry_after: Duration,
    /// The run ends as truncated if this many pages in a row are unreadable. A single bad page is
    /// skipped. But a site that returns a maintenance notice for every page is not worth further
    /// requests.
    pub unreadable_in_a_row: u32,
    /// True if a run gets past positions at which it would end each time: it steps over pages that
    /// the publisher refuses, skips stretches that a source declares, and begins anew if it is
    /// stuck. If false, only a person changes where a run continues.
    pub recover: bool,
    /// The largest number of pages of a chain. It stops a feed that makes new links without end.
    pub max_pages: u64,
    /// The largest number of pages that are fetched and not yet committed. It limits the
    /// memory, and the number of pages that are fetched again after a crash.
    pub ahead: usize,
    /// The largest size, in bytes, of the decoded documents of all pages that are fetched and not
    /// yet committed. A page that is larger than this limit is alone in memory.
    pub ahead_bytes: usize,
    /// This many pages of the previous run are remembered for conditional requests, counted from
    /// the first page. Each needs up to a kilobyte of memory, or up to six with links of the
    /// maximum length.
    pub remembered: u32,
}

impl Fetch {
    /// Returns the name of the key that sets `read_timeout`.
    #[must_use]
    pub fn read_timeout_key(&self) -> String {
        self.timeout_key("read_timeout")
    }

    /// Returns the name of the key that sets `page_timeout`.
    #[must_use]
    pub fn page_timeout_key(&self) -> String {
        self.timeout_key("page_timeout")
    }

    fn timeout_key(&self, name: &str) -> String {
        match &self.timeout_source {
            Some(source) => format!("sources.{source}.http.timeout"),
            None => format!("fetch.{name}"),
        }
    }
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            timeout_source: None,
            user_agent: concat!("ocds-ingest/", env!("CARGO_PKG_VERSION")).into(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            min_bytes_per_minute: 4_000,
            page_timeout: Duration::from_secs(300),
            max_body_bytes: 64 << 20,
            max_decoded_bytes: 256 << 20,
            max_file_bytes: 64 << 30,
            max_items: 250_000,
            max_members: 10_000,
            max_ratio: 200,
            attempts: 8,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            longest_retry_after: Duration::from_secs(300),
            unreadable_in_a_row: 3,
            recover: true,
            max_pages: 1_000_000,
            ahead: 8,
            ahead_bytes: 64 << 20,
            remembered: 20_000,
        }
    }
}

/// The settings for reading pages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extract {
    /// The deepest nesting of a stored release. PostgreSQL's own limit is the size of its
    /// stack, which differs between servers.
    pub max_depth: usize,
    /// The largest number of JSON values in a stored release: numbers, texts, booleans, nulls,
    /// arrays and objects. PostgreSQL needs hundreds of bytes of memory for each value while it
    /// parses a release. It rejects a release with 8 to 17 million values.
    pub max_values: usize,
}

impl Default for Extract {
    fn default() -> Self {
        Self {
            max_depth: 512,
            max_values: 1_000_000,
        }
    }
}

/// The settings for writing rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sink {
    /// The kind of statement that writes rows.
    pub method: Method,
    /// The largest number of rows in one statement.
    pub batch_size: usize,
    /// The largest size of the releases in one statement, in bytes of text.
    pub batch_bytes: usize,
    /// The number of pages that are committed at the same time, each on its own connection. Two
    /// pages keep two cores of a server busy.
    pub workers: usize,
    /// The largest share of a run's releases that may be rejected, from 0 to 1.
    pub max_bad_ratio: f64,
    /// A complete walk of a whole feed ends with exit code 5 if it saw fewer releases than this
    /// share of those that the complete walk before it saw, 0 to 1. With 0, it never does.
    pub min_ratio: f64,
    /// True if the contents that releases replace are kept in `ocds.release_history`.
    pub history: bool,
    /// The share of rejected releases is checked once the run has this many releases. It is also
    /// checked when the run ends.
    pub max_bad_after: u64,
}

/// The method that writes the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Each batch is one upsert of several rows.
    Upsert,
    /// All rows of a page are copied into a temporary table by a binary `COPY`, and one upsert
    /// writes them from there. It suits large pages.
    Copy,
    /// Each row is an upsert of its own, which is much slower. Use it to compare, or if a server
    /// has a problem with the other methods.
    Row,
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            method: Method::Upsert,
            batch_size: 100,
            batch_bytes: 8 << 20,
            workers: 2,
            max_bad_ratio: 0.15,
            min_ratio: 0.0,
            history: false,
            max_bad_after: 1_000,
        }
    }
}

/// The settings for compiling processes: for bringing the rows of each contracting process up to
/// date with its releases.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compile {
    /// The interval at which a run compiles the processes whose releases it has changed. It also
    /// compiles at its end. A first run, a backfill and a load compile only at their end, because a
    /// feed in the order of dates would have each process compiled once for each of its releases.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// The largest number of processes in one transaction.
    pub batch_processes: usize,
    /// The largest size of the releases in one transaction, in bytes as they are stored, which is
    /// about a third of their text. A process that is larger than this has a transaction of its own.
    pub batch_bytes: u64,
    /// The largest text of the releases of one process, in bytes. A larger process is not merged.
    /// Merging takes about seven times as much memory, so of the processes that are larger than
    /// `batch_bytes` only one at a time is compiled.
    pub max_process_bytes: usize,
    /// The number of transactions at the same time, each on its own connection.
    pub workers: usize,
    /// The command `compile` gives a source back after this time, so that a run that waits can
    /// begin, and then goes on. It is cut to half of `lease.ttl`, so that a waiting run does not
    /// give up.
    #[serde(with = "humantime_serde")]
    pub slice: Duration,
    /// The largest share of a source's releases that may be marked at once because the publisher
    /// no longer serves them. If it would be more, and more than a few, none is marked.
    pub absent_max: f64,
}

impl Default for Compile {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            batch_processes: 500,
            batch_bytes: 4 << 20,
            max_process_bytes: 48 << 20,
            workers: 2,
            slice: Duration::from_secs(30),
            absent_max: 0.1,
        }
    }
}

/// The settings for the end of the program after a signal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Pages that are fetched may still be committed for this long after the first signal. It
    /// must be less than 30 seconds, because Kubernetes then kills the process.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(25),
        }
    }
}

/// The settings of leases, which ensure that only one run writes a source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lease {
    /// The interval at which a run renews its lease. At each renewal, the run also verifies that
    /// the pages that it has committed since the last renewal are in the database.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// A run counts as dead if it has not renewed its lease for this long. If its database
    /// connection is closed, it counts as dead after two heartbeats. The shorter time does not
    /// apply with a pooler, because a pooler closes connections itself.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// A second run waits this long for the first run to end. It waits longer while it is not
    /// known whether the first run is alive: until that run renews its lease or counts as dead.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            ttl: Duration::from_secs(60),
            wait: Duration::from_secs(2),
        }
    }
}

/// The settings for records of past runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// The number of ended runs to keep for each source, with their pages and requests.
    pub keep_runs: u32,
    /// True if each HTTP request is recorded as a row of `ocds.request`.
    pub requests: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            keep_runs: 50,
            requests: true,
        }
    }
}

/// The parts of the configuration that the command line gives.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The files of `--config`. Later files override earlier ones.
    pub files: Vec<PathBuf>,
    /// The value of `--database-url`.
    pub database_url: Option<SecretString>,
}

/// Environment variables by name.
pub type Environment = HashMap<String, String>;

/// Reads the configuration of this process.
///
/// # Errors
///
/// Fails like [`load_from`].
pub fn load(overrides: &Overrides) -> Result<Config> {
    // A variable that is not UTF-8 cannot be a variable of this program.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    load_from(overrides, &environment)
}

/// Reads the configuration with the given environment.
///
/// # Errors
///
/// Fails if a file cannot be read, a key is unknown, a value is not valid, or two values
/// contradict each other. The message names the file and the key.
pub fn load_from(overrides: &Overrides, environment: &Environment) -> Result<Config> {
    let files = match &overrides.files[..] {
        [] if Path::new(DEFAULT_FILE).is_file() => &[PathBuf::from(DEFAULT_FILE)],
        files => files,
    };
    let mut builder = config::Config::builder();
    for file in files {
        check_file(file)?;
        let source = config::File::from(file.as_path());
        builder = builder.add_source(source.format(config::FileFormat::Toml));
    }
    let variables = environment_source(environment.clone());
    let merged = builder
        .add_source(database_url_variable(environment))
        .add_source(variables.prefix_separator("__").prefix("OCDS_INGEST"))
        .build()
        .map_err(|e| Error::config("read the configuration").with_source(e))?;
    let mut config: Config = serde_path_to_error::deserialize(merged)
        .map_err(|e| describe_environment_error(&e))
        .map_err(|e| e.context("read the OCDS_INGEST__ variables of the environment"))?;

    if let Some(file) = &config.database.url_file
        && !has_url_in_environment(environment)
    {
        let url = std::fs::read_to_string(file).map_err(|e| {
            Error::config(format!("read database.url_file {}", file.display())).with_source(e)
        })?;
        config.database.url = SecretString::from(url.trim());
    }
    if let Some(url) = &overrides.database_url {
        config.database.url = url.clone();
    }
    for (name, source) in built_in_sources()? {
        config.sources.entry(name).or_insert(source);
    }
    for (name, source) in &mut config.sources {
        source.name.clone_from(name);
        source
            .validate()
            .or_else(|(key, why)| reject_key(&format!("sources.{name}.{key}"), &why))?;
    }
    validate(&config)?;
    Ok(config)
}

/// Returns true if the environment contains a URL of the database and `url_file` comes from a
/// configuration file. The environment then has priority.
fn has_url_in_environment(environment: &Environment) -> bool {
    let has = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    let has_url = has("OCDS_INGEST__DATABASE__URL") || has("DATABASE_URL");
    has_url && !has("OCDS_INGEST__DATABASE__URL_FILE")
}

/// Returns the built-in sources.
///
/// # Errors
///
/// Fails if a file under `config/sources` is not a source. A test makes sure that no such file is
/// released.
pub fn built_in_sources() -> Result<BTreeMap<String, Source>> {
    BUILT_IN_SOURCES
        .files()
        .filter(|file| file.path().extension().is_some_and(|kind| kind == "toml"))
        .map(|file| {
            let path = file.path();
            let text = file.contents_utf8().ok_or_else(|| {
                Error::config(format!("config/sources/{} is not UTF-8", path.display()))
            })?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let mut source: Source =
                parse(text).map_err(|e| e.context(format!("config/sources/{}", path.display())))?;
            source.origin = Origin::BuiltIn;
            Ok((name.into_owned(), source))
        })
        .collect()
}

/// Returns `DATABASE_URL` as a configuration source of its own. Many platforms set this
/// variable.
fn database_url_variable(environment: &Environment) -> config::Environment {
    let url = environment.get("DATABASE_URL").cloned();
    let named = url.map(|url| ("DATABASE__URL".to_owned(), url));
    environment_source(named.into_iter().collect())
}

fn environment_source(environment: Environment) -> config::Environment {
    config::Environment::default()
        .separator("__")
        .ignore_empty(true)
        .source(Some(environment))
}

/// Parses a file alone, so that an error names this file and not the whole configuration.
fn check_file(file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::config(format!("read {}", file.display())).with_source(e))?;
    let parsed = parse::<Config>(&text).map(drop);
    parsed.map_err(|e| e.context(file.display().to_string()))
}

/// Parses TOML. An error names the key, or the line of a syntax error. It does not quote the
/// line, because the line may contain a password.
fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    let deserializer = toml::Deserializer::parse(text).map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        Error::config(format!("line {line}: {}", e.message()))
    })?;
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let key = e.path().to_string();
        let message = remove_value(e.inner().message());
        Error::config(format!("key `{key}`: {message}"))
    })
}

/// Converts an error in the environment, and names the key.
fn describe_environment_error(error: &serde_path_to_error::Error<config::ConfigError>) -> Error {
    let key = error.path().to_string();
    let message = error.inner().to_string();
    // The message ends with the key as well.
    let message = message.split(" for key `").next().unwrap_or_default();
    Error::config(format!("key `{key}`: {}", remove_value(message)))
}

/// Removes the rejected value from serde's message. It may be a secret in the wrong place, such
/// as the database URL as the value of `database`.
fn remove_value(message: &str) -> String {
    if let Some(variant) = message.strip_prefix("unknown variant ") {
        let expected = variant.rsplit_once(", expected ");
        return expected.map_or_else(
            || "is not a known value".to_owned(),
            |(_, expected)| format!("expected {expected}"),
        );
    }
    let found = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    match found.and_then(|found| found.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            let kind = found.split(['"', '`']).next().unwrap_or_default();
            format!("expected {expected}, found this {}", kind.trim_end())
        }
        None if found.is_some() => "is invalid".to_owned(),
        None => message.to_owned(),
    }
}

/// The longest duration that a key may have. It is longer than any useful wait, and short enough
/// to be added to a clock.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

/// The largest value of `fetch.ahead`. No machine can hold as many pages.
const MAX_AHEAD: usize = 10_000;

/// Checks the rules that involve more than one key, and the limits of single values.
fn validate(config: &Config) -> Result<()> {
    let (database, fetch, sink) = (&config.database, &config.fetch, &config.sink);
    let lease = &config.lease;
    if database.url.expose_secret().is_empty() {
        return reject_key("database.url", "must not be empty");
    }
    if sink.batch_size == 0 || sink.workers == 0 {
        return reject_key("sink.batch_size and sink.workers", "must be at least 1");
    }
    if !(0.0..=1.0).contains(&sink.max_bad_ratio) {
        return reject_key("sink.max_bad_ratio", "must be between 0 and 1");
    }
    if !(0.0..=1.0).contains(&sink.min_ratio) {
        return reject_key("sink.min_ratio", "must be between 0 and 1");
    }
    let compile = &config.compile;
    if !(0.0..=1.0).contains(&compile.absent_max) {
        return reject_key("compile.absent_max", "must be between 0 and 1");
    }
    if compile.batch_processes == 0 || compile.workers == 0 {
        let keys = "compile.batch_processes and compile.workers";
        return reject_key(keys, "must be at least 1");
    }
    let second = Duration::from_secs(1);
    if compile.interval < second || compile.slice < second {
        let keys = "compile.interval and compile.slice";
        return reject_key(keys, "must be at least a second");
    }
    let counts = [fetch.attempts, fetch.unreadable_in_a_row];
    if counts.contains(&0) || fetch.ahead == 0 || fetch.max_pages == 0 {
        let keys = "fetch.attempts, fetch.ahead, fetch.max_pages and fetch.unreadable_in_a_row";
        return reject_key(keys, "must be at least 1");
    }
    if fetch.ahead < sink.workers {
        let rule = "must be at least sink.workers, so that every worker can have a page";
        return reject_key("fetch.ahead", rule);
    }
    if lease.heartbeat.is_zero() || lease.heartbeat * 2 > lease.ttl {
        let rule = "must be more than 0 and at most half of lease.ttl";
        return reject_key("lease.heartbeat", rule);
    }
    if database.idle_in_transaction_timeout >= lease.ttl {
        let key = "database.idle_in_transaction_timeout";
        return reject_key(key, "must be less than lease.ttl");
    }
    check_bounds(config)?;
    for (name, source) in &config.sources {
        for (key, length) in [
            ("timeout", source.http.timeout),
            ("retry_wait", source.http.retry_wait),
        ] {
            if length.is_some_and(|length| length > MAX_DURATION) {
                let key = format!("sources.{name}.http.{key}");
                return reject_key(&key, "must be at most a year");
            }
        }
    }
    Ok(())
}

/// Checks that numbers are in the ranges of PostgreSQL, the clock and the memory.
fn check_bounds(config: &Config) -> Result<()> {
    let (database, fetch, sink) = (&config.database, &config.fetch, &config.sink);
    let compile = &config.compile;
    for (key, limit) in [
        ("statement", database.statement_timeout),
        ("lock", database.lock_timeout),
        ("idle_in_transaction", database.idle_in_transaction_timeout),
    ] {
        // For PostgreSQL 0 means no limit, and larger values do not fit into its integer.
        if !(1..=i32::MAX as u128).contains(&limit.as_millis()) {
            let key = format!("database.{key}_timeout");
            return reject_key(&key, "must be between 1 ms and 24 days");
        }
    }
    for (key, length) in [
        ("fetch.read_timeout", fetch.read_timeout),
        ("database.retry_for", database.retry_for),
        ("lease.ttl", config.lease.ttl),
        ("lease.wait", config.lease.wait),
        ("shutdown.grace", config.shutdown.grace),
        ("compile.interval", config.compile.interval),
        ("compile.slice", config.compile.slice),
    ] {
        if length > MAX_DURATION {
            return reject_key(key, "must be at most a year");
        }
    }
    if !(1..=MAX_ITEMS).contains(&fetch.max_items) {
        return reject_key("fetch.max_items", "must be between 1 and 1,000,000");
    }
    if fetch.ahead > MAX_AHEAD || sink.workers > MAX_AHEAD {
        return reject_key("fetch.ahead and sink.workers", "must be at most 10,000");
    }
    if compile.batch_processes > MAX_AHEAD || compile.workers > MAX_AHEAD {
        let keys = "compile.batch_processes and compile.workers";
        return reject_key(keys, "must be at most 10,000");
    }
    Ok(())
}

fn reject_key(key: &str, rule: &str) -> Result<()> {
    Err(Error::config(format!("key `{key}`: {rule}")))
}
