//! The pages that the previous run stored. A run requests each of them only if it has changed.
//!
//! # After the first changed page
//!
//! Once a page has changed, every later page is fetched too, in whatever chain, because later
//! pages override earlier ones. The changed page may store releases that a later page has too.
//! Then the later page is stored again, even if it has not changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::page::{Chain, Cursor, RememberedPage};

/// The pages that the previous run stored, by chain and cursor. By default there are none.
#[derive(Clone, Debug, Default)]
pub struct PreviousRun {
    chains: HashMap<Chain, HashMap<Cursor, Arc<RememberedPage>>>,
}

impl PreviousRun {
    /// Collects the pages of the previous run.
    #[must_use]
    pub fn new(pages: impl IntoIterator<Item = (Chain, Cursor, RememberedPage)>) -> Self {
        let mut previous = Self::default();
        for (chain, cursor, remembered) in pages {
            let chain = previous.chains.entry(chain).or_default();
            chain.insert(cursor, Arc::new(remembered));
        }
        previous
    }

    /// Returns a page, if the previous run stored it.
    #[must_use]
    pub fn find_page(&self, chain: &Chain, cursor: &Cursor) -> Option<&Arc<RememberedPage>> {
        self.chains.get(chain)?.get(cursor)
    }
}

/// The pages of the previous run, until this run delivers a page that has changed.
#[derive(Debug, Default)]
pub(super) struct KnownPages {
    previous: PreviousRun,
    is_forgotten: AtomicBool,
}

impl KnownPages {
    pub(super) fn new(previous: PreviousRun) -> Self {
        Self {
            previous,
            ..Self::default()
        }
    }

    pub(super) fn find_page(&self, chain: &Chain, cursor: &Cursor) -> Option<Arc<RememberedPage>> {
        if self.is_forgotten() {
            return None;
        }
        self.previous.find_page(chain, cursor).cloned()
    }

    /// Returns the stored page of the first piece of a file. Returns `None` if a later piece of
    /// the file is not stored.
    pub(super) fn find_file(&self, chain: &Chain, cursor: &Cursor) -> Option<Arc<RememberedPage>> {
        let first = self.find_page(chain, cursor)?;
        let mut page = &first;
        while let Some(next) = &page.next {
            page = self.previous.find_page(chain, &next.cursor)?;
        }
        Some(Arc::clone(&first))
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Relaxed)
    }

    /// Forgets all pages of the previous run, because a page that has changed is delivered.
    pub(super) fn forget(&self) {
        self.is_forgotten.store(true, Relaxed);
    }
}
