//! Why an attempt gave no page, and what is said of it in the end.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::error::{Error, Kind, Result};
use crate::http::backoff;
use crate::http::client::Answered;
use crate::http::public_host::NotPublic;
use crate::http::receive::text_header;
use crate::http::wire::Interruption;

/// Why an attempt gave no page.
pub(crate) enum Failure {
    /// Another attempt would end in the same way.
    Final(Error),
    /// The connection, or a time limit.
    Connection(Error),
    /// Neither a page nor a redirect.
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
        /// Whether it is the answer to the request for a token. It then says nothing of
        /// what the token is for.
        is_for_token: bool,
    },
    /// A body that is not what was wanted.
    Unreadable(Bytes, String),
    /// A body that is too large, and will be the next time.
    TooLarge(Bytes, String),
}

impl Failure {
    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(self, Failure::Status { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// The failure to get a token, which is said of it where it ends the page.
    pub(super) fn of_token(self) -> Self {
        let context = |error: Error| error.context("ask for a token");
        match self {
            Failure::Connection(error) => Failure::Connection(context(error)),
            Failure::Status { status, .. }
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                let message = format!("status {}", status.as_u16());
                Failure::Final(context(Error::new(Kind::Truncated, message)))
            }
            Failure::Status {
                status,
                retry_after,
                ..
            } => Failure::Status {
                status,
                retry_after,
                is_for_token: true,
            },
            failure => failure,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Final(error) | Failure::Connection(error) => f.write_str(&error.chain()),
            Failure::Status {
                status,
                is_for_token: true,
                ..
            } => write!(f, "ask for a token: status {}", status.as_u16()),
            Failure::Status { status, .. } => write!(f, "status {}", status.as_u16()),
            Failure::Unreadable(_, message) | Failure::TooLarge(_, message) => f.write_str(message),
        }
    }
}

/// A status that is neither success nor a redirect, and when to come back: a date is
/// as far off as it is by the clock of who wrote it, for ours may be wrong.
pub(super) fn status_of(response: &Response) -> Failure {
    let said_at = text_header(response, &DATE)
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(SystemTime::now);
    let retry_after =
        text_header(response, &RETRY_AFTER).and_then(|value| backoff::retry_after(value, said_at));
    Failure::Status {
        status: response.status(),
        retry_after,
        is_for_token: false,
    }
}

/// reqwest's messages show the URL, and with it the secrets in it.
pub(crate) fn connection(error: reqwest::Error) -> Failure {
    let first: &(dyn std::error::Error + 'static) = &error;
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    if let Some(why) = causes.find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        // a server of names may be mistaken for a while
        return Failure::Connection(Error::new(Kind::Misled, why.to_string()));
    }
    let what = if error.is_timeout() {
        "a time limit of the connection"
    } else if error.is_connect() {
        "connect"
    } else if error.is_body() || error.is_decode() {
        "read the body"
    } else {
        "send the request"
    };
    Failure::Connection(Error::environment(what).with_source(error.without_url()))
}

/// A body that did not come as it was announced is a broken connection.
pub(crate) fn interrupted(interruption: Interruption) -> Failure {
    match interruption {
        Interruption::Connection(error) => connection(error),
        other => Failure::Connection(Error::environment(other.to_string())),
    }
}

/// What is left when no further attempt is made.
pub(super) fn given_up<T>(failure: Failure, attempts: u32) -> Result<Answered<T>> {
    let after = |what: String| match attempts {
        1 => what,
        _ => format!("{what} after {attempts} attempts"),
    };
    match failure {
        Failure::Unreadable(body, message) | Failure::TooLarge(body, message) => {
            let fetched_at = Timestamp::now();
            Ok(Answered::Unreadable {
                body,
                message,
                fetched_at,
            })
        }
        Failure::Final(error) => Err(error),
        Failure::Connection(error) if attempts == 1 => Err(error),
        Failure::Connection(error) => Err(error.context(after("no page".into()))),
        Failure::Status { status, .. } => {
            let kind = match status.as_u16() {
                408 | 500.. => Kind::Environment,
                _ => Kind::Truncated,
            };
            Err(Error::new(kind, after(failure.to_string())))
        }
    }
}
