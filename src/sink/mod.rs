//! Stage 3: writes releases, one page in one transaction. Nothing else writes releases.
//!
//! [`Sink::commit`] opens a transaction that holds the lease. A [`bulk::Writer`] writes the
//! page's releases in batches, then its rejects, then the packages to which these rows refer, then
//! the processes that have to be compiled, and the page's own row comes last. So if that row exists
//! after the commit, the whole page is stored. It is not inserted first and updated at the end,
//! because each page would leave a dead row. If the reply to a commit is lost, the page is sent
//! again. The second attempt finds the page's row and is rolled back.
//!
//! Statements are pipelined. A page with a few batches and no bad row costs two round trips:
//! one for its rows and one for the commit. Compiled releases cost a third. Another one reads
//! the hashes of the stored releases, so that unchanged releases are not sent. It is skipped if
//! the previous page had only new releases, as in a backfill; the upsert itself does not
//! rewrite unchanged rows.
//!
//! If the server refuses a batch because of its data, the batch is written again row by row,
//! and the rows that fail become rejects. If the server itself has a problem, no row is blamed:
//! the whole page is sent again on a new connection.
//!
//! A program with releases from elsewhere can use the sink by itself:
//!
//! ```no_run
//! # async fn example(body: Vec<u8>) -> ocds_ingest::error::Result<()> {
//! use ocds_ingest::{config, database::Database, extract, ledger, page::Page, pipeline};
//! use ocds_ingest::{sink::Sink, source};
//!
//! let config = config::Config::default();
//! let database = Database::open(&config.database, 4).await?;
//! database.migrate().await?;
//! let always = source::Overwrite::Always;
//! let sink = Sink::open(database.clone(), "my-source", &config, always).await?;
//! let page = Page::from_json("https://example.com/releases.json", body)?;
//! let extracted = extract::extract(&page, &extract::Options::default());
//! let record = page.into_record();
//!
//! let spec = ledger::RunSpec::incremental("my-source", "version 1");
//! let counts = pipeline::under_lease(&database, &spec, &config, |lease, holder| async move {
//!     let stored = sink.commit(&lease, &record, extracted.releases, extracted.rejects).await;
//!     (holder, stored)
//! });
//! let counts = counts.await?;
//! println!("{} inserted, {} updated", counts.inserted, counts.updated);
//! # Ok(())
//! # }
//! ```

mod absence;
mod changed;
mod commit;
mod compiled;
mod fold;
mod history;
mod package;
mod page;
mod purge;
mod queue;
mod reject;
mod release;
mod replay;
mod unchanged;
mod walked;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::types::Type;

pub use self::absence::Absence;
use self::commit::PageCommit;
use self::fold::fold_duplicates;
use self::package::{INSERT_PACKAGES, PackageRows};
use self::page::INSERT_PAGE;
pub use self::purge::{Purge, PurgedRows};
use self::queue::QUEUE_PROCESSES;
use self::reject::{RejectWriter, ReplayResultWriter};
use self::release::choose_verb;
pub use self::release::{FETCHED, FetchedReleases, Served, TABLE};
pub use self::replay::RetriedReject;
use crate::bulk::{self, Batching, Session, Transaction, WriterLimits};
use crate::config::{self, Config, Method};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Counts, HOLD_LEASE, Lease, begin_with_lease, signed};
use crate::page::{Chain, PageRecord, Position, UnchangedPage, UnreadablePage};
use crate::redact::Redactor;
use crate::release::{Reason, Reject, Release};
use crate::retry::Retry;
use crate::source::Overwrite;

/// Writes the pages of one source.
#[derive(Debug)]
pub struct Sink {
    database: Database,
    source: String,
    settings: config::Sink,
    session: Session,
    overwrite: Overwrite,
    fetched: FetchedReleases,
    fetched_compiled: FetchedReleases,
    rejects: RejectWriter,
    replay_results: ReplayResultWriter,
    /// True if the processes of changed releases are queued, so that they are compiled.
    queues_processes: bool,
    pages: PagesOf,
    /// True if a release of the source is marked as absent. Few sources have any, and the pages of
    /// the others skip the statement that clears the marks.
    has_absent: OnceLock<bool>,
    /// The number of releases whose marks were cleared.
    returned: AtomicU64,
    /// True if the last committed page had releases that were already stored.
    last_page_met_stored: AtomicBool,
    /// True if a stored release may resolve a reject. Most sources have no open rejects, and
    /// their pages skip the statement that resolves them.
    has_open_rejects: AtomicBool,
}

/// Says of what the pages of a sink are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PagesOf {
    /// The pages of a walk through a whole feed. The keys that they have met are kept, so that it can
    /// be seen which releases the publisher no longer serves.
    WholeFeed,
    /// Some pages of a feed.
    #[default]
    Feed,
    /// Files, which say nothing about what the publisher serves now.
    Files,
}

/// The maximum number of statements for which rows of a page are held in memory. It equals the
/// number of statements in flight.
const MAX_BATCHES: usize = 16;

impl Sink {
    /// Opens a sink for the pages of a source. `overwrite` says whether a release overwrites a
    /// stored one with the same key that is newer.
    ///
    /// # Errors
    ///
    /// A batch of `sink.batch_size` rows needs more parameters than a statement can have, or the
    /// database query fails.
    pub async fn open(
        database: Database,
        source: &str,
        config: &Config,
        overwrite: Overwrite,
    ) -> Result<Self> {
        let settings = config.sink.clone();
        let fetched =
            |plan| FetchedReleases::from_plan(&choose_verb(plan, overwrite), batching(&settings));
        let (fetched, fetched_compiled) = (fetched(FETCHED)?, fetched(compiled::FETCHED)?);
        let session = Session::new(&config.database)
            .with_prepared(&[&fetched.operation, &fetched_compiled.operation])
            .with_prepared_texts(&[HOLD_LEASE, INSERT_PAGE, INSERT_PACKAGES, QUEUE_PROCESSES]);
        let sql = include_str!("../../sql/sink/has_open_rejects.sql");
        let unresolvable = Reason::ALL.into_iter().filter(|it| !it.can_be_resolved());
        let unresolvable: Vec<&str> = unresolvable.map(Reason::as_str).collect();
        let parameters = [
            (&source as _, Type::TEXT),
            (&unresolvable as _, Type::TEXT_ARRAY),
        ];
        let rows = database.query(sql, &parameters).await?;
        let has_open_rejects = rows.first().is_some_and(|row| row.get(0));
        Ok(Self {
            database,
            source: source.to_owned(),
            session,
            overwrite,
            fetched,
            fetched_compiled,
            settings,
            rejects: RejectWriter::new()?,
            replay_results: ReplayResultWriter::new()?,
            queues_processes: true,
            pages: PagesOf::default(),
            has_absent: OnceLock::new(),
            returned: AtomicU64::new(0),
            last_page_met_stored: AtomicBool::new(true),
            has_open_rejects: AtomicBool::new(has_open_rejects),
        })
    }

    /// Sets the redactor that removes the source's secrets from rejects before they are stored.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.rejects.redactor = redactor;
        self
    }

    /// Sets whether the processes of changed releases are queued in `ocds.compile_queue`. They are
    /// unless this is called; they need not be if the source is not compiled and has no rows of
    /// processes.
    #[must_use]
    pub fn queue_processes(mut self, must_queue: bool) -> Self {
        self.queues_processes = must_queue;
        self
    }

    /// Sets of what the pages are. By default, they are some pages of a feed.
    #[must_use]
    pub fn with_pages_of(mut self, pages: PagesOf) -> Self {
        self.pages = pages;
        self
    }

    /// Stores a page in one transaction: its releases, its rejects and its own row. If the page
    /// is stored already, nothing changes, and the counts of the stored page are returned.
    ///
    /// While the server is unreachable, the page is sent again for at most `database.retry_for`.
    ///
    /// # Errors
    ///
    /// The lease is lost ([`Kind::Lease`](crate::error::Kind::Lease)), the server is unreachable
    /// for too long ([`Kind::Environment`](crate::error::Kind::Environment)), or the server
    /// returns an error that no row has caused.
    pub async fn commit(
        &self,
        lease: &Lease,
        page: &PageRecord,
        releases: Vec<Release>,
        rejects: Vec<Reject>,
    ) -> Result<Counts> {
        let folded = fold_duplicates(releases, self.overwrite);
        let retry = self.new_retry("page", format!("commit page {}", page.position.number));
        // Each attempt creates a new commit, so that it has its own timestamp.
        let attempt = async || {
            let commit = PageCommit {
                sink: self,
                lease,
                page,
                folded: &folded,
                rejects: &rejects,
                served: self.describe_page(lease, (&page.chain, &page.position), page.fetched_at),
            };
            commit.run().await
        };
        retry.run(attempt).await
    }

    /// Stores the row of a page that has not changed since an earlier run. The caller knows that
    /// the stored releases of the page are still as the earlier run left them. The new row is a
    /// copy of the earlier run's row and counts all stored releases as unchanged. Rejects of the
    /// earlier run stay open, so that a replay can try them.
    ///
    /// # Errors
    ///
    /// The commit fails for one of the reasons that [`Sink::commit`] lists, or the database has
    /// lost the row of the earlier run ([`Kind::Lost`](crate::error::Kind::Lost)).
    pub async fn commit_unchanged(&self, lease: &Lease, page: &UnchangedPage) -> Result<Counts> {
        let retry = self.new_retry("page", format!("commit page {}", page.position.number));
        retry
            .run(|| unchanged::commit_unchanged(self, lease, page))
            .await
    }

    /// Stores an unreadable page in quarantine only. The page gets no row of its own, so a
    /// resumed run fetches it again.
    ///
    /// # Errors
    ///
    /// As [`Sink::commit`].
    pub async fn quarantine_page(&self, lease: &Lease, page: &UnreadablePage) -> Result<()> {
        let (body, message) = (page.body.clone(), page.message.clone());
        let reject = match page.is_refused {
            true => Reject::refused_page(body, page.position.cursor.to_string(), message),
            false => Reject::unreadable_page(body, message),
        };
        let served = self.describe_page(lease, (&page.chain, &page.position), page.fetched_at);
        self.quarantine_unstored(lease, &served, &page.url, &[reject])
            .await
    }

    /// Stores the rejects of a page that has too many of them. The page gets no row of its own
    /// either.
    ///
    /// # Errors
    ///
    /// As [`Sink::commit`].
    pub async fn quarantine_rejects(
        &self,
        lease: &Lease,
        page: &PageRecord,
        rejects: &[Reject],
    ) -> Result<()> {
        let served = self.describe_page(lease, (&page.chain, &page.position), page.fetched_at);
        self.quarantine_unstored(lease, &served, &page.url, rejects)
            .await
    }

    async fn quarantine_unstored(
        &self,
        lease: &Lease,
        served: &Served,
        url: &str,
        rejects: &[Reject],
    ) -> Result<()> {
        let retry = self.new_retry("page", format!("quarantine page {}", served.page_number));
        let attempt = async || {
            // Each attempt has its own timestamp.
            let mut served = served.clone();
            served.now = Timestamp::now();
            let mut transaction = self.begin(lease).await?;
            let limits = self.writer_limits();
            self.rejects
                .write(&mut transaction, (&served, url), rejects.iter(), limits)
                .await?;
            let packages = PackageRows::collect([], rejects);
            packages
                .write(&transaction, &self.source, served.now)
                .await?;
            transaction.commit().await?;
            self.note_open_rejects();
            Ok(())
        };
        retry.run(attempt).await
    }

    /// Collects the values that all rows of a page share.
    fn describe_page(
        &self,
        lease: &Lease,
        (chain, position): (&Chain, &Position),
        fetched_at: Timestamp,
    ) -> Served {
        Served {
            source: self.source.clone(),
            run_id: lease.run_id,
            chain: chain.to_string(),
            chain_number: chain.number(),
            overwrite: self.overwrite,
            page_number: signed(position.number),
            now: Timestamp::now(),
            fetched_at,
        }
    }

    async fn begin(&self, lease: &Lease) -> Result<Transaction> {
        begin_with_lease(&self.database, &self.session, lease).await
    }

    fn new_retry(&self, kind: &'static str, task: impl Into<String>) -> Retry {
        self.session.new_retry(kind, task).for_source(&self.source)
    }

    /// Returns limits for the rows of a page that are held in memory before they are sent.
    fn writer_limits(&self) -> WriterLimits {
        let rows = match self.settings.method {
            Method::Row | Method::Upsert => self.settings.batch_size.saturating_mul(MAX_BATCHES),
            Method::Copy => usize::MAX,
        };
        WriterLimits {
            rows,
            bytes: self.settings.batch_bytes * 2,
            interval: Duration::MAX,
        }
    }

    /// Returns true if releases of the next page may be stored already. The previous page
    /// decides, because a run usually meets new releases next to each other, and stored releases
    /// next to each other.
    fn should_read_hashes(&self) -> bool {
        self.last_page_met_stored.load(Ordering::Relaxed)
    }

    /// Records whether a page had releases that were stored before. A page without releases
    /// leaves the record as it is.
    fn remember_stored(&self, counts: &Counts) {
        let met = counts.updated + counts.unchanged + counts.older > 0;
        if met || counts.inserted > 0 {
            self.last_page_met_stored.store(met, Ordering::Relaxed);
        }
    }

    fn note_open_rejects(&self) {
        self.has_open_rejects.store(true, Ordering::Relaxed);
    }
}

/// Returns the method and the sizes with which a page's releases are divided into statements.
fn batching(settings: &config::Sink) -> Batching {
    let (method, rows) = match settings.method {
        Method::Row => (bulk::Method::Values, 1),
        Method::Upsert => (bulk::Method::Values, settings.batch_size),
        Method::Copy => (bulk::Method::Copy, settings.batch_size),
    };
    Batching {
        method,
        rows,
        bytes: settings.batch_bytes,
    }
}

/// Checks the configuration of the sink.
///
/// # Errors
///
/// A batch needs more parameters than a statement can have, or `COPY` is configured although
/// prepared statements are disabled. The message names the configuration key.
pub fn check(config: &Config) -> Result<()> {
    let fetched = FetchedReleases::new(Batching {
        rows: config.sink.batch_size,
        ..Batching::default()
    });
    fetched.map_err(|e| e.context("key `sink.batch_size`"))?;
    if config.sink.method == Method::Copy && !config.database.prepare {
        return Err(Error::config(
            "key `sink.method`: \"copy\" needs prepared statements, but `database.prepare` is false",
        ));
    }
    Ok(())
}
