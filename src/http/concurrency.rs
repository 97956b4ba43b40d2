//! Limits how many requests of one source are under way at once. The limit is at most what the
//! source declares, and less while its server throttles requests.
//!
//! The limit grows and shrinks as in TCP. It begins at one, and each answer adds one until the
//! first throttled request (429, 503 and the statuses that the source declares): so a server that
//! allows less than the source declares refuses two requests and not all of them. From then on,
//! each answer adds the inverse of the limit, so as many answers as the limit add one, and a
//! throttled request halves the limit. The time that a response takes does not count, because few
//! sources allow more than one request at once, and a page may be slow only because it is large.

/// A throttled request multiplies the limit by this factor.
const AFTER_THROTTLING: f64 = 0.5;

pub(super) struct Limit {
    ceiling: f64,
    limit: f64,
    is_throttled: bool,
}

impl Limit {
    pub(super) fn new(ceiling: usize) -> Self {
        // 32 bits are more than any number of connections, and `f64` holds them exactly
        let ceiling = f64::from(u32::try_from(ceiling.max(1)).unwrap_or(u32::MAX));
        Self {
            ceiling,
            limit: 1.0,
            is_throttled: false,
        }
    }

    /// Returns true if one more request may start while `under_way` requests are under way.
    pub(super) fn allows_more_than(&self, under_way: usize) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            reason = "requests under way are at most the ceiling"
        )]
        let under_way = under_way as f64;
        under_way < self.limit.floor()
    }

    pub(super) fn grow(&mut self) {
        let step = match self.is_throttled {
            true => 1.0 / self.limit,
            false => 1.0,
        };
        self.limit = (self.limit + step).min(self.ceiling);
    }

    pub(super) fn shrink(&mut self) {
        self.limit = (self.limit * AFTER_THROTTLING).max(1.0);
        self.is_throttled = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns how many requests may be under way, and makes all of them answered.
    fn answer_round(limit: &mut Limit) -> usize {
        let count = (0..).take_while(|n| limit.allows_more_than(*n)).count();
        (0..count).for_each(|_| limit.grow());
        count
    }

    #[test]
    fn a_throttled_request_halves_and_a_round_of_answers_adds_one() {
        let mut limit = Limit::new(16);
        let first: Vec<usize> = (0..6).map(|_| answer_round(&mut limit)).collect();
        assert_eq!(first, [1, 2, 4, 8, 16, 16]);
        let throttled = [16.0, 8.0, 4.0, 2.0, 1.0, 1.0].map(|expected| {
            let is_expected = limit.limit.to_bits() == f64::to_bits(expected);
            limit.shrink();
            is_expected
        });
        assert_eq!(throttled, [true; 6]);
        let answered: Vec<usize> = (0..100).map(|_| answer_round(&mut limit)).collect();
        assert_eq!(answered[..5], [1, 2, 2, 3, 4]);
        assert!(answered.is_sorted());
        assert_eq!(answered[99], 16);
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_its_ceiling(
            ceiling in 0_usize..40,
            steps in proptest::collection::vec(any::<bool>(), 0..400),
        ) {
            let mut limit = Limit::new(ceiling);
            for is_answered in steps {
                match is_answered {
                    true => limit.grow(),
                    false => limit.shrink(),
                }
                prop_assert!(limit.allows_more_than(0));
                prop_assert!(!limit.allows_more_than(ceiling.max(1)));
            }
        }

        #[test]
        fn a_server_that_answers_is_soon_asked_as_much_as_it_is_declared_to_take(
            ceiling in 1_usize..40,
            rounds in 7_usize..100,
        ) {
            let mut limit = Limit::new(ceiling);
            let last = (0..rounds).map(|_| answer_round(&mut limit)).last();
            prop_assert_eq!(last, Some(ceiling));
        }
    }
}
