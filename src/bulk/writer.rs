//! Collects rows of several tables and sends them in batches.

use std::time::{Duration, Instant};

use tracing::error;

use crate::bulk::own_transaction::{TableWrite, write_all};
use crate::bulk::{
    Binding, Failure, OnFailure, Operation, Rows, Session, TableOutcome, Transaction,
};
use crate::database::Database;
use crate::error::Result;

/// The limits that decide when a [`Writer`] sends its rows.
#[derive(Clone, Copy, Debug)]
pub struct WriterLimits {
    /// The number of rows of a table at which they are sent. The rows of the tables that were added
    /// before it are sent first.
    pub rows: usize,
    /// The size in bytes of the rows of all tables at which all of them are sent. The writer never
    /// holds more than this, except for one row.
    pub bytes: usize,
    /// The time after which a row should be sent. The caller sends it by calling
    /// [`Writer::flush`] at the time of [`Writer::next_flush`].
    pub interval: Duration,
}

/// Collects rows of several tables and sends them in batches.
///
/// The rows of one table are sent when the table has enough of them. The rows of all tables are
/// sent when they need too much memory, when the oldest row has waited too long, on
/// [`flush`](Writer::flush) and on [`close`](Writer::close). Tables are sent in the order in
/// which they were added, so add parent tables before their children.
///
/// [`add_row`](Writer::add_row) waits while rows are sent. A writer that is dropped with rows
/// logs an error, because these rows are lost. Rows are also lost if sending is cancelled,
/// because they may be committed already and sending them again could write them twice.
///
/// Refused rows are in the [`TableOutcome`] of their table. If a writer has its own transactions,
/// [`OnFailure::RollBack`] of one table rolls back all tables that were sent together. In a
/// transaction of the caller, it rolls back only that table.
pub struct Writer<'w> {
    target: Target<'w>,
    tables: Vec<TableBuffer<'w>>,
    limits: WriterLimits,
    /// The time at which the oldest buffered row was added.
    oldest: Option<Instant>,
    buffered: usize,
}

enum Target<'w> {
    /// The rows are sent in an open transaction, which the caller commits.
    Transaction(&'w mut Transaction),
    /// The rows are sent in a new transaction each time.
    Database(&'w Database, &'w Session),
}

struct TableBuffer<'w> {
    operation: &'w Operation,
    shared: Rows,
    rows: Rows,
    on_failure: OnFailure,
    /// The number of rows of this table that were sent and are no longer buffered.
    sent: usize,
    outcome: TableOutcome,
}

/// Identifies a table of a [`Writer`], and holds the binding that encodes the table's rows.
pub struct WriterTable<'w, R> {
    index: usize,
    binding: &'w Binding<R>,
}

impl<'w> Writer<'w> {
    /// Creates a writer that sends its rows in an open transaction.
    #[must_use]
    pub fn in_transaction(transaction: &'w mut Transaction, limits: WriterLimits) -> Self {
        Self::new(Target::Transaction(transaction), limits)
    }

    /// Creates a writer that begins a transaction each time it sends rows.
    #[must_use]
    pub fn with_own_transactions(
        database: &'w Database,
        session: &'w Session,
        limits: WriterLimits,
    ) -> Self {
        Self::new(Target::Database(database, session), limits)
    }

    fn new(target: Target<'w>, limits: WriterLimits) -> Self {
        Self {
            target,
            tables: Vec::new(),
            limits,
            oldest: None,
            buffered: 0,
        }
    }

    /// Adds a table. Its rows are sent after the rows of the tables that were added before it.
    pub fn add_table<R>(
        &mut self,
        operation: &'w Operation,
        shared: Rows,
        binding: &'w Binding<R>,
        on_failure: OnFailure,
    ) -> WriterTable<'w, R> {
        self.tables.push(TableBuffer {
            operation,
            shared,
            rows: Rows::default(),
            on_failure,
            sent: 0,
            outcome: TableOutcome::default(),
        });
        WriterTable {
            index: self.tables.len() - 1,
            binding,
        }
    }

    /// Reserves memory for the rows of a table, so that they need not be moved while the buffer
    /// grows. It never reserves more than [`WriterLimits::bytes`].
    pub fn reserve<R>(&mut self, table: &WriterTable<'w, R>, bytes: usize) {
        let bytes = bytes.min(self.limits.bytes);
        self.tables[table.index].rows.reserve(bytes);
    }

    /// Adds a row, and sends rows if a limit is reached.
    ///
    /// # Errors
    ///
    /// The row cannot be encoded, or sending fails as described at [`Writer::flush`].
    pub async fn add_row<R>(&mut self, table: &WriterTable<'w, R>, row: &R) -> Result<()> {
        let buffer = &mut self.tables[table.index];
        buffer.rows.push(table.binding, row)?;
        let is_full = buffer.rows.len() >= self.limits.rows;
        self.buffered += 1;
        let oldest = *self.oldest.get_or_insert_with(Instant::now);
        let bytes = || -> usize { self.tables.iter().map(|t| t.rows.byte_count()).sum() };
        if bytes() >= self.limits.bytes || oldest.elapsed() >= self.limits.interval {
            return self.flush().await;
        }
        if is_full {
            return self.send_tables(table.index + 1).await;
        }
        Ok(())
    }

    /// Returns the time at which the caller must call [`Writer::flush`], so that the oldest row
    /// does not wait too long. Returns `None` if the writer holds no row.
    #[must_use]
    pub fn next_flush(&self) -> Option<Instant> {
        self.oldest?.checked_add(self.limits.interval)
    }

    /// Sends all rows.
    ///
    /// # Errors
    ///
    /// Sending fails as described at [`Transaction::apply`]. For a writer with its own
    /// transactions, it fails as described at [`write()`](crate::bulk::write()). After an error,
    /// the rows are dropped.
    pub async fn flush(&mut self) -> Result<()> {
        self.send_tables(self.tables.len()).await
    }

    /// Sends the rows of the first `count` tables.
    async fn send_tables(&mut self, count: usize) -> Result<()> {
        let tables = &mut self.tables[..count];
        let buffered: usize = tables.iter().map(|table| table.rows.len()).sum();
        if buffered == 0 {
            return Ok(());
        }
        let writes: Vec<TableWrite<'_>> = tables.iter().map(TableBuffer::as_table_write).collect();
        let outcomes = match &mut self.target {
            Target::Transaction(transaction) => apply_all(transaction, &writes).await,
            Target::Database(database, session) => write_all(database, session, &writes).await,
        };
        for table in &mut *tables {
            table.clear();
        }
        self.buffered -= buffered;
        if self.buffered == 0 {
            self.oldest = None;
        }
        for (table, outcome) in tables.iter_mut().zip(outcomes?) {
            table.add_outcome(outcome);
        }
        Ok(())
    }

    /// Returns what happened to a table's rows since the last call of this function. The
    /// positions in the outcome count all rows that were ever added to the table.
    pub fn take_outcome<R>(&mut self, table: &WriterTable<'w, R>) -> TableOutcome {
        std::mem::take(&mut self.tables[table.index].outcome)
    }

    /// Returns the number of rows that the writer holds, over all tables.
    #[must_use]
    pub fn buffered_rows(&self) -> usize {
        self.buffered
    }

    /// Sends all rows. Returns the outcome of each table since the last
    /// [`take_outcome`](Writer::take_outcome), in the order of the tables.
    ///
    /// # Errors
    ///
    /// Sending fails as described at [`Writer::flush`].
    pub async fn close(mut self) -> Result<Vec<TableOutcome>> {
        self.flush().await?;
        let tables = std::mem::take(&mut self.tables);
        Ok(tables.into_iter().map(|table| table.outcome).collect())
    }
}

async fn apply_all(
    transaction: &mut Transaction,
    writes: &[TableWrite<'_>],
) -> Result<Vec<TableOutcome>> {
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        outcomes.push(write.apply(transaction).await?);
    }
    Ok(outcomes)
}

impl TableBuffer<'_> {
    fn as_table_write(&self) -> TableWrite<'_> {
        TableWrite {
            operation: self.operation,
            shared: &self.shared,
            rows: &self.rows,
            on_failure: self.on_failure,
        }
    }

    fn clear(&mut self) {
        self.sent += self.rows.len();
        self.rows.clear();
    }

    /// Adds the outcome of the rows that were sent last to the outcome of the table.
    fn add_outcome(&mut self, outcome: TableOutcome) {
        self.outcome.report += outcome.report;
        let first = self.sent - usize::try_from(outcome.report.total).expect("rows in memory");
        let failures = outcome.failures.into_iter().map(|failure| Failure {
            position: failure.position + first,
            ..failure
        });
        self.outcome.failures.extend(failures);
        let returned = outcome.returned.into_iter();
        let returned = returned.map(|(position, row)| (position + first, row));
        self.outcome.returned.extend(returned);
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let rows = self.buffered;
        if rows > 0 {
            error!(
                rows,
                "a writer was dropped before it sent {rows} rows: they are lost"
            );
        }
    }
}
