//! Computes how far a run has got through windows that are walked side by side.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The chains of a run that are not durable yet, by the start of their windows. A feed without
/// windows has the start `None`.
///
/// Everything before the oldest of these starts is stored. The watermark may move to that start
/// but no further, even if later windows are complete. A chain that failed is never removed, so
/// the next run requests it again.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    /// The number of chains that are not complete, by the start of their windows. Chains without a
    /// window have the key `None`.
    missing: BTreeMap<Option<Timestamp>, usize>,
    /// The number of chains that have not ended.
    walking: usize,
}

impl Frontier {
    pub(super) fn new(starts: BTreeMap<Option<Timestamp>, usize>) -> Self {
        Self {
            walking: starts.values().sum(),
            missing: starts,
        }
    }

    /// Adds a chain for the second half of a window. It starts in the middle of the window.
    pub(super) fn split(&mut self, middle: Timestamp) {
        *self.missing.entry(Some(middle)).or_default() += 1;
        self.walking += 1;
    }

    /// Notes that a chain has ended and its pages are durable. If a page of it is missing
    /// (`is_whole` is false), the chain stays incomplete.
    pub(super) fn end(&mut self, from: Option<Timestamp>, is_whole: bool) {
        self.walking = self.walking.saturating_sub(1);
        if !is_whole {
            return;
        }
        if let Some(chains) = self.missing.get_mut(&from) {
            *chains -= 1;
            if *chains == 0 {
                self.missing.remove(&from);
            }
        }
    }

    /// Returns true if all chains have ended.
    pub(super) fn is_at_end(&self) -> bool {
        self.walking == 0
    }

    /// Returns the date before which everything is stored. It is `until`, the end of all windows,
    /// if no chain is missing.
    pub(super) fn find_watermark(&self, until: Timestamp) -> Option<Timestamp> {
        match self.missing.first_key_value() {
            None => Some(until),
            Some((from, _)) => *from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_oldest_missing_chain_is_how_far_it_has_got() {
        let starts = BTreeMap::from([(Some(at(0)), 2), (Some(at(10)), 2), (Some(at(20)), 2)]);
        let mut frontier = Frontier::new(starts);
        let reached = |frontier: &Frontier| frontier.find_watermark(at(30)).unwrap().as_second();
        frontier.end(Some(at(10)), true);
        frontier.end(Some(at(0)), true);
        assert_eq!(reached(&frontier), 0);
        frontier.end(Some(at(0)), true);
        assert_eq!(reached(&frontier), 10);
        frontier.split(at(15));
        frontier.end(Some(at(10)), true);
        assert_eq!(reached(&frontier), 15);
        frontier.end(Some(at(15)), true);
        frontier.end(Some(at(20)), false);
        assert_eq!(reached(&frontier), 20);
        assert!(!frontier.is_at_end());
        frontier.end(Some(at(20)), true);
        assert!(frontier.is_at_end());
        assert_eq!(reached(&frontier), 20);
    }

    #[test]
    fn a_plain_feed_reaches_no_date() {
        let mut frontier = Frontier::new(BTreeMap::from([(None, 1)]));
        assert_eq!(frontier.find_watermark(at(30)), None);
        frontier.end(None, true);
        assert!(frontier.is_at_end());
    }
}
