//! Commits a page in one transaction.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use tracing::debug;

use crate::bulk::{OnFailure, Report, Transaction, Writer, next_reply};
use crate::error::Result;
use crate::failpoint;
use crate::ledger::{Counts, Lease, signed};
use crate::page::PageRecord;
use crate::release::{Reject, Release};
use crate::sink::Sink;
use crate::sink::fold::Folded;
use crate::sink::package::PackageRows;
use crate::sink::page::{PageRow, commit_page_row, read_durable_counts};
use crate::sink::reject::{MAX_LOGGED_IDS, ResolvedByPage, reject_refused, resolve_rejects};
use crate::sink::release::{FetchedReleases, Served, collect_keys, signed_count};

/// The approximate number of bytes that the columns of a release need besides the release's text.
const COLUMN_BYTES_PER_RELEASE: usize = 1_000;

/// The maximum number of stored hashes that are read at a time. The number is limited because a
/// row of the reply takes some hundred bytes, and a page may have very many releases.
const MAX_HASHES_PER_QUERY: usize = 10_000;

/// The releases of a page in the order of their keys, in which they are written.
type SortedReleases<'a> = Vec<&'a Release>;

/// The rows of a page that were sent before the page's own row.
struct WrittenRows<'a> {
    /// The outcomes of the releases.
    report: Report,
    /// The releases that the server refused.
    refused: Vec<Reject>,
    /// The ids of the first rejects.
    reject_ids: Vec<i64>,
    /// The packages to which the rows refer.
    packages: PackageRows<'a>,
}

/// One attempt to commit a page. Each attempt has its own timestamp.
pub(super) struct PageCommit<'a> {
    pub(super) sink: &'a Sink,
    pub(super) lease: &'a Lease,
    pub(super) page: &'a PageRecord,
    pub(super) folded: &'a Folded,
    pub(super) rejects: &'a [Reject],
    pub(super) served: Served,
}

impl<'a> PageCommit<'a> {
    pub(super) async fn run(&self) -> Result<Counts> {
        let mut transaction = self.sink.begin(self.lease).await?;
        let WrittenRows {
            report,
            refused,
            reject_ids,
            packages,
        } = self.write_rows(&mut transaction).await?;
        // If the page has no rows, the deferred statement that checks the lease was not sent yet.
        transaction.send_deferred().await?;
        failpoint::reach("after-rows");
        let mut counts = self.count_outcomes(&report, &refused);
        if self
            .commit_with_page_row(&transaction, &counts, &refused, &packages)
            .await?
        {
            self.log_rejects(&reject_ids);
        } else {
            counts = read_durable_counts(&transaction, &self.served).await?;
        }
        transaction.release_connection();
        self.sink.remember_stored(&counts);
        Ok(counts)
    }

    /// Writes the new and changed releases, and then the rejects. The rejects are those that came
    /// with the page, those that a later release of the page supersedes, and those that the
    /// server has just refused.
    async fn write_rows(&self, transaction: &mut Transaction) -> Result<WrittenRows<'_>> {
        let Sink {
            fetched,
            fetched_compiled,
            ..
        } = self.sink;
        let (releases, compiled) = self.find_changed(transaction).await?;
        let (mut report, mut refused) =
            self.write_releases(transaction, fetched, &releases).await?;
        if !compiled.is_empty() {
            let (more, also_refused) = self
                .write_releases(transaction, fetched_compiled, &compiled)
                .await?;
            report += more;
            refused.extend(also_refused);
        }
        let reject_ids = self.write_rejects(transaction, &refused).await?;
        // an upsert that wrote and refused no row has met only unchanged releases, which keep their
        // packages
        let has_written = report.inserted + report.updated > 0 || !refused.is_empty();
        let sent = releases.into_iter().chain(compiled);
        let sent = sent.take(if has_written { usize::MAX } else { 0 });
        let rejects = self.rejects.iter().chain(&self.folded.superseded);
        Ok(WrittenRows {
            packages: PackageRows::collect(sent, rejects),
            report,
            refused,
            reject_ids,
        })
    }

    /// Writes releases to their table. Returns a report, and a reject for each release that the
    /// server refused.
    async fn write_releases(
        &self,
        transaction: &mut Transaction,
        fetched: &FetchedReleases,
        releases: &[&Release],
    ) -> Result<(Report, Vec<Reject>)> {
        let FetchedReleases {
            operation, release, ..
        } = fetched;
        let shared = fetched.shared(&self.served)?;
        let mut writer = Writer::in_transaction(transaction, self.sink.writer_limits());
        let table = writer.add_table(operation, shared, release, OnFailure::Isolate);
        let text: usize = releases.iter().map(|release| release.text.len()).sum();
        writer.reserve(&table, text + releases.len() * COLUMN_BYTES_PER_RELEASE);
        for release in releases {
            writer.add_row(&table, *release).await?;
        }
        writer.flush().await?;
        let written = writer.take_outcome(&table);
        let failures = written.failures.iter();
        let refused = failures.map(|failure| reject_refused(releases[failure.position], failure));
        Ok((written.report, refused.collect()))
    }

    /// Writes the page's rejects. Returns the ids of the first ones, for a log line.
    async fn write_rejects(
        &self,
        transaction: &mut Transaction,
        refused: &[Reject],
    ) -> Result<Vec<i64>> {
        let served = self.rejects.iter().chain(&self.folded.superseded);
        let page = (&self.served, &*self.page.url);
        let limits = self.sink.writer_limits();
        let rejects = &self.sink.rejects;
        rejects
            .write(transaction, page, served.chain(refused), limits)
            .await
    }

    fn log_rejects(&self, ids: &[i64]) {
        if ids.is_empty() {
            return;
        }
        let (source, page) = (&self.sink.source, self.page.position.number);
        let at_least = if ids.len() < MAX_LOGGED_IDS {
            ""
        } else {
            "at least "
        };
        let count = ids.len();
        debug!(source.name = %source, page, ?ids, "page {page} of {source} has {at_least}{count} rejects, see `quarantine show`");
    }

    /// Finds the new and changed releases, and the new and changed compiled releases. If releases
    /// of the page may be stored already, it reads the stored hashes, so that unchanged releases
    /// are not sent. Otherwise it returns all releases, and the upsert does not rewrite unchanged
    /// rows.
    async fn find_changed(
        &self,
        transaction: &Transaction,
    ) -> Result<(SortedReleases<'a>, SortedReleases<'a>)> {
        let all = self.folded.releases.iter();
        let (compiled, releases): (SortedReleases<'a>, SortedReleases<'a>) =
            all.partition(|release| release.key.is_compiled());
        if !self.sink.should_read_hashes() {
            return Ok((releases, compiled));
        }
        // Most pages need only one chunk, which costs one round trip.
        let mut changed = (SortedReleases::new(), SortedReleases::new());
        let chunks = releases
            .len()
            .max(compiled.len())
            .div_ceil(MAX_HASHES_PER_QUERY);
        for nth in 0..chunks {
            let chunk = |all: &SortedReleases<'a>| {
                let rest = all.iter().skip(nth * MAX_HASHES_PER_QUERY);
                rest.take(MAX_HASHES_PER_QUERY)
                    .copied()
                    .collect::<SortedReleases<'a>>()
            };
            let (releases, compiled) = (chunk(&releases), chunk(&compiled));
            let (more, more_compiled) = self
                .find_changed_chunk(transaction, releases, compiled)
                .await?;
            changed.0.extend(more);
            changed.1.extend(more_compiled);
        }
        Ok(changed)
    }

    /// Returns the releases and the compiled releases whose hashes are not stored.
    async fn find_changed_chunk(
        &self,
        transaction: &Transaction,
        releases: SortedReleases<'a>,
        compiled: SortedReleases<'a>,
    ) -> Result<(SortedReleases<'a>, SortedReleases<'a>)> {
        let (ocids, ids) = collect_keys(releases.iter().copied());
        let (compiled_ocids, _) = collect_keys(compiled.iter().copied());
        let mut exchange = transaction.new_exchange();
        exchange.push_query(
            include_str!("../../sql/sink/stored_release_hashes.sql"),
            vec![(&ocids, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY)],
        );
        if !compiled.is_empty() {
            exchange.push_query(
                include_str!("../../sql/sink/stored_compiled_hashes.sql"),
                vec![(&compiled_ocids, Type::TEXT_ARRAY)],
            );
        }
        let mut replies = exchange.await_replies().await?.into_iter();
        let releases = self.retain_changed(releases, &next_reply(&mut replies)??.rows)?;
        let compiled = match replies.next() {
            Some(stored) => self.retain_changed(compiled, &stored?.rows)?,
            None => compiled,
        };
        Ok((releases, compiled))
    }

    /// Keeps the releases that the source has not stored yet with the same content. Each row of
    /// `stored` contains the position of a release, counted from 1, a source, and the hash that this
    /// source has stored for the release's key.
    fn retain_changed(
        &self,
        releases: SortedReleases<'a>,
        stored: &[Row],
    ) -> Result<SortedReleases<'a>> {
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
        let changed = changed.filter_map(|(release, is_stored)| (!is_stored).then_some(release));
        Ok(changed.collect())
    }

    fn count_outcomes(&self, written: &Report, refused: &[Reject]) -> Counts {
        let stored = signed_count(self.folded.releases.len());
        let refused = signed_count(refused.len());
        let is_passed_over = |reject: &&Reject| reject.reason.is_passed_over();
        let passed_over = self.rejects.iter().filter(is_passed_over).count();
        let rejects = signed_count(self.rejects.len() - passed_over);
        let folded = signed_count(self.folded.folded);
        let (inserted, updated) = (signed(written.inserted), signed(written.updated));
        Counts {
            releases: stored + folded + rejects,
            inserted,
            updated,
            unchanged: stored - refused - inserted - updated,
            folded,
            quarantined: rejects + refused,
            passed_over: signed_count(passed_over) + signed(self.page.unkept),
        }
    }

    /// Writes the page's own row and commits. Returns false if the page was stored already. The
    /// whole transaction is rolled back then.
    async fn commit_with_page_row(
        &self,
        transaction: &Transaction,
        counts: &Counts,
        refused: &[Reject],
        packages: &PackageRows<'_>,
    ) -> Result<bool> {
        let resolved = self.collect_resolved(refused);
        let mut rejects = self.rejects.iter().chain(refused);
        if rejects.any(|reject| reject.reason.can_be_resolved()) {
            // The flag is set before the commit, because the commit may succeed although its
            // reply is lost.
            self.sink.note_open_rejects();
        }
        let row = PageRow::new(&self.served, self.page, counts);
        let mut exchange = transaction.new_exchange();
        if let Some(resolved) = &resolved {
            resolve_rejects(&mut exchange, &self.served, resolved);
        }
        packages.insert(&mut exchange, &self.served.source, &self.served.now);
        row.insert(&mut exchange);
        Ok(commit_page_row(exchange).await?.is_some())
    }

    /// Collects what this page resolves. Returns `None` if the source has no open rejects.
    fn collect_resolved(&self, refused: &[Reject]) -> Option<ResolvedByPage<'_>> {
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
        Some(ResolvedByPage {
            keys: collect_keys(stored.filter(is_stored)),
            documents: self.page.documents.iter().map(|url| &**url).collect(),
            is_end_of_file: self.page.position.is_end_of_file(self.page.next.as_ref()),
        })
    }
}
