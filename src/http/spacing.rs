//! Learns how far apart the requests of one source must start, from what its server throttles.
//!
//! Many servers throttle requests above a rate that nobody has written down, and do not say when
//! to come back. The first answer after the first throttled request gives a time between two
//! requests that the server accepts: the time since the first request, divided by the answers so
//! far. Each answer then shortens it by two fifths, until the server throttles again. From then on
//! the shortest accepted time is known to lie between one that was throttled and one that was
//! answered. Smaller steps, and then their geometric mean, bring the two close to each other.
//! Afterwards the accepted time is kept for more and more answers before a shorter one is tried,
//! because a server may allow more after a while.
//!
//! If the server throttles what it answered a few times, the time becomes longer, but never longer
//! than the average time per answer since the server first throttled. A rate limit would not have
//! let more answers through, so what is throttled beyond that has another reason, such as an
//! overload, and slower requests would not help.
//!
//! [`Spacing`] is a state machine without a clock.

use std::time::Duration;

/// Each answer multiplies the time by this factor until a request is throttled.
const FIRST_STEP: f64 = 0.6;

/// The factor after a request has been throttled.
const STEP: f64 = 0.85;

/// If the server throttles what it answered before, the time is multiplied by this factor.
const STEP_BACK: f64 = 1.25;

/// If the accepted time exceeds the throttled one by no more than this factor, the search ends.
const PRECISION: f64 = 1.2;

/// The throttled time is multiplied by this factor before shorter times are tried again.
const NEXT_SEARCH: f64 = 0.9;

/// The number of answers for which an accepted time is kept first, and at most.
const FIRST_KEPT: u32 = 20;
const LONGEST_KEPT: u32 = 1_000;

/// If the server has answered this many requests with a time, that time is not the reason for
/// throttling the next one.
const PROOF: u32 = 10;

/// The longest time that is learned. It is the lowest rate of a publisher that is known (twelve
/// requests in two minutes). If a server needs more, the waits between attempts are enough.
const LONGEST: Duration = Duration::from_secs(10);

/// The shortest wait after a throttled request.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// A request says something about the current time only if it followed the request before it by
/// about that time: by no more than this factor, and the precision of a timer, more or less.
const TOLERANCE: f64 = 1.1;
const TIMER: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Spacing {
    /// The shortest time between the starts of two requests. It is zero until the server has
    /// throttled a request and answered again.
    current: Duration,
    /// The number of answers since the time changed.
    answers_with_current: u32,
    /// The time with which the server last answered.
    answered: Duration,
    /// The longest time with which the server throttled a request. Zero if there is none.
    throttled: Duration,
    /// The number of answers before the time changes, and how many there will be the next time
    /// that it is kept.
    answers_left: u32,
    answers_kept: u32,
    /// The number of answers since `counted_from`, which is a time after the first request. It is
    /// that request, and later the first answer after a throttled one.
    answers: u32,
    counted_from: Duration,
}

/// When a request started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// The time since the source's first request started.
    pub(super) at: Duration,
    /// The time since the request before it started.
    pub(super) gap: Duration,
}

impl Spacing {
    pub(super) fn new() -> Self {
        Self {
            current: Duration::ZERO,
            answers_with_current: 0,
            answered: Duration::ZERO,
            throttled: Duration::ZERO,
            answers_left: 1,
            answers_kept: FIRST_KEPT,
            answers: 0,
            counted_from: Duration::ZERO,
        }
    }

    pub(super) fn current(&self) -> Duration {
        self.current
    }

    /// Returns how long no request should start after a throttled one, if a time is known with
    /// which the server answers.
    pub(super) fn wait_after_throttling(&self) -> Option<Duration> {
        let is_known = !self.current.is_zero();
        is_known.then(|| self.current.mul_f64(STEP_BACK).max(SHORTEST_WAIT))
    }

    /// Takes note of a throttled request. `in_a_row` is the number of them since the last answer,
    /// with this one.
    pub(super) fn record_throttling(&mut self, start: Start, in_a_row: u32) {
        // the waits after the others in a row are enough, because the time is not their reason
        if self.current.is_zero() || in_a_row > 1 {
            return;
        }
        let longest = self.average(start.at).min(LONGEST).max(self.current);
        let is_proven = self.answers_with_current >= PROOF;
        if is_proven || self.is_late(start.gap) || start.gap.mul_f64(TOLERANCE) < self.current {
            return;
        }
        self.throttled = self.throttled.max(start.gap);
        if self.answered <= self.throttled {
            self.answered = self.throttled.mul_f64(STEP_BACK).min(longest);
            self.answers_kept = FIRST_KEPT;
        }
        self.set_current(self.answered);
        self.keep_current();
    }

    /// Takes note of the first answer after throttled requests.
    pub(super) fn record_first_answer(&mut self, start: Start) {
        if self.current.is_zero() {
            self.set_current(self.average(start.at).min(LONGEST));
            self.answered = self.current;
            self.answers_left = 1;
            self.answers = 0;
            self.counted_from = start.at;
        }
        self.answers = self.answers.saturating_add(1);
    }

    /// Takes note of any other answer. A request that came later than it had to, because no other
    /// was to be sent, says nothing about the current time.
    pub(super) fn record_answer(&mut self, start: Start) {
        self.answers = self.answers.saturating_add(1);
        if self.current.is_zero() || self.is_late(start.gap) {
            return;
        }
        self.answered = self.current;
        self.answers_with_current = self.answers_with_current.saturating_add(1);
        self.answers_left -= 1;
        if self.answers_left > 0 {
            return;
        }
        self.answers_left = 1;
        let shorter = match self.throttled.is_zero() {
            true => self.answered.mul_f64(FIRST_STEP),
            false => self.answered.mul_f64(STEP),
        };
        if shorter > self.throttled {
            self.set_current(shorter);
        } else if self.answered <= self.throttled.mul_f64(PRECISION) {
            self.throttled = self.throttled.mul_f64(NEXT_SEARCH);
            self.keep_current();
        } else {
            let ratio = self.answered.div_duration_f64(self.throttled);
            self.set_current(self.throttled.mul_f64(ratio.sqrt()));
        }
    }

    fn is_late(&self, gap: Duration) -> bool {
        gap > self.current.mul_f64(TOLERANCE) + TIMER
    }

    /// Returns the average time per answer until a time after the first request.
    fn average(&self, until: Duration) -> Duration {
        until.saturating_sub(self.counted_from) / self.answers.max(1)
    }

    fn set_current(&mut self, time: Duration) {
        self.current = time;
        self.answers_with_current = 0;
    }

    fn keep_current(&mut self) {
        self.answers_left = self.answers_kept;
        self.answers_kept = (self.answers_kept * 2).min(LONGEST_KEPT);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start(at: Duration, gap: Duration) -> Start {
        Start { at, gap }
    }

    /// Makes a spacing that has learned one second.
    fn learned() -> Spacing {
        let mut spacing = Spacing::new();
        spacing.record_answer(start(Duration::ZERO, Duration::MAX));
        spacing.record_throttling(start(Duration::ZERO, Duration::ZERO), 1);
        spacing.record_first_answer(start(SECOND, SECOND));
        assert_eq!(spacing.current(), SECOND);
        spacing
    }

    proptest! {
        #[test]
        fn whatever_a_server_answers_the_time_has_bounds_and_ends_when_it_answers(
            steps in proptest::collection::vec((0..3, 0_u64..20_000), 0..300),
        ) {
            let mut spacing = Spacing::new();
            let (mut in_a_row, mut at) = (0, Duration::ZERO);
            for (what, millis) in steps {
                let gap = Duration::from_millis(millis);
                at += gap;
                match what {
                    0 => {
                        in_a_row += 1;
                        spacing.record_throttling(start(at, gap), in_a_row);
                    }
                    _ if in_a_row > 0 => {
                        in_a_row = 0;
                        spacing.record_first_answer(start(at, gap));
                    }
                    _ => spacing.record_answer(start(at, gap)),
                }
                prop_assert!(spacing.current() <= LONGEST);
            }
            if in_a_row > 0 {
                spacing.record_first_answer(start(at, Duration::ZERO));
            }
            // nothing is remembered for ever
            for _ in 0..100_000 {
                spacing.record_answer(start(at, spacing.current()));
            }
            prop_assert!(spacing.current() <= Duration::from_millis(1), "{spacing:?}");
        }
    }

    #[test]
    fn an_overload_that_has_nothing_to_do_with_the_rate_does_not_slow_requests_down() {
        const PAGES: u32 = 20_000;
        let fastest = Duration::from_millis(50);
        for percent in [1, 3, 5] {
            let mut spacing = learned();
            let (mut at, mut in_a_row) = (SECOND, 0);
            for page in 0..PAGES {
                let gap = spacing.current().max(fastest);
                at += gap;
                let start = start(at, gap);
                let chance = blake3::hash(&page.to_le_bytes()).as_bytes()[0];
                if u32::from(chance) < percent * 256 / 100 {
                    in_a_row += 1;
                    spacing.record_throttling(start, in_a_row);
                    at += spacing.wait_after_throttling().unwrap();
                } else if in_a_row > 0 {
                    in_a_row = 0;
                    spacing.record_first_answer(start);
                } else {
                    spacing.record_answer(start);
                }
            }
            println!("{percent} %: {at:?}, {:?}", spacing.current());
            assert!(at < 4 * PAGES * fastest, "{percent} %: {at:?}, {spacing:?}");
        }
    }

    #[test]
    fn a_request_that_came_late_says_nothing_about_the_time() {
        let mut spacing = learned();
        let late = start(6 * SECOND, 5 * SECOND);
        spacing.record_throttling(late, 1);
        spacing.record_first_answer(late);
        spacing.record_answer(late);
        assert_eq!(spacing.current(), SECOND);
        spacing.record_throttling(start(7 * SECOND, SECOND), 1);
        assert_eq!(spacing.current(), SECOND.mul_f64(STEP_BACK));
    }
}
