//! Runs one source: joins fetch, extract and sink.
//!
//! Bounded channels join the stages. A page needs a permit before it is requested, and returns it
//! once the page and all pages before it are durable. So a slow database slows the requests down.
//! After a crash, at most `fetch.ahead` pages with at most `fetch.ahead_bytes` bytes are fetched
//! again. Before a page is read, it needs a second permit with the same limits, for the releases
//! in it. These need a permit of their own, because small releases take more memory than their
//! text.
//!
//! Only this module joins all three stages, and it waits for every task that it spawns. A run is
//! stopped in one place, the fetch loop. The other stages end because their channels close.

mod absence;
mod committed;
mod compile;
mod dispatch;
mod heartbeat;
mod job;
mod progress;
mod purge;
mod reading_rules;
mod replay;
mod report;
mod secret_warning;
mod shrunk;
mod skipped;
mod stuck;
mod under_lease;
mod unfinished_commits;
mod unfinished_windows;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::committed::CommittedPages;
pub use self::compile::{CompileReport, compile};
use self::compile::{CompileTask, stopped_error, tell_compiled};
use self::dispatch::{Dispatch, DispatchResult, RunEnd, Stuck};
use self::heartbeat::{Heartbeat, RunPosition};
pub use self::job::Job;
use self::job::JobDates;
pub use self::progress::{Progress, Snapshot};
pub use self::purge::{PurgeReport, purge};
pub use self::replay::{ReplayReport, replay};
pub use self::report::{Outcome, Report};
use self::secret_warning::SecretWarning;
use self::stuck::RunStart;
pub use self::under_lease::under_lease;
use crate::compile::{Compiled, Compiler, Until};
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extracted};
use crate::fetch::{
    self, Axes, BegunChains, Event, Fetched, Fetcher, Input, PageBudget, Permit, Plan, PreviousRun,
    Scope, TimeRange,
};
use crate::ledger::{self, Claim, End, Lease, Resume, Totals, Unfinished, Verdict, Watermark};
use crate::metrics;
use crate::page::{Chain, Cursor, Page, PageRecord};
use crate::release::RELEASE_BYTES;
use crate::request::{Request, Requests};
use crate::retry::Retry;
use crate::sink::{Absence, PagesOf, Sink};
use crate::source::{Axis, Source};

/// This many finished requests may wait to be logged. Further ones are dropped and counted.
const REQUESTS: usize = 1_000;

/// Runs a job on a source and reports the result.
///
/// When `stop` is cancelled, the run requests nothing more, commits what was fetched, and ends.
/// If the database has lost commits that it had confirmed, the run claims the source again and
/// fetches what is missing.
///
/// # Errors
///
/// Fails if the run never began: another run holds the source, the source's declaration cannot be
/// used, or the database cannot be reached. If an error ends a run that has begun, the error is
/// in the outcome.
pub async fn run(
    database: &Database,
    source: &Source,
    config: &Config,
    job: &Job,
    stop: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Outcome> {
    let began = Instant::now();
    let mut job = job.clone().state_overwrite();
    let mut before_process: Option<(i64, Totals)> = None;
    let mut last: Option<Outcome> = None;
    let mut losses = 0;
    loop {
        let begin = begin_run(database, source, config, &job, progress);
        let begun = stop
            .run_until_cancelled(Box::pin(begin))
            .await
            .unwrap_or_else(|| Err(Error::new(Kind::Truncated, "stopped before it began")));
        let begun = match (begun, last.take()) {
            (Ok(begun), _) => begun,
            (Err(error), None) => return Err(error),
            // the report still counts what was fetched before the loss
            (Err(error), Some(outcome)) => {
                return Ok(Outcome {
                    error: Some(error),
                    ..outcome
                });
            }
        };
        // the pages that an earlier pass has fetched and the database still has
        let run_id = begun.claim.lease.run_id;
        let (_, first) = *before_process.insert(match before_process {
            Some((id, first)) if id == run_id => (id, first),
            _ => (run_id, begun.before),
        });
        let fetched = u64::try_from(begun.before.pages - first.pages).unwrap_or_default();
        let rest = job.without_pages(fetched);
        let run = Run {
            source,
            config,
            database,
            job: &rest,
            fetcher: begun.fetcher,
            sink: begun.sink,
            compiler: begun.compiler,
            is_first: begun.is_first,
            progress: Arc::clone(progress),
            began,
            before: begun.before,
            before_process: first,
            rules: reading_rules::digest(source, config, job.overwrite).into(),
        };
        let outcome = Box::pin(run.finish(begun.claim, begun.requests, stop)).await;
        let Some(error) = &outcome.error else {
            return Ok(outcome);
        };
        if error.kind() == Kind::GivenUp && !stop.is_cancelled() {
            Run::tell_begun_anew(&source.name, error);
            job = job.begin_anew(source);
            last = Some(outcome);
            continue;
        }
        if error.kind() != Kind::Lost
            || losses == MAX_LOSSES
            || !job.can_be_repeated()
            || stop.is_cancelled()
        {
            return Ok(outcome);
        }
        warn!(source.name = %source.name, run.id = outcome.report.run_id, "{}: fetching what is missing", error.chain());
        // the run that was to begin anew has begun, so a repetition must resume it
        if job.spec.unfinished == Unfinished::Restart {
            job.spec.unfinished = Unfinished::ResumeRun(outcome.report.run_id);
        }
        losses += 1;
        last = Some(outcome);
    }
}

/// A run fetches again at most this many times what the database has lost. A server that loses
/// commits more often needs a person.
const MAX_LOSSES: u32 = 3;

/// Makes the error that the server was restarted or replaced in every attempt at some work.
fn server_changed_error(work: &str) -> Error {
    let message = format!("the database server was replaced again and again during the {work}");
    Error::new(Kind::Lost, message)
}

struct ClaimedRun {
    claim: Claim,
    fetcher: Arc<Fetcher>,
    requests: mpsc::Receiver<Request>,
    sink: Arc<Sink>,
    compiler: Arc<Compiler>,
    /// True if the processes of the source were never compiled completely.
    is_first: bool,
    before: Totals,
}

/// Claims the source, and prepares what the run needs.
async fn begin_run(
    database: &Database,
    source: &Source,
    config: &Config,
    job: &Job,
    progress: &Arc<Progress>,
) -> Result<ClaimedRun> {
    let (log, requests) = mpsc::channel(REQUESTS);
    let mut fetcher = Fetcher::new(source, &config.fetch)?;
    if config.ledger.requests {
        fetcher = fetcher.send_request_rows_to(log);
    }
    let fetcher = Arc::new(fetcher);
    let claim = ledger::claim(database, &job.spec, &config.lease).await?;
    // the sink opens after the claim, so that it sees everything that another holder refused
    // before
    let open = || Sink::open(database.clone(), &source.name, config, job.overwrite);
    let sink = query(source, config, "open the sink", open).await?;
    let compiler = Compiler::new(database.clone(), source, config)?;
    let declare = || compiler.declare();
    let declared = query(source, config, "note how processes are compiled", declare).await?;
    let totals = || ledger::read_totals(database, claim.lease.run_id);
    let before = query(source, config, "read what the run has", totals).await?;
    progress.begin(&before, Arc::clone(&fetcher), job.byte_count());
    progress.set_compile(compiler.progress());
    let pages = absence::pages_of(source, job);
    if pages == PagesOf::Files {
        let add = || sink.add_load(claim.lease.run_id);
        query(source, config, "note what the run loads", add).await?;
    }
    let sink = sink.with_redactor(fetcher.redactor()).with_pages_of(pages);
    Ok(ClaimedRun {
        claim,
        requests,
        sink: Arc::new(sink.queue_processes(declared.must_queue)),
        compiler: Arc::new(compiler),
        is_first: !declared.was_compiled,
        fetcher,
        before,
    })
}

/// Queries a database that has answered before, so failures are retried. A run uses it between
/// its claim and its end. The first query of a command is not retried, because the URL may be
/// wrong.
async fn query<T, F>(
    source: &Source,
    config: &Config,
    what: &str,
    attempt: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let retry = Retry::new("question", what, config.database.retry_for);
    retry.for_source(&source.name).run(attempt).await
}

struct Run<'a> {
    source: &'a Source,
    config: &'a Config,
    database: &'a Database,
    job: &'a Job,
    fetcher: Arc<Fetcher>,
    sink: Arc<Sink>,
    compiler: Arc<Compiler>,
    /// True if the processes of the source were never compiled completely.
    is_first: bool,
    progress: Arc<Progress>,
    began: Instant,
    /// Counts what earlier processes, and earlier passes of this one, made durable for the run.
    before: Totals,
    /// Counts what earlier processes made durable for the run.
    before_process: Totals,
    /// A digest of all settings and rules that decide which rows a page becomes.
    rules: Arc<str>,
}

struct Coverage {
    plan: Plan,
    /// The time that the run's windows cover, if it has windows. A resumed run keeps this time,
    /// so that its chains stay the same.
    dates: Option<TimeRange>,
    until: Option<u64>,
    previous: PreviousRun,
    /// The pages that the run steps over if the publisher refuses them.
    refused: HashSet<(Chain, u64)>,
    /// True if the run begins at a stretch that earlier runs have skipped.
    returns_to_stretch: bool,
    /// True if the first request has a stored link or token.
    is_opaque: bool,
    /// The cursor of the last page of a feed of changes, if earlier processes have stored all pages.
    stored_until: Option<Cursor>,
}

#[derive(Debug)]
struct ReadPage {
    record: PageRecord,
    extracted: Extracted,
    permit: Permit,
}

impl Run<'_> {
    async fn finish(
        self,
        claim: Claim,
        requests: mpsc::Receiver<Request>,
        stop: &CancellationToken,
    ) -> Outcome {
        let Claim {
            lease,
            resume,
            holder,
        } = claim;
        let is_resumed = resume.is_some();
        let resumed_from = resume.as_ref().and_then(Resume::page);
        self.announce(lease.run_id, resume.as_ref());

        // cancelled by `stop`, by the end of the run, or by a lost lease
        let over = stop.child_token();
        // cancelled once all pages are committed; the lease is kept until then
        let drained = CancellationToken::new();
        let committed = Arc::new(CommittedPages::default());
        let run_position = RunPosition {
            scope: self.job.moves_watermark().then(|| self.source.scope()),
            from: watch::Sender::new(None),
            committed: Arc::clone(&committed),
        };
        let from = run_position.from.clone();
        let heart = Heartbeat::new(
            holder,
            run_position,
            Arc::clone(&self.fetcher),
            &self.config.lease,
        );
        let heartbeat = tokio::spawn(heart.keep_lease(over.clone(), drained.clone()));
        let log = self.spawn_log(lease.run_id, requests, drained.clone());
        let compile_task = self.spawn_compile(lease);
        let coverage = over
            .run_until_cancelled(self.decide_coverage(&lease, resume))
            .await;
        let mut run_start = RunStart {
            is_resumed,
            is_opaque: false,
        };
        let mut dispatched = match coverage {
            Some(Ok(coverage)) => {
                run_start.is_opaque = coverage.is_opaque;
                from.send_replace(coverage.dates.map(|dates| dates.from));
                if let Some(cursor) = &coverage.stored_until {
                    committed.set_cursor(fetch::rewind(cursor));
                }
                self.progress
                    .expect(coverage.plan.count_chains_by_start().values().sum());
                let dispatch = Dispatch::new(&self, lease, &coverage, over.clone(), committed);
                match dispatch.check_rejects_before() {
                    Some(error) => DispatchResult::from_error(error),
                    None => self.join_stages(coverage, dispatch, &over).await,
                }
            }
            Some(Err(error)) => DispatchResult::from_error(error),
            None => DispatchResult::default(),
        };
        let can_repeat_run = dispatched.can_repeat_run() && !stop.is_cancelled();
        // a run that ended by an error is resumed, and its last process notes them
        if dispatched.error.is_none()
            && let Err(error) = self.note_skipped(&lease, &mut dispatched).await
        {
            dispatched.error = Some(error);
        }
        if dispatched.error.is_none() {
            dispatched.error = dispatched.find_shortfall(stop.is_cancelled());
        }
        if dispatched.error.is_none() && dispatched.reached == Some(RunEnd::Feed) {
            let releases = self.before.counts.releases + dispatched.counts.releases;
            match self.find_shrunk(&lease, releases).await {
                Ok(shrunk) => dispatched.note_shrunk(shrunk),
                Err(error) => dispatched.error = Some(error),
            }
        }
        // it may request the beginning of the feed, so the lease is kept until it has ended
        let assessed = stop
            .run_until_cancelled(self.assess(&mut dispatched, run_start))
            .await;
        let stuck = match assessed {
            Some(Ok(stuck)) => stuck,
            Some(Err(error)) => {
                warn!(source.name = %self.source.name, error = %error.chain(), "could not find out whether the run is stuck");
                Stuck::default()
            }
            None => Stuck::default(),
        };
        let mut absence = match self.mark_absent(&lease, &dispatched, stop).await {
            Ok(absence) => absence,
            Err(error) => {
                dispatched.error = Some(error);
                Absence::default()
            }
        };
        absence.returned = self.sink.count_returned();
        let mut compiled = Compiled::default();
        let compiling = self
            .compile(&lease, compile_task, &dispatched, stop, &mut compiled)
            .await;
        drained.cancel();
        self.end_log(log).await;
        let mut end = dispatched.decide_end(self.job.spec.to_page, stuck);
        // the pages are stored, and the next run compiles the rest
        if let Err(error) = &compiling {
            end.error.get_or_insert_with(|| error.chain());
        }
        let mut is_lost = false;
        if let Err(error) = self.end(heartbeat, &end).await {
            is_lost = error.kind() == Kind::Lost;
            if error.kind().is_lost_lease_or_data() {
                end.verdict = Verdict::Truncated;
            }
            // a lost lease or a lost page is the cause of the earlier error, so it replaces that
            // error
            if error.kind() == Kind::Lease || (is_lost && can_repeat_run) {
                dispatched.error = Some(error);
            } else {
                if is_lost {
                    warn!(source.name = %self.source.name, run.id = lease.run_id, "{}", error.chain());
                }
                dispatched.error.get_or_insert(error);
            }
        }
        let totals = match is_lost {
            true => self.read_totals(lease.run_id).await,
            false => self.compute_totals(&dispatched),
        };
        if let Err(error) = compiling {
            dispatched.error.get_or_insert(error);
        }
        self.tell_absent(&absence);
        tell_compiled(&self.source.name, &compiled);
        let run = (lease.run_id, resumed_from, end.verdict);
        let outcome = self.build_outcome(run, totals, dispatched);
        Outcome {
            report: Report {
                compiled,
                absent: absence,
                ..outcome.report
            },
            ..outcome
        }
    }

    /// Begins to compile processes while the run lasts, if the run is one of those that do.
    fn spawn_compile(&self, lease: Lease) -> Option<CompileTask> {
        let is_incremental = self.job.moves_watermark() && !self.is_first;
        let interval = self.config.compile.interval;
        (is_incremental && self.compiler.is_on())
            .then(|| CompileTask::spawn(Arc::clone(&self.compiler), lease, interval))
    }

    /// Compiles the processes that are still in the queue once all pages are committed. If the
    /// database is away, that is left to the next run, because this one would wait for it twice.
    async fn compile(
        &self,
        lease: &Lease,
        task: Option<CompileTask>,
        dispatched: &DispatchResult,
        stop: &CancellationToken,
        compiled: &mut Compiled,
    ) -> Result<()> {
        if let Some(task) = task {
            *compiled += task.end().await?;
        }
        match dispatched.error.as_ref().map(Error::kind) {
            Some(kind) if kind.is_lost_lease_or_data() => return Ok(()),
            Some(Kind::Environment) if self.compiler.declare().await.is_err() => return Ok(()),
            _ => {}
        }
        let compiling = self.compiler.compile(lease, Until::Empty, stop, compiled);
        match compiling.await {
            Ok(true) => Ok(()),
            Ok(false) if self.compiler.is_up_to_date().await? => Ok(()),
            Ok(false) => Err(stopped_error()),
            Err(error) => Err(error),
        }
    }

    async fn query<T, F>(&self, what: &str, attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        query(self.source, self.config, what, attempt).await
    }

    /// Returns what the run has made durable, if the database has kept everything that it
    /// confirmed.
    fn compute_totals(&self, dispatched: &DispatchResult) -> Totals {
        let mut totals = self.before;
        totals.pages += dispatched.pages;
        totals.counts += dispatched.counts;
        totals
    }

    /// Reads what the database still has of a run after it has lost some of it. If that cannot be
    /// read, the counts are zero.
    async fn read_totals(&self, run_id: i64) -> Totals {
        let read = || ledger::read_totals(self.database, run_id);
        let totals = self.query("read what is left of the run", read).await;
        let totals = totals.unwrap_or_else(|error| {
            warn!(source.name = %self.source.name, error = %error.chain(), "the report counts nothing");
            Totals::default()
        });
        // the requests of this process are added later
        Totals {
            requests: self.before.requests,
            ..totals
        }
    }

    fn announce(&self, run_id: i64, resume: Option<&Resume>) {
        let name = &self.source.name;
        let what = match resume {
            Some(resume) => match resume.page() {
                Some(page) => format!("resumes after page {page}"),
                None => format!("resumes with {} chains begun", resume.chains.len()),
            },
            None => "begins".into(),
        };
        info!(source.name = %name, run.id = run_id, "run {run_id} of {name} {what}");
    }

    /// Decides what the run covers: its dates, all values of its axes, and the pages at which an
    /// unfinished run continues.
    async fn decide_coverage(&self, lease: &Lease, resume: Option<Resume>) -> Result<Coverage> {
        if let Some(error) = self.check_stuck(resume.as_ref()).await? {
            return Err(error);
        }
        let refused = self.find_refused_pages(resume.as_ref()).await?;
        let scope = self.source.scope();
        let watermark = match self.job.moves_watermark() {
            true => {
                let read = || ledger::read_watermark(self.database, &self.source.name, &scope);
                self.query("read the watermark", read).await?
            }
            false => None,
        };
        let dates = match &*self.job.files {
            [] => self.decide_dates(lease, watermark.as_ref()).await?,
            _ => None,
        };
        let mut first = self.job.first.clone();
        let mut returns_to_stretch = false;
        if self.source.page.is_change_feed()
            && self.job.spec.unfinished != Unfinished::Restart
            && let Some(cursor) = watermark.and_then(|watermark| watermark.cursor)
        {
            first.cursor = fetch::rewind(&cursor);
            // a resumed run continues behind its pages
            let is_at_start = resume.as_ref().is_none_or(|it| it.chains.is_empty());
            if is_at_start && let Some(cursor) = self.find_readable_stretch(lease).await? {
                first.cursor = cursor;
                returns_to_stretch = true;
            }
        }
        let axes = match &*self.job.files {
            [] => fetch::fetch_axes(&self.fetcher).await?,
            files => files.iter().map(Input::axes).collect(),
        };
        let new = self.new_axes(lease, &scope, &axes).await?;
        let previous = self.read_previous_run(lease, resume.as_ref()).await?;
        let next = resume.iter().flat_map(|resume| &resume.chains);
        let mut next = next.filter_map(|resumed| resumed.next.as_ref());
        let is_opaque = next.any(|position| fetch::is_opaque(self.source, position))
            || fetch::is_opaque(self.source, &first);
        let stored_until = self.find_end(resume.as_ref()).await?;
        let begun = resume.into_iter().flat_map(|resume| resume.chains);
        let begun = begun.map(|resumed| (resumed.chain, resumed.next, resumed.items));
        let begun = BegunChains::new(begun);
        Ok(Coverage {
            plan: Plan::new(self.source, dates, axes, first)
                .with_new(self.source, dates, new)
                .resume(begun),
            dates,
            until: self.job.spec.to_page,
            previous,
            refused,
            returns_to_stretch,
            is_opaque,
            stored_until,
        })
    }

    /// Returns the cursor of the last page of a feed of changes, if earlier processes of the run
    /// have stored all pages. This one then reads no page that would move the watermark.
    async fn find_end(&self, resume: Option<&Resume>) -> Result<Option<Cursor>> {
        let chain = resume.and_then(|resume| resume.chains.first());
        let Some(chain) = chain.filter(|it| it.next.is_none() && self.source.page.is_change_feed())
        else {
            return Ok(None);
        };
        let (name, definition) = (&self.source.name, &self.job.spec.definition);
        let read = || ledger::find_page_cursor(self.database, name, definition, chain.after);
        self.query("read where the run has ended", read).await
    }

    /// Returns the values of axes that no run has walked from the beginning of the feed. The
    /// watermark holds only for the other values. Walked values are found in the pages of the
    /// runs that `ledger.keep_runs` keeps. Declared values are part of the scope, so they are
    /// never new.
    async fn new_axes(&self, lease: &Lease, scope: &str, axes: &[Axes]) -> Result<Vec<Axes>> {
        let is_index = |axis: &Axis| matches!(axis, Axis::Index(_));
        let may_have_new = self.source.window.is_some() && self.source.axis.values().any(is_index);
        if !may_have_new || !self.job.is_from_watermark() {
            return Ok(Vec::new());
        }
        let name = &self.source.name;
        let read = || ledger::read_walked_axes(self.database, name, scope, lease);
        let walked = self.query("read the values of axes", read).await?;
        let is_new = |axes: &&Axes| !walked.contains(&Scope::name_of(axes));
        Ok(axes.iter().filter(is_new).cloned().collect())
    }

    /// Returns the time that the run covers, if the source has windows. It is the time that an
    /// unfinished run began with, or else the dates of the job, or else the time from the
    /// watermark to now.
    async fn decide_dates(
        &self,
        lease: &Lease,
        watermark: Option<&Watermark>,
    ) -> Result<Option<TimeRange>> {
        let reached = watermark.and_then(|watermark| watermark.reached);
        let Some(usual) = fetch::incremental(self.source, reached, Timestamp::now()) else {
            return Ok(None);
        };
        let JobDates { from, until } = self.job.dates;
        let from = from.unwrap_or(usual.from);
        let until = until.unwrap_or(usual.to).max(from);
        let begin = || ledger::save_run_window(self.database, lease, (from, until));
        let (from, to) = self.query("keep the run's dates", begin).await?;
        Ok(Some(TimeRange { from, to }))
    }

    /// Joins the stages, and waits until all of them end. The channels have room for every page
    /// that may be fetched, so that no stage waits to send one. Otherwise a request that nobody
    /// polls would reach its time limit.
    async fn join_stages(
        &self,
        coverage: Coverage,
        dispatch: Dispatch,
        over: &CancellationToken,
    ) -> DispatchResult {
        let (fetched_sender, fetched) = mpsc::channel(self.max_pages_ahead());
        let (extracted_sender, extracted) = mpsc::channel(self.max_pages_ahead());
        let fetching = self.spawn_fetch(coverage, fetched_sender, over.clone());
        let extracting = self.spawn_extract(fetched, extracted_sender);
        let mut dispatched = dispatch.run(extracted).await;
        over.cancel();
        for stage in [fetching, extracting] {
            if let Err(error) = stage.await {
                let error = Error::unexpected("a stage of the pipeline stopped").with_source(error);
                dispatched.error.get_or_insert(error);
            }
        }
        dispatched
    }

    /// Returns how many pages may be fetched but not committed. It is at least one more than the
    /// number of requests at once, because requests would otherwise wait for commits.
    fn max_pages_ahead(&self) -> usize {
        self.config
            .fetch
            .ahead
            .max(self.source.http.concurrency + 1)
    }

    fn spawn_fetch(
        &self,
        coverage: Coverage,
        sender: mpsc::Sender<Result<Event>>,
        over: CancellationToken,
    ) -> JoinHandle<()> {
        let start = fetch::Start {
            plan: coverage.plan,
            fullest: usize::try_from(self.before.fullest).unwrap_or_default(),
            until: coverage.until,
            max_pages: self.job.max_pages,
            files: self.job.files.clone(),
            previous: coverage.previous,
            refused: coverage.refused,
            returns_to_stretch: coverage.returns_to_stretch,
        };
        let budget = PageBudget::new(self.max_pages_ahead(), self.config.fetch.ahead_bytes);
        let store_from = self.job.store_from;
        let events = fetch::pages(Arc::clone(&self.fetcher), start, budget, over);
        tokio::spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                let Some(event) = skip_page_before(store_from, event) else {
                    continue;
                };
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        })
    }

    /// Reads pages one after another, each on a thread that may block. One core reads faster than
    /// two cores write. The memory that a page needs is known before the next page is read.
    fn spawn_extract(
        &self,
        mut fetched: mpsc::Receiver<Result<Event>>,
        sender: mpsc::Sender<Result<Event<ReadPage>>>,
    ) -> JoinHandle<()> {
        let reader = Arc::new(Reader {
            options: extract::Options {
                max_items: self.config.fetch.max_items,
                redactor: self.fetcher.redactor(),
                ..extract::Options::new(self.source, &self.config.extract)
            },
            rules: Arc::clone(&self.rules),
            progress: Arc::clone(&self.progress),
            secret_warning: SecretWarning::new(&self.source.name, self.fetcher.redactor()),
        });
        let budget = PageBudget::new(self.max_pages_ahead(), self.config.fetch.ahead_bytes);
        tokio::spawn(async move {
            while let Some(event) = fetched.recv().await {
                let read = match event {
                    Ok(event) => read_event(&reader, &budget, event).await,
                    Err(error) => Err(error),
                };
                if sender.send(read).await.is_err() {
                    return;
                }
            }
        })
    }

    fn spawn_log(
        &self,
        run_id: i64,
        requests: mpsc::Receiver<Request>,
        drained: CancellationToken,
    ) -> Option<JoinHandle<Result<()>>> {
        let database = self.database.clone();
        let settings = self.config.database.clone();
        self.config.ledger.requests.then(|| {
            tokio::spawn(async move {
                ledger::log_requests(&database, &settings, run_id, requests, drained).await
            })
        })
    }

    /// Waits some time for the last rows of the log. Missing rows are reported, but the run does
    /// not fail.
    async fn end_log(&self, log: Option<JoinHandle<Result<()>>>) {
        let Some(mut log) = log else { return };
        let lost = self.fetcher.dropped_request_rows();
        if lost > 0 {
            warn!(source.name = %self.source.name, "{lost} requests are not in ocds.request");
        }
        let ended = tokio::time::timeout(self.config.lease.ttl / 2, &mut log).await;
        let error = match ended {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error,
            Ok(Err(error)) => Error::unexpected("the log of requests stopped").with_source(error),
            Err(_) => {
                log.abort();
                // the task was cancelled, so its result says nothing
                let _ = log.await;
                Error::environment("the database did not answer in time")
            }
        };
        warn!(error = %error.chain(), "the last requests are not in ocds.request");
    }

    async fn end(&self, heartbeat: JoinHandle<Heartbeat>, end: &End) -> Result<()> {
        let heart = heartbeat
            .await
            .map_err(|e| Error::unexpected("the heartbeat stopped").with_source(e))?;
        heart.end(end, self.config).await
    }

    fn build_outcome(
        &self,
        (run_id, resumed_from, verdict): (i64, Option<u64>, Verdict),
        mut totals: Totals,
        dispatched: DispatchResult,
    ) -> Outcome {
        let requests = self.fetcher.counters();
        totals.requests += requests;
        let Requests {
            requests: sent,
            retries,
            bytes,
        } = requests;
        metrics::add_requests(&self.source.name, sent, retries, bytes);
        report::measure(&self.source.name, &dispatched.counts);
        report::tell_older(&self.source.name, dispatched.counts.older);
        report::tell_unread_values(&self.source.name, &dispatched.values);
        report::tell_extra_commas(&self.source.name, dispatched.extra_commas);
        report::tell_unfetched(self.source, dispatched.unfetched);
        report::tell_passed_over(&self.source.name, &dispatched.passed_over);
        report::tell_inferred(&self.source.name, &dispatched.inferred);
        Outcome {
            report: Report::new(self, run_id, resumed_from, &totals, &dispatched, verdict),
            error: dispatched.error,
        }
    }
}

/// Returns `None` for a page before the first page that is stored. Returns an error if the feed
/// ends with such a page.
fn skip_page_before(store_from: u64, event: Result<Event>) -> Option<Result<Event>> {
    if let Ok(Event::Page(fetched, _)) = &event
        && let Fetched::Page(page) = &**fetched
        && page.position.number < store_from
    {
        let is_last = page.next.is_none();
        return is_last.then(|| Err(ends_before_error(store_from, page.position.number)));
    }
    Some(event)
}

fn ends_before_error(from_page: u64, last: u64) -> Error {
    Error::config(format!(
        "the feed ends at page {last}, before --from-page {from_page}"
    ))
}

/// Reads the page of an event, if it has one. First waits until the budget has memory for one
/// release of each item. The page may need more, because some items hold several releases.
async fn read_event(
    reader: &Arc<Reader>,
    budget: &PageBudget,
    event: Event,
) -> Result<Event<ReadPage>> {
    let (fetched, permit) = match event.into_page() {
        Ok(page) => page,
        Err(event) => return Ok(event),
    };
    let read = match *fetched {
        Fetched::Unchanged(page) => Fetched::Unchanged(page),
        Fetched::Unreadable(page) => Fetched::Unreadable(page),
        Fetched::Page(page) => {
            let bytes = page.count_document_items() * RELEASE_BYTES;
            let mut permit = budget.acquire(bytes).await;
            let reader = Arc::clone(reader);
            let (record, extracted) = tokio::task::spawn_blocking(move || reader.extract(page))
                .await
                .map_err(|e| Error::unexpected("extract a page").with_source(e))?;
            permit.set_bytes(extracted.estimate_memory());
            Fetched::Page(ReadPage {
                record,
                extracted,
                permit,
            })
        }
    };
    Ok(Event::Page(Box::new(read), permit))
}

struct Reader {
    options: extract::Options,
    rules: Arc<str>,
    progress: Arc<Progress>,
    secret_warning: SecretWarning,
}

impl Reader {
    fn extract(&self, page: Page) -> (PageRecord, Extracted) {
        self.progress.set_total_pages(page.total_pages);
        let extracted = extract::extract(&page, &self.options);
        self.secret_warning.check_page(&page, &extracted.releases);
        let record = PageRecord {
            rules: Some(Arc::clone(&self.rules)),
            unkept: extracted.unkept.values().sum(),
            ..page.into_record()
        };
        (record, extracted)
    }
}
