//! Rows of several tables, gathered until they are worth sending.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tracing::error;

use crate::bulk::write::{Lane, write_all};
use crate::bulk::{
    Applied, Binding, Failure, OnFailure, Operation, Report, Rows, Session, Transaction,
};
use crate::database::Database;
use crate::error::Result;

/// When a [`Writer`] sends what it has gathered.
#[derive(Clone, Copy, Debug)]
pub struct WriterLimits {
    /// So many rows of a table are sent, with those of the tables before it.
    pub rows: usize,
    /// So many bytes of rows, of all tables together, are sent; no more are held
    /// but for the one row that comes over it.
    pub bytes: usize,
    /// What was gathered so long ago is sent.
    pub interval: Duration,
}

/// Gathers rows of several tables and sends them in batches: a table's when it
/// has enough, all tables' when they weigh too much, when the oldest row has
/// waited for too long, on [`flush`](Writer::flush) and on
/// [`close`](Writer::close). Tables are sent in the order they were added,
/// parents before children.
///
/// Who adds a row waits until there is room. A writer that is dropped with rows
/// in it says so in an error of the log: they are lost. So it does when a sending
/// is cancelled; within a transaction of its own that may have come to its end,
/// and a writer used on would send the rows again.
///
/// Rows refused are in what a table [gathered](Gathered). In a transaction of the
/// writer's own, what one table's [`OnFailure::RollBack`] undoes is undone for all
/// tables of that sending; within a caller's, for that table alone.
pub struct Writer<'w> {
    target: Target<'w>,
    lanes: Vec<Gathering<'w>>,
    limits: WriterLimits,
    /// When the oldest row waiting was added.
    oldest: Option<Instant>,
    statistics: Statistics,
}

/// Where a writer's rows go.
enum Target<'w> {
    /// A transaction under way, which the caller commits.
    Within(&'w mut Transaction),
    /// A transaction of its own for each sending.
    Own(&'w Database, &'w Session),
}

/// The rows of one table.
struct Gathering<'w> {
    operation: &'w Operation,
    shared: Rows,
    rows: Rows,
    on_failure: OnFailure,
    /// How many rows were sent before those gathered.
    sent: usize,
    gathered: Gathered,
}

/// What became of a table's rows.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The counts.
    pub report: Report,
    /// The rows that were refused, by their positions among all rows added.
    pub failures: Vec<Failure>,
    /// What the operation gave back of rows, by their positions likewise.
    pub returned: Vec<(usize, Row)>,
}

/// What a writer has done so far, over all tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Rows added.
    pub added: u64,
    /// Rows sent, those refused among them.
    pub flushed: u64,
    /// Rows that wait.
    pub buffered: u64,
    /// How many times rows were sent.
    pub flushes: u64,
    /// Rows refused.
    pub failed: u64,
}

/// A table of a [`Writer`], and how its rows are made.
pub struct Slot<'w, R> {
    index: usize,
    binding: &'w Binding<R>,
    row: PhantomData<fn(&R)>,
}

impl<'w> Writer<'w> {
    /// A writer within a transaction under way.
    #[must_use]
    pub fn within(transaction: &'w mut Transaction, limits: WriterLimits) -> Self {
        Self::to(Target::Within(transaction), limits)
    }

    /// A writer with a transaction of its own for each sending.
    #[must_use]
    pub fn on(database: &'w Database, session: &'w Session, limits: WriterLimits) -> Self {
        Self::to(Target::Own(database, session), limits)
    }

    fn to(target: Target<'w>, limits: WriterLimits) -> Self {
        Self {
            target,
            lanes: Vec::new(),
            limits,
            oldest: None,
            statistics: Statistics::default(),
        }
    }

    /// Adds a table: its rows are sent behind those of the tables added before.
    pub fn table<R>(
        &mut self,
        operation: &'w Operation,
        shared: Rows,
        binding: &'w Binding<R>,
        on_failure: OnFailure,
    ) -> Slot<'w, R> {
        self.lanes.push(Gathering {
            operation,
            shared,
            rows: Rows::default(),
            on_failure,
            sent: 0,
            gathered: Gathered::default(),
        });
        Slot {
            index: self.lanes.len() - 1,
            binding,
            row: PhantomData,
        }
    }

    /// Makes room for so many bytes of a table's rows, at most as many as are ever
    /// held, so that they are not moved as they become more.
    pub fn reserve<R>(&mut self, slot: &Slot<'w, R>, bytes: usize) {
        let bytes = bytes.min(self.limits.bytes);
        self.lanes[slot.index].rows.reserve(bytes);
    }

    /// Adds a row, and waits for room where there is none.
    ///
    /// # Errors
    /// The row has no encoding, or sending failed as in [`Writer::flush`].
    pub async fn add<R>(&mut self, slot: &Slot<'w, R>, row: &R) -> Result<()> {
        let lane = &mut self.lanes[slot.index];
        lane.rows.push(slot.binding, row)?;
        let is_full = lane.rows.len() >= self.limits.rows;
        self.statistics.added += 1;
        self.statistics.buffered += 1;
        let oldest = *self.oldest.get_or_insert_with(Instant::now);
        let bytes = || {
            self.lanes
                .iter()
                .map(|lane| lane.rows.bytes())
                .sum::<usize>()
        };
        if bytes() >= self.limits.bytes || oldest.elapsed() >= self.limits.interval {
            return self.flush().await;
        }
        if is_full {
            return self.send(slot.index + 1).await;
        }
        Ok(())
    }

    /// When what waits will have waited for long enough; `None` if nothing does.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.oldest?.checked_add(self.limits.interval)
    }

    /// Sends all that waits.
    ///
    /// # Errors
    /// As [`Transaction::apply`], or [`write()`](crate::bulk::write()) for a writer
    /// with transactions of its own. What waited is given up.
    pub async fn flush(&mut self) -> Result<()> {
        self.send(self.lanes.len()).await
    }

    /// Sends the rows of the first so many tables.
    async fn send(&mut self, tables: usize) -> Result<()> {
        let lanes = &mut self.lanes[..tables];
        let waiting: usize = lanes.iter().map(|lane| lane.rows.len()).sum();
        if waiting == 0 {
            return Ok(());
        }
        let applied = match &mut self.target {
            Target::Within(transaction) => Self::apply(transaction, lanes).await,
            Target::Own(database, session) => {
                let lanes: Vec<Lane<'_>> = lanes.iter().map(Gathering::lane).collect();
                write_all(database, session, &lanes).await
            }
        };
        for lane in &mut *lanes {
            lane.forget();
        }
        self.statistics.buffered -= waiting as u64;
        if self.statistics.buffered == 0 {
            self.oldest = None;
        }
        for (lane, applied) in lanes.iter_mut().zip(applied?) {
            self.statistics.failed += applied.report.failed;
            lane.settle(applied);
        }
        self.statistics.flushed += waiting as u64;
        self.statistics.flushes += 1;
        Ok(())
    }

    async fn apply(transaction: &mut Transaction, lanes: &[Gathering<'w>]) -> Result<Vec<Applied>> {
        let mut applied = Vec::with_capacity(lanes.len());
        for lane in lanes {
            applied.push(lane.lane().apply(transaction).await?);
        }
        Ok(applied)
    }

    /// What became of a table's rows since this was last asked.
    pub fn take<R>(&mut self, slot: &Slot<'w, R>) -> Gathered {
        std::mem::take(&mut self.lanes[slot.index].gathered)
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Sends all that waits, and says what became of each table's rows since that
    /// was last asked, in the order of the tables.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub async fn close(mut self) -> Result<Vec<Gathered>> {
        self.flush().await?;
        let lanes = std::mem::take(&mut self.lanes);
        Ok(lanes.into_iter().map(|lane| lane.gathered).collect())
    }
}

impl Gathering<'_> {
    fn lane(&self) -> Lane<'_> {
        Lane {
            operation: self.operation,
            shared: &self.shared,
            rows: &self.rows,
            on_failure: self.on_failure,
        }
    }

    /// Empties the table of the rows that were sent, or given up.
    fn forget(&mut self) {
        self.sent += self.rows.len();
        self.rows.clear();
    }

    /// Remembers what became of the rows sent last.
    fn settle(&mut self, applied: Applied) {
        let Applied {
            report,
            failures,
            returned,
        } = applied;
        self.gathered.report += report;
        let first = self.sent - usize::try_from(report.total).expect("rows in memory");
        let failures = failures.into_iter().map(|failure| Failure {
            position: failure.position + first,
            ..failure
        });
        self.gathered.failures.extend(failures);
        let returned = returned.into_iter();
        let returned = returned.map(|(position, row)| (position + first, row));
        self.gathered.returned.extend(returned);
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        let rows = self.statistics.buffered;
        if rows > 0 {
            error!(
                rows,
                "a writer was dropped with {rows} rows in it: they are not written"
            );
        }
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Writer").field(&self.statistics).finish()
    }
}

impl<R> fmt::Debug for Slot<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.binding).finish()
    }
}
