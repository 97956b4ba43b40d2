//! Fetch, extract and sink joined: one run of one source.
//!
//! The stages are joined by bounded channels. A page takes its place before it is
//! fetched and gives it back when it and all pages before it are durable, so a
//! slow database slows the requests down, and a killed run has never fetched
//! more than `fetch.ahead` pages, of `fetch.ahead_bytes`, that it must fetch again.
//! Before it is read it takes a second place, of as many bytes, for what is read out of
//! it: tiny releases take more memory than they weigh.
//!
//! Only this module knows all three stages, and only it spawns; whatever it
//! spawns it joins. A run is stopped at one place, the fetch loop; the rest
//! drains because its channel closes.

mod commit_order;
mod committed;
mod dispatch;
mod echo;
mod frontier;
mod heart;
mod memory;
mod progress;
mod purge;
mod replay;
mod report;
mod walk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::committed::Committed;
use self::dispatch::{Dispatch, Dispatched};
use self::echo::EchoWatch;
use self::heart::{Heart, Marks};
pub use self::progress::{Progress, Snapshot};
pub use self::purge::{Purged, purge};
pub use self::replay::{Replayed, replay};
pub use self::report::{Outcome, Report};
use self::walk::Dates;
pub use self::walk::Walk;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extracted};
use crate::fetch::{
    self, Axes, Begun, Event, Fetched, Fetcher, Input, PageBudget, Permit, Plan, PreviousRun,
    Scope, Stretch,
};
use crate::ledger::{
    self, Claim, End, Holder, Lease, Requests, Resume, RunUpdate, Totals, Unfinished, Verdict,
    Watermark,
};
use crate::metrics;
use crate::page::{Page, PageRecord};
use crate::release::OF_RELEASE;
use crate::request::Request;
use crate::retry::Patience;
use crate::sink::Sink;
use crate::source::{Axis, Source};

/// Requests that wait to be logged: so many are never under way while the log
/// writes a batch.
const REQUESTS: usize = 1_000;

/// Runs a walk over a source and says how it went.
///
/// When `stop` is cancelled it fetches nothing more, commits what was fetched,
/// and ends. Where the database has lost commits that it had answered, the source is
/// claimed again and what is missing is fetched.
///
/// # Errors
/// The run never began: another run holds the source, its definition cannot be
/// used, or the database cannot be asked. What ends a run that has begun is in
/// its outcome.
pub async fn run(
    database: &Database,
    source: &Source,
    config: &Config,
    walk: &Walk,
    stop: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Outcome> {
    let began = Instant::now();
    let mut walk = walk.clone();
    let mut first_pages = None;
    let mut last: Option<Outcome> = None;
    let mut losses = 0;
    loop {
        let begin = begin_run(database, source, config, &walk, progress);
        let begun = stop
            .run_until_cancelled(Box::pin(begin))
            .await
            .unwrap_or_else(|| Err(Error::new(Kind::Truncated, "stopped before it began")));
        let begun = match (begun, last.take()) {
            (Ok(begun), _) => begun,
            (Err(error), None) => return Err(error),
            // what was fetched before the loss is still to be reported
            (Err(error), Some(outcome)) => {
                return Ok(Outcome {
                    error: Some(error),
                    ..outcome
                });
            }
        };
        // what a pass before this one has fetched and the database still has
        let first = *first_pages.get_or_insert(begun.before.pages);
        let fetched = u64::try_from(begun.before.pages - first).unwrap_or_default();
        let rest = walk.without_pages(fetched);
        let run = Run {
            asking: Asking::new(source, config),
            source,
            config,
            database,
            walk: &rest,
            fetcher: begun.fetcher,
            sink: begun.sink,
            progress: Arc::clone(progress),
            began,
            before: begun.before,
            rules: memory::rules(source, config).into(),
        };
        let outcome = Box::pin(run.finish(begun.claim, begun.requests, stop)).await;
        let Some(error) = outcome.error.as_ref().filter(|e| e.kind() == Kind::Lost) else {
            return Ok(outcome);
        };
        if losses == MOST_LOSSES || !walk.can_be_repeated() || stop.is_cancelled() {
            return Ok(outcome);
        }
        warn!(source.name = %source.name, run.id = outcome.report.run_id, "{}: fetching what is missing", error.chain());
        // the run that was to be begun anew has begun, unless that was lost as well
        if walk.asked.unfinished == Unfinished::Restart {
            walk.asked.unfinished = Unfinished::ResumeRun(outcome.report.run_id);
        }
        losses += 1;
        last = Some(outcome);
    }
}

/// How often one run does again what the database has lost. A server that loses commits
/// more often has to be looked at by somebody.
const MOST_LOSSES: u32 = 3;

/// Work during which the server was started again, or replaced, each time it was done.
fn server_changed(work: &str) -> Error {
    let message = format!("the database server was replaced again and again during the {work}");
    Error::new(Kind::Lost, message)
}

/// Writes the end of work that has no news, as patiently as a page.
async fn end_work(holder: &mut Holder, end: &End, config: &Config) -> Result<()> {
    let deadline = Instant::now() + config.database.retry_for;
    loop {
        match holder.end(end, &RunUpdate::default()).await {
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                warn!(error = %error.chain(), "could not write the end of the run: trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            ended => return ended,
        }
    }
}

/// Of what came of some work, and of its end, what says why: where the database has lost the
/// claim, the work could not go on either.
fn prefer_loss(work: Result<()>, ended: Result<()>) -> Result<()> {
    match ended {
        Err(error) if error.kind() == Kind::Lost => Err(error),
        ended => work.and(ended),
    }
}

/// What a run begins with.
struct ClaimedRun {
    claim: Claim,
    fetcher: Arc<Fetcher>,
    requests: mpsc::Receiver<Request>,
    sink: Arc<Sink>,
    before: Totals,
}

/// Claims the source, or claims it again after the database has lost commits.
async fn begin_run(
    database: &Database,
    source: &Source,
    config: &Config,
    walk: &Walk,
    progress: &Arc<Progress>,
) -> Result<ClaimedRun> {
    let (log, requests) = mpsc::channel(REQUESTS);
    let mut fetcher = Fetcher::new(source, &config.fetch)?;
    if config.ledger.requests {
        fetcher = fetcher.send_request_rows_to(log);
    }
    let fetcher = Arc::new(fetcher);
    let asking = Asking::new(source, config);
    let claim = ledger::claim(database, &walk.asked, &config.lease).await?;
    // after the claim: what another holder refused till then is known to it
    let open = || Sink::open(database.clone(), &source.name, config);
    let sink = asking.ask("open the sink", open).await?;
    let totals = || ledger::totals(database, claim.lease.run_id);
    let before = asking.ask("read what the run has", totals).await?;
    progress.begin(&before, Arc::clone(&fetcher), walk.bytes());
    Ok(ClaimedRun {
        claim,
        requests,
        sink: Arc::new(sink.with_redactor(fetcher.redactor())),
        fetcher,
        before,
    })
}

/// Asks a database that was there a moment ago, and may be away for one.
struct Asking<'a> {
    /// The source's.
    name: &'a str,
    /// For how long it is asked again.
    retry_for: Duration,
}

impl<'a> Asking<'a> {
    fn new(source: &'a Source, config: &Config) -> Self {
        Self {
            name: &source.name,
            retry_for: config.database.retry_for,
        }
    }

    async fn ask<T, F>(&self, what: &str, attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let patience = Patience::new("question", what, self.retry_for);
        patience.of(self.name).over(attempt).await
    }
}

/// What a run uses while it lasts.
struct Run<'a> {
    asking: Asking<'a>,
    source: &'a Source,
    config: &'a Config,
    database: &'a Database,
    walk: &'a Walk,
    fetcher: Arc<Fetcher>,
    sink: Arc<Sink>,
    progress: Arc<Progress>,
    began: Instant,
    /// What processes before this one made durable.
    before: Totals,
    /// A digest of all that pages become rows by.
    rules: Arc<str>,
}

/// What a run covers.
struct Ground {
    plan: Plan,
    /// The dates of its windows, if it has any.
    stretch: Option<Stretch>,
    /// The last page wanted.
    until: Option<u64>,
    /// What the run before made of its pages.
    memory: PreviousRun,
}

/// A page, and what was extracted from it.
#[derive(Debug)]
struct ReadPage {
    record: PageRecord,
    extracted: Extracted,
    /// The permit for what was extracted.
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

        // cancelled by the stop, by the end, or by a lost lease
        let over = stop.child_token();
        // the lease is kept while what was fetched is still being committed
        let drained = CancellationToken::new();
        let committed = Arc::new(Committed::default());
        let marks = Marks {
            scope: self.walk.moves_watermark().then(|| self.source.scope()),
            from: watch::Sender::new(None),
            committed: Arc::clone(&committed),
        };
        let from = marks.from.clone();
        let heart = Heart::new(holder, marks, Arc::clone(&self.fetcher), &self.config.lease);
        let heartbeat = tokio::spawn(heart.beat(over.clone(), drained.clone()));
        let log = self.spawn_log(lease.run_id, requests, drained.clone());
        let ground = over.run_until_cancelled(self.ground(&lease, resume)).await;
        let mut dispatched = match ground {
            Some(Ok(ground)) => {
                from.send_replace(ground.stretch.map(|stretch| stretch.from));
                self.progress.expect(ground.plan.starts().values().sum());
                let dispatch = Dispatch::new(&self, lease, &ground, over.clone(), committed);
                match dispatch.refuses_to_begin() {
                    Some(error) => Dispatched::failed(error),
                    None => self.walk(ground, dispatch, &over).await,
                }
            }
            Some(Err(error)) => Dispatched::failed(error),
            None => Dispatched::default(),
        };
        drained.cancel();
        self.end_log(log).await;
        let may_repeat = dispatched.may_repeat() && !stop.is_cancelled();
        if dispatched.error.is_none() {
            dispatched.error = dispatched.shortfall(stop.is_cancelled());
        }
        let mut end = dispatched.end(self.walk.asked.to_page, is_resumed);
        let mut is_lost = false;
        if let Err(error) = self.end(heartbeat, &end).await {
            is_lost = error.kind() == Kind::Lost;
            if error.kind().ends_lease() {
                end.verdict = Verdict::Truncated;
            }
            // a lost lease, or a lost page, is why the walk ended early, and not just one
            // more failure
            if error.kind() == Kind::Lease || (is_lost && may_repeat) {
                dispatched.error = Some(error);
            } else if is_lost {
                warn!(source.name = %self.source.name, run.id = lease.run_id, "{}", error.chain());
                dispatched.error.get_or_insert(error);
            } else {
                dispatched.error.get_or_insert(error);
            }
        }
        let totals = match is_lost {
            true => self.read_totals(lease.run_id).await,
            false => self.totals(&dispatched),
        };
        self.outcome(lease.run_id, resumed_from, end.verdict, totals, dispatched)
    }

    /// What the run has made durable, if the database has kept all that it confirmed.
    fn totals(&self, dispatched: &Dispatched) -> Totals {
        let mut totals = self.before;
        totals.pages += dispatched.pages;
        totals.counts += dispatched.counts;
        totals
    }

    /// Reads what is left of a run of which the database has lost some. Nothing is known of
    /// one that cannot be read.
    async fn read_totals(&self, run_id: i64) -> Totals {
        let read = || ledger::totals(self.database, run_id);
        let totals = self.asking.ask("read what is left of the run", read).await;
        let totals = totals.unwrap_or_else(|error| {
            warn!(source.name = %self.source.name, error = %error.chain(), "the report counts nothing");
            Totals::default()
        });
        // those of this process are added to it
        Totals {
            requests: self.before.requests,
            ..totals
        }
    }

    fn announce(&self, run_id: i64, resume: Option<&Resume>) {
        let name = &self.source.name;
        let what = match resume {
            Some(resume) => match resume.page() {
                Some(page) => format!("goes on behind page {page}"),
                None => format!("goes on, {} of its chains begun", resume.chains.len()),
            },
            None => "begins".into(),
        };
        info!(source.name = %name, run.id = run_id, "run {run_id} of {name} {what}");
    }

    /// What the run covers: the dates it began with, all values of its axes, and
    /// from where an unfinished run goes on.
    async fn ground(&self, lease: &Lease, resume: Option<Resume>) -> Result<Ground> {
        let scope = self.source.scope();
        let watermark = match self.walk.moves_watermark() {
            true => {
                let read = || ledger::watermark(self.database, &self.source.name, &scope);
                self.asking.ask("read the watermark", read).await?
            }
            false => None,
        };
        let stretch = match &*self.walk.files {
            [] => self.stretch(lease, watermark.as_ref()).await?,
            _ => None,
        };
        let mut first = self.walk.first.clone();
        if self.source.page.is_change_feed()
            && let Some(cursor) = watermark.and_then(|watermark| watermark.cursor)
        {
            first.cursor = fetch::beginning(&cursor);
        }
        let axes = match &*self.walk.files {
            [] => fetch::fetch_axes(&self.fetcher).await?,
            files => files.iter().map(Input::axes).collect(),
        };
        let new = self.new_axes(lease, &scope, &axes).await?;
        let memory = self.memory(lease, resume.as_ref()).await?;
        let begun = resume.into_iter().flat_map(|resume| resume.chains);
        let begun = begun.map(|resumed| (resumed.chain, resumed.next, resumed.items));
        let begun = Begun::new(begun);
        Ok(Ground {
            plan: Plan::new(self.source, stretch, axes, first)
                .with_new(self.source, stretch, new)
                .resuming(begun),
            stretch,
            until: self.walk.asked.to_page,
            memory,
        })
    }

    /// The values of axes that no run has walked from the beginning of the feed: the
    /// watermark is that of the others. Lists are declared, and belong to the scope.
    async fn new_axes(&self, lease: &Lease, scope: &str, axes: &[Axes]) -> Result<Vec<Axes>> {
        let is_index = |axis: &Axis| matches!(axis, Axis::Index(_));
        let may_have_new = self.source.window.is_some() && self.source.axis.values().any(is_index);
        if !may_have_new || !self.walk.is_from_watermark() {
            return Ok(Vec::new());
        }
        let name = &self.source.name;
        let read = || ledger::walked_axes(self.database, name, scope, lease);
        let walked = self.asking.ask("read the values of axes", read).await?;
        let is_new = |axes: &&Axes| !walked.contains(&Scope::name_of(axes));
        Ok(axes.iter().filter(is_new).cloned().collect())
    }

    /// The dates that the run covers, if the source has windows: those asked for,
    /// else from the watermark to the present; of an unfinished run, as it began.
    async fn stretch(
        &self,
        lease: &Lease,
        watermark: Option<&Watermark>,
    ) -> Result<Option<Stretch>> {
        let reached = watermark.and_then(|watermark| watermark.reached);
        let Some(usual) = fetch::incremental(self.source, reached, Timestamp::now()) else {
            return Ok(None);
        };
        let Dates { from, until } = self.walk.dates;
        let from = from.unwrap_or(usual.from);
        let until = until.unwrap_or(usual.to).max(from);
        let begin = || ledger::save_run_window(self.database, lease, (from, until));
        let (from, to) = self.asking.ask("keep the run's dates", begin).await?;
        Ok(Some(Stretch { from, to }))
    }

    /// Joins the stages and waits until they are done. The channels have room for
    /// every page that may be under way, so that no stage waits to hand one on:
    /// a request that nobody polls would run into its time limit.
    async fn walk(
        &self,
        ground: Ground,
        dispatch: Dispatch,
        over: &CancellationToken,
    ) -> Dispatched {
        let (fetched_sender, fetched) = mpsc::channel(self.ahead());
        let (extracted_sender, extracted) = mpsc::channel(self.ahead());
        let fetching = self.spawn_fetch(ground, fetched_sender, over.clone());
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

    /// How many pages may be fetched and not yet committed: at least one more than
    /// are asked for at once, or requests would wait for commits.
    fn ahead(&self) -> usize {
        self.config
            .fetch
            .ahead
            .max(self.source.http.concurrency + 1)
    }

    fn spawn_fetch(
        &self,
        ground: Ground,
        sender: mpsc::Sender<Result<Event>>,
        over: CancellationToken,
    ) -> JoinHandle<()> {
        let start = fetch::Start {
            plan: ground.plan,
            fullest: usize::try_from(self.before.fullest).unwrap_or_default(),
            until: ground.until,
            max_pages: self.walk.max_pages,
            files: self.walk.files.clone(),
            previous: ground.memory,
        };
        let budget = PageBudget::new(self.ahead(), self.config.fetch.ahead_bytes);
        let store_from = self.walk.store_from;
        let events = fetch::pages(Arc::clone(&self.fetcher), start, budget, over);
        tokio::spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                let event = match event {
                    Ok(Event::Page(fetched, permit)) => match *fetched {
                        Fetched::Page(page) if page.position.number < store_from => {
                            if page.next.is_some() {
                                continue;
                            }
                            Err(ends_before(store_from, page.position.number))
                        }
                        fetched => Ok(Event::Page(Box::new(fetched), permit)),
                    },
                    event => event,
                };
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        })
    }

    /// Reads pages one after the other, each on a thread that may block: one core reads
    /// faster than two write, and what a page takes is known before the next one is read.
    fn spawn_extract(
        &self,
        mut fetched: mpsc::Receiver<Result<Event>>,
        sender: mpsc::Sender<Result<Event<ReadPage>>>,
    ) -> JoinHandle<()> {
        let reader = Arc::new(Reader {
            options: extract::Options {
                max_items: self.config.fetch.max_items,
                ..extract::Options::new(self.source, &self.config.extract)
            },
            rules: Arc::clone(&self.rules),
            progress: Arc::clone(&self.progress),
            echoes: EchoWatch::new(&self.source.name, self.fetcher.redactor()),
        });
        let budget = PageBudget::new(self.ahead(), self.config.fetch.ahead_bytes);
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

    /// Logs requests until the run has drained.
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

    /// Waits for the log's last rows, for a while. What it lacks is said and is no
    /// reason for the run to fail.
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
                // cancelled, and its rows are named in the log
                let _ = log.await;
                Error::environment("the database did not answer in time")
            }
        };
        warn!(error = %error.chain(), "the last requests are not in ocds.request");
    }

    /// Writes the run's end.
    async fn end(&self, heartbeat: JoinHandle<Heart>, end: &End) -> Result<()> {
        let heart = heartbeat
            .await
            .map_err(|e| Error::unexpected("the heartbeat stopped").with_source(e))?;
        heart.end(end, self.config).await
    }

    fn outcome(
        &self,
        run_id: i64,
        resumed_from: Option<u64>,
        verdict: Verdict,
        mut totals: Totals,
        dispatched: Dispatched,
    ) -> Outcome {
        let requests = asked(&self.fetcher);
        totals.requests += requests;
        let Requests {
            requests: sent,
            retries,
            bytes,
        } = requests;
        metrics::fetched(&self.source.name, sent, retries, bytes);
        report::measure(&self.source.name, &dispatched.counts);
        report::tell_unread_amounts(&self.source.name, dispatched.unread_amounts);
        let report = Report::new(self, run_id, resumed_from, &totals, &dispatched, verdict);
        Outcome {
            report,
            error: dispatched.error,
        }
    }
}

/// A feed is not as long as a backfill was told.
fn ends_before(from_page: u64, last: u64) -> Error {
    Error::config(format!(
        "the feed ends at page {last}, before --from-page {from_page}"
    ))
}

fn asked(fetcher: &Fetcher) -> Requests {
    let counters = fetcher.counters();
    Requests {
        requests: counters.requests,
        retries: counters.retries,
        bytes: counters.bytes,
    }
}

/// Reads the page of an event, if it has one, once the budget allows what will be extracted: a
/// release of each item, or more where items hold others.
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
            let bytes = page.entries_of_documents() * OF_RELEASE;
            let mut permit = budget.acquire(bytes).await;
            let reader = Arc::clone(reader);
            let (record, extracted) = tokio::task::spawn_blocking(move || reader.extract(page))
                .await
                .map_err(|e| Error::unexpected("extract a page").with_source(e))?;
            permit.set_bytes(extracted.bytes());
            Fetched::Page(ReadPage {
                record,
                extracted,
                permit,
            })
        }
    };
    Ok(Event::Page(Box::new(read), permit))
}

/// What pages are read by.
struct Reader {
    options: extract::Options,
    rules: Arc<str>,
    progress: Arc<Progress>,
    echoes: EchoWatch,
}

impl Reader {
    fn extract(&self, page: Page) -> (PageRecord, Extracted) {
        self.progress.tell_total(page.total_pages);
        let extracted = extract::extract(&page, &self.options);
        self.echoes.look_at(&page, &extracted.releases);
        let record = PageRecord {
            rules: Some(Arc::clone(&self.rules)),
            ..page.into_record()
        };
        (record, extracted)
    }
}
