//! What an answer with status 200 says of itself that makes it no page.
//!
//! An error object in place of a page would often pass for one without items, and
//! so for the end of the feed.

use serde_json::Value;

use crate::source::Http;

/// The largest body that is looked at for an error if it is not a page.
const MOST_BYTES: usize = 64 << 10;

/// What the media type of an answer says, if the source refuses it: a clause.
pub(crate) fn by_type(http: &Http, content_type: Option<&str>) -> Option<String> {
    let media_type = content_type?.split(';').next()?.trim();
    let refused = http.reject_content_type.iter();
    let named = refused
        .into_iter()
        .find(|refused| refused.eq_ignore_ascii_case(media_type))?;
    Some(format!(
        "of type {named}, which `http.reject_content_type` names"
    ))
}

/// What a page says around its items, if it is an error by the source's measure.
pub(crate) fn by_envelope(http: &Http, envelope: &Value) -> Option<String> {
    let fail_if = http.fail_if.as_ref()?;
    let message = || format!("an error by `http.fail_if`, since {fail_if}");
    fail_if.holds(envelope).then(message)
}

/// The same of a body that is not a page at all.
pub(crate) fn by_body(http: &Http, body: &[u8]) -> Option<String> {
    http.fail_if.as_ref()?;
    let body = body.get(..MOST_BYTES.min(body.len()))?;
    let value = serde_json::from_slice(body).ok()?;
    by_envelope(http, &value)
}
