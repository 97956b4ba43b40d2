//! Delays what follows from a page until every earlier page is durable too.
//!
//! Several pages are committed at once, and their commits may end in any order. Once a page and
//! everything before it are durable, its consequences take effect: the watermark moves, a feed of
//! changes continues after the page, or a chain has ended. Nothing here commits or waits.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use jiff::Timestamp;

use crate::fetch::{Event, Permit};
use crate::page::{Chain, Cursor};
use crate::pipeline::Progress;
use crate::pipeline::committed::CommittedPages;
use crate::pipeline::unfinished_windows::Frontier;

/// The pages of a run whose commits are under way, and their consequences.
pub(super) struct UnfinishedCommits {
    frontier: Frontier,
    /// The end of the run's windows, if it has windows.
    until: Option<Timestamp>,
    /// Collects what is committed for the heartbeat.
    committed: Arc<CommittedPages>,
    progress: Arc<Progress>,
    /// Pages and events in the order of the feed.
    under_way: VecDeque<CommitEntry>,
    next_sequence: u64,
}

/// An event without a page, which concerns a whole chain.
pub(super) type ChainEvent = Event<Infallible>;

/// A page whose commit is under way.
#[derive(Default)]
pub(super) struct CommittingPage {
    /// The chain and the number of the page. `None` if the page is only kept in the quarantine.
    pub(super) page: Option<(Chain, u64)>,
    pub(super) keys: HashSet<u64>,
    /// The cursor at which a feed of changes continues once this page is durable.
    pub(super) resume_at: Option<Cursor>,
    /// True if no later page may be committed before this one.
    pub(super) is_barrier: bool,
    /// Permits that are dropped once this page and everything before it are durable.
    #[expect(dead_code, reason = "it is dropped with the page")]
    pub(super) permits: Vec<Permit>,
}

struct CommitEntry {
    sequence: u64,
    is_durable: bool,
    page: CommittingPage,
    /// An event that takes effect once everything before it is durable.
    event: Option<ChainEvent>,
}

impl UnfinishedCommits {
    pub(super) fn new(
        frontier: Frontier,
        until: Option<Timestamp>,
        committed: Arc<CommittedPages>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            frontier,
            until,
            committed,
            progress,
            under_way: VecDeque::new(),
            next_sequence: 0,
        }
    }

    /// Returns true if a page that writes these keys may be committed now: no page whose commit is
    /// under way writes one of them, or has to be durable first.
    pub(super) fn is_free(&self, keys: &HashSet<u64>) -> bool {
        let mut in_flight = self.under_way.iter().filter(|entry| !entry.is_durable);
        in_flight.all(|entry| !entry.page.is_barrier && entry.page.keys.is_disjoint(keys))
    }

    /// Adds a page whose commit begins now. Returns the number to pass to
    /// [`UnfinishedCommits::finish`].
    pub(super) fn begin(&mut self, page: CommittingPage) -> u64 {
        self.push(page, None)
    }

    fn push(&mut self, page: CommittingPage, event: Option<ChainEvent>) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.under_way.push_back(CommitEntry {
            sequence,
            is_durable: event.is_some(),
            page,
            event,
        });
        sequence
    }

    /// Notes that a page is durable.
    pub(super) fn finish(&mut self, sequence: u64) {
        let entry = self
            .under_way
            .iter_mut()
            .find(|entry| entry.sequence == sequence)
            .expect("it is under way until it is durable");
        entry.is_durable = true;
        if let Some((chain, number)) = &entry.page.page {
            self.committed.add_page(chain, *number);
        }
        self.retire_durable();
    }

    /// Adds an event for which nothing has to be committed.
    pub(super) fn add_event(&mut self, event: ChainEvent) {
        self.push(CommittingPage::default(), Some(event));
        self.retire_durable();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.frontier.is_at_end()
    }

    /// Removes each page and event that is durable if everything before it is durable too, and
    /// lets its consequences take effect.
    fn retire_durable(&mut self) {
        while self.under_way.front().is_some_and(|entry| entry.is_durable)
            && let Some(entry) = self.under_way.pop_front()
        {
            match (entry.event, entry.page.resume_at) {
                (Some(Event::Ended { scope, is_whole }), _) => {
                    let from = scope.window.map(|window| window.from);
                    self.frontier.end(from, is_whole);
                    self.progress.count_ended_chain();
                }
                (Some(Event::Split { middle, .. }), _) => {
                    self.frontier.split(middle);
                    self.progress.expect(1);
                }
                (None, Some(cursor)) => self.committed.set_cursor(cursor),
                (Some(Event::Failed(_) | Event::Gone(_) | Event::Page(..)), _) | (None, None) => {
                    continue;
                }
            }
            if let Some(until) = self.until {
                self.committed
                    .set_reached(self.frontier.find_watermark(until));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::error::{Error, Kind};
    use crate::fetch::{Scope, TimeRange};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Makes the unfinished commits of a run with one window for each of these starts, in seconds.
    fn unfinished_commits(starts: &[i64]) -> (UnfinishedCommits, Arc<CommittedPages>) {
        let starts: BTreeMap<_, _> = starts.iter().map(|start| (Some(at(*start)), 1)).collect();
        let committed = Arc::new(CommittedPages::default());
        let frontier = Frontier::new(starts);
        let progress = Arc::default();
        let unfinished =
            UnfinishedCommits::new(frontier, Some(at(100)), Arc::clone(&committed), progress);
        (unfinished, committed)
    }

    fn page(number: u64, keys: &[u64]) -> CommittingPage {
        CommittingPage {
            page: Some((Chain::new(String::new()), number)),
            keys: keys.iter().copied().collect(),
            resume_at: Some(Cursor::Number(number)),
            ..CommittingPage::default()
        }
    }

    fn end(from: i64) -> ChainEvent {
        let scope = scope(from);
        let is_whole = true;
        Event::Ended { scope, is_whole }
    }

    fn scope(from: i64) -> Scope {
        Scope {
            window: Some(TimeRange {
                from: at(from),
                to: at(from + 10),
            }),
            ..Scope::default()
        }
    }

    fn reached(committed: &CommittedPages) -> (Option<i64>, Option<Cursor>) {
        let (_, watermark) = committed.take();
        (
            watermark.reached.map(Timestamp::as_second),
            watermark.cursor,
        )
    }

    #[test]
    fn a_page_counts_once_all_before_it_are_durable() {
        for order_of_commits in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let (mut unfinished, committed) = unfinished_commits(&[0]);
            let sequences = [1, 2, 3].map(|number| unfinished.begin(page(number, &[])));
            let mut is_done = [false; 3];
            for nth in order_of_commits {
                unfinished.finish(sequences[nth]);
                is_done[nth] = true;
                let in_order = is_done.iter().take_while(|is_done| **is_done).count() as u64;
                let expected = (in_order > 0).then_some(Cursor::Number(in_order));
                assert_eq!(reached(&committed).1, expected, "{order_of_commits:?}");
            }
            assert!(unfinished.is_empty());
        }
    }

    #[test]
    fn the_end_of_a_window_moves_the_watermark_once_its_pages_are_durable() {
        let (mut unfinished, committed) = unfinished_commits(&[0, 10, 20]);
        let first = unfinished.begin(page(1, &[]));
        unfinished.add_event(end(0));
        assert_eq!(reached(&committed).0, None);
        unfinished.finish(first);
        assert_eq!(reached(&committed).0, Some(10));
        // the later window ends first
        let second = unfinished.begin(page(2, &[]));
        unfinished.add_event(end(20));
        unfinished.finish(second);
        assert_eq!(reached(&committed).0, Some(10));
        unfinished.add_event(end(10));
        assert_eq!(reached(&committed).0, Some(100));
        assert!(unfinished.is_at_end());
    }

    #[test]
    fn a_split_window_is_not_at_its_end_before_both_halves_are() {
        let (mut unfinished, committed) = unfinished_commits(&[0]);
        let (scope, middle) = (scope(0), at(5));
        unfinished.add_event(Event::Split { scope, middle });
        unfinished.add_event(end(0));
        assert_eq!(reached(&committed).0, Some(5));
        assert!(!unfinished.is_at_end());
        unfinished.add_event(end(5));
        assert_eq!(reached(&committed).0, Some(100));
        assert!(unfinished.is_at_end());
    }

    #[test]
    fn a_chain_that_failed_holds_the_watermark() {
        let (mut unfinished, committed) = unfinished_commits(&[0, 10]);
        unfinished.add_event(Event::Failed(Error::new(Kind::Truncated, "status 500")));
        unfinished.add_event(end(10));
        assert_eq!(reached(&committed).0, Some(0));
        assert!(unfinished.is_empty() && !unfinished.is_at_end());
    }

    #[test]
    fn no_page_is_committed_before_a_barrier_is_durable() {
        let (mut unfinished, _) = unfinished_commits(&[0]);
        let barrier = unfinished.begin(CommittingPage {
            is_barrier: true,
            ..CommittingPage::default()
        });
        assert!(!unfinished.is_free(&HashSet::new()));
        unfinished.finish(barrier);
        assert!(unfinished.is_free(&HashSet::new()));
    }

    #[test]
    fn keys_are_taken_until_their_page_is_durable() {
        let (mut unfinished, _) = unfinished_commits(&[0]);
        let keys = |keys: &[u64]| keys.iter().copied().collect();
        let blocking = unfinished.begin(page(1, &[]));
        let sequence = unfinished.begin(page(2, &[7, 8]));
        assert!(!unfinished.is_free(&keys(&[8, 9])));
        assert!(unfinished.is_free(&keys(&[9])) && unfinished.is_free(&keys(&[])));
        // this page is durable although the page before it is not
        unfinished.finish(sequence);
        assert!(unfinished.is_free(&keys(&[8])) && !unfinished.is_empty());
        unfinished.finish(blocking);
        assert!(unfinished.is_empty());
    }
}
