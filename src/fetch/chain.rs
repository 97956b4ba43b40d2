//! The walk along a chain of pages: which page is asked for when, and in what order pages
//! are delivered.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::fetch::detail::{Delivery, Listing, fetch_items};
use crate::fetch::event::{Event, Fetched};
use crate::fetch::fetcher::Fetcher;
use crate::fetch::guard::{Content, Guard, ends_by_empty_page, is_compared};
use crate::fetch::page::{PageAnswer, Status, describe_fetch, fetch_page};
use crate::fetch::page_budget::Permit;
use crate::fetch::run_state::RunState;
use crate::fetch::scope::Scope;
use crate::fetch::{first_page, pagination};
use crate::page::{Cursor, Page, Position, UnchangedPage};
use crate::source::{Pagination, Stop};

/// How many pages of one listing may be under way at once: the requests of one dwindle
/// while it waits for its last item, and those of the next fill the gap.
const LISTED_AT_ONCE: usize = 2;

/// A window that has as many items as the publisher gives, and so perhaps more.
pub(super) fn capped(scope: &Scope, most: u64) -> Error {
    let what = format!(
        "the window {scope} has {most} items or more, which is all the publisher gives, \
         and cannot be made shorter"
    );
    Error::new(Kind::Truncated, what)
}

type Arrived = (Position, Delivery, Permit);

/// A walk along a chain. Pages are delivered in the order of the chain, one request ahead of
/// another only where it is known that both pages exist.
pub(super) struct ChainWalk {
    run: RunState,
    scope: Scope,
    middle: Option<Timestamp>,
    until: Option<u64>,
    first: Position,
    /// A page of the chain came before `next`, in this run or an earlier one.
    has_begun: bool,
    next: Option<Position>,
    /// The number of the last page, by the newest total.
    last: Option<u64>,
    under_way: FuturesOrdered<BoxFuture<'static, Result<Arrived>>>,
    /// The newest page of the index, of a feed that has one.
    listing: Option<Arc<Listing>>,
    /// A page had less of the listing than was expected, so where the next one begins is
    /// known only once it is here.
    has_cut: bool,
    items: u64,
    guard: Guard,
    ending: Ending,
    /// What ends the walk after the page that was delivered.
    last_event: Option<Event>,
}

#[derive(Default)]
struct Ending {
    has_unreadable_page: bool,
    /// Why the chain is not whole although every page could be read.
    shortfall: Option<Error>,
}

impl ChainWalk {
    /// A walk that begins at `start`, after pages that have so many items. `until` is the number
    /// of the last page wanted; `None` is the chain's end.
    pub(super) fn new(
        run: RunState,
        scope: Scope,
        middle: Option<Timestamp>,
        start: Position,
        items: u64,
        until: Option<u64>,
    ) -> Self {
        let is_wanted = until.is_none_or(|until| start.number <= until);
        let first = first_page(run.fetcher.source());
        let guard = Guard::new(run.fetcher.limits().unreadable_in_a_row);
        let mut walk = Self {
            run,
            scope,
            middle,
            until,
            has_begun: start != first,
            first,
            next: None,
            last: None,
            under_way: FuturesOrdered::new(),
            listing: None,
            has_cut: false,
            items,
            guard,
            ending: Ending::default(),
            last_event: None,
        };
        if !is_wanted {
            let (scope, is_whole) = (walk.scope.clone(), true);
            walk.last_event = Some(Event::Ended { scope, is_whole });
        } else if start.number > walk.most_number() {
            walk.fail_after_page(walk.too_many_pages());
        } else {
            walk.next = Some(start);
        }
        walk
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What comes next; `None` after the last page wanted, and after the end.
    pub(super) async fn advance(&mut self) -> Option<Event> {
        if let Some(event) = self.last_event.take() {
            self.stop();
            return Some(event);
        }
        let arrived = loop {
            let may_ask = self.may_ask();
            let budget = self.run.budget.clone();
            tokio::select! {
                // What has arrived goes first: its receiver gives permits back.
                biased;
                Some(arrived) = self.under_way.next() => break arrived,
                permit = budget.acquire(0), if may_ask => self.ask(permit),
                else => return None,
            }
        };
        let event = match arrived {
            Ok((position, delivery, permit)) => self.receive(&position, delivery, permit).await,
            Err(error) => Event::Failed(error),
        };
        if !matches!(event, Event::Page(..)) {
            self.stop();
        }
        Some(event)
    }

    fn fetcher(&self) -> &Arc<Fetcher> {
        &self.run.fetcher
    }

    fn pagination(&self) -> &Pagination {
        &self.fetcher().source().page
    }

    /// One page at a time, or several where it is known that they exist.
    fn may_ask(&self) -> bool {
        let Some(next) = &self.next else { return false };
        let is_known = self.last.is_some_and(|last| next.number <= last);
        let at_once = if self.is_listed(next) && !self.has_cut {
            LISTED_AT_ONCE
        } else if is_known {
            self.fetcher().source().http.concurrency
        } else {
            1
        };
        self.under_way.len() < at_once && self.run.has_pages_left()
    }

    /// The page is of the listing that is here, and not its first.
    fn is_listed(&self, position: &Position) -> bool {
        let Cursor::Detail { index, skip, .. } = &position.cursor else {
            return false;
        };
        let listing = self.listing.as_ref();
        *skip > 0 && listing.is_some_and(|listing| listing.cursor == **index)
    }

    fn ask(&mut self, mut permit: Permit) {
        let Some(position) = self.next.take() else {
            return;
        };
        // other walks count too, and the last page may be gone
        if !self.run.count_page() {
            self.next = Some(position);
            return;
        }
        if let Some(after) = self.known_page_after(&position) {
            self.want(after);
        }
        self.guard.note_request(&position.cursor);
        self.has_begun |= position.cursor != self.first.cursor;
        let run = self.run.clone();
        let scope = self.scope.clone();
        let listing = self.listing.clone();
        let known = run.known.page(&scope.chain(), &position.cursor);
        let page = async move {
            let fetcher = &*run.fetcher;
            let delivery = match &fetcher.source().detail {
                Some(detail) => {
                    fetch_items(fetcher, detail, &scope, &position, listing, &run.fullest).await?
                }
                None => fetch_page(fetcher, &scope, &position, known).await?.into(),
            };
            if let Ok(fetched) = &delivery.answer {
                permit.set_bytes(fetched.bytes());
            }
            Ok((position, delivery, permit))
        };
        self.under_way.push_back(page.boxed());
    }

    /// The page after one that is not read yet, where it is known to exist.
    fn known_page_after(&self, position: &Position) -> Option<Position> {
        if let Some(listing) = &self.listing
            && let Some(detail) = &self.fetcher().source().detail
            && let Cursor::Detail { index, skip, .. } = &position.cursor
            && listing.cursor == **index
        {
            return listing.next_stretch(position, *skip, detail.together.get());
        }
        let last = self.last?;
        (position.number < last)
            .then(|| pagination::after(self.pagination(), position))
            .flatten()
    }

    /// Receives the next page of the chain, and decides what comes after it.
    async fn receive(
        &mut self,
        position: &Position,
        delivery: Delivery,
        mut permit: Permit,
    ) -> Event {
        let Delivery {
            answer,
            listing,
            refused,
        } = delivery;
        self.listing = listing.or(self.listing.take());
        if let Some((kind, why)) = self.guard.check_refused(refused) {
            return Event::Failed(self.page_error(kind, position, &why));
        }
        let fetched = match self.confirm(position, answer).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(status)) => return self.interpret_status(position, status),
            Err(error) => return Event::Failed(error),
        };
        match &*fetched {
            Fetched::Page(page) => {
                if let Some(middle) = self.split_point(page) {
                    return self.split(middle);
                }
                if let Err(error) = self.accept(page) {
                    return Event::Failed(error);
                }
            }
            Fetched::Unchanged(page) => self.accept_unchanged(page),
            Fetched::Unreadable(page) => self.skip_unreadable(&page.position),
        }
        if !matches!(*fetched, Fetched::Unchanged(_)) {
            self.run.known.forget();
        }
        // it may have been asked for again
        permit.set_bytes(fetched.bytes());
        Event::Page(fetched, permit)
    }

    /// An answer, asked for once more if it is doubtful.
    async fn confirm(&mut self, position: &Position, answer: PageAnswer) -> Result<PageAnswer> {
        let mut answer = answer;
        if let Ok(fetched) = &answer
            && matches!(**fetched, Fetched::Unchanged(_))
            && self.run.known.is_forgotten()
        {
            // a page of another chain has changed since this one was asked for
            answer = self.ask_again(position).await?;
        }
        if let Ok(fetched) = &answer
            && let Fetched::Page(page) = &**fetched
            && self.is_doubtful(page)
        {
            return self.ask_again(position).await;
        }
        Ok(answer)
    }

    async fn ask_again(&mut self, position: &Position) -> Result<PageAnswer> {
        let (fetcher, scope) = (Arc::clone(self.fetcher()), self.scope.clone());
        self.await_beside_others(fetch_page(&fetcher, &scope, position, None))
            .await
    }

    /// Waits for a request while those under way go on: one of them may have the turn that
    /// it waits for, and would keep it for ever.
    async fn await_beside_others<T>(&mut self, request: impl Future<Output = T>) -> T {
        let mut request = std::pin::pin!(request);
        let mut arrived = Vec::new();
        let answer = loop {
            tokio::select! {
                answer = &mut request => break answer,
                Some(done) = self.under_way.next() => arrived.push(done),
            }
        };
        for done in arrived.into_iter().rev() {
            self.under_way.push_front(std::future::ready(done).boxed());
        }
        answer
    }

    /// What a status in the place of a page means for the chain.
    fn interpret_status(&mut self, position: &Position, Status(status): Status) -> Event {
        let source = self.fetcher().source();
        let window = source.window.as_ref();
        let is_too_wide = window.is_some_and(|it| it.split_when.status.contains(&status));
        if is_too_wide && let Some(middle) = self.middle {
            return self.split(middle);
        }
        let is_empty = source.http.empty_status.contains(&status)
            && (!self.has_begun || ends_by_empty_page(&source.page, status));
        let is_behind_the_last =
            source.page.stop_status() == Some(status) && (self.scope.is_part() || self.has_begun);
        if is_empty || is_behind_the_last {
            return self.end();
        }
        let what = describe_fetch(self.fetcher(), &self.scope, position);
        let error = Error::new(Kind::from_status(status), format!("status {status}"));
        let error = error.context(what);
        match status {
            404 | 410 => Event::Gone(error),
            _ => Event::Failed(error),
        }
    }

    fn end(&mut self) -> Event {
        match self.ending.shortfall.take() {
            Some(shortfall) => Event::Failed(shortfall),
            None => Event::Ended {
                scope: self.scope.clone(),
                is_whole: !self.ending.has_unreadable_page,
            },
        }
    }

    fn split(&self, middle: Timestamp) -> Event {
        let scope = self.scope.clone();
        Event::Split { scope, middle }
    }

    /// Where to halve the window of a page, if the publisher has more items for it than it
    /// gives. A window that is too short for that is walked as far as it goes.
    fn split_point(&mut self, page: &Page) -> Option<Timestamp> {
        let window = self.fetcher().source().window.as_ref()?;
        let most = window.split_when.items?;
        let items = self.items + page.items() as u64;
        if page.total_items.unwrap_or_default().max(items) < most {
            return None;
        }
        if self.middle.is_none() {
            let shortfall = &mut self.ending.shortfall;
            shortfall.get_or_insert(capped(&self.scope, most));
        }
        self.middle
    }

    /// A page says that it is the last one although it does not look like it: publishers
    /// drop the next link in mid-feed (UK Find a Tender), and a total that shrinks below the
    /// page before it may be a slip. It is asked for once more, and then believed.
    fn is_doubtful(&self, page: &Page) -> bool {
        if page.next.is_some() || self.fetcher().source().detail.is_some() {
            return false;
        }
        let pagination = self.pagination();
        match pagination {
            Pagination::Number { .. } | Pagination::Offset { .. } => {
                self.last.is_some_and(|last| page.position.number < last)
            }
            _ => {
                let fullest = self.run.fullest.load(Relaxed);
                pagination::is_full(pagination, page.items(), fullest)
            }
        }
    }

    /// Accepts a page, and goes on to what follows it.
    ///
    /// # Errors
    /// The page must not be delivered: what a resumed run starts behind is not seen again.
    fn accept(&mut self, page: &Page) -> Result<()> {
        let pagination = self.pagination();
        let items = page.items();
        if pagination::is_size_too_large(pagination, &page.position, page.total_pages, items) {
            let why = format!(
                "has {items} items and is not the last, which is not what its `page.size` says"
            );
            return Err(self.page_error(Kind::Config, &page.position, &why));
        }
        if self.repeats_other_windows(page) {
            // its items are those of the windows before it, which are delivered
            let why = "begins with the items of the windows before it, \
                       so its dates are not heeded";
            return Err(self.page_error(Kind::Truncated, &page.position, why));
        }
        self.last = page
            .total_pages
            .map(|total| pagination::last_number(pagination, total));
        self.items += items as u64;
        if page.entries.is_none() {
            self.run.fullest.fetch_max(items, Relaxed);
        }
        let content = Content {
            cursor: &page.position.cursor,
            next: page.next.as_ref().map(|next| &next.cursor),
            items,
            hash: self.hash_of_content(page),
        };
        if let Some(why) = self.guard.check_content(content) {
            self.fail_after_page(self.page_error(Kind::Truncated, &page.position, &why));
        }
        match &page.next {
            None => {
                self.compare_with_total(page);
                self.end_after_page();
            }
            Some(next) => {
                self.take_back(page, next);
                self.go_on(&page.position, &page.url, next);
            }
        }
        Ok(())
    }

    /// What tells a page from others: its items, or those of the page of its index. A page of an
    /// index may name thousands, and is hashed once and not for each of its stretches.
    fn hash_of_content(&self, page: &Page) -> u64 {
        if !is_compared(&page.position.cursor) {
            return 0;
        }
        match self.listing.as_ref().filter(|_| page.entries.is_some()) {
            Some(listing) => self.guard.hash_of(&listing.items[..]),
            None => self.guard.hash_of_items(page),
        }
    }

    /// Accepts an unchanged page: the run that read it looked at what it has, and saw the
    /// end of its chain.
    fn accept_unchanged(&mut self, page: &UnchangedPage) {
        let items = page.remembered.items;
        self.items += items as u64;
        self.run.fullest.fetch_max(items, Relaxed);
        self.guard.note_unchanged();
        match page.next() {
            None => self.end_after_page(),
            Some(next) => self.go_on(&page.position, &page.url, &next),
        }
    }

    /// Skips a page that cannot be read, where what follows can be known without it.
    fn skip_unreadable(&mut self, position: &Position) {
        self.ending.has_unreadable_page = true;
        let objection = self.guard.check_unreadable();
        let is_last = self.last.is_some_and(|last| position.number >= last);
        let after = match self.fetcher().source().detail {
            // what follows is known by what could not be read
            Some(_) => None,
            None => pagination::after(self.pagination(), position),
        };
        match (after, objection) {
            (Some(_), Some(why)) => {
                self.fail_after_page(self.page_error(Kind::Truncated, position, &why));
            }
            (Some(after), None) if !is_last => {
                if after.number > self.most_number() {
                    self.fail_after_page(self.too_many_pages());
                }
                if self.next.is_none() && self.under_way.is_empty() {
                    self.want(after);
                }
            }
            _ => {
                self.stop();
                if self.scope.is_part() {
                    // one of several, of which too many may fail like this
                    let why = "could not be read, and nothing leads past it";
                    self.fail_after_page(self.page_error(Kind::Truncated, position, why));
                }
            }
        }
    }

    /// Goes on to the page after one that was accepted, unless it is asked for already, is
    /// not wanted, or the feed has shrunk to before it.
    fn go_on(&mut self, position: &Position, url: &str, next: &Position) {
        if self.until.is_some_and(|until| position.number >= until) {
            return self.stop();
        }
        if self.guard.leads_back(url, &next.cursor) {
            if self.pagination().stops_at_repeated_page() {
                return self.end_after_page();
            }
            let why = "names as next a page that was fetched before it, a loop";
            self.fail_after_page(self.page_error(Kind::Truncated, position, why));
        }
        if next.number > self.most_number() {
            self.fail_after_page(self.too_many_pages());
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

    /// Takes back what was asked for ahead, if a page had less of its listing than was
    /// expected, and so another one follows.
    fn take_back(&mut self, page: &Page, next: &Position) {
        let is_other = |expected: Position| expected != *next;
        if page.entries.is_none() || !self.known_page_after(&page.position).is_some_and(is_other) {
            return;
        }
        self.has_cut = true;
        self.next = None;
        let asked = self.under_way.len() as u64;
        self.run.pages_left.fetch_add(asked, Relaxed);
        self.under_way.clear();
    }

    /// Sets the next page to ask for, unless it is behind the last one wanted or allowed.
    fn want(&mut self, position: Position) {
        let most = self.most_number();
        if position.number <= self.until.unwrap_or(most).min(most) {
            self.next = Some(position);
        }
    }

    /// The page is the first of its window, and more windows have begun with its items than
    /// can be: the server ignores dates.
    fn repeats_other_windows(&self, page: &Page) -> bool {
        let is_first = self.scope.window.is_some() && page.position.cursor == self.first.cursor;
        is_first
            && page.items() > 0
            && self.fetcher().source().has_from_and_to()
            && self
                .run
                .window_beginnings
                .is_repeated(&self.scope.axes, page)
    }

    /// Notes that the last page is empty although all pages together have fewer items than
    /// the publisher says: there are more than it gives.
    fn compare_with_total(&mut self, page: &Page) {
        let has_details = self.fetcher().source().detail.is_some();
        let total = match self.pagination() {
            Pagination::Number { stop, .. } | Pagination::Offset { stop, .. } => {
                let is_said = !has_details && matches!(stop, Stop::TotalItems { .. });
                page.total_items.filter(|_| is_said)
            }
            _ => None,
        };
        if page.items() == 0 && total.is_some_and(|total| self.items < total) {
            let why = "is the last and empty, and there are fewer items than its total says";
            let error = self.page_error(Kind::Truncated, &page.position, why);
            self.ending.shortfall.get_or_insert(error);
        }
    }

    /// Ends the walk after the page that is being delivered.
    fn end_after_page(&mut self) {
        self.stop();
        let end = self.end();
        self.last_event.get_or_insert(end);
    }

    fn fail_after_page(&mut self, error: Error) {
        self.last_event.get_or_insert(Event::Failed(error));
    }

    fn stop(&mut self) {
        self.next = None;
        self.under_way.clear();
    }

    /// The number of the last page that the chain may have.
    fn most_number(&self) -> u64 {
        let most = self.fetcher().limits().max_pages;
        self.first.number.saturating_add(most - 1)
    }

    fn too_many_pages(&self) -> Error {
        let most = self.fetcher().limits().max_pages;
        let chain = self.fetcher().describe_chain(&self.scope);
        let what = format!("{chain} has more than {most} pages, the limit of `fetch.max_pages`");
        Error::new(Kind::Truncated, what)
    }

    fn page_error(&self, kind: Kind, position: &Position, why: &str) -> Error {
        let page = self.fetcher().describe_page(&self.scope, position.number);
        Error::new(kind, format!("{page} {why}"))
    }
}
