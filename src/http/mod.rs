//! Sends one request politely: at the source's pace, with retries and redirects, and with the
//! secrets that the requested host may get.
//!
//! ```text
//! RequestSpec ──▶ attempts ──▶ exchange ──▶ body ──▶ Answer
//!                 backoff      target: is the host allowed, and may it get secrets?
//!                 token        pace, concurrency: may this request start?
//! ```
//!
//! [`Client`] holds what the requests of one source share, and [`TargetPolicy`] decides which
//! URLs they may request. The only body that is parsed here is a token. For other bodies the
//! caller passes a function that reads the body, or a receiver that takes it as it arrives.

mod answer;
mod attempts;
mod auth;
pub(crate) mod backoff;
pub(crate) mod body;
mod causes;
mod client;
mod concurrency;
mod connection_error;
pub(crate) mod content_encoding;
mod cookies;
mod error_text;
mod exchange;
mod failure;
mod header;
pub(crate) mod host;
mod link_header;
mod pace;
mod proxy;
mod public_host;
mod receive;
mod request_log;
mod request_spec;
mod retry_policy;
mod secret;
mod setup;
pub(crate) mod short_archive;
mod spacing;
mod stall;
mod target;
mod token;
mod unprocessed;
mod validators;
pub(crate) mod wire;

pub(crate) use self::answer::Answer;
pub(crate) use self::client::Client;
pub(crate) use self::failure::Failure;
pub(crate) use self::header::text_header;
pub(crate) use self::receive::{
    ArrivingBody, Receive, Received, UNKNOWN_ENCODING, describe_empty_body,
};
pub(crate) use self::request_spec::RequestSpec;
#[cfg(test)]
pub(crate) use self::target::tests as target_tests;
pub(crate) use self::target::{RequestBody, Target, TargetPolicy};
