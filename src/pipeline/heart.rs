//! The heart of a run: it keeps the lease while the run lasts, tells how far the run has
//! got, and writes its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::asked;
use crate::config::{self, Config};
use crate::database::limited;
use crate::error::{Kind, Result};
use crate::fetch::Client;
use crate::ledger::{End, Holder, Mark, Watermark};

/// How soon a heartbeat that was not heard is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// The holder of a lease, and what it tells.
pub(super) struct Heart {
    holder: Holder,
    marks: Marks,
    client: Arc<Client>,
    /// How often it beats.
    every: Duration,
    /// How long it waits for an answer: half of what the lease lasts without one.
    patience: Duration,
    /// Whether the lease was kept so far.
    kept: Result<()>,
}

impl Heart {
    pub(super) fn new(
        holder: Holder,
        marks: Marks,
        client: Arc<Client>,
        settings: &config::Lease,
    ) -> Self {
        Self {
            holder,
            marks,
            client,
            every: settings.heartbeat,
            patience: settings.ttl / 2,
            kept: Ok(()),
        }
    }

    /// Keeps the lease alive until the run has drained. A lost lease ends the run.
    pub(super) async fn beat(
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
            let beat = async {
                self.holder.beat(asked(&self.client)).await?;
                self.marks.tell(&mut self.holder).await
            };
            let Err(error) = limited(self.patience, beat).await.and_then(|it| it) else {
                next = self.every;
                continue;
            };
            if error.kind() == Kind::Lease {
                over.cancel();
                self.kept = Err(error);
                break;
            }
            // its connection is gone, and with it the sign that the holder lives
            next = self.every.min(AGAIN);
            warn!(error = %error.chain(), "the heartbeat was not heard");
        }
        self
    }

    /// Writes the run's end, as patiently as a page.
    ///
    /// # Errors
    /// The lease was lost, or the database cannot be told.
    pub(super) async fn end(self, end: &End, config: &Config) -> Result<()> {
        let Self {
            mut holder,
            marks,
            client,
            patience,
            kept,
            ..
        } = self;
        kept?;
        let give_up = Instant::now() + config.database.retry_for;
        let ended = loop {
            let ending = async {
                marks.tell(&mut holder).await?;
                holder.end(end, asked(&client)).await
            };
            match limited(patience, ending).await.and_then(|it| it) {
                Err(error) if error.is_transient() && Instant::now() < give_up => {
                    warn!(error = %error.chain(), "the run's end could not be written: trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                ended => break ended.map_err(|e| e.context("end the run")),
            }
        };
        let forgetting = holder.forget(config.ledger.keep_runs);
        let forgotten = limited(patience, forgetting).await.and_then(|it| it);
        if let (Ok(()), Err(error)) = (&ended, forgotten) {
            warn!(error = %error.chain(), "runs of long ago could not be forgotten");
        }
        ended
    }
}

/// Where the heart reads how far the run has got.
pub(super) struct Marks {
    /// What the watermark is of; `None` for a run that leaves it alone.
    pub(super) scope: Option<String>,
    /// Where the run's windows begin.
    pub(super) from: watch::Sender<Option<Timestamp>>,
    pub(super) reached: watch::Receiver<Watermark>,
}

impl Marks {
    /// Moves the watermark to where the run has got, if there is one.
    async fn tell(&self, holder: &mut Holder) -> Result<()> {
        let watermark = self.reached.borrow().clone();
        let Some(scope) = &self.scope else {
            return Ok(());
        };
        if watermark == Watermark::default() {
            return Ok(());
        }
        let mark = Mark {
            scope: scope.clone(),
            from: *self.from.borrow(),
            watermark,
        };
        holder.mark(&mark).await
    }
}
