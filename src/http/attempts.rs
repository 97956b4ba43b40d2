//! The attempts at one request.
//!
//! ```text
//! ask ──▶ attempt ──token──▶ exchange ──response──▶ receive ──▶ answer
//!      ◀──retry── failure ◀──────┴─────────────────────┘
//! ```
//!
//! Headers, body and parse are tried again together, so that a body that stops half-way is
//! a failed attempt and never a short page.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::http::answer::Answer;
use crate::http::backoff::Waits;
use crate::http::client::Client;
use crate::http::exchange::{Exchanged, within};
use crate::http::failure::Failure;
use crate::http::receive::{Parse, Receive, Received};
use crate::http::request_spec::{Attempt, RequestSpec};
use crate::page::Undecodable;

const MOST_REDIRECTS: usize = 10;

impl Client {
    /// Sends a request, with as many attempts as it takes and is allowed, and reads the body
    /// by `parse`.
    ///
    /// Dropping the future abandons the request under way or the wait.
    ///
    /// # Errors
    /// [`Kind::Environment`]: no connection, a time limit, 408 or 5xx in each attempt.
    /// [`Kind::Truncated`]: another status, or 429 in each attempt. [`Kind::HostRefused`]: a
    /// redirect or a DNS answer that points to a host that is not allowed.
    /// [`Kind::RateLimited`]: a `Retry-After` beyond `fetch.longest_retry_after`.
    pub(crate) async fn ask<T: Send>(
        &self,
        spec: RequestSpec<'_>,
        parse: impl Fn(Received<'_>) -> Result<T, Undecodable> + Sync,
    ) -> Result<Answer<T>> {
        self.ask_for(spec, &Parse(parse)).await
    }

    /// Sends a request whose body is received by `receive`.
    pub(crate) async fn ask_for<R: Receive>(
        &self,
        spec: RequestSpec<'_>,
        receive: &R,
    ) -> Result<Answer<R::Received>> {
        let mut waits = Waits::new(&self.limits);
        let mut number = 1;
        loop {
            let attempt = Attempt { spec, number };
            let failure = match self.attempt(attempt, receive).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if receive.has_progressed() {
                waits = Waits::new(&self.limits);
                number = 1;
            }
            let is_retryable = self.retry_policy().is_retryable(&failure);
            let status = failure.target_status();
            if let Some(status) = status
                && spec.handled_statuses.contains(&status)
                && (number > 1 || !is_retryable)
            {
                return Ok(Answer::Status(status));
            }
            let Some(backoff) = waits.next().filter(|_| is_retryable) else {
                return match status {
                    Some(status) if spec.final_statuses.contains(&status) => {
                        Ok(Answer::Status(status))
                    }
                    _ => failure.give_up(number),
                };
            };
            self.wait_to_retry(attempt, &failure, backoff).await?;
            number += 1;
        }
    }

    /// Asks for a token that is part of a URL, so that the URL can be made, with as many
    /// attempts as for a page.
    pub(crate) async fn renew_token(&self, spec: RequestSpec<'_>) -> Result<()> {
        let mut waits = Waits::new(&self.limits);
        let mut number = 1;
        loop {
            let attempt = Attempt { spec, number };
            let Err(failure) = self.authorize(attempt, &spec.target.url).await else {
                return Ok(());
            };
            let is_retryable = self.retry_policy().is_retryable(&failure);
            let Some(backoff) = waits.next().filter(|_| is_retryable) else {
                return failure.give_up::<()>(number).map(|_| ());
            };
            self.wait_to_retry(attempt, &failure, backoff).await?;
            number += 1;
        }
    }

    /// Waits before the next attempt, or fails if the server asks for too long a wait.
    async fn wait_to_retry(
        &self,
        Attempt { spec, number }: Attempt<'_>,
        failure: &Failure,
        backoff: Duration,
    ) -> Result<()> {
        let waiting = self.retry_policy().wait_after(failure, backoff)?;
        let wait = waiting.wait;
        if waiting.is_for_all {
            self.hold_back_requests(wait);
        }
        warn!(
            source.name = %self.source_name,
            page = spec.page,
            attempt = number,
            wait_ms = wait.as_millis(),
            "page {} of {}: {failure}; asking again in {wait:.1?}",
            spec.page,
            self.source_name,
        );
        tokio::time::sleep(wait).await;
        self.log.retries.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Makes one attempt: follows redirects to an answer, and asks once more with a fresh
    /// token if the one that was sent is refused. Waiting for the source's pace does not
    /// count towards the time limit.
    async fn attempt<R: Receive>(
        &self,
        attempt: Attempt<'_>,
        receive: &R,
    ) -> Result<Answer<R::Received>, Failure> {
        let limit = receive.time_limit(&self.limits);
        let mut url = attempt.spec.target.url.clone();
        let mut method = attempt.spec.target.method;
        let mut is_renewed = false;
        for _ in 0..=MOST_REDIRECTS {
            let authorization = self.authorize(attempt, &url).await?;
            let sent = authorization.as_ref();
            let slot = attempt.spec.pace.wait_for_turn().await;
            let request = self.build_request(attempt, &url, method, sent);
            let request = request.headers(receive.headers());
            let exchange = self.exchange(attempt, (&url, method), request, slot, receive);
            let exchanged = match limit {
                Some(limit) => within(limit, exchange).await,
                None => Box::pin(exchange).await,
            };
            match exchanged {
                Ok(Exchanged::Answer(answer)) => return Ok(answer),
                Ok(Exchanged::Redirect { to, method: by }) => {
                    let to = self.policy.permit_redirect(&url, to);
                    (url, method) = (to.map_err(Failure::Final)?, by);
                }
                Err(failure) => {
                    let is_refused = failure.is_unauthorized() && !is_renewed;
                    if is_refused && self.auth.discard_token(sent).await {
                        is_renewed = true;
                        continue;
                    }
                    return Err(failure);
                }
            }
        }
        let message = format!("more than {MOST_REDIRECTS} redirects in a row");
        Err(Failure::Final(Error::new(Kind::Truncated, message)))
    }
}
