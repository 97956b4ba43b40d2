//! Stage 3: the only writer of releases. A page becomes durable whole.
//!
//! [`Sink::commit`] is one transaction: the lease is held, the page's releases
//! go in by batches, then its rejects, then its own row. If the page's row is
//! there afterwards, everything is; no row is written outside. A page that is
//! sent again because the reply to its commit was lost meets its own row, and
//! is rolled back.
//!
//! Statements are pipelined: a page of a few batches and no bad row costs two
//! round trips, one for its rows and one to commit. One more reads the hashes of
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
//! let asked = ledger::Asked::incremental("my-source", "version 1");
//! let claim = ledger::claim(&database, &asked, &config.lease).await?;
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
mod fold;
mod lease;
mod page;
mod prepare;
mod reject;
mod release;
mod replay;
mod transaction;
mod unreadable;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use deadpool_postgres::ObjectId;
use tokio_postgres::types::Type;
use tracing::warn;

use self::commit::PageCommit;
use self::fold::fold;
use self::release::FETCHED;
use crate::bulk;
use crate::config::{self, Config};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Counts, Lease};
use crate::page::{PageRecord, UnreadablePage};
use crate::release::{Reject, Release};
use crate::retry::Backoff;

/// Writes the pages of one source.
#[derive(Debug)]
pub struct Sink {
    database: Database,
    source: String,
    settings: config::Sink,
    limits: Limits,
    /// The upsert of n rows at n - 1, built when first needed.
    statements: Vec<OnceLock<Statement>>,
    /// The connections on which our statements are prepared.
    prepared_on: Mutex<HashSet<ObjectId>>,
    /// Whether the page committed last had releases that were stored before it.
    has_met_stored: AtomicBool,
    /// Whether storing a release may resolve a reject. Without an open reject,
    /// which is how sources should be, pages are spared the statement.
    has_open_rejects: AtomicBool,
}

/// An upsert's text and the types of its parameters.
#[derive(Debug)]
struct Statement {
    sql: String,
    types: Vec<Type>,
}

/// How long the server may take, and be away.
#[derive(Debug)]
struct Limits {
    /// As PostgreSQL reads them, in milliseconds.
    statement_timeout: String,
    lock_timeout: String,
    idle_in_transaction_timeout: String,
    /// The statement's own limit and time for the answer to travel.
    reply_timeout: Duration,
    retry_for: Duration,
    /// Whether the statements that pages share are prepared.
    prepare: bool,
}

impl Limits {
    fn new(settings: &config::Database) -> Self {
        let milliseconds = |limit: Duration| limit.as_millis().to_string();
        Self {
            statement_timeout: milliseconds(settings.statement_timeout),
            lock_timeout: milliseconds(settings.lock_timeout),
            idle_in_transaction_timeout: milliseconds(settings.idle_in_transaction_timeout),
            reply_timeout: settings.statement_timeout + Duration::from_secs(5),
            retry_for: settings.retry_for,
            prepare: settings.prepare,
        }
    }
}

/// The waits between attempts to reach a server that is away: short at first,
/// for a restart takes a second, and never so long that its return goes unseen.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Sink {
    /// A sink for the pages of a source.
    ///
    /// # Errors
    /// `sink.batch_size` rows need more parameters than a statement can have,
    /// or the database cannot be asked.
    pub async fn open(database: Database, source: &str, config: &Config) -> Result<Self> {
        let settings = config.sink.clone();
        check_batch_size(&settings)?;
        let has_open_rejects = {
            let connection = database.connection().await?;
            let sql = include_str!("../../sql/sink/has_open_rejects.sql");
            let rows = connection
                .query_typed(sql, &[(&source, Type::TEXT)])
                .await?;
            rows.first().is_some_and(|row| row.get(0))
        };
        Ok(Self {
            database,
            source: source.to_owned(),
            limits: Limits::new(&config.database),
            statements: (0..settings.batch_size).map(|_| OnceLock::new()).collect(),
            settings,
            prepared_on: Mutex::default(),
            has_met_stored: AtomicBool::new(true),
            has_open_rejects: AtomicBool::new(has_open_rejects),
        })
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
        let mut patience = self.patience(format!("commit page {}", page.position.number));
        loop {
            let commit = PageCommit::new(self, lease, page, &folded, &rejects);
            match commit.run().await {
                Ok(counts) => return Ok(counts),
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    /// Keeps a page that could not be read: in quarantine and nowhere else, so
    /// that a resume asks for it again.
    ///
    /// # Errors
    /// As [`Sink::commit`].
    pub async fn quarantine_page(&self, lease: &Lease, page: &UnreadablePage) -> Result<()> {
        let reject = Reject::unreadable_page(page.body.clone(), page.message.clone());
        let mut patience = self.patience(format!("quarantine page {}", page.position.number));
        loop {
            match unreadable::keep_unreadable(self, lease, page, &reject).await {
                Ok(()) => return Ok(()),
                Err(error) => patience.wait(error).await?,
            }
        }
    }

    fn patience(&self, what: String) -> Patience<'_> {
        Patience {
            source: &self.source,
            what,
            give_up: Instant::now() + self.limits.retry_for,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// The upsert of so many rows, at most `sink.batch_size`.
    fn statement(&self, rows: usize) -> &Statement {
        self.statements[rows - 1].get_or_init(|| Statement {
            sql: FETCHED.statement(rows),
            types: FETCHED.types(rows),
        })
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

/// Waits out what is the server's trouble, for as long as is allowed.
struct Patience<'a> {
    source: &'a str,
    what: String,
    give_up: Instant,
    backoff: Backoff,
}

impl Patience<'_> {
    /// Waits before the next attempt, or gives the error back if there is none.
    async fn wait(&mut self, error: Error) -> Result<()> {
        let what = &self.what;
        let wait = self.backoff.next_wait();
        if !error.is_transient() || Instant::now() + wait > self.give_up {
            return Err(error.context(what));
        }
        warn!(source.name = %self.source, error = %error.chain(), "{what}: trying again in {wait:.1?}");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Whether a statement has parameters enough for a batch.
///
/// # Errors
/// It has not; the message names the key and the most rows.
pub fn check_batch_size(settings: &config::Sink) -> Result<()> {
    let most = FETCHED.max_rows();
    if settings.batch_size <= most {
        return Ok(());
    }
    Err(Error::config(format!(
        "key `sink.batch_size`: {} rows need more than the {} parameters of a statement; {most} is the most",
        settings.batch_size,
        bulk::MAX_PARAMETERS,
    )))
}
