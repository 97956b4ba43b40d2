//! Starts the PostgreSQL server that the benchmarks write to. It is durable and has the settings
//! of the program's local server.

use std::time::{Duration, Instant};

use ocds_ingest::compile;
use ocds_ingest::config::Config;
use ocds_ingest::database::Database;
use ocds_ingest::database::local::{self, Options, Server};
use secrecy::SecretString;
use tempfile::TempDir;

/// The result of a benchmark's function. A benchmark ends at the first error and prints it.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Settings that keep checkpoints and vacuum out of the measurements, and make the server reuse
/// old log files.
const SETTINGS: [(&str, &str); 5] = [
    ("max_wal_size", "16GB"),
    ("min_wal_size", "4GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
    ("max_connections", "30"),
];

/// A server whose database has the schema `ocds`. Its files are in a temporary directory in
/// `TMPDIR`.
pub(crate) struct BenchServer {
    #[allow(dead_code, reason = "not all benchmarks run the program")]
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

    /// Empties all tables, so that every measurement begins with the same state.
    pub(crate) async fn empty(&self) -> Result<()> {
        let of_processes = compile::tables().iter().map(|table| table.label);
        let tables = [
            "ocds.release",
            "ocds.publisher_compiled",
            "ocds.quarantine",
            "ocds.run",
            "ocds.compile_queue",
            "ocds.source",
        ];
        let tables: Vec<&str> = tables.into_iter().chain(of_processes).collect();
        let truncate = format!("truncate {} cascade", tables.join(", "));
        Ok(self
            .database
            .connection()
            .await?
            .batch_execute(&truncate)
            .await?)
    }

    /// Measures how long `work` takes. A checkpoint comes before the measurement, so that no
    /// older data are written during it.
    pub(crate) async fn time<T>(
        &self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<(Duration, T)> {
        let connection = self.database.connection().await?;
        connection.batch_execute("checkpoint").await?;
        drop(connection);
        let began = Instant::now();
        let result = work.await?;
        Ok((began.elapsed(), result))
    }

    /// Reads one number from the database.
    pub(crate) async fn count(&self, sql: &str) -> Result<i64> {
        let connection = self.database.connection().await?;
        Ok(connection.query_one(sql, &[]).await?.try_get(0)?)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.database.close().await?;
        Ok(self.server.stop().await?)
    }
}
