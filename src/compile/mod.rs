//! Stage 4: keeps the current state of each contracting process, as rows that answer questions.
//!
//! ```text
//! ocds.release ──▶ merge the releases ──▶ ocds.process, award, supplier, contract, party, item, …
//!  changed by a page, which put its process into ocds.compile_queue
//! ```
//!
//! # Which content a process has
//!
//! - Several releases are merged by the rules of the standard ([`merge`](crate::merge)), or the
//!   newest one counts if the source says that each is the whole state (`compile.rule`).
//! - A single release is its own content. It is not stored twice unless merging changes more of it
//!   than its `id`, `date` and `tag`; the view `ocds.compiled_release` makes these.
//! - A process without releases has the compiled release that the publisher serves.
//! - Releases that cannot be merged give way to the publisher's compiled release, or else to the
//!   newest of them, and `ocds.process.merge_error` says why.
//!
//! # Protocol
//!
//! The transaction that changes a release inserts a row for its process into `ocds.compile_queue`.
//! A [`Compiler`] walks through the queue of a source, some hundred processes in one transaction:
//!
//! 1. It deletes the rows of these processes from the queue.
//! 2. It reads the releases of those whose rows it has deleted. A release that is committed later
//!    has a row of its own. So the rows of processes are never ahead of the releases, and behind
//!    them only by what is in the queue.
//! 3. It derives their rows, and replaces those of processes whose content has another hash.
//!
//! A second attempt, whose first one still goes on in the server, waits for the deletion of the
//! first, and then has nothing to do. So a late attempt never overwrites newer rows. The
//! transaction holds the lease, as those of pages do. Nothing is deleted by a bound such as
//! `id <= last`, because a transaction with a smaller id may commit later.
//!
//! If the server refuses the rows of a batch, halves of it are tried, until the process is alone.
//! It then gets a row with `merge_error`, or keeps its old rows if that is refused too, and leaves
//! the queue, so it never blocks others.
//!
//! `ocds.source` keeps on what rows depend besides the releases: the rule, the time zone, and the
//! version of this module. If it differs, all processes of the source are queued.

mod batch;
mod cell;
mod content;
mod document;
mod list;
mod process;
mod row;
mod rows;
mod rules;
mod summary;
mod table;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::batch::{Attempt, Batch, PREPARED};
use self::content::Obstacle;
use self::rows::Statements;
pub use self::rows::deletions;
use self::rules::Rules;
pub use self::table::{ColumnDescription, Table};
use crate::bulk::{Session, Transaction};
use crate::config::{self, Config};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Lease, begin_with_lease, end_stuck_copies};
use crate::source::Source;

/// The tables that have rows for each process.
#[must_use]
pub fn tables() -> &'static [Table] {
    &tables::TABLES
}

/// The number of rows of the queue that are read at a time. Their processes are compiled before the
/// next rows are read, so that no process is compiled twice at the same time.
const WINDOW_ROWS: i64 = 10_000;

/// The numbers of processes that were compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compiled {
    /// The number of processes that were taken out of the queue.
    pub processes: u64,
    /// The number of those that have other rows than before.
    pub changed: u64,
    /// The number of those that had rows and have none any more.
    pub gone: u64,
    /// The number of those whose releases could not be merged, or whose rows were refused.
    pub failed: u64,
    /// The number of rows of the queue that were worked off. A process may have several.
    #[serde(skip)]
    pub queue_rows: u64,
}

impl AddAssign for Compiled {
    fn add_assign(&mut self, other: Self) {
        self.processes += other.processes;
        self.changed += other.changed;
        self.gone += other.gone;
        self.failed += other.failed;
        self.queue_rows += other.queue_rows;
    }
}

/// Counters of a [`Compiler`] that can be read while it works.
#[derive(Debug, Default)]
pub struct CompileProgress {
    rows: AtomicU64,
    done: AtomicU64,
}

impl CompileProgress {
    /// Returns how many rows of the queue were worked off, and how many there are in all. Both are
    /// zero before the compiler begins.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        let done = self.done.load(Ordering::Relaxed);
        (done, self.rows.load(Ordering::Relaxed).max(done))
    }
}

/// The facts about a source that a run needs before it stores releases.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// True if all processes of the source were compiled once.
    pub was_compiled: bool,
    /// True if the processes whose releases change must be queued. They need not be if the source
    /// is not compiled and has no rows.
    pub must_queue: bool,
}

/// Says when a [`Compiler`] is done.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// The end of the queue was reached once. Rows that were added behind it meanwhile wait for the
    /// next time.
    EndOfQueue,
    /// The queue is empty.
    Empty,
    /// The queue is empty, or this time has come.
    EmptyOrAt(Instant),
}

/// The sources that have something to compile.
#[derive(Clone, Debug, Default)]
pub struct OutdatedSources {
    /// The names of those that are configured.
    pub known: BTreeSet<String>,
    /// The names of those that have processes in the queue, and are not configured.
    pub unknown: BTreeSet<String>,
}

/// Finds the sources that have processes in the queue, and those of `sources` whose rows depend on
/// other rules than the present ones.
///
/// # Errors
///
/// A database query fails.
pub async fn find_outdated_sources<'s>(
    database: &Database,
    sources: impl IntoIterator<Item = &'s Source>,
) -> Result<OutdatedSources> {
    let sources = sources.into_iter();
    let (names, rules): (Vec<&str>, Vec<String>) = sources
        .map(|source| (&*source.name, Rules::of_source(source).text))
        .unzip();
    let parameters = [
        (&names as _, Type::TEXT_ARRAY),
        (&rules as _, Type::TEXT_ARRAY),
    ];
    let mut outdated = OutdatedSources::default();
    let sql = include_str!("../../sql/compile/outdated_sources.sql");
    for row in database.query(sql, &parameters).await? {
        outdated.known.insert(row.try_get("name")?);
    }
    // the queue may be long, so each source is looked for by the index
    let sql = include_str!("../../sql/compile/next_queued_source.sql");
    let mut name = String::new();
    loop {
        let rows = database.query(sql, &[(&name as _, Type::TEXT)]).await?;
        let Some(row) = rows.first() else {
            return Ok(outdated);
        };
        name = row.try_get("source")?;
        let list = match names.contains(&&*name) {
            true => &mut outdated.known,
            false => &mut outdated.unknown,
        };
        list.insert(name.clone());
    }
}

/// Compiles the processes of one source.
#[derive(Debug)]
pub struct Compiler {
    database: Database,
    source: String,
    settings: config::Compile,
    session: Session,
    /// The session of single queries, for which nothing is prepared.
    queries: Session,
    /// The rules and statements for the threads that derive rows.
    parts: Arc<Parts>,
    progress: Arc<CompileProgress>,
    /// It is held while a process is compiled that needs much memory.
    large: Mutex<()>,
}

/// Processes that are compiled in one transaction.
#[derive(Debug)]
struct Division {
    ocids: Vec<String>,
    /// The size of their releases as they are stored.
    bytes: u64,
}

#[derive(Debug)]
struct Parts {
    rules: Rules,
    statements: Statements,
}

impl Compiler {
    /// Creates a compiler of a source's processes.
    ///
    /// # Errors
    ///
    /// A table has more columns than a statement can have parameters, which is a bug.
    pub fn new(database: Database, source: &Source, config: &Config) -> Result<Self> {
        let statements = Statements::new(&source.name, &config.database)?;
        let session = Session::new(&config.database)
            .with_prepared_copies(&statements.insertions)
            .with_prepared_texts(&PREPARED);
        Ok(Self {
            database,
            source: source.name.clone(),
            settings: config.compile.clone(),
            session,
            queries: Session::new(&config.database),
            parts: Arc::new(Parts {
                rules: Rules::of_source(source),
                statements,
            }),
            progress: Arc::default(),
            large: Mutex::default(),
        })
    }

    /// Returns true if the source's processes are compiled at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.parts.rules.of_releases().is_some()
    }

    /// Returns the counters of this compiler.
    #[must_use]
    pub fn progress(&self) -> Arc<CompileProgress> {
        Arc::clone(&self.progress)
    }

    /// Notes on which rules the source's rows depend, unless that is noted already. It must be done
    /// before the first release of the source is stored.
    ///
    /// # Errors
    ///
    /// The database query fails.
    pub async fn declare(&self) -> Result<Declared> {
        let parameters = [
            (&self.source as _, Type::TEXT),
            (&self.parts.rules.text as _, Type::TEXT),
        ];
        let declare = include_str!("../../sql/compile/declare_source.sql");
        self.database.query(declare, &parameters).await?;
        let rows = self.database.query(FIND_RULES, &parameters[..1]).await?;
        let Some(row) = rows.first() else {
            return Err(Error::unexpected("the row of a source has vanished"));
        };
        let rules: &str = row.try_get("compile_rules")?;
        Ok(Declared {
            was_compiled: row.try_get("is_compiled")?,
            must_queue: self.is_on() || rules != rules::OFF,
        })
    }

    /// Returns true if there is nothing to do: the queue is empty, and the rows depend on the
    /// present rules.
    ///
    /// # Errors
    ///
    /// The database query fails.
    pub async fn is_up_to_date(&self) -> Result<bool> {
        Ok(self.has_present_rules().await? && self.read_window(0, 1).await?.is_empty())
    }

    /// Compiles the processes in the queue, and adds up in `all` what it has compiled, also if it
    /// fails. If the rows depend on other rules than the present ones, all processes of the source
    /// are queued before. Returns true if the end was reached, and false if it was not, because of
    /// `stop` or of the time.
    ///
    /// When `stop` is cancelled, the transactions that have begun run to their end, and the rest
    /// stays in the queue.
    ///
    /// # Errors
    ///
    /// The lease is lost ([`Kind::Lease`](crate::error::Kind::Lease)), the server is unreachable
    /// for too long ([`Kind::Environment`](crate::error::Kind::Environment)), or it returns an
    /// error that no process has caused. What was committed before the error stays.
    pub async fn compile(
        &self,
        lease: &Lease,
        until: Until,
        stop: &CancellationToken,
        all: &mut Compiled,
    ) -> Result<bool> {
        if !self.has_present_rules().await? && !self.queue_all(lease, stop).await? {
            return Ok(false);
        }
        if !matches!(until, Until::EndOfQueue) {
            self.count_queue().await?;
        }
        let is_over = || {
            let is_late = matches!(until, Until::EmptyOrAt(end) if Instant::now() >= end);
            is_late || stop.is_cancelled()
        };
        let mut after = 0;
        let mut has_seen_rows = false;
        while !is_over() {
            let window = self.read_window(after, WINDOW_ROWS).await?;
            let Some((_, last)) = window.last() else {
                if matches!(until, Until::EndOfQueue) {
                    return Ok(true);
                }
                // rows whose ids are smaller may have been committed meanwhile
                if !has_seen_rows {
                    self.note_compiled(lease).await?;
                    return Ok(true);
                }
                (after, has_seen_rows) = (0, false);
                continue;
            };
            (after, has_seen_rows) = (*last, true);
            let batches = self.divide(window).await?;
            let batches = futures::stream::iter(batches).map(|batch| async {
                match is_over() {
                    true => Ok(Compiled::default()),
                    false => self.compile_batch(lease, batch).await,
                }
            });
            let mut compiled = batches.buffer_unordered(self.settings.workers);
            while let Some(compiled) = compiled.try_next().await? {
                let done = &self.progress.done;
                done.fetch_add(compiled.queue_rows, Ordering::Relaxed);
                *all += compiled;
            }
        }
        Ok(false)
    }

    /// Returns true if the source's rows depend on the present rules.
    async fn has_present_rules(&self) -> Result<bool> {
        let parameters = [(&self.source as _, Type::TEXT)];
        let rows = self.query(FIND_RULES, &parameters).await?;
        let rules: Option<&str> = rows
            .first()
            .map(|row| row.try_get("compile_rules"))
            .transpose()?;
        Ok(rules.is_none_or(|rules| rules == self.parts.rules.text))
    }

    /// Queues all processes of the source, and notes that their rows will depend on the present
    /// rules. Returns false if it was stopped. It then begins anew the next time.
    async fn queue_all(&self, lease: &Lease, stop: &CancellationToken) -> Result<bool> {
        debug!(source.name = %self.source, "all processes of {} are compiled, because the rules have changed", self.source);
        let sql = include_str!("../../sql/compile/queue_next_processes.sql");
        let mut after = String::new();
        while !stop.is_cancelled() {
            let queue = async || {
                let transaction = self.begin(lease).await?;
                let mut exchange = transaction.new_exchange();
                let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
                    vec![(&self.source, Type::TEXT), (&after, Type::TEXT)];
                exchange.push_query(sql, parameters);
                let rows = exchange.await_last_answer().await?.rows;
                transaction.commit().await?;
                match rows.first() {
                    Some(row) => Ok(row.try_get::<_, Option<String>>(0)?),
                    None => Ok(None),
                }
            };
            let retry = self.session.new_retry("compile", "queue processes");
            let Some(last) = retry.for_source(&self.source).run(queue).await? else {
                let rules = &self.parts.rules.text;
                let sql = include_str!("../../sql/compile/set_rules.sql");
                self.update_source(lease, sql, (rules, Type::TEXT)).await?;
                return Ok(true);
            };
            after = last;
        }
        Ok(false)
    }

    async fn note_compiled(&self, lease: &Lease) -> Result<()> {
        let sql = include_str!("../../sql/compile/set_compiled.sql");
        self.update_source(lease, sql, (&Timestamp::now(), Type::TIMESTAMPTZ))
            .await
    }

    async fn update_source(
        &self,
        lease: &Lease,
        sql: &str,
        value: (&(dyn ToSql + Sync), Type),
    ) -> Result<()> {
        let update = async || {
            let transaction = self.begin(lease).await?;
            let mut exchange = transaction.new_exchange();
            exchange.push_query(sql, vec![(&self.source, Type::TEXT), value.clone()]);
            exchange.await_last_answer().await?;
            transaction.commit().await
        };
        let retry = self.session.new_retry("compile", "note what is compiled");
        retry.for_source(&self.source).run(update).await
    }

    /// Queries the database in a transaction in which the planner looks rows up by their keys. While
    /// the database is unreachable, the query is repeated.
    async fn query(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>> {
        let retry = self.session.new_retry("question", "read what to compile");
        let retry = retry.for_source(&self.source);
        let query = async || {
            let transaction = Transaction::begin(&self.database, &self.queries).await?;
            let mut exchange = transaction.new_exchange();
            exchange.push_query(sql, parameters.to_vec());
            let rows = exchange.await_last_answer().await?.rows;
            transaction.roll_back().await?;
            Ok(rows)
        };
        retry.run(query).await
    }

    async fn begin(&self, lease: &Lease) -> Result<Transaction> {
        begin_with_lease(&self.database, &self.queries, lease).await
    }

    async fn count_queue(&self) -> Result<()> {
        let sql = include_str!("../../sql/compile/count_queue.sql");
        let parameters = [(&self.source as _, Type::TEXT)];
        let rows = self.query(sql, &parameters).await?;
        let count: i64 = rows[0].try_get(0)?;
        let done = self.progress.done.load(Ordering::Relaxed);
        self.progress
            .rows
            .store(done + count.unsigned_abs(), Ordering::Relaxed);
        Ok(())
    }

    /// Reads the next rows of the queue: processes and the ids of the rows.
    async fn read_window(&self, after: i64, limit: i64) -> Result<Vec<(String, i64)>> {
        let sql = include_str!("../../sql/compile/next_candidates.sql");
        let parameters = [
            (&self.source as _, Type::TEXT),
            (&after as _, Type::INT8),
            (&limit as _, Type::INT8),
        ];
        let mut window = Vec::new();
        for row in &self.query(sql, &parameters).await? {
            if row.try_get::<_, &str>(2)? != self.source {
                break;
            }
            window.push((row.try_get(0)?, row.try_get(1)?));
        }
        Ok(window)
    }

    /// Divides processes into batches that fit into memory.
    async fn divide(&self, window: Vec<(String, i64)>) -> Result<Vec<Division>> {
        let mut ocids: Vec<String> = window.into_iter().map(|(ocid, _)| ocid).collect();
        ocids.sort_unstable();
        ocids.dedup();
        let sql = include_str!("../../sql/compile/process_sizes.sql");
        let parameters = [
            (&self.source as _, Type::TEXT),
            (&ocids as _, Type::TEXT_ARRAY),
        ];
        let sizes = self.query(sql, &parameters).await?;
        let mut size_of: HashMap<&str, u64> = HashMap::new();
        for row in &sizes {
            let bytes: i64 = row.try_get(1)?;
            *size_of.entry(row.try_get(0)?).or_default() += bytes.unsigned_abs();
        }
        let mut batches = Vec::new();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for ocid in ocids {
            let size = size_of.get(&*ocid).copied().unwrap_or_default();
            let is_full = batch.len() == self.settings.batch_processes
                || bytes + size > self.settings.batch_bytes;
            if is_full && !batch.is_empty() {
                let ocids = std::mem::take(&mut batch);
                batches.push(Division { ocids, bytes });
                bytes = 0;
            }
            batch.push(ocid);
            bytes += size;
        }
        batches.push(Division {
            ocids: batch,
            bytes,
        });
        Ok(batches)
    }

    /// Compiles processes. If something of them is refused, halves of them are tried.
    async fn compile_batch(&self, lease: &Lease, batch: Division) -> Result<Compiled> {
        let Division { ocids, bytes } = batch;
        let is_large = bytes > self.settings.batch_bytes;
        let _permit = match is_large {
            true => Some(self.large.lock().await),
            false => None,
        };
        let limit = self.settings.max_process_bytes;
        // the server would read and send all of it; jsonb may be somewhat larger than its text
        if ocids.len() == 1 && bytes > 2 * limit as u64 {
            let obstacle = Obstacle::TooLarge(format!(
                "its releases have more than {limit} bytes of text (compile.max_process_bytes)"
            ));
            return self.compile_refused(lease, &ocids, obstacle).await;
        }
        let mut compiled = Compiled::default();
        let mut parts: Vec<&[String]> = vec![&ocids];
        while let Some(ocids) = parts.pop() {
            match (self.attempt(lease, ocids, None).await?, ocids) {
                (Attempt::Done(more), _) => compiled += more,
                (Attempt::Refused(obstacle), [_]) => {
                    compiled += self.compile_refused(lease, ocids, obstacle).await?;
                }
                (Attempt::Refused(_), _) => {
                    let (first, second) = ocids.split_at(ocids.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        Ok(compiled)
    }

    /// Compiles a process that is too large, or of which the server refuses something. It gets the
    /// rows that are possible, or keeps those that it has. It leaves the queue in any case, so that
    /// it does not block the others.
    async fn compile_refused(
        &self,
        lease: &Lease,
        process: &[String],
        mut obstacle: Obstacle,
    ) -> Result<Compiled> {
        loop {
            let source = &self.source;
            debug!(source.name = %source, "a process of {source} is not compiled: {}", obstacle.reason());
            let next = match self.attempt(lease, process, Some(&obstacle)).await? {
                Attempt::Done(compiled) => return Ok(compiled),
                Attempt::Refused(next) => next,
            };
            obstacle = match obstacle {
                Obstacle::TooLarge(_) => Obstacle::Refused(next.reason().clone()),
                Obstacle::Refused(_) | Obstacle::Unwritable(_) => {
                    warn!(
                        source.name = %source,
                        "a process of {source} keeps its old rows, because the database also refuses \
                         a row that says so: {}",
                        next.reason()
                    );
                    Obstacle::Unwritable(next.reason().clone())
                }
            };
        }
    }

    async fn attempt(
        &self,
        lease: &Lease,
        ocids: &[String],
        obstacle: Option<&Obstacle>,
    ) -> Result<Attempt> {
        let batch = Batch {
            compiler: self,
            lease,
            ocids,
            obstacle,
        };
        let is_repeated = AtomicBool::new(false);
        let attempt = async || {
            if is_repeated.swap(true, Ordering::Relaxed) {
                // the attempt before may still hold its locks, and wait for data that never comes
                end_stuck_copies(&self.database).await?;
            }
            batch.attempt().await
        };
        let retry = self.session.new_retry("compile", "compile processes");
        retry.for_source(&self.source).run(attempt).await
    }
}

const FIND_RULES: &str = include_str!("../../sql/compile/find_rules.sql");
