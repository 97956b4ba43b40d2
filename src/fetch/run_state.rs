//! The state that all chains of a run share: the budgets, what windows began with, and the
//! pages of the previous run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::fetch::fetcher::Fetcher;
use crate::fetch::guard::WindowBeginnings;
use crate::fetch::page_budget::PageBudget;
use crate::fetch::previous_run::KnownPages;

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
}

impl RunState {
    /// Counts a page that is about to be requested. Returns false if no more pages may be
    /// requested.
    pub(super) fn count_page(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.pages_left.fetch_update(Relaxed, Relaxed, less).is_ok()
    }

    pub(super) fn has_pages_left(&self) -> bool {
        self.pages_left.load(Relaxed) > 0
    }
}
