//! A source emptied: its releases, its rejects and its runs go, some at a time.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::bulk::{
    Batching, Binding, Column, Condition, OnFailure, Operation, Plan, Rows, Session, Table,
    Transaction, Verb,
};
use crate::config;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Lease, quarantine};
use crate::sink::lease::begin_holding;
use crate::sink::release;

/// The rows of one transaction: few enough that it is short, and enough that
/// commits do not count.
const CHUNK: i64 = 1_000;

const RELEASES: Plan = Plan {
    table: release::TABLE,
    shared: &["source"],
    each: &["ocid", "release_id"],
    by: &["ocid", "release_id"],
    verb: Verb::Delete {
        only_if: &[Condition::IsSent("source")],
    },
};

const REJECTS: Plan = Plan {
    table: quarantine::TABLE,
    each: &["id"],
    by: &["id"],
    ..RELEASES
};

const RUNS: Plan = Plan {
    table: Table::new("ocds.run", RUN_COLUMNS, &["id"]),
    ..REJECTS
};

const RUN_COLUMNS: &[Column] = &[
    Column::fixed("id", Type::INT8),
    Column::fixed("source", Type::TEXT),
];

/// What has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Releases.
    pub releases: u64,
    /// Rejects, resolved ones too.
    pub rejects: u64,
    /// Runs, with their pages and requests.
    pub runs: u64,
}

/// A purge of one source, under way.
#[derive(Debug)]
pub struct Purge {
    database: Database,
    source: String,
    session: Session,
    releases: Deletion<(String, String)>,
    rejects: Deletion<i64>,
    runs: Deletion<i64>,
    step: Step,
}

/// What goes next.
#[derive(Debug)]
enum Step {
    /// Releases behind this key.
    Releases(String, String),
    /// Rejects behind this id.
    Rejects(i64),
    /// Runs behind this id.
    Runs(i64),
    Done,
}

/// How rows of a table go.
#[derive(Debug)]
struct Deletion<K> {
    operation: Operation,
    source: Binding<String>,
    key: Binding<K>,
}

impl Purge {
    /// A purge that begins with the source's first release.
    ///
    /// # Errors
    /// None that the world can cause: the statements are checked.
    pub fn new(database: Database, source: &str, settings: &config::Database) -> Result<Self> {
        Ok(Self {
            database,
            source: source.to_owned(),
            session: Session::new(settings),
            releases: Deletion::new(&RELEASES, |operation| {
                operation
                    .bind_each()
                    .column("ocid", |(ocid, _): &(String, String)| ocid)
                    .column("release_id", |(_, id)| id)
                    .bound()
            })?,
            rejects: Deletion::by_id(&REJECTS)?,
            runs: Deletion::by_id(&RUNS)?,
            step: Step::Releases(String::new(), String::new()),
        })
    }

    /// Deletes some rows, in a transaction of their own, and says which have gone;
    /// `None` when all have.
    ///
    /// # Errors
    /// As [`Sink::commit`](crate::sink::Sink::commit).
    pub async fn some(&mut self, lease: &Lease) -> Result<Option<Gone>> {
        let mut patience = self.session.patience("purge", "purge").of(&self.source);
        loop {
            let (gone, next) = match self.chunk(lease).await {
                Ok(Some(done)) => done,
                Ok(None) => return Ok(None),
                Err(error) => {
                    patience.wait(error).await?;
                    continue;
                }
            };
            self.step = next;
            return Ok(Some(gone));
        }
    }

    /// One attempt at a chunk; what comes after it is said, and not yet believed.
    async fn chunk(&self, lease: &Lease) -> Result<Option<(Gone, Step)>> {
        let mut gone = Gone::default();
        let transaction = begin_holding(&self.database, &self.session, lease).await?;
        let next = match &self.step {
            Step::Releases(ocid, id) => {
                let sql = include_str!("../../sql/sink/purge_releases.sql");
                let after: [(&(dyn ToSql + Sync), Type); 2] =
                    [(ocid, Type::TEXT), (id, Type::TEXT)];
                let rows = self.select(&transaction, sql, &after).await?;
                let keys = keys(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
                gone.releases = self.delete(&transaction, &self.releases, &keys).await?;
                match keys.into_iter().next_back() {
                    Some((ocid, id)) => Step::Releases(ocid, id),
                    None => Step::Rejects(0),
                }
            }
            Step::Rejects(after) => {
                let sql = include_str!("../../sql/sink/purge_rejects.sql");
                let rows = self
                    .select(&transaction, sql, &[(after, Type::INT8)])
                    .await?;
                let ids = keys(&rows, |row| row.try_get(0))?;
                gone.rejects = self.delete(&transaction, &self.rejects, &ids).await?;
                ids.last()
                    .map_or(Step::Runs(0), |last| Step::Rejects(*last))
            }
            Step::Runs(after) => {
                let sql = include_str!("../../sql/sink/purge_runs.sql");
                let rows = self
                    .select(&transaction, sql, &[(after, Type::INT8)])
                    .await?;
                let ids = keys(&rows, |row| row.try_get(0))?;
                gone.runs = self.delete(&transaction, &self.runs, &ids).await?;
                ids.last().map_or(Step::Done, |last| Step::Runs(*last))
            }
            Step::Done => {
                transaction.roll_back().await?;
                return Ok(None);
            }
        };
        transaction.commit().await?;
        Ok(Some((gone, next)))
    }

    /// The next keys of the source behind a place.
    async fn select(
        &self,
        transaction: &Transaction,
        sql: &'static str,
        after: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&self.source, Type::TEXT)];
        parameters.extend(after.iter().cloned());
        parameters.push((&CHUNK, Type::INT8));
        let mut flight = transaction.flight();
        flight.typed(sql, parameters);
        Ok(flight.land_one().await?.rows)
    }

    async fn delete<K>(
        &self,
        transaction: &Transaction,
        deletion: &Deletion<K>,
        keys: &[K],
    ) -> Result<u64> {
        let source = Rows::of(&deletion.source, [&self.source])?;
        let keys = Rows::of(&deletion.key, keys)?;
        let applied = transaction
            .apply(&deletion.operation, &source, &keys, OnFailure::RollBack)
            .await?;
        match applied.failures.first() {
            None => Ok(applied.report.deleted),
            // such as a foreign key of somebody else's table
            Some(failure) => Err(Error::config(format!(
                "a row of {} cannot go: {}",
                deletion.operation.table().label(),
                failure.message
            ))),
        }
    }
}

impl<K> Deletion<K> {
    fn new(plan: &Plan, bind: impl FnOnce(&Operation) -> Result<Binding<K>>) -> Result<Self> {
        let operation = Operation::new(plan, Batching::default())?;
        let source = operation
            .bind_shared()
            .column("source", |name: &String| name);
        Ok(Self {
            source: source.bound()?,
            key: bind(&operation)?,
            operation,
        })
    }
}

impl Deletion<i64> {
    fn by_id(plan: &Plan) -> Result<Self> {
        Self::new(plan, |operation| {
            operation.bind_each().column("id", |id: &i64| id).bound()
        })
    }
}

fn keys<K>(
    rows: &[Row],
    read: impl Fn(&Row) -> std::result::Result<K, tokio_postgres::Error>,
) -> Result<Vec<K>> {
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}
