//! Stage 1: turns a declared source into a stream of pages.
//!
//! ```text
//! Plan ──▶ Scope ──▶ Position ──address──▶ Target ──http──▶ body ──decode──▶ Page
//!  traversal: which chains, side by side;  chain: which page when, and the end
//! ```
//!
//! - A plain feed is one chain of pages. A feed that is requested in windows of time, or along an
//!   axis, is one chain for each window and value.
//! - If no attempt can read a page, it becomes [`Fetched::Unreadable`], and is never taken for
//!   the end of the feed.
//! - A chain ends only if a page says so: by a missing link, a total that is reached, or a page
//!   without items. If the last page does not look like a last page, it is requested once more.
//! - A stretch of positions that the server answers with errors is skipped if the source says so,
//!   and becomes one [`Fetched::Unreadable`].
//! - Before each request, a permit of the [`PageBudget`] is acquired. The page holds the permit
//!   until it is committed. So requests are no faster than commits, and a crash makes a run fetch
//!   at most that many pages twice.
//! - A page of the [`PreviousRun`] is requested only if it has changed, until the first page has
//!   changed.
//!
//! Fetch reads of a body only its items as bytes and what follows it. It knows neither releases
//! nor the database. Nothing here spawns a task: requests make progress while the stream is
//! polled, and stop when it is dropped. Files are read on threads that may block, one piece at a
//! time. Such a thread waits only until the bytes of its piece have arrived.

pub(crate) mod address;
mod axis_index;
mod chain;
mod detail;
mod event;
mod fetcher;
mod file;
mod guard;
mod index_page;
pub(crate) mod page;
mod page_budget;
pub(crate) mod pagination;
mod plan;
mod previous_run;
mod run_state;
mod scope;
mod skip;
mod traversal;
mod window;

use std::collections::HashSet;
use std::sync::Arc;

use futures::{Stream, stream};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::page::{Chain, Cursor, Position};
use crate::source::{Pagination, Source};

pub use self::axis_index::fetch_axes;
pub use self::event::{Event, Fetched};
pub use self::fetcher::Fetcher;
pub use self::file::Input;
pub use self::page_budget::{PageBudget, Permit};
pub use self::plan::{BegunChains, Plan};
pub use self::previous_run::PreviousRun;
pub use self::scope::{Axes, Scope};
use self::traversal::Traversal;
pub use self::window::{TimeRange, incremental};

/// Describes where a run begins to fetch and where it ends.
#[derive(Clone, Debug)]
pub struct Start {
    /// The chains to walk.
    pub plan: Plan,
    /// The number of items of the fullest page that the run has seen, or 0.
    pub fullest: usize,
    /// The number of the last page to fetch of each chain. `None` means the last page of the
    /// chain.
    pub until: Option<u64>,
    /// The number of pages that may be requested. `None` means no limit.
    pub max_pages: Option<u64>,
    /// The pages that the previous run stored. By default there are none.
    pub previous: PreviousRun,
    /// Files that the user named. If there are any, their pieces are the pages.
    pub files: Vec<Input>,
    /// The pages that the publisher refuses, by chain and number. If it refuses one of them again,
    /// the run steps over the page instead of failing.
    pub refused: HashSet<(Chain, u64)>,
    /// True if the run begins at a stretch that earlier runs have skipped. It has just been found
    /// that the publisher answers there.
    pub returns_to_stretch: bool,
}

/// Returns the position of the first page of a file.
#[must_use]
pub fn first_page_of_file() -> Position {
    pagination::first_position(&Pagination::File)
}

/// Returns the position of the first page of each chain of a source.
#[must_use]
pub fn first_page(source: &Source) -> Position {
    let first = pagination::first_position(&source.page);
    if source.detail.is_none() {
        return first;
    }
    Position {
        // a page is a group of items of the index, and we count these pages
        number: 1,
        cursor: detail::first_stretch_cursor(first.cursor),
    }
}

/// Returns the cursor itself or, for a group of items of an index, the cursor of the first
/// group on the same index page.
#[must_use]
pub fn rewind(cursor: &Cursor) -> Cursor {
    match cursor {
        Cursor::Detail { index, .. } => detail::first_stretch_cursor((**index).clone()),
        cursor => cursor.clone(),
    }
}

/// Returns true if the publisher answers with a page of the feed's beginning. `fetcher` is that of
/// a source with one chain.
pub async fn has_beginning(fetcher: &Fetcher) -> bool {
    let first = pagination::first_position(&fetcher.source().page);
    let scope = Scope::default();
    match &fetcher.source().detail {
        Some(detail) => detail::has_listing(fetcher, detail, &scope, &first).await,
        None => {
            let answer = page::fetch_page(fetcher, &scope, &first, None).await;
            answer.is_ok_and(|answer| answer.is_ok_and(|it| matches!(*it, Fetched::Page(_))))
        }
    }
}

/// Returns the first of these cursors of skipped stretches, in the order of the feed, at which the
/// publisher answers with a page.
pub async fn find_readable(fetcher: &Fetcher, cursors: Vec<Cursor>) -> Option<Cursor> {
    skip::find_readable(fetcher, cursors).await
}

/// Returns true if only the page before a position leads to it, and it is not the beginning of the
/// feed. The publisher may forget such a position.
#[must_use]
pub fn is_opaque(source: &Source, position: &Position) -> bool {
    let is_known = matches!(
        source.page,
        Pagination::Link { .. } | Pagination::Token { .. }
    );
    is_known && rewind(&position.cursor) != first_page(source).cursor
}

/// Returns true if an error says that the publisher refuses the page that was requested, and will
/// probably refuse it again.
#[must_use]
pub fn is_refusal(source: &Source, error: &Error) -> bool {
    chain::is_refusal(error, &source.http)
}

/// Returns the position of the page with a number. Returns `None` if only the page before it
/// leads to it, and for a number before the first page.
#[must_use]
pub fn page_at(source: &Source, number: u64) -> Option<Position> {
    match source.detail {
        Some(_) => Some(first_page(source)).filter(|first| first.number == number),
        None => pagination::position_at(&source.page, number),
    }
}

/// Streams the pages of a feed. Pages of one chain come in order. Up to `http.concurrency` chains
/// are walked side by side. If a chain has a total, up to `http.concurrency` of its pages are
/// requested at once, as far as the budget allows.
///
/// The stream ends after the chains of the plan, after `start.max_pages` pages, after an error,
/// or when `stop` is cancelled. A cancelled stream ends at once: it abandons requests and waits
/// that are under way, and pages that arrived before an earlier page of their chain. A chain ends
/// after the page `start.until`, and after an unreadable page whose next page is unknown. Only
/// [`Event::Ended`] says that the end of a chain was seen.
///
/// Each page comes with its permit of `budget`, which the receiver drops once the page is
/// committed.
///
/// # Errors
///
/// Fails like any request, and also with:
///
/// - [`Kind::LinkRefused`](crate::error::Kind): a link leads to a host that is not allowed.
/// - [`Kind::Truncated`](crate::error::Kind): a link leads back to a page of its chain,
///   `fetch.unreadable_in_a_row` pages in a row could not be read, or the server ignores page
///   numbers. The page that shows this is delivered before the error.
/// - [`Kind::Config`](crate::error::Kind): the first page is far smaller than `page.size`.
///
/// If there are several chains and one fails because of the publisher, the others continue, until
/// `fetch.unreadable_in_a_row` chains in a row have failed.
pub fn pages(
    fetcher: Arc<Fetcher>,
    start: Start,
    budget: PageBudget,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event>> + Send {
    use futures::StreamExt as _;

    let traversal = Traversal::new(fetcher, start, budget);
    stream::unfold(traversal, |mut traversal| async move {
        let event = traversal.advance().await?;
        Some((event, traversal))
    })
    .take_until(stop.cancelled_owned())
}
