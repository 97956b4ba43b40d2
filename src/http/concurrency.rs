//! How many requests of one source may be under way at once: as many as it is
//! declared to take, and fewer while its server is in trouble.
//!
//! Additive increase, multiplicative decrease, as TCP shares a line: each success
//! adds the inverse of the limit, so a round of them adds one; 429, 503 and the
//! like halve it; answers that take twice as long as at best take a quarter off,
//! since asking twice as many at once for that gains nothing. What was under way
//! when the limit fell says nothing of the new one, so it falls once in a round
//! trip at most.
//!
//! [`Limit`] is a state machine without a clock. [`Gate`] makes requests wait for
//! it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// What a plea for quiet leaves of the limit.
const AFTER_PLEA: f64 = 0.5;

/// What slow answers leave of it.
const AFTER_SLOWNESS: f64 = 0.75;

/// How much of a smoothed latency the newest one is.
const NEWEST: f64 = 0.125;

/// How many latencies make a smoothed one worth a judgement.
const FEW: u32 = 8;

/// How many times the best latency is slow.
const SLOW: f64 = 2.0;

/// What no latency is slow below, in seconds: a page may well be larger than
/// those before it.
const QUICK: f64 = 0.1;

/// By how much of the difference the best latency follows the present one, so that
/// a server that has become slower for good is not held back for ever.
const DRIFT: f64 = 0.01;

/// What a request came to, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It was answered, and its answer began after so long.
    Answered(Duration),
    /// The server asks for fewer requests.
    Throttled,
}

/// How many requests may be under way, and how many are.
#[derive(Debug)]
struct Limit {
    ceiling: f64,
    limit: f64,
    under_way: usize,
    /// How many requests were started.
    started: u64,
    /// How many had been when the limit fell last.
    started_before: u64,
    latency: Latency,
}

impl Limit {
    fn new(ceiling: usize) -> Self {
        // more than any number of connections, and exact as a float
        let ceiling = f64::from(u32::try_from(ceiling.max(1)).unwrap_or(u32::MAX));
        Self {
            ceiling,
            limit: ceiling,
            under_way: 0,
            started: 0,
            started_before: 0,
            latency: Latency::default(),
        }
    }

    /// Starts a request, if there is room for it; gives its number.
    fn start(&mut self) -> Option<u64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "requests under way are at most the ceiling"
        )]
        let is_room = (self.under_way as f64) < self.limit.floor();
        if !is_room {
            return None;
        }
        self.under_way += 1;
        self.started += 1;
        Some(self.started)
    }

    /// Ends a request that was abandoned, or came to this.
    fn end(&mut self, number: u64, outcome: Option<Outcome>) {
        self.under_way -= 1;
        match outcome {
            None => {}
            Some(Outcome::Throttled) => self.fall(number, AFTER_PLEA),
            Some(Outcome::Answered(latency)) => {
                if self.latency.is_slow_with(latency) {
                    self.fall(number, AFTER_SLOWNESS);
                } else {
                    self.limit = (self.limit + 1.0 / self.limit).min(self.ceiling);
                }
            }
        }
    }

    fn fall(&mut self, number: u64, to: f64) {
        if number > self.started_before {
            self.limit = (self.limit * to).max(1.0);
            self.started_before = self.started;
            self.latency.begin_anew();
        }
    }
}

/// How long answers take to begin, in seconds.
#[derive(Debug, Default)]
struct Latency {
    smoothed: f64,
    seen: u32,
    /// The lowest smoothed latency so far, give or take the drift.
    best: Option<f64>,
}

impl Latency {
    /// Takes the newest latency; whether they have become slow.
    fn is_slow_with(&mut self, newest: Duration) -> bool {
        let newest = newest.as_secs_f64();
        self.seen += 1;
        // the first few count alike, and then the newest counts for as much as ever
        let share = (1.0 / f64::from(self.seen)).max(NEWEST);
        self.smoothed += (newest - self.smoothed) * share;
        if self.seen < FEW {
            return false;
        }
        let best = self.best.unwrap_or(self.smoothed).min(self.smoothed);
        self.best = Some(best + (self.smoothed - best) * DRIFT);
        self.smoothed > best * SLOW + QUICK
    }

    /// Forgets the present latency: it was that of another limit.
    fn begin_anew(&mut self) {
        self.smoothed = 0.0;
        self.seen = 0;
    }
}

/// Lets requests through, as many at once as the limit is.
#[derive(Debug)]
pub(crate) struct Gate {
    limit: Mutex<Limit>,
    freed: Notify,
}

/// A request's place among those under way, up to its drop.
#[derive(Debug)]
#[must_use]
pub(crate) struct Slot<'a> {
    gate: &'a Gate,
    number: u64,
    outcome: Option<Outcome>,
}

impl Gate {
    pub(crate) fn new(ceiling: usize) -> Self {
        Self {
            limit: Mutex::new(Limit::new(ceiling)),
            freed: Notify::new(),
        }
    }

    /// Waits until one more request may be under way. At most one waits here: the
    /// one whose turn it is.
    pub(crate) async fn enter(&self) -> Slot<'_> {
        loop {
            let freed = self.freed.notified();
            let started = self.limit().start();
            if let Some(number) = started {
                return Slot {
                    gate: self,
                    number,
                    outcome: None,
                };
            }
            freed.await;
        }
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// Says what the request came to; by itself, it came to nothing.
    pub(crate) fn came_to(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.gate.limit().end(self.number, self.outcome);
        self.gate.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    /// So many requests at once, each coming to the same.
    fn round(limit: &mut Limit, outcome: Outcome) -> usize {
        let numbers: Vec<u64> = std::iter::from_fn(|| limit.start()).collect();
        for number in &numbers {
            limit.end(*number, Some(outcome));
        }
        numbers.len()
    }

    #[test]
    fn a_round_of_pleas_halves_and_a_round_of_answers_adds_one() {
        let mut limit = Limit::new(16);
        let throttled: Vec<usize> = (0..6)
            .map(|_| round(&mut limit, Outcome::Throttled))
            .collect();
        assert_eq!(throttled, [16, 8, 4, 2, 1, 1]);
        let answered: Vec<usize> = (0..100)
            .map(|_| round(&mut limit, Outcome::Answered(TENTH)))
            .collect();
        assert_eq!(answered[..5], [1, 2, 2, 3, 4]);
        assert!(answered.is_sorted());
        assert_eq!(answered[99], 16);
    }

    #[test]
    fn what_was_under_way_when_the_limit_fell_does_not_lower_it_again() {
        let mut limit = Limit::new(8);
        let before: Vec<u64> = std::iter::from_fn(|| limit.start()).collect();
        limit.end(before[7], Some(Outcome::Throttled));
        for number in &before[..7] {
            limit.end(*number, Some(Outcome::Throttled));
        }
        assert_eq!(round(&mut limit, Outcome::Throttled), 4);
    }

    #[test]
    fn slow_answers_lower_the_limit_until_slowness_is_all_there_is() {
        let mut limit = Limit::new(16);
        for _ in 0..5 {
            assert_eq!(round(&mut limit, Outcome::Answered(TENTH)), 16);
        }
        let slow = Outcome::Answered(TENTH * 20);
        let lowered: Vec<usize> = (0..20).map(|_| round(&mut limit, slow)).collect();
        assert!(lowered.iter().any(|size| *size <= 9), "{lowered:?}");
        for _ in 0..2_000 {
            round(&mut limit, slow);
        }
        assert_eq!(round(&mut limit, slow), 16);
    }

    #[test]
    fn a_page_that_is_slow_by_itself_lowers_nothing() {
        let mut limit = Limit::new(4);
        for nth in 0..200 {
            let latency = if nth % 20 == 0 { TENTH * 5 } else { TENTH };
            assert_eq!(round(&mut limit, Outcome::Answered(latency)), 4);
        }
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_its_ceiling(
            ceiling in 0_usize..40,
            steps in proptest::collection::vec((0..4, 0_u64..5_000, any::<prop::sample::Index>()), 0..400),
        ) {
            let mut limit = Limit::new(ceiling);
            let mut under_way = Vec::new();
            for (what, milliseconds, which) in steps {
                let before = limit.limit;
                match (what, under_way.is_empty()) {
                    (0, _) | (_, true) => under_way.extend(limit.start()),
                    (what, false) => {
                        let number = under_way.swap_remove(which.index(under_way.len()));
                        limit.end(number, match what {
                            1 => Some(Outcome::Throttled),
                            2 => Some(Outcome::Answered(Duration::from_millis(milliseconds))),
                            _ => None,
                        });
                    }
                }
                prop_assert!(limit.limit >= 1.0 && limit.limit <= limit.ceiling);
                prop_assert!(limit.limit >= (before * AFTER_PLEA).max(1.0));
                prop_assert!(under_way.len() <= ceiling.max(1));
                prop_assert_eq!(limit.under_way, under_way.len());
            }
        }

        #[test]
        fn a_calm_server_is_asked_as_much_as_it_is_declared_to_take(
            ceiling in 1_usize..40,
            milliseconds in proptest::collection::vec(50_u64..100, 1..300),
        ) {
            let mut limit = Limit::new(ceiling);
            for milliseconds in milliseconds {
                let latency = Duration::from_millis(milliseconds);
                prop_assert_eq!(round(&mut limit, Outcome::Answered(latency)), ceiling);
            }
        }
    }

    #[tokio::test]
    async fn a_request_waits_for_one_before_it() {
        let gate = Gate::new(2);
        let (one, _two) = (gate.enter().await, gate.enter().await);
        let wait = Duration::from_millis(20);
        assert!(tokio::time::timeout(wait, gate.enter()).await.is_err());
        let freed = async {
            tokio::time::sleep(wait).await;
            drop(one);
        };
        let (_three, ()) = tokio::join!(gate.enter(), freed);
    }
}
