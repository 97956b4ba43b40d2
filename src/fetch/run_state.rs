//! The state that all chains of a run share: the budgets, what windows began with, and the
//! pages of the previous run.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use tracing::warn;

use crate::fetch::fetcher::Fetcher;
use crate::fetch::guard::WindowBeginnings;
use crate::fetch::page_budget::PageBudget;
use crate::fetch::previous_run::{KnownPages, PreviousRun};
use crate::metrics::{self, Decision};
use crate::page::Chain;

#[derive(Clone)]
pub(super) struct RunState {
    pub(super) fetcher: Arc<Fetcher>,
    /// A permit is acquired from this budget before each page.
    pub(super) budget: PageBudget,
    pub(super) pages_left: Arc<AtomicU64>,
    /// The number of items of the fullest page that the run has seen.
    pub(super) fullest: Arc<AtomicUsize>,
    pub(super) window_beginnings: Arc<WindowBeginnings>,
    /// The pages of the previous run, until a page has changed.
    pub(super) known: Arc<KnownPages>,
    /// The pages that the publisher refuses and that the run steps over, by chain and number.
    pub(super) refused: Arc<HashSet<(Chain, u64)>>,
    /// True if the run begins at a stretch that earlier runs have skipped.
    pub(super) returns_to_stretch: bool,
    has_told_more_pages: Arc<AtomicBool>,
}

impl RunState {
    /// Makes the state of a run that may request `max_pages` pages. `fullest` is the number of
    /// items of the fullest page of its earlier processes.
    pub(super) fn new(
        fetcher: Arc<Fetcher>,
        budget: PageBudget,
        max_pages: Option<u64>,
        fullest: usize,
        previous: PreviousRun,
        refused: HashSet<(Chain, u64)>,
        returns_to_stretch: bool,
    ) -> Self {
        Self {
            fetcher,
            budget,
            pages_left: Arc::new(AtomicU64::new(max_pages.unwrap_or(u64::MAX))),
            fullest: Arc::new(AtomicUsize::new(fullest)),
            window_beginnings: Arc::default(),
            known: Arc::new(KnownPages::new(previous)),
            refused: Arc::new(refused),
            returns_to_stretch,
            has_told_more_pages: Arc::default(),
        }
    }

    /// Counts a page that is about to be requested. Returns false if no more pages may be
    /// requested.
    pub(super) fn count_page(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.pages_left.fetch_update(Relaxed, Relaxed, less).is_ok()
    }

    /// Tells once in a run that the feed shows more pages than the declared pagination leads to.
    pub(super) fn tell_more_pages(&self, why: &str) {
        if self.has_told_more_pages.swap(true, Relaxed) {
            return;
        }
        let source = &self.fetcher.source().name;
        metrics::count_decision(source, Decision::MorePages);
        warn!(source.name = %source, "{why}");
    }

    pub(super) fn has_pages_left(&self) -> bool {
        self.pages_left.load(Relaxed) > 0
    }
}
