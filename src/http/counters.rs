//! Counts of what a client has sent and received.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests sent, including redirects and retries.
    pub requests: u64,
    /// Attempts at a request after its first.
    pub retries: u64,
    /// Bytes of bodies as they came over the wire, and of local files that were read.
    pub bytes: u64,
}

/// Counts that grow.
#[derive(Debug, Default)]
pub(super) struct LiveCounters {
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) bytes: AtomicU64,
}

impl LiveCounters {
    pub(super) fn snapshot(&self) -> Counters {
        Counters {
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}
