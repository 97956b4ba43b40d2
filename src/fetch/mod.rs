//! Stage 1: a declared source becomes a stream of pages.
//!
//! ```text
//! Plan ──▶ Scope ──▶ Position ──address──▶ Target ──http──▶ body ──decode──▶ Page
//!  traversal: which chains, side by side;  chain: which page when, and the end
//! ```
//!
//! - A plain feed is one chain of pages. A feed that is asked for in windows of time, or
//!   along an axis, is a chain for each, and as many are walked side by side as the source
//!   may be asked at once.
//! - What no attempt can read is a page too, [`Fetched::Unreadable`], and is never taken for
//!   the end of the feed.
//! - The end is what a page says positively: no link, a total that is reached, a page
//!   without items. A last page that does not look like one is asked for once more.
//! - A permit of the [`PageBudget`] is acquired before each request, and travels with the
//!   page until it is committed. So the commits set the pace of the requests, and at most so
//!   many pages are fetched twice after a crash.
//! - A page of the [`PreviousRun`] is asked for only if it has changed, until the first one
//!   has.
//!
//! Of a body, fetch reads only how it is cut into items and what follows it; it knows neither
//! releases nor the database. Nothing here spawns a task: requests make progress while the
//! stream is polled, and stop when it is dropped. Files are read on threads that may block, a
//! piece at a time, and no thread waits for longer than until its bytes have arrived.

pub(crate) mod address;
mod chain;
mod detail;
mod event;
mod fetcher;
mod file;
mod guard;
mod index;
mod index_page;
pub(crate) mod page;
mod page_budget;
pub(crate) mod pagination;
mod plan;
mod previous_run;
mod run_state;
mod scope;
mod traversal;
mod window;

use std::sync::Arc;

use futures::{Stream, stream};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::page::{Cursor, Position};
use crate::source::{Pagination, Source};

pub use self::event::{Event, Fetched};
pub use self::fetcher::Fetcher;
pub use self::file::Input;
pub use self::index::fetch_axes;
pub use self::page_budget::{PageBudget, Permit};
pub use self::plan::{Begun, Plan};
pub use self::previous_run::PreviousRun;
pub use self::scope::{Axes, Scope};
use self::traversal::Traversal;
pub use self::window::Stretch;

/// Where a run's fetching begins and ends.
#[derive(Clone, Debug)]
pub struct Start {
    /// The chains to walk.
    pub plan: Plan,
    /// The items of the fullest page that the run has seen; 0 if it has seen none.
    pub fullest: usize,
    /// The number of the last page wanted of a chain; `None` is its end.
    pub until: Option<u64>,
    /// How many pages may be requested; `None` is no limit.
    pub max_pages: Option<u64>,
    /// The pages of the previous run; by default none.
    pub previous: PreviousRun,
    /// Files whose pieces are the pages, in place of those that the source declares.
    pub files: Vec<Input>,
}

/// The first page of a file.
#[must_use]
pub fn first_page_of_file() -> Position {
    pagination::first(&Pagination::File)
}

/// The first page of each chain of a source.
#[must_use]
pub fn first_page(source: &Source) -> Position {
    let first = pagination::first(&source.page);
    if source.detail.is_none() {
        return first;
    }
    Position {
        // pages are stretches of an index, counted by us
        number: 1,
        cursor: detail::first_stretch(first.cursor),
    }
}

/// The first page with the same cursor: of a page of an index, its first stretch.
#[must_use]
pub fn rewind(cursor: &Cursor) -> Cursor {
    match cursor {
        Cursor::Detail { index, .. } => detail::first_stretch((**index).clone()),
        cursor => cursor.clone(),
    }
}

/// The page with a number, if the source's feed can be entered in its middle; `None` where only
/// the page before leads to it, and before the first page.
#[must_use]
pub fn page_at(source: &Source, number: u64) -> Option<Position> {
    match source.detail {
        Some(_) => Some(first_page(source)).filter(|first| first.number == number),
        None => pagination::at(&source.page, number),
    }
}

/// The time that an incremental run of a source with windows covers: from its watermark minus
/// the overlap, or from its beginning, to now.
#[must_use]
pub fn incremental(
    source: &Source,
    watermark: Option<Timestamp>,
    now: Timestamp,
) -> Option<Stretch> {
    let window = source.window.as_ref()?;
    Some(window::incremental(source, window, watermark, now))
}

/// Streams the pages of a feed: in order within a chain, chains side by side.
///
/// The stream ends after the chains of the plan, after `start.max_pages` pages, after an error,
/// or at once when `stop` is cancelled: requests and waits under way are abandoned, and so are
/// pages that were fetched ahead of a missing one. A chain ends after its page `start.until`,
/// and after an unreadable page that nothing leads past; only [`Event::Ended`] says that its
/// end was seen.
///
/// A permit of `budget` is acquired before each page and delivered with it; the receiver drops
/// it once the page is committed. Up to `http.concurrency` chains are walked side by side, and
/// if a chain says its total, up to so many of its pages are under way, as far as the budget
/// allows.
///
/// # Errors
///
/// Those of a request. [`Kind::LinkRefused`](crate::error::Kind): a link leads to a host that is
/// not allowed. [`Kind::Truncated`](crate::error::Kind): a link leads back to a page of its
/// chain, `fetch.unreadable_in_a_row` pages in a row could not be read, or the server ignores
/// page numbers; the page that shows it is delivered first.
/// [`Kind::Config`](crate::error::Kind): the first page is far smaller than `page.size`. Of
/// several chains, each may fail for the publisher's reasons without ending the others, unless
/// `fetch.unreadable_in_a_row` fail in a row.
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
