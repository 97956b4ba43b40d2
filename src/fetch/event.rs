//! What fetching comes to: pages, and what is to be said of their chains.

use jiff::Timestamp;

use crate::error::Error;
use crate::fetch::page_budget::Permit;
use crate::fetch::scope::Scope;
use crate::page::{Page, Position, UnchangedPage, UnreadablePage};

/// What the publisher answered when it was asked for a page; `P` is the page as far as it
/// has been processed.
#[derive(Clone, Debug)]
pub enum Fetched<P = Page> {
    /// A page that could be read.
    Page(P),
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

/// What fetching comes to next, in order within each chain. An event is carried to the sink as
/// it is, but for its page, which is read on the way.
#[derive(Debug)]
pub enum Event<P = Page> {
    /// A page, and its permit, which is given back once the page is durable.
    Page(Box<Fetched<P>>, Permit),
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

impl<P> Event<P> {
    /// Returns the page, or else the event as one that may have another type of page.
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
