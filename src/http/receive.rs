//! Receives the body of a successful response: reads the whole body and parses it, or passes the
//! body to the caller's receiver as it arrives.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::config;
use crate::http::body::{self, BodyError};
use crate::http::failure::Failure;
use crate::http::header::text_header;
use crate::http::link_header;
use crate::http::short_archive;
use crate::page::{Undecodable, Validators, copy_beginning};
use crate::source::Http;

/// The reason for refusing a body whose encoding the request did not offer.
pub(crate) const UNKNOWN_ENCODING: &str = "its content encoding is not one that was asked for";

/// A body that has arrived completely.
pub(crate) struct Received<'a> {
    /// The URL of the response. Relative links in the body start from it.
    pub(crate) url: &'a Url,
    pub(crate) body: Bytes,
    pub(crate) content_type: Option<&'a str>,
    /// The target of the `Link` header with the relation `next`, as served.
    pub(crate) next_link: Option<&'a str>,
    pub(crate) validators: Validators,
}

/// A body that has not arrived yet.
pub(crate) struct ArrivingBody<'a> {
    pub(crate) url: &'a Url,
    /// The name of the source.
    pub(crate) source: &'a str,
    pub(crate) http: &'a Http,
    pub(crate) limits: &'a config::Fetch,
    pub(crate) count_bytes: &'a (dyn Fn(u64) + Send + Sync),
    pub(crate) validators: Validators,
}

/// Receives the response to a request, and decides what to do with the body while it arrives.
pub(crate) trait Receive: Sync {
    type Received: Send;

    /// Returns request headers that are sent in addition to all others. If they ask for a range,
    /// the receiver also gets a response with status 416.
    fn additional_headers(&self) -> HeaderMap {
        HeaderMap::new()
    }

    /// Returns the longest time from sending the request to the last byte of the body. `None`
    /// means no limit.
    fn time_limit(&self, limits: &config::Fetch) -> Option<Duration> {
        Some(limits.page_timeout)
    }

    /// Returns true if a failed attempt has received something that the next attempt continues
    /// from. The attempts are then counted from one again. A second call returns false until more
    /// has arrived.
    fn take_progress(&self) -> bool {
        false
    }

    fn receive(
        &self,
        response: Response,
        arriving: ArrivingBody<'_>,
    ) -> impl Future<Output = Result<Self::Received, Failure>> + Send;
}

/// Reads the whole body and parses it.
pub(super) struct Parse<F>(pub(super) F);

impl<T: Send, F> Receive for Parse<F>
where
    F: Fn(Received<'_>) -> Result<T, Undecodable> + Sync,
{
    type Received = T;

    async fn receive(&self, response: Response, arriving: ArrivingBody<'_>) -> Result<T, Failure> {
        let ArrivingBody {
            url,
            source,
            http,
            limits,
            count_bytes,
            validators,
        } = arriving;
        let unreadable =
            |body: Bytes, message: &str| Err(Failure::Unreadable(body, message.to_owned()));
        let status = response.status();
        let content_type = text_header(&response, &CONTENT_TYPE).map(str::to_owned);
        let next_link = link_header::find_next(response.headers());
        let body = match body::read(response, limits, count_bytes).await {
            Ok(body) if body.trim_ascii().is_empty() => {
                return Err(Failure::Unreadable(body, describe_empty_body(status)));
            }
            Ok(body) => body,
            Err(BodyError::Interrupted { why, body }) => {
                let end = &body[body.len().saturating_sub(short_archive::LONGEST_END)..];
                let end = (end, body.len() as u64);
                if !short_archive::is_accepted(http, source, &why, end) {
                    return Err(Failure::from_interruption(why));
                }
                body
            }
            Err(BodyError::TooLarge { key, limit, body }) => {
                let message = format!("larger than {limit} bytes, the limit of `{key}`");
                return Err(Failure::TooLarge(body, message));
            }
            Err(BodyError::Corrupt { body }) => {
                return unreadable(body, "not what its content encoding says");
            }
            Err(BodyError::Encoding { body }) => return unreadable(body, UNKNOWN_ENCODING),
        };
        let received = Received {
            url,
            body: body.clone(),
            content_type: content_type.as_deref(),
            next_link: next_link.as_deref(),
            validators,
        };
        let Self(parse) = self;
        parse(received).map_err(|why| match why {
            Undecodable::Unreadable(message) => Failure::Unreadable(body, message),
            Undecodable::TooLarge(message) => Failure::TooLarge(copy_beginning(&body), message),
            // the caller expects data, or its function would have returned that there is none
            why @ Undecodable::NoData => Failure::Unreadable(body, why.into_message()),
        })
    }
}

/// Describes a successful response without a body, and says what to do if the publisher means
/// that there are no items. A page without items has a body, so 200 without a body cannot mean an
/// empty page.
pub(crate) fn describe_empty_body(status: StatusCode) -> String {
    match status {
        StatusCode::OK => "the body is empty".into(),
        _ => format!(
            "status {status}, and the body is empty; if that means that there is nothing, \
             name the status in `http.empty_status`",
            status = status.as_u16()
        ),
    }
}
