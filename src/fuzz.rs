//! What the targets in `tests/fuzz/` ask for and nobody else may: it is only there under
//! `cfg(fuzzing)`, which cargo-fuzz sets.
//!
//! All else that they ask is public. Nothing here sends a request.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use url::Url;

use crate::decode::{Decoded, decode};
use crate::error::Result;
use crate::fetch::page::follow_page;
use crate::fetch::pagination::{self, PageParts};
use crate::fetch::{Fetcher, Scope};
use crate::http::backoff;
use crate::page::{Position, Undecodable};

/// The first page of a client's feed, if it has no index.
#[must_use]
pub fn first(fetcher: &Fetcher) -> Position {
    pagination::first_position(&fetcher.source().page)
}

/// Where a page is asked for.
///
/// # Errors
/// It may not be: its scheme or its host is not allowed.
pub fn url(fetcher: &Fetcher, position: &Position) -> Result<Url> {
    let target = fetcher
        .addresses()
        .page_target(&Scope::default(), position)?;
    Ok(target.url)
}

/// What a body was decoded into that came from there, and the page that it says is the
/// next.
///
/// # Errors
/// It cannot be read, or does not say what follows it.
pub fn follow(
    fetcher: &Fetcher,
    position: &Position,
    url: &Url,
    body: Bytes,
) -> std::result::Result<(Decoded, Option<Position>), Undecodable> {
    let decoded = decode(body, None, fetcher.source(), fetcher.limits())?;
    let following = follow_page(
        fetcher,
        PageParts {
            position,
            request_url: url,
            url,
            envelope: &decoded.envelope,
            items: decoded.parts.iter().map(|part| part.cut.items.len()).sum(),
        },
    )?;
    Ok((decoded, following.next))
}

/// How long a value of `Retry-After` asks to wait.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    backoff::retry_after(value, now)
}
