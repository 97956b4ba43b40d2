//! Learns how far apart the requests of one source must start, from what its server throttles.
//!
//! Many servers refuse requests above a rate that nobody has written down, and do not say when to
//! come back. The first answer after the first refusal gives a time between two requests that the
//! server accepts: the time since the first request, divided by the answers so far. Each answer
//! then shortens it by a quarter, until the server refuses a request again. From then on the true
//! time is known to lie between one that was refused and one that was accepted. Smaller steps and
//! then halves bring the two close to each other. Afterwards the accepted one is kept for more and more answers
//! before a shorter one is tried, because a server may allow more after a while.
//!
//! [`Spacing`] is a state machine without a clock.

use std::time::Duration;

/// Each answer multiplies the time between two requests by this factor until one is refused.
const SHORTER: f64 = 0.75;

/// The factor once a request has been refused.
const SLIGHTLY_SHORTER: f64 = 0.85;

/// If the server refuses what it accepted before, the time is multiplied by this factor.
const LONGER: f64 = 1.25;

/// An accepted time that exceeds a refused one by no more than this factor is close to it.
const CLOSE: f64 = 1.2;

/// A refused time is multiplied by this factor before shorter times are tried again.
const FORGET: f64 = 0.9;

/// The number of answers for which an accepted time is kept first, and at most.
const FIRST_HOLD: u32 = 20;
const LONGEST_HOLD: u32 = 1_000;

/// The longest time that is learned. It is the lowest rate of a publisher that is known (twelve
/// requests in two minutes). If a server needs more, the waits between attempts are enough.
const LONGEST: Duration = Duration::from_secs(10);

/// A request says something about the current time only if it followed the request before it by
/// about that time: by no more than this factor, and the precision of a timer, more or less.
const ABOUT: f64 = 1.1;
const TIMER: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Spacing {
    /// The shortest time between the starts of two requests. It is zero until the server has
    /// refused a request.
    current: Duration,
    /// The time with which the server last answered.
    accepted: Duration,
    /// The longest time with which the server refused a request. Zero if there is none.
    refused: Duration,
    /// The number of answers before the next change, and how many there will be after it.
    left: u32,
    hold: u32,
    answers: u32,
}

impl Spacing {
    pub(super) fn new() -> Self {
        Self {
            current: Duration::ZERO,
            accepted: Duration::ZERO,
            refused: Duration::ZERO,
            left: 1,
            hold: FIRST_HOLD,
            answers: 0,
        }
    }

    pub(super) fn current(&self) -> Duration {
        self.current
    }

    /// Returns how long no request should start after a refusal, if a time is known with which the
    /// server answers.
    pub(super) fn wait_after_refusal(&self) -> Option<Duration> {
        let is_known = !self.current.is_zero();
        is_known.then(|| self.current.mul_f64(LONGER))
    }

    /// Takes note that the server refused a request. `gap` is the time since the request before
    /// it, and `in_a_row` the number of refusals since the last answer, with this one.
    pub(super) fn refuse(&mut self, gap: Duration, in_a_row: u32) {
        if self.current.is_zero() {
            return;
        }
        if in_a_row > 1 {
            self.current = self.current.mul_f64(LONGER).min(LONGEST);
            return;
        }
        if self.is_late(gap) || gap.mul_f64(ABOUT) < self.current {
            return;
        }
        self.refused = self.refused.max(gap);
        if self.accepted <= self.refused {
            self.accepted = self.refused.mul_f64(LONGER);
        }
        self.current = self.accepted.min(LONGEST);
        self.hold_current();
    }

    /// Takes note of the first answer after a refusal. `elapsed` is the time from the first
    /// request to the answered one.
    pub(super) fn answer_after_refusal(&mut self, elapsed: Duration) {
        if self.current.is_zero() {
            self.current = (elapsed / self.answers.max(1)).min(LONGEST);
            self.accepted = self.current;
            self.left = 1;
        }
        self.answers = self.answers.saturating_add(1);
    }

    /// Takes note of any other answer. `gap` is the time since the request before it. A request
    /// that came later than it had to, because it began to wait for a longer time or because no
    /// other was to be sent, says nothing about the current time.
    pub(super) fn answer(&mut self, gap: Duration) {
        self.answers = self.answers.saturating_add(1);
        if self.current.is_zero() || self.is_late(gap) {
            return;
        }
        self.accepted = self.current;
        self.left -= 1;
        if self.left > 0 {
            return;
        }
        self.left = 1;
        let shorter = match self.refused.is_zero() {
            true => self.accepted.mul_f64(SHORTER),
            false => self.accepted.mul_f64(SLIGHTLY_SHORTER),
        };
        if shorter > self.refused {
            self.current = shorter;
        } else if self.accepted <= self.refused.mul_f64(CLOSE) {
            self.refused = self.refused.mul_f64(FORGET);
            self.hold_current();
        } else {
            let ratio = self.accepted.div_duration_f64(self.refused);
            self.current = self.refused.mul_f64(ratio.sqrt());
        }
    }

    fn is_late(&self, gap: Duration) -> bool {
        gap > self.current.mul_f64(ABOUT) + TIMER
    }

    fn hold_current(&mut self) {
        self.left = self.hold;
        self.hold = (self.hold * 2).min(LONGEST_HOLD);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_server_answers_the_time_has_bounds_and_ends_when_it_answers(
            steps in proptest::collection::vec((0..3, 0_u64..20_000), 0..300),
        ) {
            let mut spacing = Spacing::new();
            let mut in_a_row = 0;
            for (what, millis) in steps {
                let time = Duration::from_millis(millis);
                match what {
                    0 => {
                        in_a_row += 1;
                        spacing.refuse(time, in_a_row);
                    }
                    _ if in_a_row > 0 => {
                        in_a_row = 0;
                        spacing.answer_after_refusal(time);
                    }
                    _ => spacing.answer(time),
                }
                prop_assert!(spacing.current() <= LONGEST);
            }
            // no refusal is remembered for ever
            if in_a_row > 0 {
                spacing.answer_after_refusal(Duration::from_secs(1));
            }
            for _ in 0..100_000 {
                spacing.answer(spacing.current());
            }
            prop_assert!(spacing.current() <= Duration::from_millis(1), "{:?}", spacing);
        }
    }

    #[test]
    fn a_request_that_came_late_says_nothing_about_the_time() {
        let mut spacing = Spacing::new();
        spacing.answer(Duration::MAX);
        spacing.refuse(Duration::ZERO, 1);
        spacing.answer_after_refusal(Duration::from_secs(1));
        assert_eq!(spacing.current(), Duration::from_secs(1));
        spacing.refuse(Duration::from_secs(5), 1);
        spacing.answer(Duration::from_secs(5));
        assert_eq!(spacing.current(), Duration::from_secs(1));
        spacing.refuse(Duration::from_secs(1), 1);
        assert_eq!(spacing.current(), Duration::from_millis(1_250));
    }
}
