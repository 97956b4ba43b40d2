//! Configuration: built-in defaults, then files, then the environment.
//!
//! | rank | where | what |
//! |---|---|---|
//! | 1 | built in | the defaults below, and the sources of `config/sources` |
//! | 2 | `./ocds-ingest.toml`, or each `--config FILE` in turn | any key |
//! | 3 | `DATABASE_URL` | `database.url` |
//! | 4 | `OCDS_INGEST__SECTION__KEY` | any key, such as `OCDS_INGEST__SINK__WORKERS` |
//! | 5 | `--database-url URL` | `database.url` |
//!
//! A key that is unknown or does not fit is an error that names file and key.
//! Every bound of the program is a key here, with a default and its reason.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use include_dir::{Dir, include_dir};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::json::MOST_ITEMS;
use crate::source::{Origin, Source};

/// The sources built into the program, one file each.
static BUILT_IN_SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config/sources");

/// The file read when no `--config` is given and it is there.
const DEFAULT_FILE: &str = "ocds-ingest.toml";

/// Everything the program can be told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The PostgreSQL that is written.
    pub database: Database,
    /// How publishers are asked.
    pub fetch: Fetch,
    /// How pages are read.
    pub extract: Extract,
    /// How rows are written.
    pub sink: Sink,
    /// How runs of one source keep out of each other's way.
    pub lease: Lease,
    /// What is remembered.
    pub ledger: Ledger,
    /// How the program ends when it is told to.
    pub shutdown: Shutdown,
    /// The publishers' feeds, by name.
    pub sources: BTreeMap<String, Source>,
}

impl Config {
    /// The names of the sources that are not built into the program.
    #[must_use]
    pub fn declared_sources(&self) -> Vec<String> {
        let declared = self
            .sources
            .values()
            .filter(|source| source.origin == Origin::Configuration);
        declared.map(|source| source.name.clone()).collect()
    }
}

/// The PostgreSQL that is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `local`, or `postgresql://user:password@host/database?sslmode=verify-full`.
    pub url: SecretString,
    /// A file that holds the URL instead, as Kubernetes mounts secrets.
    pub url_file: Option<PathBuf>,
    /// Where the local server keeps its data; `None` is the user's data
    /// directory, or one under `/var/lib` for root. Root gives it to the server's user.
    pub directory: Option<PathBuf>,
    /// Whether every command that uses the database applies migrations first.
    pub migrate: bool,
    /// Whether the statements that pages share are prepared; `false` suits a
    /// pooler older than PgBouncer 1.21.
    pub prepare: bool,
    /// How long connecting may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long the server may work on one statement.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock.
    #[serde(with = "humantime_serde")]
    pub lock_timeout: Duration,
    /// How long a transaction of ours may sit idle before the server ends it;
    /// below `lease.ttl`, so that no lost holder blocks a takeover.
    #[serde(with = "humantime_serde")]
    pub idle_in_transaction_timeout: Duration,
    /// How long sent bytes may stay unacknowledged before the connection is
    /// given up, and how long it may be silent before it is probed.
    #[serde(with = "humantime_serde")]
    pub tcp_user_timeout: Duration,
    /// How long a page's commit is tried again while the server is away.
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

/// How publishers are asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Sent as `User-Agent`, unless the source says otherwise.
    pub user_agent: String,
    /// How long connecting may take, TLS included.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long a server may send nothing.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// A body that arrives more slowly is a broken connection, and 0 lets it be as slow as
    /// it is. The speed is measured whenever its server has kept us waiting for
    /// `read_timeout` in all, so a body that is over sooner is never slow.
    pub min_bytes_per_minute: u64,
    /// How long a page may take from request to last byte.
    #[serde(with = "humantime_serde")]
    pub page_timeout: Duration,
    /// The largest body that is read, as it comes over the wire. A larger page
    /// is unreadable: it is not asked for again, and its first 64 KiB are kept.
    pub max_body_bytes: usize,
    /// The largest body that is read, after decompression; it is what bounds
    /// the memory of a page, one of several documents of an index included. A larger
    /// page is unreadable in the same way. The JSON of an index may take four times as
    /// much in memory.
    pub max_decoded_bytes: usize,
    /// The largest file that is put on disk to be read in pieces: one that is
    /// downloaded, or comes through a pipe.
    pub max_file_bytes: u64,
    /// How many items a page may have that is held whole; the releases within packages
    /// and records count too. Each takes a kilobyte of memory, however small it is. A
    /// page with more is unreadable in the same way. Files are cut into pieces, and may
    /// have any number.
    pub max_items: usize,
    /// How many members the archives of a body may have. A body with more is too
    /// large.
    pub max_members: usize,
    /// How many times its own size an archive may decompress to, beyond its first
    /// MiB. Packages of releases shrink to a tenth or a thirtieth; what shrinks to
    /// a two-hundredth was made to be large.
    pub max_ratio: u32,
    /// How many times a page is asked for before it is given up.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each further one,
    /// give or take half.
    #[serde(with = "humantime_serde")]
    pub first_wait: Duration,
    /// The longest of those waits.
    #[serde(with = "humantime_serde")]
    pub longest_wait: Duration,
    /// The longest `Retry-After` that is waited out; a longer one ends the run
    /// as rate limited, to be resumed.
    #[serde(with = "humantime_serde")]
    pub longest_retry_after: Duration,
    /// How many pages in a row may be unreadable before the run ends as
    /// truncated: one bad page is worth stepping over, a site that serves its
    /// maintenance notice in place of every page is not.
    pub unreadable_in_a_row: u32,
    /// The most pages that a chain may have: a feed whose links lead on for ever says
    /// something new on each page.
    pub max_pages: u64,
    /// How many pages may be fetched and not yet committed. It bounds memory,
    /// and how many pages a killed run fetches again.
    pub ahead: usize,
    /// How many bytes of decoded documents such pages may have together. A page that
    /// has more by itself is fetched alone.
    pub ahead_bytes: usize,
    /// How many pages of the run before are remembered, to ask whether they have
    /// changed: the first so many. Each takes a kilobyte or less, and six where
    /// links are as long as they may be.
    pub remembered: u32,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
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
            max_pages: 1_000_000,
            ahead: 8,
            ahead_bytes: 64 << 20,
            remembered: 20_000,
        }
    }
}

/// How pages are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extract {
    /// The deepest nesting of a release that is stored. PostgreSQL's own limit
    /// is its stack, which differs from server to server.
    pub max_depth: usize,
    /// The most JSON values that a stored release holds: numbers, texts, booleans,
    /// nulls, arrays and objects. PostgreSQL takes hundreds of bytes of memory for each
    /// while it reads a release, and refuses one of 8 to 17 million.
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

/// How rows are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sink {
    /// One statement for a batch, or one for each row.
    pub method: Method,
    /// The most rows of one statement.
    pub batch_size: usize,
    /// The most bytes of release text in one statement.
    pub batch_bytes: usize,
    /// How many pages are committed at once, each on a connection of its own.
    /// Two keep two cores of a server busy.
    pub workers: usize,
    /// The largest share of a run's releases that may be rejected, 0 to 1.
    pub max_bad_ratio: f64,
    /// How many releases a run must have seen before the share is looked at;
    /// it is looked at once more when the run ends.
    pub max_bad_after: u64,
}

/// How the rows of a batch are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// One multi-row upsert for the batch.
    Upsert,
    /// Binary `COPY` of all rows of a page into a temporary table, and one upsert
    /// from there; the better the larger the pages are.
    Copy,
    /// One upsert for each row: slower by far; for comparison, and as the way
    /// back if a server misbehaves.
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
            max_bad_after: 1_000,
        }
    }
}

/// How the program ends when it is told to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long after the first signal what was fetched may still be committed. Below
    /// the 30 seconds after which Kubernetes kills.
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

/// How runs of one source keep out of each other's way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lease {
    /// A run renews its lease at this interval, and verifies that what was committed since
    /// is in the database.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// A run is dead that has not renewed its lease for this long. One whose backend is gone
    /// is dead after two intervals, unless a pooler is between, which closes backends.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// A second run waits this long for the first to end, and longer while nobody knows
    /// whether the first is alive: until it renews its lease, or is dead.
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

/// What is remembered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// How many ended runs of a source are kept, with their pages and requests.
    pub keep_runs: u32,
    /// Whether each HTTP request is a row of `ocds.request`.
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

/// What the command line says about configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The files of `--config`, later ones over earlier ones.
    pub files: Vec<PathBuf>,
    /// The value of `--database-url`.
    pub database_url: Option<SecretString>,
}

/// The variables of an environment.
pub type Environment = HashMap<String, String>;

/// Reads the configuration of this process.
///
/// # Errors
/// Those of [`load_from`].
pub fn load(overrides: &Overrides) -> Result<Config> {
    // A variable that is not UTF-8 is none of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    load_from(overrides, &environment)
}

/// Reads the configuration of a process with that environment.
///
/// # Errors
/// A file that cannot be read, a key that is unknown or does not fit, or values
/// that cannot hold together; the message names file and key.
pub fn load_from(overrides: &Overrides, environment: &Environment) -> Result<Config> {
    let files = match &overrides.files[..] {
        [] => Some(PathBuf::from(DEFAULT_FILE))
            .into_iter()
            .filter(|file| file.is_file())
            .collect(),
        files => files.to_vec(),
    };
    let mut builder = config::Config::builder();
    for file in &files {
        check_alone(file)?;
        builder =
            builder.add_source(config::File::from(file.as_path()).format(config::FileFormat::Toml));
    }
    let merged = builder
        .add_source(plain_database_url(environment))
        .add_source(
            variables(environment.clone())
                .prefix_separator("__")
                .prefix("OCDS_INGEST"),
        )
        .build()
        .map_err(|e| Error::config("read the configuration").with_source(e))?;
    let mut config: Config = serde_path_to_error::deserialize(merged)
        .map_err(|e| unfit(&e).context("the environment's OCDS_INGEST__ names"))?;

    if let Some(file) = &config.database.url_file
        && !has_nearer_url(environment)
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
            .or_else(|(key, why)| wrong(&format!("sources.{name}.{key}"), &why))?;
    }
    validate(&config)?;
    Ok(config)
}

/// Whether the environment has a URL, and the file that holds one was named
/// farther away, in a configuration file.
fn has_nearer_url(environment: &Environment) -> bool {
    let has = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    let has_url = has("OCDS_INGEST__DATABASE__URL") || has("DATABASE_URL");
    has_url && !has("OCDS_INGEST__DATABASE__URL_FILE")
}

/// The sources built into the program.
///
/// # Errors
/// A file under `config/sources` is not a source; a test keeps that from
/// being released.
pub fn built_in_sources() -> Result<BTreeMap<String, Source>> {
    BUILT_IN_SOURCES
        .files()
        .filter(|file| file.path().extension().is_some_and(|kind| kind == "toml"))
        .map(|file| {
            let path = file.path();
            let text = file.contents_utf8().ok_or_else(|| {
                Error::config(format!("config/sources/{} is not UTF-8", path.display()))
            })?;
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let mut source: Source =
                parse(text).map_err(|e| e.context(format!("config/sources/{}", path.display())))?;
            source.origin = Origin::BuiltIn;
            Ok((name, source))
        })
        .collect()
}

/// `DATABASE_URL`, which many platforms set, as a configuration of its own.
fn plain_database_url(environment: &Environment) -> config::Environment {
    let url = environment.get("DATABASE_URL").cloned();
    let named = url.map(|url| ("DATABASE__URL".to_owned(), url));
    variables(named.into_iter().collect())
}

fn variables(environment: Environment) -> config::Environment {
    config::Environment::default()
        .separator("__")
        .ignore_empty(true)
        .source(Some(environment))
}

/// Reads a file by itself, so that what is wrong with it is said of it and not
/// of all the configuration.
fn check_alone(file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::config(format!("read {}", file.display())).with_source(e))?;
    parse::<Config>(&text)
        .map(drop)
        .map_err(|e| e.context(file.display().to_string()))
}

/// Reads TOML; an error names the key, or the line of what is not TOML. It does
/// not quote the line, which may hold a password.
fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    let deserializer = toml::Deserializer::parse(text).map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start));
        let line = before.unwrap_or_default().matches('\n').count() + 1;
        Error::config(format!("line {line}: {}", e.message()))
    })?;
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let key = e.path().to_string();
        let message = without_value(e.inner().message());
        Error::config(format!("key `{key}`: {message}"))
    })
}

/// What is wrong with the environment, by its key.
fn unfit(error: &serde_path_to_error::Error<config::ConfigError>) -> Error {
    let key = error.path().to_string();
    let message = error.inner().to_string();
    // which ends with the key as well
    let message = message.split(" for key `").next().unwrap_or_default();
    Error::config(format!("key `{key}`: {}", without_value(message)))
}

/// serde's message without the value that does not fit: it may be a secret in the
/// wrong place, such as a database's URL in that of its table.
fn without_value(message: &str) -> String {
    if let Some(variant) = message.strip_prefix("unknown variant ") {
        let expected = variant.rsplit_once(", expected ");
        return expected.map_or_else(
            || "is none of those that are known".to_owned(),
            |(_, expected)| format!("expected {expected}"),
        );
    }
    let found = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    match found.and_then(|found| found.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            let kind = found.split(['"', '`']).next().unwrap_or_default();
            format!("expected {expected}, and not this {}", kind.trim_end())
        }
        None if found.is_some() => "does not fit".to_owned(),
        None => message.to_owned(),
    }
}

/// Longer than anybody waits, and short enough to be added to a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// More pages than any machine holds.
const MOST_AHEAD: usize = 10_000;

/// What no single key can tell by itself.
fn validate(config: &Config) -> Result<()> {
    let Config {
        database,
        fetch,
        sink,
        lease,
        ..
    } = config;
    if database.url.expose_secret().is_empty() {
        return wrong("database.url", "is empty");
    }
    if sink.batch_size == 0 || sink.workers == 0 {
        return wrong("sink.batch_size and sink.workers", "are at least 1");
    }
    if !(0.0..=1.0).contains(&sink.max_bad_ratio) {
        return wrong("sink.max_bad_ratio", "is between 0 and 1");
    }
    let counts = [
        u64::from(fetch.attempts),
        fetch.ahead as u64,
        fetch.max_pages,
    ];
    if counts.contains(&0) || fetch.unreadable_in_a_row == 0 {
        return wrong(
            "fetch.attempts, fetch.ahead, fetch.max_pages and fetch.unreadable_in_a_row",
            "are at least 1",
        );
    }
    if fetch.ahead < sink.workers {
        return wrong(
            "fetch.ahead",
            "is at least sink.workers, or a worker never has a page",
        );
    }
    if lease.heartbeat.is_zero() || lease.heartbeat * 2 > lease.ttl {
        return wrong(
            "lease.heartbeat",
            "is more than 0 and at most half of lease.ttl",
        );
    }
    if database.idle_in_transaction_timeout >= lease.ttl {
        return wrong("database.idle_in_transaction_timeout", "is below lease.ttl");
    }
    check_bounds(config)?;
    for (name, source) in &config.sources {
        for (key, length) in [
            ("timeout", source.http.timeout),
            ("retry_wait", source.http.retry_wait),
        ] {
            if length.is_some_and(|length| length > LONGEST) {
                return wrong(&format!("sources.{name}.http.{key}"), "is at most a year");
            }
        }
    }
    Ok(())
}

/// Numbers that PostgreSQL, a clock or memory could not take.
fn check_bounds(config: &Config) -> Result<()> {
    let Config {
        database,
        fetch,
        sink,
        lease,
        shutdown,
        ..
    } = config;
    for (key, limit) in [
        ("statement_timeout", database.statement_timeout),
        ("lock_timeout", database.lock_timeout),
        (
            "idle_in_transaction_timeout",
            database.idle_in_transaction_timeout,
        ),
    ] {
        // to PostgreSQL none is no limit, and more does not fit
        if !(1..=i32::MAX as u128).contains(&limit.as_millis()) {
            return wrong(&format!("database.{key}"), "is between 1 ms and 24 days");
        }
    }
    for (key, length) in [
        ("fetch.read_timeout", fetch.read_timeout),
        ("database.retry_for", database.retry_for),
        ("lease.ttl", lease.ttl),
        ("lease.wait", lease.wait),
        ("shutdown.grace", shutdown.grace),
    ] {
        if length > LONGEST {
            return wrong(key, "is at most a year");
        }
    }
    if !(1..=MOST_ITEMS).contains(&fetch.max_items) {
        return wrong("fetch.max_items", "is between 1 and 1,000,000");
    }
    if fetch.ahead > MOST_AHEAD || sink.workers > MOST_AHEAD {
        return wrong("fetch.ahead and sink.workers", "are at most 10,000");
    }
    Ok(())
}

fn wrong(key: &str, rule: &str) -> Result<()> {
    Err(Error::config(format!("key `{key}`: {rule}")))
}
