//! One page, one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::config::{self, Method};
use crate::database::Connection;
use crate::error::{Error, Result};
use crate::ledger::{Counts, Lease};
use crate::page::PageRecord;
use crate::release::Reject;
use crate::sink::fold::Folded;
use crate::sink::lease::{begin, is_lease_held, lease_lost};
use crate::sink::reject::{RejectColumns, insert_rejects, refused};
use crate::sink::release::{Row, Shared, count, parameters, signed};
use crate::sink::transaction::{Flight, Reply, Transaction, blames_a_row, limited, next};
use crate::sink::{Sink, Statement};

/// The most rows of a fallback that are under way together. Those behind a row
/// that fails were sent for nothing; those before it shared one round trip.
const FALLBACK_ROWS: usize = 16;

/// The chain of a plain feed, which is one walk.
const PLAIN_CHAIN: &str = "";

/// Prepared upserts by their number of rows.
type Statements = HashMap<usize, tokio_postgres::Statement>;

/// The keys of releases: their ocids, and their ids at the same places.
type Keys<'a> = (Vec<&'a str>, Vec<&'a str>);

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

/// What the transaction's first statements found.
enum Opened {
    Writing(Written),
    LeaseLost,
    AlreadyDurable,
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
        let rows = self.changed_rows(&connection).await?;
        let transaction = Transaction::on(connection, self.sink.limits.reply_timeout);
        let written = match self.open_and_write(&transaction, &rows).await? {
            Opened::Writing(written) => written,
            Opened::AlreadyDurable => {
                let counts = self.durable_counts(&transaction).await?;
                transaction.ended();
                return Ok(counts);
            }
            Opened::LeaseLost => {
                transaction.roll_back().await?;
                return Err(lease_lost());
            }
        };
        let counts = self.counts(&written);
        self.close(&transaction, &counts, &written).await?;
        transaction.ended();
        Ok(counts)
    }

    /// The rows whose content is not what is stored. Only they are sent.
    async fn changed_rows(&self, connection: &Connection) -> Result<Vec<Row<'a>>> {
        let releases = &self.folded.releases;
        let (ocids, ids): (Vec<&str>, Vec<&str>) = releases
            .iter()
            .map(|release| (&*release.key.ocid, &*release.key.release_id))
            .unzip();
        let sql = include_str!("../../sql/sink/stored_hashes.sql");
        let parameters = [
            (&ocids as _, Type::TEXT_ARRAY),
            (&ids as _, Type::TEXT_ARRAY),
        ];
        let stored = connection.query_typed(sql, &parameters);
        let mut is_stored = vec![false; releases.len()];
        for row in limited(self.sink.limits.reply_timeout, stored).await?? {
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

    /// Begins, and sends all batches behind the beginning without waiting for
    /// it. A batch that is refused for the data's sake is written row by row,
    /// and what was behind it is sent again.
    async fn open_and_write(&self, transaction: &Transaction, rows: &[Row<'_>]) -> Result<Opened> {
        let statements = self.prepare(transaction, rows.len()).await?;
        let opening = Opening::new(self);
        let mut batches = self.batches(rows);
        let mut flight = transaction.flight();
        opening.add_to(&mut flight);
        self.add_batches(&mut flight, &statements, &batches);
        let mut replies = flight.land().await?.into_iter();
        let mut written = match opening.read(&mut replies)? {
            Opened::Writing(written) => written,
            found => return Ok(found),
        };
        while let Some(refused) = written.add_batches(replies)? {
            self.row_by_row(transaction, &statements, batches[refused], &mut written)
                .await?;
            batches.drain(..=refused);
            let mut flight = transaction.flight();
            self.add_batches(&mut flight, &statements, &batches);
            replies = flight.land().await?.into_iter();
        }
        if self.sink.settings.method == Method::Row {
            self.row_by_row(transaction, &statements, rows, &mut written)
                .await?;
        }
        Ok(Opened::Writing(written))
    }

    /// Prepares the statements of full batches and of lone rows, before the
    /// transaction begins: within one that failed the server would refuse to.
    async fn prepare(&self, transaction: &Transaction, rows: usize) -> Result<Statements> {
        let mut statements = Statements::default();
        if !self.sink.limits.prepare {
            return Ok(statements);
        }
        let sizes = [1, self.sink.settings.batch_size];
        for size in sizes.into_iter().filter(|size| *size <= rows) {
            let Statement { sql, types } = self.sink.statement(size);
            statements.insert(size, transaction.prepare(sql, types).await?);
        }
        Ok(statements)
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

    fn add_batches<'f>(
        &'f self,
        flight: &mut Flight<'f>,
        statements: &Statements,
        batches: &[&'f [Row<'f>]],
    ) {
        for batch in batches {
            flight.simple("savepoint batch");
            self.add_upsert(flight, statements, batch);
        }
    }

    fn add_upsert<'f>(
        &'f self,
        flight: &mut Flight<'f>,
        statements: &Statements,
        rows: &'f [Row<'f>],
    ) {
        let values = parameters(&self.shared, rows);
        match statements.get(&rows.len()) {
            Some(prepared) => flight.prepared(prepared.clone(), values),
            None => {
                let Statement { sql, types } = self.sink.statement(rows.len());
                flight.typed(sql, values.into_iter().zip(types.iter().cloned()).collect());
            }
        }
    }

    /// Upserts each row by itself behind a savepoint, and makes a reject of each
    /// that is refused. The last savepoint is where the batch began.
    async fn row_by_row(
        &self,
        transaction: &Transaction,
        statements: &Statements,
        rows: &[Row<'_>],
        written: &mut Written,
    ) -> Result<()> {
        let mut rest = rows;
        while !rest.is_empty() {
            let window = &rest[..rest.len().min(FALLBACK_ROWS)];
            let mut flight = transaction.flight();
            flight.simple("rollback to savepoint batch");
            for row in window.chunks(1) {
                self.add_upsert(&mut flight, statements, row);
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

    /// Writes the rejects and the counts, and commits.
    async fn close(
        &self,
        transaction: &Transaction,
        counts: &Counts,
        written: &Written,
    ) -> Result<()> {
        let rejects = || self.rejects.iter().chain(&written.refused);
        let columns = RejectColumns::new(rejects().chain(&self.folded.superseded));
        let resolved = self.resolvable(written);
        let closing = Closing::new(self, counts);
        let mut flight = transaction.flight();
        if let Some(keys) = &resolved {
            closing.resolve(&mut flight, keys);
        }
        if !columns.is_empty() {
            insert_rejects(&mut flight, &self.shared, &self.page.url, &columns);
        }
        closing.count(&mut flight);
        flight.simple("commit");
        for reply in flight.land().await? {
            reply?;
        }
        if rejects().next().is_some() {
            self.sink.expect_open_rejects();
        }
        Ok(())
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
        let stored = self
            .folded
            .releases
            .iter()
            .filter(|release| !refused.contains(&*release.pointer));
        Some(
            stored
                .map(|release| (&*release.key.ocid, &*release.key.release_id))
                .unzip(),
        )
    }

    /// Rolls back, and reads the counts of a page that an earlier commit made
    /// durable. A row that was refused then has aborted this transaction too.
    async fn durable_counts(&self, transaction: &Transaction) -> Result<Counts> {
        let number = signed(self.page.position.number);
        let mut flight = transaction.flight();
        flight.simple("rollback");
        flight.typed(
            include_str!("../../sql/sink/page_counts.sql"),
            vec![
                (&self.lease.run_id, Type::INT8),
                (&PLAIN_CHAIN, Type::TEXT),
                (&number, Type::INT8),
            ],
        );
        let mut replies = flight.land().await?.into_iter();
        next(&mut replies)??;
        let rows = next(&mut replies)??;
        let row = rows
            .first()
            .ok_or_else(|| Error::unexpected("a page that was there is gone"))?;
        Ok(Counts::from_row(row)?)
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

/// The transaction's first statements: its time limits, the lease, the page's row.
struct Opening<'a> {
    commit: &'a PageCommit<'a>,
    number: i64,
    cursor: String,
    next_number: Option<i64>,
    next_cursor: Option<String>,
    served: i32,
}

impl<'a> Opening<'a> {
    fn new(commit: &'a PageCommit<'a>) -> Self {
        let page = commit.page;
        let served = commit.folded.releases.len() + commit.folded.folded + commit.rejects.len();
        Self {
            commit,
            number: signed(page.position.number),
            cursor: page.position.cursor.to_string(),
            next_number: page.next.as_ref().map(|next| signed(next.number)),
            next_cursor: page.next.as_ref().map(|next| next.cursor.to_string()),
            served: i32::try_from(served).expect("a page's items fit its bytes"),
        }
    }

    fn add_to<'f>(&'f self, flight: &mut Flight<'f>) {
        let PageCommit {
            sink,
            lease,
            page,
            shared,
            ..
        } = self.commit;
        begin(sink, lease, flight);
        flight.typed(
            include_str!("../../sql/sink/insert_page.sql"),
            vec![
                (&lease.run_id, Type::INT8),
                (&PLAIN_CHAIN, Type::TEXT),
                (&self.number, Type::INT8),
                (&self.cursor, Type::TEXT),
                (&self.next_number, Type::INT8),
                (&self.next_cursor, Type::TEXT),
                (&page.url, Type::TEXT),
                (&page.fetched_at, Type::TIMESTAMPTZ),
                (&shared.now, Type::TIMESTAMPTZ),
                (&page.package, Type::JSONB),
                (&self.served, Type::INT4),
            ],
        );
        if sink.settings.method == Method::Row {
            flight.simple("savepoint batch");
        }
    }

    fn read(&self, replies: &mut impl Iterator<Item = Reply>) -> Result<Opened> {
        if !is_lease_held(replies)? {
            return Ok(Opened::LeaseLost);
        }
        let inserted = next(replies)??;
        if inserted.is_empty() {
            return Ok(Opened::AlreadyDurable);
        }
        if self.commit.sink.settings.method == Method::Row {
            next(replies)??;
        }
        Ok(Opened::Writing(Written::default()))
    }
}

/// The transaction's last statements.
struct Closing<'a> {
    commit: &'a PageCommit<'a>,
    number: i64,
    counts: [i32; 5],
}

impl<'a> Closing<'a> {
    fn new(commit: &'a PageCommit<'a>, counts: &Counts) -> Self {
        let Counts {
            inserted,
            updated,
            unchanged,
            folded,
            quarantined,
            ..
        } = *counts;
        let small = |n: i64| i32::try_from(n).expect("no more than the page's items");
        Self {
            commit,
            number: signed(commit.page.position.number),
            counts: [inserted, updated, unchanged, folded, quarantined].map(small),
        }
    }

    fn resolve<'f>(&'f self, flight: &mut Flight<'f>, (ocids, ids): &'f Keys<'_>) {
        let Shared { source, now, .. } = &self.commit.shared;
        flight.typed(
            include_str!("../../sql/sink/resolve_rejects.sql"),
            vec![
                (source, Type::TEXT),
                (ocids, Type::TEXT_ARRAY),
                (ids, Type::TEXT_ARRAY),
                (now, Type::TIMESTAMPTZ),
            ],
        );
        flight.typed(
            include_str!("../../sql/sink/resolve_unreadable.sql"),
            vec![
                (source, Type::TEXT),
                (&self.number, Type::INT8),
                (now, Type::TIMESTAMPTZ),
            ],
        );
    }

    fn count<'f>(&'f self, flight: &mut Flight<'f>) {
        let [inserted, updated, unchanged, folded, quarantined] = &self.counts;
        flight.typed(
            include_str!("../../sql/sink/count_page.sql"),
            vec![
                (&self.commit.lease.run_id, Type::INT8),
                (&PLAIN_CHAIN, Type::TEXT),
                (&self.number, Type::INT8),
                (inserted, Type::INT4),
                (updated, Type::INT4),
                (unchanged, Type::INT4),
                (folded, Type::INT4),
                (quarantined, Type::INT4),
            ],
        );
    }
}
