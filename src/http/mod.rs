//! One polite request: sent at the source's pace, tried again, followed through
//! redirects, and given the secrets that its host may have.
//!
//! Nothing here knows JSON or pages: what a body means is said by the function that
//! the caller passes along.

pub(crate) mod auth;
pub(crate) mod backoff;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod concurrency;
pub(crate) mod exchange;
pub(crate) mod failure;
pub(crate) mod host;
pub(crate) mod pace;
pub(crate) mod public_host;
pub(crate) mod receive;
mod request_log;
mod retry_policy;
pub(crate) mod secret;
mod setup;
pub(crate) mod stall;
mod token;
pub(crate) mod validators;
pub(crate) mod wire;

pub use self::client::{Client, Counters};
