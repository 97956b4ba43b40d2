//! Requests a token, at the source's pace. The request is logged and counted like that of a page.
//!
//! [`auth`](crate::http::auth) knows when a token is needed and where the response has it.

use bytes::Bytes;
use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use tokio::time::Instant;
use url::Url;

use crate::config;
use crate::error::Error;
use crate::http::auth::Authorization;
use crate::http::body::{self, BodyError};
use crate::http::client::Client;
use crate::http::connection_error::Server;
use crate::http::error_text::Shown;
use crate::http::exchange::limit_time;
use crate::http::failure::Failure;
use crate::http::request_log::OpenRequest;
use crate::http::request_spec::Attempt;
use crate::source::Method;

/// The largest response that is read for a token. A usual one has a few kilobytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

impl Client {
    /// Returns the `Authorization` header for a URL. Only the source's own host gets one.
    /// Requests a token first if there is no valid one.
    pub(super) async fn authorize(
        &self,
        attempt: Attempt<'_>,
        url: &Url,
    ) -> Result<Option<HeaderValue>, Failure> {
        if !self.policy.hosts.is_home(url) {
            return Ok(None);
        }
        let renewal = match self.auth.prepare_authorization().await {
            Authorization::Ready(header) => return Ok(header),
            Authorization::NeedsToken(renewal) => renewal,
        };
        let _place = attempt.spec.pace.wait_for_turn().await;
        let mut open = self.log.begin(&self.policy, attempt, renewal.url());
        let request = renewal.request(&self.connections);
        let method = renewal.method();
        let answer = self.request_token(renewal.url(), request, method, &mut open);
        let answer = limit_time(self.limits.page_timeout, &self.limits, answer).await;
        let token = answer.and_then(|answer| {
            let unusable = |what| Failure::Connection(Error::environment(what));
            renewal.read_token(&answer).map_err(unusable)
        });
        open.error = token.as_ref().err().map(Failure::to_string);
        token.map(Some).map_err(Failure::into_token_failure)
    }

    async fn request_token(
        &self,
        url: &Url,
        request: RequestBuilder,
        method: Method,
        open: &mut OpenRequest<'_>,
    ) -> Result<Bytes, Failure> {
        let began = Instant::now();
        let server = Server {
            is_essential: true,
            ..self.find_server(url)
        };
        let response = self.send(request, method, server).await?;
        open.status = Some(response.status().as_u16());
        if !response.status().is_success() {
            let count_bytes = |bytes| open.count_bytes(bytes);
            let explained = self.explain_status(response, Shown::Members, began, count_bytes);
            return Err(explained.await);
        }
        let limits = config::Fetch {
            max_body_bytes: MAX_ANSWER_BYTES,
            max_decoded_bytes: MAX_ANSWER_BYTES,
            ..self.limits.clone()
        };
        let read = body::read(response, &limits, |bytes| open.count_bytes(bytes)).await;
        let unusable = |what: &str| Failure::Connection(Error::environment(what));
        read.map_err(|broken| match broken {
            BodyError::Interrupted { why, .. } => Failure::from_interruption(why),
            BodyError::TooLarge { .. } => unusable("the answer is too large for a token's"),
            BodyError::Corrupt { .. } | BodyError::Encoding { .. } => {
                unusable("the answer is not what its content encoding says")
            }
        })
    }
}
