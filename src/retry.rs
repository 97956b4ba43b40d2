//! The waits between attempts, for fetch and for the sink alike.
//!
//! The `backoff` crate is kept behind this one type. It is no longer maintained
//! (RUSTSEC-2025-0012) and has traps, each sprung here once: by default it gives
//! up 15 minutes after its value was made, by a clock of its own, and it adds
//! its jitter after its maximum.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

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
