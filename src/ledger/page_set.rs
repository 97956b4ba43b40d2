//! Stores a set of pages of one run in a compact form.

use std::collections::{BTreeMap, HashMap};

use crate::ledger::signed;
use crate::page::Chain;

/// The pages of one run, stored as ranges of page numbers for each chain.
///
/// The pages of a chain become durable almost in order. So a chain of a million pages needs only
/// one range, or a few ranges while some of its pages are being fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSet {
    /// The page numbers of each chain, as ranges. The first number of a range maps to its last.
    ranges: HashMap<Chain, BTreeMap<u64, u64>>,
}

impl PageSet {
    /// Adds one page.
    pub fn insert(&mut self, chain: &Chain, number: u64) {
        self.insert_range(chain, number, number);
    }

    /// Adds the pages from `first` to `last`, both included.
    pub fn insert_range(&mut self, chain: &Chain, first: u64, last: u64) {
        let ranges = self.ranges.entry(chain.clone()).or_default();
        let (mut first, mut last) = (first, last);
        // Every range that overlaps the new range or touches it is merged with the new range.
        while let Some((&start, &end)) = ranges.range(..=last.saturating_add(1)).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            ranges.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        ranges.insert(first, last);
    }

    /// Adds all pages of another set.
    pub fn extend(&mut self, other: &Self) {
        for (chain, ranges) in &other.ranges {
            for (first, last) in ranges {
                self.insert_range(chain, *first, *last);
            }
        }
    }

    /// Returns true if the set has no pages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the number of pages.
    #[must_use]
    pub fn len(&self) -> u64 {
        let ranges = self.ranges.values().flatten();
        ranges.map(|(first, last)| last - first + 1).sum()
    }

    /// Returns the chain, the first number and the last number of each range, as array
    /// parameters for PostgreSQL.
    pub(super) fn columns(&self) -> (Vec<&str>, Vec<i64>, Vec<i64>) {
        let chains = self.ranges.iter();
        let ranges = chains.flat_map(|(chain, ranges)| {
            let ranges = ranges.iter();
            ranges.map(|(first, last)| (chain.as_str(), signed(*first), signed(*last)))
        });
        ranges.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges(set: &PageSet, chain: &Chain) -> Vec<(u64, u64)> {
        let ranges = set.ranges.get(chain).into_iter().flatten();
        ranges.map(|(first, last)| (*first, *last)).collect()
    }

    #[test]
    fn pages_in_order_are_one_range() {
        let mut set = PageSet::default();
        let chain = Chain::default();
        for number in [1, 2, 4, 3, 5] {
            set.insert(&chain, number);
        }
        assert_eq!(ranges(&set, &chain), [(1, 5)]);
        set.insert(&Chain::new("other"), 9);
        assert_eq!(set.len(), 6);
    }

    proptest! {
        #[test]
        fn it_has_what_was_inserted_in_ranges_that_do_not_touch(
            inserted in proptest::collection::vec((0_u64..40, 0_u64..4), 0..40),
        ) {
            let chain = Chain::default();
            let (mut set, mut expected) = (PageSet::default(), BTreeSet::new());
            for (first, more) in inserted {
                set.insert_range(&chain, first, first + more);
                expected.extend(first..=first + more);
            }
            let ranges = ranges(&set, &chain);
            let pages: BTreeSet<u64> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
            prop_assert_eq!(pages, expected);
            prop_assert!(ranges.windows(2).all(|two| two[0].1 + 1 < two[1].0));
        }
    }
}
