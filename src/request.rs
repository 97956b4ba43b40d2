//! HTTP requests to a publisher: each with its result, and how many there were.

use std::ops::AddAssign;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the page that was requested.
    pub page: u64,
    /// The number of the attempt at the page, from 1. A redirect has the number of the request
    /// that led to it.
    pub attempt: u32,
    /// The URL, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// The time at which the request was sent.
    pub requested_at: Timestamp,
    /// The HTTP status; `None` if no response came.
    pub status: Option<u16>,
    /// The time from the request to the last byte of the response.
    pub took: Duration,
    /// The size of the body on the wire, in bytes.
    pub bytes: u64,
    /// The problem, if the response was neither a page nor a redirect.
    pub error: Option<String>,
}

/// The number of HTTP requests to a publisher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// All requests that were sent, including redirects and retries.
    pub requests: u64,
    /// Requests that repeated a failed one.
    pub retries: u64,
    /// Bytes of response bodies as they came over the wire, and of local files that were read.
    pub bytes: u64,
}

impl Requests {
    /// Returns the requests that were sent after `earlier`, a smaller count of the same requests.
    #[must_use]
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            retries: self.retries.saturating_sub(earlier.retries),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

impl AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.retries += other.retries;
        self.bytes += other.bytes;
    }
}
