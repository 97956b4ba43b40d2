//! Decides which failed attempts are retried, and how long each retry waits.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;

use crate::config;
use crate::error::{Error, Kind, Result};
use crate::http::backoff;
use crate::http::failure::Failure;
use crate::http::pace::Outcome;
use crate::source::Http;

#[derive(Clone, Copy)]
pub(super) struct RetryPolicy<'a> {
    pub(super) http: &'a Http,
    pub(super) limits: &'a config::Fetch,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct RetryWait {
    pub(super) wait: Duration,
    /// True if the server asked us to wait, or refused the request because there were too many.
    /// No other request of the source starts meanwhile.
    pub(super) is_for_all: bool,
}

impl RetryPolicy<'_> {
    pub(super) fn is_retryable(self, failure: &Failure) -> bool {
        match failure {
            Failure::Connection(_) | Failure::Unreadable(..) => true,
            Failure::Final(_) | Failure::TooLarge(..) => false,
            Failure::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 429)
                    || status.is_server_error()
                    || self.is_configured(*status)
            }
        }
    }

    /// Returns true if the attempt failed because the server asks for fewer requests. A server of
    /// tokens has its own limits.
    pub(super) fn is_throttled(self, failure: &Failure) -> bool {
        match failure {
            Failure::Status {
                status,
                is_for_token: false,
                ..
            } => self.is_throttling(*status),
            _ => false,
        }
    }

    /// Returns what a status says about the pace of requests.
    pub(super) fn classify(self, status: StatusCode) -> Outcome {
        if self.is_throttling(status) {
            Outcome::Throttled
        } else if status.is_server_error() {
            Outcome::Failed
        } else {
            Outcome::Answered
        }
    }

    /// Returns true if the status asks for fewer requests. The statuses of `http.retry_status` do
    /// so too, because some servers throttle by 403.
    fn is_throttling(self, status: StatusCode) -> bool {
        matches!(status.as_u16(), 429 | 503) || self.is_configured(status)
    }

    fn is_configured(self, status: StatusCode) -> bool {
        self.http.retry_status.contains(&status.as_u16())
    }

    /// Returns the wait before the next attempt. It is what the server asks for, or else the
    /// source's `http.retry_wait`, but never less than `backoff`.
    pub(super) fn wait_after(self, failure: &Failure, backoff: Duration) -> Result<RetryWait> {
        let Failure::Status {
            status,
            retry_after,
            ..
        } = failure
        else {
            return Ok(RetryWait {
                wait: backoff,
                is_for_all: false,
            });
        };
        let is_for_all = retry_after.is_some() || self.is_throttling(*status);
        if let (None, Some(wait)) = (retry_after, self.http.retry_wait) {
            let wait = wait.max(backoff);
            return Ok(RetryWait { wait, is_for_all });
        }
        let longest = self.limits.longest_retry_after;
        let wait = backoff::clamp(backoff, *retry_after, longest).map_err(|wish| {
            let until = match Timestamp::now().checked_add(wish) {
                Ok(until) => format!("until {until:.0}"),
                Err(_) => format!("for {} s", wish.as_secs()),
            };
            let message = failure.describe_status(|status| {
                format!(
                    "{status}, rate limited {until}, \
                     longer than `fetch.longest_retry_after` of {longest:?}; resumable"
                )
            });
            Error::new(Kind::RateLimited, message)
        })?;
        Ok(RetryWait { wait, is_for_all })
    }
}
