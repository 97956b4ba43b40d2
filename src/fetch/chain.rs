//! The walk along a chain: which page is asked for when, and what its order is.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash as _, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::fetch::detail::{Detailed, Listing, MOST_REFUSED, Refused};
use crate::fetch::page::Turned;
use crate::fetch::previous_run::Recall;
use crate::fetch::scope::Scope;
use crate::fetch::{Client, Fetched, Place, Room, pagination};
use crate::page::{Cursor, Page, Position, UnchangedPage};
use crate::source::{Pagination, Stop};

/// How many pages in a row may have the same items, and how many windows the same
/// first page. A server that ignores the query parameter serves its first page for
/// ever; of a feed that grows at its head while it is read, one page may repeat, and
/// neighbouring windows share an end point.
const MOST_ALIKE: u32 = 2;

/// How many pages in a row may have no items and lead on all the same. Where a
/// publisher leaves out what it filters only after it has cut its pages, some are
/// empty; where its links lead on for ever, all that follow are.
const MOST_EMPTY: u32 = 200;

/// How many pages of one listing may be under way at once: the requests of one
/// dwindle while it waits for its last item, and those of the next fill the gap.
const LISTED_AT_ONCE: usize = 2;

/// A window that has as many items as the publisher gives, and so perhaps more.
pub(super) fn capped(scope: &Scope, most: u64) -> Error {
    let what = format!(
        "the window {scope} has {most} items or more, which is all the publisher gives, \
         and cannot be made shorter"
    );
    Error::new(Kind::Truncated, what)
}

/// What a chain of pages must not be led back to: a link or a token, of the index
/// where pages are of one.
fn followed_by(cursor: &Cursor) -> Option<&str> {
    match cursor {
        Cursor::Link(link) => Some(link),
        Cursor::Token(token) => Some(token),
        Cursor::Detail { index, skip: 0, .. } => followed_by(index),
        Cursor::Start
        | Cursor::Number(_)
        | Cursor::Offset(_)
        | Cursor::Piece(_)
        | Cursor::Detail { .. } => None,
    }
}

/// Whether a chain that has begun ends where a status of `http.empty_status` stands in
/// the place of a page. It does where a page without items would be the last. Behind a
/// link or a token only a success can mean that there is no more: one that leads to an
/// error has lost the rest. A chain that knows its total, or ends by a status of its own,
/// is complete by that alone.
pub(super) fn ends_by_empty_page(pagination: &Pagination, status: u16) -> bool {
    match pagination {
        Pagination::Number { stop, .. } | Pagination::Offset { stop, .. } => *stop == Stop::Empty,
        Pagination::Link { .. } | Pagination::Token { .. } => (200..300).contains(&status),
        Pagination::Single | Pagination::File => false,
    }
}

/// What all walks of a run share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) client: Arc<Client>,
    /// A place in it is taken before each page.
    pub(super) room: Room,
    /// How many more pages may be asked for.
    pub(super) budget: Arc<AtomicU64>,
    /// The items of the fullest page that the run has seen.
    pub(super) fullest: Arc<AtomicUsize>,
    /// The first pages of its windows.
    pub(super) beginnings: Arc<Beginnings>,
    /// What a run before made of its pages.
    pub(super) recall: Arc<Recall>,
}

impl Common {
    /// Takes a page of those that may be asked for; `false` if none is left.
    pub(super) fn take_page(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.budget.fetch_update(Relaxed, Relaxed, less).is_ok()
    }
}

/// How many windows have begun with which items, hashed with their axes.
#[derive(Default)]
pub(super) struct Beginnings {
    hasher: RandomState,
    windows: Mutex<HashMap<u64, u32>>,
}

/// What a walk comes to next.
pub(super) enum Event {
    /// A page, and its place in the room.
    Page(Box<Fetched>, Place),
    /// The end of the chain. Only if all its pages could be read is it whole.
    Ended { is_whole: bool },
    /// The window is better asked for in halves that meet there.
    Split(Timestamp),
    /// It cannot go on.
    Failed(Error),
    /// What it is about is not there.
    Gone(Error),
}

/// A page that was asked for, and its place in the room.
type Asked = (Position, Detailed, Place);

/// Where a walk is. Pages are delivered in the order of the chain, one request
/// ahead of another only where it is known that both pages are there.
pub(super) struct Walk {
    common: Common,
    scope: Scope,
    /// Where the window would be halved, if it may be.
    middle: Option<Timestamp>,
    until: Option<u64>,
    /// The number of the last page that the chain may have.
    most: u64,
    /// The page that is asked for next.
    next: Option<Position>,
    /// The first page of the chain.
    first: Cursor,
    /// Whether a page of the chain came before that, or since.
    begun: bool,
    /// How many items in a row the server refused by errors of its own.
    refused_in_a_row: usize,
    /// The number of the last page, by the newest total.
    last: Option<u64>,
    under_way: FuturesOrdered<BoxFuture<'static, Result<Asked>>>,
    /// The newest page of the index, of a feed that has one.
    listing: Option<Arc<Listing>>,
    /// Whether a page had less of the listing than was expected: where the next one
    /// begins is known once it is there.
    has_cut: bool,
    /// How many items the chain has had.
    items: u64,
    /// The links followed so far, hashed: feeds have hundreds of thousands.
    followed: HashSet<u64>,
    hasher: RandomState,
    /// The items of the page before, hashed, and how many pages had them.
    before: Option<u64>,
    alike: u32,
    /// How many pages in a row had no items.
    empty: u32,
    unreadable_in_a_row: u32,
    /// Whether all pages so far could be read.
    is_whole: bool,
    /// Why the chain will not be whole at its end.
    shortfall: Option<Error>,
    /// What ends the walk after the page that was delivered.
    last_event: Option<Event>,
}

impl Walk {
    pub(super) fn new(
        common: Common,
        scope: Scope,
        middle: Option<Timestamp>,
        (start, items): (Position, u64),
        until: Option<u64>,
    ) -> Self {
        let is_wanted = until.is_none_or(|until| start.number <= until);
        let first = crate::fetch::first(common.client.source());
        let most = common.client.limits().max_pages;
        let most = first.number.saturating_add(most - 1);
        let is_too_long = start.number > most;
        let mut walk = Self {
            common,
            scope,
            middle,
            until,
            most,
            last_event: (!is_wanted).then_some(Event::Ended { is_whole: true }),
            begun: start != first,
            first: first.cursor,
            refused_in_a_row: 0,
            next: (is_wanted && !is_too_long).then_some(start),
            last: None,
            under_way: FuturesOrdered::new(),
            listing: None,
            has_cut: false,
            items,
            followed: HashSet::new(),
            hasher: RandomState::new(),
            before: None,
            alike: 0,
            empty: 0,
            unreadable_in_a_row: 0,
            is_whole: true,
            shortfall: None,
        };
        if is_wanted && is_too_long {
            walk.fail_after(walk.too_long());
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
        let done = loop {
            let may_ask = self.may_ask();
            let room = self.common.room.clone();
            tokio::select! {
                // What has arrived goes first: its receiver frees the room.
                biased;
                Some(done) = self.under_way.next() => break done,
                place = room.enter(0), if may_ask => self.ask(place),
                else => return None,
            }
        };
        let event = match done {
            Ok((position, detailed, place)) => self.take(&position, detailed, place).await,
            Err(error) => Event::Failed(error),
        };
        if !matches!(event, Event::Page(..)) {
            self.stop();
        }
        Some(event)
    }

    fn client(&self) -> &Arc<Client> {
        &self.common.client
    }

    fn pagination(&self) -> &Pagination {
        &self.common.client.source().page
    }

    /// One page at a time, or several where it is known that they are there.
    fn may_ask(&self) -> bool {
        let Some(next) = &self.next else { return false };
        let is_known = self.last.is_some_and(|last| next.number <= last);
        let at_once = if self.is_listed(next) && !self.has_cut {
            LISTED_AT_ONCE
        } else if is_known {
            self.client().source().http.concurrency
        } else {
            1
        };
        self.under_way.len() < at_once && self.common.budget.load(Relaxed) > 0
    }

    /// Whether a page is of the listing that is here, and not its first.
    fn is_listed(&self, position: &Position) -> bool {
        let Cursor::Detail { index, skip, .. } = &position.cursor else {
            return false;
        };
        let listing = self.listing.as_ref();
        *skip > 0 && listing.is_some_and(|listing| listing.cursor == **index)
    }

    fn ask(&mut self, mut place: Place) {
        let Some(position) = self.next.take() else {
            return;
        };
        // other walks take from it too, and the last page may be gone
        if !self.common.take_page() {
            self.next = Some(position);
            return;
        }
        if let Some(after) = self.after(&position) {
            self.want(after);
        }
        if let Some(key) = followed_by(&position.cursor) {
            self.followed.insert(self.hasher.hash_one(key));
        }
        self.begun |= position.cursor != self.first;
        let client = Arc::clone(self.client());
        let scope = self.scope.clone();
        let listing = self.listing.clone();
        let fullest = Arc::clone(&self.common.fullest);
        let remembered = self.common.recall.of(&scope.chain(), &position.cursor);
        let page = async move {
            let detailed = match (&client.source().detail, remembered) {
                (Some(detail), _) => {
                    client
                        .details(detail, &scope, &position, listing, &fullest)
                        .await?
                }
                (None, Some(remembered)) => {
                    let page = client.page_if_changed(&scope, &position, remembered);
                    page.await?.into()
                }
                (None, None) => client.page(&scope, &position).await?.into(),
            };
            if let Turned::Fetched(fetched) = &detailed.turned {
                place.hold(fetched.bytes());
            }
            Ok((position, detailed, place))
        };
        self.under_way.push_back(page.boxed());
    }

    /// The page after one that is not read yet, where it is known to be there.
    fn after(&self, position: &Position) -> Option<Position> {
        if let Some(listing) = &self.listing
            && let Some(detail) = &self.client().source().detail
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

    /// Takes what was asked for as the next of the chain, and decides what comes
    /// after it.
    async fn take(&mut self, position: &Position, detailed: Detailed, mut place: Place) -> Event {
        let Detailed {
            turned,
            listing,
            refused,
        } = detailed;
        self.listing = listing.or(self.listing.take());
        if let Some(error) = self.count_refused(position, refused) {
            return Event::Failed(error);
        }
        let fetched = match self.believe(position, turned).await {
            Ok(Turned::Fetched(fetched)) => fetched,
            Ok(Turned::Status(status)) => return self.told(position, status),
            Err(error) => return Event::Failed(error),
        };
        match &*fetched {
            Fetched::Page(page) => {
                if let Some(middle) = self.split_for(page) {
                    return Event::Split(middle);
                }
                if let Err(error) = self.read(page) {
                    return Event::Failed(error);
                }
            }
            Fetched::Unchanged(page) => self.pass(page),
            Fetched::Unreadable(page) => self.step_over(&page.position),
        }
        if !matches!(*fetched, Fetched::Unchanged(_)) {
            self.common.recall.end();
        }
        // it may have been asked for again
        place.hold(fetched.bytes());
        Event::Page(fetched, place)
    }

    /// What was asked for, asked for once more if it is doubtful.
    async fn believe(&mut self, position: &Position, turned: Turned) -> Result<Turned> {
        let mut turned = turned;
        if let Turned::Fetched(fetched) = &turned
            && matches!(**fetched, Fetched::Unchanged(_))
            && self.common.recall.is_over()
        {
            // a page of another chain has changed since this one was asked for
            turned = self.ask_afresh(position).await?;
        }
        if let Turned::Fetched(fetched) = &turned
            && let Fetched::Page(page) = &**fetched
            && self.is_doubtful(page)
        {
            return self.ask_afresh(position).await;
        }
        Ok(turned)
    }

    /// Asks for a page whatever is remembered of it.
    async fn ask_afresh(&mut self, position: &Position) -> Result<Turned> {
        let (client, scope) = (Arc::clone(self.client()), self.scope.clone());
        self.beside_others(client.page(&scope, position)).await
    }

    /// What a status says of the chain.
    fn told(&mut self, position: &Position, status: u16) -> Event {
        let source = self.client().source();
        let window = source.window.as_ref();
        let is_too_wide = window.is_some_and(|it| it.split_when.status.contains(&status));
        if is_too_wide && let Some(middle) = self.middle {
            return Event::Split(middle);
        }
        let is_empty = source.http.empty_status.contains(&status)
            && (!self.begun || ends_by_empty_page(&source.page, status));
        let is_behind_the_last =
            source.page.stop_status() == Some(status) && (self.scope.is_part() || self.begun);
        if is_empty || is_behind_the_last {
            return self.ending();
        }
        let kind = match status {
            408 | 500.. => Kind::Environment,
            _ => Kind::Truncated,
        };
        let what = self.client().fetch_of(&self.scope, position);
        let error = Error::new(kind, format!("status {status}")).context(what);
        match status {
            404 | 410 => Event::Gone(error),
            _ => Event::Failed(error),
        }
    }

    /// Counts items in a row that the server refused by errors of its own, over all
    /// stretches: of lists of one or two none would show it.
    fn count_refused(&mut self, position: &Position, refused: Refused) -> Option<Error> {
        self.refused_in_a_row = match refused.is_all {
            true => self.refused_in_a_row + refused.trailing,
            false => refused.trailing,
        };
        (self.refused_in_a_row >= MOST_REFUSED).then(|| {
            let why = format!(
                "is the last of {} items in a row that were refused",
                self.refused_in_a_row
            );
            let kind = refused.kind.unwrap_or(Kind::Environment);
            self.error(kind, position, &why)
        })
    }

    /// The end of the chain, or why it is not whole.
    fn ending(&mut self) -> Event {
        match self.shortfall.take() {
            Some(shortfall) => Event::Failed(shortfall),
            None => Event::Ended {
                is_whole: self.is_whole,
            },
        }
    }

    /// Where to halve the window of a page, if the publisher has more items for it
    /// than it gives. One that is too short for that is walked as far as it goes.
    fn split_for(&mut self, page: &Page) -> Option<Timestamp> {
        let window = self.client().source().window.as_ref()?;
        let most = window.split_when.items?;
        let items = self.items + page.items() as u64;
        if page.total_items.unwrap_or_default().max(items) < most {
            return None;
        }
        if self.middle.is_none() {
            self.shortfall.get_or_insert(capped(&self.scope, most));
        }
        self.middle
    }

    /// Waits for a request while those under way go on: one of them may have the
    /// turn that it waits for, and would keep it for ever.
    async fn beside_others<T>(&mut self, asked: impl Future<Output = T>) -> T {
        let mut asked = std::pin::pin!(asked);
        let mut arrived = Vec::new();
        let answer = loop {
            tokio::select! {
                answer = &mut asked => break answer,
                Some(done) = self.under_way.next() => arrived.push(done),
            }
        };
        for done in arrived.into_iter().rev() {
            self.under_way.push_front(std::future::ready(done).boxed());
        }
        answer
    }

    /// Whether a page says that it is the last one although it does not look
    /// it: publishers drop the next link in mid-feed (UK Find a Tender), and a
    /// total that shrinks below the page before it may be a slip. It is asked
    /// for once more, and then believed.
    fn is_doubtful(&self, page: &Page) -> bool {
        if page.next.is_some() || self.client().source().detail.is_some() {
            return false;
        }
        let (items, pagination) = (page.items(), self.pagination());
        match pagination {
            Pagination::Number { .. } | Pagination::Offset { .. } => {
                self.last.is_some_and(|last| page.position.number < last)
            }
            _ => pagination::is_full(pagination, items, self.common.fullest.load(Relaxed)),
        }
    }

    fn read(&mut self, page: &Page) -> Result<()> {
        let pagination = self.pagination();
        let items = page.items();
        if pagination::is_size_too_large(pagination, &page.position, page.total_pages, items) {
            // Before it is delivered: what a resume starts behind is not seen again.
            return Err(self.error(
                Kind::Config,
                &page.position,
                &format!(
                    "has {items} items and is not the last, which is not what its `page.size` says"
                ),
            ));
        }
        if self.is_of_any_window(page) {
            // Its items are those of the windows before it, which are delivered.
            let what = "begins with the items of the windows before it, \
                        so its dates are not heeded";
            return Err(self.error(Kind::Truncated, &page.position, what));
        }
        self.last = page
            .total_pages
            .map(|total| pagination::last_number(pagination, total));
        self.unreadable_in_a_row = 0;
        self.items += items as u64;
        if page.entries.is_none() {
            self.common.fullest.fetch_max(items, Relaxed);
        }
        self.count_alike(page);
        match &page.next {
            None => {
                self.compare_with_total(page);
                self.stop();
                let ending = self.ending();
                self.last_event.get_or_insert(ending);
            }
            Some(next) => {
                self.take_back(page, next);
                self.go_on(&page.position, &page.url, next);
            }
        }
        Ok(())
    }

    /// Takes a page as it is remembered: the run that read it looked at what it has,
    /// and saw the end of its chain.
    fn pass(&mut self, page: &UnchangedPage) {
        let items = page.remembered.items;
        self.unreadable_in_a_row = 0;
        self.items += items as u64;
        self.common.fullest.fetch_max(items, Relaxed);
        self.before = None;
        match page.next() {
            None => {
                self.stop();
                let ending = self.ending();
                self.last_event.get_or_insert(ending);
            }
            Some(next) => self.go_on(&page.position, &page.url, &next),
        }
    }

    /// Goes on to the page after one that was read, unless it is asked for
    /// already, is not wanted, or the feed has shrunk to before it.
    fn go_on(&mut self, position: &Position, url: &str, next: &Position) {
        if self.until.is_some_and(|until| position.number >= until) {
            return self.stop();
        }
        if let Some(key) = followed_by(&next.cursor) {
            // the first page has no link to it
            self.followed.insert(self.hasher.hash_one(url));
            if self.followed.contains(&self.hasher.hash_one(key)) {
                if self.pagination().ends_by_repetition() {
                    let ending = self.ending();
                    self.last_event.get_or_insert(ending);
                    return self.stop();
                }
                let why = "names as next a page that was fetched before it, a loop";
                self.fail_after(self.error(Kind::Truncated, position, why));
            }
        }
        if next.number > self.most {
            self.fail_after(self.too_long());
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

    /// Takes back what was asked for ahead if a page had less of its listing than was
    /// expected, and so another one follows.
    fn take_back(&mut self, page: &Page, next: &Position) {
        let is_other = |expected: Position| expected != *next;
        if page.entries.is_none() || !self.after(&page.position).is_some_and(is_other) {
            return;
        }
        self.has_cut = true;
        self.next = None;
        let asked = self.under_way.len() as u64;
        self.common.budget.fetch_add(asked, Relaxed);
        self.under_way.clear();
    }

    /// Goes on without a page, where what follows can be known without it.
    fn step_over(&mut self, position: &Position) {
        self.is_whole = false;
        self.unreadable_in_a_row += 1;
        let most = self.client().limits().unreadable_in_a_row;
        let is_last = self.last.is_some_and(|last| position.number >= last);
        let after = match self.client().source().detail {
            // what follows is known by what could not be read
            Some(_) => None,
            None => pagination::after(self.pagination(), position),
        };
        match after {
            Some(_) if self.unreadable_in_a_row >= most => {
                let why = format!("is the last of {most} in a row that could not be read");
                self.fail_after(self.error(Kind::Truncated, position, &why));
            }
            Some(after) if !is_last => {
                if after.number > self.most {
                    self.fail_after(self.too_long());
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
                    self.fail_after(self.error(Kind::Truncated, position, why));
                }
            }
        }
    }

    /// The next page to ask for, unless it is behind the last one wanted, or that may be.
    fn want(&mut self, position: Position) {
        let last = self.until.unwrap_or(self.most).min(self.most);
        if position.number <= last {
            self.next = Some(position);
        }
    }

    /// Counts pages with the same items, which a server serves that takes no
    /// notice of what it is asked by, and those without any.
    fn count_alike(&mut self, page: &Page) {
        let skip = match &page.position.cursor {
            Cursor::Detail { skip, .. } => *skip,
            _ => 0,
        };
        if page.items() == 0 {
            self.empty += 1;
            let next = page.next.as_ref().map(|next| &next.cursor);
            if next.is_some_and(|next| followed_by(next).is_some()) && self.empty > MOST_EMPTY {
                let why = format!("is the last of {} without items that lead on", self.empty);
                self.fail_after(self.error(Kind::Truncated, &page.position, &why));
            }
            return;
        }
        self.empty = 0;
        if skip > 0 {
            return;
        }
        let hasher = self.hasher.build_hasher();
        let items = Some(
            match self.listing.as_ref().filter(|_| page.entries.is_some()) {
                Some(listing) => self.hasher.hash_one(listing.items()),
                None => hash_of_items(page, hasher),
            },
        );
        self.alike = if self.before == items {
            self.alike + 1
        } else {
            1
        };
        self.before = items;
        if self.alike > MOST_ALIKE {
            let why = match page.position.cursor {
                Cursor::Start | Cursor::Link(_) => {
                    "has the items of the pages before it, so their links lead on for ever"
                }
                _ => "has the items of the pages before it, so its number is not heeded",
            };
            self.fail_after(self.error(Kind::Truncated, &page.position, why));
        }
    }

    /// Whether a page is the first of its window and more windows have begun with
    /// its items than can be: the server takes no notice of dates.
    fn is_of_any_window(&self, page: &Page) -> bool {
        let is_first = self.scope.window.is_some() && page.position.cursor == self.first;
        if !is_first || page.items() == 0 || !self.client().source().is_asked_for_both_ends() {
            return false;
        }
        let beginnings = &self.common.beginnings;
        let mut hasher = beginnings.hasher.build_hasher();
        self.scope.axes.hash(&mut hasher);
        let hash = hash_of_items(page, hasher);
        let windows = beginnings.windows.lock();
        let mut windows = windows.unwrap_or_else(PoisonError::into_inner);
        let alike = windows.entry(hash).or_default();
        *alike += 1;
        *alike > MOST_ALIKE
    }

    /// Notes that the last page has nothing although all pages together have less
    /// than the publisher says: there is more than it gives.
    fn compare_with_total(&mut self, page: &Page) {
        let has_details = self.client().source().detail.is_some();
        let total = match self.pagination() {
            Pagination::Number { stop, .. } | Pagination::Offset { stop, .. } => {
                let is_said = !has_details && matches!(stop, Stop::TotalItems { .. });
                page.total_items.filter(|_| is_said)
            }
            _ => None,
        };
        if page.items() == 0 && total.is_some_and(|total| self.items < total) {
            let what = "is the last and empty, and there are fewer items than its total says";
            self.shortfall
                .get_or_insert(self.error(Kind::Truncated, &page.position, what));
        }
    }

    /// Ends the walk after the page that is being delivered.
    fn fail_after(&mut self, error: Error) {
        self.last_event.get_or_insert(Event::Failed(error));
    }

    fn too_long(&self) -> Error {
        let most = self.client().limits().max_pages;
        let chain = self.client().chain_of(&self.scope);
        let what = format!("{chain} has more than {most} pages, the limit of `fetch.max_pages`");
        Error::new(Kind::Truncated, what)
    }

    fn stop(&mut self) {
        self.next = None;
        self.under_way.clear();
    }

    fn error(&self, kind: Kind, position: &Position, what: &str) -> Error {
        let page = self.client().name_of(&self.scope, position.number);
        Error::new(kind, format!("{page} {what}"))
    }
}

fn hash_of_items(page: &Page, mut hasher: impl Hasher) -> u64 {
    for part in &page.parts {
        for item in &part.cut.items {
            hasher.write(&part.body[item.range.clone()]);
        }
    }
    hasher.finish()
}
