//! Repeats one request until it succeeds or is given up.
//!
//! ```text
//! ask ──▶ attempt ──token──▶ exchange ──response──▶ receive ──▶ answer
//!      ◀──retry── failure ◀──────┴─────────────────────┘
//! ```
//!
//! An attempt covers the headers, the body and the parsing. So a body that stops half-way is a
//! failed attempt and never a short page.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::http::answer::Answer;
use crate::http::backoff::RetryWaits;
use crate::http::client::Client;
use crate::http::exchange::{Exchanged, limit_time};
use crate::http::failure::Failure;
use crate::http::pace::Place;
use crate::http::receive::{Parse, Receive, Received};
use crate::http::request_spec::{Attempt, RequestSpec};
use crate::page::Undecodable;

const MAX_REDIRECTS: usize = 10;

impl Client {
    /// Sends a request, repeats it after each failure that is worth a retry, and reads the body
    /// by `parse`.
    ///
    /// If the future is dropped, it abandons the request that is under way, or the wait.
    ///
    /// # Errors
    /// - [`Kind::Environment`]: every attempt ended without a connection, at a time limit, or
    ///   with the status 408 or 5xx.
    /// - [`Kind::Truncated`]: the server answered another unexpected status, or 429 in every
    ///   attempt.
    /// - [`Kind::HostRefused`]: a redirect or a DNS answer points to a host that is not allowed, or
    ///   the certificate of a host other than the source's own is not trusted.
    /// - [`Kind::Config`]: the certificate of the source's own host is not trusted.
    /// - [`Kind::RateLimited`]: the server's `Retry-After` exceeds `fetch.longest_retry_after`.
    pub(crate) async fn ask<T: Send>(
        &self,
        spec: RequestSpec<'_>,
        parse: impl Fn(Received<'_>) -> Result<T, Undecodable> + Sync,
    ) -> Result<Answer<T>> {
        self.ask_for(spec, &Parse(parse)).await
    }

    /// Does the same as [`Client::ask`], but leaves the body to `receive`.
    pub(crate) async fn ask_for<R: Receive>(
        &self,
        spec: RequestSpec<'_>,
        receive: &R,
    ) -> Result<Answer<R::Received>> {
        let mut waits = RetryWaits::new(&self.limits);
        let mut number = 1;
        loop {
            let attempt = Attempt { spec, number };
            let (failure, place) = match self.attempt(attempt, receive).await {
                Ok(answer) => return Ok(answer),
                Err(Failed { failure, place }) => (failure, place),
            };
            if receive.take_progress() {
                waits = RetryWaits::new(&self.limits);
                number = 1;
            }
            let is_retryable = self.retry_policy().is_retryable(&failure);
            let is_throttled = self.retry_policy().is_throttled(&failure);
            let refused_in_a_row = match is_throttled {
                true => spec.pace.throttled_in_a_row(),
                false => 0,
            };
            // the requests of a source wait together, and not one after the other
            waits.lengthen(refused_in_a_row);
            let shorten = |wait| match is_throttled {
                true => spec.pace.shorten_wait(wait),
                false => wait,
            };
            let next_wait = waits.next().filter(|_| is_retryable).map(shorten);
            let status = failure.target_status();
            let is_in = |statuses: &[u16]| status.is_some_and(|it| statuses.contains(&it));
            let is_handled = is_in(spec.handled_statuses) && (number > 1 || !is_retryable);
            if let Some(wait) = next_wait.filter(|_| !is_handled) {
                self.wait_to_retry(attempt, &failure, place, wait).await?;
                number += 1;
                continue;
            }
            if is_throttled {
                // other requests wait, although this one does not come again
                let wait = next_wait.unwrap_or_else(|| shorten(self.limits.first_wait));
                let waiting = self.retry_policy().wait_after(&failure, wait);
                self.hold_back_requests(waiting.map_or(wait, |waiting| waiting.wait));
            }
            return match status {
                Some(status) if is_handled || is_in(spec.final_statuses) => {
                    Ok(Answer::Status(status))
                }
                _ => failure.give_up(number, refused_in_a_row),
            };
        }
    }

    /// Requests a token that is part of a URL, with as many attempts as a page gets. The URL can
    /// be completed afterwards.
    pub(crate) async fn renew_token(&self, spec: RequestSpec<'_>) -> Result<()> {
        let mut waits = RetryWaits::new(&self.limits);
        let mut number = 1;
        loop {
            let attempt = Attempt { spec, number };
            let Err(failure) = self.authorize(attempt, &spec.target.url).await else {
                return Ok(());
            };
            let is_retryable = self.retry_policy().is_retryable(&failure);
            let Some(backoff) = waits.next().filter(|_| is_retryable) else {
                return failure.give_up::<()>(number, 0).map(|_| ());
            };
            self.wait_to_retry(attempt, &failure, None, backoff).await?;
            number += 1;
        }
    }

    /// Waits before the next attempt. Fails if the server asks for a longer wait than is allowed.
    /// The place of the failed attempt becomes free when no other request can take it too soon.
    async fn wait_to_retry(
        &self,
        Attempt { spec, number }: Attempt<'_>,
        failure: &Failure,
        place: Option<Place<'_>>,
        backoff: Duration,
    ) -> Result<()> {
        let waiting = self.retry_policy().wait_after(failure, backoff)?;
        let wait = waiting.wait;
        if waiting.is_for_all {
            self.hold_back_requests(wait);
        }
        drop(place);
        warn!(
            source.name = %self.source.name,
            page = spec.page,
            attempt = number,
            wait_ms = wait.as_millis(),
            "page {} of {}: {failure}; asking again in {wait:.1?}",
            spec.page,
            self.source.name,
        );
        tokio::time::sleep(wait).await;
        self.log.retries.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Makes one attempt and follows redirects. If the server refuses the token, the attempt
    /// requests a new token and sends the request once more. The time limit does not include the
    /// wait for the source's pace.
    async fn attempt<'a, R: Receive>(
        &self,
        attempt: Attempt<'a>,
        receive: &R,
    ) -> Result<Answer<R::Received>, Failed<'a>> {
        let limit = receive.time_limit(&self.limits);
        let mut url = attempt.spec.target.url.clone();
        let mut method = attempt.spec.target.method;
        let mut is_renewed = false;
        let mut sets_cookies = false;
        for _ in 0..=MAX_REDIRECTS {
            let authorization = self.authorize(attempt, &url).await?;
            let sent = authorization.as_ref();
            let mut place = attempt.spec.pace.wait_for_turn().await;
            let request = self.build_request(attempt, &url, method, sent);
            let request = request.headers(receive.additional_headers());
            let exchange = self.exchange(attempt, (&url, method), request, &mut place, receive);
            let exchanged = match limit {
                Some(limit) => limit_time(limit, &self.limits, exchange).await,
                None => Box::pin(exchange).await,
            };
            match exchanged {
                Ok(Exchanged::Answer(answer)) => return Ok(answer),
                Ok(Exchanged::Redirect(redirect)) => {
                    let to = self.policy.permit_redirect(&url, redirect.to);
                    (url, method) = (to.map_err(Failure::Final)?, redirect.method);
                    sets_cookies |= redirect.sets_cookies;
                }
                Err(failure) if failure.is_unauthorized() && !is_renewed => {
                    // the request for a token needs a place
                    drop(place);
                    if !self.auth.discard_token(sent).await {
                        return Err(failure.into());
                    }
                    is_renewed = true;
                }
                Err(failure) => {
                    let place = Some(place);
                    return Err(Failed { failure, place });
                }
            }
        }
        let mut message = format!("more than {MAX_REDIRECTS} redirects in a row");
        if sets_cookies && !self.source.http.cookies {
            message.push_str(
                "; they set a cookie, and the server may want it back: see `http.cookies`",
            );
        }
        Err(Failure::Final(Error::new(Kind::Truncated, message)).into())
    }
}

/// A failed attempt. It keeps its place, so that no other request takes it before the wait after
/// the failure has begun.
struct Failed<'a> {
    failure: Failure,
    place: Option<Place<'a>>,
}

impl From<Failure> for Failed<'_> {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            place: None,
        }
    }
}
