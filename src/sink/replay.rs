//! Rejects tried again.

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::error::Result;
use crate::ledger::quarantine::Entry;
use crate::ledger::{Counts, Lease};
use crate::release::{Reason, Reject, Release};
use crate::sink::Sink;
use crate::sink::fold::fold;
use crate::sink::lease::{begin_holding, is_lease_held, lease_lost};
use crate::sink::reject::{RejectColumns, insert_rejects, refused};
use crate::sink::release::{REPLAYED, Row, Shared, count, parameters};
use crate::sink::transaction::{Transaction, blames_a_row, next};

impl Sink {
    /// Stores what a reject turned out to hold, and settles the reject: as
    /// replayed, or as refused for what refuses it now. Nothing that was
    /// fetched after the reject is overwritten.
    ///
    /// What a whole page holds and cannot be stored becomes rejects of its own.
    ///
    /// # Errors
    /// As [`Sink::commit`].
    pub async fn replay(
        &self,
        lease: &Lease,
        entry: &Entry,
        releases: Vec<Release>,
        rejects: Vec<Reject>,
    ) -> Result<Counts> {
        let folded = fold(releases);
        let rejects = [rejects, folded.superseded].concat();
        let replay = Replay {
            sink: self,
            lease,
            entry,
            releases: &folded.releases,
            rejects: &rejects,
            folded: count(folded.folded),
        };
        let mut patience = self.patience(format!("replay reject {}", entry.id));
        loop {
            match replay.run().await {
                Ok(counts) => return Ok(counts),
                Err(error) => patience.wait(error).await?,
            }
        }
    }
}

struct Replay<'a> {
    sink: &'a Sink,
    lease: &'a Lease,
    entry: &'a Entry,
    releases: &'a [Release],
    rejects: &'a [Reject],
    folded: i64,
}

impl Replay<'_> {
    async fn run(&self) -> Result<Counts> {
        let connection = self.sink.database.connection().await?;
        let transaction = Transaction::on(connection, self.sink.limits.reply_timeout);
        let mut flight = transaction.flight();
        begin_holding(self.sink, self.lease, &mut flight);
        if !is_lease_held(&mut flight.land().await?.into_iter())? {
            transaction.roll_back().await?;
            return Err(lease_lost());
        }
        let shared = Shared {
            source: &self.sink.source,
            run_id: self.entry.run_id,
            page_number: self.entry.page_number,
            now: Timestamp::now(),
            fetched_at: self.entry.last_seen_at,
        };
        let mut counts = Counts {
            folded: self.folded,
            ..Counts::default()
        };
        let mut rejects = self.rejects.to_vec();
        for release in self.releases {
            match self.upsert(&transaction, &shared, release).await? {
                Upserted::Inserted => counts.inserted += 1,
                Upserted::Updated => counts.updated += 1,
                Upserted::Unchanged => counts.unchanged += 1,
                Upserted::Refused(reject) => rejects.push(*reject),
            }
        }
        let is_refused = |reject: &&Reject| reject.reason != Reason::Superseded;
        counts.quarantined = count(rejects.iter().filter(is_refused).count());
        let stored = counts.inserted + counts.updated + counts.unchanged;
        counts.releases = stored + counts.folded + counts.quarantined;
        self.settle(&transaction, &shared, &rejects).await?;
        transaction.ended();
        Ok(counts)
    }

    async fn upsert(
        &self,
        transaction: &Transaction<'_>,
        shared: &Shared<'_>,
        release: &Release,
    ) -> Result<Upserted> {
        let rows = [Row::new(release)];
        let sql = REPLAYED.statement(1);
        let mut flight = transaction.flight();
        flight.simple("savepoint replay");
        let values = parameters(shared, &rows);
        flight.typed(&sql, values.into_iter().zip(REPLAYED.types(1)).collect());
        let mut replies = flight.land().await?.into_iter();
        next(&mut replies)??;
        let error = match next(&mut replies)? {
            Ok(written) => {
                let Some(row) = written.first() else {
                    return Ok(Upserted::Unchanged);
                };
                let is_inserted: bool = row.try_get("inserted")?;
                return Ok(if is_inserted {
                    Upserted::Inserted
                } else {
                    Upserted::Updated
                });
            }
            Err(error) => error,
        };
        let Some(db) = error.as_db_error().filter(|_| blames_a_row(&error)) else {
            return Err(error.into());
        };
        let reject = Box::new(refused(release, db));
        let mut flight = transaction.flight();
        flight.simple("rollback to savepoint replay");
        next(&mut flight.land().await?.into_iter())??;
        Ok(Upserted::Refused(reject))
    }

    /// Says of the reject what became of it, and commits.
    async fn settle(
        &self,
        transaction: &Transaction<'_>,
        shared: &Shared<'_>,
        rejects: &[Reject],
    ) -> Result<()> {
        let is_page = self.entry.reason == Reason::UnreadablePage.as_str();
        let again = rejects
            .first()
            .filter(|reject| !is_page || reject.reason == Reason::UnreadablePage);
        let columns = RejectColumns::new(rejects.iter().filter(|_| is_page && again.is_none()));
        let resolved_at = again.is_none().then_some(shared.now);
        let resolution = again.is_none().then_some("replayed");
        let reason = again.map_or(&*self.entry.reason, |reject| reject.reason.as_str());
        let message = again.map_or(&self.entry.message, |reject| &reject.message);
        let sqlstate = again.map_or(&self.entry.sqlstate, |reject| &reject.sqlstate);
        let constraint = again.and_then(|reject| reject.constraint.as_ref());
        let mut flight = transaction.flight();
        if !columns.is_empty() {
            insert_rejects(&mut flight, shared, &self.entry.url, &columns);
        }
        flight.typed(
            include_str!("../../sql/sink/settle_reject.sql"),
            vec![
                (&self.entry.id, Type::INT8),
                (&resolved_at, Type::TIMESTAMPTZ),
                (&resolution, Type::TEXT),
                (&reason, Type::TEXT),
                (message, Type::TEXT),
                (sqlstate, Type::TEXT),
                (&constraint, Type::TEXT),
            ],
        );
        flight.simple("commit");
        for reply in flight.land().await? {
            reply?;
        }
        Ok(())
    }
}

enum Upserted {
    Inserted,
    Updated,
    Unchanged,
    Refused(Box<Reject>),
}
