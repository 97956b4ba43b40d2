//! Asking for a token: as for a page, at the source's pace, logged, and counted.
//!
//! When one is needed, and what it is in an answer, [`auth`](crate::http::auth) knows.

use bytes::Bytes;
use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use url::Url;

use crate::config;
use crate::error::{Error, Result};
use crate::http::auth::Authorization;
use crate::http::backoff::Retry;
use crate::http::body::{self, Broken};
use crate::http::client::{Attempt, Client, Wanted, in_time, send};
use crate::http::failure::{Failure, interrupted};
use crate::http::failure::{given_up, status_of};
use crate::http::request_log::Asking;

/// The largest answer that is read for a token: they are a few kilobytes.
const MOST_TOKEN_BYTES: usize = 1 << 20;

impl Client {
    /// The header that says who asks, for the home host alone. A token is asked for
    /// as a page is: at the source's pace, logged, and counted.
    pub(super) async fn authorization(
        &self,
        attempt: Attempt<'_>,
        url: &Url,
    ) -> Result<Option<HeaderValue>, Failure> {
        if !self.address.is_home(url) {
            return Ok(None);
        }
        let renewal = match self.auth.authorization().await {
            Authorization::Ready(header) => return Ok(header),
            Authorization::Wanted(renewal) => renewal,
        };
        let _slot = attempt.wanted.pace.turn().await;
        let mut asking = Asking::begin(self, attempt, renewal.url());
        let request = renewal.request(&self.http);
        let asked = self.ask_for_token(request, &mut asking);
        let answer = in_time(self.limits.page_timeout, asked).await;
        let token = answer.and_then(|answer| {
            let unusable = |what| Failure::Connection(Error::environment(what));
            renewal.renewed(&answer).map_err(unusable)
        });
        asking.error = token.as_ref().err().map(Failure::to_string);
        token.map(Some).map_err(|failure| failure.of_token())
    }

    /// Asks for a token that is a part of a URL, so that the URL can be made, as often as
    /// for a page.
    ///
    /// # Errors
    /// The token cannot be had.
    pub(crate) async fn renew_token(&self, wanted: Wanted<'_>) -> Result<()> {
        let mut waits = Retry::new(&self.limits);
        let mut number = 1;
        loop {
            let attempt = Attempt { wanted, number };
            let authorization = self.authorization(attempt, &wanted.ask.url).await;
            let Err(failure) = authorization else {
                return Ok(());
            };
            let passes = self.is_worth_another(&failure);
            let Some(own) = waits.next().filter(|_| passes) else {
                return given_up::<()>(failure, number).map(|_| ());
            };
            self.wait_to_retry(attempt, &failure, own).await?;
            number += 1;
        }
    }

    async fn ask_for_token(
        &self,
        request: RequestBuilder,
        asking: &mut Asking<'_>,
    ) -> Result<Bytes, Failure> {
        let response = send(request, &self.limits).await?;
        asking.status = Some(response.status().as_u16());
        if !response.status().is_success() {
            return Err(status_of(&response));
        }
        let limits = config::Fetch {
            max_body_bytes: MOST_TOKEN_BYTES,
            max_decoded_bytes: MOST_TOKEN_BYTES,
            ..self.limits.clone()
        };
        let read = body::read(response, &limits, |bytes| self.count(&asking.bytes, bytes)).await;
        let unusable = |what: &str| Failure::Connection(Error::environment(what));
        read.map_err(|broken| match broken {
            Broken::Interrupted(why) => interrupted(why),
            Broken::TooLarge { .. } => unusable("the answer is too large for a token's"),
            Broken::Corrupt { .. } | Broken::Encoding => {
                unusable("the answer is not what its content encoding says")
            }
        })
    }
}
