//! Measures the memory and the file descriptors of a run's process.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::harness::Running;
use crate::process_memory;

/// The limits for a run of a feed of small pages, whatever faults it meets.
const LIMIT: Footprint = Footprint {
    bytes: 100 << 20,
    descriptors: 50,
};

/// The memory and file descriptors of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footprint {
    /// The peak memory so far.
    bytes: u64,
    /// This includes connections.
    descriptors: u64,
}

impl Footprint {
    /// Measures a running process; all values are zero after it has ended.
    pub(super) fn measure(run: &Running) -> Self {
        let process = run.id().to_string();
        Self {
            bytes: process_memory::peak(&process).unwrap_or_default(),
            descriptors: count_descriptors(&process),
        }
    }

    /// Returns the maximum of both.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }

    /// Checks that a measurement exists and is within the limits.
    pub(super) fn expect_bounded(self) {
        let was_seen = self.bytes > 0 && self.descriptors > 0;
        let is_bounded = self.bytes < LIMIT.bytes && self.descriptors < LIMIT.descriptors;
        assert!(was_seen && is_bounded, "{self:?}");
    }
}

/// The measurements of one process from its start to its end.
pub(super) struct MemoryTrend {
    task: JoinHandle<Samples>,
}

/// The measurements in their order.
#[derive(Default)]
struct Samples {
    bytes: Vec<u64>,
    descriptors: Vec<u64>,
}

/// The time between two measurements.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(50);

/// The number of measurements that shows a trend.
const ENOUGH_SAMPLES: usize = 100;

/// The limit for growth between the second and the last quarter of a run, after it has met all
/// its faults. A leak for each page or fault would exceed it, and connections that come and go do
/// not.
const GROWTH_LIMIT: Footprint = Footprint {
    bytes: 8 << 20,
    descriptors: 6,
};

impl MemoryTrend {
    /// Measures a run until it ends.
    pub(super) fn start(run: &Running) -> Self {
        let process = run.id().to_string();
        let task = tokio::spawn(async move {
            let mut samples = Samples::default();
            // A process that has ended has no memory.
            while let Some(bytes) = process_memory::resident(&process) {
                samples.bytes.push(bytes);
                samples.descriptors.push(count_descriptors(&process));
                tokio::time::sleep(SAMPLE_INTERVAL).await;
            }
            samples
        });
        Self { task }
    }

    /// Checks that the use did not keep growing.
    pub(super) async fn expect_level(self) {
        let samples = self.task.await.expect("nothing to fail at");
        let looks = samples.bytes.len();
        let [second, last] = [looks / 4, looks - looks / 4].map(|at| Footprint {
            bytes: median(&samples.bytes[at..at + looks / 4]),
            descriptors: median(&samples.descriptors[at..at + looks / 4]),
        });
        println!("{looks} looks, in the second quarter {second:?}, in the last {last:?}");
        assert!(looks >= ENOUGH_SAMPLES, "{looks} looks");
        let is_level = last.bytes <= second.bytes + GROWTH_LIMIT.bytes
            && last.descriptors <= second.descriptors + GROWTH_LIMIT.descriptors;
        assert!(is_level, "from {second:?} to {last:?}");
    }
}

/// Counts the open files of a process; 0 after it has ended.
fn count_descriptors(process: &str) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{process}/fd"));
    open.map_or(0, |open| open.count() as u64)
}

/// Returns the median, or 0 for an empty list.
fn median(numbers: &[u64]) -> u64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
