//! The pages of the previous run, of which a run asks only whether they have changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::page::{Chain, Cursor, RememberedPage};

/// The pages of the previous run, by chain and cursor; by default none.
#[derive(Clone, Debug, Default)]
pub struct PreviousRun {
    chains: HashMap<Chain, HashMap<Cursor, Arc<RememberedPage>>>,
}

impl PreviousRun {
    /// Collects pages.
    #[must_use]
    pub fn new(pages: impl IntoIterator<Item = (Chain, Cursor, RememberedPage)>) -> Self {
        let mut previous = Self::default();
        for (chain, cursor, remembered) in pages {
            let chain = previous.chains.entry(chain).or_default();
            chain.insert(cursor, Arc::new(remembered));
        }
        previous
    }

    /// A page, if the previous run stored it.
    #[must_use]
    pub fn page(&self, chain: &Chain, cursor: &Cursor) -> Option<&Arc<RememberedPage>> {
        self.chains.get(chain)?.get(cursor)
    }
}

/// The pages of the previous run, until this run delivers one that has changed.
///
/// Once a page has changed, every later page is fetched too, because later pages override
/// earlier ones: what the changed page stores may be under a key of a later page, which then
/// has to be stored again whether it has changed or not.
#[derive(Debug, Default)]
pub(super) struct KnownPages {
    previous: PreviousRun,
    is_forgotten: AtomicBool,
}

impl KnownPages {
    pub(super) fn new(previous: PreviousRun) -> Self {
        Self {
            previous,
            is_forgotten: AtomicBool::new(false),
        }
    }

    pub(super) fn page(&self, chain: &Chain, cursor: &Cursor) -> Option<Arc<RememberedPage>> {
        if self.is_forgotten() {
            return None;
        }
        self.previous.page(chain, cursor).cloned()
    }

    /// What is known of the first piece of a file, if all pieces that follow it are of the
    /// same file and known too.
    pub(super) fn file(&self, chain: &Chain, cursor: &Cursor) -> Option<Arc<RememberedPage>> {
        let first = self.page(chain, cursor)?;
        let mut page = &first;
        while let Some(next) = &page.next {
            page = self.previous.page(chain, &next.cursor)?;
        }
        Some(Arc::clone(&first))
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Relaxed)
    }

    /// A page is delivered that has changed, so nothing known counts any more.
    pub(super) fn forget(&self) {
        self.is_forgotten.store(true, Relaxed);
    }
}
