//! Compiles some processes in one transaction.
//!
//! The processes are taken out of the queue first, and their releases are read after that. So a
//! second attempt, whose first one still goes on in the server, waits for the first and then finds
//! nothing to do. A release that is committed after the taking has a row of its own in the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::bulk::{OnFailure, Reply, Transaction, TypedParameter, next_reply};
use crate::compile::content::{Obstacle, PublisherCompiled, StoredRelease};
use crate::compile::rows::{Derived, Input};
use crate::compile::{Compiled, Compiler, Parts};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::ledger::{HOLD_LEASE, Lease, begin_with_lease};

const TAKE_FROM_QUEUE: &str = include_str!("../../sql/compile/take_from_queue.sql");
const READ_RELEASES: &str = include_str!("../../sql/compile/read_releases.sql");
const READ_KEYS: &str = include_str!("../../sql/compile/read_release_keys.sql");
const READ_TEXT: &str = include_str!("../../sql/compile/read_release_text.sql");
const READ_HASHES: &str = include_str!("../../sql/compile/read_hashes.sql");
const READ_PUBLISHER: &str = include_str!("../../sql/compile/read_publisher_compiled.sql");
const FIND_SERVED_COMPILED: &str = include_str!("../../sql/compile/find_served_compiled.sql");
const READ_PUBLISHER_KEYS: &str = include_str!("../../sql/compile/read_publisher_keys.sql");
const ADD_GONE: &str = include_str!("../../sql/compile/add_gone.sql");
const REMOVE_GONE: &str = include_str!("../../sql/compile/remove_gone.sql");

/// The statements of each batch, which are prepared once on a connection.
pub(super) const PREPARED: [&str; 5] = [
    HOLD_LEASE,
    TAKE_FROM_QUEUE,
    READ_RELEASES,
    READ_HASHES,
    REMOVE_GONE,
];

/// The result of an attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    Done(Compiled),
    /// The processes are too large, or the server refuses one of them. Nothing has changed.
    Refused(Obstacle),
}

/// One batch of processes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch<'a> {
    pub(super) compiler: &'a Compiler,
    pub(super) lease: &'a Lease,
    pub(super) ocids: &'a [String],
    /// The reason why the only process of the batch cannot be compiled as others are.
    pub(super) obstacle: Option<&'a Obstacle>,
}

impl Batch<'_> {
    pub(super) async fn attempt(&self) -> Result<Attempt> {
        let Compiler {
            database, session, ..
        } = self.compiler;
        let mut transaction = begin_with_lease(database, session, self.lease).await?;
        match self.run(&mut transaction).await? {
            Attempt::Done(compiled) => {
                transaction.commit().await?;
                failpoint::reach("compile-committed");
                Ok(Attempt::Done(compiled))
            }
            refused @ Attempt::Refused(_) => {
                transaction.roll_back().await?;
                Ok(refused)
            }
        }
    }

    async fn run(&self, transaction: &mut Transaction) -> Result<Attempt> {
        let ocids: Vec<&str> = self.ocids.iter().map(|ocid| &**ocid).collect();
        let mut exchange = transaction.new_exchange();
        exchange.push_query(TAKE_FROM_QUEUE, self.parameters(&ocids));
        let taken = exchange.await_last_answer().await?.rows;
        failpoint::reach("compile-taken");
        let queue_rows = taken.len() as u64;
        let taken = taken.iter().map(|row| row.try_get::<_, &str>(0));
        let taken = taken.collect::<std::result::Result<BTreeSet<_>, _>>()?;
        let taken: Vec<&str> = taken.into_iter().collect();
        let mut compiled = Compiled {
            processes: taken.len() as u64,
            queue_rows,
            ..Compiled::default()
        };
        if let Some(Obstacle::Unwritable(_)) = self.obstacle {
            compiled.failed = compiled.processes;
            return Ok(Attempt::Done(compiled));
        }
        if taken.is_empty() {
            return Ok(Attempt::Done(compiled));
        }
        let mut inputs = match self.read(transaction, &taken).await? {
            Ok(inputs) => inputs,
            Err(refused) => return Ok(Attempt::Refused(refused)),
        };
        self.find_served_compiled(transaction, &mut inputs).await?;
        let derive = async |inputs, derived, has_read_publisher| {
            let deriving = derive(&self.compiler.parts, inputs, derived, has_read_publisher);
            self.keep_alive(transaction, deriving).await
        };
        let mut derived = derive(inputs, Derived::new(), false).await?;
        if !derived.undecided.is_empty() {
            let mut inputs = std::mem::take(&mut derived.undecided);
            if let Some(refused) = self.read_publisher(transaction, &mut inputs).await? {
                return Ok(Attempt::Refused(refused));
            }
            derived = derive(inputs, derived, true).await?;
        }
        compiled.changed = (derived.replaced.len() + derived.new.len()) as u64;
        compiled.gone = derived.gone.len() as u64;
        compiled.failed = derived.failed;
        if derived.is_empty() {
            return Ok(Attempt::Done(compiled));
        }
        if let Some(refused) = self.write(transaction, &derived).await? {
            return Ok(Attempt::Refused(refused));
        }
        failpoint::reach("compile-written");
        Ok(Attempt::Done(compiled))
    }

    /// Waits for work that sends nothing to the server. Meanwhile it sends empty statements, because
    /// the server ends a transaction that is idle for long, and large processes take long.
    async fn keep_alive<T>(
        &self,
        transaction: &Transaction,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limit = self
            .compiler
            .database
            .settings()
            .idle_in_transaction_timeout;
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(limit / 4) => {
                    let mut exchange = transaction.new_exchange();
                    exchange.push_simple("select");
                    exchange.await_last_answer().await?;
                }
            }
        }
    }

    fn parameters<'p>(&'p self, ocids: &'p (dyn ToSql + Sync)) -> Vec<TypedParameter<'p>> {
        let source = (&self.compiler.source as _, Type::TEXT);
        vec![source, (ocids, Type::TEXT_ARRAY)]
    }

    /// Reads what is stored of processes. Fails with an obstacle if that is too large, or if the
    /// server refuses to read it.
    async fn read(
        &self,
        transaction: &Transaction,
        ocids: &[&str],
    ) -> Result<std::result::Result<Vec<Input>, Obstacle>> {
        let mut exchange = transaction.new_exchange();
        match self.obstacle {
            None => {
                let limit = self.compiler.settings.max_process_bytes;
                exchange.push_limited_query(READ_RELEASES, self.parameters(&ocids), limit);
            }
            Some(_) => exchange.push_query(READ_KEYS, self.parameters(&ocids)),
        }
        exchange.push_query(READ_HASHES, self.parameters(&ocids));
        let mut replies = exchange.await_replies().await?.into_iter();
        let releases =
            match self.check_read(transaction, next_reply(&mut replies)?, "its releases have")? {
                Ok(releases) => releases,
                Err(obstacle) => return Ok(Err(obstacle)),
            };
        let hashes = next_reply(&mut replies)??.rows;
        let mut inputs: BTreeMap<&str, Input> = BTreeMap::new();
        for ocid in ocids {
            let input = inputs.entry(ocid).or_default();
            (*ocid).clone_into(&mut input.ocid);
            input.stored.obstacle = self.obstacle.cloned();
        }
        let drops_absent = self.compiler.parts.rules.drops_absent();
        for row in &releases {
            let release = read_release(row)?;
            if drops_absent && release.absent_since.is_some() {
                continue;
            }
            if let Some(input) = inputs.get_mut(row.try_get::<_, &str>(0)?) {
                input.stored.releases.push(release);
            }
        }
        for row in &hashes {
            if let Some(input) = inputs.get_mut(row.try_get::<_, &str>(0)?) {
                input.hash = Some(row.try_get(1)?);
            }
        }
        let mut inputs: Vec<Input> = inputs.into_values().collect();
        for input in &mut inputs {
            // so that what is said of them does not depend on the order in which they are read
            let releases = &mut input.stored.releases;
            releases.sort_by(|a, b| a.release_id.cmp(&b.release_id));
            if let Some(Obstacle::TooLarge(_)) = self.obstacle
                && let Some(refused) = self.read_newest_text(transaction, input).await?
            {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(inputs))
    }

    /// Returns the rows of a reply, or an obstacle if they are too large or cannot be read.
    fn check_read(
        &self,
        transaction: &Transaction,
        reply: Reply,
        what: &str,
    ) -> Result<std::result::Result<Vec<Row>, Obstacle>> {
        let limit = self.compiler.settings.max_process_bytes;
        match reply {
            Ok(answer) if answer.is_cut => Ok(Err(Obstacle::TooLarge(format!(
                "{what} more than {limit} bytes of text (compile.max_process_bytes)"
            )))),
            Ok(answer) => Ok(Ok(answer.rows)),
            Err(error) if transaction.is_refused(&error) => {
                let error = Error::from(error);
                Ok(Err(Obstacle::Refused(format!(
                    "the database refused to read what is stored of it: {error}"
                ))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the text of the newest release of a process whose releases are too large together,
    /// unless that one alone is too large.
    async fn read_newest_text(
        &self,
        transaction: &Transaction,
        input: &mut Input,
    ) -> Result<Option<Obstacle>> {
        let Input { ocid, stored, .. } = input;
        let Some(newest) = stored.newest_mut() else {
            return Ok(None);
        };
        let parameters: Vec<TypedParameter<'_>> = vec![
            (&self.compiler.source, Type::TEXT),
            (ocid, Type::TEXT),
            (&newest.release_id, Type::TEXT),
        ];
        let limit = self.compiler.settings.max_process_bytes;
        let mut exchange = transaction.new_exchange();
        exchange.push_limited_query(READ_TEXT, parameters, limit);
        let reply = next_reply(&mut exchange.await_replies().await?.into_iter())?;
        let rows = match self.check_read(transaction, reply, "its newest release has")? {
            Ok(rows) => rows,
            Err(Obstacle::TooLarge(_)) => Vec::new(),
            Err(refused) => return Ok(Some(refused)),
        };
        let text: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?;
        newest.text = text.unwrap_or_default();
        Ok(None)
    }

    /// Reads the publisher's compiled releases of processes. Returns an obstacle if they are too
    /// large, or if the server refuses to read them.
    async fn read_publisher(
        &self,
        transaction: &Transaction,
        inputs: &mut [Input],
    ) -> Result<Option<Obstacle>> {
        let ocids: Vec<String> = inputs.iter().map(|input| input.ocid.clone()).collect();
        let ocids: Vec<&str> = ocids.iter().map(|ocid| &**ocid).collect();
        let limit = self.compiler.settings.max_process_bytes;
        let mut exchange = transaction.new_exchange();
        match self.obstacle {
            Some(Obstacle::Refused(_) | Obstacle::Unwritable(_)) => {
                exchange.push_query(READ_PUBLISHER_KEYS, self.parameters(&ocids));
            }
            _ => exchange.push_limited_query(READ_PUBLISHER, self.parameters(&ocids), limit),
        }
        let reply = next_reply(&mut exchange.await_replies().await?.into_iter())?;
        let read = self.check_read(transaction, reply, "its compiled release has")?;
        let rows = match (read, self.obstacle) {
            (Ok(rows), _) => rows,
            (Err(Obstacle::TooLarge(_)), Some(_)) => {
                let mut exchange = transaction.new_exchange();
                exchange.push_query(READ_PUBLISHER_KEYS, self.parameters(&ocids));
                exchange.await_last_answer().await?.rows
            }
            (Err(obstacle), _) => return Ok(Some(obstacle)),
        };
        let mut compiled: BTreeMap<&str, PublisherCompiled> = BTreeMap::new();
        for row in &rows {
            let release = PublisherCompiled {
                date: row.try_get(1)?,
                tag: row.try_get(2)?,
                absent_since: row.try_get(3)?,
                text: row.try_get(4)?,
            };
            compiled.insert(row.try_get(0)?, release);
        }
        if self.compiler.parts.rules.drops_absent() {
            compiled.retain(|_, release| release.absent_since.is_none());
        }
        for input in inputs {
            input.stored.publisher = compiled.remove(&*input.ocid);
        }
        Ok(None)
    }

    /// Looks whether the publisher serves a compiled release of the processes of which it no longer
    /// serves any release.
    async fn find_served_compiled(
        &self,
        transaction: &Transaction,
        inputs: &mut [Input],
    ) -> Result<()> {
        let absent = inputs.iter_mut();
        let absent = absent.filter(|input| input.stored.has_only_absent_releases());
        let mut absent: BTreeMap<String, &mut Input> =
            absent.map(|input| (input.ocid.clone(), input)).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let ocids: Vec<String> = absent.keys().cloned().collect();
        let mut exchange = transaction.new_exchange();
        exchange.push_query(FIND_SERVED_COMPILED, self.parameters(&ocids));
        for row in exchange.await_last_answer().await?.rows {
            if let Some(input) = absent.get_mut(row.try_get::<_, &str>(0)?) {
                input.stored.is_served_compiled = true;
            }
        }
        Ok(())
    }

    /// Replaces the rows of processes. Returns an obstacle if the server refuses one of them.
    async fn write(
        &self,
        transaction: &mut Transaction,
        derived: &Derived,
    ) -> Result<Option<Obstacle>> {
        let statements = &self.compiler.parts.statements;
        let now = Timestamp::now();
        let with_rows = derived.replaced.iter().chain(&derived.gone);
        let with_rows: Vec<&str> = with_rows.map(|ocid| &**ocid).collect();
        let gone: Vec<&str> = derived.gone.iter().map(|ocid| &**ocid).collect();
        let new: Vec<&str> = derived.new.iter().map(|ocid| &**ocid).collect();
        let mut exchange = transaction.new_exchange();
        if !with_rows.is_empty() {
            for deletion in &statements.deletions {
                exchange.push_query(deletion, self.parameters(&with_rows));
            }
        }
        if !gone.is_empty() {
            let mut parameters = self.parameters(&gone);
            parameters.push((&now, Type::TIMESTAMPTZ));
            exchange.push_query(ADD_GONE, parameters);
        }
        if !new.is_empty() {
            exchange.push_query(REMOVE_GONE, self.parameters(&new));
        }
        for reply in exchange.await_replies().await? {
            match reply {
                Ok(_) => {}
                // for example because a foreign key of another application's table refers to it
                Err(error) if transaction.is_refused(&error) => {
                    let error = Error::from(error);
                    return Ok(Some(Obstacle::Refused(format!(
                        "the database refused to replace its rows: {error}"
                    ))));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let tables = statements.insertions.iter().zip(&statements.shared);
        for ((insertion, shared), rows) in tables.zip(&derived.rows) {
            if rows.is_empty() {
                continue;
            }
            let applied = transaction
                .apply(insertion, shared, rows, OnFailure::RollBack)
                .await?;
            if let Some(failure) = applied.failures.first() {
                let table = insertion.table().label();
                let (state, message) = (&failure.sqlstate, &failure.message);
                return Ok(Some(Obstacle::Refused(format!(
                    "the database refused a row of {table}: {message} ({state})"
                ))));
            }
        }
        Ok(None)
    }
}

fn read_release(row: &Row) -> Result<StoredRelease> {
    Ok(StoredRelease {
        release_id: row.try_get(1)?,
        date: row.try_get(2)?,
        tag: row.try_get(3)?,
        served: (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?),
        absent_since: row.try_get(7)?,
        text: row.try_get(8)?,
    })
}

/// Derives the rows of processes on a thread that may block, because merging takes long.
async fn derive(
    parts: &Arc<Parts>,
    inputs: Vec<Input>,
    mut derived: Derived,
    has_read_publisher: bool,
) -> Result<Derived> {
    let parts = Arc::clone(parts);
    let deriving = tokio::task::spawn_blocking(move || {
        let now = Timestamp::now();
        for input in inputs {
            derived.add(
                input,
                has_read_publisher,
                &parts.rules,
                &parts.statements,
                now,
            )?;
        }
        Ok(derived)
    });
    deriving
        .await
        .map_err(|e| Error::unexpected("compile processes").with_source(e))?
}
