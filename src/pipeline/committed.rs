//! Passes what is committed from dispatch to the heartbeat.

use std::sync::Mutex;

use jiff::Timestamp;

use crate::ledger::{PageSet, Watermark};
use crate::page::{Chain, Cursor};

/// The pages that were committed since the heartbeat last took them, and the watermark that they
/// allow.
///
/// A page is added before the watermark that it allows. So a heartbeat that takes both has every
/// page that the watermark depends on, or has taken it earlier.
#[derive(Debug, Default)]
pub(super) struct CommittedPages {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pages: PageSet,
    watermark: Watermark,
}

impl CommittedPages {
    pub(super) fn add_page(&self, chain: &Chain, number: u64) {
        self.with(|state| state.pages.insert(chain, number));
    }

    /// Sets the date before which everything is committed.
    pub(super) fn set_reached(&self, date: Option<Timestamp>) {
        self.with(|state| state.watermark.reached = date);
    }

    /// Notes that all pages of a feed of changes up to this cursor are committed.
    pub(super) fn set_cursor(&self, cursor: Cursor) {
        self.with(|state| state.watermark.cursor = Some(cursor));
    }

    /// Takes the pages, and copies the watermark.
    pub(super) fn take(&self) -> (PageSet, Watermark) {
        self.with(|state| (std::mem::take(&mut state.pages), state.watermark.clone()))
    }

    /// Puts back pages that could not be verified.
    pub(super) fn put_back(&self, pages: &PageSet) {
        self.with(|state| state.pages.extend(pages));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("nobody panics who holds it"))
    }
}
