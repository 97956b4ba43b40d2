//! What is told of a request: a line for the log of the program, and a row for
//! whoever keeps requests.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use crate::http::client::{Attempt, Client};
use crate::request::Request;

/// Where requests are told of.
#[derive(Debug)]
pub(super) struct Log {
    requests: mpsc::Sender<Request>,
    /// Requests that there was no room for.
    lost: AtomicU64,
}

impl Log {
    pub(super) fn new(requests: mpsc::Sender<Request>) -> Self {
        let lost = AtomicU64::new(0);
        Self { requests, lost }
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn tell(&self, request: Request) {
        if self.requests.try_send(request).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A request under way, which is told of when it is over: answered, failed, or
/// abandoned by a time limit or a stop.
pub(super) struct Asking<'a> {
    client: &'a Client,
    attempt: Attempt<'a>,
    url: &'a Url,
    requested_at: Timestamp,
    pub(super) began: Instant,
    pub(super) status: Option<u16>,
    pub(super) bytes: AtomicU64,
    pub(super) error: Option<String>,
}

impl<'a> Asking<'a> {
    pub(super) fn begin(client: &'a Client, attempt: Attempt<'a>, url: &'a Url) -> Self {
        client.requests.fetch_add(1, Ordering::Relaxed);
        Self {
            client,
            attempt,
            url,
            requested_at: Timestamp::now(),
            began: Instant::now(),
            status: None,
            bytes: AtomicU64::new(0),
            error: Some("abandoned".into()),
        }
    }
}

impl Asking<'_> {
    /// What was asked for, without secrets: an address that a redirect led to may
    /// be signed, and is shown without its query.
    fn shown_url(&self) -> String {
        let ask = self.attempt.wanted.ask;
        if *self.url == ask.url && !ask.is_signed {
            return self.client.address.redact(self.url);
        }
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        self.client.address.redact(&url)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let Self {
            client, attempt, ..
        } = *self;
        let name = &client.source.name;
        let (page, attempt) = (attempt.wanted.page, attempt.number);
        let (took, bytes) = (self.began.elapsed(), *self.bytes.get_mut());
        debug!(
            source.name = %name,
            page,
            attempt,
            status = self.status,
            milliseconds = took.as_millis(),
            bytes,
            "asked {name} for page {page}",
        );
        let Some(log) = &client.log else { return };
        log.tell(Request {
            page,
            attempt,
            url: self.shown_url(),
            requested_at: self.requested_at,
            status: self.status,
            took,
            bytes,
            error: self.error.take(),
        });
    }
}
