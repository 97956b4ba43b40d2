//! Limits the number of warnings about data, and shows from time to time how far the command is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::{info, warn};

/// The number of warnings of one kind that are shown. A file may have millions of defects of one
/// kind, which must not hide the others.
const MAX_SHOWN: u64 = 20;

/// Counts the warnings of each kind. A kind is a clause that says what the warnings are about.
#[derive(Debug, Default)]
pub(super) struct Warnings(BTreeMap<&'static str, u64>);

impl Warnings {
    /// Shows a warning, unless too many of its kind were shown before it.
    pub(super) fn show(&mut self, kind: &'static str, show: impl FnOnce()) {
        let count = self.0.entry(kind).or_default();
        *count += 1;
        if *count <= MAX_SHOWN {
            show();
        }
    }

    /// Says how many warnings were not shown.
    pub(super) fn finish(&self) {
        for (kind, count) in &self.0 {
            if let hidden @ 1.. = count.saturating_sub(MAX_SHOWN) {
                warn!("{hidden} more messages were not shown, about {kind}");
            }
        }
    }
}

/// The time between two messages about the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Shows from time to time how far the command is.
#[derive(Debug)]
pub(super) struct ProgressLog {
    shown_at: Instant,
}

impl ProgressLog {
    pub(super) fn new() -> Self {
        Self {
            shown_at: Instant::now(),
        }
    }

    /// Shows a message, unless one was shown a short time ago.
    pub(super) fn show(&mut self, message: impl FnOnce() -> String) {
        if self.shown_at.elapsed() >= PROGRESS_INTERVAL {
            info!("{}", message());
            self.shown_at = Instant::now();
        }
    }
}
