//! What the targets in `tests/fuzz/` ask for and nobody else may: it is only there under
//! `cfg(fuzzing)`, which cargo-fuzz sets.
//!
//! All else that they ask is public. Nothing here sends a request.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use url::Url;

use crate::decode::{Decoded, Undecodable, decode};
use crate::error::Result;
use crate::fetch::pagination::{self, Read};
use crate::fetch::{Client, Scope};
use crate::http::backoff;
use crate::page::Position;

/// The first page of a client's feed, if it has no index.
#[must_use]
pub fn first(client: &Client) -> Position {
    pagination::first(&client.source().page)
}

/// Where a page is asked for.
///
/// # Errors
/// It may not be: its scheme or its host is not allowed.
pub fn url(client: &Client, position: &Position) -> Result<Url> {
    let ask = client.address().of(&Scope::default(), position)?;
    Ok(ask.url)
}

/// What a body was decoded into that came from there, and the page that it says is the
/// next.
///
/// # Errors
/// It cannot be read, or does not say what follows it.
pub fn follow(
    client: &Client,
    position: &Position,
    url: &Url,
    body: Bytes,
) -> std::result::Result<(Decoded, Option<Position>), Undecodable> {
    let decoded = decode(body, None, client.source(), client.limits())?;
    let following = client.follow(Read {
        position,
        asked: url,
        url,
        envelope: &decoded.envelope,
        items: decoded.parts.iter().map(|part| part.cut.items.len()).sum(),
    })?;
    Ok((decoded, following.next))
}

/// How long a value of `Retry-After` asks to wait.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    backoff::retry_after(value, now)
}
