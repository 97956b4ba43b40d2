//! Shows how far a run has got while it lasts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::compile::CompileProgress;
use crate::fetch::Fetcher;
use crate::ledger::{Counts, Totals};
use crate::request::Requests;

/// Counters of a run that can be read while the run lasts.
#[derive(Debug, Default)]
pub struct Progress {
    pages: AtomicI64,
    releases: AtomicI64,
    quarantined: AtomicI64,
    /// The number of pages of the feed. It is zero if the feed does not say it.
    total_pages: AtomicU64,
    chains: AtomicU64,
    chains_ended: AtomicU64,
    /// The counts of earlier processes, and the fetcher of this one.
    begun: Mutex<Option<(Totals, Arc<Fetcher>)>>,
    /// The total size of the files that the user named, in bytes. It is zero if it is not known.
    file_bytes: AtomicU64,
    compile: Mutex<Option<Arc<CompileProgress>>>,
}

/// The counters of a run at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of durable pages of the run.
    pub pages: i64,
    /// The number of durable pages that earlier processes of the run wrote.
    pub pages_before: i64,
    /// The number of pages of the feed, if the feed says it.
    pub total_pages: Option<u64>,
    /// The number of chains of the run: one for each window of time and value of an axis.
    pub chains: u64,
    /// The number of chains that have ended.
    pub chains_ended: u64,
    /// The number of releases of this process that are durable, whether stored or refused.
    pub releases: i64,
    /// The number of releases that this process has refused.
    pub quarantined: i64,
    /// The requests of this process.
    pub requests: Requests,
    /// The bytes of files that have been read, and the bytes that all files have, if these are
    /// known.
    pub files: Option<(u64, u64)>,
    /// The rows of the queue whose processes were compiled, and all rows of the queue, if
    /// processes are compiled at the moment.
    pub compiled: Option<(u64, u64)>,
}

impl Progress {
    pub(super) fn begin(&self, before: &Totals, fetcher: Arc<Fetcher>, bytes: Option<u64>) {
        self.file_bytes.store(bytes.unwrap_or_default(), Relaxed);
        *self.lock_begun() = Some((*before, fetcher));
        // if the run begins again, `before` includes these counts
        for count in [&self.pages, &self.releases, &self.quarantined] {
            count.store(0, Relaxed);
        }
        for count in [&self.chains, &self.chains_ended] {
            count.store(0, Relaxed);
        }
    }

    pub(super) fn set_compile(&self, progress: Arc<CompileProgress>) {
        *self.compile.lock().expect("nobody panics who holds it") = Some(progress);
    }

    fn read_compile(&self) -> Option<(u64, u64)> {
        let progress = self.compile.lock().expect("nobody panics who holds it");
        let (done, all) = progress.as_ref()?.read();
        (done < all).then_some((done, all))
    }

    fn lock_begun(&self) -> MutexGuard<'_, Option<(Totals, Arc<Fetcher>)>> {
        self.begun.lock().expect("nobody panics who holds it")
    }

    /// Sets the number of pages of the feed. It is ignored for several chains, because a page
    /// knows only its own chain.
    pub(super) fn set_total_pages(&self, pages: Option<u64>) {
        if let Some(pages) = pages
            && self.chains.load(Relaxed) <= 1
        {
            self.total_pages.store(pages, Relaxed);
        }
    }

    pub(super) fn expect(&self, chains: usize) {
        self.chains.fetch_add(chains as u64, Relaxed);
    }

    pub(super) fn count_ended_chain(&self) {
        self.chains_ended.fetch_add(1, Relaxed);
    }

    pub(super) fn count_page(&self, counts: &Counts) {
        self.pages.fetch_add(1, Relaxed);
        self.releases.fetch_add(counts.releases, Relaxed);
        self.quarantined.fetch_add(counts.quarantined, Relaxed);
    }

    /// Reads all counters.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let begun = self.lock_begun();
        let pages_before = begun.as_ref().map_or(0, |(totals, _)| totals.pages);
        let fetcher = begun.as_ref().map(|(_, fetcher)| fetcher);
        Snapshot {
            pages: pages_before + self.pages.load(Relaxed),
            pages_before,
            total_pages: Some(self.total_pages.load(Relaxed)).filter(|pages| *pages > 0),
            chains: self.chains.load(Relaxed),
            chains_ended: self.chains_ended.load(Relaxed),
            releases: self.releases.load(Relaxed),
            quarantined: self.quarantined.load(Relaxed),
            requests: fetcher.map(|it| it.counters()).unwrap_or_default(),
            compiled: self.read_compile(),
            files: fetcher.and_then(|it| self.read_file_progress(it)),
        }
    }

    /// Returns the bytes of files that have been read, and the bytes of all files. If there are
    /// several files, their total is known only for files that the user named, because others may
    /// not have begun.
    fn read_file_progress(&self, fetcher: &Fetcher) -> Option<(u64, u64)> {
        let (read, begun) = fetcher.file_progress();
        let all = match self.file_bytes.load(Relaxed) {
            0 if self.chains.load(Relaxed) <= 1 => begun,
            all => all,
        };
        (all > 0).then_some((read.min(all), all))
    }
}
