//! One HTTP request: what a publisher was asked, and what came of it.

use std::time::Duration;

use jiff::Timestamp;

/// A request that is over.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the page it was for.
    pub page: u64,
    /// Which attempt at the page it was part of, from 1; a redirect shares the
    /// number of the request that led to it.
    pub attempt: u32,
    /// What was asked for, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// When.
    pub requested_at: Timestamp,
    /// How it was answered; `None` if it was not.
    pub status: Option<u16>,
    /// How long it took, to the last byte.
    pub took: Duration,
    /// Bytes of the body, as they came over the wire.
    pub bytes: u64,
    /// What was wrong, if it gave neither a page nor a redirect.
    pub error: Option<String>,
}
