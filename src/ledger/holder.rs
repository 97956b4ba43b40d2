//! Renews the lease of a run, checks that the run's pages are durable, and ends the run.

use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tracing::warn;

use crate::database::{CloseOnDrop, Database, wait_for_reply};
use crate::error::{Error, Kind, Result};
use crate::ledger::begin_transaction::{Transaction, begin_transaction, read_server_identity};
use crate::ledger::claim::HeldRun;
use crate::ledger::verify::count_missing;
use crate::ledger::{Lease, PageSet, WatermarkMove, signed};
use crate::page::Cursor;
use crate::request::Requests;
use crate::retry::Retry;

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The run reached the end of its feed or range, and every page before that end is durable.
    Complete,
    /// The run ended before the end of its feed or range. The pages that it committed are
    /// durable.
    Truncated,
    /// An error stopped the run, and a resumed run would meet the same error.
    Failed,
}

impl Verdict {
    /// Returns the value stored in `ocds.run.state`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Complete => "complete",
            Verdict::Truncated => "truncated",
            Verdict::Failed => "failed",
        }
    }
}

/// The values that are written to the run's row when it ends.
#[derive(Clone, Debug)]
pub struct End {
    /// The result of the run.
    pub verdict: Verdict,
    /// True if the run reached the end of its feed or range, even if some pages could not be
    /// read. If true, the next run starts anew. If false, the next run resumes this one.
    pub end_seen: bool,
    /// True if the run is given up before its end, because it cannot get past a position. The
    /// next run starts anew.
    pub is_given_up: bool,
    /// True if this process made a page durable.
    pub has_progress: bool,
    /// The publisher's answer for the page that this process of a resumed run could not get past.
    pub refused: Option<String>,
    /// The error that ended the run.
    pub error: Option<String>,
}

/// The progress of a run. Each heartbeat writes it to the database.
#[derive(Clone, Debug, Default)]
pub struct RunUpdate {
    /// The requests that this process has sent.
    pub requests: Requests,
    /// The pages whose commit the server has confirmed since the last successful heartbeat. The
    /// next heartbeat checks that these pages are in the database.
    pub committed: PageSet,
    /// The new position of the watermark. It is written only if no page of the run is missing.
    pub mark: Option<WatermarkMove>,
}

/// Holds a lease, and has a connection of its own. The backend of that connection shows other
/// processes that the holder is alive.
#[derive(Debug)]
pub struct Holder {
    database: Database,
    connection: Option<CloseOnDrop>,
    source: String,
    run: HeldRun,
    /// The time limit for renewing the lease once. It is short enough to leave time for another
    /// attempt before the lease expires.
    renewal_limit: Duration,
}

const MIN_RENEWAL_LIMIT: Duration = Duration::from_secs(2);

impl Holder {
    pub(super) fn new(
        database: Database,
        connection: CloseOnDrop,
        source: &str,
        run: HeldRun,
        heartbeat: Duration,
    ) -> Self {
        Self {
            database,
            connection: Some(connection),
            source: source.to_owned(),
            run,
            renewal_limit: heartbeat.max(MIN_RENEWAL_LIMIT),
        }
    }

    /// Renews the lease and writes the run's progress. Then it checks that the pages of the
    /// update are in the database. If the server was restarted or replaced since the last check,
    /// it checks all pages of the run. The watermark moves only if no page is missing.
    ///
    /// # Errors
    ///
    /// The lease is lost ([`Kind::Lease`]), the database has lost confirmed commits
    /// ([`Kind::Lost`]), or the database cannot be reached now ([`Kind::Environment`]). After
    /// [`Kind::Environment`], the next heartbeat opens another connection, and the caller must
    /// pass the same pages again.
    pub async fn send_heartbeat(&mut self, update: &RunUpdate) -> Result<()> {
        self.renew(update.requests).await?;
        self.verify(update).await
    }

    /// Renews the lease. It uses a transaction of its own, because the check of the pages that
    /// follows may take long.
    async fn renew(&mut self, requests: Requests) -> Result<()> {
        let is_same_connection = self.connection.is_some();
        let is_pooled = !self.database.settings().prepare;
        let total = self.total_requests(requests);
        let mut connection = self.connect().await?;
        let renewing = async {
            let transaction = begin_transaction(&mut connection, self.database.settings()).await?;
            let sql = include_str!("../../sql/ledger/renew_lease.sql");
            let values: [(&(dyn ToSql + Sync), Type); 5] = [
                (&is_same_connection, Type::BOOL),
                (&is_pooled, Type::BOOL),
                (&total[0], Type::INT8),
                (&total[1], Type::INT8),
                (&total[2], Type::INT8),
            ];
            self.execute(&transaction, sql, &values).await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        wait_for_reply(self.renewal_limit, renewing).await??;
        self.connection = Some(connection);
        Ok(())
    }

    /// Checks that the pages of the update are in the database, and then moves the watermark.
    async fn verify(&mut self, update: &RunUpdate) -> Result<()> {
        let mut connection = self.connect().await?;
        let verifying = async {
            let transaction = begin_transaction(&mut connection, self.database.settings()).await?;
            // Hold the lease until the commit, because a process that takes the source over may
            // delete pages.
            let hold_lease = crate::ledger::HOLD_LEASE;
            self.execute(&transaction, hold_lease, &[]).await?;
            let server = read_server_identity(&transaction).await?;
            if server != self.run.server {
                self.check_pages(&transaction, &self.run.pages).await?;
            }
            self.check_pages(&transaction, &update.committed).await?;
            self.move_watermark(&transaction, update.mark.as_ref())
                .await?;
            transaction.commit().await?;
            Ok::<_, Error>(server)
        };
        self.run.server = wait_for_reply(self.database.reply_limit(), verifying).await??;
        self.run.pages.extend(&update.committed);
        self.connection = Some(connection);
        Ok(())
    }

    /// Renews the lease during work that reports no progress. If the database cannot be reached,
    /// it logs a warning, and the work continues.
    ///
    /// # Errors
    ///
    /// The lease is lost ([`Kind::Lease`]), or the database has lost the claim ([`Kind::Lost`]).
    pub async fn try_renew(&mut self) -> Result<()> {
        match self.send_heartbeat(&RunUpdate::default()).await {
            Err(error) if error.is_transient() => {
                warn!(error = %error.chain(), "could not renew the lease");
                Ok(())
            }
            result => result,
        }
    }

    /// Renews the lease, and repeats failed attempts for up to `database.retry_for`. Returns the
    /// server's start time, which identifies the server. If it has changed since an earlier call,
    /// the server was restarted or replaced, and commits may be lost.
    ///
    /// # Errors
    ///
    /// The lease was not renewed, for one of the reasons that [`Holder::send_heartbeat`] lists.
    pub(crate) async fn reach_server(&mut self) -> Result<String> {
        let limit = self.database.settings().retry_for;
        let mut retry = Retry::new("lease", "renew the lease", limit).for_source(&self.source);
        loop {
            match self.send_heartbeat(&RunUpdate::default()).await {
                Ok(()) => return Ok(self.run.server.clone()),
                Err(error) => retry.wait(error).await?,
            }
        }
    }

    /// Ends the run and releases the lease. The same transaction checks that all pages of the run
    /// are in the database.
    ///
    /// # Errors
    ///
    /// The run was not ended, for one of the reasons that [`Holder::send_heartbeat`] lists. After
    /// [`Kind::Environment`] the caller can try again.
    pub async fn end(&mut self, end: &End, update: &RunUpdate) -> Result<()> {
        let mut pages = self.run.pages.clone();
        pages.extend(&update.committed);
        let mut connection = self.connect().await?;
        let ending = async {
            let transaction = begin_transaction(&mut connection, self.database.settings()).await?;
            let is_counted = end.verdict == Verdict::Complete && !pages.is_empty();
            let page_count = is_counted.then(|| signed(pages.len()));
            // The end is written before the pages are checked, because a process that has taken
            // the source over may have deleted pages. Writing the end fails if the lease is lost.
            self.write_end(&transaction, end, update.requests, page_count)
                .await?;
            self.check_pages(&transaction, &pages).await?;
            self.move_watermark(&transaction, update.mark.as_ref())
                .await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        wait_for_reply(self.database.reply_limit() * 2, ending).await??;
        self.connection = Some(connection);
        Ok(())
    }

    /// Ends a run after the database has lost some of its pages. The run ends as truncated, so
    /// that the next run resumes it.
    ///
    /// # Errors
    ///
    /// The run was not ended, because the lease is lost ([`Kind::Lease`]), the database has lost
    /// the claim ([`Kind::Lost`]), or the database cannot be reached now ([`Kind::Environment`]).
    pub async fn end_after_loss(&mut self, error: &Error, requests: Requests) -> Result<()> {
        let end = End {
            verdict: Verdict::Truncated,
            end_seen: false,
            is_given_up: false,
            has_progress: false,
            refused: None,
            error: Some(error.chain()),
        };
        let mut connection = self.connect().await?;
        let ending = async {
            let transaction = begin_transaction(&mut connection, self.database.settings()).await?;
            self.write_end(&transaction, &end, requests, None).await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        wait_for_reply(self.database.reply_limit(), ending).await??;
        self.connection = Some(connection);
        Ok(())
    }

    async fn write_end(
        &self,
        transaction: &Transaction<'_>,
        end: &End,
        requests: Requests,
        pages: Option<i64>,
    ) -> Result<()> {
        let total = self.total_requests(requests);
        let sql = include_str!("../../sql/ledger/end_run.sql");
        let values: [(&(dyn ToSql + Sync), Type); 10] = [
            (&end.verdict.as_str(), Type::TEXT),
            (&(end.end_seen || end.is_given_up), Type::BOOL),
            (&end.error, Type::TEXT),
            (&total[0], Type::INT8),
            (&total[1], Type::INT8),
            (&total[2], Type::INT8),
            (&pages, Type::INT8),
            (&end.refused, Type::TEXT),
            (&end.is_given_up, Type::BOOL),
            (&end.has_progress, Type::BOOL),
        ];
        self.execute(transaction, sql, &values).await
    }

    /// Deletes the ended runs of the source, except the newest `keep_runs` runs.
    pub async fn delete_old_runs(&mut self, keep_runs: u32) -> Result<()> {
        let connection = self.connect().await?;
        let sql = include_str!("../../sql/ledger/delete_old_runs.sql");
        let parameters = [
            (&self.source as _, Type::TEXT),
            (&i64::from(keep_runs) as _, Type::INT8),
        ];
        let reply = connection.execute_typed(sql, &parameters);
        wait_for_reply(self.database.reply_limit(), reply).await??;
        self.connection = Some(connection);
        Ok(())
    }

    /// Takes the holder's own connection, or opens a new one if the old one was lost. The caller
    /// puts the connection back only after success. Otherwise it is closed, so that other
    /// processes see at once that the holder no longer uses it.
    async fn connect(&mut self) -> Result<CloseOnDrop> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.database.close_on_drop_connection().await,
        }
    }

    /// Executes a statement that changes the run's row. It fails if the lease is lost.
    async fn execute(
        &self,
        transaction: &Transaction<'_>,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<()> {
        let parameters = [&self.run.lease.parameters(), values].concat();
        if transaction.execute_typed(sql, &parameters).await? > 0 {
            return Ok(());
        }
        let sql = include_str!("../../sql/ledger/was_taken_over.sql");
        let parameters = [
            (&self.run.lease.run_id as _, Type::INT8),
            (&self.run.lease.epoch as _, Type::INT4),
            (&self.source as _, Type::TEXT),
        ];
        let rows = transaction.query_typed(sql, &parameters).await?;
        Err(match rows[0].try_get("was_taken_over")? {
            true => {
                let message = format!("another run has taken over source {}", self.source);
                Error::new(Kind::Lease, message)
            }
            false => {
                let message = format!(
                    "the database no longer knows that run {} holds source {}: \
                     it has lost the commit of the claim",
                    self.run.lease.run_id, self.source
                );
                Error::new(Kind::Lost, message)
            }
        })
    }

    /// Moves the source's watermark to the position that this run has reached. The watermark does
    /// not move back, and it does not move across a gap.
    async fn move_watermark(
        &self,
        transaction: &Transaction<'_>,
        mark: Option<&WatermarkMove>,
    ) -> Result<(), tokio_postgres::Error> {
        let Some(mark) = mark else { return Ok(()) };
        let [run_id, epoch, taken_at] = self.run.lease.parameters();
        let cursor = mark.watermark.cursor.as_ref().map(Cursor::to_string);
        let sql = include_str!("../../sql/ledger/move_watermark.sql");
        let parameters = [
            run_id,
            epoch,
            taken_at,
            (&mark.scope as _, Type::TEXT),
            (&mark.from as _, Type::TIMESTAMPTZ),
            (&mark.watermark.reached as _, Type::TIMESTAMPTZ),
            (&cursor as _, Type::TEXT),
        ];
        transaction.execute_typed(sql, &parameters).await?;
        Ok(())
    }

    async fn check_pages(&self, transaction: &Transaction<'_>, pages: &PageSet) -> Result<()> {
        let Lease { run_id, .. } = self.run.lease;
        let missing = count_missing(transaction, run_id, pages).await?;
        if missing == 0 {
            return Ok(());
        }
        let pages = if missing == 1 { "page" } else { "pages" };
        let message = format!(
            "the database has lost {missing} {pages} of run {run_id} of source {} whose commit it had confirmed",
            self.source
        );
        Err(Error::new(Kind::Lost, message))
    }

    /// Returns the request totals of all processes of the run, as PostgreSQL's signed integers.
    /// The totals replace the stored ones, so writing them twice after a lost reply counts
    /// nothing twice.
    fn total_requests(&self, by_this_process: Requests) -> [i64; 3] {
        let mut total = self.run.before;
        total += by_this_process;
        [total.requests, total.retries, total.bytes].map(signed)
    }
}
