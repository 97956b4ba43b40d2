//! A source emptied, some rows at a time.
//!
//! What says that data is there goes before the data: the watermark, requests,
//! pages and runs, then rejects, then releases, compiled ones last. A purge that is
//! killed has so left releases that no page vouches for, which the next run fetches
//! again, and never a page whose releases are gone, which it would not.
//!
//! The keys of a table's rows are read once, through a cursor in a transaction of its
//! own, while they are deleted in others. A statement for each chunk would read again
//! what the chunks before it have deleted, or the rows of other sources, depending on
//! what the planner knows of the source.

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::bulk::{
    Batching, Binding, Column, Condition, OnFailure, Operation, Plan, Rows, Session, Table,
    Transaction, Verb,
};
use crate::config;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Lease, quarantine};
use crate::retry::Patience;
use crate::sink::lease::begin_holding;
use crate::sink::{compiled, release};

/// Reads the next keys from the cursor of a table.
const NEXT_ROWS: &str = include_str!("../../sql/purge/next_rows.sql");

const PAGES: Plan = Plan {
    table: Table::new("ocds.page", PAGE_COLUMNS, &["run_id", "chain", "number"]),
    shared: &[],
    each: &["run_id", "chain", "number"],
    by: &["run_id", "chain", "number"],
    verb: Verb::Delete { only_if: &[] },
};

const PAGE_COLUMNS: &[Column] = &[
    Column::fixed("run_id", Type::INT8),
    Column::fixed("chain", Type::TEXT),
    Column::fixed("number", Type::INT8),
];

const WATERMARK: Plan = Plan {
    table: Table::new("ocds.watermark", WATERMARK_COLUMNS, &["source"]),
    each: &["source"],
    by: &["source"],
    ..PAGES
};

const WATERMARK_COLUMNS: &[Column] = &[Column::fixed("source", Type::TEXT)];

const REQUESTS: Plan = Plan {
    table: Table::new("ocds.request", REQUEST_COLUMNS, &["id"]),
    each: &["id"],
    by: &["id"],
    ..PAGES
};

const REQUEST_COLUMNS: &[Column] = &[Column::fixed("id", Type::INT8)];

const RUNS: Plan = Plan {
    table: Table::new("ocds.run", RUN_COLUMNS, &["id"]),
    shared: &["source"],
    verb: Verb::Delete {
        only_if: &[Condition::IsSent("source")],
    },
    ..REQUESTS
};

const RUN_COLUMNS: &[Column] = &[
    Column::fixed("id", Type::INT8),
    Column::fixed("source", Type::TEXT),
];

const REJECTS: Plan = Plan {
    table: quarantine::TABLE,
    ..RUNS
};

const RELEASES: Plan = Plan {
    table: release::TABLE,
    each: &["ocid", "release_id"],
    by: &["ocid", "release_id"],
    ..RUNS
};

const COMPILED_RELEASES: Plan = Plan {
    table: compiled::TABLE,
    each: &["ocid"],
    by: &["ocid"],
    ..RUNS
};

/// What has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Runs, whose pages and requests went before them.
    pub runs: u64,
    /// Rejects, resolved ones too.
    pub rejects: u64,
    /// Releases, compiled ones too.
    pub releases: u64,
}

/// A purge of one source, under way.
#[derive(Debug)]
pub struct Purge {
    database: Database,
    source: String,
    session: Session,
    /// What is still to go, the next last.
    deletions: Vec<Deletion>,
    /// Reads the keys of the table that is being emptied; `None` before its first.
    reader: Option<KeyReader>,
}

/// An open cursor over the keys of a table. It holds no lock that a writer waits for. If
/// it is lost, a new one finds every row that is not deleted yet.
#[derive(Debug)]
struct KeyReader {
    transaction: Transaction,
}

/// How rows of a table go.
#[derive(Debug)]
struct Deletion {
    operation: Operation,
    shared: Rows,
    key: Binding<Key>,
    /// Opens a cursor over the keys.
    declare: &'static str,
    /// Where they are counted, if they are.
    counted: fn(&mut Gone, u64),
}

/// A row's key, in the binary format in which the server sends and takes it.
type Key = Vec<Raw>;

#[derive(Clone, Debug)]
struct Raw(Vec<u8>);

impl Purge {
    /// A purge of a source that has just begun.
    ///
    /// # Errors
    /// None that the world can cause: the statements are checked.
    pub fn new(database: Database, source: &str, settings: &config::Database) -> Result<Self> {
        let deletion =
            |plan: &Plan, declare, counted| Deletion::new(plan, source, declare, counted);
        let deletions = vec![
            deletion(
                &COMPILED_RELEASES,
                include_str!("../../sql/purge/compiled_releases.sql"),
                |gone, rows| gone.releases += rows,
            )?,
            deletion(
                &RELEASES,
                include_str!("../../sql/purge/releases.sql"),
                |gone, rows| gone.releases += rows,
            )?,
            deletion(
                &REJECTS,
                include_str!("../../sql/purge/rejects.sql"),
                |gone, rows| gone.rejects += rows,
            )?,
            deletion(
                &RUNS,
                include_str!("../../sql/purge/runs.sql"),
                |gone, rows| gone.runs += rows,
            )?,
            deletion(&PAGES, include_str!("../../sql/purge/pages.sql"), |_, _| ())?,
            deletion(
                &REQUESTS,
                include_str!("../../sql/purge/requests.sql"),
                |_, _| (),
            )?,
            deletion(
                &WATERMARK,
                include_str!("../../sql/purge/watermark.sql"),
                |_, _| (),
            )?,
        ];
        Ok(Self {
            database,
            source: source.to_owned(),
            session: Session::new(settings),
            deletions,
            reader: None,
        })
    }

    /// Deletes some rows, in a transaction of their own, and says which have gone;
    /// `None` when all have. Rows whose commit had no reply are not counted.
    ///
    /// # Errors
    /// As [`Sink::commit`](crate::sink::Sink::commit), or a row of somebody else's
    /// table refers to one of these.
    pub async fn some(&mut self, lease: &Lease) -> Result<Option<Gone>> {
        let Some(deletion) = self.deletions.last() else {
            return Ok(None);
        };
        let mut reader = self.reader.take();
        let reading = self
            .patience()
            .over(|| self.read_keys(deletion, reader.take()));
        let (reader, keys) = reading.await?;
        let mut gone = Gone::default();
        if keys.is_empty() {
            // all has been read: what becomes of the transaction makes no difference
            drop(reader.close().await);
            self.deletions.pop();
            return Ok(Some(gone));
        }
        let deleting = self
            .patience()
            .over(|| self.delete_rows(lease, deletion, &keys));
        (deletion.counted)(&mut gone, deleting.await?);
        self.reader = Some(reader);
        Ok(Some(gone))
    }

    fn patience(&self) -> Patience {
        self.session.patience("purge", "purge").of(&self.source)
    }

    /// Reads the next keys of a table, from a new cursor if there is none.
    async fn read_keys(
        &self,
        deletion: &Deletion,
        reader: Option<KeyReader>,
    ) -> Result<(KeyReader, Vec<Key>)> {
        let reader = match reader {
            Some(reader) => reader,
            None => self.open_reader(deletion).await?,
        };
        let keys = reader.read_keys().await?;
        Ok((reader, keys))
    }

    async fn open_reader(&self, deletion: &Deletion) -> Result<KeyReader> {
        let transaction = Transaction::begin(&self.database, &self.session).await?;
        let mut flight = transaction.flight();
        flight.typed(deletion.declare, vec![(&self.source, Type::TEXT)]);
        flight.land_one().await?;
        Ok(KeyReader { transaction })
    }

    /// Attempts once to delete the rows of these keys, and counts those that were there.
    async fn delete_rows(&self, lease: &Lease, deletion: &Deletion, keys: &[Key]) -> Result<u64> {
        let mut transaction = begin_holding(&self.database, &self.session, lease).await?;
        let rows = Rows::of(&deletion.key, keys)?;
        let applied = transaction
            .apply(
                &deletion.operation,
                &deletion.shared,
                &rows,
                OnFailure::RollBack,
            )
            .await?;
        if let Some(failure) = applied.failures.first() {
            // such as a foreign key of somebody else's table
            let table = deletion.operation.table().label();
            return Err(Error::config(format!(
                "a row of {table} cannot go: {}",
                failure.message
            )));
        }
        transaction.commit().await?;
        Ok(applied.report.deleted)
    }
}

impl KeyReader {
    /// Reads the next keys; none if there are no more.
    async fn read_keys(&self) -> Result<Vec<Key>> {
        let mut flight = self.transaction.flight();
        flight.typed(NEXT_ROWS, Vec::new());
        let rows = flight.land_one().await?.rows;
        let key = |row: &Row| (0..row.len()).map(|index| row.try_get(index)).collect();
        Ok(rows.iter().map(key).collect::<Result<_, _>>()?)
    }

    async fn close(self) -> Result<()> {
        self.transaction.roll_back().await
    }
}

impl Deletion {
    fn new(
        plan: &Plan,
        source: &str,
        declare: &'static str,
        counted: fn(&mut Gone, u64),
    ) -> Result<Self> {
        let operation = Operation::new(plan, Batching::default())?;
        let shared = if plan.shared.is_empty() {
            Rows::default()
        } else {
            let name = operation
                .bind_shared()
                .column("source", |name: &String| name);
            Rows::of(&name.bound()?, [&source.to_owned()])?
        };
        let mut key = operation.bind_each();
        for (index, name) in plan.each.iter().enumerate() {
            key = key.column(name, move |key: &Key| &key[index]);
        }
        Ok(Self {
            shared,
            key: key.bound()?,
            operation,
            declare,
            counted,
        })
    }
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
