//! The walk through a feed: which page is asked for when, and what its order is.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Kind, Result};
use crate::fetch::{Client, Fetched, Start, pagination};
use crate::page::{Cursor, Page, Position};
use crate::source::Pagination;

/// A page and the permit that made room for it.
pub(super) type Delivery = (Fetched, OwnedSemaphorePermit);

/// How many pages in a row may have the same items. A server that ignores the
/// query parameter serves its first page for ever; of a feed that grows at its
/// head while it is read, one page may repeat.
const MOST_ALIKE: u32 = 2;

/// Where a walk is. Pages are delivered in feed order, one request ahead of
/// another only where a total has told that both pages are there.
pub(super) struct Walk {
    client: Arc<Client>,
    room: Arc<Semaphore>,
    until: Option<u64>,
    /// The page that is asked for next.
    next: Option<Position>,
    /// The number of the last page, by the newest total.
    last: Option<u64>,
    under_way: FuturesOrdered<BoxFuture<'static, Result<Delivery>>>,
    /// The items of the fullest page so far.
    fullest: usize,
    /// The links followed so far, hashed: feeds have hundreds of thousands.
    followed: HashSet<u64>,
    hasher: RandomState,
    /// The items of the page before, hashed, and how many pages had them.
    before: Option<u64>,
    alike: u32,
    unreadable_in_a_row: u32,
    /// What ends the walk after the page that was delivered.
    failure: Option<Error>,
}

impl Walk {
    pub(super) fn new(client: Arc<Client>, start: Start, room: Arc<Semaphore>) -> Self {
        let is_wanted = start
            .until
            .is_none_or(|until| start.position.number <= until);
        Self {
            client,
            room,
            until: start.until,
            next: is_wanted.then_some(start.position),
            last: None,
            under_way: FuturesOrdered::new(),
            fullest: start.fullest,
            followed: HashSet::new(),
            hasher: RandomState::new(),
            before: None,
            alike: 0,
            unreadable_in_a_row: 0,
            failure: None,
        }
    }

    /// The next page in feed order; `None` after the last one wanted.
    pub(super) async fn advance(&mut self) -> Option<Result<Delivery>> {
        if let Some(failure) = self.failure.take() {
            self.end();
            return Some(Err(failure));
        }
        let done = loop {
            let may_ask = self.may_ask();
            let room = Arc::clone(&self.room);
            tokio::select! {
                // What has arrived goes first: its receiver frees the room.
                biased;
                Some(done) = self.under_way.next() => break done,
                permit = room.acquire_owned(), if may_ask => {
                    // A closed room says that nobody wants pages any more.
                    let Ok(permit) = permit else {
                        self.end();
                        return None;
                    };
                    self.ask(permit);
                }
                else => return None,
            }
        };
        let delivered = match done {
            Ok((fetched, permit)) => self.deliver(fetched).await.map(|page| (page, permit)),
            Err(error) => Err(error),
        };
        if delivered.is_err() {
            self.end();
        }
        Some(delivered)
    }

    /// One page at a time, or several where the total says that they are there.
    fn may_ask(&self) -> bool {
        let Some(next) = &self.next else { return false };
        let is_known = self.last.is_some_and(|last| next.number <= last);
        let at_once = if is_known {
            self.client.source().http.concurrency
        } else {
            1
        };
        self.under_way.len() < at_once
    }

    fn ask(&mut self, permit: OwnedSemaphorePermit) {
        let Some(position) = self.next.take() else {
            return;
        };
        if let Some(last) = self.last
            && position.number < last
            && let Some(after) = pagination::after(&self.client.source().page, &position)
        {
            self.want(after);
        }
        if let Cursor::Link(link) = &position.cursor {
            self.followed.insert(self.hasher.hash_one(link));
        }
        let client = Arc::clone(&self.client);
        let page = async move { Ok((client.page(&position).await?, permit)) };
        self.under_way.push_back(page.boxed());
    }

    /// Takes a page as the next of the feed and decides what comes after it.
    async fn deliver(&mut self, fetched: Fetched) -> Result<Fetched> {
        let fetched = match fetched {
            Fetched::Page(page) if self.is_doubtful(&page) => {
                self.client.page(&page.position).await?
            }
            fetched => fetched,
        };
        match &fetched {
            Fetched::Page(page) => self.read(page)?,
            Fetched::Unreadable(page) => self.step_over(&page.position),
        }
        Ok(fetched)
    }

    /// Whether a page says that it is the last one although it does not look
    /// it: publishers drop the next link in mid-feed (UK Find a Tender), and a
    /// total that shrinks below the page before it may be a slip. It is asked
    /// for once more, and then believed.
    fn is_doubtful(&self, page: &Page) -> bool {
        if page.next.is_some() {
            return false;
        }
        let items = page.items();
        match self.client.source().page {
            Pagination::Single => false,
            Pagination::Link { .. } => items > 0 && items >= self.fullest,
            Pagination::Number { .. } | Pagination::Offset { .. } => {
                self.last.is_some_and(|last| page.position.number < last)
            }
        }
    }

    fn read(&mut self, page: &Page) -> Result<()> {
        let pagination = &self.client.source().page;
        let items = page.items();
        if pagination::is_size_too_large(pagination, &page.position, page.total_pages, items) {
            // Before it is delivered: what a resume starts behind is not seen again.
            return Err(self.error(
                Kind::Config,
                page.position.number,
                &format!(
                    "has {items} items and is not the last, which is not what its `page.size` says"
                ),
            ));
        }
        self.unreadable_in_a_row = 0;
        self.fullest = self.fullest.max(items);
        self.last = page
            .total_pages
            .map(|total| pagination::last_number(pagination, total));
        self.count_alike(page);
        match &page.next {
            None => self.end(),
            Some(next) => self.go_on(page, next),
        }
        Ok(())
    }

    /// Goes on to the page after one that was read, unless it is asked for
    /// already, is not wanted, or the feed has shrunk to before it.
    fn go_on(&mut self, page: &Page, next: &Position) {
        let number = page.position.number;
        if self.until.is_some_and(|until| number >= until) {
            return self.end();
        }
        if let Cursor::Link(link) = &next.cursor {
            self.followed.insert(self.hasher.hash_one(&page.url));
            if self.followed.contains(&self.hasher.hash_one(link)) {
                let why = "names as next a page that was fetched before it, a loop";
                self.failure = Some(self.error(Kind::Truncated, number, why));
            }
        }
        if self.next.is_none() && self.under_way.is_empty() {
            self.want(next.clone());
        }
        if let (Some(next), Some(last)) = (&self.next, self.last)
            && next.number > last
        {
            self.next = None;
        }
    }

    /// Goes on without a page, where what follows can be known without it.
    fn step_over(&mut self, position: &Position) {
        self.unreadable_in_a_row += 1;
        let most = self.client.limits().unreadable_in_a_row;
        let is_last = self.last.is_some_and(|last| position.number >= last);
        let after = pagination::after(&self.client.source().page, position);
        match after {
            Some(_) if self.unreadable_in_a_row >= most => {
                let why = format!("is the last of {most} in a row that could not be read");
                self.failure = Some(self.error(Kind::Truncated, position.number, &why));
            }
            Some(after) if !is_last => {
                if self.next.is_none() && self.under_way.is_empty() {
                    self.want(after);
                }
            }
            _ => self.end(),
        }
    }

    /// The next page to ask for, unless it is behind the last one wanted.
    fn want(&mut self, position: Position) {
        if self.until.is_none_or(|until| position.number <= until) {
            self.next = Some(position);
        }
    }

    /// Counts pages with the same items, which a server serves that takes no
    /// notice of the number it is asked for.
    fn count_alike(&mut self, page: &Page) {
        if page.items() == 0 || matches!(page.position.cursor, Cursor::Start | Cursor::Link(_)) {
            return;
        }
        let mut hasher = self.hasher.build_hasher();
        for part in &page.parts {
            for item in &part.cut.items {
                hasher.write(&part.body[item.range.clone()]);
            }
        }
        let items = Some(hasher.finish());
        self.alike = if self.before == items {
            self.alike + 1
        } else {
            1
        };
        self.before = items;
        if self.alike > MOST_ALIKE {
            self.failure = Some(self.error(
                Kind::Truncated,
                page.position.number,
                "has the items of the pages before it, so its number is not heeded",
            ));
        }
    }

    fn end(&mut self) {
        self.next = None;
        self.under_way.clear();
    }

    fn error(&self, kind: Kind, number: u64, what: &str) -> Error {
        Error::new(
            kind,
            format!("page {number} of {} {what}", self.client.source().name),
        )
    }
}
