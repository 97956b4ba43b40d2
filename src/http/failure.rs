//! Why an attempt failed, and what the request returns when its last attempt has failed.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::error::{Error, Kind, Result};
use crate::http::answer::Answer;
use crate::http::backoff;
use crate::http::causes::describe_causes;
use crate::http::header::text_header;
use crate::http::wire::Interruption;
use crate::redact::Redactor;

pub(crate) enum Failure {
    /// The attempt failed in a way that another attempt would repeat.
    Final(Error),
    /// The connection failed, or a time limit passed.
    Connection(Error),
    /// The server answered with a status that brings no page: one that is unexpected, or that the
    /// source declares.
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
        /// The body of the response may say why. This is its text, on one line and without secrets.
        explanation: Option<String>,
        /// True if this is the status of a request for a token. It says nothing about the target
        /// that the token is needed for.
        is_for_token: bool,
    },
    Unreadable(Bytes, String),
    /// The body exceeds a size limit. Another attempt would bring the same body.
    TooLarge(Bytes, String),
}

impl Failure {
    /// Makes a failure of a response whose status brings no page, and reads its `Retry-After`. A
    /// date there is compared with the server's own `Date`, because our clock may be wrong.
    pub(super) fn from_status(response: &Response) -> Self {
        let said_at = text_header(response, &DATE)
            .and_then(|date| httpdate::parse_http_date(date).ok())
            .unwrap_or_else(SystemTime::now);
        let retry_after = text_header(response, &RETRY_AFTER)
            .and_then(|value| backoff::retry_after(value, said_at));
        Failure::Status {
            status: response.status(),
            retry_after,
            explanation: None,
            is_for_token: false,
        }
    }

    /// Adds what the body of the response says about the status.
    pub(super) fn with_explanation(mut self, text: Option<String>) -> Self {
        if let Failure::Status { explanation, .. } = &mut self {
            *explanation = text;
        }
        self
    }

    /// Removes the secrets from the description of a body, because it may have a title or another
    /// text of the publisher. The body itself stays as it is.
    pub(super) fn redact(self, redactor: &Redactor) -> Self {
        let redact = |message: String| redactor.redact_text(&message).into_owned();
        match self {
            Failure::Unreadable(body, message) => Failure::Unreadable(body, redact(message)),
            Failure::TooLarge(body, message) => Failure::TooLarge(body, redact(message)),
            failure => failure,
        }
    }

    /// Makes a failure of a body that did not arrive as announced. It counts as a broken
    /// connection. A body that is too slow says something about the network, and any other one
    /// may be what the publisher always sends.
    pub(crate) fn from_interruption(interruption: Interruption) -> Self {
        let error = match interruption {
            Interruption::Connection(error) => {
                let kind = if error.is_timeout() {
                    Kind::Environment
                } else {
                    Kind::Interrupted
                };
                Error::new(kind, format!("read the body: {}", describe_causes(&error)))
            }
            Interruption::Stalled(stall) => Error::environment(stall.to_string()),
            other => Error::new(Kind::Interrupted, other.to_string()),
        };
        Failure::Connection(error)
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(self, Failure::Status { status, .. } if *status == StatusCode::UNAUTHORIZED)
    }

    /// Returns the status of the target, which the caller may interpret. Returns `None` for the
    /// status of a request for a token.
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

    /// Marks the failure as one of the request for a token. A client error other than 429 becomes
    /// final, because it means that the credentials are wrong.
    pub(super) fn into_token_failure(self) -> Self {
        let context = |error: Error| error.context("ask for a token");
        match self {
            Failure::Connection(error) => Failure::Connection(context(error)),
            Failure::Final(error) => Failure::Final(context(error)),
            Failure::Status { status, .. }
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                Failure::Final(context(Error::new(Kind::Truncated, self.to_string())))
            }
            Failure::Status {
                status,
                retry_after,
                explanation,
                ..
            } => Failure::Status {
                status,
                retry_after,
                explanation,
                is_for_token: true,
            },
            failure => failure,
        }
    }

    /// Returns the result of a request that gets no further attempt. An unreadable body is an
    /// answer, and every other failure is an error.
    ///
    /// `refused_in_a_row` counts the requests of the source that its server throttled without an
    /// answer between them. It is shown if it is the reason for giving up before the last attempt.
    pub(super) fn give_up<T>(self, attempts: u32, refused_in_a_row: u32) -> Result<Answer<T>> {
        let after = |what: String| match attempts {
            _ if refused_in_a_row > attempts => {
                format!("{what} after {refused_in_a_row} refused requests in a row")
            }
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
            Failure::Status {
                status,
                is_for_token: true,
                ..
            } => {
                let kind = Kind::from_status(status.as_u16());
                Err(Error::new(kind, self.describe_status(after)))
            }
            Failure::Status { status, .. } => {
                let message = self.describe_status(after);
                Err(Error::from_http_status(status.as_u16(), message))
            }
        }
    }
}

impl Failure {
    /// Describes the status. `extend` adds to the text before the publisher's explanation.
    pub(super) fn describe_status(&self, extend: impl Fn(String) -> String) -> String {
        let Failure::Status {
            status,
            explanation,
            is_for_token,
            ..
        } = self
        else {
            return extend(self.to_string());
        };
        let request = match is_for_token {
            true => "ask for a token: ",
            false => "",
        };
        let message = extend(format!("{request}status {}", status.as_u16()));
        match explanation {
            Some(explanation) => format!("{message}: {explanation}"),
            None => message,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Final(error) | Failure::Connection(error) => f.write_str(&error.chain()),
            Failure::Status { .. } => f.write_str(&self.describe_status(|status| status)),
            Failure::Unreadable(_, message) | Failure::TooLarge(_, message) => f.write_str(message),
        }
    }
}
