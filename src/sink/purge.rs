//! Deletes all data of a source, a chunk of rows at a time.
//!
//! A purge deletes the records about the data before the data: first the watermark, requests,
//! pages and runs, then rejects and replaced contents, then processes. A process goes whole: its
//! releases, its compiled release, its rows in all tables and its rows in the queue are deleted in
//! one transaction. What is noted of the source goes after its processes, because their rows depend
//! on it. Packages are last, because an unchanged release that is fetched again refers to its old
//! package. If a purge is killed, some releases may remain without a page, and the next run fetches
//! them again. The other order could leave pages without their releases, which no run would fetch
//! again.
//!
//! A cursor reads the keys of a table once, in a transaction of its own, while other
//! transactions delete the rows. A separate statement for each chunk would read the rows that
//! earlier chunks have deleted, or rows of other sources, depending on the planner's
//! statistics. The open transaction holds back vacuum, as a backup does.

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::bulk::{
    Batching, Binding, Column, Condition, OnFailure, Operation, Plan, Rows, Session, Table,
    Transaction, Verb,
};
use crate::config;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Lease, begin_with_lease, quarantine};
use crate::retry::Retry;

/// Reads the next keys from the cursor of a table.
const FETCH_NEXT_KEYS: &str = include_str!("../../sql/purge/fetch_next_keys.sql");

// These statements open a cursor over the keys of a source's rows in a table.
const FIND_PACKAGES: &str = include_str!("../../sql/purge/find_packages.sql");
const FIND_PROCESSES: &str = include_str!("../../sql/purge/find_processes.sql");
const FIND_HISTORY: &str = include_str!("../../sql/purge/find_history.sql");
const FIND_REJECTS: &str = include_str!("../../sql/purge/find_rejects.sql");
const FIND_RUNS: &str = include_str!("../../sql/purge/find_runs.sql");
const FIND_PAGES: &str = include_str!("../../sql/purge/find_pages.sql");
const FIND_REQUESTS: &str = include_str!("../../sql/purge/find_requests.sql");
const FIND_WATERMARK: &str = include_str!("../../sql/purge/find_watermark.sql");
const FIND_SOURCE: &str = include_str!("../../sql/purge/find_source.sql");

const PAGES: Plan = Plan {
    table: Table::new("ocds.page", PAGE_COLUMNS, &["run_id", "chain", "number"]),
    shared: &[],
    per_row: &["run_id", "chain", "number"],
    key: &["run_id", "chain", "number"],
    verb: Verb::Delete { only_if: &[] },
};

const PAGE_COLUMNS: &[Column] = &[
    Column::fixed("run_id", Type::INT8),
    Column::fixed("chain", Type::TEXT),
    Column::fixed("number", Type::INT8),
];

const WATERMARK: Plan = Plan {
    table: Table::new("ocds.watermark", WATERMARK_COLUMNS, &["source"]),
    per_row: &["source"],
    key: &["source"],
    ..PAGES
};

const WATERMARK_COLUMNS: &[Column] = &[Column::fixed("source", Type::TEXT)];

const SOURCE: Plan = Plan {
    table: Table::new("ocds.source", SOURCE_COLUMNS, &["name"]),
    per_row: &["name"],
    key: &["name"],
    ..PAGES
};

const SOURCE_COLUMNS: &[Column] = &[Column::fixed("name", Type::TEXT)];

const REQUESTS: Plan = Plan {
    table: Table::new("ocds.request", REQUEST_COLUMNS, &["id"]),
    per_row: &["id"],
    key: &["id"],
    ..PAGES
};

const REQUEST_COLUMNS: &[Column] = &[Column::fixed("id", Type::INT8)];

const RUNS: Plan = Plan {
    table: Table::new("ocds.run", RUN_COLUMNS, &["id"]),
    shared: &["source"],
    verb: Verb::Delete {
        only_if: &[Condition::EqualsShared("source")],
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

const HISTORY: Plan = Plan {
    table: Table::new(
        "ocds.release_history",
        HISTORY_COLUMNS,
        &["source", "ocid", "release_id", "replaced_at"],
    ),
    per_row: &["ocid", "release_id", "replaced_at"],
    key: &["ocid", "release_id", "replaced_at"],
    ..RUNS
};

const HISTORY_COLUMNS: &[Column] = &[
    Column::fixed("source", Type::TEXT),
    Column::fixed("ocid", Type::TEXT),
    Column::fixed("release_id", Type::TEXT),
    Column::fixed("replaced_at", Type::TIMESTAMPTZ),
];

const PACKAGES: Plan = Plan {
    table: Table::new("ocds.package", PACKAGE_COLUMNS, &["source", "id"]),
    per_row: &["id"],
    key: &["id"],
    ..RUNS
};

const PACKAGE_COLUMNS: &[Column] = &[
    Column::fixed("source", Type::TEXT),
    Column::fixed("id", Type::UUID),
];

/// The numbers of rows that a purge has deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgedRows {
    /// The number of deleted runs. The pages and requests of a run are deleted before the run.
    pub runs: u64,
    /// The number of deleted rejects, including resolved ones.
    pub rejects: u64,
    /// The number of deleted releases, including compiled ones.
    pub releases: u64,
}

/// A purge of one source.
#[derive(Debug)]
pub struct Purge {
    database: Database,
    source: String,
    session: Session,
    /// The tables that are still to be emptied, in reverse order.
    deletions: Vec<Deletion>,
    /// Reads the keys of the current table; `None` before the first read.
    ///
    /// Its cursor holds no lock that blocks a writer. If its connection is lost, a new cursor
    /// finds every row that is not deleted yet.
    reader: Option<Transaction>,
}

/// Deletes the source's rows of one table, or its processes.
#[derive(Debug)]
struct Deletion {
    /// The statement that opens a cursor over the keys.
    declare: &'static str,
    /// Adds the number of deleted rows to the totals, if they are counted.
    add_count: AddCount,
    what: Deleted,
}

#[derive(Debug)]
enum Deleted {
    /// The rows of a table.
    Rows {
        operation: Box<Operation>,
        shared: Rows,
        key: Binding<Key>,
    },
    /// Processes with everything that is stored of them. The parameters of the statements are the
    /// source and the ocids. The first ones delete releases.
    Processes(Vec<String>),
}

/// The statements that delete the releases of processes, which are counted.
const DELETE_RELEASES: [&str; 2] = [
    include_str!("../../sql/purge/delete_release.sql"),
    include_str!("../../sql/purge/delete_publisher_compiled.sql"),
];

/// The statements that delete what else is stored of processes, besides their rows.
const DELETE_OTHERS: [&str; 2] = [
    include_str!("../../sql/purge/delete_compile_queue.sql"),
    include_str!("../../sql/purge/delete_process_gone.sql"),
];

type AddCount = fn(&mut PurgedRows, u64);

/// The key of a row, in PostgreSQL's binary format.
type Key = Vec<RawValue>;

#[derive(Clone, Debug)]
struct RawValue(Vec<u8>);

impl Purge {
    /// Prepares a purge of a source. `deletions` are the statements that delete the rows of processes
    /// from their tables. Their parameters are the source and the ocids.
    ///
    /// # Errors
    ///
    /// A statement does not fit its table, which is a bug in this module.
    pub fn new(
        database: Database,
        source: &str,
        settings: &config::Database,
        deletions: Vec<String>,
    ) -> Result<Self> {
        let count_runs: AddCount = |purged, rows| purged.runs += rows;
        let count_rejects: AddCount = |purged, rows| purged.rejects += rows;
        let count_releases: AddCount = |purged, rows| purged.releases += rows;
        let count_nothing: AddCount = |_, _| ();
        let own = DELETE_RELEASES.into_iter().chain(DELETE_OTHERS);
        let processes = Deletion {
            declare: FIND_PROCESSES,
            add_count: count_releases,
            what: Deleted::Processes(own.map(str::to_owned).chain(deletions).collect()),
        };
        let tables = [
            (&PACKAGES, FIND_PACKAGES, count_nothing),
            (&SOURCE, FIND_SOURCE, count_nothing),
            (&HISTORY, FIND_HISTORY, count_nothing),
            (&REJECTS, FIND_REJECTS, count_rejects),
            (&RUNS, FIND_RUNS, count_runs),
            (&PAGES, FIND_PAGES, count_nothing),
            (&REQUESTS, FIND_REQUESTS, count_nothing),
            (&WATERMARK, FIND_WATERMARK, count_nothing),
        ];
        let mut deletions = tables
            .into_iter()
            .map(|(plan, declare, add_count)| Deletion::new(plan, source, declare, add_count))
            .collect::<Result<Vec<Deletion>>>()?;
        // packages and the note of the source go after the processes
        deletions.insert(2, processes);
        Ok(Self {
            database,
            source: source.to_owned(),
            session: Session::new(settings),
            deletions,
            reader: None,
        })
    }

    /// Deletes the next rows in one transaction and returns the number of deleted rows. Returns
    /// `None` if nothing is left. Rows are not counted if the reply to their commit is lost.
    ///
    /// # Errors
    ///
    /// The commit fails for one of the reasons that [`Sink::commit`](crate::sink::Sink::commit)
    /// lists, or a row of another application's table refers to one of the rows.
    pub async fn delete_some(&mut self, lease: &Lease) -> Result<Option<PurgedRows>> {
        let Some(deletion) = self.deletions.last() else {
            return Ok(None);
        };
        let mut reader = self.reader.take();
        let reading = self
            .new_retry()
            .run(|| self.read_keys(deletion, reader.take()));
        let (reader, keys) = reading.await?;
        let mut purged = PurgedRows::default();
        if keys.is_empty() {
            // All keys are read, so an error here changes nothing.
            drop(reader.roll_back().await);
            self.deletions.pop();
            return Ok(Some(purged));
        }
        let deleting = self
            .new_retry()
            .run(|| self.delete_rows(lease, deletion, &keys));
        (deletion.add_count)(&mut purged, deleting.await?);
        self.reader = Some(reader);
        Ok(Some(purged))
    }

    fn new_retry(&self) -> Retry {
        self.session
            .new_retry("purge", "purge")
            .for_source(&self.source)
    }

    /// Reads the next keys of a table; none if all have been read. Opens a new cursor if there is
    /// none.
    async fn read_keys(
        &self,
        deletion: &Deletion,
        reader: Option<Transaction>,
    ) -> Result<(Transaction, Vec<Key>)> {
        let reader = match reader {
            Some(reader) => reader,
            None => self.open_reader(deletion).await?,
        };
        let mut exchange = reader.new_exchange();
        exchange.push_query(FETCH_NEXT_KEYS, Vec::new());
        let rows = exchange.await_last_answer().await?.rows;
        let key = |row: &Row| (0..row.len()).map(|index| row.try_get(index)).collect();
        let keys = rows.iter().map(key).collect::<Result<_, _>>()?;
        Ok((reader, keys))
    }

    async fn open_reader(&self, deletion: &Deletion) -> Result<Transaction> {
        let transaction = Transaction::begin(&self.database, &self.session).await?;
        let mut exchange = transaction.new_exchange();
        exchange.push_query(deletion.declare, vec![(&self.source, Type::TEXT)]);
        exchange.await_last_answer().await?;
        Ok(transaction)
    }

    /// Attempts once to delete the rows with these keys. Returns the number of rows that existed.
    async fn delete_rows(&self, lease: &Lease, deletion: &Deletion, keys: &[Key]) -> Result<u64> {
        let mut transaction = begin_with_lease(&self.database, &self.session, lease).await?;
        let deleted = match &deletion.what {
            Deleted::Rows {
                operation,
                shared,
                key,
            } => {
                let rows = Rows::encode(key, keys)?;
                let applied = transaction
                    .apply(operation, shared, &rows, OnFailure::RollBack)
                    .await?;
                if let Some(failure) = applied.failures.first() {
                    let table = operation.table().label();
                    return Err(refused_error(table, &failure.message));
                }
                applied.report.deleted
            }
            Deleted::Processes(statements) => {
                self.delete_processes(&transaction, statements, keys)
                    .await?
            }
        };
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Deletes processes. Returns the number of their releases.
    async fn delete_processes(
        &self,
        transaction: &Transaction,
        statements: &[String],
        keys: &[Key],
    ) -> Result<u64> {
        let ocids: Vec<&RawValue> = keys.iter().flatten().collect();
        let mut exchange = transaction.new_exchange();
        for statement in statements {
            exchange.push_query(
                statement,
                vec![(&self.source, Type::TEXT), (&ocids, Type::TEXT_ARRAY)],
            );
        }
        let replies = exchange.await_replies().await?;
        let mut releases = 0;
        for (index, reply) in replies.into_iter().enumerate() {
            match reply {
                Ok(answer) if index < DELETE_RELEASES.len() => releases += answer.affected,
                Ok(_) => {}
                Err(error) if transaction.is_refused(&error) => {
                    let message = Error::from(error).to_string();
                    return Err(refused_error("a process", &message));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(releases)
    }
}

/// Makes the error of a row that the server refuses to delete, for example because a foreign key of
/// another application's table refers to it.
fn refused_error(table: &str, message: &str) -> Error {
    Error::config(format!("could not delete a row of {table}: {message}"))
}

impl Deletion {
    fn new(plan: &Plan, source: &str, declare: &'static str, add_count: AddCount) -> Result<Self> {
        let operation = Operation::new(plan, Batching::default())?;
        let shared = if plan.shared.is_empty() {
            Rows::default()
        } else {
            let name = operation
                .bind_shared()
                .column("source", |name: &String| name);
            Rows::encode(&name.build()?, [&source.to_owned()])?
        };
        let mut key = operation.bind_row();
        for (index, name) in plan.per_row.iter().enumerate() {
            key = key.column(name, move |key: &Key| &key[index]);
        }
        Ok(Self {
            declare,
            add_count,
            what: Deleted::Rows {
                shared,
                key: key.build()?,
                operation: Box::new(operation),
            },
        })
    }
}

impl<'a> FromSql<'a> for RawValue {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for RawValue {
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
