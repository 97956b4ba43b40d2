//! Fetch, extract and sink joined: one run of one source.
//!
//! The stages are joined by bounded channels. A page takes room before it is
//! fetched and gives it back when it and all pages before it are durable, so a
//! slow database slows the requests down, and a killed run has never fetched
//! more than `fetch.ahead` pages that it must fetch again.
//!
//! Only this module knows all three stages, and only it spawns; whatever it
//! spawns it joins. A run is stopped at one place, the fetch loop; the rest
//! drains because its channel closes.

mod dispatch;
mod progress;
mod purge;
mod replay;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::dispatch::{Dispatch, Dispatched};
pub use self::progress::{Progress, Snapshot};
pub use self::purge::{Purged, purge};
pub use self::replay::{Replayed, replay};
pub use self::report::{Outcome, Report};
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extracted};
use crate::fetch::{self, Client, Fetched};
use crate::ledger::{
    self, Asked, Claim, End, Holder, Requests, Resume, RunKind, Totals, Unfinished, Verdict,
};
use crate::metrics;
use crate::page::{PageRecord, Position, UnreadablePage};
use crate::request::Request;
use crate::sink::Sink;
use crate::source::Source;

/// Pages extracted at once, each on a thread of its own: one core extracts
/// faster than two write, and two keep a large page from holding up small ones.
const EXTRACTORS: usize = 2;

/// Requests that wait to be logged: so many are never under way while the log
/// writes a batch.
const REQUESTS: usize = 1_000;

/// The walk that a run makes over a source's pages.
#[derive(Clone, Debug)]
pub struct Walk {
    /// What the ledger is asked for.
    pub asked: Asked,
    /// The first page to fetch, unless an unfinished run goes on behind it.
    pub first: Position,
    /// Pages before this number are walked over and not stored.
    pub store_from: u64,
    /// The most pages to fetch in this process.
    pub max_pages: Option<u64>,
}

impl Walk {
    /// The whole feed of a source, from where the last run stopped.
    #[must_use]
    pub fn incremental(source: &Source) -> Self {
        let first = fetch::first(source);
        Self {
            asked: Asked {
                first_page: first.number,
                ..Asked::incremental(&source.name, source.definition())
            },
            store_from: first.number,
            first,
            max_pages: None,
        }
    }

    /// The pages of a source from one number to another, whatever other runs
    /// have done. A source whose pages are linked is asked for its page as the
    /// last run that reached it asked, else walked from its first page.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn backfill(
        database: &Database,
        source: &Source,
        from_page: u64,
        to_page: Option<u64>,
    ) -> Result<Self> {
        let definition = source.definition();
        let from_page = from_page.max(fetch::first(source).number);
        let first = match fetch::at(source, from_page) {
            Some(position) => position,
            None => ledger::known_cursor(database, &source.name, &definition, from_page)
                .await?
                .map_or_else(
                    || fetch::first(source),
                    |cursor| Position {
                        number: from_page,
                        cursor,
                    },
                ),
        };
        Ok(Self {
            asked: Asked {
                source: source.name.clone(),
                kind: RunKind::Backfill,
                definition,
                from_page: Some(from_page),
                to_page,
                first_page: from_page,
                unfinished: Unfinished::Resume,
            },
            first,
            store_from: from_page,
            max_pages: None,
        })
    }
}

/// Runs a walk over a source and says how it went.
///
/// When `stop` is cancelled it fetches nothing more, commits what was fetched,
/// and ends.
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
    let (log, requests) = mpsc::channel(REQUESTS);
    let mut client = Client::new(source, &config.fetch)?;
    if config.ledger.requests {
        client = client.logging_to(log);
    }
    let client = Arc::new(client);
    let claim = ledger::claim(database, &walk.asked, &config.lease).await?;
    // after the claim: what another holder refused till then is known to it
    let sink = Arc::new(Sink::open(database.clone(), &source.name, config).await?);
    let before = {
        let connection = database.connection().await?;
        ledger::totals(&connection, claim.lease.run_id).await?
    };
    progress.begin(&before, Arc::clone(&client));
    let run = Run {
        source,
        config,
        database,
        walk,
        client,
        sink,
        progress: Arc::clone(progress),
        began: Instant::now(),
        before,
    };
    Ok(Box::pin(run.finish(claim, requests, stop)).await)
}

/// What a run uses while it lasts.
struct Run<'a> {
    source: &'a Source,
    config: &'a Config,
    database: &'a Database,
    walk: &'a Walk,
    client: Arc<Client>,
    sink: Arc<Sink>,
    progress: Arc<Progress>,
    began: Instant,
    /// What processes before this one made durable.
    before: Totals,
}

/// Where fetching begins, and the last page wanted.
struct Stretch {
    start: Position,
    until: Option<u64>,
}

/// A page between extract and sink.
struct Work {
    item: Item,
    room: OwnedSemaphorePermit,
}

enum Item {
    Page(Box<PageRecord>, Extracted),
    Unreadable(Box<UnreadablePage>),
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
        let resumed_from = resume.as_ref().and_then(|resume| resume.after);
        self.announce(lease.run_id, resumed_from);

        // cancelled by the stop, by the end, or by a lost lease
        let over = stop.child_token();
        // the lease is kept while what was fetched is still being committed
        let drained = CancellationToken::new();
        let heartbeat = self.spawn_heartbeat(holder, over.clone(), drained.clone());
        let log = self.spawn_log(lease.run_id, requests, drained.clone());
        let stretch = self.stretch(resume);
        let until = stretch.as_ref().and_then(|stretch| stretch.until);
        let dispatch = Dispatch::new(&self, lease, until, over.clone());
        let mut dispatched = match (dispatch.refuses_to_begin(), stretch) {
            (Some(error), _) => Dispatched::failed(error),
            (None, Some(stretch)) => self.walk(stretch, dispatch, &over).await,
            (None, None) => dispatch.nothing_left(),
        };
        drained.cancel();
        self.end_log(log).await;
        if dispatched.error.is_none() {
            dispatched.error = dispatched.shortfall(stop.is_cancelled());
        }
        let end = dispatched.end(self.walk.asked.to_page, is_resumed);
        if let Err(error) = self.end(heartbeat, &end).await {
            // a lost lease is why the walk ended early, and not just one more failure
            if error.kind() == Kind::Lease {
                dispatched.error = Some(error);
            } else {
                dispatched.error.get_or_insert(error);
            }
        }
        self.outcome(lease.run_id, resumed_from, end.verdict, dispatched)
    }

    fn announce(&self, run_id: i64, resumed_from: Option<u64>) {
        let name = &self.source.name;
        let what = match resumed_from {
            Some(page) => format!("goes on behind page {page}"),
            None => "begins".into(),
        };
        info!(source.name = %name, run.id = run_id, "run {run_id} of {name} {what}");
    }

    /// What is left to fetch; `None` if the end of the feed was reached before.
    fn stretch(&self, resume: Option<Resume>) -> Option<Stretch> {
        let start = match resume {
            Some(Resume {
                after: Some(_),
                next,
            }) => next?,
            Some(Resume { after: None, .. }) | None => self.walk.first.clone(),
        };
        let asked = self.walk.asked.to_page;
        if asked.is_some_and(|last| start.number > last) {
            return None;
        }
        let limit = self
            .walk
            .max_pages
            .map(|pages| start.number.saturating_add(pages).saturating_sub(1));
        let until = match (asked, limit) {
            (Some(asked), Some(limit)) => Some(asked.min(limit)),
            (asked, limit) => asked.or(limit),
        };
        Some(Stretch { start, until })
    }

    /// Joins the stages and waits until they are done. The channels have room for
    /// every page that may be under way, so that no stage waits to hand one on:
    /// a request that nobody polls would run into its time limit.
    async fn walk(
        &self,
        stretch: Stretch,
        dispatch: Dispatch,
        over: &CancellationToken,
    ) -> Dispatched {
        let (fetched_sender, fetched) = mpsc::channel(self.config.fetch.ahead);
        let (extracted_sender, extracted) = mpsc::channel(self.config.fetch.ahead);
        let fetching = self.spawn_fetch(stretch, fetched_sender, over.clone());
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

    fn spawn_fetch(
        &self,
        stretch: Stretch,
        sender: mpsc::Sender<Result<(Fetched, OwnedSemaphorePermit)>>,
        over: CancellationToken,
    ) -> JoinHandle<()> {
        let start = fetch::Start {
            position: stretch.start,
            fullest: usize::try_from(self.before.fullest).unwrap_or_default(),
            until: stretch.until,
        };
        let room = Arc::new(Semaphore::new(self.config.fetch.ahead));
        let store_from = self.walk.store_from;
        let pages = fetch::pages(Arc::clone(&self.client), start, room, over);
        tokio::spawn(async move {
            let mut pages = std::pin::pin!(pages);
            while let Some(page) = pages.next().await {
                let delivery = match page {
                    Ok((Fetched::Page(page), _)) if page.position.number < store_from => {
                        if page.next.is_some() {
                            continue;
                        }
                        Err(ends_before(store_from, page.position.number))
                    }
                    page => page,
                };
                if sender.send(delivery).await.is_err() {
                    return;
                }
            }
        })
    }

    /// Extracts several pages at once and passes them on in the order they came.
    fn spawn_extract(
        &self,
        mut fetched: mpsc::Receiver<Result<(Fetched, OwnedSemaphorePermit)>>,
        sender: mpsc::Sender<Result<Work>>,
    ) -> JoinHandle<()> {
        let options = Arc::new(extract::Options::new(self.source, &self.config.extract));
        let progress = Arc::clone(&self.progress);
        tokio::spawn(async move {
            let fetched = futures::stream::poll_fn(move |context| fetched.poll_recv(context));
            let works = fetched.map(|page| {
                let options = Arc::clone(&options);
                let progress = Arc::clone(&progress);
                async move {
                    let (fetched, room) = page?;
                    let item =
                        tokio::task::spawn_blocking(move || extract(fetched, &options, &progress))
                            .await
                            .map_err(|e| Error::unexpected("extract a page").with_source(e))?;
                    Ok(Work { item, room })
                }
            });
            let mut works = std::pin::pin!(works.buffered(EXTRACTORS));
            while let Some(work) = works.next().await {
                if sender.send(work).await.is_err() {
                    return;
                }
            }
        })
    }

    /// Keeps the lease alive until the run has drained, and gives the holder back.
    /// A lost lease ends the run.
    fn spawn_heartbeat(
        &self,
        mut holder: Holder,
        over: CancellationToken,
        drained: CancellationToken,
    ) -> JoinHandle<(Holder, Result<()>)> {
        let every = self.config.lease.heartbeat;
        let patience = self.config.lease.ttl / 2;
        let client = Arc::clone(&self.client);
        tokio::spawn(async move {
            while drained
                .run_until_cancelled(tokio::time::sleep(every))
                .await
                .is_some()
            {
                let beat = holder.beat(asked(&client));
                let Err(error) = in_time(patience, beat).await else {
                    continue;
                };
                if error.kind() == Kind::Lease {
                    over.cancel();
                    return (holder, Err(error));
                }
                warn!(error = %error.chain(), "the heartbeat was not heard");
            }
            (holder, Ok(()))
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
        let lost = self.client.unlogged();
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

    /// Writes the run's end, as patiently as a page.
    async fn end(&self, heartbeat: JoinHandle<(Holder, Result<()>)>, end: &End) -> Result<()> {
        let (mut holder, beaten) = heartbeat
            .await
            .map_err(|e| Error::unexpected("the heartbeat stopped").with_source(e))?;
        beaten?;
        let give_up = Instant::now() + self.config.database.retry_for;
        let patience = self.config.lease.ttl / 2;
        let ended = loop {
            let ending = holder.end(end, asked(&self.client));
            match in_time(patience, ending).await {
                Err(error) if error.is_transient() && Instant::now() < give_up => {
                    warn!(error = %error.chain(), "the run's end could not be written: trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                ended => break ended.map_err(|e| e.context("end the run")),
            }
        };
        let forgetting = holder.forget(self.config.ledger.keep_runs);
        if let (Ok(()), Err(error)) = (&ended, in_time(patience, forgetting).await) {
            warn!(error = %error.chain(), "runs of long ago could not be forgotten");
        }
        ended
    }

    fn outcome(
        &self,
        run_id: i64,
        resumed_from: Option<u64>,
        verdict: Verdict,
        dispatched: Dispatched,
    ) -> Outcome {
        let Dispatched {
            pages,
            counts,
            unreadable,
            error,
            ..
        } = dispatched;
        let mut totals = self.before;
        totals.pages += pages;
        totals.counts += counts;
        let requests = asked(&self.client);
        totals.requests += requests;
        let Requests {
            requests: sent,
            retries,
            bytes,
        } = requests;
        metrics::fetched(&self.source.name, sent, retries, bytes);
        report::measure(&self.source.name, &counts);
        let report = Report::new(
            self,
            run_id,
            resumed_from,
            &totals,
            unreadable,
            counts.releases,
            verdict,
        );
        Outcome { report, error }
    }
}

/// A feed is not as long as a backfill was told.
fn ends_before(from_page: u64, last: u64) -> Error {
    Error::config(format!(
        "the feed ends at page {last}, before --from-page {from_page}"
    ))
}

/// The server's own time limits do not help where it cannot be heard.
async fn in_time<T>(limit: Duration, reply: impl Future<Output = Result<T>>) -> Result<T> {
    let silence = |_| Error::environment("the database did not answer in time");
    tokio::time::timeout(limit, reply).await.map_err(silence)?
}

fn asked(client: &Client) -> Requests {
    let counters = client.counters();
    Requests {
        requests: counters.requests,
        retries: counters.retries,
        bytes: counters.bytes,
    }
}

fn extract(fetched: Fetched, options: &extract::Options, progress: &Progress) -> Item {
    match fetched {
        Fetched::Page(page) => {
            progress.tell_total(page.total_pages);
            let extracted = extract::extract(&page, options);
            Item::Page(Box::new(page.into_record()), extracted)
        }
        Fetched::Unreadable(page) => Item::Unreadable(Box::new(page)),
    }
}
