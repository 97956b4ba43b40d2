//! One page, one transaction.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::config::{self, Method};
use crate::error::Result;
use crate::ledger::{Counts, Lease, signed};
use crate::page::PageRecord;
use crate::release::Reject;
use crate::sink::fold::Folded;
use crate::sink::lease::{begin_holding, is_lease_held, lease_lost};
use crate::sink::page::{PageRow, durable_counts};
use crate::sink::prepare::prepare;
use crate::sink::reject::{RejectColumns, insert_rejects, refused, resolve_rejects};
use crate::sink::release::{Keys, Row, Shared, count, keys, parameters};
use crate::sink::transaction::{Flight, Reply, Transaction, blames_a_row, next};
use crate::sink::{Sink, Statement};

/// The most rows of a fallback that are under way together. Those behind a row
/// that fails were sent for nothing; those before it shared one round trip.
const FALLBACK_ROWS: usize = 16;

/// The most batches that are under way together: those behind one that is
/// refused were sent for nothing, and all are in memory as they are sent.
const FLIGHT_BATCHES: usize = 16;

/// One attempt to make a page durable.
pub(super) struct PageCommit<'a> {
    sink: &'a Sink,
    lease: &'a Lease,
    page: &'a PageRecord,
    folded: &'a Folded,
    rejects: &'a [Reject],
    shared: Shared<'a>,
}

/// What became of the rows that were sent.
#[derive(Debug, Default)]
struct Written {
    inserted: i64,
    updated: i64,
    refused: Vec<Reject>,
}

/// When the transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// In the flight of the first batches.
    WithRows,
    /// It has begun.
    Done,
}

impl<'a> PageCommit<'a> {
    pub(super) fn new(
        sink: &'a Sink,
        lease: &'a Lease,
        page: &'a PageRecord,
        folded: &'a Folded,
        rejects: &'a [Reject],
    ) -> Self {
        let shared = Shared {
            source: &sink.source,
            run_id: lease.run_id,
            page_number: signed(page.position.number),
            now: Timestamp::now(),
            fetched_at: page.fetched_at,
        };
        Self {
            sink,
            lease,
            page,
            folded,
            rejects,
            shared,
        }
    }

    /// Commits the page.
    pub(super) async fn run(&self) -> Result<Counts> {
        let connection = self.sink.database.connection().await?;
        let mut transaction = Transaction::on(connection, self.sink.limits.reply_timeout);
        prepare(self.sink, &mut transaction).await?;
        let Some(written) = self.begin_and_write(&transaction).await? else {
            transaction.roll_back().await?;
            return Err(lease_lost());
        };
        let mut counts = self.counts(&written);
        if !self.close(&transaction, &counts, &written).await? {
            counts = durable_counts(self.lease, self.page, &transaction).await?;
        }
        transaction.ended();
        self.sink.remember_stored(&counts);
        Ok(counts)
    }

    /// Begins, and writes the rows whose content is not what is stored; `None`
    /// if the lease is lost. Where stored releases are expected their hashes are
    /// read first, so that unchanged ones are not sent; where they are not, the
    /// upsert leaves them as they are.
    async fn begin_and_write(&self, transaction: &Transaction<'_>) -> Result<Option<Written>> {
        let releases = &self.folded.releases;
        if !self.sink.expects_stored() {
            let rows: Vec<Row<'_>> = releases.iter().map(Row::new).collect();
            return self.write(transaction, &rows, Begin::WithRows).await;
        }
        let (ocids, ids) = keys(releases);
        let mut flight = transaction.flight();
        begin_holding(self.sink, self.lease, &mut flight);
        flight.typed(
            include_str!("../../sql/sink/stored_hashes.sql"),
            vec![(&ocids, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)],
        );
        let mut replies = flight.land().await?.into_iter();
        if !is_lease_held(&mut replies)? {
            return Ok(None);
        }
        let rows = self.changed_rows(&next(&mut replies)??)?;
        self.write(transaction, &rows, Begin::Done).await
    }

    /// The rows whose content is not what is stored, by positions, sources and
    /// hashes.
    fn changed_rows(&self, stored: &[tokio_postgres::Row]) -> Result<Vec<Row<'a>>> {
        let releases = &self.folded.releases;
        let mut is_stored = vec![false; releases.len()];
        for row in stored {
            let position: i64 = row.try_get(0)?;
            let source: &str = row.try_get(1)?;
            let hash: &[u8] = row.try_get(2)?;
            let index = usize::try_from(position - 1).expect("ordinality counts from 1");
            is_stored[index] |=
                source == self.shared.source && hash == releases[index].content_hash;
        }
        let changed = releases.iter().zip(is_stored).filter(|(_, stored)| !stored);
        Ok(changed.map(|(release, _)| Row::new(release)).collect())
    }

    /// Sends batch behind batch without waiting for one; `None` if the lease is
    /// lost. A batch that is refused for the data's sake is written row by row,
    /// and what was sent behind it is sent again.
    async fn write(
        &self,
        transaction: &Transaction<'_>,
        rows: &[Row<'_>],
        mut begin: Begin,
    ) -> Result<Option<Written>> {
        let mut written = Written::default();
        let batches = self.batches(rows);
        let mut rest = &*batches;
        while begin == Begin::WithRows || !rest.is_empty() {
            let window = &rest[..rest.len().min(FLIGHT_BATCHES)];
            let mut flight = transaction.flight();
            if begin == Begin::WithRows {
                begin_holding(self.sink, self.lease, &mut flight);
            }
            self.add_batches(&mut flight, window);
            let mut replies = flight.land().await?.into_iter();
            if begin == Begin::WithRows && !is_lease_held(&mut replies)? {
                return Ok(None);
            }
            begin = Begin::Done;
            let settled = match written.add_batches(replies)? {
                Some(refused) => {
                    self.row_by_row(transaction, window[refused], &mut written)
                        .await?;
                    refused + 1
                }
                None => window.len(),
            };
            rest = &rest[settled..];
        }
        if self.sink.settings.method == Method::Row && !rows.is_empty() {
            let mut flight = transaction.flight();
            flight.simple("savepoint batch");
            next(&mut flight.land().await?.into_iter())??;
            self.row_by_row(transaction, rows, &mut written).await?;
        }
        Ok(Some(written))
    }

    /// Rows cut into statements by number and by bytes.
    fn batches<'r>(&self, rows: &'r [Row<'r>]) -> Vec<&'r [Row<'r>]> {
        let config::Sink {
            method,
            batch_size,
            batch_bytes,
            ..
        } = self.sink.settings;
        if method == Method::Row {
            return Vec::new();
        }
        let mut batches = Vec::new();
        let mut rest = rows;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take(batch_size).take_while(|row| {
                bytes += row.bytes();
                bytes <= batch_bytes
            });
            // a row larger than a batch is a batch
            let (batch, behind) = rest.split_at(fitting.count().max(1));
            batches.push(batch);
            rest = behind;
        }
        batches
    }

    fn add_batches<'f>(&'f self, flight: &mut Flight<'f>, batches: &[&'f [Row<'f>]]) {
        for batch in batches {
            flight.simple("savepoint batch");
            self.add_upsert(flight, batch);
        }
    }

    fn add_upsert<'f>(&'f self, flight: &mut Flight<'f>, rows: &'f [Row<'f>]) {
        let Statement { sql, types } = self.sink.statement(rows.len());
        flight.wide(sql, types, parameters(&self.shared, rows));
    }

    /// Upserts each row by itself behind a savepoint, and makes a reject of each
    /// that is refused. The last savepoint is where the batch began.
    async fn row_by_row(
        &self,
        transaction: &Transaction<'_>,
        rows: &[Row<'_>],
        written: &mut Written,
    ) -> Result<()> {
        let mut rest = rows;
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(FALLBACK_ROWS)];
            let mut flight = transaction.flight();
            flight.simple("rollback to savepoint batch");
            for row in window.chunks(1) {
                self.add_upsert(&mut flight, row);
                flight.simple("release savepoint batch; savepoint batch");
            }
            let mut replies = flight.land().await?.into_iter();
            next(&mut replies)??;
            rest = &rest[written.add_rows(window, &mut replies)?..];
        }
        let mut flight = transaction.flight();
        flight.simple("rollback to savepoint batch");
        next(&mut flight.land().await?.into_iter())??;
        Ok(())
    }

    fn counts(&self, written: &Written) -> Counts {
        let stored = count(self.folded.releases.len());
        let refused = count(written.refused.len());
        let rejects = count(self.rejects.len());
        let folded = count(self.folded.folded);
        Counts {
            releases: stored + folded + rejects,
            inserted: written.inserted,
            updated: written.updated,
            unchanged: stored - refused - written.inserted - written.updated,
            folded,
            quarantined: rejects + refused,
        }
    }

    /// Writes the rejects and the page's own row, and commits; `false` if the
    /// page is durable already and all was rolled back.
    async fn close(
        &self,
        transaction: &Transaction<'_>,
        counts: &Counts,
        written: &Written,
    ) -> Result<bool> {
        let rejects = || self.rejects.iter().chain(&written.refused);
        let columns = RejectColumns::new(rejects().chain(&self.folded.superseded));
        let resolved = self.resolvable(written);
        if rejects().next().is_some() {
            // now, since the commit may succeed and its reply be lost
            self.sink.expect_open_rejects();
        }
        let row = PageRow::new(self.lease, self.page, self.shared.now, counts);
        let mut flight = transaction.flight();
        if let Some(keys) = &resolved {
            resolve_rejects(&mut flight, &self.shared, keys);
        }
        if !columns.is_empty() {
            insert_rejects(&mut flight, &self.shared, &self.page.url, &columns);
        }
        row.insert(&mut flight);
        flight.simple("commit");
        let mut replies = flight.land().await?;
        let committed = replies.pop();
        let inserted = replies.pop();
        for reply in replies {
            reply?;
        }
        match next(&mut inserted.into_iter())? {
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => return Ok(false),
            inserted => inserted?,
        };
        next(&mut committed.into_iter())??;
        Ok(true)
    }

    /// The keys that are stored now, if there may be rejects they resolve.
    fn resolvable(&self, written: &Written) -> Option<Keys<'_>> {
        if !self.sink.has_open_rejects.load(Ordering::Relaxed) {
            return None;
        }
        let refused: HashSet<&str> = written
            .refused
            .iter()
            .map(|reject| &*reject.pointer)
            .collect();
        let stored = self.folded.releases.iter();
        Some(keys(
            stored.filter(|release| !refused.contains(&*release.pointer)),
        ))
    }
}

impl Written {
    /// Counts the replies to batches, each behind its savepoint's, up to the
    /// first batch that was refused for the data's sake, and says which.
    fn add_batches(&mut self, mut replies: impl Iterator<Item = Reply>) -> Result<Option<usize>> {
        let mut batch = 0;
        while let Some(savepoint) = replies.next() {
            savepoint?;
            match next(&mut replies)? {
                Ok(rows) => self.count(&rows)?,
                Err(error) if blames_a_row(&error) => return Ok(Some(batch)),
                Err(error) => return Err(error.into()),
            }
            batch += 1;
        }
        Ok(None)
    }

    /// Counts the replies to lone rows, each before its savepoint's, up to and
    /// with the first that was refused, and says how many were settled.
    fn add_rows(
        &mut self,
        rows: &[Row<'_>],
        replies: &mut impl Iterator<Item = Reply>,
    ) -> Result<usize> {
        for (index, row) in rows.iter().enumerate() {
            match next(replies)? {
                Ok(written) => self.count(&written)?,
                Err(error) => match error.as_db_error().filter(|_| blames_a_row(&error)) {
                    Some(db) => {
                        self.refused.push(refused(row.release(), db));
                        return Ok(index + 1);
                    }
                    None => return Err(error.into()),
                },
            }
            next(replies)??;
        }
        Ok(rows.len())
    }

    /// Counts the rows that an upsert returned.
    fn count(&mut self, rows: &[tokio_postgres::Row]) -> Result<()> {
        for row in rows {
            if row.try_get("inserted")? {
                self.inserted += 1;
            } else {
                self.updated += 1;
            }
        }
        Ok(())
    }
}
