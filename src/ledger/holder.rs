//! Keeping the lease, and ending the run.

use tokio_postgres::types::Type;
use tracing::warn;

use crate::database::{Database, Lent, limited};
use crate::error::{Error, Kind, Result};
use crate::ledger::claim::Taken;
use crate::ledger::{Lease, Mark, Requests, signed};
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
}

impl Holder {
    pub(super) fn new(
        database: Database,
        connection: Lent,
        source: &str,
        Taken { lease, before }: Taken,
    ) -> Self {
        Self {
            database,
            connection: Some(connection),
            source: source.to_owned(),
            lease,
            before,
        }
    }

    /// Tells the database that the run is alive, and what it has asked for
    /// since its process began.
    ///
    /// # Errors
    /// The lease is lost ([`Kind::Lease`]), or the database cannot be told now
    /// ([`Kind::Environment`]): the next beat uses another connection.
    pub async fn beat(&mut self, asked: Requests) -> Result<()> {
        let total = self.total(asked);
        let Lease { run_id, epoch } = self.lease;
        let told = self
            .execute(
                include_str!("../../sql/ledger/heartbeat.sql"),
                &[
                    (&run_id, Type::INT8),
                    (&epoch, Type::INT4),
                    (&total[0], Type::INT8),
                    (&total[1], Type::INT8),
                    (&total[2], Type::INT8),
                ],
            )
            .await?;
        self.settle(told)
    }

    /// The same for work whose requests are nobody's: a beat that is not heard is
    /// no reason to stop.
    ///
    /// # Errors
    /// The lease is lost ([`Kind::Lease`]).
    pub async fn keep(&mut self) -> Result<()> {
        match self.beat(Requests::default()).await {
            Err(error) if error.is_transient() => {
                warn!(error = %error.chain(), "the heartbeat was not heard");
                Ok(())
            }
            kept => kept,
        }
    }

    /// Moves the source's watermark to where the run has got, if it has got
    /// farther than runs before it and leaves no gap.
    ///
    /// # Errors
    /// The database cannot be told now; it can be tried again.
    pub async fn mark(&mut self, mark: &Mark) -> Result<()> {
        let Lease { run_id, epoch } = self.lease;
        let cursor = mark.watermark.cursor.as_ref().map(Cursor::to_string);
        self.execute(
            include_str!("../../sql/ledger/move_watermark.sql"),
            &[
                (&run_id, Type::INT8),
                (&epoch, Type::INT4),
                (&mark.scope, Type::TEXT),
                (&mark.from, Type::TIMESTAMPTZ),
                (&mark.watermark.reached, Type::TIMESTAMPTZ),
                (&cursor, Type::TEXT),
            ],
        )
        .await?;
        Ok(())
    }

    /// Ends the run and gives the lease up.
    ///
    /// # Errors
    /// As [`Holder::beat`]; after [`Kind::Environment`] it can be tried again.
    pub async fn end(&mut self, end: &End, asked: Requests) -> Result<()> {
        let total = self.total(asked);
        let Lease { run_id, epoch } = self.lease;
        let told = self
            .execute(
                include_str!("../../sql/ledger/end_run.sql"),
                &[
                    (&run_id, Type::INT8),
                    (&epoch, Type::INT4),
                    (&end.verdict.as_str(), Type::TEXT),
                    (&end.end_seen, Type::BOOL),
                    (&end.error, Type::TEXT),
                    (&total[0], Type::INT8),
                    (&total[1], Type::INT8),
                    (&total[2], Type::INT8),
                ],
            )
            .await?;
        self.settle(told)
    }

    /// Forgets the source's ended runs beyond the newest so many.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn forget(&mut self, keep_runs: u32) -> Result<()> {
        let source = self.source.clone();
        self.execute(
            include_str!("../../sql/ledger/forget_runs.sql"),
            &[(&source, Type::TEXT), (&i64::from(keep_runs), Type::INT8)],
        )
        .await?;
        Ok(())
    }

    fn settle(&self, rows: u64) -> Result<()> {
        if rows == 0 {
            let message = format!("another run took source {} over", self.source);
            return Err(Error::new(Kind::Lease, message));
        }
        Ok(())
    }

    /// What the whole run has asked for, as PostgreSQL's signed integers: a sum, which
    /// may be told again after a reply that was lost.
    fn total(&self, by_this_process: Requests) -> [i64; 3] {
        let mut total = self.before;
        total += by_this_process;
        [total.requests, total.retries, total.bytes].map(signed)
    }

    /// Runs a statement on the holder's own connection, or on a new one if the
    /// last was lost.
    async fn execute(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)],
    ) -> Result<u64> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.lend().await?,
        };
        // closed on an error, so that others see at once that nobody beats on it
        let reply = connection.execute_typed(sql, parameters);
        let rows = limited(self.database.reply_limit(), reply).await??;
        self.connection = Some(connection);
        Ok(rows)
    }
}
