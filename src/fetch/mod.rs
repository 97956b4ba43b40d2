//! Stage 1: a declared source becomes a stream of pages.
//!
//! ```text
//! Position ──pagination──▶ Position ──address──▶ URL ──client──▶ body ──json──▶ Page
//!                walk: which position when, in what order, and when to stop
//! ```
//!
//! - A page is tried again as a whole: headers, body and parse. What cannot be
//!   read in any attempt is a page too, [`Fetched::Unreadable`], and is never
//!   taken for the end of the feed.
//! - The end is what a page says positively: a link that is not there, a total
//!   that is reached, a page without items. A last page that does not look like
//!   one is asked for once more.
//! - Room comes before work: each request waits for a permit, which travels
//!   with its page until the page is committed. So the commits set the pace of
//!   the requests, and at most so many pages are fetched twice after a crash.
//! - One host is home, and nothing configured goes to another.
//!
//! Fetch reads of a body only how it is cut into items and what follows it; it
//! knows neither releases nor the database. Nothing here spawns a task: requests
//! make progress while the stream is polled, and stop when it is dropped.

mod address;
mod body;
mod client;
mod pace;
mod pagination;
mod retry;
mod secret;
mod walk;

use std::sync::Arc;

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::page::Position;
use crate::source::Source;

pub use self::client::{Client, Counters, Fetched};
use self::walk::Walk;

/// Where a walk through a feed begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The first page that is asked for.
    pub position: Position,
    /// The items of the fullest page that the run has seen; 0 if it has seen none.
    pub fullest: usize,
    /// The number of the last page that is wanted; `None` is the end of the feed.
    pub until: Option<u64>,
}

/// The first page of a source's feed.
#[must_use]
pub fn first(source: &Source) -> Position {
    pagination::first(&source.page)
}

/// The page of a number, where a source's feed can be entered in its middle:
/// `None` for pages that only the page before leads to, and before the first.
#[must_use]
pub fn at(source: &Source, number: u64) -> Option<Position> {
    pagination::at(&source.page, number)
}

/// The pages of a feed, in its order.
///
/// The stream ends after a page whose `next` is `None`; after page
/// `start.until`; after an unreadable page that nothing leads past; after an
/// error; or when `stop` is cancelled, at once: requests and waits under way are
/// abandoned, and with them the pages that were fetched ahead of one still
/// missing. Only a page whose `next` is `None` says that the end was seen.
///
/// A permit of `room` is taken before each request and delivered with the page;
/// the receiver drops it once the page is committed. Where the feed tells its
/// total, up to `http.concurrency` requests are under way, if there is room.
///
/// # Errors
/// Those of [`Client::page`]. [`Kind::Truncated`](crate::error::Kind): a link
/// leads back to a page of this walk, `fetch.unreadable_in_a_row` pages in a row
/// could not be read, or the server takes no notice of the page's number; the
/// page that shows it is delivered first. [`Kind::Config`](crate::error::Kind):
/// the first page is far smaller than `page.size`.
pub fn pages(
    client: Arc<Client>,
    start: Start,
    room: Arc<Semaphore>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<(Fetched, OwnedSemaphorePermit)>> + Send {
    let walk = Walk::new(client, start, room);
    stream::unfold(walk, |mut walk| async move {
        let delivery = walk.advance().await?;
        Some((delivery, walk))
    })
    .take_until(stop.cancelled_owned())
}
