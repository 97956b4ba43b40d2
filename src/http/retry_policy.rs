//! Whether an attempt that failed is made again, and how long that waits.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;

use crate::error::{Error, Kind, Result};
use crate::http::backoff::{self, Wait};
use crate::http::client::Client;
use crate::http::failure::Failure;

impl Client {
    pub(super) fn is_worth_another(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Connection(_) | Failure::Unreadable(..) => true,
            Failure::Final(_) | Failure::TooLarge(..) => false,
            Failure::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 429)
                    || status.is_server_error()
                    || self.source.http.retry_status.contains(&status.as_u16())
            }
        }
    }

    /// How long to wait before the next attempt.
    pub(super) fn wait(&self, failure: &Failure, own: Duration) -> Result<Duration> {
        let Failure::Status {
            status,
            retry_after,
            ..
        } = failure
        else {
            return Ok(own);
        };
        if let (None, Some(wait)) = (retry_after, self.source.http.retry_wait) {
            let wait = wait.max(own);
            if self.is_plea(*status) {
                self.quiet_for(wait);
            }
            return Ok(wait);
        }
        match backoff::clamp(own, *retry_after, self.limits.longest_retry_after) {
            Wait::For(wait) => {
                if retry_after.is_some() {
                    self.quiet_for(wait);
                }
                Ok(wait)
            }
            Wait::TooLong(wish) => {
                let until = i64::try_from(wish.as_secs())
                    .ok()
                    .and_then(|seconds| Timestamp::now().as_second().checked_add(seconds))
                    .and_then(|second| Timestamp::from_second(second).ok());
                let until = match until {
                    Some(until) => format!("until {until}"),
                    None => format!("for {} s", wish.as_secs()),
                };
                let longest = self.limits.longest_retry_after;
                Err(Error::new(
                    Kind::RateLimited,
                    format!(
                        "{failure}, rate limited {until}, \
                         longer than `fetch.longest_retry_after` of {longest:?}; resumable"
                    ),
                ))
            }
        }
    }

    /// Whether a status asks for fewer requests: some servers throttle by 403.
    pub(super) fn is_plea(&self, status: StatusCode) -> bool {
        let status = status.as_u16();
        matches!(status, 429 | 503) || self.source.http.retry_status.contains(&status)
    }

    /// Lets no request of the source start for so long, of whichever kind.
    fn quiet_for(&self, wait: Duration) {
        self.pace.quiet_for(wait);
        if let Some(pace) = &self.detail_pace {
            pace.quiet_for(wait);
        }
    }
}
