//! Writes rows by several methods: loops with tokio-postgres alone, and statements of many rows
//! with `bulk`.

use std::ops::Range;
use std::time::Duration;

use ocds_ingest::bulk::{
    self, Batching, Method, OnFailure, Operation, Plan, Report, Rows, Session, Transaction,
};
use ocds_ingest::config;
use ocds_ingest::database::{Connection, Database};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Statement;
use tokio_postgres::config::Host;
use tokio_postgres::types::ToSql;

use crate::proxy::Proxy;
use crate::server::{BenchServer, Result};

/// The time that a loop may need. A loop writes only as many rows as fit into this time.
const LOOP_LIMIT: Duration = Duration::from_secs(4);

/// The maximum number of rows that a loop writes, even if a round trip is very short.
const MAX_LOOP_ROWS: usize = 1_000;

/// The value of a parameter of a loop's statement.
pub(crate) type Value<'r> = &'r (dyn ToSql + Sync);

/// A function that encodes the shared values and a range of the rows.
type Encode<'r> = Box<dyn Fn(Range<usize>) -> Result<(Rows, Rows)> + 'r>;

/// Rows in memory, and the statements that write them.
pub(crate) struct Job<'r> {
    /// The statements that fill the table before the measurement.
    pub(crate) fill_sql: String,
    pub(crate) plan: Plan,
    pub(crate) encode: Encode<'r>,
    /// The statement that a loop executes for each row.
    pub(crate) sql: String,
    pub(crate) values: Vec<Vec<Value<'r>>>,
}

impl Job<'_> {
    /// Returns the mean length of an encoded row in bytes.
    pub(crate) fn byte_count(&self) -> Result<usize> {
        let (_, rows) = (self.encode)(0..self.values.len())?;
        Ok(rows.byte_count() / rows.len())
    }
}

/// A method of writing rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WriteMethod {
    /// A loop executes `begin`, the statement of one row, and `commit`.
    Loop,
    /// A loop executes the statement of one row, and the server commits each row.
    Autocommit,
    /// A loop executes the statement of one row. The whole loop is one transaction.
    OneTransaction,
    /// Statements of this many rows are executed in one transaction.
    Batches(usize),
    /// Statements of this many rows are executed, each in a transaction of its own.
    Commits(usize),
    /// The rows are written by `COPY` in one transaction.
    Copy,
}

impl WriteMethod {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Loop => "loop with commits".into(),
            Self::Autocommit => "loop of autocommit".into(),
            Self::OneTransaction => "loop in one transaction".into(),
            Self::Batches(rows) => format!("{rows} a statement"),
            Self::Commits(rows) => format!("{rows} a statement, commits"),
            Self::Copy => "COPY".into(),
        }
    }

    /// Returns the number of round trips for each row, or `None` if the method is not a loop.
    fn round_trips(self) -> Option<u32> {
        match self {
            Self::Loop => Some(3),
            Self::Autocommit | Self::OneTransaction => Some(1),
            Self::Batches(_) | Self::Commits(_) | Self::Copy => None,
        }
    }

    fn batching(self) -> Batching {
        let batching = Batching::default();
        match self {
            Self::Batches(rows) | Self::Commits(rows) => Batching { rows, ..batching },
            _ => Batching {
                method: Method::Copy,
                ..batching
            },
        }
    }
}

pub(crate) struct Measurement {
    pub(crate) rows: usize,
    /// The number of statements with rows.
    pub(crate) statements: u64,
    pub(crate) time: Duration,
}

/// A connection to the server. Statements stay prepared on it.
pub(crate) struct Link {
    database: Database,
    settings: config::Database,
    /// The delay that is added to each round trip.
    delay: Duration,
}

impl Link {
    /// Connects to the server's own socket. If there is a delay, connects to a slow proxy
    /// instead.
    pub(crate) async fn open(server: &BenchServer, delay: Duration) -> Result<Self> {
        let mut settings = server.config.database.clone();
        if !delay.is_zero() {
            settings.url =
                SecretString::from(start_slow_proxy(settings.url.expose_secret(), delay)?);
        }
        Ok(Self {
            database: Database::open(&settings, 1).await?,
            settings,
            delay,
        })
    }

    pub(crate) fn name(&self) -> String {
        format!("{} ms", self.delay.as_millis())
    }

    /// Returns the number of rows that a method writes. It is at most `rows`.
    pub(crate) fn limit_rows(&self, method: WriteMethod, rows: usize) -> usize {
        let Some(round_trips) = method.round_trips() else {
            return rows;
        };
        let each = (self.delay * round_trips).as_micros().max(1);
        let most = usize::try_from(LOOP_LIMIT.as_micros() / each).unwrap_or(MAX_LOOP_ROWS);
        rows.min(most).min(MAX_LOOP_ROWS)
    }

    /// Does a job by a method and measures it. The table is in the same state before each
    /// measurement.
    pub(crate) async fn measure(
        &self,
        server: &BenchServer,
        job: &Job<'_>,
        method: WriteMethod,
    ) -> Result<Measurement> {
        server.empty().await?;
        let connection = server.database.connection().await?;
        connection.batch_execute(&job.fill_sql).await?;
        drop(connection);
        let rows = self.limit_rows(method, job.values.len());
        let measurement = match method.round_trips() {
            Some(_) => self.write_row_by_row(server, job, method, rows).await?,
            None => self.write_sets(server, job, method).await?,
        };
        assert_eq!(measurement.rows, rows, "all rows are written");
        Ok(measurement)
    }

    async fn write_row_by_row(
        &self,
        server: &BenchServer,
        job: &Job<'_>,
        method: WriteMethod,
        rows: usize,
    ) -> Result<Measurement> {
        let connection = self.database.connection().await?;
        let statement = connection.prepare_cached(&job.sql).await?;
        connection.batch_execute("begin").await?;
        execute_each(&connection, &statement, &job.values[..1]).await?;
        connection.batch_execute("rollback").await?;
        let rows = &job.values[..rows];
        let work = async {
            match method {
                WriteMethod::Loop => commit_each_row(&connection, &statement, rows).await,
                WriteMethod::OneTransaction => {
                    write_in_one_transaction(&connection, &statement, rows).await
                }
                _ => execute_each(&connection, &statement, rows).await,
            }
        };
        let (time, written) = server.time(work).await?;
        Ok(Measurement {
            rows: usize::try_from(written)?,
            statements: written,
            time,
        })
    }

    async fn write_sets(
        &self,
        server: &BenchServer,
        job: &Job<'_>,
        method: WriteMethod,
    ) -> Result<Measurement> {
        let batching = method.batching();
        let operation = Operation::new(&job.plan, batching)?;
        let session = Session::new(&self.settings).with_prepared(&[&operation]);
        let all = job.values.len();
        let (shared, rows) = (job.encode)(0..batching.rows.min(all))?;
        let mut warm = Transaction::begin(&self.database, &session).await?;
        let applied = warm.apply(&operation, &shared, &rows, OnFailure::RollBack);
        applied.await?;
        warm.roll_back().await?;
        let together = match method {
            WriteMethod::Commits(rows) => rows,
            _ => all,
        };
        let work = async {
            let mut sum = Report::default();
            for first in (0..all).step_by(together) {
                let range = first..all.min(first + together);
                sum += self.write_range(&session, &operation, job, range).await?;
            }
            Ok(sum)
        };
        let (time, sum) = server.time(work).await?;
        Ok(Measurement {
            rows: usize::try_from(sum.inserted + sum.updated + sum.deleted)?,
            statements: sum.statements,
            time,
        })
    }

    /// Encodes rows and writes them in one transaction.
    async fn write_range(
        &self,
        session: &Session,
        operation: &Operation,
        job: &Job<'_>,
        range: Range<usize>,
    ) -> Result<Report> {
        let (shared, rows) = (job.encode)(range)?;
        let all = OnFailure::RollBack;
        let written = bulk::write(&self.database, session, operation, &shared, &rows, all);
        Ok(written.await?.report)
    }
}

/// Starts a slow proxy. Returns the URL that leads to the same database through the proxy.
fn start_slow_proxy(url: &str, delay: Duration) -> Result<String> {
    let config: tokio_postgres::Config = url.parse()?;
    let [Host::Unix(directory)] = config.get_hosts() else {
        return Err("the benchmarks' server has no socket".into());
    };
    let port = config.get_ports().first().unwrap_or(&5432);
    let proxy = Proxy::slow(&directory.join(format!(".s.PGSQL.{port}")), delay);
    let user = config.get_user().unwrap_or_default();
    Ok(proxy.url(user, config.get_dbname().unwrap_or(user)))
}

async fn commit_each_row(
    connection: &Connection,
    statement: &Statement,
    rows: &[Vec<Value<'_>>],
) -> Result<u64> {
    let mut written = 0;
    for row in rows {
        connection.batch_execute("begin").await?;
        written += connection.execute(statement, row).await?;
        connection.batch_execute("commit").await?;
    }
    Ok(written)
}

async fn write_in_one_transaction(
    connection: &Connection,
    statement: &Statement,
    rows: &[Vec<Value<'_>>],
) -> Result<u64> {
    connection.batch_execute("begin").await?;
    let written = execute_each(connection, statement, rows).await?;
    connection.batch_execute("commit").await?;
    Ok(written)
}

async fn execute_each(
    connection: &Connection,
    statement: &Statement,
    rows: &[Vec<Value<'_>>],
) -> Result<u64> {
    let mut written = 0;
    for row in rows {
        written += connection.execute(statement, row).await?;
    }
    Ok(written)
}
