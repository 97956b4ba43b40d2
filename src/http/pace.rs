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
use crate::http::spacing::{Spacing, Start};
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
    /// Wakes the request that waits, because a place or a time has changed. Only one waits at a
    /// time, because requests take turns.
    changed: Notify,
}

struct State {
    limit: Limit,
    spacing: Spacing,
    /// The number of requests that hold a place.
    under_way: usize,
    /// The number of requests under way that started after the last throttled one.
    started_after: usize,
    /// The number of requests under way that were throttled. Each keeps its place until the wait
    /// after it is known.
    throttled: usize,
    /// The number of requests that have started, and that number when the server last throttled
    /// one. If a request up to it is throttled too, that is nothing new, because both were under
    /// way together.
    started: u64,
    started_before: u64,
    /// The number of throttled requests since the last answer.
    throttled_in_a_row: u32,
    first_start: Option<Instant>,
    last_start: Option<Instant>,
    /// No request starts before this time.
    quiet_until: Option<Instant>,
}

/// A request that has started.
#[derive(Clone, Copy)]
struct Started {
    number: u64,
    start: Start,
}

/// Classifies a response by what it means for the pace of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered,
    /// The server asked for fewer requests.
    Throttled,
    /// The server failed, which says nothing about the number of requests.
    Failed,
}

impl State {
    fn new(concurrency: usize) -> Self {
        Self {
            limit: Limit::new(concurrency),
            spacing: Spacing::new(),
            under_way: 0,
            started_after: 0,
            throttled: 0,
            started: 0,
            started_before: 0,
            throttled_in_a_row: 0,
            first_start: None,
            last_start: None,
            quiet_until: None,
        }
    }

    /// Reserves a place if one more request may be under way. While the server throttles, only
    /// one request at a time finds out whether it still does.
    fn reserve_place(&mut self) -> bool {
        let is_alone = self.throttled_in_a_row == 0 || self.started_after == 0;
        let is_allowed = is_alone && self.limit.allows_more_than(self.under_way);
        self.under_way += usize::from(is_allowed);
        is_allowed
    }

    /// Starts the next request. Returns the time to wait for if it may not start yet, and `None`
    /// if that time is not known yet.
    fn start(&mut self, declared: Duration) -> Result<Started, Option<Instant>> {
        if self.throttled > 0 {
            return Err(None);
        }
        let now = Instant::now();
        let interval = declared.max(self.spacing.current());
        let after_last = self.last_start.map(|last| last + interval);
        if let Some(next) = after_last.max(self.quiet_until)
            && next > now
        {
            return Err(Some(next));
        }
        let start = Start {
            at: now - *self.first_start.get_or_insert(now),
            gap: self.last_start.map_or(Duration::MAX, |last| now - last),
        };
        self.last_start = Some(now);
        self.started += 1;
        self.started_after += 1;
        let number = self.started;
        Ok(Started { number, start })
    }

    fn record(&mut self, Started { number, start }: Started, outcome: Outcome) {
        let is_new = number > self.started_before;
        match outcome {
            Outcome::Throttled if is_new => {
                self.started_before = self.started;
                self.started_after = 0;
                self.throttled_in_a_row += 1;
                self.limit.shrink();
                let in_a_row = self.throttled_in_a_row;
                self.spacing.record_throttling(start, in_a_row);
            }
            Outcome::Answered if self.throttled_in_a_row == 0 => {
                self.limit.grow();
                self.spacing.record_answer(start);
            }
            Outcome::Answered if is_new => {
                self.throttled_in_a_row = 0;
                self.spacing.record_first_answer(start);
            }
            Outcome::Failed if is_new => self.throttled_in_a_row = 0,
            Outcome::Throttled | Outcome::Answered | Outcome::Failed => {}
        }
    }
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>, concurrency: usize) -> Self {
        Self {
            declared: rate.map_or(Duration::ZERO, request_interval),
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(State::new(concurrency)),
            changed: Notify::new(),
        }
    }

    /// Waits until one request may start. If the future is dropped, the request loses its turn.
    ///
    /// The wait for a place comes first and the wait for the time last, so that the distance
    /// between two requests is never smaller than the rate allows. The request holds its place
    /// while it waits for the time. That delays no other request, because all others come later.
    pub(super) async fn wait_for_turn(&self) -> Place<'_> {
        let _turn = self.turn.lock().await;
        let mut place = self.wait_for_place().await;
        loop {
            let changed = self.changed.notified();
            let started = self.state().start(self.declared);
            match started {
                Ok(started) => {
                    place.started = Some(started);
                    return place;
                }
                Err(Some(at)) => {
                    // the time may have become shorter
                    let _ = tokio::time::timeout_at(at, changed).await;
                }
                Err(None) => changed.await,
            }
        }
    }

    async fn wait_for_place(&self) -> Place<'_> {
        loop {
            let changed = self.changed.notified();
            if self.state().reserve_place() {
                return Place {
                    pace: self,
                    started: None,
                    is_throttled: false,
                };
            }
            changed.await;
        }
    }

    /// Starts no request before `wait` is over. The wait after one throttled request applies to
    /// all requests.
    pub(super) fn hold_back(&self, wait: Duration) {
        let mut state = self.state();
        // a wait that no clock can count is left out
        let until = Instant::now().checked_add(wait);
        state.quiet_until = state.quiet_until.max(until);
    }

    /// Returns the wait after a throttled request, if its schedule says `wait`. If the rate of the
    /// server is known and one request was too early, the wait is as long as that rate requires.
    pub(super) fn shorten_wait(&self, wait: Duration) -> Duration {
        let state = self.state();
        match state.spacing.wait_after_throttling() {
            Some(known) if state.throttled_in_a_row == 1 => wait.min(known),
            _ => wait,
        }
    }

    /// Returns how many requests in a row the server has throttled, without an answer between
    /// them. Requests that were under way together count once.
    pub(super) fn throttled_in_a_row(&self) -> u32 {
        self.state().throttled_in_a_row
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one request among those under way, until it is dropped.
#[must_use]
pub(super) struct Place<'a> {
    pace: &'a Pace,
    started: Option<Started>,
    is_throttled: bool,
}

impl Place<'_> {
    /// Takes note of what a response says about the pace. After a throttled request, no other
    /// starts until this place is dropped, so that the wait after it can be set before.
    pub(super) fn record(&mut self, outcome: Outcome) {
        let Some(started) = self.started else { return };
        let mut state = self.pace.state();
        state.record(started, outcome);
        if outcome == Outcome::Throttled && !self.is_throttled {
            self.is_throttled = true;
            state.throttled += 1;
        }
        drop(state);
        // a request that waits may start now, or earlier
        self.pace.changed.notify_one();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        let is_after = |started: Started| started.number > state.started_before;
        let is_after = self.started.is_some_and(is_after);
        state.under_way -= 1;
        state.started_after -= usize::from(is_after);
        state.throttled -= usize::from(self.is_throttled);
        drop(state);
        self.pace.changed.notify_one();
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
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use proptest::prelude::*;

    use super::*;
    use crate::config;
    use crate::http::backoff::RetryWaits;

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

    async fn answer(pace: &Pace) -> Place<'_> {
        let mut place = pace.wait_for_turn().await;
        place.record(Outcome::Answered);
        place
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_were_throttled_together_count_once() {
        let pace = Pace::new(None, 8);
        for _ in 0..8 {
            drop(answer(&pace).await);
        }
        let mut places = Vec::new();
        for _ in 0..8 {
            places.push(pace.wait_for_turn().await);
        }
        for place in &mut places {
            place.record(Outcome::Throttled);
        }
        assert_eq!(pace.throttled_in_a_row(), 1);
        drop(places);
        // only one request finds out whether the server answers again
        let mut probe = pace.wait_for_turn().await;
        let second = tokio::time::timeout(Duration::from_secs(60), pace.wait_for_turn());
        assert!(second.await.is_err());
        probe.record(Outcome::Throttled);
        drop(probe);
        assert_eq!(pace.throttled_in_a_row(), 2);
        drop(answer(&pace).await);
        assert_eq!(pace.throttled_in_a_row(), 0);
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

    /// Requests `pages` pages from a server by `concurrency` tasks. Returns the number of throttled
    /// requests and the time that it took. A throttled request waits like one of `Client::ask`.
    /// Fails with the number of attempts if a page is given up.
    async fn crawl(
        accepts: impl Fn() -> bool,
        new_waits: impl Fn() -> RetryWaits,
        concurrency: usize,
        pages: usize,
    ) -> Result<(usize, Duration), u32> {
        let pace = Pace::new(None, concurrency);
        let throttled = AtomicUsize::new(0);
        let left = AtomicUsize::new(pages);
        let fetch_page = async || {
            let mut waits = new_waits();
            for attempt in 1_u32.. {
                let mut place = pace.wait_for_turn().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                let is_accepted = accepts();
                tokio::time::sleep(Duration::from_millis(20)).await;
                if is_accepted {
                    place.record(Outcome::Answered);
                    break;
                }
                throttled.fetch_add(1, Relaxed);
                place.record(Outcome::Throttled);
                waits.lengthen(pace.throttled_in_a_row());
                let wait = pace.shorten_wait(waits.next().ok_or(attempt)?);
                pace.hold_back(wait);
                drop(place);
                tokio::time::sleep(wait).await;
            }
            Ok::<(), u32>(())
        };
        let began = Instant::now();
        let tasks = (0..concurrency).map(|_| async {
            let take = |left: usize| left.checked_sub(1);
            while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                fetch_page().await?;
            }
            Ok::<(), u32>(())
        });
        futures::future::try_join_all(tasks).await?;
        Ok((throttled.into_inner(), began.elapsed()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_rate_is_found_with_few_refusals_and_little_delay() {
        let (pages, runs) = (150, 40);
        let limits = config::Fetch::default();
        let new_waits = || RetryWaits::new(&limits);
        for (concurrency, interval) in [(1, 1000), (8, 1000), (1, 200), (8, 200)] {
            let interval = Duration::from_millis(interval);
            let (mut throttled, mut took) = (0, Duration::ZERO);
            for _ in 0..runs {
                let last = None;
                let server = Mutex::new(Strict { interval, last });
                let accepts = || server.lock().unwrap().accepts();
                let (times, time) = crawl(accepts, new_waits, concurrency, pages).await.unwrap();
                throttled += times;
                took += time;
            }
            let fewest = interval * u32::try_from((pages - 1) * runs).unwrap();
            let ratio = took.div_duration_f64(fewest);
            let what = format!("{interval:?}, {concurrency} at once: {throttled}, {ratio:.2}");
            println!("{what}");
            assert!(throttled * 20 <= pages * runs, "{what}");
            assert!(ratio <= 1.3, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_throttles_everything_for_a_while_is_not_given_up() {
        // By chance, all waits of a page may take a minute or three. Without it, they take two.
        let limits = config::Fetch::default();
        let new_waits = || RetryWaits::new(&limits).without_chance();
        for (quiet, is_given_up) in [(30, false), (90, false), (300, true)] {
            let began = Instant::now();
            let accepts = || began.elapsed() > Duration::from_secs(quiet);
            let crawled = crawl(accepts, new_waits, 8, 20).await;
            assert_eq!(crawled.is_err(), is_given_up, "{quiet} s: {crawled:?}");
            if is_given_up {
                assert!(began.elapsed() < Duration::from_secs(quiet), "{began:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_lets_the_next_request_start_before_its_place_is_free() {
        let pace = Pace::new(None, 2);
        let mut first = pace.wait_for_turn().await;
        let answered = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            first.record(Outcome::Answered);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _second = pace.wait_for_turn() => {}
            () = answered => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_starts_between_a_throttled_request_and_the_wait_after_it() {
        let pace = Pace::new(None, 2);
        drop(answer(&pace).await);
        let mut throttled = pace.wait_for_turn().await;
        throttled.record(Outcome::Throttled);
        let wait = Duration::from_secs(5);
        let next = tokio::time::timeout(wait, pace.wait_for_turn());
        assert!(next.await.is_err());
        pace.hold_back(wait);
        drop(throttled);
        let began = Instant::now();
        drop(pace.wait_for_turn().await);
        assert!(began.elapsed() >= wait);
    }
}
