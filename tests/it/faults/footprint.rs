//! What the process of a run takes of the machine.

use crate::harness::Running;
use crate::memory;

/// The most that a run of a feed of small pages may take, whatever happens to it.
const BOUND: Footprint = Footprint {
    bytes: 100 << 20,
    descriptors: 50,
};

/// What the process of a run takes of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footprint {
    /// The most memory that it had so far.
    bytes: u64,
    /// Connections among them.
    descriptors: u64,
}

impl Footprint {
    /// Of a process that runs; nothing of one that has ended.
    pub(super) fn of(run: &Running) -> Self {
        let process = run.id().to_string();
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"));
        Self {
            bytes: memory::peak(&process).unwrap_or_default(),
            descriptors: descriptors.map_or(0, |open| open.count() as u64),
        }
    }

    /// The larger of both.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }

    /// Expects that something was seen, and not too much.
    pub(super) fn expect_bounded(self) {
        let was_seen = self.bytes > 0 && self.descriptors > 0;
        let is_bounded = self.bytes < BOUND.bytes && self.descriptors < BOUND.descriptors;
        assert!(was_seen && is_bounded, "{self:?}");
    }
}

/// Expects of the footprints of one feed after the other that they are bounded, and that
/// the last took little more than the first.
pub(super) fn expect_level(feeds: &[Footprint]) {
    let of = |feeds: &[Footprint]| {
        let first = Footprint::default();
        feeds.iter().copied().fold(first, Footprint::or)
    };
    of(feeds).expect_bounded();
    let third = feeds.len() / 3;
    if third < 2 {
        return;
    }
    let [first, middle, last] =
        [0, third, feeds.len() - third].map(|at| of(&feeds[at..at + third]));
    println!("by thirds: {first:?}, {middle:?}, {last:?}");
    let has_grown =
        2 * last.bytes > 3 * first.bytes || 2 * last.descriptors > 3 * first.descriptors;
    assert!(!has_grown, "from {first:?} to {last:?}");
}
