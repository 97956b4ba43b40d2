//! Limits how fast one source is requested: by its declared rate, by what its server throttles
//! and asks for, and by the number of requests that may be under way.
//!
//! A throttled request makes the source quiet: no request starts before the wait is over, and
//! then only one, until the server answers again. From its answer on, requests start as far apart
//! as [`Spacing`] has learned.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::http::concurrency::Limit;
use crate::http::spacing::Spacing;
use crate::source::Rate;

/// The pace of requests to one source.
///
/// A rate of `12/120s` becomes one request every ten seconds. A limiter that lets twelve start at
/// once and refills meanwhile would let 23 start within the first two minutes. With even spaces,
/// no two minutes hold more than twelve requests.
pub(crate) struct Pace {
    /// The time between two requests that the declared rate requires.
    declared: Duration,
    /// The lock is held while a request waits, so that requests start in the order in which they
    /// came.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    limit: Limit,
    spacing: Spacing,
    /// The number of requests that hold a place, and of those that started after the last
    /// refusal.
    under_way: usize,
    started_after_refusal: usize,
    /// The number of requests that have started, and that number when the server last refused
    /// one. Refusals of requests up to it tell nothing new, because they were under way then.
    started: u64,
    started_before_refusal: u64,
    /// The number of refusals since the last answer.
    refusals_in_a_row: u32,
    first_start: Option<Instant>,
    last_start: Option<Instant>,
    /// No request starts before this time.
    quiet_until: Option<Instant>,
}

/// A request that has started.
#[derive(Clone, Copy)]
struct Started {
    number: u64,
    at: Instant,
    /// The time since the request before it started.
    gap: Duration,
}

/// What a response says about the pace of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered,
    /// The server asked for fewer requests.
    Throttled,
}

impl State {
    fn new(concurrency: usize) -> Self {
        Self {
            limit: Limit::new(concurrency),
            spacing: Spacing::new(),
            under_way: 0,
            started_after_refusal: 0,
            started: 0,
            started_before_refusal: 0,
            refusals_in_a_row: 0,
            first_start: None,
            last_start: None,
            quiet_until: None,
        }
    }

    /// Takes a place, if one more request may be under way. While the server refuses requests,
    /// only one of them at a time finds out whether it still does.
    fn take_place(&mut self) -> bool {
        let is_alone = self.refusals_in_a_row == 0 || self.started_after_refusal == 0;
        let is_taken = is_alone && self.limit.allows_more_than(self.under_way);
        self.under_way += usize::from(is_taken);
        is_taken
    }

    /// Returns the time before which the next request may not start.
    fn next_start(&self, declared: Duration) -> Option<Instant> {
        let distance = declared.max(self.spacing.current());
        let after_last = self.last_start.map(|last| last + distance);
        after_last.max(self.quiet_until)
    }

    fn start(&mut self) -> Started {
        let at = Instant::now();
        let gap = self.last_start.map_or(Duration::MAX, |last| at - last);
        self.last_start = Some(at);
        self.first_start.get_or_insert(at);
        self.started += 1;
        self.started_after_refusal += 1;
        Started {
            number: self.started,
            at,
            gap,
        }
    }

    fn free_place(&mut self, started: Option<Started>) {
        self.under_way -= 1;
        let is_recent = started.is_some_and(|it| it.number > self.started_before_refusal);
        self.started_after_refusal -= usize::from(is_recent);
    }

    fn record(&mut self, started: Started, outcome: Outcome) {
        let is_news = started.number > self.started_before_refusal;
        match outcome {
            Outcome::Throttled if is_news => {
                self.started_before_refusal = self.started;
                self.started_after_refusal = 0;
                self.refusals_in_a_row += 1;
                self.limit.shrink();
                self.spacing.refuse(started.gap, self.refusals_in_a_row);
            }
            Outcome::Throttled => {}
            Outcome::Answered if self.refusals_in_a_row == 0 => {
                self.limit.grow();
                self.spacing.answer(started.gap);
            }
            Outcome::Answered if is_news => {
                self.refusals_in_a_row = 0;
                let first = self.first_start.unwrap_or(started.at);
                self.spacing.answer_after_refusal(started.at - first);
            }
            Outcome::Answered => {}
        }
    }
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>, concurrency: usize) -> Self {
        Self {
            declared: rate.map_or(Duration::ZERO, request_interval),
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(State::new(concurrency)),
            freed: Notify::new(),
        }
    }

    /// Waits until one request may start. If the future is dropped, the request loses its turn.
    ///
    /// The wait for a place comes first and the wait for the time last, so that the distance
    /// between two requests is never smaller than the rate allows. The request holds its place
    /// while it waits for the time. That delays no other request, because all others come later.
    pub(super) async fn wait_for_turn(&self) -> Slot<'_> {
        let _turn = self.turn.lock().await;
        let mut slot = self.wait_for_place().await;
        while let Err(at) = slot.start() {
            tokio::time::sleep_until(at).await;
        }
        slot
    }

    /// Waits until one more request may be under way. Only one caller waits here at a time,
    /// because requests take turns.
    async fn wait_for_place(&self) -> Slot<'_> {
        loop {
            let freed = self.freed.notified();
            if self.state().take_place() {
                return Slot {
                    pace: self,
                    started: None,
                };
            }
            freed.await;
        }
    }

    /// Starts no request before `wait` is over. The wait after one throttled request applies to
    /// all requests.
    pub(super) fn hold_back(&self, wait: Duration) {
        let mut state = self.state();
        // a wait that no clock can count never ends, but every wait here has a limit
        let until = Instant::now().checked_add(wait);
        state.quiet_until = state.quiet_until.max(until);
    }

    /// Returns the wait after a refused request, if its schedule says `wait`. If the rate of the
    /// server is known and one request was too early, the wait is as long as that rate requires.
    pub(super) fn shorten_wait(&self, wait: Duration) -> Duration {
        let state = self.state();
        match state.spacing.wait_after_refusal() {
            Some(known) if state.refusals_in_a_row == 1 => wait.min(known),
            _ => wait,
        }
    }

    /// Returns how often in a row the server has refused requests, without an answer between
    /// them. Refusals of requests that were under way together count once.
    pub(super) fn refusals_in_a_row(&self) -> u32 {
        self.state().refusals_in_a_row
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one request among those under way, until it is dropped.
#[must_use]
pub(super) struct Slot<'a> {
    pace: &'a Pace,
    started: Option<Started>,
}

impl Slot<'_> {
    /// Starts the request. Returns the time to wait for if it may not start yet.
    fn start(&mut self) -> Result<(), Instant> {
        let mut state = self.pace.state();
        match state.next_start(self.pace.declared) {
            Some(at) if at > Instant::now() => Err(at),
            _ => {
                self.started = Some(state.start());
                Ok(())
            }
        }
    }

    /// Takes note of what a response says about the pace. A response that says nothing about it
    /// is not recorded.
    pub(super) fn record(&self, outcome: Outcome) {
        if let Some(started) = self.started {
            self.pace.state().record(started, outcome);
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.pace.state().free_place(self.started);
        self.pace.freed.notify_one();
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

    #[tokio::test(start_paused = true)]
    async fn requests_leave_one_spacing_apart() {
        let pace = Pace::new(Some(rate("50/s")), 1);
        let began = Instant::now();
        for _ in 0..6 {
            drop(pace.wait_for_turn().await);
        }
        assert!(began.elapsed() >= Duration::from_millis(100));
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_holds_back_every_request() {
        let pace = Pace::new(None, 1);
        let began = Instant::now();
        pace.hold_back(Duration::from_millis(50));
        pace.hold_back(Duration::from_millis(10));
        drop(pace.wait_for_turn().await);
        assert!(began.elapsed() >= Duration::from_millis(49));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_one_before_it() {
        let pace = Pace::new(None, 2);
        drop(answer(&pace).await);
        let (one, _two) = (pace.wait_for_turn().await, pace.wait_for_turn().await);
        let wait = Duration::from_millis(20);
        let third = tokio::time::timeout(wait, pace.wait_for_turn());
        assert!(third.await.is_err());
        let freed = async {
            tokio::time::sleep(wait).await;
            drop(one);
        };
        let (_three, ()) = tokio::join!(pace.wait_for_turn(), freed);
    }

    async fn answer(pace: &Pace) -> Slot<'_> {
        let slot = pace.wait_for_turn().await;
        slot.record(Outcome::Answered);
        slot
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_were_under_way_together_are_refused_once() {
        let pace = Pace::new(None, 8);
        for _ in 0..8 {
            drop(answer(&pace).await);
        }
        let mut slots = Vec::new();
        for _ in 0..8 {
            slots.push(pace.wait_for_turn().await);
        }
        for slot in &slots {
            slot.record(Outcome::Throttled);
        }
        assert_eq!(pace.refusals_in_a_row(), 1);
        drop(slots);
        // only one request finds out whether the server answers again
        let probe = pace.wait_for_turn().await;
        let second = tokio::time::timeout(Duration::from_secs(60), pace.wait_for_turn());
        assert!(second.await.is_err());
        probe.record(Outcome::Throttled);
        drop(probe);
        assert_eq!(pace.refusals_in_a_row(), 2);
        drop(answer(&pace).await);
        assert_eq!(pace.refusals_in_a_row(), 0);
        let _first = pace.wait_for_turn().await;
        let _second = pace.wait_for_turn().await;
    }

    /// A server that accepts a request only if it comes at least `interval` after the last one
    /// that it accepted, as nginx does with `limit_req` without a burst.
    struct Strict {
        interval: Duration,
        last: Option<Instant>,
    }

    impl Strict {
        fn accepts(&mut self) -> bool {
            let now = Instant::now();
            let is_accepted = self.last.is_none_or(|last| now - last >= self.interval);
            if is_accepted {
                self.last = Some(now);
            }
            is_accepted
        }
    }

    /// Requests `pages` pages by `concurrency` tasks. Returns the number of refusals and the time
    /// that it took. A refused request waits like one of `Client::ask`.
    async fn crawl(interval: Duration, concurrency: usize, pages: usize) -> (usize, Duration) {
        let pace = Pace::new(None, concurrency);
        let last = None;
        let server = Mutex::new(Strict { interval, last });
        let refusals = std::sync::atomic::AtomicUsize::new(0);
        let left = std::sync::atomic::AtomicUsize::new(pages);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        let limits = crate::config::Fetch::default();
        let fetch_page = async || {
            let mut waits = crate::http::backoff::RetryWaits::new(&limits);
            let mut is_refused = false;
            loop {
                let slot = pace.wait_for_turn().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                let is_accepted = server.lock().unwrap().accepts();
                tokio::time::sleep(Duration::from_millis(20)).await;
                if is_accepted {
                    slot.record(Outcome::Answered);
                    return;
                }
                refusals.fetch_add(1, relaxed);
                slot.record(Outcome::Throttled);
                if is_refused {
                    waits.skip_to(pace.refusals_in_a_row());
                }
                is_refused = true;
                let wait = waits.next().expect("no page is given up");
                let wait = pace.shorten_wait(wait);
                pace.hold_back(wait);
                drop(slot);
                tokio::time::sleep(wait).await;
            }
        };
        let began = Instant::now();
        let tasks = (0..concurrency).map(|_| async {
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(relaxed, relaxed, take).is_ok() {
                fetch_page().await;
            }
        });
        futures::future::join_all(tasks).await;
        (refusals.into_inner(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_rate_is_found_with_few_refusals_and_little_delay() {
        let (pages, runs) = (120, 40);
        for (concurrency, interval) in [(1, 1000), (8, 1000), (1, 200), (8, 200)] {
            let interval = Duration::from_millis(interval);
            let (mut refusals, mut took) = (0, Duration::ZERO);
            for _ in 0..runs {
                let (refused, time) = crawl(interval, concurrency, pages).await;
                let what = format!("{interval:?}, {concurrency} at once: {refused}, {time:?}");
                assert!(refused * 10 <= pages, "{what}");
                refusals += refused;
                took += time;
            }
            let fewest = interval * u32::try_from((pages - 1) * runs).unwrap();
            let ratio = took.div_duration_f64(fewest);
            println!("{interval:?}, {concurrency} at once: {refusals} refusals, {ratio:.2}");
            assert!(ratio <= 1.3, "{interval:?}, {concurrency} at once: {ratio}");
        }
    }
}
