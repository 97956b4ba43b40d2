//! Limits how fast one source is requested: by its rate, by its server's `Retry-After`, and by
//! the number of requests that may be under way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::concurrency::{Gate, Slot};
use crate::source::Rate;

/// The pace of requests to one source.
///
/// A rate of `12/120s` becomes one request every ten seconds. A limiter that lets twelve start at
/// once and refills meanwhile would let 23 start within the first two minutes. With even spaces,
/// no two minutes hold more than twelve requests.
pub(crate) struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    /// The lock is held while a request waits, so that requests start in the order in which they
    /// came.
    turn: Mutex<()>,
    gate: Gate,
    origin: Instant,
    /// No request starts before this time, in milliseconds after `origin`.
    quiet_until: AtomicU64,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>, concurrency: usize) -> Self {
        Self {
            limiter: rate.map(|rate| {
                let quota =
                    Quota::with_period(request_interval(rate)).expect("an interval is never zero");
                RateLimiter::direct(quota)
            }),
            turn: Mutex::new(()),
            gate: Gate::new(concurrency),
            origin: Instant::now(),
            quiet_until: AtomicU64::new(0),
        }
    }

    /// Waits until one request may start. If the future is dropped, the request loses its turn.
    ///
    /// The wait for the slot comes first and the wait for the rate last, so that the distance
    /// between two requests is never smaller than the rate allows. The request holds its slot
    /// while it waits for the rate. That delays no other request, because all others come later.
    /// A request that waits for a retry holds no slot.
    pub(super) async fn wait_for_turn(&self) -> Slot<'_> {
        let _turn = self.turn.lock().await;
        let slot = self.gate.wait_for_slot().await;
        loop {
            let quiet = Duration::from_millis(self.quiet_until.load(Ordering::Relaxed))
                .saturating_sub(self.origin.elapsed());
            if quiet.is_zero() {
                break;
            }
            tokio::time::sleep(quiet).await;
        }
        let Some(limiter) = &self.limiter else {
            return slot;
        };
        while let Err(not_yet) = limiter.check() {
            tokio::time::sleep(not_yet.wait_time_from(DefaultClock::default().now())).await;
        }
        slot
    }

    /// Starts no request before `wait` is over. The `Retry-After` of one response applies to all
    /// requests.
    pub(super) fn hold_back(&self, wait: Duration) {
        let until = self.origin.elapsed().saturating_add(wait).as_millis();
        let until = u64::try_from(until).unwrap_or(u64::MAX);
        self.quiet_until.fetch_max(until, Ordering::Relaxed);
    }
}

/// Returns the time between two requests. It is rounded up, so that a period never holds one
/// request more than the rate allows.
fn request_interval(rate: Rate) -> Duration {
    let nanoseconds = rate
        .period
        .as_nanos()
        .div_ceil(u128::from(rate.requests.get()));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn twelve_in_two_minutes_is_one_every_ten_seconds() {
        assert_eq!(request_interval(rate("12/120s")), Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn no_window_of_the_period_holds_more_than_the_number(
            requests in 1_u32..5_000_000,
            period in 1_u64..100_000,
        ) {
            let rate = rate(&format!("{requests}/{period}s"));
            // the request that follows `requests` spacings after the first one must be outside
            // the period
            let shortest = request_interval(rate).as_nanos() * u128::from(requests);
            prop_assert!(shortest >= rate.period.as_nanos());
        }
    }

    #[tokio::test]
    async fn requests_leave_one_spacing_apart() {
        let pace = Pace::new(Some(rate("50/s")), 1);
        let began = std::time::Instant::now();
        for _ in 0..6 {
            drop(pace.wait_for_turn().await);
        }
        assert!(began.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn quiet_holds_back_every_request() {
        let pace = Pace::new(None, 1);
        let began = std::time::Instant::now();
        pace.hold_back(Duration::from_millis(50));
        pace.hold_back(Duration::from_millis(10));
        drop(pace.wait_for_turn().await);
        assert!(began.elapsed() >= Duration::from_millis(49));
    }
}
