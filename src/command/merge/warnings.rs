//! Limits the number of warnings about data.

use tracing::warn;

/// The number of warnings that are shown. A file may have millions of defects of one kind.
const MAX_SHOWN: u64 = 20;

#[derive(Debug, Default)]
pub(super) struct Warnings {
    count: u64,
}

impl Warnings {
    /// Shows a warning, unless too many were shown before it.
    pub(super) fn show(&mut self, show: impl FnOnce()) {
        self.count += 1;
        if self.count <= MAX_SHOWN {
            show();
        }
    }

    /// Says how many warnings were not shown.
    pub(super) fn finish(&self) {
        let hidden = self.count.saturating_sub(MAX_SHOWN);
        if hidden > 0 {
            warn!("{hidden} more warnings of these kinds were not shown");
        }
    }
}
