//! What fetching comes to: pages, and what is to be said of their chains.

use jiff::Timestamp;

use crate::error::Error;
use crate::fetch::page_budget::Permit;
use crate::fetch::scope::Scope;
use crate::page::{Page, Position, UnchangedPage, UnreadablePage};

/// What the publisher answered when it was asked for a page.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// A page that could be read.
    Page(Page),
    /// The page has not changed since a previous run stored it.
    Unchanged(UnchangedPage),
    /// An answer that no attempt could read.
    Unreadable(UnreadablePage),
}

impl Fetched {
    /// Where the page is in its chain.
    #[must_use]
    pub fn position(&self) -> &Position {
        match self {
            Fetched::Page(page) => &page.position,
            Fetched::Unchanged(page) => &page.position,
            Fetched::Unreadable(page) => &page.position,
        }
    }

    /// The bytes of memory that the page takes until it is durable, without what is read
    /// out of it.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Fetched::Page(page) => page.bytes(),
            Fetched::Unchanged(_) => 0,
            Fetched::Unreadable(page) => page.body.len(),
        }
    }
}

/// What fetching comes to next, in order within each chain.
#[derive(Debug)]
pub enum Event {
    /// A page, and its permit, which is given back once the page is durable.
    Page(Box<Fetched>, Permit),
    /// A chain came to its end.
    Ended {
        /// The part of the feed that the chain is.
        scope: Scope,
        /// All its pages could be read.
        is_whole: bool,
    },
    /// A window is asked for in halves from here on.
    Split {
        /// The window.
        scope: Scope,
        /// Where its halves meet.
        middle: Timestamp,
    },
    /// A chain of several cannot go on; the others do.
    Failed(Error),
    /// What a chain of several is about does not exist; the others go on.
    Gone(Error),
}
