//! Computes the waits between attempts, and retries work on a database server that is away.
//!
//! Only this module uses the `backoff` crate. The crate is no longer maintained
//! (RUSTSEC-2025-0012) and has traps: by default it gives up 15 minutes after its value was made,
//! by its own clock, and it adds its random part after it has applied its maximum.

use std::time::{Duration, Instant};

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use tracing::warn;

use crate::error::{Error, Result};
use crate::metrics;

/// Waits that double from the first to the longest. Chance adds or subtracts up to half of each,
/// so that several processes do not return at the same moment. The waits never end, so the caller
/// counts them.
#[derive(Debug)]
pub(crate) struct Backoff {
    schedule: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        let schedule = ExponentialBackoff {
            current_interval: first,
            initial_interval: first,
            max_interval: longest,
            multiplier: 2.0,
            randomization_factor: 0.5,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { schedule, longest }
    }

    /// Leaves chance out, so that a test knows how long all waits take.
    #[cfg(test)]
    pub(crate) fn without_chance(mut self) -> Self {
        self.schedule.randomization_factor = 0.0;
        self
    }

    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = self.schedule.next_backoff();
        wait.map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// The waits between attempts to reach a server that is away. They are short at first, because a
/// restart takes a second. The longest is short too, so that the server is used soon after it is
/// back.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Retries work that fails because a database server is away, until a time limit.
#[derive(Debug)]
pub(crate) struct Retry {
    /// The kind of work, as a metric names it.
    kind: &'static str,
    /// The work, as people read it: a verb and its object.
    task: String,
    /// The name of the source, for the log.
    source: Option<String>,
    give_up: Instant,
    backoff: Backoff,
}

impl Retry {
    /// Starts the time in which work may be retried. It ends after `limit`.
    pub(crate) fn new(kind: &'static str, task: impl Into<String>, limit: Duration) -> Self {
        Self {
            kind,
            task: task.into(),
            source: None,
            give_up: Instant::now() + limit,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// Sets the name of the source for the log.
    pub(crate) fn for_source(self, source: &str) -> Self {
        Self {
            source: Some(source.to_owned()),
            ..self
        }
    }

    /// Repeats the work until it succeeds, fails for another reason, or the time for retries is
    /// over.
    pub(crate) async fn run<T, F>(mut self, mut attempt: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        loop {
            match Box::pin(attempt()).await {
                Ok(done) => return Ok(done),
                Err(error) => self.wait(error).await?,
            }
        }
    }

    /// Waits before the next attempt. Returns the error if no further attempt is allowed. Only
    /// work that borrows mutably calls this; other work calls [`Retry::run`].
    pub(crate) async fn wait(&mut self, error: Error) -> Result<()> {
        let task = &self.task;
        let wait = self.backoff.next_wait();
        if !error.is_transient() || Instant::now() + wait > self.give_up {
            return Err(error.context(task));
        }
        warn!(source.name = self.source, error = %error.chain(), "{task}: trying again in {wait:.1?}");
        metrics::count_retry(self.kind);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
