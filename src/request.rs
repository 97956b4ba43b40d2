//! One HTTP request to a publisher, and its result.

use std::time::Duration;

use jiff::Timestamp;

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the page that it was sent for.
    pub page: u64,
    /// The number of the attempt at the page, from 1. A redirect has the number of the request
    /// that led to it.
    pub attempt: u32,
    /// The URL, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// When it was sent.
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
