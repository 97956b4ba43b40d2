//! Keeps the lease while a run lasts, records how far the run has got, and writes its end.
//!
//! Each heartbeat also writes the watermark, which is never ahead of the data. If the process is
//! killed before the newest watermark is written, the run that continues writes it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{self, Config};
use crate::database::wait_for_reply;
use crate::error::{Kind, Result};
use crate::fetch::Fetcher;
use crate::ledger::{End, Holder, RunUpdate, Watermark, WatermarkMove};
use crate::pipeline::committed::CommittedPages;
use crate::pipeline::under_lease::write_end;

const RETRY_WAIT: Duration = Duration::from_millis(500);

pub(super) struct Heartbeat {
    holder: Holder,
    position: RunPosition,
    fetcher: Arc<Fetcher>,
    every: Duration,
    /// The longest wait for an answer of the database. It is half of `lease.ttl`.
    reply_timeout: Duration,
    /// The error that ended the lease, if it was lost.
    kept: Result<()>,
}

impl Heartbeat {
    pub(super) fn new(
        holder: Holder,
        position: RunPosition,
        fetcher: Arc<Fetcher>,
        settings: &config::Lease,
    ) -> Self {
        Self {
            holder,
            position,
            fetcher,
            every: settings.heartbeat,
            reply_timeout: settings.ttl / 2,
            kept: Ok(()),
        }
    }

    /// Renews the lease until all pages are committed. Ends the run if the lease is lost, or if
    /// the database has lost commits.
    pub(super) async fn keep_lease(
        mut self,
        over: CancellationToken,
        drained: CancellationToken,
    ) -> Self {
        let mut next = self.every;
        while drained
            .run_until_cancelled(tokio::time::sleep(next))
            .await
            .is_some()
        {
            let update = self.position.take_update(&self.fetcher);
            let renewal = self.holder.send_heartbeat(&update);
            let renewed = wait_for_reply(self.reply_timeout, renewal).await;
            let Err(error) = renewed.and_then(|renewed| renewed) else {
                next = self.every;
                continue;
            };
            self.position.committed.put_back(&update.committed);
            if error.kind().is_lost_lease_or_data() {
                over.cancel();
                self.kept = Err(error);
                break;
            }
            // renews soon, because a lost connection no longer shows that this process lives
            next = self.every.min(RETRY_WAIT);
            warn!(error = %error.chain(), "could not renew the lease");
        }
        self
    }

    /// Writes the end of the run. Retries as long as a page is retried. If pages are lost, the
    /// run ends as truncated and can be resumed.
    pub(super) async fn end(mut self, end: &End, config: &Config) -> Result<()> {
        let holder = &mut self.holder;
        let ended = match self.kept {
            Ok(()) => {
                let update = self.position.take_update(&self.fetcher);
                let ended = write_end(holder, end, &update, config).await;
                ended.map_err(|e| e.context("end the run"))
            }
            lost => lost,
        };
        match &ended {
            Err(error) if error.kind() == Kind::Lease => return ended,
            Err(error) if error.kind() == Kind::Lost => {
                // if this fails too, the run ends when its lease expires
                let ending = holder.end_after_loss(error, self.fetcher.counters());
                let _ = wait_for_reply(self.reply_timeout, ending).await;
                return ended;
            }
            _ => {}
        }
        let forgetting = holder.delete_old_runs(config.ledger.keep_runs);
        let forgotten = wait_for_reply(self.reply_timeout, forgetting).await;
        if let (Ok(()), Err(error)) = (&ended, forgotten.and_then(|forgotten| forgotten)) {
            warn!(error = %error.chain(), "could not delete old runs; the next run tries again");
        }
        ended
    }
}

/// The values that the heartbeat reads to learn how far the run has got.
pub(super) struct RunPosition {
    /// The scope of the watermark. `None` if the run does not move it.
    pub(super) scope: Option<String>,
    /// The start of the run's windows.
    pub(super) from: watch::Sender<Option<Timestamp>>,
    pub(super) committed: Arc<CommittedPages>,
}

impl RunPosition {
    /// Returns what has changed since the last renewal. Takes the committed pages, so that each
    /// is reported once unless it is put back.
    fn take_update(&self, fetcher: &Fetcher) -> RunUpdate {
        let (committed, watermark) = self.committed.take();
        let scope = self.scope.clone();
        let mark = scope.filter(|_| watermark != Watermark::default());
        RunUpdate {
            requests: fetcher.counters(),
            committed,
            mark: mark.map(|scope| WatermarkMove {
                scope,
                from: *self.from.borrow(),
                watermark,
            }),
        }
    }
}
