//! What fetching comes to: pages, and what there is to say of their chains.

use jiff::Timestamp;

use crate::error::Error;
use crate::fetch::{Place, Scope};
use crate::page::{Page, Position, UnchangedPage, UnreadablePage};

/// What came of asking for a page.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// It could be read.
    Page(Page),
    /// It is as it is remembered of a run before.
    Unchanged(UnchangedPage),
    /// It answered, and could not be read in any of its attempts.
    Unreadable(UnreadablePage),
}

impl Fetched {
    /// Where it is in its chain.
    #[must_use]
    pub fn position(&self) -> &Position {
        match self {
            Fetched::Page(page) => &page.position,
            Fetched::Unchanged(page) => &page.position,
            Fetched::Unreadable(page) => &page.position,
        }
    }
}

/// What a run's fetching comes to, in order within each chain.
#[derive(Debug)]
pub enum Event {
    /// A page, and its place in the room.
    Page(Box<Fetched>, Place),
    /// A chain came to its end. Only if all its pages could be read is it whole.
    Ended {
        /// Which part of the feed it is.
        scope: Scope,
        /// Whether all its pages could be read.
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
}
