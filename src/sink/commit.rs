//! Commits a page in one transaction.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use tracing::debug;

use crate::bulk::{Failure, OnFailure, Report, Transaction, Writer};
use crate::error::Result;
use crate::failpoint;
use crate::ledger::{Counts, Lease, signed};
use crate::page::PageRecord;
use crate::release::{Reject, Release};
use crate::sink::absence::clear_marks;
use crate::sink::changed::SortedReleases;
use crate::sink::fold::Folded;
use crate::sink::history::{Replaced, Replacing};
use crate::sink::package::PackageRows;
use crate::sink::page::{PageRow, commit_page_row, read_durable_counts};
use crate::sink::queue::ChangedProcesses;
use crate::sink::reject::{MAX_LOGGED_IDS, ResolvedByPage, reject_refused, resolve_rejects};
use crate::sink::release::{FetchedReleases, Served, collect_keys, signed_count};
use crate::sink::walked::WalkedKeys;
use crate::sink::{PagesOf, Sink};
use crate::source::Overwrite;

/// The approximate number of bytes that the columns of a release need besides the release's text.
const COLUMN_BYTES_PER_RELEASE: usize = 1_000;

/// The rows of a page that were sent before the page's own row.
struct WrittenRows<'a> {
    /// The outcomes of the releases.
    report: Report,
    /// The releases that the server refused.
    refused: Vec<Reject>,
    /// The number of releases that were not stored, because newer contents are.
    older: i64,
    /// The ids of the first rejects.
    reject_ids: Vec<i64>,
    /// The packages to which the rows refer.
    packages: PackageRows<'a>,
    /// The processes whose releases have changed.
    processes: ChangedProcesses,
    /// The number of releases that were marked as absent.
    returned: u64,
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
        let written = self.write_rows(&mut transaction).await?;
        // If the page has no rows, the deferred statement that checks the lease was not sent yet.
        transaction.send_deferred().await?;
        failpoint::reach("after-rows");
        let mut counts = self.count_outcomes(&written.report, &written.refused, written.older);
        if self
            .commit_with_page_row(&transaction, &counts, &written)
            .await?
        {
            self.log_rejects(&written.reject_ids);
            let returned = &self.sink.returned;
            returned.fetch_add(written.returned, Ordering::Relaxed);
        } else {
            counts = read_durable_counts(&transaction, &self.served).await?;
        }
        transaction.release_connection();
        self.sink.remember_stored(&counts);
        Ok(counts)
    }

    /// Writes the new and changed releases, and then the rejects. The rejects are those that came
    /// with the page, those that another release of the page supersedes, and those that the
    /// server has just refused.
    async fn write_rows(&self, transaction: &mut Transaction) -> Result<WrittenRows<'_>> {
        let Sink {
            fetched,
            fetched_compiled,
            ..
        } = self.sink;
        // If releases of the page may be stored already, the stored hashes are read first, so that
        // unchanged releases are not sent.
        let sends_only_changed = self.sink.should_read_hashes();
        let sent = SortedReleases::new(&self.folded.releases);
        let sent = match sends_only_changed {
            true => {
                sent.retain_changed(transaction, &self.served.source)
                    .await?
            }
            // the upsert does not rewrite unchanged rows
            false => sent,
        };
        let mut processes = ChangedProcesses::default();
        let mut returned = 0;
        let (mut report, mut refused) = self
            .write_releases(transaction, fetched, &sent.releases, &mut processes)
            .await?;
        if !sent.compiled.is_empty() {
            let (more, also_refused) = self
                .write_releases(
                    transaction,
                    fetched_compiled,
                    &sent.compiled,
                    &mut processes,
                )
                .await?;
            report += more;
            refused.extend(also_refused);
        }
        if self.sink.pages != PagesOf::Files && self.sink.has_absent(transaction).await? {
            let (source, releases) = (&self.served.source, &self.folded.releases);
            returned = clear_marks(transaction, source, releases, &mut processes).await?;
        }
        processes.sort();
        let older = match (self.sink.overwrite, sends_only_changed) {
            (Overwrite::Always, _) => 0,
            (Overwrite::Newer, true) => signed(report.unchanged),
            (Overwrite::Newer, false) => {
                self.count_older(transaction, &sent, &report, &refused)
                    .await?
            }
        };
        let reject_ids = self.write_rejects(transaction, &refused).await?;
        // an upsert that wrote and refused no row has met only stored releases, which keep their
        // packages
        let has_written = report.inserted + report.updated > 0 || !refused.is_empty();
        let sent = sent.releases.into_iter().chain(sent.compiled);
        let sent = sent.take(if has_written { usize::MAX } else { 0 });
        let rejects = self.rejects.iter().chain(&self.folded.superseded);
        Ok(WrittenRows {
            packages: PackageRows::collect(sent, rejects),
            report,
            refused,
            older,
            reject_ids,
            processes,
            returned,
        })
    }

    /// Counts the sent releases that were not stored because newer contents are stored. It reads
    /// the stored hashes if some of the releases changed nothing.
    async fn count_older(
        &self,
        transaction: &Transaction,
        sent: &SortedReleases<'a>,
        report: &Report,
        refused: &[Reject],
    ) -> Result<i64> {
        if report.unchanged == 0 {
            return Ok(0);
        }
        let refused = refused
            .iter()
            .map(|reject| (reject.url.as_deref(), &*reject.pointer));
        let refused: HashSet<_> = refused.collect();
        let sent = sent.releases.iter().chain(&sent.compiled).copied();
        let taken =
            sent.filter(|release| !refused.contains(&(release.url.as_deref(), &*release.pointer)));
        let older = SortedReleases::new(taken);
        let older = older
            .retain_changed(transaction, &self.served.source)
            .await?;
        Ok(signed_count(older.len()))
    }

    /// Writes releases to their table, and adds the processes that have changed. Returns a report,
    /// and a reject for each release that the server refused.
    async fn write_releases(
        &self,
        transaction: &mut Transaction,
        fetched: &FetchedReleases,
        releases: &[&Release],
        processes: &mut ChangedProcesses,
    ) -> Result<(Report, Vec<Reject>)> {
        let FetchedReleases {
            operation, release, ..
        } = fetched;
        let replacing = Replacing {
            source: &self.served.source,
            run_id: self.served.run_id,
            at: self.served.now,
            overwrite: self.served.overwrite,
        };
        let replaced = match self.sink.settings.history {
            true => Some(Replaced::keep(transaction, replacing, releases).await?),
            false => None,
        };
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
        drop(writer);
        if let Some(replaced) = replaced {
            replaced
                .delete_unreplaced(transaction, &written.report)
                .await?;
        }
        if self.sink.queues_processes {
            let taken = without_refused(releases, &written.failures);
            let (served, report) = (&self.served, &written.report);
            processes
                .add_written(transaction, served, report, &taken)
                .await?;
        }
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

    fn count_outcomes(&self, written: &Report, refused: &[Reject], older: i64) -> Counts {
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
            unchanged: stored - refused - inserted - updated - older,
            folded,
            quarantined: rejects + refused,
            older,
            passed_over: signed_count(passed_over) + signed(self.page.unkept),
        }
    }

    /// Writes the page's own row and commits. Returns false if the page was stored already. The
    /// whole transaction is rolled back then.
    async fn commit_with_page_row(
        &self,
        transaction: &Transaction,
        counts: &Counts,
        written: &WrittenRows<'_>,
    ) -> Result<bool> {
        let WrittenRows {
            refused,
            packages,
            processes,
            ..
        } = written;
        let resolved = self.collect_resolved(refused);
        let mut rejects = self.rejects.iter().chain(refused);
        if rejects.any(|reject| reject.reason.can_be_resolved()) {
            // The flag is set before the commit, because the commit may succeed although its
            // reply is lost.
            self.sink.note_open_rejects();
        }
        let walked = (self.sink.pages == PagesOf::WholeFeed)
            .then(|| WalkedKeys::collect(&self.folded.releases, self.rejects));
        let row = PageRow::new(&self.served, self.page, counts, walked);
        let mut exchange = transaction.new_exchange();
        if let Some(resolved) = &resolved {
            resolve_rejects(&mut exchange, &self.served, resolved);
        }
        packages.insert(&mut exchange, &self.served.source, &self.served.now);
        if self.sink.queues_processes {
            processes.insert(&mut exchange, &self.served.source);
        }
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
        let stored: Vec<&Release> = stored.filter(is_stored).collect();
        Some(ResolvedByPage {
            // newer content may still be in the reject of another file
            urls: (self.sink.overwrite == Overwrite::Newer)
                .then(|| {
                    stored
                        .iter()
                        .map(|it| it.url.as_deref().unwrap_or(&self.page.url))
                })
                .map(Iterator::collect),
            keys: collect_keys(stored),
            documents: self.page.documents.iter().map(|url| &**url).collect(),
            file: self
                .page
                .position
                .is_in_file(self.page.next.as_ref())
                .then_some(&*self.page.url),
            is_end_of_file: self.page.position.is_end_of_file(self.page.next.as_ref()),
        })
    }
}

/// Returns the releases that the server has not refused.
pub(super) fn without_refused<'r>(
    releases: &[&'r Release],
    failures: &[Failure],
) -> Vec<&'r Release> {
    let refused: HashSet<usize> = failures.iter().map(|failure| failure.position).collect();
    let taken = releases.iter().enumerate();
    let taken = taken.filter(|(position, _)| !refused.contains(position));
    taken.map(|(_, release)| *release).collect()
}
