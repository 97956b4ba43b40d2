//! Limits how many requests of one source are under way at once. The limit is what the source
//! declares, and less while its server throttles requests.
//!
//! The limit grows by addition and shrinks by halving, as TCP does it. Each success adds the
//! inverse of the limit, so as many successes as the limit add one. A throttled request (429, 503
//! and the statuses that the source declares) halves it. Requests that were under way when the
//! limit fell say nothing about the new limit, so they do not halve it again. The time that a
//! response takes does not count, because few sources allow more than one request at once, and a
//! page may be slow only because it is large.
//!
//! [`Limit`] is a state machine without a clock. [`Gate`] makes requests wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A throttled request multiplies the limit by this factor.
const AFTER_THROTTLING: f64 = 0.5;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered,
    /// The server asked for fewer requests.
    Throttled,
}

struct Limit {
    ceiling: f64,
    limit: f64,
    under_way: usize,
    started: u64,
    /// The value of `started` when the limit last fell. Requests up to this number do not lower
    /// the limit again.
    started_before: u64,
}

impl Limit {
    fn new(ceiling: usize) -> Self {
        // 32 bits are more than any number of connections, and `f64` holds them exactly
        let ceiling = f64::from(u32::try_from(ceiling.max(1)).unwrap_or(u32::MAX));
        Self {
            ceiling,
            limit: ceiling,
            under_way: 0,
            started: 0,
            started_before: 0,
        }
    }

    /// Starts a request and returns its number, if the limit allows one more.
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

    /// Ends a request. The outcome `None` means that the request was abandoned or failed.
    fn end(&mut self, number: u64, outcome: Option<Outcome>) {
        self.under_way -= 1;
        match outcome {
            None => {}
            Some(Outcome::Answered) => {
                self.limit = (self.limit + 1.0 / self.limit).min(self.ceiling);
            }
            Some(Outcome::Throttled) if number > self.started_before => {
                self.limit = (self.limit * AFTER_THROTTLING).max(1.0);
                self.started_before = self.started;
            }
            Some(Outcome::Throttled) => {}
        }
    }
}

/// Lets at most as many requests through at once as the limit allows.
pub(super) struct Gate {
    limit: Mutex<Limit>,
    freed: Notify,
}

/// Counts one request as under way until it is dropped.
#[must_use]
pub(super) struct Slot<'a> {
    gate: &'a Gate,
    number: u64,
    /// A request without an outcome does not change the limit.
    pub(super) outcome: Option<Outcome>,
}

impl Gate {
    pub(super) fn new(ceiling: usize) -> Self {
        Self {
            limit: Mutex::new(Limit::new(ceiling)),
            freed: Notify::new(),
        }
    }

    /// Waits until one more request may be under way. Only one caller waits here at a time,
    /// because `Pace` lets the requests through one after another.
    pub(super) async fn wait_for_slot(&self) -> Slot<'_> {
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

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.gate.limit().end(self.number, self.outcome);
        self.gate.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Starts as many requests as the limit allows, ends all of them with the same outcome, and
    /// returns how many there were.
    fn round(limit: &mut Limit, outcome: Outcome) -> usize {
        let numbers: Vec<u64> = std::iter::from_fn(|| limit.start()).collect();
        for number in &numbers {
            limit.end(*number, Some(outcome));
        }
        numbers.len()
    }

    #[test]
    fn a_throttled_round_halves_and_a_round_of_answers_adds_one() {
        let mut limit = Limit::new(16);
        let throttled: Vec<usize> = (0..6)
            .map(|_| round(&mut limit, Outcome::Throttled))
            .collect();
        assert_eq!(throttled, [16, 8, 4, 2, 1, 1]);
        let answered: Vec<usize> = (0..100)
            .map(|_| round(&mut limit, Outcome::Answered))
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

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_its_ceiling(
            ceiling in 0_usize..40,
            steps in proptest::collection::vec((0..4, any::<prop::sample::Index>()), 0..400),
        ) {
            let mut limit = Limit::new(ceiling);
            let mut under_way = Vec::new();
            for (what, which) in steps {
                let before = limit.limit;
                match (what, under_way.is_empty()) {
                    (0, _) | (_, true) => under_way.extend(limit.start()),
                    (what, false) => {
                        let number = under_way.swap_remove(which.index(under_way.len()));
                        limit.end(number, match what {
                            1 => Some(Outcome::Throttled),
                            2 => Some(Outcome::Answered),
                            _ => None,
                        });
                    }
                }
                prop_assert!(limit.limit >= 1.0 && limit.limit <= limit.ceiling);
                prop_assert!(limit.limit >= (before * AFTER_THROTTLING).max(1.0));
                prop_assert!(under_way.len() <= ceiling.max(1));
                prop_assert_eq!(limit.under_way, under_way.len());
            }
        }

        #[test]
        fn a_server_that_answers_is_asked_as_much_as_it_is_declared_to_take(
            ceiling in 1_usize..40,
            rounds in 1_usize..100,
        ) {
            let mut limit = Limit::new(ceiling);
            for _ in 0..rounds {
                prop_assert_eq!(round(&mut limit, Outcome::Answered), ceiling);
            }
        }
    }

    #[tokio::test]
    async fn a_request_waits_for_one_before_it() {
        let gate = Gate::new(2);
        let (one, _two) = (gate.wait_for_slot().await, gate.wait_for_slot().await);
        let wait = Duration::from_millis(20);
        assert!(
            tokio::time::timeout(wait, gate.wait_for_slot())
                .await
                .is_err()
        );
        let freed = async {
            tokio::time::sleep(wait).await;
            drop(one);
        };
        let (_three, ()) = tokio::join!(gate.wait_for_slot(), freed);
    }
}
