//! Computes the waits between attempts.
//!
//! Nothing here sleeps or looks at a clock. The number of attempts decides the wait, not the
//! time.

use std::time::{Duration, SystemTime};

use crate::config;
use crate::retry::Backoff;

/// The waits between the attempts at one request. There is one wait fewer than attempts.
///
/// Each wait is twice the one before it. Chance adds or subtracts up to half of it, so that
/// several processes do not return at the same moment. No wait exceeds `fetch.longest_wait`.
pub(super) struct RetryWaits {
    backoff: Backoff,
    attempts: u32,
    /// The number of waits of the schedule that were taken or skipped.
    taken: u32,
    left: u32,
}

impl RetryWaits {
    pub(super) fn new(limits: &config::Fetch) -> Self {
        Self {
            backoff: Backoff::new(limits.first_wait, limits.longest_wait),
            attempts: limits.attempts,
            taken: 0,
            left: limits.attempts.saturating_sub(1),
        }
    }

    /// Leaves chance out, so that a test knows how long all waits take.
    #[cfg(test)]
    pub(super) fn without_chance(mut self) -> Self {
        self.backoff = self.backoff.without_chance();
        self
    }

    /// Makes the next wait at least as long as the schedule says after this number of refusals.
    /// The server refused so many requests of the source in a row, for this page or for others.
    /// That uses up no attempt of this page. But if the number reaches `fetch.attempts`, no wait is
    /// left, because the server has refused as much as one page may be refused.
    pub(super) fn lengthen(&mut self, refused_in_a_row: u32) {
        while self.taken + 1 < refused_in_a_row.min(self.attempts) {
            self.take_wait();
        }
        if refused_in_a_row >= self.attempts {
            self.left = 0;
        }
    }

    fn take_wait(&mut self) -> Duration {
        self.taken += 1;
        self.backoff.next_wait()
    }
}

impl Iterator for RetryWaits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        Some(self.take_wait())
    }
}

/// Limits the wait that the server asks for. It is at least our own wait, because a server that
/// sends `Retry-After: 0` would otherwise use up all attempts at once. A wait longer than
/// `longest` is an error.
pub(super) fn clamp(
    own: Duration,
    server_wait: Option<Duration>,
    longest: Duration,
) -> Result<Duration, Duration> {
    match server_wait {
        Some(server_wait) if server_wait > longest => Err(server_wait),
        server_wait => Ok(own.max(server_wait.unwrap_or_default())),
    }
}

/// Reads `Retry-After`, which is a number of seconds or an HTTP date. A part of a second, which
/// some servers add, is rounded up. Returns `None` if it is neither. A date in the past is a wait
/// of zero.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.is_empty() && is_number(whole) && is_number(part) {
        // a number that does not fit into 64 bits is longer than any limit
        let seconds = whole.parse().unwrap_or(u64::MAX);
        let more = part.bytes().any(|digit| digit != b'0');
        return Some(Duration::from_secs(seconds.saturating_add(more.into())));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
        range.prop_map(Duration::from_millis)
    }

    proptest! {
        #[test]
        fn waits_double_within_half_and_never_pass_the_longest(
            first_wait in millis(0..5_000),
            longest_wait in millis(0..100_000),
            attempts in 1_u32..40,
        ) {
            let limits = config::Fetch { first_wait, longest_wait, attempts, ..Default::default() };
            let waits: Vec<Duration> = RetryWaits::new(&limits).collect();
            prop_assert_eq!(waits.len(), attempts as usize - 1);
            for (nth, wait) in waits.iter().enumerate() {
                let doubled = first_wait.saturating_mul(2_u32.saturating_pow(nth as u32));
                prop_assert!(*wait <= longest_wait);
                prop_assert!(*wait >= doubled.min(longest_wait) / 2);
                prop_assert!(*wait <= doubled.mul_f64(1.5) + Duration::from_micros(1));
            }
        }

        #[test]
        fn a_wait_is_never_under_our_own_nor_over_the_cap_it_was_asked_with(
            own in millis(0..100_000),
            server_wait in proptest::option::of(millis(0..1_000_000)),
            longest in millis(0..500_000),
        ) {
            match clamp(own, server_wait, longest) {
                Ok(wait) => {
                    prop_assert!(wait >= own);
                    prop_assert!(wait == own || Some(wait) == server_wait);
                    prop_assert!(wait <= own.max(longest));
                }
                Err(wish) => prop_assert!(wish > longest && Some(wish) == server_wait),
            }
        }

        #[test]
        fn any_retry_after_is_read_or_ignored(value in ".*", date in 0_u64..4_000_000_000) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(date);
            let _ = retry_after(&value, now);
        }
    }

    #[test]
    fn refusals_of_other_pages_lengthen_waits_and_use_up_no_attempt() {
        let second = Duration::from_secs(1);
        let limits = config::Fetch {
            attempts: 5,
            first_wait: second,
            longest_wait: second * 60,
            ..Default::default()
        };
        let mut waits = RetryWaits::new(&limits);
        waits.lengthen(3);
        waits.lengthen(2);
        assert!(waits.next().unwrap() >= second * 2);
        assert_eq!(waits.count(), 3);

        let mut waits = RetryWaits::new(&limits);
        waits.lengthen(5);
        assert_eq!(waits.next(), None);
    }

    #[test]
    fn waits_differ_from_run_to_run() {
        let limits = config::Fetch {
            attempts: 20,
            longest_wait: Duration::MAX,
            ..Default::default()
        };
        let waits = || RetryWaits::new(&limits).collect::<Vec<_>>();
        assert_ne!(waits(), waits());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Fri, 13 Nov 2026 08:00:00 GMT").unwrap();
        let seconds = |n| Some(Duration::from_secs(n));
        for (value, expected) in [
            ("0", seconds(0)),
            (" 3 ", seconds(3)),
            ("1000000000", seconds(1_000_000_000)),
            ("99999999999999999999999", seconds(u64::MAX)),
            ("Fri, 13 Nov 2026 08:00:30 GMT", seconds(30)),
            ("Friday, 13-Nov-26 08:00:30 GMT", seconds(30)),
            ("Fri, 13 Nov 2026 07:59:00 GMT", seconds(0)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", seconds(2)),
            ("0.001", seconds(1)),
            ("3.0", seconds(3)),
            ("18446744073709551615.9", seconds(u64::MAX)),
            (".5", None),
            ("1.5.2", None),
            ("1.5s", None),
        ] {
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }
}
