//! Hands pages to the sink so that the order of commits does not matter.
//!
//! Several pages are committed at once, but a page that shares a key with one
//! in flight waits for it: so the later page of a run wins, and no two
//! transactions ever wait for each other's rows.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config;
use crate::error::{Error, Kind, Result};
use crate::extract::Extracted;
use crate::ledger::{Counts, End, Lease, Verdict};
use crate::page::PageRecord;
use crate::pipeline::{Item, Progress, Run, Work};
use crate::sink::Sink;

/// Commits the pages of a run.
pub(super) struct Dispatch {
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

struct Waiting {
    work: Work,
    keys: HashSet<u64>,
}

struct UnderWay {
    sequence: u64,
    keys: HashSet<u64>,
    is_durable: bool,
    /// Given back when this page and all before it are durable.
    _room: OwnedSemaphorePermit,
}

/// What became of a walk's pages.
#[derive(Debug, Default)]
pub(super) struct Dispatched {
    pub(super) pages: i64,
    pub(super) counts: Counts,
    pub(super) unreadable: u64,
    /// Which end the walk came to, if any.
    pub(super) reached: Option<Reached>,
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
        until: Option<u64>,
        over: CancellationToken,
    ) -> Self {
        Self {
            sink: Arc::clone(&run.sink),
            lease,
            limits: run.config.sink.clone(),
            progress: Arc::clone(&run.progress),
            over,
            run_counts: run.before.counts,
            until,
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

    /// What becomes of a run whose pages are all durable already.
    pub(super) fn nothing_left(mut self) -> Dispatched {
        self.done.reached = Some(Reached::Feed);
        self.done.error = self.too_many_bad(0);
        self.done
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
        let Extracted { releases, rejects } = extracted;
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
        let free =
            |waiting: &mut Waiting| in_flight().all(|page| page.keys.is_disjoint(&waiting.keys));
        let Some(Waiting { work, keys }) = self.waiting.take_if(free) else {
            return;
        };
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.under_way.push_back(UnderWay {
            sequence,
            keys,
            is_durable: false,
            _room: work.room,
        });
        match work.item {
            Item::Page(record, extracted) => {
                self.note_end(&record);
                let (sink, lease) = (Arc::clone(&self.sink), self.lease);
                let Extracted { releases, rejects } = extracted;
                self.commits.spawn(async move {
                    let counts = sink.commit(&lease, &record, releases, rejects).await;
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
        }
    }

    fn note_end(&mut self, page: &PageRecord) {
        let number = page.position.number;
        if page.next.is_none() {
            self.done.reached = Some(Reached::Feed);
        } else if self.until.is_some_and(|last| number >= last) {
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
            .find(|page| page.sequence == sequence);
        page.expect("it is under way until it is durable")
            .is_durable = true;
        while self.under_way.front().is_some_and(|page| page.is_durable) {
            self.under_way.pop_front();
        }
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
        self.done.error.get_or_insert(error);
    }

    fn too_many_bad(&self, after: u64) -> Option<Error> {
        let counts = &self.run_counts;
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

impl Dispatched {
    /// A walk that was not begun because of this.
    pub(super) fn failed(error: Error) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
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
    /// met the same unreadable page again: its walk counts as ended, so that the
    /// next one begins anew and sees what is new before that page.
    pub(super) fn end(&self, last_page: Option<u64>, is_resumed: bool) -> End {
        let is_stuck = is_resumed && self.unreadable > 0 && self.pages == 0;
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
        Kind::Truncated | Kind::Environment | Kind::Lease => Verdict::Truncated,
        Kind::Unexpected | Kind::Config | Kind::TooManyBad => Verdict::Failed,
    }
}
