//! Commits pages so that the order of commits does not matter.
//!
//! Several pages are committed at once. A page waits if a page whose commit is under way has the
//! same key. So the later page of a run wins, and no transaction waits for the rows of another
//! one.
//!
//! A run that stops at `--max-pages` or `--to-page` exits 0, because it did what was requested.
//! In the ledger, a run that stopped at `--max-pages` is unfinished, and the next run continues
//! it.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config;
use crate::error::{Error, Kind, Result};
use crate::extract::Extracted;
use crate::fetch::{self, Event, Fetched, Permit};
use crate::ledger::{Counts, End, Lease, Verdict, signed};
use crate::page::{Chain, Cursor, PageRecord, Position, UnchangedPage, UnreadablePage};
use crate::pipeline::committed::CommittedPages;
use crate::pipeline::shrunk::Shrunk;
use crate::pipeline::unfinished_commits::{ChainEvent, CommittingPage, UnfinishedCommits};
use crate::pipeline::unfinished_windows::Frontier;
use crate::pipeline::{Coverage, Progress, ReadPage, Run};
use crate::release::{Reason, ValueCounts};
use crate::sink::Sink;

pub(super) struct Dispatch {
    /// The name of the source.
    source: String,
    unfinished: UnfinishedCommits,
    /// True if the next run continues at the newest page.
    is_change_feed: bool,
    /// The end of the run's windows, if it has windows.
    until_date: Option<Timestamp>,
    /// The chains with documents that could not be fetched.
    unfetched: HashSet<Chain>,
    /// The number of pages that may still be fetched.
    budget: Option<u64>,
    sink: Arc<Sink>,
    lease: Lease,
    limits: config::Sink,
    progress: Arc<Progress>,
    over: CancellationToken,
    /// Counts what the run has stored and refused, including processes before this one.
    run_counts: Counts,
    until: Option<u64>,
    hasher: RandomState,
    commits: JoinSet<(u64, Result<Option<Counts>>)>,
    waiting: Option<WaitingEvent>,
    done: DispatchResult,
}

/// If a page has so many rejects that it is not stored, this many of them are kept, which is
/// enough to see what is wrong. A page with no more rejects than this is always stored.
const KEPT_REJECTS: usize = 1_000;

/// At most this many reasons are kept for the report. The log has all of them.
const MAX_REASONS: usize = 100;

/// If a run finds nothing but missing documents, it fails if there are at least this many.
const MANY_MISSING: u64 = 10;

/// A run asks again for the documents of windows that have ended within this time, if they could
/// not be fetched.
const RETRIED_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// An event that no worker has taken yet, and the keys that it writes.
struct WaitingEvent {
    event: Event<ReadPage>,
    keys: HashSet<u64>,
}

#[derive(Debug, Default)]
pub(super) struct DispatchResult {
    pub(super) pages: i64,
    pub(super) counts: Counts,
    pub(super) unchanged: u64,
    pub(super) unreadable: u64,
    /// Describes the first page that could not be read.
    first_unreadable: String,
    /// The number of stretches of the feed that are skipped, by this run or an earlier one.
    skipped: u64,
    /// The number of values for the typed columns of the pages.
    pub(super) values: ValueCounts,
    /// The number of documents that could not be fetched.
    pub(super) unfetched: u64,
    /// The number of things that were passed over, by reason.
    pub(super) passed_over: BTreeMap<&'static str, u64>,
    /// The number of releases of which something was inferred, by what it is.
    pub(super) inferred: BTreeMap<&'static str, u64>,
    /// The number of places in lists of releases that have a comma too many.
    pub(super) extra_commas: u64,
    pub(super) reached: Option<RunEnd>,
    pub(super) failed: u64,
    /// The number of releases that the complete walk before this one saw, if this one saw far
    /// fewer.
    pub(super) shrunk_from: Option<i64>,
    /// The reasons why pages and chains are missing, at most [`MAX_REASONS`] of them.
    pub(super) reasons: Vec<String>,
    /// The error of the first chain that failed.
    failure: Option<Error>,
    /// True if an error ended the whole run, and not only one chain.
    is_cut_short: bool,
    pub(super) error: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// The run has seen the end of the feed.
    Feed,
    /// The run has fetched the last page that was requested.
    LastPage(u64),
}

/// Says whether a run that ends cannot get past a position.
#[derive(Clone, Debug, Default)]
pub(super) struct Stuck {
    /// True if the run is not resumed.
    pub(super) is_given_up: bool,
    /// The publisher's answer for the page that the run cannot get past.
    pub(super) refused: Option<String>,
}

impl Dispatch {
    pub(super) fn new(
        run: &Run<'_>,
        lease: Lease,
        coverage: &Coverage,
        over: CancellationToken,
        committed: Arc<CommittedPages>,
    ) -> Self {
        Self {
            source: run.source.name.clone(),
            unfinished: UnfinishedCommits::new(
                Frontier::new(coverage.plan.count_chains_by_start()),
                coverage.dates.map(|dates| dates.to),
                committed,
                Arc::clone(&run.progress),
            ),
            is_change_feed: run.source.page.is_change_feed(),
            until_date: coverage.dates.map(|dates| dates.to),
            unfetched: HashSet::new(),
            budget: run.job.max_pages,
            sink: Arc::clone(&run.sink),
            lease,
            limits: run.config.sink.clone(),
            progress: Arc::clone(&run.progress),
            over,
            run_counts: run.before.counts,
            until: coverage.until,
            hasher: RandomState::new(),
            commits: JoinSet::new(),
            waiting: None,
            done: DispatchResult::default(),
        }
    }

    /// Returns an error if the run has had too many rejects already. Such a run is not resumed,
    /// because it would stop again.
    pub(super) fn check_rejects_before(&self) -> Option<Error> {
        self.check_rejects(self.limits.max_bad_after)
    }

    /// Commits pages until no more arrive or one cannot be committed.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<Result<Event<ReadPage>>>,
    ) -> DispatchResult {
        let mut is_open = true;
        loop {
            self.commit_waiting_event();
            let wants_event = is_open && self.waiting.is_none() && self.done.error.is_none();
            if !wants_event && self.commits.is_empty() {
                break;
            }
            tokio::select! {
                Some(committed) = self.commits.join_next() => self.finish_commit(committed),
                event = events.recv(), if wants_event => match event {
                    Some(Ok(event)) => {
                        let keys = self.collect_keys(&event);
                        self.waiting = Some(WaitingEvent { event, keys });
                    }
                    // the commits of the pages before the error are still awaited
                    Some(Err(error)) => self.fail(error),
                    None => is_open = false,
                },
            }
        }
        if !self.unfinished.is_empty() {
            // the end counts only if everything before it is durable
            self.done.reached = None;
        } else if self.unfinished.is_at_end() {
            self.done.reached = Some(RunEnd::Feed);
        }
        if self.done.error.is_none() {
            self.done.error = self.done.failure.take();
        }
        if self.done.error.is_none() && self.done.reached.is_some() {
            self.done.error = self.check_rejects(0).or_else(|| self.check_missing());
        }
        self.done
    }

    /// Returns the keys that no two pages may write at once: the keys of releases, and what makes
    /// rows of the quarantine unique.
    fn collect_keys(&self, event: &Event<ReadPage>) -> HashSet<u64> {
        let Some(page) = read_page(event) else {
            return HashSet::new();
        };
        let rejects = &page.extracted.rejects;
        let releases = page.extracted.releases.iter().map(|release| {
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

    /// Starts to commit the waiting event, if a worker is free and no page that is being
    /// committed has the same key.
    fn commit_waiting_event(&mut self) {
        if self.commits.len() >= self.limits.workers {
            return;
        }
        // a page with many rejects waits for all others, because their releases are not counted
        // yet and may lower its share of rejects
        let is_alone = self.commits.is_empty();
        let may_start = |waiting: &mut WaitingEvent| {
            let may_exceed = read_page(&waiting.event).is_some_and(has_many_rejects);
            (is_alone || !may_exceed) && self.unfinished.is_free(&waiting.keys)
        };
        let Some(WaitingEvent { event, keys }) = self.waiting.take_if(may_start) else {
            return;
        };
        let (fetched, permit) = match event.into_page() {
            Ok((fetched, permit)) => (*fetched, permit),
            Err(event) => {
                return match event {
                    Event::Failed(error) | Event::Gone(error) => self.note_failure(error),
                    event => {
                        let event = self.hold_watermark(event);
                        self.unfinished.add_event(event);
                    }
                };
            }
        };
        match fetched {
            Fetched::Page(page) => self.commit_page(page, keys, permit),
            Fetched::Unchanged(page) => self.commit_unchanged_page(page, permit),
            Fetched::Unreadable(page) => self.quarantine_page(page, permit),
        }
    }

    fn commit_page(&mut self, page: ReadPage, keys: HashSet<u64>, permit: Permit) {
        let ReadPage {
            record,
            extracted,
            permit: extract_permit,
        } = page;
        if extracted.count_rejects() > KEPT_REJECTS
            && let Some(error) = self.check_page_rejects(&record.position, &extracted)
        {
            return self.refuse_page(record, extracted, error);
        }
        self.note_last(&record.position);
        let rejects = extracted.rejects.iter();
        let unfetched = rejects.filter(|it| it.reason == Reason::UnfetchedDocument);
        let unfetched = unfetched.count() as u64;
        if unfetched > 0 {
            self.done.unfetched += unfetched;
            self.unfetched.insert(record.chain.clone());
        }
        self.done.values += extracted.values;
        self.done.extra_commas += extracted.extra_commas;
        add_counts(&mut self.done.passed_over, extracted.count_passed_over());
        add_counts(&mut self.done.inferred, extracted.inferred.clone());
        let sequence = self.unfinished.begin(CommittingPage {
            page: Some((record.chain.clone(), record.position.number)),
            keys,
            resume_at: self.resume_at(&record.position),
            permits: vec![permit, extract_permit],
            ..CommittingPage::default()
        });
        let (sink, lease) = (Arc::clone(&self.sink), self.lease);
        self.commits.spawn(async move {
            let (releases, rejects) = (extracted.releases, extracted.rejects);
            let counts = sink.commit(&lease, &record, releases, rejects).await;
            (sequence, counts.map(Some))
        });
    }

    fn commit_unchanged_page(&mut self, page: UnchangedPage, permit: Permit) {
        self.note_last(&page.position);
        self.done.unchanged += 1;
        let sequence = self.unfinished.begin(CommittingPage {
            page: Some((page.chain.clone(), page.position.number)),
            resume_at: self.resume_at(&page.position),
            permits: vec![permit],
            ..CommittingPage::default()
        });
        let (sink, lease) = (Arc::clone(&self.sink), self.lease);
        self.commits.spawn(async move {
            let counts = sink.commit_unchanged(&lease, &page).await;
            (sequence, counts.map(Some))
        });
    }

    fn quarantine_page(&mut self, page: UnreadablePage, permit: Permit) {
        // a stretch is counted at the end of the run, with those of earlier runs
        let is_stretch = page.chain.is_skipped();
        if !is_stretch {
            self.note_unreadable_page(&page);
        }
        let sequence = self.unfinished.begin(CommittingPage {
            permits: vec![permit],
            // nothing but its row tells later that the pages behind it do not follow those before
            is_barrier: is_stretch,
            ..CommittingPage::default()
        });
        let (sink, lease) = (Arc::clone(&self.sink), self.lease);
        self.commits.spawn(async move {
            let kept = sink.quarantine_page(&lease, &page).await;
            (sequence, kept.map(|()| None))
        });
    }

    fn note_unreadable_page(&mut self, page: &UnreadablePage) {
        if self.done.unreadable == 0 {
            self.done.first_unreadable.clone_from(&page.message);
        }
        self.done.unreadable += 1;
        let (number, why) = (page.position.number, &page.message);
        let part = match page.chain.as_str() {
            "" => String::new(),
            chain => format!(" of {chain}"),
        };
        let reason = format!("page {number}{part} is in the quarantine: {why}");
        warn!(source.name = %self.source, page = number, "{reason}");
        self.done.note_reason(reason);
    }

    /// Keeps the watermark before a recent window of which documents could not be fetched, so that
    /// the next run asks for them again. An older window is passed, because a document that can
    /// never be fetched would else have all later windows fetched by each run.
    fn hold_watermark(&self, event: ChainEvent) -> ChainEvent {
        let Event::Ended {
            scope,
            is_whole: true,
        } = event
        else {
            return event;
        };
        let age = |end: Timestamp| self.until_date.map(|until| until.duration_since(end));
        let is_recent = scope
            .window
            .and_then(|window| age(window.to))
            .is_some_and(|age| age < RETRIED_FOR);
        let is_whole = !(is_recent && self.unfetched.contains(&scope.chain()));
        Event::Ended { scope, is_whole }
    }

    /// Ends the run at a page that is not stored. Some of its rejects are kept in the quarantine,
    /// but no page is recorded, so that a resumed run requests the page again.
    fn refuse_page(&mut self, record: PageRecord, extracted: Extracted, error: Error) {
        let sequence = self.unfinished.begin(CommittingPage::default());
        let mut rejects = extracted.rejects;
        rejects.retain(|reject| !reject.reason.is_passed_over());
        rejects.truncate(KEPT_REJECTS);
        let (sink, lease) = (Arc::clone(&self.sink), self.lease);
        self.commits.spawn(async move {
            let kept = sink.quarantine_rejects(&lease, &record, &rejects).await;
            (sequence, kept.map(|()| None))
        });
        self.fail(error);
    }

    fn note_failure(&mut self, error: Error) {
        tracing::error!("{}", error.chain());
        self.done.note_reason(error.chain());
        self.done.failed += 1;
        self.done.failure.get_or_insert(error);
    }

    /// Returns the cursor at which a feed of changes continues after this page.
    fn resume_at(&self, position: &Position) -> Option<Cursor> {
        self.is_change_feed.then(|| fetch::rewind(&position.cursor))
    }

    /// Returns an error if the rejects of the page alone exceed the share that the run may have.
    /// The commit would find that too, but only after it has stored all rejects.
    fn check_page_rejects(&self, position: &Position, extracted: &Extracted) -> Option<Error> {
        let rejects = extracted.count_rejects();
        let mut counts = self.run_counts;
        counts.releases += signed((extracted.releases.len() + rejects) as u64);
        counts.quarantined += signed(rejects as u64);
        let error = self.check_rejects_of(&counts, self.limits.max_bad_after)?;
        let message = format!(
            "page {} is not stored, and only the first {KEPT_REJECTS} of its {rejects} rejects are kept",
            position.number
        );
        Some(error.context(message))
    }

    fn note_last(&mut self, position: &Position) {
        let number = position.number;
        if let Some(budget) = &mut self.budget {
            *budget = budget.saturating_sub(1);
        }
        if self.until.is_some_and(|last| number >= last) || self.budget == Some(0) {
            self.done.reached = Some(RunEnd::LastPage(number));
        }
    }

    fn finish_commit(&mut self, committed: Result<(u64, Result<Option<Counts>>), JoinError>) {
        let (sequence, counts) = match committed {
            Ok((sequence, Ok(counts))) => (sequence, counts),
            Ok((_, Err(error))) => return self.fail(error),
            Err(error) => {
                return self.fail(Error::unexpected("commit a page").with_source(error));
            }
        };
        self.unfinished.finish(sequence);
        let Some(counts) = counts else { return };
        debug!(?counts, "committed a page");
        self.done.pages += 1;
        self.done.counts += counts;
        self.run_counts += counts;
        self.progress.count_page(&counts);
        if let Some(error) = self.check_rejects(self.limits.max_bad_after) {
            self.fail(error);
        }
    }

    /// Ends the run. Commits that are under way are finished, and a waiting event is dropped.
    fn fail(&mut self, error: Error) {
        self.over.cancel();
        self.waiting = None;
        self.done.is_cut_short = true;
        self.done.error.get_or_insert(error);
    }

    fn check_rejects(&self, after: u64) -> Option<Error> {
        self.check_rejects_of(&self.run_counts, after)
    }

    /// Returns an error if many documents were missing and nothing else was there. Then the feed
    /// names its documents in another way than the source declares, or has moved.
    fn check_missing(&self) -> Option<Error> {
        let missing = self.done.passed_over.get(Reason::MissingDocument.as_str());
        let missing = missing.copied().unwrap_or_default();
        let is_all_missing = self.run_counts.releases == 0 && missing >= MANY_MISSING;
        // a window may name only documents that are gone
        (is_all_missing && self.until_date.is_none()).then(|| {
            let message = format!("{missing} documents do not exist, and no other was found");
            Error::new(Kind::TooManyBad, message)
        })
    }

    fn check_rejects_of(&self, counts: &Counts, after: u64) -> Option<Error> {
        let is_seen = counts.releases.unsigned_abs() >= after;
        if !is_seen || counts.bad_ratio() <= self.limits.max_bad_ratio {
            return None;
        }
        let message = format!(
            "{} of {} releases were refused, a share above the {} of `sink.max_bad_ratio` or --max-bad-ratio",
            counts.quarantined, counts.releases, self.limits.max_bad_ratio
        );
        Some(Error::new(Kind::TooManyBad, message))
    }
}

fn add_counts(
    sum: &mut BTreeMap<&'static str, u64>,
    counts: impl IntoIterator<Item = (&'static str, u64)>,
) {
    for (name, n) in counts {
        *sum.entry(name).or_default() += n;
    }
}

fn read_page(event: &Event<ReadPage>) -> Option<&ReadPage> {
    match event {
        Event::Page(fetched, _) => match &**fetched {
            Fetched::Page(page) => Some(page),
            Fetched::Unchanged(_) | Fetched::Unreadable(_) => None,
        },
        _ => None,
    }
}

/// Returns true if the page has so many rejects that it may not be stored.
fn has_many_rejects(page: &ReadPage) -> bool {
    page.extracted.count_rejects() > KEPT_REJECTS
}

impl DispatchResult {
    /// Keeps the reason why a page or chain is missing, for the report.
    fn note_reason(&mut self, reason: String) {
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(reason);
        }
    }

    /// Counts the skipped stretches of the feed, and keeps the reasons for the report.
    pub(super) fn note_skipped(&mut self, reasons: impl Iterator<Item = String>) {
        for reason in reasons {
            self.skipped += 1;
            self.note_reason(reason);
        }
    }

    /// Returns the result of a run that did not begin because of this error.
    pub(super) fn from_error(error: Error) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    /// Returns true if the run may be repeated at once after the database has lost pages.
    pub(super) fn can_repeat_run(&self) -> bool {
        let error = self.error.as_ref();
        error.is_none_or(|error| error.kind().can_repeat_at_once())
    }

    /// Notes that a complete walk saw far fewer releases than the walk before it.
    pub(super) fn note_shrunk(&mut self, shrunk: Option<Shrunk>) {
        if let Some(Shrunk { before, error }) = shrunk {
            self.shrunk_from = Some(before);
            self.error = error;
        }
    }

    /// Returns an error that says what is missing, for a run that no error ended.
    pub(super) fn find_shortfall(&self, is_stopped: bool) -> Option<Error> {
        let message = match (self.unreadable, self.reached) {
            (0, Some(_)) => match self.skipped {
                0 => return None,
                1 => "a stretch of the feed is skipped, and is in the quarantine".into(),
                n => format!("{n} stretches of the feed are skipped, and are in the quarantine"),
            },
            (0, None) if is_stopped => "stopped before the end; the next run resumes".into(),
            (0, None) => "the end of the feed was not seen".into(),
            (1, _) => format!(
                "one page could not be read: {}; the next run requests it again",
                self.first_unreadable
            ),
            (n, _) => format!(
                "{n} pages could not be read, the first of them: {}; the next run requests them \
                 again",
                self.first_unreadable
            ),
        };
        Some(Error::new(Kind::Truncated, message))
    }

    /// Returns true if the process has read no page.
    pub(super) fn has_read_nothing(&self) -> bool {
        self.pages == 0 && self.unreadable == 0
    }

    /// Returns true if the process made no page durable and ended at pages, chains or links that
    /// failed.
    pub(super) fn has_only_failed(&self) -> bool {
        let has_failed = self.unreadable > 0
            || (self.failed > 0 && !self.is_cut_short)
            || self.has_failed_by(Kind::LinkRefused);
        has_failed && self.pages == 0
    }

    fn has_failed_by(&self, kind: Kind) -> bool {
        self.error.as_ref().is_some_and(|it| it.kind() == kind)
    }

    /// Returns the end that the ledger records. A run that stopped before the end of the feed is
    /// recorded as truncated, even if no more was requested of this process.
    ///
    /// A run that is misdeclared has seen the end that its declaration leads to. It counts as
    /// ended, because a resumed run would find all its chains complete.
    pub(super) fn decide_end(&self, last_page: Option<u64>, stuck: Stuck) -> End {
        let is_whole = match self.reached {
            Some(RunEnd::Feed) => true,
            Some(RunEnd::LastPage(number)) => last_page.is_some_and(|last| number >= last),
            None => false,
        };
        End {
            verdict: match &self.error {
                Some(error) => choose_verdict(error),
                None if is_whole => Verdict::Complete,
                None => Verdict::Truncated,
            },
            end_seen: is_whole || self.has_failed_by(Kind::Misdeclared),
            is_given_up: stuck.is_given_up,
            has_progress: self.pages > 0,
            refused: stuck.refused,
            error: self.error.as_ref().map(Error::chain),
        }
    }
}

pub(super) fn choose_verdict(error: &Error) -> Verdict {
    match error.kind().can_succeed_later() {
        true => Verdict::Truncated,
        false => Verdict::Failed,
    }
}
