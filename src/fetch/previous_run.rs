//! What is remembered of a run before, to ask of its pages only whether they have
//! changed, and for how long it counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::page::{Chain, Cursor, Remembered};

/// The pages of a run before, by where they are; by default none.
///
/// A page is asked for only if it has changed for as long as all pages that the run has
/// delivered, of whatever chain, are as they are remembered. The later page of a run
/// wins: what a changed page stores may be under a key of a page behind it, which has
/// to be stored again then, be it changed or not. So all behind the first changed page
/// is asked for afresh, and of files for each year the newest is best the last.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    chains: HashMap<Chain, HashMap<Cursor, Arc<Remembered>>>,
}

impl Memory {
    /// Of pages by their chains and cursors.
    #[must_use]
    pub fn new(pages: impl IntoIterator<Item = (Chain, Cursor, Remembered)>) -> Self {
        let mut memory = Self::default();
        for (chain, cursor, remembered) in pages {
            let chain = memory.chains.entry(chain).or_default();
            chain.insert(cursor, Arc::new(remembered));
        }
        memory
    }

    /// What is remembered of a page.
    #[must_use]
    pub fn of(&self, chain: &Chain, cursor: &Cursor) -> Option<&Arc<Remembered>> {
        self.chains.get(chain)?.get(cursor)
    }
}

/// The memory of a run, as far as it still counts.
#[derive(Debug, Default)]
pub(super) struct Recall {
    memory: Memory,
    /// Whether a page was delivered that is not as it is remembered.
    has_met_change: AtomicBool,
}

impl Recall {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            memory,
            has_met_change: AtomicBool::new(false),
        }
    }

    /// What a page may be asked for by.
    pub(super) fn of(&self, chain: &Chain, cursor: &Cursor) -> Option<Arc<Remembered>> {
        if self.is_over() {
            return None;
        }
        self.memory.of(chain, cursor).cloned()
    }

    /// What the first page of a chain may be asked for by if all pages that follow it
    /// are of the same file, and are remembered too.
    pub(super) fn of_file(&self, chain: &Chain, cursor: &Cursor) -> Option<Arc<Remembered>> {
        let first = self.of(chain, cursor)?;
        let mut page = &first;
        while let Some(next) = &page.next {
            page = self.memory.of(chain, &next.cursor)?;
        }
        Some(Arc::clone(&first))
    }

    /// Whether nothing remembered counts any more.
    pub(super) fn is_over(&self) -> bool {
        self.has_met_change.load(Relaxed)
    }

    /// A page is delivered that is not as it is remembered.
    pub(super) fn end(&self) {
        self.has_met_change.store(true, Relaxed);
    }
}
