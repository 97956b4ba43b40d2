//! Stage 3: the only writer of releases. A page becomes durable whole.
//!
//! [`Sink::commit`] is one transaction: the lease is held, a [`bulk::Writer`]
//! takes the page's releases by batches and then its rejects, and its own row
//! comes last. If the page's row is
//! there afterwards, everything is; no release is written outside. A page that is
//! sent again because the reply to its commit was lost meets its own row, and
//! is rolled back.
//!
//! Statements are pipelined: a page of a few batches and no bad row costs two
//! round trips, one for its rows and one to commit; its compiled releases, if it has
//! any, cost a third. One more reads the hashes of
//! what is stored, so that unchanged releases are not sent, unless nothing of
//! the page before was: a backfill is spared it, and the upsert rewrites no
//! unchanged row by itself. A batch that the server refuses for the data's sake
//! is written again row by row, and the rows that fail become rejects. What is
//! the server's trouble is never a row's: the page is sent again, on a new
//! connection.
//!
//! A program that got its releases elsewhere uses the sink by itself:
//!
//! ```no_run
//! # async fn example(page: ocds_ingest::page::Page) -> ocds_ingest::error::Result<()> {
//! use ocds_ingest::{config, database::Database, extract, ledger, sink::Sink};
//!
//! let config = config::Config::default();
//! let database = Database::open(&config.database, 4).await?;
//! database.migrate().await?;
//! let spec = ledger::RunSpec::incremental("my-source", "version 1");
//! let claim = ledger::claim(&database, &spec, &config.lease).await?;
//! let sink = Sink::open(database.clone(), "my-source", &config).await?;
//!
//! let extracted = extract::extract(&page, &extract::Options::default());
//! let record = page.into_record();
//! let counts = sink.commit(&claim.lease, &record, extracted.releases, extracted.rejects).await?;
//! println!("{} inserted, {} updated", counts.inserted, counts.updated);
//! # Ok(())
//! # }
//! ```

mod commit;
mod compiled;
mod fold;
mod lease;
mod page;
mod purge;
mod reject;
mod release;
mod replay;
mod unchanged;
mod unreadable;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use self::commit::PageCommit;
use self::compiled::{FetchedCompiled, ReplayedCompiled};
use self::fold::fold;
use self::lease::{HOLD_LEASE, begin_holding};
use self::page::INSERT_PAGE;
pub use self::purge::{Gone, Purge};
use self::reject::{Rejects, Settlements};
use self::release::Replayed;
pub use self::release::{FETCHED, Fetched, Served, TABLE};
pub use self::replay::Tried;
use self::unreadable::Unstored;
use crate::bulk::{self, Batching, Session, Transaction, WriterLimits};
use crate::config::{self, Config, Method};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Counts, Lease, signed};
use crate::page::{Chain, PageRecord, Position, UnchangedPage, UnreadablePage};
use crate::redact::Redactor;
use crate::release::{Reject, Release};
use crate::retry::Patience;

/// Writes the pages of one source.
#[derive(Debug)]
pub struct Sink {
    database: Database,
    source: String,
    settings: config::Sink,
    session: Session,
    fetched: Fetched,
    fetched_compiled: FetchedCompiled,
    replayed: Replayed,
    replayed_compiled: ReplayedCompiled,
    rejects: Rejects,
    settlements: Settlements,
    /// Whether the page committed last had releases that were stored before it.
    has_met_stored: AtomicBool,
    /// Whether storing a release may resolve a reject. Without an open reject,
    /// which is how sources should be, pages are spared the statement.
    has_open_rejects: AtomicBool,
}

/// The most statements' worth of a page's releases that is held as rows: as many
/// as are under way together.
const MOST_BATCHES: usize = 16;

impl Sink {
    /// A sink for the pages of a source.
    ///
    /// # Errors
    /// `sink.batch_size` rows need more parameters than a statement can have,
    /// or the database cannot be asked.
    pub async fn open(database: Database, source: &str, config: &Config) -> Result<Self> {
        let settings = config.sink.clone();
        let fetched = Fetched::new(batching(&settings))?;
        let fetched_compiled = FetchedCompiled::new(batching(&settings))?;
        let session = Session::new(&config.database)
            .preparing(&[&fetched.operation, &fetched_compiled.operation])
            .preparing_texts(&[HOLD_LEASE, INSERT_PAGE]);
        let sql = include_str!("../../sql/sink/has_open_rejects.sql");
        let rows = database.query(sql, &[(&source, Type::TEXT)]).await?;
        let has_open_rejects = rows.first().is_some_and(|row| row.get(0));
        Ok(Self {
            database,
            source: source.to_owned(),
            session,
            fetched,
            fetched_compiled,
            settings,
            replayed: Replayed::new()?,
            replayed_compiled: ReplayedCompiled::new()?,
            rejects: Rejects::new()?,
            settlements: Settlements::new()?,
            has_met_stored: AtomicBool::new(true),
            has_open_rejects: AtomicBool::new(has_open_rejects),
        })
    }

    /// Keeps no secret that this redactor finds in what is refused.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.rejects.redactor = redactor;
        self
    }

    /// Makes a page durable: its releases, its rejects and its own row, all or
    /// nothing. A page that is durable already is left as it is, and its counts
    /// are given again.
    ///
    /// While the server is away the page is sent again, for at most
    /// `database.retry_for`.
    ///
    /// # Errors
    /// The lease is lost ([`Kind::Lease`](crate::error::Kind::Lease)), the
    /// server is away for too long
    /// ([`Kind::Environment`](crate::error::Kind::Environment)), or it refuses
    /// what no row is to blame for.
    pub async fn commit(
        &self,
        lease: &Lease,
        page: &PageRecord,
        releases: Vec<Release>,
        rejects: Vec<Reject>,
    ) -> Result<Counts> {
        let folded = fold(releases);
        let patience = self.patience("page", format!("commit page {}", page.position.number));
        // each attempt has a time of its own
        let attempt = async || {
            let commit = PageCommit::new(self, lease, page, &folded, &rejects);
            commit.run().await
        };
        patience.over(attempt).await
    }

    /// Makes a page durable that has not changed since a run before, of which it is
    /// known that its releases are stored as that run left them: its row is that run's
    /// with what it stored as unchanged. What was refused then stays refused, and a
    /// replay tries it again.
    ///
    /// # Errors
    /// As [`Sink::commit`].
    pub async fn keep_unchanged(&self, lease: &Lease, page: &UnchangedPage) -> Result<Counts> {
        let patience = self.patience("page", format!("commit page {}", page.position.number));
        patience
            .over(|| unchanged::keep_unchanged(self, lease, page))
            .await
    }

    /// Keeps a page that could not be read: in quarantine and nowhere else, so
    /// that a resume asks for it again.
    ///
    /// # Errors
    /// As [`Sink::commit`].
    pub async fn quarantine_page(&self, lease: &Lease, page: &UnreadablePage) -> Result<()> {
        let reject = Reject::unreadable_page(page.body.clone(), page.message.clone());
        let unstored = Unstored {
            chain: &page.chain,
            position: &page.position,
            url: &page.url,
            fetched_at: page.fetched_at,
            rejects: std::slice::from_ref(&reject),
        };
        self.keep_unstored(lease, &unstored).await
    }

    /// Keeps rejects of a page that is not stored because it has too many, in the same
    /// way.
    ///
    /// # Errors
    /// As [`Sink::commit`].
    pub async fn quarantine_rejects(
        &self,
        lease: &Lease,
        page: &PageRecord,
        rejects: &[Reject],
    ) -> Result<()> {
        let unstored = Unstored {
            chain: &page.chain,
            position: &page.position,
            url: &page.url,
            fetched_at: page.fetched_at,
            rejects,
        };
        self.keep_unstored(lease, &unstored).await
    }

    async fn keep_unstored(&self, lease: &Lease, page: &Unstored<'_>) -> Result<()> {
        let patience = self.patience("page", format!("quarantine page {}", page.position.number));
        let keep = || unreadable::keep_unstored(self, lease, page);
        patience.over(keep).await
    }

    /// What the rows of a page have in common.
    fn served(
        &self,
        lease: &Lease,
        (chain, position): (&Chain, &Position),
        fetched_at: Timestamp,
    ) -> Served {
        Served {
            source: self.source.clone(),
            run_id: lease.run_id,
            chain: chain.to_string(),
            page_number: signed(position.number),
            now: Timestamp::now(),
            fetched_at,
        }
    }

    /// Begins a transaction that holds the lease.
    async fn begin(&self, lease: &Lease) -> Result<Transaction> {
        begin_holding(&self.database, &self.session, lease).await
    }

    fn patience(&self, kind: &'static str, what: impl Into<String>) -> Patience {
        self.session.patience(kind, what).of(&self.source)
    }

    /// When a page's rows are sent, other than at its end.
    fn writer_limits(&self) -> WriterLimits {
        let rows = match self.settings.method {
            Method::Row | Method::Upsert => self.settings.batch_size.saturating_mul(MOST_BATCHES),
            Method::Copy => usize::MAX,
        };
        WriterLimits {
            rows,
            bytes: self.settings.batch_bytes * 2,
            interval: Duration::MAX,
        }
    }

    /// Whether a page's releases may be stored already. In a traversal the new
    /// ones are neighbours, and so are those that are not.
    fn expects_stored(&self) -> bool {
        self.has_met_stored.load(Ordering::Relaxed)
    }

    /// Remembers whether a page had releases that were stored before it; one
    /// without releases does not tell.
    fn remember_stored(&self, counts: &Counts) {
        let met = counts.updated + counts.unchanged > 0;
        if met || counts.inserted > 0 {
            self.has_met_stored.store(met, Ordering::Relaxed);
        }
    }

    fn expect_open_rejects(&self) {
        self.has_open_rejects.store(true, Ordering::Relaxed);
    }
}

/// How a page's releases are cut into statements.
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

/// Whether the sink can work as it is told to.
///
/// # Errors
/// A statement has not parameters enough for a batch, or `COPY` is asked for
/// where nothing may be prepared; the message names the key.
pub fn check(config: &Config) -> Result<()> {
    let checked = Fetched::new(Batching {
        rows: config.sink.batch_size,
        ..Batching::default()
    });
    checked.map_err(|e| e.context("key `sink.batch_size`"))?;
    if config.sink.method == Method::Copy && !config.database.prepare {
        return Err(Error::config(
            "key `sink.method`: \"copy\" prepares statements, and `database.prepare` is false",
        ));
    }
    Ok(())
}
