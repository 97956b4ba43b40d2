//! One page, one transaction.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use tracing::debug;

use crate::bulk::{Binding, OnFailure, Operation, Report, Rows, Transaction, Writer, next};
use crate::error::Result;
use crate::failpoint;
use crate::ledger::{Counts, Lease, signed};
use crate::page::PageRecord;
use crate::release::{Reject, Release};
use crate::sink::Sink;
use crate::sink::fold::Folded;
use crate::sink::page::{PageRow, durable_counts, land_with_row};
use crate::sink::reject::{Resolvable, TOLD_IDS, refused, resolve_rejects};
use crate::sink::release::{Served, count, keys};

/// About as many bytes as a release's columns take beside its text.
const COLUMN_BYTES: usize = 1_000;

/// How many stored hashes are read at a time: each row of an answer takes some hundred
/// bytes, and a page may have very many releases.
const HASHES_AT_ONCE: usize = 10_000;

/// Releases in the order of their keys.
type Changed<'a> = Vec<&'a Release>;

/// One attempt to make a page durable.
pub(super) struct PageCommit<'a> {
    sink: &'a Sink,
    lease: &'a Lease,
    page: &'a PageRecord,
    folded: &'a Folded,
    rejects: &'a [Reject],
    served: Served,
}

impl<'a> PageCommit<'a> {
    pub(super) fn new(
        sink: &'a Sink,
        lease: &'a Lease,
        page: &'a PageRecord,
        folded: &'a Folded,
        rejects: &'a [Reject],
    ) -> Self {
        let served = sink.served(lease, (&page.chain, &page.position), page.fetched_at);
        Self {
            sink,
            lease,
            page,
            folded,
            rejects,
            served,
        }
    }

    /// Commits the page.
    pub(super) async fn run(&self) -> Result<Counts> {
        let mut transaction = self.sink.begin(self.lease).await?;
        let (written, refused, kept) = self.write(&mut transaction).await?;
        // a page without rows has not asked for its lease yet
        transaction.settle().await?;
        failpoint::reach("after-rows");
        let mut counts = self.counts(&written, &refused);
        if self.close(&transaction, &counts, &refused).await? {
            self.tell(&kept);
        } else {
            counts = durable_counts(
                self.lease,
                (&self.page.chain, &self.page.position),
                &transaction,
            )
            .await?;
        }
        transaction.ended();
        self.sink.remember_stored(&counts);
        Ok(counts)
    }

    /// Writes the rows whose content is not what is stored, and the rejects behind
    /// them: what came with the page, what it supersedes itself, and what the
    /// server refused now. Beside what became of the releases, those refused and
    /// the ids of all rejects are given back.
    async fn write(
        &self,
        transaction: &mut Transaction,
    ) -> Result<(Report, Vec<Reject>, Vec<i64>)> {
        let Sink {
            fetched,
            fetched_compiled,
            ..
        } = self.sink;
        let (releases, compiled) = self.changed(transaction).await?;
        let shared = fetched.shared(&self.served)?;
        let to = (&fetched.operation, &fetched.release);
        let (mut report, mut refused) = self.store(transaction, to, shared, &releases).await?;
        if !compiled.is_empty() {
            let shared = fetched_compiled.shared(&self.served)?;
            let to = (&fetched_compiled.operation, &fetched_compiled.release);
            let (more, also_refused) = self.store(transaction, to, shared, &compiled).await?;
            report += more;
            refused.extend(also_refused);
        }
        let ids = self.keep(transaction, &refused).await?;
        Ok((report, refused, ids))
    }

    /// Writes releases to their table, and says which of them the server refused.
    async fn store(
        &self,
        transaction: &mut Transaction,
        (operation, binding): (&Operation, &Binding<Release>),
        shared: Rows,
        releases: &[&Release],
    ) -> Result<(Report, Vec<Reject>)> {
        let mut writer = Writer::within(transaction, self.sink.writer_limits());
        let slot = writer.table(operation, shared, binding, OnFailure::Isolate);
        let text: usize = releases.iter().map(|release| release.text.len()).sum();
        writer.reserve(&slot, text + releases.len() * COLUMN_BYTES);
        for release in releases {
            writer.add(&slot, *release).await?;
        }
        writer.flush().await?;
        let written = writer.take(&slot);
        let failures = written.failures.iter();
        let refused = failures.map(|failure| refused(releases[failure.position], failure));
        Ok((written.report, refused.collect()))
    }

    /// Keeps the page's rejects, and gives back the ids of the first of them.
    async fn keep(&self, transaction: &mut Transaction, refused: &[Reject]) -> Result<Vec<i64>> {
        let served = self.rejects.iter().chain(&self.folded.superseded);
        let of_page = (&self.served, &*self.page.url);
        let limits = self.sink.writer_limits();
        let rejects = &self.sink.rejects;
        rejects
            .keep(transaction, of_page, served.chain(refused), limits)
            .await
    }

    /// Says under which ids the page's rejects are found.
    fn tell(&self, ids: &[i64]) {
        if ids.is_empty() {
            return;
        }
        let (source, page) = (&self.sink.source, self.page.position.number);
        let at_least = if ids.len() < TOLD_IDS {
            ""
        } else {
            "at least "
        };
        let count = ids.len();
        debug!(source.name = %source, page, ?ids, "page {page} of {source} has {at_least}{count} rejects, see `quarantine show`");
    }

    /// The releases whose content is not what is stored, and the compiled releases
    /// likewise. Where stored ones are expected their hashes are read, so that
    /// unchanged ones are not sent; where they are not, the upsert leaves them as
    /// they are.
    async fn changed(&self, transaction: &Transaction) -> Result<(Changed<'a>, Changed<'a>)> {
        let all = self.folded.releases.iter();
        let (compiled, releases): (Changed<'a>, Changed<'a>) =
            all.partition(|release| release.key.is_compiled());
        if !self.sink.expects_stored() {
            return Ok((releases, compiled));
        }
        // most pages are one such stretch, which costs one round trip
        let mut changed = (Changed::new(), Changed::new());
        let stretches = releases.len().max(compiled.len()).div_ceil(HASHES_AT_ONCE);
        for nth in 0..stretches {
            let stretch = |all: &Changed<'a>| {
                let rest = all.iter().skip(nth * HASHES_AT_ONCE);
                rest.take(HASHES_AT_ONCE).copied().collect::<Changed<'a>>()
            };
            let (releases, compiled) = (stretch(&releases), stretch(&compiled));
            let (more, more_compiled) = self.changed_of(transaction, releases, compiled).await?;
            changed.0.extend(more);
            changed.1.extend(more_compiled);
        }
        Ok(changed)
    }

    /// Those releases, and those compiled releases, whose hash is not stored.
    async fn changed_of(
        &self,
        transaction: &Transaction,
        releases: Changed<'a>,
        compiled: Changed<'a>,
    ) -> Result<(Changed<'a>, Changed<'a>)> {
        let (ocids, ids) = keys(releases.iter().copied());
        let (compiled_ocids, _) = keys(compiled.iter().copied());
        let mut flight = transaction.flight();
        flight.typed(
            include_str!("../../sql/sink/stored_hashes.sql"),
            vec![(&ocids, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)],
        );
        if !compiled.is_empty() {
            flight.typed(
                include_str!("../../sql/sink/stored_compiled_hashes.sql"),
                vec![(&compiled_ocids, Type::TEXT_ARRAY)],
            );
        }
        let mut replies = flight.land().await?.into_iter();
        let releases = self.unlike(releases, &next(&mut replies)??.rows)?;
        let compiled = match replies.next() {
            Some(stored) => self.unlike(compiled, &stored?.rows)?,
            None => compiled,
        };
        Ok((releases, compiled))
    }

    /// Those whose hash is not stored, by the place that each row says it is at.
    fn unlike(&self, releases: Changed<'a>, stored: &[Row]) -> Result<Changed<'a>> {
        let mut is_stored = vec![false; releases.len()];
        for row in stored {
            let position: i64 = row.try_get(0)?;
            let source: &str = row.try_get(1)?;
            let hash: &[u8] = row.try_get(2)?;
            let index = usize::try_from(position - 1).expect("ordinality counts from 1");
            is_stored[index] |=
                source == self.served.source && hash == releases[index].content_hash;
        }
        let changed = releases.into_iter().zip(is_stored);
        Ok(changed
            .filter(|(_, is_stored)| !is_stored)
            .map(|(release, _)| release)
            .collect())
    }

    fn counts(&self, written: &Report, refused: &[Reject]) -> Counts {
        let stored = count(self.folded.releases.len());
        let refused = count(refused.len());
        let rejects = count(self.rejects.len());
        let folded = count(self.folded.folded);
        let (inserted, updated) = (signed(written.inserted), signed(written.updated));
        Counts {
            releases: stored + folded + rejects,
            inserted,
            updated,
            unchanged: stored - refused - inserted - updated,
            folded,
            quarantined: rejects + refused,
        }
    }

    /// Writes the page's own row, and commits; `false` if the page is durable
    /// already and all was rolled back.
    async fn close(
        &self,
        transaction: &Transaction,
        counts: &Counts,
        refused: &[Reject],
    ) -> Result<bool> {
        let resolved = self.resolvable(refused);
        if counts.quarantined > 0 {
            // now, since the commit may succeed and its reply be lost
            self.sink.expect_open_rejects();
        }
        let row = PageRow::new(self.lease, self.page, self.served.now, counts);
        let mut flight = transaction.flight();
        if let Some(resolvable) = &resolved {
            resolve_rejects(&mut flight, &self.served, resolvable);
        }
        row.insert(&mut flight);
        Ok(land_with_row(flight).await?.is_some())
    }

    /// What is stored now, if there may be rejects that it resolves.
    fn resolvable(&self, refused: &[Reject]) -> Option<Resolvable<'_>> {
        if !self.sink.has_open_rejects.load(Ordering::Relaxed) {
            return None;
        }
        let refused: HashSet<(Option<&str>, &str)> = refused
            .iter()
            .map(|reject| (reject.url.as_deref(), &*reject.pointer))
            .collect();
        let stored = self.folded.releases.iter();
        let is_stored =
            |release: &&Release| !refused.contains(&(release.url.as_deref(), &*release.pointer));
        Some(Resolvable {
            keys: keys(stored.filter(is_stored)),
            documents: self.page.documents.iter().map(|url| &**url).collect(),
            is_end_of_file: self.page.position.is_end_of_file(self.page.next.as_ref()),
        })
    }
}
