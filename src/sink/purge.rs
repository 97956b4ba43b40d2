//! A source emptied, some rows at a time.
//!
//! What says that data is there goes before the data: the watermark, requests,
//! pages and runs, then rejects, then releases, compiled ones last. A purge that is
//! killed has so left releases that no page vouches for, which the next run fetches
//! again, and never a page whose releases are gone, which it would not.

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
use crate::sink::lease::begin_holding;
use crate::sink::{compiled, release};

/// The rows of one transaction: few enough that it is short, and enough that
/// commits do not count.
const CHUNK: i64 = 1_000;

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
    /// The key of the row that went last, of the table that is being emptied.
    after: Option<Key>,
}

/// How rows of a table go.
#[derive(Debug)]
struct Deletion {
    operation: Operation,
    shared: Rows,
    key: Binding<Key>,
    types: Vec<Type>,
    /// Selects the next keys.
    select: &'static str,
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
        let deletion = |plan: &Plan, select, counted| Deletion::new(plan, source, select, counted);
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
            after: None,
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
        let patience = self.session.patience("purge", "purge").of(&self.source);
        let (rows, last) = patience.over(|| self.chunk(lease, deletion)).await?;
        let mut gone = Gone::default();
        (deletion.counted)(&mut gone, rows);
        if last.is_none() {
            self.deletions.pop();
        }
        self.after = last;
        Ok(Some(gone))
    }

    /// One attempt at a chunk: how many rows went, and the last of them.
    async fn chunk(&self, lease: &Lease, deletion: &Deletion) -> Result<(u64, Option<Key>)> {
        let mut transaction = begin_holding(&self.database, &self.session, lease).await?;
        let keys = self.select(&transaction, deletion).await?;
        let rows = Rows::of(&deletion.key, &keys)?;
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
        Ok((applied.report.deleted, keys.into_iter().next_back()))
    }

    /// The next keys behind the last.
    async fn select(&self, transaction: &Transaction, deletion: &Deletion) -> Result<Vec<Key>> {
        let none: Key = Vec::new();
        let after = self.after.as_ref().unwrap_or(&none);
        let after: Vec<Option<&Raw>> = (0..deletion.types.len())
            .map(|index| after.get(index))
            .collect();
        let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&self.source, Type::TEXT)];
        let types = deletion.types.iter().cloned();
        parameters.extend(after.iter().map(|value| value as _).zip(types));
        parameters.push((&CHUNK, Type::INT8));
        let mut flight = transaction.flight();
        flight.typed(deletion.select, parameters);
        let rows = flight.land_one().await?.rows;
        let key = |row: &Row| (0..row.len()).map(|index| row.try_get(index)).collect();
        Ok(rows.iter().map(key).collect::<Result<_, _>>()?)
    }
}

impl Deletion {
    fn new(
        plan: &Plan,
        source: &str,
        select: &'static str,
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
            types: operation.types(1)[plan.shared.len()..].to_vec(),
            operation,
            select,
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
