//! What is done with a response that is a success: its body is held whole and parsed,
//! or received as whoever wants it says.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::config;
use crate::decode::Undecodable;
use crate::http::body::{self, Broken};
use crate::http::client::Client;
use crate::http::failure::{Failure, interrupted};
use crate::page::Validators;

/// What is wrong with a body that is encoded in another way than the client offers.
pub(crate) const NOT_ASKED_FOR: &str = "its content encoding is not one that was asked for";

/// A body that has come, and what is known of it.
pub(crate) struct Received<'a> {
    /// Where it came from, which links are relative to.
    pub(crate) url: &'a Url,
    pub(crate) body: Bytes,
    pub(crate) content_type: Option<&'a str>,
    /// By what its server can tell later whether it has changed.
    pub(crate) validators: Validators,
}

/// A body that is coming, and what is known of it.
pub(crate) struct Arriving<'a> {
    /// Where it comes from.
    pub(crate) url: &'a Url,
    /// Where the bytes of its request are counted.
    pub(crate) wire: &'a AtomicU64,
    /// By what its server can tell later whether it has changed.
    pub(crate) validators: Validators,
}

/// What is done with a response that is a success.
pub(crate) trait Receive: Sync {
    /// What it comes to.
    type Received: Send;

    /// What is sent beside all else that is.
    fn headers(&self) -> HeaderMap {
        HeaderMap::new()
    }

    /// How long it may take from request to last byte.
    fn limit(&self, limits: &config::Fetch) -> Option<Duration> {
        Some(limits.page_timeout)
    }

    /// Whether an attempt that failed has brought something all the same, that the
    /// next one goes on from.
    fn has_got_on(&self) -> bool {
        false
    }

    /// Reads it.
    fn receive(
        &self,
        client: &Client,
        response: Response,
        arriving: Arriving<'_>,
    ) -> impl Future<Output = Result<Self::Received, Failure>> + Send;
}

/// Reads a body that is held whole.
pub(super) struct Parse<F>(pub(super) F);

impl<T: Send, F> Receive for Parse<F>
where
    F: Fn(Received<'_>) -> Result<T, Undecodable> + Sync,
{
    type Received = T;

    async fn receive(
        &self,
        client: &Client,
        response: Response,
        arriving: Arriving<'_>,
    ) -> Result<T, Failure> {
        let Arriving {
            url,
            wire,
            validators,
        } = arriving;
        let unreadable =
            |body: Bytes, message: &str| Err(Failure::Unreadable(body, message.to_owned()));
        let status = response.status();
        let content_type = text_header(&response, &CONTENT_TYPE).map(str::to_owned);
        let count = |bytes| client.count(wire, bytes);
        let body = match body::read(response, &client.limits, count).await {
            Ok(body) if body.trim_ascii().is_empty() => {
                return Err(Failure::Unreadable(body, without_body(status)));
            }
            Ok(body) => body,
            Err(Broken::Interrupted(why)) => return Err(interrupted(why)),
            Err(Broken::TooLarge { key, limit, body }) => {
                let message = format!("larger than {limit} bytes, the limit of `{key}`");
                return Err(Failure::TooLarge(body, message));
            }
            Err(Broken::Corrupt { body }) => {
                return unreadable(body, "not what its content encoding says");
            }
            Err(Broken::Encoding) => return unreadable(Bytes::new(), NOT_ASKED_FOR),
        };
        let received = Received {
            url,
            body: body.clone(),
            content_type: content_type.as_deref(),
            validators,
        };
        let Self(parse) = self;
        parse(received).map_err(|why| match why {
            Undecodable::Unreadable(message) => Failure::Unreadable(body, message),
            Undecodable::TooLarge(message) => Failure::TooLarge(body::beginning(&body), message),
        })
    }
}

/// What is wrong with an answer that has no body, and what to do if the publisher means
/// by it that there is nothing. A page without items has a body, so 200 cannot mean it.
pub(crate) fn without_body(status: StatusCode) -> String {
    match status {
        StatusCode::OK => "the body is empty".into(),
        _ => format!(
            "status {status}, and the body is empty; if that means that there is nothing, \
             name the status in `http.empty_status`",
            status = status.as_u16()
        ),
    }
}

pub(crate) fn text_header<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}
