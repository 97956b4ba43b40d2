//! Keeping the lease, and ending the run.

use std::time::{Duration, Instant};

use tokio_postgres::types::{ToSql, Type};
use tracing::warn;

use crate::database::{Database, Lent, limited};
use crate::error::{Error, Kind, Result};
use crate::ledger::claim::Taken;
use crate::ledger::transaction::{Transaction, read_server, set_limits};
use crate::ledger::verify::count_missing;
use crate::ledger::{Lease, Mark, PageSet, Requests, signed};
use crate::page::Cursor;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The end of what was asked for was positively seen and all before it is durable.
    Complete,
    /// It ended before that; what it had is durable.
    Truncated,
    /// It was stopped by an error that a resume would meet again.
    Failed,
}

impl Verdict {
    /// The word in `ocds.run.state`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Complete => "complete",
            Verdict::Truncated => "truncated",
            Verdict::Failed => "failed",
        }
    }
}

/// What is written into the run's row when it ends.
#[derive(Clone, Debug)]
pub struct End {
    /// How it ended.
    pub verdict: Verdict,
    /// Whether the walk came to its end, pages it could not read aside. If so,
    /// the next run begins anew; else it goes on.
    pub end_seen: bool,
    /// What ended it, if it was an error.
    pub error: Option<String>,
}

/// What a run tells the database of itself, besides that it is alive.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// What it has asked for since its process began.
    pub asked: Requests,
    /// The pages that the server has said are committed since it was told so before. They
    /// are looked for.
    pub committed: PageSet,
    /// Where the watermark moves to, if all of them are there.
    pub mark: Option<Mark>,
}

/// A lease that is kept alive by a connection of its own, whose backend shows
/// others that the holder lives.
#[derive(Debug)]
pub struct Holder {
    database: Database,
    connection: Option<Lent>,
    source: String,
    lease: Lease,
    /// What the run's processes before this one have asked for.
    before: Requests,
    /// The pages that were there at the last look.
    pages: PageSet,
    /// The server that had them.
    server: String,
    /// How long one renewal of the lease may take, so that another try is not too late.
    renewal_limit: Duration,
}

/// The least time that a renewal of the lease gets.
const LEAST_RENEWAL: Duration = Duration::from_secs(2);

impl Holder {
    pub(super) fn new(
        database: Database,
        connection: Lent,
        source: &str,
        taken: Taken,
        heartbeat: Duration,
    ) -> Self {
        let Taken {
            lease,
            before,
            pages,
            server,
        } = taken;
        Self {
            database,
            connection: Some(connection),
            source: source.to_owned(),
            lease,
            before,
            pages,
            server,
            renewal_limit: heartbeat.max(LEAST_RENEWAL),
        }
    }

    /// Renews the lease and tells the news. The pages are looked for then, all pages of the
    /// run if the server is another one than before or was started again; the watermark
    /// moves only if none is missing.
    ///
    /// # Errors
    /// The lease is lost ([`Kind::Lease`]), the database has lost what it said was
    /// committed ([`Kind::Lost`]), or it cannot be told now ([`Kind::Environment`]): the
    /// next beat uses another connection and has to be told the same pages again.
    pub async fn beat(&mut self, news: &News) -> Result<()> {
        self.renew(news.asked).await?;
        self.verify(news).await
    }

    /// Renews the lease, in a transaction of its own: nobody knows how long the look takes.
    async fn renew(&mut self, asked: Requests) -> Result<()> {
        let is_same = self.connection.is_some();
        let is_pooled = !self.database.settings().prepare;
        let total = self.total(asked);
        let mut connection = self.connect().await?;
        let renewing = async {
            let transaction = connection.transaction().await?;
            set_limits(&transaction, self.database.settings()).await?;
            let sql = include_str!("../../sql/ledger/heartbeat.sql");
            let told: [(&(dyn ToSql + Sync), Type); 5] = [
                (&is_same, Type::BOOL),
                (&is_pooled, Type::BOOL),
                (&total[0], Type::INT8),
                (&total[1], Type::INT8),
                (&total[2], Type::INT8),
            ];
            self.execute(&transaction, sql, &told).await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        limited(self.renewal_limit, renewing).await??;
        self.connection = Some(connection);
        Ok(())
    }

    /// Looks for the pages of the news, and moves the watermark if they are there.
    async fn verify(&mut self, news: &News) -> Result<()> {
        let mut connection = self.connect().await?;
        let verifying = async {
            let transaction = connection.transaction().await?;
            set_limits(&transaction, self.database.settings()).await?;
            // held until the end, for whoever takes the source over may drop pages
            let hold = include_str!("../../sql/sink/hold_lease.sql");
            self.execute(&transaction, hold, &[]).await?;
            let server = read_server(&transaction).await?;
            if server != self.server {
                self.expect_pages(&transaction, &self.pages).await?;
            }
            self.expect_pages(&transaction, &news.committed).await?;
            self.move_watermark(&transaction, news.mark.as_ref())
                .await?;
            transaction.commit().await?;
            Ok::<_, Error>(server)
        };
        self.server = limited(self.database.reply_limit(), verifying).await??;
        self.pages.extend(&news.committed);
        self.connection = Some(connection);
        Ok(())
    }

    /// Renews the lease for work that has no news. The work goes on where that cannot be
    /// told now.
    ///
    /// # Errors
    /// The lease is lost ([`Kind::Lease`]), or the database has lost it ([`Kind::Lost`]).
    pub async fn keep(&mut self) -> Result<()> {
        match self.beat(&News::default()).await {
            Err(error) if error.is_transient() => {
                warn!(error = %error.chain(), "could not renew the lease");
                Ok(())
            }
            kept => kept,
        }
    }

    /// Renews the lease, and tries for as long as `database.retry_for`. Returns the name of
    /// the server: another name than before is that of one that was started again, or took
    /// over from another one, and may have lost commits.
    ///
    /// # Errors
    /// As [`Holder::beat`].
    pub(crate) async fn reach_server(&mut self) -> Result<String> {
        let deadline = Instant::now() + self.database.settings().retry_for;
        loop {
            match self.beat(&News::default()).await {
                Ok(()) => return Ok(self.server.clone()),
                Err(error) if error.is_transient() && Instant::now() < deadline => {
                    warn!(error = %error.chain(), "could not renew the lease: trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the run and gives the lease up. All its pages are looked for first, in the same
    /// transaction.
    ///
    /// # Errors
    /// As [`Holder::beat`]; after [`Kind::Environment`] it can be tried again.
    pub async fn end(&mut self, end: &End, news: &News) -> Result<()> {
        let mut pages = self.pages.clone();
        pages.extend(&news.committed);
        let mut connection = self.connect().await?;
        let ending = async {
            let transaction = connection.transaction().await?;
            set_limits(&transaction, self.database.settings()).await?;
            let counted = end.verdict == Verdict::Complete && !pages.is_empty();
            let counted = counted.then(|| signed(pages.len()));
            // first, for whoever took the source over may have dropped pages
            self.write_end(&transaction, end, news.asked, counted)
                .await?;
            self.expect_pages(&transaction, &pages).await?;
            self.move_watermark(&transaction, news.mark.as_ref())
                .await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        limited(self.database.reply_limit() * 2, ending).await??;
        self.connection = Some(connection);
        Ok(())
    }

    /// Ends a run whose pages the database has lost, so that it is resumed.
    ///
    /// # Errors
    /// As [`Holder::end`].
    pub async fn end_lost(&mut self, error: &Error, asked: Requests) -> Result<()> {
        let end = End {
            verdict: Verdict::Truncated,
            end_seen: false,
            error: Some(error.chain()),
        };
        let mut connection = self.connect().await?;
        let ending = async {
            let transaction = connection.transaction().await?;
            set_limits(&transaction, self.database.settings()).await?;
            self.write_end(&transaction, &end, asked, None).await?;
            transaction.commit().await?;
            Ok::<_, Error>(())
        };
        limited(self.database.reply_limit(), ending).await??;
        self.connection = Some(connection);
        Ok(())
    }

    async fn write_end(
        &self,
        transaction: &Transaction<'_>,
        end: &End,
        asked: Requests,
        pages: Option<i64>,
    ) -> Result<()> {
        let total = self.total(asked);
        let sql = include_str!("../../sql/ledger/end_run.sql");
        let told: [(&(dyn ToSql + Sync), Type); 7] = [
            (&end.verdict.as_str(), Type::TEXT),
            (&end.end_seen, Type::BOOL),
            (&end.error, Type::TEXT),
            (&total[0], Type::INT8),
            (&total[1], Type::INT8),
            (&total[2], Type::INT8),
            (&pages, Type::INT8),
        ];
        self.execute(transaction, sql, &told).await
    }

    /// Forgets the source's ended runs beyond the newest so many.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn forget(&mut self, keep_runs: u32) -> Result<()> {
        let connection = self.connect().await?;
        let sql = include_str!("../../sql/ledger/forget_runs.sql");
        let parameters = [
            (&self.source as _, Type::TEXT),
            (&i64::from(keep_runs) as _, Type::INT8),
        ];
        let reply = connection.execute_typed(sql, &parameters);
        limited(self.database.reply_limit(), reply).await??;
        self.connection = Some(connection);
        Ok(())
    }

    /// The holder's own connection, or a new one if the last was lost. It is closed on an
    /// error, so that others see at once that nobody beats on it.
    async fn connect(&mut self) -> Result<Lent> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.database.lend().await,
        }
    }

    /// Executes a statement on the run's row, if the lease holds.
    async fn execute(
        &self,
        transaction: &Transaction<'_>,
        sql: &str,
        told: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<()> {
        let Lease {
            run_id,
            epoch,
            taken_at,
        } = &self.lease;
        let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> = vec![
            (run_id, Type::INT8),
            (epoch, Type::INT4),
            (taken_at, Type::TIMESTAMPTZ),
        ];
        parameters.extend_from_slice(told);
        if transaction.execute_typed(sql, &parameters).await? > 0 {
            return Ok(());
        }
        let sql = include_str!("../../sql/ledger/was_taken_over.sql");
        let parameters = [
            (run_id as _, Type::INT8),
            (epoch as _, Type::INT4),
            (&self.source as _, Type::TEXT),
        ];
        let rows = transaction.query_typed(sql, &parameters).await?;
        Err(match rows[0].try_get("was_taken_over")? {
            true => {
                let message = format!("another run took source {} over", self.source);
                Error::new(Kind::Lease, message)
            }
            false => {
                let message = format!(
                    "the database no longer knows that run {run_id} holds source {}: \
                     it has lost the commit of the claim",
                    self.source
                );
                Error::new(Kind::Lost, message)
            }
        })
    }

    /// Moves the source's watermark to where the run has got, if it has got farther than
    /// runs before it and leaves no gap.
    async fn move_watermark(
        &self,
        transaction: &Transaction<'_>,
        mark: Option<&Mark>,
    ) -> Result<(), tokio_postgres::Error> {
        let Some(mark) = mark else { return Ok(()) };
        let Lease {
            run_id,
            epoch,
            taken_at,
        } = self.lease;
        let cursor = mark.watermark.cursor.as_ref().map(Cursor::to_string);
        let sql = include_str!("../../sql/ledger/move_watermark.sql");
        let parameters = [
            (&run_id as _, Type::INT8),
            (&epoch as _, Type::INT4),
            (&taken_at as _, Type::TIMESTAMPTZ),
            (&mark.scope as _, Type::TEXT),
            (&mark.from as _, Type::TIMESTAMPTZ),
            (&mark.watermark.reached as _, Type::TIMESTAMPTZ),
            (&cursor as _, Type::TEXT),
        ];
        transaction.execute_typed(sql, &parameters).await?;
        Ok(())
    }

    /// Looks for pages of the run.
    async fn expect_pages(&self, transaction: &Transaction<'_>, pages: &PageSet) -> Result<()> {
        let Lease { run_id, .. } = self.lease;
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

    /// What the whole run has asked for, as PostgreSQL's signed integers: a sum, which
    /// may be told again after a reply that was lost.
    fn total(&self, by_this_process: Requests) -> [i64; 3] {
        let mut total = self.before;
        total += by_this_process;
        [total.requests, total.retries, total.bytes].map(signed)
    }
}
