//! Holds what fetching the pages of one source needs: its declaration, its client, and a count of
//! the bytes of its files.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;

use crate::config;
use crate::decode::file::FileBytes;
use crate::error::Result;
use crate::fetch::address::Addresses;
use crate::fetch::scope::Scope;
use crate::http::{Client, TargetPolicy};
use crate::redact::Redactor;
use crate::request::{Request, Requests};
use crate::source::Source;

/// Fetches one source.
///
/// All requests of a source go through one fetcher, which holds the source's rate, connections
/// and secrets. Its `Debug` shows no secret.
pub struct Fetcher {
    source: Source,
    pub(super) client: Client,
    pub(super) file_bytes: Arc<FileBytes>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fetcher of {}", self.source.name)
    }
}

impl Fetcher {
    /// Makes a fetcher of a source within these limits.
    ///
    /// # Errors
    /// - [`Kind::Config`](crate::error::Kind::Config): an `{env.NAME}` is not set, a URL is not
    ///   http or https, or a header is not valid.
    /// - [`Kind::Environment`](crate::error::Kind::Environment): the machine has no root
    ///   certificates that can be read.
    pub fn new(source: &Source, limits: &config::Fetch) -> Result<Self> {
        Ok(Self {
            source: source.clone(),
            client: Client::new(source, limits)?,
            file_bytes: Arc::default(),
        })
    }

    /// From now on, sends a row for each finished request to `rows`. If the channel is full, the
    /// row is dropped, because no request waits for its report.
    #[must_use]
    pub fn send_request_rows_to(mut self, rows: mpsc::Sender<Request>) -> Self {
        self.client.log.rows = Some(rows);
        self
    }

    /// Returns how many rows of requests were dropped because the channel was full.
    #[must_use]
    pub fn dropped_request_rows(&self) -> u64 {
        self.client.log.dropped.load(Relaxed)
    }

    /// Returns the number of requests, retries and bytes so far.
    #[must_use]
    pub fn counters(&self) -> Requests {
        let mut requests = self.client.log.count();
        requests.bytes += self.file_bytes.local.load(Relaxed);
        requests
    }

    /// Returns how many bytes of files have been read, and how many bytes the known files have.
    #[must_use]
    pub fn file_progress(&self) -> (u64, u64) {
        let FileBytes { read, expected, .. } = &*self.file_bytes;
        (read.load(Relaxed), expected.load(Relaxed))
    }

    /// Returns the redactor, which finds the source's secrets in what it serves.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.target_policy().redactor().clone()
    }

    /// Returns the source that is fetched.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn limits(&self) -> &config::Fetch {
        &self.client.limits
    }

    pub(super) fn target_policy(&self) -> &TargetPolicy {
        &self.client.policy
    }

    pub(crate) fn addresses(&self) -> Addresses<'_> {
        Addresses {
            source: &self.source,
            policy: self.target_policy(),
        }
    }

    pub(super) fn describe_chain(&self, scope: &Scope) -> String {
        let source = &self.source.name;
        match scope.is_part() {
            true => format!("{source} in {scope}"),
            false => source.clone(),
        }
    }

    pub(super) fn describe_page(&self, scope: &Scope, number: u64) -> String {
        format!("page {number} of {}", self.describe_chain(scope))
    }
}
