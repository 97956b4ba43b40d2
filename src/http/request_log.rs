//! Counts requests, and reports each: as a line in the program's log, and as a row for the table
//! `ocds.request`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use crate::http::request_spec::Attempt;
use crate::http::target::TargetPolicy;
use crate::request::{Request, Requests};

#[derive(Default)]
pub(crate) struct RequestLog {
    source_name: String,
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    bytes: AtomicU64,
    /// A row is sent here for each finished request. If the channel is full, the row is dropped,
    /// because no request waits for its report.
    pub(crate) rows: Option<mpsc::Sender<Request>>,
    pub(crate) dropped: AtomicU64,
}

impl RequestLog {
    pub(super) fn new(source_name: String) -> Self {
        Self {
            source_name,
            ..Self::default()
        }
    }

    pub(crate) fn count(&self) -> Requests {
        Requests {
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }

    /// Begins the report of a request that is about to be sent.
    pub(super) fn begin<'a>(
        &'a self,
        policy: &'a TargetPolicy,
        attempt: Attempt<'a>,
        url: &'a Url,
    ) -> OpenRequest<'a> {
        self.requests.fetch_add(1, Relaxed);
        OpenRequest {
            log: self,
            policy,
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

/// A request that is under way. Dropping it writes the report, whether the request was answered,
/// failed, or was abandoned because of a time limit or a stop.
pub(super) struct OpenRequest<'a> {
    log: &'a RequestLog,
    policy: &'a TargetPolicy,
    attempt: Attempt<'a>,
    url: &'a Url,
    requested_at: Timestamp,
    began: Instant,
    pub(super) status: Option<u16>,
    bytes: AtomicU64,
    pub(super) error: Option<String>,
}

impl OpenRequest<'_> {
    pub(super) fn count_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.log.bytes.fetch_add(bytes, Relaxed);
    }

    /// Returns the URL without secrets. The query of a URL from a redirect is left out, because
    /// it may be a signature.
    fn redacted_url(&self) -> String {
        let target = self.attempt.spec.target;
        if *self.url == target.url && !target.is_signed {
            return self.policy.redact_url(self.url);
        }
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        self.policy.redact_url(&url)
    }
}

impl Drop for OpenRequest<'_> {
    fn drop(&mut self) {
        let name = &self.log.source_name;
        let (page, attempt) = (self.attempt.spec.page, self.attempt.number);
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
        let Some(rows) = &self.log.rows else { return };
        let row = Request {
            page,
            attempt,
            url: self.redacted_url(),
            requested_at: self.requested_at,
            status: self.status,
            took,
            bytes,
            error: self.error.take(),
        };
        if rows.try_send(row).is_err() {
            self.log.dropped.fetch_add(1, Relaxed);
        }
    }
}
