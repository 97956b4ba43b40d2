//! Walks along a chain of pages: decides when each page is requested, and delivers the pages in
//! the order of the chain.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::fetch::detail::{Delivery, Listing, fetch_items};
use crate::fetch::event::{Event, Fetched};
use crate::fetch::fetcher::Fetcher;
use crate::fetch::guard::{
    Guard, PageContent, can_end_by_empty_page, is_end_status, should_compare_items,
};
use crate::fetch::page::{NoPage, PageAnswer, describe_fetch, fetch_page, refused_page};
use crate::fetch::page_budget::Permit;
use crate::fetch::run_state::RunState;
use crate::fetch::scope::Scope;
use crate::fetch::skip::skip_errors;
use crate::fetch::{first_page, pagination};
use crate::metrics::{self, Decision};
use crate::page::{Cursor, MorePages, Page, Position, UnchangedPage, UnreadablePage};
use crate::source::{Http, Pagination, Stop};

/// This many pages of the run may be fetched at once from one page of an index. While the last
/// item of one is awaited, few requests are under way, and those for the next fill the gap.
const LISTED_AT_ONCE: usize = 2;

/// Makes the error that a window has as many items as the publisher ever gives, so it may have
/// more.
pub(super) fn capped_window_error(scope: &Scope, most: u64) -> Error {
    let what = format!(
        "the window {scope} has {most} items or more, which is all the publisher gives, \
         and cannot be made shorter"
    );
    Error::new(Kind::Truncated, what)
}

/// Returns an unreadable page in place of the error, if the publisher has refused the page for days
/// and runs step over it.
fn step_over(
    run: &RunState,
    scope: &Scope,
    position: &Position,
    error: Error,
) -> Result<PageAnswer> {
    let fetcher = &run.fetcher;
    let key = (scope.chain(), position.number);
    if !run.refused.contains(&key) || !is_refusal(&error, &fetcher.source().http) {
        return Err(error);
    }
    let source = &fetcher.source().name;
    let page = fetcher.describe_page(scope, position.number);
    metrics::count_decision(source, Decision::SteppedOver);
    warn!(
        source.name = %source,
        page = position.number,
        "the publisher has refused {page} for days, so the run steps over it: {}", error.chain()
    );
    let page = refused_page(fetcher, scope, position, error.chain())?;
    Ok(Ok(Box::new(Fetched::Unreadable(page))))
}

/// Returns true if the publisher refuses the page and not, for the moment, the program: it answers
/// with a client error that is neither about credentials nor about the rate of requests.
pub(super) fn is_refusal(error: &Error, http: &Http) -> bool {
    const TEMPORARY: [u16; 3] = [401, 408, 429];
    error.http_status().is_some_and(|status| {
        (400..500).contains(&status)
            && !TEMPORARY.contains(&status)
            && !http.retry_status.contains(&status)
    })
}

type Arrived = (Position, Result<Delivery>, Permit);

/// A walk along a chain. It delivers pages in the order of the chain. It requests a page before
/// the one before it has arrived only if both are known to exist.
pub(super) struct ChainWalk {
    run: RunState,
    pub(super) scope: Scope,
    middle: Option<Timestamp>,
    until: Option<u64>,
    first: Position,
    /// True if a page of the chain came before `next`, in this run or in an earlier one.
    has_begun: bool,
    next: Option<Position>,
    /// The number of the last page, computed from the newest total.
    last: Option<u64>,
    under_way: FuturesOrdered<BoxFuture<'static, Arrived>>,
    /// The newest page of the index, if the feed has one.
    listing: Option<Arc<Listing>>,
    /// True if a page took fewer items from its index page than expected. The next page then
    /// begins at a place that is known only after the page has arrived.
    has_cut: bool,
    items: u64,
    guard: Guard,
    has_unreadable_page: bool,
    /// A sign on the first page that more pages follow, until a later page has items.
    more_pages: Option<MorePages>,
    /// The same sign, which is not forgotten. Its total is compared with that of the chain.
    stated: Option<MorePages>,
    /// True if a page was followed by one that is not on the same index page.
    leads_on: bool,
    /// The reason why the chain is incomplete although every page could be read.
    shortfall: Option<Error>,
    /// The position that a search has just read: the one behind the last stretch, or the beginning
    /// of a stretch to which the run returns. An error there is no stretch.
    just_read: Option<Position>,
    /// The event that ends the walk, after the page that was just delivered.
    last_event: Option<Event>,
}

impl ChainWalk {
    /// Makes a walk that begins at `start`. The pages before `start` have `items` items. `until`
    /// is the number of the last page to fetch; `None` means the last page of the chain.
    pub(super) fn new(
        run: RunState,
        scope: Scope,
        middle: Option<Timestamp>,
        start: Position,
        items: u64,
        until: Option<u64>,
    ) -> Self {
        let is_wanted = until.is_none_or(|until| start.number <= until);
        let just_read = run.returns_to_stretch.then(|| start.clone());
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
            has_unreadable_page: false,
            more_pages: None,
            stated: None,
            leads_on: false,
            shortfall: None,
            just_read,
            last_event: None,
        };
        if !is_wanted {
            let (scope, is_whole) = (walk.scope.clone(), true);
            walk.last_event = Some(Event::Ended { scope, is_whole });
        } else if start.number > walk.last_allowed_number() {
            walk.fail_after_page(walk.too_many_pages_error());
        } else {
            walk.next = Some(start);
        }
        walk
    }

    /// Returns the next event. Returns `None` after the last page to fetch, and after the end of
    /// the chain.
    pub(super) async fn advance(&mut self) -> Option<Event> {
        if let Some(event) = self.last_event.take() {
            self.stop();
            return Some(event);
        }
        let (position, delivery, permit) = loop {
            let can_request = self.can_request();
            let budget = self.run.budget.clone();
            tokio::select! {
                // pages that have arrived are handled first, because handling them frees permits
                biased;
                Some(arrived) = self.under_way.next() => break arrived,
                permit = budget.acquire(0), if can_request => self.request_next(permit),
                else => return None,
            }
        };
        let delivery = match delivery {
            Err(error) => self.skip_errors(&position, error).await,
            delivery => delivery,
        };
        let event = match delivery {
            Ok(delivery) => self.receive(&position, delivery, permit).await,
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

    /// Returns true if another page may be requested now. Several requests at once are allowed
    /// only for pages that are known to exist.
    fn can_request(&self) -> bool {
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

    /// Returns true if the page is on the index page in `listing`, and is not the first one
    /// there.
    fn is_listed(&self, position: &Position) -> bool {
        let Cursor::Detail { index, skip, .. } = &position.cursor else {
            return false;
        };
        let listing = self.listing.as_ref();
        *skip > 0 && listing.is_some_and(|listing| listing.cursor == **index)
    }

    fn request_next(&mut self, mut permit: Permit) {
        let Some(position) = self.next.take() else {
            return;
        };
        // other chains share the count of pages left, and may have used the last one
        if !self.run.count_page() {
            self.next = Some(position);
            return;
        }
        if let Some(after) = self.find_known_page_after(&position) {
            self.set_next(after);
        }
        self.guard.note_request(&position.cursor);
        self.has_begun |= position.cursor != self.first.cursor;
        let run = self.run.clone();
        let scope = self.scope.clone();
        let listing = self.listing.clone();
        let known = run.known.find_page(&scope.chain(), &position.cursor);
        let page = async move {
            let fetcher = &*run.fetcher;
            let delivery = match &fetcher.source().detail {
                Some(detail) => {
                    fetch_items(fetcher, detail, &scope, &position, listing, &run.fullest).await
                }
                None => {
                    let answer = fetch_page(fetcher, &scope, &position, known).await;
                    let answer = answer.or_else(|error| step_over(&run, &scope, &position, error));
                    let answer = answer.map_err(|error| error.at_page(position.number));
                    answer.map(Delivery::from)
                }
            };
            if let Ok(delivery) = &delivery
                && let Ok(fetched) = &delivery.answer
            {
                permit.set_bytes(fetched.estimate_memory());
            }
            (position, delivery, permit)
        };
        self.under_way.push_back(page.boxed());
    }

    /// Returns the page after one that has not been read yet, if that page is known to exist.
    fn find_known_page_after(&self, position: &Position) -> Option<Position> {
        if let Some(listing) = &self.listing
            && let Some(detail) = &self.fetcher().source().detail
            && let Cursor::Detail { index, skip, .. } = &position.cursor
            && listing.cursor == **index
        {
            return listing.next_stretch(position, *skip, detail.together.get());
        }
        let last = self.last?;
        (position.number < last)
            .then(|| pagination::next_page_position(self.pagination(), position))
            .flatten()
    }

    /// Skips the stretch of errors that begins at the position, if it is one. Returns the error if
    /// not. Pages that were requested after the position may be in the same stretch, so only the
    /// next page of the chain is searched from.
    async fn skip_errors(&mut self, position: &Position, error: Error) -> Result<Delivery> {
        if self.just_read.as_ref() == Some(position) || !self.fetcher().limits().recover {
            return Err(error);
        }
        let (fetcher, scope) = (Arc::clone(self.fetcher()), self.scope.clone());
        self.await_beside_others(skip_errors(&fetcher, &scope, position, error))
            .await
    }

    /// Receives the next page of the chain, and decides which page follows it.
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
            after_stretch,
        } = delivery;
        self.listing = listing.or(self.listing.take());
        if let Some((kind, why)) = self.guard.check_refused(refused) {
            return Event::Failed(self.page_error(kind, position, &why));
        }
        let mut fetched = match self.confirm_answer(position, answer).await {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(NoPage::Status(status))) => return self.interpret_status(position, status),
            Ok(Err(NoPage::NoData)) => return self.interpret_no_data(position),
            Err(error) => return Event::Failed(error),
        };
        match &mut *fetched {
            Fetched::Page(page) => {
                if self.is_repeated(page) {
                    page.next = None;
                }
                if let Some(middle) = self.find_split_time(page) {
                    return self.split(middle);
                }
                if let Err(error) = self.accept(page) {
                    return Event::Failed(error);
                }
            }
            Fetched::Unchanged(page) => self.accept_unchanged(page),
            Fetched::Unreadable(page) => match after_stretch {
                Some(after) => self.continue_after_stretch(page, after),
                None => self.skip_unreadable(page),
            },
        }
        if !matches!(*fetched, Fetched::Unchanged(_)) {
            self.run.known.forget();
        }
        // the page may have been requested again and have another size
        permit.set_bytes(fetched.estimate_memory());
        Event::Page(fetched, permit)
    }

    /// Requests the page once more if the answer is doubtful, and returns the answer that counts.
    async fn confirm_answer(
        &mut self,
        position: &Position,
        answer: PageAnswer,
    ) -> Result<PageAnswer> {
        let mut answer = answer;
        if let Ok(fetched) = &answer
            && matches!(**fetched, Fetched::Unchanged(_))
            && self.run.known.is_forgotten()
        {
            // a page of another chain has changed since this page was requested
            answer = self.request_unconditionally(position).await?;
        }
        if let Ok(fetched) = &answer
            && let Fetched::Page(page) = &**fetched
            && self.is_doubtful(page)
        {
            return self.request_unconditionally(position).await;
        }
        Ok(answer)
    }

    /// Requests the page whether it has changed or not, to check a doubtful answer.
    async fn request_unconditionally(&mut self, position: &Position) -> Result<PageAnswer> {
        let (fetcher, scope) = (Arc::clone(self.fetcher()), self.scope.clone());
        self.await_beside_others(fetch_page(&fetcher, &scope, position, None))
            .await
    }

    /// Waits for a request while the requests under way go on. Otherwise one of them could hold
    /// the turn that the request waits for, and never release it.
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

    /// Decides what a status means for the chain when the server sends it instead of a page.
    fn interpret_status(&mut self, position: &Position, status: u16) -> Event {
        let source = self.fetcher().source();
        let window = source.window.as_ref();
        let is_too_wide = window.is_some_and(|it| it.split_when.status.contains(&status));
        if is_too_wide && let Some(middle) = self.middle {
            return self.split(middle);
        }
        // a part of a feed may have no page at all
        let is_absent = self.scope.is_part() && source.page.stop_status() == Some(status);
        if is_absent || is_end_status(&source.page, &source.http, status, self.has_begun) {
            return self.build_end_event();
        }
        let what = describe_fetch(self.fetcher(), &self.scope, position);
        let error = Error::from_http_status(status, format!("status {status}"));
        let error = error.at_page(position.number);
        let error = error.context(what);
        match status {
            404 | 410 => Event::Gone(error),
            _ => Event::Failed(error),
        }
    }

    /// Decides what it means for the chain if the server says, instead of a page, that there is no
    /// data. It ends the chain where a status of `http.empty_status` would end it.
    fn interpret_no_data(&mut self, position: &Position) -> Event {
        if !self.has_begun || can_end_by_empty_page(self.pagination(), 200) {
            return self.build_end_event();
        }
        let why = "says by `http.empty_if` that there is no data, but more pages are expected";
        Event::Failed(self.page_error(Kind::Truncated, position, why))
    }

    /// Returns the event that ends the chain. It is a failure if items are known to be missing.
    fn build_end_event(&mut self) -> Event {
        let shortfall = self.shortfall.take();
        let shortfall = shortfall.or_else(|| self.check_more_pages());
        match shortfall.or_else(|| self.check_stated_total()) {
            Some(shortfall) => Event::Failed(shortfall),
            None => Event::Ended {
                scope: self.scope.clone(),
                is_whole: !self.has_unreadable_page,
            },
        }
    }

    /// Warns if the chain ends although its first page has a sign that more pages follow. Returns
    /// an error if the sign is a proof.
    fn check_more_pages(&mut self) -> Option<Error> {
        if self.has_unreadable_page {
            // its items may be the missing ones
            return None;
        }
        let leads_on = self.leads_on;
        let has_sign = |it: &MorePages| !leads_on || it.remains_after_empty_page();
        let more_pages = self.more_pages.take().filter(has_sign)?;
        let page = self.fetcher().describe_page(&self.scope, self.first.number);
        let why = more_pages.explain(&page);
        self.run.tell_more_pages(&why);
        // the total of an index may count entries that are not picked
        let has_details = self.fetcher().source().detail.is_some();
        let is_proof = more_pages.is_proof(!self.scope.is_part() && !has_details);
        is_proof.then(|| Error::new(Kind::Misdeclared, why))
    }

    /// Warns if the pages of a feed have far fewer items than the first one says. Returns an error
    /// if it is a proof.
    fn check_stated_total(&self) -> Option<Error> {
        let source = self.fetcher().source();
        // the total of an index may count entries that are not picked
        let is_whole_feed = !self.scope.is_part() && source.detail.is_none();
        if self.has_unreadable_page || !is_whole_feed {
            return None;
        }
        let (why, is_proof) = self.stated.as_ref()?.compare_with_total(self.items)?;
        let why = format!("{}: {why}", source.name);
        self.run.tell_more_pages(&why);
        is_proof.then(|| Error::new(Kind::Misdeclared, why))
    }

    /// Keeps the sign of the first page that more pages follow. Forgets it if a later page has
    /// items, because then the declared pagination leads on.
    fn note_more_pages(&mut self, page: &Page) {
        let own = |cursor: &Cursor| match cursor {
            Cursor::Detail { index, .. } => (**index).clone(),
            cursor => cursor.clone(),
        };
        let first = own(&self.first.cursor);
        let is_other = |next: &Position| own(&next.cursor) != first;
        self.leads_on |= page.next.as_ref().is_some_and(is_other);
        if own(&page.position.cursor) == first {
            self.more_pages.clone_from(&page.more_pages);
            self.stated.clone_from(&page.more_pages);
        } else if page.item_count() > 0 {
            self.more_pages = None;
        }
    }

    /// Returns true if the page has the items of the page before it, and the source declares that
    /// this is the end of the feed.
    fn is_repeated(&self, page: &Page) -> bool {
        let pagination = self.pagination();
        let is_numbered = pagination.link_stop().is_none();
        is_numbered
            && pagination.stops_at_repeated_page()
            && page.item_count() > 0
            && should_compare_items(&page.position.cursor)
            && self.guard.has_same_items(self.hash_content(page))
    }

    fn split(&self, middle: Timestamp) -> Event {
        let scope = self.scope.clone();
        Event::Split { scope, middle }
    }

    /// Returns the time at which the window of a page is to be halved. Returns `None` if the
    /// publisher gives all items of the window, or if the window is too short to be halved. In the
    /// second case, the chain ends with an error.
    fn find_split_time(&mut self, page: &Page) -> Option<Timestamp> {
        let window = self.fetcher().source().window.as_ref()?;
        let most = window.split_when.items?;
        let items = self.items + page.item_count() as u64;
        if page.total_items.unwrap_or_default().max(items) < most {
            return None;
        }
        if self.middle.is_none() {
            let shortfall = &mut self.shortfall;
            shortfall.get_or_insert(capped_window_error(&self.scope, most));
        }
        self.middle
    }

    /// Returns true if a page says that it is the last one but does not look like it. Some
    /// publishers drop the next link in the middle of a feed (UK Find a Tender), and a total may
    /// shrink below the page before it by mistake. The page is requested once more, and the
    /// second answer is believed.
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
                pagination::is_full(pagination, page.item_count(), fullest)
            }
        }
    }

    /// Accepts a page and continues with the page that follows it.
    ///
    /// # Errors
    /// Fails if the page must not be delivered. A delivered page is stored, and a resumed run
    /// would continue after it and not notice its fault again.
    fn accept(&mut self, page: &Page) -> Result<()> {
        let pagination = self.pagination();
        let items = page.item_count();
        if pagination::is_size_too_large(pagination, &page.position, page.total_pages, items) {
            let why = format!(
                "has {items} items and is not the last, which is not what its `page.size` says"
            );
            return Err(self.page_error(Kind::Config, &page.position, &why));
        }
        if self.check_window_beginning(page) {
            // the items belong to the windows before this one, which have been delivered
            let why = "begins with the items of the windows before it, \
                       so the server ignores its dates";
            return Err(self.page_error(Kind::Truncated, &page.position, why));
        }
        self.last = page
            .total_pages
            .map(|total| pagination::last_page_number(pagination, total));
        self.items += items as u64;
        self.note_more_pages(page);
        if page.entries.is_none() {
            self.run.fullest.fetch_max(items, Relaxed);
        }
        let content = PageContent {
            cursor: &page.position.cursor,
            next: page.next.as_ref().map(|next| &next.cursor),
            items,
            hash: self.hash_content(page),
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
                self.continue_to(&page.position, &page.url, next);
            }
        }
        Ok(())
    }

    /// Returns a hash of the page's items, or of the items that its index page names. An index
    /// page may name thousands, so it is hashed once and not for each page of the run.
    fn hash_content(&self, page: &Page) -> u64 {
        if !should_compare_items(&page.position.cursor) {
            return 0;
        }
        match self.listing.as_ref().filter(|_| page.entries.is_some()) {
            Some(listing) => self.guard.hash_of(&listing.items[..]),
            None => self.guard.hash_of_items(page),
        }
    }

    /// Accepts an unchanged page. An earlier run read the page and knows which page follows it.
    fn accept_unchanged(&mut self, page: &UnchangedPage) {
        let items = page.remembered.items;
        if items > 0 && page.position.cursor != self.first.cursor {
            self.more_pages = None;
        }
        self.items += items as u64;
        self.run.fullest.fetch_max(items, Relaxed);
        self.guard.note_unchanged();
        match page.next() {
            None => self.end_after_page(),
            Some(next) => self.continue_to(&page.position, &page.url, &next),
        }
    }

    /// Skips a page that cannot be read. The walk continues only if the page after it is known.
    fn skip_unreadable(&mut self, page: &UnreadablePage) {
        let position = &page.position;
        self.has_unreadable_page = true;
        let objection = match page.is_refused {
            true => self.guard.check_stepped_over(),
            false => self.guard.check_unreadable(),
        };
        let is_last = self.last.is_some_and(|last| position.number >= last);
        let after = match self.fetcher().source().detail {
            // only the page that could not be read knows what follows
            Some(_) => None,
            None => pagination::next_page_position(self.pagination(), position),
        };
        match (after, objection) {
            (Some(_), Some(why)) => {
                let why = format!("{why}: {}", page.message);
                self.fail_after_page(self.page_error(Kind::Truncated, position, &why));
            }
            (Some(after), None) if !is_last => {
                if after.number > self.last_allowed_number() {
                    self.fail_after_page(self.too_many_pages_error());
                }
                if self.next.is_none() && self.under_way.is_empty() {
                    self.set_next(after);
                }
            }
            _ => {
                self.stop();
                if self.scope.is_part() {
                    // the chain is one of several, and too many failures like this one end the
                    // run
                    let why = "could not be read, and nothing leads past it";
                    let why = format!("{why}: {}", page.message);
                    self.fail_after_page(self.page_error(Kind::Truncated, position, &why));
                }
            }
        }
    }

    /// Continues behind a stretch that is skipped. The pages that were requested after its first
    /// one are in it or behind it, so they are abandoned.
    fn continue_after_stretch(&mut self, stretch: &UnreadablePage, after: Position) {
        let source = &self.fetcher().source().name;
        metrics::count_decision(source, Decision::SteppedOver);
        let (page, message) = (stretch.position.number, &stretch.message);
        warn!(source.name = %source, page, "{message}");
        self.has_unreadable_page = true;
        self.abandon_requests();
        if after.number > self.last_allowed_number() {
            self.fail_after_page(self.too_many_pages_error());
        }
        self.set_next(after.clone());
        self.just_read = Some(after);
    }

    /// Continues with the page `next`. It is not requested if it has been requested already, if
    /// it is not wanted, or if the feed has shrunk and no longer has it.
    fn continue_to(&mut self, position: &Position, url: &str, next: &Position) {
        if self.until.is_some_and(|until| position.number >= until) {
            return self.stop();
        }
        if self.guard.check_loop(url, &next.cursor) {
            if self.pagination().stops_at_repeated_page() {
                return self.end_after_page();
            }
            let why = "names as next a page that was fetched before it, a loop";
            self.fail_after_page(self.page_error(Kind::Truncated, position, why));
        }
        if next.number > self.last_allowed_number() {
            self.fail_after_page(self.too_many_pages_error());
        }
        if self.next.is_none() && self.under_way.is_empty() {
            self.set_next(next.clone());
        }
        if let (Some(next), Some(last)) = (&self.next, self.last)
            && next.number > last
        {
            self.next = None;
        }
    }

    /// Abandons the requests for later pages if a page took fewer items from its index page than
    /// expected, because another page follows it.
    fn take_back(&mut self, page: &Page, next: &Position) {
        let is_other = |expected: Position| expected != *next;
        if page.entries.is_none()
            || !self
                .find_known_page_after(&page.position)
                .is_some_and(is_other)
        {
            return;
        }
        self.has_cut = true;
        self.abandon_requests();
    }

    fn abandon_requests(&mut self) {
        self.next = None;
        let asked = self.under_way.len() as u64;
        self.run.pages_left.fetch_add(asked, Relaxed);
        self.under_way.clear();
    }

    /// Sets the next page to request, unless it comes after the last page that is wanted or
    /// allowed.
    fn set_next(&mut self, position: Position) {
        let most = self.last_allowed_number();
        if position.number <= self.until.unwrap_or(most).min(most) {
            self.next = Some(position);
        }
    }

    /// Returns true if the page is the first of its window and too many windows have begun with
    /// the same items. Then the server ignores the dates in requests.
    fn check_window_beginning(&self, page: &Page) -> bool {
        let is_first = self.scope.window.is_some() && page.position.cursor == self.first.cursor;
        is_first
            // a page whose documents could not be had has no items that could be alike
            && page.iter_items().next().is_some()
            && self.fetcher().source().has_from_and_to()
            && self
                .run
                .window_beginnings
                .count_beginning(&self.scope.axes, page)
    }

    /// Records an error if the last page is empty and the chain has fewer items than its total.
    /// Then the publisher does not give all of them.
    fn compare_with_total(&mut self, page: &Page) {
        let has_details = self.fetcher().source().detail.is_some();
        let total = match self.pagination() {
            Pagination::Number { stop, .. } | Pagination::Offset { stop, .. } => {
                let is_said = !has_details && matches!(stop, Stop::TotalItems { .. });
                page.total_items.filter(|_| is_said)
            }
            _ => None,
        };
        if page.item_count() == 0 && total.is_some_and(|total| self.items < total) {
            let why = "is the last and empty, and there are fewer items than its total says";
            let error = self.page_error(Kind::Truncated, &page.position, why);
            self.shortfall.get_or_insert(error);
        }
    }

    /// Ends the walk after the page that is being delivered.
    fn end_after_page(&mut self) {
        self.stop();
        let end = self.build_end_event();
        self.last_event.get_or_insert(end);
    }

    fn fail_after_page(&mut self, error: Error) {
        self.last_event.get_or_insert(Event::Failed(error));
    }

    fn stop(&mut self) {
        self.next = None;
        self.under_way.clear();
    }

    /// Returns the number of the last page that the limit on pages allows.
    fn last_allowed_number(&self) -> u64 {
        let most = self.fetcher().limits().max_pages;
        self.first.number.saturating_add(most - 1)
    }

    fn too_many_pages_error(&self) -> Error {
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
