//! Where benchmarks are run: a durable server of their own, with the
//! settings that the program gives its local server, and figures taken side by
//! side. What a figure is of, each benchmark knows.

use std::fmt::Debug;
use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use ocds_ingest::config::Config;
use ocds_ingest::database::Database;
use ocds_ingest::database::local::{self, Options, Server};
use secrecy::SecretString;
use tempfile::TempDir;

/// A benchmark ends at the first error and prints it.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What the server has beside its usual settings: no checkpoint and no vacuum
/// comes in the middle of a measurement, and old log files are used again.
const SETTINGS: [(&str, &str); 5] = [
    ("max_wal_size", "16GB"),
    ("min_wal_size", "4GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
    ("max_connections", "30"),
];

/// A server with our schema, in a directory below `TMPDIR` that goes with it.
pub(crate) struct BenchServer {
    pub(crate) config: Config,
    pub(crate) database: Database,
    server: Server,
    _directory: TempDir,
}

impl BenchServer {
    pub(crate) async fn start() -> Result<Self> {
        let directory = tempfile::tempdir().expect("a directory below TMPDIR");
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let server = Server::start(&Options {
            settings: settings.into(),
            ..Options::new(directory.path().to_owned())
        })
        .await?;
        let mut config = Config::default();
        config.database.url = SecretString::from(server.url(local::DATABASE));
        let database = Database::open(&config.database, config.sink.workers + 2).await?;
        database.migrate().await?;
        Ok(Self {
            config,
            database,
            server,
            _directory: directory,
        })
    }

    /// Empties all tables, so that the next measurement begins where the last did.
    pub(crate) async fn empty(&self) -> Result<()> {
        let tables = "truncate ocds.release, ocds.quarantine, ocds.run cascade";
        Ok(self
            .database
            .connection()
            .await?
            .batch_execute(tables)
            .await?)
    }

    /// How long something takes that begins with nothing left to write out.
    pub(crate) async fn time<T>(
        &self,
        what: impl Future<Output = Result<T>>,
    ) -> Result<(Duration, T)> {
        let connection = self.database.connection().await?;
        connection.batch_execute("checkpoint").await?;
        drop(connection);
        let began = Instant::now();
        let result = what.await?;
        Ok((began.elapsed(), result))
    }

    /// One number that the database is asked for.
    pub(crate) async fn count(&self, sql: &str) -> Result<i64> {
        let connection = self.database.connection().await?;
        Ok(connection.query_one(sql, &[]).await?.try_get(0)?)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.database.close().await?;
        Ok(self.server.stop().await?)
    }
}

/// Rates of several methods, one for each round, in which all methods take turns: what
/// else the machine does meanwhile slows them all.
#[derive(Default)]
pub(crate) struct Rates(Vec<(String, Vec<f64>)>);

impl Rates {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 52 bits"
    )]
    pub(crate) fn add(&mut self, method: &str, rows: usize, duration: Duration) {
        let rate = rows as f64 / duration.as_secs_f64();
        match self.0.iter_mut().find(|(name, _)| name == method) {
            Some((_, rates)) => rates.push(rate),
            None => self.0.push((method.to_owned(), vec![rate])),
        }
    }

    /// The median over the rounds of one method's rate over another's.
    pub(crate) fn ratio(&self, method: &str, base: &str) -> f64 {
        let rates = self.find_rates(method).iter().zip(self.find_rates(base));
        median(rates.map(|(rate, base)| rate / base).collect())
    }

    /// A method's median, in rows a second.
    pub(crate) fn rate(&self, method: &str) -> f64 {
        median(self.find_rates(method).to_vec())
    }

    fn find_rates(&self, method: &str) -> &[f64] {
        let found = self.0.iter().find(|(name, _)| name == method);
        found.map_or(&[], |(_, rates)| rates)
    }
}

/// Every method's median, and its ratio to one of them. Rates of the same methods in
/// several circumstances are side by side, each below its title.
pub(crate) fn print_rates(base: &str, columns: &[(&str, &Rates)]) {
    let most = columns.iter().map(|(_, rates)| &rates.0);
    let methods = most
        .max_by_key(|methods| methods.len())
        .into_iter()
        .flatten();
    let names: Vec<&str> = methods.map(|(name, _)| &**name).collect();
    let width = 4 + names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or_default();
    let line = |name: &str, figures: &dyn Fn(&(&str, &Rates)) -> String| {
        let figures: String = columns.iter().map(figures).collect();
        println!("{}", format!("{name:<width$}{figures}").trim_end());
    };
    line("", &|(title, _)| format!("{title:>19}"));
    line("", &|_| format!("{:>10}{:>9}", "rows/s", "ratio"));
    for name in names {
        line(name, &|(_, rates)| match rates.rate(name) {
            rate if rate.is_nan() => format!("{:>10}{:>9}", "-", "-"),
            rate => format!("{rate:>10.0}{:>9.2}", rates.ratio(name, base)),
        });
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// Says what a figure has to be, and whether it is.
pub(crate) fn check_goal(what: &str, figure: f64, wanted: impl RangeBounds<f64> + Debug) {
    let word = if wanted.contains(&figure) {
        "met"
    } else {
        "MISSED"
    };
    println!("{what:<58}{figure:>10.2}  of {wanted:?}: {word}");
}
