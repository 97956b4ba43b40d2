//! Sends one request and receives its response, or returns where a redirect leads.

use std::time::{Duration, SystemTime};

use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE, SET_COOKIE,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use crate::config;
use crate::error::{Error, Kind};
use crate::http::answer::Answer;
use crate::http::client::Client;
use crate::http::connection_error::Server;
use crate::http::error_text::{self, Shown};
use crate::http::failure::Failure;
use crate::http::header::{empty_length, url_text};
use crate::http::pace::Place;
use crate::http::receive::{ArrivingBody, Receive};
use crate::http::request_spec::Attempt;
use crate::http::target::{RequestBody, Target};
use crate::http::unprocessed::Unprocessed;
use crate::http::validators;
use crate::page::Validators;
use crate::source::Method;

pub(super) enum Exchanged<T> {
    Answer(Answer<T>),
    Redirect(Redirect),
}

pub(super) struct Redirect {
    pub(super) to: Url,
    pub(super) method: Method,
    pub(super) sets_cookies: bool,
}

/// A request that its server has not processed is sent again at once, at most this many times. If
/// a server takes three requests on each connection, one of many may meet the end of several.
const MAX_RESENDS: u32 = 5;

impl Client {
    pub(super) async fn exchange<R: Receive>(
        &self,
        attempt: Attempt<'_>,
        (url, method): (&Url, Method),
        request: RequestBuilder,
        place: &mut Place<'_>,
        receive: &R,
    ) -> Result<Exchanged<R::Received>, Failure> {
        let began = Instant::now();
        let mut open = self.log.begin(&self.policy, attempt, url);
        let asks_for_range = receive.additional_headers().contains_key(RANGE);
        let server = self.find_server(url);
        let exchanged = match self.send(request, method, server).await {
            Err(failure) => Err(failure),
            Ok(response) => {
                let status = response.status();
                open.status = Some(status.as_u16());
                place.record(self.retry_policy().classify(status));
                // these answer our request for a range, even if the source declares them as
                // statuses to handle
                let is_range = asks_for_range
                    && matches!(
                        status,
                        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
                    );
                if self.is_handled(attempt, status) && !is_range {
                    Err(Failure::from_status(&response))
                } else if status.is_success() || is_range {
                    let arriving = ArrivingBody {
                        url,
                        source: &self.source.name,
                        http: &self.source.http,
                        limits: &self.limits,
                        count_bytes: &|bytes| open.count_bytes(bytes),
                        validators: self.read_validators(attempt, url, &response),
                    };
                    let received = receive.receive(response, arriving).await;
                    received.map(|received| Exchanged::Answer(Answer::Read(received)))
                } else if status == StatusCode::NOT_MODIFIED
                    && !self.conditional_headers(attempt, url, method).is_empty()
                {
                    let validators = self.read_validators(attempt, url, &response);
                    Ok(Exchanged::Answer(Answer::Unchanged(validators)))
                } else if self.source.http.redirects
                    && let Some(location) = find_location(&response)
                {
                    follow(url, method, &response, location)
                } else {
                    let count_bytes = |bytes| open.count_bytes(bytes);
                    let explained = self.explain_status(response, Shown::Text, began, count_bytes);
                    Err(explained.await)
                }
            }
        };
        let exchanged = exchanged.map_err(|failure| failure.redact(self.policy.redactor()));
        open.error = exchanged.as_ref().err().map(Failure::to_string);
        exchanged
    }

    /// Sends a request and waits for the head of the response, at most `fetch.read_timeout`. The
    /// limit stays the same if the head arrives byte by byte, or if the server sends interim
    /// responses. A request that the server has not processed is sent again at once.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        method: Method,
        server: Server<'_>,
    ) -> Result<Response, Failure> {
        let limit = self.limits.read_timeout;
        let sending = Box::pin(self.resend(request, method));
        match tokio::time::timeout(limit, sending).await {
            Ok(sent) => sent.map_err(|error| server.explain(&error)),
            Err(_) => Err(server.explain_silence()),
        }
    }

    /// Sends a request, and sends it again at once if the server has not processed it. These are no
    /// attempts, and a publisher's own log does not have them either, so they are not counted.
    async fn resend(
        &self,
        mut request: RequestBuilder,
        method: Method,
    ) -> Result<Response, reqwest::Error> {
        let mut resends_left = MAX_RESENDS;
        loop {
            let copy = request.try_clone().filter(|_| resends_left > 0);
            let sent = request.send().await;
            if let Ok(response) = &sent {
                self.used_connections.remember(response);
            }
            let Some(copy) = copy else { return sent };
            let why = match sent {
                Ok(response) if response.status() == StatusCode::MISDIRECTED_REQUEST => {
                    return self.send_by_another_connection(copy, response).await;
                }
                Ok(response) => return Ok(response),
                Err(error) => match self.used_connections.explain(&error, method) {
                    Some(why) => why,
                    None => return Err(error),
                },
            };
            debug!(
                source.name = %self.source.name,
                "the server has not processed a request ({why:?}), which is sent again at once",
            );
            resends_left = match why {
                Unprocessed::ConnectionOver => resends_left - 1,
                Unprocessed::Refused => 0,
            };
            request = copy;
        }
    }

    /// Sends a request that was answered 421 once more. That status means that the server does not
    /// serve this URL over this connection (RFC 9110, section 15.5.20).
    async fn send_by_another_connection(
        &self,
        request: RequestBuilder,
        refused: Response,
    ) -> Result<Response, reqwest::Error> {
        match (self.connect_anew(), request.build()) {
            (Ok(connections), Ok(request)) => connections.execute(request).await,
            _ => Ok(refused),
        }
    }

    /// Returns the server of a URL, for messages.
    pub(super) fn find_server<'a>(&'a self, url: &'a Url) -> Server<'a> {
        Server {
            url,
            policy: &self.policy,
            limits: &self.limits,
            is_essential: self.policy.hosts.is_home(url),
        }
    }

    /// Makes a failure of a status that nobody declares, and reads what the body says about it.
    /// `began` is the time at which the request was sent.
    pub(super) async fn explain_status(
        &self,
        response: Response,
        shown: Shown,
        began: Instant,
        count_bytes: impl Fn(u64) + Send + Sync,
    ) -> Failure {
        let failure = Failure::from_status(&response);
        let left = self.limits.page_timeout.saturating_sub(began.elapsed());
        let redactor = self.policy.redactor();
        let text = error_text::read(response, shown, &self.limits, left, redactor, count_bytes);
        failure.with_explanation(text.await)
    }

    /// Returns true if the caller or the source declares this status. A declared status keeps its
    /// declared meaning, so the body is not read and a redirect is not followed.
    fn is_handled(&self, attempt: Attempt<'_>, status: StatusCode) -> bool {
        let status = status.as_u16();
        let handled = [
            attempt.spec.handled_statuses,
            &self.source.http.retry_status,
        ];
        handled.iter().any(|statuses| statuses.contains(&status))
    }

    /// Builds the request of an attempt at a URL. Only the source's own host gets the source's
    /// headers and credentials.
    pub(super) fn build_request(
        &self,
        attempt: Attempt<'_>,
        url: &Url,
        method: Method,
        authorization: Option<&HeaderValue>,
    ) -> RequestBuilder {
        let is_home = self.policy.hosts.is_home(url);
        let connections = match &self.public_connections {
            Some((public_hosts, connections)) if self.policy.hosts.is_unnamed(url) => {
                public_hosts.require_public(url.host_str().unwrap_or_default());
                connections
            }
            _ => &self.connections,
        };
        let mut request = match method {
            Method::Get => connections.get(url.clone()),
            Method::Post => connections.post(url.clone()),
        };
        if is_home {
            request = request
                .headers(self.headers.clone())
                .headers(self.conditional_headers(attempt, url, method));
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let target = attempt.spec.target;
        // a body may hold a secret, and a redirect may lead to another host
        let is_sent = method == target.method && (is_home || *url == target.url);
        let body = target.body.as_ref().filter(|_| is_sent);
        if method == Method::Post && body.is_none_or(|body| body.bytes.is_empty()) {
            request = request.headers(empty_length());
        }
        match body {
            Some(RequestBody { media_type, bytes }) => request
                .header(CONTENT_TYPE, *media_type)
                .body(bytes.clone()),
            None => request,
        }
    }

    /// Returns the headers that ask for the target only if it has changed. Only the source's own
    /// host gets them, because only validators of that host are remembered.
    fn conditional_headers(&self, attempt: Attempt<'_>, url: &Url, method: Method) -> HeaderMap {
        let Some(known) = attempt.spec.validators else {
            return HeaderMap::new();
        };
        if method != Method::Get || !self.policy.hosts.is_home(url) {
            return HeaderMap::new();
        }
        validators::conditional_headers(&drop_date_of_redirect(
            attempt.spec.target,
            url,
            known.clone(),
        ))
    }

    /// Returns the validators of a response that may be remembered. They come from the source's
    /// own host and show no secret.
    fn read_validators(&self, attempt: Attempt<'_>, url: &Url, response: &Response) -> Validators {
        if !self.policy.hosts.is_home(url) {
            return Validators::default();
        }
        let served = validators::read_headers(response.headers(), SystemTime::now());
        let is_public = |text: &String| !self.policy.has_secret(text);
        let validators = Validators {
            etag: served.etag.filter(is_public),
            last_modified: served.last_modified.filter(is_public),
        };
        drop_date_of_redirect(attempt.spec.target, url, validators)
    }
}

/// Returns the `Location` of a response that is a redirect.
fn find_location(response: &Response) -> Option<&HeaderValue> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    response.headers().get(LOCATION).filter(|_| is_redirect)
}

/// Returns the destination of a redirect.
fn follow<T>(
    url: &Url,
    method: Method,
    response: &Response,
    location: &HeaderValue,
) -> Result<Exchanged<T>, Failure> {
    let Ok(to) = url.join(&url_text(location)) else {
        let message = "a redirect leads to what is not a URL";
        return Err(Failure::Final(Error::new(Kind::HostRefused, message)));
    };
    // as in browsers, only these two statuses keep the method and the body
    let method = match response.status().as_u16() {
        307 | 308 => method,
        _ => Method::Get,
    };
    let sets_cookies = response.headers().contains_key(SET_COOKIE);
    Ok(Exchanged::Redirect(Redirect {
        to,
        method,
        sets_cookies,
    }))
}

/// Removes `Last-Modified` if the target was redirected to this URL. The redirect may lead to
/// another file the next time. An `ETag` identifies a file, but a date does not.
fn drop_date_of_redirect(target: &Target, url: &Url, validators: Validators) -> Validators {
    Validators {
        last_modified: validators.last_modified.filter(|_| *url == target.url),
        ..validators
    }
}

/// Fails if an exchange takes longer than `limit`, which is `fetch.page_timeout`.
pub(super) async fn limit_time<T>(
    limit: Duration,
    limits: &config::Fetch,
    exchange: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, Box::pin(exchange)).await {
        Ok(exchanged) => exchanged,
        Err(_) => {
            let key = limits.page_timeout_key();
            let message = format!("the answer is not whole within {limit:?}, the limit of `{key}`");
            Err(Failure::Connection(Error::environment(message)))
        }
    }
}
