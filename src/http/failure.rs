//! Why an attempt failed, and what a request comes to whose last attempt did.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::error::{Error, Kind, Result};
use crate::http::answer::Answer;
use crate::http::backoff;
use crate::http::header::text_header;
use crate::http::public_host::NotPublic;
use crate::http::wire::Interruption;

pub(crate) enum Failure {
    /// Another attempt would end in the same way.
    Final(Error),
    /// The connection failed, or a time limit passed.
    Connection(Error),
    /// The status is neither a success nor a redirect.
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
        /// The status answers the request for a token, so it says nothing about what the
        /// token is for.
        is_for_token: bool,
    },
    Unreadable(Bytes, String),
    /// The body is larger than a limit, and will be the next time.
    TooLarge(Bytes, String),
}

impl Failure {
    /// A status that is neither a success nor a redirect, and when the server wants to be
    /// asked again. A date counts from the server's own clock, because ours may be wrong.
    pub(super) fn from_status(response: &Response) -> Self {
        let said_at = text_header(response, &DATE)
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .unwrap_or_else(SystemTime::now);
        let retry_after = text_header(response, &RETRY_AFTER)
            .and_then(|value| backoff::retry_after(value, said_at));
        Failure::Status {
            status: response.status(),
            retry_after,
            is_for_token: false,
        }
    }

    /// A failed connection. reqwest's messages show the URL with its secrets, so they are
    /// left out.
    pub(super) fn from_connection(error: reqwest::Error) -> Self {
        let first: &(dyn std::error::Error + 'static) = &error;
        let mut causes = std::iter::successors(Some(first), |cause| cause.source());
        if let Some(why) = causes.find_map(|cause| cause.downcast_ref::<NotPublic>()) {
            // a DNS server may answer wrongly for a while
            return Failure::Connection(Error::new(Kind::HostRefused, why.to_string()));
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

    /// A body that did not arrive as announced is a broken connection.
    pub(crate) fn from_interruption(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Connection(error) => Self::from_connection(error),
            other => Failure::Connection(Error::environment(other.to_string())),
        }
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(self, Failure::Status { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// The status of the target itself, which the caller may interpret.
    pub(super) fn target_status(&self) -> Option<u16> {
        match self {
            Failure::Status {
                status,
                is_for_token: false,
                ..
            } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Says that the request for a token failed. A client error other than 429 is final:
    /// the credentials are wrong.
    pub(super) fn for_token(self) -> Self {
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

    /// What the request comes to when no further attempt follows: a body that cannot be
    /// read is an answer, everything else is an error.
    pub(super) fn give_up<T>(self, attempts: u32) -> Result<Answer<T>> {
        let after = |what: String| match attempts {
            1 => what,
            _ => format!("{what} after {attempts} attempts"),
        };
        match self {
            Failure::Unreadable(body, message) | Failure::TooLarge(body, message) => {
                let fetched_at = Timestamp::now();
                Ok(Answer::Unreadable {
                    body,
                    message,
                    fetched_at,
                })
            }
            Failure::Final(error) => Err(error),
            Failure::Connection(error) if attempts == 1 => Err(error),
            Failure::Connection(error) => Err(error.context(after("no page".into()))),
            Failure::Status { status, .. } => {
                let kind = Kind::from_status(status.as_u16());
                Err(Error::new(kind, after(self.to_string())))
            }
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
