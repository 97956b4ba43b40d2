//! The waits between attempts, for fetch and for the sink alike, and how long
//! a server is waited for.
//!
//! The `backoff` crate is kept behind this one type. It is no longer maintained
//! (RUSTSEC-2025-0012) and has traps, each sprung here once: by default it gives
//! up 15 minutes after its value was made, by a clock of its own, and it adds
//! its jitter after its maximum.

use std::time::{Duration, Instant};

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use tracing::warn;

use crate::error::{Error, Result};
use crate::metrics;

/// Waits that double from the first to the longest, give or take half, so that
/// several processes do not come back in step. They never end: whoever waits
/// counts.
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

    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = self.schedule.next_backoff();
        wait.map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// The waits between attempts to reach a server that is away: short at first,
/// for a restart takes a second, and never so long that its return goes unseen.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Waits out what is a database server's trouble, for as long as is allowed.
#[derive(Debug)]
pub(crate) struct Patience {
    /// What is attempted, in the word that a metric has for it.
    kind: &'static str,
    /// What is attempted, for people: a verb and its object.
    what: String,
    /// For whom, for the log.
    source: Option<String>,
    give_up: Instant,
    backoff: Backoff,
}

impl Patience {
    /// Patience with attempts at something, for so long.
    pub(crate) fn new(kind: &'static str, what: impl Into<String>, limit: Duration) -> Self {
        Self {
            kind,
            what: what.into(),
            source: None,
            give_up: Instant::now() + limit,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        }
    }

    /// Names the source in the log.
    pub(crate) fn of(self, source: &str) -> Self {
        Self {
            source: Some(source.to_owned()),
            ..self
        }
    }

    /// Attempts it until it succeeds, fails for another reason, or has been tried for
    /// long enough.
    pub(crate) async fn over<T, F>(mut self, mut attempt: impl FnMut() -> F) -> Result<T>
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

    /// Waits before the next attempt, or gives the error back if there is none.
    async fn wait(&mut self, error: Error) -> Result<()> {
        let what = &self.what;
        let wait = self.backoff.next_wait();
        if !error.is_transient() || Instant::now() + wait > self.give_up {
            return Err(error.context(what));
        }
        warn!(source.name = self.source, error = %error.chain(), "{what}: trying again in {wait:.1?}");
        metrics::retried(self.kind);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
