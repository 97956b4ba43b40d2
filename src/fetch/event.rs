//! The results of fetching: pages, and what happened to their chains.

use jiff::Timestamp;

use crate::error::Error;
use crate::fetch::page_budget::Permit;
use crate::fetch::scope::Scope;
use crate::page::{Page, Position, UnchangedPage, UnreadablePage};

/// The result of requesting one page. `P` is the page at the present step of its processing.
#[derive(Clone, Debug)]
pub enum Fetched<P = Page> {
    /// The page was read.
    Page(P),
    /// The page has not changed since a previous run stored it.
    Unchanged(UnchangedPage),
    /// No attempt brought a page that could be read.
    Unreadable(UnreadablePage),
}

impl Fetched {
    /// Returns the position of the page in its chain.
    #[must_use]
    pub fn position(&self) -> &Position {
        match self {
            Fetched::Page(page) => &page.position,
            Fetched::Unchanged(page) => &page.position,
            Fetched::Unreadable(page) => &page.position,
        }
    }

    /// Estimates the memory of the page in bytes, without the releases that are read from it.
    pub(super) fn estimate_memory(&self) -> usize {
        match self {
            Fetched::Page(page) => page.estimate_memory(),
            Fetched::Unchanged(_) => 0,
            Fetched::Unreadable(page) => page.body.len(),
        }
    }
}

/// The next result of fetching. Within a chain, events come in order. An event reaches the sink
/// unchanged, except that its page is read on the way.
#[derive(Debug)]
pub enum Event<P = Page> {
    /// A page arrived. Its permit is returned once the page is durable.
    Page(Box<Fetched<P>>, Permit),
    /// A chain reached its end.
    Ended {
        /// The part of the feed that the chain covers.
        scope: Scope,
        /// True if all pages of the chain could be read.
        is_whole: bool,
    },
    /// A window is too large, and its halves are requested from now on.
    Split {
        /// The window.
        scope: Scope,
        /// The time at which the first half ends and the second half begins.
        middle: Timestamp,
    },
    /// A chain failed. If the run has several, the others continue; the only chain of a run gives
    /// an error instead once it leaves this folder.
    Failed(Error),
    /// The part of the feed that a chain covers does not exist. Otherwise like `Failed`.
    Gone(Error),
}

impl<P> Event<P> {
    /// Returns the page and its permit. Any other event is returned as an event for another type
    /// of page.
    pub(crate) fn into_page<Q>(self) -> Result<(Box<Fetched<P>>, Permit), Event<Q>> {
        Err(match self {
            Event::Page(fetched, permit) => return Ok((fetched, permit)),
            Event::Ended { scope, is_whole } => Event::Ended { scope, is_whole },
            Event::Split { scope, middle } => Event::Split { scope, middle },
            Event::Failed(error) => Event::Failed(error),
            Event::Gone(error) => Event::Gone(error),
        })
    }
}
