//! Hands pages to the sink so that the order of commits does not matter.
//!
//! Several pages are committed at once, but a page that shares a key with one
//! in flight waits for it: so the later page of a run wins, and no two
//! transactions ever wait for each other's rows.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config;
use crate::error::{Error, Kind, Result};
use crate::extract::Extracted;
use crate::fetch;
use crate::ledger::{Counts, End, Lease, Verdict, signed};
use crate::page::{Chain, Cursor, PageRecord, Position};
use crate::pipeline::committed::Committed;
use crate::pipeline::frontier::Frontier;
use crate::pipeline::{Ground, Item, Places, Progress, Run, Work};
use crate::sink::Sink;

/// Commits the pages of a run.
pub(super) struct Dispatch {
    frontier: Frontier,
    /// The end of the run's windows, if it has any.
    until_date: Option<Timestamp>,
    /// What is committed, for the heartbeat to look for and to tell.
    committed: Arc<Committed>,
    /// Whether the newest page is where the next run goes on.
    is_change_feed: bool,
    /// How many more pages were asked for.
    budget: Option<u64>,
    sink: Arc<Sink>,
    lease: Lease,
    limits: config::Sink,
    progress: Arc<Progress>,
    over: CancellationToken,
    /// What the run has stored and refused, processes before this one included.
    run_counts: Counts,
    until: Option<u64>,
    hasher: RandomState,
    commits: JoinSet<(u64, Result<Option<Counts>>)>,
    /// A page that no worker has taken yet.
    waiting: Option<Waiting>,
    /// Pages under way in the order of the feed.
    under_way: VecDeque<UnderWay>,
    next_sequence: u64,
    done: Dispatched,
}

/// How many rejects of a page are kept if they are so many that the page is not stored:
/// enough to see what is wrong with it. A page of no more rejects is always stored.
const KEPT_REJECTS: usize = 1_000;

struct Waiting {
    work: Work,
    keys: HashSet<u64>,
}

struct UnderWay {
    sequence: u64,
    /// Which page it is, if it is to be durable as one.
    page: Option<(Chain, u64)>,
    keys: HashSet<u64>,
    is_durable: bool,
    /// What is true when this and all before it are durable.
    then: Then,
    /// Given back then.
    _places: Places,
}

/// What is true when all before it is durable.
enum Then {
    Nothing,
    /// A feed of changes goes on at this page.
    GoesOn(Cursor),
    /// A chain has come to its end.
    Ended {
        from: Option<Timestamp>,
        is_whole: bool,
    },
    /// A window is two.
    Split(Timestamp),
}

/// What became of a walk's pages.
#[derive(Debug, Default)]
pub(super) struct Dispatched {
    pub(super) pages: i64,
    pub(super) counts: Counts,
    /// How many pages had not changed.
    pub(super) unchanged: u64,
    pub(super) unreadable: u64,
    /// How many releases have an amount that its column does not hold.
    pub(super) unread_amounts: u64,
    /// Which end the walk came to, if any.
    pub(super) reached: Option<Reached>,
    /// How many chains could not go on.
    pub(super) failed: u64,
    /// Why the first of them could not.
    failure: Option<Error>,
    /// Whether an error ended more than one chain.
    is_cut_short: bool,
    pub(super) error: Option<Error>,
}

/// An end that a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// The end of the feed, positively seen.
    Feed,
    /// The last page that was asked for.
    LastPage(u64),
}

impl Dispatch {
    pub(super) fn new(
        run: &Run<'_>,
        lease: Lease,
        ground: &Ground,
        over: CancellationToken,
        committed: Arc<Committed>,
    ) -> Self {
        Self {
            frontier: Frontier::new(ground.plan.starts()),
            until_date: ground.stretch.map(|stretch| stretch.to),
            committed,
            is_change_feed: run.source.page.is_change_feed(),
            budget: run.walk.max_pages,
            sink: Arc::clone(&run.sink),
            lease,
            limits: run.config.sink.clone(),
            progress: Arc::clone(&run.progress),
            over,
            run_counts: run.before.counts,
            until: ground.until,
            hasher: RandomState::new(),
            commits: JoinSet::new(),
            waiting: None,
            under_way: VecDeque::new(),
            next_sequence: 0,
            done: Dispatched::default(),
        }
    }

    /// A run that was stopped for its bad rows is not resumed while it would be
    /// stopped again.
    pub(super) fn refuses_to_begin(&self) -> Option<Error> {
        self.too_many_bad(self.limits.max_bad_after)
    }

    /// Commits pages until no more come, or one cannot be.
    pub(super) async fn run(mut self, mut works: mpsc::Receiver<Result<Work>>) -> Dispatched {
        let mut is_open = true;
        loop {
            self.start_waiting();
            let wants_work = is_open && self.waiting.is_none() && self.done.error.is_none();
            if !wants_work && self.commits.is_empty() {
                break;
            }
            tokio::select! {
                Some(committed) = self.commits.join_next() => self.settle(committed),
                work = works.recv(), if wants_work => match work {
                    Some(Ok(work)) => self.wait(work),
                    // the pages before it are under way
                    Some(Err(error)) => self.fail(error),
                    None => is_open = false,
                },
            }
        }
        if !self.under_way.is_empty() {
            // an end is reached when all before it is durable
            self.done.reached = None;
        } else if self.frontier.is_at_end() {
            self.done.reached = Some(Reached::Feed);
        }
        if self.done.error.is_none() {
            self.done.error = self.done.failure.take();
        }
        if self.done.error.is_none() && self.done.reached.is_some() {
            self.done.error = self.too_many_bad(0);
        }
        self.done
    }

    fn wait(&mut self, work: Work) {
        let keys = self.keys(&work.item);
        self.waiting = Some(Waiting { work, keys });
    }

    /// What two pages may not share while both are in flight: the keys of
    /// releases, and what makes rows of the quarantine unique.
    fn keys(&self, item: &Item) -> HashSet<u64> {
        let Item::Page(_, extracted) = item else {
            return HashSet::new();
        };
        let Extracted {
            releases, rejects, ..
        } = extracted;
        let releases = releases.iter().map(|release| {
            self.hasher
                .hash_one((&release.key.ocid, &release.key.release_id))
        });
        let keys = rejects.iter().filter_map(|reject| {
            let key = reject.ocid.as_ref().zip(reject.release_id.as_ref())?;
            Some(self.hasher.hash_one(key))
        });
        let documents = rejects
            .iter()
            .map(|reject| self.hasher.hash_one((&reject.document, &reject.pointer)));
        releases.chain(keys).chain(documents).collect()
    }

    /// Starts the waiting page if a worker is free and no page in flight shares
    /// a key with it.
    fn start_waiting(&mut self) {
        if self.commits.len() >= self.limits.workers {
            return;
        }
        let in_flight = || self.under_way.iter().filter(|page| !page.is_durable);
        // what is in flight is not counted yet, and may outweigh many rejects
        let is_alone = self.commits.is_empty();
        let free = |waiting: &mut Waiting| {
            (is_alone || !waiting.work.item.has_many_rejects())
                && in_flight().all(|page| page.keys.is_disjoint(&waiting.keys))
        };
        let Some(Waiting { work, keys }) = self.waiting.take_if(free) else {
            return;
        };
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let work = match work.item {
            Item::Page(record, extracted) if extracted.rejects.len() > KEPT_REJECTS => {
                if let Some(error) = self.too_bad_a_page(&record.position, &extracted) {
                    return self.refuse_page(sequence, record, extracted, error);
                }
                let item = Item::Page(record, extracted);
                Work { item, ..work }
            }
            _ => work,
        };
        let (is_durable, then) = self.then(&work.item);
        self.under_way.push_back(UnderWay {
            sequence,
            page: page(&work.item),
            keys,
            is_durable,
            then,
            _places: work.places,
        });
        match work.item {
            Item::Page(record, extracted) => {
                self.note_last(&record.position);
                let (sink, lease) = (Arc::clone(&self.sink), self.lease);
                let Extracted {
                    releases,
                    rejects,
                    unread_amounts,
                } = extracted;
                self.done.unread_amounts += unread_amounts;
                self.commits.spawn(async move {
                    let counts = sink.commit(&lease, &record, releases, rejects).await;
                    (sequence, counts.map(Some))
                });
            }
            Item::Unchanged(page) => {
                self.note_last(&page.position);
                self.done.unchanged += 1;
                let (sink, lease) = (Arc::clone(&self.sink), self.lease);
                self.commits.spawn(async move {
                    let counts = sink.keep_unchanged(&lease, &page).await;
                    (sequence, counts.map(Some))
                });
            }
            Item::Unreadable(page) => {
                self.done.unreadable += 1;
                let (sink, lease) = (Arc::clone(&self.sink), self.lease);
                self.commits.spawn(async move {
                    let kept = sink.quarantine_page(&lease, &page).await;
                    (sequence, kept.map(|()| None))
                });
            }
            Item::Ended { .. } | Item::Split(_) => self.land(),
            Item::Failed(error) => {
                tracing::error!("{}", error.chain());
                self.done.failed += 1;
                self.done.failure.get_or_insert(error);
                self.land();
            }
        }
    }

    /// Why a page is not to be stored, if with its rejects the run has more than it may:
    /// whatever its releases turn out to be, they are not refused less. To find that out
    /// by the counts of its commit would be to store all of its rejects first.
    fn too_bad_a_page(&self, position: &Position, extracted: &Extracted) -> Option<Error> {
        let Extracted {
            releases, rejects, ..
        } = extracted;
        let mut counts = self.run_counts;
        counts.releases += signed((releases.len() + rejects.len()) as u64);
        counts.quarantined += signed(rejects.len() as u64);
        let error = self.too_many_bad_of(&counts, self.limits.max_bad_after)?;
        let message = format!(
            "page {} is not stored, and only the first {KEPT_REJECTS} of its {} rejects are kept",
            position.number,
            rejects.len()
        );
        Some(error.context(message))
    }

    /// Ends the run before a page that is not to be stored. Some of its rejects are kept,
    /// as an unreadable page is: in quarantine and nowhere else, so that a resume asks for
    /// the page again.
    fn refuse_page(
        &mut self,
        sequence: u64,
        record: Box<PageRecord>,
        extracted: Extracted,
        error: Error,
    ) {
        self.under_way.push_back(UnderWay {
            sequence,
            page: None,
            keys: HashSet::new(),
            is_durable: false,
            then: Then::Nothing,
            _places: Places::default(),
        });
        let (sink, lease) = (Arc::clone(&self.sink), self.lease);
        let mut rejects = extracted.rejects;
        rejects.truncate(KEPT_REJECTS);
        self.commits.spawn(async move {
            let kept = sink.quarantine_rejects(&lease, &record, &rejects).await;
            (sequence, kept.map(|()| None))
        });
        self.fail(error);
    }

    /// Whether there is nothing to commit of an item, and what is true when all
    /// before it is durable.
    fn then(&self, item: &Item) -> (bool, Then) {
        let goes_on = |position: &Position| match self.is_change_feed {
            true => Then::GoesOn(fetch::beginning(&position.cursor)),
            false => Then::Nothing,
        };
        match item {
            Item::Page(record, _) => (false, goes_on(&record.position)),
            Item::Unchanged(page) => (false, goes_on(&page.position)),
            Item::Unreadable(_) => (false, Then::Nothing),
            Item::Ended { scope, is_whole } => {
                let from = scope.window.map(|window| window.from);
                let is_whole = *is_whole;
                (true, Then::Ended { from, is_whole })
            }
            Item::Split(middle) => (true, Then::Split(*middle)),
            Item::Failed(_) => (true, Then::Nothing),
        }
    }

    /// Takes the pages that are durable, and all before them too, off the list.
    fn land(&mut self) {
        while self.under_way.front().is_some_and(|page| page.is_durable) {
            match self.under_way.pop_front().map(|page| page.then) {
                Some(Then::GoesOn(cursor)) => {
                    self.committed.set_cursor(cursor);
                }
                Some(Then::Ended { from, is_whole }) => {
                    self.frontier.end(from, is_whole);
                    self.progress.ended();
                }
                Some(Then::Split(middle)) => {
                    self.frontier.split(middle);
                    self.progress.expect(1);
                }
                Some(Then::Nothing) | None => continue,
            }
            if let Some(until) = self.until_date {
                self.committed.set_reached(self.frontier.reached(until));
            }
        }
    }

    /// Notes that a page is the last one that was asked for.
    fn note_last(&mut self, position: &Position) {
        let number = position.number;
        if let Some(budget) = &mut self.budget {
            *budget = budget.saturating_sub(1);
        }
        if self.until.is_some_and(|last| number >= last) || self.budget == Some(0) {
            self.done.reached = Some(Reached::LastPage(number));
        }
    }

    fn settle(&mut self, committed: Result<(u64, Result<Option<Counts>>), JoinError>) {
        let (sequence, counts) = match committed {
            Ok((sequence, Ok(counts))) => (sequence, counts),
            Ok((_, Err(error))) => return self.fail(error),
            Err(error) => {
                return self.fail(Error::unexpected("commit a page").with_source(error));
            }
        };
        let page = self
            .under_way
            .iter_mut()
            .find(|page| page.sequence == sequence)
            .expect("it is under way until it is durable");
        page.is_durable = true;
        if let Some((chain, number)) = &page.page {
            self.committed.add_page(chain, *number);
        }
        self.land();
        let Some(counts) = counts else { return };
        debug!(?counts, "committed a page");
        self.done.pages += 1;
        self.done.counts += counts;
        self.run_counts += counts;
        self.progress.committed(&counts);
        if let Some(error) = self.too_many_bad(self.limits.max_bad_after) {
            self.fail(error);
        }
    }

    /// Ends the run: what is in flight lands, what waits is dropped.
    fn fail(&mut self, error: Error) {
        self.over.cancel();
        self.waiting = None;
        self.done.is_cut_short = true;
        self.done.error.get_or_insert(error);
    }

    fn too_many_bad(&self, after: u64) -> Option<Error> {
        self.too_many_bad_of(&self.run_counts, after)
    }

    fn too_many_bad_of(&self, counts: &Counts, after: u64) -> Option<Error> {
        let is_seen = counts.releases.unsigned_abs() >= after;
        if !is_seen || counts.bad_ratio() <= self.limits.max_bad_ratio {
            return None;
        }
        let message = format!(
            "{} of {} releases were refused, a share above the {} of --max-bad-ratio",
            counts.quarantined, counts.releases, self.limits.max_bad_ratio
        );
        Some(Error::new(Kind::TooManyBad, message))
    }
}

impl Item {
    /// Whether it is a page of so many rejects that it may not be stored.
    fn has_many_rejects(&self) -> bool {
        matches!(self, Item::Page(_, extracted) if extracted.rejects.len() > KEPT_REJECTS)
    }
}

/// The page that an item is, if it is to be durable as one.
fn page(item: &Item) -> Option<(Chain, u64)> {
    let (chain, position) = match item {
        Item::Page(record, _) => (&record.chain, &record.position),
        Item::Unchanged(page) => (&page.chain, &page.position),
        _ => return None,
    };
    Some((chain.clone(), position.number))
}

impl Dispatched {
    /// A walk that was not begun because of this.
    pub(super) fn failed(error: Error) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    /// Says whether a walk after which the database has lost pages may be repeated at once:
    /// an error of its own would only be met again, and some ask for a wait.
    pub(super) fn may_repeat(&self) -> bool {
        self.error.as_ref().is_none_or(|error| {
            matches!(error.kind(), Kind::Lease | Kind::Lost | Kind::Environment)
        })
    }

    /// What is missing from a walk that no error ended.
    pub(super) fn shortfall(&self, is_stopped: bool) -> Option<Error> {
        let truncated = |message: String| Some(Error::new(Kind::Truncated, message));
        match (self.unreadable, self.reached) {
            (0, Some(_)) => None,
            (0, None) if is_stopped => {
                truncated("stopped before the end; the next run goes on".into())
            }
            (0, None) => truncated("the end of the feed was not seen".into()),
            (1, _) => {
                truncated("one page could not be read; the next run asks for it again".into())
            }
            (n, _) => truncated(format!(
                "{n} pages could not be read; the next run asks for them again"
            )),
        }
    }

    /// What the ledger is told. A run that ended before the end of the feed is
    /// truncated to the ledger, whatever was asked of this process.
    ///
    /// A run that ends without one durable page more than it was resumed with
    /// met the same unreadable page, failing window, or link that may not be followed
    /// again: its walk counts as ended, so that the next one begins anew and sees what
    /// is new before that.
    pub(super) fn end(&self, last_page: Option<u64>, is_resumed: bool) -> End {
        let is_refused = |error: &Error| error.kind() == Kind::Refused;
        let met_the_same = self.unreadable > 0
            || (self.failed > 0 && !self.is_cut_short)
            || self.error.as_ref().is_some_and(is_refused);
        let is_stuck = is_resumed && met_the_same && self.pages == 0;
        let is_whole = match self.reached {
            Some(Reached::Feed) => true,
            Some(Reached::LastPage(number)) => last_page.is_some_and(|last| number >= last),
            None => false,
        };
        End {
            verdict: match &self.error {
                Some(error) => verdict(error),
                None if is_whole => Verdict::Complete,
                None => Verdict::Truncated,
            },
            end_seen: is_whole || is_stuck,
            error: self.error.as_ref().map(Error::chain),
        }
    }
}

/// Whether the next run can be expected to do better.
pub(super) fn verdict(error: &Error) -> Verdict {
    match error.kind() {
        Kind::Truncated
        | Kind::Refused
        | Kind::Misled
        | Kind::RateLimited
        | Kind::Environment
        | Kind::Lease
        | Kind::Lost => Verdict::Truncated,
        Kind::Unexpected | Kind::Config | Kind::TooManyBad => Verdict::Failed,
    }
}
