//! What the process of a run takes of the machine.

use std::time::Duration;

use tokio::task::JoinHandle;

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
        Self {
            bytes: memory::peak(&process).unwrap_or_default(),
            descriptors: descriptors(&process),
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

/// What one process takes from its beginning to its end.
pub(super) struct Course {
    task: JoinHandle<Samples>,
}

/// Looks at it, one after the other.
#[derive(Default)]
struct Samples {
    bytes: Vec<u64>,
    descriptors: Vec<u64>,
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// How many looks at a run say something of its course.
const ENOUGH: usize = 100;

/// How much more a run may take in its last quarter than in its second, when it has
/// met all that it is to meet: less than what grows with each page or each fault, and
/// no less than connections that come and go.
const MORE: Footprint = Footprint {
    bytes: 8 << 20,
    descriptors: 6,
};

impl Course {
    /// Looks at a run until it ends.
    pub(super) fn of(run: &Running) -> Self {
        let process = run.id().to_string();
        let task = tokio::spawn(async move {
            let mut samples = Samples::default();
            // who has ended has no memory
            while let Some(bytes) = memory::resident(&process) {
                samples.bytes.push(bytes);
                samples.descriptors.push(descriptors(&process));
                tokio::time::sleep(PAUSE).await;
            }
            samples
        });
        Self { task }
    }

    /// Expects of a run that has ended that it took little more and more.
    pub(super) async fn expect_level(self) {
        let samples = self.task.await.expect("nothing to fail at");
        let looks = samples.bytes.len();
        let [second, last] = [looks / 4, looks - looks / 4].map(|at| Footprint {
            bytes: median(&samples.bytes[at..at + looks / 4]),
            descriptors: median(&samples.descriptors[at..at + looks / 4]),
        });
        println!("{looks} looks, in the second quarter {second:?}, in the last {last:?}");
        assert!(looks >= ENOUGH, "{looks} looks");
        let is_level = last.bytes <= second.bytes + MORE.bytes
            && last.descriptors <= second.descriptors + MORE.descriptors;
        assert!(is_level, "from {second:?} to {last:?}");
    }
}

/// How many a process has open; 0 of one that has ended.
fn descriptors(process: &str) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{process}/fd"));
    open.map_or(0, |open| open.count() as u64)
}

/// The one in the middle; 0 of none.
fn median(numbers: &[u64]) -> u64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
