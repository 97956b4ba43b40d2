//! One request: what it is sent with, and what its response comes to.

use std::time::SystemTime;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use url::Url;

use crate::error::{Error, Kind};
use crate::fetch::address::{Ask, Sent};
use crate::http::client::{Attempt, Client, send};
use crate::http::concurrency::{Outcome, Slot};
use crate::http::failure::Failure;
use crate::http::failure::status_of;
use crate::http::receive::{Arriving, Receive};
use crate::http::request_log::Asking;
use crate::http::validators;
use crate::page::Validators;
use crate::source::Method;

/// What one request comes to.
pub(super) enum Answer<T> {
    Came(Came<T>),
    Redirect { to: Url, method: Method },
}

/// What an attempt comes to.
pub(super) enum Came<T> {
    Read(T),
    Unchanged(Validators),
}

impl Client {
    /// One request and all of its response.
    pub(super) async fn exchange<R: Receive>(
        &self,
        attempt: Attempt<'_>,
        (url, method): (&Url, Method),
        request: RequestBuilder,
        mut slot: Slot<'_>,
        receive: &R,
    ) -> Result<Answer<R::Received>, Failure> {
        let mut asking = Asking::begin(self, attempt, url);
        let asks_for_range = receive.headers().contains_key(RANGE);
        let answer = match send(request, &self.limits).await {
            Err(failure) => Err(failure),
            Ok(response) => {
                let status = response.status();
                asking.status = Some(status.as_u16());
                if self.is_plea(status) {
                    slot.came_to(Outcome::Throttled);
                }
                // a part that was asked for is not what the source means by the status
                let is_range = asks_for_range && status == StatusCode::PARTIAL_CONTENT;
                if self.is_named(attempt, status) && !is_range {
                    Err(status_of(&response))
                } else if status.is_success() {
                    slot.came_to(Outcome::Answered(asking.began.elapsed()));
                    let arriving = Arriving {
                        url,
                        wire: &asking.bytes,
                        validators: self.validators(attempt, url, &response),
                    };
                    let read = receive.receive(self, response, arriving).await;
                    read.map(|read| Answer::Came(Came::Read(read)))
                } else if status == StatusCode::NOT_MODIFIED
                    && !self.conditions(attempt, url, method).is_empty()
                {
                    // how soon it comes says nothing of how soon pages do
                    let said = self.validators(attempt, url, &response);
                    Ok(Answer::Came(Came::Unchanged(said)))
                } else if self.source.http.redirects {
                    redirect_or_failure(url, method, &response)
                } else {
                    Err(status_of(&response))
                }
            }
        };
        asking.error = answer.as_ref().err().map(Failure::to_string);
        answer
    }

    /// Whether the source names a status. What it says of a status counts more than what
    /// the status usually means, so the body of such an answer is not read, and a
    /// redirect is not followed.
    fn is_named(&self, attempt: Attempt<'_>, status: StatusCode) -> bool {
        let status = status.as_u16();
        let named = [attempt.wanted.telling, &self.source.http.retry_status];
        named.iter().any(|statuses| statuses.contains(&status))
    }

    /// What is sent of the source's own: headers and who asks to the home host alone.
    pub(super) fn request(
        &self,
        attempt: Attempt<'_>,
        url: &Url,
        method: Method,
        authorization: Option<&HeaderValue>,
    ) -> RequestBuilder {
        let is_home = self.address.is_home(url);
        let http = match &self.strangers {
            Some((strangers, http)) if self.address.is_stranger(url) => {
                strangers.meet(url.host_str().unwrap_or_default());
                http
            }
            _ => &self.http,
        };
        let mut request = match method {
            Method::Get => http.get(url.clone()),
            Method::Post => http.post(url.clone()),
        };
        if is_home {
            request = request
                .headers(self.headers.clone())
                .headers(self.conditions(attempt, url, method));
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let ask = attempt.wanted.ask;
        // a body may hold a secret, and a redirect may lead elsewhere
        let is_sent = method == ask.method && (is_home || *url == ask.url);
        let body = ask.body.as_ref().filter(|_| is_sent);
        if method == Method::Post && body.is_none_or(|body| body.bytes.is_empty()) {
            request = request.headers(empty_length());
        }
        match body {
            Some(Sent { media_type, bytes }) => request
                .header(CONTENT_TYPE, *media_type)
                .body(bytes.clone()),
            None => request,
        }
    }

    /// The headers that ask whether what is wanted has changed. What a server said of
    /// it goes back to the home host, from where alone it is remembered.
    fn conditions(&self, attempt: Attempt<'_>, url: &Url, method: Method) -> HeaderMap {
        let Some(known) = attempt.wanted.known else {
            return HeaderMap::new();
        };
        if method != Method::Get || !self.address.is_home(url) {
            return HeaderMap::new();
        }
        validators::conditions(&as_of(attempt.wanted.ask, url, known.clone()))
    }

    /// What an answer says by which its server can tell later whether it has changed.
    fn validators(&self, attempt: Attempt<'_>, url: &Url, response: &Response) -> Validators {
        if !self.address.is_home(url) {
            return Validators::default();
        }
        let said = validators::said(response.headers(), SystemTime::now());
        let is_public = |text: &String| !self.address.holds_secret(text);
        let said = Validators {
            etag: said.etag.filter(is_public),
            last_modified: said.last_modified.filter(is_public),
        };
        as_of(attempt.wanted.ask, url, said)
    }
}

/// The length of a body that is empty. RFC 9110 wants it of a POST, and some servers
/// answer 411 without it; the client below leaves it out over HTTP/1.1.
pub(crate) fn empty_length() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))])
}

/// A response that is not a page.
fn redirect_or_failure<T>(
    url: &Url,
    method: Method,
    response: &Response,
) -> Result<Answer<T>, Failure> {
    let status = response.status();
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
        && let Some(location) = response.headers().get(LOCATION)
    {
        // a header is ASCII, but some servers write theirs in UTF-8, as browsers read it
        let location = std::str::from_utf8(location.as_bytes()).ok();
        let Some(to) = location.and_then(|location| url.join(location).ok()) else {
            let message = "a redirect leads to what is not a URL";
            return Err(Failure::Final(Error::new(Kind::Misled, message)));
        };
        // as browsers do: only these two keep the method and with it the body
        let method = match status.as_u16() {
            307 | 308 => method,
            _ => Method::Get,
        };
        return Ok(Answer::Redirect { to, method });
    }
    Err(status_of(response))
}

/// What is said at one URL of what was asked for at another. A tag tells it from all
/// else; a time does not, and a redirect may lead to another file the next time.
fn as_of(ask: &Ask, url: &Url, said: Validators) -> Validators {
    Validators {
        last_modified: said.last_modified.filter(|_| *url == ask.url),
        ..said
    }
}
