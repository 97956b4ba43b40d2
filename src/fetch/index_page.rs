//! Picks the items that a page of an index names.

use serde_json::{Map, Value};

use crate::decode;
use crate::fetch::fetcher::Fetcher;
use crate::http::Received;
use crate::json::{self, DocumentError};
use crate::page::Undecodable;
use crate::source::{Pick, Picked};

/// The JSON of an index page may need at most this many times the limit of
/// `fetch.max_decoded_bytes` in memory.
const MAX_JSON_RATIO: usize = 4;

/// Picks the items out of a page of an index. Also returns the page as JSON, which is an empty
/// object if the page is no JSON.
pub(super) fn pick_items(
    fetcher: &Fetcher,
    pick: &Pick,
    received: &Received<'_>,
) -> Result<(Picked, Value), Undecodable> {
    let (source, limits) = (fetcher.source(), fetcher.limits());
    let text = decode::index_text(received.body.clone(), received.content_type, source, limits)?;
    if !pick.is_json() {
        // a URL has no NUL, and PostgreSQL cannot store one
        let text = String::from_utf8_lossy(&text).replace('\0', "\u{FFFD}");
        let picked = pick.from_text(&text).map_err(Undecodable::Unreadable)?;
        return Ok((picked, Value::Object(Map::new())));
    }
    let most = limits.max_decoded_bytes.saturating_mul(MAX_JSON_RATIO);
    let index = json::parse_document(&text, most).map_err(|why| match why {
        DocumentError::Unreadable(message) => Undecodable::Unreadable(message),
        DocumentError::TooLarge(bytes) => Undecodable::TooLarge(format!(
            "JSON that takes {bytes} bytes of memory, more than {MAX_JSON_RATIO} times the limit \
             of `fetch.max_decoded_bytes`"
        )),
    })?;
    let picked = pick.from_json(&index).map_err(Undecodable::Unreadable);
    let entries = picked.as_ref().map_or(0, |picked| picked.entries);
    decode::error_response::check_envelope(&source.http, &index, entries)?;
    Ok((picked?, index))
}
