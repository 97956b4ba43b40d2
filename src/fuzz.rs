//! Gives the fuzz targets in `tests/fuzz/` access to private functions. It is compiled only under
//! `cfg(fuzzing)`, which cargo-fuzz sets, so no other program can use it. Nothing here sends a
//! request.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use url::Url;

use crate::decode::{Decoded, decode};
use crate::error::Result;
use crate::fetch::page::read_redacted_following;
use crate::fetch::pagination::{self, PageParts};
use crate::fetch::{Fetcher, Scope};
use crate::http::backoff;
use crate::page::{Document, Position, Undecodable};

/// Returns the position of the first page of a feed without an index.
#[must_use]
pub fn first(fetcher: &Fetcher) -> Position {
    pagination::first_position(&fetcher.source().page)
}

/// Returns the URL of the page at a position.
///
/// # Errors
/// Fails if the scheme or the host of the URL is not allowed.
pub fn url(fetcher: &Fetcher, position: &Position) -> Result<Url> {
    let target = fetcher
        .addresses()
        .page_target(&Scope::default(), position)?;
    Ok(target.url)
}

/// Decodes a body that a URL has served, and reads the position of the next page.
///
/// # Errors
/// Fails if the body cannot be read, or does not say what follows it.
pub fn follow(
    fetcher: &Fetcher,
    position: &Position,
    url: &Url,
    body: Bytes,
) -> std::result::Result<(Decoded, Option<Position>), Undecodable> {
    let decoded = decode(body, None, fetcher.source(), fetcher.limits())?;
    let following = read_redacted_following(
        fetcher,
        &fetcher.source().page,
        PageParts {
            position,
            request_url: url,
            url,
            next_link: None,
            envelope: &decoded.envelope,
            items: decoded.documents.iter().map(Document::item_count).sum(),
        },
    )?;
    Ok((decoded, following.next))
}

/// Returns the wait that a value of `Retry-After` requests.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    backoff::retry_after(value, now)
}
